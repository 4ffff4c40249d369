# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""policy_routing on a real host. The observer is ip and, for the switch of a table, packets."""

from __future__ import annotations

import os
import pathlib
import subprocess
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

TABLE = {
    "name": "pins",
    "routes": [
        {"dst": "203.0.113.0/25", "gateway": "198.51.100.1"},
        {"dst": "2001:db8:5::/48", "gateway": "2001:db8:a::1"},
        {"dst": "203.0.113.0/25", "type": "unreachable", "metric": 4000000},
        {"dst": "2001:db8:5::/48", "type": "unreachable", "metric": 4000000},
    ],
}
PINS = {"tables": [TABLE], "rules": [{"table": "pins"}]}


class Gateway:
    """A host with two uplinks to one far router, which owns what lies beyond."""

    def __init__(self, host: Netns, far: Netns) -> None:
        self.host = host
        self.far = far

    def routing(self, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        return run_module(self.host, "policy_routing", options, check_mode)

    def state(self) -> str:
        """Rules and routes of both families, as iproute2 prints them."""
        return self.host.output("ip rule; ip -6 rule; ip route show table all; ip -6 route show table all")

    def own(self) -> str:
        return self.host.output(
            "{ ip rule; ip -6 rule; } | grep 'proto 83' || :; ip route show table all proto 83; "
            "ip -6 route show table all proto 83"
        )

    def undo(self, commands: t.Sequence[str]) -> None:
        for command in commands:
            self.host.run(command)


@pytest.fixture
def gw() -> t.Iterator[Gateway]:
    host, far = Netns("gw").create(), Netns("far").create()
    try:
        for netns in (host, far):  # no duplicate address detection: nothing of IPv6 may come late
            netns.run("sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0")
        veth(
            host, "wan_a", far, "pa", [("198.51.100.2/30", "198.51.100.1/30"), ("2001:db8:a::2/64", "2001:db8:a::1/64")]
        )
        veth(host, "wan_b", far, "pb", [("198.51.100.6/30", "198.51.100.5/30")])
        veth(host, "v0.100", far, "lan", [("10.1.0.1/24", "10.1.0.2/24")])
        host.run("ip route add default via 198.51.100.5")
        far.run("ip address add 203.0.113.10/25 dev lo; sysctl -qw net.ipv4.conf.all.rp_filter=0")
        yield Gateway(host, far)
    finally:
        host.delete()
        far.delete()


def four_runs(gw: Gateway, **options: t.Any) -> list[dict[str, t.Any]]:
    """Check, run, check, run; what is common to all modules is asserted here."""
    before = gw.state()
    check = gw.routing(True, **options)
    assert gw.state() == before, "check mode changed the host"
    run = gw.routing(**options)
    assert not run.get("failed"), run
    after = gw.state()
    again, last = gw.routing(True, **options), gw.routing(**options)
    assert gw.state() == after
    assert [one["changed"] for one in (check, run, again, last)] == [True, True, False, False]
    assert check["diff"] == run["diff"], "the prediction is not the outcome"
    assert check["changes"] == run["changes"]
    assert again["diff"]["before"] == run["diff"]["after"] == last["diff"]["after"]
    return [check, run, again, last]


def test_four_runs_and_their_inverse(gw: Gateway) -> None:
    before = gw.state()
    run = four_runs(gw, **PINS)[1]
    assert gw.host.json("ip -j route get 203.0.113.10")[0]["dev"] == "wan_a"
    assert gw.host.json("ip -j -6 route get 2001:db8:5::1 from 2001:db8:a::2")[0]["dev"] == "wan_a"
    assert run["diff"]["after_header"] == "policy routing, scope manual (planned)"
    gw.undo(run["undo"])
    assert gw.state() == before
    gw.undo(run["undo"])
    assert gw.state() == before, "an inverse must be right when it runs twice"
    four_runs(gw, **PINS)
    four_runs(gw, state="absent")
    assert gw.state() == before


def test_the_lines_of_the_diff_are_those_of_ip(gw: Gateway) -> None:
    rules = [
        {"src": "10.1.0.0/24", "iif": "v0.100", "table": "pins", "dport": "443", "ipproto": "tcp", "fwmark": "0x10",
         "fwmask": "0xff", "tos": "0x10", "sport": "1000-2000", "family": 4},
        {"dst": "203.0.113.9", "action": "prohibit"},
        {"table": "main", "suppress_prefixlength": 0, "family": 6},
        {"src": "10.9.0.0/16", "invert": True, "table": "pins", "uidrange": "0-5", "oif": "wan_a"},
    ]  # fmt: skip
    routes = [
        {"dst": "10.3.0.0/16", "gateway": "10.77.77.1", "device": "wan_a", "onlink": True, "mtu": 1400,
         "prefsrc": "198.51.100.2"},
        {"dst": "10.5.0.0/16", "device": "v0.100", "metric": 7},
        {"dst": "10.6.0.0/16", "type": "blackhole"},
        {"dst": "default", "gateway": "198.51.100.5"},
        {"dst": "10.7.0.0/16", "gateway": "2001:db8:a::1"},
        {"dst": "10.8.0.1", "nexthops": [{"gateway": "198.51.100.1"}, {"gateway": "198.51.100.5", "weight": 3}]},
    ]  # fmt: skip
    run = four_runs(gw, tables=[{"name": "pins", "routes": routes}], rules=rules)[1]
    shown = run["diff"]["after"].splitlines()
    text = gw.host.output("ip rule; ip -6 rule; ip route show table 10500").replace("\n\tnexthop", "nexthop")
    live = [line.rstrip() for line in text.splitlines()]
    live = [" ".join(line.split(" ")) for line in live if "proto 83" in line]
    assert sorted(line for line in shown if not line.startswith("#")) == sorted(live)


def test_foreign_objects_stay(gw: Gateway) -> None:
    gw.host.run(
        "ip rule add from 10.9.0.1 lookup 10500 priority 10500; ip rule add from 10.9.0.2 lookup 77 priority 900"
    )
    gw.host.run("ip route add 192.0.2.0/24 via 198.51.100.1 table 10500; ip route add 192.0.2.0/24 dev wan_a table 77")
    foreign = gw.state()
    run = four_runs(gw, **PINS)[1]
    assert "10500" not in {str(change["after"]["table"]) for change in run["changes"]}
    gw.host.run("ip rule add from 10.9.0.3 lookup 78 priority 10777; ip route add 192.0.2.128/25 dev wan_a table 10501")
    four_runs(gw, state="absent")
    left = set(gw.state().splitlines())
    assert set(foreign.splitlines()) <= left
    assert len(left - set(foreign.splitlines())) == 2


def test_an_inverse_leaves_what_others_did_meanwhile(gw: Gateway) -> None:
    before = gw.state()
    run = gw.routing(**PINS)
    gw.host.run(
        "ip rule add from 10.9.0.3 lookup 10500 priority 10510; ip route add 192.0.2.0/24 dev wan_a table 10500"
    )
    gw.undo(run["undo"])
    assert set(gw.state().splitlines()) - set(before.splitlines()) == {
        "10510:\tfrom 10.9.0.3 lookup 10500",
        "192.0.2.0/24 dev wan_a table 10500 scope link ",
    }
    assert set(before.splitlines()) <= set(gw.state().splitlines())


def test_an_inverse_takes_back_a_change_applied_in_part(gw: Gateway) -> None:
    gw.routing(**PINS)
    before = gw.state()
    other = {**PINS, "tables": [{**TABLE, "routes": [*TABLE["routes"], {"dst": "10.44.0.0/16", "device": "wan_b"}]}]}
    planned = gw.routing(True, **other)
    for done in range(len(planned["commands"]) + 1):
        for command in planned["commands"][:done]:
            gw.host.run(command)
        gw.undo(planned["undo"])
        assert gw.state() == before, f"after {done} commands"


def test_a_failing_step_leaves_nothing_behind(gw: Gateway) -> None:
    gw.host.run("ip link add flap type veth peer name flap2; ip link set flap up; ip address add 10.66.0.1/24 dev flap")
    # With noprefixroute the kernel has no route to the gateway: the planner sees the prefix, the kernel refuses.
    gw.host.run("ip address change 10.66.0.1/24 dev flap noprefixroute")
    gw.host.run("ip route del 10.66.0.0/24 dev flap", check=False)
    before = gw.state()
    table = {
        "name": "t",
        "routes": [*TABLE["routes"], {"dst": "10.67.0.0/16", "gateway": "10.66.0.9", "device": "flap"}],
    }
    answer = gw.routing(tables=[table], rules=[{"table": "t"}])
    assert answer["failed"] and "10.67.0.0/16" in answer["msg"] and "everything was taken back" in answer["msg"]
    assert gw.state() == before


def test_a_switch_of_tables_loses_no_packet(gw: Gateway) -> None:
    gw.routing(**PINS)
    ping = gw.host.start("ping", "-q", "-n", "-i", "0.002", "-c", "1500", "-W", "1", "203.0.113.10")
    way = 0
    while ping.poll() is None and way < 100:
        way += 1
        gateway = ("198.51.100.1", "198.51.100.5")[way % 2]
        routes = [{"dst": "203.0.113.0/25", "gateway": gateway}, {"dst": "10.44.0.0/16", "gateway": gateway}]
        answer = gw.routing(tables=[{"name": "pins", "routes": routes}], rules=[{"table": "pins"}])
        assert answer["changed"], answer
        assert gw.host.json("ip -j route get 203.0.113.10")[0]["gateway"] == gateway
    assert way >= 3, "the table was not switched while packets flowed"
    assert " 0% packet loss" in ping.communicate()[0]


def test_a_thousand_prefixes(gw: Gateway) -> None:
    before = gw.state()
    routes = [{"dst": f"10.{n // 250 + 100}.{n % 250}.0/24", "gateway": "198.51.100.1"} for n in range(1000)]
    started = time.monotonic()
    run = four_runs(gw, tables=[{"name": "pins", "routes": routes}], rules=[{"table": "pins"}])[1]
    assert time.monotonic() - started < 60
    assert len(gw.host.json("ip -j route show table 10500")) == 1000
    assert len([line for line in gw.own().splitlines() if "lookup" in line]) == 1
    gw.undo(run["undo"])
    assert gw.state() == before


def test_foreign_rule_in_the_way(gw: Gateway) -> None:
    gw.host.run("ip rule add from 10.1.0.0/24 lookup 77 priority 900; ip route add default via 198.51.100.5 table 77")
    before = gw.state()
    rules = [{"src": "10.1.0.0/24", "table": "pins"}]
    answer = gw.routing(tables=[TABLE], rules=rules)
    assert answer["failed"] and "foreign rule '900: from 10.1.0.0/24 lookup 77' stands in front" in answer["msg"]
    assert gw.state() == before
    kept = gw.routing(tables=[TABLE], rules=rules, on_conflict="keep")
    assert len(kept["kept"]) == 1 and "from 10.1.0.0/24 lookup 10500" not in gw.state()
    gw.routing(state="absent")
    run = four_runs(gw, tables=[TABLE], rules=rules, on_conflict="replace")[1]
    assert "lookup 77" not in gw.state()
    gw.undo(run["undo"])
    assert gw.state() == before


def test_named_tables(gw: Gateway) -> None:
    table = {**TABLE, "id": "nowhere"}
    answer = gw.routing(tables=[table], rules=[])
    assert answer["failed"] and "no table is named 'nowhere'" in answer["msg"] and "rt_tables" in answer["msg"]
    run = four_runs(gw, tables=[{**TABLE, "id": "777"}], rules=[{"table": "pins"}])[1]
    assert gw.host.json("ip -j route show table 777")
    changed = {**TABLE, "id": "777", "routes": [{"dst": "203.0.113.0/25", "gateway": "198.51.100.5"}]}
    before = gw.state()
    second = four_runs(gw, tables=[changed], rules=[{"table": "pins", "family": 4}])[1]
    assert "ip route replace 203.0.113.0/25" in " ".join(second["commands"])
    gw.undo(second["undo"])
    assert gw.state() == before
    gw.undo(run["undo"])
    assert not gw.own()


def test_ipv6_switched_off(gw: Gateway) -> None:
    gw.host.run("sysctl -qw net.ipv6.conf.wan_a.disable_ipv6=1")
    answer = gw.routing(**PINS)
    assert answer["failed"] and "IPv6 is disabled on interface wan_a" in answer["msg"]
    assert not gw.own()


def with_session(gw: Gateway, peer: str, local: str, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
    """Run the module as under sshd: SSH_CONNECTION is in the environment of an ancestor only, as after sudo."""
    code = (
        "import json, sys; from ansible_collections.netpath.symmetry.tests.lab.modules import words; "
        "import subprocess, os; env = {k: v for k, v in os.environ.items() if k != 'SSH_CONNECTION'}; "
        "print(subprocess.run(words('policy_routing', json.loads(sys.argv[1])), env=env, capture_output=True, "
        "text=True).stdout)"
    )
    import json
    import sys

    environment = {**os.environ, "SSH_CONNECTION": f"{peer} 50000 {local} 22"}
    done = subprocess.run(
        gw.host.with_state(sys.executable, "-c", code, json.dumps(arguments)),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return t.cast("dict[str, t.Any]", json.loads(done.stdout))


def test_a_change_that_cuts_its_own_session_is_refused(gw: Gateway) -> None:
    options = {"rules": [{"dst": "192.0.2.0/24", "action": "blackhole"}]}
    answer = with_session(gw, "192.0.2.77", "198.51.100.6", options)
    assert answer["failed"] and "replies from 198.51.100.6 to 192.0.2.77 would be dropped" in answer["msg"]
    moved = {"tables": [{"name": "t", "routes": [{"dst": "192.0.2.0/24", "gateway": "198.51.100.1"}]}]}
    moved["rules"] = [{"table": "t"}]
    answer = with_session(gw, "192.0.2.77", "198.51.100.6", moved)
    assert answer["failed"] and "leave by wan_a instead of wan_b" in answer["msg"]
    assert not gw.own()
    assert not with_session(gw, "203.0.113.9", "198.51.100.6", moved).get("failed")
    own = gw.own()
    allowed = {**options, "allow_management_cut": True}
    unguarded = with_session(gw, "192.0.2.77", "198.51.100.6", allowed)
    assert unguarded["failed"] and "is made under a guard only" in unguarded["msg"] and gw.own() == own
    guard = {"state": "armed", "change_id": "cut", "timeout": 300}
    assert run_module(gw.host, "change_guard", guard)["changed"]
    assert with_session(gw, "192.0.2.77", "198.51.100.6", allowed)["changed"] and gw.own() != own
    assert run_module(gw.host, "change_guard", {**guard, "state": "reverted"})["state"] == "reverted"
    assert gw.own() == own


def test_a_guard_can_be_demanded_and_holds_the_inverse(gw: Gateway, tmp_path: pathlib.Path) -> None:
    answer = gw.routing(require_guard=True, **PINS)
    assert answer["failed"] and "no change guard is armed" in answer["msg"]
    assert not gw.own()
    before = gw.state()
    armed = Guarded(gw.host, tmp_path)
    assert armed.module("change_guard", state="armed", change_id="one", timeout=300)["changed"]
    wrong = armed.module("policy_routing", change_id="two", **PINS)
    assert wrong["failed"] and "the guard armed on this host is for change one" in wrong["msg"]
    assert armed.module("policy_routing", require_guard=True, change_id="one", **PINS)["changed"]
    assert gw.own()
    reverted = armed.module("change_guard", state="reverted", change_id="one")
    assert not reverted.get("failed"), reverted
    assert gw.state() == before


class Guarded:
    """A host whose state directory is its own: the modules look for the guard in the usual place."""

    def __init__(self, host: Netns, directory: pathlib.Path) -> None:
        self._host = host
        self._directory = directory

    def module(self, name: str, **arguments: t.Any) -> dict[str, t.Any]:
        import json

        from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import STATE_DIR
        from ansible_collections.netpath.symmetry.tests.lab.modules import words

        pathlib.Path(STATE_DIR).mkdir(parents=True, exist_ok=True)
        script = f'mount --bind {self._directory} {STATE_DIR} && exec "$@"'
        command = self._host.command("unshare", "-m", "sh", "-c", script, "sh", *words(name, arguments))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return t.cast("dict[str, t.Any]", json.loads(done.stdout))
