# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules and routes as text, and changes as plain data."""

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import NextHop, Route, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Change, Connection, changes_to_dict
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.lookup import Packet, egress
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.render import (
    route_arguments,
    route_line,
    rule_arguments,
    rule_line,
)

EVERYTHING = Rule(
    4,
    10301,
    table=10300,
    src="10.0.0.0/8",
    dst="192.0.2.1/32",
    iif="a0",
    oif="b0",
    fwmark=0x10,
    fwmask=0xFF,
    tos=0x10,
    ipproto=6,
    sport=(10, 20),
    dport=(443, 443),
    uidrange=(0, 5),
    invert=True,
    protocol=83,
)


def test_a_rule_with_every_selector_reads_as_ip_rule_prints_it() -> None:
    assert rule_line(EVERYTHING) == (
        "10301:\tnot from 10.0.0.0/8 to 192.0.2.1 tos 0x10 fwmark 0x10/0xff iif a0 oif b0 uidrange 0-5 ipproto tcp "
        "sport 10-20 dport 443 lookup 10300 proto 83"
    )
    assert rule_arguments(EVERYTHING) == (
        "priority 10301 not from 10.0.0.0/8 to 192.0.2.1 tos 0x10 fwmark 0x10/0xff iif a0 oif b0 uidrange 0-5 "
        "ipproto 6 sport 10-20 dport 443 lookup 10300 protocol 83"
    )


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        (Rule(4, 1, table=254, suppress_prefixlength=0), "1:\tfrom all lookup main suppress_prefixlength 0"),
        (Rule(4, 2, action="goto", goto=9, src="10.9.0.0/16"), "2:\tfrom 10.9.0.0/16 goto 9"),
        (Rule(4, 3, action="blackhole"), "3:\tfrom all blackhole"),
        (Rule(4, 4, l3mdev=True, protocol=2), "4:\tfrom all l3mdev"),
        (Rule(4, 5, table=9, suppress_ifgroup=3), "5:\tfrom all lookup 9 suppress_ifgroup 3"),
    ],
)
def test_rule_lines(rule: Rule, line: str) -> None:
    assert rule_line(rule) == line


@pytest.mark.parametrize(
    ("route", "line", "arguments"),
    [
        (
            Route(4, 9, "10.3.0.0/16", tos=0x10, protocol=83, prefsrc="198.51.100.2", mtu=1400, nexthops=(
                NextHop("a0", "10.77.77.1", flags=("onlink",)),)),
            "10.3.0.0/16 tos 0x10 via 10.77.77.1 dev a0 proto 83 src 198.51.100.2 onlink mtu 1400",
            "10.3.0.0/16 tos 0x10 table 9 proto 83 scope global src 198.51.100.2 mtu 1400 via 10.77.77.1 dev a0 onlink",
        ),
        (
            Route(4, 9, "10.0.0.0/8", protocol=83, nexthops=(NextHop("a0", "10.1.0.1"), NextHop("b0", None, 3))),
            "10.0.0.0/8 proto 83 nexthop via 10.1.0.1 dev a0 weight 1 nexthop dev b0 weight 3",
            "10.0.0.0/8 table 9 proto 83 nexthop via 10.1.0.1 dev a0 weight 1 nexthop dev b0 weight 3",
        ),
        (
            Route(4, 9, "10.4.0.0/16", protocol=83, nexthops=(NextHop("a0", "fe80::1"),)),
            "10.4.0.0/16 via inet6 fe80::1 dev a0 proto 83",
            "10.4.0.0/16 table 9 proto 83 scope global via inet6 fe80::1 dev a0",
        ),
        (
            Route(4, 9, "10.5.0.0/16", protocol=83, scope="link", nexthops=(NextHop("v0.100"),)),
            "10.5.0.0/16 dev v0.100 proto 83 scope link",
            "10.5.0.0/16 table 9 proto 83 scope link dev v0.100",
        ),
        (
            Route(4, 9, "0.0.0.0/0", "unreachable", metric=5, protocol=83),
            "unreachable default proto 83 metric 5",
            "unreachable 0.0.0.0/0 table 9 proto 83 metric 5",
        ),
        (
            Route(4, 9, "10.6.0.1/32", protocol=4, nhid=7, nexthops=(NextHop("a0", "10.1.0.1"),)),
            "10.6.0.1 nhid 7 via 10.1.0.1 dev a0 proto static",
            "10.6.0.1/32 table 9 proto 4 nhid 7",
        ),
    ],
)  # fmt: skip
def test_route_lines(route: Route, line: str, arguments: str) -> None:
    assert route_line(route) == line
    assert route_arguments(route) == arguments


def test_changes_as_data() -> None:
    rule = Rule(6, 10500, table=10500, protocol=83)
    change = Change("rule", "add", after=rule)
    data = {"family": 6, "priority": 10500, "table": 10500, "protocol": 83}
    assert changes_to_dict([change]) == [{"kind": "rule", "op": "add", "after": data}]
    assert change.commands() == ["ip -6 rule add priority 10500 from all lookup 10500 protocol 83"]


def test_a_connection_is_deleted_by_its_whole_tuple() -> None:
    entry = Connection(
        6, "icmpv6", "2001:db8::5", "2001:db8::9", "2001:db8::9", "2001:db8::5", icmp=(128, 0, 7), zone=3
    )
    assert Change("conntrack", "delete", before=entry).commands() == [
        "conntrack -D -f ipv6 -p icmpv6 -s 2001:db8::5 -d 2001:db8::9 -r 2001:db8::9 -q 2001:db8::5 "
        "--icmpv6-type 128 --icmpv6-code 0 --icmpv6-id 7 -w 3"
    ]


MAIN = Rule(4, 32766, table=254)
DEFAULT = Route(4, 254, "0.0.0.0/0", nexthops=(NextHop("b0", "10.2.0.1"),))
T9 = Route(4, 9, "0.0.0.0/0", nexthops=(NextHop("a0", "10.1.0.1"),))


@pytest.mark.parametrize(
    ("rules", "routes", "device"),
    [
        ([MAIN], [DEFAULT], "b0"),
        ([Rule(4, 5, table=9, src="10.0.0.1/32"), MAIN], [DEFAULT, T9], "a0"),
        ([Rule(4, 5, table=9, src="10.0.0.2/32"), MAIN], [DEFAULT, T9], "b0"),
        ([Rule(4, 5, table=9, src="10.0.0.2/32", invert=True), MAIN], [DEFAULT, T9], "a0"),
        ([Rule(4, 5, table=9, suppress_prefixlength=0), MAIN], [DEFAULT, T9], "b0"),
        ([Rule(4, 5, table=9, iif="a0"), MAIN], [DEFAULT, T9], "b0"),
        ([Rule(4, 5, table=9, iif="lo"), MAIN], [DEFAULT, T9], "a0"),
        ([Rule(4, 5, table=9, fwmark=1), MAIN], [DEFAULT, T9], "b0"),
        ([Rule(4, 5, table=9, sport=(22, 22)), MAIN], [DEFAULT, T9], "a0"),
        ([Rule(4, 5, action="goto", goto=32766), Rule(4, 6, table=9), MAIN], [DEFAULT, T9], "b0"),
        ([Rule(4, 5, action="nop"), MAIN], [DEFAULT], "b0"),
        ([Rule(4, 5, action="prohibit"), MAIN], [DEFAULT], None),
        ([MAIN], [DEFAULT, Route(4, 254, "192.0.2.0/24", "unreachable")], None),
        ([Rule(4, 5, table=9), MAIN], [DEFAULT, Route(4, 9, "192.0.2.0/24", "throw")], "b0"),
        ([MAIN], [], None),
    ],
)
def test_lookups_of_the_session(rules: list, routes: list, device: str | None) -> None:
    assert egress(rules, routes, Packet("10.0.0.1", "192.0.2.1")).device == device
