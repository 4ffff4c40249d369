# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""iptables-save and ipset save in the small form of the facts."""

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import ipset, iptables_rules
from ansible_collections.netpath.symmetry.tests.unit.plugins.module_utils._linux.iptables_saved import IPV4, IPV6

Dict = dict[str, t.Any]
SETS = """\
create foo hash:ip,port family inet hashsize 1024 maxelem 65536
add foo 10.0.0.1,tcp:80
add foo 10.0.0.2,udp:53
create n hash:net family inet hashsize 1024 maxelem 65536
add n 10.0.0.0/8
create holed hash:net family inet
add holed 10.0.0.0/8
add holed 10.1.0.0/16 nomatch
create pings hash:ip,port family inet
add pings 10.0.0.1,icmp:echo-request
create masked hash:ip family inet netmask 24 timeout 100 counters comment
add masked 10.0.0.0 timeout 99 packets 0 bytes 0 comment "x y"
create six hash:net family inet6
add six 2001:db8::/32
create ports bitmap:port range 1-100
add ports 7
create sides hash:net,iface family inet
add sides 10.0.0.0/8,eth0
create cards hash:mac
create both list:set size 8
add both n
add both masked
"""


@pytest.fixture(name="sets")
def _sets() -> dict[str, Dict]:
    return ipset.parse(SETS)


def short(rule: Dict) -> str:
    """A rule of the small form in one line: ``match, match => statement, verdict``."""
    done = [_words(part) for part in (*rule["statements"], *([rule["verdict"]] if "verdict" in rule else []))]
    return f"{', '.join(_match(one) for one in rule['matches'])} => {', '.join(done)}".strip()


def _match(match: Dict) -> str:
    for word in ("any", "all", "none"):
        if word in match:
            return f"{word}({', '.join(_match(one) for one in match[word])})"
    if "unknown" in match:
        return f"unknown({match['unknown']})"
    mask = f" & {match['mask']}" if "mask" in match else ""
    return f"{match['left']}{mask} {match['op']} {match['right']}{' or absent' if 'absent' in match else ''}"


def _words(part: Dict) -> str:
    return " ".join([part["do"], *(f"{key}={value}" for key, value in part.items() if key != "do")])


def rule_of(line: str, family: int, sets: t.Mapping[str, Dict], table: str = "filter") -> Dict:
    saved = f"*{table}\n:FORWARD ACCEPT [0:0]\n:foo - [0:0]\n:bar - [0:0]\n[3:120] -A FORWARD {line}\nCOMMIT\n"
    chains = iptables_rules.parse(saved, family, "iptables-legacy", sets)
    return t.cast(Dict, chains[0]["rules"][0])


@pytest.mark.parametrize(("line", "expected"), IPV4, ids=[line[:60] for line, _expected in IPV4])
def test_rules_of_ipv4(line: str, expected: str, sets: dict[str, Dict]) -> None:
    assert short(rule_of(line, 4, sets)) == expected


@pytest.mark.parametrize(("line", "expected"), IPV6, ids=[line[:60] for line, _expected in IPV6])
def test_rules_of_ipv6(line: str, expected: str, sets: dict[str, Dict]) -> None:
    assert short(rule_of(line, 6, sets)) == expected


def test_what_is_unknown_is_told_in_the_words_of_the_rule(sets: dict[str, Dict]) -> None:
    seen = 0
    for line, _expected in IPV4:
        rule = rule_of(line, 4, sets)
        for part in (*rule["matches"], rule.get("verdict", {})):
            if "unknown" in part:
                seen += 1
                assert part["unknown"] in rule["text"], line
    assert seen > 15


def test_text_counter_comment_and_number(sets: dict[str, Dict]) -> None:
    rule = rule_of(r'-s 10.0.0.1/32 -m comment --comment "a -j \"b\" !" -j DROP', 4, sets)
    assert rule["text"] == "-s 10.0.0.1/32 -j DROP" and rule["comment"] == 'a -j "b" !'
    assert (rule["handle"], rule["counter"]) == (1, {"packets": 3, "bytes": 120})


def test_chains_have_the_kernels_hooks_types_and_priorities() -> None:
    saved = "\n".join(
        f"*{table}\n" + "\n".join(f":{name} ACCEPT [0:0]" for name in iptables_rules.HOOKS) + "\n:user - [0:0]\nCOMMIT"
        for table in ("raw", "mangle", "nat", "filter", "security")
    )
    chains = iptables_rules.parse(saved, 6, "iptables-nft", {})
    found = {(one["table"], one["hook"]): (one["priority"], one["type"]) for one in chains if "hook" in one}
    assert found["raw", "prerouting"] == (-300, "filter") and found["security", "input"] == (50, "filter")
    assert found["mangle", "output"] == (-150, "route") and found["mangle", "forward"] == (-150, "filter")
    assert found["nat", "prerouting"] == found["nat", "output"] == (-100, "nat")
    assert found["nat", "input"] == found["nat", "postrouting"] == (100, "nat")
    assert {one["family"] for one in chains} == {"ip6"} and {one["backend"] for one in chains} == {"iptables-nft"}
    assert [one for one in chains if one["name"] == "user"][0].keys() == {"family", "table", "name", "backend", "rules"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-m set --match-set foo src,dst", "ip saddr . meta l4proto . th dport == @foo"),
        ("-m set ! --match-set n dst", "ip daddr != @n or absent"),
        ("-m set --match-set n src,dst", "ip saddr == @n"),
        ("-m set --match-set foo src", "any(any())"),  # fewer directions than dimensions: it never matches
        ("-m set --match-set six src", "any(any())"),  # the set is of the other family
        ("-m set --match-set ports dst", "th dport == @ports"),
        ("-m set --match-set sides dst,src", "ip daddr . meta iifname == @sides"),
        ("-m set --match-set both src", "any(ip saddr == @n, ip saddr == @masked)"),
        ("-m set ! --match-set both src", "none(ip saddr == @n, ip saddr == @masked)"),
        ("-m set --match-set cards src", "unknown(-m set --match-set cards src)"),
        ("-m set --match-set absent src", "unknown(-m set --match-set absent src)"),
    ],
)
def test_ipsets_are_asked_by_their_dimensions(line: str, expected: str, sets: dict[str, Dict]) -> None:
    assert short(rule_of(f"{line} -j DROP", 4, sets)) == f"{expected} => drop"


def test_elements_of_ipsets(sets: dict[str, Dict]) -> None:
    assert sets["foo"]["elements"] == ["10.0.0.1 . tcp . 80", "10.0.0.2 . udp . 53"] and sets["foo"]["complete"]
    assert sets["masked"]["elements"] == ["10.0.0.0/24"] and sets["ports"]["elements"] == [7]
    assert sets["sides"]["elements"] == ["10.0.0.0/8 . eth0"]
    # what has no place in the small form makes the set unknown, not empty
    for name in ("holed", "pings"):
        assert (sets[name]["elements"], sets[name]["complete"]) == ([], False)


def test_large_ipsets_are_cut_and_say_so() -> None:
    lines = ["create big hash:ip family inet", *(f"add big 10.0.{i >> 8}.{i & 255}" for i in range(1500))]
    big = ipset.parse("\n".join(lines))["big"]
    assert (len(big["elements"]), big["complete"]) == (1000, False)


def test_words_that_look_like_options_stay_with_what_they_belong_to(sets: dict[str, Dict]) -> None:
    rule = rule_of('-m limit --limit 5/min -j LOG --log-prefix "-j DROP ! "', 4, sets)
    assert rule["statements"] == [{"do": "log", "prefix": "-j DROP ! "}] and "verdict" not in rule
    rule = rule_of("-m comment --comment -foo -j DROP", 4, sets)
    assert rule["comment"] == "-foo" and rule["verdict"] == {"do": "drop"}


def test_no_rule_is_lost(sets: dict[str, Dict]) -> None:
    lines = [f"[0:0] -A {'foo' if i % 2 else 'FORWARD'} -s 10.0.0.{i}/32 -j DROP" for i in range(200)]
    saved = "\n".join(["*filter", ":FORWARD ACCEPT [0:0]", ":foo - [0:0]", *lines, "COMMIT"])
    chains = iptables_rules.parse(saved, 4, "iptables-legacy", sets)
    assert [len(chain["rules"]) for chain in chains] == [100, 100]
    assert len(re.findall("10.0.0", str(chains))) == 400  # in matches and texts
