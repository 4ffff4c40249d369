# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send the same random packets through a real router and through the engine: they must come out alike.

Usage, as root, with PYTHONPATH=build/collections:
    python3 -m ansible_collections.netpath.symmetry.tests.oracle.packets --cases 20000 [--seed 1]
A router in a namespace has random nftables rules and takes random TCP, UDP and ICMP packets of a few connections,
in any order, replies also by the wrong link. Compared is where each comes out, and with which addresses and ports.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import random
import re
import subprocess
import sys
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import netfilter
from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine import transit
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.conntrack import Tracker
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet, Transit
from ansible_collections.netpath.symmetry.tests.oracle import kernel
from ansible_collections.netpath.symmetry.tests.oracle.rulesets import random_ruleset
from ansible_collections.netpath.symmetry.tests.oracle.wires import Caught, Wires

DEVICES = {"a0": "10.0.1", "b0": "10.0.2", "c0": "10.0.3"}
PER_WORLD = 60
MAX_UNKNOWN = 0.02
Links = t.Callable[[], list[str]]  # ip commands


def veth_links() -> list[str]:
    """The router's links, each with a far end whose name ends in p."""
    return [f"link add {device} type veth peer name {device}p" for device in DEVICES]


def build_router(ruleset: str, loose: bool, links: Links = veth_links, table: str = "main") -> None:
    """A router in a new namespace of this process, with a second way out by c0 for packets marked 0x10.

    ``links`` makes its links, of which ``table`` holds the routes.
    """
    kernel.enter_new_namespace()
    lines = ["link set lo up", *links()]
    for device, net in DEVICES.items():
        lines += [f"link set {device}p up", f"link set {device} up", f"addr add {net}.1/24 dev {device}"]
        lines += [
            f"neigh add {net}.{host} dev {device} lladdr 02:00:00:00:00:99 nud permanent"
            for host in (2, 3, 4, 8, 9, 77, 78)
        ]
    lines += [f"route add default via 10.0.2.2 table {table}", f"route add 198.51.100.0/24 via 10.0.3.2 table {table}"]
    lines += ["route add default via 10.0.3.2 dev c0 table 100", "route add 10.0.1.0/24 dev a0 table 100"]
    lines += ["rule add pref 100 fwmark 0x10/0xf0 lookup 100"]
    subprocess.run(["ip", "-4", "-batch", "-"], input="\n".join(lines), text=True, check=True)
    for device in DEVICES:
        _write(f"ipv4/conf/{device}/rp_filter", "2" if loose else "0")
        _write(f"ipv6/conf/{device}p/disable_ipv6", "1")
    _write("ipv4/conf/all/rp_filter", "0")
    _write("ipv4/ip_forward", "1")
    load(ruleset)


def load(ruleset: str) -> None:
    """Load the rules, without those that nft refuses (two protocols in one rule, say)."""
    lines = ruleset.splitlines()
    for _each in range(len(lines)):
        done = subprocess.run(["nft", "-f", "-"], input="\n".join(lines), text=True, capture_output=True, check=False)
        if done.returncode == 0:
            return
        refused = re.search(r"stdin:(\d+)", done.stderr)
        if not refused:
            raise RuntimeError(f"nft: {done.stderr}")
        lines[int(refused[1]) - 1] = ""


def _write(path: str, value: str) -> None:
    with open(f"/proc/sys/net/{path}", "w", encoding="ascii") as file:
        file.write(value)


def read_router() -> Host:
    """The router as the engine sees it, by the collector's own readers."""
    facts = kernel.read_facts()
    facts["netfilter"], facts["parts"] = netfilter.read()[0], {"netfilter": netfilter.read()[1]}
    return Host.from_facts("router", facts)


@dataclasses.dataclass
class Conversation:
    """Packets of one flow, and how the far side knows it (after translation, as it came out)."""

    flow: Flow
    seen: Flow

    def is_in(self, line: str) -> bool:
        """Whether a line of the report is about this conversation or one of the same ports."""
        return str(self.flow.sport) in line if self.flow.sport else self.flow.protocol in line

    def packet(self, dice: random.Random) -> tuple[str, Packet]:
        """A random packet with the link it arrives on."""
        reply = dice.random() < 0.45
        flow = self.flow if not reply else dice.choice((self.seen, self.seen, self.flow)).reversed()
        device = dice.choice(("b0", "b0", "c0")) if reply else "a0"
        tcp = ""
        if flow.protocol == "tcp":
            # what an end may send; segments that no end would send are also out of conntrack's window
            tcp = dice.choice(("syn_ack", "syn_ack", "ack", "fin") if reply else ("syn", "syn", "ack", "fin"))
        return device, Packet(flow, first=tcp == "syn" if tcp else (not reply or flow.protocol == "udp"), tcp=tcp)


def random_conversations(dice: random.Random) -> list[Conversation]:
    conversations: list[Conversation] = []
    for number in range(4):
        protocol = dice.choice(("tcp", "tcp", "udp", "icmp"))
        source = f"10.0.1.{dice.choice((2, 3, 4))}"
        destination = dice.choice(("203.0.113.5", "203.0.113.6", "198.51.100.7", "192.0.2.1"))
        ports = (4000 + number, dice.choice((80, 443) if protocol == "tcp" else (53, 514)))
        flow = Flow(protocol, source, destination, *(ports if protocol != "icmp" else (None, None)))
        if protocol == "icmp" and any(one.flow.protocol == "icmp" for one in conversations):
            continue  # a flow does not hold the id that tells echo requests apart
        if all((one.flow.source, one.flow.destination) != (source, destination) for one in conversations):
            conversations.append(Conversation(flow, flow))
    return conversations


@dataclasses.dataclass
class Tally:
    counts: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    mismatches: list[str] = dataclasses.field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def run_world(seed: int, tally: Tally, links: Links = veth_links, table: str = "main") -> None:
    """One router, and PER_WORLD packets through it; stops where the engine does not know."""
    dice = random.Random(seed)
    ruleset = random_ruleset(dice)
    build_router(ruleset, dice.random() < 0.2, links, table)
    host = read_router()
    macs = {name: bytes.fromhex(str(host.interfaces[name].mac).replace(":", "")) for name in DEVICES}
    wires = Wires({name: f"{name}p" for name in DEVICES}, macs)
    try:
        _converse(seed, dice, host, wires, tally, ruleset)
    finally:
        wires.close()


def _converse(seed: int, dice: random.Random, host: Host, wires: Wires, tally: Tally, ruleset: str) -> None:
    tracker = Tracker.from_facts(host.facts)
    conversations = random_conversations(dice)
    sent: list[str] = []
    for _each in range(PER_WORLD):
        conversation = dice.choice(conversations)
        device, packet = conversation.packet(dice)
        (fate,) = transit.forward(host, tracker, packet, device)
        wires.send(device, packet)
        caught = wires.catch(0.003) or wires.catch(0.1 if fate.outcome == "forward" else 0.0)
        sent.append(f"{device} < {packet.flow} {packet.tcp_kind}: {_text(fate)}")
        tally.counts[f"{packet.flow.protocol} {fate.outcome} {fate.state or '-'}"] += 1
        if fate.outcome == "unknown" or None in (fate.packet.flow.sport, fate.packet.flow.dport) and packet.flow.sport:
            return  # from here on the engine does not know the connection
        if not _same(fate, caught):
            related = [line for line in sent if conversation.is_in(line)]
            tally.mismatches.append("\n".join([f"seed {seed}", ruleset, *related, f"the router: {caught}"]))
            return
        if caught is not None and device == "a0":
            conversation.seen = caught.flow
        tracker = t.cast(Tracker, fate.tracker)


def _same(fate: Transit, caught: Caught | None) -> bool:
    if fate.outcome != "forward":
        return caught is None
    return caught is not None and (fate.device, fate.packet.flow) == (caught.device, caught.flow)


def _text(fate: Transit) -> str:
    return f"{fate.outcome} {fate.device or ''} {fate.packet.flow} [{fate.state}] {fate.detail}"


def run(cases: int, seed: int, most_mismatches: int = 1) -> Tally:
    """Send at least ``cases`` packets, over routers of consecutive seeds."""
    tally = Tally()
    while tally.total < cases and len(tally.mismatches) < most_mismatches:
        run_world(seed, tally)
        seed += 1
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=5000, help="how many packets at least (default: 5000)")
    parser.add_argument("--seed", type=int, default=1, help="of the first router; each has the next (default: 1)")
    parser.add_argument("--mismatches", type=int, default=1, help="stop after so many (default: 1)")
    options = parser.parse_args()
    tally = run(options.cases, options.seed, options.mismatches)
    for kind, count in sorted(tally.counts.items()):
        print(f"{count:9} {kind}")
    for text in tally.mismatches:
        print(text)
    print(f"{tally.total} packets from seed {options.seed}: {len(tally.mismatches)} disagree")
    return 1 if tally.mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
