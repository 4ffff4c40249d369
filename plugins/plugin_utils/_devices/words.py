# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Small readings that the dialects share: prefixes, addresses, blocks of lines, JSON that comes in pieces."""

from __future__ import annotations

import ipaddress
import json
import re
import typing as t

Dict = dict[str, t.Any]
ICMP = {"icmp", "icmpv6", "1", "58"}


def prefix(text: str, mask: str = "") -> str | None:
    """A prefix in its canonical form, host bits cleared, or None; ``mask`` is a netmask, a wildcard or a length."""
    try:
        return str(ipaddress.ip_network(f"{text}/{mask}" if mask else text, strict=False))
    except ValueError:
        return None


def address(text: str) -> str | None:
    """An address in its canonical form, without the interface that some write behind %; None: it is none."""
    try:
        return str(ipaddress.ip_address(text.strip().split("%")[0]))
    except ValueError:
        return None


def interface_address(text: str, mask: str = "") -> Dict | None:
    """``{family, address, prefixlen}`` of an address with its length or mask; None where it is none."""
    try:
        found = ipaddress.ip_interface(f"{text}/{mask}" if mask else text)
    except ValueError:
        return None
    return {"family": found.version, "address": str(found.ip), "prefixlen": found.network.prefixlen}


def mac(text: str) -> str | None:
    """aabb.cc00.0100, AA-BB-CC-00-01-00 and the like, as aa:bb:cc:00:01:00."""
    digits = re.sub(r"[^0-9a-f]", "", text.lower())
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2)) if len(digits) == 12 else None


def by_longest(prefixes: t.Iterable[tuple[str, bool]]) -> list[str]:
    """What is in, as prefixes that do not overlap, where the longest prefix decides: ``(prefix, is it excepted)``."""
    found: list[t.Any] = []
    ordered = sorted(((ipaddress.ip_network(text), excepted) for text, excepted in prefixes),
                     key=lambda one: one[0].prefixlen)
    for network, excepted in ordered:
        kept: list[t.Any] = []
        for one in found:
            if one.version == network.version and network.subnet_of(one):
                kept += one.address_exclude(network)
            elif one.version != network.version or not one.subnet_of(network):
                kept.append(one)
        found = kept if excepted else [*kept, network]
    return [str(one) for family in (4, 6) for one in ipaddress.collapse_addresses(
        one for one in found if one.version == family)]


def without_length(text: str) -> str:
    """An address without the length of a single one (/32, /128); another prefix stays as it is."""
    one = prefix(text)
    return one.partition("/")[0] if one and one.endswith("/32" if family_of(one) == 4 else "/128") else text


def family_of(text: str) -> int:
    return 6 if ":" in text else 4


def blocks(text: str, begins: re.Pattern[str]) -> t.Iterator[tuple[re.Match[str], list[str]]]:
    """Each line that matches, with the lines up to the next such line."""
    head: re.Match[str] | None = None
    lines: list[str] = []
    for line in text.splitlines():
        match = begins.match(line)
        if match:
            if head:
                yield head, lines
            head, lines = match, []
        elif head:
            lines.append(line)
    if head:
        yield head, lines


def json_documents(text: str) -> list[t.Any]:
    """All JSON documents that follow each other in a text, as vtysh prints one per VRF or daemon; raises ValueError."""
    decoder, at = json.JSONDecoder(), 0
    found: list[t.Any] = []
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at >= len(text):
            return found
        document, at = decoder.raw_decode(text, at)
        found.append(document)


def number(text: str | None) -> int | None:
    """A whole number, with or without separators of thousands; None where it is none."""
    digits = (text or "").replace(",", "").strip()
    return int(digits) if digits.isdigit() else None


def covers(network: str, one: str) -> bool:
    """Whether an address or prefix lies in a network of the same family."""
    outer, inner = ipaddress.ip_network(network, strict=False), ipaddress.ip_network(one, strict=False)
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def wildcard(length: int) -> str:
    """The wildcard mask of a prefix length of IPv4: 24 is 0.0.0.255."""
    return str(ipaddress.ip_network(f"0.0.0.0/{length}").hostmask)
