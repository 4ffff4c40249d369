# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Plan source NAT by destination: from what stands in our nft table to the declared entries.

One set of prefixes and one rule per entry. The whole change is one transaction of nft. What others have put into our
table stays; a set, the chain and the table go only when nothing foreign is left in them.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Change, Connection, NftObject
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.connections import (
    CHOICES,
    deletions,
    made_wrong,
    sources_seen,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_entry import MARK, NatEntry, ports_of_form
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_table import (
    CHAIN,
    CHAIN_BODY,
    SET_PREFIX,
    LiveRule,
    NatTable,
    form_of,
    table_text,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.plan import Plan
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.prefixes import (
    as_element,
    element_prefixes,
    merged,
    network,
    without,
)


@dataclasses.dataclass(frozen=True)
class SourceChange:
    """A far end would see another source address than now."""

    name: str
    prefixes: tuple[str, ...]
    before: tuple[str, ...]  # of live connections and the present entry; empty where nothing shows it
    after: str

    def __str__(self) -> str:
        seen = ", ".join(self.before) or "an address that no live connection shows"
        count = f" and {len(self.prefixes) - 1} more" if len(self.prefixes) > 1 else ""
        return f"{self.name}: {self.prefixes[0]}{count} will see {self.after} instead of {seen}"


@dataclasses.dataclass(frozen=True)
class NatPlan:
    """The plan, the connections that it makes wrong, and the source addresses that it changes."""

    plan: Plan
    wrong: tuple[Connection, ...] = ()
    sources: tuple[SourceChange, ...] = ()

    @property
    def deletions(self) -> int:
        """How many conntrack entries the plan deletes."""
        return sum(change.kind == "conntrack" for change in self.plan.changes)


def plan(
    table: NatTable, entries: t.Sequence[NatEntry], flows: t.Sequence[Connection] = (), existing: str = "unreplied"
) -> NatPlan:
    """The changes that make our table hold exactly the entries; raises PlanError, changes nothing.

    ``flows`` are the live connections to destinations of the present and the declared entries.
    """
    if existing not in CHOICES:
        raise PlanError(f"existing_connections {existing!r} is not one of {', '.join(CHOICES)}")
    now = standing(table)
    changes = _table_changes(table, entries, existing != "keep")
    after = _after(table, entries)
    if not changes:
        return NatPlan(Plan("source NAT", (), table_text(table), table_text(table)))
    wrong = made_wrong(flows, now, entries)
    whole = Plan("source NAT", (*changes, *deletions(wrong, existing)), table_text(table), table_text(after))
    return NatPlan(whole, tuple(wrong), tuple(_source_changes(now, entries, flows)))


def late_deletions(
    flows: t.Iterable[Connection], before: t.Sequence[NatEntry], after: t.Sequence[NatEntry], existing: str
) -> list[Change]:
    """Deletions of wrong connections that came between the plan and its application."""
    return deletions(made_wrong(flows, before, after), existing)


def source_report(found: NatPlan, acknowledged: t.Container[str], refuse: bool) -> list[dict[str, t.Any]]:
    """The changed source addresses as plain data; with ``refuse``, raises PlanError for unacknowledged ones."""
    unknown = [str(change) for change in found.sources if change.name not in acknowledged]
    if unknown and refuse:
        raise PlanError(
            f"the far end would see another source address: {'; '.join(unknown)}. Ask it whether its allow-lists "
            "know the new address, then set acknowledge_source: true"
        )
    return [
        {
            "name": change.name,
            "before": list(change.before),
            "after": change.after,
            "acknowledged": change.name in acknowledged,
        }
        for change in found.sources
    ]


def standing(table: NatTable) -> list[NatEntry]:
    """The entries that the table holds now, as far as its rules are of our kind."""
    entries = []
    for rule in table.rules:
        name = rule.comment[len(MARK) :]
        if not rule.ours or rule.form is None or f"{SET_PREFIX}{name}" not in table.sets:
            continue
        prefixes = tuple(p for element in table.sets[f"{SET_PREFIX}{name}"] for p in element_prefixes(element))
        entry = _entry_of(name, merged(prefixes), rule.form)
        if entry is not None:
            entries.append(entry)
    return entries


def _entry_of(name: str, prefixes: tuple[str, ...], form: t.Mapping[str, t.Any]) -> t.Optional[NatEntry]:
    """The entry whose rule has this small form, or None."""
    rights = {match.get("left", "unknown"): match.get("right") for match in form["matches"]}
    protocols: list[str] = []
    spans: tuple[tuple[int, int], ...] = ()
    for left, right in rights.items():
        if left == "meta l4proto":
            protocols = right if isinstance(right, list) else [right]
        elif left.endswith(" dport"):
            spans = ports_of_form(right)
            protocols = protocols or [left.split()[0]]
    address = (form.get("verdict") or {}).get("address")
    if address is None or "meta oifname" not in rights:
        return None
    entry = NatEntry(name, prefixes, str(rights["meta oifname"]), str(address), tuple(protocols), spans)
    return entry if form_of(entry) == form else None


def _table_changes(table: NatTable, entries: t.Sequence[NatEntry], clean: bool) -> list[Change]:
    changes: list[Change] = []
    if entries and not table.exists:
        changes.append(_add(NftObject("table")))
    if entries and not table.chain:
        changes.append(_add(NftObject("chain", CHAIN, text=CHAIN_BODY)))
    by_rule = {entry.comment: _rule_changes(table.rules, entry, clean) for entry in entries}
    for entry in entries:
        # Where the rule changes, its own inverse sees to the connections.
        changes += _set_changes(table, entry, clean and not by_rule[entry.comment])
    changes += [change for found in by_rule.values() for change in found]
    changes += _removals(table, entries, clean)
    return changes


def _add(item: NftObject) -> Change:
    return Change("nft", "add", after=item)


def _set_changes(table: NatTable, entry: NatEntry, clean: bool) -> list[Change]:
    changes = []
    address = entry.address if clean else None
    have: tuple[str, ...] = table.sets.get(entry.set_name, ())
    if entry.set_name not in table.sets:
        changes.append(_add(NftObject("set", entry.set_name, text=entry.set_body())))
    elif table.set_bodies[entry.set_name] != entry.set_body():
        raise PlanError(
            f"set {entry.set_name} of our nft table is '{table.set_bodies[entry.set_name]}', the entry needs "
            f"'{entry.set_body()}'; give the entry another name"
        )
    covered = merged(p for element in have for p in element_prefixes(element))
    if covered == entry.prefixes:
        return changes
    want = _elements(entry.prefixes)
    gone = tuple(element for element in have if element not in set(want))
    new = tuple(element for element in want if element not in set(have))
    if gone:
        lost = _elements(without(covered, entry.prefixes)) if address else ()
        item = NftObject("element", entry.set_name, elements=gone, address=address, moved=lost)
        changes.append(Change("nft", "delete", before=item))
    if new:
        won = _elements(without(entry.prefixes, covered)) if address else ()
        changes.append(_add(NftObject("element", entry.set_name, elements=new, address=address, moved=won)))
    return changes


def _elements(prefixes: t.Iterable[str]) -> tuple[str, ...]:
    return tuple(as_element(prefix) for prefix in prefixes)


def _rule_object(rule_text: str, comment: str, clean: bool, form: t.Optional[t.Mapping[str, t.Any]]) -> NftObject:
    verdict = (form or {}).get("verdict") or {}
    return NftObject("rule", comment, CHAIN, rule_text, address=verdict.get("address") if clean else None)


def _live_object(rule: LiveRule, clean: bool, after: t.Optional[str] = None) -> NftObject:
    item = _rule_object(rule.text, rule.comment, clean, rule.form)
    return dataclasses.replace(item, handle=rule.handle, after=after)


def _rule_changes(rules: t.Sequence[LiveRule], entry: NatEntry, clean: bool) -> list[Change]:
    new = _rule_object(entry.rule_text(), entry.comment, clean, form_of(entry))
    for rule in rules:
        if rule.comment == entry.comment:  # of two rules with one comment, the first counts
            if rule.form == form_of(entry):
                return []
            return [Change("nft", "set", before=_live_object(rule, clean), after=new)]
    return [_add(new)]


def _removals(table: NatTable, entries: t.Sequence[NatEntry], clean: bool) -> list[Change]:
    wanted = {entry.comment for entry in entries}
    changes: list[Change] = []
    left: list[LiveRule] = []
    for rule in table.rules:
        if not rule.ours or rule.comment in wanted:
            wanted.discard(rule.comment)
            left.append(rule)
            continue
        before = left[-1].comment or None if left else None
        changes.append(Change("nft", "delete", before=_live_object(rule, clean, before)))
    names = {entry.set_name for entry in entries}
    used = " ".join(rule.text for rule in left if not rule.ours) + " "
    going = [n for n in table.sets if n.startswith(SET_PREFIX) and n not in names and f"@{n} " not in used]
    for name in going:
        if table.sets[name]:
            changes.append(Change("nft", "delete", before=NftObject("element", name, elements=table.sets[name])))
        changes.append(Change("nft", "delete", before=NftObject("set", name, text=table.set_bodies[name])))
    if entries or not table.exists:
        return changes
    if table.chain and not left:
        changes.append(Change("nft", "delete", before=NftObject("chain", CHAIN, text=CHAIN_BODY)))
    if not left and not table.others and len(going) == len(table.sets):
        changes.append(Change("nft", "delete", before=NftObject("table")))
    return changes


def _after(table: NatTable, entries: t.Sequence[NatEntry]) -> NatTable:
    """Our table with the plan carried out."""
    by_comment = {entry.comment: entry for entry in entries}
    rules: list[LiveRule] = []
    for rule in table.rules:
        entry = by_comment.pop(rule.comment, None) if rule.ours else None
        if entry is not None:
            rules.append(rule if rule.form == form_of(entry) else _as_live(entry))
        elif not rule.ours:
            rules.append(rule)
    rules += [_as_live(entry) for entry in entries if entry.comment in by_comment]
    foreign = {name for name in table.sets if not name.startswith(SET_PREFIX)}
    used = " ".join(rule.text for rule in rules if not rule.ours) + " "
    foreign |= {name for name in table.sets if f"@{name} " in used}
    sets = {name: table.sets[name] for name in foreign}
    bodies = {name: table.set_bodies[name] for name in foreign}
    for entry in entries:
        same = merged(p for e in table.sets.get(entry.set_name, ()) for p in element_prefixes(e)) == entry.prefixes
        elements = tuple(as_element(prefix) for prefix in entry.prefixes)
        sets[entry.set_name] = table.sets[entry.set_name] if same else elements
        bodies[entry.set_name] = entry.set_body()
    chain = bool(entries) or bool(rules)
    exists = chain or bool(sets) or bool(table.others and table.exists)
    return dataclasses.replace(table, exists=exists, chain=chain, rules=tuple(rules), sets=sets, set_bodies=bodies)


def _as_live(entry: NatEntry) -> LiveRule:
    return LiveRule(None, entry.comment, entry.rule_text(), form_of(entry))


def _source_changes(
    now: t.Sequence[NatEntry], entries: t.Sequence[NatEntry], flows: t.Sequence[Connection]
) -> list[SourceChange]:
    present = {entry.name: entry for entry in now}
    result = []
    for entry in entries:
        old = present.get(entry.name)
        if old == entry:
            continue
        seen = set(sources_seen(flows, entry))
        if old is not None and _touches(old, entry):
            seen.add(old.address)
        same_address = old is not None and old.address == entry.address
        if same_address and old is not None and set(entry.prefixes) <= set(old.prefixes):
            continue
        if seen != {entry.address}:
            before = tuple(sorted(seen - {entry.address}))
            result.append(SourceChange(entry.name, entry.prefixes, before, entry.address))
    return result


def _touches(first: NatEntry, second: NatEntry) -> bool:
    ours = [network(prefix) for prefix in first.prefixes]
    return any(
        int(a.network_address) <= int(b.broadcast_address) and int(b.network_address) <= int(a.broadcast_address)
        for a in map(network, second.prefixes)
        for b in ours
    )
