# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
"""The text of prefix flows: what is read, how it is written, and what is refused in one line."""

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow, FlowError
from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow_spec import FlowSpec, read_flow


@pytest.mark.parametrize(("text", "spec", "canonical"), [
    ("tcp 10.1.4.0/22 > 203.0.113.0/25:443", FlowSpec("tcp", "10.1.4.0/22", "203.0.113.0/25", None, (443, 443)), ""),
    ("UDP 10.0.0.0/8 -> 192.0.2.1:1-1023", FlowSpec("udp", "10.0.0.0/8", "192.0.2.1/32", None, (1, 1023)),
     "udp 10.0.0.0/8 > 192.0.2.1:1-1023"),
    ("udp 10.0.0.0/8:53 > 192.0.2.0/24", FlowSpec("udp", "10.0.0.0/8", "192.0.2.0/24", (53, 53), (1, 65535)),
     "udp 10.0.0.0/8:53 > 192.0.2.0/24:1-65535"),
    ("tcp 2001:db8:1::/64 > [2001:db8:2::/64]:443",
     FlowSpec("tcp", "2001:db8:1::/64", "2001:db8:2::/64", None, (443, 443)), ""),
    ("icmp 2001:db8::/32 > 2001:db8:2::1", FlowSpec("icmpv6", "2001:db8::/32", "2001:db8:2::1/128"),
     "icmpv6 2001:db8::/32 > 2001:db8:2::1"),
    ("tcp 0.0.0.0/0 > 192.0.2.1:80", FlowSpec("tcp", "0.0.0.0/0", "192.0.2.1/32", None, (80, 80)), ""),
])
def test_prefix_flows_are_read_and_written(text: str, spec: FlowSpec, canonical: str) -> None:
    assert read_flow(text) == spec
    assert str(spec) == (canonical or text)
    assert read_flow(str(spec)) == spec


def test_single_flows_stay_what_they_were() -> None:
    for text in ("tcp 10.0.0.5 > 203.0.113.10:443", "icmp 10.0.0.5 > 203.0.113.10"):
        assert read_flow(text) == Flow.parse(text)
    with pytest.raises(FlowError, match="needs a destination port"):
        read_flow("tcp 10.0.0.5 > 203.0.113.10")


@pytest.mark.parametrize(("text", "says"), [
    ("tcp 10.1.4.1/22 > 192.0.2.1:80", r"bits set beyond its length; the prefix is 10\.1\.4\.0/22"),
    ("tcp 10.0.0.0/8 > 192.0.2.1:500-100", "500 is above 100"),
    ("tcp 10.0.0.0/8 > 192.0.2.1:0-100", "not between 1 and 65535"),
    ("tcp 10.0.0.0/8 > 192.0.2.1:1-70000", "not between 1 and 65535"),
    ("tcp 10.0.0.0/8 > [2001:db8::1]:80", "different address families"),
    ("icmp 10.0.0.0/8 > 192.0.2.1:80", "icmp has no ports"),
    ("icmpv6 10.0.0.0/8 > 192.0.2.1", "the prefixes are of IPv4"),
    ("tcp 10.0.0.0/33 > 192.0.2.1:80", "is not a prefix"),
    ("tcp 10.0.0.0/8:1-x > 192.0.2.1:80", "is not a prefix"),
    ("tcp 2001:db8::/32:443 > 2001:db8::1", "is not a prefix"),
    ("sctp 10.0.0.0/8 > 192.0.2.1:80", "'sctp' is not one of"),
])
def test_what_is_no_prefix_flow_is_said_in_one_line(text: str, says: str) -> None:
    with pytest.raises(FlowError, match=says) as caught:
        read_flow(text)
    assert "\n" not in str(caught.value) and repr(text) in str(caught.value)
