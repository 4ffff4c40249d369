# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What an SRX tells of its flow module: zones, sessions, what it drops, and settings that loosen it."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, Reading
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError, Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.junos_answers import (
    configuration,
    document,
    every,
    leaf,
    unknown,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.set_lines import at

_RECORDS = "show security packet-drop records"
_STATISTICS = "show security flow statistics"
_RECORD = re.compile(
    r"^(?P<time>[\d:.]+):\S* (?P<source>[0-9A-Fa-f.:]+)/(?P<sport>\d+)"
    r"-->(?P<destination>[0-9A-Fa-f.:]+)/(?P<dport>\d+);"
    r"(?P<protocol>[\w-]+),[^,]*,(?P<device>[^,]*),Dropped by (?P<reason>.+?)\s*$")
_MEANINGS = (
    (r"zone", "zone"), (r"spoof|rpf|reverse.?path", "reverse_path"), (r"mnha|ha flow|backup", "standby"),
    (r"\bsyn\b|sequence|seq |out of window|first packet|\btcp\b.*(state|check)", "out_of_state"),
    (r"\bnat\b", "nat"), (r"polic|denied", "policy"),
)
_COPIES = ("backup", "warm")
_MAX_EXTENSIVE = 16  # interfaces that are asked one by one for what was dropped there


def zones(asking: Asking) -> dict[str, str] | None:
    """The zone of each interface; None where the device has no zones: it is no SRX. Raises DeviceError."""
    try:
        answer = document(asking, "show security zones")
    except Rejected as error:
        if unknown(error):
            return None
        raise
    found = {}
    for one in every(answer, "zones-security"):
        for names in every(one, "zones-security-interface-name"):
            found[str(names.get("data", "")).strip()] = leaf(one, "zones-security-zonename")
    return {name: zone for name, zone in found.items() if name and zone}


def keeps_sessions(asking: Asking) -> bool:
    """Whether packets of IPv4 go through the flow module: there are zones, and it is not in packet mode."""
    try:
        if zones(asking) is None:
            return False
    except DeviceError:
        return True  # zones are there, and not for this account
    try:
        status = asking.ask("show security flow status")
    except DeviceError:
        return True
    return not re.search(r"Inet forwarding mode: *packet based", status, re.I)


# Sessions ----------------------------------------------------------------------------------------------------------


def read_sessions(asking: Asking) -> Reading:
    """Sessions of the named flows, whichever side opened them."""
    listed: dict[tuple[t.Any, ...], Dict] = {}
    where = zones(asking) or {}
    for flow in asking.request.flows:
        for side in (flow, flow.reversed()):
            for one in every(document(asking, _session_command(side)), "flow-session"):
                session = _session(one, flow, where)
                if session:
                    _add(listed, session)
    summary = asking.ask("show security flow session summary")
    found = list(listed.values())[: asking.request.max_sessions]
    why = f"more than {asking.request.max_sessions} sessions of the flows" if len(listed) > len(found) else ""
    return Reading({"count": _largest(r"Sessions-in-use: *(\d+)", summary),
                    "max": _largest(r"Maximum-sessions: *(\d+)", summary), "listed": found}, why)


def _add(listed: dict[tuple[t.Any, ...], Dict], session: Dict) -> None:
    """Each node of a cluster lists a session; the copy of the one that does not forward it is a detail."""
    key = tuple(session.get(name) for name in ("protocol", "source", "sport", "destination", "dport", "in", "out"))
    known = listed.get(key)
    if known is None or (known["state"] in _COPIES and session["state"] not in _COPIES):
        listed[key] = session
    if known is not None and (known["state"] in _COPIES) != (session["state"] in _COPIES):
        listed[key].setdefault("details", []).append("a copy is on the other node")


def _session_command(side: Flow) -> str:
    ports = [f"source-port {side.sport}"] if side.sport else []
    ports += [f"destination-port {side.dport}"] if side.dport else []
    protocol = "icmp6" if side.protocol == "icmpv6" else side.protocol
    return " ".join(["show security flow session", f"source-prefix {side.source}",
                     f"destination-prefix {side.destination}", f"protocol {protocol}", *ports])


def _session(one: Dict, flow: Flow, where: t.Mapping[str, str]) -> Dict | None:
    """A session with its two wings; None where it is not one of the flow."""
    wings = {leaf(wing, "direction").lower(): wing for wing in every(one, "flow-information")}
    there, back = wings.get("in"), wings.get("out")
    if there is None or back is None:
        return None
    source, destination = (words.address(leaf(there, f"{end}-address")) for end in ("source", "destination"))
    if not source or not destination or {source, destination} != {flow.source, flow.destination}:
        return None
    counts = [words.number(leaf(wing, "pkt-cnt")) for wing in (there, back)]
    octets = [words.number(leaf(wing, "byte-cnt")) for wing in (there, back)]
    state = leaf(one, "session-state") or leaf(one, "status")
    found: Dict = {
        "flow": str(flow), "id": leaf(one, "session-identifier"), "protocol": leaf(there, "protocol").lower(),
        "source": source, "destination": destination, "sport": words.number(leaf(there, "source-port")),
        "dport": words.number(leaf(there, "destination-port")), "in": leaf(there, "interface-name"),
        "out": leaf(back, "interface-name"), "zone_in": where.get(leaf(there, "interface-name")),
        "zone_out": where.get(leaf(back, "interface-name")), "state": state.lower() or "unknown",
        "packets": counts if None not in counts else None, "bytes": octets if None not in octets else None,
        "reply_source": words.address(leaf(back, "source-address")),
        "reply_destination": words.address(leaf(back, "destination-address")),
        "details": [f"policy {leaf(one, 'policy')}"] if leaf(one, "policy") else None,
    }
    if flow.protocol.startswith("icmp"):
        found.update(sport=None, dport=None)  # they are the sequence and the identifier there
    return {**{key: one for key, one in found.items() if one not in (None, "")}, "one_way": _one_way(counts, state)}


def _one_way(counts: list[int | None], state: str) -> bool | None:
    """Nothing counts on the node that only keeps the copy of a session."""
    there, back = counts
    if state.lower() in _COPIES or not there or back is None:
        return None
    return back == 0


def _largest(pattern: str, text: str) -> int | None:
    return max(map(int, re.findall(pattern, text)), default=None)


# Drops -------------------------------------------------------------------------------------------------------------


def extensive(asking: Asking, name: str, again: bool = False) -> str:
    command = f"show interfaces {name} extensive"
    return asking.ask_again(command) if again else asking.ask(command)


def rpf_failures(text: str) -> int | None:
    """Packets of ``RPF Failures: Packets: 12, Bytes: 720``, of both families; None where it is not told."""
    found = re.findall(r"RPF Failures: *Packets: *(\d+)", text)
    return sum(map(int, found)) if found else None


def read_drops(asking: Asking) -> Reading:
    """Counters of the flow module and of interfaces, and the records of packets where the release has them."""
    checked = [*(asking.facts["device"].get("reverse_path") or {})]
    named = [name for name, one in asking.facts["interfaces"].items() if one["up"] and one.get("zone")]
    wanted = list(dict.fromkeys([*checked, *named]))
    whys = [f"only {_MAX_EXTENSIVE} of {len(wanted)} interfaces were asked"] if len(wanted) > _MAX_EXTENSIVE else []
    flow_module = keeps_sessions(asking)
    before = _counters(asking, wanted[:_MAX_EXTENSIVE], flow_module, False, whys)
    if asking.request.sample_seconds > 0:
        asking.wait(asking.request.sample_seconds)
        after = _counters(asking, wanted[:_MAX_EXTENSIVE], flow_module, True, whys)
        for key, one in after.items():
            one["growth"] = max(0, one["packets"] - before.get(key, {"packets": 0})["packets"])
        before = after
    found = [one for one in before.values() if one["packets"] or one["meaning"] == "reverse_path"]
    return Reading(found, "; ".join(dict.fromkeys(whys)))


def _counters(
    asking: Asking, names: list[str], flow_module: bool, again: bool, whys: list[str]
) -> dict[tuple[str, str], Dict]:
    found: dict[tuple[str, str], Dict] = {}
    for name in names:
        try:
            text = extensive(asking, name, again)
        except Rejected as error:
            whys.append(str(error))
            continue
        failures = rpf_failures(text)
        if failures is None and name in (asking.facts["device"].get("reverse_path") or {}):
            whys.append(f"{name} checks the reverse path and does not tell how many packets failed")
        if failures is not None:
            found["RPF failures", name] = {"name": "RPF failures", "packets": failures, "meaning": "reverse_path",
                                           "interface": name}
        for words_, number in _flow_errors(text):
            found[words_, name] = {"name": words_, "packets": number, "meaning": meaning(words_), "interface": name}
    if flow_module:
        statistics = asking.ask_again(_STATISTICS) if again else asking.ask(_STATISTICS)
        dropped = re.findall(r"Packets dropped: *(\d+)", statistics)
        if dropped:
            found["Packets dropped", ""] = {"name": "Packets dropped", "packets": sum(map(int, dropped)),
                                            "meaning": "other", "text": "all reasons of the flow module together"}
        for record in records(asking, again):
            key = record["reason"], record["device"]
            one = found.setdefault(key, {"name": record["reason"], "packets": 0, "meaning": meaning(record["reason"]),
                                         "interface": record["device"], "text": "packets in the records kept now"})
            one["packets"] += 1
    return found


def _flow_errors(text: str) -> t.Iterator[tuple[str, int]]:
    """Lines below ``Flow error statistics (Packets dropped due to):``, of which each is one reason."""
    section = re.search(r"Flow error statistics \(Packets dropped due to\): *\n(?P<lines>(?: +[^:,\n]+: +\d+ *\n?)+)",
                        text)
    for line in section["lines"].splitlines() if section else ():
        match = re.match(r" +(?P<reason>[^:]+): +(?P<number>\d+) *$", line)
        if match:
            yield match["reason"].strip(), int(match["number"])


def meaning(reason: str) -> str:
    return next((name for pattern, name in _MEANINGS if re.search(pattern, reason, re.I)), "other")


def records(asking: Asking, again: bool = False) -> list[Dict]:
    """Packets that were dropped lately, ``{time, source, destination, sport, dport, device, reason}``; none where the
    release keeps no such records."""
    try:
        text = asking.ask_again(_RECORDS) if again else asking.ask(_RECORDS)
    except Rejected:
        return []
    found, strange = [], []
    for line in text.splitlines():
        match = _RECORD.match(line.strip())
        if match:
            found.append({**match.groupdict(), "line": line.strip()})
        elif "Dropped by" in line:
            strange.append(line)
    asking.keep(_RECORDS, strange)
    return found


# Settings ----------------------------------------------------------------------------------------------------------


def read_settings(asking: Asking) -> Reading:
    """Checks of TCP that are switched off for all, and policies that ask for them all the same.

    Only no-syn-check lets packets open a session in the middle of a flow, and not in a policy that requires the check.
    """
    session = at(configuration(asking, "security flow"), "security", "flow", "tcp-session")
    required = _policies(asking)
    off = "no-syn-check" in session
    scope = "policies that do not require it" if any(one["name"] == "no_syn_check" for one in required) else "device"
    tunnel = "no-syn-check-in-tunnel" in session
    found = [
        {"name": "no_syn_check", "scope": scope, "value": off, "weakens": off},
        {"name": "no_syn_check", "scope": "tunnels", "value": tunnel, "weakens": tunnel},
        {"name": "no_sequence_check", "scope": "device", "value": "no-sequence-check" in session, "weakens": False,
         "text": "without the check of sequence numbers, a packet without a session still opens none"}]
    return Reading([*found, *required])


def _policies(asking: Asking) -> list[Dict]:
    """Policies that require a check of their own."""
    found: list[Dict] = []
    policies = at(configuration(asking, "security policies"), "security", "policies")
    for source, targets in at(policies, "from-zone").items():
        for target, below in at(targets, "to-zone").items():
            for policy, rule in at(below, "policy").items():
                found += _required(f"policy {source} > {target} {policy}", at(rule, "then", "permit", "tcp-options"))
    for policy, rule in at(policies, "global", "policy").items():
        found += _required(f"policy global {policy}", at(rule, "then", "permit", "tcp-options"))
    return found


def _required(scope: str, options: Dict) -> list[Dict]:
    names = {"syn-check-required": "no_syn_check", "sequence-check-required": "no_sequence_check"}
    return [{"name": name, "scope": scope, "value": False, "weakens": False, "text": f"tcp-options {word}"}
            for word, name in names.items() if word in options]
