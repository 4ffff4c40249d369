# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Policy routing rules: which match a packet, and the walk through them (net/core/fib_rules.c fib_rules_lookup)."""

from __future__ import annotations

import dataclasses
import typing as t
from types import MappingProxyType

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import (
    TABLE_DEFAULT,
    TABLE_LOCAL,
    TABLE_MAIN,
    Rule,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.render import rule_line
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import (
    BITS,
    TOS_MASK,
    Hit,
    Key,
    Surroundings,
    Table,
    prefix_of,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.nexthop_objects import NexthopObjects
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.values import changed

KERNEL_RULES: dict[int, tuple[Rule, ...]] = {
    4: (
        Rule(4, 0, table=TABLE_LOCAL, protocol=2),
        Rule(4, 32766, table=TABLE_MAIN, protocol=2),
        Rule(4, 32767, table=TABLE_DEFAULT, protocol=2),
    ),
    6: (Rule(6, 0, table=TABLE_LOCAL, protocol=2), Rule(6, 32766, table=TABLE_MAIN, protocol=2)),
}
_MAX_STEPS = 100_000  # goto only leads forward, so that no walk is longer; a bound for facts that were made up


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the rules say: a route, an error of a rule, or (with neither) that no rule has an answer."""

    hit: Hit | None = None
    rule: Rule | None = None
    error: str = ""  # unreachable, prohibit, blackhole: the action of the rule, or the type of the route
    unknown: str = ""

    @property
    def fate(self) -> tuple[object, ...]:
        """What a packet feels of the answer: answers alike in this differ only in the rule that gave them."""
        if self.error or self.hit is None:
            return (self.error or "no route",)
        return (self.hit.route.type, self.hit.legs, self.hit.route.prefsrc)


class RuleHost(t.Protocol):
    """What the walk needs to know of the host."""

    @property
    def interface_groups(self) -> t.Mapping[str, int]: ...
    @property
    def kernel(self) -> tuple[int, int]: ...
    @property
    def vrf_tables(self) -> t.Mapping[str, int | None]: ...
    @property
    def nexthop_objects(self) -> NexthopObjects: ...
    @property
    def local_and_main(self) -> Table: ...
    def table(self, family: int, number: int) -> Table: ...
    def surroundings(self, family: int) -> Surroundings: ...
    def covered(self, family: int, address: int) -> bool: ...
    def why_incomplete(self, part: str) -> str: ...


def walk(host: RuleHost, rules: tuple[Rule, ...], key: Key) -> Answer:
    """The first answer that the rules give for ``key``."""
    return _Walk(host, rules, key).run(0)


def merged(host: RuleHost, key: Key) -> Answer:
    """The answer where no rule was ever added or deleted (fib_lookup): there are no rules to walk through.

    The kernel then keeps the local and the main table as one, in which the longest prefix of both wins, and asks
    the default table where that one has nothing.
    """
    local, main, default = KERNEL_RULES[4]
    for rule, table in ((main, host.local_and_main), (default, host.table(4, TABLE_DEFAULT))):
        answer = _Walk(host, (rule,), key).look_up(rule, table)
        if answer is not None:
            from_local = answer.hit is not None and answer.hit.route.table == TABLE_LOCAL
            return changed(answer, rule=local) if from_local else answer
    return Answer()


def either(one: Answer, other: Answer) -> Answer:
    """One answer where it is not known which way the kernel goes."""
    if one.fate == other.fate or one.unknown:
        return one
    why = "whether the kernel keeps the local and the main table as one was not read"
    return changed(one, unknown=why)


def matches(rule: Rule, key: Key, vrfs: t.Mapping[str, bool | None] = MappingProxyType({})) -> bool | None:
    """Whether a rule matches (fib_rule_match); None where it is not known.

    ``vrfs``: for each VRF whether a rule that names it as an interface means its members, as ``names_members`` says.
    """
    known = [*_core_selectors(rule, key, vrfs), *_family_selectors(rule, key)]
    if False in known:
        matched: bool | None = False
    else:
        matched = None if None in known or rule.unknown else True
    return (not matched) if rule.invert and matched is not None else matched


def names_members(kernel: tuple[int, int]) -> bool | None:
    """Whether rules that name a VRF as iif or oif match packets of its members; None where that is not known.

    They do since Linux 6.15 (fib_rule_iif_match), which some older series may have taken over, and do not in 6.1, seen
    on Debian's. Before 5.18 l3mdev_update_flow worked otherwise.
    """
    if kernel >= (6, 15):
        return True
    return False if (5, 18) <= kernel <= (6, 1) else None


def _core_selectors(rule: Rule, key: Key, vrfs: t.Mapping[str, bool | None]) -> t.Iterator[bool | None]:
    yield from _before_vrf(rule, key, vrfs)
    if rule.l3mdev:
        yield key.l3mdev is not None
    if rule.uidrange and rule.uidrange != (0, 0xFFFFFFFF):
        yield None if key.uid is None else rule.uidrange[0] <= key.uid <= rule.uidrange[1]


def _before_vrf(rule: Rule, key: Key, vrfs: t.Mapping[str, bool | None]) -> t.Iterator[bool | None]:
    """The selectors that the kernel looks at before it looks for a VRF; it stops at the first that fails."""
    if rule.iif:
        of_vrf = not key.l3mdev_by_oif and key.l3mdev == rule.iif
        yield key.iif == rule.iif or (of_vrf and vrfs.get(rule.iif, False))
    if rule.oif:
        of_vrf = key.l3mdev_by_oif and key.l3mdev == rule.oif
        yield key.oif == rule.oif or (of_vrf and vrfs.get(rule.oif, False))
    if rule.fwmark is not None or rule.fwmask != 0xFFFFFFFF:
        yield not ((rule.fwmark or 0) ^ key.mark) & rule.fwmask
    if rule.tun_id:
        yield False  # only packets with tunnel metadata have one


def _family_selectors(rule: Rule, key: Key) -> t.Iterator[bool | None]:
    if rule.src and prefix_of(rule.src)[1]:
        # IPv6 never compares with a source that is not chosen; for IPv4 it is 0.0.0.0
        yield _covers(rule.src, key.src, key.family) and bool(key.src or key.family == 4)
    if rule.dst:
        yield _covers(rule.dst, key.dst, key.family)
    if rule.dscp is not None:
        yield rule.dscp == key.tos >> 2
    elif rule.tos:
        yield rule.tos == (key.tos & (TOS_MASK if key.family == 4 else 0xFC))
    if rule.ipproto:
        yield rule.ipproto == key.protocol
    for ports, port in ((rule.sport, key.sport), (rule.dport, key.dport)):
        if ports and port is None:
            yield True if ports[0] <= 1 and ports[1] == 0xFFFF else None
        elif ports and port is not None:
            yield ports[0] <= port <= ports[1]


def _covers(prefix: str, address: int, family: int) -> bool:
    network, length = prefix_of(prefix)
    return (address ^ network) >> (BITS[family] - length) == 0


class _Walk:
    """One walk through the rules of a family."""

    def __init__(self, host: RuleHost, rules: tuple[Rule, ...], key: Key) -> None:
        self.host = host
        self.rules = rules
        self.key = key
        self.steps = 0
        # fib_lookup_arg.table: what the last rule found that looked for a VRF; 0 at first, which means main
        self.vrf_table: int | None = TABLE_MAIN
        self.vrfs = dict.fromkeys(host.vrf_tables, names_members(host.kernel)) if host.vrf_tables else {}

    def run(self, index: int) -> Answer:
        """The answer of the rules from ``index`` on."""
        while index < len(self.rules) and self.steps < _MAX_STEPS:
            self.steps += 1
            rule = self.rules[index]
            if rule.l3mdev and self.key.l3mdev and all(_before_vrf(rule, self.key, self.vrfs)):
                self.vrf_table = self.host.vrf_tables.get(self.key.l3mdev)
            matched = matches(rule, self.key, self.vrfs)
            if matched is None:
                return self._either(rule, index)
            if matched:
                answer, target = self._act(rule, index)
                if answer is not None:
                    return answer
                index = target
            else:
                index += 1
        return Answer()

    def _either(self, rule: Rule, index: int) -> Answer:
        """The rule may match or not: certain only where that makes no difference."""
        answer, target = self._act(rule, index)
        if answer is None and target == index + 1:
            return self.run(target)
        vrf_table = self.vrf_table
        matched = answer or self.run(target)
        self.vrf_table = vrf_table
        skipped = self.run(index + 1)
        if matched.fate == skipped.fate:
            return skipped
        why = ", ".join(rule.unknown) or "it selects ports or a user that are not known here"
        if rule.iif in self.vrfs or rule.oif in self.vrfs:
            why = "whether it means members of the VRF depends on the kernel (yes from Linux 6.15, no in 6.1)"
        return changed(skipped, unknown=f"rule {rule_line(rule).replace(chr(9), ' ')} may decide: {why}")

    def _act(self, rule: Rule, index: int) -> tuple[Answer | None, int]:
        """What a rule that matches does: an answer, or the index of the rule to go on with."""
        if rule.action == "goto":
            target = next((at for at, other in enumerate(self.rules) if other.priority == rule.goto), None)
            return None, index + 1 if target is None or target <= index else target
        if rule.action == "nop":
            return None, index + 1
        if rule.action != "lookup":
            return Answer(rule=rule, error=rule.action), 0
        number = self.vrf_table if rule.l3mdev else rule.table
        if number is None:
            return Answer(rule=rule, unknown=f"the table of VRF {self.key.l3mdev} is not known"), 0
        answer = self.look_up(rule, self.host.table(self.key.family, number))
        return answer, index + 1

    def look_up(self, rule: Rule, table: Table) -> Answer | None:
        """What a rule's table answers, None where the next rule has to."""
        hit = table.lookup(self.key, self.host.surroundings(self.key.family))
        unknown = self._unlisted(table, hit)
        if hit is None:
            return Answer(rule=rule, unknown=unknown) if unknown else None
        unknown = unknown or hit.unknown
        error = hit.route.type if not hit.legs and not hit.unknown else ""
        if unknown:
            return Answer(hit, rule, error if error != "throw" else "", unknown)
        if error == "throw":
            return None
        suppressed = set() if error else self._suppressed(rule, hit)
        if suppressed == {True}:
            return None
        if len(suppressed) > 1:
            why = "some legs of it by their group, and which leg is hashed"
            if rule.suppress_ifgroup is None:
                why = "another route with its next-hop object, of which the kernel may take the prefix length"
            return Answer(hit, rule, unknown=f"rule {rule.priority} may suppress {hit.route.dst}: it suppresses {why}")
        return Answer(hit, rule, error)

    def _unlisted(self, table: Table, hit: Hit | None) -> str:
        """Say so where a route that the facts do not list could be a better answer than ``hit``."""
        if table.complete or self.host.covered(self.key.family, self.key.dst):
            return ""
        if hit is not None and hit.route.prefixlen == BITS[table.family]:
            return ""
        why = self.host.why_incomplete("routes")
        return (
            f"table {table.number} has routes that were not read ({why}): "
            "collect facts with this destination in prefixes"
        )

    def _suppressed(self, rule: Rule, hit: Hit) -> set[bool]:
        """fib4_rule_suppress and fib6_rule_suppress: whether the result is passed over, by each leg it may be."""
        if rule.suppress_prefixlength is not None:
            lengths = self.host.nexthop_objects.lengths(hit.route)
            shorter = {length <= rule.suppress_prefixlength for length in lengths}
            if shorter != {False}:
                return shorter
        if rule.suppress_ifgroup is None or not hit.route.nexthops:
            return {False}
        # IPv4 looks at the first leg whatever leg was chosen, IPv6 at the chosen one
        hops = [hit.route.nexthops[0]] if hit.route.family == 4 else [leg.hop for leg in hit.legs]
        return {self.host.interface_groups.get(hop.device or "") == rule.suppress_ifgroup for hop in hops}
