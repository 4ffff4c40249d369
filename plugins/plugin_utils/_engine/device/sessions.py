# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The sessions of a device as connection tracking: what has no session, or comes by another zone, is dropped.

A session is found by addresses and ports, and by the zone or interface that a packet comes by (PAN-OS and SRX: zone;
ASA and FortiGate: interface). The mark of the connection remembers both ends' zones.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow, FlowError

Facts = t.Mapping[str, t.Any]
Dict = dict[str, t.Any]
TABLE = "sessions"
_IN, _OUT, _SHIFT = 0xFFF, 0xFFF000, 12
_NEW, _REPLY = ("ct state", ["new"]), ("ct direction", "reply")


def is_lax(device: Facts) -> bool:
    """Whether TCP packets without a session open one, by any setting that the device told."""
    return any(one.get("weakens") for one in device.get("settings") or ())


def chains(facts: Facts, interfaces: t.Mapping[str, Dict]) -> list[Dict]:
    """The chain that drops as the device does; none for a platform that keeps no sessions."""
    device = facts["device"]
    key = device.get("session_key")
    if not key:
        return []
    rules = [*_refused(facts), *_without_session(device)]
    if key != "none":
        rules += _by_zone(key, interfaces)
    return [{"family": "inet", "table": TABLE, "name": "forward", "type": "filter", "hook": "forward", "priority": 0,
             "policy": "accept", "rules": rules}]


def connections(sessions: Facts) -> list[Dict]:
    """Sessions that the device listed, as entries of a connection table."""
    found = []
    for one in sessions.get("listed", ()):
        ports = {name: one[name] for name in ("sport", "dport") if name in one}
        back = {"sport": ports["dport"], "dport": ports["sport"]} if len(ports) == 2 else {}
        one_way = bool(one["one_way"])
        found.append({
            "protocol": one["protocol"],
            "original": {"source": one["source"], "destination": one["destination"], **ports},
            "reply": {"source": one.get("reply_source", one["destination"]),
                      "destination": one.get("reply_destination", one["source"]), **back},
            "status": [] if one_way else ["seen-reply"], "unreplied": one_way, "mark": 0, "zone": 0, "timeout": 0,
            **({"packets": one["packets"]} if "packets" in one else {}),
        })
    return found


def _match(left: str, right: t.Any, op: str = "==", **more: t.Any) -> Dict:
    return {"left": left, "op": op, "right": right, **more}


def _rule(text: str, matches: t.Sequence[Dict], drops: bool = True, statements: t.Sequence[Dict] = ()) -> Dict:
    return {"handle": 0, "text": text, "comment": text, "matches": list(matches), "statements": list(statements),
            **({"verdict": {"do": "drop"}} if drops else {})}


def _refused(facts: Facts) -> t.Iterator[Dict]:
    """Flows that the device itself says it drops."""
    for one in facts.get("lookups", ()):
        if one.get("verdict") != "drop":
            continue
        try:
            flow = Flow.parse(one["flow"])
        except FlowError:
            continue
        if (one.get("source"), one.get("destination")) not in ((None, None), (flow.source, flow.destination)):
            continue  # its answer to a reply as the first packet says nothing of a reply
        family = "ip6" if flow.family == 6 else "ip"
        ports = [_match(f"{flow.protocol} dport", flow.dport)] if flow.dport is not None else []
        yield _rule(f"{one['command']}: {one.get('reason') or 'drop'}", [
            _match(*_NEW), _match(f"{family} saddr", flow.source), _match(f"{family} daddr", flow.destination),
            _match("meta l4proto", flow.protocol), *ports])


def _without_session(device: Facts) -> t.Iterator[Dict]:
    """Packets in the middle of a flow of which the device has no session."""
    unsure = [one for one in device.get("settings") or () if one.get("weakens") is None]
    scoped = [one for one in device.get("settings") or () if one.get("weakens") and one["scope"] != "device"]
    doubts = [{"unknown": f"{one['name']} of {one['scope']} is {one['value']}"} for one in (*unsure, *scoped)]
    if not is_lax(device) or scoped:
        yield _rule("a packet of no session", [_match("ct state", ["invalid"]), *doubts])
    policy = {"unknown": "the policy of the device"}
    text = "a packet that would open a session in the middle of a flow: whether the policy permits it was not read"
    yield _rule(text, [_match(*_NEW), _match("packet first", 0), policy])
    yield _rule(text, [_match("ct state", ["invalid"]), policy])


def _by_zone(key: str, interfaces: t.Mapping[str, Dict]) -> t.Iterator[Dict]:
    """A session belongs to the zones of its first packet."""
    members: dict[str, list[str]] = {}
    for name, one in interfaces.items():
        members.setdefault(one.get("zone") or f"interface {name}", []).append(name)
    numbered = list(enumerate(sorted(members.items()), 1))  # alike on all members of a pair
    for number, (zone, names) in numbered:
        yield _rule(f"in by {zone}", [_match(*_NEW), _match("meta iifname", names, "in")], False,
                    [{"do": "set_ct_mark", "value": number, "mask": _IN}])
        yield _rule(f"out by {zone}", [_match(*_NEW), _match("meta oifname", names, "in")], False,
                    [{"do": "set_ct_mark", "value": number << _SHIFT, "mask": _OUT}])
    known = _match("ct state", ["established"])
    for number, (zone, names) in numbered:
        here, there = _match("meta iifname", names, "in"), _match("meta oifname", names, "in")
        yield _rule(f"a reply that comes in by {zone}, and its session leaves by another", [
            known, _match(*_REPLY), here, _match("ct mark", number << _SHIFT, "!=", mask=_OUT)])
        yield _rule(f"a packet that comes in by {zone}, and its session by another", [
            known, _match("ct direction", "original"), here, _match("ct mark", number, "!=", mask=_IN)])
        doubt = [] if key == "zone" else [{"unknown": "which way the device sends replies of the session"}]
        yield _rule(f"a reply that would leave by {zone}, and its session came by another", [
            known, _match(*_REPLY), there, _match("ct mark", number, "!=", mask=_IN), *doubt])
