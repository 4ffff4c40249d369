# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Policy routes of a device as rules: what they match is sent to a table of its own, before the normal tables."""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import PROTOCOLS
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.device import ways

Facts = t.Mapping[str, t.Any]
Dict = dict[str, t.Any]
_FIRST_TABLE = 500_000
_ANY = {4: "0.0.0.0/0", 6: "::/0"}


def policy_rules(
    policies: t.Sequence[Facts], by_table: t.Mapping[int, t.Sequence[str]], routes: t.Sequence[Facts],
    interfaces: t.Mapping[str, Dict], vrfs: t.Mapping[str, int],
) -> tuple[list[Dict], list[Dict]]:
    """The rules of all policies, in their order, and the routes of the tables that they name.

    What an entry of a policy's match denies goes on behind the policy, with the next one.
    """
    place = {name: number for number, names in by_table.items() for name in names}
    numbered = {number: ways.Resolver(names, interfaces) for number, names in by_table.items()}
    for route in routes:
        numbered.setdefault(route["table"], ways.Resolver((), interfaces)).add(route)
    rules: list[Dict] = []
    tables: list[Dict] = []
    for number, policy in enumerate(one for one in policies if one.get("enabled", True)):
        table = _FIRST_TABLE + number
        targets = {vrf: [leg for way in _ways(policy) for leg in ways.resolve(numbered, vrf, way)] for vrf in by_table}
        tables += [_default(table + 10_000 * offset, legs)
                   for offset, legs in enumerate(targets.values()) if legs]
        offsets = {vrf: table + 10_000 * offset for offset, vrf in enumerate(targets)}
        for name in policy["interfaces"]:
            name = ways.full_name(name, place)
            where = place.get(name, ways.MAIN)
            for selector in _selectors(policy, name):
                behind = {**selector, "action": "goto", "goto": number}
                denied = behind.pop("deny", False)
                rules += [behind] if denied else _verdict(policy, selector, offsets[where], bool(targets[where]), vrfs)
        rules += [{"family": family, "action": "nop", "ends": number} for family in (4, 6)]
    return _numbered(rules), tables


def _numbered(rules: t.Sequence[Dict]) -> list[Dict]:
    """The rules with priorities; those that go behind a policy are told where that ends."""
    ends = {rule["ends"]: ways.FIRST_POLICY + index for index, rule in enumerate(rules) if rule.get("family") == 4
            and "ends" in rule}
    found = []
    for index, rule in enumerate(rules):
        plain = {key: value for key, value in rule.items() if key != "ends"}
        # both families leave a policy by rules of one priority, so that one number names the place
        plain["priority"] = ends[rule["ends"]] if "ends" in rule else ways.FIRST_POLICY + index
        if "goto" in plain and plain["goto"] != ways.NORMAL:
            plain["goto"] = ends[plain["goto"]]
        found.append(plain)
    return found


def _ways(policy: Facts) -> list[Dict]:
    device = {"device": policy["device"]} if policy.get("device") else {}
    return [{**device, "gateway": hop} for hop in policy.get("nexthops", ())] or ([device] if device else [])


def _default(table: int, legs: t.Sequence[Dict]) -> Dict:
    """The first next hop that is there: devices take the others only where it is gone."""
    family = 6 if ":" in legs[0].get("gateway", "") else 4
    return {"family": family, "table": table, "dst": _ANY[family], "nexthops": [legs[0]]}


def _selectors(policy: Facts, interface: str) -> t.Iterator[Dict]:
    """One rule's selectors for each combination that an entry of the match stands for; denying entries say so."""
    entries = policy["match"] or [{}]
    doubt = {"unknown": list(policy["unknown"])} if policy.get("unknown") else {}
    for entry in entries:
        unknown = {"unknown": [entry["unknown"]]} if "unknown" in entry else doubt
        for source, destination, sport, dport in itertools.product(
            entry.get("sources") or [None], entry.get("destinations") or [None], entry.get("sports") or [None],
            entry.get("dports") or [None],
        ):
            family = 6 if ":" in f"{source or ''}{destination or ''}{''.join(policy.get('nexthops', ()))}" else 4
            yield {
                "family": family, "iif": interface, **unknown,
                **({"src": source} if source and source != _ANY[family] else {}),
                **({"dst": destination} if destination and destination != _ANY[family] else {}),
                **_protocol(entry), **({"sport": list(sport)} if sport else {}),
                **({"dport": list(dport)} if dport else {}), **({"deny": True} if entry.get("deny") else {}),
            }


def _protocol(entry: Facts) -> Dict:
    name = entry.get("protocol", "")
    if not name:
        return {}
    number = PROTOCOLS.get(name) or (int(name) if name.isdigit() else None)
    return {"ipproto": number} if number is not None else {"unknown": [f"protocol {name}"]}


def _verdict(
    policy: Facts, selector: Dict, table: int, reachable: bool, vrfs: t.Mapping[str, int]
) -> list[Dict]:
    """The rule, and one that sends what it matched to the normal tables where it does not decide itself."""
    normal = {**selector, "action": "goto", "goto": ways.NORMAL}
    if policy["action"] == "normal":
        return [normal]
    if policy["action"] == "drop":
        return [{**selector, "action": "blackhole"}]
    if policy["action"] == "vrf":
        name = policy.get("vrf") or ""
        if name and name not in vrfs:
            return [{**selector, "unknown": [f"to VRF {name}, of which nothing was read"], "action": "unreachable"}]
        return [{**selector, "table": vrfs.get(name, ways.MAIN)}, {**selector, "action": "unreachable"}]
    return [{**selector, "table": table}, normal] if reachable else [normal]
