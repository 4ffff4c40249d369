# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The netfilter rules of one host, followed for one packet: nftables and iptables in the small form of the facts.

An accept is final only in its base chain, a drop everywhere. A rule that is not understood, or that only may
match, is followed both ways: where the two differ the result is ``unknown`` and names the rule.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import NO_ZONE, Zone
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.chain import ChainWalk, Outcome
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.match import SetView
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.quick import Ready, make_ready
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.situation import Situation
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import FilterResult
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.values import changed

CONNTRACK = -200  # NF_IP_PRI_CONNTRACK: chains below it see no connection yet
NAT_DST = -100
NAT_SRC = 100
if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host

_ALL = 1 << 31
_FAMILIES = {4: ("ip", "inet"), 6: ("ip6", "inet")}
_DEVICE_HOOKS = ("ingress", "egress")
_BRIDGE_HOOKS = {"ingress": ("prerouting", "input"), "egress": ("output", "postrouting")}
_CHANGES = ("set_mark", "set_ct_mark", "set_tos", "set_zone", "notrack", "ct_template", "unknown")
_USES_CONNTRACK = ("snat", "dnat", "masquerade", "redirect", "netmap")
_TRACKING = ("set_ct_mark", "set_zone", "ct_template", "ct_helper", "ct_timeout", "flow_offload")
# what a firewall that keeps state could see the packet as
_STATES = (("invalid", ""), ("new", "original"), ("established", "original"), ("established", "reply"))


@dataclasses.dataclass(frozen=True)
class Chain:
    """A chain; without a hook it is only jumped to."""

    family: str
    table: str
    name: str
    type: str = "filter"  # filter, nat, route
    hook: str | None = None
    priority: int = 0
    policy: str = "accept"
    rules: tuple[t.Mapping[str, t.Any], ...] = ()
    backend: str = ""  # iptables-legacy, iptables-nft; empty for nft itself
    devices: tuple[str, ...] = ()  # with the hooks ingress and egress

    @functools.cached_property
    def ready(self) -> tuple[Ready, ...]:
        """The rules made ready to be followed, when a packet comes by for the first time."""
        return tuple(make_ready(rule) for rule in self.rules)

    @property
    def space(self) -> tuple[str, ...]:
        """The table: chains jump to chains of their own table."""
        return (self.family, self.table, self.backend)

    def describe(self, rule: t.Mapping[str, t.Any] | None) -> str:
        """The rule, or without one the policy, as text with family, table and chain."""
        family = self.family
        if self.backend:
            family = self.backend if self.family == "ip" else f"ip6{self.backend[2:]}"
        return f"{family} {self.table} {self.name}: {rule['text'] if rule else f'policy {self.policy}'}"


@dataclasses.dataclass(frozen=True)
class Filtered:
    """What the chains of a hook, or a part of them, made of a packet."""

    result: FilterResult
    situation: Situation  # with the marks as they are now
    changed_route: bool = False  # a chain of type route changed what routing asks for
    untracked: bool = False
    zone: Zone = NO_ZONE
    offload: tuple[str, ...] | None = None  # the devices of a flowtable that takes up the connection


class Ruleset:
    """All chains and sets of one host."""

    def __init__(self, chains: tuple[Chain, ...], sets: t.Mapping[tuple[str, str], t.Mapping[str, SetView]]) -> None:
        self.chains = chains
        self.sets = sets
        self.by_name = {(*chain.space, chain.name): chain for chain in chains}
        self._translates = {
            family: any(chain.type == "nat" and chain.family in _FAMILIES[family] for chain in chains)
            for family in (4, 6)
        }
        self._conntrack = {family: self._asks_for_conntrack(family) for family in (4, 6)}
        self._orders_found: dict[tuple[str, int, str | None, tuple[str, ...], int, int], list[list[Chain]]] = {}
        self._hooked = any(chain.hook for chain in chains)
        self._on_devices = tuple(
            chain for chain in chains if chain.rules and (chain.hook in _DEVICE_HOOKS or chain.family == "bridge")
        )
        self._offloads = {family: self._has_flowtable(family) for family in (4, 6)}
        self._changing = {
            chain.space for chain in chains for rule in chain.rules
            for statement in rule.get("statements", ()) if statement.get("do") in _CHANGES
        }

    @classmethod
    def from_facts(cls, netfilter: t.Mapping[str, t.Any]) -> Ruleset:
        """Read the ``netfilter`` part of the facts."""
        known = {field.name for field in dataclasses.fields(Chain)}
        chains = []
        for data in netfilter.get("chains", ()):
            plain = {key: value for key, value in data.items() if key in known and value is not None}
            plain["rules"] = tuple(data.get("rules", ()))
            plain["devices"] = tuple(data.get("devices", ()))
            chains.append(Chain(**plain))
        sets: dict[tuple[str, str], dict[str, SetView]] = {}
        for data in netfilter.get("sets", ()):
            view = SetView(tuple(data.get("elements", ())), bool(data.get("complete", True)))
            sets.setdefault((data["family"], data["table"]), {})[data["name"]] = view
        return cls(tuple(chains), sets)

    @property
    def is_empty(self) -> bool:
        """True where no packet meets a rule: there are no chains, or none at a hook."""
        return not self._hooked

    def uses_conntrack(self, family: int) -> bool:
        """Whether any rule makes the kernel track the connections of a family (nf_ct_netns_get)."""
        return self._conntrack[family]

    def offloads(self, family: int) -> bool:
        """Whether any rule hands connections of a family to a flowtable."""
        return self._offloads[family]

    @functools.cached_property
    def has_helpers(self) -> bool:
        """Whether any rule gives connections a helper, which may then expect others."""
        rules = (rule for chain in self.chains for rule in chain.rules)
        return any(part.get("do") == "ct_helper" for rule in rules for part in rule.get("statements", ()))

    @functools.cached_property
    def may_drop_arp(self) -> str:
        """A chain of family arp in whose table something may drop, as text; its rules are not followed."""
        for chain in self.chains:
            if chain.family == "arp" and chain.hook in ("input", "output"):
                rules = [rule for other in self.chains if other.space == chain.space for rule in other.rules]
                if chain.policy != "accept" or any(_may_drop(rule) for rule in rules):
                    return f"chain arp {chain.table} {chain.name} at {chain.hook}"
        return ""

    def translates(self, family: int) -> bool:
        """Whether any nat chain makes the kernel give every new connection of a family a tuple of its own."""
        return self._translates[family]

    def _asks_for_conntrack(self, family: int) -> bool:
        chains = [chain for chain in self.chains if chain.family in _FAMILIES[family]]
        return any(_mentions_state(rule, chain.type == "nat", family) for chain in chains for rule in chain.rules)

    def _has_flowtable(self, family: int) -> bool:
        return any(
            statement.get("do") == "flow_offload"
            for chain in self.chains if chain.family in _FAMILIES[family]
            for rule in chain.rules for statement in rule.get("statements", ())
        )

    def _may_be_offloaded(self, situation: Situation) -> bool:
        """Whether a flowtable may hold the connection: it was not followed from its first packet, or a rule that is not
        understood took it up. Its packets then go from ingress straight to the output; a FIN or RST ends that."""
        entry = situation.connection.entry
        known = entry is not None and entry.followed and (entry.offload is None or bool(entry.offload.ways))
        return (
            not known
            and self._offloads[situation.family]
            and situation.hook in ("prerouting", "forward", "postrouting")
            and situation.connection.state == "established"
            and situation.packet.tcp_kind not in ("syn", "fin", "rst")
        )

    def run(
        self, situation: Situation, kind: tuple[str, ...] = ("filter", "route"), low: int = -_ALL, high: int = _ALL
    ) -> Filtered:
        """Follow a packet through the chains of its hook whose priority is in [low, high)."""
        outcome, walk = self._walk(situation, kind, low, high)
        if outcome.is_drop and self._may_be_offloaded(situation):
            why = "a flowtable may take the connection past it"
            outcome = Outcome("unknown", outcome.rule, why)
        depends: bool | None = False
        if walk.asked_state and outcome.verdict != "unknown":
            fates = (self._fate_in(situation, kind, low, high, *state) for state in _STATES)
            depends = _may_differ(outcome.is_drop, fates)
        result = FilterResult(
            outcome.verdict,
            outcome.rule,
            outcome.reason,
            mark=walk.now.mark,
            translation=outcome.translation,
            stateful=depends is not False,
            doubtful=depends is None,
            counter=outcome.counter,
        )
        return Filtered(result, walk.now, walk.changed_route, walk.untracked, walk.zone, walk.offload)

    def _fate_in(
        self, situation: Situation, kind: tuple[str, ...], low: int, high: int, state: str, direction: str
    ) -> bool | None:
        """Whether the packet would be dropped were its connection in another state."""
        connection = changed(situation.connection, state=state, direction=direction)
        if state == "invalid":
            connection = changed(connection, entry=None)
        outcome, _walk = self._walk(changed(situation, connection=connection), kind, low, high)
        return outcome.is_drop if outcome.verdict != "unknown" else None

    def _walk(self, situation: Situation, kind: tuple[str, ...], low: int, high: int) -> tuple[Outcome, ChainWalk]:
        first, *others = self._orders_for(situation, kind, low, high)
        outcome, walk = self._through(first, situation)
        for chains in others:
            other, also = self._through(chains, situation)
            if (other.fate, also.left_behind) != (outcome.fate, walk.left_behind):
                why = "chains of several tables have its priority, and which comes first decides"
                return Outcome("unknown", outcome.rule or other.rule, why), walk
        return outcome, walk

    def _through(self, chains: t.Sequence[Chain], situation: Situation) -> tuple[Outcome, ChainWalk]:
        walk = ChainWalk(self.by_name, situation)
        last = Outcome("accept")
        for chain in chains:
            walk.sets = self._sets_of(chain)
            outcome = walk.base(chain)
            if outcome.verdict != "accept":
                return outcome, walk
            if outcome.rule:
                last = outcome
            if outcome.translation is not None:
                break  # the first chain that translates has settled it
        return last, walk

    def _sets_of(self, chain: Chain) -> t.Mapping[str, SetView]:
        return self.sets.get(("ipset", "") if chain.backend else (chain.family, chain.table), {})

    def meets(self, hook: str, family: int, device: str | None, kind: tuple[str, ...], low: int, high: int) -> bool:
        """Whether there is any chain at the hook; chains on a device (ingress, egress) see its packets only."""
        return bool(self._orders(hook, family, device, kind, low, high)[0])

    def _orders_for(self, situation: Situation, kind: tuple[str, ...], low: int, high: int) -> list[list[Chain]]:
        device = situation.iif if situation.hook == "ingress" else situation.oif
        return self._orders(situation.hook, situation.family, device, kind, low, high)

    def _orders(
        self, hook: str, family: int, device: str | None, kind: tuple[str, ...], low: int, high: int
    ) -> list[list[Chain]]:
        """The chains that a packet meets at a hook in their order, and in every other order that they may have."""
        key = (hook, family, device if hook in _DEVICE_HOOKS else None, kind, low, high)
        found = self._orders_found.get(key)
        if found is None:
            chains = self._base_chains(*key)
            found = self._orders_found[key] = [chains, *self._other_orders(chains)]
        return found

    def _base_chains(
        self, hook: str, family: int, device: str | None, kind: tuple[str, ...], low: int, high: int
    ) -> list[Chain]:
        """The chains at a hook in the order of their priority."""
        families = ("netdev", "inet") if hook in _DEVICE_HOOKS else _FAMILIES[family]
        found = [
            chain
            for chain in self.chains
            if chain.hook == hook
            and chain.family in families
            and chain.type in kind
            and low <= chain.priority < high
            and (device is None or device in chain.devices)
        ]
        # of equal priority the hook that was registered last comes first (nf_hook_entries_grow)
        found.reverse()
        found.sort(key=lambda chain: chain.priority)
        return found

    def _other_orders(self, chains: list[Chain]) -> t.Iterator[list[Chain]]:
        """The other order of tables that share a priority: which was there first is not known."""
        ties = [
            (one, other) for one, other in itertools.pairwise(chains)
            if one.priority == other.priority and one.space != other.space and one.rules and other.rules
        ]
        if any(self._leaves_something(one) or self._leaves_something(other) for one, other in ties):
            tables = list(dict.fromkeys(chain.space for chain in chains))
            yield sorted(chains, key=lambda chain: (chain.priority, -tables.index(chain.space)))

    def _leaves_something(self, chain: Chain) -> bool:
        """Whether rules of the chain's table change what other chains see of a packet."""
        return chain.type == "nat" or chain.space in self._changing

    def why_unknown(self, hook: str, host: Host, device: str) -> str:
        """Chains that packets of a device meet at ``ingress`` or ``egress`` and that are not followed.

        Those of family bridge, where the device is one, those whose devices were not read, and those on devices below
        this one, where the frame may still be of another shape. Tables of family bridge see nothing else of routed
        packets, and br_netfilter gives packets that are only bridged to the others, which no flow here is.
        """
        if not self._on_devices:
            return ""
        interface = host.interfaces.get(device)
        kind = interface.kind if interface else ""
        for chain in self._on_devices:
            bridged = chain.family == "bridge" and kind == "bridge" and chain.hook in _BRIDGE_HOOKS[hook]
            at_hook = chain.hook == hook and (
                not chain.devices or set(chain.devices) & set(_below(host, device, kind or ""))
            )
            if bridged or at_hook:
                return f"chain {chain.family} {chain.table} {chain.name} at {chain.hook} is not followed"
        return ""


def _may_drop(rule: t.Mapping[str, t.Any]) -> bool:
    passes = ("accept", "return", "continue", "jump", "goto")
    verdict = (rule.get("verdict") or {}).get("do", "accept")
    return verdict not in passes or any(part.get("do", "unknown") == "unknown" for part in rule.get("statements", ()))


def _below(host: Host, device: str, kind: str) -> list[str]:
    """The devices whose frames may become those of a device: its ports, and any for one that stands on another."""
    links = host.facts.get("interfaces", {})
    if kind in ("vlan", "macvlan", "ipvlan"):
        return [name for name in links if name != device]
    return [name for name, link in links.items() if link.get("master") == device and link.get("vrf") != device]


def _mentions_state(rule: t.Mapping[str, t.Any], translates: bool, family: int) -> bool:
    """Whether a rule that is loaded makes the kernel track connections of a family.

    A nat chain alone does not; a rule that translates to an address does so for the family of that (nft_nat_init).
    """
    verdict = rule.get("verdict") or {}
    if translates and verdict.get("do") == "unknown":
        return True
    if verdict.get("do") in ("snat", "dnat"):
        address = str(verdict.get("address") or "")
        only = verdict.get("family") or (6 if ":" in address else 4 if address else family)
        if only == family:
            return True
    elif verdict.get("do") in _USES_CONNTRACK or "ct " in str(verdict.get("key", "")):
        return True
    return any(_needs_tracking(part) for part in (*rule.get("matches", ()), *rule.get("statements", ())))


def _needs_tracking(part: t.Mapping[str, t.Any]) -> bool:
    if any(left.startswith("ct ") for left in str(part.get("left", "")).split(" . ")):
        return True
    if part.get("do") in _TRACKING or "ct mark" in str(part.get("value", "")):
        return True
    if any(word in str(part.get("unknown", "")) for word in ('"ct', "-m conn", "-m helper", "conntrack", "'ct'")):
        return True
    return any(_needs_tracking(one) for word in ("all", "any", "none") for one in part.get(word, ()))


def _may_differ(is_drop: bool, fates: t.Iterable[bool | None]) -> bool | None:
    """Whether a packet fares otherwise in some state (`reject` drops as `drop` does); None: it may."""
    differs: bool | None = False
    for fate in fates:
        if fate is (not is_drop):
            return True
        differs = None if fate is None else differs
    return differs
