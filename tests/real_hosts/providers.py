# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Providers that give a real host its address and gateway, at the far end of an uplink: by DHCP and by RA.

The DHCP server is dnsmasq of the hosts' userland, run in the network namespace of the neighbour; prefixes are delegated
by Kea.
"""

from __future__ import annotations

import ipaddress
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from ansible_collections.netpath.symmetry.tests.real_hosts import userland
from ansible_collections.netpath.symmetry.tests.real_hosts.host import HostError, RealHost

RENEWAL = {"T1": 4, "T2": 7}  # seconds until a client asks the server that it knows, and then any


class Provider:
    """dnsmasq at one link of a host's neighbour. Use it as a context manager; ``offer`` begins, and changes it."""

    def __init__(self, host: RealHost, link: str) -> None:
        self._host = host
        self._far = f"{link}_far"
        self._tree = userland.ready()
        self._process: subprocess.Popen[bytes] | None = None
        self._before: set[tuple[str, str]] = set()

    def __enter__(self) -> Provider:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def offer(self, gateway: str, address: str) -> None:
        """Be the gateway (an interface address, "192.0.2.1/24") and lease this one address.

        Addresses of before stay: there a client asks for its renewal, and is refused.
        """
        self.stop()
        mine = ipaddress.IPv4Interface(gateway)
        self._host.neighbour.run(f"ip address replace {gateway} dev {self._far}")
        words = [
            *("--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root", "--leasefile-ro"),
            *(f"--interface={self._far}", "--bind-dynamic", "--dhcp-authoritative", "--no-ping", "--pid-file="),
            *(f"--dhcp-range={address},{address},{mine.netmask},10m", f"--dhcp-option=3,{mine.ip}"),
            *(f"--dhcp-option=option:{name},{seconds}s" for name, seconds in RENEWAL.items()),
        ]
        # What was leased before is known and nobody's, so that who asks to keep it is refused at once.
        words += [f"--dhcp-range={net},static,{mask}" for net, mask in self._before - {_known(mine)}]
        self._before.add(_known(mine))
        command = self._host.neighbour.command("chroot", str(self._tree), "/usr/sbin/dnsmasq", *words)
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.3)
        if self._process.poll() is not None:
            raise HostError(f"dnsmasq ended at once: {' '.join(command)}")

    def stop(self) -> None:
        """No leases any more; those that were given stay."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(10)


class Router:
    """Router advertisements at one link of a host's neighbour, every second. Use it as a context manager.

    dnsmasq would give prefixes two minutes at least; the lifetimes here are short, so that a test sees them end.
    """

    def __init__(self, host: RealHost, link: str) -> None:
        self._host = host
        self._far = f"{link}_far"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Router:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def announce(self, prefix: str) -> None:
        """Announce this prefix (/64) and nothing else from now on; that of before ends with its lifetime."""
        self.stop()
        words = [sys.executable, "-c", _ADVERTISE, self._far, prefix, str(VALID_SECONDS)]
        self._process = subprocess.Popen(self._host.neighbour.command(*words), stdin=subprocess.DEVNULL)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(10)


class Delegator:
    """A Kea server at one link of a host's neighbour that delegates prefixes by DHCPv6. Use it as a context manager.

    It remembers nothing: what was delegated before is not known to it.
    """

    def __init__(self, host: RealHost, link: str) -> None:
        self._host = host
        self._far = f"{link}_far"
        self._process: subprocess.Popen[bytes] | None = None
        self._place = pathlib.Path()

    def __enter__(self) -> Delegator:
        self._place = pathlib.Path(tempfile.mkdtemp(prefix=f"run-{os.getpid()}-kea-", dir=userland.CACHE))
        for part in ("upper", "work", "root"):
            (self._place / part).mkdir()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()
        shutil.rmtree(self._place, ignore_errors=True)

    def delegate(self, prefix: str) -> None:
        """Delegate a /56 out of this /48 from now on, and nothing of before."""
        self.stop()
        on_link = ipaddress.IPv6Interface(self._host.neighbour.output(
            f"ip -6 -o address show dev {self._far} scope global | awk '{{ print $4; exit }}'").strip()).network
        pool = {"prefix": prefix, "prefix-len": 48, "delegated-len": 56}
        settings = {
            "interfaces-config": {"interfaces": [self._far]},
            "lease-database": {"type": "memfile", "persist": False},
            **{"renew-timer": 3, "rebind-timer": 5, "preferred-lifetime": 8, "valid-lifetime": VALID_SECONDS},
            "subnet6": [{"subnet": str(on_link), "interface": self._far, "pd-pools": [pool]}],
        }
        (self._place / "upper" / "kea.json").write_text(json.dumps({"Dhcp6": settings}))
        lower = f"{userland.layer('delegation')}:{userland.ready()}"
        where = f"lowerdir={lower},upperdir={self._place}/upper,workdir={self._place}/work"
        script = (
            f"mount -t overlay overlay -o {where} {self._place}/root; mount -t tmpfs tmpfs {self._place}/root/run; "
            f"mkdir -p {self._place}/root/run/kea {self._place}/root/var/lib/kea; "
            f"exec chroot {self._place}/root /usr/sbin/kea-dhcp6 -c /kea.json"
        )
        self._process = subprocess.Popen(
            self._host.neighbour.command("unshare", "-m", "sh", "-ec", script),
            stdin=subprocess.DEVNULL, stdout=(self._place / "log").open("ab"), stderr=subprocess.STDOUT,
        )
        time.sleep(1)
        if self._process.poll() is not None:
            raise HostError(f"kea-dhcp6 ended at once: {self.log()}")

    def log(self) -> str:
        """The end of what the server has said."""
        return "\n".join((self._place / "log").read_text().splitlines()[-15:])

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(10)


VALID_SECONDS = 12  # of a prefix
# Type, code, checksum (the kernel's), hop limit, flags, lifetime, two timers; then the prefix (RFC 4861, 4.2, 4.6.2).
_ADVERTISE = """
import socket, struct, sys, time
device, prefix, valid = sys.argv[1], socket.inet_pton(socket.AF_INET6, sys.argv[2]), int(sys.argv[3])
message = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
message += struct.pack("!BBBBIII", 3, 4, 64, 0xC0, valid, valid // 2, 0) + prefix
out = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
out.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
while True:
    try:
        out.sendto(message, ("ff02::1", 0, 0, socket.if_nametoindex(device)))
    except OSError:  # the link is down, or not there for the moment
        pass
    time.sleep(1)
"""


def _known(gateway: ipaddress.IPv4Interface) -> tuple[str, str]:
    """Network and mask, as dnsmasq takes them."""
    return str(gateway.network.network_address), str(gateway.netmask)
