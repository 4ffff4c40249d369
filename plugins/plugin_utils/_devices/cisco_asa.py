# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Cisco ASA: commands and parsers. Interfaces go by their names (nameif), as they do in every other answer.

Sessions, NAT and access lists are in cisco_asa_state, cisco_asa_nat and cisco_asa_policy. Most of what decides on
packets that come back by another interface stands in the running configuration only, and is read there.
"""

from __future__ import annotations

import contextlib
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.asa_capture import AsaCapture
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_asa_config import CiscoAsaConfig
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_asa_nat import read_nat
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_asa_policy import (
    read_asa_access_list,
    with_lengths,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_asa_state import (
    hardware,
    read_connections,
    read_drops,
    read_failover,
    read_settings,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_interfaces import addresses6
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_policy import Lists, read_policies
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_routes import (
    by_address,
    read_routes,
    read_routes6,
    route_count,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import (
    Asking,
    Dialect,
    Dict,
    NotUnderstood,
    Reading,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected

_INTERFACE = re.compile(
    r"^ ?Interface (?P<hardware>\S+) \"(?P<name>[^\"]*)\", is (?P<state>administratively down|up|down)"
    r"(?:, line protocol is (?P<line>\w+))?")
_ARP = re.compile(r"^\s*(?P<device>\S+) (?P<address>[0-9.]+) (?P<mac>[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}) (?P<age>\S+)")
_NEXT = re.compile(r"next.hop (?P<gateway>[0-9A-Fa-f.:]+) using egress ifc +(?P<device>[^\s(]+)", re.I)
_MANAGEMENT = "management-only"  # the table of interfaces that carry nothing but the device's own management


class CiscoAsa(Dialect):
    """A firewall whose connections belong to interfaces, or to traffic zones where there are some."""

    platform = device_type = "cisco_asa"
    names = ("cisco.asa.asa", "asa")
    title = "Cisco ASA"
    tier = "fake"
    session_key = "interface"
    capture = AsaCapture()
    config = CiscoAsaConfig()
    modes = r"(\([^)\s]*\))?#"
    errors = re.compile(r"^ERROR:|^% ?(Invalid|Incomplete|Ambiguous|Unrecognized|Error)|Command authorization failed"
                        r"|^Command Ignored|cannot be modified", re.M | re.I)
    reading = re.compile(
        r"show (?!tech|.*\| *(redirect|append|tee))[^|>\n]*(\| (include|begin|exclude|grep) [^>|\n]*)?"
        r"|packet-tracer input [\w./:-]+ (tcp|udp) [0-9A-Fa-f.:]+ \d+ [0-9A-Fa-f.:]+ \d+"
        r"|packet-tracer input [\w./:-]+ icmp [0-9A-Fa-f.:]+ \d+ \d+ [0-9A-Fa-f.:]+")

    def driver(self) -> t.Any:
        from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.asa_driver import PatientAsa

        return PatientAsa

    def software(self, asking: Asking) -> str:
        match = re.search(r"Software Version (?P<version>\S+)", asking.ask("show version"))
        return match["version"] if match else ""

    def interfaces(self, asking: Asking) -> Reading:
        found: Dict = {}
        for head, lines in words.blocks(asking.ask("show interface"), _INTERFACE):
            found[head["name"] or head["hardware"]] = _interface(head, "\n".join(lines))
        if not found:
            raise NotUnderstood("'show interface' tells of no interface")
        self._six(asking, found)
        try:
            self._configured(asking, found)
            self._lists(asking, found)
        except Rejected as error:
            return Reading(found, f"traffic zones and policy routes of interfaces are not known: {error}")
        return Reading(found)

    def _configured(self, asking: Asking, found: Dict) -> None:
        """Zones, policy routes and the management table, which only the configuration tells."""
        names = hardware(asking)
        separate = _answers(asking, f"show route {_MANAGEMENT}")
        zoned = False
        for head, lines in words.blocks(asking.ask("show running-config interface"),
                                        re.compile(r"^interface (?P<name>\S+)")):
            one = found.get(names.get(head["name"], head["name"]))
            if one is None:
                continue
            for line in (each.strip() for each in lines):
                word, _space, rest = line.partition(" ")
                if word == "zone-member":
                    one["zone"], zoned = rest.strip(), True
                elif line.startswith("policy-route route-map "):
                    one["policy"] = line.split()[2]
                elif word == _MANAGEMENT and separate:
                    one["vrf"] = _MANAGEMENT
                    asking.table(_MANAGEMENT)
        if zoned:  # connections belong to zones then; an interface in no zone stands for itself
            asking.facts["device"]["session_key"] = "zone"

    def _lists(self, asking: Asking, found: Dict) -> None:
        text = asking.ask("show running-config access-group")
        for match in re.finditer(r"^access-group (\S+) in interface (\S+)", text, re.M):
            if match[2] in found:
                found[match[2]]["access_list_in"] = match[1]

    def _six(self, asking: Asking, found: Dict) -> None:
        try:
            text = asking.ask("show ipv6 interface")
        except Rejected:
            return
        for head, lines in words.blocks(text, re.compile(r"^(?P<name>\S+) is (?:administratively )?(?:up|down)")):
            if head["name"] in found:
                found[head["name"]]["addresses"] += addresses6(lines)

    def routes(self, asking: Asking) -> Reading:
        found = [self._table(asking, "", "show route", 4)]
        if _answers(asking, f"show route {_MANAGEMENT}"):
            found.append(self._table(asking, _MANAGEMENT, f"show route {_MANAGEMENT}", 4))
        with contextlib.suppress(Rejected):  # an image without IPv6
            found.append(self._table(asking, "", "show ipv6 route", 6))
        covered = dict.fromkeys(prefix for one in found for prefix in one.covered)
        return Reading([route for one in found for route in one.value],
                       "; ".join(one.why for one in found if one.why), tuple(covered))

    def _table(self, asking: Asking, vrf: str, command: str, family: int) -> Reading:
        count = route_count(asking.ask(f"{command} summary", f"{command} | include ^Codes"))
        if count is not None and count > asking.request.max_routes:
            listed, covered = by_address(asking, command, asking.table(vrf), family, with_lengths)
            why = f"{count} routes in {command!r}, more than {asking.request.max_routes}: asked by address"
            return Reading(listed, why, covered)
        text = asking.ask(command, patience=120)
        if family == 6:
            return Reading(read_routes6(text, asking, vrf))
        return read_routes(_plain(text, asking, command), asking, vrf, command)

    def neighbours(self, asking: Asking) -> Reading:
        return Reading([{"family": 4, "address": match["address"], "device": match["device"],
                         "mac": words.mac(match["mac"]), "state": "permanent" if match["age"] == "-" else "reachable"}
                        for match in map(_ARP.match, asking.ask("show arp").splitlines()) if match])

    def lookups(self, asking: Asking) -> Reading:
        """What packet-tracer says of a first packet. For the way back only where it leads: a reply opens nothing, so
        that a drop by an access list says nothing about it."""
        found, whys = [], []
        for flow in asking.request.flows:
            for direction, one in (("request", flow), ("reply", flow.reversed())):
                device = _way_to(asking, one.source)
                if not device:
                    whys.append(f"no route to {one.source}, so that packet-tracer cannot be asked about {one}")
                    continue
                command = _tracer(device, one)
                try:
                    answer = asking.ask(command, patience=120)
                except Rejected as error:
                    whys.append(str(error))
                    continue
                if "\nResult:\n" not in answer:
                    asking.keep(command, answer.splitlines())
                    whys.append(f"the answer to {command!r} has no result")
                    continue
                found.append({"flow": str(flow), "command": command, "table": asking.table(""), "source": one.source,
                              "destination": one.destination, **_traced(answer, direction == "request")})
        return Reading(found, "; ".join(whys))

    def reverse_path(self, asking: Asking) -> Reading:
        """Strict, per interface; a default route counts as a route back."""
        text = asking.ask("show running-config ip verify reverse-path", "show running-config ip verify")
        try:
            statistics = asking.ask("show ip verify statistics")
        except Rejected:
            statistics = ""
        drops = {match[1]: int(match[2])
                 for match in re.finditer(r"^\s*interface (\S+): (\d+) unicast rpf drop", statistics, re.M)}
        return Reading({match[1]: {"mode": "strict", "allow_default": True, "drops": drops.get(match[1])}
                        for match in re.finditer(r"^\s*ip verify reverse-path interface (\S+)", text, re.M)})

    def policy_routes(self, asking: Asking) -> Reading:
        reading = read_policies(asking, "show policy-route", Lists(("show access-list {}",), read_asa_access_list))
        names = hardware(asking)
        for one in reading.value:
            one["interfaces"] = [names.get(name, name) for name in one["interfaces"]]
        return reading

    def nat(self, asking: Asking) -> Reading:
        return read_nat(asking)

    def sessions(self, asking: Asking) -> Reading:
        return read_connections(asking)

    def drops(self, asking: Asking) -> Reading:
        before = read_drops(asking, asking.ask("show asp drop"))
        if asking.request.sample_seconds <= 0:
            return Reading(list(before.values()))
        asking.wait(asking.request.sample_seconds)
        after = read_drops(asking, asking.ask_again("show asp drop"))
        for name, one in after.items():
            one["growth"] = max(0, one["packets"] - before.get(name, {"packets": 0})["packets"])
        return Reading(list({**before, **after}.values()))

    def settings(self, asking: Asking) -> Reading:
        return read_settings(asking)

    def load_sharing(self, asking: Asking) -> Reading:
        """Equal ways, which there are within a zone or an interface only, are always shared by flow."""
        return Reading({"mode": "per_flow"})

    def fhrp(self, asking: Asking) -> Reading:
        return Reading([])  # the platform has none; failover moves the addresses themselves

    def ha(self, asking: Asking) -> Reading:
        return read_failover(asking)

    def logs(self, asking: Asking) -> Reading:
        found: list[Dict] = []
        for flow in asking.request.flows:
            for first, second in ((flow.source, flow.destination), (flow.destination, flow.source)):
                answer = asking.ask(f"show logging | include {re.escape(first)}.*{re.escape(second)}")
                for line in answer.splitlines()[-20:]:
                    match = re.search(r"%(?P<id>(?:ASA|FTD)-\d-\d+)", line)
                    if match:
                        found.append({"flow": str(flow), "line": line.strip(), "reason": match["id"]})
        return Reading(found)


def _interface(head: re.Match[str], text: str) -> Dict:
    one: Dict = {"up": head["state"] == "up", "carrier": head["line"] == "up" if head["line"] else None,
                 "addresses": []}
    link = re.search(r"MAC address (?P<mac>[0-9a-f.]{14})", text)
    mtu = re.search(r"\bMTU (?P<mtu>\d+)", text)
    address = re.search(r"IP address (?P<address>[0-9.]+), subnet mask (?P<mask>[0-9.]+)", text)
    description = re.search(r"^\s*Description: (?P<text>.*)$", text, re.M)
    four = words.interface_address(address["address"], address["mask"]) if address else None
    if link:
        one["mac"] = words.mac(link["mac"])
    if mtu:
        one["mtu"] = int(mtu["mtu"])
    if description:
        one["description"] = description["text"].strip()
    if four:
        one["addresses"].append(four)
    return one


def _answers(asking: Asking, command: str) -> bool:
    try:
        asking.ask(command)
    except Rejected:
        return False
    return True


def _plain(text: str, asking: Asking, command: str) -> str:
    """Routes as IOS writes them. A default for what comes out of tunnels only is no route for other packets."""
    lines = text.splitlines()
    asking.keep(command, (line for line in lines if line.rstrip().endswith(" tunneled")))
    kept = "\n".join(line for line in lines if not line.rstrip().endswith(" tunneled"))
    return re.sub(r"connected by VPN \([^)]*\),", "is directly connected,", with_lengths(kept))


def _way_to(asking: Asking, address: str, depth: int = 4) -> str:
    """The interface that leads to an address, by the routes that were read; empty where none does."""
    ways = [route for route in asking.facts.get("routes") or ()
            if route["table"] == asking.table("") and words.covers(route["dst"], address)]
    if not ways or not depth:
        return ""
    leg = (max(ways, key=lambda route: int(route["dst"].split("/")[1])).get("nexthops") or [{}])[0]
    if leg.get("device"):
        return str(leg["device"])
    return _way_to(asking, leg["gateway"], depth - 1) if leg.get("gateway") else ""


def _tracer(device: str, flow: Flow) -> str:
    if flow.protocol in ("tcp", "udp"):
        return (f"packet-tracer input {device} {flow.protocol} {flow.source} {flow.sport or 49152} {flow.destination} "
                f"{flow.dport or 49152}")
    kind = 128 if flow.family == 6 else 8
    return f"packet-tracer input {device} icmp {flow.source} {kind} 0 {flow.destination}"


def _traced(answer: str, opens: bool) -> Dict:
    """The end of packet-tracer's answer; phases before it tell the next hop."""
    result = answer.rpartition("\nResult:\n")[2]
    out = re.search(r"^output-interface: (?P<name>[^\s(]+)", result, re.M)
    action = re.search(r"^Action: (?P<action>allow|drop)", result, re.M)
    reason = re.search(r"^Drop-reason: (?P<reason>\([^)\n]*\) ?[^,\n]*)", result, re.M)
    gateway = next((match["gateway"] for match in _NEXT.finditer(answer) if out and match["device"] == out["name"]), "")
    found: Dict = {}
    if out and out["name"] != "NP":  # "NP Identity Ifc" is the device itself
        found["device"] = out["name"]
    if words.address(gateway):
        found["gateway"] = gateway
    if action and opens:
        local = bool(out) and "NP Identity" in result
        found["verdict"] = "drop" if action["action"] == "drop" else "local" if local else "forward"
    if reason and opens:
        found["reason"] = reason["reason"].strip()
    return found
