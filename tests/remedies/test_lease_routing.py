# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source rules follow the leases of a real DHCP server on a real host, and go as they are then."""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import math
import re
import subprocess
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.real_hosts.host import PARTNER, RealHost
from ansible_collections.netpath.symmetry.tests.real_hosts.leases import LEASES, PREFIXES, await_lease, source_rules
from ansible_collections.netpath.symmetry.tests.real_hosts.managers import managers
from ansible_collections.netpath.symmetry.tests.real_hosts.providers import VALID_SECONDS, Delegator, Provider, Router

SECONDS = 2.0  # from the new address to the new way
FOLLOWER = "sh /var/lib/netpath-symmetry/symmetry-lease-routing"
FIRST, SECOND = LEASES
SETTINGS = {
    "networkd": {
        "/etc/systemd/network/10-wan_a.network": "[Match]\nName=wan_a\n[Network]\nDHCP=ipv4\n"
        "[DHCPv4]\nRouteMetric=2048\n",
    },
    "networkmanager": {
        "/etc/NetworkManager/system-connections/wan_a.nmconnection": "[connection]\nid=wan_a\ntype=ethernet\n"
        "interface-name=wan_a\n[ipv4]\nmethod=auto\nroute-metric=2048\n[ipv6]\nmethod=disabled\n",
    },
    "ifupdown": {"/etc/network/interfaces.d/wan_a": "iface wan_a inet dhcp\n    metric 2048\n"},
}
RA = "[Match]\nName=wan_a\n[Network]\nIPv6AcceptRA=yes\n[IPv6AcceptRA]\nRouteMetric=2048\nDHCPv6Client=no\n"
ROLE = {"source_routing_uplinks": [{"name": "cable", "interface": "wan_a", "from_lease": True}]}
# What is the host's, but for what the lease has given it, and link-local addresses, which are new after a reboot.
STATE = r"""
for f in 4 6; do
    ip -$f rule show
    ip -$f route show table all | grep -v 'dev wan_a .*\(metric 2048\|proto kernel\)' | grep -v '^local fe80::'
done
find /etc /var/lib/netpath-symmetry -type f -not -path '*/changes/*' -not -path '/var/lib/netpath-symmetry/lock' \
    -not -path /var/lib/netpath-symmetry/symmetry-guard -not -name symmetry-journal.service | sort | xargs sha256sum
systemctl list-units --plain --no-legend 'symmetry-*'
"""
# When the host has an address that begins with ADDRESS, and when its replies leave by wan_a; the host measures.
FOLLOWED = r"""
own() { ip -o address show dev wan_a scope global | grep -o ' ADDRESS[^/]*'; }
tries=0
until source=$(own) || [ $tries = 1000 ]; do sleep 0.02; tries=$((tries + 1)); done
read -r begin _ </proc/uptime
until ip route get DESTINATION from $source 2>/dev/null | grep -q 'via GATEWAY.* dev wan_a'; do
    read -r now _ </proc/uptime
    [ "${now%.*}" -lt $((${begin%.*} + 6)) ] || { echo 0 inf; exit; }
    sleep 0.02
done
read -r end _ </proc/uptime
echo "$begin $end"
"""


_NUMBERS = itertools.count(1)  # some of these hosts are up at the same time


@contextlib.contextmanager
def leased_host(name: str, files: t.Mapping[str, str]) -> t.Iterator[RealHost]:
    """A host of the network manager, which these files tell to take what there is at wan_a; without a lease yet."""
    manager = managers()[name]
    with RealHost(f"lease{next(_NUMBERS)}", {**manager.files, **files}, manager.units) as host:
        host.boot()
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
    """Seconds from the address (or its beginning) until packets with it leave by the gateway; inf where they do not."""
    destination = PARTNER[6 if ":" in address else 4]
    words = {"ADDRESS": address, "DESTINATION": destination, "GATEWAY": gateway}
    script = FOLLOWED
    for word, value in words.items():
        script = script.replace(word, value)
    begin, end = host.output(script).split()
    return float(end) - float(begin)


def renew(host: RealHost, provider: Provider, lease: tuple[str, str]) -> float:
    """Give the host another lease; returns the seconds until packets with it take the right way."""
    provider.offer(*lease)
    return followed(host, lease[1], lease[0].partition("/")[0])


def test_rules_follow_a_lease_and_go_with_the_one_that_is_there() -> None:
    with leased_host("networkd", SETTINGS["networkd"]) as host, Provider(host, "wan_a") as provider:
        provider.offer(*FIRST)
        await_lease(host)
        before = host.output(STATE)
        assert host.uplink_of_ping(4, FIRST[1]) == "wan_b", "without source rules the main table decides"
        foretold = run_role(host, ROLE, "--check")
        assert "changed=1" in foretold.stdout and host.output(STATE) == before, foretold.stdout
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
        host.reboot()
        provider.offer(*FIRST)
        assert followed(host, FIRST[1], "198.51.100.1") < SECONDS
        assert source_rules(host) == [FIRST[1]]
        host.ssh("sh /var/lib/netpath-symmetry/symmetry-guard rollback again")
        assert host.output(STATE) == before


def run_role(host: RealHost, variables: t.Mapping[str, t.Any], *options: str) -> subprocess.CompletedProcess[str]:
    """The role by itself, without a guard."""
    task = {"include_role": {"name": "netpath.symmetry.source_routing"},
            "vars": {**variables, "source_routing_require_guard": False}}  # fmt: skip
    return host.play([task], *options)


def play_again(host: RealHost) -> str:
    time.sleep(0.5)
    done = run_role(host, ROLE)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["networkmanager", "ifupdown"])
def test_the_lease_of_another_network_manager_is_followed(name: str) -> None:
    files = dict(SETTINGS[name])
    if name == "ifupdown":
        whole = managers()[name].files["/etc/network/interfaces"]
        kept = [part for part in re.split(r"(?m)^(?=auto |iface )", whole) if "wan_a" not in part]
        files["/etc/network/interfaces"] = "".join([*kept, "source interfaces.d/*\n"])
    with leased_host(name, files) as host, Provider(host, "wan_a") as provider:
        provider.offer(*FIRST)
        if name == "ifupdown":  # at boot it would wait for the lease
            host.ssh("ip link set wan_a up; ifup wan_a")
        await_lease(host)
        before = host.output(STATE)
        assert host.uplink_of_ping(4, FIRST[1]) == "wan_b"
        play(host, "first", ROLE)
        assert host.uplink_of_ping(4, FIRST[1]) == "wan_a"
        took = renew(host, provider, SECOND)
        print(f"{name}: new lease followed after {took:.2f} s")
        assert took < SECONDS
        assert source_rules(host) == [SECOND[1]]
        assert host.uplink_of_ping(4, SECOND[1]) == "wan_a"
        fixed = {"name": "fixed", "interface": "wan_b", "gateway": "198.51.100.5"}
        play(host, "fixed", {"source_routing_uplinks": [fixed]})
        assert source_rules(host) == ["198.51.100.6"], "nothing is left of an uplink that is not declared any more"
        assert host.ssh(f"{FOLLOWER} status", check=False).returncode != 0
        play(host, "last", {"source_routing_state": "absent"})
        assert host.output(STATE) == before


@pytest.mark.parametrize(
    ("there", "family", "message"),
    [
        ("rule add pref 10460 from 192.0.2.99 lookup 200", 4, "rule 10460: this is not ours, but in the range"),
        ("route add default via 198.51.100.1 dev wan_a table 10455", 4, "table 10455: this is not ours, but in the"),
        ("route add default metric 9 nexthop via 2001:db8:a::1 dev wan_a nexthop via 2001:db8:b::1 dev wan_b", 6,
         "has several next hops (2001:db8:a::1 by wan_a, 2001:db8:b::1 by wan_b), and only one by wan_a alone"),
        ("route add default via 2001:db8:a::1 dev wan_a table 100", 6, "default route by wan_a is in table 100, and"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_name(
    static_host: RealHost, there: str, family: int, message: str
) -> None:
    host = static_host
    uplink = {"name": "cable", "interface": "wan_a", "from_lease": True, "families": [f"ipv{family}"]}
    host.ssh(f"ip -{family} {there}")
    try:
        before = host.output(STATE)
        for options in (("--check",), ()):
            refused = run_role(host, {"source_routing_uplinks": [uplink]}, *options)
            assert refused.returncode and message in " ".join(refused.stdout.split()), refused.stdout
        assert host.output(STATE) == before
    finally:
        host.ssh(f"ip -{family} {there.replace(' add ', ' del ')}")


@pytest.fixture(scope="module", name="static_host")
def _static_host() -> t.Iterator[RealHost]:
    """A host without leases, but with a default route of IPv4 by the uplink, as if there were one."""
    with leased_host("networkd", {}) as host:
        host.ssh("ip route add default via 198.51.100.1 dev wan_a metric 2048")
        yield host


def test_rules_follow_the_prefix_of_a_router() -> None:
    files = {"/etc/systemd/network/10-wan_a.network": RA}
    uplink = {"name": "fibre", "interface": "wan_a", "from_lease": True, "families": ["ipv6"]}
    first, second = PREFIXES
    with leased_host("networkd", files) as host, Router(host, "wan_a") as router:
        untouched = host.output(STATE)
        refused = run_role(host, {"source_routing_uplinks": [uplink]})
        assert refused.returncode and "wan_a has no IPv6 address, so there is no lease to follow" in refused.stdout
        assert host.output(STATE) == untouched
        router.announce(first)
        await_lease(host, 6)
        before = host.output(STATE)
        source = own_address(host, first)
        assert host.uplink_of_ping(6, source) == "wan_b"
        play(host, "first", {"source_routing_uplinks": [uplink]})
        assert source_rules(host, 6) == [f"{first}/64"]
        assert "via fe80:" in host.output("ip -6 route show default table 10451")
        assert host.uplink_of_ping(6, source) == "wan_a"
        host.ssh("systemctl restart systemd-networkd.service")  # it removes what it has not made
        time.sleep(SECONDS)
        assert source_rules(host, 6) == [f"{first}/64"]
        assert host.uplink_of_ping(6, source) == "wan_a"

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            measured = pool.submit(followed, host, second[:-1], "fe80")
            time.sleep(1)  # it looks already when the address comes
            router.announce(second)
            took = measured.result()
        print(f"new prefix followed after {took:.2f} s")
        assert took < SECONDS
        assert host.uplink_of_ping(6, own_address(host, second)) == "wan_a"
        time.sleep(VALID_SECONDS)
        assert source_rules(host, 6) == [f"{second}/64"], "the prefix of before has ended, and its rule"

        play(host, "last", {"source_routing_state": "absent"})
        assert host.output(STATE) == before


def test_rules_follow_the_prefix_that_is_delegated_to_a_network_behind() -> None:
    files = {
        "/etc/systemd/network/10-wan_a.network": RA.replace("DHCPv6Client=no", "DHCPv6Client=always")
        + "[DHCPv6]\nPrefixDelegationHint=::/56\n",
        "/etc/systemd/network/20-lan.netdev": "[NetDev]\nName=lan\nKind=veth\n[Peer]\nName=desk\n",
        "/etc/systemd/network/20-desk.network": "[Match]\nName=desk\n[Network]\nLinkLocalAddressing=no\n",
        "/etc/systemd/network/20-lan.network": "[Match]\nName=lan\n[Network]\nDHCPPrefixDelegation=yes\n"
        "[DHCPPrefixDelegation]\nUplinkInterface=wan_a\nSubnetId=1\nAnnounce=no\n",
    }
    uplink = {"name": "fibre", "interface": "wan_a", "from_lease": True, "families": ["ipv6"], "delegated_to": ["lan"]}
    with leased_host("networkd", files) as host, Router(host, "wan_a") as router, Delegator(host, "wan_a") as server:
        router.announce(PREFIXES[0])
        server.delegate("2001:db8:f1::")
        await_lease(host, 6)
        source = own_address(host, "2001:db8:f1:1::", "lan")
        assert host.uplink_of_ping(6, source) == "wan_b"
        play(host, "first", {"source_routing_uplinks": [uplink]})
        assert sorted(source_rules(host, 6)) == [f"{PREFIXES[0]}/64", "2001:db8:f1:1::/64"]
        assert host.uplink_of_ping(6, source) == "wan_a"
        server.delegate("2001:db8:f2::")
        source = own_address(host, "2001:db8:f2:1::", "lan")
        time.sleep(SECONDS)
        assert "2001:db8:f2:1::/64" in source_rules(host, 6)
        assert host.uplink_of_ping(6, source) == "wan_a"
        deadline = time.monotonic() + 4 * VALID_SECONDS  # the kernel drops its route some time after that has expired
        wanted = [f"{PREFIXES[0]}/64", "2001:db8:f2:1::/64"]
        while sorted(source_rules(host, 6)) != wanted:
            assert time.monotonic() < deadline, f"{source_rules(host, 6)}\n{server.log()}"
            time.sleep(0.5)
        play(host, "last", {"source_routing_state": "absent"})
        assert source_rules(host, 6) == []


def own_address(host: RealHost, prefix: str, link: str = "wan_a") -> str:
    """The address of the host in a prefix, once it has one."""
    shown = f"ip -o -6 address show dev {link} scope global -tentative | grep -o '{prefix[:-1]}[0-9a-f:]*'"
    return host.output(f"timeout 20 sh -c \"until {shown}; do sleep 0.02; done\"").split()[0]
