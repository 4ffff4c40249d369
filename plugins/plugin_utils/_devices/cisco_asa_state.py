# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a Cisco ASA holds and counts: connections, drops, failover; and its settings that let go of state."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import (
    Asking,
    Dict,
    NotUnderstood,
    Reading,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected

# Reasons of "show asp drop" and what they say about a packet. Others are kept as "other".
_MEANINGS = {
    "out_of_state": ("tcp-not-syn", "tcp-3whs-failed", "tcp-seq-past-win", "tcp-invalid-ack", "tcp-rstfin-ooo",
                     "tcp-synack-ooo", "tcp-rst-syn-in-win", "tcp-ack-syn-diff", "tcp-seq-syn-diff", "tcp-acked",
                     "tcp-discarded-ooo", "inspect-icmp-error-no-existing-conn", "inspect-icmp-seq-num-not-matched"),
    "reverse_path": ("rpf-violated",),
    "nat": ("nat-rpf-failed", "nat-xlate-failed", "nat-no-xlate-to-pat-pool"),
    "policy": ("acl-drop", "sp-security-failed"),
    "standby": ("fo-standby", "tcp-fo-drop"),
}
_MEANING = {reason: meaning for meaning, reasons in _MEANINGS.items() for reason in reasons}
_DROP = re.compile(r"^\s+(?P<text>\S.*?) \((?P<reason>[A-Za-z0-9_-]+)\)?\s+(?P<packets>[\d,]+)\s*$")

# "TCP outside: 203.0.113.9/443 inside: 10.0.0.5/51000," and, where there are zones, "zone:first(now): ..."; older
# answers join address and port with a colon.
_SIDE = (r"(?:(?P<zone{0}>[^\s:]+):(?P<first{0}>[^\s:(]+)\((?P<now{0}>[^)]+)\)|(?P<device{0}>[^\s:(]+)):? ?"
         r"(?P<address{0}>{1})(?:\([^)]*\))?[/:](?P<port{0}>\d+)")
_ADDRESS = r"[0-9A-Fa-f.:]+?"
_CONNECTION = re.compile(
    rf"^(?P<protocol>[A-Z][A-Za-z0-9]*) {_SIDE.format(1, _ADDRESS)}(?: \([^)]*\))?,? +{_SIDE.format(2, _ADDRESS)}"
    r"(?: \([^)]*\))?[, ](?P<rest>.*)$")
_FIRST_ONLY = set("sS")  # a SYN has passed, and none of the other side


def hardware(asking: Asking) -> dict[str, str]:
    """The names of interfaces (nameif), by hardware names."""
    return {match[1]: match[2] or match[1]
            for match in re.finditer(r"^ ?Interface (\S+) \"([^\"]*)\"", asking.ask("show interface"), re.M)}


def read_connections(asking: Asking) -> Reading:
    """Connections of the named flows. Bytes are counted for both directions together, so that only flags tell whether
    anything came back."""
    count = re.search(r"^(\d+) in use", asking.ask("show conn count"), re.M)
    listed: list[Dict] = []
    whys: list[str] = []
    for flow in asking.request.flows:
        command = f"show conn detail address {flow.source}"
        answer = asking.ask(command, f"show conn address {flow.source}", patience=120)
        found = [_connection(head, lines) for head, lines in words.blocks(answer, _CONNECTION)]
        mine = [_named(flow, one) for one in found if _of(flow, one)]
        lost = [line for line in answer.splitlines()
                if re.match(r"^[A-Z]{2,8} .*\d", line) and not _CONNECTION.match(line)]
        if lost:
            asking.keep(command, lost)
            whys.append(f"{len(lost)} connections of {flow.source} were not understood")
        if len(mine) > asking.request.max_sessions:
            whys.append(f"{len(mine)} connections of {flow}, more than {asking.request.max_sessions}")
        listed += mine[: asking.request.max_sessions]
    return Reading({"count": int(count[1]) if count else None, "listed": listed}, "; ".join(whys))


def _connection(head: re.Match[str], lines: t.Sequence[str]) -> Dict:
    text = " ".join([head["rest"], *(line.strip() for line in lines)])
    flags = re.search(r"flags (?P<flags>-|[A-Za-z]+)", text)
    size = re.search(r"\bbytes (?P<bytes>\d+)", text)
    opener = re.search(r"Initiator: (?P<address>[0-9A-Fa-f.:]+)", text)
    ends = [{"address": words.address(head[f"address{side}"]), "port": int(head[f"port{side}"]),
             "device": head[f"now{side}"] or head[f"device{side}"], "zone": head[f"zone{side}"],
             "began": head[f"first{side}"]} for side in "12"]
    letters = flags["flags"] if flags else ""
    if opener:
        ends.sort(key=lambda end: end["address"] != words.address(opener["address"]))
    elif head["protocol"] == "TCP" and "B" not in letters:
        ends.reverse()  # the second is the inner side, which has begun where no B says otherwise
    return {"protocol": head["protocol"].lower(), "ends": ends, "flags": letters, "ordered": bool(opener),
            "size": int(size["bytes"]) if size else None}


def _of(flow: Flow, one: Dict) -> bool:
    """Whether it is the flow: both addresses, or one of them and both ports where NAT has changed the other."""
    addresses = [end["address"] for end in one["ends"]]
    ports = {end["port"] for end in one["ends"]}
    if one["protocol"] != flow.protocol.replace("icmpv6", "icmp") or flow.source not in addresses:
        return False
    far = addresses[1 - addresses.index(flow.source)]
    if flow.protocol not in ("tcp", "udp"):
        return bool(far == flow.destination)
    if flow.dport not in ports or (flow.sport is not None and flow.sport not in ports):
        return False
    return bool(far == flow.destination) or flow.sport is not None


def _named(flow: Flow, one: Dict) -> Dict:
    ends = list(one["ends"])
    if one["protocol"] != "tcp" and not one["ordered"] and ends[0]["address"] != flow.source:
        ends.reverse()
    first, second = ends
    flags = one["flags"]
    bypass = "b" in flags
    found: Dict = {
        "flow": str(flow), "protocol": one["protocol"], "source": first["address"], "destination": second["address"],
        "sport": first["port"], "dport": second["port"], "in": first["device"], "out": second["device"],
        "one_way": None if bypass or one["protocol"] != "tcp" or not flags.strip("-") else
        bool(_FIRST_ONLY & set(flags)), **({"bypass": True} if bypass else {}),
    }
    details = [f"bytes {one['size']} of both directions together"] if one["size"] is not None else []
    for key, end in (("zone_in", first), ("zone_out", second)):
        if end["zone"]:
            found[key] = end["zone"]
        if end["began"] and end["began"] != end["device"]:
            details.append(f"began on {end['began']}, now on {end['device']}, both in zone {end['zone']}")
    return {**found, **({"state": f"flags {flags}"} if flags else {}), **({"details": details} if details else {})}


def read_drops(asking: Asking, text: str) -> dict[str, Dict]:
    """By section and reason, since several reasons count both packets and flows. The list of reasons grows with every
    release, and long ones are cut off."""
    found: dict[str, Dict] = {}
    if "drop" not in text.lower():
        raise NotUnderstood("'show asp drop' tells of no frames and no flows")
    left = []
    section = ""
    for line in text.splitlines():
        match = _DROP.match(line)
        if re.match(r"^(Frame|Flow) drop:", line):
            section = line.split()[0]
        elif match:
            found[f"{section} {match['reason']}"] = {
                "name": match["reason"], "packets": words.number(match["packets"]) or 0, "text": match["text"],
                "meaning": _MEANING.get(match["reason"], "other")}
        elif line.startswith(" "):
            left.append(line)
    asking.keep("show asp drop", left)
    return found


def read_settings(asking: Asking) -> Reading:
    """State bypass where a policy applies it, groups for asymmetric routing, and traffic zones."""
    found = _bypasses(asking)
    zones: dict[str, list[str]] = {}
    names = hardware(asking)
    for head, lines in words.blocks(asking.ask("show running-config interface"),
                                    re.compile(r"^interface (?P<name>\S+)")):
        name = names.get(head["name"], head["name"])
        for line in lines:
            group = re.match(r"^\s+asr-group (?P<number>\d+)", line)
            zone = re.match(r"^\s+zone-member (?P<name>\S+)", line)
            if group:
                found.append({"name": "asr_group", "scope": name, "value": int(group["number"]), "weakens": False})
            if zone:
                zones.setdefault(zone["name"], []).append(name)
    for zone_name, members in zones.items():
        found.append({"name": "traffic_zone", "scope": zone_name, "value": ", ".join(members), "weakens": False})
    return Reading(found)


def _bypasses(asking: Asking) -> list[Dict]:
    """Classes of applied policies whose connections are not checked; what they match is given as text."""
    applied = {match[1]: match[2].strip() for match in re.finditer(
        r"^service-policy (\S+) (global|interface \S+)", asking.ask("show running-config service-policy"), re.M)}
    matches = {head["name"]: "; ".join(line.strip() for line in lines if line.strip().startswith("match"))
               for head, lines in words.blocks(asking.ask("show running-config class-map"),
                                               re.compile(r"^class-map (?:type \S+ )?(?:match-\w+ )?(?P<name>\S+)"))}
    found: list[Dict] = []
    for head, lines in words.blocks(asking.ask("show running-config policy-map"),
                                    re.compile(r"^policy-map (?:type \S+ (?:\S+ )?)?(?P<name>\S+)\s*$")):
        where, name = applied.get(head["name"]), ""
        for line in lines:
            inside = re.match(r"^ class (?P<name>\S+)", line)
            name = inside["name"] if inside else name
            if where and "advanced-options tcp-state-bypass" in line:
                found.append({"name": "tcp_state_bypass", "scope": f"{where}, class {name}", "value": True,
                              "weakens": True, **({"text": matches[name]} if matches.get(name) else {})})
    return found or [{"name": "tcp_state_bypass", "scope": "device", "value": False, "weakens": False}]


_COUNTED = re.compile(r"^\s+(?P<name>TCP conn|UDP conn|General|Xlate_Timeout|ARP tbl|Route Session)\s+\d+\s+"
                      r"(?P<xerr>\d+)\s+\d+\s+(?P<rerr>\d+)\s*$", re.M)


def read_failover(asking: Asking) -> Reading:
    text = asking.ask("show failover")
    if re.search(r"^Failover Off", text, re.M):
        return _cluster(asking)
    if not re.search(r"^Failover On", text, re.M):
        raise NotUnderstood("'show failover' says neither On nor Off")
    own, _found, other = text.partition("Other host:")
    role = re.search(r"This host:\s+(?P<unit>Primary|Secondary)(?: - (?P<state>[^\n]+))?", own)
    peer = re.search(r"^\s*(?P<unit>Primary|Secondary)(?: - (?P<state>[^\n]+))?", other)
    groups = re.findall(r"^\s+Group (\d+)\s+State:\s+(\S.*?)\s*$", own, re.M)
    errors = _errors(text)
    one: Dict = {"mode": "active_active" if groups else "active_passive", "errors": errors}
    if role:
        alone = (role["state"] or "").strip().lower()
        states = [f"group {number} {state.lower()}" for number, state in groups] or [alone]
        one["role"] = ", ".join(filter(None, [role["unit"].lower(), *states]))
    if peer:
        one["peer"] = peer["unit"].lower()
        theirs = (peer["state"] or "").strip() or "; ".join(
            state for _number, state in re.findall(r"^\s+Group (\d+)\s+State:\s+(\S.*?)\s*$", other, re.M))
        if theirs:
            one["peer_role"] = theirs.lower()
    one.update(_synchronised(text, one.get("peer_role", "")))
    if errors and asking.request.sample_seconds > 0:
        asking.wait(asking.request.sample_seconds)
        again = _errors(asking.ask_again("show failover"))
        one["growth"] = {name: max(0, again[name] - errors[name]) for name in errors if name in again}
    return Reading(one)


def _errors(text: str) -> dict[str, int]:
    return {f"{match['name']} {kind}": int(match[kind])
            for match in _COUNTED.finditer(text) for kind in ("xerr", "rerr")}


def _synchronised(text: str, theirs: str) -> Dict:
    """Connections go over the link of stateful failover; without it, or without a peer that is ready, they do not."""
    link = re.search(r"^\s+Link : (?P<name>\S+)(?: (?P<device>\S+))?(?: \((?P<state>[^)]+)\))?", text, re.M)
    control = re.search(r"^Failover LAN Interface: (?P<name>\S+) \S+ \((?P<state>[^)]+)\)", text, re.M)
    links: dict[str, bool | None] = {}
    if control:
        links[control["name"]] = control["state"] == "up"
    if link is None:
        return {"synchronised": None, "links": links}
    if link["name"].lower().startswith("unconfigured"):
        return {"synchronised": False, "links": links, "text": "no link for stateful failover"}
    up = link["state"] == "up" if link["state"] else None
    links[link["name"]] = up
    ready = bool(re.search(r"standby ready|active", theirs)) if theirs else None
    return {"synchronised": up and ready, "links": links}


def _cluster(asking: Asking) -> Reading:
    try:
        text = asking.ask("show cluster info")
    except Rejected:
        return Reading({"mode": "none"})
    name = re.search(r"^Cluster (?P<name>\S+): On", text, re.M)
    if not name:
        return Reading({"mode": "none"})
    own = re.search(r"This is \"(?P<unit>[^\"]+)\" in state (?P<state>\S+)", text)
    return Reading({"mode": "cluster", "synchronised": None, "text": f"cluster {name['name']}",
                    **({"role": f"{own['unit']} {own['state'].lower()}"} if own else {})},
                   "whether connections of a cluster are shared is not read")
