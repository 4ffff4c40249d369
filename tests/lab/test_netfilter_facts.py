# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packet filter in host_facts: what the nft of this machine says of real rules, in the small form of the facts."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.netns import Netns
from ansible_collections.netpath.symmetry.tests.lab.test_host_facts import Facts, facts_of, run

SKELETON = """
table inet fw {
  set trusted { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.168.1.1-192.168.1.9, 203.0.113.4 }
  }
  set services { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/8 . 80-90, 10.1.0.1 . 99 }
  }
  set dyn { type ipv4_addr; flags dynamic,timeout; timeout 1m;
  }
  map marks { type ifname : mark; elements = { "wan_a" : 0x1, "wan_b" : 0x2 }
  }
  counter seen { packets 7 bytes 900
  }
  chain helper {
  }
  map verdicts { type ipv4_addr : verdict; elements = { 10.0.0.1 : accept, 10.0.0.2 : jump helper }
  }
  chain tested { type filter hook prerouting priority mangle; policy drop;
  }
}
table inet nat {
  chain tested { type nat hook postrouting priority srcnat; policy accept;
  }
}
table ip destination {
  map endpoints { type inet_proto . inet_service : ipv4_addr . inet_service; elements = { tcp . 80 : 10.0.0.1 . 8080 }
  }
  map ports { type inet_service : ipv4_addr; elements = { 80 : 10.0.0.1 }
  }
  chain tested { type nat hook prerouting priority dstnat; policy accept;
  }
}
"""


def match(left: str, right: t.Any, op: str = "==", **more: t.Any) -> Facts:
    return {"matches": [{"left": left, "op": op, "right": right, **more}]}


def statement(do: str, **fields: t.Any) -> Facts:
    return {"statements": [{"do": do, **fields}]}


def verdict(do: str, **fields: t.Any) -> Facts:
    return {"verdict": {"do": do, **fields}}


FILTER: dict[str, Facts] = {
    # connection state: bits, sets of values, and what is neither
    "ct state established,related": match("ct state", ["established", "related"], "in"),
    "ct state { established, related }": match("ct state", ["established", "related"]),
    "ct state invalid": match("ct state", "invalid", "in"),
    "ct state != new": match("ct state", "new", "!="),
    "ct direction reply": match("ct direction", "reply"),
    "ct mark 0x1": match("ct mark", 1),
    "ct mark and 0xff == 0x10": match("ct mark", 16, mask=255),
    "ct status dnat": match("ct status", "dnat", "in"),
    "ct zone 5": match("ct zone", 5),
    "ct original ip saddr 10.0.0.1": match("ct original ip saddr", "10.0.0.1"),
    # meta
    'iifname "eth*"': match("meta iifname", "eth*"),
    'oifname != "wan_a"': match("meta oifname", "wan_a", "!="),
    'iifname { "wan_a", "wan_b" }': match("meta iifname", ["wan_a", "wan_b"]),
    'iif "lo"': match("meta iif", "lo"),
    "meta mark & 0xff == 0x10": match("meta mark", 16, mask=255),
    "meta mark 0x10-0x20": match("meta mark", {"range": [16, 32]}),
    "meta l4proto { tcp, udp }": match("meta l4proto", ["tcp", "udp"]),
    "meta nfproto ipv6": match("meta nfproto", "ipv6"),
    # addresses and ports
    "ip saddr 10.0.0.0/8": match("ip saddr", "10.0.0.0/8"),
    "ip daddr != 10.1.0.0/16": match("ip daddr", "10.1.0.0/16", "!="),
    "ip saddr 10.0.0.1-10.0.0.9": match("ip saddr", {"range": ["10.0.0.1", "10.0.0.9"]}),
    "ip saddr { 10.0.0.1, 10.0.1.0/24, 10.0.2.1-10.0.2.5 }": match(
        "ip saddr", ["10.0.0.1", "10.0.1.0/24", "10.0.2.1-10.0.2.5"]
    ),
    "ip saddr != @trusted": match("ip saddr", "@trusted", "!="),
    "ip saddr & 255.0.0.255 == 10.0.0.1": match("ip saddr", "10.0.0.1", mask=0xFF0000FF),
    "ip6 saddr 2001:db8::/32": match("ip6 saddr", "2001:db8::/32"),
    "tcp dport { 22, 80, 1000-2000 }": match("tcp dport", [22, 80, "1000-2000"]),
    "tcp dport > 1024": match("tcp dport", 1024, ">"),
    "udp sport 53": match("udp sport", 53),
    "tcp flags syn / fin,syn,rst,ack": match("tcp flags", "syn", mask=["fin", "syn", "rst", "ack"]),
    "tcp flags & (fin|syn) != 0": match("tcp flags", ["fin", "syn"], "in"),
    "tcp flags ! ack": match("tcp flags", 0, mask="ack"),
    "exthdr frag exists": match("exthdr frag", True),
    "rt type 0": match("exthdr rt type", 0),
    "icmp type echo-request": match("icmp type", "echo-request"),
    # reverse path
    "fib saddr . iif oif missing": match("fib saddr . iif oif", False),
    "fib saddr . iif oif exists": match("fib saddr . iif oif", True),
    "fib saddr oif 0": match("fib saddr oif", False),
    "fib daddr type { local, broadcast }": match("fib daddr type", ["local", "broadcast"]),
    # marks: new = (old & ~mask) | (value & mask)
    "meta mark set 0x5": statement("set_mark", value=5),
    "meta mark set meta mark and 0xffffff00 or 0x2": statement("set_mark", value=2, mask=255),
    "meta mark set meta mark or 0x10": statement("set_mark", value=16, mask=16),
    "ct mark set ct mark and 0xfffffff0": statement("set_ct_mark", value=0, mask=15),
    "meta mark set ct mark": statement("set_mark", value="ct mark"),
    "ct mark set meta mark": statement("set_ct_mark", value="meta mark"),
    "meta mark set ct mark and 0xff": statement("set_mark", value={"of": "ct mark", "and": 255, "or": 0}),
    "meta mark set iifname map @marks": statement("set_mark", value={"key": "meta iifname", "map": "@marks"}),
    'ct mark set iifname map { "wan_a" : 1 }': statement(
        "set_ct_mark", value={"key": "meta iifname", "map": [["wan_a", 1]]}
    ),
    "iif . ip saddr { lo . 10.0.0.1 }": match("meta iif . ip saddr", ["lo . 10.0.0.1"]),
    "ip saddr . tcp dport != { 10.0.0.1 . 80, 10.0.0.2 . 90 }": match(
        "ip saddr . tcp dport", ["10.0.0.1 . 80", "10.0.0.2 . 90"], "!="
    ),
    "ip saddr . tcp dport @services": match("ip saddr . tcp dport", "@services"),
    "ip saddr . tcp dport vmap { 10.0.0.1 . 80 : drop }": verdict(
        "vmap", key="ip saddr . tcp dport", map=[["10.0.0.1 . 80", {"do": "drop"}]]
    ),
    "meta mark set meta mark ^ 0x1": statement(
        "set_mark", value={"of": "meta mark", "and": 0xFFFFFFFF, "or": 0, "xor": 1}
    ),
    "meta mark set ct mark & 0xf ^ 0x11": statement(
        "set_mark", value={"of": "ct mark", "and": 15, "or": 0, "xor": 17}
    ),
    "meta mark set numgen inc mod 2": statement("set_mark", value={"numgen": {"mode": "inc", "mod": 2, "offset": 0}}),
    "meta mark set jhash ip saddr mod 2 seed 0x1": statement("set_mark", value={
        "jhash": {"mod": 2, "seed": 1, "expr": {"payload": {"protocol": "ip", "field": "saddr"}}}
    }),
    "meta mark set numgen random mod 2 map { 0 : 1, 1 : 2 }": statement("set_mark", value={
        "key": {"numgen": {"mode": "random", "mod": 2, "offset": 0}}, "map": [[0, 1], [1, 2]]
    }),
    "ip dscp set cs1": statement("set_tos", value=32, mask=0xFC),
    "ip6 dscp set af21": statement("set_tos", value=72, mask=0xFC),
    "ct original zone set 5": statement("set_zone", value=5, direction="original"),
    'ct zone set iifname map { "wan_a" : 1 }': statement(
        "set_zone", value={"key": "meta iifname", "map": [["wan_a", 1]]}
    ),
    "ct zone set 5": statement("set_zone", value=5),
    "notrack": statement("notrack"),
    'log prefix "seen: "': statement("log", prefix="seen: "),
    "limit rate over 10/second": statement("limit", rate=10, burst=5, per="second", over=True),
    "tcp flags syn tcp option maxseg size set 1400": {
        **match("tcp flags", "syn", "in"), **statement("set_mss", value=1400),
    },
    "update @dyn { ip saddr }": statement("update_set", set="dyn"),
    'counter name "seen"': {**statement("counter", name="seen"), "counter": {"packets": 7, "bytes": 900}},
    "counter packets 3 bytes 120": {"counter": {"packets": 3, "bytes": 120}},
    # verdicts
    "accept": verdict("accept"),
    "return": verdict("return"),
    "continue": verdict("continue"),
    "jump helper": verdict("jump", target="helper"),
    "goto helper": verdict("goto", target="helper"),
    "reject with tcp reset": {**match("meta l4proto", "tcp"), **verdict("reject", **{"with": "tcp reset"})},
    "ct state vmap { established : accept, invalid : drop }": verdict(
        "vmap", key="ct state", map=[["invalid", {"do": "drop"}], ["established", {"do": "accept"}]]
    ),
    "ip saddr vmap @verdicts": verdict("vmap", key="ip saddr", map="@verdicts"),
    'drop comment "why: {{ not a template }}"': {**verdict("drop"), "comment": "why: {{ not a template }}"},
}

NAT: dict[str, Facts] = {
    'oifname "wan_a" snat ip to 198.51.100.2': {
        **match("meta oifname", "wan_a"), **verdict("snat", family=4, address="198.51.100.2"),
    },
    "masquerade fully-random": verdict("masquerade", random=True),
    "meta l4proto tcp snat ip6 to [2001:db8::1]:1024-65535": {
        **match("meta l4proto", "tcp"), **verdict("snat", family=6, address="2001:db8::1", port="1024-65535"),
    },
    "snat ip to 198.51.100.2-198.51.100.5 persistent": verdict(
        "snat", family=4, address="198.51.100.2-198.51.100.5", persistent=True
    ),
    "snat ip prefix to ip saddr map { 10.1.0.0/24 : 10.2.0.0/24 }": verdict(
        "snat", family=4, key="ip saddr", map=[["10.1.0.0/24", "10.2.0.0/24"]], netmap=True
    ),
    "tcp option maxseg size set rt mtu": statement("set_mss", value="rt mtu"),
    "snat ip to ip saddr map { 10.0.0.1 : 192.0.2.1 }": verdict(
        "snat", family=4, key="ip saddr", map=[["10.0.0.1", "192.0.2.1"]]
    ),
}

DESTINATION: dict[str, Facts] = {
    "tcp dport 81 dnat to 10.0.0.1:8080": {**match("tcp dport", 81), **verdict("dnat", address="10.0.0.1", port=8080)},
    "tcp dport 83 redirect to :8080": {**match("tcp dport", 83), **verdict("redirect", port=8080)},
    "dnat to tcp dport map @ports": verdict("dnat", key="tcp dport", map="@ports"),
    "dnat ip to meta l4proto . th dport map @endpoints": verdict(
        "dnat", family=4, key="meta l4proto . th dport", map="@endpoints"
    ),
    "dnat to 10.3.0.0/24": verdict("dnat", address="10.3.0.0/24"),
}

# What the small form cannot say must be unknown, and where: a wrong answer is worse than none.
UNKNOWN = {
    "ct state != established,related drop": "matches",  # nft compares both bits at once, which no state has
    "tcp flags { syn, ack } drop": "matches",
    "ct count over 20 drop": "matches",
    "tcp option maxseg size 1000 drop": "matches",
    "rt ip nexthop 10.0.0.1 drop": "matches",
    "add @dyn { ip saddr limit rate 10/second } drop": "matches",
    "meter m { ip saddr limit rate 5/second } drop": "matches",
    "ip daddr set 10.0.0.1": "statements",
}


@pytest.fixture(scope="module")
def host() -> t.Iterator[Netns]:
    netns = Netns("filter").create()
    try:
        yield netns
    finally:
        netns.delete()


def load(host: Netns, table: str, rules: t.Iterable[str]) -> list[Facts]:
    """The rules of a chain after these lines were added to it."""
    lines = "\n".join(f"add rule {table} tested {rule}" for rule in rules)
    host.run(f"nft flush ruleset; nft -f - <<'RULES'\n{SKELETON}\n{lines}\nRULES")
    family, name = table.split()
    netfilter = facts_of(host, gather_subset=["netfilter"])["netfilter"]
    chains = {(chain["family"], chain["table"], chain["name"]): chain for chain in netfilter["chains"]}
    return t.cast("list[Facts]", chains[family, name, "tested"]["rules"])


@pytest.mark.parametrize(
    ("table", "expected"),
    [("inet fw", FILTER), ("inet nat", NAT), ("ip destination", DESTINATION)],
    ids=["filter", "nat", "destination"],
)
def test_rules_in_the_small_form(host: Netns, table: str, expected: dict[str, Facts]) -> None:
    rules = load(host, table, expected)
    for rule, (text, wanted) in zip(rules, expected.items(), strict=True):
        plain = {key: value for key, value in rule.items() if key not in ("handle", "text")}
        assert plain == {"matches": [], "statements": [], **wanted}, text


def test_what_is_not_understood_is_unknown(host: Netns) -> None:
    rules = load(host, "inet fw", UNKNOWN)
    for rule, (text, where) in zip(rules, UNKNOWN.items(), strict=True):
        assert any("unknown" in part for part in rule[where]), text
    (rule,) = load(host, "ip destination", ["dnat to numgen inc mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }"])
    assert rule["verdict"]["do"] == "unknown"


def test_a_statement_before_a_match_makes_two_rules(host: Netns) -> None:
    lines = ["meta mark set 0x1 tcp dport 80 counter accept", "meta mark 0 meta mark set 1 tcp dport 80 drop"]
    first, second, third, fourth = load(host, "inet fw", lines)
    assert (first["matches"], first["statements"]) == ([], [{"do": "set_mark", "value": 1}]) and "verdict" not in first
    assert (second["matches"], second["statements"]) == (match("tcp dport", 80)["matches"], [])
    assert second["verdict"] == {"do": "accept"} and "counter" in second and "counter" not in first
    assert first["handle"] == second["handle"] != third["handle"] == fourth["handle"]
    # the mark that the first match read is another one by now
    assert "unknown" in fourth["matches"][0] and fourth["matches"][1:] == match("tcp dport", 80)["matches"]


def test_the_text_is_what_nft_prints(host: Netns) -> None:
    rules = load(host, "inet fw", [*FILTER, *UNKNOWN])
    printed = [line.strip() for line in host.output("nft -s list chain inet fw tested").splitlines()]
    same = [rule["text"] for rule in rules if rule["text"] in printed]
    assert 'iifname "eth*"' in same and "ct state invalid" in same and "reject with tcp reset" not in same
    assert len(same) >= 35


def test_chains_and_sets(host: Netns) -> None:
    load(host, "inet fw", [])
    netfilter = facts_of(host, gather_subset=["netfilter"])["netfilter"]
    chains = {(chain["table"], chain["name"]): chain for chain in netfilter["chains"]}
    assert chains["fw", "helper"] == {"family": "inet", "table": "fw", "name": "helper", "rules": []}
    assert chains["fw", "tested"] == {
        "family": "inet", "table": "fw", "name": "tested", "type": "filter", "hook": "prerouting",
        "priority": -150, "policy": "drop", "rules": [],
    }
    sets = {entry["name"]: entry for entry in netfilter["sets"]}
    assert set(sets["trusted"]["elements"]) == {"10.0.0.0/8", "192.168.1.1-192.168.1.9", "203.0.113.4"}
    assert (sets["marks"]["map"], sets["marks"]["elements"]) == ("mark", [["wan_a", 1], ["wan_b", 2]])
    assert sorted(sets["verdicts"]["elements"]) == [
        ["10.0.0.1", {"do": "accept"}], ["10.0.0.2", {"do": "jump", "target": "helper"}]
    ]
    assert sets["services"]["elements"] == ["10.0.0.0/8 . 80-90", "10.1.0.1 . 99"]
    assert all(entry["complete"] for entry in sets.values())
    load(host, "inet fw", ["update @dyn { ip saddr }", "ip saddr @dyn drop"])
    sets = facts_of(host, gather_subset=["netfilter"])["netfilter"]["sets"]
    assert [entry["name"] for entry in sets if not entry["complete"]] == ["dyn"]


def test_chains_on_devices_tell_which(host: Netns) -> None:
    host.run("ip link add one type veth peer name two; nft flush ruleset; nft -f - <<'RULES'\n"
             "table netdev d {\n chain one { type filter hook ingress device one priority 0;\n }\n"
             " chain both { type filter hook ingress devices = { one, two } priority 5;\n }\n}\nRULES")
    chains = facts_of(host, gather_subset=["netfilter"])["netfilter"]["chains"]
    host.run("nft flush ruleset; ip link del one")
    assert {chain["name"]: sorted(chain["devices"]) for chain in chains if chain["family"] == "netdev"} == {
        "one": ["one"], "both": ["one", "two"],
    }


def test_a_family_that_nft_leaves_out_is_read(host: Netns) -> None:
    """`nft list` drops "meta nfproto ipv4" before "tcp dport 80 reject with tcp reset": both families would match."""
    lines = ["meta nfproto ipv4 tcp dport 80 reject with tcp reset", "tcp dport 81 reject with tcp reset",
             "meta nfproto != ipv4 tcp dport 82 reject with tcp reset"]
    asked = [[(match["op"], match["right"]) for match in rule["matches"] if match["left"] == "meta nfproto"]
             for rule in load(host, "inet fw", lines)]
    assert asked == [[("==", "ipv4")], [], [("!=", "ipv4")]]


def test_a_table_that_is_switched_off_is_left_out(host: Netns) -> None:
    load(host, "inet fw", [])
    host.run("nft 'table inet fw { flags dormant; }'")
    tables = {chain["table"] for chain in facts_of(host, gather_subset=["netfilter"])["netfilter"]["chains"]}
    assert tables == {"nat", "destination"}


@pytest.mark.parametrize("size", [1500, 300000], ids=["one reading", "set by set"])
def test_large_sets_are_cut_and_say_so(host: Netns, size: int) -> None:
    load(host, "inet fw", [])
    elements = ",".join(f"2001:db8:aaaa:bbbb:cccc:dddd:{i >> 16:x}:{i & 65535:x}" for i in range(size))
    host.run(f"cat > /tmp/{host.name} <<'RULES'\nadd set inet fw many {{ type ipv6_addr; }}\n"
             "add rule inet fw tested ip6 saddr @many drop\nRULES\n"
             f"nft -f /tmp/{host.name}; rm /tmp/{host.name}")
    for first in range(0, size, 50000):
        part = ",".join(elements.split(",")[first : first + 50000])
        done = host.start("nft", "-f", "-", stdin=-1)
        _out, error = done.communicate(f"add element inet fw many {{ {part} }}\n")
        assert done.returncode == 0, error
    facts = facts_of(host, gather_subset=["netfilter"])
    sets = {entry["name"]: entry for entry in facts["netfilter"]["sets"]}
    assert len(sets["many"]["elements"]) == 1000 and sets["many"]["complete"] is False
    assert all(element.startswith("2001:db8:aaaa:") for element in sets["many"]["elements"])
    assert set(sets["trusted"]["elements"]) >= {"10.0.0.0/8"} and sets["trusted"]["complete"] is True
    assert facts["parts"]["netfilter"] == {"complete": True}


def test_limits_stand_for_all_that_comes_after_them(host: Netns) -> None:
    lines = ["limit rate 10/second ct state new drop", "meta mark 0 meta mark set 1 limit rate 1/second accept"]
    first, second, third = load(host, "inet fw", lines)
    assert first["statements"][0]["do"] == "limit" and first["verdict"] == {"do": "drop"}
    assert second["statements"] == [{"do": "set_mark", "value": 1}] and "verdict" not in second
    assert third["statements"][0]["do"] == "limit" and "unknown" in third["matches"][0]


@pytest.mark.parametrize("source", ["netlink", "iproute"])
def test_rules_of_both_back_ends_of_iptables(host: Netns, source: str) -> None:
    rule = "FORWARD -s 10.0.0.0/8 -m conntrack --ctstate INVALID -m comment --comment why -j DROP"
    host.run("nft flush ruleset")
    for backend in ("legacy", "nft"):
        for version in ("", "6"):
            line = rule.replace("10.0.0.0/8", "2001:db8::/32") if version else rule
            host.run(f"ip{version}tables-{backend} -F FORWARD; ip{version}tables-{backend} -A {line}")
    try:
        facts = facts_of(host, gather_subset=["netfilter"], source=source)
    finally:
        host.run("iptables-legacy -F FORWARD; ip6tables-legacy -F FORWARD; nft flush ruleset")
    netfilter = facts["netfilter"]
    assert netfilter["backends"] == ["iptables-nft", "iptables-legacy"]
    assert facts["parts"]["netfilter"] == {"complete": True}
    chains = {(one["backend"], one["family"]): one for one in netfilter["chains"] if one["name"] == "FORWARD"}
    assert set(chains) == {(f"iptables-{one}", family) for one in ("legacy", "nft") for family in ("ip", "ip6")}
    for (_backend, family), chain in chains.items():
        (found,) = chain["rules"]
        source_match = ("ip saddr", "10.0.0.0/8") if family == "ip" else ("ip6 saddr", "2001:db8::/32")
        assert found["matches"] == [
            {"left": source_match[0], "op": "==", "right": source_match[1]},
            {"left": "ct state", "op": "in", "right": ["invalid"]},
        ]
        assert (found["verdict"], found["comment"], found["handle"]) == ({"do": "drop"}, "why", 1)
        assert found["counter"] == {"packets": 0, "bytes": 0}
        assert found["text"] == f"-s {source_match[1]} -m conntrack --ctstate INVALID -j DROP"


def test_reading_makes_no_table(host: Netns) -> None:
    """iptables-legacy-save makes the table that it is asked for, and a nat table switches connection tracking on."""
    netns = Netns("untouched").create()
    try:
        netns.run("iptables-legacy -t raw -L >/dev/null; iptables-nft -A FORWARD -m conntrack --ctstate NEW -j ACCEPT")
        show = "cat /proc/net/ip_tables_names /proc/net/ip6_tables_names; nft list ruleset"
        before = netns.output(show)
        assert before.startswith("raw\n")
        facts = facts_of(netns, gather_subset=["netfilter"])
        assert netns.output(show) == before
    finally:
        netns.delete()
    names = {(one.get("backend"), one["table"]) for one in facts["netfilter"]["chains"]}
    assert names == {("iptables-legacy", "raw"), ("iptables-nft", "filter")}


def test_a_table_of_both_back_ends_and_one_of_nft_are_kept_apart(host: Netns) -> None:
    host.run("nft flush ruleset; iptables-nft -A FORWARD -m state --state NEW -j DROP;"
             "nft 'table ip nat { chain FORWARD { type filter hook forward priority 0; }; }'")
    chains = facts_of(host, gather_subset=["netfilter"])["netfilter"]["chains"]
    host.run("nft flush ruleset")
    found = {(one["table"], one.get("backend")) for one in chains if one["name"] == "FORWARD"}
    assert found >= {("filter", "iptables-nft"), ("nat", None)}


def test_ipsets_of_iptables_rules(host: Netns) -> None:
    host.run("nft flush ruleset; ipset create partners hash:ip,port; ipset add partners 10.0.0.1,tcp:80;"
             "iptables-nft -A FORWARD -m set --match-set partners dst,dst -j ACCEPT")
    try:
        netfilter = facts_of(host, gather_subset=["netfilter"])["netfilter"]
    finally:
        host.run("nft flush ruleset; ipset destroy partners")
    assert netfilter["sets"] == [{
        "family": "ipset", "table": "", "name": "partners", "type": "hash:ip,port", "inet": 4,
        "elements": ["10.0.0.1 . tcp . 80"], "complete": True,
    }]
    (rule,) = next(one for one in netfilter["chains"] if one["name"] == "FORWARD")["rules"]
    assert rule["matches"] == [{"left": "ip daddr . meta l4proto . th dport", "op": "==", "right": "@partners"}]


@pytest.mark.parametrize("backend", ["legacy", "nft"])
def test_without_its_save_program_rules_of_iptables_are_named(host: Netns, backend: str) -> None:
    """Of a table of the nft back end nft itself shows all but the extensions; a legacy table shows nothing."""
    rule = "FORWARD -m conntrack --ctstate INVALID -j DROP"
    host.run(f"nft flush ruleset; iptables-{backend} -A {rule}")
    hide = f'mount --bind /dev/null "$(readlink -f "$(command -v iptables-{backend}-save)")" && exec "$@"'
    try:
        facts = run(host, {"gather_subset": ["netfilter"]}, "unshare", "--mount", "sh", "-c", hide, "sh")
    finally:
        host.run(f"iptables-{backend} -D {rule}; nft flush ruleset")
    facts = facts["ansible_facts"]["symmetry"]
    why = f"iptables-{backend}-save is not installed on this host"
    if backend == "legacy":
        assert facts["parts"]["netfilter"]["complete"] is False and why in facts["parts"]["netfilter"]["why"]
        return
    (found,) = [one for chain in facts["netfilter"]["chains"] for one in chain["rules"]]
    assert why in found["matches"][0]["unknown"] and found["verdict"] == {"do": "drop"}
