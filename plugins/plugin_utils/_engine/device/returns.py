# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Symmetric return of policy routes: replies leave by the interface that the session came by, whatever the routes say.

The session's mark remembers the first policy that its first packet matched and the interface, in bits that the zones
do not use (sessions.py); replies take a table of their own by it. Source: Palo Alto Networks, "Policy-Based Forwarding"
(enforce-symmetric-return with a next hop address list; not where the reply's destination is in the interface's subnet).
"""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.device import ways

Facts = t.Mapping[str, t.Any]
Dict = dict[str, t.Any]
_SHIFT, _MASK = 24, 0xFF000000
_OTHER = 0xFF  # the first policy that matched has no symmetric return
_MOST = 0xFE
_FIRST_TABLE = 900_000
_ANY = {4: "0.0.0.0/0", 6: "::/0"}
_BEFORE_POLICIES = ways.FIRST_POLICY - 10


class Returns(t.NamedTuple):
    """What symmetric return adds to a device as a host."""

    chains: list[Dict]
    rules: list[Dict]
    routes: list[Dict]


def symmetric_returns(policies: t.Sequence[Facts], interfaces: t.Mapping[str, Dict]) -> Returns:
    """Nothing where no policy has it."""
    active = [one for one in policies if one.get("enabled", True)]
    if not any(one.get("symmetric_return") for one in active):
        return Returns([], [], [])
    remembering: list[Dict] = []
    found = Returns([], [], [])
    number = 0
    for policy in active:
        for name in (ways.full_name(one, interfaces) for one in policy["interfaces"]):
            value = _OTHER
            if policy.get("symmetric_return") and number < _MOST:
                number += 1
                value = number
                found.rules.extend(_rules(number))
                found.routes.extend(_routes(policy, name, interfaces.get(name, {}), number))
            remembering += _remember(policy, name, value)
    recall = [_rule("symmetric return", [_match("ct direction", "reply"), _match("ct mark", one << _SHIFT, mask=_MASK)],
                    {"do": "set_mark", "value": one}) for one in range(1, number + 1)]
    found.chains.extend([_chain("forward", 10, remembering), _chain("prerouting", -150, recall)])
    return found


def without_next_hops(policies: t.Sequence[Facts]) -> str:
    """Why replies are not followed, where one goes to the MAC address of whoever sent the request; empty elsewhere."""
    names = [one["name"] for one in policies if one.get("enabled", True) and one.get("symmetric_return")
             and not one.get("return_nexthops")]
    return f"symmetric return of {', '.join(names)} has no next hops that were read" if names else ""


def _remember(policy: Facts, interface: str, value: int) -> t.Iterator[Dict]:
    """The first packet of a session enters the policy that it matches first."""
    for entry in policy["match"] or [{}]:
        doubts = [entry["unknown"]] if "unknown" in entry else list(policy.get("unknown", ()))
        matches = [_match("ct state", ["new"]), _match("ct mark", 0, mask=_MASK), _match("meta iifname", interface)]
        for family, word in ((4, "ip"), (6, "ip6")):
            ends = [(side, [one for one in entry[key] if (":" in one) == (family == 6)])
                    for key, side in (("sources", "saddr"), ("destinations", "daddr")) if entry.get(key)]
            if any(not listed for _side, listed in ends):
                continue
            # which was before any translation that the device has made
            ours = [_match(f"ct original {word} {side}", listed, "in") for side, listed in ends]
            ours += [_match("meta nfproto", "ipv4" if family == 4 else "ipv6")]
            ours += [_match("meta l4proto", entry["protocol"])] if entry.get("protocol") else []
            ours += [_match(f"th {side}", [{"range": list(one)} for one in entry[key]], "in")
                     for key, side in (("sports", "sport"), ("dports", "dport")) if entry.get(key)]
            yield _rule(policy["name"], [*matches, *ours, *({"unknown": text} for text in doubts)],
                        {"do": "set_ct_mark", "value": value << _SHIFT, "mask": _MASK})


def _rules(number: int) -> list[Dict]:
    return [{"family": family, "priority": _BEFORE_POLICIES, "fwmark": number, "table": _FIRST_TABLE + number}
            for family in (4, 6)]


def _routes(policy: Facts, name: str, interface: Facts, number: int) -> t.Iterator[Dict]:
    """Into the interface's own networks, and by the next hops of which the sender was one."""
    table = _FIRST_TABLE + number
    for one in interface.get("addresses", ()):
        network = str(ipaddress.ip_network(f"{one['address']}/{one['prefixlen']}", strict=False))
        yield {"family": one["family"], "table": table, "dst": network, "nexthops": [{"device": name}]}
    for family in (4, 6):
        hops = [one for one in policy.get("return_nexthops", ()) if (":" in one) == (family == 6)]
        if hops:
            yield {"family": family, "table": table, "dst": _ANY[family],
                   "nexthops": [{"device": name, "gateway": one} for one in hops]}


def _match(left: str, right: t.Any, op: str = "==", **more: t.Any) -> Dict:
    return {"left": left, "op": op, "right": right, **more}


def _rule(text: str, matches: t.Sequence[Dict], statement: Dict) -> Dict:
    return {"handle": 0, "text": text, "comment": text, "matches": list(matches), "statements": [statement]}


def _chain(hook: str, priority: int, rules: list[Dict]) -> Dict:
    return {"family": "inet", "table": "symmetric_return", "name": hook, "type": "filter", "hook": hook,
            "priority": priority, "policy": "accept", "rules": rules}
