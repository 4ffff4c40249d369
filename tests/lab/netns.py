# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces for tests: real kernels and real packets. Names carry the pid, so that runs do not meet."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import STATE_DIR


class Netns:
    """One network namespace, called ``nps-<pid>-<name>``; delete it in the fixture's teardown."""

    def __init__(self, name: str) -> None:
        self.name = f"nps-{os.getpid()}-{name}"
        self.state = pathlib.Path(tempfile.gettempdir(), f"{self.name}-state")  # what modules find as STATE_DIR

    def create(self) -> Netns:
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        # Nobody else is on these links: addresses need not wait for duplicate detection.
        self.run("ip link set lo up; sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0")
        return self

    def delete(self) -> None:
        subprocess.run(["ip", "netns", "delete", self.name], check=False)
        shutil.rmtree(self.state, ignore_errors=True)

    def command(self, *words: str) -> list[str]:
        """The words, to be run inside."""
        return ["ip", "netns", "exec", self.name, *words]

    def with_state(self, *words: str) -> list[str]:
        """The words, to be run inside with a state directory of its own: no other host's guard or register is there."""
        self.state.mkdir(exist_ok=True)
        pathlib.Path(STATE_DIR).mkdir(parents=True, exist_ok=True)
        script = f'mount --bind {self.state} {STATE_DIR} && exec "$@"'
        return self.command("unshare", "-m", "sh", "-c", script, "sh", *words)

    def run(self, script: str, check: bool = True, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a shell script inside and wait for it."""
        return subprocess.run(
            self.command("sh", "-ec", script), check=check, timeout=timeout, capture_output=True, text=True
        )

    def output(self, script: str) -> str:
        return self.run(script).stdout

    def json(self, script: str) -> t.Any:
        """What a command like ``ip -j rule`` prints."""
        return json.loads(self.output(script) or "[]")

    def start(self, *words: str, **options: t.Any) -> subprocess.Popen[str]:
        """Start a process inside; the caller ends it."""
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen(self.command(*words), text=True, **options)


def veth(a: Netns, if_a: str, b: Netns, if_b: str, addresses: t.Sequence[tuple[str, str]] = ()) -> None:
    """Join two namespaces by a veth pair; each pair of addresses (with prefix length) goes to ``if_a`` and ``if_b``."""
    subprocess.run(
        ["ip", "link", "add", if_a, "netns", a.name, "type", "veth", "peer", "name", if_b, "netns", b.name], check=True
    )
    for ns, interface, own in ((a, if_a, [x for x, _y in addresses]), (b, if_b, [y for _x, y in addresses])):
        for address in own:
            ns.run(f"ip address add {address} dev {interface}{' nodad' if ':' in address else ''}")
        ns.run(f"ip link set {interface} up")
    for ns, interface in ((a, if_a), (b, if_b)):
        _wait_up(ns, interface)


def _wait_up(ns: Netns, interface: str) -> None:
    """A fresh link drops what is sent before the kernel has seen its carrier, which may take a second."""
    deadline = time.monotonic() + 5
    while ns.output(f"cat /sys/class/net/{interface}/operstate").strip() != "up":
        assert time.monotonic() < deadline, f"{interface} of {ns.name} does not come up"
        time.sleep(0.02)
