# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Translation rules of a device as nat chains."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.device import ways

Facts = t.Mapping[str, t.Any]
Dict = dict[str, t.Any]
_INVALID: Dict = {"left": "ct state", "op": "==", "right": ["invalid"]}


def nat_chains(entries: t.Sequence[Facts], interfaces: t.Mapping[str, Dict], stateful: bool) -> list[Dict]:
    """Chains for the translation of destinations, before routing, and of sources, after it; first match wins.

    A router (not ``stateful``) translates also packets of connections whose first packet it did not see, which
    connection tracking does not: what becomes of those that an entry matches is not known.
    """
    listed = [one for one in entries if one.get("enabled", True)]
    if not listed:
        return []
    halves = {half: list(_for(listed, half)) for half in ("destination", "source")}
    before, after = ([rule for one in halves[half] for rule in _rules(one, interfaces, half)] for half in halves)
    found = [_chain("prerouting", -100, before), _chain("postrouting", 100, after)]
    if not stateful:
        found += [_unseen(half, hook, halves[half], interfaces)
                  for half, hook in (("destination", "prerouting"), ("source", "forward"))]
    return found


def _unseen(half: str, hook: str, entries: t.Sequence[Facts], interfaces: t.Mapping[str, Dict]) -> Dict:
    """The chain that asks about packets in the middle of a connection that is not known."""
    rules = []
    for rule in (rule for one in entries for rule in _rules(one, interfaces, half, tracked=False)):
        doubt = {"unknown": "the router may translate a packet of a connection that did not begin here"}
        nothing = rule["verdict"] == {"do": "accept"}
        rules.append({**rule, "matches": [_INVALID, *rule["matches"], *([] if nothing else [doubt])],
                      "verdict": rule["verdict"] if nothing else {"do": "drop"}})
    return {**_chain(f"unseen_{hook}", -90, rules), "type": "filter", "hook": hook}


def _for(entries: t.Sequence[Facts], half: str) -> t.Iterator[Facts]:
    """The entries that matter in one half: one that translates nothing does only before one that would."""
    kinds = (half, "static")
    last = max((number for number, one in enumerate(entries) if one["kind"] in kinds), default=-1)
    return (one for number, one in enumerate(entries) if number <= last and one["kind"] in (*kinds, "none"))


def _chain(hook: str, priority: int, rules: list[Dict]) -> Dict:
    return {"family": "inet", "table": "translation", "name": hook, "type": "nat", "hook": hook, "priority": priority,
            "policy": "accept", "rules": rules}


def _rules(entry: Facts, interfaces: t.Mapping[str, Dict], half: str, tracked: bool = True) -> t.Iterator[Dict]:
    """The entry's rule in the chain of its half; one that translates nothing only ends the search there."""
    for family, word in ((4, "ip"), (6, "ip6")):
        verdict = _verdict(entry, half, family)
        if verdict is None:
            continue
        matches: list[Dict] = [{"left": "meta nfproto", "op": "==", "right": "ipv4" if family == 4 else "ipv6"}]
        matches += _places(entry, interfaces, half)
        for key, side in (("sources", "saddr"), ("destinations", "daddr")):
            if entry.get(key):
                # after translation of the destination, rules of sources see the new one
                left = f"ct original {word} {side}" if half == "source" and tracked else f"{word} {side}"
                matches.append({"left": left, "op": "in", "right": list(entry[key])})
        if entry.get("protocol"):
            matches.append({"left": "meta l4proto", "op": "==", "right": entry["protocol"]})
        for key in ("sports", "dports"):
            if entry.get(key):
                ranges: list[t.Any] = [{"range": list(one)} for one in entry[key]]
                matches.append({"left": f"th {key[:-1]}", "op": "in", "right": ranges})
        matches += [{"unknown": text} for text in entry.get("unknown", ())]
        yield {"handle": 0, "text": entry["name"], "comment": entry["name"], "matches": matches, "statements": [],
               "verdict": verdict}


def _places(entry: Facts, interfaces: t.Mapping[str, Dict], half: str) -> t.Iterator[Dict]:
    for side, left in (("in", "meta iifname"), ("out", "meta oifname")):
        names = [ways.full_name(name, interfaces) for name in entry.get(f"interfaces_{side}", ())]
        zones = entry.get(f"zones_{side}", ())
        names += [name for name, one in interfaces.items() if one.get("zone") in zones] if zones else []
        if not names and not entry.get(f"interfaces_{side}") and not zones:
            continue
        if side == "out" and half == "destination":
            yield {"unknown": "the way out, which is not chosen yet"}
        else:
            yield {"left": left, "op": "in", "right": names}


def _verdict(entry: Facts, half: str, family: int) -> Dict | None:
    kind = entry["kind"]
    if kind == "none":
        return {"do": "accept"}
    if half == "destination":
        target = entry.get("to_destination")
        if kind not in ("destination", "static") or not target or (":" in target) != (family == 6):
            return None
        return {"do": "dnat", "address": target, **_netmap(kind, target),
                **({"port": entry["to_port"]} if "to_port" in entry else {})}
    if kind not in ("source", "static"):
        return None
    if entry.get("to_interface"):
        return {"do": "masquerade"}
    sources = [one for one in entry.get("to_sources", ()) if (":" in one) == (family == 6)]
    if not sources:
        return None
    address = sources[0] if len(sources) == 1 else None
    return {"do": "snat", "address": address, **_netmap(kind, address or ""),
            **({"port": entry["to_sport"]} if "to_sport" in entry else {})}


def _netmap(kind: str, target: str) -> Dict:
    """Of one network to another, the last bits of the address stay; one that sources are given of is a pool."""
    return {"netmap": True} if kind == "static" and "/" in target else {}
