# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Our nft table as it is on a host: read from ``nft -j``, and as text for a diff."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import NFT_FAMILY, NFT_TABLE
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_entry import MARK, NatEntry

CHAIN = "postrouting"
PRIORITY = 95  # srcnat - 5: in front of the host's own source NAT, as the first translation is final
CHAIN_BODY = "type nat hook postrouting priority srcnat - 5; policy accept;"
SET_PREFIX = "snat_"
Data = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class LiveRule:
    """One rule of our chain; ``form`` is its small form without text, None where it holds something unknown."""

    handle: t.Optional[int]
    comment: str
    text: str
    form: t.Optional[Data]

    @property
    def ours(self) -> bool:
        return self.comment.startswith(MARK)


@dataclasses.dataclass(frozen=True)
class NatTable:
    """What stands in our table. Elements are as nft prints them: addresses, prefixes, ranges."""

    exists: bool = False
    chain: bool = False
    rules: tuple[LiveRule, ...] = ()
    sets: t.Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    set_bodies: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    others: tuple[str, ...] = ()  # names of chains and objects that are not of source_nat


def parse_table(data: Data, listing: str) -> NatTable:
    """Read the answers of ``nft -j list table`` and ``nft -s -a list table``; raises PlanError."""
    texts = _texts_by_handle(listing)
    table = NatTable(exists=True)
    rules: list[LiveRule] = []
    for item in data.get("nftables", ()):
        if "chain" in item:
            table = _with_chain(table, item["chain"])
        elif "set" in item:
            table = _with_set(table, item["set"])
        elif "rule" in item and item["rule"]["chain"] == CHAIN:
            rule = item["rule"]
            text = texts.get(rule["handle"], "")
            rules.append(LiveRule(rule["handle"], rule.get("comment", ""), text, small_form(rule["expr"])))
        elif not {"metainfo", "table", "rule"} & set(item):
            table = dataclasses.replace(table, others=(*table.others, next(iter(item))))
    return dataclasses.replace(table, rules=tuple(rules))


def table_from_facts(netfilter: Data) -> NatTable:
    """Our table as the facts (small form) hold it."""
    chains = [c for c in netfilter.get("chains", ()) if (c.get("family"), c.get("table")) == (NFT_FAMILY, NFT_TABLE)]
    found = [s for s in netfilter.get("sets", ()) if (s.get("family"), s.get("table")) == (NFT_FAMILY, NFT_TABLE)]
    if not chains and not found:
        return NatTable()
    table = NatTable(exists=True)
    rules: list[LiveRule] = []
    for chain in chains:
        table = _with_chain(table, {**chain, "prio": chain.get("priority")})
        if chain["name"] != CHAIN:
            continue
        for rule in chain.get("rules", ()):
            form = {"matches": rule.get("matches", []), "verdict": rule.get("verdict")}
            comment, text = rule.get("comment", ""), rule.get("text", "")
            if comment:  # the facts hold it apart from the text, nft prints it at the end
                text += f' comment "{comment}"'
            rules.append(LiveRule(rule.get("handle"), comment, text, form))
    for one in found:
        if not one.get("complete", True):
            raise PlanError(
                f"the facts hold only a part of set {one['name']} of our nft table: "
                "the change can be planned on the host itself only"
            )
        table = _with_set(table, {**one, "elem": list(one.get("elements", ()))})
    return dataclasses.replace(table, rules=tuple(rules))


def form_of(entry: NatEntry) -> Data:
    """What LiveRule.form is for an entry's rule."""
    form = entry.small_form()
    return {"matches": form["matches"], "verdict": form["verdict"]}


def table_text(table: NatTable) -> str:
    """What is ours in the table, much as ``nft -s list table`` prints it but with one element a line."""
    if not table.exists:
        return ""
    lines = [f"table {NFT_FAMILY} {NFT_TABLE} {{"]
    for name in sorted(table.sets):
        if not name.startswith(SET_PREFIX):
            continue
        lines.append(f"\tset {name} {{")
        lines += [f"\t\t{part.strip()}" for part in table.set_bodies[name].split(";") if part.strip()]
        if table.sets[name]:
            lines.append("\t\telements = { " + ",\n\t\t\t     ".join(table.sets[name]) + " }")
        lines.append("\t}\n")
    if table.chain:
        rules = [f"\t\t{rule.text}" for rule in table.rules if rule.ours]
        lines += [f"\tchain {CHAIN} {{", f"\t\t{CHAIN_BODY}", *rules, "\t}"]
    return "\n".join([*lines, "}"]) + "\n"


def _with_chain(table: NatTable, chain: Data) -> NatTable:
    if chain["name"] != CHAIN:
        return dataclasses.replace(table, others=(*table.others, chain["name"]))
    got = (chain.get("type"), chain.get("hook"), chain.get("prio"), chain.get("policy", "accept"))
    if got != ("nat", "postrouting", PRIORITY, "accept"):
        raise PlanError(
            f"chain {CHAIN} of table {NFT_FAMILY} {NFT_TABLE} is not ours ({' '.join(map(str, got))} instead of "
            f"{CHAIN_BODY}); remove it with 'nft delete chain {NFT_FAMILY} {NFT_TABLE} {CHAIN}' once nobody needs it"
        )
    return dataclasses.replace(table, chain=True)


def _with_set(table: NatTable, data: Data) -> NatTable:
    name = str(data["name"])
    elements = tuple(_element(item) for item in data.get("elem", ()))
    flags = data.get("flags", ["interval"])
    body = f"type {data.get('type')}; flags {','.join(flags if isinstance(flags, list) else [flags])};"
    return dataclasses.replace(table, sets={**table.sets, name: elements}, set_bodies={**table.set_bodies, name: body})


def _element(item: t.Any) -> str:
    if isinstance(item, dict) and "elem" in item:  # with a comment or a timeout around it
        item = item["elem"]["val"]
    if isinstance(item, dict) and "prefix" in item:
        return f"{item['prefix']['addr']}/{item['prefix']['len']}"
    if isinstance(item, dict) and "range" in item:
        return f"{item['range'][0]}-{item['range'][1]}"
    return str(item)


def small_form(expression: t.Iterable[Data]) -> t.Optional[Data]:
    """The JSON of a rule of our kind in the small form; None where it holds anything else."""
    matches: list[Data] = []
    verdict: t.Optional[Data] = None
    for item in expression:
        if "match" in item and item["match"].get("op") == "==":
            left = _left(item["match"]["left"])
            if left is None:
                return None
            matches.append({"left": left, "op": "==", "right": _right(item["match"]["right"])})
        elif "snat" in item and verdict is None and set(item["snat"]) <= {"addr", "family"}:
            family = 6 if item["snat"].get("family") == "ip6" else 4
            verdict = {"do": "snat", "family": family, "address": str(item["snat"]["addr"])}
        elif "counter" not in item:
            return None
    return {"matches": matches, "verdict": verdict}


def _left(left: t.Any) -> t.Optional[str]:
    if isinstance(left, dict) and set(left) == {"meta"}:
        return f"meta {left['meta']['key']}"
    if isinstance(left, dict) and set(left) == {"payload"} and "protocol" in left["payload"]:
        return f"{left['payload']['protocol']} {left['payload']['field']}"
    return None


def _right(right: t.Any) -> t.Any:
    if isinstance(right, dict) and "set" in right:
        return [_element(item) if isinstance(item, dict) else item for item in right["set"]]
    if isinstance(right, dict) and "prefix" in right:
        return _element(right)
    return right


def _texts_by_handle(listing: str) -> dict[int, str]:
    texts = {}
    for line in listing.splitlines():
        text, mark, handle = line.strip().rpartition(" # handle ")
        if mark and handle.isdigit() and not text.endswith("{"):
            texts[int(handle)] = text
    return texts
