# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RouterOS: facts from transcripts of release 7 and of release 6, part by part, and over SSH from a fake."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import NotReadOnly
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.gather import gather
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.mikrotik_routeros import MikrotikRouteros
from ansible_collections.netpath.symmetry.tests.devices import transcripts
from ansible_collections.netpath.symmetry.tests.devices.reading import facts_of, over_ssh, request

FLOW = "tcp 10.10.0.20:51000 > 172.16.9.9:443"
Dict = dict[str, t.Any]


@pytest.fixture(scope="module")
def facts() -> Dict:
    return facts_of(MikrotikRouteros(), "mikrotik_routeros", request(FLOW, sample_seconds=1))


@pytest.fixture(scope="module")
def six() -> Dict:
    return facts_of(MikrotikRouteros(), "mikrotik_routeros_six", request(FLOW))


def test_what_is_read(facts: Dict) -> None:
    incomplete = {name: part["why"] for name, part in facts["parts"].items() if not part["complete"]}
    assert incomplete.keys() == {"routes", "policy_routes", "nat", "lookups"}
    assert facts["software"] == "7.14.3 (stable)" and facts["device"]["session_key"] == "none"


def test_interfaces(facts: Dict) -> None:
    lan = facts["interfaces"]["bridge lan"]
    assert (lan["up"], lan["carrier"], lan["mtu"], lan["mac"]) == (True, True, 1500, "48:a9:8a:00:00:03")
    assert [(one["address"], one.get("scope")) for one in lan["addresses"]] == [
        ("10.10.0.1", None), ("2001:db8:10::1", None), ("fe80::4aa9:8aff:fe00:3", "link")]
    assert facts["interfaces"]["ether5"]["vrf"] == "BLUE" and not facts["interfaces"]["ether5"]["carrier"]
    assert [one["address"] for one in facts["interfaces"]["ether5"]["addresses"]] == ["10.50.0.1"]
    assert not facts["interfaces"]["ether6"]["up"] and facts["interfaces"]["ether2"]["up"]


def test_routes_of_every_table(facts: Dict) -> None:
    routes = {(one["table"], one["dst"]): one for one in facts["routes"]}
    assert facts["device"]["tables"] == {"isp2": 1001, "BLUE": 1002}
    assert routes[254, "0.0.0.0/0"]["nexthops"] == [{"gateway": "198.51.100.1", "device": "ether1"}]
    assert routes[1001, "0.0.0.0/0"]["nexthops"] == [{"gateway": "203.0.113.1", "device": "ether2"}]
    assert routes[1002, "0.0.0.0/0"]["nexthops"] == [{"gateway": "10.50.0.254", "device": "ether5"}]
    assert routes[254, "10.20.0.0/16"]["nexthops"] == [
        {"gateway": "10.10.0.7", "device": "bridge lan"}, {"gateway": "10.10.0.8", "device": "bridge lan"}]
    assert routes[254, "10.20.0.0/16"]["origin"] == "O" and routes[254, "10.20.0.0/16"]["distance"] == 110
    assert routes[254, "10.10.0.0/24"]["nexthops"] == [{"device": "bridge lan"}]
    assert routes[254, "10.99.0.0/16"]["type"] == "blackhole"
    assert routes[254, "::/0"]["nexthops"] == [{"gateway": "2001:db8:10::ffff", "device": "bridge lan"}]


def test_a_route_by_an_interface_that_is_not_there_is_kept(facts: Dict) -> None:
    assert not any(one["dst"] == "172.16.40.0/24" for one in facts["routes"])
    assert "1 routes are not understood" in facts["parts"]["routes"]["why"]
    assert facts["device"]["raw"][0]["lines"][0].split()[2] == "dst-address=172.16.40.0/24"


def test_the_check_of_sources_is_of_every_interface(facts: Dict, six: Dict) -> None:
    assert {name: one["mode"] for name, one in facts["device"]["reverse_path"].items()} == dict.fromkeys(
        ("ether1", "ether2", "bridge lan", "ether5", "vrrp1"), "strict")
    assert six["parts"]["reverse_path"]["why"] == "rp-filter is not told in '/ip settings print'"


def test_marks_and_rules(facts: Dict) -> None:
    office, own, only, normal = facts["device"]["policy_routes"]
    assert office["name"] == "mangle 0" and office["interfaces"] == ["bridge lan"]
    assert (office["action"], office["nexthops"], office["device"]) == ("forward", ["203.0.113.1"], "ether2")
    assert office["match"] == [{"sources": ["10.10.0.0/25"], "protocol": "tcp", "dports": [[80, 80], [8000, 8080]]}]
    assert office["unknown"] == ["dst-address=!10.0.0.0/8"]
    assert own["local"] and own["interfaces"] == [] and own["match"] == [{"sources": ["203.0.113.2/32"]}]
    assert only["name"] == "rule 0" and only["nexthops"] == ["203.0.113.1"]
    assert normal["action"] == "normal" and normal["interfaces"] == ["bridge lan"]
    why = facts["parts"]["policy_routes"]["why"]
    assert "mangle 0: dst-address=!10.0.0.0/8" in why and "which of them counts first is not told" in why


def test_marks_that_hang_on_connections_are_not_understood(six: Dict) -> None:
    mark, rule = six["device"]["policy_routes"]
    assert mark["unknown"] == ["connection-mark=b"]
    assert (rule["name"], rule["action"]) == ("rule 0", "normal")  # its table is empty, so main decides


def test_nat(facts: Dict) -> None:
    masquerade, inside, servers = facts["device"]["nat"]
    assert masquerade == {"name": "nat 0", "sequence": 0, "kind": "source", "to_interface": True,
                          "interfaces_out": ["ether1"], "sources": ["10.10.0.0/16"]}
    assert (inside["kind"], inside["to_destination"], inside["to_port"], inside["dports"]) == (
        "destination", "10.10.0.20", 8443, [[443, 443]])
    assert servers["unknown"] == ["src-address-list=servers"]


def test_a_connection_without_a_reply(facts: Dict, six: Dict) -> None:
    sessions = facts["device"]["sessions"]
    assert (sessions["count"], sessions["max"]) == (1204, 1048576)
    (one,) = sessions["listed"]
    assert one["one_way"] and one["packets"] == [3, 0] and one["bytes"] == [1180, 0] and one["state"] == "syn-sent"
    assert one["reply_destination"] == "198.51.100.2" and (one["sport"], one["dport"]) == (51000, 443)
    (other,) = six["device"]["sessions"]["listed"]
    assert not other["one_way"] and (other["sport"], other["dport"], other["packets"]) == (51000, 443, [30, 28])


def test_drops_of_invalid_packets_grow(facts: Dict) -> None:
    assert facts["device"]["drops"] == [
        {"name": "forward drop 1", "packets": 37, "growth": 6, "meaning": "out_of_state",
         "text": "defconf: drop invalid"},
        {"name": "forward drop 2", "packets": 0, "growth": 0, "meaning": "policy"}]


def test_settings_gateways_and_sharing(facts: Dict, six: Dict) -> None:
    assert {one["name"]: (one["value"], one["weakens"]) for one in facts["device"]["settings"]} == {
        "conntrack_loose": (True, True), "connection_tracking": ("auto", False)}
    assert six["parts"]["settings"]["why"] == "not told: loose-tcp-tracking"
    assert facts["device"]["fhrp"] == [{"protocol": "vrrp", "interface": "bridge lan", "group": 49, "priority": 200,
                                        "role": "master", "address": "10.10.0.254"}]
    assert facts["device"]["ha"] == {"mode": "active_passive", "role": "master", "synchronised": None,
                                     "peer": "10.10.0.3", "text": "sync-connection-tracking=yes"}
    assert facts["device"]["load_sharing"] == {"mode": "per_flow", "algorithm": "l4"}
    assert facts["neighbours"][0]["mac"] == "00:00:5e:00:01:01" and facts["neighbours"][1]["state"] == "failed"


def test_what_the_log_says_of_the_flow(facts: Dict) -> None:
    dropped, sent, login = facts["device"]["logs"]
    assert dropped == {
        "flow": FLOW, "time": "2026-11-25 23:59:58", "reason": "invalid forward",
        "line": "2026-11-25 23:59:58 firewall,info invalid forward: in:ether1 out:bridge lan, connection-state:invalid "
                "src-mac 00:00:5e:00:01:01, proto TCP (SYN,ACK), 172.16.9.9:443->10.10.0.20:51000, len 60"}
    assert (sent["time"], sent["reason"]) == ("09:59:31", "out forward") and "198.51.100.2" in sent["line"]
    assert (login["time"], login["reason"]) == ("09:59:50", "system,error,critical")  # it tells of no packet


def test_a_line_of_the_log_that_is_not_understood(six: Dict) -> None:
    assert [(one["time"], one["reason"]) for one in six["device"]["logs"]] == [
        ("nov/24/2025 08:00:01", "forward"), ("nov/25 08:00:01", "route,bgp,info")]
    assert six["parts"]["logs"]["why"] == "1 lines of the log are not understood"
    (kept,) = (one["lines"] for one in six["device"]["raw"] if one["command"].startswith("/log"))
    assert kept[0].startswith("3w2d firewall,info")


@pytest.mark.parametrize(("flow", "message", "expected"), [
    ("udp [2001:db8:10::5]:5000 > [2001:db8::9]:53", "[2001:db8:10::5]:5000->[2001:db8::9]:53", True),
    ("udp [2001:db8:10::5]:5000 > [2001:db8::9]:53", "[2001:db8::9]:53->[2001:db8:10::5]:5000", True),
    ("udp [2001:db8:10::5]:5000 > [2001:db8::9]:53", "[2001:db8:10::5]:5000->[2001:db8::9]:54", False),
    ("tcp 10.10.0.20 > 172.16.9.9:443", "10.10.0.20:1->172.16.9.9:443", True),
    ("tcp 10.10.0.20 > 172.16.9.9:443", "10.10.0.20:1->172.16.9.90:443", False),
    ("icmp 10.10.0.20 > 172.16.9.9", "10.10.0.20->172.16.9.9", True)])
def test_whose_packet_a_message_tells(flow: str, message: str, expected: bool) -> None:
    line = f"09:00:00 firewall,info forward: in:ether1 out:ether2, proto {flow.split()[0].upper()}, {message}, len 60"
    wanted = request(flow, parts=("logs",))
    command = '/log print without-paging where message~"{0.source}" message~"{0.destination}"'.format(wanted.flows[0])
    answering = transcripts.Transcript(MikrotikRouteros(), {
        **transcripts.read("mikrotik_routeros"), command: [line]})
    found = gather(MikrotikRouteros(), answering, wanted, sleep=lambda _seconds: None)
    assert [one["line"] for one in found["device"]["logs"]] == ([line] if expected else [])
    assert found["parts"]["logs"] == {"complete": True}


def test_a_large_table_is_asked_by_address(six: Dict) -> None:
    assert six["parts"]["routes"]["covered"] == ["10.10.0.20/32", "172.16.9.9/32"]
    routes = {one["dst"]: one for one in six["routes"]}
    assert routes["0.0.0.0/0"]["nexthops"] == [
        {"gateway": "198.51.100.1", "device": "ether1"}, {"gateway": "203.0.113.1", "device": "ether2"}]
    assert routes["172.16.9.0/24"]["nexthops"] == [{"gateway": "203.0.113.1", "device": "ether2"}]
    assert routes["172.16.0.0/16"]["type"] == "blackhole" and routes["172.16.9.0/24"]["origin"] == "B"


def test_over_ssh_nothing_but_questions_is_sent() -> None:
    facts, device = over_ssh(MikrotikRouteros(), "mikrotik_routeros", request(FLOW))
    assert facts["device"]["sessions"]["listed"][0]["one_way"] and device.logins == 1
    assert device.received and all(line.startswith("/") and " print" in line for line in device.received)


@pytest.mark.parametrize("command", [
    "/ip route add dst-address=0.0.0.0/0 gateway=10.0.0.1", "/ip firewall connection remove [find]", "/system reboot",
    "/ip settings set rp-filter=no", "/ip route print file=x", "/ip route print terse without-paging; /system reboot",
    "/ip route print terse without-paging where [/system reboot]", "/export", "/user print", "/undo",
    "/ip firewall filter reset-counters-all", "/log print follow",
    '/log print without-paging where message~"10.0.0.1" message~[/system reboot]',
    '/log print without-paging where message~"10.0.0.1" message~"10.0.0.2"; /system reboot',
    '/log print file=x where message~"10.0.0.1" message~"10.0.0.2"'])
def test_what_changes_something_is_refused(command: str) -> None:
    answering = transcripts.Transcript(MikrotikRouteros(), {})
    with pytest.raises(NotReadOnly):
        answering.ask(command)
    assert answering.sent == []
