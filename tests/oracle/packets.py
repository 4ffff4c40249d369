# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send the same random packets through a real router and through the engine: they must come out alike.

Usage, as root, with PYTHONPATH=build/collections:
    python3 -m ansible_collections.netpath.symmetry.tests.oracle.packets --cases 20000 [--seed 1]
A router in a namespace has random nftables rules and connection tracking settings, and takes random TCP, UDP and ICMP
packets of a few conversations, IPv4 and IPv6, in any order, replies also by the wrong link; it sends some itself, and
answers those that are for itself. Compared is where each comes out, with which addresses and ports, and at the end
every entry of the connection table. What disagrees is shrunk to the packets and rules that matter.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import json
import random
import re
import subprocess
import sys
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import netfilter, sysctls
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Tracker
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet, Transit
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.passage import transit
from ansible_collections.netpath.symmetry.tests.oracle import connection_table, kernel
from ansible_collections.netpath.symmetry.tests.oracle.closed_ports import answer_of
from ansible_collections.netpath.symmetry.tests.oracle.conversations import ROUTER, Conversation, random_conversations
from ansible_collections.netpath.symmetry.tests.oracle.rulesets import random_ruleset
from ansible_collections.netpath.symmetry.tests.oracle.wires import Caught, Wires

DEVICES = {"a0": ("10.0.1.", "fd00:0:0:1::"), "b0": ("10.0.2.", "fd00:0:0:2::"), "c0": ("10.0.3.", "fd00:0:0:3::")}
PER_WORLD = 60
MAX_UNKNOWN = 0.02
PATIENCE = 1.0  # seconds for a packet that should come out; a busy machine may take some of it
# kinds of rules, told by their text, that a sample must have had to decide
_DECIDERS = {
    "by concatenation": " . tcp dport", "by verdict map": "vmap", "by map of pairs": "vmap @sides", "by fib": "fib ",
    "by set": "@", "by mark": "mark", "on a device": "netdev", "by pool": "nat ip to 1", "by netmap": "netmap",
}  # fmt: skip
_NEIGHBOURS = (2, 3, 4, 8, 9, 77, 78)
Links = t.Callable[[], list[str]]  # ip commands
_SETTINGS = ("tcp_loose", "tcp_be_liberal", "tcp_ignore_invalid_rst")


def veth_links() -> list[str]:
    """The router's links, each with a far end whose name ends in p."""
    return [f"link add {device} type veth peer name {device}p" for device in DEVICES]


def build_router(
    loose: bool, links: Links = veth_links, table: str = "main", settings: t.Mapping[str, int] | None = None
) -> None:
    """A router in a new namespace of this process, with a second way out by c0 for packets marked 0x10.

    ``loose``: rp_filter is; ``links`` makes its links, of which ``table`` holds the routes; ``settings``: those of
    nf_conntrack, by the end of their names.
    """
    kernel.enter_new_namespace()
    _write("ipv6/conf/default/accept_dad", "0")
    _batch(4, ["link set lo up", *links()])
    lines: dict[int, list[str]] = {4: [], 6: []}
    for device, nets in DEVICES.items():
        _write(f"ipv6/conf/{device}p/disable_ipv6", "1")
        lines[4] += [f"link set {device}p up", f"link set {device} up"]
        for family, net in zip((4, 6), nets, strict=True):
            lines[family] += [f"addr add {net}1/{24 if family == 4 else 64} dev {device}"]
            lines[family] += [
                f"neigh add {net}{host} dev {device} lladdr 02:00:00:00:00:99 nud permanent" for host in _NEIGHBOURS
            ]
    for family, far, inside in ((4, "198.51.100.0/24", "10.0.1.0/24"), (6, "2001:db8:6::/48", "fd00:0:0:1::/64")):
        b0, c0 = DEVICES["b0"][family == 6], DEVICES["c0"][family == 6]
        lines[family] += [f"route add default via {b0}2 table {table}", f"route add {far} via {c0}2 table {table}"]
        lines[family] += [f"route add default via {c0}2 dev c0 table 100", f"route add {inside} dev a0 table 100"]
        lines[family] += ["rule add pref 100 fwmark 0x10/0xf0 lookup 100"]
        _batch(family, lines[family])
    for device in DEVICES:
        _write(f"ipv4/conf/{device}/rp_filter", "2" if loose else "0")
    for path, value in (("ipv4/conf/all/rp_filter", "0"), ("ipv4/ip_forward", "1"), ("ipv6/conf/all/forwarding", "1"),
                        ("ipv4/icmp_ratelimit", "0"), ("ipv6/icmp/ratelimit", "0")):
        _write(path, value)
    for name, number in (settings or {}).items():
        _write(f"netfilter/nf_conntrack_{name}", str(number))
    _wait_until_up()


def _wait_until_up() -> None:
    """A fresh link drops what is sent before the kernel has seen its carrier, and has no IPv6 addresses before."""
    end = time.monotonic() + 5 * PATIENCE
    while True:
        shown = subprocess.run(["ip", "-j", "addr"], text=True, capture_output=True, check=True).stdout
        links = {link["ifname"]: link for link in json.loads(shown)}
        late = [
            name for name in DEVICES
            if links[name]["operstate"] != "UP"
            or any(one.get("tentative") for one in links[name]["addr_info"])
            or sum(one["family"] == "inet6" for one in links[name]["addr_info"]) < 2  # its own, and link-local
        ]
        if not late:
            return
        if time.monotonic() > end:
            raise RuntimeError(f"{', '.join(late)} do not come up")
        time.sleep(0.005)


def _batch(family: int, lines: t.Sequence[str]) -> None:
    subprocess.run(["ip", f"-{family}", "-batch", "-"], input="\n".join(lines), text=True, check=True)


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
    read = {name: sysctls.read_value(*path.split("/")) for name, path in sysctls.CONNTRACK.items()}
    facts["conntrack"] = {"sysctls": {name: value for name, value in read.items() if value is not None}}
    return Host.from_facts("router", facts)


@dataclasses.dataclass(frozen=True)
class World:
    """Everything that a router is built from."""

    ruleset: str
    loose: bool = False
    settings: t.Mapping[str, int] = dataclasses.field(default_factory=dict)
    links: Links = veth_links
    table: str = "main"
    load: t.Callable[[str], None] = load  # what puts the rules in place

    def text(self) -> str:
        return f"rp_filter {2 if self.loose else 0}, nf_conntrack {dict(self.settings)}\n{self.ruleset}"


@dataclasses.dataclass(frozen=True)
class Passed:
    """What became of a packet: by the engine, and on the wire."""

    fate: Transit
    caught: Caught | None
    unknown: bool = False  # from here on the engine does not know the connection
    answer: bool = False  # of the router's own answer to a packet that was for it

    @property
    def agrees(self) -> bool:
        return self.unknown or self.caught == expected(self.fate)


def expected(fate: Transit) -> Caught | None:
    """What comes out where the engine is right."""
    if fate.outcome != "forward":
        return None
    return Caught(fate.device or "", fate.packet.flow, fate.packet.about.flow if fate.packet.about else None)


class Router:
    """A real router and the engine's idea of it, side by side. Close it after use."""

    def __init__(self, world: World) -> None:
        build_router(world.loose, world.links, world.table, world.settings)
        world.load(world.ruleset)
        self.world = world
        self.host = read_router()
        macs = {name: bytes.fromhex(str(self.host.interfaces[name].mac).replace(":", "")) for name in DEVICES}
        self.wires = Wires({name: f"{name}p" for name in DEVICES}, macs)
        self.tracker = Tracker.new(self.host.facts)

    def __enter__(self) -> Router:
        return self

    def __exit__(self, *_error: object) -> None:
        self.wires.close()

    def take(self, device: str, packet: Packet) -> list[Passed]:
        """Let a packet arrive on a device (or the router send it), and see what becomes of it, and of the answer."""
        self.wires.drain()
        if device == ROUTER:
            (fate,) = transit.originate(self.host, self.tracker, packet)
            self.wires.send_from_router(packet)
        else:
            (fate,) = transit.forward(self.host, self.tracker, packet, device)
            self.wires.send(device, packet)
        self.tracker = t.cast(Tracker, fate.tracker)
        answer = answer_of(fate.packet) if fate.outcome == "local" else None
        if answer is None or _is_unknown(fate):
            return [self._passed(fate, answer=False)]
        (back,) = transit.originate(self.host, self.tracker, answer, self.host.vrf_of(device))
        self.tracker = t.cast(Tracker, back.tracker)
        return [Passed(fate, None), self._passed(back, answer=True)]

    def _passed(self, fate: Transit, answer: bool) -> Passed:
        awaited = expected(fate)
        made = awaited if answer else None
        caught = self.wires.catch(0.002, made) or self.wires.catch(PATIENCE if awaited else 0.0, made)
        return Passed(fate, caught, _is_unknown(fate), answer)


def _is_unknown(fate: Transit) -> bool:
    flow = (fate.packet.about or fate.packet).flow
    return fate.outcome == "unknown" or None in (flow.sport, flow.dport)  # the kernel took another port


@dataclasses.dataclass
class Tally:
    counts: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    kinds: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    mismatches: list[str] = dataclasses.field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def unknown(self) -> int:
        return sum(count for kind, count in self.counts.items() if " unknown " in kind)

    def note(self, device: str, packet: Packet, passed: Passed) -> None:
        fate = passed.fate
        self.counts[f"{packet.flow.protocol} {fate.outcome} {fate.state or '-'}"] += 1
        what = packet.tcp_kind or packet.error or packet.flow.protocol
        if packet.segment is not None and packet.segment.length:
            what = "data"
        self.kinds[f"{what} {fate.state or '-'}"] += 1
        self.kinds[f"IPv{packet.flow.family}"] += 1
        for kind, pattern in _DECIDERS.items():
            self.kinds[kind] += any(pattern in result.rule for result in fate.filters)
        if device == ROUTER:
            self.kinds["answer of the router" if passed.answer else "sent by the router"] += 1


Sent = tuple[str, Packet]  # the device and what arrives there


def random_world(dice: random.Random, links: Links = veth_links, table: str = "main") -> World:
    settings = dict(zip(_SETTINGS, (dice.random() < 0.7, dice.random() < 0.25, dice.random() < 0.2), strict=True))
    numbers = {name: int(value) for name, value in settings.items()}
    return World(random_ruleset(dice), dice.random() < 0.2, numbers, links, table)


MakeWorld = t.Callable[[random.Random, Links, str], World]


def run_world(
    seed: int,
    tally: Tally,
    links: Links = veth_links,
    table: str = "main",
    shrunk: bool = True,
    make_world: MakeWorld = random_world,
) -> None:
    """One router, and PER_WORLD packets through it; stops where the engine does not know."""
    dice = random.Random(seed)
    world = make_world(dice, links, table)
    sent: list[Sent] = []
    lines: list[str] = []
    with Router(world) as router:
        problem = _converse(dice, router, tally, sent, lines)
    if problem:
        told = shrink(world, sent) if shrunk else "\n".join([world.text(), *lines, problem])
        tally.mismatches.append(f"seed {seed}\n{told}")


def _converse(dice: random.Random, router: Router, tally: Tally, sent: list[Sent], lines: list[str]) -> str:
    """What the engine and the router disagree on, a packet or the connections that they leave; empty for nothing.

    What was sent goes to ``sent``, and a line on each packet to ``lines``.
    """
    # the router itself is in no VRF, and what it says in one is another matter
    conversations = random_conversations(dice, to_router=router.world.table == "main")
    for _each in range(PER_WORLD):
        conversation: Conversation = dice.choice(conversations)
        device, packet = conversation.packet(dice)
        sent.append((device, packet))
        for passed in router.take(device, packet):
            tally.note(ROUTER if passed.answer else device, packet, passed)
            lines.append(_line(device, packet, passed))
            if passed.unknown:
                return ""
            if not passed.agrees:
                return f"the router: {passed.caught}"
            came_out = passed.caught is not None and not passed.answer and packet.about is None
            if came_out and device == conversation.device and packet.flow == conversation.flow:
                conversation.seen = t.cast(Caught, passed.caught).flow
    return "\n".join(connection_table.differences(router.tracker))


def replay(world: World, sent: t.Sequence[Sent]) -> tuple[str, list[str]]:
    """Send some packets through a new router: what disagrees (empty for nothing), and a line for each packet."""
    lines: list[str] = []
    with Router(world) as router:
        for device, packet in sent:
            for passed in router.take(device, packet):
                lines.append(_line(device, packet, passed))
                if passed.unknown:
                    return "", lines
                if not passed.agrees:
                    return f"the router: {passed.caught}", lines
        return "\n".join(connection_table.differences(router.tracker)), lines


def _line(device: str, packet: Packet, passed: Passed) -> str:
    fate = passed.fate
    end = f"{fate.outcome} {fate.device or ''} {fate.packet.flow} [{fate.state}] {fate.detail}"
    if passed.answer:
        return f"  the router's answer: {end}"
    what = f"{packet.error} about {packet.about.flow}" if packet.about else f"{packet.tcp_kind} {packet.segment or ''}"
    return f"{device or 'router'} < {packet.flow} {what}: {end}"


def shrink(world: World, sent: list[Sent]) -> str:
    """The packets and rules without which engine and router would agree, as text."""
    best, lines = replay(world, sent)
    if not best:
        return "not seen again with the same packets:\n" + world.text() + "\n".join(lines)
    size = len(sent) // 2
    while size:
        for start in range(len(sent) - size, -1, -size):
            fewer = sent[:start] + sent[start + size :]
            problem, told = replay(world, fewer)
            if problem:
                sent, best, lines = fewer, problem, told
        size //= 2
    rules = world.ruleset.splitlines()
    for number in range(len(rules) - 1, -1, -1):
        if not rules[number].startswith("    ") or rules[number].strip().startswith("type "):
            continue
        fewer_rules = rules[:number] + rules[number + 1 :]
        smaller = dataclasses.replace(world, ruleset="\n".join(fewer_rules))
        problem, told = replay(smaller, sent)
        if problem:
            rules, world, best, lines = fewer_rules, smaller, problem, told
    return "\n".join([world.text(), *lines, best])


def run(cases: int, seed: int, most_mismatches: int = 1, shrunk: bool = True) -> Tally:
    """Send at least ``cases`` packets, over routers of consecutive seeds."""
    tally = Tally()
    while tally.total < cases and len(tally.mismatches) < most_mismatches:
        run_world(seed, tally, shrunk=shrunk)
        seed += 1
    return tally


def read_arguments(title: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--cases", type=int, default=5000, help="how many packets at least (default: 5000)")
    parser.add_argument("--seed", type=int, default=1, help="of the first router; each has the next (default: 1)")
    parser.add_argument("--mismatches", type=int, default=1, help="stop after so many (default: 1)")
    return parser.parse_args()


def report(tally: Tally, seed: int) -> int:
    """Print what was compared; the exit status."""
    for counts in (tally.counts, tally.kinds):
        for kind, count in sorted(counts.items()):
            print(f"{count:9} {kind}")
        print()
    for text in tally.mismatches:
        print(text)
    print(f"packets: cases={tally.total} mismatches={len(tally.mismatches)} unknown={tally.unknown} seed={seed}")
    return 1 if tally.mismatches or tally.unknown > MAX_UNKNOWN * tally.total else 0


def main() -> int:
    options = read_arguments((__doc__ or "").splitlines()[0])
    return report(run(options.cases, options.seed, options.mismatches), options.seed)


if __name__ == "__main__":
    sys.exit(main())
