# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cells of the matrix: how a pair shares its connections, and how soon replies are there."""

from __future__ import annotations

import dataclasses
import typing as t

WEB, ECHO = "tcp 10.0.0.10 > 10.9.0.10:80", "udp 10.0.0.10 > 10.9.0.10:5353"
OTHER_WEB = "tcp 10.0.0.200 > 10.9.0.10:80"  # from the subnet that one of the cells leaves out
NAT_WEB = "tcp 10.0.0.10 > 198.51.100.10:80"  # both members translate to 203.0.113.1
# What a reply takes beyond the network's own time, in microseconds; None: no program passes its packets on.
DELAYS: tuple[int | None, ...] = (None, 0, 200, 500, 1_000, 3_000, 10_000)
# Mode of conntrackd, and whether it has its external cache; alarm is never without.
MODES: tuple[tuple[str, bool], ...] = (
    ("none", False),
    ("ftfw", True),
    ("ftfw", False),
    ("notrack", True),
    ("notrack", False),
    ("alarm", True),
)
SURE = 3_000  # microseconds: from here on a configuration that shares must be found to protect
ADDRESSES = {"fw_a": "172.31.0.1", "fw_b": "172.31.0.2"}
ONLY_TCP = "Protocol Accept {\n TCP\n }"
BUT_THE_SHARED_ADDRESS = "Address Ignore {\n IPv4_address 127.0.0.1\n IPv4_address 203.0.113.1\n }"
BUT_THE_SERVER = "Address Ignore {\n IPv4_address 127.0.0.1\n IPv4_address 198.51.100.10\n }"
BUT_A_SUBNET = "Address Ignore {\n IPv4_address 127.0.0.1\n IPv4_address 10.0.0.128/25\n }"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One way to share, one delay, one flow."""

    mode: str
    external_cache: bool
    delay: int | None
    flow: str = WEB
    leaves_out: str = ""  # what the filter leaves out, in words
    filters: str = ""
    modes: tuple[str, str] | None = None  # of fw_a and fw_b, where they differ

    @property
    def name(self) -> str:
        cache = "" if self.mode == "none" or self.modes else f", cache {'on' if self.external_cache else 'off'}"
        mode = "/".join(self.modes) if self.modes else self.mode
        left_out = f", without {self.leaves_out}" if self.leaves_out else ""
        kind = {OTHER_WEB: "tcp of the subnet", NAT_WEB: "translated tcp"}.get(self.flow) or self.flow.split()[0]
        return f"{mode}{cache}{left_out}, {kind}"

    @property
    def network(self) -> str:
        """The topology."""
        return "nat_pair" if self.flow == NAT_WEB else "firewall_pair_ecmp"

    @property
    def shares(self) -> bool:
        """Whether what is configured puts the flow's state into the other kernel at once."""
        return self.mode in ("ftfw", "notrack") and not self.external_cache and not self.left_out

    @property
    def left_out(self) -> bool:
        """Whether the flow is what the filter leaves out."""
        return bool(self.leaves_out) and (self.flow in (ECHO, OTHER_WEB) or self.filters == BUT_THE_SERVER)

    def configuration(self, member: str) -> str:
        """The file of a member; empty: it runs no conntrackd."""
        if self.mode == "none":
            return ""
        mode = self.modes[list(ADDRESSES).index(member)] if self.modes else self.mode
        (peer,) = (address for name, address in ADDRESSES.items() if name != member)
        cache = "" if mode == "alarm" else f"DisableExternalCache {'no' if self.external_cache else 'yes'}"
        return CONFIGURATION.format(
            mode=mode.upper(), cache=cache, local=ADDRESSES[member], peer=peer, filters=self.filters or OWN_ADDRESSES
        )


OWN_ADDRESSES = "Address Ignore {\n IPv4_address 127.0.0.1\n IPv4_address 172.31.0.0/30\n }"
CONFIGURATION = """\
Sync {{
 Mode {mode} {{
  {cache}
 }}
 UDP {{
  IPv4_address {local}
  IPv4_Destination_Address {peer}
  Port 3780
  Interface sync
  SndSocketBuffer 1249280
  RcvSocketBuffer 1249280
  Checksum yes
 }}
}}
General {{
 HashSize 32768
 HashLimit 524288
 LogFile yes
 LockFile /run/lock/conntrackd.lock
 UNIX {{
  Path /run/conntrackd.ctl
 }}
 NetlinkBufferSize 2097152
 NetlinkBufferSizeMaxGrowth 8388608
 Filter From Userspace {{
  {filters}
 }}
}}
"""


def matrix(delays: t.Sequence[int | None] = DELAYS) -> list[Cell]:
    """Every way to share with every delay, ordered by delay: each needs a lab of its own."""
    return [Cell(mode, cache, delay) for delay in delays for mode, cache in MODES]


def translated() -> list[Cell]:
    """Pairs that translate to one address. conntrackd looks at the ends of a flow, not at what they become."""
    return [
        Cell("none", False, SURE, flow=NAT_WEB),
        Cell("ftfw", True, SURE, flow=NAT_WEB),
        Cell("ftfw", False, SURE, flow=NAT_WEB),
        Cell("ftfw", False, SURE, flow=NAT_WEB, leaves_out="203.0.113.1", filters=BUT_THE_SHARED_ADDRESS),
        Cell("ftfw", False, SURE, flow=NAT_WEB, leaves_out="198.51.100.10", filters=BUT_THE_SERVER),
    ]


def half_covered() -> list[Cell]:
    """Pairs that leave something out, with what they leave out and what they do not; and two that do not agree."""
    without_udp = Cell("ftfw", False, SURE, leaves_out="udp", filters=ONLY_TCP)
    without_subnet = Cell("ftfw", False, SURE, leaves_out="10.0.0.128/25", filters=BUT_A_SUBNET)
    return [
        without_udp,
        dataclasses.replace(without_udp, flow=ECHO),
        without_subnet,
        dataclasses.replace(without_subnet, flow=OTHER_WEB),
        Cell("ftfw", False, SURE, flow=ECHO),
        Cell("ftfw", False, SURE, modes=("ftfw", "notrack")),
        Cell("ftfw", False, SURE, modes=("notrack", "ftfw")),
    ]
