# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rules change and in which order: marks, type of service, tracking, chains of one priority, chains on devices."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Connection, Tracker
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.ruleset import Filtered, Ruleset
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.situation import Situation
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet, Transit
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.passage import transit

Dict = dict[str, t.Any]
PACKET = Packet(Flow.parse("tcp 10.0.0.5:40000 > 20.0.0.5:80"), mark=0x15)
HOST = Host.from_facts("r", {"interfaces": {"lo": {}, "eth0": {}, "eth1": {}}})


def rule(verdict: Dict | str | None = None, *matches: Dict, **fields: t.Any) -> Dict:
    chosen = {"verdict": {"do": verdict} if isinstance(verdict, str) else verdict} if verdict else {}
    return {"text": f"{matches} {verdict}", "matches": list(matches), **chosen, **fields}


def sets_mark(value: t.Any, **more: t.Any) -> Dict:
    return rule(statements=[{"do": "set_mark", "value": value, **more}])


def match(left: str, right: t.Any, op: str = "==", **more: t.Any) -> Dict:
    return {"left": left, "op": op, "right": right, **more}


def chain(*rules: Dict, **fields: t.Any) -> Dict:
    base = {"family": "inet", "table": "fw", "name": "c", "type": "filter", "hook": "forward", "priority": 0}
    return {**base, "policy": "accept", **fields, "rules": list(rules)}


def run(*chains: Dict, hook: str = "forward", connection: Connection | None = None, **options: t.Any) -> Filtered:
    ruleset = Ruleset.from_facts({"chains": chains, "sets": options.pop("sets", ())})
    packet = options.pop("packet", PACKET)
    now = Situation(HOST, hook, packet, options.pop("iif", "eth0"), options.pop("oif", "eth1"),
                    connection or Connection(), mark=packet.mark)
    return ruleset.run(now, **options)


@pytest.mark.parametrize(
    ("statement", "mark", "unknown"),
    [
        ({"value": 5, "mask": 0, "xor": True}, 0x10, 0),  # --xor-mark 5
        ({"value": 0x31, "mask": 0x10, "xor": True}, 0x34, 0),  # --set-xmark 0x31/0x10
        ({"value": {"of": "meta mark", "and": 0xFF, "or": 0, "xor": 1}}, 0x14, 0),
        ({"value": {"of": "meta mark", "and": 3, "or": 8, "xor": 1}}, 8, 0),
        ({"value": {"numgen": {"mode": "inc", "mod": 2, "offset": 0}}}, 0, 1),
        ({"value": {"jhash": {"mod": 4, "offset": 0x100}}}, 0x100, 3),
        ({"value": {"key": {"numgen": {"mode": "random", "mod": 2}}, "map": [[0, 0x11], [1, 0x12]]}}, 0x10, 3),
        ({"value": {"unknown": "?"}, "mask": 0xF}, 0x10, 0xF),
    ],
)
def test_marks_keep_what_is_known(statement: Dict, mark: int, unknown: int) -> None:
    now = run(chain(rule(statements=[{"do": "set_mark", **statement}]))).situation
    assert (now.mark, now.unknown_mark) == (mark, unknown)


def test_a_rule_ends_where_its_statement_finds_nothing_to_read() -> None:
    """nft_ct_get_eval: `meta mark set ct mark accept` does not accept a packet without a connection."""
    reads = {"statements": [{"do": "set_mark", "value": "ct mark"}]}
    drop = chain(rule("accept", **reads), rule("drop"))
    assert run(drop, connection=Connection("invalid")).result.verdict == "drop"
    assert run(drop, connection=Tracker().classify(PACKET)).result.verdict == "accept"


def test_what_comes_after_an_accept_that_may_be_is_in_doubt() -> None:
    later = chain(rule("drop", match("meta mark", 0x20)), priority=5)
    assert run(chain(rule("accept", {"unknown": "?"}), sets_mark(0x20)), later).result.verdict == "unknown"
    assert run(chain(sets_mark(0x20), rule("accept", {"unknown": "?"})), later).result.verdict == "drop"


def test_limits_may_match_or_not_also_for_marks() -> None:
    limited = rule(statements=[{"do": "limit", "rate": 1}, {"do": "set_mark", "value": 0x20}])
    assert run(chain(limited)).situation.unknown_mark == 0xFFFFFFFF


def test_interfaces_that_are_not_there_have_an_empty_name() -> None:
    """nft_meta_store_ifname; the group of no interface ends the rule."""
    output: Dict = {"hook": "output", "iif": None}
    other = chain(rule("drop", match("meta iifname", "eth0", "!=")), hook="output")
    assert run(other, **output).result.verdict == "drop"
    assert run(chain(rule("drop", match("meta iifgroup", 5, "!=")), hook="output"), **output).result.verdict == "accept"
    assert run(chain(rule("drop", match("meta skuid", 5, "!="))), iif="eth0").result.verdict == "accept"
    assert run(chain(rule("drop", match("meta skuid", 5, "!=", absent=True))), iif="eth0").result.verdict == "drop"


def test_before_connection_tracking_a_packet_is_invalid_unless_it_is_not_to_be_tracked() -> None:
    invalid, untracked = (rule("drop", match("ct state", state, "in")) for state in ("invalid", "untracked"))
    assert run(chain(invalid)).result.verdict == "drop"
    notrack = rule(statements=[{"do": "notrack"}])
    assert run(chain(notrack, invalid)).result.verdict == "accept"
    done = run(chain(notrack, untracked))
    assert done.result.verdict == "drop" and done.untracked


@pytest.mark.parametrize(
    ("statements", "untracked", "zone"),
    [
        ([{"do": "set_zone", "value": 5}, {"do": "set_zone", "value": 6}], False, 5),
        ([{"do": "notrack"}, {"do": "set_zone", "value": 5}], False, 5),  # nft: the template replaces the mark
        ([{"do": "notrack"}, {"do": "set_zone", "value": 5, "unless_set": True}], True, 0),  # xt_CT
        ([{"do": "set_zone", "value": 5}, {"do": "notrack"}], False, 5),
        ([{"do": "ct_template"}, {"do": "notrack"}], False, 0),
        ([{"do": "set_zone", "value": "meta mark"}], False, 0x15),
        ([{"do": "set_zone", "value": {"key": "meta iifname", "map": [["eth0", 7]]}}], False, 7),
    ],
)
def test_the_first_that_says_how_to_track_wins(statements: list[Dict], untracked: bool, zone: int) -> None:
    done = run(chain(rule(statements=statements), hook="prerouting", priority=-300), hook="prerouting")
    assert (done.result.verdict, done.untracked, done.zone.number) == ("accept", untracked, zone)


@pytest.mark.parametrize("statement", [{"do": "notrack"}, {"do": "set_zone", "value": 5}])
def test_tracking_that_may_be_changed_is_unknown(statement: Dict) -> None:
    maybe = rule(None, {"unknown": "-m limit"}, statements=[statement])
    done = run(chain(maybe)).result
    assert done.verdict == "unknown" and done.rule.startswith("inet fw c: ")
    # a packet that has its connection is not changed any more
    assert run(chain(maybe), connection=Tracker().classify(PACKET)).result.verdict == "accept"
    one_way = rule(statements=[{"do": "set_zone", "value": 5, "direction": "original"}])
    done_one_way = run(chain(one_way))
    assert done_one_way.result.verdict == "accept"
    assert (done_one_way.zone.of("original"), done_one_way.zone.of("reply")) == (5, 0)


def test_of_one_priority_the_chain_that_was_registered_last_comes_first() -> None:
    first, second = chain(sets_mark(1), name="first"), chain(sets_mark(2), name="second")
    assert run(first, second).situation.mark == 1  # the first is met last
    read = chain(rule("drop", match("meta mark", 2)), name="third")
    assert run(read, second).result.verdict == "drop" and run(second, read).result.verdict == "accept"


def test_the_order_of_tables_of_one_priority_is_not_known() -> None:
    reads = chain(rule("drop", match("meta mark", 1)))
    marks = chain(sets_mark(1), table="other")
    done = run(reads, marks).result
    assert done.verdict == "unknown" and "comes first" in done.reason
    assert run(reads, {**marks, "priority": -1}).result.verdict == "drop"
    # where nothing is changed, the order changes nothing
    assert run(reads, chain(rule("accept"), table="other")).result.verdict == "accept"


def test_tables_of_iptables_are_apart_from_those_of_nft() -> None:
    legacy = {"family": "ip", "table": "filter", "backend": "iptables-legacy", "name": "FORWARD"}
    jump = rule({"do": "jump", "target": "user"})
    user = {**legacy, "name": "user", "rules": [rule("drop")]}
    nft_user = {"family": "ip", "table": "filter", "name": "user", "rules": []}
    done = run(chain(jump, **legacy), user, nft_user).result
    assert done.verdict == "drop" and done.rule.startswith("iptables-legacy filter user: ")
    six = Packet(Flow.parse("udp [2001:db8::5]:9 > [2001:db8:2::5]:53"))
    told = run(chain(rule("drop"), **{**legacy, "family": "ip6"}), packet=six).result
    assert told.rule.startswith("ip6tables-legacy filter FORWARD: ")


def test_rules_of_iptables_ask_ipsets() -> None:
    sets = [{"family": "ipset", "table": "", "name": "s", "elements": ["20.0.0.0/8 . tcp . 80"], "complete": True}]
    asks = match("ip daddr . meta l4proto . th dport", "@s")
    legacy = {"family": "ip", "table": "filter", "backend": "iptables-nft"}
    assert run(chain(rule("drop", asks), **legacy), sets=sets).result.verdict == "drop"
    assert run(chain(rule("drop", asks), family="ip"), sets=sets).result.verdict == "unknown"  # nft has no such set


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        (["10.0.0.0/8 . 80-90"], "drop"), (["10.0.0.0/8 . 81-90", "11.0.0.0/8 . 80"], "accept"),
        (["10.0.0.5 . what"], "unknown"), (["11.0.0.0/8 . what"], "accept"), (["10.0.0.5"], "unknown"),
    ],
)  # fmt: skip
def test_concatenations(elements: list[str], expected: str) -> None:
    assert run(chain(rule("drop", match("ip saddr . tcp dport", elements)))).result.verdict == expected
    vmap = {"do": "vmap", "key": "ip saddr . tcp dport", "map": [[one, {"do": "drop"}] for one in elements]}
    assert run(chain(rule(vmap))).result.verdict == expected


def test_fields_of_a_concatenation_that_may_differ_are_unknown() -> None:
    maybe = rule(None, {"unknown": "?"}, statements=[{"do": "set_mark", "value": 1, "mask": 1}])
    asks = rule("drop", match("ip saddr . meta mark", ["10.0.0.5 . 21"]))
    assert run(chain(asks)).result.verdict == "drop"
    assert run(chain(maybe, asks)).result.verdict == "unknown"


def test_the_type_of_service() -> None:
    sets_tos = rule(statements=[{"do": "set_tos", "value": 0x28, "mask": 0xFC}])
    asks = rule("drop", match("ip dscp", 10))
    assert run(chain(sets_tos, asks)).result.verdict == "drop" and run(chain(asks)).result.verdict == "accept"
    route = chain(sets_tos, hook="output", type="route")
    assert run(route, hook="output").changed_route
    maybe = {**sets_tos, "matches": [{"unknown": "?"}]}
    assert run(chain(maybe)).result.verdict == "unknown"


@pytest.mark.parametrize(
    ("verdict", "hook", "expected"),
    [
        ({"do": "netmap", "address": "99.0.0.0/24"}, "prerouting", ("dnat", "99.0.0.5", None)),
        ({"do": "netmap", "address": "99.0.0.0/24"}, "postrouting", ("snat", "99.0.0.5", None)),
        ({"do": "snat", "address": "99.1.0.0/16", "netmap": True}, "postrouting", ("snat", "99.1.0.5", None)),
        ({"do": "dnat", "key": "meta l4proto . th dport", "map": [["tcp . 80", "99.0.0.1 . 8080"]]}, "prerouting",
         ("dnat", "99.0.0.1", 8080)),
        ({"do": "dnat", "key": "tcp dport", "map": [[80, "99.0.0.1"]], "port": 81}, "prerouting",
         ("dnat", "99.0.0.1", 81)),
    ],
)  # fmt: skip
def test_translations(verdict: Dict, hook: str, expected: tuple[str, str, int | None]) -> None:
    done = run(chain(rule(verdict), hook=hook, type="nat"), hook=hook, kind=("nat",)).result.translation
    assert done is not None and (done.kind, done.address, done.port) == expected


def test_an_offloaded_connection_may_go_past_a_drop() -> None:
    flow = rule(statements=[{"do": "flow_offload"}])
    drop = rule("drop")
    entry = Tracker().classify(PACKET).entry
    assert entry is not None
    known = Connection("established", "original", dataclasses.replace(entry, followed=False))  # as read from facts
    ack = Packet(PACKET.flow, first=False, tcp="ack")
    told = run(chain(flow, drop), connection=known, packet=ack).result
    assert told.verdict == "unknown" and "flowtable" in told.reason
    followed = Connection("established", "original", entry)
    assert run(chain(flow, drop), connection=followed, packet=ack).result.verdict == "drop"
    assert run(chain(flow, drop), connection=Tracker().classify(PACKET)).result.verdict == "drop"
    assert run(chain(flow), connection=known, packet=ack).result.verdict == "accept"
    fin = Packet(PACKET.flow, first=False, tcp="fin")
    assert run(chain(flow, drop), connection=known, packet=fin).result.verdict == "drop"


def routed(*chains: Dict, bridge: bool = False) -> Transit:
    port = {"eth2": {"master": "eth0"}} if bridge else {"eth2": {}}
    facts = {
        "interfaces": {"lo": {}, "eth0": {"kind": "bridge"} if bridge else {}, "eth1": {}, **port},
        "routes": [{"family": 4, "table": 254, "dst": "0.0.0.0/0", "nexthops": [{"device": "eth1"}]}],
        "interface_sysctls": {name: {"forwarding": 1, "rp_filter": 0} for name in ("all", "eth0", "eth1")},
        "netfilter": {"chains": chains},
    }
    host = Host.from_facts("r", facts)
    (fate,) = transit.forward(host, Tracker(), PACKET, "eth0")
    return fate


def test_chains_on_devices() -> None:
    on = {"family": "netdev", "table": "dev", "hook": "ingress"}
    assert routed(chain(rule("drop", match("tcp dport", 80)), **on, devices=["eth0"])).outcome == "drop"
    assert routed(chain(rule("drop", match("tcp dport", 80)), **on, devices=["eth1"])).outcome == "forward"
    assert routed(chain(rule("drop"), **{**on, "hook": "egress"}, devices=["eth1"])).outcome == "drop"
    assert routed(chain(rule("drop"), **{**on, "hook": "egress"}, devices=["eth0"])).outcome == "forward"
    assert routed(chain(rule("drop"), **{**on, "family": "inet"}, devices=["eth0"])).outcome == "drop"
    assert routed(chain(rule("drop"), **on)).outcome == "unknown"  # which devices was not read
    told = routed(chain(rule("drop"), **on, devices=["eth2"]), bridge=True)
    assert told.outcome == "unknown" and "netdev dev c at ingress" in told.detail


def test_tables_of_family_bridge_matter_where_packets_come_by_a_bridge() -> None:
    bridged = {"family": "bridge", "hook": "input"}
    assert routed(chain(rule("drop"), **bridged)).outcome == "forward"
    told = routed(chain(rule("drop"), **bridged), bridge=True)
    assert told.outcome == "unknown" and "bridge fw c at input is not followed" in told.detail
