# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes of a raw dump, without a kernel: order of attributes, covering networks, what the schema cannot hold."""

from __future__ import annotations

import struct
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import netlink, routes

NAMES = {1: "lo", 4: "wan_a"}


def message(dst: str = "", table: int = 254, first: bytes = b"", scope: int = 0, **attributes: int) -> bytes:
    """One RTM_NEWROUTE with its header; ``first`` are attributes before the table."""
    packed, length = routes.parse_prefix(dst) if dst else (b"", 0)
    body = struct.pack("=BBBBBBBBI", 2, length, 0, 0, min(table, 252), 4, scope, 1, attributes.get("flags", 0))
    body += first + netlink.attribute(15, struct.pack("=I", table))
    if packed:
        body += netlink.attribute(1, packed)
    body += netlink.attribute(4, struct.pack("=I", 4))
    return netlink.HEADER.pack(netlink.HEADER.size + len(body), routes.RTM_NEWROUTE, 2, 1, 0) + body


class Kernel(netlink.Netlink):
    """Answers with these datagrams; refusals and the end are found by the real ``check``."""

    def __init__(self, *datagrams: bytes) -> None:
        self.interrupted = False
        self.answer = datagrams

    def datagrams(self, kind: int, body: bytes, dump: bool = True) -> t.Iterator[bytes]:
        yield from self.answer


DONE = netlink.HEADER.pack(20, netlink.NLMSG_DONE, 2, 1, 0) + bytes(4)


def walk(*datagrams: bytes, interest: tuple[str, ...] = (), limit: int = 10) -> routes.Walk:
    return routes.walk(Kernel(*datagrams, DONE), 4, routes.covering(interest)[4], limit)


def test_routes_are_counted_by_table_whatever_the_order_of_attributes() -> None:
    late_table = message("10.1.0.0/16", table=70000, first=netlink.attribute(6, struct.pack("=I", 5)))
    found = walk(message("10.0.0.0/8") + late_table, message())
    assert found.counts == {254: 2, 70000: 1} and not found.filtered
    assert [routes.decode(body, NAMES)["dst"] for body in found.messages] == ["10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0"]
    assert routes.decode(found.messages[1], NAMES) == {
        "family": 4, "table": 70000, "dst": "10.1.0.0/16", "metric": 5, "protocol": 4,
        "nexthops": [{"device": "wan_a"}],
    }


def test_beyond_the_limit_only_what_matters_is_kept() -> None:
    late = message("10.7.0.0/16", first=netlink.attribute(6, struct.pack("=I", 5)))  # not in the usual order
    found = walk(
        message("10.0.0.0/8"), message("10.9.0.0/16"), message("10.9.9.0/24"), late, message("172.16.0.0/12"),
        message(), message("192.0.2.0/24", scope=253), message("192.0.3.0/24", table=10100),
        interest=("10.9.8.7", "10.7.0.0/20"), limit=1,
    )
    kept = [routes.decode(body, NAMES)["dst"] for body in found.messages]
    assert kept == ["10.0.0.0/8", "10.9.0.0/16", "10.7.0.0/16", "0.0.0.0/0", "192.0.2.0/24", "192.0.3.0/24"]
    assert found.filtered and not found.clipped and sum(found.counts.values()) == 8


def test_routes_inside_a_prefix_of_interest_are_kept_while_they_are_not_too_many(monkeypatch) -> None:
    asked = ("10.0.0.0/20", "10.8.0.0/13")
    routes_there = [message(prefix) for prefix in (
        "10.0.0.0/8", "10.0.0.0/20", "10.0.4.0/24", "10.0.4.7/32", "10.0.16.0/24", "10.9.0.0/16", "11.0.0.0/24")]
    covers = routes.covering(asked)
    found = routes.walk(Kernel(*routes_there, DONE), 4, covers[4], 1)
    kept = [routes.decode(body, NAMES)["dst"] for body in found.messages]
    assert kept == ["10.0.0.0/8", "10.0.0.0/20", "10.0.4.0/24", "10.0.4.7/32", "10.9.0.0/16"]
    assert not routes.crowded(covers)
    monkeypatch.setattr(routes, "MOST_INSIDE", 0)
    covers = routes.covering(asked)
    found = routes.walk(Kernel(*routes_there, DONE), 4, covers[4], 1)
    assert [routes.decode(body, NAMES)["dst"] for body in found.messages] == ["10.0.0.0/8", "10.0.0.0/20"]
    assert routes.crowded(covers)


def test_connected_routes_have_a_limit_too() -> None:
    found = walk(*(message(f"192.0.{i}.0/24", scope=253) for i in range(5)), limit=3)
    assert found.clipped and len(found.messages) == 3 and found.counts == {254: 5}


def test_cached_routes_are_left_out() -> None:
    assert walk(message("10.0.0.1/32", flags=routes.RTM_F_CLONED)).counts == {}


def test_a_dump_that_was_interrupted_is_noticed() -> None:
    data = bytearray(message("10.0.0.0/8"))
    struct.pack_into("=H", data, 6, netlink.NLM_F_DUMP_INTR)
    kernel = Kernel(bytes(data), DONE)
    routes.walk(kernel, 4, routes.covering(())[4], 10)
    assert kernel.interrupted


@pytest.mark.parametrize(
    ("flags", "repeated", "said"),
    [(0x100, b"", ""), (0, b"12345678", ""), (0x300, b"", "Invalid table"), (0x200, b"12345678", "Invalid table")],
)
def test_a_refusal_is_an_error_with_the_words_of_the_kernel(flags: int, repeated: bytes, said: str) -> None:
    request = netlink.HEADER.pack(netlink.HEADER.size + len(repeated), routes.RTM_GETROUTE, 1, 1, 0)
    extended = netlink.attribute(1, said.encode() + b"\0") if said else b""
    body = struct.pack("=i", -1) + request + (b"" if flags & 0x100 else repeated) + extended
    refusal = netlink.HEADER.pack(netlink.HEADER.size + len(body), netlink.NLMSG_ERROR, flags, 1, 0) + body
    with pytest.raises(netlink.NetlinkError, match=said or "Operation not permitted") as caught:
        walk(message("10.0.0.0/8") + refusal)
    assert caught.value.errno == 1


def test_source_specific_routes_are_set_aside_with_their_name() -> None:
    kept, omitted = routes.split([
        {"dst": "2001:db8::/32", "table": 254},
        {"dst": "2001:db8:1::/48", "table": 254, "from": "2001:db8:a::/64"},
    ])
    assert [route["dst"] for route in kept] == ["2001:db8::/32"]
    assert omitted == ["source-specific: 2001:db8:1::/48 from 2001:db8:a::/64 table 254"]


@pytest.mark.parametrize(
    ("text", "packed", "length"),
    [("10.0.0.0/8", bytes([10, 0, 0, 0]), 8), ("10.1.2.3", bytes([10, 1, 2, 3]), 32), ("::/0", bytes(16), 0)],
)
def test_prefixes(text: str, packed: bytes, length: int) -> None:
    assert routes.parse_prefix(text) == (packed, length)


@pytest.mark.parametrize("text", ["", "10.0.0", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "a/b", "10.0.0.0/x"])
def test_what_is_no_prefix_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        routes.parse_prefix(text)
