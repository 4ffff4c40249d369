# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles that change a host, run by ansible-playbook inside a real one. The observer is ip, nft and /proc/sys."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import STATE_DIR
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

UPLINKS = [
    {"name": "wan_a", "interface": "wan_a", "gateway": "198.51.100.1"},
    {"name": "wan_b", "interface": "wan_b", "gateway": "198.51.100.5"},
    {"name": "wan_a", "interface": "wan_a", "gateway": "2001:db8:a::1"},
]
PIN = {
    "name": "partner",
    "prefixes": ["203.0.113.0/25", "2001:db8:5::/48"],
    "uplink": "wan_a",
    "source_nat": "198.51.100.2",
    "acknowledge_source": True,
    "on_uplink_loss": "block",
}
POLICY_ROUTE = {"policy_route_uplinks": UPLINKS, "policy_route_pins": [PIN]}
SOURCE_ROUTING = {"source_routing_uplinks": UPLINKS}
RP_FILTER = {"rp_filter_interfaces": [{"name": "wan_b", "mode": "loose", "reason": "replies enter here"}]}


class Run(t.NamedTuple):
    """What a run of a playbook told."""

    rc: int
    changed: int
    diff: list[str]
    text: str


class Host:
    """A multi-homed host between a client and two providers, of which the second is the way out."""

    def __init__(self, netns: Netns, far: Netns, client: Netns, directory: pathlib.Path) -> None:
        self.netns = netns
        self.far = far
        self.client = client
        self._directory = directory

    def play(self, roles: t.Sequence[str], variables: t.Mapping[str, t.Any], *options: str) -> Run:
        guard = {f"{role}_require_guard": False for role in roles}
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable, **guard, **variables},
            "roles": [f"netpath.symmetry.{role}" for role in roles],
        }
        playbook = self._directory / "play.yml"
        playbook.write_text(json.dumps([play]), encoding="utf-8")
        environment = {
            **os.environ,
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
            "ANSIBLE_INJECT_FACT_VARS": "false",
            "ANSIBLE_COLLECTIONS_PATH": os.environ.get("ANSIBLE_COLLECTIONS_PATH", _collections()),
        }
        executable = shutil.which("ansible-playbook", path=os.path.dirname(sys.executable)) or "ansible-playbook"
        # A state directory of its own: no guard of another host is seen here.
        pathlib.Path(STATE_DIR).mkdir(parents=True, exist_ok=True)
        state = self._directory / "state"
        state.mkdir(exist_ok=True)
        script = f'mount --bind {state} {STATE_DIR} && exec "$@"'
        command = [executable, "-i", "localhost,", "--diff", str(playbook), *options]
        done = subprocess.run(
            self.netns.command("unshare", "-m", "sh", "-c", script, "sh", *command),
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        recap = re.search(r"^localhost .*changed=(\d+)", done.stdout, re.M)
        marks = ("+", "-", "@", " \t", "# ")
        diff = [line for line in done.stdout.splitlines() if line.startswith(marks)]
        return Run(done.returncode, int(recap[1]) if recap else -1, diff, done.stdout + done.stderr)

    def state(self) -> str:
        return self.netns.output(
            "ip rule; ip -6 rule; ip route show table all; ip -6 route show table all; nft -s list ruleset; "
            "cat /proc/sys/net/ipv4/conf/*/rp_filter"
        )

    def way(self, destination: str, source: str = "") -> str:
        family = "-6 " if ":" in destination else ""
        origin = f"from {source}" if source else ""
        return str(self.netns.json(f"ip -j {family}route get {destination} {origin}")[0]["dev"])


def _collections() -> str:
    """The directory above ansible_collections from which this test was imported."""
    return str(pathlib.Path(sys.modules[Netns.__module__].__file__ or "").parents[5])


@pytest.fixture
def host(tmp_path: pathlib.Path) -> t.Iterator[Host]:
    netns, far, client = Netns("host").create(), Netns("far").create(), Netns("client").create()
    try:
        for one in (netns, far, client):
            one.run("sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0")
        veth(
            netns,
            "wan_a",
            far,
            "pa",
            [("198.51.100.2/30", "198.51.100.1/30"), ("2001:db8:a::2/64", "2001:db8:a::1/64")],
        )
        veth(netns, "wan_b", far, "pb", [("198.51.100.6/30", "198.51.100.5/30")])
        veth(netns, "v0.100", client, "eth0", [("192.0.2.1/24", "192.0.2.20/24")])
        netns.run("ip route add default via 198.51.100.5; ip -6 route add default via 2001:db8:a::1")
        netns.run("sysctl -qw net.ipv4.ip_forward=1; ip route add 10.50.0.0/16 via 192.0.2.20")
        netns.run(
            "nft add table ip seen; nft 'add chain ip seen c { type filter hook forward priority 0; ct state new; }'"
        )
        client.run("ip route add default via 192.0.2.1")
        far.run("ip address add 203.0.113.10/25 dev lo; ip route add 192.0.2.0/24 via 198.51.100.6")
        far.run("sysctl -qw net.ipv4.conf.all.rp_filter=0")
        yield Host(netns, far, client, tmp_path)
    finally:
        for one in (netns, far, client):
            one.delete()


def four_runs(host: Host, role: str, variables: t.Mapping[str, t.Any], changed: int) -> None:
    """Check, run, check, run: the first check predicts, nothing is left for the second."""
    before = host.state()
    check = host.play([role], variables, "--check")
    assert (check.rc, check.changed) == (0, changed), check.text
    assert host.state() == before, "check mode changed the host"
    run = host.play([role], variables)
    assert (run.rc, run.changed) == (0, changed), run.text
    assert run.diff == check.diff and run.diff, "the prediction is not the outcome"
    after = host.state()
    assert after != before
    for options in (["--check"], []):
        again = host.play([role], variables, *options)
        assert (again.rc, again.changed, again.diff) == (0, 0, []), again.text
        assert host.state() == after


def test_policy_route(host: Host) -> None:
    before = host.state()
    assert host.way("203.0.113.10") == "wan_b"
    four_runs(host, "policy_route", POLICY_ROUTE, changed=2)
    assert host.way("203.0.113.10") == "wan_a" and host.way("203.0.113.130") == "wan_b"
    assert host.netns.output("ip rule | grep -c 'proto 83'").strip() == "1"
    capture = host.far.start("tcpdump", "-n", "-l", "-i", "pa", "-c", "1", "icmp and dst host 203.0.113.10")
    assert capture.stderr is not None
    next(line for line in capture.stderr if "listening" in line)
    host.client.run("ping -n -c 1 -W 2 203.0.113.10")
    assert capture.communicate(timeout=10)[0].split()[2] == "198.51.100.2"
    absent = {**POLICY_ROUTE, "policy_route_state": "absent"}
    four_runs(host, "policy_route", absent, changed=2)
    assert host.state() == before


def test_block_lets_nothing_go_by_another_way(host: Host) -> None:
    assert host.play(["policy_route"], POLICY_ROUTE).rc == 0
    host.netns.run("ip link set wan_a down")
    assert "No route to host" in host.netns.run("ip route get 203.0.113.10", check=False).stderr


def test_failover_falls_through_to_the_main_table(host: Host) -> None:
    pin = {**PIN, "on_uplink_loss": "failover", "prefixes": ["203.0.113.0/25"]}
    assert host.play(["policy_route"], {**POLICY_ROUTE, "policy_route_pins": [pin]}).rc == 0
    host.netns.run("ip link set wan_a down")
    assert host.way("203.0.113.10") == "wan_b"


def test_overlapping_pins_go_by_the_longest_prefix(host: Host) -> None:
    pins = [
        {"name": "wide", "prefixes": ["10.0.0.0/8"], "uplink": "wan_a"},
        {"name": "narrow", "prefixes": ["10.1.0.0/16"], "uplink": "wan_b"},
    ]
    assert host.play(["policy_route"], {**POLICY_ROUTE, "policy_route_pins": pins}).rc == 0
    assert host.way("10.2.0.1") == "wan_a" and host.way("10.1.0.1") == "wan_b"


def test_a_source_that_the_far_end_does_not_expect_is_refused(host: Host) -> None:
    host.client.run("ping -n -c 1 -W 2 203.0.113.10")
    variables = {**POLICY_ROUTE, "policy_route_pins": [{**PIN, "acknowledge_source": False}]}
    before = host.state()
    run = host.play(["policy_route"], variables)
    assert run.rc != 0 and host.state() == before, run.text
    assert "203.0.113.0/25 will see 198.51.100.2 instead of 192.0.2.20" in run.text
    assert "acknowledge_source" in run.text
    assert host.play(["policy_route"], variables, "--check").rc == 0


def test_source_routing(host: Host) -> None:
    before = host.state()
    assert host.way("203.0.113.10", "198.51.100.2") == "wan_b"
    four_runs(host, "source_routing", SOURCE_ROUTING, changed=1)
    assert host.way("203.0.113.10", "198.51.100.2") == "wan_a"
    assert host.way("203.0.113.10", "198.51.100.6") == "wan_b"
    assert host.way("10.50.0.1", "198.51.100.2") == "v0.100", "a static internal route must go on working"
    assert host.way("198.51.100.5", "198.51.100.2") == "wan_b"
    four_runs(host, "source_routing", {**SOURCE_ROUTING, "source_routing_specifics": "uplink"}, changed=1)
    assert host.way("10.50.0.1", "198.51.100.2") == "wan_a"
    four_runs(host, "source_routing", {**SOURCE_ROUTING, "source_routing_state": "absent"}, changed=1)
    assert host.state() == before


def test_replies_leave_by_the_uplink_of_their_source(host: Host) -> None:
    host.far.run("ip route add 198.51.100.2/32 via 198.51.100.2 dev pa 2>/dev/null || :")
    capture = host.far.start("tcpdump", "-n", "-l", "-i", "pa", "-c", "1", "icmp[icmptype] = icmp-echoreply")
    assert capture.stderr is not None
    next(line for line in capture.stderr if "listening" in line)
    assert host.play(["source_routing"], SOURCE_ROUTING).rc == 0
    host.far.run("ping -n -c 1 -W 2 -I 203.0.113.10 198.51.100.2")
    assert "198.51.100.2 > 203.0.113.10" in capture.communicate(timeout=10)[0]


def test_rp_filter(host: Host) -> None:
    before = host.state()
    four_runs(host, "rp_filter", RP_FILTER, changed=1)
    assert host.netns.output("cat /proc/sys/net/ipv4/conf/wan_b/rp_filter").strip() == "2"
    four_runs(host, "rp_filter", {**RP_FILTER, "rp_filter_state": "absent"}, changed=1)
    assert host.state() == before


def test_all_roles_live_side_by_side(host: Host) -> None:
    roles = ["policy_route", "source_routing", "rp_filter"]
    variables = {**POLICY_ROUTE, **SOURCE_ROUTING, **RP_FILTER}
    before = host.state()
    assert host.play(roles, variables).changed == 4
    again = host.play(roles, variables)
    assert (again.rc, again.changed) == (0, 0), again.text
    absent = {f"{role}_state": "absent" for role in roles}
    assert host.play(roles, {**variables, **absent}).changed == 4
    assert host.state() == before


def test_a_role_demands_a_guard(host: Host) -> None:
    before = host.state()
    run = host.play(["rp_filter"], {**RP_FILTER, "rp_filter_require_guard": True})
    assert run.rc != 0 and "no change guard is armed" in run.text
    assert host.play(["rp_filter"], {**RP_FILTER, "rp_filter_require_guard": True}, "--check").rc == 0
    assert host.state() == before


@pytest.mark.parametrize(
    ("role", "variables", "message"),
    [
        ("policy_route", {"policy_route_pins": [{"name": "x"}]}, "missing required arguments"),
        ("policy_route", {**POLICY_ROUTE, "policy_route_pins": [{**PIN, "uplink": "c"}]}, "uplink 'c' is not declared"),
        ("rp_filter", {"rp_filter_interfaces": [{"name": "all", "mode": "loose"}]}, "never written"),
        ("source_routing", {"source_routing_uplinks": [{"name": "a", "interface": "eth9"}]}, "'eth9' does not exist"),
    ],
)
def test_bad_variables(host: Host, role: str, variables: dict[str, t.Any], message: str) -> None:
    before = host.state()
    for options in (["--check"], []):
        run = host.play([role], variables, *options)
        assert run.rc != 0 and message in run.text, run.text
    assert host.state() == before
