# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reverse-path validation, in the order of fib_validate_source."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import routing
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet

Dict = dict[str, t.Any]
FORWARDED = "tcp 20.1.1.5:1000 > 10.0.2.9:80"
FOR_US = "tcp 20.1.1.5:1000 > 10.0.1.1:80"


def a_host(mode: int, routes: list[Dict] | None = None, rules: list[Dict] | None = None, **sysctls: int) -> Host:
    """Interfaces a, b and bare (without an address); 20.0.0.0/8 is reached by b."""
    own = {"rp_filter": mode, "forwarding": 1, "send_redirects": 0, **sysctls}
    base = [{"family": 4, "priority": 0, "table": 255}, {"family": 4, "priority": 32766, "table": 254}]
    return Host.from_facts(
        "r",
        {
            "kernel": "6.18.1",
            "interfaces": {
                "lo": {"index": 1, "kind": "loopback"},
                "a": {"index": 2, "addresses": [{"family": 4, "address": "10.0.1.1", "prefixlen": 24}]},
                "b": {"index": 3, "addresses": [{"family": 4, "address": "10.0.2.1", "prefixlen": 24}]},
                "bare": {"index": 4},
            },
            "interface_sysctls": {"all": {"rp_filter": 0}, "a": own, "b": own, "bare": own, "lo": own},
            "routes": [
                {"family": 4, "table": 254, "dst": "20.0.0.0/8", "nexthops": [{"device": "b", "gateway": "10.0.2.9"}]},
                {"family": 4, "table": 254, "dst": "10.0.2.0/24", "nexthops": [{"device": "b"}]},
                *(routes or []),
            ],
            "rules": sorted([*base, *(rules or [])], key=lambda rule: rule["priority"]) if rules is not None else [],
        },
    )


def verdict(host: Host, text: str = FORWARDED, iif: str = "a", **packet: t.Any) -> str:
    (decision,) = routing.route_input(host, Packet(Flow.parse(text), **packet), iif)
    return decision.reason or decision.outcome


@pytest.mark.parametrize(("mode", "expected"), [(0, "forward"), (1, "reverse_path"), (2, "forward")])
def test_modes(mode: int, expected: str) -> None:
    assert verdict(a_host(mode)) == expected
    assert verdict(a_host(mode), iif="b", text="tcp 20.1.1.5:1 > 10.0.2.7:80") == "forward"


def test_the_greater_of_all_and_interface_is_in_force_so_that_loose_wins() -> None:
    facts = dict(a_host(1).facts)
    facts["interface_sysctls"] = {**facts["interface_sysctls"], "all": {"rp_filter": 2}}
    host = Host.from_facts("r", facts)
    check = host.reverse_path(Packet(Flow.parse(FORWARDED)), "a", "b")
    assert (check.verdict, check.mode, check.origin, check.expected_devices) == ("pass", 2, "all", ("b",))


def test_without_a_route_back_loose_drops_too_and_off_accepts() -> None:
    text = "tcp 99.1.1.5:1000 > 10.0.2.9:80"
    assert [verdict(a_host(mode), text) for mode in (0, 1, 2)] == ["forward", "reverse_path", "reverse_path"]


def test_any_leg_of_a_multipath_route_will_do() -> None:
    legs = [{"device": "b", "gateway": "10.0.2.9"}, {"device": "a", "gateway": "10.0.1.9"}]
    assert verdict(a_host(1, [{"family": 4, "table": 254, "dst": "20.1.0.0/16", "nexthops": legs}])) == "forward"


def test_iif_of_the_reverse_lookup_is_the_egress_or_lo() -> None:
    by_a = {"family": 4, "table": 100, "dst": "20.0.0.0/8", "nexthops": [{"device": "a"}]}
    egress = [{"family": 4, "priority": 50, "iif": "b", "table": 100}]
    lo = [{"family": 4, "priority": 50, "iif": "lo", "table": 100}]
    assert [verdict(a_host(1, [by_a], egress), text) for text in (FORWARDED, FOR_US)] == ["forward", "reverse_path"]
    assert [verdict(a_host(1, [by_a], lo), text) for text in (FORWARDED, FOR_US)] == ["reverse_path", "local"]


def test_the_mark_counts_only_with_src_valid_mark() -> None:
    by_a = {"family": 4, "table": 100, "dst": "20.0.0.0/8", "nexthops": [{"device": "a"}]}
    marked = [{"family": 4, "priority": 50, "fwmark": 5, "dst": "20.0.0.0/8", "table": 100}]
    assert verdict(a_host(1, [by_a], marked), mark=5) == "reverse_path"
    assert verdict(a_host(1, [by_a], marked, src_valid_mark=1), mark=5) == "forward"


def test_ports_are_swapped_and_looked_at_only_if_a_rule_not_of_lo_selects_them() -> None:
    by_a = {"family": 4, "table": 100, "dst": "20.0.0.0/8", "nexthops": [{"device": "a"}]}
    swapped = [{"family": 4, "priority": 50, "dst": "20.0.0.0/8", "dport": [1000, 1000], "table": 100}]
    assert verdict(a_host(1, [by_a], swapped)) == "forward"
    only_lo = [{"family": 4, "priority": 50, "iif": "lo", "dport": [1000, 1000], "table": 100}]
    assert verdict(a_host(1, [by_a], only_lo), FOR_US) == "reverse_path"
    other = [*only_lo, {"family": 4, "priority": 60, "sport": [7, 7], "table": 101}]
    assert verdict(a_host(1, [by_a], other), FOR_US) == "local"


def test_an_own_address_as_source_is_martian_unless_accepted() -> None:
    text = "tcp 10.0.2.1:1000 > 10.0.2.9:80"
    assert [verdict(a_host(mode), text) for mode in (0, 1)] == ["martian", "martian"]
    assert verdict(a_host(0, accept_local=1), text) == "forward"


def test_an_interface_without_address_drops_even_loosely() -> None:
    assert verdict(a_host(2), iif="bare") == "reverse_path"
    assert verdict(a_host(0), iif="bare") == "forward"


def test_addresses_that_no_packet_may_have() -> None:
    assert verdict(a_host(0), "tcp 127.0.0.1:1 > 10.0.2.9:80") == "martian"
    assert verdict(a_host(0, route_localnet=1), "tcp 127.0.0.1:1 > 10.0.2.9:80") == "forward"
    assert verdict(a_host(0), "tcp 224.0.0.5:1 > 10.0.2.9:80") == "martian"


def test_what_was_not_read_is_unknown() -> None:
    facts = dict(a_host(1).facts)
    facts["interface_sysctls"] = {"all": {}, "a": {"forwarding": 1}}
    (decision,) = routing.route_input(Host.from_facts("r", facts), Packet(Flow.parse(FORWARDED)), "a")
    assert decision.outcome == "unknown" and "rp_filter of a on r was not read" in decision.detail


def test_forwarding_that_is_off() -> None:
    assert verdict(a_host(0, forwarding=0)) == "not_forwarding"
    assert verdict(a_host(0, forwarding=0), FOR_US) == "local"
