# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rp_filter on a real host. The observer is /proc/sys."""

from __future__ import annotations

import datetime
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth


@pytest.fixture
def host() -> t.Iterator[Netns]:
    one, far = Netns("rp").create(), Netns("rpfar").create()
    try:
        veth(one, "wan_a", far, "pa", [("198.51.100.2/30", "198.51.100.1/30")])
        veth(one, "v0.100", far, "pb", [("10.1.0.1/24", "10.1.0.2/24")])
        one.run("cd /proc/sys/net/ipv4/conf; for i in all default wan_a v0.100; do echo 0 > $i/rp_filter; done")
        one.run("echo 1 > /proc/sys/net/ipv4/conf/wan_a/rp_filter")
        yield one
    finally:
        one.delete()
        far.delete()


def values(host: Netns) -> dict[str, str]:
    found = host.output("cd /proc/sys/net/ipv4/conf; for i in *; do echo $i=$(cat $i/rp_filter); done")
    return dict(line.split("=") for line in found.splitlines())


def module(host: Netns, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
    return run_module(host, "rp_filter", options, check_mode)


WISHES = [{"name": "wan_a", "mode": "loose", "reason": "replies enter here"}, {"name": "v0.100", "mode": "strict"}]


def test_four_runs_and_their_inverse(host: Netns) -> None:
    before = values(host)
    check = module(host, True, interfaces=WISHES)
    assert values(host) == before
    run = module(host, interfaces=WISHES)
    assert values(host) == {**before, "wan_a": "2", "v0.100": "1"}
    again, last = module(host, True, interfaces=WISHES), module(host, interfaces=WISHES)
    assert [one["changed"] for one in (check, run, again, last)] == [True, True, False, False]
    assert check["diff"] == run["diff"] and again["diff"]["before"] == run["diff"]["after"]
    assert run["effective"][0] == {
        "interface": "wan_a",
        "mode": "loose",
        "origin": "interface",
        "reason": "replies enter here",
    }
    for _twice in range(2):
        for command in run["undo"]:
            host.run(command)
        assert values(host) == before


def test_an_inverse_leaves_a_value_that_somebody_else_set(host: Netns) -> None:
    run = module(host, interfaces=WISHES)
    host.run("echo 0 > /proc/sys/net/ipv4/conf/wan_a/rp_filter")
    host.run("ip link del v0.100")
    for command in run["undo"]:
        host.run(command)
    assert values(host)["wan_a"] == "0"


def test_absent(host: Netns) -> None:
    host.run("echo 2 > /proc/sys/net/ipv4/conf/wan_a/rp_filter")
    assert module(host, interfaces=[{"name": "wan_a"}], state="absent")["changed"]
    assert values(host)["wan_a"] == values(host)["default"] == "0"
    assert not module(host, interfaces=[{"name": "wan_a"}], state="absent")["changed"]


def test_what_the_value_of_all_forbids_is_refused(host: Netns) -> None:
    host.run("echo 2 > /proc/sys/net/ipv4/conf/all/rp_filter")
    before = values(host)
    for check_mode in (True, False):
        answer = module(host, check_mode, interfaces=WISHES)
        assert answer["failed"] and "mode strict is impossible while net/ipv4/conf/all/rp_filter is 2" in answer["msg"]
    assert values(host) == before


@pytest.mark.parametrize(
    ("name", "message"),
    [("all", "never written"), ("eth9", "interface 'eth9' does not exist on this host; it has")],
)
def test_refusals(host: Netns, name: str, message: str) -> None:
    before = values(host)
    answer = module(host, interfaces=[{"name": name, "mode": "loose"}])
    assert answer["failed"] and message in answer["msg"]
    assert values(host) == before


def test_an_exception_stands_in_the_register_and_ends_by_itself(host: Netns) -> None:
    def entries() -> str:
        return "".join(path.read_text() for path in sorted(host.state.glob("register/*.entry")))

    def until(seconds: float) -> str:
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
        return end.strftime("%Y-%m-%dT%H:%M:%SZ")

    before = values(host)
    wish = {"name": "wan_a", "mode": "loose", "reason": "CHG1", "by": "bob", "until": until(3600)}
    check = module(host, True, interfaces=[wish])
    assert values(host) == before and not entries()
    run, again = module(host, interfaces=[wish]), module(host, interfaces=[wish])
    assert run["changed"] and not again["changed"] and check["diff"] == run["diff"]
    assert entries().startswith("role: rp_filter\nname: wan_a\nby: bob\nreason: CHG1\nuntil: ")
    sooner = module(host, interfaces=[{**wish, "until": until(4)}])
    assert [change["kind"] for change in sooner["changes"]] == ["register"]
    deadline = time.monotonic() + 30
    while entries():
        assert time.monotonic() < deadline, "the host did not end it"
        time.sleep(0.1)
    assert values(host) == before, "it has what it had before the exception"
    assert "exception rp_filter.wan_a ended at its time: CHG1 (by bob)" in (host.state / "expired.log").read_text()
    over = {**wish, "until": "2026-01-01"}
    late = module(host, interfaces=[over])
    assert not late["changed"] and late["expired"] == ["wan_a"]
    module(host, interfaces=[wish])
    assert values(host)["wan_a"] == "2" and module(host, interfaces=[over])["changed"]
    assert values(host) == before and not entries() and not list(host.state.glob("register/*.timer"))


def test_ipv6_by_rules_of_nft(host: Netns) -> None:
    far = Netns("rpfar")
    host.run("ip -6 address add 2001:db8:a::2/64 dev wan_a nodad; ip -6 address add 2001:db8:b::2/64 dev v0.100 nodad; "
             "sysctl -qw net.ipv6.conf.all.forwarding=1")
    far.run("ip -6 address add 2001:db8:a::1/64 dev pa nodad; ip -6 address add 2001:db8:b::1/64 dev pb nodad; "
            "ip -6 address add 2001:db8:b::77/128 dev lo; ip -6 address add 2001:db8:f::1/128 dev lo; "
            "sysctl -qw net.ipv6.conf.all.forwarding=1")

    def arrives(source: str) -> bool:
        """Whether an echo request to the host by wan_a, with this source, comes to it."""
        count = "nstat -asz Icmp6InEchos | sed -n 's/^Icmp6InEchos *\\([0-9]*\\).*/\\1/p'"
        seen = host.output(count)
        far.run(f"ping -6 -n -c 1 -W 0.3 -I {source} 2001:db8:a::2", check=False)
        return host.output(count) != seen

    def link_local(netns: Netns, device: str) -> str:
        listed = netns.json(f"ip -j -6 address show dev {device} scope link")
        return next(str(a["local"]) for link in listed for a in link.get("addr_info", ()) if "local" in a)

    before = host.output("nft -s list ruleset")
    assert [arrives(one) for one in ("2001:db8:a::1", "2001:db8:b::77", "2001:db8:f::1")] == [True, True, True]
    wish = {"name": "wan_a", "mode": "off", "ipv6": "strict"}
    check = module(host, True, interfaces=[wish])
    assert host.output("nft -s list ruleset") == before
    run, again = module(host, interfaces=[wish]), module(host, interfaces=[wish])
    assert run["changed"] and not again["changed"] and check["diff"] == run["diff"]
    assert [arrives(one) for one in ("2001:db8:a::1", "2001:db8:b::77", "2001:db8:f::1")] == [True, False, False]
    host.run("ip -6 neigh flush dev wan_a")
    assert arrives("2001:db8:a::1"), "neighbour discovery passes"
    own = link_local(host, "wan_a")
    assert far.run(f"ping -6 -n -c 1 -W 1 {own}%pa", check=False).returncode == 0, "link-local sources pass"
    module(host, interfaces=[{**wish, "ipv6": "loose"}])
    assert [arrives(one) for one in ("2001:db8:a::1", "2001:db8:b::77", "2001:db8:f::1")] == [True, True, False]
    assert not module(host, interfaces=[{"name": "v0.100", "mode": "strict"}]).get("failed")
    assert "symmetry:rpf:wan_a" in host.output("nft -s list ruleset"), "what is not named stays"
    host.run("ip -6 route add default nexthop via 2001:db8:a::1 nexthop via 2001:db8:b::1")
    refused = module(host, interfaces=[wish])
    assert refused.get("failed") and "::/0 has several next hops (wan_a, v0.100)" in refused["msg"], refused
    assert module(host, state="absent", interfaces=[{"name": "wan_a"}])["changed"]
    assert host.output("nft -s list ruleset") == before
