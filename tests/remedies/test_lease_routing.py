# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source rules follow the leases of a real DHCP server on a real host, and go as they are then."""

from __future__ import annotations

import math
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.real_hosts.host import RealHost
from ansible_collections.netpath.symmetry.tests.real_hosts.managers import managers
from ansible_collections.netpath.symmetry.tests.real_hosts.providers import Provider

SECONDS = 2.0  # from the new address to the new way
FOLLOWER = "sh /var/lib/netpath-symmetry/symmetry-lease-routing"
FIRST, SECOND = ("198.51.100.1/30", "198.51.100.2"), ("192.0.2.1/24", "192.0.2.77")
LEASED = """[Match]
Name=wan_a

[Network]
DHCP=ipv4

[DHCPv4]
RouteMetric=2048
"""
ROLE = {"source_routing_uplinks": [{"name": "cable", "interface": "wan_a", "from_lease": True}]}
# What is the host's, but for what the lease has given it.
STATE = r"""
for f in 4 6; do ip -$f rule show; ip -$f route show table all | grep -v 'dev wan_a .*proto \(dhcp\|ra\|kernel\)'; done
find /etc /var/lib/netpath-symmetry -type f -not -path '*/changes/*' -not -path '/var/lib/netpath-symmetry/lock' \
    -not -path /var/lib/netpath-symmetry/symmetry-guard -not -name symmetry-journal.service | sort | xargs sha256sum
systemctl list-units --plain --no-legend 'symmetry-*'
"""
# Seconds from when the host has ADDRESS until its replies leave by wan_a; the host measures.
FOLLOWED = r"""
timeout 30 sh -c "until ip -o address show dev wan_a | grep -q ' ADDRESS/'; do sleep 0.02; done"
read -r begin _ </proc/uptime
until ip route get 203.0.113.10 from ADDRESS 2>/dev/null | grep -q 'via GATEWAY dev wan_a'; do
    read -r now _ </proc/uptime
    [ "${now%.*}" -lt $((${begin%.*} + 6)) ] || { echo 0 inf; exit; }
    sleep 0.02
done
read -r end _ </proc/uptime
echo "$begin $end"
"""


@pytest.fixture(name="host")
def _host() -> t.Iterator[RealHost]:
    manager = managers()["networkd"]
    files = {**manager.files, "/etc/systemd/network/10-wan_a.network": LEASED}
    with RealHost("lease", files, manager.units) as host:
        yield host


def play(host: RealHost, change: str, variables: t.Mapping[str, t.Any]) -> str:
    guard = {"change_id": change, "timeout": 300}
    done = host.play([
        {"netpath.symmetry.change_guard": {**guard, "state": "armed"}},
        {"include_role": {"name": "netpath.symmetry.source_routing"}, "vars": variables},
        {"netpath.symmetry.change_guard": {**guard, "state": "confirmed"}},
    ])  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def followed(host: RealHost, address: str, gateway: str) -> float:
    script = FOLLOWED.replace("ADDRESS", address).replace("GATEWAY", gateway)
    begin, end = host.output(script).split()
    return float(end) - float(begin)


def renew(host: RealHost, provider: Provider, lease: tuple[str, str]) -> float:
    """Give the host another lease; returns the seconds until packets with it take the right way."""
    provider.offer(*lease)
    return followed(host, lease[1], lease[0].partition("/")[0])


def source_rules(host: RealHost) -> list[str]:
    lines = host.output("ip rule show | grep 'proto 83' | grep -v suppress || true").splitlines()
    return [line.split()[2] for line in lines]


def test_rules_follow_a_lease_and_go_with_the_one_that_is_there(host: RealHost) -> None:
    with Provider(host, "wan_a") as provider:
        host.boot()
        provider.offer(*FIRST)
        host.ssh("until ip -4 route show default dev wan_a | grep -q dhcp; do sleep 0.1; done", timeout=30)
        before = host.output(STATE)
        assert host.uplink_of_ping(4, FIRST[1]) == "wan_b", "without source rules the main table decides"
        play(host, "first", ROLE)
        assert source_rules(host) == [FIRST[1]]
        assert host.uplink_of_ping(4, FIRST[1]) == "wan_a"
        assert "changed=0" in play_again(host)
        took = renew(host, provider, SECOND)
        print(f"new lease followed after {took:.2f} s")
        assert took < SECONDS
        assert source_rules(host) == [SECOND[1]]
        assert host.uplink_of_ping(4, SECOND[1]) == "wan_a"
        assert "changed=0" in play_again(host)
        assert f"{SECOND[1]} by 192.0.2.1" in host.output(f"{FOLLOWER} status")

        # The control: nobody follows, so the rule is that of the lease before.
        host.ssh("systemctl stop symmetry-lease-routing.service")
        assert renew(host, provider, FIRST) == math.inf
        assert source_rules(host) == [SECOND[1]]
        assert host.uplink_of_ping(4, FIRST[1]) == "wan_b"
        host.ssh("systemctl start symmetry-lease-routing.service")
        assert followed(host, FIRST[1], "198.51.100.1") < 5
        host.ssh("kill -9 $(systemctl show --property MainPID --value symmetry-lease-routing.service)")
        assert renew(host, provider, SECOND) < 5

        play(host, "last", {"source_routing_state": "absent"})
        assert host.output(STATE) == before
        play(host, "again", ROLE)
        assert source_rules(host) == [SECOND[1]]
        assert renew(host, provider, FIRST) < SECONDS
        host.ssh("sh /var/lib/netpath-symmetry/symmetry-guard rollback again")
        assert host.output(STATE) == before


def play_again(host: RealHost) -> str:
    time.sleep(0.5)
    done = host.play([
        {"include_role": {"name": "netpath.symmetry.source_routing"},
         "vars": {**ROLE, "source_routing_require_guard": False}},
    ])  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
