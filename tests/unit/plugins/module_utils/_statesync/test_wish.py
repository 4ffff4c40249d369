# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a member shall run, out of the options, and what is refused. Whether conntrackd takes it: tests/lab."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import NextHop, Route
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import link, members, record, rules
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.configuration import Choice, parse
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.render import render
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.wish import (
    agreed,
    ignored_addresses,
    read_wish,
)

FW1 = {"name": "fw1", "interface": "sync", "address": "172.31.0.1"}
FW2 = {"name": "fw2", "interface": "sync", "address": "172.31.0.2"}
FW3 = {"name": "fw3", "interface": "sync", "address": "172.31.0.3"}
OPTIONS: dict[str, t.Any] = {
    "name": "fw1", "members": [FW1, FW2], "mode": "ftfw", "paths": "split", "transport": "udp", "port": 3780,
    "multicast_address": None, "protocols": [], "expectations": [], "ignore_addresses": [], "sysctls": {},
    "configuration": "/etc/conntrackd/conntrackd.conf", "lock": "/run/lock", "socket": "/run/ctl", "log": None,
    "accept_shared_link": False, "restrict_peers": True,
}  # fmt: skip


def rendered(own: t.Sequence[str] = (), **more: t.Any) -> t.Any:
    wish = read_wish({**OPTIONS, **more})
    return parse(render(wish, ignored_addresses(wish, own), 262144, True))


def test_the_file_of_a_pair_says_what_split_paths_need():
    found = rendered(own=["192.0.2.1", "127.0.0.1", "fe80::1", "2001:db8::1"], protocols=["udp", "tcp"])
    assert (found.mode, found.external_cache, found.startup_resync) == ("ftfw", False, True)
    assert (found.reliable_events, found.hash_limit, found.warnings) == (True, 524288, ())
    only = found.links[0]
    assert (only.transport, only.interface, only.local, only.peer, only.port, only.checksum) == (
        "udp", "sync", "172.31.0.1", "172.31.0.2", 3780, True)
    assert found.filter.addresses == Choice("ignore", (
        "127.0.0.0/8", "172.31.0.1/32", "172.31.0.2/32", "192.0.2.1/32", "::1/128", "2001:db8::1/128", "fe80::/10"))
    assert found.filter.protocols == Choice("accept", ("tcp", "udp"))


def test_failover_leaves_what_comes_in_the_cache():
    assert rendered(paths="failover").external_cache is True


def test_a_group_of_three_uses_multicast_without_tracking_of_messages():
    found = rendered(members=[FW1, FW2, FW3], mode="notrack", transport="multicast", expectations=["sip", "ftp"])
    assert (found.mode, found.links[0].transport, found.links[0].group) == ("notrack", "multicast", "225.0.0.50")
    assert found.expectations == ("ftp", "sip")


@pytest.mark.parametrize(("more", "message"), [
    ({"members": [FW1]}, "fw1 is the only member"),
    ({"name": "fw9"}, "fw9 is not among the members"),
    ({"members": [FW1, {**FW2, "interface": ""}]}, "set state_sync_interface of fw2"),
    ({"members": [FW1, {**FW2, "address": None}]}, "set state_sync_address of fw2"),
    ({"members": [FW1, {**FW2, "address": "172.31.0.1"}]}, "fw1 and fw2 both have 172.31.0.1"),
    ({"members": [FW1, {**FW2, "address": "fd00::2"}]}, "of both address families"),
    ({"members": [FW1, {**FW2, "address": "fe80::2"}]}, "cannot be the address of a member"),
    ({"members": [FW1, FW2, FW3]}, "transport udp reaches one peer"),
    ({"members": [FW1, FW2, FW3], "transport": "multicast"}, "mode ftfw counts the messages of one peer"),
    ({"mode": "alarm"}, "mode alarm keeps what peers send in a cache"),
    ({"transport": "multicast", "multicast_address": "10.0.0.1"}, "no multicast address of IPv4"),
    ({"transport": "multicast", "other_groups": [{"name": "edge", "multicast_address": "", "port": 0}]}, "group edge"),
    ({"transport": "multicast", "multicast_address": "ff02::32",
      "members": [{**FW1, "address": "fd00::1"}, {**FW2, "address": "fd00::2"}]}, "send from link-local addresses"),
    ({"port": 0}, "port 0"),
    ({"sysctls": {"tcp_loose": 1}}, "is not a parameter of connection tracking"),
    ({"sysctls": {"nf_conntrack_max": "many"}}, "whole number"),
    ({"ignore_addresses": ["lan"]}, "'lan' is neither"),
    ({"expectations": ["ftp }"]}, "is not the name of a helper"),
    ({"log": "relative"}, "not an absolute path"),
    ({"log": "/run/lock"}, "different files"),
])
def test_bad_options_are_refused(more, message):
    with pytest.raises(PlanError, match=message.replace("(", r"\(")):
        read_wish({**OPTIONS, **more})


def test_other_groups_do_not_matter_to_unicast_or_with_another_port():
    other = {"name": "edge", "multicast_address": "225.0.0.50", "port": 3781}
    assert read_wish({**OPTIONS, "other_groups": [{**other, "port": 3780}]}).multicast == ""
    assert read_wish({**OPTIONS, "transport": "multicast", "other_groups": [other]}).multicast == "225.0.0.50"


def group(**sysctls: t.Any) -> members.Group:
    own = {**FW1, "sysctls": {"nf_conntrack_max": 1}}
    return members.read_group([own, {**FW2, "sysctls": sysctls, "version": "1.4.6"}], "fw1")


def test_members_that_differ_are_refused_unless_all_are_told():
    with pytest.raises(PlanError, match="nf_conntrack_max is 1 on fw1, 2 on fw2"):
        members.check_equal(group(nf_conntrack_max=2), {})
    members.check_equal(group(nf_conntrack_max=2), {"nf_conntrack_max": 5})
    members.check_equal(group(nf_conntrack_max=1), {})
    assert "fw2 did not take part" in members.doubts(group())[0]
    assert members.doubts(group(nf_conntrack_max=1)) == []


def test_members_that_were_told_different_things_are_refused():
    told = [{**FW1, "agreed": agreed({**OPTIONS, "protocols": ["tcp"]})}, {**FW2, "agreed": agreed(OPTIONS)}]
    with pytest.raises(PlanError, match="state_sync_protocols is tcp on fw1, all on fw2"):
        members.check_agreed(members.read_group(told, "fw1"))
    told = [{**FW1, "agreed": agreed({**OPTIONS, "mode": "notrack"})}, {**FW2, "agreed": agreed(OPTIONS)}]
    with pytest.raises(PlanError, match="state_sync_mode is notrack on fw1, ftfw on fw2"):
        members.check_agreed(members.read_group(told, "fw1"))
    members.check_agreed(members.read_group([told[0], FW2], "fw1"))


def host(routes: t.Sequence[Route] = (), more: t.Sequence[tuple[str, int]] = ()) -> Host:
    addresses = [{"family": 4, "address": a, "prefixlen": n} for a, n in (("172.31.0.1", 30), *more)]
    return Host((), tuple(routes), {"sync": {"addresses": addresses}, "lo": {}})


def route(dst: str, device: str = "sync", gateway: str | None = None) -> Route:
    return Route(6 if ":" in dst else 4, 254, dst, nexthops=(NextHop(device, gateway),))


@pytest.mark.parametrize(("routes", "more", "neighbours", "message"), [
    ([route("172.31.0.0/30"), route("fe80::/64"), route("0.0.0.0/0", "wan")], [], ["172.31.0.2", "fe80::2"], ""),
    ([route("0.0.0.0/0", gateway="172.31.0.2")], [], [], "a default route leave by it"),
    ([route("10.0.0.0/8", gateway="172.31.0.2")], [], [], "a route to 10.0.0.0/8 leave by it"),
    ([], [("10.0.0.1", 24)], [], "it has 10.0.0.1/24, too"),
    ([], [], ["172.31.0.2", "172.31.0.3"], "172.31.0.3 is on it, and no member"),
])
def test_a_link_that_carries_more_than_state_is_refused_or_named(routes, more, neighbours, message):
    pair = members.read_group([FW1, FW2], "fw1")
    if not message:
        assert link.check_link(host(routes, more), pair, neighbours, False) == []
        return
    with pytest.raises(PlanError, match="state_sync_accept_shared_link: true") as refused:
        link.check_link(host(routes, more), pair, neighbours, False)
    assert message in str(refused.value)
    assert message in link.check_link(host(routes, more), pair, neighbours, True)[0]


@pytest.mark.parametrize(("own", "peer", "message"), [
    ({"interface": "eth9"}, {}, "eth9 does not exist here; it has lo, sync"),
    ({"interface": "lo"}, {}, "lo does not have the address 172.31.0.1, it has no address"),
    ({}, {"address": "172.31.0.9"}, "172.31.0.9 on its sync link, which is not in 172.31.0.0/30"),
])
def test_a_link_that_cannot_carry_state_is_refused(own, peer, message):
    pair = members.read_group([{**FW1, **own}, {**FW2, **peer}], "fw1")
    with pytest.raises(PlanError, match=message):
        link.check_link(host(), pair, [], True)


def test_rules_admit_the_peers_and_drop_the_rest():
    wish = read_wish({**OPTIONS, "members": [FW1, FW2, FW3], "mode": "notrack", "transport": "multicast"})
    chain = rules.wanted_part(wish).chains[0]
    assert [one.text().partition(" comment")[0] for one in chain.rules] == [
        'iifname "sync" ip saddr 172.31.0.2 udp dport 3780 accept',
        'iifname "sync" ip saddr 172.31.0.3 udp dport 3780 accept',
        "udp dport 3780 drop",
    ]
    assert rules.wanted_part(read_wish({**OPTIONS, "restrict_peers": False})).chains == ()


def test_parameters_go_back_to_what_they_were_unless_somebody_else_has_set_them():
    plan, kept = record.plan_sysctls(None, {"nf_conntrack_tcp_loose": 0}, {"nf_conntrack_tcp_loose": 1})
    assert [one.commands() for one in plan.changes] == [["echo 0 > /proc/sys/net/netfilter/nf_conntrack_tcp_loose"]]
    had = record.Record("/c", "command", False, False, kept)
    assert record.plan_sysctls(had, {"nf_conntrack_tcp_loose": 0}, {"nf_conntrack_tcp_loose": 0})[1] == kept
    plan, kept = record.plan_sysctls(had, {}, {"nf_conntrack_tcp_loose": 0})
    assert "echo 1 >" in plan.changes[0].commands()[0] and kept == {}
    assert record.plan_sysctls(had, {}, {"nf_conntrack_tcp_loose": 3})[0].changes == ()
    with pytest.raises(PlanError, match="nf_conntrack_nonsense"):
        record.plan_sysctls(None, {"nf_conntrack_nonsense": 1}, {})


def test_a_record_is_read_as_it_was_written_and_nothing_else():
    had = record.Record("/c", "systemd", True, False, {"nf_conntrack_max": (1, 2)}, ("/x",))
    assert record.read(record.File("/r", had.text()), "/r") == had
    for text in ("", "[]", "{}", '{"sysctls": {}, "files": []}'):
        with pytest.raises(PlanError, match="/r does not hold"):
            record.read(record.File("/r", text), "/r")


def test_the_inventory_names_members_and_the_other_groups_of_multicast():
    groups = {"all": ["fw1", "fw2", "x"], "pair": ["fw1", "fw2"]}
    told = {"state_sync_interface": "sync", "state_sync_group": "pair"}
    variables = {
        "fw1": {**told, "state_sync_address": "172.31.0.1", "look": {"sysctls": {"nf_conntrack_max": 5}}}, "fw2": told,
        "x": {"state_sync_group": "edge", "state_sync_transport": "multicast"},
    }  # fmt: skip
    found = members.from_inventory(groups, variables, "pair", "look")
    assert found["members"] == [
        {**FW1, "sysctls": {"nf_conntrack_max": 5}, "version": "", "agreed": {}},
        {**FW2, "address": "", "sysctls": {}, "version": "", "agreed": {}},
    ]
    assert found["other_groups"] == [{"name": "edge", "multicast_address": "", "port": 0}]
    with pytest.raises(PlanError, match="no group 'pear'; it has all, pair"):
        members.from_inventory(groups, variables, "pear", "look")
