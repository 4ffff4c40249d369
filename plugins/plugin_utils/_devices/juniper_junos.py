# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Juniper Junos: routers and SRX firewalls. State comes as JSON, the configuration in set lines."""

from __future__ import annotations

import re

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import junos_flow, junos_policy, words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import (
    Asking,
    Capabilities,
    Dialect,
    Dict,
    NotUnderstood,
    Reading,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError, Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.junos_answers import (
    configuration,
    document,
    every,
    leaf,
    units,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.junos_config import JunosConfig
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.junos_pairs import read_cluster, read_vrrp
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.junos_routes import (
    balancing,
    read_lookups,
    read_tables,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.set_lines import at, value

# Units between the parts of the chassis, which carry no traffic of the network.
_INSIDE = re.compile(r"^(\.local\.|bme|jsrv|pfe-|pfh-|sp-|em\d|fab\d|lo0\.(16384|16385|32768))")
_MATCH = r"match \"[\w .:\\*|/-]+\""


class JuniperJunos(Dialect):
    """An SRX holds sessions by zone; a router, and an SRX in packet mode, holds none."""

    platform = device_type = "juniper_junos"
    names = ("junipernetworks.junos.junos", "junos")
    title = "Juniper Junos"
    tier = "fake"
    capabilities = Capabilities(candidate=True, native_diff=True, timed_revert=True, atomic=True)
    errors = re.compile(
        r"^\s*(error: |unknown command|syntax error|.* is ambiguous|permission denied"
        r"|invalid (value|interface|ip|address|character|numeric))", re.M | re.I)
    reading = re.compile(
        r"show [\w ./:*-]+"
        rf"( \| (display (json|set|inheritance( no-comments)?)|{_MATCH}|last \d+|no-more))*")

    modes = r"[>#]"
    config = JunosConfig()
    no_capture = ("its 'monitor traffic' sees only what the Routing Engine itself sends and receives, none of a flow "
                  "in transit")

    def software(self, asking: Asking) -> str:
        text = asking.ask("show version")
        match = re.search(r"^Junos: *(\S+)", text, re.M) or re.search(r"JUNOS .*\[([^\]\s]+)\]", text)
        return match[1] if match else ""

    def session_key_of(self, asking: Asking) -> str:
        return "zone" if junos_flow.keeps_sessions(asking) else ""

    def interfaces(self, asking: Asking) -> Reading:
        found: Dict = {}
        for physical in every(document(asking, "show interfaces terse"), "physical-interface"):
            enabled = leaf(physical, "admin-status") == "up"
            for unit in every(physical, "logical-interface"):
                name = leaf(unit, "name")
                if name and not _INSIDE.match(name):
                    found[name] = _unit(unit, enabled)
        if not found:
            raise NotUnderstood("'show interfaces terse' tells of no unit")
        whys = [why for add in (_details, _instances, _zones, _filters) for why in add(asking, found)]
        return Reading(found, "; ".join(whys))

    def routes(self, asking: Asking) -> Reading:
        return read_tables(asking)

    def neighbours(self, asking: Asking) -> Reading:
        found = []
        for one in every(document(asking, "show arp no-resolve"), "arp-table-entry"):
            found += _neighbour(leaf(one, "ip-address"), leaf(one, "interface-name"), leaf(one, "mac-address"),
                                "reachable")
        try:
            answer = document(asking, "show ipv6 neighbors")
        except Rejected:
            return Reading(found)
        for one in every(answer, "ipv6-nd-entry"):
            found += _neighbour(leaf(one, "ipv6-nd-neighbor-address"), leaf(one, "ipv6-nd-interface-name"),
                                leaf(one, "ipv6-nd-neighbor-l2-address"), leaf(one, "ipv6-nd-state"))
        return Reading(found)

    def lookups(self, asking: Asking) -> Reading:
        return read_lookups(asking, ["", *sorted({one["vrf"] for one in asking.facts["interfaces"].values()
                                                  if "vrf" in one})])

    def reverse_path(self, asking: Asking) -> Reading:
        options = at(configuration(asking, "routing-options"), "routing-options")
        instances = at(configuration(asking, "routing-instances"), "routing-instances")
        found: Dict = {}
        whys = []
        for name, below in units(configuration(asking, "interfaces")):
            vrf = asking.facts["interfaces"].get(name, {}).get("vrf", "")
            feasible = any("feasible-paths" in at(one, "forwarding-table", "unicast-reverse-path")
                           for one in (options, at(instances, vrf, "routing-options") if vrf else options))
            read = {family: _check(at(below, "family", family), feasible) for family in ("inet", "inet6")}
            checks = {family: one for family, one in read.items() if one}
            if len({one["mode"] for one in checks.values()}) > 1:
                whys.append(f"{name} checks " + " and ".join(f"{one['mode']} for {family}"
                                                             for family, one in checks.items()))
            one = checks.get("inet") or checks.get("inet6")
            if one:
                families = [number for number, family in ((4, "inet"), (6, "inet6")) if family in checks]
                found[name] = {**one, "families": families, "allow_default": _default_leads_there(asking, name, vrf),
                               "drops": _failures(asking, name)}
        return Reading(found, f"one mode per interface is told here: {'; '.join(whys)}" if whys else "")

    def policy_routes(self, asking: Asking) -> Reading:
        return junos_policy.read_filters(asking)

    def nat(self, asking: Asking) -> Reading:
        if junos_flow.zones(asking) is not None:
            return junos_policy.read_nat(asking)
        if at(configuration(asking, "services nat"), "services", "nat"):
            return Reading([], "NAT of a services card is configured, and not read")
        return Reading([])

    def sessions(self, asking: Asking) -> Reading:
        if not junos_flow.keeps_sessions(asking):
            return Reading({"listed": []})
        return junos_flow.read_sessions(asking)

    def drops(self, asking: Asking) -> Reading:
        return junos_flow.read_drops(asking)

    def settings(self, asking: Asking) -> Reading:
        if not junos_flow.keeps_sessions(asking):
            return Reading([])
        return junos_flow.read_settings(asking)

    def load_sharing(self, asking: Asking) -> Reading:
        word = balancing(asking)
        if not word:
            return Reading({"mode": "per_flow", "max_paths": 1})
        mode = {"per-packet": "per_flow", "per-flow": "per_flow", "consistent-hash": "per_flow",
                "random": "per_packet"}.get(word)
        why = "" if mode else f"load-balance {word} is not understood"
        return Reading({"mode": mode, "algorithm": f"load-balance {word}"}, why)

    def fhrp(self, asking: Asking) -> Reading:
        return read_vrrp(asking)

    def ha(self, asking: Asking) -> Reading:
        return read_cluster(asking)

    def logs(self, asking: Asking) -> Reading:
        """Records of dropped packets of the flows, and what the log says of their addresses."""
        found = []
        dropped = junos_flow.records(asking) if junos_flow.keeps_sessions(asking) else []
        for flow in asking.request.flows:
            ends = {flow.source, flow.destination}
            found += [{"flow": str(flow), "time": one["time"], "reason": one["reason"], "line": one["line"]}
                      for one in dropped if {one["source"], one["destination"]} == ends]
            one, other = (text.replace(".", r"\.") for text in (flow.source, flow.destination))
            command = f'show log messages | match "{one}.*{other}|{other}.*{one}" | last 20'
            found += [{"flow": str(flow), "line": line.strip(), "reason": _log_reason(line)}
                      for line in asking.ask(command).splitlines() if flow.source in line and "UI_CMDLINE" not in line]
        return Reading(found)


def _unit(unit: Dict, enabled: bool) -> Dict:
    addresses = []
    for family in every(unit, "address-family"):
        if leaf(family, "address-family-name") not in ("inet", "inet6"):
            continue
        for one in every(family, "interface-address"):
            address = words.interface_address(leaf(one, "ifa-local"))
            if address:
                local = address["family"] == 6 and address["address"].startswith("fe80:")
                addresses.append({**address, **({"scope": "link"} if local else {})})
    return {"up": enabled and leaf(unit, "admin-status") == "up", "carrier": leaf(unit, "oper-status") == "up",
            "addresses": addresses}


def _details(asking: Asking, found: Dict) -> list[str]:
    """MTU of IPv4, hardware addresses and descriptions; nothing depends on them."""
    try:
        answer = document(asking, "show interfaces", patience=120)
    except DeviceError:
        return []
    for physical in every(answer, "physical-interface"):
        mac = words.mac(leaf(physical, "current-physical-address"))
        for unit in every(physical, "logical-interface"):
            one = found.get(leaf(unit, "name"))
            if one is None:
                continue
            sizes = [words.number(leaf(family, "mtu")) for family in every(unit, "address-family")
                     if leaf(family, "address-family-name") in ("inet", "inet6")]
            size = next((number for number in sizes if number), None)
            text = leaf(unit, "description") or leaf(physical, "description")
            one.update({**({"mtu": size} if size else {}), **({"mac": mac} if mac else {}),
                        **({"description": text} if text else {})})
    return []


def _instances(asking: Asking, found: Dict) -> list[str]:
    try:
        instances = at(configuration(asking, "routing-instances"), "routing-instances")
    except DeviceError as error:
        return [f"which routing instance they belong to is not known: {error}"]
    for name, below in instances.items():
        for unit in at(below, "interface"):
            if unit in found and value(below, "instance-type") != "forwarding":
                found[unit]["vrf"] = name
    return []


def _zones(asking: Asking, found: Dict) -> list[str]:
    try:
        where = junos_flow.zones(asking)
    except DeviceError as error:
        return [f"their zones are not known: {error}"]
    for name, zone in (where or {}).items():
        if name in found:
            found[name]["zone"] = zone
    return []


def _filters(asking: Asking, found: Dict) -> list[str]:
    try:
        interfaces = configuration(asking, "interfaces")
    except DeviceError:
        return []  # policy_routes and reverse_path say so
    for name, below in units(interfaces):
        names = value(below, "family", "inet", "filter", "input")
        if name in found and names:
            found[name]["access_list_in"] = names
    return []


def _neighbour(address: str, device: str, mac: str, state: str) -> list[Dict]:
    clean, hardware = words.address(address), words.mac(mac)
    if not clean or not device:
        return []
    return [{"family": words.family_of(clean), "address": clean, "device": device.split()[0],
             **({"mac": hardware} if hardware else {}), **({"state": state} if state else {})}]


def _check(family: Dict, feasible: bool) -> Dict | None:
    """``rpf-check [fail-filter F] [mode loose]`` below a family; strict takes all feasible paths where that is set."""
    if "rpf-check" not in family:
        return None
    mode = value(family, "rpf-check", "mode") or "strict"
    name = value(family, "rpf-check", "fail-filter")
    return {"mode": "feasible" if feasible and mode == "strict" else mode, **({"access_list": name} if name else {})}


def _default_leads_there(asking: Asking, name: str, vrf: str) -> bool | None:
    """On the interface of the default route, whatever has no other route passes; elsewhere it does not."""
    routes: list[Dict] | None = asking.facts.get("routes")
    if routes is None:
        return None
    table = asking.table(vrf)
    legs = [leg for one in routes if one["table"] == table and one["dst"] in ("0.0.0.0/0", "::/0")
            for leg in one.get("nexthops", ())]
    return any(leg.get("device") == name for leg in legs) if legs else None


def _failures(asking: Asking, name: str) -> int | None:
    try:
        return junos_flow.rpf_failures(junos_flow.extensive(asking, name))
    except Rejected:
        return None


def _log_reason(line: str) -> str:
    """The reason, or the name of the message (RT_FLOW_SESSION_DENY)."""
    said = re.search(r"reason[=: ]+\"?(?P<reason>[\w ]+)", line)
    names = re.findall(r"\b[A-Z]+(?:_[A-Z0-9]+)+\b", line)
    return said["reason"].strip() if said else max(names, key=len, default="")
