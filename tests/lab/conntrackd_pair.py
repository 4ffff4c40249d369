# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two hosts that share connection state for tests: real conntrackd in two namespaces, joined by a dedicated link."""

from __future__ import annotations

import pathlib
import subprocess
import time
import typing as t

from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

LINK = "sync"
OWN = {"a": "172.31.0.1", "b": "172.31.0.2", "stranger": "172.31.0.3"}
UDP = "UDP {{\nIPv4_address {own}\nIPv4_Destination_Address {peer}\nPort {port}\nInterface sync\nChecksum on\n}}"
MULTICAST = "Multicast {{\nIPv4_address 225.0.0.50\nGroup {port}\nIPv4_interface {own}\nInterface sync\nChecksum on\n}}"
IGNORED = "Filter From Userspace {\nAddress Ignore {\nIPv4_address 127.0.0.1\nIPv4_address 172.31.0.0/30\n}\n}"


class Member:
    """One of the two hosts, with its own configuration, socket, lock and log."""

    def __init__(self, name: str, directory: pathlib.Path) -> None:
        self.name = name
        self.netns = Netns(f"sync-{name}")
        self.path = directory / f"{name}.conf"
        self.socket = directory / f"{name}.ctl"
        self.process: subprocess.Popen[str] | None = None

    def configure(
        self, mode: str, link: str = UDP, general: str = IGNORED, limit: int = 524288, port: int = 3780
    ) -> None:
        peer = OWN["b" if self.name == "a" else "a"]
        wire = link.format(own=OWN[self.name], peer=peer, port=port)
        self.path.write_text(
            f"Sync {{\n{mode}\n{wire}\n}}\nGeneral {{\nHashSize 8192\nHashLimit {limit}\nSyslog off\n"
            f"LogFile {self.path.with_suffix('.log')}\nLockFile {self.path.with_suffix('.lock')}\n"
            f"UNIX {{\nPath {self.socket}\n}}\nNetlinkBufferSize 2097152\nNetlinkBufferSizeMaxGrowth 8388608\n"
            f"Systemd off\n{general}\n}}\n")

    def start(self) -> None:
        """Start the daemon and wait until it answers. What one that was killed has left is taken away."""
        for left in (self.socket, self.path.with_suffix(".lock")):
            left.unlink(missing_ok=True)
        self.process = self.netns.start(
            "conntrackd", "-C", str(self.path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while self.netns.run(f"conntrackd -C {self.path} -s", check=False).returncode:
            log = self.path.with_suffix(".log")
            assert self.process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
            self.process = None

    def statistics(self) -> str:
        return self.netns.output(f"conntrackd -C {self.path} -s")

    def add(self, *ports: int, how: str = "-p tcp --dport 80 --state ESTABLISHED -u SEEN_REPLY,ASSURED -t 300",
            source: str = "10.0.0.1", destination: str = "10.0.0.2") -> None:
        """Make entries in the kernel of this host, one for each source port."""
        one = f"-A -s {source} -d {destination} {how} --sport"
        done = self.netns.run("".join(f"echo '{one} {port}'\n" for port in ports) + "true")
        subprocess.run(self.netns.command("conntrack", "-R", "-"), input=done.stdout, text=True, check=True,
                       capture_output=True, timeout=60)

    def ports(self) -> set[int]:
        """Source ports of the TCP entries that stand in the kernel of this host."""
        listed = self.netns.output("conntrack -L -p tcp 2>/dev/null || true")
        return {int(word[6:]) for word in listed.split() if word.startswith("sport=")} - {80}


class Pair:
    """Both members. ``delete`` ends whatever runs and takes the namespaces away."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.a, self.b = Member("a", directory), Member("b", directory)
        self.members = (self.a, self.b)

    def create(self) -> Pair:
        for member in self.members:
            member.netns.create()
        veth(self.a.netns, LINK, self.b.netns, LINK, [(f"{OWN['a']}/30", f"{OWN['b']}/30")])
        return self

    def start(self, mode: str, **options: t.Any) -> None:
        for member in self.members:
            member.stop()
            member.configure(mode, **options)
        for member in self.members:
            member.start()

    def delete(self) -> None:
        for member in self.members:
            member.stop()
            member.netns.delete()

    def wait_for(self, what: t.Callable[[], bool], seconds: float = 5) -> None:
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, "it did not come to pass:\n" + "\n".join(
                f"{member.name}:\n{member.statistics()}" for member in self.members if member.process)
            time.sleep(0.05)
