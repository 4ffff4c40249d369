# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network in nameless network namespaces of this process: they go when it closes them or ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
import subprocess
import time
import typing as t

from ansible_collections.netpath.symmetry.tests.networks.world import (
    V4,
    V6,
    Node,
    Plug,
    World,
    address_lines,
    mac_of,
    neighbour_lines,
    routing_lines,
    sysctls_of,
)

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
# Rates of ICMP errors are not limited, for they are evidence; nothing learns routes; what is not answered fails soon.
_BASE = {
    "ipv4/icmp_ratelimit": "0", "ipv4/icmp_msgs_per_sec": "100000", "ipv4/icmp_msgs_burst": "100000",
    "ipv6/icmp/ratelimit": "0",
    "ipv4/ping_group_range": "0 2147483647", "ipv4/tcp_synack_retries": "0",
    "ipv4/conf/all/accept_redirects": "0", "ipv4/conf/default/accept_redirects": "0",
    "ipv6/conf/all/accept_redirects": "0", "ipv6/conf/default/accept_redirects": "0",
    "ipv6/conf/all/accept_ra": "0", "ipv6/conf/default/accept_ra": "0",
    "ipv6/conf/all/accept_dad": "0", "ipv6/conf/default/accept_dad": "0",
    "ipv6/conf/default/router_solicitations": "0",
}
_NEIGHBOURS = {"mcast_solicit": "1", "retrans_time_ms": "60"}


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)} (networks need root)")


def _run(argv: list[str], text: str) -> None:
    done = subprocess.run(argv, input=text, text=True, capture_output=True, check=False, timeout=60, close_fds=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}\n{text}")


class Namespaces:
    """The namespaces of a network. Use it with ``with``; the process is back where it was at the end."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._files: dict[str, int] = {}
        self._indexes: dict[tuple[str, str], int] = {}
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def __enter__(self) -> Namespaces:
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        _check(_libc.setns(self._home, _CLONE_NEWNET), "setns")
        for file in (*self._files.values(), self._home):
            os.close(file)
        self._files.clear()

    @contextlib.contextmanager
    def inside(self, name: str) -> t.Iterator[None]:
        """What is done meanwhile, by this process and its children, is done in the node."""
        self.enter(name)
        try:
            yield
        finally:
            _check(_libc.setns(self._home, _CLONE_NEWNET), "setns")

    def enter(self, name: str) -> None:
        _check(_libc.setns(self._files[name], _CLONE_NEWNET), "setns")

    def names(self) -> list[str]:
        return list(self.world.nodes)

    def ip(self, name: str, *words: str) -> str:
        """What an `ip` command prints in a node, errors too."""
        with self.inside(name):
            done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False, timeout=20)
        return done.stdout + done.stderr

    def forget_neighbours(self) -> None:
        """Let every node know its neighbours no more, as after a quiet time (not for permanent entries)."""
        for node in self.world.nodes.values():
            questions = b"".join(
                _forget(self._indexes[node.name, plug.device], address)
                for plug in node.plugs for other in self.world.neighbours_of(plug)
                for address in self.world.nodes[other.node].addresses(V4) + self.world.nodes[other.node].addresses(V6)
            )
            with self.inside(node.name), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
                kernel.sendto(questions, (0, 0))  # what is not there answers with an error that nobody reads

    # building
    def _build(self) -> None:
        for name in self.world.nodes:
            self._new(name)
        self._wires()
        for step in (self._put_up, self._set_up):  # no route before the links of all are up
            for node in self.world.nodes.values():
                with self.inside(node.name):
                    step(node)
        for node in self.world.nodes.values():
            if node.down:
                with self.inside(node.name):
                    _run(["ip", "-batch", "-"], "\n".join(f"link set dev {device} down" for device in node.down))
                time.sleep(0.05)  # until the other ends have seen it
        self._find_dead_gateways()

    def _new(self, name: str) -> None:
        _check(_libc.unshare(_CLONE_NEWNET), "unshare")
        self._files[name] = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        for path, value in _BASE.items():
            write_sysctl(path, value)

    def _wires(self) -> None:
        """All veth pairs in one batch. Indexes differ on both ends, so that the kernel sees carriers at once."""
        lines, index = [], 100
        for segment in self.world.segments:
            if len(segment.plugs) == 2:
                one, other = segment.plugs
                lines.append(f"link add {self._end(one, index)} type veth peer {self._end(other, index + 1)}")
                index += 2
                continue
            switch = f"switch{segment.number}"
            self._new(switch)
            where = self._path(switch)
            with self.inside(switch):
                _run(["ip", "-batch", "-"], "link add br0 type bridge mcast_snooping 0\nlink set dev br0 up\n")
            for number, plug in enumerate(segment.plugs):
                port = f"name p{number} index {index + 1} netns {where}"
                lines.append(f"link add {self._end(plug, index)} type veth peer {port}")
                index += 2
        _run(["ip", "-batch", "-"], "\n".join(lines))
        for segment in self.world.segments:
            if len(segment.plugs) != 2:
                with self.inside(f"switch{segment.number}"):
                    ports = [f"link set dev p{number} master br0 up" for number in range(len(segment.plugs))]
                    _run(["ip", "-batch", "-"], "\n".join(ports))

    def _end(self, plug: Plug, index: int) -> str:
        self._indexes[plug.node, plug.device] = index
        return f"name {plug.device} index {index} address {mac_of(plug)} netns {self._path(plug.node)}"

    def _path(self, name: str) -> str:
        return f"/proc/{os.getpid()}/fd/{self._files[name]}"

    def _put_up(self, node: Node) -> None:
        for plug in node.plugs:
            for path, value in _NEIGHBOURS.items():
                for family in (V4, V6):
                    write_sysctl(f"ipv{family}/neigh/{plug.device}/{path}", value)
        _run(["ip", "-batch", "-"], "\n".join(address_lines(node)))

    def _set_up(self, node: Node) -> None:
        for path, value in sysctls_of(node).items():
            write_sysctl(path, value)
        for family in (V4, V6):
            lines = routing_lines(node, family) + neighbour_lines(self.world, node, family)
            if lines:
                _run(["ip", f"-{family}", "-batch", "-"], "\n".join(lines))
        if node.tables:
            _run(["nft", "-f", "-"], "".join(node.tables))

    def _find_dead_gateways(self) -> None:
        """Let hosts find out that a gateway does not answer, as they would have long before anyone asks."""
        sent = False
        for node in self.world.nodes.values():
            for family, address in node.dead_gateways:
                with self.inside(node.name), contextlib.suppress(OSError):
                    kind = socket.AF_INET if family == V4 else socket.AF_INET6
                    with socket.socket(kind, socket.SOCK_DGRAM) as one:
                        one.sendto(b"x", (address, 9))
                        sent = True
        if sent:
            time.sleep(0.15)


def _forget(index: int, address: str) -> bytes:
    """RTM_DELNEIGH of one neighbour."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    body = struct.pack("=BxHiHBB", family, 0, index, 0, 0, 0) + struct.pack("=HH", 4 + len(packed), 1) + packed
    return struct.pack("=IHHII", 16 + len(body), 29, 1, 0, 0) + body


def write_sysctl(path: str, value: str) -> None:
    """Set what is there below /proc/sys/net; older kernels lack some."""
    try:
        with open(f"/proc/sys/net/{path}", "w", encoding="ascii") as file:
            file.write(value)
    except FileNotFoundError:
        if "hash_seed" not in path:
            raise
