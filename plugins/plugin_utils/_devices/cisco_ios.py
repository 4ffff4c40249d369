# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Cisco IOS and IOS-XE: commands and parsers. The shapes of answers are those of Cisco's command references."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_config import CiscoIosConfig
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_fhrp import hsrp_row, rows, vrrp_row
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_interfaces import addresses4, addresses6
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_nat import read_nat
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_policy import ACCESS_LISTS, read_policies
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_routes import (
    by_address,
    read_routes,
    read_routes6,
    route_count,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import (
    Asking,
    Capabilities,
    Dialect,
    Dict,
    NotUnderstood,
    Reading,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.ios_capture import IosCapture

_INTERFACE = re.compile(
    r"^(?P<name>\S+) is (?P<state>administratively down|up|down|deleted|reset)(?:, line protocol is (?P<line>\w+))?"
)
_VRF = re.compile(r"VPN Routing/Forwarding \"(?P<vrf>[^\"]+)\"")
_VERIFY = re.compile(r"IP(?:v6)? verify source reachable-via (?P<via>RX|ANY)(?P<rest>.*)", re.I)
_EXACT = (
    re.compile(r"=>\s*\w* ?adj out of (?P<device>[^\s,]+)(?:, addr (?P<gateway>[0-9A-Fa-f.:]+))?", re.I),
    re.compile(r": (?P<device>\S+) \(next hop (?P<gateway>[0-9A-Fa-f.:]+)\)"),
    re.compile(r"=>\s*attached (?P<device>\S+)"),
)
_ARP = re.compile(
    r"^Internet +(?P<address>[0-9.]+) +(?P<age>-|\d+) +(?P<mac>[0-9a-f.]{14}) +\S+ +(?P<device>\S+)", re.I)


class CiscoIos(Dialect):
    """Routers without session keys; uRPF per interface; route-maps before routing."""

    platform = device_type = "cisco_ios"
    names = ("cisco.ios.ios", "ios", "cisco_xe")
    title = "Cisco IOS and IOS-XE"
    tier = "fake"
    capabilities = Capabilities(timed_revert=True)
    errors = re.compile(
        r"^% ?(Invalid|Incomplete|Ambiguous|Unrecognized|Bad|Unknown|Error|Incorrect|VRF .*does not exist"
        r"|IP routing table .* does not exist)|^ERROR:|Command rejected|not authorized"
        r"|cannot be modified|^% ?Turn config archive on", re.M | re.I)
    reading = re.compile(
        r"show (?!tech|.*\| *(redirect|append|tee))[^|>\n]*(\| (include|section|begin|exclude) [^>\n]*)?")

    modes = r"(\([^)\s]*\))?#"
    config = CiscoIosConfig()
    capture = IosCapture()

    def software(self, asking: Asking) -> str:
        match = re.search(r"Version (?P<version>[^,\s]+)", asking.ask("show version"))
        return match["version"] if match else ""

    def interfaces(self, asking: Asking) -> Reading:
        found: Dict = {}
        for head, lines in words.blocks(asking.ask("show ip interface"), _INTERFACE):
            one = found.setdefault(head["name"], _interface(head))
            one.update(_details("\n".join(lines), "IPv4"))
            one["addresses"] += addresses4(lines)
        if not found:
            raise NotUnderstood("'show ip interface' tells of no interface")
        try:
            self._six(asking, found)
        except Rejected:
            return Reading(found)  # an image without IPv6
        return Reading(found)

    def _six(self, asking: Asking, found: Dict) -> None:
        for head, lines in words.blocks(asking.ask("show ipv6 interface"), _INTERFACE):
            one = found.setdefault(head["name"], _interface(head))
            for key, value in _details("\n".join(lines), "IPv6").items():
                one.setdefault(key, value)
            one["addresses"] += addresses6(lines)

    def routes(self, asking: Asking) -> Reading:
        routes: list[Dict] = []
        whys: list[str] = []
        covered: list[str] = []
        for vrf in ["", *_vrfs(asking)]:
            for family, word in ((4, "ip"), (6, "ipv6")):
                try:
                    found = self._table(asking, vrf, family, word)
                except Rejected:
                    if family == 4:
                        raise
                    continue
                routes += found.value
                whys += [found.why] if found.why else []
                covered += found.covered
        return Reading(routes, "; ".join(whys), tuple(dict.fromkeys(covered)))

    def _table(self, asking: Asking, vrf: str, family: int, word: str) -> Reading:
        """One table: whole where it is small, else what covers the addresses of interest."""
        command = f"show {word} route" + (f" vrf {vrf}" if vrf else "")
        count = route_count(asking.ask(f"{command} summary", f"{command} | include ^Codes"))
        if count is None or count <= asking.request.max_routes:
            text = asking.ask(command, patience=120)
            return read_routes(text, asking, vrf, command) if family == 4 else Reading(read_routes6(text, asking, vrf))
        found, covered = by_address(asking, command, asking.table(vrf), family)
        why = f"{count} routes in {vrf or 'the global table'}, more than {asking.request.max_routes}: asked by address"
        return Reading(found, why, covered)

    def neighbours(self, asking: Asking) -> Reading:
        found = []
        for vrf in ["", *_vrfs(asking)]:
            for line in asking.ask("show ip arp" + (f" vrf {vrf}" if vrf else "")).splitlines():
                match = _ARP.match(line)
                if match and match["age"] != "-":
                    found.append({"family": 4, "address": match["address"], "device": match["device"],
                                  "mac": words.mac(match["mac"]), "state": "reachable"})
        return Reading(found)

    def lookups(self, asking: Asking) -> Reading:
        found, why = [], ""
        for flow in asking.request.flows:
            for source, destination in ((flow.source, flow.destination), (flow.destination, flow.source)):
                for vrf in ["", *_vrfs(asking)]:
                    command = _exact_route(flow, vrf, source, destination)
                    try:
                        answer = asking.ask(command)
                    except Rejected as error:
                        why = str(error)
                        continue
                    leg = next(filter(None, (pattern.search(answer) for pattern in _EXACT)), None)
                    if leg:
                        gateway = words.address(leg.groupdict().get("gateway") or "")
                        found.append({"flow": str(flow), "command": command, "table": asking.table(vrf),
                                      "device": leg["device"], **({"gateway": gateway} if gateway else {})})
                    else:
                        asking.keep(command, answer.splitlines())
                        if not re.search(r"no route|drop|discard|unresolved", answer, re.I):
                            why = f"the answer to {command!r} is not understood"
        return Reading(found, why)

    def reverse_path(self, asking: Asking) -> Reading:
        found: Dict = {}
        for head, lines in words.blocks(asking.ask("show ip interface"), _INTERFACE):
            text = "\n".join(lines)
            match = _VERIFY.search(text)
            if match:
                found[head["name"]] = {
                    "mode": "strict" if match["via"].upper() == "RX" else "loose",
                    "allow_default": "allow default" in match["rest"].lower(),
                    **_acl(match["rest"]), "drops": _first_number(r"(\d+) verification drops", text),
                }
        return Reading(found)

    def policy_routes(self, asking: Asking) -> Reading:
        return read_policies(asking)

    def nat(self, asking: Asking) -> Reading:
        command = "show running-config | include ^interface|ip nat"
        return read_nat(asking, asking.ask(command, patience=120), ACCESS_LISTS, command)

    def drops(self, asking: Asking) -> Reading:
        before = _drops(asking.ask("show ip traffic"), asking.facts["device"].get("reverse_path") or {})
        if asking.request.sample_seconds <= 0:
            return Reading(list(before.values()))
        asking.wait(asking.request.sample_seconds)
        again = self._again(asking)
        for name, one in before.items():
            if name in again:
                one["growth"] = max(0, again[name]["packets"] - one["packets"])
                one["packets"] = again[name]["packets"]
        return Reading(list(before.values()))

    def _again(self, asking: Asking) -> dict[str, Dict]:
        checked: Dict = {}
        for head, lines in words.blocks(asking.ask_again("show ip interface"), _INTERFACE):
            checked[head["name"]] = {"drops": _first_number(r"(\d+) verification drops", "\n".join(lines))}
        return _drops(asking.ask_again("show ip traffic"), checked)

    def load_sharing(self, asking: Asking) -> Reading:
        text = asking.ask("show running-config | include ^interface|load-sharing")
        interfaces = [head["name"] for head, lines in words.blocks(text, re.compile(r"^interface (?P<name>\S+)"))
                      if any("ip load-sharing per-packet" in line for line in lines)]
        algorithm = re.search(r"^ip cef load-sharing algorithm (?P<name>[\w-]+)", text, re.M)
        return Reading({"mode": "per_packet" if interfaces else "per_flow", "interfaces": interfaces,
                        **({"algorithm": algorithm["name"]} if algorithm else {})})

    def fhrp(self, asking: Asking) -> Reading:
        found: list[Dict] = []
        for protocol, command, read in (("hsrp", "show standby brief", hsrp_row),
                                        ("vrrp", "show vrrp brief", vrrp_row)):
            try:
                answer = asking.ask(command)
            except Rejected:
                continue  # an image without it
            found += [{"protocol": protocol, **one} for one in map(read, rows(answer)) if one]
        return Reading(found)

    def logs(self, asking: Asking) -> Reading:
        found = []
        for flow in asking.request.flows:
            command = f"show logging | include {re.escape(flow.source)}.*{re.escape(flow.destination)}"
            found += [{"flow": str(flow), "line": line.strip(), "reason": _log_reason(line)}
                      for line in asking.ask(command).splitlines()[-20:] if "%" in line]
        return Reading(found)


def _interface(head: re.Match[str]) -> Dict:
    return {"up": "down" not in head["state"] and head["state"] != "deleted", "carrier": head["line"] == "up",
            "addresses": []}


def _details(text: str, family: str) -> Dict:
    found: Dict = {}
    mtu = re.search(r"^\s+MTU is (?P<mtu>\d+)", text, re.M)
    vrf = _VRF.search(text)
    policy = re.search(r"Policy routing is enabled, using route.map (?P<name>\S+)", text)
    inbound = re.search(r"Inbound +access list is (?!not set)(?P<name>\S+)", text)
    if mtu:
        found["mtu"] = int(mtu["mtu"])
    if vrf:
        found["vrf"] = vrf["vrf"]
    if policy and family == "IPv4":
        found["policy"] = policy["name"]
    if inbound and family == "IPv4":
        found["access_list_in"] = inbound["name"]
    return found


def _vrfs(asking: Asking) -> list[str]:
    """VRFs with interfaces, by what the interfaces say: an empty one routes nothing."""
    return sorted({one["vrf"] for one in asking.facts["interfaces"].values() if "vrf" in one})


def _exact_route(flow: Flow, vrf: str, source: str, destination: str) -> str:
    word = "ipv6" if flow.family == 6 else "ip"
    return f"show {word} cef {f'vrf {vrf} ' if vrf else ''}exact-route {source} {destination}"


def _acl(rest: str) -> Dict:
    match = re.search(r"(?:access.list|ACL) (?P<name>\S+)", rest)
    return {"access_list": match["name"]} if match else {}


def _first_number(pattern: str, text: str) -> int | None:
    match = re.search(pattern, text)
    return int(match[1]) if match else None


def _drops(traffic: str, checked: t.Mapping[str, Dict]) -> dict[str, Dict]:
    found: dict[str, Dict] = {}
    rpf = _first_number(r"(\d+) unicast RPF", traffic)
    if rpf is not None:
        found["unicast RPF"] = {"name": "unicast RPF", "packets": rpf, "meaning": "reverse_path"}
    for name, one in checked.items():
        if one.get("drops") is not None:
            found[name] = {"name": "verification drops", "packets": one["drops"], "meaning": "reverse_path",
                           "interface": name}
    return found


def _log_reason(line: str) -> str:
    match = re.search(r"%(?P<id>[A-Z0-9_]+-\d-[A-Z0-9_]+)", line)
    return match["id"] if match else ""
