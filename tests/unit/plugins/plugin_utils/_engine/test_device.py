# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices in a path: a Linux client, a router, a firewall with sessions by zone, a router, a Linux server."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import Diagnosis, diagnose
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine.networks import host

Facts = dict[str, t.Any]
TCP, UDP = "tcp 10.1.0.10 > 10.5.0.10:443", "udp 10.1.0.10 > 10.5.0.10:53"
PARTS = ("interfaces", "routes", "neighbours", "lookups", "reverse_path", "policy_routes", "nat", "sessions", "drops",
         "settings", "load_sharing", "fhrp", "ha", "logs")


def device(
    platform: str, interfaces: t.Mapping[str, str], routes: t.Mapping[str, str], key: str = "", **more: t.Any
) -> Facts:
    """A device: ``interfaces`` as ``ADDRESS/LENGTH [zone] [vrf=NAME]`` by name, ``routes`` next hops by prefix."""
    found: Facts = {}
    for name, text in interfaces.items():
        address, *words = text.split()
        plain, length = address.split("/")
        found[name] = {"up": True, "carrier": True, "mtu": 1500,
                       "addresses": [{"family": 4, "address": plain, "prefixlen": int(length)}],
                       **{"vrf" if word.startswith("vrf=") else "zone": word.removeprefix("vrf=") for word in words}}
    listed = [{"family": 4, "table": 254, "dst": dst, "nexthops": [{"gateway": hop} for hop in hops.split()]}
              for dst, hops in routes.items()]
    given = {"settings": [], "policy_routes": [], "nat": [], "reverse_path": {}, "session_key": key, "tested": "fake"}
    return {"schema": "netpath.symmetry/1", "platform": platform, "source": "ssh", "collected_at": 1.0,
            "interfaces": found, "routes": listed, "neighbours": [], "lookups": more.pop("lookups", []),
            "parts": {**{name: {"complete": True} for name in PARTS}, **more.pop("parts", {})},
            "device": {**given, **more}}


def mixed(
    zones: t.Sequence[str] = ("a", "b"), back: str = "10.4.0.2", key: str = "zone", **firewall: t.Any
) -> dict[str, Facts]:
    """The server's replies come back by ``back``, the firewall's other way to the router."""
    return {
        "client": host({"eth0": ["10.1.0.10/24"]}, ["0.0.0.0/0 via 10.1.0.1 dev eth0"], forwarding=False),
        "r1": device("frr", {"lan": "10.1.0.1/24", "core": "10.2.0.1/24"}, {"10.5.0.0/24": "10.2.0.2"}),
        "fw": device("paloalto_panos", {"ethernet1/1": "10.2.0.2/24 trust", "ethernet1/2": f"10.3.0.2/24 {zones[0]}",
                                        "ethernet1/3": f"10.4.0.2/24 {zones[1]}"},
                     {"10.5.0.0/24": "10.3.0.3", "10.1.0.0/24": "10.2.0.1"}, key, **firewall),
        "r2": device("cisco_ios", {"Gi1": "10.3.0.3/24", "Gi2": "10.4.0.3/24", "Gi3": "10.5.0.1/24"},
                     {"10.1.0.0/24": back}),
        "server": host({"eth0": ["10.5.0.10/24"]}, ["0.0.0.0/0 via 10.5.0.1 dev eth0"], forwarding=False),
    }


def judge(facts: dict[str, Facts], flow: str = TCP) -> Diagnosis:
    return diagnose(facts, {name: {} for name in facts}, [flow])


def verdict(facts: dict[str, Facts], flow: str = TCP) -> tuple[str, str, str]:
    """The verdict, and where and why it dies."""
    (one,) = judge(facts, flow).verdicts
    return one.verdict, one.dies_at.host if one.dies_at else "", one.dies_at.detail if one.dies_at else ""


def test_one_verdict_over_linux_and_devices() -> None:
    what, where, why = verdict(mixed())
    assert (what, where) == ("broken", "fw") and "comes in by b, and its session leaves by another" in why
    assert verdict(mixed(back="10.3.0.2"))[0] == "symmetric"
    (told,) = judge(mixed(back="10.3.0.2")).verdicts
    assert [hop.host for hop in told.forward_paths()[0].hops] == ["client", "r1", "fw", "r2", "server"]


@pytest.mark.parametrize("flow", [TCP, UDP, "icmp 10.1.0.10 > 10.5.0.10"])
def test_two_ways_in_one_zone_share_sessions(flow: str) -> None:
    assert verdict(mixed(("untrust", "untrust")), flow)[0] == "asymmetric_harmless"
    assert verdict(mixed(("untrust", "untrust"), key="interface"), flow)[0] != "broken"
    assert verdict(mixed(), flow)[:2] == ("broken", "fw")


def split(**second: t.Any) -> dict[str, Facts]:
    """Two firewalls side by side: requests by the first, replies by the second, which never saw the session."""
    facts = mixed(back="10.4.0.9")
    facts["fw2"] = device("paloalto_panos", {"ethernet1/1": "10.2.0.9/24 trust", "ethernet1/3": "10.4.0.9/24 b"},
                          {"10.5.0.0/24": "10.4.0.3", "10.1.0.0/24": "10.2.0.1"}, "zone", **second)
    del facts["fw"]["interfaces"]["ethernet1/3"]
    return facts


def setting(weakens: bool | None, scope: str = "device", name: str = "asymmetric_path", value: str = "bypass") -> Facts:
    return {"name": name, "scope": scope, "value": value, "weakens": weakens}


def test_a_firewall_without_the_session_drops() -> None:
    what, where, why = verdict(split())
    assert (what, where) == ("broken", "fw2") and "a packet of no session" in why
    assert [one.id for one in judge(split()).findings if one.id == "SYM301"] == ["SYM301"]


def test_what_a_policy_says_of_replies_without_a_session_is_unknown() -> None:
    assert verdict(split(), UDP)[0] == "unknown"


@pytest.mark.parametrize(("settings", "expected"), [
    ([setting(False, value="drop")], "broken"), ([setting(None)], "unknown"),
    ([setting(True)], "unknown"),  # it opens a session where the policy permits, which was not read
    ([setting(True, "zone x")], "unknown"),
])  # fmt: skip
def test_settings_decide_about_packets_without_a_session(settings: list[Facts], expected: str) -> None:
    facts = split(settings=settings)
    facts["fw"]["device"]["settings"] = settings
    assert verdict(facts)[0] == expected


def test_settings_that_were_not_read_make_it_unknown() -> None:
    unread = {"settings": {"complete": False, "why": "refused"}}
    assert verdict(split(parts=unread))[0] == "unknown"


def test_the_devices_own_answer_to_a_flow_counts() -> None:
    answer = {"flow": f"{TCP}", "command": "packet-tracer", "table": 254, "verdict": "drop", "reason": "acl-drop"}
    what, where, why = verdict(mixed(back="10.3.0.2", lookups=[answer]))
    assert (what, where) == ("broken", "fw") and "acl-drop" in why


def routers(**more: t.Any) -> dict[str, Facts]:
    """The far router has two ways back, one of them by a policy or with a check."""
    facts = mixed(("u", "u"), back="10.3.0.2")
    facts["r2"]["device"].update(more)
    return facts


def policy(**more: t.Any) -> Facts:
    return {"name": "RM", "sequence": 10, "interfaces": ["Gi3"], "action": "forward", "nexthops": ["10.4.0.2"],
            "match": [{"sources": ["10.5.0.0/24"], "protocol": "tcp", "sports": [[443, 443]]}], **more}


def way_back(facts: dict[str, Facts], flow: str = TCP) -> list[str]:
    (told,) = judge(facts, flow).verdicts
    return [hop.oif or "" for pair in told.journey.pairs for hop in pair.back.hops if hop.host == "r2"]


def test_policies_come_before_routes() -> None:
    assert way_back(routers()) == ["Gi1"]
    assert way_back(routers(policy_routes=[policy()])) == ["Gi2"]
    assert way_back(routers(policy_routes=[policy()]), UDP) == ["Gi1"], "it does not match"
    assert way_back(routers(policy_routes=[policy(action="normal"), policy()])) == ["Gi1"], "the first match counts"
    denied = [{"sources": ["10.5.0.10/32"], "deny": True}, {}]
    assert way_back(routers(policy_routes=[policy(match=denied)])) == ["Gi1"], "the access list denies it"
    assert way_back(routers(policy_routes=[policy(match=denied), policy()])) == ["Gi2"], "and the next entry takes it"
    assert way_back(routers(policy_routes=[policy(nexthops=["10.9.9.9"]), policy()])) == ["Gi1"], "no such next hop"
    assert way_back(routers(policy_routes=[policy(interfaces=["Gi1"])])) == ["Gi1"], "another interface"
    assert verdict(routers(policy_routes=[policy(action="drop")]))[:2] == ("broken", "r2")
    assert verdict(routers(policy_routes=[policy(action="vrf", vrf="RED")]))[0] == "unknown", "RED was not read"
    red = routers(policy_routes=[policy(action="vrf", vrf="RED")], tables={"RED": 1001})
    assert verdict(red)[:2] == ("broken", "r2"), "RED has no route"
    red["r2"]["routes"].append({"family": 4, "table": 1001, "dst": "10.1.0.0/24",
                                "nexthops": [{"gateway": "10.4.0.2", "device": "Gi2"}]})
    assert way_back(red) == ["Gi2"]


PAIR: Facts = {"mode": "active_active", "synchronised": True, "growth": {"state errors": 0}}


def paired(one: Facts | None = None, two: Facts | None = None, swapped: bool = False) -> dict[str, Facts]:
    """Requests cross fw, replies its partner fw2, whose zones are the same."""
    facts = mixed(("untrust", "other"), back="10.4.0.2", ha={**PAIR, "peer": "fw2", **(one or {})})
    facts["fw"]["interfaces"].pop("ethernet1/3")
    inside, outside = ("untrust", "trust") if swapped else ("trust", "untrust")
    facts["fw2"] = device("paloalto_panos", {"ethernet1/2": f"10.4.0.2/24 {outside}",
                                             "ethernet1/1": f"10.6.0.2/24 {inside}"},
                          {"10.5.0.0/24": "10.4.0.3", "10.1.0.0/24": "10.6.0.1"}, "zone",
                          ha={**PAIR, "peer": "fw", **(two or {})})
    facts["r1"]["interfaces"]["other"] = {"up": True, "carrier": True, "mtu": 1500, "addresses": [
        {"family": 4, "address": "10.6.0.1", "prefixlen": 24}]}
    return facts


def test_a_pair_shares_sessions_only_where_both_say_so() -> None:
    assert verdict(paired())[0] == "asymmetric_harmless"
    for doubt in ({"synchronised": False}, {"growth": {"state errors": 3}}, {"mode": "none"}, {"peer": "fw9"},
                  {"peer": ""}):
        for facts in (paired(one=doubt), paired(two=doubt)):
            assert verdict(facts)[:2] == ("broken", "fw2"), doubt
    unread = paired()
    unread["fw"]["parts"]["ha"] = {"complete": False, "why": "refused"}
    for facts in (unread, paired(one={"synchronised": None}), paired(two={"synchronised": None})):
        (told,) = diagnose(facts, {name: {} for name in facts}, [TCP]).verdicts
        assert told.verdict == "unknown" and "fw and fw2 share connection state" in told.read_next
    assert verdict(paired(swapped=True))[:2] == ("broken", "fw2"), "the zones are still asked"


def test_members_of_a_pair_are_named_by_addresses_or_by_the_inventory() -> None:
    assert verdict(paired({"peer": "10.4.0.2"}, {"peer": "10.2.0.2"}))[0] == "asymmetric_harmless"
    facts = paired({"peer": "secondary"}, {"peer": "primary"})
    assert verdict(facts)[0] == "broken"
    named: dict[str, Facts] = {**{name: {} for name in facts}, "fw": {"symmetry_state_peers": ["fw2"]}}
    (told,) = diagnose(facts, named, [TCP]).verdicts
    assert told.verdict == "asymmetric_harmless"
    facts["fw2"]["device"]["ha"]["synchronised"] = False
    (told,) = diagnose(facts, named, [TCP]).verdicts
    assert told.verdict == "broken", "a name proves nothing"


def returning(hops: list[str], *before: Facts, **more: t.Any) -> Facts:
    """A firewall that has a route to the client by another zone, and a policy for what comes by ethernet1/1."""
    asked = [{"destinations": ["10.5.0.0/24"], "protocol": "tcp", "dports": [[443, 443]]}]
    facts = mixed(back="10.3.0.2", policy_routes=[*before, policy(
        interfaces=["ethernet1/1"], nexthops=["10.3.0.3"], device="ethernet1/2", symmetric_return=True, match=asked,
        **({"return_nexthops": hops} if hops else {}), **more)])
    facts["fw"]["routes"] = [{"family": 4, "table": 254, "dst": dst, "nexthops": [{"gateway": hop}]}
                             for dst, hop in (("10.5.0.0/24", "10.3.0.3"), ("10.1.0.0/24", "10.4.0.3"))]
    return facts


def test_replies_go_back_by_the_interface_where_a_policy_says_so() -> None:
    def way_out(facts: Facts, flow: str = TCP) -> list[str]:
        (told,) = judge(facts, flow).verdicts
        return [hop.oif or "" for pair in told.journey.pairs for hop in pair.back.hops if hop.host == "fw"]

    without = returning(["10.2.0.1"])
    without["fw"]["device"]["policy_routes"][0]["symmetric_return"] = False
    assert verdict(without)[:2] == ("broken", "fw")
    assert verdict(returning(["10.2.0.1"]))[0] == "symmetric" and way_out(returning(["10.2.0.1"])) == ["ethernet1/1"]
    assert verdict(returning(["10.2.0.1"]), UDP)[:2] == ("broken", "fw"), "the policy is for TCP"
    asked = [{"destinations": ["10.5.0.10/32"]}]
    other = policy(name="first", match=asked, interfaces=["ethernet1/1"], nexthops=["10.3.0.3"], device="ethernet1/2")
    assert verdict(returning(["10.2.0.1"], other))[:2] == ("broken", "fw"), "another policy takes the session"
    assert verdict(returning(["10.2.0.1"], enabled=False))[:2] == ("broken", "fw")
    assert verdict(returning([]))[0] == "unknown", "to whom is not told"


def test_a_policy_that_is_not_understood_is_unknown() -> None:
    assert verdict(routers(policy_routes=[policy(unknown=["match length 0 200"])]))[0] == "unknown"
    assert verdict(routers(policy_routes=[policy(match=[{"unknown": "permit object-group X"}])]))[0] == "unknown"


def check(mode: str, interface: str = "Gi1", allow_default: bool | None = False, **more: t.Any) -> Facts:
    return {"reverse_path": {interface: {"mode": mode, "allow_default": allow_default, **more}}}


@pytest.mark.parametrize(("checks", "expected"), [
    (check("strict"), "broken"), (check("loose"), "asymmetric_harmless"), (check("feasible"), "unknown"),
    (check("strict", access_list="X"), "unknown"), (check("strict", "Gi2"), "asymmetric_harmless"),
    (check("off"), "asymmetric_harmless"),
])  # fmt: skip
def test_reverse_path_checks_ask_the_table(checks: Facts, expected: str) -> None:
    facts = mixed(("u", "u"))  # requests arrive by Gi1, the way back is by Gi2
    facts["r2"]["device"].update(checks)
    what, where, why = verdict(facts)
    assert what == expected
    if expected == "broken":
        assert where == "r2" and "leaves by Gi2, not by Gi1" in why


@pytest.mark.parametrize(("allow_default", "expected"), [(True, "symmetric"), (False, "broken"), (None, "unknown")])
def test_whether_a_default_route_counts_is_a_setting(allow_default: bool | None, expected: str) -> None:
    facts = mixed(("u", "u"), back="10.3.0.2")
    facts["r2"]["routes"][0]["dst"] = "0.0.0.0/0"
    facts["r2"]["device"].update(check("loose", allow_default=allow_default))
    assert verdict(facts)[0] == expected


def test_checks_and_routes_that_were_not_read_are_unknown() -> None:
    for part in ("interfaces", "reverse_path", "routes", "policy_routes"):
        facts = mixed(("u", "u"), back="10.3.0.2")
        facts["r2"]["parts"][part] = {"complete": False, "why": "refused"}
        assert verdict(facts)[0] == "unknown", part
    covered = mixed(("u", "u"), back="10.3.0.2")
    covered["r2"]["parts"]["routes"] = {"complete": False, "why": "many", "covered": ["10.1.0.10/32", "10.5.0.10/32"]}
    assert verdict(covered)[0] == "symmetric"


def test_next_hops_behind_next_hops_are_followed() -> None:
    facts = mixed(("u", "u"))
    facts["r2"]["routes"] += [
        {"family": 4, "table": 254, "dst": "192.0.2.1/32", "nexthops": [{"gateway": "10.4.0.2"}]},
        {"family": 4, "table": 254, "dst": "10.1.0.0/24", "nexthops": [{"gateway": "192.0.2.1"}]},
    ]
    del facts["r2"]["routes"][0]
    assert way_back(facts) == ["Gi2"]


def test_a_vrf_is_a_world_of_its_own() -> None:
    facts = mixed(("u", "u"), back="10.3.0.2")
    facts["r2"]["interfaces"]["Gi3"]["vrf"] = "BLUE"
    facts["r2"]["device"]["tables"] = {"BLUE": 1001}
    what, where, _why = verdict(facts)
    assert (what, where) == ("broken", "r2")
    for name in ("Gi1", "Gi2"):
        facts["r2"]["interfaces"][name]["vrf"] = "BLUE"
    facts["r2"]["routes"] = [{**one, "table": 1001} for one in facts["r2"]["routes"]]
    assert verdict(facts)[0] == "symmetric"


def test_the_gateway_that_a_pair_shares_is_at_the_active_one() -> None:
    facts = mixed(("u", "u"), back="10.3.0.2")
    gateway = {"protocol": "hsrp", "interface": "Gi3", "group": 1, "role": "active", "address": "10.5.0.254"}
    facts["r2"]["device"]["fhrp"] = [gateway]
    facts["server"] = host({"eth0": ["10.5.0.10/24"]}, ["0.0.0.0/0 via 10.5.0.254 dev eth0"], forwarding=False)
    assert verdict(facts)[0] == "symmetric"
    facts["r2"]["device"]["fhrp"] = [{**gateway, "role": "standby"}]
    assert verdict(facts)[0] != "symmetric"


def test_translation_of_sources() -> None:
    masked = {"name": "out", "kind": "source", "zones_in": ["trust"], "zones_out": ["a"], "to_interface": True}
    facts = mixed(("a", "b"), back="10.3.0.2", nat=[masked])
    (told,) = judge(facts).verdicts
    assert told.verdict == "symmetric"
    assert told.forward_paths()[0].packet.flow.source == "10.3.0.2"
    spared = {"name": "not", "kind": "none", "zones_in": ["trust"], "zones_out": ["a"], "destinations": ["10.5.0.0/24"]}
    told = judge(mixed(back="10.3.0.2", nat=[spared, masked])).to_dict()["verdicts"][0]
    assert told["verdict"] == "symmetric" and "snat" not in str(told["forward"]) and "masq" not in str(told["forward"])
    unread = mixed(("a", "b"), back="10.3.0.2", parts={"nat": {"complete": False, "why": "refused"}})
    assert verdict(unread)[0] == "unknown"


SERVER = [  # ip nat inside source static tcp 10.1.0.10 8443 192.0.2.10 443, static 10.1.0.10 192.0.2.11, and a list
    {"name": "port", "kind": "static", "interfaces_in": ["Gi1"], "interfaces_out": ["Gi2"], "sources": ["10.1.0.10/32"],
     "protocol": "tcp", "sports": [[8443, 8443]], "to_sources": ["192.0.2.10"], "to_sport": 443},
    {"name": "port, the way back", "kind": "destination", "interfaces_in": ["Gi2"], "sources": ["0.0.0.0/0"],
     "destinations": ["192.0.2.10/32"], "protocol": "tcp", "dports": [[443, 443]], "to_destination": "10.1.0.10",
     "to_port": 8443},
    {"name": "host", "kind": "static", "interfaces_in": ["Gi1"], "interfaces_out": ["Gi2"], "sources": ["10.1.0.10/32"],
     "to_sources": ["192.0.2.11"]},
    {"name": "host, the way back", "kind": "destination", "interfaces_in": ["Gi2"], "sources": ["0.0.0.0/0"],
     "destinations": ["192.0.2.11/32"], "to_destination": "10.1.0.10"},
    {"name": "network, the way back", "kind": "static", "interfaces_in": ["Gi2"],
     "destinations": ["192.0.2.128/25"], "to_destination": "10.1.0.0/25"},
    {"name": "list", "kind": "source", "interfaces_in": ["Gi1"], "interfaces_out": ["Gi2"], "sources": ["10.1.0.0/24"],
     "to_sources": ["192.0.2.12"]},
]


def edges(back: str = "10.3.0.2", first: t.Any = None, second: t.Any = None) -> dict[str, Facts]:
    """Two edge routers with translation; packets to the translated addresses come by ``back``."""
    ways = {"10.5.0.0/24": "10.3.0.3"}, {"10.5.0.0/24": "10.4.0.3"}
    first, second = (SERVER if nat is None else nat for nat in (first, second))
    return {
        "client": host({"eth0": ["10.1.0.10/24"]}, ["0.0.0.0/0 via 10.1.0.1 dev eth0"], forwarding=False),
        "one": device("cisco_ios", {"Gi1": "10.1.0.1/24", "Gi2": "10.3.0.2/24"}, ways[0], nat=first),
        "two": device("cisco_ios", {"Gi1": "10.1.0.2/24", "Gi2": "10.4.0.2/24"}, ways[1], nat=second),
        "core": device("frr", {"a": "10.3.0.3/24", "b": "10.4.0.3/24", "s": "10.5.0.1/24"},
                       {"192.0.2.0/24": back, "10.1.0.0/24": back}),
        "server": host({"eth0": ["10.5.0.10/24"]}, ["0.0.0.0/0 via 10.5.0.1 dev eth0"], forwarding=False),
    }


@pytest.mark.parametrize(("flow", "as_seen"), [
    ("tcp 10.1.0.10:51000 > 10.5.0.10:443", ("192.0.2.11", 51000, "10.5.0.10", 443)),
    ("udp 10.1.0.10:8443 > 10.5.0.10:53", ("192.0.2.11", 8443, "10.5.0.10", 53)),
    ("tcp 10.1.0.10:8443 > 10.5.0.10:443", ("192.0.2.10", 443, "10.5.0.10", 443)),
    ("tcp 10.5.0.10:51000 > 192.0.2.10:443", ("10.5.0.10", 51000, "10.1.0.10", 8443)),
    ("udp 10.5.0.10:51000 > 192.0.2.11:53", ("10.5.0.10", 51000, "10.1.0.10", 53)),
    ("udp 10.5.0.10:51000 > 192.0.2.138:53", ("10.5.0.10", 51000, "10.1.0.10", 53)),
])
def test_a_static_translation_is_followed_both_ways(flow: str, as_seen: tuple[str, int, str, int]) -> None:
    (told,) = judge(edges(), flow).verdicts
    assert told.verdict == "symmetric"
    seen = told.forward_paths()[0].packet.flow
    assert (seen.source, seen.sport, seen.destination, seen.dport) == as_seen


def test_a_router_may_translate_what_it_saw_no_beginning_of() -> None:
    """Replies by another router: without the same translation it has no way for them, with it nobody knows."""
    flow = "tcp 10.1.0.10:51000 > 10.5.0.10:443"
    assert verdict(edges("10.4.0.2"), flow)[0] == "unknown"
    assert verdict(edges("10.4.0.2", second=[]), flow)[:2] == ("broken", "two")
    apart = [{"name": "other", "kind": "none", "sources": ["0.0.0.0/0"], "interfaces_in": ["Gi2"]}, *SERVER]
    assert verdict(edges("10.4.0.2", first=[]), flow)[0] == "asymmetric_harmless"  # replies to what was not translated
    assert verdict(edges("10.4.0.2", second=apart), flow)[0] == "broken"


@pytest.mark.parametrize("damage", [
    {"interfaces": {"Gi1": {"up": True}}}, {"interfaces": []}, {"routes": [{"dst": "x"}]}, {"device": {"tables": []}},
    {"device": {"policy_routes": [{}]}}, {"parts": []},
])  # fmt: skip
def test_damaged_facts_are_not_read(damage: Facts) -> None:
    facts = mixed(("u", "u"), back="10.3.0.2")
    facts["r2"] = {**facts["r2"], **damage}
    assert "r2" in judge(facts).unread or verdict(facts)[0] == "unknown"


def test_no_remedy_of_linux_is_proposed_for_a_device() -> None:
    found = judge(mixed()).to_dict()
    assert not {one["host"] for one in found["remedies"]} & {"r1", "r2", "fw"}
    assert "the policy of fw permits the first packet of every flow: its policy is not read" in found["assumptions"]


@pytest.mark.parametrize(("told", "expected"), [
    ({"drops": [{"name": "flow_tcp_non_syn_drop", "packets": 9, "growth": 4, "meaning": "out_of_state"}]}, "SYM302"),
    ({"drops": [{"name": "unicast RPF", "packets": 9, "growth": 4, "meaning": "reverse_path"}]}, "SYM201"),
    ({"load_sharing": {"mode": "per_packet", "interfaces": ["Gi1"]}}, "SYM503"),
    ({"ha": {"mode": "active_passive", "peer": "fw2", "synchronised": False}}, "SYM701"),
    ({"ha": {"mode": "active_passive", "synchronised": True, "growth": {"tcp conn rerr": 3}}}, "SYM701"),
    ({"ha": {"mode": "none"}, "drops": [{"name": "x", "packets": 9, "growth": 0, "meaning": "zone"}]}, None),
    ({"ha": {"mode": "cluster", "synchronised": True}, "load_sharing": {"mode": "per_flow"}}, None),
])  # fmt: skip
def test_what_a_device_tells_of_itself(told: Facts, expected: str | None) -> None:
    found = {one.id for one in judge(mixed(back="10.3.0.2", **told)).findings if one.host == "fw"}
    assert found == ({expected} if expected else set())
