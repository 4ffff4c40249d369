# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rule set says where a part of it is not understood: never another verdict than with that part understood.

A match that is replaced by garbage either holds or does not. Whatever the engine makes of the garbage must be right
in both cases, or it must say that it does not know, and name a rule.
"""

from __future__ import annotations

import copy
import typing as t

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Connection, Tracker
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.ruleset import Filtered, Ruleset
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.situation import Situation
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet

Dict = dict[str, t.Any]
HOST = Host.from_facts(
    "r",
    {
        "interfaces": {"lo": {}, "eth0": {"group": 3}, "eth1": {}},
        "routes": [{"family": 4, "table": 254, "dst": "0.0.0.0/0", "nexthops": [{"device": "eth1"}]}],
    },
)
PACKETS = (
    Packet(Flow.parse("tcp 10.0.0.5:40000 > 20.0.0.5:80"), mark=0x15),
    Packet(Flow.parse("udp [2001:db8::5]:9 > [2001:db8:2::5]:53")),
    Packet(Flow.parse("icmp 10.0.0.5 > 20.0.0.5")),
)
NEVER: Dict = {"any": []}
ALWAYS: Dict = {"none": []}


def match(left: str, op: str, right: t.Any, **more: t.Any) -> Dict:
    return {"left": left, "op": op, "right": right, **more}


MATCHES = st.sampled_from([
    match("meta iifname", "==", "eth0"), match("meta oifname", "!=", "eth*"), match("ip saddr", "==", "10.0.0.0/8"),
    match("ip6 daddr", "!=", "2001:db8:2::/48"), match("tcp dport", "==", [22, "80-90"]), match("udp dport", "==", 53),
    match("ct state", "in", ["established", "related"]), match("ct state", "!=", ["new"]), match("ct mark", "==", 7),
    match("meta mark", "==", 0x10, mask=0xF0), match("meta mark", "!=", 3),
    match("tcp flags", "==", ["syn"], mask=["syn", "ack"]),
    match("ip saddr . tcp dport", "==", ["10.0.0.0/8 . 80"]), match("fib daddr type", "==", ["local"]),
    match("rpfilter loose", "==", False), match("ip daddr", "==", "@half"), match("meta l4proto", "!=", "tcp"),
    match("ct direction", "==", "reply"), match("icmp type", "==", ["echo-request", 3]),
    match("meta skuid", "!=", 5, absent=True), {"any": [match("ip saddr", "==", "10.0.0.5"), NEVER]},
    {"none": [match("tcp dport", "==", 80), match("udp sport", "==", 9)]}, {"unknown": "-m limit"}, ALWAYS, NEVER,
])  # fmt: skip
STATEMENTS = st.sampled_from([
    {"do": "set_mark", "value": 0x20, "mask": 0xF0}, {"do": "set_mark", "value": "ct mark"},
    {"do": "set_mark", "value": 0x11, "mask": 0xF, "xor": True}, {"do": "set_ct_mark", "value": "meta mark"},
    {"do": "set_mark", "value": {"numgen": {"mode": "inc", "mod": 2, "offset": 0}}}, {"do": "set_tos", "value": 8},
    {"do": "log"}, {"do": "limit", "rate": 5},
    {"do": "set_mark", "value": {"of": "ct mark", "and": 3, "or": 8, "xor": 1}},
])  # fmt: skip
VERDICTS = st.sampled_from([
    None, None, {"do": "accept"}, {"do": "drop"}, {"do": "reject"}, {"do": "return"},
    {"do": "jump", "target": "helper"},
    {"do": "goto", "target": "helper"}, {"do": "vmap", "key": "tcp dport", "map": [[80, {"do": "drop"}]]},
    {"do": "vmap", "key": "ct state", "map": [["new", {"do": "accept"}], ["established", {"do": "drop"}]]},
])  # fmt: skip
# with the words that a packet's flow begins with where the packet has such a field at all
GARBAGE = st.sampled_from([
    ({"unknown": "what?"}, ""), ({"left": "never heard", "op": "==", "right": 1}, ""),
    ({"left": "meta", "op": "==", "right": 1}, ""), (match("ip saddr", "==", {"strange": 1}), "tcp 10."),
    (match("meta iifname", "==", {"range": ["x", {}]}), ""), (match("ct state", "in", ["@x"]), ""),
    (match("tcp flags", "==", ["nonsense"]), "tcp"), (match("meta mark", "~", 1), ""),
    (match("meta mark", "==", 1, mask="many"), ""), (match("tcp dport", "==", "@gone"), "tcp"),
    (match("fib who knows", "==", True), ""), (match("rpfilter sideways", "==", True), ""),
    (match("ip saddr . never heard", "==", ["10.0.0.5 . 1"]), "icmp 10."), ({"any": [{}]}, ""), ({}, ""),
    (match("meta pkttype", "==", {"strange": 1}), ""), (match("ip frag-off", "==", 0), "tcp 10."),
])  # fmt: skip


@st.composite
def rules(draw: st.DrawFn, in_helper: bool = False) -> Dict:
    verdict = draw(VERDICTS)
    if in_helper and verdict and verdict.get("target"):
        verdict = {"do": "return"}
    listed = copy.deepcopy(draw(st.lists(MATCHES, max_size=2)))
    statements = draw(st.lists(STATEMENTS, max_size=1))
    return {
        "text": f"{listed} {verdict}",
        "matches": listed,
        "statements": statements,
        **({"verdict": verdict} if verdict else {}),
    }


def run(main: list[Dict], helper: list[Dict], policy: str, packet: Packet, state: str) -> Filtered:
    base = {"family": "inet", "table": "fw"}
    chains = [
        {
            **base,
            "name": "forward",
            "type": "filter",
            "hook": "forward",
            "priority": 0,
            "policy": policy,
            "rules": main,
        },
        {**base, "name": "helper", "rules": helper},
        {
            **base,
            "name": "after",
            "type": "filter",
            "hook": "forward",
            "priority": 5,
            "policy": "accept",
            "rules": [
                {"text": "marked", "matches": [match("meta mark", "==", 0x20, mask=0xF0)], "verdict": {"do": "drop"}}
            ],
        },
    ]
    ruleset = Ruleset.from_facts(
        {"chains": chains, "sets": [{**base, "name": "half", "elements": [], "complete": False}]}
    )
    connection = Tracker().classify(packet)
    if state != "new":
        connection = Connection(state, "reply", connection.entry if state == "established" else None)
    return ruleset.run(Situation(HOST, "forward", packet, "eth0", "eth1", connection, mark=packet.mark))


def fate(done: Filtered) -> str:
    return {"reject": "drop"}.get(done.result.verdict, done.result.verdict)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(rules(), min_size=1, max_size=4), st.lists(rules(in_helper=True), max_size=2), GARBAGE, st.data(),
    st.sampled_from(["accept", "drop"]), st.sampled_from(PACKETS), st.sampled_from(["new", "established", "invalid"]),
)  # fmt: skip
def test_garbage_is_never_a_verdict_of_its_own(
    main: list[Dict],
    helper: list[Dict],
    strange: tuple[Dict, str],
    data: st.DataObject,
    policy: str,
    packet: Packet,
    state: str,
) -> None:
    garbage, needs = strange
    assume(str(packet.flow).startswith(needs))
    chosen = data.draw(st.sampled_from([*main, *helper]))
    place = data.draw(st.integers(0, len(chosen["matches"])))
    answers = []
    for instead in (garbage, ALWAYS, NEVER):
        chosen["matches"].insert(place, instead)
        answers.append(run(main, helper, policy, packet, state))
        del chosen["matches"][place]
    told, *possible = answers
    if fate(told) == "unknown":
        assert told.result.rule.startswith("inet fw ") and told.result.reason
        return
    for one in possible:
        assert fate(one) in (fate(told), "unknown")
        # what is told of the mark holds in both cases
        sure = ~(told.situation.unknown_mark | one.situation.unknown_mark)
        if fate(one) == fate(told) == "accept":
            assert (told.situation.mark ^ one.situation.mark) & sure == 0


@settings(max_examples=150, deadline=None)
@given(
    st.lists(rules(), min_size=1, max_size=3), st.data(), st.sampled_from(["accept", "drop"]), st.sampled_from(PACKETS),
    st.sampled_from([{"do": "unknown", "unknown": "?"}, {"do": "queue"},
                     {"do": "vmap", "key": "never heard", "map": [[1, {"do": "accept"}]]},
                     {"do": "vmap", "key": "ip saddr", "map": "@gone"}, {"do": "jump", "target": "gone"}]),
)  # fmt: skip
def test_a_verdict_that_is_not_understood_may_be_any(
    main: list[Dict], data: st.DataObject, policy: str, packet: Packet, strange: Dict
) -> None:
    chosen = data.draw(st.sampled_from(main))
    answers = []
    for instead in (strange, {"do": "accept"}, {"do": "drop"}, {"do": "continue"}):
        chosen["verdict"] = instead
        answers.append(run(main, [], policy, packet, "new"))
    told, *possible = answers
    if fate(told) != "unknown":
        assert {fate(one) for one in possible} <= {fate(told), "unknown"}
