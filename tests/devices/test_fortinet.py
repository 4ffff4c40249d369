# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FortiGate: facts from transcripts, with and without virtual domains, and over SSH from a fake with its pager on."""

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import NotReadOnly
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.fortinet import Fortinet
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.gather import gather
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import diagnose
from ansible_collections.netpath.symmetry.tests.devices import transcripts
from ansible_collections.netpath.symmetry.tests.devices.platforms import FAKES
from ansible_collections.netpath.symmetry.tests.devices.reading import facts_of, over_ssh, request, validate
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine.networks import host

FLOW = "tcp 10.10.0.20:51000 > 172.16.9.9:443"
Dict = dict[str, t.Any]


@pytest.fixture(scope="module")
def facts() -> Dict:
    return facts_of(Fortinet(), "fortinet", request(FLOW))


@pytest.fixture(scope="module")
def alone() -> Dict:
    return facts_of(Fortinet(), "fortinet_alone", request(FLOW))


def test_domains_that_are_not_read_are_named(facts: Dict) -> None:
    incomplete = {name: part["why"] for name, part in facts["parts"].items() if not part["complete"]}
    assert incomplete.keys() == {
        "interfaces", "routes", "policy_routes", "sessions", "settings", "nat", "lookups", "drops", "logs"}
    assert incomplete["routes"] == "read is the virtual domain root; not read: GUESTS"
    assert facts["software"] == "7.2.8" and facts["device"]["session_key"] == "interface"


def test_interfaces(facts: Dict) -> None:
    lan = facts["interfaces"]["port3"]
    assert (lan["up"], lan["carrier"], lan["mtu"], lan["zone"], lan["index"]) == (True, True, 9000, "inside", 6)
    assert [(one["address"], one.get("secondary"), one.get("scope")) for one in lan["addresses"]] == [
        ("10.10.0.1", None, None), ("10.10.1.1", True, None), ("fe80::209:fff:fe00:106", None, "link"),
        ("2001:db8:10::1", None, None)]
    assert facts["interfaces"]["port4"]["vrf"] == "7" and facts["interfaces"]["port4"]["carrier"] is False
    assert "vrf" not in lan


def test_routes_per_vrf_with_their_continuation_lines(facts: Dict) -> None:
    routes: dict[t.Any, list[Dict]] = {}
    for one in facts["routes"]:
        routes.setdefault((one["table"], one["dst"]), []).append(one)
    assert facts["device"]["tables"] == {"7": 1001}
    best, other = routes[254, "0.0.0.0/0"]
    assert best["nexthops"] == [{"gateway": "198.51.100.1", "device": "port1"}] and "installed" not in best
    assert other["nexthops"] == [{"gateway": "203.0.113.1", "device": "port2"}] and other["installed"] is False
    assert routes[254, "10.20.0.0/16"][0]["nexthops"] == [
        {"gateway": "10.10.0.7", "device": "port3"}, {"gateway": "10.10.0.8", "device": "port3"}]
    assert routes[254, "10.99.0.0/16"][0]["type"] == "blackhole"
    assert routes[254, "172.16.9.0/24"][0]["nexthops"] == [{"gateway": "203.0.113.1", "device": "port2"}]
    assert routes[254, "172.16.20.0/24"][0]["nexthops"] == [{"device": "to-hq"}]
    assert routes[254, "172.16.30.0/24"][0]["nexthops"] == [{"device": "to-hq"}]
    assert routes[1001, "0.0.0.0/0"][0]["nexthops"] == [{"gateway": "10.50.0.254", "device": "port4"}]
    assert routes[254, "::/0"][0]["nexthops"] == [{"gateway": "2001:db8:10::ffff", "device": "port3"}]
    assert routes[254, "2001:db8:10::/64"][0]["nexthops"] == [{"device": "port3"}]


def test_the_check_of_sources(facts: Dict, alone: Dict) -> None:
    modes = {name: one["mode"] for name, one in facts["device"]["reverse_path"].items()}
    assert modes == {"port1": "feasible", "port2": "off", "port3": "feasible", "port4": "feasible"}
    assert {one["mode"] for one in alone["device"]["reverse_path"].values()} == {"off"}  # asymroute turns it off


def test_policy_routes_and_rules_of_sd_wan(facts: Dict) -> None:
    first, deny, voice, office = facts["device"]["policy_routes"]
    assert first["interfaces"] == ["port3"] and first["packets"] == 112
    assert (first["action"], first["nexthops"], first["device"]) == ("forward", ["198.51.100.1"], "port1")
    assert first["match"] == [{"protocol": "tcp", "sources": ["10.10.0.0/24"], "destinations": ["172.16.9.0/24"],
                               "dports": [[443, 443]]}]
    assert deny["action"] == "normal" and deny["match"] == [{"destinations": ["192.0.2.0/24"]}]
    assert deny["interfaces"] == ["port1", "port2", "port3", "port4"]
    assert voice["name"] == "sd-wan 3 voice" and voice["nexthops"] == ["203.0.113.1"] and voice["device"] == "port2"
    assert voice["match"] == [{"protocol": "udp", "sources": ["10.10.1.0/25"], "dports": [[5060, 5061]]}]
    assert office["unknown"] == ["internet services are known only to the device", "the load is shared by 2 ways"]
    assert "sd-wan 4 office" in facts["parts"]["policy_routes"]["why"]


def test_a_session_that_nothing_came_back_for(facts: Dict) -> None:
    sessions = facts["device"]["sessions"]
    assert sessions["count"] == 412
    (one,) = sessions["listed"]
    assert one["one_way"] and one["packets"] == [4, 0] and one["bytes"] == [240, 0]
    assert (one["in"], one["out"], one["id"]) == ("port3", "port1", "00012a7b")
    assert (one["reply_source"], one["reply_destination"]) == ("172.16.9.9", "198.51.100.2")
    assert "state: log may_dirty synced" in one["details"]


def test_a_session_that_is_not_understood_is_kept(alone: Dict) -> None:
    assert alone["device"]["sessions"]["listed"] == []
    assert alone["parts"]["sessions"]["why"] == "a session is not understood"
    assert "hook=strange way=org" in "\n".join(alone["device"]["raw"][0]["lines"])


def test_the_filter_of_sessions_is_set_and_cleared() -> None:
    answering = transcripts.Transcript(Fortinet(), transcripts.read("fortinet"))
    gather(Fortinet(), answering, request(FLOW, parts=("sessions",)), sleep=lambda _seconds: None)
    sent = [line.removeprefix("sudo root diagnose sys session ") for line in answering.sent if " session " in line]
    once = ["filter clear", "filter proto 6", "filter src 10.10.0.20", "filter dst 172.16.9.9", "filter sport 51000",
            "filter dport 443", "list", "filter clear"]
    assert sent[: len(once)] == once and sent[-2:] == ["filter clear", "stat"]


def test_settings(facts: Dict, alone: Dict) -> None:
    found = {(one["name"], one["scope"]): (one["value"], one["weakens"]) for one in facts["device"]["settings"]}
    assert found == {
        ("asymroute", "vdom root"): (False, False), ("asymroute", "vdom root, IPv6"): (True, True),
        ("auxiliary_session", "vdom root"): (False, False), ("strict_source_check", "vdom root"): (False, False),
        ("tcp_without_syn", "vdom root"): (True, True)}
    assert {one["name"]: one["weakens"] for one in alone["device"]["settings"] if one["scope"] == "device"} == {
        "asymroute": True, "auxiliary_session": False, "strict_source_check": False}
    assert alone["parts"]["settings"]["why"] == "not told: tcp-session-without-syn"


def rules_of(facts: Dict, name: str) -> list[Dict]:
    """The translations of a policy, an entry or a virtual IP."""
    return [{key: value for key, value in one.items() if key not in ("name", "sequence")}
            for one in facts["device"]["nat"] if one["name"] == name]


def test_translation_by_policies_and_virtual_ips(facts: Dict) -> None:
    assert list(dict.fromkeys(one["name"] for one in facts["device"]["nat"])) == [
        "vip www", "vip mail", "policy 8 servers-in to www", "policy 8 servers-in to mail", "policy 4 guests-out",
        "policy 5 users from home", "policy 2 to headquarters", "policy 7 lan-out, of vip www", "policy 7 lan-out"]
    assert facts["parts"]["nat"]["why"] == "read is the virtual domain root; not read: GUESTS"
    anyone = {"sources": ["0.0.0.0/0"]}
    assert rules_of(facts, "vip www") == [{
        "kind": "destination", **anyone, "interfaces_in": ["port1"], "destinations": ["198.51.100.10/32"],
        "to_destination": "10.10.0.10"}]
    assert rules_of(facts, "vip mail") == [{
        "kind": "destination", **anyone, "protocol": "tcp", "dports": [[587, 587]], "to_port": 2525,
        "destinations": ["203.0.113.10/32"], "to_destination": "10.10.0.25"}]
    into = {"interfaces_in": ["port1", "port2"], "interfaces_out": ["port3", "port4"]}
    assert rules_of(facts, "policy 8 servers-in to mail") == [{
        "kind": "none", **into, **anyone, "destinations": ["203.0.113.10/32"], "protocol": "tcp",
        "dports": [[2525, 2525]]}]  # HTTPS is not what this virtual IP lets through
    guests = {"kind": "source", "to_sources": ["203.0.113.20", "203.0.113.21"], "interfaces_in": ["port3", "port4"],
              "interfaces_out": ["port2"], "sources": ["10.10.1.0/24"]}
    assert rules_of(facts, "policy 4 guests-out") == [
        {**guests, "protocol": "tcp", "dports": [[80, 80], [443, 443]]},
        {**guests, "protocol": "udp", "sports": [[1024, 65535]], "dports": [[443, 443]]},
        {**guests, "protocol": "icmp"}]
    assert rules_of(facts, "policy 2 to headquarters") == [{
        "kind": "none", "interfaces_in": ["port3", "port4"], "interfaces_out": ["to-hq"], **anyone,
        "destinations": ["172.16.20.0/24", "172.16.30.0/24"]}]
    assert rules_of(facts, "policy 7 lan-out, of vip www") == [{
        "kind": "source", "to_sources": ["198.51.100.10"], "interfaces_in": ["port3", "port4"],
        "interfaces_out": ["port1"], "sources": ["10.10.0.10/32"]}]
    assert rules_of(facts, "policy 7 lan-out") == [{
        "kind": "source", "to_interface": True, "interfaces_in": ["port3", "port4"],
        "interfaces_out": ["port1", "port2"], "sources": ["10.10.0.0/24", "10.50.0.64/28"]}]


def test_a_policy_that_is_not_understood_does_not_matter_where_all_do_the_same(facts: Dict) -> None:
    assert rules_of(facts, "policy 5 users from home") == [{
        "kind": "none", "interfaces_in": ["ssl.root"], "interfaces_out": ["port3", "port4"], "sources": ["0.0.0.0/0"],
        "destinations": ["10.10.0.0/24"]}]
    services = 'set service "HTTPS" "SUBMIT"'
    into = changed("fortinet", "sudo root show firewall policy", services, f'{services}\n set groups "staff"')
    assert rules_of(into, "policy 8 servers-in to www") == rules_of(facts, "policy 8 servers-in to www")
    other = 'set groups "staff"\n    next\n    edit 6\n set srcintf "ssl.root"\n set dstintf "any"\n set action accept'
    other += '\n set srcaddr "all"\n set dstaddr "all"\n set service "ALL"\n set nat enable'
    found = changed("fortinet", "sudo root show firewall policy", 'set groups "staff"', other)
    assert "policy 5 users from home: groups staff" in found["parts"]["nat"]["why"]
    natted = changed("fortinet", "sudo root show firewall policy", 'set groups "staff"', "set natoutbound enable")
    assert "policy 5 users from home: natoutbound enable" in natted["parts"]["nat"]["why"]


def test_translation_by_the_central_table(alone: Dict) -> None:
    served = {"kind": "source", "to_sources": ["203.0.113.30"], "sources": ["10.10.0.30/32"]}
    https = {"interfaces_in": ["port3", "port4"], "interfaces_out": ["port1", "port2"], "protocol": "tcp",
             "sports": [[1024, 65535]], "dports": [[443, 443]]}
    assert rules_of(alone, "central SNAT 1, of vip srv")[0] == {**served, **https}
    assert rules_of(alone, "central SNAT 1") == [
        {"kind": "source", "to_sources": ["203.0.113.50"], **https, "sources": ["10.10.0.0/24"]}]
    assert rules_of(alone, "central SNAT 3") == [
        {"kind": "none", "interfaces_in": ["port3"], "sources": ["10.10.0.0/24"], "destinations": ["172.16.9.0/24"]}]
    assert [one["to_destination"] for one in rules_of(alone, "vip srv")] == ["10.10.0.30", "10.10.0.31"]
    assert not rules_of(alone, "central SNAT 4")  # of IPv6


def test_translation_that_is_not_understood_stays_unknown(alone: Dict) -> None:
    assert rules_of(alone, "central SNAT 2") == [{
        "kind": "source", "to_interface": True, "interfaces_in": ["port3", "port4"], "interfaces_out": ["port1"],
        "sources": ["0.0.0.0/0"], "unknown": ["orig-addr by name"]}]
    assert rules_of(alone, "vip farm")[0]["unknown"] == [
        "type load-balance", "from 203.0.113.40 to 10.10.0.40-10.10.0.43"]
    why = alone["parts"]["nat"]["why"]
    assert "central SNAT 2: orig-addr by name" in why and "vip farm: type load-balance" in why
    assert "whether nat-source-vip of srv decides over what its server sends" in why


def changed(name: str, command: str, old: str, new: str) -> Dict:
    """The facts where an answer says something else."""
    answers = transcripts.read(name)
    assert old in answers[command][0]
    answers[command] = [answers[command][0].replace(old, new)]
    found = gather(Fortinet(), transcripts.Transcript(Fortinet(), answers), request(FLOW))
    validate(found)
    return found


@pytest.mark.parametrize(("command", "old", "new", "why"), [
    ("show firewall policy", 'set srcaddr "guests"', 'set srcaddr "vendor.example"', "srcaddr vendor.example"),
    ("show firewall policy", 'set srcaddr "guests"', 'set srcaddr "guests"\n set groups "staff"', "groups staff"),
    ("show firewall policy", 'set schedule "always"', 'set schedule "night"', "schedule night"),
    ("show firewall policy", 'set dstaddr "all"', "set internet-service enable", "internet-service enable"),
    ("show firewall policy", "set action accept", "set action ipsec", "action ipsec"),
    ("show firewall policy", 'set poolname "guest-pool"', 'set poolname "gone"', "poolname gone"),
    ("show firewall service custom", "set tcp-portrange 80", "set fqdn www.example", "service web"),
    ("show firewall vip", 'set extintf "port1"', 'set extintf "port1"\n        set src-filter "192.0.2.0/24"',
     "vip www: src-filter 192.0.2.0/24"),
    ("show firewall vip", "set extport 587", "set extport 587-590", "from ports 587-590 to 2525"),
    ("show firewall policy", "    next\nend", "", "not whole"),
    ("get system settings", "central-nat         : disable", "", "central-nat"),
])
def test_what_a_name_or_a_word_stands_for_is_not_guessed(command: str, old: str, new: str, why: str) -> None:
    part = changed("fortinet", f"sudo root {command}", old, new)["parts"]["nat"]
    assert not part["complete"] and why in part["why"], part


def test_translation_of_ipv6_is_not_read() -> None:
    wanted = request("tcp 2001:db8::1 > [2001:db8:9::9]:443", parts=("nat",))
    found = gather(Fortinet(), transcripts.Transcript(Fortinet(), transcripts.read("fortinet")), wanted)
    assert "translation of IPv6 is not read" in found["parts"]["nat"]["why"]


def test_a_zone_without_interfaces_translates_nothing() -> None:
    zone = 'set interface "port3" "port4"'
    assert not rules_of(changed("fortinet", "sudo root show system zone", zone, ""), "policy 7 lan-out")


def test_without_policies_that_translate_nothing_else_is_asked() -> None:
    answers = {**transcripts.read("fortinet"), "sudo root show firewall policy": ["config firewall policy\nend"]}
    answering = transcripts.Transcript(Fortinet(), answers)
    found = gather(Fortinet(), answering, request(FLOW), sleep=lambda _seconds: None)
    assert found["device"]["nat"] == [] and not any("firewall address" in command for command in answering.sent)


def test_spreading_and_gateways(facts: Dict) -> None:
    assert facts["device"]["load_sharing"] == {
        "mode": "per_flow", "algorithm": "source-dest-ip-based", "max_paths": 255}
    assert facts["device"]["fhrp"] == [{"protocol": "vrrp", "interface": "port3", "group": 5, "priority": 200,
                                        "role": "primary", "address": "10.10.0.254"}]
    assert facts["neighbours"][1] == {"family": 4, "address": "203.0.113.1", "device": "port2",
                                      "mac": "00:00:5e:00:01:02", "state": "reachable"}


def test_the_cluster(facts: Dict, alone: Dict) -> None:
    assert facts["device"]["ha"] == {
        "mode": "active_passive", "role": "primary", "peer": "FGT2", "peer_role": "secondary", "synchronised": True,
        "links": {"ha1": True, "ha2": False},
        "errors": {"ha1 dropped": 4, "ha1 errors": 0, "ha2 dropped": 0, "ha2 errors": 2}}
    assert alone["device"]["ha"] == {"mode": "none"}


def test_a_large_table_is_asked_by_address(alone: Dict) -> None:
    assert alone["parts"]["routes"]["covered"] == ["10.10.0.20/32", "172.16.9.9/32"]
    assert {one["dst"]: one["nexthops"] for one in alone["routes"]} == {
        "10.10.0.0/24": [{"device": "port3"}],
        "172.16.9.0/24": [{"gateway": "198.51.100.1", "device": "port1"},
                          {"gateway": "203.0.113.1", "device": "port2"}]}


def test_over_ssh_the_pager_is_left_on_and_its_pages_are_turned(facts: Dict) -> None:
    found, device = over_ssh(Fortinet(), "fortinet", request(FLOW))
    assert device.logins == 1
    allowed = re.compile(r"(sudo (root|global) )?(get |show |diagnose )")
    assert device.received and all(allowed.match(line) for line in device.received)
    assert not any(re.search(r"\b(config|set|execute|end)\b", line) for line in device.received)
    assert [part for part in found["parts"] if found["parts"][part] != facts["parts"][part]] == []
    assert found["routes"] == facts["routes"] and found["interfaces"] == facts["interfaces"]
    assert found["device"] == facts["device"]


class _WithBanner(FAKES["fortinet"]):  # type: ignore[misc]
    """One with ``post-login-banner``, which shows no prompt before somebody accepts."""

    def shown_prompt(self, session: Dict) -> str:
        return str(super().shown_prompt(session)) if session.get("accepted") else "(Press 'a' to accept): "

    def handle(self, session: Dict, line: str) -> str | None:
        if line == "a":
            session["accepted"] = True
            return ""
        return super().handle(session, line)  # type: ignore[no-any-return]


def test_a_banner_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAKES, "fortinet", _WithBanner)
    found, device = over_ssh(Fortinet(), "fortinet_alone", request(parts=("interfaces",)))
    assert found["interfaces"]["port1"]["up"] and device.received[0] == "get system status"


@pytest.mark.parametrize("command", [
    "config firewall policy", "show firewall policy 1", "show firewall vip; config firewall vip",
    "show firewall service custom | grep x", "config system console",
    "set output standard", "config vdom", "edit root", "execute reboot",
    "diagnose sys session clear", "diagnose sys session filter", "diagnose debug enable", "get system status; reboot",
    "sudo root execute reboot", "sudo root config system settings", "show full-configuration",
    "diagnose sys session list | grep x", "diagnose firewall proute list 1"])
def test_what_changes_something_is_refused(command: str) -> None:
    answering = transcripts.Transcript(Fortinet(), {})
    with pytest.raises(NotReadOnly):
        answering.ask(command)
    assert answering.sent == []


@pytest.mark.parametrize(("flow", "as_seen"), [
    ("udp 10.10.0.10:5000 > 198.51.100.1:53", ("198.51.100.10", 5000, "198.51.100.1", 53)),
    ("udp 10.10.0.20:5000 > 198.51.100.1:53", ("198.51.100.2", 5000, "198.51.100.1", 53)),
    ("udp 198.51.100.1:5000 > 198.51.100.10:53", ("198.51.100.1", 5000, "10.10.0.10", 53)),
])
def test_flows_are_followed_through_what_was_read(flow: str, as_seen: tuple[str, int, str, int]) -> None:
    answers = transcripts.read("fortinet")
    for command, after in (("sudo global diagnose sys vd list", "name=GUESTS"),
                           ("sudo root diagnose firewall proute list", "\nid=2131230722")):
        answers[command] = [answers[command][0].partition(after)[0]]
    facts = gather(Fortinet(), transcripts.Transcript(Fortinet(), answers), request())
    inside = {f"server{last}": host({"eth0": [f"10.10.0.{last}/24"]}, ["0.0.0.0/0 via 10.10.0.1 dev eth0"],
                                    forwarding=False) for last in (10, 20)}
    outside = host({"eth0": ["198.51.100.1/30"]}, ["198.51.100.10/32 via 198.51.100.2 dev eth0"], forwarding=False)
    network = {**inside, "outside": outside, "edge": {**facts, "neighbours": []}}
    (told,) = diagnose(network, {name: {} for name in network}, [flow]).verdicts
    assert told.verdict == "symmetric", told.to_dict()["summary"]
    seen = told.forward_paths()[0].packet.flow
    assert (seen.source, seen.sport, seen.destination, seen.dport) == as_seen
