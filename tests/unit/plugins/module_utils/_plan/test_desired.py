# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From uplinks and pins to tables, rules and entries."""

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.desired import (
    BLOCK_METRIC,
    pins_to_desired,
    source_rules_desired,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError

UPLINKS = [
    {"name": "a", "interface": "wan_a", "gateway": "198.51.100.1"},
    {"name": "b", "interface": "wan_b", "gateway": "198.51.100.5"},
    {"name": "a", "interface": "wan_a", "gateway": "2001:db8:a::1"},
]
INTERFACES = {
    "wan_a": {
        "addresses": [
            {"family": 4, "address": "198.51.100.2", "prefixlen": 30},
            {"family": 6, "address": "2001:db8:a::2", "prefixlen": 64},
            {"family": 6, "address": "fe80::2", "prefixlen": 64, "scope": "link"},
            {"family": 6, "address": "2001:db8:a::3", "prefixlen": 64, "flags": ["tentative"]},
        ]
    },
    "wan_b": {"addresses": [{"family": 4, "address": "198.51.100.6", "prefixlen": 30}]},
}
LINK_LOCAL = {"family": 6, "address": "fe80::2", "prefixlen": 64, "scope": "link"}


def test_all_pins_share_one_table_and_one_rule_per_family() -> None:
    pins = [
        {"name": "p", "prefixes": ["10.0.0.0/8", "2001:db8:5::/48"], "uplink": "a"},
        {"name": "q", "prefixes": ["10.1.0.0/16"], "uplink": "b", "on_uplink_loss": "block"},
    ]
    wanted = pins_to_desired(UPLINKS, pins)
    assert wanted["rules"] == [{"family": 4, "table": "pins"}, {"family": 6, "table": "pins"}]
    assert wanted["tables"][0]["routes"] == [
        {"dst": "10.0.0.0/8", "device": "wan_a", "gateway": "198.51.100.1"},
        {"dst": "2001:db8:5::/48", "device": "wan_a", "gateway": "2001:db8:a::1"},
        {"dst": "10.1.0.0/16", "device": "wan_b", "gateway": "198.51.100.5"},
        {"dst": "10.1.0.0/16", "type": "unreachable", "metric": BLOCK_METRIC},
    ]


def test_a_pin_of_some_ports_has_a_table_and_rules_of_its_own_in_front() -> None:
    web = {"name": "web", "prefixes": ["10.0.0.0/8", "2001:db8:5::/48"], "uplink": "a", "protocols": ["TCP", "udp"],
           "ports": ["443", "8000-8010"], "source_nat": "198.51.100.2"}
    dns = {"name": "dns", "prefixes": ["10.0.0.0/8"], "uplink": "b", "protocols": ["udp"], "ports": ["53"]}
    rest = {"name": "rest", "prefixes": ["10.0.0.0/8"], "uplink": "b"}
    wanted = pins_to_desired(UPLINKS, [rest, web, dns])
    assert [(table["name"], len(table["routes"])) for table in wanted["tables"]] == [
        ("pins", 1), ("pins.web", 2), ("pins.dns", 1)]
    four = [rule for rule in wanted["rules"] if rule["family"] == 4]
    assert [(rule["table"], rule.get("ipproto"), rule.get("dport")) for rule in four] == [
        ("pins.web", "tcp", "443"), ("pins.web", "tcp", "8000-8010"), ("pins.web", "udp", "443"),
        ("pins.web", "udp", "8000-8010"), ("pins.dns", "udp", "53"), ("pins", None, None)]
    (entry,) = wanted["entries"]
    assert (entry["protocols"], entry["ports"]) == (["TCP", "udp"], ["443", "8000-8010"])


def test_no_pins_desire_nothing() -> None:
    assert pins_to_desired(UPLINKS, []) == {"tables": [], "rules": [], "entries": []}


def test_source_nat_of_both_families() -> None:
    pin = {
        "name": "p",
        "prefixes": ["10.0.0.0/8", "2001:db8:5::/48"],
        "uplink": "a",
        "source_nat": ["198.51.100.2", "2001:db8:a::2"],
        "acknowledge_source": True,
    }
    entries = pins_to_desired(UPLINKS, [pin])["entries"]
    assert [(e["name"], e["prefixes"], e["address"]) for e in entries] == [
        ("p.v4", ["10.0.0.0/8"], "198.51.100.2"),
        ("p.v6", ["2001:db8:5::/48"], "2001:db8:a::2"),
    ]
    assert all(e["acknowledge_source"] and e["interface"] == "wan_a" for e in entries)
    one = pins_to_desired(UPLINKS, [{**pin, "source_nat": "198.51.100.2", "acknowledge_source": False}])["entries"]
    assert [(e["name"], e["acknowledge_source"]) for e in one] == [("p", False)]


@pytest.mark.parametrize(
    ("pin", "message"),
    [
        ({"uplink": "c"}, "uplink 'c' is not declared; declared are a, b"),
        ({"uplink": "b", "prefixes": ["2001:db8:5::/48"]}, "uplink b has no IPv6 gateway"),
        ({"prefixes": []}, "prefixes is empty"),
        ({"prefixes": ["10.0.0.1/8"]}, "host bits"),
        ({"on_uplink_loss": "maybe"}, "not one of failover, block"),
        ({"source_nat": "2001:db8:a::2"}, "source_nat 2001:db8:a::2 is IPv6, no prefix"),
        ({"source_nat": ["198.51.100.2", "198.51.100.3"]}, "several IPv4 addresses"),
        ({"name": ""}, "name is missing"),
        ({"ports": ["443"]}, "ports need protocols"),
        ({"protocols": ["icmp"], "ports": ["443"]}, "icmp has no ports"),
        ({"protocols": ["http"]}, "protocol 'http' is not one of tcp"),
        ({"protocols": ["tcp"], "ports": ["0"]}, "port 0 is not within 1 to 65535"),
    ],
)
def test_bad_pins(pin: dict, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        pins_to_desired(UPLINKS, [{"name": "p", "prefixes": ["10.0.0.0/8"], "uplink": "a", **pin}])


def test_a_prefix_has_one_pin() -> None:
    pins = [{"name": n, "prefixes": ["10.0.0.0/8"], "uplink": n} for n in ("a", "b")]
    with pytest.raises(PlanError, match=r"10.0.0.0/8 is pinned by pins\[1\] \(a\), too"):
        pins_to_desired(UPLINKS, pins)


def test_source_rules() -> None:
    wanted = source_rules_desired(UPLINKS, INTERFACES)
    assert wanted["tables"][0]["routes"] == [
        {"dst": "0.0.0.0/0", "device": "wan_a", "gateway": "198.51.100.1"},
        {"dst": "198.51.100.0/30", "device": "wan_a"},
        {"dst": "::/0", "device": "wan_a", "gateway": "2001:db8:a::1"},
        {"dst": "2001:db8:a::/64", "device": "wan_a"},
    ]
    assert wanted["rules"] == [
        {"family": 4, "table": "main", "suppress_prefixlength": 0},
        {"family": 6, "table": "main", "suppress_prefixlength": 0},
        {"src": "198.51.100.2", "table": "a"},
        {"src": "2001:db8:a::2", "table": "a"},
        {"src": "198.51.100.6", "table": "b"},
    ]
    alone = source_rules_desired(UPLINKS, INTERFACES, "uplink")["rules"]
    assert alone == wanted["rules"][2:]


def test_main_is_looked_into_for_the_prefixes_that_are_named() -> None:
    wanted = source_rules_desired(UPLINKS, INTERFACES, ["10.50.0.0/16", "2001:db8:50::/48", "10.50.0.0/16"])["rules"]
    assert wanted[:2] == [
        {"dst": "10.50.0.0/16", "table": "main", "suppress_prefixlength": 0},
        {"dst": "2001:db8:50::/48", "table": "main", "suppress_prefixlength": 0},
    ]
    assert all("src" in rule for rule in wanted[2:])
    only_four = source_rules_desired(UPLINKS[:2], INTERFACES, ["2001:db8:50::/48"])["rules"]
    assert all("src" in rule for rule in only_four), "no rule of a family that has no source rules"


@pytest.mark.parametrize(
    ("specifics", "message"),
    [
        ([], "it is empty"),
        (["main", "10.50.0.0/16"], "main stands beside others"),
        ("mian", "'mian' is not an IPv4 or IPv6"),
        (["10.50.0.1/16"], "has host bits set"),
    ],
)
def test_bad_specifics(specifics: list | str, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        source_rules_desired(UPLINKS, INTERFACES, specifics)


def test_named_addresses() -> None:
    uplink = {**UPLINKS[1], "addresses": ["192.0.2.20"]}
    assert source_rules_desired([uplink], INTERFACES)["rules"][1:] == [{"src": "192.0.2.20", "table": "b"}]
    with pytest.raises(PlanError, match="192.0.2.20 is also that of uplink"):
        source_rules_desired([uplink, {**UPLINKS[0], "addresses": ["192.0.2.20"]}], INTERFACES)


@pytest.mark.parametrize(
    ("uplinks", "message"),
    [
        ([{"name": "a"}], "name and interface are needed"),
        ([{"name": "a", "interface": "eth9"}], "interface 'eth9' does not exist"),
        ([{"name": "a", "interface": "wan_a", "gateway": "x"}], "'x' is not an IPv4 or IPv6 address"),
        ([UPLINKS[0], {"name": "a", "interface": "wan_b"}], "two interfaces"),
        ([{"name": "l", "interface": "bare"}], "interface bare has no address that replies could come from"),
        ([{"name": "l", "interface": "bare", "gateway": "192.0.2.1"}], "interface bare has no IPv4 address"),
    ],
)
def test_bad_uplinks(uplinks: list, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        source_rules_desired(uplinks, {**INTERFACES, "bare": {"addresses": [LINK_LOCAL]}})
