# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random packets through random routers, as tests/oracle/packets.py has them, over links of several kinds."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.tests.kernels.outcome import Outcome
from ansible_collections.netpath.symmetry.tests.oracle import packets

VRF_TABLE = "1001"


def vlan_links() -> list[str]:
    """A trunk with one VLAN for each side of the router."""
    lines = ["link add trunk type veth peer name far", "link set far up", "link set trunk up"]
    for number, device in enumerate(packets.DEVICES, 101):
        lines += [f"link add link trunk name {device} type vlan id {number}"]
        lines += [f"link add link far name {device}p type vlan id {number}"]
    return lines


def vrf_links() -> list[str]:
    """All sides of the router in one VRF: its rules see either the link or the VRF as the interface."""
    lines = packets.veth_links()
    lines += [f"link add red type vrf table {VRF_TABLE}", "link set red up"]
    return lines + [f"link set {device} master red" for device in packets.DEVICES]


def veth_packets(cases: int, seed: int) -> Outcome:
    return _run(cases, seed, packets.veth_links, "main")


def vlan_packets(cases: int, seed: int) -> Outcome:
    return _run(cases, seed, vlan_links, "main")


def vrf_packets(cases: int, seed: int) -> Outcome:
    return _run(cases, seed, vrf_links, VRF_TABLE)


def _run(cases: int, seed: int, links: packets.Links, table: str) -> Outcome:
    tally = packets.Tally()
    while tally.total < cases and not tally.mismatches:
        packets.run_world(seed, tally, links, table, shrunk=False)  # shrinking takes minutes in an emulated machine
        seed += 1
    return Outcome(tally.total, tally.unknown, 0, tally.mismatches)
