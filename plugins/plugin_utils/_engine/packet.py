# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The values that the parts of the engine hand to each other: packets and what a host does with them."""

from __future__ import annotations

import dataclasses

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import NextHop, Route, Rule

# The type and code of each kind of ICMP error, by address family
ICMP_ERRORS = {
    "host_unreachable": {4: (3, 1), 6: (1, 3)},
    "port_unreachable": {4: (3, 3), 6: (1, 4)},
    "too_big": {4: (3, 4), 6: (2, 0)},  # IPv4: fragmentation needed
    "time_exceeded": {4: (11, 0), 6: (3, 0)},
}


@dataclasses.dataclass(frozen=True)
class Segment:
    """The numbers of a TCP segment."""

    sequence: int
    acknowledged: int
    window: int
    length: int = 0  # bytes of data
    scale: int | None = None  # the window scale option of a SYN
    sack: bool = False  # the SACK-permitted option of a SYN
    has_ack: bool = True  # a reset may come without


@dataclasses.dataclass(frozen=True)
class Packet:
    """One packet as a host sees it.

    ``first`` is a packet that may open a connection (a SYN, any UDP, an echo request). A TCP packet says what it is
    in ``tcp``: syn, syn_ack, ack, fin or rst; left empty it is a syn where ``first`` is true, else an ack. An ICMP
    packet is an echo request where ``first`` is true, else an echo reply; as long as ``error`` names no ICMP error
    (ICMP_ERRORS), which tells of the packet ``about``. Where the id of an echo is known, it stands for both ports. A
    flow whose source is 0.0.0.0 or :: has none yet: the sending host chooses it.
    """

    flow: Flow
    mark: int = 0
    tos: int = 0  # the whole DS field, 0 to 255
    first: bool = True
    tcp: str = ""  # syn, syn_ack, ack, fin, rst
    uid: int | None = None  # of the sending process; None: not known (what arrives counts as root's)
    segment: Segment | None = None  # None: every number is the right one
    error: str = ""
    about: Packet | None = None  # as it was where it met the error

    @property
    def tcp_kind(self) -> str:
        """What a TCP packet is, empty for other protocols."""
        if self.flow.protocol != "tcp":
            return ""
        return self.tcp or ("syn" if self.first else "ack")

    @property
    def has_source(self) -> bool:
        """False while the sending host has still to choose the source address."""
        return self.flow.source not in ("0.0.0.0", "::")


@dataclasses.dataclass(frozen=True)
class Lesson:
    """What ICMP taught of one destination: the gateway that holds now (None: on link), and the path MTU."""

    gateway: str | None = None
    mtu: int | None = None

    def diverts(self, leg: NextHop) -> bool:
        """True where packets go to another gateway than the route says: a redirect."""
        return self.gateway != leg.gateway


@dataclasses.dataclass(frozen=True)
class Branch:
    """One possible outcome of a route lookup, with its share of the traffic (0 to 1)."""

    kind: str  # forward, local, drop
    share: float
    device: str | None = None
    next_hop: str | None = None  # the address to resolve: the gateway, or the destination on link
    route: Route | None = None
    source: str | None = None  # chosen source address of locally generated packets without one
    reason: str = ""  # for drop: unreachable, blackhole, prohibit, no route
    leg: NextHop | None = None  # of the route
    lesson: Lesson | None = None  # what ICMP taught of this destination: it has overridden the route
    on_link: bool = False  # with forward: the next hop is the destination itself


@dataclasses.dataclass(frozen=True)
class Lookup:
    """What rules and FIB answer: the rule that decided and every branch of its route."""

    branches: tuple[Branch, ...]
    rule: Rule | None = None
    unknown: str = ""  # why the answer is not certain; empty when it is


@dataclasses.dataclass(frozen=True)
class ReversePath:
    """The verdict of reverse-path validation (``fib_validate_source``) on a packet."""

    verdict: str  # pass, drop, unknown
    mode: int = 0  # effective rp_filter: 0 off, 1 strict, 2 loose
    origin: str = ""  # which sysctl gives the mode: all or the interface
    reason: str = ""
    expected_devices: tuple[str, ...] = ()  # where the route back to the source leaves
    martian: bool = False  # with drop: the source can never be right, whatever rp_filter says


@dataclasses.dataclass(frozen=True)
class Translation:
    """An address translation that a connection entry holds."""

    kind: str  # snat, dnat, masquerade, redirect
    address: str | None = None
    port: int | None = None
    rule: str = ""
    port_unknown: bool = False  # the kernel takes one of a range, or a random one
    persistent: bool = False  # of a range the same address for every destination


@dataclasses.dataclass(frozen=True)
class FilterResult:
    """What the netfilter hooks of one host did with a packet."""

    verdict: str  # accept, drop, reject, unknown
    rule: str = ""  # the deciding rule as text, with family, table and chain
    reason: str = ""
    mark: int = 0
    translation: Translation | None = None
    stateful: bool = False  # the verdict depended on connection state: this host is a state boundary
    doubtful: bool = False  # with stateful: it may depend on it, a rule for another state being one that may match
    counter: tuple[int, int] | None = None  # packets and bytes of the deciding rule


@dataclasses.dataclass(frozen=True)
class Neighbour:
    """Who answers for a next hop."""

    host: str
    interface: str
    proof: str  # mac, prefix, declared, external


@dataclasses.dataclass(frozen=True)
class NextHopUse:
    """A route's leg with the rule that led to it: what a remedy has to change."""

    rule: Rule | None
    route: Route
    leg: NextHop


@dataclasses.dataclass(frozen=True)
class Transit:
    """One possible fate of a packet at one host; the shares of all fates add up to 1.

    The tracker is the host's connection table after the packet (conntrack.Tracker): hand it to
    the next packet of the same analysis, so that a reply meets what the request left behind.
    """

    outcome: str  # forward, local, drop, unknown
    share: float
    packet: Packet  # as it leaves the host or reaches the socket, after translation
    tracker: object
    device: str | None = None  # with forward: where it leaves
    next_hop: str | None = None  # with forward: the address to resolve there
    # with drop: reverse_path, martian, no_route, unreachable, blackhole, prohibit, filter, not_forwarding, no_source
    reason: str = ""
    detail: str = ""  # a sentence for people that names the rule, sysctl or chain
    state: str = ""  # of the packet's connection: new, established, invalid, untracked; empty without conntrack
    stateful: bool = False  # this host must see both directions of the flow
    lookup: Lookup | None = None
    reverse_path: ReversePath | None = None
    filters: tuple[FilterResult, ...] = ()
    chance: bool = False  # a rule's answer hangs on the leg that a hash picks: another packet may fare otherwise
