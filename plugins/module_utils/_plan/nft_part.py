# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Plan a remedy's part of our nft table: chains and verdict maps whose names begin with the remedy's prefix.

One planner for every remedy that steers or drops packets by rules of its own. A part is planned as a whole and applied
as one transaction of nft. Rules carry a comment that begins with ``symmetry:``; what others have put into our table
stays, and a chain, a map or the table goes only when nothing foreign is left in it.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import NFT_FAMILY, NFT_TABLE
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Change, NftObject
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_entry import MARK
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nft_form import Form, NotOurs, form_of, text_of

PRIORITIES = {"raw": -300, "mangle": -150}  # the names that nft gives to the priorities of our chains
_BODY = re.compile(r"^type (?P<type>\w+) hook (?P<hook>\w+) priority (?P<name>[a-z]+)(?: (?P<sign>[+-]) (?P<by>\d+))?;")
_NFT_NAME = re.compile(r'^[^\s"\\*/]{1,15}$')  # what nft can hold between quotes; an asterisk would be a wildcard


@dataclasses.dataclass(frozen=True)
class PartRule:
    """A rule of ours; the comment is its name and unique in its chain."""

    comment: str
    form: Form
    handle: t.Optional[int] = None  # of a live rule

    def text(self) -> str:
        """The rule as it is given to nft."""
        return f'{text_of(self.form)} comment "{self.comment}"'


@dataclasses.dataclass(frozen=True)
class PartChain:
    """A chain and its rules of ours; without a body it is only jumped to."""

    name: str
    body: str = ""  # type filter hook prerouting priority mangle; policy accept;
    rules: tuple[PartRule, ...] = ()
    foreign: int = 0  # rules of others in a live chain


@dataclasses.dataclass(frozen=True)
class PartMap:
    """A verdict map: every key leads to a chain."""

    name: str
    key_type: str  # ifname or mark
    elements: t.Mapping[t.Union[str, int], str] = dataclasses.field(default_factory=dict)

    @property
    def body(self) -> str:
        return f"type {self.key_type} : verdict;"


@dataclasses.dataclass(frozen=True)
class Part:
    """What a remedy has in our table, or shall have."""

    prefix: str
    chains: tuple[PartChain, ...] = ()
    maps: tuple[PartMap, ...] = ()
    table: bool = False  # our table exists
    others: bool = False  # something that is not of this part is in the table

    def chain(self, name: str) -> t.Optional[PartChain]:
        return next((one for one in self.chains if one.name == name), None)

    def map(self, name: str) -> t.Optional[PartMap]:
        return next((one for one in self.maps if one.name == name), None)


def require_nft_name(interface: str, where: str) -> None:
    """Raise PlanError where nft could not name the interface."""
    if not _NFT_NAME.match(interface):
        raise PlanError(f"{where}: nft cannot name the interface {interface!r}; rename it")


def live_part(netfilter: Form, prefix: str) -> Part:
    """The part that stands, out of the ``netfilter`` part of facts; raises PlanError where it is not of our kind."""
    chains, maps = [], []
    table = others = False
    for chain in netfilter.get("chains", ()):
        if (chain.get("family"), chain.get("table")) != (NFT_FAMILY, NFT_TABLE):
            continue
        table = True
        if chain["name"].startswith(prefix):
            chains.append(_live_chain(chain))
        else:
            others = True
    for one in netfilter.get("sets", ()):
        if (one.get("family"), one.get("table")) != (NFT_FAMILY, NFT_TABLE):
            continue
        table = True
        if one["name"].startswith(prefix) and one.get("map") == "verdict":
            maps.append(_live_map(one))
        else:
            others = True
    # Only the host itself tells of an empty table and of counters, flowtables and the like.
    table, others = table or bool(netfilter.get("our_table")), others or bool(netfilter.get("our_others"))
    return Part(prefix, tuple(chains), tuple(maps), table, others)


def _live_chain(chain: Form) -> PartChain:
    ours, foreign = [], 0
    for rule in chain.get("rules", ()):
        if str(rule.get("comment", "")).startswith(MARK):
            ours.append(PartRule(rule["comment"], form_of(rule), rule.get("handle")))
        else:
            foreign += 1
    return PartChain(chain["name"], _live_body(chain), tuple(ours), foreign)


def _live_body(chain: Form) -> str:
    if "hook" not in chain:
        return ""
    number = chain["priority"]
    name, base = min(PRIORITIES.items(), key=lambda item: abs(number - item[1]))
    offset = "" if number == base else f" {'+' if number > base else '-'} {abs(number - base)}"
    policy = chain.get("policy", "accept")
    return f"type {chain['type']} hook {chain['hook']} priority {name}{offset}; policy {policy};"


def _live_map(data: Form) -> PartMap:
    if not data.get("complete", True):
        raise PlanError(f"the facts hold only a part of map {data['name']} of our nft table: plan on the host itself")
    elements = {}
    for key, verdict in data.get("elements", ()):
        elements[key] = str(verdict.get("target", verdict["do"]))
    return PartMap(data["name"], str(data["type"]), elements)


def plan_part(live: Part, wanted: Part) -> list[Change]:
    """The changes that make the part hold exactly what is wanted, in the order of one transaction; raises PlanError."""
    for chain in live.chains:
        other = wanted.chain(chain.name)
        if other is not None and other.body != chain.body:
            raise PlanError(
                f"chain {chain.name} of table {NFT_FAMILY} {NFT_TABLE} is '{chain.body}' instead of '{other.body}'; "
                f"remove it with 'nft delete chain {NFT_FAMILY} {NFT_TABLE} {chain.name}' once nobody needs it"
            )
    changes: list[Change] = []
    if wanted.chains and not live.table:
        changes.append(_add(NftObject("table")))
    new = [one for one in wanted.chains if live.chain(one.name) is None]
    changes += [_add(NftObject("chain", one.name, text=one.body)) for one in new]
    changes += [_add(NftObject("map", one.name, text=one.body)) for one in wanted.maps if live.map(one.name) is None]
    steering = [one for one in wanted.chains if one.body]
    for chain in (one for one in wanted.chains if not one.body):
        changes += _rule_changes(live.chain(chain.name), chain)
    for one in wanted.maps:
        changes += _element_changes(live.map(one.name), one)
    for chain in steering:
        changes += _rule_changes(live.chain(chain.name), chain)
    return changes + _removals(live, wanted)


def _add(item: NftObject) -> Change:
    return Change("nft", "add", after=item)


def _delete(item: NftObject) -> Change:
    return Change("nft", "delete", before=item)


def _rule_object(chain: str, rule: PartRule, after: t.Optional[str] = None) -> NftObject:
    try:
        text = rule.text()
    except NotOurs:
        raise PlanError(
            f"rule '{rule.comment}' of chain {chain} in our nft table is not one that this collection writes; "
            f"somebody has changed it: remove it with 'nft delete rule {NFT_FAMILY} {NFT_TABLE} {chain} handle "
            f"{rule.handle}'"
        ) from None
    return NftObject("rule", rule.comment, chain, text, handle=rule.handle, after=after, form=rule.form)


def _rule_changes(live: t.Optional[PartChain], wanted: PartChain) -> list[Change]:
    have = live.rules if live else ()
    order = [rule.comment for rule in wanted.rules]
    kept = [rule.comment for rule in have if rule.comment in order]
    if kept == order[: len(kept)] and len(set(kept)) == len(kept):
        changes = _deletions(wanted.name, have, set(order))
        for rule in wanted.rules:
            standing = next((one for one in have if one.comment == rule.comment), None)
            if standing is None:
                changes.append(_add(_rule_object(wanted.name, rule)))
            elif standing.form != rule.form:
                before, after = _rule_object(wanted.name, standing), _rule_object(wanted.name, rule)
                changes.append(Change("nft", "set", before=before, after=after))
        return changes
    return [*_deletions(wanted.name, have, ()), *(_add(_rule_object(wanted.name, rule)) for rule in wanted.rules)]


def _deletions(chain: str, rules: t.Sequence[PartRule], keep: t.Container[str]) -> list[Change]:
    changes = []
    before: t.Optional[str] = None
    for rule in rules:
        if rule.comment in keep:
            before = rule.comment
        else:
            changes.append(_delete(_rule_object(chain, rule, before)))
    # The inverse runs from the last to the first: each then finds its predecessor, or stands first.
    return changes


def _element_changes(live: t.Optional[PartMap], wanted: PartMap) -> list[Change]:
    have = live.elements if live else {}
    if have and live is not None and live.key_type != wanted.key_type:
        raise PlanError(f"map {wanted.name} of our nft table has keys of type {live.key_type}; remove it")
    gone = {key: value for key, value in have.items() if wanted.elements.get(key) != value}
    new = {key: value for key, value in wanted.elements.items() if have.get(key) != value}
    changes = [_delete(NftObject("element", wanted.name, elements=element_texts(gone)))] if gone else []
    return changes + ([_add(NftObject("element", wanted.name, elements=element_texts(new)))] if new else [])


def element_texts(elements: t.Mapping[t.Union[str, int], str]) -> tuple[str, ...]:
    """The elements of a verdict map as nft writes them."""
    return tuple(f"{_key(key)} : goto {chain}" for key, chain in elements.items())


def _key(key: t.Union[str, int]) -> str:
    return f"{key:#010x}" if isinstance(key, int) else f'"{key}"'


def _removals(live: Part, wanted: Part) -> list[Change]:
    changes: list[Change] = []
    going = [chain for chain in live.chains if wanted.chain(chain.name) is None]
    maps = [one for one in live.maps if wanted.map(one.name) is None]
    going.sort(key=lambda chain: not chain.body)  # what leads to the others first
    for chain in (one for one in going if one.body):
        changes += _deletions(chain.name, chain.rules, ())
    for one in maps:
        if one.elements:
            changes.append(_delete(NftObject("element", one.name, elements=element_texts(one.elements))))
        changes.append(_delete(NftObject("map", one.name, text=one.body)))
    for chain in (one for one in going if not one.body):
        changes += _deletions(chain.name, chain.rules, ())
    changes += [_delete(NftObject("chain", one.name, text=one.body)) for one in going if not one.foreign]
    if live.table and not wanted.chains and not live.others and not any(chain.foreign for chain in live.chains):
        changes.append(_delete(NftObject("table")))
    return changes


def after_part(live: Part, wanted: Part) -> Part:
    """The part with the plan carried out: what others have in our chains stays."""
    chains = []
    for chain in wanted.chains:
        there = live.chain(chain.name)
        chains.append(dataclasses.replace(chain, foreign=there.foreign if there else 0))
    chains += [
        dataclasses.replace(chain, rules=())
        for chain in live.chains
        if wanted.chain(chain.name) is None and chain.foreign
    ]
    return dataclasses.replace(wanted, chains=tuple(chains), table=live.table or bool(chains))


def part_text(part: Part) -> str:
    """What is ours in the part, much as nft lists it: independent of nft's version and of the order of chains."""
    lines = []
    for one in sorted(part.maps, key=lambda one: one.name):
        lines += [f"\tmap {one.name} {{", f"\t\ttype {one.key_type} : verdict"]
        if one.elements:
            ordered = sorted(one.elements.items(), key=lambda item: (str(type(item[0])), item[0]))
            lines.append("\t\telements = { " + ",\n\t\t\t     ".join(element_texts(dict(ordered))) + " }")
        lines.append("\t}")
    for chain in sorted(part.chains, key=lambda chain: chain.name):
        lines += [f"\tchain {chain.name} {{", *([f"\t\t{chain.body}"] if chain.body else [])]
        lines += [f"\t\t{_shown(rule)}" for rule in chain.rules] + ["\t}"]
    return "\n".join([f"table {NFT_FAMILY} {NFT_TABLE} {{", *lines, "}"]) + "\n" if lines else ""


def _shown(rule: PartRule) -> str:
    try:
        return rule.text()
    except NotOurs:
        return f'{rule.form} comment "{rule.comment}"'


# ---- the same changes in the facts, for the forecast


def empty_chain(item: NftObject) -> dict[str, t.Any]:
    """A new chain of ours in the small form."""
    identity: dict[str, t.Any] = {"family": NFT_FAMILY, "table": NFT_TABLE, "name": item.name}
    found = _BODY.match(item.text)
    if found:
        by = int(found["by"] or 0)
        number = {**PRIORITIES, "srcnat": 100}[found["name"]] + (-by if found["sign"] == "-" else by)
        identity.update(type=found["type"], hook=found["hook"], priority=number, policy="accept")
    return {**identity, "rules": []}


def empty_map(item: NftObject) -> dict[str, t.Any]:
    """A new map of ours in the small form."""
    identity = {"family": NFT_FAMILY, "table": NFT_TABLE, "name": item.name}
    return {**identity, "type": item.text.split()[1], "map": "verdict", "elements": [], "complete": True}


def map_pair(text: str) -> list[t.Any]:
    """An element of a verdict map in the small form: ``[key, verdict]``."""
    key, _colon, target = text.partition(" : goto ")
    plain: t.Union[str, int] = key.strip('"') if key.startswith('"') else int(key, 16)
    return [plain, {"do": "goto", "target": target}]
