# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults that strike anywhere, on whole hosts between the write of their files and the confirm.

What holds a pending change there is systemd: the guard has no parent but process 1. The clock has a test of its own,
and what others do there is in the persistence matrix.
"""

from __future__ import annotations

import concurrent.futures
import time
import typing as t

from ansible_collections.netpath.symmetry.tests.faults import inject
from ansible_collections.netpath.symmetry.tests.real_hosts.host import LINKS

if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.tests.faults.whole import Host

STEPS = ("persisted", "proven")
# The last blocks, too: what is left over by a large file would hold the few small ones of a change.
_FILL = """mkdir /filling; cat /dev/zero >/filling/large; i=0
while echo it >/filling/$i && sync /filling/$i && [ $i -lt 20000 ]; do i=$((i+1)); done; ! echo it >/filling/last"""
_MODULE = "python3"  # the only such processes on these hosts are modules


def kill_module(scene: inject.Scene) -> str | None:
    """kill -9 the module on the host, at some moment of its work."""
    host, moment = scene.victims[0], scene.rng.uniform(0, 0.6)
    script = f"i=0; until pgrep -x {_MODULE} >/dev/null; do i=$((i+1)); [ $i -lt 3000 ] || exit 1; sleep 0.01; done; "
    script += f"sleep {moment:.2f}; pkill -9 -x {_MODULE}"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(host.real.ssh, script, check=False, timeout=90)
        time.sleep(1)  # it looks already when the step begins
        scene.go()
        found = waiting.result().returncode == 0
    return f"killed the module on {host.name}" if found else None


def kill_sshd(scene: inject.Scene) -> str | None:
    """kill -9 every sshd of the host: the one that listens and those of sessions."""
    scene.begun()
    for host in scene.victims:
        host.real.ssh("pkill -9 -x sshd", check=False)
    return f"killed sshd on {' '.join(host.name for host in scene.victims)}"


def cut_network(scene: inject.Scene) -> str | None:
    """Take out the cable of the management network for some seconds."""
    seconds = scene.rng.uniform(1, 9)
    if scene.rng.random() < 0.7:
        scene.begun()
    for host in scene.victims:
        host.real.neighbour.run("ip link set mgmt0_far down")
    scene.go()
    time.sleep(seconds)
    for host in scene.victims:
        _plug_in(host)
    return f"cut {' '.join(host.name for host in scene.victims)} off for {seconds:.1f} s"


def _plug_in(host: Host) -> None:
    """Addresses of IPv6 go with a link that is set down."""
    host.real.neighbour.run("ip link set mgmt0_far up")
    for address in LINKS["mgmt0"][1]:
        host.real.neighbour.run(f"ip address replace {address} dev mgmt0_far")


def fill_disk(scene: inject.Scene) -> str | None:
    """Fill the whole disk of the host, and leave it full until everything has ended."""
    for host in scene.victims:
        host.run(_FILL, check=False)
        scene.heal.append(lambda host=host: _empty(host))
    scene.go()
    return f"filled the disk of {' '.join(host.name for host in scene.victims)}"


def _empty(host: Host) -> None:
    host.run("rm -rf /filling")


ANYWHERE: dict[str, inject.Fault] = {
    "kill -9 control": inject.kill_control,
    "kill -9 module": kill_module,
    "kill -9 sshd": kill_sshd,
    "network cut": cut_network,
    "second run": inject.second_run,
}
ON_A_DISK: dict[str, inject.Fault] = {"disk full": fill_disk}
