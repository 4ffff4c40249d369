# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What the kernel's routing numbers are called in the facts schema.

The names are those of iproute2's defaults. They are written out here because a host may rename
them (rt_scopes, rt_tables, rt_protos): facts of two hosts must mean the same.
"""

from __future__ import annotations

ROUTE_TYPES = {  # linux/rtnetlink.h, RTN_*
    1: "unicast",
    2: "local",
    3: "broadcast",
    4: "anycast",
    5: "multicast",
    6: "blackhole",
    7: "unreachable",
    8: "prohibit",
    9: "throw",
}
REJECT_TYPES = ("blackhole", "unreachable", "prohibit", "throw")
SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}  # RT_SCOPE_*
LEG_FLAGS = {1: "dead", 2: "pervasive", 4: "onlink", 16: "linkdown"}  # RTNH_F_*
RULE_ACTIONS = {  # linux/fib_rules.h, FR_ACT_*
    1: "lookup",
    2: "goto",
    3: "nop",
    6: "blackhole",
    7: "unreachable",
    8: "prohibit",
}
NEIGHBOUR_STATES = {  # linux/neighbour.h, NUD_*; iproute2 hides noarp and none
    0x01: "incomplete",
    0x02: "reachable",
    0x04: "stale",
    0x08: "delay",
    0x10: "probe",
    0x20: "failed",
    0x80: "permanent",
}
ADDRESS_FLAGS = {  # linux/if_addr.h, IFA_F_*, under the names that iproute2 gives them
    0x02: "nodad",
    0x04: "optimistic",
    0x08: "dadfailed",
    0x10: "home",
    0x20: "deprecated",
    0x40: "tentative",
    0x100: "mngtmpaddr",
    0x200: "noprefixroute",
    0x400: "autojoin",
    0x800: "stable-privacy",
}


def any_prefix(family: int) -> str:
    """The prefix that covers every address of the family (4 or 6)."""
    return "0.0.0.0/0" if family == 4 else "::/0"


def host_bits(family: int) -> int:
    """The length of a host route of the family (4 or 6)."""
    return 32 if family == 4 else 128


def name_of(names: dict[int, str], number: int) -> str:
    """The name of a number, or the number itself as text where it has none."""
    return names.get(number, str(number))
