# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Read the addresses and prefixes that a user wrote, with errors that say what is wrong with them."""

from __future__ import annotations

import functools
import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError

Network = t.Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
ANY = {4: "0.0.0.0/0", 6: "::/0"}
BITS = {4: 32, 6: 128}
KEPT = 65_536  # prefixes that have been read, of the tens of thousands that a table may have


def family_of(text: str) -> int:
    """4 or 6, by the look of an address or a prefix."""
    return 6 if ":" in text else 4


def parse_prefix(text: t.Any, where: str) -> str:
    """The canonical form of a prefix or an address (``10.0.0.1`` is ``10.0.0.1/32``); raises PlanError."""
    written = str(text).strip()
    try:
        return _canonical(written)
    except ValueError:
        pass
    try:
        loose = ipaddress.ip_network(written, strict=False)
    except ValueError:
        raise PlanError(f"{where}: {written!r} is not an IPv4 or IPv6 prefix such as 203.0.113.0/25") from None
    host = written.split("/", 1)[0]
    raise PlanError(
        f"{where}: {written!r} has host bits set; write {loose} for the network, or {host}/{loose.max_prefixlen} for "
        "the one host"
    )


def parse_address(text: t.Any, where: str) -> str:
    """The canonical form of an address; raises PlanError."""
    try:
        return _canonical_address(str(text).strip())
    except ValueError:
        raise PlanError(f"{where}: {str(text)!r} is not an IPv4 or IPv6 address") from None


@functools.lru_cache(maxsize=KEPT)
def _canonical_address(written: str) -> str:
    return str(ipaddress.ip_address(written))


@functools.lru_cache(maxsize=KEPT)
def network(prefix: str) -> Network:
    """The network of a prefix or address without host bits; raises ValueError."""
    return ipaddress.ip_network(prefix)


@functools.lru_cache(maxsize=KEPT)
def _canonical(written: str) -> str:
    return str(network(written))


def covers(outer: str, inner: str) -> bool:
    """Whether every address of ``inner`` (prefix or address) lies in the prefix ``outer``."""
    first, second = network(outer), network(inner)
    if first.version != second.version or first.prefixlen > second.prefixlen:
        return False
    return bool(second.network_address in first)


def merged(prefixes: t.Iterable[str]) -> tuple[str, ...]:
    """The fewest prefixes that cover the same addresses, in order: overlapping and adjacent ones are joined."""
    nets = [network(prefix) for prefix in prefixes]
    four = [net for net in nets if isinstance(net, ipaddress.IPv4Network)]
    six = [net for net in nets if isinstance(net, ipaddress.IPv6Network)]
    return tuple(str(net) for net in ipaddress.collapse_addresses(four)) + tuple(
        str(net) for net in ipaddress.collapse_addresses(six)
    )


def without(prefixes: t.Iterable[str], others: t.Iterable[str]) -> tuple[str, ...]:
    """What remains of the prefixes where the others are taken out; both are free of overlaps (``merged``)."""
    left: list[Network] = [network(prefix) for prefix in prefixes]
    for other in map(network, others):
        cut: list[Network] = []
        for net in left:
            if covers(str(other), str(net)):
                continue
            cut += _exclude(net, other) if covers(str(net), str(other)) else [net]
        left = cut
    return merged(map(str, left))


def _exclude(net: Network, hole: Network) -> list[Network]:
    if isinstance(net, ipaddress.IPv4Network) and isinstance(hole, ipaddress.IPv4Network):
        return list(net.address_exclude(hole))
    if isinstance(net, ipaddress.IPv6Network) and isinstance(hole, ipaddress.IPv6Network):
        return list(net.address_exclude(hole))
    return [net]


def element_prefixes(element: str) -> list[str]:
    """The prefixes that an element of an nft interval set covers: an address, a prefix or a range ``a-b``."""
    first, dash, last = element.partition("-")
    if not dash:
        return [parse_prefix(element, "set element")]
    low, high = ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip())
    return [str(net) for net in ipaddress.summarize_address_range(low, high)]


def as_element(prefix: str) -> str:
    """How nft prints a prefix in a set: a single address has no length."""
    address, _slash, length = prefix.partition("/")
    return address if int(length) == BITS[family_of(prefix)] else prefix


class PrefixSet:
    """Answers whether an address lies in one of many prefixes, without walking through them."""

    def __init__(self, prefixes: t.Iterable[str]) -> None:
        self._by_length: dict[tuple[int, int], set[int]] = {}
        for net in map(network, prefixes):
            shift = net.max_prefixlen - net.prefixlen
            self._by_length.setdefault((net.version, shift), set()).add(int(net.network_address) >> shift)

    def __contains__(self, address: str) -> bool:
        parsed = ipaddress.ip_address(address)
        number = int(parsed)
        return any(
            version == parsed.version and number >> shift in numbers
            for (version, shift), numbers in self._by_length.items()
        )

    def families(self) -> list[int]:
        """The address families that occur: 4, 6, both or none."""
        return sorted({version for version, _shift in self._by_length})
