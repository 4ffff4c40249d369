# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenarios of the kernel's fib_rule_tests.sh: each selector of a rule, and what does not match it."""

from __future__ import annotations

import os
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Rule
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.tests.oracle import kernel, rule_request
from ansible_collections.netpath.symmetry.tests.oracle.scenario import ask, build, told
from ansible_collections.netpath.symmetry.tests.oracle.world import Question

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces, which needs root")
FAR = {4: "192.51.100.1", 6: "2001:db8:99::1"}
OWN = {4: "10.0.1.1", 6: "2001:db8:1::1"}
GATEWAYS = {4: ("10.0.1.2", "10.0.2.2"), 6: ("2001:db8:1::2", "2001:db8:2::2")}
ICMP = {4: "icmp", 6: "ipv6-icmp"}
IN = {"src": "far", "iif": "d0"}  # a packet that comes in, from a far network
Fields = dict[str, t.Any]

# selector, what of a question matches it, what does not
SELECTORS: list[tuple[str, Fields, Fields]] = [
    ("oif d1", {"oif": "d1"}, {}),
    ("iif d0", IN, {**IN, "iif": "d1"}),
    ("from OWN iif lo", {"src": "own"}, {}),
    ("from FAR iif d0", IN, {**IN, "src": "near"}),
    ("to FAR", {}, {"dst": "other"}),
    ("tos 0x10", {"tos": 0x10}, {"tos": 0x08}),
    ("tos 0x10", {**IN, "tos": 0x10}, {**IN, "tos": 0}),
    ("fwmark 0x64", {"mark": 0x64}, {"mark": 0x65}),
    ("fwmark 0x64/0xf0", {"mark": 0x6F}, {"mark": 0x74}),
    ("uidrange 100-100", {"uid": 100}, {"uid": 101}),
    ("uidrange 0-0 iif d0", IN, {"uid": 7}),
    ("sport 666 dport 777", {"sport": 666, "dport": 777}, {"sport": 667, "dport": 777}),
    ("sport 666 dport 777", {**IN, "sport": 666, "dport": 777}, {**IN, "sport": 666, "dport": 778}),
    ("dport 100-200", {"sport": 1, "dport": 200}, {"sport": 1, "dport": 201}),
    ("ipproto tcp", {"protocol": "tcp"}, {"protocol": "udp"}),
    ("ipproto ICMP", {**IN, "protocol": "icmp"}, {**IN, "protocol": "tcp"}),
]


def question(family: int, fields: Fields) -> Question:
    addresses = {
        **{"far": FAR[family], "own": OWN[family]},
        "near": {4: "10.0.1.9", 6: "2001:db8:1::9"}[family],
        "other": {4: "198.51.100.1", 6: "2001:db8:98::1"}[family],
    }
    values = {"dst": "far", **fields}
    if values.get("src") == "far":
        values["dst"] = "other"
    for name in ("src", "dst"):
        if name in values:
            values[name] = addresses[values[name]]
    if values.get("protocol") == "icmp" and family == 6:
        values["protocol"] = "icmpv6"
    return Question(family=family, **values)


def commands_for(family: int, rule: str) -> list[str]:
    """A rule at 100 that leads to table 100 and its router behind d1; all else goes to the router behind d0."""
    home, away = GATEWAYS[family]
    words = rule.replace("FAR", FAR[family]).replace("OWN", OWN[family]).replace("ICMP", ICMP[family])
    return [
        f"-{family} route add default via {home} dev d0",
        f"-{family} route add default via {away} dev d1 table 100",
        f"-{family} rule add pref 100 {words}",
    ]


@pytest.mark.parametrize("invert", ["", "not "])
@pytest.mark.parametrize(("selector", "hit", "miss"), SELECTORS)
def test_a_selector_redirects_what_matches_it_and_nothing_else(
    selector: str, hit: Fields, miss: Fields, invert: str
) -> None:
    host = build([command for family in (4, 6) for command in commands_for(family, f"{invert}{selector} lookup 100")])
    for family in (4, 6):
        home, away = GATEWAYS[family]
        redirected, kept = f"{away} d1 100", f"{home} d0 254"
        missed = redirected if invert else kept
        if hit.get("oif"):  # no route by the interface that is asked for
            kept = "on link d1 254" if family == 4 else "Network is unreachable"
        answers = [told(ask(host, question(family, fields))) for fields in (hit, miss)]
        assert answers == [kept if invert else redirected, missed]


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(("dscp", "tos"), [(46, 0xB8), (10, 0x28)])
def test_dscp_is_compared_whole(family: int, dscp: int, tos: int) -> None:
    if not kernel.has_dscp_rules():
        pytest.skip("this kernel has no rules for DSCP (Linux 6.12)")
    home, away = GATEWAYS[family]
    routes = (f"default via {home} dev d0", f"default via {away} dev d1 table 100")
    build([f"-{family} route add {words}" for words in routes])
    rule_request.add([Rule(family, 100, table=100, dscp=dscp)])
    host = Host.from_facts("host", kernel.read_settled_facts())
    assert told(ask(host, question(family, {"tos": tos}))) == f"{away} d1 100"
    assert told(ask(host, question(family, {"tos": tos ^ 0x80}))) == f"{home} d0 254"


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("unreachable", {4: "Network is unreachable", 6: "Network is unreachable"}),
        ("prohibit", {4: "Permission denied", 6: "Permission denied"}),
        ("blackhole", {4: "Invalid argument", 6: "Invalid argument"}),
        ("nop", {4: "10.0.1.2 d0 254", 6: "2001:db8:1::2 d0 254"}),
        ("goto 200", {4: "10.0.2.2 d1 100", 6: "2001:db8:2::2 d1 100"}),
        ("goto 300", {4: "Permission denied", 6: "Permission denied"}),  # nothing stands there: the rule is passed over
    ],
)
def test_actions(family: int, action: str, expected: dict[int, str]) -> None:
    home, away = GATEWAYS[family]
    commands = [
        f"-{family} route add default via {home} dev d0",
        f"-{family} route add default via {away} dev d1 table 100",
        f"-{family} rule add pref 100 {action}",
    ]
    if action.startswith("goto"):
        commands += [f"-{family} rule add pref 150 prohibit", f"-{family} rule add pref 200 lookup 100"]
    assert told(ask(build(commands), question(family, {}))) == expected[family]


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(
    ("suppressor", "suppressed"),
    [
        ("suppress_prefixlength 0", True),
        ("suppress_prefixlength 8", True),
        ("suppress_ifgroup 7", True),
        ("suppress_ifgroup 8", False),
    ],
)
def test_a_suppressed_default_route_leaves_the_packet_to_the_next_rule(
    family: int, suppressor: str, suppressed: bool
) -> None:
    home, away = GATEWAYS[family]
    host = build(
        [
            "link set d1 group 7",
            f"-{family} route add default via {home} dev d0",
            f"-{family} route add default via {away} dev d1 table 100",
            f"-{family} route add {FAR[family]} via {away} dev d1 table 100",
            f"-{family} rule add pref 100 lookup 100 {suppressor}",
        ]
    )
    expected = f"{home} d0 254" if suppressed else f"{away} d1 100"
    assert told(ask(host, question(family, {"dst": "other"}))) == expected
    specific = f"{home} d0 254" if "ifgroup 7" in suppressor else f"{away} d1 100"
    assert told(ask(host, question(family, {}))) == specific
