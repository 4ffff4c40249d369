# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""host_facts on real hosts: both sources are equal, other tools agree, size is bounded, and what is hidden is said."""

from __future__ import annotations

import json
import pathlib
import socket
import struct
import subprocess
import sys
import typing as t

import jsonschema
import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import netlink
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Address, Route, Rule
from ansible_collections.netpath.symmetry.tests.lab import rich_host
from ansible_collections.netpath.symmetry.tests.lab.modules import AS_NOBODY
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

Facts = dict[str, t.Any]
ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "docs" / "facts.schema.json").read_text()))


def facts_of(netns: Netns, **arguments: t.Any) -> Facts:
    """The facts of a host, which keep to the schema."""
    result = run(netns, arguments)
    assert "ansible_facts" in result, result
    assert set(result) - {"invocation"} == {"ansible_facts"}
    facts: Facts = result["ansible_facts"]["symmetry"]
    validate(facts)
    return facts


def run(netns: Netns, arguments: Facts, *wrapper: str) -> Facts:
    """What the module answers, run as ``wrapper`` says; its arguments go by standard input."""
    module = (sys.executable, "-m", "ansible_collections.netpath.symmetry.plugins.modules.host_facts")
    done = subprocess.run(
        netns.command(*wrapper, *module), input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        capture_output=True, text=True, timeout=120, check=False,
    )
    assert not done.stderr, done.stderr
    result: Facts = json.loads(done.stdout)
    return result


def validate(facts: Facts) -> None:
    errors = [f"{error.json_path}: {error.message[:300]}" for error in SCHEMA.iter_errors(facts)]
    assert not errors, "\n".join(errors)


@pytest.fixture(scope="module")
def rich() -> t.Iterator[Netns]:
    host, peer = Netns("rich").create(), Netns("far").create()
    try:
        rich_host.build(host, peer)
        yield host
    finally:
        host.delete()
        peer.delete()


@pytest.fixture
def pair() -> t.Iterator[tuple[Netns, Netns]]:
    """Two hosts on one wire: 10.0.0.1 on left, 10.0.0.2 on right."""
    left, right = Netns("left").create(), Netns("right").create()
    try:
        veth(left, "left0", right, "right0", [("10.0.0.1/24", "10.0.0.2/24")])
        yield left, right
    finally:
        left.delete()
        right.delete()


# ---- both sources, and other observers

PYROUTE2 = """
import json, socket, sys
from pyroute2 import IPRoute

rules, routes = [], []
with IPRoute() as kernel:
    for family, number in ((socket.AF_INET, 4), (socket.AF_INET6, 6)):
        for rule in kernel.get_rules(family=family):
            rules.append([number, rule.get("priority") or 0])
        for route in kernel.get_routes(family=family):
            if not route["flags"] & 0x200:  # RTM_F_CLONED: an exception, not a route
                default = "0.0.0.0" if number == 4 else "::"
                dst = f"{route.get('dst') or default}/{route['dst_len']}"
                routes.append([number, route.get("table"), dst, route.get("priority") or 0])
json.dump({"rules": rules, "routes": routes}, sys.stdout)
"""


def test_pyroute2_sees_the_same_rules_and_routes(rich: Netns) -> None:
    """A reader that others have made for this field: it is too slow to gather facts, but a good witness."""
    asked = subprocess.run(rich.command(sys.executable, "-c", PYROUTE2), capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stderr
    witness = json.loads(asked.stdout)
    facts = facts_of(rich)
    rules = {(rule["family"], rule["priority"]) for rule in facts["rules"]}
    assert {tuple(rule) for rule in witness["rules"]} == rules and len(rules) > 10
    routes = {(r["family"], r["table"], r["dst"], r.get("metric", 0)) for r in facts["routes"]}
    omitted = len(facts["parts"]["routes"].get("omitted", ()))
    assert routes <= {tuple(route) for route in witness["routes"]} and len(routes) > 20
    assert len({tuple(route) for route in witness["routes"]} - routes) <= omitted


def test_both_sources_give_equal_facts(rich: Netns) -> None:
    kernel, tool = (facts_of(rich, source=source) for source in ("netlink", "iproute"))
    assert (kernel.pop("source"), tool.pop("source")) == ("netlink", "iproute")
    for moving in ("collected_at", "counters"):
        kernel.pop(moving), tool.pop(moving)
    assert kernel == tool
    assert len(kernel["rules"]) == len((rich_host.RULES_4 + rich_host.RULES_6).strip().splitlines()) - 1 + 5


def test_every_rule_and_route_is_there_and_fits_the_model(rich: Netns) -> None:
    facts = facts_of(rich)
    shown = rich.output("ip -4 rule; ip -6 rule").splitlines()
    assert len(facts["rules"]) == len(shown)
    counted = {
        family: sum(facts["route_counts"][family].values())
        for family in ("4", "6")
    }
    for family in ("4", "6"):
        assert counted[family] == len(rich.json(f"ip -j -{family} route show table all"))
    assert len(facts["routes"]) == sum(counted.values())
    assert [Rule.from_dict(rule).to_dict() for rule in facts["rules"]] == facts["rules"]
    assert [Route.from_dict(route).to_dict() for route in facts["routes"]] == facts["routes"]
    for link in facts["interfaces"].values():
        assert [Address.from_dict(address).to_dict() for address in link["addresses"]] == link["addresses"]
    assert all(part == {"complete": True} for part in facts["parts"].values())


@pytest.mark.parametrize(
    ("dst", "expected"),
    [
        ("10.41.0.0/16", {"tos": 8, "nexthops": [{"device": "br0", "flags": ["encap", "linkdown"]}], "scope": "link"}),
        ("10.18.0.1/32", {"nexthops": [{"device": "wan_a", "gateway": "2001:db8:a::1"}]}),
        ("10.32.0.0/16", {"type": "blackhole", "nhid": 3}),
        ("10.21.0.0/16", {"table": 4000000000}),
        (
            "10.50.0.0/16",
            {"nexthops": [{"device": "wan_a", "gateway": "2001:db8:a::1"},
                          {"device": "wan_b", "gateway": "198.51.100.5", "weight": 256, "flags": ["onlink"]}]},
        ),
        ("2001:db8:14::/48", {"metric": 50, "prefsrc": "2001:db8:a::2", "mtu": 1400}),
        ("2001:db8:10::/48", {"type": "unreachable", "metric": 1024}),
    ],
)
def test_routes_mean_what_was_configured(rich: Netns, dst: str, expected: Facts) -> None:
    route = next(route for route in facts_of(rich)["routes"] if route["dst"] == dst)
    assert {key: route.get(key) for key in expected} == expected
    assert ("nexthops" in route) == ("type" not in route)


def test_selectors_that_iproute_does_not_know_are_not_lost(pair: tuple[Netns, Netns]) -> None:
    left, _right = pair
    add_rule(left, 4, 1000, netlink.attribute(25, bytes([10])))  # FRA_DSCP
    flow_label = netlink.attribute(26, struct.pack("!I", 0xABCDE)) + netlink.attribute(27, struct.pack("!I", 0xFFFFF))
    add_rule(left, 6, 1001, flow_label)
    facts = facts_of(left)
    by_priority = {rule["priority"]: rule for rule in facts["rules"]}
    assert by_priority[1000]["dscp"] == 10
    assert by_priority[1001]["unknown"] == ["flowlabel 0x000abcde", "flowlabel_mask 0x000fffff"]
    assert facts["parts"]["rules"] == {"complete": False, "why": "1 rules have selectors that are not understood"}


def add_rule(netns: Netns, family: int, priority: int, selectors: bytes) -> None:
    """Add a rule that iproute2 has no words for: RTM_NEWRULE with an acknowledgement, from inside the namespace."""
    af = socket.AF_INET if family == 4 else socket.AF_INET6
    body = struct.pack("=BBBBBBBBI", af, 0, 0, 0, 100, 0, 0, 1, 0)
    body += netlink.attribute(6, struct.pack("=I", priority)) + selectors
    message = netlink.HEADER.pack(netlink.HEADER.size + len(body), 32, 0x605, 1, 0) + body
    code = f"""
import socket, struct, sys
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
s.send(bytes.fromhex("{message.hex()}"))
sys.exit(-struct.unpack_from("=i", s.recv(4096), 16)[0])
"""
    subprocess.run(netns.command(sys.executable, "-c", code), check=True)


def test_routes_by_next_hop_objects_have_legs_without_compat_mode(pair: tuple[Netns, Netns]) -> None:
    left, _right = pair
    left.run("""
        echo 0 > /proc/sys/net/ipv4/nexthop_compat_mode
        ip nexthop add id 1 via 10.0.0.2 dev left0
        ip nexthop add id 2 via 10.0.0.3 dev left0
        ip nexthop add id 3 blackhole
        ip nexthop add id 12 group 1,5/2
        ip route add 10.30.0.0/16 nhid 12
        ip route add 10.31.0.0/16 nhid 1
        ip route add 10.32.0.0/16 nhid 3
    """)
    expected = {
        "10.30.0.0/16": [{"device": "left0", "gateway": "10.0.0.2", "weight": 5},
                         {"device": "left0", "gateway": "10.0.0.3"}],
        "10.31.0.0/16": [{"device": "left0", "gateway": "10.0.0.2"}],
        "10.32.0.0/16": None,
    }
    for source in ("netlink", "iproute"):
        facts = facts_of(left, source=source)
        found = {route["dst"]: route.get("nexthops") for route in facts["routes"] if "nhid" in route}
        assert found == expected, source
        assert facts["nexthop_groups"] == [{"id": 12, "members": [{"id": 1, "weight": 5}, {"id": 2, "weight": 1}]}]


def test_cached_exceptions_are_not_routes(pair: tuple[Netns, Netns]) -> None:
    left, right = pair
    left.run("ip route add 10.99.0.0/24 via 10.0.0.2")
    # the right host answers a packet that does not fit with "fragmentation needed", and the left one remembers
    right.run("""
        echo 1 > /proc/sys/net/ipv4/ip_forward
        ip link add thin type veth peer name thin2
        ip link set thin mtu 1000 up
        ip link set thin2 up
        ip addr add 10.99.0.1/24 dev thin
        ip neigh add 10.99.0.9 lladdr 02:00:00:00:00:09 dev thin
    """)
    left.run("ping -c 1 -W 1 -M do -s 1300 10.99.0.9 || true")
    assert "mtu 1000" in left.output("ip route get 10.99.0.9"), "the host should remember an exception"
    for source in ("netlink", "iproute"):
        destinations = [route["dst"] for route in facts_of(left, source=source)["routes"]]
        assert "10.99.0.9/32" not in destinations and "10.99.0.0/24" in destinations


# ---- settings


def test_reverse_path_filter_is_the_larger_of_both_even_on_a_dotted_interface(rich: Netns) -> None:
    rich.run("""
        echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter
        echo 2 > /proc/sys/net/ipv4/conf/v0.100/rp_filter
        echo 0 > /proc/sys/net/ipv4/conf/wan_a/rp_filter
        echo 1 > /proc/sys/net/ipv4/conf/wan_b/rp_filter
        echo 1 > /proc/sys/net/ipv4/ip_forward
    """)
    facts = facts_of(rich, gather_subset=["sysctls"])
    modes = facts["rp_filter"]
    assert modes["v0.100"] == {"mode": 2, "origin": "interface"}
    assert modes["wan_a"] == {"mode": 1, "origin": "all"}
    assert modes["wan_b"] == {"mode": 1, "origin": "both"}
    assert facts["sysctls"]["net/ipv4/ip_forward"] == 1
    for name, values in facts["interface_sysctls"].items():
        assert values["rp_filter"] == int(rich.output(f"cat /proc/sys/net/ipv4/conf/{name}/rp_filter"))
        assert values["forwarding6"] == int(rich.output(f"cat /proc/sys/net/ipv6/conf/{name}/forwarding"))


# ---- flows


def test_lookups_are_those_of_ip_route_get(rich: Netns) -> None:
    flows = ["tcp 198.51.100.6:40000 > 203.0.113.9:443", "tcp [2001:db8:a::2]:40000 > [2001:db8:100::9]:443",
             "udp 10.0.0.9:40000 > 10.31.0.5:53", "icmp 198.51.100.2 > 10.10.0.1"]
    lookups = facts_of(rich, flows=flows)["lookups"]
    assert [lookup["flow"] for lookup in lookups] == [flow for flow in flows for _direction in range(2)]
    for lookup in lookups:
        shown = rich.run(lookup["command"].replace("ip route", "ip -j -d -N route"), check=False)
        answer = (json.loads(shown.stdout or "[]") or [{}])[0]
        assert ("error" in lookup) == (shown.returncode != 0), (lookup, shown)
        if "error" not in lookup:
            assert lookup.get("device") == answer.get("dev")
            assert lookup.get("gateway") == answer.get("gateway")
            assert lookup["table"] == int(answer.get("table", 254))
    assert any("error" in lookup for lookup in lookups) and any("gateway" in lookup for lookup in lookups)


def test_a_socket_that_retransmits_is_seen(pair: tuple[Netns, Netns]) -> None:
    left, _right = pair
    left.run("ip neigh add 10.0.0.77 lladdr 02:00:00:00:00:77 dev left0")  # nobody answers there
    client = left.start("nc", "-w", "20", "10.0.0.77", "443", stdin=subprocess.DEVNULL)
    try:
        left.run("for i in $(seq 60); do ss -tinH state syn-sent | grep -q 'backoff' && break; sleep 0.1; done")
        sockets = facts_of(left, gather_subset=["sockets"])["sockets"]["retransmitting"]
    finally:
        client.kill()
        client.communicate()
    assert [entry["remote"] for entry in sockets] == ["10.0.0.77:443"]
    assert sockets[0]["state"] == "syn-sent" and sockets[0]["retransmits"] >= 1


# ---- size


def test_a_large_table_is_counted_and_only_what_matters_is_listed(pair: tuple[Netns, Netns]) -> None:
    left, _right = pair
    batch = "".join(f"route add 20.{i >> 8}.{i & 255}.0/24 via 10.0.0.2\n" for i in range(20000))
    batch += "".join(f"route add 2001:db8:{i:x}::/48 via fe80::1 dev left0\n" for i in range(1, 3000))
    batch += "route add 20.1.0.0/16 via 10.0.0.3\nroute add default via 10.0.0.2\n"
    batch += "".join(f"route add 30.0.{i}.0/24 via 10.0.0.2 table 10100\n" for i in range(100))
    batch += "route add blackhole 40.0.0.0/8\nroute add 2001:db8:10:1::/64 via fe80::2 dev left0\n"
    subprocess.run(["ip", "-n", left.name, "-batch", "-"], input=batch, text=True, check=True)
    facts = facts_of(left, flows=["tcp 10.0.0.1 > 20.1.2.3:443"], prefixes=["2001:db8:10:1::/64"])
    destinations = {(route["table"], route["dst"]) for route in facts["routes"]}
    assert {(254, dst) for dst in ("0.0.0.0/0", "20.1.0.0/16", "20.1.2.0/24", "10.0.0.0/24")} <= destinations
    assert {(254, "2001:db8:10::/48"), (254, "2001:db8:10:1::/64"), (255, "10.0.0.1/32")} <= destinations
    assert len([dst for table, dst in destinations if table == 10100]) == 100
    assert (254, "20.1.3.0/24") not in destinations and (254, "40.0.0.0/8") not in destinations
    assert len(facts["routes"]) < 150
    for family in ("4", "6"):
        counted = len(left.output(f"ip -o -{family} route show table all").splitlines())
        assert sum(facts["route_counts"][family].values()) == counted
    part = facts["parts"]["routes"]
    assert not part["complete"] and "more than max_routes (2000)" in part["why"]
    assert part["covered"] == ["10.0.0.1", "20.1.2.3", "2001:db8:10:1::/64"]
    asked = {"flows": ["tcp 10.0.0.1 > 20.1.2.3:443"], "prefixes": ["2001:db8:10:1::/64"]}
    assert facts_of(left, **asked, source="iproute")["routes"] == facts["routes"]


def test_the_limit_is_for_both_families_together(pair: tuple[Netns, Netns]) -> None:
    left, _right = pair
    batch = "".join(f"route add 20.0.{i}.0/24 via 10.0.0.2\n" for i in range(60))
    batch += "".join(f"route add 2001:db8:{i:x}::/48 via fe80::1 dev left0\n" for i in range(1, 61))
    subprocess.run(["ip", "-n", left.name, "-batch", "-"], input=batch, text=True, check=True)
    total = sum(n for tables in facts_of(left)["route_counts"].values() for n in tables.values())
    assert len(facts_of(left, max_routes=total)["routes"]) == total
    fewer = facts_of(left, max_routes=total - 1)
    assert not any(route["dst"].startswith(("20.", "2001:db8:")) for route in fewer["routes"])
    assert {"10.0.0.0/24", "fe80::/64"} <= {route["dst"] for route in fewer["routes"]}


# ---- what is not asked for, not allowed, not there


def test_parts_that_are_not_asked_for_say_so(pair: tuple[Netns, Netns]) -> None:
    facts = facts_of(pair[0], gather_subset=["interfaces"])
    assert "routes" not in facts and "netfilter" not in facts
    assert facts["parts"]["interfaces"] == {"complete": True}
    assert facts["parts"]["routes"] == {"complete": False, "why": "not asked for (gather_subset without routing)"}


def test_without_root_parts_say_why(pair: tuple[Netns, Netns]) -> None:
    left, _right = pair
    left.run("nft add table inet fw; nft 'add chain inet fw in { type filter hook input priority 0; }'")
    facts = run(left, {}, *AS_NOBODY)["ansible_facts"]["symmetry"]
    validate(facts)
    assert facts["parts"]["netfilter"]["why"] == "nftables can be read by root only (become: true)"
    assert facts["parts"]["conntrack"]["why"] == "connections can be read by root only (become: true)"
    assert facts["parts"]["routes"] == {"complete": True} and facts["rp_filter"]["left0"]["mode"] == 0


def without(netns: Netns, tools: str, arguments: Facts) -> Facts:
    """The result of the module where these tools are not installed, in a mount namespace of its own."""
    script = f"for tool in {tools}; do mount --bind /dev/null $(command -v $tool); done; exec \"$@\""
    return run(netns, arguments, "sh", "-ec", script, "sh")


def test_no_tool_is_needed_on_a_host_without_rules(rich: Netns) -> None:
    result = without(rich, "ip nft conntrack ss iptables-legacy-save", {})
    facts = result["ansible_facts"]["symmetry"]
    validate(facts)
    assert facts["parts"] == {name: {"complete": True} for name in facts["parts"]}
    assert len(facts["rules"]) == len(facts_of(rich)["rules"])


def test_a_missing_nft_is_named_where_there_are_rules(pair: tuple[Netns, Netns]) -> None:
    left, _right = pair
    left.run("nft add table inet fw")
    facts = without(left, "nft", {})["ansible_facts"]["symmetry"]
    assert facts["parts"]["netfilter"]["why"] == "nft is not installed on this host (package nftables)"


def test_a_missing_ip_is_named_where_it_was_asked_for(pair: tuple[Netns, Netns]) -> None:
    result = without(pair[0], "ip", {"source": "iproute"})
    assert result["failed"] and result["msg"] == "ip is not installed on this host (package iproute2)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"flows": ["tcp 10.0.0.1 > 10.0.0.2"]}, "needs a destination port"),
        ({"prefixes": ["10.0.0.0/33"]}, "'10.0.0.0/33': the length of the prefix is not between 0 and 32"),
        ({"prefixes": ["ten"]}, "'ten' is not an address or prefix, for example 203.0.113.0/24"),
        ({"max_routes": -1}, "max_routes is -1: give 0 or more"),
        ({"sample_seconds": -0.5}, "sample_seconds is -0.5: give 0 or more"),
        ({"gather_subset": ["everything"]}, "value of gather_subset must be one or more of"),
    ],
)
def test_bad_input_is_refused_with_a_reason(pair: tuple[Netns, Netns], arguments: Facts, message: str) -> None:
    result = run(pair[0], arguments)
    assert result["failed"] and message in result["msg"]


def test_managers_are_those_of_this_namespace(pair: tuple[Netns, Netns], tmp_path: pathlib.Path) -> None:
    left, right = pair
    fake = tmp_path / "zebra"
    fake.symlink_to("/bin/sleep")
    daemon = left.start(str(fake), "60")
    try:
        left.run(f"for i in $(seq 50); do [ \"$(cat /proc/{daemon.pid}/comm)\" = zebra ] && break; sleep 0.1; done")
        both = [facts_of(ns, gather_subset=["managers"])["managers"] for ns in (left, right)]
    finally:
        daemon.kill()
        daemon.communicate()
    active = [{entry["name"]: entry["active"] for entry in managers}.get("frr") for managers in both]
    assert active[0] is True and not active[1]
