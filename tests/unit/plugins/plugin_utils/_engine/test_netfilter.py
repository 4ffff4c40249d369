# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of netfilter: matches, verdicts, chains, and what is not known."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Connection, Tracker
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.by_hash import ByHash
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.ruleset import Filtered, Ruleset
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.situation import Situation
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import FilterResult, Packet

Dict = dict[str, t.Any]
PACKET = Packet(Flow.parse("tcp 10.0.0.5:40000 > 20.0.0.5:80"), mark=0x15)
SIX = Packet(Flow.parse("udp [2001:db8::5]:9 > [2001:db8:2::5]:53"))
ROUTES = [
    {"family": 4, "table": 254, "dst": "10.0.0.0/8", "nexthops": [{"device": "eth0"}]},
    {"family": 4, "table": 254, "dst": "0.0.0.0/0", "nexthops": [{"device": "eth1"}]},
    {
        "family": 6,
        "table": 254,
        "dst": "2001:db8::/64",
        "nexthops": [{"device": "eth0", "gateway": "fe80::1"}, {"device": "eth1", "gateway": "fe80::2"}],
    },
]
HOST = Host.from_facts("r", {"interfaces": {"lo": {}, "eth0": {"group": 3}, "eth1": {}}, "routes": ROUTES})


def rule(verdict: str | Dict | None, *matches: tuple[t.Any, ...], **fields: t.Any) -> Dict:
    named = [
        {"left": one[0], "op": one[1], "right": one[2], **({"mask": one[3]} if len(one) > 3 else {})} for one in matches
    ]
    chosen = {"verdict": {"do": verdict} if isinstance(verdict, str) else verdict} if verdict else {}
    return {"text": f"{matches} {verdict}", "matches": named, **chosen, **fields}


def chain(*rules: Dict, **fields: t.Any) -> Dict:
    base = {"family": "inet", "table": "fw", "name": "forward", "type": "filter", "hook": "forward", "priority": 0}
    return {**base, "policy": "accept", **fields, "rules": list(rules)}


def helper(*rules: Dict) -> Dict:
    return {"family": "inet", "table": "fw", "name": "helper", "rules": list(rules)}


def run(
    *chains: Dict,
    packet: Packet = PACKET,
    state: str = "",
    sets: t.Sequence[Dict] = (),
    kind: tuple[str, ...] = ("filter",),
) -> Filtered:
    ruleset = Ruleset.from_facts({"chains": chains, "sets": [{"family": "inet", "table": "fw", **one} for one in sets]})
    connection = Tracker().classify(packet) if state == "new" else Connection(state)
    if state in ("established", "reply"):
        connection = Connection(
            "established", "reply" if state == "reply" else "original", Tracker().classify(packet).entry
        )
    now = Situation(HOST, "forward", packet, "eth0", "eth1", connection, mark=packet.mark)
    return ruleset.run(now, kind)


def result(*rules: Dict, **options: t.Any) -> FilterResult:
    return run(chain(*rules), **options).result


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (("meta iifname", "==", "eth0"), True),
        (("meta iifname", "==", "eth*"), True),
        (("meta oifname", "==", "eth0"), False),
        (("meta iifname", "!=", ["eth1", "eth2"]), True),
        (("ip saddr", "==", "10.0.0.0/8"), True),
        (("ip saddr", "==", "10.0.0.1-10.0.0.9"), True),
        (("ip daddr", "!=", "20.0.0.5"), False),
        (("ip6 saddr", "!=", "2001:db8::/32"), False),
        (("ip daddr", "==", {"range": ["20.0.0.1", "20.0.0.4"]}), False),
        (("tcp dport", "==", [22, 80]), True),
        (("tcp dport", "==", "1-1023"), True),
        (("udp dport", "!=", 53), False),
        (("th dport", "==", 80), True),
        (("tcp dport", "<", 80), False),
        (("meta mark", "==", 0x10, 0xF0), True),
        (("meta mark", "==", 0x10), False),
        (("meta l4proto", "==", ["udp", "tcp"]), True),
        (("ip protocol", "==", "esp"), False),
        (("meta nfproto", "==", "ipv6"), False),
        (("tcp flags", "==", ["syn"], ["fin", "syn", "rst", "ack"]), True),
        (("tcp flags", "in", ["ack"]), False),
        (("meta pkttype", "==", "host"), True),
        (("meta iifgroup", "==", 3), True),
        (("fib saddr . iif oif", "==", False), False),
        (("fib daddr type", "==", ["local", "broadcast"]), False),
        (("ip daddr", "==", "@partners"), True),
        (("ip dscp", "==", "cs0"), True),
        (("icmp type", "==", "echo-request"), False),
        (("exthdr rt", "==", False), False),
    ],
)
def test_matches(match: tuple[t.Any, ...], expected: bool) -> None:
    partners = {"name": "partners", "elements": ["20.0.0.0/24", "30.0.0.1"]}
    assert result(rule("drop", match), sets=[partners]).verdict == ("drop" if expected else "accept")


@pytest.mark.parametrize(
    ("match", "states"),
    [
        (("ct state", "in", ["established", "related"]), {"established", "reply"}),
        (("ct state", "!=", ["invalid"]), {"new", "established", "reply", "untracked"}),
        (("ct direction", "==", "reply"), {"reply"}),
        (("ct mark", "==", 0), {"new", "established", "reply"}),
        (("ct state", "in", "untracked"), {"untracked"}),
    ],
)
def test_connection_state(match: tuple[t.Any, ...], states: set[str]) -> None:
    every = ("new", "established", "reply", "invalid", "untracked")
    assert {state for state in every if result(rule("drop", match), state=state).verdict == "drop"} == states


def test_an_accept_is_final_in_its_chain_only_and_a_drop_everywhere() -> None:
    later = {"table": "other", "priority": 10}
    assert run(chain(rule("accept")), chain(rule("drop"), **later)).result.verdict == "drop"
    done = run(chain(rule("drop", counter={"packets": 3, "bytes": 180})), chain(rule("accept"), **later)).result
    assert (done.verdict, done.counter) == ("drop", (3, 180)) and done.rule.startswith("inet fw forward: ")
    assert run(chain(rule("drop"), hook="input")).result.verdict == "accept"
    assert run(chain(rule("drop"), family="ip6")).result.verdict == "accept"


def test_jump_returns_and_goto_does_not() -> None:
    for do, expected in (("jump", "drop"), ("goto", "accept")):
        verdict = {"do": do, "target": "helper"}
        assert (
            run(chain(rule(verdict), rule("drop")), helper(rule("accept", ("tcp dport", "==", 1)))).result.verdict
            == expected
        )
    assert (
        run(
            chain(rule({"do": "jump", "target": "helper"}), rule("drop")), helper(rule("return"), rule("accept"))
        ).result.verdict
        == "drop"
    )
    assert "gone" in run(chain(rule({"do": "jump", "target": "gone"}))).result.reason


def test_verdict_maps() -> None:
    inline = {"do": "vmap", "key": "ct state", "map": [["established", {"do": "accept"}], ["invalid", {"do": "drop"}]]}
    assert result(rule(inline), state="invalid").verdict == "drop"
    assert result(rule(inline), rule("reject"), state="new").verdict == "reject"
    named = {"do": "vmap", "key": "meta iifname", "map": "@sides"}
    sides = {"name": "sides", "elements": [["eth0", {"do": "drop"}]]}
    assert result(rule(named), sets=[sides]).verdict == "drop"
    others = {"name": "sides", "elements": [["eth9", {"do": "accept"}], ["*", {"do": "drop"}]]}
    assert result(rule(named), sets=[others]).verdict == "drop"


def test_what_is_not_understood_is_unknown_only_where_it_could_decide() -> None:
    strange = rule("drop", ("ip saddr", "==", "10.0.0.0/8"))
    strange["matches"].append({"unknown": "osf name Linux"})
    told = result(strange)
    assert told.verdict == "unknown" and told.rule.startswith("inet fw forward: ")
    elsewhere = rule("drop", ("ip saddr", "==", "99.0.0.0/8"))
    elsewhere["matches"].append({"unknown": "osf name Linux"})
    assert result(elsewhere).verdict == "accept"
    assert result(strange, rule("drop")).verdict == "drop"  # dropped either way
    assert result(rule(None, statements=[{"do": "unknown", "unknown": "synproxy"}])).verdict == "unknown"
    assert result(rule("queue")).verdict == "unknown"
    assert (
        result(
            rule("drop", ("ip daddr", "==", "@half")), sets=[{"name": "half", "elements": [], "complete": False}]
        ).verdict
        == "unknown"
    )
    assert result(rule("accept", statements=[{"do": "limit", "rate": 1}]), rule("drop")).verdict == "unknown"


def test_a_return_or_mark_that_may_happen() -> None:
    maybe = {"matches": [{"unknown": "x"}], "text": "x"}
    assert result({**maybe, "verdict": {"do": "return"}}, rule("drop")).verdict == "unknown"
    assert result({**maybe, "verdict": {"do": "return"}}, rule("accept")).verdict == "accept"
    marks = {**maybe, "statements": [{"do": "set_mark", "value": 1, "mask": 1}]}
    assert result(marks, rule("drop", ("meta mark", "==", 1, 1))).verdict == "unknown"
    assert result(marks, rule("drop", ("meta mark", "==", 0x10, 0xF0))).verdict == "drop"


def test_stateful_means_that_another_state_would_fare_otherwise() -> None:
    established = rule("accept", ("ct state", "in", ["established"]))
    assert result(established, rule("drop"), state="reply").stateful
    assert result(established, rule("drop"), state="invalid").stateful
    assert not result(established, rule("accept"), state="reply").stateful
    assert not result(rule("accept", ("tcp dport", "==", 80)), established, rule("drop"), state="new").stateful


def test_marks() -> None:
    def marked(*statements: Dict) -> int:
        return run(chain(rule(None, statements=list(statements))), state="new").situation.mark

    assert marked({"do": "set_mark", "value": 0x20, "mask": 0xF0}) == 0x25
    assert marked({"do": "set_ct_mark", "value": 7}, {"do": "set_mark", "value": "ct mark"}) == 7
    assert (
        marked(
            {"do": "set_ct_mark", "value": 0x77},
            {"do": "set_mark", "value": {"of": "ct mark", "and": 0xF, "or": 0x100}},
        )
        == 0x107
    )
    assert marked({"do": "set_mark", "value": {"key": "meta iifname", "map": [["eth0", 9]]}}) == 9
    assert marked({"do": "set_mark", "value": {"key": "meta iifname", "map": [["eth7", 9]]}}) == 0x15
    assert (
        run(chain(rule(None, statements=[{"do": "set_mark", "value": "ct mark"}])), state="invalid").situation.mark
        == 0x15
    )


def test_reverse_path_by_fib() -> None:
    missing = ("fib saddr . iif oif", "==", False)
    six = Packet(Flow.parse("udp [2001:db8::5]:9 > [2001:db8:2::5]:53"))
    ours = Packet(Flow.parse("udp 20.0.0.5:9 > 10.0.0.5:53"))
    assert result(rule("drop", missing)).verdict == "accept"
    assert result(rule("drop", missing), packet=ours).verdict == "drop"
    # IPv6 compares with the leg that the hash picks: of two legs both are followed
    with pytest.raises(ByHash) as choice:
        result(rule("drop", missing), packet=six)
    assert choice.value.legs == {"eth0": 0.5, "eth1": 0.5}


def test_no_packet_has_extension_headers_and_ipv4_none_to_miss() -> None:
    for match, expected in (
        (("exthdr rt", "==", True), "accept"), (("exthdr rt", "!=", True), "drop"),
        (("exthdr rt", "==", False), "drop"),
        (("exthdr rt type", "!=", 0), "accept"),
    ):  # fmt: skip
        assert result(rule("drop", match), packet=SIX).verdict == expected
        assert result(rule("drop", match)).verdict == "accept"


def test_a_reject_of_one_kind_leaves_others_alone() -> None:
    assert result(rule({"do": "reject", "with": "tcp reset"})).verdict == "reject"
    assert result(rule({"do": "reject", "with": "tcp reset"}), packet=SIX).verdict == "accept"
    assert result(rule({"do": "reject", "with": "icmpv6 port-unreachable"})).verdict == "accept"
    assert result(rule({"do": "reject", "with": "icmpx port-unreachable"}), packet=SIX).verdict == "reject"


def test_conntrack_is_there_if_a_rule_asks_for_it() -> None:
    def uses(*rules: Dict, **fields: t.Any) -> tuple[bool, bool]:
        ruleset = Ruleset.from_facts({"chains": [chain(*rules, **fields)]})
        return ruleset.uses_conntrack(4), ruleset.uses_conntrack(6)

    assert uses(rule("accept", ("ct state", "in", "new"))) == (True, True)
    assert uses(rule("masquerade"), family="ip", type="nat") == (True, False)
    assert uses(rule({"do": "vmap", "key": "ct state", "map": []})) == (True, True)
    assert uses(rule("drop", ("tcp dport", "==", 80))) == (False, False)
    # a nat chain alone does not ask for it, and a translation to an address only for the family of that
    assert uses(type="nat") == (False, False)
    assert uses(rule({"do": "dnat", "address": "10.0.2.8"}), type="nat") == (True, False)
    assert uses(rule("masquerade"), type="nat") == (True, True)
