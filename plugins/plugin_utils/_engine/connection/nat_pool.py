# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which address of a range the kernel translates to: it hashes source and destination, without a seed.

Source: find_best_ips_proto (net/netfilter/nf_nat_core.c), jhash2 (include/linux/jhash.h).
"""

from __future__ import annotations

import dataclasses
import ipaddress

_BITS32 = 0xFFFFFFFF
_INITIAL = 0xDEADBEEF


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the kernel hashes: the connection's source and destination as they are before this translation."""

    source: str
    destination: str
    zone: int = 0
    persistent: bool = False  # the destination does not count
    of_destination: bool = False  # it is the destination that is translated


def choose(first: str, last: str, asked: Asked, byte_order: str) -> str:
    """The address between ``first`` and ``last`` on a machine of that byte order (little, big)."""
    destinations = _words(asked.destination, byte_order)
    sources = _words(asked.source, byte_order)
    chosen = _hash((*sources, *((0,) * (4 - len(sources)))), 0 if asked.persistent else destinations[-1] ^ asked.zone)
    packed = b""
    whole = False  # an earlier word was below that of the last address: from here on any value will do
    for index, (least, most) in enumerate(zip(_words(first, "big"), _words(last, "big"), strict=True)):
        start, distance = (0, _BITS32) if whole else (least, most - least + 1)
        value = (start + (chosen * (distance & _BITS32) >> 32)) & _BITS32
        packed += value.to_bytes(4, "big")
        whole = whole or value != most
        if not asked.persistent:
            # a destination is overwritten word by word, and the hash goes on with what it has become
            chosen ^= _native(value, byte_order) if asked.of_destination else destinations[index]
    return str(ipaddress.ip_address(packed))


def bounds(address: str) -> tuple[str, str]:
    """The first and the last address of ``a``, ``a-b`` or ``a/len``; raises ValueError."""
    first, dash, last = address.partition("-")
    if dash:
        return str(ipaddress.ip_address(first)), str(ipaddress.ip_address(last))
    network = ipaddress.ip_network(address, strict=False)
    return str(network[0]), str(network[-1])


def _native(word: int, byte_order: str) -> int:
    return int.from_bytes(word.to_bytes(4, "big"), "little" if byte_order == "little" else "big")


def _words(address: str, byte_order: str) -> tuple[int, ...]:
    """The 32-bit words of an address as a machine of that byte order loads them."""
    packed = ipaddress.ip_address(address).packed
    words = (int.from_bytes(packed[at : at + 4], "big") for at in range(0, len(packed), 4))
    return tuple(_native(word, byte_order) for word in words)


def _rotate(word: int, by: int) -> int:
    return (word << by | word >> (32 - by)) & _BITS32


def _hash(words: tuple[int, ...], seed: int) -> int:
    """jhash2 of four words."""
    a = b = c = (_INITIAL + (len(words) << 2) + seed) & _BITS32
    a, b, c = ((one + word) & _BITS32 for one, word in zip((a, b, c), words, strict=False))
    for by in (4, 6, 8, 16, 19, 4):  # __jhash_mix, whose parts turn around
        a = (a - c & _BITS32) ^ _rotate(c, by)
        c = (c + b) & _BITS32
        a, b, c = b, c, a
    a = (a + words[3]) & _BITS32
    one, two, three = c, b, a
    for by in (14, 11, 25, 16, 4, 14, 24):  # __jhash_final, likewise
        one = ((one ^ two) - _rotate(two, by)) & _BITS32
        one, two, three = three, one, two
    return two
