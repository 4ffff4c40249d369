# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Arista EOS: switches and routers without sessions. State comes as JSON, the rest out of the running configuration."""

from __future__ import annotations

import re

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import arista_policy, indented_lines, words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.arista_config import AristaConfig
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.arista_routes import (
    document,
    read_tables,
    vrf_of,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import (
    Asking,
    Capabilities,
    Dialect,
    Dict,
    NotUnderstood,
    Reading,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError, Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.indented_lines import starting

_VERIFY = (r"(?P<word>ip|ipv6) verify unicast source reachable-via (?P<via>rx|any)(?P<default> allow-default)?"
           r"(?P<rest>.*)")
_ARP = re.compile(r"^(?P<address>[0-9.]+) +(?P<age>\S+) +(?P<mac>[0-9a-f.]{14}) +(?P<device>[A-Z][^\s,]*)", re.M)
_VRRP = re.compile(r"^(?P<device>[A-Z]\S*) +(?P<group>\d+) +\S+ +(?P<priority>\d+) +(?P<role>\w+) +.*?"
                   r"(?P<address>\d+\.\d+\.\d+\.\d+) *$")


class AristaEos(Dialect):
    """Forwards by chips: neither sessions nor, on most, counters of the reverse-path check."""

    platform = device_type = "arista_eos"
    names = ("arista.eos.eos", "eos")
    title = "Arista EOS"
    tier = "fake"
    capabilities = Capabilities(candidate=True, native_diff=True, timed_revert=True, atomic=True)
    errors = re.compile(
        r"^% ?(Invalid|Incomplete|Ambiguous|Unrecognized|Unavailable|Authorization|Error|This is an unconverted|VRF)"
        r"|^% .*(not supported|denied|does not exist)|Command authorization", re.M | re.I)
    reading = re.compile(r"show (?!tech)[^|>\n]*( \| json| \| (include|section|begin|exclude) [^|>\n]*)?")

    modes = r"(\([^)\s]*\))?#"
    config = AristaConfig()

    def software(self, asking: Asking) -> str:
        try:
            return str(document(asking, "show version").get("version") or "")
        except Rejected:
            match = re.search(r"Software image version: (\S+)", asking.ask("show version"))
            return match[1] if match else ""

    def interfaces(self, asking: Asking) -> Reading:
        answer = document(asking, "show ip interface").get("interfaces") or {}
        found = {name: _interface(one) for name, one in answer.items()}
        if not found:
            raise NotUnderstood("'show ip interface | json' tells of no interface")
        try:
            six = document(asking, "show ipv6 interface").get("interfaces") or {}
        except Rejected:
            six = {}  # IPv6 is off
        for name, one in six.items():
            found.setdefault(name, _interface(one))["addresses"] += _addresses6(one)
        why = ""
        try:
            config = _config(asking)
        except DeviceError as error:
            config, why = {}, f"their policies are not known: {error}"
        for head, below in starting(config, r"interface (?P<name>\S+)"):
            found.get(head["name"], {}).update(_configured(below))
        return Reading(found, why)

    def routes(self, asking: Asking) -> Reading:
        return read_tables(asking, _vrfs(asking))

    def neighbours(self, asking: Asking) -> Reading:
        found = []
        for vrf in _vrfs(asking):
            command = f"show ip arp vrf {vrf}"
            try:
                entries = vrf_of(document(asking, command), vrf).get("ipV4Neighbors") or []
            except Rejected:
                entries = [{"address": one["address"], "hwAddress": one["mac"], "interface": one["device"]}
                           for one in _ARP.finditer(asking.ask(command))]
            found += [one for one in map(_neighbour, [*entries, *_neighbours6(asking, vrf)]) if one]
        return Reading(found)

    def reverse_path(self, asking: Asking) -> Reading:
        found: Dict = {}
        doubts = []
        for head, below in starting(_config(asking), r"interface (?P<name>\S+)"):
            checks = {match["word"]: match for match, _below in starting(below, _VERIFY)}
            one = checks.get("ip") or checks.get("ipv6")
            if one:
                found[head["name"]] = {
                    "mode": "strict" if one["via"] == "rx" else "loose", "allow_default": bool(one["default"]),
                    "families": [number for number, word in ((4, "ip"), (6, "ipv6")) if word in checks], "drops": None}
            doubts += [f"{head['name']}: {match[0]}" for match in checks.values() if match["rest"].strip()]
            if len({(match["via"], match["default"]) for match in checks.values()}) > 1:
                doubts.append(f"{head['name']}: one mode for IPv4 and another for IPv6")
        for name, one in (document(asking, "show ip interface").get("interfaces") or {}).items():
            if str(one.get("urpf", "disable")) != "disable" and name not in found:
                doubts.append(f"{name}: urpf {one['urpf']} is not in its configuration")
        return Reading(found, f"not understood: {'; '.join(doubts)}" if doubts else "")

    def policy_routes(self, asking: Asking) -> Reading:
        return arista_policy.read_pbr(_config(asking))

    def nat(self, asking: Asking) -> Reading:
        return arista_policy.read_nat(_config(asking))

    def sessions(self, asking: Asking) -> Reading:
        return Reading({"listed": []})

    def drops(self, asking: Asking) -> Reading:
        """Counters of the chips, whose names depend on the chip."""
        before = _chip_drops(document(asking, "show hardware counter drop"))
        if asking.request.sample_seconds > 0:
            asking.wait(asking.request.sample_seconds)
            after = _chip_drops(_document_again(asking, "show hardware counter drop"))
            for name, one in after.items():
                one["growth"] = max(0, one["packets"] - before.get(name, {"packets": 0})["packets"])
            before = after
        checked = asking.facts["device"].get("reverse_path")
        told = any(one["meaning"] == "reverse_path" for one in before.values())
        why = "" if told or checked == {} else "this chip does not tell how many packets failed the reverse-path check"
        return Reading(list(before.values()), why)

    def settings(self, asking: Asking) -> Reading:
        return Reading([])

    def load_sharing(self, asking: Asking) -> Reading:
        lines = [line for line in _config(asking) if re.match(r"(ip )?load-(sharing|balance)\b", line)]
        spray = any(re.search(r"spray|per-packet|random", line) for line in lines)
        return Reading({"mode": "per_packet" if spray else "per_flow",
                        **({"algorithm": "; ".join(lines)} if lines else {})})

    def fhrp(self, asking: Asking) -> Reading:
        """Groups of VRRP, and the addresses that both switches of a pair hold at once."""
        found = []
        try:
            groups = document(asking, "show vrrp").get("virtualRouters") or []
        except Rejected:
            groups = _vrrp_text(asking)
        for one in groups:
            if not one.get("interface") or not words.address(str(one.get("virtualIp"))):
                asking.keep("show vrrp | json", [str(one)])
                continue
            role, peer = str(one.get("state") or "unknown").lower(), words.address(str(one.get("masterAddr")))
            found.append({"protocol": "vrrp", "interface": one["interface"], "group": int(one.get("groupId") or 0),
                          "role": role, "address": one["virtualIp"],
                          **({"priority": one["priority"]} if isinstance(one.get("priority"), int) else {}),
                          **({"peer": peer} if peer and role == "backup" else {})})
        for head, below in starting(_config(asking), r"interface (?P<name>\S+)"):
            for match, _b in starting(below, r"ip(?:v6)? (?:address virtual|virtual-router address) "
                                             r"(?P<address>[0-9A-Fa-f.:]+)(?:/\d+)?(?: secondary)?"):
                found.append({"protocol": "cluster", "interface": head["name"], "group": 0, "role": "active",
                              "address": match["address"].lower()})
        return Reading(found)

    def ha(self, asking: Asking) -> Reading:
        """MLAG: two switches that forward both, each by its own table."""
        one = document(asking, "show mlag")
        state = str(one.get("state") or "")
        if state in ("disabled", ""):
            return Reading({"mode": "none"} if state else {"mode": None}, "" if state else "'show mlag' tells no state")
        links = {"peer-link": _up(one.get("peerLinkStatus"), "up"), "peer": _up(one.get("negStatus"), "connected"),
                 "local": _up(one.get("localIntfStatus"), "up")}
        return Reading({"mode": "active_active", "links": links,
                        "text": f"mlag {one.get('domainId')} is {state}, configurations {one.get('configSanity')}",
                        **({"peer": str(one["peerAddress"])} if one.get("peerAddress") else {})})

    def logs(self, asking: Asking) -> Reading:
        found = []
        for flow in asking.request.flows:
            for one, other in ((flow.source, flow.destination), (flow.destination, flow.source)):
                command = f"show logging | include {re.escape(one)}.*{re.escape(other)}"
                found += [{"flow": str(flow), "line": line.strip(), "reason": _log_reason(line)}
                          for line in asking.ask(command).splitlines()[-20:] if "%" in line]
        return Reading(found)


def _config(asking: Asking) -> Dict:
    return indented_lines.tree(asking.ask("show running-config", patience=120))


def _document_again(asking: Asking, command: str) -> Dict:
    text = asking.ask_again(f"{command} | json")
    try:
        found = words.json_documents(text[max(text.find("{"), 0):])
    except ValueError as error:
        raise NotUnderstood(f"the answer to '{command} | json' is no JSON ({error})") from error
    return found[0] if found and isinstance(found[0], dict) else {}


def _interface(one: Dict) -> Dict:
    status = str(one.get("interfaceStatus") or "")
    mtu, vrf = one.get("mtu"), str(one.get("vrf") or "default")
    return {"up": one.get("enabled") is not False and status not in ("disabled", "errdisabled"),
            "carrier": one.get("lineProtocolStatus") == "up",
            **({"mtu": mtu} if isinstance(mtu, int) else {}), **({"vrf": vrf} if vrf != "default" else {}),
            **({"description": str(one["description"])} if one.get("description") else {}),
            "addresses": _addresses4(one)}


def _addresses4(one: Dict) -> list[Dict]:
    """The first address, then secondary ones, then those that a pair of switches shares."""
    held = one.get("interfaceAddress") or {}
    if isinstance(held, list):
        held = held[0] if held else {}
    found = []
    for entry, more in [(held.get("primaryIp"), {}), *((entry, {"secondary": True})
                        for entry in held.get("secondaryIpsOrderedList") or ()), (held.get("virtualIp"), {})]:
        address = words.interface_address(str(entry["address"]), str(entry["maskLen"])) if entry else None
        if address and address["address"] != "0.0.0.0" and address not in found:
            found.append({**address, **more})
    return found


def _addresses6(one: Dict) -> list[Dict]:
    found = []
    local = one.get("linkLocal") or {}
    for entry, more in [(local, {"scope": "link"}), *((entry, {}) for entry in one.get("addresses") or ())]:
        length = str(entry.get("subnet") or "/64").rpartition("/")[2]
        address = words.interface_address(str(entry.get("address")), length)
        if address:
            found.append({**address, **more})
    return found


def _configured(below: Dict) -> Dict:
    found = {}
    line = r"(?P<kind>service-policy type pbr input|ip access-group) (?P<name>\S+)(?: in)?"
    for match, _below in starting(below, line):
        found["policy" if match["kind"].startswith("service") else "access_list_in"] = match["name"]
    return found


def _vrfs(asking: Asking) -> list[str]:
    """VRFs with interfaces, by what the interfaces say: an empty one routes nothing."""
    return ["default", *sorted({one["vrf"] for one in asking.facts["interfaces"].values() if "vrf" in one})]


def _neighbours6(asking: Asking, vrf: str) -> list[Dict]:
    try:
        return vrf_of(document(asking, f"show ipv6 neighbors vrf {vrf}"), vrf).get("ipV6Neighbors") or []
    except Rejected:
        return []  # IPv6 is off


def _neighbour(entry: Dict) -> Dict | None:
    address, mac = words.address(str(entry.get("address"))), words.mac(str(entry.get("hwAddress") or ""))
    device = str(entry.get("interface") or "").split(",", maxsplit=1)[0]
    if not address or not device:
        return None
    return {"family": words.family_of(address), "address": address, "device": device, **({"mac": mac} if mac else {}),
            "state": "reachable"}


def _chip_drops(answer: Dict) -> dict[str, Dict]:
    """By name of the counter, over all chips."""
    found: dict[str, Dict] = {}
    for chip in (answer.get("dropEvents") or {}).values():
        for one in chip.get("dropEvent") or ():
            name, count = str(one.get("counterName") or ""), one.get("dropCount")
            if name and isinstance(count, int):
                entry = found.setdefault(name, {"name": name, "packets": 0, "meaning": _meaning(name)})
                entry["packets"] += count
    return found


def _meaning(name: str) -> str:
    if re.search(r"urpf|rpf", name, re.I):
        return "reverse_path"
    return "policy" if re.search(r"acl", name, re.I) else "other"


def _vrrp_text(asking: Asking) -> list[Dict]:
    """``Et3  10  default  110  Master  10.10.0.1  10.10.0.254``, of releases without JSON."""
    try:
        text = asking.ask("show vrrp brief")
    except Rejected:
        return []  # no VRRP here
    return [{"interface": match["device"], "groupId": int(match["group"]), "priority": int(match["priority"]),
             "state": match["role"], "virtualIp": match["address"]}
            for match in filter(None, map(_VRRP.match, text.splitlines()))]


def _up(said: object, fine: str) -> bool | None:
    return None if said is None else said == fine


def _log_reason(line: str) -> str:
    match = re.search(r"%(?P<id>[A-Z0-9_]+-\d-[A-Z0-9_]+)", line)
    return match["id"] if match else ""
