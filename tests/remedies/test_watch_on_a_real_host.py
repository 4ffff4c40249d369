# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""uplink_watch on a host with systemd: its unit fails over, outlives kill -9 and a reboot, and goes without a trace."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.netpath.symmetry.tests.real_hosts.host import RealHost
from ansible_collections.netpath.symmetry.tests.real_hosts.managers import managers

TARGET = "203.0.113.53"  # the packets to the partner are counted
UPLINKS = [
    {"name": "b", "interface": "wan_b", "gateway": "198.51.100.5", "targets": [TARGET], "rise": 3},
    {"name": "a", "interface": "wan_a", "gateway": "198.51.100.1", "targets": [TARGET]},
]
UNIT = "symmetry-uplink-watch.service"
DEAD = ("nft 'add table inet dead; add chain inet dead c { type filter hook prerouting priority -500; }; "
        "add rule inet dead c iifname wan_b_far ip daddr 203.0.113.0/24 drop'")


def routing(host: RealHost) -> str:
    return host.output("ip -4 rule; ip -4 route show table all | sort")


def wait(holds: t.Callable[[], bool], host: RealHost, complaint: str, seconds: float = 40) -> None:
    """A busy machine takes long to log in; in time is for the lab to tell."""
    deadline = time.monotonic() + seconds
    while not holds():
        told = host.output(f"journalctl -n 30 -u {UNIT} -o cat; ip -4 rule") if time.monotonic() > deadline else ""
        assert not told, f"{complaint}\n{told}"
        time.sleep(0.3)


def test_the_unit_fails_over_outlives_kill_and_reboot_and_goes_without_a_trace() -> None:
    manager = managers()["ifupdown"]
    with RealHost("watch", manager.files, manager.units) as host:
        host.neighbour.run(f"ip address add {TARGET} dev lo")
        host.boot()
        before = routing(host)
        role: dict[str, t.Any] = {"include_role": {"name": "netpath.symmetry.uplink_watch"},
                                  "vars": {"uplink_watch_uplinks": UPLINKS, "uplink_watch_interval": 1,
                                           "uplink_watch_require_guard": False}}
        first, again = host.play([role]), host.play([role])
        assert "changed=1 " in first.stdout and "changed=0 " in again.stdout, first.stdout + again.stdout
        assert host.output(f"systemctl is-active {UNIT}; systemctl is-enabled {UNIT}").split() == ["active", "enabled"]
        steady = routing(host)
        assert host.uplink_of_ping(4) == "wan_b"
        host.neighbour.run(DEAD)
        wait(lambda: host.uplink_of_ping(4) == "wan_a", host, "it does not fail over")
        said = host.output("sh /var/lib/netpath-symmetry/symmetry-uplink-watch status || :")
        assert "b-4 wan_b down: 0 of 1 targets answer, 1 are needed" in said, said
        pid = host.output(f"systemctl show -P MainPID {UNIT}").strip()
        host.ssh(f"kill -9 {pid}")
        wait(lambda: host.output(f"systemctl show -P MainPID {UNIT}").strip() not in ("0", pid), host, "it stays dead")
        host.ssh(f"systemctl restart {UNIT}")
        assert host.uplink_of_ping(4) == "wan_a"
        host.neighbour.run("nft delete table inet dead")
        wait(lambda: routing(host) == steady, host, "it does not go home")
        log = host.output(f"journalctl -u {UNIT} -o cat")
        assert "uplink b-4 (wan_b) is down" in log and "main's default route is used again" in log, log
        host.reboot()
        wait(lambda: routing(host) == steady, host, "after a reboot it does not watch")
        absent = host.play([{**role, "vars": {**role["vars"], "uplink_watch_state": "absent"}}])
        assert "changed=1 " in absent.stdout, absent.stdout
        assert routing(host) == before
        assert host.ssh(f"systemctl cat {UNIT}", check=False).returncode != 0
        assert host.output("ls /var/lib/netpath-symmetry").split() == []
