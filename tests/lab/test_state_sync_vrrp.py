# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual routers of a pair that shares state: who is master has the addresses, and commits what the peer has sent."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.sync_pair import ROUTERS, Firewall, Pair, wait

ADD = "conntrack -I -p tcp -s 10.9.0.1 -d 10.9.0.2 --sport {} --dport 80 --timeout 100 --state ESTABLISHED"
FOREIGN = """# of somebody else
vrrp_instance theirs {
    interface lan
    virtual_router_id 7
    virtual_ipaddress {
        192.0.2.9/24
    }
}
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Pair]:
    made = Pair(tmp_path_factory.mktemp("pair"))
    try:
        made.join_lan()
        yield made
    finally:
        made.delete()


@pytest.fixture
def pair(shared: Pair) -> t.Iterator[Pair]:
    yield shared
    shared.clear()


def has_address(one: Firewall, address: str = "192.0.2.1") -> bool:
    return f" {address}/" in one.netns.output("ip address show dev lan")


def have_first_as_master(pair: Pair) -> None:
    """Who was started first has become master, and keeps it until its link goes."""
    wait(lambda: has_address(pair.one) != has_address(pair.two), "nobody becomes master alone")
    if has_address(pair.two):
        pair.two.netns.run("ip link set lan down")
        wait(lambda: has_address(pair.one), "fw1 does not take over")
        pair.two.netns.run("ip link set lan up")


def fails_over(pair: Pair) -> None:
    """The master's connection waits at the backup, and is in its kernel once that is master; and the way back."""
    wait(lambda: has_address(pair.one) and not has_address(pair.two), "fw1 does not become master alone")
    assert has_address(pair.one, "fd02::1")
    pair.one.netns.run(ADD.format(4001))
    wait(lambda: "sport=4001" in pair.two.conntrackd("-e"), "the backup does not hear of it")
    assert pair.two.flows("sport=4001") == 0, "it waits for the failover"
    pair.one.netns.run("ip link set lan down")
    wait(lambda: has_address(pair.two) and has_address(pair.two, "fd02::1"), "fw2 does not take over")
    wait(lambda: pair.two.flows("sport=4001") == 1, "the new master does not commit what it has heard")
    pair.two.netns.run(ADD.format(4002))
    pair.one.netns.run("ip link set lan up")
    wait(lambda: "sport=4002" in pair.one.conntrackd("-e"), "the old one does not ask what it has missed")
    assert has_address(pair.two) and not has_address(pair.one), "without preempt a master that works stays"


def test_four_runs_fail_over_and_go_without_a_trace(pair: Pair) -> None:
    before = pair.state()
    for one in pair.both:
        assert one.sync(paths="failover", ignore_addresses=["192.0.2.1", "fd02::1"])["changed"]
    synced = pair.state()
    assert pair.two.vrrp(priority=100)["changed"]
    one, was = pair.one, pair.one.state()
    check = one.vrrp(True, priority=150)
    assert one.state() == was and not check.get("failed"), check
    run = one.vrrp(priority=150)
    pids = one.daemons("keepalived")
    again, last = one.vrrp(True, priority=150), one.vrrp(priority=150)
    assert [each.get("changed") for each in (check, run, again, last)] == [True, True, False, False], run
    assert check["diff"] == run["diff"] and again["diff"] == last["diff"] == []
    assert one.daemons("keepalived") == pids and len(pids) == 2
    have_first_as_master(pair)
    fails_over(pair)
    # what changes is read again, by the same process, and the master stays
    pids = pair.two.daemons("keepalived")
    more = [{**ROUTERS[0], "addresses": ["192.0.2.1/24", "192.0.2.4/24"]}, ROUTERS[1]]
    check, run = pair.two.vrrp(True, instances=more), pair.two.vrrp(instances=more)
    assert check["diff"] == run["diff"] and "reads it again" in run["diff"][-1]["after"], run["diff"]
    wait(lambda: has_address(pair.two, "192.0.2.4"), "it does not read what has changed")
    assert has_address(pair.two) and pair.two.daemons("keepalived") == pids
    assert not pair.two.vrrp(instances=more)["changed"]
    for one in pair.both:
        assert one.vrrp(state="absent")["changed"] and not one.vrrp(state="absent")["changed"]
    assert pair.state() == synced and not has_address(pair.two)
    for one in pair.both:
        assert one.sync(state="absent")["changed"]
        (one.folder / "log").unlink()
        assert list(one.folder.iterdir()) == [] and list(one.netns.state.iterdir()) == []
    assert pair.state() == before


@pytest.mark.long
def test_the_role_has_one_member_forward_at_a_time(pair: Pair) -> None:
    before = pair.state()
    variables = {"state_sync_vrrp": ROUTERS, "state_sync_interval": 0.1}
    refused = pair.play(variables)
    assert refused.rc != 0 and "state_sync_vrrp needs state_sync_paths: failover" in refused.text, refused.text
    assert pair.state() == before
    pair.four_runs({**variables, "state_sync_paths": "failover"}, changed=4)
    have_first_as_master(pair)
    assert "IPv4_address 192.0.2.1\n" in pair.one.configuration.read_text(), "flows of the router itself are not shared"
    fails_over(pair)
    run = pair.play({"state_sync_paths": "failover"})
    assert (run.rc, run.changed) == (0, 4), run.text
    assert [one.daemons("keepalived") for one in pair.both] == [[], []]
    run = pair.play({"state_sync_state": "absent"})
    assert (run.rc, run.changed) == (0, 2), run.text
    for one in pair.both:
        (one.folder / "log").unlink()
    assert pair.state() == before


REFUSED: list[tuple[dict[str, t.Any], str]] = [  # the rest by tests/unit
    ({"instances": [{**ROUTERS[0], "interface": "wan"}]}, "interface wan does not exist here; it has"),
    ({"service": "systemd"}, "systemd is not process 1"),
    ({"require_guard": True}, "no change guard is armed"),
]


@pytest.mark.long
def test_what_cannot_be_is_refused_and_what_others_have_is_taken_over_only_with_consent(pair: Pair) -> None:
    one, before = pair.one, pair.one.state()
    for options, message in REFUSED:
        refused = one.vrrp(**options)
        assert refused.get("failed") and message in refused["msg"], refused
        assert one.state() == before
    one.keepalived.write_text(FOREIGN)
    before = one.state()
    refused = one.vrrp()
    assert refused.get("failed") and "state_sync_adopt: true" in refused["msg"] and one.state() == before, refused
    run = one.vrrp(adopt=True)
    assert run["changed"] and "theirs" not in one.keepalived.read_text(), run
    assert one.vrrp(state="absent")["changed"] and one.state() == before
