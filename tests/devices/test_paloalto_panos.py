# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PAN-OS: facts from transcripts, part by part, with either routing engine, and over SSH from a fake."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import NotReadOnly
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.gather import gather
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.paloalto_panos import PaloaltoPanos
from ansible_collections.netpath.symmetry.tests.devices import transcripts
from ansible_collections.netpath.symmetry.tests.devices.reading import facts_of, over_ssh, request, validate

FLOW = "tcp 10.10.0.20:51000 > 172.16.9.9:443"
LOG = 'show log traffic query equal "{}" receive_time in last-hour direction equal backward csv-output equal yes'
EFFECTIVE = "show config effective-running xpath devices/entry/network/virtual-router"
Dict = dict[str, t.Any]


@pytest.fixture(scope="module")
def facts() -> Dict:
    return facts_of(PaloaltoPanos(), "paloalto_panos", request(FLOW, sample_seconds=1))


@pytest.fixture(scope="module")
def advanced() -> Dict:
    return facts_of(PaloaltoPanos(), "paloalto_panos_advanced", request(FLOW))


def test_what_is_read(facts: Dict) -> None:
    incomplete = {name: part["why"] for name, part in facts["parts"].items() if not part["complete"]}
    assert incomplete.keys() == {"routes"}
    assert incomplete["routes"] == "1 routes are not understood: 172.16.9.0/24"
    assert facts["software"] == "10.1.14" and facts["device"]["session_key"] == "zone"


def test_interfaces_with_zones_and_routers(facts: Dict) -> None:
    found = facts["interfaces"]
    assert found["ethernet1/3.10"]["zone"] == "trust" and "vrf" not in found["ethernet1/3.10"]
    assert [(one["address"], one.get("secondary")) for one in found["ethernet1/3.10"]["addresses"]] == [
        ("10.10.0.1", None), ("10.10.1.1", True)]
    assert found["ethernet1/3.50"]["zone"] == "partner lan" and found["ethernet1/3.50"]["vrf"] == "BLUE"
    assert found["ethernet1/1"]["addresses"][1] == {"family": 6, "address": "2001:db8:a::2", "prefixlen": 64}
    assert not found["ethernet1/4"]["up"] and found["ethernet1/1"]["mac"] == "b4:0c:25:00:01:10"
    assert found["loopback.1"]["up"]


def test_routes_of_every_virtual_router(facts: Dict) -> None:
    routes = {(one["table"], one["dst"]): one for one in facts["routes"]}
    assert facts["device"]["tables"] == {"BLUE": 1001}
    assert routes[254, "0.0.0.0/0"]["nexthops"] == [{"gateway": "198.51.100.1", "device": "ethernet1/1"}]
    assert routes[254, "10.20.0.0/16"]["nexthops"] == [
        {"gateway": "10.10.0.7", "device": "ethernet1/3.10"}, {"gateway": "10.10.0.8", "device": "ethernet1/3.10"}]
    assert routes[254, "10.50.0.0/16"]["nexthops"] == [{"table": 1001}]
    assert routes[254, "10.10.0.0/24"]["nexthops"] == [{"device": "ethernet1/3.10"}]
    assert routes[254, "172.16.9.0/25"]["origin"] == "B" and routes[254, "::/0"]["family"] == 6
    assert routes[1001, "10.99.0.0/16"]["type"] == "blackhole"
    assert (254, "10.10.0.1/32") not in routes and (254, "172.16.9.0/24") not in routes


def test_a_row_without_its_metric_is_kept_and_not_guessed(facts: Dict) -> None:
    (raw,) = facts["device"]["raw"]
    assert raw["command"] == "show routing route" and raw["lines"][0].startswith("172.16.9.0/24")


def test_neighbours(facts: Dict) -> None:
    assert facts["neighbours"][0] == {"family": 4, "address": "198.51.100.1", "device": "ethernet1/1",
                                      "mac": "00:00:5e:00:01:01", "state": "reachable"}
    assert facts["neighbours"][2]["state"] == "incomplete" and "mac" not in facts["neighbours"][2]


def test_the_firewalls_own_answer(facts: Dict) -> None:
    assert [(one["table"], one["destination"], one["device"], one.get("gateway")) for one in facts["lookups"]] == [
        (1001, "172.16.9.9", "ethernet1/3.50", "10.50.0.254"), (254, "172.16.9.9", "ethernet1/2", "203.0.113.1"),
        (1001, "10.10.0.20", "ethernet1/3.50", "10.50.0.254"), (254, "10.10.0.20", "ethernet1/3.10", None)]


def test_reverse_path_by_zone(facts: Dict) -> None:
    assert facts["device"]["reverse_path"] == {
        "ethernet1/1": {"mode": "feasible", "allow_default": True, "drops": 18}}


def test_policy_based_forwarding(facts: Dict) -> None:
    back, guests, without = facts["device"]["policy_routes"]
    assert back["name"] == "servers-back-by-b" and back["interfaces"] == ["ethernet1/2"] and back["symmetric_return"]
    assert back["return_nexthops"] == ["203.0.113.1"] and back["enabled"]
    assert (back["action"], back["nexthops"], back["device"]) == ("forward", ["10.10.0.20"], "ethernet1/3.10")
    assert back["match"] == [
        {"destinations": ["10.10.0.0/24", "10.10.1.20/32"], "protocol": "tcp", "dports": [[443, 443]]}]
    assert guests["zones"] == ["trust"] and guests["interfaces"] == ["ethernet1/3.10", "loopback.1"]
    assert not guests["enabled"] and not guests["symmetric_return"]
    assert guests["match"] == [
        {"sources": ["10.10.1.0/25"], "protocol": "udp", "dports": [[5000, 5010]]},
        {"sources": ["10.10.1.0/25"], "protocol": "tcp", "dports": [[80, 80]]}]
    assert without["action"] == "normal" and without["match"] == [{"destinations": ["192.0.2.0/24"]}]


def test_nat(facts: Dict) -> None:
    web, out, lab = facts["device"]["nat"]
    assert (web["kind"], web["to_destination"], web["protocol"], web["dports"]) == (
        "destination", "10.10.0.20", "tcp", [[443, 443]])
    assert (out["kind"], out["to_interface"], out["to_sources"], out["interfaces_out"]) == (
        "source", "ethernet1/1", ["198.51.100.2"], ["ethernet1/1"])
    assert out["zones_in"] == ["trust"] and out["sources"] == ["10.10.0.0/16"]
    assert (lab["kind"], lab["to_sources"]) == ("static", ["203.0.113.2"])


def test_a_session_that_nothing_came_back_for(facts: Dict) -> None:
    sessions = facts["device"]["sessions"]
    assert (sessions["count"], sessions["max"]) == (40, 262142)
    (one,) = sessions["listed"]
    assert one["one_way"] and one["bytes"] == [222, 0] and one["packets"] == [3, 0]
    assert (one["zone_in"], one["zone_out"], one["in"], one["out"]) == (
        "trust", "isp-b", "ethernet1/3.10", "ethernet1/2")
    assert one["reply_destination"] == "203.0.113.2" and "tracker stage firewall: Aged out" in one["details"]


def test_drops_grow_by_the_second_delta(facts: Dict) -> None:
    drops = {one["name"]: one for one in facts["device"]["drops"]}
    assert (drops["flow_tcp_non_syn_drop"]["packets"], drops["flow_tcp_non_syn_drop"]["growth"]) == (35, 4)
    assert drops["flow_tcp_non_syn_drop"]["meaning"] == "out_of_state"
    assert (drops["flow_fwd_zonechange"]["meaning"], drops["flow_fwd_zonechange"]["growth"]) == ("zone", 0)
    assert drops["flow_rcv_dot1q_tag_err"]["meaning"] == "other" and "pkt_recv" not in drops


def test_settings_of_the_device_and_of_zones(facts: Dict) -> None:
    found = {(one["name"], one["scope"]): (one["value"], one["weakens"]) for one in facts["device"]["settings"]}
    assert found == {
        ("asymmetric_path", "device"): ("drop", False), ("tcp_without_syn", "device"): (False, False),
        ("asymmetric_path", "zone isp-a"): ("global", False), ("tcp_without_syn", "zone isp-a"): ("global", False),
        ("asymmetric_path", "zone isp-b"): ("bypass", True), ("tcp_without_syn", "zone isp-b"): (True, True)}


def test_the_pair_does_not_share_sessions(facts: Dict) -> None:
    assert facts["device"]["ha"] == {
        "mode": "active_passive", "role": "active", "peer_role": "passive", "peer": "192.0.2.11",
        "synchronised": False, "links": {"HA1": True, "HA2": False},
        "errors": {"ha2 rx-error": 5, "ha2 tx-dropped": 0}, "growth": {"ha2 rx-error": 3, "ha2 tx-dropped": 0}}
    assert facts["device"]["fhrp"] == []


def test_ecmp_of_the_virtual_routers(facts: Dict) -> None:
    assert facts["device"]["load_sharing"] == {
        "mode": "per_flow", "algorithm": "default: ip-hash, strict source path", "max_paths": 3,
        "fields": ["source", "destination", "sport", "dport"], "symmetric_return": True}


def test_ecmp_of_the_logical_routers_that_is_not_understood(advanced: Dict) -> None:
    assert advanced["device"]["load_sharing"] == {"mode": None, "algorithm": "default: ip-modulo"}
    assert advanced["parts"]["load_sharing"]["why"] == "router BLUE: ECMP by by-latency over 2 ways is not understood"
    (kept,) = (one["lines"] for one in advanced["device"]["raw"] if one["command"] == "ECMP")
    assert kept[0] == "<ecmp>" and "by-latency" in kept[2]


ECMP = "<enable>yes</enable>"
BY_SOURCE = "<algorithm><ip-hash><src-only>yes</src-only></ip-hash></algorithm>"
IN_TURN = "<algorithm><balanced-round-robin/></algorithm>"


@pytest.mark.parametrize(("default", "blue", "expected"), [
    ("", "", {"mode": "per_flow", "max_paths": 1}),
    (ECMP, "", {"mode": "per_flow", "max_paths": 2, "algorithm": "default: ip-modulo",
                "fields": ["source", "destination"], "symmetric_return": False}),
    (ECMP + BY_SOURCE, ECMP + BY_SOURCE, {
        "mode": "per_flow", "max_paths": 2, "algorithm": "BLUE: ip-hash; default: ip-hash", "fields": ["source"],
        "symmetric_return": False}),
    (ECMP + IN_TURN, ECMP + "<symmetric-return>yes</symmetric-return><max-path>4</max-path>", {
        "mode": "per_flow", "max_paths": 4, "algorithm": "BLUE: ip-modulo; default: balanced-round-robin"})])
def test_ecmp_by_its_defaults_and_of_routers_that_differ(default: str, blue: str, expected: Dict) -> None:
    routers = "".join(f'<entry name="{name}"><ecmp>{ecmp}</ecmp></entry>'
                      for name, ecmp in (("default", default), ("BLUE", blue)))
    found = _sharing({EFFECTIVE: f"<virtual-router>{routers}</virtual-router>"})
    assert (found["device"]["load_sharing"], found["parts"]["load_sharing"]) == (expected, {"complete": True})


def test_ecmp_of_a_release_that_shows_the_local_configuration_only() -> None:
    text = '<virtual-router><entry name="default"/><entry name="BLUE"/></virtual-router>'
    found = _sharing({EFFECTIVE: "Invalid syntax.", EFFECTIVE.replace("effective-", ""): text})
    assert found["device"]["load_sharing"] == {"mode": "per_flow", "max_paths": 1}
    assert "Panorama" in found["parts"]["load_sharing"]["why"]


@pytest.mark.parametrize(("text", "why"), [
    ('<virtual-router><entry name="default"/></virtual-router>', "router BLUE is not in the configuration"),
    ('<virtual-router><entry name="default"/>', "not whole"),
    ('<virtual-router><entry name="default"></virtual-router>', "is not understood"),
    ('<virtual-router><entry name="default"><ecmp><enable>perhaps</enable></ecmp></entry><entry name="BLUE"/>'
     "</virtual-router>", "router default: ECMP enable perhaps is not understood")])
def test_ecmp_of_a_configuration_that_is_not_understood(text: str, why: str) -> None:
    found = _sharing({EFFECTIVE: text})
    assert why in found["parts"]["load_sharing"]["why"]
    assert (found["device"].get("load_sharing") or {"mode": None})["mode"] is None


def _sharing(answers: dict[str, str]) -> Dict:
    """The facts where the configuration of routers is this."""
    answering = transcripts.Transcript(PaloaltoPanos(), {
        **transcripts.read("paloalto_panos"), **{command: [text] for command, text in answers.items()}})
    found = gather(PaloaltoPanos(), answering, request(FLOW, parts=("load_sharing",)), sleep=lambda _seconds: None)
    validate(found)
    return found


def test_how_sessions_of_the_flow_ended(facts: Dict) -> None:
    newest, _second, oldest = facts["device"]["logs"]
    assert newest == {
        "flow": FLOW, "time": "2026/11/26 10:00:07", "reason": "aged-out",
        "line": "end tcp 10.10.0.20:51000 > 172.16.9.9:443, trust ethernet1/3.10 > isp-b ethernet1/2, rule out-web, "
                "application incomplete, action allow, packets 3/0, session 41021"}
    assert oldest["time"] == "2026/11/26 09:31:18" and oldest["line"].endswith("session 40312")


def test_rows_of_the_traffic_log_that_are_not_understood(advanced: Dict) -> None:
    denied, begun, reset = advanced["device"]["logs"]  # that of UDP is of another flow
    assert (denied["reason"], begun["reason"]) == ("policy-deny", "start") and "action deny" in denied["line"]
    assert reset["reason"] == "tcp-rst-from-server"
    assert "rule out, web, application ssl" in reset["line"] and "packets 9/7" in reset["line"]
    why = advanced["parts"]["logs"]["why"]
    assert "4 lines of the traffic log are not understood" in why and "virtual systems" in why
    kept = [line for one in advanced["device"]["raw"] if one["command"].startswith("show log traffic")
            for line in one["lines"]]
    assert len(kept) == 4 and kept[-1] == "Time App From Src Port Source"


def test_the_log_is_asked_by_what_the_flows_name() -> None:
    queries = [
        "( addr.src in 10.10.0.20 ) and ( addr.dst in 172.16.9.9 ) and ( port.dst eq 53 )",
        "( addr.src in 172.16.9.9 ) and ( addr.dst in 10.10.0.20 ) and ( port.src eq 53 )",
        "( addr.src in 2001:db8::5 ) and ( addr.dst in 2001:db8:1::10 )",
        "( addr.src in 2001:db8:1::10 ) and ( addr.dst in 2001:db8::5 )"]
    answering = transcripts.Transcript(PaloaltoPanos(), {
        **transcripts.read("paloalto_panos"), **{LOG.format(one): [""] for one in queries}})
    wanted = request("udp 10.10.0.20 > 172.16.9.9:53", "icmp 2001:db8::5 > 2001:db8:1::10", parts=("logs",))
    found = gather(PaloaltoPanos(), answering, wanted, sleep=lambda _seconds: None)
    assert found["parts"]["logs"] == {"complete": True} and found["device"]["logs"] == []
    assert [line for line in answering.sent if "show log" in line] == [LOG.format(one) for one in queries]


def test_the_advanced_engine(advanced: Dict) -> None:
    routes = {(one["table"], one["dst"]): one for one in advanced["routes"]}
    assert routes[254, "10.20.0.0/16"]["nexthops"] == [
        {"gateway": "10.10.0.7", "device": "ethernet1/3.10"}, {"gateway": "10.10.0.8", "device": "ethernet1/3.10"}]
    assert routes[254, "172.16.9.0/24"]["distance"] == 20 and routes[254, "172.16.9.0/24"]["origin"] == "B"
    assert routes[254, "10.10.0.0/24"]["nexthops"] == [{"device": "ethernet1/3.10"}]
    assert routes[1001, "0.0.0.0/0"]["nexthops"] == [{"gateway": "10.50.0.254", "device": "ethernet1/3.50"}]
    assert (254, "10.10.0.1/32") not in routes and (1001, "10.60.0.0/16") not in routes
    assert "10.60.0.0/16" in advanced["parts"]["routes"]["why"]
    assert advanced["parts"]["lookups"]["complete"] and len(advanced["lookups"]) == 4


def test_what_is_not_understood_is_said(advanced: Dict) -> None:
    why = advanced["parts"]["policy_routes"]["why"]
    assert "virtual systems" in why and "by-application: egress vsys2" in why and "application ssl" in why
    assert "virtual systems" in advanced["parts"]["nat"]["why"]
    assert "session 77 is not understood" in advanced["parts"]["sessions"]["why"]
    assert advanced["device"]["sessions"]["listed"] == []
    assert advanced["parts"]["reverse_path"]["why"] == "'show zone-protection' is not understood"
    kept = {one["command"] for one in advanced["device"]["raw"]}
    assert {"show zone-protection", "show session id 77", "show advanced-routing route"} <= kept
    settings = {(one["name"], one["scope"]): one["value"] for one in advanced["device"]["settings"]}
    assert settings["tcp_without_syn", "device"] is None and "tcp_without_syn" in advanced["parts"]["settings"]["why"]


def test_a_large_table_is_asked_by_address() -> None:
    facts = facts_of(PaloaltoPanos(), "paloalto_panos_large", request(FLOW, parts=("routes",)))
    assert facts["parts"]["routes"]["covered"] == ["10.10.0.20/32", "172.16.9.9/32"]
    assert {one["dst"]: one["nexthops"] for one in facts["routes"]} == {
        "10.10.0.20/32": [{"device": "ethernet1/3.10"}],
        "172.16.9.9/32": [{"gateway": "198.51.100.1", "device": "ethernet1/1"},
                          {"gateway": "203.0.113.1", "device": "ethernet1/2"}]}


def test_over_ssh_nothing_but_questions_is_sent() -> None:
    facts, device = over_ssh(PaloaltoPanos(), "paloalto_panos", request(FLOW))
    assert facts["device"]["sessions"]["listed"][0]["one_way"] and device.logins == 1
    assert device.received and all(line.startswith(("show ", "test ")) for line in device.received)


@pytest.mark.parametrize("command", [
    "clear session all", "configure", "request restart system", "set cli pager on", "revert config",
    "show system info | except x", "debug dataplane packet-diag set filter on", "clear counter global",
    "test routing fib-lookup virtual-router default ip 10.0.0.1; configure", "commit", "load config from a.xml",
    "show config running xpath mgt-config/users", "clear log traffic",
    LOG.format("( addr.src in 10.0.0.1 ) and ( addr.dst in 10.0.0.2 )") + " | match x",
    LOG.format("( addr.src in 10.0.0.1 ) or ( addr.dst in 10.0.0.2 )"), LOG.format("( user.src eq 'somebody' )"),
    LOG.format('( addr.src in 10.0.0.1 ) and ( addr.dst in 10.0.0.2 )" direction equal "forward')])
def test_what_changes_something_is_refused(command: str) -> None:
    answering = transcripts.Transcript(PaloaltoPanos(), {})
    with pytest.raises(NotReadOnly):
        answering.ask(command)
    assert answering.sent == []
