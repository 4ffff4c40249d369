# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Cisco NX-OS: commands and parsers. Tables are asked as JSON; what stays text is said at its method.

How its JSON is built is in cisco_nxos_json.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import PROTOCOLS, Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_nat import read_nat
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_nxos_config import CiscoNxosConfig
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_nxos_json import (
    document,
    full_name,
    rows,
    told,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_policy import (
    Lists,
    read_access_list,
    read_route_maps,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import (
    Asking,
    Dialect,
    Dict,
    NotUnderstood,
    Reading,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected

DEFAULT = "default"  # the VRF that is there by itself
_OWN = {"local", "hsrp", "vrrp", "vrrp_engine", "glbp", "broadcast"}  # routes to addresses of the device itself
_SIX = re.compile(r"^(?P<name>\S+), Interface status: ")
_POLICY = re.compile(r"^(?P<device>\S+) +(?P<name>\S+) +(?P<status>Active|Inactive)\b")
_HASH = re.compile(r"Hashing to path \*?(?P<path>[^\s,%]+)")
_VRRP = re.compile(r"^ *(?P<device>\S+\d\S*) +(?P<group>\d+) +(?:IPV[46] +)?(?P<priority>\d+) +\d+ ?\w* +[YN] +"
                   r"(?P<role>Master|Backup|Init)\w* +(?P<address>[0-9A-Fa-f.:]+)\s*$", re.I)


class CiscoNxos(Dialect):
    """Switches that route; no sessions. What a feature that is switched off would show is empty."""

    platform = device_type = "cisco_nxos"
    names = ("cisco.nxos.nxos", "nxos")
    title = "Cisco NX-OS"
    tier = "fake"
    config = CiscoNxosConfig()
    modes = r"(\([^)\s]*\))?#"
    errors = re.compile(r"^% ?(Invalid|Incomplete|Ambiguous|Permission|Error|VRF|Unknown|Not|Cannot|Failed)|^ERROR:"
                        r"|^Error:|Syntax error while|^Copy failed|^Rollback failed|cannot be modified", re.M | re.I)
    # A semicolon begins a further command, and > writes a file.
    reading = re.compile(r"show (?!tech)[^|>;\n]*(\| (json|(include|section|begin|exclude) [^|>;\n]*))?")

    def software(self, asking: Asking) -> str:
        match = re.search(r"(?:NXOS|system): +version (?P<version>\S+)", asking.ask("show version"))
        return match["version"] if match else ""

    def interfaces(self, asking: Asking) -> Reading:
        vrfs = {full_name(told(row, "if_name")): told(row, "vrf_name")
                for row in rows(document(asking, "show vrf all interface | json"), "if")}
        found: Dict = {}
        for row in rows(document(asking, "show ip interface vrf all | json"), "intf"):
            name = full_name(told(row, "intf-name"))
            found[name] = _interface(row)
            vrf = vrfs.get(name, row.get("vrf-name-out", DEFAULT))
            if vrf != DEFAULT:
                found[name]["vrf"] = vrf
        if not found:
            raise NotUnderstood("'show ip interface vrf all' tells of no interface")
        self._six(asking, found, vrfs)
        for vrf in sorted({one["vrf"] for one in found.values() if "vrf" in one}):
            asking.table(vrf)  # every VRF with an interface has a number, also where it has no route
        return Reading(found)

    def _six(self, asking: Asking, found: Dict, vrfs: t.Mapping[str, str]) -> None:
        """IPv6 addresses, as text: names of their JSON differ between releases."""
        try:
            text = asking.ask("show ipv6 interface vrf all")
        except Rejected:
            return
        for head, lines in words.blocks(text, _SIX):
            name = full_name(head["name"])
            if name not in found:
                found[name] = {"up": "admin-up" in head.string, "carrier": "link-up" in head.string, "addresses": []}
                if vrfs.get(name, DEFAULT) != DEFAULT:
                    found[name]["vrf"] = vrfs[name]
            found[name]["addresses"] += _addresses6(lines)

    def routes(self, asking: Asking) -> Reading:
        found: list[Dict] = []
        whys: list[str] = []
        covered: tuple[str, ...] = ()
        for family, word in ((4, "ip"), (6, "ipv6")):
            try:
                one = self._family(asking, family, word)
            except Rejected:
                if family == 4:
                    raise
                continue
            found += one.value
            whys += [one.why] if one.why else []
            covered += one.covered
        return Reading(found, "; ".join(whys), covered)

    def _family(self, asking: Asking, family: int, word: str) -> Reading:
        summary = asking.ask(f"show {word} route summary vrf all")
        counts = [int(count) for count in re.findall(r"Total number of routes: (\d+)", summary)]
        most = max(counts, default=0)
        if most <= asking.request.max_routes:
            command = f"show {word} route vrf all | json"
            return _routes(asking, command, family)
        wanted = [one for one in asking.request.addresses if words.family_of(one) == family]
        found: dict[tuple[int, str], Dict] = {}
        whys = [f"{most} routes in a VRF, more than {asking.request.max_routes}: asked by address"]
        for one in wanted:
            for vrf in [DEFAULT, *_vrfs(asking)]:
                reading = _routes(asking, f"show {word} route {one} vrf {vrf} | json", family, vrf)
                found.update({(route["table"], route["dst"]): route for route in reading.value})
                whys += [reading.why] if reading.why else []
        bits = 32 if family == 4 else 128
        return Reading(list(found.values()), "; ".join(whys), tuple(f"{one}/{bits}" for one in wanted))

    def neighbours(self, asking: Asking) -> Reading:
        found = []
        for row in rows(document(asking, "show ip arp vrf all | json"), "adj"):
            link = words.mac(str(row.get("mac", "")))
            address = words.address(told(row, "ip-addr-out"))
            if address is None:
                raise NotUnderstood(f"{row['ip-addr-out']!r} in the table of neighbours is no address")
            found.append({"family": 4, "address": address, "device": full_name(told(row, "intf-out")),
                          **({"mac": link, "state": "reachable"} if link else {"state": "incomplete"})})
        return Reading(found)

    def lookups(self, asking: Asking) -> Reading:
        """Which of several ways the hash takes, as text."""
        found, why = [], ""
        for flow in asking.request.flows:
            for one in (flow, flow.reversed()):
                for vrf in [DEFAULT, *_vrfs(asking)]:
                    commands = _hash_commands(one, vrf)
                    try:
                        answer = asking.ask(*commands)
                    except Rejected as error:
                        why = str(error)
                        continue
                    leg = _hashed(answer)
                    if leg:
                        found.append({"flow": str(flow), "command": commands[0], "table": _table(asking, vrf),
                                      "source": one.source, "destination": one.destination, **leg})
                    elif "not found" not in answer.lower():
                        asking.keep(commands[0], answer.splitlines())
                        why = f"the answer to {commands[0]!r} is not understood"
        return Reading(found, why)

    def reverse_path(self, asking: Asking) -> Reading:
        found: Dict = {}
        doubts: list[str] = []
        for row in rows(document(asking, "show ip interface vrf all | json"), "intf"):
            mode = str(row.get("urpf-mode", "")).lower()
            name = full_name(told(row, "intf-name"))
            if "strict" in mode or "loose" in mode:
                found[name] = {"mode": "strict" if "strict" in mode else "loose",
                               "allow_default": "allow" in mode and "default" in mode, "drops": None}
            elif mode not in ("none", "disabled"):
                doubts.append(f"{name}: {mode or 'no urpf-mode'}")
        asking.keep("show ip interface vrf all | json", doubts)
        return Reading(found, f"reverse path of {'; '.join(doubts)} is not understood" if doubts else "")

    def policy_routes(self, asking: Asking) -> Reading:
        try:
            text = asking.ask("show ip policy vrf all")
        except Rejected as error:
            return _off(error, [])
        six = self._six_policies(asking)
        users: dict[str, list[str]] = {}
        inactive: set[str] = set()
        for match in filter(None, map(_POLICY.match, text.splitlines())):
            users.setdefault(match["name"], []).append(full_name(match["device"]))
            if match["status"] == "Inactive":
                inactive.add(full_name(match["device"]))
        for device, name in ((device, name) for name, devices in users.items() for device in devices):
            if device in asking.facts["interfaces"]:
                asking.facts["interfaces"][device]["policy"] = name
        reading = read_route_maps(asking, users, _LISTS)
        for one in reading.value:
            if one["interfaces"] and inactive >= set(one["interfaces"]):
                one["enabled"] = False
        return reading if not six else Reading(reading.value, "; ".join(filter(None, [reading.why, six])))

    def _six_policies(self, asking: Asking) -> str:
        """Why policy routes are not complete where IPv6 has some; they are found only."""
        try:
            text = asking.ask("show ipv6 policy vrf all")
        except Rejected as error:
            return "" if "invalid" in error.answer.lower() else str(error)
        names = sorted({match["name"] for match in filter(None, map(_POLICY.match, text.splitlines()))})
        return f"policy routes of IPv6 are not read: {', '.join(names)}" if names else ""

    def nat(self, asking: Asking) -> Reading:
        found = "show running-config | include ip nat"
        lines = asking.ask(found, patience=120)
        if "ip nat" not in lines:
            return Reading([])
        command = "show running-config nat"  # which the device does not know while the feature is off
        try:
            return read_nat(asking, asking.ask(command), _LISTS, command, nexus=True)
        except Rejected as error:
            asking.keep(found, map(str.strip, lines.splitlines()))
            return Reading([], f"NAT is configured, and its rules are not told: {error}")

    def load_sharing(self, asking: Asking) -> Reading:
        match = re.search(r"load-share mode *: *(?P<mode>\S.*)", asking.ask("show ip load-sharing"), re.I)
        if not match:
            raise NotUnderstood("'show ip load-sharing' tells no mode")
        mode = match["mode"].strip()
        kind = "per_packet" if "packet" in mode else "per_flow" if "address" in mode else None
        return Reading({"mode": kind, "algorithm": mode}, "" if kind else f"load-share mode {mode!r} is not known")

    def fhrp(self, asking: Asking) -> Reading:
        found: list[Dict] = []
        try:
            found += [_hsrp(row) for row in rows(document(asking, "show hsrp all | json"), "grp_detail")
                      if words.address(str(row.get("sh_vip", "")))]
        except Rejected as error:
            _off(error, [])
        try:
            for match in filter(None, map(_VRRP.match, asking.ask("show vrrp").splitlines())):
                if not words.address(match["address"]):
                    raise NotUnderstood(f"a line of 'show vrrp' without an address: {match[0].strip()}")
                found.append({"protocol": "vrrp", "interface": full_name(match["device"]),
                              "group": int(match["group"]), "priority": int(match["priority"]),
                              "role": match["role"].lower(), "address": match["address"]})
        except Rejected as error:
            _off(error, [])
        return Reading(found)

    def ha(self, asking: Asking) -> Reading:
        """A vPC pair: both forward. There are no sessions to share."""
        try:
            one = document(asking, "show vpc brief | json")
        except Rejected as error:
            return _off(error, {"mode": "none"})
        if not isinstance(one, dict) or not str(one.get("vpc-domain-id", "")).isdigit():
            return Reading({"mode": "none"})
        states = {"peer": ("vpc-peer-status", "peer-ok"), "keepalive": ("vpc-peer-keepalive-status", "peer-alive")}
        return Reading({
            "mode": "active_active", "synchronised": None, "text": f"vPC domain {one['vpc-domain-id']}",
            "links": {name: one[key] == good if key in one else None for name, (key, good) in states.items()},
            **({"role": str(one["vpc-role"])} if one.get("vpc-role") else {})})

    def logs(self, asking: Asking) -> Reading:
        found = []
        for flow in asking.request.flows:
            command = f"show logging logfile | include {re.escape(flow.source)}.*{re.escape(flow.destination)}"
            for line in asking.ask(command).splitlines()[-20:]:
                match = re.search(r"%(?P<id>[\whmB]+-\d-\w+)", line)
                if match:
                    found.append({"flow": str(flow), "line": line.strip(), "reason": match["id"]})
        return Reading(found)


def _table(asking: Asking, vrf: str) -> int:
    return asking.table("" if vrf == DEFAULT else vrf)


def _vrfs(asking: Asking) -> list[str]:
    return sorted({one["vrf"] for one in asking.facts["interfaces"].values() if "vrf" in one})


def _off(error: Rejected, empty: t.Any) -> Reading:
    """Nothing, where a command is not known because its feature is off; raises where it was refused otherwise."""
    if "invalid" in error.answer.lower():
        return Reading(empty)
    raise error


def _interface(row: Dict) -> Dict:
    one: Dict = {"up": row.get("admin-state") == "up", "addresses": [],
                 "carrier": row["link-state"] == "up" if "link-state" in row else None}
    size = words.number(str(row.get("mtu", "")))
    if size is not None:
        one["mtu"] = size
    first = words.interface_address(str(row.get("prefix", "")), str(row.get("masklen", "")))
    if first:
        one["addresses"].append(first)
    for more in rows(row, "secondary_address"):
        second = words.interface_address(str(more.get("prefix1", "")), str(more.get("masklen1", "")))
        if second:
            one["addresses"].append({**second, "secondary": True})
    if row.get("acl-in"):
        one["access_list_in"] = str(row["acl-in"])
    return one


def _addresses6(lines: t.Iterable[str]) -> list[Dict]:
    found = []
    for line in lines:
        local = re.match(r"^\s+IPv6 link-local address: (?P<address>fe80:[0-9a-f:]+)", line, re.I)
        other = re.match(r"^\s+(?:IPv6 address: *)?(?P<address>[0-9a-f:]+/\d+) \[", line, re.I)
        for match, length, more in ((local, "64", {"scope": "link"}), (other, "", {})):
            one = words.interface_address(match["address"], length) if match else None
            if one:
                found.append({**one, **more})
    return found


def _routes(asking: Asking, command: str, family: int, only: str = "") -> Reading:
    found: list[Dict] = []
    left: list[str] = []
    try:
        listed = document(asking, command)
    except Rejected as error:
        if "not found" in error.answer.lower():
            return Reading([])
        raise
    for vrf in rows(listed, "vrf"):
        table = _table(asking, str(vrf.get("vrf-name-out", only or DEFAULT)))
        for row in rows(vrf, "prefix"):
            dst = words.prefix(str(row.get("ipprefix", "")))
            if dst is None:
                left.append(json.dumps(row))
                continue
            paths = [path for path in rows(row, "path") if str(path.get("ubest", "true")).lower() == "true"]
            if not paths or any(path.get("clientname") in _OWN for path in paths):
                continue
            found.append(_route(asking, {"family": family, "table": table, "dst": dst}, paths))
    asking.keep(command, left)
    return Reading(found, f"{len(left)} routes of {command!r} were not understood" if left else "")


def _route(asking: Asking, route: Dict, paths: t.Sequence[Dict]) -> Dict:
    origin = str(paths[0].get("clientname", ""))
    route = {**route, "origin": origin}
    for key, name in (("distance", "pref"), ("metric", "metric")):
        value = words.number(str(paths[0].get(name, "")))
        if value or (value == 0 and key == "distance"):
            route[key] = value
    if any(str(path.get("ifname", "")).lower() == "null0" for path in paths):
        return {**route, "type": "blackhole"}
    legs = []
    for path in paths:
        gateway, _percent, vrf = str(path.get("ipnexthop", "")).partition("%")
        known = words.address(gateway) if origin != "direct" else None
        device = full_name(str(path.get("ifname", "")))
        legs.append({**({"gateway": known} if known else {}), **({"device": device} if device else {}),
                     **({"table": _table(asking, vrf)} if vrf else {})})
    return {**route, "nexthops": legs}


def _hash_commands(flow: Flow, vrf: str) -> tuple[str, ...]:
    plain = f"show routing {'ipv6 ' if flow.family == 6 else ''}hash {flow.source} {flow.destination}"
    where = f" vrf {vrf}" if vrf != DEFAULT else ""
    if flow.sport is None or flow.dport is None:
        return (plain + where,)
    ports = f" ip-proto {PROTOCOLS[flow.protocol]} {flow.sport} {flow.dport}"
    return plain + ports + where, plain + where


def _hashed(answer: str) -> Dict:
    """The way that the hash takes; its interface stands at the route below."""
    match = _HASH.search(answer)
    if not match:
        return {}
    gateway = words.address(match["path"])
    if not gateway:
        return {"device": full_name(match["path"])}
    way = re.search(rf"via {re.escape(match['path'])}(?:%\S+)?, (?P<device>[A-Za-z]\S*\d), ", answer)
    direct = bool(way) and re.search(r", (?:direct|attached)", answer) is not None
    return {**({} if direct else {"gateway": gateway}), **({"device": full_name(way["device"])} if way else {})}


def _read_list(text: str) -> tuple[list[Dict], list[str]]:
    return read_access_list(re.sub(r"\s*\[match=\d+\]", "", text))


_LISTS = Lists(("show ip access-lists {}", "show access-lists {}"), _read_list)


def _hsrp(row: Dict) -> Dict:
    own = str(row.get("sh_group_state", "")).lower()
    peer = str(row.get("sh_standby_router_addr" if own == "active" else "sh_active_router_addr", ""))
    priority, group = words.number(str(row.get("sh_prio", ""))), words.number(told(row, "sh_group_num"))
    if group is None:
        raise NotUnderstood(f"a group of HSRP without a number: {row['sh_group_num']}")
    return {"protocol": "hsrp", "interface": full_name(told(row, "sh_if_index")),
            "group": group, "role": own or "unknown",
            "address": words.address(str(row["sh_vip"])),
            **({"priority": priority} if priority is not None else {}),
            **({"peer": peer} if words.address(peer) and peer != "0.0.0.0" else {})}
