# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets through a router whose links delay what leaves (netem), and answers that come before the delayed packet left.

An answer meets the state that its request left behind, however long the request waits on the link: conntrack confirms
an entry before the queue. The engine keeps an entry when the packet leaves the host, and must be right with both.
"""

from __future__ import annotations

import random
import select
import subprocess
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Tracker
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet, Transit
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.passage import transit
from ansible_collections.netpath.symmetry.tests.kernels import frames
from ansible_collections.netpath.symmetry.tests.kernels.outcome import Outcome
from ansible_collections.netpath.symmetry.tests.oracle import packets
from ansible_collections.netpath.symmetry.tests.oracle.rulesets import random_ruleset
from ansible_collections.netpath.symmetry.tests.oracle.wires import Wires

DELAYS = (0.0, 0.05, 0.12)  # seconds
PER_WORLD = 5  # exchanges
_MARGIN = 0.25  # beyond the delay, for a kernel in an emulated machine


class Sent(t.NamedTuple):
    """A packet that was sent, what the engine foretells for it, and when it left."""

    text: str
    fate: Transit
    at: float


def delayed_packets(cases: int, seed: int) -> Outcome:
    """Compare at least so many packets, on routers of consecutive seeds."""
    outcome = Outcome()
    while outcome.cases < cases and not outcome.mismatches:
        _run_router(seed, outcome)
        seed += 1
    return outcome


def _run_router(seed: int, outcome: Outcome) -> None:
    dice = random.Random(seed)
    ruleset = random_ruleset(dice)
    packets.build_router(loose=dice.random() < 0.2)
    packets.load(ruleset)
    delays = {device: dice.choice(DELAYS) for device in packets.DEVICES}
    for device, delay in delays.items():
        words = f"tc qdisc add dev {device} root netem delay {delay * 1000:.0f}ms"
        subprocess.run(words.split(), check=True)
    host = packets.read_router()
    macs = {name: bytes.fromhex(str(host.interfaces[name].mac).replace(":", "")) for name in packets.DEVICES}
    wires = Wires({name: f"{name}p" for name in packets.DEVICES}, macs)
    tracker = Tracker.from_facts(host.facts)
    try:
        for number in range(PER_WORLD):
            sent: dict[int, Sent] = {}
            for device, packet in _exchange(dice, number):
                fates = transit.forward(host, tracker, packet, device)
                if len(fates) > 1 or fates[0].outcome == "unknown":
                    outcome.cases, outcome.unknown = outcome.cases + 1, outcome.unknown + 1
                    return
                if None in (fates[0].packet.flow.sport, fates[0].packet.flow.dport):
                    return  # the kernel takes a port that is free: the rest cannot be foretold
                tracker = t.cast(Tracker, fates[0].tracker)
                began = time.monotonic()
                wires.send(device, packet)
                sent[wires.number] = Sent(f"{device} < {packet.flow} {packet.tcp_kind}", fates[0], began)
            seen = _collect(wires, max(delays.values()) + _MARGIN)
            outcome.cases += len(sent)
            wrong = [text for one, told in sent.items() if (text := _difference(told, seen.get(one), delays))]
            if wrong:
                outcome.mismatches.append("\n".join([f"seed {seed}, delays {delays}", ruleset, *wrong]))
                return
    finally:
        wires.close()


def _exchange(dice: random.Random, number: int) -> list[tuple[str, Packet]]:
    """A request, and an answer that does not wait for it to arrive; sometimes a second packet of the request's side."""
    protocol, port = dice.choice((("tcp", 80), ("tcp", 443), ("udp", 53), ("udp", 514)))
    target = dice.choice(("203.0.113.5", "203.0.113.6", "198.51.100.7", "192.0.2.1"))
    flow = Flow(protocol, f"10.0.1.{dice.choice((2, 3, 4))}", target, 5000 + number, port)
    tcp = ("syn", "syn_ack", "ack") if protocol == "tcp" else ("", "", "")
    request = ("a0", Packet(flow, first=True, tcp=tcp[0]))
    answer = (dice.choice(("b0", "c0")), Packet(flow.reversed(), first=protocol == "udp", tcp=tcp[1]))
    again = ("a0", Packet(flow, first=protocol == "udp", tcp=tcp[2]))
    return [request, answer, again][: dice.choice((2, 3))]


def _collect(wires: Wires, seconds: float) -> dict[int, tuple[str, Flow, float]]:
    """What comes out within the time: device, flow and moment, by the number of the packet."""
    found = {}
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        ready, _w, _x = select.select(list(wires.sockets.values()), [], [], left)
        for device, one in wires.sockets.items():
            seen = frames.receive(one) if one in ready else None
            if seen is not None:
                found[seen.number] = (device, seen.flow, time.monotonic())
    return found


def _difference(sent: Sent, seen: tuple[str, Flow, float] | None, delays: t.Mapping[str, float]) -> str:
    """What the kernel did otherwise than foretold; empty where it did not."""
    fate = sent.fate
    told = f"{sent.text}: engine {fate.outcome} {fate.device or ''} {fate.packet.flow} [{fate.state}] {fate.detail}"
    if fate.outcome != "forward":
        return f"{told}; the router sent it by {seen[0]}" if seen else ""
    if seen is None or seen[:2] != (fate.device, fate.packet.flow):
        return f"{told}; the router: {seen}"
    if seen[2] - sent.at < delays[seen[0]] * 0.9:
        return f"{told}; it left after {seen[2] - sent.at:.3f} s, before its delay of {delays[seen[0]]} s"
    return ""
