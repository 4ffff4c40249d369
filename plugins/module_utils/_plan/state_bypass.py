# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Plan scoped bypasses of connection tracking: with consent, a reason and an end, after which the host takes them back.

Packets of the scope are exempt from tracking, both ways, forwarded and local. A rule that drops what is invalid does
not match them any more; a rule that accepts only what is established does not either, and such a firewall must accept
them by a rule of its own. A drop of somebody else is not undone here.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Connection, undo_of
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_entry import (
    MARK,
    PORT_PROTOCOLS,
    PROTOCOLS,
    ports_form,
    read_ports,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nft_part import (
    Part,
    PartChain,
    PartRule,
    after_part,
    part_text,
    plan_part,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.plan import Plan
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.prefixes import (
    PrefixSet,
    as_element,
    family_of,
    merged,
    parse_prefix,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.register import (
    RegisterEntry,
    canonical_time,
    check_name,
    entries_text,
    one_line,
    read_time,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.register_plan import register_changes

ROLE = "state_bypass"
PREFIX = "bypass_"
WIDEST = {4: 8, 6: 19}  # prefix length; a wider scope is no scope
Data = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Bypass:
    """Packets between two sets of prefixes, of one protocol, that are not tracked."""

    name: str
    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    protocol: str
    ports: tuple[tuple[int, int], ...]
    by: str
    reason: str
    until: str

    def entry(self, removal: t.Sequence[str] = ()) -> RegisterEntry:
        return RegisterEntry(ROLE, self.name, self.by, self.reason, self.until, tuple(removal))


def read_bypasses(data: t.Iterable[Data], now: datetime.datetime) -> tuple[list[Bypass], list[str]]:
    """Read the option ``entries`` of state_bypass: those in force, and the names of those whose time is over."""
    found: list[Bypass] = []
    expired: list[str] = []
    for position, one in enumerate(data, 1):
        bypass = _read(one, f"entries[{position}]")
        if bypass.name in expired or any(other.name == bypass.name for other in found):
            raise PlanError(f"entries: {bypass.name!r} is declared twice; give each its own name")
        if read_time(bypass.until, "until") <= now:
            expired.append(bypass.name)
        else:
            found.append(bypass)
    return found, expired


def _read(data: Data, where: str) -> Bypass:
    name = str(data.get("name") or "")
    check_name(name, where)
    where = f"{where} ({name})"
    if data.get("consent") is not True:
        raise PlanError(
            f"{where}: packets of this scope would pass without anybody having seen a connection; where you accept "
            "that, say consent: true"
        )
    by, reason = one_line(data.get("by")), one_line(data.get("reason"))
    if not by or not reason:
        raise PlanError(f"{where}: by and reason are needed; they stand in the register of exceptions")
    protocol = str(data.get("protocol") or "").lower()
    if protocol not in PROTOCOLS:
        raise PlanError(f"{where}: protocol {protocol!r} is not one of {', '.join(PROTOCOLS)}")
    ports = read_ports(data.get("ports") or (), where)
    if ports and protocol not in PORT_PROTOCOLS:
        raise PlanError(f"{where}: {protocol} has no ports; leave ports out")
    if not ports and protocol in PORT_PROTOCOLS:
        raise PlanError(f"{where}: ports is empty; name the ports of the service, a scope is as narrow as can be")
    sides = [_prefixes(data.get(side), f"{where} {side}") for side in ("sources", "destinations")]
    if {family_of(prefix) for prefix in sides[0]} != {family_of(prefix) for prefix in sides[1]}:
        raise PlanError(f"{where}: sources and destinations are not of the same address families")
    until = canonical_time(str(data.get("until") or ""), f"{where} until")
    return Bypass(name, sides[0], sides[1], protocol, ports, by, reason, until)


def _prefixes(given: t.Any, where: str) -> tuple[str, ...]:
    prefixes = merged([parse_prefix(prefix, where) for prefix in given or ()])
    if not prefixes:
        raise PlanError(f"{where} is empty; a bypass is between named prefixes")
    for prefix in prefixes:
        if int(prefix.rpartition("/")[2]) < WIDEST[family_of(prefix)]:
            raise PlanError(f"{where}: {prefix} is too wide for an exception; name the networks that need it")
    return prefixes


def wanted_part(bypasses: t.Sequence[Bypass]) -> Part:
    """Our chains, in front of connection tracking (priority raw)."""
    rules = tuple(rule for bypass in bypasses for rule in _rules(bypass))
    if not rules:
        return Part(PREFIX)
    at = "priority raw; policy accept;"
    return Part(PREFIX, tuple(
        PartChain(f"{PREFIX}{hook}", f"type filter hook {hook} {at}", rules) for hook in ("prerouting", "output")
    ))


def _rules(bypass: Bypass) -> t.Iterator[PartRule]:
    for family in sorted({family_of(prefix) for prefix in bypass.sources}):
        sources, destinations = (
            [as_element(prefix) for prefix in side if family_of(prefix) == family]
            for side in (bypass.sources, bypass.destinations)
        )
        for way, first, second, port in (("there", sources, destinations, "dport"),
                                         ("back", destinations, sources, "sport")):  # fmt: skip
            matches = [_address(family, "saddr", first), _address(family, "daddr", second)]
            if bypass.ports:
                right = ports_form(bypass.ports)
                matches.append({"left": f"{bypass.protocol} {port}", "op": "==", "right": right})
            else:
                name = "ipv6-icmp" if bypass.protocol == "icmpv6" else bypass.protocol
                matches.append({"left": "meta l4proto", "op": "==", "right": name})
            form = {"matches": matches, "statements": [{"do": "notrack"}], "counter": True}
            yield PartRule(f"{MARK}bypass:{bypass.name}:v{family}:{way}", form)


def _address(family: int, side: str, elements: t.Sequence[str]) -> Data:
    right = elements[0] if len(elements) == 1 else list(elements)
    return {"left": f"{'ip' if family == 4 else 'ip6'} {side}", "op": "==", "right": right}


def translated(bypasses: t.Sequence[Bypass], flows: t.Iterable[Connection]) -> list[Connection]:
    """Live connections of the scopes whose addresses are translated: untracked packets would not be."""
    found = []
    for flow in flows:
        if (flow.reply_source, flow.reply_destination) == (flow.destination, flow.source):
            continue
        for bypass in bypasses:
            inside = flow.source in PrefixSet(bypass.sources) and flow.destination in PrefixSet(bypass.destinations)
            port = not bypass.ports or any(low <= (flow.dport or 0) <= high for low, high in bypass.ports)
            if inside and port and flow.protocol == bypass.protocol:
                found.append(flow)
                break
    return found


def plan(
    live: Part,
    register: t.Mapping[str, RegisterEntry],
    bypasses: t.Sequence[Bypass],
    flows: t.Iterable[Connection] = (),
) -> Plan:
    """The changes that make exactly these bypasses stand, each with its entry and its timer; raises PlanError.

    A timer runs before its bypass stands, and is stopped only after that has gone.
    """
    lost = translated(bypasses, flows)
    if lost:
        one = lost[0]
        raise PlanError(
            f"{len(lost)} live connections of the scope are translated, such as {one.protocol} {one.source} > "
            f"{one.destination}: packets that are not tracked are not translated either; narrow the scope, or mend the "
            "path"
        )
    wanted = wanted_part(bypasses)
    entries = {one.name: one.entry(undo_of(plan_part(Part(PREFIX), wanted_part([one])))) for one in bypasses}
    first, last = register_changes(register, entries)
    changes = (*first, *plan_part(live, wanted), *last)
    before = part_text(live) + entries_text(register.values())
    after = part_text(after_part(live, wanted)) + entries_text(entries.values())
    return Plan("state bypass", tuple(changes), before, after)
