# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few names and numbers that random worlds and questions are drawn from, so that they often meet."""

from __future__ import annotations

import random
import typing as t

T = t.TypeVar("T")

TABLES = (254, 254, 254, 100, 101, 102, 253)
DEVICES = ("d0", "d1", "d2", "d3", "v0", "m0")  # v0 has no carrier, m0 may be in VRF red
VRF_TABLE = 100
NETS = {
    4: ("10.1.0", "10.1.1", "10.2.0", "10.2.1", "20.1.1"),
    6: ("2001:db8:1", "2001:db8:1:1", "2001:db8:2", "fd00:1", "2002:a01:1"),
}
PREFIXES = {
    4: (
        "default",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.0.0/24",
        "10.1.1.0/24",
        "10.1.1.7/32",
        "10.2.0.0/15",
        "10.2.0.0/25",
        "10.1.0.0/32",
        "20.0.0.0/8",
        "20.1.1.0/24",
        "20.1.1.128/25",
        "30.0.0.0/8",
        "0.0.0.0/1",
        "128.0.0.0/1",
    ),
    6: (
        "default",
        "2001:db8::/32",
        "2001:db8:1::/48",
        "2001:db8:1::/64",
        "2001:db8:1:1::/64",
        "2001:db8:1::7/128",
        "2001:db8:2::/47",
        "2001:db8::/128",
        "2001:db8:1::/128",
        "fd00::/8",
        "2002::/16",
        "3000::/8",
        "2000::/3",
    ),
}
WIDE = {
    4: ("default", "10.0.0.0/8", "0.0.0.0/1", "10.1.0.0/16", "20.0.0.0/8"),
    6: ("default", "2001:db8::/32", "2000::/3", "fd00::/8", "2001:db8:1::/48"),
}
MARKS = (0, 0, 1, 0x10, 0x11)
# DS fields: old TOS values, and DSCPs whose upper bits a tos selector of IPv4 does not see
TOS = (0, 0, 0x10, 0x08, 0x28, 0xB8)
UIDS = (0, 0, 1000)


class Dice:
    """Random numbers of one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def pick(self, values: t.Iterable[T]) -> T:
        return self.random.choice(list(values))

    def maybe(self, share: float) -> bool:
        return self.random.random() < share

    def between(self, low: int, high: int) -> int:
        """A number from ``low`` to ``high``, both possible."""
        return self.random.randint(low, high)
