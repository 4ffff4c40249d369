# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets to addresses that a router has in a VRF, and what the router answers: which way, if at all.

The router's links are partly in the VRF; routes of main and of the VRF lead elsewhere. The engine says whether the
request reaches the host and which way its answer goes; the kernel answers echo requests by itself, SYNs and datagrams
through sockets that are bound to the VRF.
"""

from __future__ import annotations

import contextlib
import random
import select
import socket
import subprocess
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Tracker
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet, Transit
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.passage import transit
from ansible_collections.netpath.symmetry.tests.kernels import frames
from ansible_collections.netpath.symmetry.tests.kernels.outcome import Outcome
from ansible_collections.netpath.symmetry.tests.oracle import kernel, packets
from ansible_collections.netpath.symmetry.tests.oracle.wires import Wires

VRF, TABLE = "red", 1001
DEVICES = {"a0": "10.0.1", "b0": "10.0.2", "c0": "10.0.3"}
PER_WORLD = 12
_TCP_PORT, _UDP_PORT = 80, 514
_MATCHES = (
    "", "iifname a0", "iifname red", "oifname red", "oifname b0", "oifname a0", "ct state established", "ct state new",
    "ct state untracked", "ct state invalid", "ip saddr 10.0.1.1", "ip daddr 10.0.2.1", "meta l4proto tcp",
    "meta l4proto icmp", "ct direction reply", "ct state established,untracked", "fib saddr . iif oif missing",
)  # fmt: skip
_VERDICTS = ("accept", "drop", "drop", "counter")


def vrf_replies(cases: int, seed: int) -> Outcome:
    """Compare at least so many requests, on routers of consecutive seeds."""
    outcome = Outcome()
    while outcome.cases < cases and not outcome.mismatches:
        _run_router(seed, outcome)
        seed += 1
    return outcome


def _run_router(seed: int, outcome: Outcome) -> None:
    dice = random.Random(seed)
    members = dice.choice((("a0", "b0", "c0"), ("a0", "b0"), ("a0", "c0")))
    commands, rules, settings = _routing(dice, members), _ruleset(dice), _settings(dice)
    kernel.enter_new_namespace()
    subprocess.run(["ip", "-4", "-batch", "-"], input="\n".join(commands), text=True, check=True)
    for path, value in settings:
        with open(f"/proc/sys/net/{path}", "w", encoding="ascii") as file:
            file.write(value)
    packets.load(rules)
    host = packets.read_router()
    macs = {name: bytes.fromhex(str(host.interfaces[name].mac).replace(":", "")) for name in DEVICES}
    wires = Wires({name: f"{name}p" for name in DEVICES}, macs)
    servers = _servers(members)
    try:
        for number in range(PER_WORLD):
            device, packet = _request(dice, members, number)
            expected = _foretell(host, packet, device)
            wires.send(device, packet)
            seen = _catch(wires, servers, packet.flow.reversed(), 0.5 if expected.outcome == "forward" else 0.03)
            outcome.cases += 1
            if expected.outcome == "unknown":
                outcome.unknown += 1
            elif seen != (expected.device if expected.outcome == "forward" else None):
                told = f"{device} < {packet.flow}: engine {expected.outcome} {expected.device} {expected.detail}"
                shown = [f"ip {line}" for line in commands] + [f"sysctl net/{path}={value}" for path, value in settings]
                outcome.mismatches.append("\n".join([f"seed {seed}", *shown, rules, f"{told}; the answer: {seen}"]))
                return
    finally:
        for one in servers:
            one.close()
        wires.close()


def _routing(dice: random.Random, members: t.Sequence[str]) -> list[str]:
    lines = ["link set lo up", f"link add {VRF} type vrf table {TABLE}", f"link set {VRF} up"]
    for device, net in DEVICES.items():
        lines += [f"link add {device} type veth peer name {device}p", f"link set {device}p up"]
        lines += [f"link set {device} master {VRF}"] if device in members else []
        lines += [f"link set {device} up", f"addr add {net}.1/24 dev {device}"]
        lines += [
            f"neigh add {net}.{host} dev {device} lladdr 02:00:00:00:00:99 nud permanent" for host in (2, 3, 4, 9)
        ]
    outside = [device for device in DEVICES if device not in members]
    for device in outside:
        lines.append(f"route add default via {DEVICES[device]}.9 dev {device}")
    for prefix in ("default", "203.0.113.0/25", "198.51.100.0/24"):
        if dice.random() < 0.8:
            device = dice.choice(members)
            lines.append(f"route add {prefix} via {DEVICES[device]}.9 dev {device} table {TABLE}")
    device = dice.choice(members)
    lines.append(f"route add default via {DEVICES[device]}.2 dev {device} table 100")
    for selector in ("iif red", "oif red", f"iif {members[1]}", "from 10.0.1.1", "to 203.0.113.128/25", "oif lo"):
        if dice.random() < 0.2:
            lines.append(f"rule add pref {dice.randrange(1, 900)} {selector} lookup {dice.choice((100, TABLE))}")
    return lines


def _settings(dice: random.Random) -> list[tuple[str, str]]:
    names = ("all", VRF, *DEVICES)
    values = [(f"ipv4/conf/{name}/rp_filter", dice.choice("0012" if name != "all" else "0001")) for name in names]
    off = [(f"ipv6/conf/{device}p/disable_ipv6", "1") for device in DEVICES]
    return [*values, *off, ("ipv4/ip_forward", "1"), ("ipv4/tcp_l3mdev_accept", dice.choice("01"))]


def _ruleset(dice: random.Random) -> str:
    chains = ""
    for hook in ("prerouting", "input", "output", "postrouting"):
        rules = ""
        for _each in range(dice.choice((0, 0, 1, 2))):
            match = dice.choice(
                [one for one in _MATCHES if not one.startswith("fib") or hook in ("prerouting", "input")]
            )
            rules += f"    {match} {dice.choice(_VERDICTS)}\n"
        chains += f"  chain {hook} {{\n    type filter hook {hook} priority filter;\n{rules}  }}\n"
    return f"table inet f {{\n{chains}}}\n"


def _servers(members: t.Sequence[str]) -> list[socket.socket]:
    """Sockets in the VRF for each of its addresses: TCP answers by itself, datagrams are sent back by _catch."""
    made = []
    for kind, port in ((socket.SOCK_STREAM, _TCP_PORT), (socket.SOCK_DGRAM, _UDP_PORT)):
        for device in members:  # one that is bound to no address would answer from another
            one = socket.socket(socket.AF_INET, kind)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, VRF.encode())
            one.bind((f"{DEVICES[device]}.1", port))
            if kind == socket.SOCK_STREAM:
                one.listen(64)
            made.append(one)
    return made


def _request(dice: random.Random, members: t.Sequence[str], number: int) -> tuple[str, Packet]:
    """A request to an address of the VRF, by a link of the VRF, each from another port."""
    source = dice.choice(
        ("10.0.1.2", "10.0.1.3", "203.0.113.5", "203.0.113.200", "198.51.100.7", "10.0.2.4", "192.0.2.1")
    )
    destination = f"{DEVICES[dice.choice(members)]}.1"
    protocol, port = dice.choice((("icmp", None), ("tcp", _TCP_PORT), ("udp", _UDP_PORT)))
    flow = Flow(protocol, source, destination, port and 4000 + number, port)
    return dice.choice(members), Packet(flow, first=True, tcp="syn" if protocol == "tcp" else "")


def _foretell(host: Host, packet: Packet, device: str) -> Transit:
    """The fate of the answer, or of the request where that does not reach the host."""
    (arrived,) = transit.forward(host, Tracker.from_facts(host.facts), packet, device)
    if arrived.outcome != "local":
        return arrived if arrived.outcome == "unknown" else Transit("drop", 1.0, packet, None, detail=arrived.detail)
    (sent,) = transit.originate(host, t.cast(Tracker, arrived.tracker), transit.answer(host, arrived))
    return sent


def _catch(wires: Wires, servers: t.Sequence[socket.socket], answer: Flow, seconds: float) -> str | None:
    """The device by which the answer leaves; None where none comes within the time."""
    datagrams = [one for one in servers if one.type == socket.SOCK_DGRAM]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ready, _w, _x = select.select([*wires.sockets.values(), *datagrams], [], [], max(0.0, end - time.monotonic()))
        for one in datagrams:
            if one in ready:
                with contextlib.suppress(OSError):  # no way back, or a rule refuses it
                    one.sendto(*one.recvfrom(100))
        for device, one in wires.sockets.items():
            seen = frames.receive(one) if one in ready else None
            if seen is not None and seen.flow == answer:
                return device
    return None
