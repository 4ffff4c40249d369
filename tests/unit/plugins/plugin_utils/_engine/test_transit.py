# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One packet through one host: hooks, routing, connection tracking and translation together."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import (
    Connection,
    Entry,
    Tracker,
    Zone,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet, Transit
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.passage import transit

Dict = dict[str, t.Any]
SYN = Packet(Flow.parse("tcp 10.0.1.5:4000 > 20.0.0.5:80"))
ESTABLISHED = {"left": "ct state", "op": "in", "right": ["established"]}
FROM_INSIDE = {"left": "meta iifname", "op": "==", "right": "in"}


def chain(hook: str, *rules: Dict, kind: str = "filter", priority: int = 0, policy: str = "accept") -> Dict:
    base = {"family": "inet", "table": "fw", "name": hook, "type": kind, "hook": hook, "priority": priority}
    return {**base, "policy": policy, "rules": [{"text": str(rule), "matches": [], **rule} for rule in rules]}


STATEFUL = chain(
    "forward",
    {"matches": [ESTABLISHED], "verdict": {"do": "accept"}},
    {"matches": [FROM_INSIDE], "verdict": {"do": "accept"}},
    policy="drop",
)
MASQUERADE = chain("postrouting", {"verdict": {"do": "masquerade"}}, kind="nat", priority=100)


def router(*chains: Dict, routes: t.Sequence[Dict] = (), rules: t.Sequence[Dict] = (), **facts: t.Any) -> Host:
    """Interfaces in, a and b; the default route is by a, table 100 leads by b."""
    names = {"in": "10.0.1", "a": "10.0.2", "b": "10.0.3"}
    interfaces: Dict = {"lo": {"index": 1, "kind": "loopback"}}
    for index, (name, net) in enumerate(names.items(), 2):
        interfaces[name] = {"index": index, "addresses": [{"family": 4, "address": f"{net}.1", "prefixlen": 24}]}
    base = [{"family": 4, "priority": 0, "table": 255}, {"family": 4, "priority": 32766, "table": 254}]
    return Host.from_facts(
        "r",
        {
            "kernel": "6.18.1",
            "interfaces": interfaces,
            "rules": sorted([*base, *rules], key=lambda rule: rule["priority"]),
            "interface_sysctls": {name: {"rp_filter": 0, "forwarding": 1} for name in ("all", "lo", *names)},
            "routes": [
                {"family": 4, "table": 254, "dst": "10.0.1.0/24", "nexthops": [{"device": "in"}]},
                {"family": 4, "table": 254, "dst": "0.0.0.0/0", "nexthops": [{"device": "a", "gateway": "10.0.2.9"}]},
                {"family": 4, "table": 100, "dst": "0.0.0.0/0", "nexthops": [{"device": "b", "gateway": "10.0.3.9"}]},
                *routes,
            ],
            "netfilter": {"chains": list(chains), "sets": []},
            **facts,
        },
    )


def one(transits: tuple[Transit, ...]) -> Transit:
    (transit_,) = transits
    return transit_


def tracker_of(transit_: Transit) -> Tracker:
    assert isinstance(transit_.tracker, Tracker)
    return transit_.tracker


def reply(flow: Flow, tcp: str = "syn_ack") -> Packet:
    return Packet(flow.reversed(), first=False, tcp=tcp)


def test_a_stateful_firewall_lets_the_answer_through_only_if_it_saw_the_request() -> None:
    host = router(STATEFUL)
    out = one(transit.forward(host, Tracker(), SYN, "in"))
    assert (out.outcome, out.device, out.next_hop, out.state, out.stateful) == (
        "forward",
        "a",
        "10.0.2.9",
        "new",
        False,
    )
    back = one(transit.forward(host, tracker_of(out), reply(SYN.flow), "b"))
    assert (back.outcome, back.device, back.next_hop, back.state, back.stateful) == (
        "forward",
        "in",
        "10.0.1.5",
        "established",
        True,
    )
    lone = one(transit.forward(host, Tracker(), reply(SYN.flow), "b"))
    assert (lone.outcome, lone.reason, lone.state, lone.stateful) == ("drop", "filter", "invalid", True)
    assert "policy drop" in lone.detail and lone.packet.flow == SYN.flow.reversed()


def test_a_dropped_request_leaves_no_entry() -> None:
    host = router(chain("forward", {"matches": [ESTABLISHED], "verdict": {"do": "accept"}}, policy="drop"))
    out = one(transit.forward(host, Tracker(), SYN, "in"))
    assert out.outcome == "drop" and tracker_of(out).entries == ()


def test_a_full_table_may_have_no_room_for_a_new_connection() -> None:
    host = router(STATEFUL, conntrack={"count": 100, "max": 100})
    out = one(transit.forward(host, Tracker.new(host.facts), SYN, "in"))
    assert (out.outcome, out.reason) == ("unknown", "table_full") and "full (100 of 100)" in out.detail
    room = router(STATEFUL, conntrack={"count": 99, "max": 100})
    assert one(transit.forward(room, Tracker.new(room.facts), SYN, "in")).outcome == "forward"
    # what is in the table already needs none
    known = dataclasses.replace(tracker_of(one(transit.forward(room, Tracker(), SYN, "in"))), full="it is full")
    assert one(transit.forward(host, known, SYN, "in")).outcome == "forward"


def test_without_anything_that_tracks_there_is_no_state() -> None:
    out = one(transit.forward(router(), Tracker(), SYN, "in"))
    assert (out.state, tracker_of(out).entries) == ("", ())


def test_masquerade_takes_the_address_of_the_way_out_and_replies_get_theirs_back() -> None:
    host = router(MASQUERADE)
    out = one(transit.forward(host, Tracker(), SYN, "in"))
    assert str(out.packet.flow) == "tcp 10.0.2.1:4000 > 20.0.0.5:80" and out.stateful
    back = one(transit.forward(host, tracker_of(out), reply(out.packet.flow), "b"))
    assert (back.outcome, back.packet.flow, back.device) == ("forward", SYN.flow.reversed(), "in")
    lost = one(transit.forward(host, Tracker(), reply(out.packet.flow), "a"))
    assert lost.outcome == "local" and lost.state == "invalid"


def test_a_masqueraded_connection_may_not_leave_by_another_interface() -> None:
    by_a = one(transit.forward(router(MASQUERADE), Tracker(), SYN, "in"))
    moved = router(MASQUERADE, rules=[{"family": 4, "priority": 10, "src": "10.0.1.0/24", "table": 100}])
    dropped = one(transit.forward(moved, tracker_of(by_a), SYN, "in"))
    assert (dropped.outcome, dropped.reason) == ("drop", "filter") and "masqueraded by a" in dropped.detail
    again = one(transit.forward(moved, tracker_of(dropped), SYN, "in"))
    assert (again.outcome, again.packet.flow.source) == ("forward", "10.0.3.1")


def test_destination_translation_comes_before_routing_and_is_undone_after() -> None:
    dnat = chain(
        "prerouting", {"verdict": {"do": "dnat", "address": "10.0.1.7", "port": 8080}}, kind="nat", priority=-100
    )
    host = router(dnat)
    request = Packet(Flow.parse("tcp 20.0.0.5:999 > 10.0.2.1:80"))
    out = one(transit.forward(host, Tracker(), request, "a"))
    assert (out.device, str(out.packet.flow)) == ("in", "tcp 20.0.0.5:999 > 10.0.1.7:8080")
    back = one(transit.forward(host, tracker_of(out), reply(out.packet.flow), "in"))
    assert (back.device, back.packet.flow) == ("a", request.flow.reversed())


def test_a_translation_whose_address_is_not_known_is_unknown() -> None:
    pool = chain("postrouting", {"verdict": {"do": "snat", "address": "192.0.2.1-192.0.2.9"}}, kind="nat", priority=100)
    out = one(transit.forward(router(pool), Tracker(), SYN, "in"))
    assert out.outcome == "unknown" and "192.0.2.1-192.0.2.9" in out.detail


def test_notrack_before_conntrack() -> None:
    raw = chain("prerouting", {"statements": [{"do": "notrack"}]}, priority=-300)
    out = one(transit.forward(router(raw, STATEFUL), Tracker(), SYN, "in"))
    assert (out.state, tracker_of(out).entries) == ("untracked", ())


def test_symmetric_return_by_connection_mark() -> None:
    ingress = {
        "matches": [{"left": "meta iifname", "op": "==", "right": "b"}],
        "statements": [{"do": "set_ct_mark", "value": 5}],
    }
    restore = {
        "matches": [{"left": "ct direction", "op": "==", "right": "reply"}],
        "statements": [{"do": "set_mark", "value": "ct mark"}],
    }
    rules = [{"family": 4, "priority": 10, "fwmark": 5, "table": 100}]
    request = Packet(Flow.parse("tcp 20.0.0.5:999 > 10.0.1.7:80"))
    host = router(chain("prerouting", ingress, restore, priority=-150), rules=rules)
    out = one(transit.forward(host, Tracker(), request, "b"))
    assert (out.device, out.packet.mark) == ("in", 0)
    assert one(transit.forward(host, tracker_of(out), reply(request.flow), "in")).device == "b"
    assert one(transit.forward(host, Tracker(), reply(request.flow, "ack"), "in")).device == "a"


@pytest.mark.parametrize(("kind", "device"), [("route", "b"), ("filter", "a")])
def test_only_a_route_chain_makes_local_packets_look_again(kind: str, device: str) -> None:
    rules = [{"family": 4, "priority": 10, "fwmark": 5, "table": 100}]
    host = router(
        chain("output", {"statements": [{"do": "set_mark", "value": 5}]}, kind=kind, priority=-150), rules=rules
    )
    sent = one(transit.originate(host, Tracker(), Packet(Flow("udp", "0.0.0.0", "20.0.0.5", 9, 53))))
    assert (sent.outcome, sent.device, sent.packet.flow.source) == ("forward", device, "10.0.2.1")


def test_a_source_is_chosen_and_tcp_then_looks_again_with_it() -> None:
    rules = [{"family": 4, "priority": 10, "src": "10.0.2.1/32", "table": 100}]
    sent = [
        one(transit.originate(router(rules=rules), Tracker(), Packet(Flow(protocol, "0.0.0.0", "20.0.0.5", *ports))))
        for protocol, ports in (("tcp", (9, 80)), ("icmp", ()), ("udp", (9, 53)))
    ]
    assert [(fate.outcome, fate.device) for fate in sent] == [("forward", "b"), ("forward", "a"), ("unknown", None)]
    assert "connected UDP socket" in sent[2].detail


def test_shares_of_all_fates_add_up() -> None:
    legs = [{"device": "a", "gateway": "10.0.2.9"}, {"device": "b", "gateway": "10.0.3.9", "weight": 3}]
    drops_b = chain(
        "forward", {"matches": [{"left": "meta oifname", "op": "==", "right": "b"}], "verdict": {"do": "drop"}}
    )
    host = router(drops_b, routes=[{"family": 4, "table": 254, "dst": "20.0.0.0/8", "nexthops": legs}])
    fates = transit.forward(host, Tracker(), SYN, "in")
    assert [(fate.outcome, fate.share) for fate in fates] == [("forward", 0.25), ("drop", 0.75)]


def test_local_delivery_and_the_answer() -> None:
    blocked = chain("input", {"matches": [ESTABLISHED], "verdict": {"do": "accept"}}, policy="drop")
    ours = Packet(Flow.parse("tcp 20.0.0.5:999 > 10.0.1.1:22"), mark=7)
    assert one(transit.forward(router(blocked), Tracker(), ours, "a")).reason == "filter"
    for accept, mark in ((0, 0), (1, 7)):
        host = router(sysctls={"net/ipv4/tcp_fwmark_accept": accept})
        arrived = one(transit.forward(host, Tracker(), ours, "a"))
        answer = transit.answer(host, arrived)
        assert (arrived.outcome, answer.flow, answer.tcp, answer.mark) == (
            "local",
            ours.flow.reversed(),
            "syn_ack",
            mark,
        )


def test_a_packet_to_the_host_itself_has_its_connection_before_it_comes_back_in() -> None:
    """Redirected in output, it passes postrouting, where the entry is confirmed, before prerouting drops it."""
    redirect = chain("output", {"verdict": {"do": "redirect"}}, kind="nat", priority=-100)
    raw = chain("prerouting", {"verdict": {"do": "drop"}}, priority=-300)
    sent = Packet(Flow.parse("udp 10.0.2.1:4000 > 20.0.0.5:53"))
    local = [
        {"family": 4, "table": 255, "dst": dst, "type": "local", "nexthops": [{"device": device}]}
        for dst, device in (("127.0.0.0/8", "lo"), ("10.0.2.1/32", "a"))
    ]
    fate = one(transit.originate(router(redirect, raw, routes=local), Tracker(), sent))
    assert (fate.outcome, fate.reason) == ("drop", "filter")
    assert [str(entry.reply) for entry in tracker_of(fate).entries] == ["udp 127.0.0.1:53 > 10.0.2.1:4000"]


def test_a_packet_without_a_connection_is_looked_up_again_on_its_way_back_in() -> None:
    zone = chain("prerouting", {"statements": [{"do": "set_zone", "value": 5}]}, priority=-300)
    local = [
        {"family": 4, "table": 255, "dst": f"10.0.{net}.1/32", "type": "local", "nexthops": [{"device": device}]}
        for net, device in ((2, "a"), (3, "b"))
    ]
    host = router(zone, STATEFUL, routes=local)
    flow = Flow.parse("icmp 10.0.2.1 > 10.0.3.1")
    sent = one(transit.originate(host, Tracker(), Packet(flow, first=False)))  # a reply to nothing
    assert (sent.outcome, sent.state) == ("local", "invalid")
    asked = Tracker().commit(Connection("new", "original", Entry(flow.reversed(), flow, Zone(5)), fresh=True))
    assert one(transit.originate(host, asked, Packet(flow, first=False))).state == "established"


def test_what_was_not_read_is_unknown() -> None:
    host = router(parts={"netfilter": {"complete": False, "why": "iptables-legacy holds rules"}})
    out = one(transit.forward(host, Tracker(), SYN, "in"))
    assert out.outcome == "unknown" and "iptables-legacy holds rules" in out.detail
    with pytest.raises(ValueError, match="no interface 'eth7'"):
        transit.forward(host, Tracker(), SYN, "eth7")


def test_a_mark_that_may_be_set_matters_only_where_a_rule_selects_it() -> None:
    maybe = {"matches": [{"unknown": "x"}], "statements": [{"do": "set_mark", "value": 5}]}
    assert one(transit.forward(router(chain("prerouting", maybe)), Tracker(), SYN, "in")).outcome == "forward"
    rules = [{"family": 4, "priority": 10, "fwmark": 5, "table": 100}]
    assert (
        one(transit.forward(router(chain("prerouting", maybe), rules=rules), Tracker(), SYN, "in")).outcome == "unknown"
    )


FTP = {"protocol": "tcp", "state": "ESTABLISHED",
       "original": {"source": "20.0.0.5", "destination": "10.0.1.5", "sport": 5000, "dport": 21},
       "reply": {"source": "10.0.1.5", "destination": "20.0.0.5", "sport": 21, "dport": 5000}}


def test_a_connection_that_a_helper_may_expect_is_not_known_to_be_dropped() -> None:
    data = Packet(Flow.parse("tcp 20.0.0.5:5001 > 10.0.1.5:40000"))
    other = Packet(Flow.parse("tcp 20.0.0.6:5001 > 10.0.1.5:40000"))
    helper = chain("prerouting", {"statements": [{"do": "ct_helper"}]})
    table = {"flows": [FTP], "sysctls": {}}
    with_helper = router(STATEFUL, helper, conntrack=table)
    (told,) = transit.forward(with_helper, Tracker(), data, "a")
    assert told.outcome == "unknown" and "ftp session 20.0.0.5 > 10.0.1.5:21" in told.detail
    assert transit.forward(with_helper, Tracker(), other, "a")[0].outcome == "drop"
    assert transit.forward(router(STATEFUL, conntrack=table), Tracker(), data, "a")[0].outcome == "drop"


MISSING = {"left": "fib saddr . iif oif", "op": "==", "right": False}
SIX = Packet(Flow.parse("udp [2001:db8:f::5]:9 > [2001:db8:2::5]:53"))


def two_ways_back(*chains: Dict) -> Host:
    """The way back to the sources of IPv6 has three legs, one by a and two by b; the way there is by in."""
    legs = [{"device": "a", "gateway": "fe80::1"}, {"device": "b", "gateway": "fe80::2"},
            {"device": "b", "gateway": "fe80::3"}]
    return router(*chains, routes=[
        {"family": 6, "table": 254, "dst": "2001:db8:f::/64", "nexthops": legs},
        {"family": 6, "table": 254, "dst": "2001:db8:2::/64", "nexthops": [{"device": "in", "gateway": "fe80::4"}]},
    ], rules=[{"family": 6, "priority": 32766, "table": 254}], interface_sysctls={"all": {"forwarding6": 1}})


@pytest.mark.parametrize("hook", ["prerouting", "forward"])
def test_a_packet_has_a_fate_for_each_leg_that_a_rule_may_find(hook: str) -> None:
    host = two_ways_back(chain(hook, {"matches": [MISSING], "verdict": {"do": "drop"}}))
    fates = {fate.outcome: fate for fate in transit.forward(host, Tracker(), SIX, "a")}
    assert {name: round(fate.share, 6) for name, fate in fates.items()} == {"forward": 0.333333, "drop": 0.666667}
    assert fates["drop"].reason == "filter" and all(fate.chance for fate in fates.values())
    by_b = {fate.outcome: round(fate.share, 6) for fate in transit.forward(host, Tracker(), SIX, "b")}
    assert by_b == {"forward": 0.666667, "drop": 0.333333}
    assert one(transit.forward(host, Tracker(), SIX, "in")).outcome == "drop", "no leg is by this interface"


def test_two_rules_that_ask_for_one_route_find_the_same_leg() -> None:
    exists = {**MISSING, "right": True}
    host = two_ways_back(chain("prerouting", {"matches": [MISSING], "verdict": {"do": "drop"}}),
                         chain("forward", {"matches": [exists], "verdict": {"do": "accept"}}, policy="drop"))
    fates = {fate.outcome: round(fate.share, 6) for fate in transit.forward(host, Tracker(), SIX, "a")}
    assert fates == {"forward": 0.333333, "drop": 0.666667}


def test_where_the_leg_changes_nothing_there_is_one_fate() -> None:
    counts = chain("prerouting", {"matches": [MISSING], "statements": [{"do": "counter"}]})
    fate = one(transit.forward(two_ways_back(counts), Tracker(), SIX, "a"))
    assert (fate.outcome, fate.share, fate.chance) == ("forward", 1.0, False)
    marks = chain("prerouting", {"matches": [MISSING], "statements": [{"do": "set_mark", "value": 5}]})
    chosen = transit.forward(two_ways_back(marks, chain("forward", {
        "matches": [{"left": "meta mark", "op": "==", "right": 5}], "verdict": {"do": "drop"}})), Tracker(), SIX, "a")
    assert {fate.outcome: round(fate.share, 6) for fate in chosen} == {"forward": 0.333333, "drop": 0.666667}
