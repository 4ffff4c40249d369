# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Links with a delay: pass every packet on to the other end of its link, in order, a time after it came.

For kernels without netem, and without anything to install. This file is copied to the lab's switch and
run there by itself, so it imports the standard library only.

What it adds is the delay and what a program takes, some 50 microseconds: a link of ``0us`` has the latter only.
"""

from __future__ import annotations

import collections
import ctypes
import errno
import json
import os
import pathlib
import select
import socket
import sys
import time

UNDER_WAY = 50_000  # packets in one direction; what comes beyond is lost, as in any full queue
_AT_ONCE = 64  # packets of one link before the others have their turn
_ETH_P_ALL = 3  # linux/if_ether.h
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23  # linux/if_packet.h
_SO_RCVBUFFORCE = 33  # asm-generic/socket.h
_PR_SET_TIMERSLACK = 29  # linux/prctl.h


class Direction:
    """One direction of a link: its packets that are under way, each with the moment when it is to arrive."""

    def __init__(self, come: socket.socket, leave: socket.socket, seconds: float) -> None:
        self.come = come
        self.leave = leave
        self.seconds = seconds
        self.packets: collections.deque[tuple[float, bytes]] = collections.deque()

    def fileno(self) -> int:
        """For select(): where its packets come."""
        return self.come.fileno()

    def receive(self) -> None:
        """Take what has come."""
        for _each in range(_AT_ONCE):
            try:
                packet = self.come.recv(65600, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            if len(self.packets) < UNDER_WAY:
                self.packets.append((time.monotonic() + self.seconds, packet))

    def send(self) -> None:
        """Let leave what is due."""
        now = time.monotonic()
        while self.packets and self.packets[0][0] <= now:
            try:
                self.leave.send(self.packets.popleft()[1])
            except OSError as error:
                # The other end is down, its queue is full, or the packet is larger than its MTU: lost.
                if error.errno not in (errno.ENETDOWN, errno.ENOBUFS, errno.EMSGSIZE):
                    raise


def main() -> None:
    """Open the links of the file, say so, and pass packets on until killed."""
    name_myself()
    precise_timers()
    directions = []
    for one, other, microseconds in json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")):
        near, far = endpoint(one), endpoint(other)
        directions += [Direction(near, far, microseconds / 1e6), Direction(far, near, microseconds / 1e6)]
    ready = int(sys.argv[2])
    os.write(ready, b"ready\n")
    os.close(ready)
    while True:
        due = min((item.packets[0][0] for item in directions if item.packets), default=None)
        wait = None if due is None else max(0.0, due - time.monotonic())
        for direction in select.select(directions, [], [], wait)[0]:
            direction.receive()
        for direction in directions:
            direction.send()


def name_myself() -> None:
    """Write down, as hosts do, by which process this machine knows this program: its boot, its id and its beginning."""
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    stat = pathlib.Path("/proc/self/stat").read_text(encoding="ascii")
    pathlib.Path("process.new").write_text(boot + stat, encoding="ascii")
    os.replace("process.new", "process")


def precise_timers() -> None:
    """Ask the kernel to wake this program when it is time, not up to 50 microseconds later (prctl(2))."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)


def endpoint(interface: str) -> socket.socket:
    """All packets that come in at an interface of this namespace (packet(7))."""
    result = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    result.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    result.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 8 << 20)
    result.bind((interface, _ETH_P_ALL))
    return result


if __name__ == "__main__":
    main()
