# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""``nft -j list ruleset`` in the small form of the facts schema. Pure.

A rule of the small form does its statements only where all its matches hold. nft goes from left to
right instead: ``meta mark set 1 tcp dport 80 accept`` marks every packet. Such a rule becomes two.
What is not understood is kept as ``unknown``, never guessed.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import nft_text
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.nft_expressions import (
    NotUnderstood,
    as_text,
    dscp_number,
    element_of,
    left_and_mask,
    left_of,
    map_of,
    mark_change,
    match_of,
)

Dict = dict[str, t.Any]
MAX_ELEMENTS = 1000  # of one set
_PLAIN_VERDICTS = ("accept", "drop", "return", "continue")
_NAT = ("snat", "dnat", "masquerade", "redirect")
# statements that neither stop a packet nor change its path, under their names in the small form
_HARMLESS = {
    **{"log": "log", "counter": "counter", "dup": "dup", "last": "last"},
    **{"ct helper": "ct_helper", "ct timeout": "ct_timeout"},
}
_MAPPED = {"prefix", "range", "concat"}  # objects that are values of a map, not verdicts
_MAY_STOP = ("limit", "quota")
_ENDS = ("queue", "tproxy", "fwd", "synproxy", "xt")  # the packet may leave the rules in a way that is not modelled
_READS = {
    **{"meta mark": "set_mark", "ct mark": "set_ct_mark", "ct zone": "set_zone", "ct state": "notrack"},
    **{"ip dscp": "set_tos", "ip6 dscp": "set_tos"},
}


def parse(ruleset: t.Mapping[str, t.Any], dormant: t.Collection[tuple[str, str]] = ()) -> Dict:
    """Chains and sets of a ruleset: ``{chains, sets}``.

    ``dormant`` are the tables (family, name) that are switched off; nft's JSON does not always say so.
    """
    objects = [dict(item) for item in ruleset.get("nftables", ())]
    counters = {
        (data["family"], data["table"], data["name"]): {"packets": data["packets"], "bytes": data["bytes"]}
        for item in objects
        for data in [item.get("counter")]
        if data
    }
    chains: dict[tuple[str, str, str], Dict] = {}
    sets = []
    for item in objects:
        ((kind, data),) = item.items()
        if (data.get("family"), data.get("table")) in dormant:
            continue
        if kind == "chain":
            chains[data["family"], data["table"], data["name"]] = _chain(data)
        elif kind == "rule":
            chain = chains[data["family"], data["table"], data["chain"]]
            chain["rules"] += parse_rule(data, counters)
        elif kind in ("set", "map"):
            sets.append(_set(data))
    _name_devices(chains.values(), objects)
    _doubt_dynamic_sets(chains.values(), sets)
    return {"chains": list(chains.values()), "sets": sets}


def _name_devices(chains: t.Iterable[Dict], objects: t.Iterable[Dict]) -> None:
    """Tell with each rule that hands connections to a flowtable for which devices that works."""
    tables = [item["flowtable"] for item in objects if "flowtable" in item]
    devices = {(one["family"], one["table"], one["name"]): one.get("dev", ()) for one in tables}
    for chain in chains:
        for rule in chain["rules"]:
            for statement in rule["statements"]:
                if statement["do"] == "flow_offload":
                    named = devices.get((chain["family"], chain["table"], statement["flowtable"]), ())
                    statement["devices"] = [named] if isinstance(named, str) else list(named)


def _doubt_dynamic_sets(chains: t.Iterable[Dict], sets: t.Iterable[Dict]) -> None:
    """What is not in a set that rules fill may be there by the time it is asked for."""
    filled = {
        (chain["family"], chain["table"], statement["set"])
        for chain in chains
        for rule in chain["rules"]
        for statement in rule["statements"]
        if statement["do"] == "update_set"
    }
    for one in sets:
        if (one["family"], one["table"], one["name"]) in filled:
            one["complete"] = False


def tables_with_extensions(chains: t.Iterable[Dict]) -> list[tuple[str, str]]:
    """The tables (family, name) with extensions of iptables, whose content nft does not show."""
    return sorted({
        (chain["family"], chain["table"])
        for chain in chains
        for rule in chain["rules"]
        if any(match.get("unknown", "").startswith('{"xt"') for match in rule["matches"])
    })


def _chain(data: Dict) -> Dict:
    chain = {"family": data["family"], "table": data["table"], "name": data["name"]}
    if "hook" in data:
        chain.update(type=data["type"], hook=data["hook"], priority=data["prio"], policy=data.get("policy", "accept"))
        if "dev" in data:
            chain["devices"] = data["dev"] if isinstance(data["dev"], list) else [data["dev"]]
    chain["rules"] = []
    return chain


def _set(data: Dict) -> Dict:
    """A set or map with its first elements."""
    kinds = data["type"] if isinstance(data["type"], list) else [data["type"]]
    listed = data.get("elem", [])
    result = {
        "family": data["family"],
        "table": data["table"],
        "name": data["name"],
        "type": " . ".join(str(kind) for kind in kinds),
    }
    if "map" in data:
        result["map"] = data["map"] if isinstance(data["map"], str) else " . ".join(data["map"])
    complete = len(listed) <= MAX_ELEMENTS and data.get("complete", True)
    elements = []
    for item in listed[:MAX_ELEMENTS]:
        try:
            elements.append([element_of(item[0]), _map_value(item[1])] if "map" in data else element_of(item))
        except NotUnderstood:
            complete = False
    result.update(elements=elements, complete=complete)
    return result


def _map_value(data: t.Any) -> t.Any:
    return _verdict(data) if isinstance(data, dict) and not set(data) & _MAPPED else element_of(data)


def parse_rule(data: Dict, counters: t.Mapping[tuple[str, str, str], Dict]) -> list[Dict]:
    """The rule as one rule of the small form, or as two where a statement stands before a match."""
    handle, comment = data["handle"], data.get("comment")
    text = nft_text.rule(data["expr"])
    builder = _Builder()
    counter = None
    for expression in data["expr"]:
        ((kind, what),) = expression.items()
        if kind == "counter":
            named = isinstance(what, str)
            counter = counters.get((data["family"], data["table"], what)) if named else what
        builder.add(kind, what, expression)
    rules = builder.finish()
    for rule in rules:
        rule.update(handle=handle, text=text)
        if comment:
            rule["comment"] = comment
    if counter:
        rules[-1]["counter"] = {"packets": counter["packets"], "bytes": counter["bytes"]}
    return rules


class _Builder:
    """Collects the parts of one rule, and splits it where the order would be lost."""

    def __init__(self) -> None:
        self.rules: list[Dict] = []
        self.matches: list[Dict] = []
        self.statements: list[Dict] = []
        self.verdict: Dict | None = None

    def finish(self) -> list[Dict]:
        self._close(self.verdict)
        return self.rules

    def _close(self, verdict: Dict | None) -> None:
        rule: Dict = {"matches": list(self.matches), "statements": self.statements}
        if verdict:
            rule["verdict"] = verdict
        self.rules.append(rule)
        # a limit before a match holds for what comes after it as well
        self.statements = [statement for statement in self.statements if statement["do"] in _MAY_STOP]

    def add(self, kind: str, what: t.Any, expression: Dict) -> None:
        """Add one expression of the rule."""
        if kind == "match":
            self._add_match(what, expression)
        elif kind in ("limit", "quota"):  # the rule stops here, or not: what was done before is done all the same
            self._split()
            self.statements += _statement(kind, what, expression)
        elif kind in ("mangle", "notrack", "flow", "set", "map") or kind in _HARMLESS:
            self.statements += _statement(kind, what, expression)
            if kind in ("set", "map") and what.get("stmt"):  # a limit per element, say: the rule may stop here
                self.matches.append({"unknown": as_text(expression)})
        elif kind in (*_PLAIN_VERDICTS, *_NAT, *_ENDS, "jump", "goto", "reject", "vmap"):
            if kind == "xt":  # an extension of iptables: match or target, its content is not shown
                self.matches.append({"unknown": as_text(expression)})
                if what.get("type") == "match":
                    return
            self.verdict = _verdict(expression)
        else:
            self.matches.append({"unknown": as_text(expression)})

    def _add_match(self, what: Dict, expression: Dict) -> None:
        self._split()
        try:
            match = match_of(what)
        except NotUnderstood:
            match = {"unknown": as_text(expression)}
        self.matches.append(match)

    def _split(self) -> None:
        """End the rule so far where it has statements: what comes next decides over later ones only."""
        done = [statement["do"] for statement in self.statements if statement["do"] not in _MAY_STOP]
        if done:
            self._close(None)
            # the matches so far were made before the change, the second rule would make them again after it
            self.matches = [_doubt(one, done) for one in self.matches]


def _doubt(match: Dict, changed: list[str]) -> Dict:
    """The match, or unknown where a statement in between changes what it reads."""
    reads = {_READS.get(part) for part in match.get("left", "").split(" . ")}
    return {"unknown": as_text(match)} if reads & set(changed) or "unknown" in changed else match


def _statement(kind: str, what: t.Any, expression: Dict) -> list[Dict]:
    """A statement of the small form; an inline counter is kept with the rule and needs none."""
    if kind == "counter":
        return [{"do": "counter", "name": what}] if isinstance(what, str) else []
    if kind == "mangle":
        return [_mangle(what, expression)]
    if kind == "notrack":
        return [{"do": "notrack"}]
    if kind == "flow":
        return [{"do": "flow_offload", "flowtable": str(what.get("flowtable", "")).lstrip("@")}]
    if kind in ("limit", "quota"):
        named = {"name": what} if isinstance(what, str) else {key: value for key, value in what.items() if key != "inv"}
        over = {"over": True} if isinstance(what, dict) and what.get("inv") else {}
        return [{"do": kind, **named, **over}]
    if kind in ("set", "map"):
        return [{"do": "update_set", "set": str(what.get(kind, "")).lstrip("@")}]
    return [{"do": _HARMLESS[kind], **(what if kind == "log" and isinstance(what, dict) else {})}]


def _mangle(what: Dict, expression: Dict) -> Dict:
    key, value = what["key"], what["value"]
    if isinstance(key, dict) and "ct helper" in key:
        return {"do": "ct_helper"}
    if "tcp option" in key and key["tcp option"].get("name") == "maxseg":
        return {"do": "set_mss", "value": value if isinstance(value, int) else nft_text.expression(value)}
    try:
        target = left_of(key)
        if target in ("meta mark", "ct mark"):
            do = "set_mark" if target == "meta mark" else "set_ct_mark"
            return {"do": do, **mark_change(target, value).as_dict()}
        if target.startswith("ct ") and target.endswith(" zone"):
            direction = target.split()[1]
            zone = value if isinstance(value, int) else mark_change("", value).value
            return {"do": "set_zone", "value": zone, **({"direction": direction} if direction != "zone" else {})}
        if target in ("ip dscp", "ip6 dscp") and isinstance(value, (int, str)):
            return {"do": "set_tos", "value": dscp_number(value) << 2, "mask": 0xFC}
    except NotUnderstood:
        pass
    return {"do": "unknown", "unknown": as_text(expression)}


def _verdict(expression: Dict) -> Dict:
    """The verdict of a rule or of an element of a verdict map."""
    ((kind, what),) = expression.items()
    try:
        if kind in _PLAIN_VERDICTS:
            return {"do": kind}
        if kind in ("jump", "goto"):
            return {"do": kind, "target": what["target"]}
        if kind == "reject":
            return {"do": "reject", "with": nft_text.reject(what)} if what else {"do": "reject"}
        if kind == "vmap":
            return _vmap(what)
        if kind in _NAT:
            return _nat(kind, what or {})
        if kind == "queue":
            return {"do": "queue"}
    except NotUnderstood:
        pass
    return {"do": "unknown", "unknown": as_text(expression)}


def _vmap(what: Dict) -> Dict:
    """A verdict that a map gives; raises NotUnderstood."""
    key, mask = left_and_mask(what["key"])
    verdict = {"do": "vmap", "key": key, "map": map_of(what["data"], _verdict)}
    if mask is None:
        return verdict
    if key not in ("meta mark", "ct mark") or not isinstance(mask, int):
        raise NotUnderstood(as_text(what["key"]))
    return {**verdict, "mask": mask}


def _nat(kind: str, what: Dict) -> Dict:
    """A translation; raises NotUnderstood where its address or port comes from an expression."""
    verdict: Dict = {"do": kind}
    if "family" in what:
        verdict["family"] = 6 if what["family"] == "ip6" else 4
    address = what.get("addr")
    if isinstance(address, dict) and "map" in address:
        verdict.update(key=left_of(address["map"]["key"]), map=map_of(address["map"]["data"], element_of))
    elif address is not None:
        verdict["address"] = element_of(address)
    if "port" in what:
        verdict["port"] = element_of(what["port"])
    flags = what.get("flags", [])
    flags = [flags] if isinstance(flags, str) else flags
    if "netmap" in flags:
        verdict["netmap"] = True
    if {"random", "fully-random"} & set(flags):
        verdict["random"] = True
    if "persistent" in flags:
        verdict["persistent"] = True
    return verdict
