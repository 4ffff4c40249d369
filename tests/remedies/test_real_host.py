# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exceptions on a real host with systemd: a transient timer ends them, and the journal says so."""

from __future__ import annotations

import datetime
import time

from ansible_collections.netpath.symmetry.tests.real_hosts.host import RealHost
from ansible_collections.netpath.symmetry.tests.real_hosts.managers import managers


def until(seconds: float) -> str:
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return end.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_timer_of_systemd_ends_an_exception() -> None:
    manager = managers()["ifupdown"]
    with RealHost("expiry", manager.files, manager.units) as host:
        host.boot()
        host.ssh("echo 1 > /proc/sys/net/ipv4/conf/wan_b/rp_filter")
        entry = {"name": "partner", "sources": ["10.8.0.0/16"], "destinations": ["203.0.113.10"], "protocol": "tcp",
                 "ports": ["443"], "consent": True, "by": "alice", "reason": "CHG1"}  # fmt: skip
        wish = {"name": "wan_b", "mode": "loose", "reason": "CHG2", "by": "bob"}

        def play(bypass_end: str, filter_end: str) -> None:
            done = host.play([
                {"netpath.symmetry.state_bypass": {"entries": [{**entry, "until": bypass_end}]}},
                {"netpath.symmetry.rp_filter": {"interfaces": [{**wish, "until": filter_end}]}},
            ])  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr

        play(until(3600), until(3600))
        timers = host.output("systemctl list-units --all --plain --no-legend 'symmetry-expiry-*.timer'")
        assert timers.count("active waiting") == 2, timers
        assert "notrack" in host.output("nft list ruleset")
        play(until(40), until(40))  # a busy machine takes long to play
        deadline = time.monotonic() + 120
        while host.output("ls /var/lib/netpath-symmetry/register").strip():
            assert time.monotonic() < deadline, host.output("journalctl -n 30; ls /var/lib/netpath-symmetry/register")
            time.sleep(1)
        assert "notrack" not in host.output("nft list ruleset")
        assert host.output("cat /proc/sys/net/ipv4/conf/wan_b/rp_filter").strip() == "1"
        said = host.output("journalctl -t netpath-symmetry -o cat")
        assert "exception state_bypass.partner ended at its time: CHG1 (by alice)" in said
        assert "exception rp_filter.wan_b ended at its time: CHG2 (by bob)" in said
        assert not host.output("systemctl list-units --all --plain --no-legend 'symmetry-expiry-*'").strip()
