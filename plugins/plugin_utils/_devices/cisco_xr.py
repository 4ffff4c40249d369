# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Cisco IOS-XR: commands and parsers. Almost nothing has JSON there. Routes and access lists are in cisco_xr_tables."""

from __future__ import annotations

import re

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_fhrp import hsrp_row, rows
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_interfaces import addresses4, addresses6
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_routes import (
    by_address,
    read_routes,
    route_count,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_xr_config import (
    QUESTION,
    CiscoXrConfig,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_xr_tables import (
    read_forwarding,
    read_routes6,
    without_backups,
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

_INTERFACE = re.compile(
    r"^(?P<name>[A-Za-z]\S*\d\S*) is (?P<state>Up|Down|Shutdown)\b, *ipv[46] protocol is (?P<line>\w+)"
    r"(?:, *Vrfid is (?P<vrf>\S+))?", re.I)
_FOUR = "show ipv4 vrf all interface"
_ARP = re.compile(r"^(?P<address>[0-9.]+) +(?P<age>-|[\d:]+) +(?P<mac>[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}) +"
                  r"(?P<state>\w+) +ARPA +(?P<device>\S+)")
_VIA = re.compile(r"^\s+via (?:(?P<gateway>[0-9A-Fa-f.:]+)(?:/\d+)?, )?(?P<device>[A-Z][\w-]*\d[\w./-]*)", re.M)
_VRRP = re.compile(r"^(?P<device>\S+\d\S*) +(?P<group>\d+) +(?P<priority>\d+) +(?:A +)?(?:P +)?"
                   r"(?P<role>Master|Backup|Init)\w* +(?P<master>\S+) +(?P<address>[0-9A-Fa-f.:]+)\s*$", re.I)
_DROP = re.compile(r"^\s+(?P<name>\S.*? drops) +packets *: *(?P<packets>\d+)", re.M)
_SHORT = {"Gi": "GigabitEthernet", "Te": "TenGigE", "TF": "TwentyFiveGigE", "Fo": "FortyGigE", "Fi": "FiftyGigE",
          "Hu": "HundredGigE", "BE": "Bundle-Ether", "Mg": "MgmtEth", "Fa": "FastEthernet"}


class CiscoXr(Dialect):
    """Routers without session keys; reverse-path checks per interface; forwarding by access lists."""

    platform = device_type = "cisco_xr"
    names = ("cisco.iosxr.iosxr", "iosxr")
    title = "Cisco IOS-XR"
    tier = "fake"
    capabilities = Capabilities(candidate=True, native_diff=True, timed_revert=True, atomic=True)
    config = CiscoXrConfig()
    # A long name is cut in the prompt of the driver. A question has no prompt.
    modes = rf"[^\s#(]*(\([^)\s]*\))?#|{QUESTION}"
    errors = re.compile(r"^% ?(Invalid|Incomplete|Ambiguous|Unrecognized|Error|Unknown|No such|This command is not"
                        r"|Failed|Cannot)|^ERROR:|^Cannot enter exclusive mode|not authorized"
                        r"|permission denied", re.M | re.I)
    reading = re.compile(r"(do )?show (?!tech)[^|>;\n]*(\| (include|begin|exclude) [^|>;\n]*)?")

    def software(self, asking: Asking) -> str:
        match = re.search(r"IOS XR Software, Version (?P<version>[^\s,\[]+)", asking.ask("show version"))
        return match["version"] if match else ""

    def interfaces(self, asking: Asking) -> Reading:
        found: Dict = {}
        for head, lines in words.blocks(asking.ask(_FOUR), _INTERFACE):
            found[head["name"]] = _interface(head, "\n".join(lines))
            found[head["name"]]["addresses"] = addresses4(lines)
        if not found:
            raise NotUnderstood(f"{_FOUR!r} tells of no interface")
        try:
            text = asking.ask("show ipv6 vrf all interface")
        except Rejected:
            return _numbered(asking, found)
        for head, lines in words.blocks(text, _INTERFACE):
            one = found.setdefault(head["name"], _interface(head, ""))
            one["addresses"] += addresses6(lines)
        return _numbered(asking, found)

    def routes(self, asking: Asking) -> Reading:
        found: list[Dict] = []
        whys: list[str] = []
        covered: list[str] = []
        for vrf in ["", *_vrfs(asking)]:
            for family in (4, 6):
                try:
                    one = self._table(asking, vrf, family)
                except Rejected:
                    if family == 4:
                        raise
                    continue  # an image or a VRF without IPv6
                found += one.value
                whys += [one.why] if one.why else []
                covered += one.covered
        return Reading(found, "; ".join(whys), tuple(dict.fromkeys(covered)))

    def _table(self, asking: Asking, vrf: str, family: int) -> Reading:
        command = "show route " + (f"vrf {vrf} " if vrf else "") + f"ipv{family}"
        count = route_count(asking.ask(f"{command} summary"))
        if count is not None and count > asking.request.max_routes:
            listed, covered = by_address(asking, command, asking.table(vrf), family, without_backups)
            where = vrf or "the global table"
            why = f"{count} routes in {where}, more than {asking.request.max_routes}: asked by address"
            return Reading(listed, why, covered)
        text = asking.ask(command, patience=120)
        if family == 6:
            return read_routes6(text, asking, vrf, command)
        return read_routes(without_backups(text), asking, vrf, command)

    def neighbours(self, asking: Asking) -> Reading:
        found = []
        for vrf in ["", *_vrfs(asking)]:
            for line in asking.ask("show arp" + (f" vrf {vrf}" if vrf else "")).splitlines():
                match = _ARP.match(line)
                if match and match["state"] != "Interface":
                    found.append({"family": 4, "address": match["address"], "device": match["device"],
                                  "mac": words.mac(match["mac"]), "state": "reachable"})
        return Reading(found)

    def lookups(self, asking: Asking) -> Reading:
        """With ports where the release takes them: without, a hash over ports may choose otherwise."""
        found, why = [], ""
        for flow in asking.request.flows:
            for one in (flow, flow.reversed()):
                for vrf in ["", *_vrfs(asking)]:
                    commands = _exact(one, vrf)
                    try:
                        answer = asking.ask(*commands)
                    except Rejected as error:
                        why = str(error)
                        continue
                    leg = _leg(answer)
                    if leg:
                        found.append({"flow": str(flow), "command": commands[0], "table": asking.table(vrf),
                                      "source": one.source, "destination": one.destination, **leg})
                    else:
                        asking.keep(commands[0], answer.splitlines())
                        if not re.search(r"no route|drop|not found", answer, re.I):
                            why = f"the answer to {commands[0]!r} is not understood"
        return Reading(found, why)

    def reverse_path(self, asking: Asking) -> Reading:
        found: Dict = {}
        doubts: list[str] = []
        for head, lines in words.blocks(asking.ask(_FOUR), _INTERFACE):
            text = "\n".join(lines)
            mode = re.search(r"^\s*RPF mode (?P<mode>strict|loose)(?P<rest>.*)$", text, re.M | re.I)
            if mode:
                found[head["name"]] = {"mode": mode["mode"].lower(), "families": [4],
                                       "allow_default": "allow default" in mode["rest"].lower(),
                                       "drops": _interface_drops(asking, head["name"])}
            elif re.search(r"unicast RPF check is enabled", text, re.I):
                doubts.append(head["name"])
                asking.keep(_FOUR, (line for line in lines if "RPF" in line))
        whys = [f"reverse-path check in an unknown mode on {', '.join(doubts)}"] if doubts else []
        return Reading(found, "; ".join(whys + _checks6(asking, found)))

    def policy_routes(self, asking: Asking) -> Reading:
        """Forwarding by access lists; policy maps of type pbr are only found, and not read."""
        users: dict[str, list[str]] = {}
        for name, one in asking.facts["interfaces"].items():
            if "access_list_in" in one:
                users.setdefault(one["access_list_in"], []).append(name)
        reading = read_forwarding(asking, users)
        text = asking.ask("show running-config formal | include service-policy type pbr", patience=180)
        six = asking.ask("show running-config formal | include nexthop1 .*ipv6", patience=180)
        maps = re.findall(r"^\s*interface (\S+) service-policy type pbr input (\S+)", text, re.M)
        names = {one["name"] for one in reading.value}
        for one in asking.facts["interfaces"].values():
            if one.get("access_list_in") in names:
                one["policy"] = one["access_list_in"]
        whys = [reading.why] if reading.why else []
        whys += [f"service-policy type pbr {name} on {device} is not read" for device, name in maps]
        whys += ["access lists of IPv6 that forward are not read"] if "nexthop1" in six else []
        return Reading(reading.value, "; ".join(whys))

    def nat(self, asking: Asking) -> Reading:
        """There is none but in service cards, which are only found."""
        command = "show running-config formal | include service cg"
        lines = [line.strip() for line in asking.ask(command, patience=180).splitlines() if "service cg" in line]
        asking.keep(command, lines)
        return Reading([], "carrier-grade NAT is configured, and not read" if lines else "")

    def drops(self, asking: Asking) -> Reading:
        before = _drops(asking.ask("show cef drops"))
        if asking.request.sample_seconds <= 0:
            return Reading(list(before.values()))
        asking.wait(asking.request.sample_seconds)
        after = _drops(asking.ask_again("show cef drops"))
        for name, one in after.items():
            one["growth"] = max(0, one["packets"] - before.get(name, {"packets": 0})["packets"])
        return Reading(list({**before, **after}.values()))

    def load_sharing(self, asking: Asking) -> Reading:
        """By flow, but for bundles in a profile of the hardware that spreads packets."""
        spread = asking.ask("show running-config formal | include per-packet")
        fields = re.search(r"^cef load-balancing fields (?P<fields>.+)$",
                           asking.ask("show running-config formal | include cef load-balancing"), re.M)
        return Reading({"mode": "per_packet" if "bundle-hash per-packet" in spread else "per_flow",
                        **({"algorithm": f"fields {fields['fields'].strip()}"} if fields else {})})

    def fhrp(self, asking: Asking) -> Reading:
        found: list[Dict] = []
        for line in rows(_shown(asking, "show hsrp")):
            row = hsrp_row(line)
            if row:
                found.append({"protocol": "hsrp", **row, "interface": full_name(row["interface"])})
        for match in filter(None, map(_VRRP.match, rows(_shown(asking, "show vrrp")))):
            if not words.address(match["address"]):
                raise NotUnderstood(f"a line of 'show vrrp' without an address: {match[0].strip()}")
            found.append({"protocol": "vrrp", "interface": full_name(match["device"]), "group": int(match["group"]),
                          "priority": int(match["priority"]), "role": match["role"].lower(),
                          "address": match["address"],
                          **({"peer": match["master"]} if words.address(match["master"]) else {})})
        return Reading(found)

    def logs(self, asking: Asking) -> Reading:
        found = []
        for flow in asking.request.flows:
            command = f"show logging | include {re.escape(flow.source)}.*{re.escape(flow.destination)}"
            for line in asking.ask(command).splitlines()[-20:]:
                match = re.search(r"%(?P<id>[\w-]+-\d-\w+)", line)
                if match:
                    found.append({"flow": str(flow), "line": line.strip(), "reason": match["id"]})
        return Reading(found)


def _numbered(asking: Asking, found: Dict) -> Reading:
    """Every VRF with an interface has a number, also where its routes cannot be read."""
    for vrf in sorted({one["vrf"] for one in found.values() if "vrf" in one}):
        asking.table(vrf)
    return Reading(found)


def full_name(name: str) -> str:
    """Gi0/0/0/1 is GigabitEthernet0/0/0/1."""
    match = re.match(r"^(?P<word>[A-Za-z]{2})(?P<rest>[\d/].*)$", name)
    return f"{_SHORT.get(match['word'], match['word'])}{match['rest']}" if match else name


def _interface(head: re.Match[str], text: str) -> Dict:
    one: Dict = {"up": head["state"].lower() != "shutdown", "carrier": head["line"].lower() == "up", "addresses": []}
    mtu = re.search(r"^\s+MTU is (?P<link>\d+)(?: \((?P<mtu>\d+) is available to IP\))?", text, re.M)
    vrf = head["vrf"] or next(iter(re.findall(r"^\s+Vrf is (\S+)", text, re.M)), "")
    inbound = re.search(r"Inbound .*\baccess list is (?!not set)(?P<name>[^\s,]+)\s*$", text, re.M)
    if mtu:
        one["mtu"] = int(mtu["mtu"] or mtu["link"])
    if vrf and vrf != "default":
        one["vrf"] = vrf
    if inbound:
        one["access_list_in"] = inbound["name"]
    return one


def _vrfs(asking: Asking) -> list[str]:
    return sorted({one["vrf"] for one in asking.facts["interfaces"].values() if "vrf" in one})


def _exact(flow: Flow, vrf: str) -> tuple[str, ...]:
    plain = (f"show cef {f'vrf {vrf} ' if vrf else ''}{'ipv6 ' if flow.family == 6 else ''}exact-route {flow.source} "
             f"{flow.destination}")
    if flow.sport is None or flow.dport is None:
        return (plain,)
    return f"{plain} protocol {flow.protocol} source-port {flow.sport} destination-port {flow.dport}", plain


def _leg(answer: str) -> Dict:
    """The last "via" names the interface; the address stands there, or at the adjacency above."""
    ways = _VIA.findall(answer)
    if not ways:
        return {}
    adjacency = re.search(r"^\s*local adjacency (?P<gateway>[0-9A-Fa-f.:]+)", answer, re.M)
    gateway = words.address(ways[-1][0] or (adjacency["gateway"] if adjacency else ""))
    return {"device": ways[-1][1], **({"gateway": gateway} if gateway else {})}


def _checks6(asking: Asking, found: Dict) -> list[str]:
    """IPv6 has checks of its own, which only the configuration tells: put them into ``found``, or say why not."""
    command = "show running-config formal | include ipv6 verify unicast source"
    try:
        text = asking.ask(command, patience=180)
    except Rejected as error:
        return [f"reverse-path checks of IPv6 are not known: {error}"]
    whys = []
    for match in re.finditer(r"^\s*interface (?P<name>\S+) ipv6 verify unicast source reachable-via (?P<via>rx|any)"
                             r"(?P<rest>.*)$", text, re.M):
        six = {"mode": "strict" if match["via"] == "rx" else "loose", "allow_default": "allow-default" in match["rest"]}
        one = found.setdefault(match["name"], {**six, "families": [], "drops": None})
        if {key: one[key] for key in six} == six:
            one["families"] = [*one["families"], 6]
        else:
            whys.append(f"{match['name']} checks IPv6 otherwise than IPv4")
    return whys


def _interface_drops(asking: Asking, name: str) -> int | None:
    """Not every line card counts them."""
    command = f"show cef ipv4 interface {name} rpf-statistics"
    try:
        answer = asking.ask(command)
    except Rejected:
        return None
    match = re.search(r"RPF[^\d\n]*drop[^\d\n]*(\d+)", answer, re.I)
    if match is None:
        asking.keep(command, answer.splitlines())
    return int(match[1]) if match else None


def _drops(text: str) -> dict[str, Dict]:
    """Summed over the nodes; packets that the check would have dropped and let pass (suppressed) are none."""
    found: dict[str, Dict] = {}
    for match in _DROP.finditer(text):
        name = match["name"]
        if "suppressed" in name:
            continue
        one = found.setdefault(name, {"name": name, "packets": 0,
                                      "meaning": "reverse_path" if name == "RPF drops" else "other"})
        one["packets"] += int(match["packets"])
    if not found:
        raise NotUnderstood("'show cef drops' counts nothing")
    return found


def _shown(asking: Asking, command: str) -> str:
    try:
        return asking.ask(command)
    except Rejected as error:
        if "invalid" in error.answer.lower():  # the package is not there
            return ""
        raise
