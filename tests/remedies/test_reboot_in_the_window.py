# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real host reboots while a change is pending and nothing was ever persisted on it: the guard's unit settles it."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.real_hosts.host import RealHost
from ansible_collections.netpath.symmetry.tests.real_hosts.managers import managers

STATE_DIR = "/var/lib/netpath-symmetry"
OURS = "ip route show table all proto 83"
UNIT = "/etc/systemd/system/symmetry-journal.service"


@pytest.fixture(scope="module")
def host() -> t.Iterator[RealHost]:
    manager = managers()["ifupdown"]
    with RealHost("window", manager.files, manager.units) as host:
        host.boot()
        yield host


def change(host: RealHost, change_id: str) -> str:
    """Arm, and change something at run time only; returns what the guard tells of it."""
    done = host.play([
        {"netpath.symmetry.change_guard": {"state": "armed", "change_id": change_id, "timeout": 3600}},
        {"netpath.symmetry.rp_filter": {"interfaces": [{"name": "wan_b", "mode": "strict"}], "require_guard": True}},
    ])  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.output("cat /proc/sys/net/ipv4/conf/wan_b/rp_filter").strip() == "1"
    return host.output("symmetry-guard status")


def test_it_is_settled_at_boot(host: RealHost) -> None:
    assert host.ssh(f"test -e {UNIT} || test -e {STATE_DIR}", check=False).returncode == 1, "a host of ours before"
    told = change(host, "first")
    assert "a reboot  is followed by symmetry-journal.service" in told
    assert host.ssh("test -e /etc/netpath-symmetry", check=False).returncode == 1, "something was persisted"
    host.cut_power()
    host.boot()
    assert host.output(f"head -n 1 {STATE_DIR}/changes/first/result").strip() == "state: reverted"
    assert host.ssh(f"test -e {STATE_DIR}/pending", check=False).returncode == 1
    result = host.output("systemctl show -P Result -P ConditionResult symmetry-journal.service").split()
    assert result == ["success", "yes"], host.output("journalctl -b -u symmetry-journal.service")
    assert host.output("systemctl --failed --plain --no-legend").strip() == ""
    host.play([{"netpath.symmetry.change_guard": {"state": "armed", "change_id": "next"}}])
    assert "change next is pending" in host.output("symmetry-guard status"), "nothing is in the way of another change"
    host.output("symmetry-guard revert")


def exceptions(host: RealHost) -> str:
    return host.output(f"sh {STATE_DIR}/symmetry-expiry list; cat /proc/sys/net/ipv4/conf/wan_[ab]/rp_filter")


def test_entries_of_the_register_are_taken_back_too(host: RealHost) -> None:
    """The exceptions are gone with the reboot, their entries are files."""
    forever = {"name": "wan_a", "mode": "loose", "reason": "CHG1", "by": "bob"}
    bounded = {"name": "wan_b", "mode": "off", "reason": "CHG2", "by": "eve", "until": "2100-01-01T00:00:00Z"}
    host.play([{"netpath.symmetry.rp_filter": {"interfaces": [forever]}}])
    before = exceptions(host)
    assert "name: wan_a" in before and before.endswith("2\n0\n")
    done = host.play([
        {"netpath.symmetry.change_guard": {"state": "armed", "change_id": "entries", "timeout": 3600}},
        {"netpath.symmetry.rp_filter": {"interfaces": [bounded, {"name": "wan_a", "mode": "strict"}]}},
    ])  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    now = exceptions(host)
    assert "name: wan_b" in now and "name: wan_a" not in now and now.endswith("1\n0\n")
    host.reboot()
    assert exceptions(host).replace("0\n0\n", "2\n0\n") == before
    host.play([{"netpath.symmetry.rp_filter": {"interfaces": [{"name": "wan_a", "mode": "strict"}]}}])
    assert "name: wan_a" not in exceptions(host)


def test_an_exception_that_has_an_end_does_not_stand_without_its_timer(host: RealHost) -> None:
    wish = {"name": "wan_b", "mode": "loose", "reason": "CHG2", "by": "eve", "until": "2100-01-01T00:00:00Z"}
    task = {"netpath.symmetry.rp_filter": {"interfaces": [wish]}}
    timer = "systemctl is-active symmetry-expiry-rp_filter.wan_b.timer"
    host.play([task])
    assert host.output(timer) == "active\n" and "over" not in exceptions(host)
    host.reboot()
    assert host.ssh(timer, check=False).returncode != 0
    assert "over: the host has rebooted since" in exceptions(host)
    host.play([task])
    assert host.output(timer) == "active\n" and "over" not in exceptions(host)
    assert "changed=0" in host.play([task]).stdout
    host.play([{"netpath.symmetry.rp_filter": {"interfaces": [wish], "state": "absent"}}])
    assert "name:" not in exceptions(host) and host.ssh(timer, check=False).returncode != 0


def test_without_the_unit_it_stays_pending(host: RealHost) -> None:
    change(host, "second")
    host.ssh(f"rm {UNIT}")
    host.reboot()
    assert "the host has rebooted since" in host.output("symmetry-guard status")
    host.output("symmetry-guard revert")
    assert host.output(f"head -n 1 {STATE_DIR}/changes/second/result").strip() == "state: reverted"


def test_a_masked_unit_is_respected_and_said(host: RealHost) -> None:
    host.ssh(f"ln -sf /dev/null {UNIT}")
    assert f"a reboot  leaves it pending until 'symmetry-guard revert': {UNIT} is a link" in change(host, "third")
    done = host.play([{"netpath.symmetry.persistence": {"interfaces": [{"name": "wan_b", "mode": "strict"}]}}])
    assert done.returncode == 0 and "changed=1" in done.stdout, done.stdout + done.stderr
    assert host.output(f"readlink {UNIT}").strip() == "/dev/null"
    host.output("symmetry-guard revert")


def route(host: RealHost, change_id: str, *prefixes: str) -> str:
    """Arm, route the prefixes by wan_a and persist it; returns our routes, which wan_a then loses."""
    routes = [{"dst": dst, "gateway": "198.51.100.1", "device": "wan_a"} for dst in prefixes]
    rules = [{"dst": dst, "table": "second"} for dst in prefixes]
    wanted = {"tables": [{"name": "second", "routes": routes}], "rules": rules, "require_guard": True}
    done = host.play([
        {"netpath.symmetry.change_guard": {"state": "armed", "change_id": change_id, "timeout": 3600}},
        {"netpath.symmetry.policy_routing": wanted},
        {"netpath.symmetry.persistence": {"parts": ["routing"], "require_guard": True}},
    ])  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    made = host.output(OURS)
    host.output("ifdown --force wan_a; ifup wan_a")
    assert host.output(OURS) == "", "nobody knows yet which state is kept"
    return made


def test_routes_that_an_interface_has_lost_come_back_when_the_change_ends(host: RealHost) -> None:
    """Set up anew after the last proof, the interface has no routes: they are those of the state that is kept."""
    kept = route(host, "fourth", "192.0.2.0/24")
    host.output("symmetry-guard confirm")
    assert "192.0.2.0/24" in kept and host.output(OURS) == kept
    assert "198.18.0.0/24" in route(host, "fifth", "192.0.2.0/24", "198.18.0.0/24")
    host.output("symmetry-guard revert")
    assert host.output(OURS) == kept
