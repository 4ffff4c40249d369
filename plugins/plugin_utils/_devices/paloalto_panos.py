# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Palo Alto PAN-OS: zones, virtual routers, policy-based forwarding, sessions whose key includes the zone."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import (
    paloalto_logs,
    paloalto_policy,
    paloalto_routes,
    paloalto_sessions,
    paloalto_sharing,
    words,
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
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.paloalto_capture import (
    QUESTIONS,
    PaloaltoCapture,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.paloalto_config import PanosConfig

_HARDWARE = re.compile(
    r"^(?P<name>[a-z][\w./-]*) +(?P<id>\d+) +\S+/(?P<state>up|down)\b\S* +(?P<mac>[0-9a-f:]{17})", re.I)
_LOGICAL = re.compile(
    r"^(?P<name>[a-z][\w./-]*) +(?P<id>\d+) +(?P<vsys>\d+) +(?:(?P<zone>\S.*?) +)??"
    r"(?P<forwarding>(?:vr|lr):\S.*?|(?:vlan|vwire|virtual-wire|tap):\S*|ha|tap|N/A) +(?P<tag>\d+) +"
    r"(?P<address>\S+)\s*$")
_MORE = re.compile(r"^\s{20,}(?P<address>[0-9A-Fa-f.:]+/\d+)\s*$")
_ARP = re.compile(
    r"^(?P<device>\S+) +(?P<address>[0-9.]+) +(?P<mac>[0-9a-f:]{17}|\(incomplete\)) +\S+ +(?P<state>[sceir])\b")
_COUNTER = re.compile(
    r"^(?P<name>[a-z][a-z0-9_]+) +(?P<value>\d+) +(?P<rate>\d+) +(?P<severity>drop|warn|error|info) +\S+ +\S+ +"
    r"(?P<text>.+)$")
_TOTALS, _DELTA = "show counter global", "show counter global filter delta yes"
_MEANINGS = {
    "flow_tcp_non_syn": "out_of_state", "flow_tcp_non_syn_drop": "out_of_state", "tcp_drop_out_of_wnd": "out_of_state",
    "tcp_out_of_sync": "out_of_state", "flow_fwd_zonechange": "zone", "flow_policy_deny": "policy",
    "flow_dos_pf_ipspoof": "reverse_path", "flow_dos_pf_ip_spoof": "reverse_path",
}
_ZONE = re.compile(r"^\s*Zone (?P<zone>.+?), vsys (?P<vsys>\S+?), profile (?P<profile>.+?)\s*$")
_ERROR = re.compile(
    r"^\s*(?P<name>[\w -]*(?:err|drop|miss)[\w -]*?)\s*[: ]\s+(?P<value>\d+)\s*$", re.M | re.I)
_STATES = {"s": "permanent", "c": "reachable", "e": "stale", "i": "incomplete"}


class PaloaltoPanos(Dialect):
    """Firewalls that find a session by addresses, ports and the zone by which a packet comes in."""

    platform = device_type = "paloalto_panos"
    names = ("paloaltonetworks.panos.panos", "panos")
    title = "Palo Alto PAN-OS"
    tier = "fake"
    session_key = "zone"
    capabilities = Capabilities(candidate=True, native_diff=True, atomic=True)
    config = PanosConfig()
    modes = r"[>#]"
    capture = PaloaltoCapture()
    errors = re.compile(r"^\s*(Unknown command|Invalid syntax|Server error|Validation Error|Command .* not supported"
                        r"|Object (?:not found|doesn't exist)|Configuration is locked|Other administrators are holding"
                        r"|.* (?:is|are) not (?:supported|available) )", re.M | re.I)
    reading = re.compile(
        r"(?:show (?:system info|interface all|arp all|(?:advanced-)?routing (?:route|summary|fib)(?: summary)?"
        r"|running (?:pbf-policy|nat-policy|tcp state)|pbf (?:rule all|return-mac all)|zone-protection"
        r"|session (?:info|id \d+|all filter [a-z0-9 .:-]+)|counter global(?: filter delta yes)?"
        r"|config (?:running|list changes|diff)|(?:config|commit)-locks|jobs all"
        r"|high-availability (?:all|interface ha[12]))"
        r"|test (?:routing fib-lookup virtual-router|advanced-routing fib-lookup logical-router) [\w .-]+ ip "
        rf"[0-9a-fA-F.:]+(?: ecmp yes)?|{paloalto_logs.QUESTION}|{paloalto_sharing.QUESTIONS}|{QUESTIONS})")

    def driver(self) -> t.Any:
        from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.paloalto_driver import PromptPanos

        return PromptPanos

    def software(self, asking: Asking) -> str:
        match = re.search(r"^sw-version: *(?P<version>\S+)", asking.ask("show system info"), re.M)
        return match["version"] if match else ""

    def interfaces(self, asking: Asking) -> Reading:
        text = asking.ask("show interface all")
        hardware = {match["name"]: match for line in text.splitlines() if (match := _HARDWARE.match(line))}
        found: Dict = {}
        current: Dict | None = None
        for line in text.splitlines():
            match, more = _LOGICAL.match(line), _MORE.match(line)
            if match:
                port = hardware.get(match["name"]) or hardware.get(match["name"].split(".")[0])
                current = found[match["name"]] = _logical(match, port)
            address = words.interface_address(more["address"]) if more else None
            if more and address and current is not None:
                current["addresses"].append({**address, **({"secondary": True} if address["family"] == 4 else {})})
        if not found:
            raise NotUnderstood("'show interface all' tells of no logical interface")
        return Reading(found)

    def routes(self, asking: Asking) -> Reading:
        return paloalto_routes.read(asking)

    def neighbours(self, asking: Asking) -> Reading:
        found = []
        for line in asking.ask("show arp all").splitlines():
            match = _ARP.match(line)
            if match:
                mac = words.mac(match["mac"])
                state = _STATES.get(match["state"], "reachable") if mac else "incomplete"
                found.append({"family": 4, "address": match["address"], "device": match["device"],
                              **({"mac": mac} if mac else {}), "state": state})
        shown = re.search(r"^total ARP entries shown *: *(?P<count>\d+)", asking.ask("show arp all"), re.M)
        whole = shown is None or int(shown["count"]) == len(found)
        return Reading(found, "" if whole else f"{len(found)} of {shown and shown['count']} entries were understood")

    def lookups(self, asking: Asking) -> Reading:
        found, why, doubts = [], "", []
        for flow in asking.request.flows:
            for source, destination in ((flow.source, flow.destination), (flow.destination, flow.source)):
                for router in paloalto_routes.routers(asking):
                    command, answer = "", ""
                    for command in paloalto_routes.lookup_commands(router, destination):
                        try:
                            answer = asking.ask(command)
                            break
                        except Rejected as error:
                            answer, why = "", str(error)
                    if not answer:
                        continue
                    why = ""
                    entry = {"flow": str(flow), "command": command, "source": source, "destination": destination,
                             "table": asking.table(paloalto_routes.name_of(router))}
                    ways = paloalto_routes.legs(answer)
                    found += [{**entry, **way} for way in ways]
                    if not ways and not re.search(r"no (?:matching )?route|result: *$", answer, re.I | re.M):
                        asking.keep(command, answer.splitlines())
                        doubts.append(f"the answer to {command!r} is not understood")
        return Reading(found, "; ".join(filter(None, [why, *doubts])))

    def reverse_path(self, asking: Asking) -> Reading:
        """The check for spoofed sources of a zone's profile: the way back must leave by the zone that it came in by."""
        found: Dict = {}
        zones, whys = _zones(asking)
        for head, lines in zones:
            line = _profile_line(lines, "discard-ip-spoof")
            if line is None:
                whys.append(f"zone {head['zone']}: discard-ip-spoof is not told")
            elif line[0] == "yes":
                for name, one in asking.facts["interfaces"].items():
                    if one.get("zone") == head["zone"]:
                        found[name] = {"mode": "feasible", "allow_default": True, "drops": line[1]}
        return Reading(found, "; ".join(whys))

    def policy_routes(self, asking: Asking) -> Reading:
        return paloalto_policy.read_forwarding(asking, _several(asking))

    def nat(self, asking: Asking) -> Reading:
        return paloalto_policy.read_nat(asking, _several(asking))

    def sessions(self, asking: Asking) -> Reading:
        return paloalto_sessions.read(asking, _several(asking))

    def drops(self, asking: Asking) -> Reading:
        """Totals; and what came to them between two readings, of which the first only sets the mark."""
        totals = _counters(asking.ask(_TOTALS))
        if not totals:
            raise NotUnderstood(f"{_TOTALS!r} tells of no counter")
        grown: dict[str, Dict] | None = None
        if asking.request.sample_seconds > 0:
            asking.ask_again(_DELTA)
            asking.wait(asking.request.sample_seconds)
            grown = _counters(asking.ask_again(_DELTA))
            totals = {**grown, **totals, **_counters(asking.ask_again(_TOTALS))}
        for name, one in totals.items():
            if grown is not None:
                one["growth"] = grown[name]["packets"] if name in grown else 0
        whole = re.search(r"Total counters shown:", asking.ask(_TOTALS))
        return Reading(list(totals.values()), "" if whole else f"the end of {_TOTALS!r} is missing")

    def settings(self, asking: Asking) -> Reading:
        found: list[Dict] = []
        zones, whys = _zones(asking)
        asymmetric = re.search(r"asymmetric path *: *(?P<action>\w+)", asking.ask("show running tcp state"), re.I)
        reject = re.search(r"reject non-SYN first packet: *(?P<value>\w+)", asking.ask("show session info"), re.I)
        action = asymmetric["action"].lower() if asymmetric else None
        lax = reject["value"].lower() not in ("true", "yes") if reject else None
        bypass = None if action is None else action == "bypass"
        found += [{"name": "asymmetric_path", "scope": "device", "value": action, "weakens": bypass},
                  {"name": "tcp_without_syn", "scope": "device", "value": lax, "weakens": lax}]
        whys += [f"the setting {one['name']} is not told" for one in found if one["value"] is None]
        for head, lines in zones:
            scope, text = f"zone {head['zone']}", f"profile {head['profile']}"
            for name, key, weak, inherited in (("asymmetric_path", "asymmetric-path", "bypass", bypass),
                                               ("tcp_without_syn", "tcp-reject-non-syn", "no", lax)):
                line = _profile_line(lines, key)
                if line is None:
                    whys.append(f"{scope}, {text}: {key} is not told")
                    continue
                value = line[0] != "yes" if key == "tcp-reject-non-syn" and line[0] in ("yes", "no") else line[0]
                found.append({"name": name, "scope": scope, "value": value, "text": text,
                              "weakens": inherited if line[0] == "global" else line[0] == weak})
        return Reading(found, "; ".join(whys))

    def load_sharing(self, asking: Asking) -> Reading:
        return paloalto_sharing.read(asking)

    def fhrp(self, asking: Asking) -> Reading:
        """Only a pair in which both are active has addresses that float."""
        if re.search(r"^\s*Mode: Active-Active", asking.ask("show high-availability all"), re.M):
            return Reading([], "floating addresses of an active-active pair are not read")
        return Reading([])

    def ha(self, asking: Asking) -> Reading:
        text = asking.ask("show high-availability all")
        if re.search(r"not enabled", text, re.I) and "Mode:" not in text:
            return Reading({"mode": "none"})
        local, _mark, rest = text.partition("Peer Information:")
        mode = re.search(r"Mode: Active-(?P<mode>Passive|Active)", local)
        state = re.search(r"^\s+State: (?P<state>[\w-]+)", local, re.M)
        peer = re.search(r"^\s+State: (?P<state>[\w-]+)", rest, re.M)
        address = re.search(r"Management IPv4 Address: (?P<address>[0-9.]+)", rest)
        shared = re.search(r"State Synchronization: (?P<state>\w+)", text)
        value: Dict = {
            "mode": f"active_{mode['mode'].lower()}" if mode else None,
            "synchronised": shared["state"].lower() == "complete" if shared else None,
            "links": {name: found["state"].lower() == "up"
                      for name, found in ((name, _link(local, name)) for name in ("HA1", "HA2")) if found},
            **({"role": state["state"]} if state else {}), **({"peer_role": peer["state"]} if peer else {}),
            **({"peer": address["address"]} if address else {}),
        }
        why = "" if mode and shared else "the mode or the state of synchronisation is not told"
        try:
            return _with_errors(asking, value, why)
        except Rejected as error:
            return Reading(value, "; ".join(filter(None, [why, f"errors of HA2 are not known: {error}"])))

    def logs(self, asking: Asking) -> Reading:
        return paloalto_logs.read(asking, _several(asking))


def _logical(match: re.Match[str], port: re.Match[str] | None) -> Dict:
    kind, _colon, router = match["forwarding"].partition(":")
    address = words.interface_address(match["address"])
    up = port["state"].lower() == "up" if port else False
    mac = words.mac(port["mac"]) if port else None
    vrf = router if kind in ("vr", "lr") and paloalto_routes.name_of(router) else ""
    return {"up": up if port else True, "carrier": up if port else None, "addresses": [address] if address else [],
            **({"mac": mac} if mac and mac != "00:00:00:00:00:00" else {}), **({"vrf": vrf} if vrf else {}),
            **({"zone": match["zone"]} if match["zone"] else {})}


def _zones(asking: Asking) -> tuple[list[tuple[re.Match[str], list[str]]], list[str]]:
    """The zones that have a profile, with its lines; and why they are not known, where they are not."""
    command = "show zone-protection"
    text = asking.ask(command)
    found = list(words.blocks(text, _ZONE))
    if found or not text.strip() or re.search(r"protection profile: *0\b", text):
        return found, []
    asking.keep(command, text.splitlines())
    return [], [f"{command!r} is not understood"]


def _several(asking: Asking) -> str:
    """Why rules and sessions are not all read, on a firewall that is divided; empty where it is one."""
    if re.search(r"^multi-vsys: *on", asking.ask("show system info"), re.M):
        return "the firewall is divided into virtual systems: read are those that this session stands in"
    return ""


def _counters(text: str) -> dict[str, Dict]:
    """Counters of drops, and those others that bear on state."""
    found: dict[str, Dict] = {}
    for line in text.splitlines():
        match = _COUNTER.match(line.rstrip())
        if match and (match["severity"] == "drop" or match["name"] in _MEANINGS):
            found[match["name"]] = {"name": match["name"], "packets": int(match["value"]), "text": match["text"],
                                    "meaning": _MEANINGS.get(match["name"], "other")}
    return found


def _profile_line(lines: list[str], key: str) -> tuple[str, int | None] | None:
    """The value of a zone profile's setting, and how many packets it has dropped."""
    for line in lines:
        match = re.match(rf"\s*{re.escape(key)}[\s:]+(?:enabled: *)?(?P<value>[a-z]+)", line)
        if match:
            dropped = re.search(r"dropped: *(\d+)", line)
            return match["value"], int(dropped[1]) if dropped else None
    return None


def _link(text: str, name: str) -> re.Match[str] | None:
    return re.search(rf"{name} (?:Control|Data) Link Information:.*?Link State: (?P<state>\w+)", text, re.S)


def _errors(text: str) -> Dict:
    return {f"ha2 {match['name']}": int(match["value"]) for match in
            _ERROR.finditer(text)}


def _with_errors(asking: Asking, value: Dict, why: str) -> Reading:
    before = _errors(asking.ask("show high-availability interface ha2"))
    if asking.request.sample_seconds <= 0:
        return Reading({**value, "errors": before}, why)
    asking.wait(asking.request.sample_seconds)
    after = _errors(asking.ask_again("show high-availability interface ha2"))
    growth = {name: max(0, number - before.get(name, 0)) for name, number in after.items()}
    return Reading({**value, "errors": after, **({"growth": growth} if growth else {})}, why)
