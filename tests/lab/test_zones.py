# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones of one direction, as iptables sets them: which replies a firewall knows again, on a real kernel."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth
from ansible_collections.netpath.symmetry.tests.lab.quick_facts import diagnosed

Hosts = dict[str, Netns]
FLOW = "icmp 10.0.1.10 > 10.0.2.10"
CASES = {  # words after -j CT for what comes from inside; does the firewall know the replies, which come without a zone
    "no zone": ("", True),
    "a zone of both directions": ("--zone 6", False),
    "a zone of the requests": ("--zone-orig 6", True),
    "a zone of the replies": ("--zone-reply 6", False),
    "the mark as the zone of the requests": ("--zone-orig mark", True),
}


@pytest.fixture(scope="module")
def line() -> t.Iterator[Hosts]:
    """client - fw - server. The firewall lets new connections out, and replies of those that it knows in."""
    hosts = {name: Netns(name).create() for name in ("client", "fw", "server")}
    try:
        veth(hosts["client"], "eth0", hosts["fw"], "in", [("10.0.1.10/24", "10.0.1.1/24")])
        veth(hosts["fw"], "out", hosts["server"], "eth0", [("10.0.2.1/24", "10.0.2.10/24")])
        hosts["fw"].run("sysctl -qw net.ipv4.ip_forward=1; iptables -P FORWARD DROP; "
                        "iptables -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT; "
                        "iptables -A FORWARD -i in -j ACCEPT; iptables -t raw -N ZONES; "
                        "iptables -t raw -A PREROUTING -i in -j ZONES")
        hosts["client"].run("ip route add default via 10.0.1.1")
        hosts["server"].run("ip route add default via 10.0.2.1")
        yield hosts
    finally:
        for one in hosts.values():
            one.delete()


@pytest.mark.parametrize("name", CASES)
def test_replies_are_known_by_the_zone_of_their_direction(line: Hosts, name: str) -> None:
    words, works = CASES[name]
    if words:
        line["fw"].run(f"iptables -t raw -A ZONES -j CT {words}")
    try:
        ping = line["client"].run("ping -c 1 -W 1 10.0.2.10", check=False)
        assert ("bytes from" in ping.stdout) == works, ping.stdout
        verdict = diagnosed(line, [FLOW]).verdicts[0]
        assert verdict.verdict == ("symmetric" if works else "broken"), verdict.summary()
        assert works or (verdict.dies_at and verdict.dies_at.direction == "return" and verdict.dies_at.host == "fw")
    finally:
        line["fw"].run("iptables -t raw -F ZONES")
