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
    6: ("2001:db8:1", "2001:db8:1:1", "2001:db8:2", "fd00:1", "2002:a01:1", "2002:a01:2"),
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
FAR = {4: ("30.0.0", "200.0.0"), 6: ("3000", "2600:1")}  # no interface has an address there
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


class Theme(t.NamedTuple):
    """What a world has more of than others, so that it decides often enough."""

    name: str = "any"
    candidates: int = 1  # questions of which the first is asked that something rare decides
    iif_rules: float = 0.1  # weights of selectors: those that decide most reverse-path checks
    mark_rules: float = 0.12
    port_rules: float = 0.12
    arrives: float = 0.55  # share of questions about packets that come in
    ipv4: float = 0.65
    without_source: float = 0.55  # of the packets of the host itself
    many_addresses: bool = False
    no_ipv4: bool = False
    multipath: float = 0.13
    objects: float = 0.13  # share of routes with a next-hop object, where the world has any
    equal_defaults: float = 0.05  # share of tables with several default routes alike
    on_link: float = 0.25  # share of legs without a gateway
    near_gateways: float = 0.0  # share of gateways in a subnet of their interface
    strict: bool = False
    ends: float = 0.17  # share of routes that refuse
    devices: int = 7  # how many of the interfaces routes and arriving packets use
    far: float = 0.25  # share of addresses that no interface is near to
    few_addresses: bool = False
    bare: float = 0.0  # share of worlds whose d1 has no address
    from_host: float = 0.06  # share of arriving packets with a source that is the host's
    to_host: float = 0.12  # share of questions about the host's own addresses
    link_down: float = 0.3  # share of worlds


THEMES = (
    (0.2, Theme(candidates=2)),
    (0.05, Theme("input interfaces", candidates=2, iif_rules=0.6)),
    (
        0.24,
        Theme(
            "sources",
            candidates=4,
            arrives=0.08,
            ipv4=0.5,
            without_source=0.96,
            many_addresses=True,
            near_gateways=0.9,
            on_link=0.1,
            ends=0.08,
            far=0.6,
            to_host=0.05,
        ),
    ),
    (0.04, Theme("no address", arrives=0.1, ipv4=0.9, without_source=0.95, no_ipv4=True, ends=0.05)),
    (
        0.27,
        Theme(
            "checks",
            candidates=6,
            iif_rules=1.2,
            mark_rules=0.5,
            port_rules=0.5,
            arrives=0.97,
            ipv4=0.99,
            strict=True,
            ends=0.02,
            devices=2,
            bare=0.25,
            from_host=0.12,
            to_host=0.4,
        ),
    ),
    (
        0.2,
        Theme(
            "legs",
            candidates=3,
            arrives=0.15,
            ipv4=0.88,
            without_source=0.3,
            multipath=0.7,
            objects=0.18,
            equal_defaults=0.45,
            near_gateways=0.3,
            ends=0.05,
            devices=3,
            link_down=0.7,
            few_addresses=True,
            far=0.7,
            to_host=0.04,
        ),
    ),
)
