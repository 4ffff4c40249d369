# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections that a flowtable takes past rules and routing, and what a change in mid-flow then does.

A router with random rules around ``flow add`` takes the packets of a few connections. In mid-flow, rules may be added
that drop or mark what is established, or the route may change; the engine reads the changed host and goes on with the
connections it has followed.
"""

from __future__ import annotations

import random
import subprocess
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection import flowtable
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Tracker
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet, Transit
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.passage import transit
from ansible_collections.netpath.symmetry.tests.kernels.outcome import Outcome
from ansible_collections.netpath.symmetry.tests.oracle import packets
from ansible_collections.netpath.symmetry.tests.oracle.wires import Wires

PER_WORLD = 24
_NEIGHBOURS = {f"{net[0]}{host}" for net in packets.DEVICES.values() for host in (2, 3, 4, 8, 9, 77, 78)}
_ADD = (
    "ct state established flow add @ft", "meta l4proto { tcp, udp } flow add @ft", "flow add @ft accept",
    "ct state established flow add @ft accept", "tcp dport 80 flow add @ft", "meta l4proto udp flow add @ft drop",
)  # fmt: skip
_FILTERS = (
    "ct state established,related accept", "iifname a0 accept", "ct state new accept", "tcp dport 443 drop",
    "ct direction reply drop", "ct state established udp dport 53 drop", "iifname c0 drop", "oifname c0 drop",
    "counter", "meta mark 0x10 drop",
)  # fmt: skip
_MARKS = ("ct direction reply meta mark set 0x10", "ct state established meta mark set 0x10", "iifname a0 counter")
_AFTER = ("oifname b0 masquerade", "ip saddr 10.0.1.2 snat to 10.0.2.77", "oifname c0 snat ip to 10.0.3.77")
_CHANGES = (
    "nft insert rule inet f forward ct state established drop",
    "nft add rule inet f mangle meta mark set 0x10",
    "nft insert rule inet f forward iifname a0 drop",
    "ip route replace 203.0.113.0/24 via 10.0.3.2",
    "ip route replace 10.0.1.3/32 via 10.0.3.2",
    "ip rule add pref 90 from 10.0.1.2 lookup 100",
)


def offloaded_packets(cases: int, seed: int) -> Outcome:
    """Compare at least so many packets, on routers of consecutive seeds."""
    outcome = Outcome()
    while outcome.cases < cases and not outcome.mismatches:
        _run_router(seed, outcome)
        seed += 1
    return outcome


def _ruleset(dice: random.Random) -> str:
    devices = dice.choice(("a0, b0", "a0, b0, c0", "a0, b0, c0", "b0"))
    rules = [dice.choice(_ADD), *dice.sample(_FILTERS, dice.randrange(4))]
    dice.shuffle(rules)
    policy = dice.choice(("accept", "accept", "drop"))
    marks = "\n    ".join(dice.sample(_MARKS, dice.choice((0, 0, 1))))
    after = "\n    ".join(dice.sample(_AFTER, dice.choice((0, 1, 2))))
    forward = "\n    ".join(rules)
    return f"""table inet f {{
  flowtable ft {{ hook ingress priority filter; devices = {{ {devices} }}; }}
  chain mangle {{
    type filter hook prerouting priority mangle;
    {marks}
  }}
  chain forward {{
    type filter hook forward priority filter; policy {policy};
    {forward}
  }}
  chain after {{
    type nat hook postrouting priority srcnat;
    {after}
  }}
}}
"""


def _run_router(seed: int, outcome: Outcome) -> None:
    dice = random.Random(seed)
    ruleset = _ruleset(dice)
    packets.build_router(loose=False)
    subprocess.run(["nft", "-f", "-"], input=ruleset, text=True, check=True)
    host = packets.read_router()
    macs = {name: bytes.fromhex(str(host.interfaces[name].mac).replace(":", "")) for name in packets.DEVICES}
    wires = Wires({name: f"{name}p" for name in packets.DEVICES}, macs)
    try:
        _converse(dice, host, wires, outcome, [f"seed {seed}", ruleset])
    finally:
        wires.close()


def _converse(dice: random.Random, host: Host, wires: Wires, outcome: Outcome, told: list[str]) -> None:
    tracker = Tracker.from_facts(host.facts)
    change_at = dice.randrange(8, PER_WORLD)
    conversations = [_Conversation(dice, number) for number in range(3)]
    for number in range(PER_WORLD):
        if number == change_at:
            change = dice.choice(_CHANGES)
            subprocess.run(change.split(), check=True)
            host = packets.read_router()
            told.append(change)
            if change.startswith("ip "):
                tracker = flowtable.after_route_change(tracker)
        conversation = dice.choice(conversations)
        device, packet = conversation.next_packet(dice)
        fates = transit.forward(host, tracker, packet, device)
        outcome.cases += 1
        if len(fates) > 1 or fates[0].outcome == "unknown":
            outcome.unknown += 1
            return
        (fate,) = fates
        wires.send(device, packet)
        caught = wires.catch(0.02) or (wires.catch(0.4) if fate.outcome == "forward" else None)
        told.append(
            f"{device} < {packet.flow} {packet.tcp_kind}: "
            f"{fate.outcome} {fate.device or ''} {fate.packet.flow} {fate.detail}"
        )
        if not _same(fate, caught):
            outcome.mismatches.append("\n".join([*told, f"the router: {caught}"]))
            return
        tracker = t.cast(Tracker, fate.tracker)
        if caught is not None and device == "a0":
            conversation.seen = caught.flow


def _same(fate: Transit, caught: t.Any) -> bool:
    if fate.outcome != "forward" or fate.next_hop not in _NEIGHBOURS:
        return caught is None  # a flowtable may send to a next hop that is not there
    return caught is not None and (fate.device, fate.packet.flow) == (caught.device, caught.flow)


class _Conversation:
    """Packets of one connection in the order in which ends send them, mostly."""

    def __init__(self, dice: random.Random, number: int) -> None:
        protocol = dice.choice(("tcp", "tcp", "udp"))
        target = dice.choice(("203.0.113.5", "203.0.113.6", "192.0.2.1"))
        port = dice.choice((80, 443) if protocol == "tcp" else (53, 514))
        self.flow = Flow(protocol, f"10.0.1.{dice.choice((2, 3, 4))}", target, 6000 + number, port)
        self.seen = self.flow  # as the far side knows it
        self.sent = 0

    def next_packet(self, dice: random.Random) -> tuple[str, Packet]:
        self.sent += 1
        opening = {1: ("a", "syn"), 2: ("b", "syn_ack"), 3: ("a", "ack")}
        side, kind = opening.get(self.sent, (dice.choice("ab"), dice.choice(("ack", "ack", "ack", "ack", "fin"))))
        flow = self.flow if side == "a" else self.seen.reversed()
        device = "a0" if side == "a" else dice.choice(("b0", "b0", "b0", "c0"))
        udp = flow.protocol == "udp"
        return device, Packet(flow, first=udp or kind == "syn", tcp="" if udp else kind)
