# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a network looks at in a packet: the addresses and ports at which an answer about it may change.

Every comparison of the engine is with constants: prefixes, addresses, ranges. A *cut* is the first value of a range
within which all those comparisons give the same. Two flows whose addresses and ports lie between the same cuts have
the same fate, so judging one of them judges all. Constants that no lookup can reach do no harm: they only cut finer.
"""

from __future__ import annotations

import bisect
import dataclasses
import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import BITS, prefix_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.sharing.sharing import (
    written as compared_by_sharing,
)

Facts = t.Mapping[str, t.Any]
Range = tuple[int, int]  # first and last

# What the kernel and the engine compare with, whatever is configured.
_FIXED = {
    4: ("0.0.0.0/32", "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32"),
    6: ("::/128", "::1/128", "::/96", "::ffff:0:0/96", "2001::/32", "2001:10::/28", "2002::/16", "fc00::/7",
        "fe80::/10", "fec0::/10", "ff00::/8"),
}
_PORT_WORDS = ("dport", "sport", "proto-src", "proto-dst")


@dataclasses.dataclass(frozen=True)
class Cuts:
    """Sorted first values of ranges by address family, and of ports. ``opaque``: comparisons that make no range."""

    addresses: t.Mapping[int, tuple[int, ...]]
    ports: tuple[int, ...] = ()
    opaque: tuple[str, ...] = ()

    def inside(self, family: int, asked: Range) -> tuple[int, ...]:
        """The cuts that divide a range of addresses."""
        return within(self.addresses[family], asked)


def within(cuts: t.Sequence[int], asked: Range) -> tuple[int, ...]:
    """The cuts that divide a range: those after its first value, up to its last."""
    return tuple(cuts[bisect.bisect_right(cuts, asked[0]):bisect.bisect_right(cuts, asked[1])])


def range_of(prefix: str) -> Range:
    """First and last address of a prefix; raises ValueError."""
    network, length = prefix_of(prefix)
    return network, network + (1 << (BITS[6 if ":" in prefix else 4] - length)) - 1


class Collector:
    """Gathers constants; ``cuts`` gives what they cut."""

    def __init__(self) -> None:
        self._addresses: dict[int, set[int]] = {4: set(), 6: set()}
        self._ports: set[int] = set()
        self._opaque: dict[str, None] = {}

    def cuts(self) -> Cuts:
        return Cuts({family: tuple(sorted(found)) for family, found in self._addresses.items()},
                    tuple(sorted(self._ports)), tuple(self._opaque))

    def prefix(self, text: str | None) -> None:
        """An address or a prefix; None is nothing."""
        if text:
            self._range(6 if ":" in text else 4, range_of(text))

    def ports(self, span: t.Sequence[int] | None) -> None:
        if span:
            self._ports |= {span[0], span[-1] + 1}

    def opaque(self, what: str) -> None:
        self._opaque[what] = None

    def _range(self, family: int, span: Range) -> None:
        self._addresses[family] |= {span[0], span[1] + 1}

    def anything(self, value: t.Any, with_numbers: bool) -> None:
        """Every address, prefix and range in a value of the facts; numbers are ports where ``with_numbers`` says so."""
        if isinstance(value, t.Mapping):
            if set(value) == {"range"}:
                value = "-".join(str(end) for end in value["range"])
            elif set(value) == {"prefix"}:
                value = f"{value['prefix']['addr']}/{value['prefix']['len']}"
            else:
                for key, item in value.items():
                    self.anything(key, with_numbers)
                    self.anything(item, with_numbers)
                return
        if isinstance(value, (list, tuple)):
            for item in value:
                self.anything(item, with_numbers)
        elif isinstance(value, int) and not isinstance(value, bool):
            if with_numbers and 0 <= value < 65536:
                self.ports((value,))
        elif isinstance(value, str):
            for part in value.split(" . "):
                self._text(part.strip(), with_numbers)

    def _text(self, text: str, with_numbers: bool) -> None:
        first, dash, last = text.partition("-")
        try:
            if "." in first or ":" in first:
                low, high = range_of(first), range_of(last if dash else first)
                self._range(6 if ":" in first else 4, (low[0], high[1]))
            elif with_numbers:
                span = (int(first, 0), int(last, 0) if dash else int(first, 0))
                if 0 <= span[0] <= span[1] < 65536:
                    self.ports(span)
        except ValueError:
            return  # a name: of an interface, a chain, a service


def host_cuts(name: str, facts: Facts) -> Cuts:
    """What one host looks at: its routes, rules, addresses, neighbours and netfilter rules."""
    collector = Collector()
    _addresses(collector, facts)
    for route in facts.get("routes", ()):
        collector.prefix(route["dst"])
        collector.prefix(route.get("prefsrc"))
        for leg in route.get("nexthops", ()):
            collector.prefix(leg.get("gateway"))
    for rule in facts.get("rules", ()):
        for key in ("src", "dst"):
            collector.prefix(rule.get(key))
        for key in ("sport", "dport"):
            collector.ports(rule.get(key))
    for entry in facts.get("neighbours", ()):
        collector.prefix(entry["address"])
    for prefix in facts.get("parts", {}).get("routes", {}).get("covered", ()):
        collector.prefix(prefix)
    collector.anything(facts.get("exceptions", ()), False)  # next-hop exceptions: redirects and path MTUs
    collector.anything(compared_by_sharing(facts), False)
    _netfilter(collector, name, facts)
    return collector.cuts()


def _addresses(collector: Collector, facts: Facts) -> None:
    for interface in facts.get("interfaces", {}).values():
        for item in interface.get("addresses", ()):
            for address in filter(None, (item["address"], item.get("peer"))):
                collector.prefix(address)
                collector.prefix(f"{address}/{item['prefixlen']}")


def _netfilter(collector: Collector, name: str, facts: Facts) -> None:
    netfilter = facts.get("netfilter", {})
    rules = [rule for chain in netfilter.get("chains", ()) for rule in chain.get("rules", ())]
    for rule in rules:
        for match in rule.get("matches", ()):
            _match(collector, name, rule, match)
        for part in (*rule.get("statements", ()), rule.get("verdict") or {}):
            collector.anything(part, _is_on_ports(part))
    for named in netfilter.get("sets", ()):
        collector.anything(named.get("elements", ()), True)
    if any((rule.get("verdict") or {}).get("do") == "masquerade" for rule in rules):
        _common_prefixes(collector, facts)
    if any(part.get("do") == "ct_helper" for rule in rules for part in rule.get("statements", ())):
        for flow in facts.get("conntrack", {}).get("flows", ()):  # the ends of sessions that may expect connections
            for end in (*flow["original"].values(), *flow["reply"].values()):
                collector.anything(end, False)


def _is_on_ports(part: Facts) -> bool:
    """True for a translation, and for a map whose key is a port."""
    return part.get("port") is not None or any(word in str(part) for word in _PORT_WORDS)


def _match(collector: Collector, name: str, rule: Facts, match: Facts) -> None:
    left = str(match.get("left", ""))
    on_ports = any(word in left for word in _PORT_WORDS)
    if not on_ports and "addr" not in left:
        return
    collector.anything(match.get("right"), on_ports)
    if match.get("mask") is not None:  # nft lists a mask of leading ones as a prefix
        collector.opaque(f"{name}: rule {rule.get('text', left)!r} compares bits of {left}, which make no range")


def _common_prefixes(collector: Collector, facts: Facts) -> None:
    """masquerade over IPv6 takes the address with the longest prefix in common with the destination (RFC 6724)."""
    for interface in facts.get("interfaces", {}).values():
        for item in interface.get("addresses", ()):
            if ":" in item["address"]:
                for length in range(1, int(item["prefixlen"]) + 1):
                    collector.prefix(f"{item['address']}/{length}")


def shared_cuts(facts: t.Mapping[str, Facts], declared: t.Iterable[str], seen: t.Iterable[str]) -> Cuts:
    """What is asked of an address wherever it is met: whose it is, on which segment it lies, what is declared of it.

    ``declared`` are the prefixes and gateways of the inventory, ``seen`` the addresses that an observation names.
    """
    collector = Collector()
    for text in (*_FIXED[4], *_FIXED[6], *declared, *seen):
        collector.prefix(text)
    for known in facts.values():
        _addresses(collector, known)
        local = {(route["family"], route["table"]) for route in known.get("routes", ()) if route.get("type") == "local"}
        for route in known.get("routes", ()):
            if (route["family"], route["table"]) in local:  # the longest prefix says whether the address is the host's
                collector.prefix(route["dst"])
    return collector.cuts()


def joined(parts: t.Iterable[Cuts]) -> Cuts:
    """All cuts together."""
    addresses: dict[int, set[int]] = {4: set(), 6: set()}
    ports: set[int] = set()
    opaque: dict[str, None] = {}
    for part in parts:
        for family, found in part.addresses.items():
            addresses[family].update(found)
        ports.update(part.ports)
        opaque.update(dict.fromkeys(part.opaque))
    return Cuts({family: tuple(sorted(found)) for family, found in addresses.items()}, tuple(sorted(ports)),
                tuple(opaque))


def range_text(family: int, span: Range) -> str:
    """A range of addresses as one prefix where it is one, an address, or ``first-last``."""
    kind = ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address
    first, last = kind(span[0]), kind(span[1])
    if first == last:
        return str(first)
    size = span[1] - span[0] + 1
    if size & (size - 1) == 0 and span[0] % size == 0:
        return f"{first}/{BITS[family] - size.bit_length() + 1}"
    return f"{first}-{last}"
