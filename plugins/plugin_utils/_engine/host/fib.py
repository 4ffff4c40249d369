# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""One routing table and the lookup in it, as the kernel does it (fib_table_lookup, fib6_table_lookup).

Which table is asked is decided by rules.py.
"""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
import socket
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import NextHop, Route
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import default_routes

BITS = {4: 32, 6: 128}
TOS_MASK = 0x1C  # INET_DSCP_LEGACY_TOS_MASK: what a route's or rule's tos is compared with
# fib_props and fib6_prop: these types end the lookup with an error; throw goes on with the next rule
REJECTS = ("unreachable", "blackhole", "prohibit", "throw")
SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}


@functools.lru_cache(maxsize=1 << 18)
def number_of(address: str) -> int:
    """An address as an integer; raises ValueError."""
    try:
        # inet_pton takes the same texts as ip_address, in a tenth of the time
        return int.from_bytes(socket.inet_pton(socket.AF_INET, address), "big")
    except OSError:
        return int(ipaddress.ip_address(address.split("%")[0]))


@functools.lru_cache(maxsize=65536)
def prefix_of(prefix: str) -> tuple[int, int]:
    """A prefix as its network, an integer, and its length; raises ValueError."""
    address, _slash, length = prefix.partition("/")
    bits = BITS[6 if ":" in address else 4]
    plen = int(length) if length else bits
    return number_of(address) >> (bits - plen) << (bits - plen), plen


@dataclasses.dataclass(frozen=True)
class Key:
    """What a lookup asks (struct flowi). A port or uid of None is not known; a source of 0 is not chosen yet."""

    family: int
    dst: int
    src: int = 0
    iif: str = "lo"  # lo for packets of the host itself
    oif: str | None = None
    mark: int = 0
    tos: int = 0
    protocol: int = 0
    sport: int | None = 0
    dport: int | None = 0
    uid: int | None = 0
    l3mdev: str | None = None  # the VRF
    l3mdev_by_oif: bool = False  # FLOWI_FLAG_L3MDEV_OIF
    strict: bool = False  # RT6_LOOKUP_F_IFACE: only routes by the interface will do (IPv6)
    ignore_linkstate: bool = False  # FIB_LOOKUP_IGNORE_LINKSTATE
    reverse: bool = False  # a reverse-path check: no leg is selected
    by_device: bool = False  # ip6_pol_route_lookup: the first route whose interface has the address src (IPv6)

    @property
    def scored_device(self) -> str | None:
        """The interface whose routes IPv6 prefers among equals: the output, or for forwarded packets the *input*."""
        return self.iif if self.forwarded else self.oif

    @property
    def is_multicast(self) -> bool:
        """Whether it is for many; the broadcast of one network is not meant."""
        if self.family == 6:
            return self.dst >> 120 == 0xFF
        return self.dst >> 28 == 0xE or self.dst == 0xFFFFFFFF

    @property
    def forwarded(self) -> bool:
        """True for a packet that came in, or for the reverse-path check of one."""
        return self.iif != "lo" or self.reverse


@dataclasses.dataclass(frozen=True)
class Leg:
    """A next hop that packets of the lookup may take, with its share (0 to 1)."""

    hop: NextHop
    share: float
    route: Route | None = None  # where it is not that of the answer: one of several equal default routes


@dataclasses.dataclass(frozen=True)
class Hit:
    """The route that a table answers with. ``legs`` is empty for routes that end the lookup with an error."""

    route: Route
    legs: tuple[Leg, ...] = ()
    found: NextHop | None = None  # the leg that made the route match, before multipath selection
    unknown: str = ""


class Device(t.Protocol):
    """What the lookup needs to know of an interface."""

    def ignores_linkdown(self, family: int) -> bool: ...


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """What bears on the choice of a next hop and is not in the table."""

    devices: t.Mapping[str, Device]
    neighbours: t.Mapping[tuple[str, str], str] = dataclasses.field(default_factory=dict)  # states
    failed_neighbours: frozenset[tuple[str, str]] = frozenset()  # (device, address) that did not answer
    use_neighbours: bool = False  # net.ipv4.fib_multipath_use_neigh
    dead_never_good: bool = False  # Linux 6.16: with use_neighbours a dead leg is no last resort before a failed one
    prefer_source: bool = False  # Linux 6.16: a leg whose own source address is that of the packet wins
    first_good_member: bool = False  # Linux 6.1: of a group of next-hop objects, where the hash ends at a failed one
    reachable_only: bool = False  # IPv6 hosts (all.forwarding = 0) pass over routers that failed
    source_of_leg: t.Callable[[Route, NextHop], int] = lambda route, hop: 0
    has_address: t.Callable[[str, int], bool] = lambda device, address: False


class Table:
    """The routes of one family and table, by longest prefix. ``complete`` is False where facts do not list all."""

    def __init__(self, family: int, table: int, routes: t.Iterable[Route], complete: bool = True) -> None:
        self.family = family
        self.number = table
        self.complete = complete
        # the routes of each length by the bits of their network; the key is how far an address is shifted to find them
        by_shift: dict[int, dict[int, list[Route]]] = {}
        self.local_routes: list[Route] = []
        for route in routes:
            if route.type == "local":
                self.local_routes.append(route)
            network, length = prefix_of(route.dst)
            shift = BITS[family] - length
            by_shift.setdefault(shift, {}).setdefault(network >> shift, []).append(route)
        order = _order_v4 if family == 4 else _order_v6
        for networks in by_shift.values():
            for same_prefix in networks.values():
                if len(same_prefix) > 1:
                    same_prefix.sort(key=order)
        self._by_shift = sorted(by_shift.items())

    def with_routes_of(self, other: Table) -> Table:
        """This table with the routes of another, which is much smaller, in it (IPv4)."""
        merged = Table(self.family, self.number, (), self.complete and other.complete)
        by_shift = {shift: dict(networks) for shift, networks in self._by_shift}
        for shift, networks in other._by_shift:
            mine = by_shift.setdefault(shift, {})
            for bits, routes in networks.items():
                # sorting is stable: of equal routes those of the other come first, as it is asked first
                mine[bits] = sorted([*routes, *mine.get(bits, ())], key=_order_v4)
        merged._by_shift = sorted(by_shift.items())
        return merged

    def matches(self, dst: int) -> t.Iterator[tuple[int, list[Route]]]:
        """Every prefix that covers ``dst``, longest first: its network and its routes in the kernel's order."""
        for shift, networks in self._by_shift:
            routes = networks.get(dst >> shift)
            if routes:
                yield dst >> shift << shift, routes

    def longest(self, dst: int) -> tuple[int, int] | None:
        """The longest prefix that covers ``dst``: two addresses with the same one meet the same routes in the table."""
        for shift, networks in self._by_shift:
            if dst >> shift in networks:
                return dst >> shift, shift
        return None

    def prefixes(self) -> t.Iterator[tuple[int, int, list[Route]]]:
        """Every prefix as the bits behind it and its network, with its routes."""
        for shift, networks in self._by_shift:
            for bits, routes in networks.items():
                yield shift, bits << shift, routes

    def routes(self) -> t.Iterator[Route]:
        """Every route of the table."""
        return (route for _shift, networks in self._by_shift for routes in networks.values() for route in routes)

    def lookup(self, key: Key, around: Surroundings) -> Hit | None:
        """The route for ``key``, None where the table has none."""
        return self._lookup_v4(key, around) if self.family == 4 else self._lookup_v6(key, around)

    def _lookup_v4(self, key: Key, around: Surroundings) -> Hit | None:
        missed = -1  # the base address of a next-hop object without a usable leg: "goto miss" leaves its whole leaf
        for network, routes in self.matches(key.dst):
            for route in routes:
                if network == missed:
                    break
                if route.tos and route.tos != key.tos & TOS_MASK:
                    continue
                if route.type in REJECTS:
                    return Hit(route)
                if route.nhid is not None and not route.nexthops:
                    return Hit(route, unknown=f"the legs of next-hop object {route.nhid} of {route.dst} are not known")
                found = next((hop for hop in route.nexthops if _usable_v4(hop, key, around)), None)
                if found is None:
                    missed = network if route.nhid is not None else missed
                    continue
                return _select_v4(routes, route, found, key, around)
        return None

    def _lookup_v6(self, key: Key, around: Surroundings) -> Hit | None:
        for reachable_only in (True, False) if around.reachable_only else (False,):
            for _network, routes in self.matches(key.dst):
                find = _first_v6 if key.by_device else _best_v6
                best = find(routes, key, around, reachable_only)
                if best is not None:
                    return _select_v6(*best, key, around)
        return None


def _order_v4(route: Route) -> tuple[int, int, int]:
    # fib_insert_alias, which puts local before main where both are one; equal routes stay in the kernel's order
    return -route.table, -route.tos, route.metric


def _order_v6(route: Route) -> int:
    return route.metric


def _usable_v4(hop: NextHop, key: Key, around: Surroundings) -> bool:
    """fib_lookup_good_nhc."""
    if "dead" in hop.flags or (key.oif and key.oif != hop.device):
        return False
    return key.ignore_linkstate or not _linkdown(hop, 4, around)


def _linkdown(hop: NextHop, family: int, around: Surroundings) -> bool:
    device = around.devices.get(hop.device or "")
    return "linkdown" in hop.flags and device is not None and device.ignores_linkdown(family)


def _select_v4(routes: list[Route], route: Route, found: NextHop, key: Key, around: Surroundings) -> Hit:
    """fib_select_path: the legs that packets may take; ``routes`` are all of the prefix."""
    if len(route.nexthops) > 1 and not key.oif:
        return Hit(route, _multipath(route, found, key, around), found)
    if len(routes) == 1 or route.dst != "0.0.0.0/0" or key.oif or key.forwarded:
        return Hit(route, (Leg(found, 1.0),), found)
    taken = default_routes.possible(routes, route, key.tos & TOS_MASK, around.neighbours)
    legs = tuple(Leg(one.nexthops[0], 1 / len(taken), one) for one in taken)
    return Hit(route, legs, found)  # a rule suppresses by the route that matched


def _multipath(route: Route, found: NextHop, key: Key, around: Surroundings) -> tuple[Leg, ...]:
    """fib_select_multipath and nexthop_select_path: the share of each leg, never a prediction of the hash.

    The hash is cut into one region per leg; a leg that cannot be taken leaves its region to the next.
    """
    objects = route.nhid is not None
    hops = route.nexthops
    failed = [hop for hop in hops if (hop.device or "", hop.gateway or "") in around.failed_neighbours]
    # a next-hop object keeps the regions of dead legs; the legs of a plain route are rebalanced
    alive = [hop for hop in hops if "dead" not in hop.flags and (objects or not _linkdown(hop, 4, around))]
    if objects or around.use_neighbours:
        good = [hop for hop in alive if hop not in failed]
    else:
        good = alive
    own: list[NextHop] = []
    if around.prefer_source and key.src and not key.forwarded and not objects:
        own = [hop for hop in good if around.source_of_leg(route, hop) == key.src]
    fallback = good
    if around.use_neighbours and not objects and not around.dead_never_good:
        fallback = [hop for hop in hops if hop not in failed]
    total = sum(hop.weight for hop in alive) or 1
    shares: dict[NextHop, float] = {}
    for position, region in enumerate(alive):
        later = alive[position:]
        taken = next((hop for hop in later if hop in own), None) or (own[0] if own else None)
        taken = taken or next((hop for hop in later if hop in good), None)
        taken = taken or _last_resort(hops, fallback, found if not objects else None, region, around)
        shares[taken] = shares.get(taken, 0.0) + region.weight / total
    return tuple(Leg(hop, share) for hop, share in shares.items())


def _last_resort(
    hops: t.Sequence[NextHop], good: list[NextHop], found: NextHop | None, region: NextHop, around: Surroundings
) -> NextHop:
    """The leg for a region behind which no leg is good; ``found`` matched in a route without next-hop object."""
    if found is not None:
        return good[0] if good else found
    return (good or hops)[0] if around.first_good_member else region


def _best_v6(
    routes: list[Route], key: Key, around: Surroundings, reachable_only: bool
) -> tuple[Route, NextHop | None] | None:
    """find_rr_leaf: the best score among the routes of the lowest metric, or else among all others."""
    lowest = [route for route in routes if route.metric == routes[0].metric]
    for group in (lowest, routes[len(lowest) :]):
        best: tuple[Route, NextHop | None] | None = None
        best_score = -1
        for route in group:
            if route.nhid is not None and route.type == "blackhole":  # whatever its score would be
                return route, None
            for hop in route.nexthops or (None,):
                score = _score_v6(route, hop, key, around, reachable_only)
                if score > best_score:
                    best, best_score = (route, hop), score
                    if route.nhid is not None:  # nexthop_for_each_fib6_nh stops at the first member that is better
                        break
        if best is not None:
            return best
    return None


def _first_v6(
    routes: list[Route], key: Key, around: Surroundings, _reachable_only: bool
) -> tuple[Route, NextHop | None] | None:
    """rt6_device_match: the first route by the wanted interface or, without one, by the interface that has ``src``."""
    alive = [
        (route, hop) for route in routes for hop in route.nexthops or (None,) if not hop or "dead" not in hop.flags
    ]
    wanted = key.oif
    for route, hop in alive:
        device = hop.device if hop else "lo"
        if device == wanted or (not wanted and around.has_address(device or "", key.src)):
            return route, hop
    return alive[0] if alive and not (wanted and key.strict) else None


def _score_v6(route: Route, hop: NextHop | None, key: Key, around: Surroundings, reachable_only: bool) -> int:
    """rt6_score_route, negative where the leg must not be taken. A route without a leg stands on lo."""
    device = hop.device if hop else "lo"
    if hop and ("dead" in hop.flags or (_linkdown(hop, 6, around) and not key.ignore_linkstate)):
        return -1
    wanted = key.scored_device
    score = 2 if not wanted or device == wanted else 0
    if not score and key.strict:
        return -1
    # rt6_check_neigh with CONFIG_IPV6_ROUTER_PREF: a neighbour that is still asked for may be well
    if reachable_only and hop and around.neighbours.get((device or "", hop.gateway or "")) == "failed":
        return -1
    return score


def _select_v6(route: Route, found: NextHop | None, key: Key, around: Surroundings) -> Hit:
    """fib6_select_path: the shares of the siblings, which all have the same metric and a gateway."""
    if route.type in REJECTS or found is None:
        return Hit(route)
    if len(route.nexthops) < 2:
        return Hit(route, (Leg(found, 1.0),), found)
    if route.nhid is not None:  # nexthop_path_fib6_result asks for no interface and no score
        return Hit(route, _multipath(route, found, key, around), found)
    alive = [hop for hop in route.nexthops if "dead" not in hop.flags and not _linkdown(hop, 6, around)] or [found]
    total = sum(hop.weight for hop in alive)
    shares: dict[NextHop, float] = {}
    for hop in alive:
        taken = hop if _score_v6(route, hop, key, around, around.reachable_only) >= 0 else found
        shares[taken] = shares.get(taken, 0.0) + hop.weight / total
    return Hit(route, tuple(Leg(hop, share) for hop, share in shares.items()), found)
