# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._capture.decode import Header
from ansible_collections.netpath.symmetry.plugins.module_utils._capture.summary import Event, story, summarise
from ansible_collections.netpath.symmetry.plugins.module_utils._capture.wanted import Wanted, parse_flow
from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import FlowError

C, S, NAT, DNAT, ROUTER = "10.0.0.1", "10.9.0.1", "192.0.2.1", "192.0.2.2", "10.5.5.5"


def header(source: str, sport: int | None, destination: str, dport: int | None, **more: object) -> Header:
    fields = {"protocol": "tcp", "ttl": 64, "length": 60, "flags": "SYN", **more}
    return Header(source=source, sport=sport, destination=destination, dport=dport, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("packet", "way"),
    [
        (header(C, 4000, S, 80), "forward"),
        (header(S, 80, C, 4000), "return"),
        (header(C, 4000, S, 81), None),
        (header(C, 80, S, 4000), None),
        (header(S, 4000, C, 80), None),
        (header(C, 4000, S, 80, protocol="udp"), None),
        (header(C, 4000, NAT, 80), "forward"),
        (header(NAT, 9999, S, 80), "forward"),
        (header(S, 80, NAT, 9999), "return"),
        (header(NAT, 9999, S, 81), None),
        (header(C, 4000, DNAT, 8080), "forward"),
        (header(NAT, 9999, DNAT, 80), "forward"),
        (header(DNAT, 80, NAT, 9999), "return"),
        (header(C, 4000, C, 80), None),
        (header(C, None, S, None, flags="fragment"), "forward"),
        (header(S, None, C, None, flags="fragment"), "return"),
        (header(ROUTER, None, C, None, protocol="icmp", error="x", quoted=header(C, 4000, S, 80)), "icmp_error"),
        (header(ROUTER, None, NAT, None, protocol="icmp", error="x", quoted=header(NAT, 1, S, 80)), "icmp_error"),
        (header(ROUTER, None, C, None, protocol="icmp", error="x", quoted=header(C, 4000, S, 81)), None),
        (header(ROUTER, None, C, None, protocol="icmp", error="x"), None),
    ],
)
def test_the_way_of_a_packet(packet: Header, way: str | None) -> None:
    assert Wanted.build(f"tcp {C} > {S}:80", [NAT, DNAT]).way(packet) == way


def test_a_source_port_counts_where_it_is_given() -> None:
    wanted = Wanted.build(f"tcp {C}:4000 > {S}:80", [])
    assert wanted.way(header(C, 4000, S, 80)) == "forward" and wanted.way(header(C, 4001, S, 80)) is None


def test_an_icmp_flow() -> None:
    wanted = Wanted.build(f"icmp {C} > {S}", [])
    assert wanted.way(header(S, None, C, None, protocol="icmp", flags="echo-reply")) == "return"


def test_any_port() -> None:
    assert parse_flow(f"tcp {C} > {S}:*").dport is None
    assert Wanted.build(f"tcp {C} > {S}:*", []).way(header(S, 1234, C, 80)) == "return"


@pytest.mark.parametrize(
    ("flow", "addresses", "told"),
    [
        (f"tcp {C} > {S}", [], "destination port"),
        (f"tcp {C} > {S}:80", ["x"], "'x' is not an IP address"),
        (f"tcp {C} > {S}:80", ["fd00::1"], "address family"),
        (f"tcp {C} > {S}:80", ["10.0.0.9"] * 31, "at most 30"),
    ],
)
def test_what_is_refused(flow: str, addresses: list[str], told: str) -> None:
    with pytest.raises(FlowError, match=told):
        Wanted.build(flow, addresses)


def event(time: float, interface: str, direction: str, way: str, flags: str, **more: object) -> Event:
    fields = {
        "source": C,
        "destination": S,
        "sport": 1,
        "dport": 80,
        "protocol": "tcp",
        "length": 60,
        "ttl": 64,
        **more,
    }
    return Event(time, interface, direction, way, flags=flags, **fields)  # type: ignore[arg-type]


def test_the_story_of_an_asymmetric_flow() -> None:
    events = [
        event(3, "wan_b", "in", "return", "SYN-ACK"),
        event(1, "wan_a", "out", "forward", "SYN"),
        event(2, "wan_a", "out", "forward", "SYN"),
        event(4, "wan_a", "out", "forward", "ACK"),
    ]
    summary = summarise(events)
    assert summary["story"] == "SYN left wan_a, SYN-ACK came in on wan_b"
    assert {"interface": "wan_a", "direction": "out", "way": "forward", "packets": 3, "bytes": 180} in summary["counts"]


def test_what_is_missing_is_said() -> None:
    assert story([]) == "no packet of the flow was seen"
    assert story([event(1, "a", "out", "forward", "SYN")]).endswith("no reply was seen")
    assert story([event(1, "a", "in", "return", "SYN-ACK")]).endswith("nothing of the forward direction was seen")
    told = story([event(n, f"i{n}", "out", "forward", "SYN") for n in range(20)])
    assert told.count("SYN left") == 12 and "and more" in told
