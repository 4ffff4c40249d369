# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import pathlib

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import iptables_rules
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import diagnose
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.find import merge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.registry import REGISTRY, finding
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.variables import SiteError
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine import networks
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine.test_verdict import balancer, spread
from ansible_collections.netpath.symmetry.tests.unit.work import Compared, steps


def findings(hosts, variables=None, flow=None):
    given = [flow] if flow else None
    return {(one.id, one.host): one for one in diagnose(hosts, variables or {}, given).findings}


def ids(hosts, variables=None, flow=None):
    return {key[0] for key in findings(hosts, variables, flow)}


def test_a_healthy_network_has_no_finding():
    assert not findings(*networks.healthy())


def test_harmless_asymmetry_has_no_finding():
    hosts, variables = networks.multihomed_server()
    for name in ("fw_one", "fw_two"):
        hosts[name]["netfilter"]["chains"] = []
    assert not findings(hosts, variables)


def test_the_dual_wan_incident():
    found = findings(*networks.dual_wan_partner())
    assert set(found) == {("SYM104", "fwb"), ("SYM301", "fwb"), ("SYM103", "gw"), ("SYM201", "gw")}
    cause = found["SYM104", "fwb"]
    assert cause.flows == ("partner-api", "partner-lookup") and cause.interface == "out"
    assert cause.severity == "critical" and "uplink A" in cause.text and "uplink B" in cause.text
    assert "policy_route on gw" in cause.remedy
    assert "wan_a metric 100, wan_b metric 200" in found["SYM103", "gw"].text
    strict = found["SYM201", "gw"]
    assert strict.flows == ("partner-feed",) and strict.interface == "wan_b"
    assert any(item["kind"] == "sysctl" and item["mode"] == 1 for item in strict.evidence)


def test_findings_are_warnings_where_only_a_share_breaks():
    hosts, variables = networks.dual_wan_partner()
    for values in variables.values():
        del values["symmetry_externals"]
    found = findings(hosts, variables, "tcp 192.0.2.20 > 203.0.113.10:80")
    assert found["SYM104", "fwb"].severity == "warning"


def test_a_server_that_answers_by_its_other_interface():
    found = findings(*networks.multihomed_server())
    assert set(found) == {("SYM101", "server"), ("SYM301", "fw_one")}
    assert found["SYM101", "server"].interface == "eth1" and "leaves by eth0" in found["SYM101", "server"].text
    assert "source_routing on server" in found["SYM101", "server"].remedy


def test_a_strict_server_drops_the_request():
    assert set(findings(*networks.multihomed_server(strict=True))) == {("SYM201", "server")}


def arp_trap(mode):
    """A neighbour on eth1's wire whose own prefix the server routes by eth0."""
    hosts = {
        "server": networks.host({"eth0": ["10.1.1.10/24"], "eth1": ["10.1.2.10/24"]},
                                ["default via 10.1.1.1 dev eth0", "10.1.2.128/25 via 10.1.1.1 dev eth0"],
                                forwarding=False, rp_filter={"eth1": mode}),
        "neighbour": networks.host({"eth0": ["10.1.2.200/24"]}, forwarding=False),
    }
    return hosts


def test_arp_that_goes_unanswered_is_found_without_a_flow_and_without_a_counter():
    found = findings(arp_trap(mode=1))
    assert set(found) == {("SYM202", "server")}
    text = found["SYM202", "server"].text
    assert "10.1.2.200" in text and "10.1.2.10" in text and "eth0" in text
    assert not findings(arp_trap(mode=0)) and not findings(arp_trap(mode=2))


def test_a_neighbour_that_sends_from_an_address_on_lo_is_not_answered():
    """Its ARP request carries the source of the packet, which may belong to another subnet than the wire's."""
    hosts = arp_trap(mode=1)
    hosts["server"]["routes"].pop()
    hosts["neighbour"] = networks.host({"lo": ["10.3.0.50/32"], "eth0": []}, ["10.1.2.0/24 dev eth0 src 10.3.0.50"])
    assert "10.3.0.50" in findings(hosts)["SYM202", "server"].text
    assert {one.id for one in diagnose(hosts, {}, ["icmp 10.3.0.50 > 10.1.2.10"]).findings} == {"SYM202"}
    hosts["server"]["routes"].append(networks.route("10.3.0.50/32 dev eth1"))
    assert not findings(hosts)


def test_a_flow_of_the_neighbour_is_broken_by_the_same():
    told = diagnose(arp_trap(mode=1), {}, ["icmp 10.1.2.200 > 10.1.2.10"])
    assert [verdict.verdict for verdict in told.verdicts] == ["broken"]
    assert {finding.id for finding in told.findings} == {"SYM202"}
    assert told.verdicts[0].findings == ("SYM202",)


def test_a_rule_that_sends_an_address_out_by_another_uplink():
    hosts, variables = networks.dual_wan_partner()
    hosts["gw"]["rules"].append({"family": 4, "priority": 100, "table": 200, "src": "198.51.100.130/32"})
    hosts["gw"]["routes"].append(networks.route("default via 198.51.100.1 dev wan_a table 200"))
    found = findings(hosts, variables, "icmp 192.0.2.20 > 192.0.2.1")
    # wan_b is strict, and the rule sends the way back to fwb out by wan_a: its ARP requests are not answered either
    assert set(found) == {("SYM102", "gw"), ("SYM202", "gw")}
    assert found["SYM102", "gw"].interface == "wan_b" and "leaves by wan_a" in found["SYM102", "gw"].text
    hosts["gw"]["rules"][-1]["src"] = "198.51.100.2/32"  # its own uplink: what source routing does
    assert not findings(hosts, variables, "icmp 192.0.2.20 > 192.0.2.1")
    hosts["gw"]["rules"][-1]["src"] = "192.0.2.20/32"  # not the address of any uplink: policy routing
    assert not findings(hosts, variables, "icmp 192.0.2.20 > 192.0.2.1")


def test_a_default_route_that_gives_the_address_of_another_uplink():
    hosts, variables = networks.dual_wan_partner()
    hosts["gw"]["routes"][-2]["prefsrc"] = "198.51.100.130"
    found = findings(hosts, variables, "icmp 192.0.2.20 > 192.0.2.1")
    assert set(found) == {("SYM105", "gw")} and found["SYM105", "gw"].interface == "wan_a"
    hosts["gw"]["routes"][-2]["prefsrc"] = "192.0.2.1"  # of the inside: replies may come by any uplink
    assert not findings(hosts, variables, "icmp 192.0.2.20 > 192.0.2.1")


@pytest.mark.parametrize(("everyone", "default", "own", "raised"), [
    (2, 2, 1, True), (2, 1, 1, False), (0, 0, 1, False), (1, 1, 0, True), (1, 0, 0, False), (1, 1, 2, False),
])
def test_all_overrides_what_an_interface_asks_for(everyone, default, own, raised):
    facts = networks.host({"eth0": ["10.0.0.1/24"]},
                          rp_filter={"all": everyone, "default": default, "eth0": own})
    assert ids({"one": facts}) == ({"SYM203"} if raised else set())


def test_spreading_over_firewalls():
    found = findings(spread(firewalls=True), flow="tcp 10.0.0.20 > 10.9.0.20:443")
    assert {("SYM501", "left"), ("SYM501", "right")} <= set(found)
    assert "2 of 4" in found["SYM501", "left"].text and found["SYM501", "left"].severity == "warning"
    assert not findings(spread(firewalls=False), flow="tcp 10.0.0.20 > 10.9.0.20:443")


def test_routers_that_hash_alike_lead_both_directions_over_one_firewall():
    flow = "tcp 10.0.0.20 > 10.9.0.20:443"
    alike = hashing(ALIKE, ALIKE)
    (told,) = diagnose(alike, {}, [flow]).verdicts
    assert told.verdict == "symmetric" and told.share == "0 of 2" and not findings(alike, flow=flow)
    assert round(sum(pair.share for pair in told.journey.pairs), 6) == 1
    alike["right"]["kernel"] = "6.1.0"  # no promise that another kernel hashes the same
    assert diagnose(alike, {}, [flow]).verdicts[0].verdict == "at_risk"
    swapped = hashing(ALIKE, ALIKE)
    swapped["right"]["routes"][-1]["nexthops"].reverse()
    assert diagnose(swapped, {}, [flow]).verdicts[0].verdict == "broken"
    weighted = hashing(ALIKE, ALIKE)
    weighted["right"]["routes"][-1]["nexthops"][0]["weight"] = 3
    (told,) = diagnose(weighted, {}, [flow]).verdicts
    assert (told.verdict, told.share, told.share_broken) == ("at_risk", "1 of 3", 0.25)


POLICY, FIELDS, SEED = (f"net/ipv4/fib_multipath_hash_{name}" for name in ("policy", "fields", "seed"))
ALIKE = {POLICY: 3, FIELDS: 0x37, SEED: 7}


def hashing(left, right, firewalls=True):
    hosts = spread(firewalls=firewalls)
    hosts["left"]["sysctls"].update(left)
    hosts["right"]["sysctls"].update(right)
    return hosts


@pytest.mark.parametrize(("left", "right", "words"), [
    ({}, {}, "a seed that is not set"),
    ({SEED: 7}, {SEED: 8}, "their seeds are 7 and 8"),
    ({SEED: 7}, {SEED: 7, POLICY: 3}, "their policies are 0x0 and 0x3"),
    (ALIKE, {**ALIKE, FIELDS: 0x7}, "their fields are 0x37 and 0x7"),
    ({**ALIKE, POLICY: 1}, {**ALIKE, POLICY: 1}, "network card"),
    ({**ALIKE, FIELDS: 0x35}, {**ALIKE, FIELDS: 0x35}, "only one of the addresses"),
])
def test_a_hash_that_is_not_the_same_for_both_directions(left, right, words):
    found = [one for one in diagnose(hashing(left, right), {}, ["tcp 10.0.0.20 > 10.9.0.20:443"]).findings
             if one.id == "SYM502"]
    assert found and any(words in one.text for one in found), found
    assert not findings(hashing(left, right, firewalls=False), flow="tcp 10.0.0.20 > 10.9.0.20:443")


@pytest.mark.parametrize(("line", "raised"), [
    ("-m statistic --mode nth --every 2 --packet 0 -j MARK --set-xmark 0x1/0xffffffff", True),
    ("-m statistic --mode random --probability 0.5 -j MARK --set-xmark 0x2/0x2", False),  # no rule selects that bit
    ("-j HMARK --hmark-tuple src,dst --hmark-mod 2 --hmark-offset 1 --hmark-rnd 0x0", False),  # sorts both ends
    ("-p tcp -j MARK --set-xmark 0x1/0xffffffff", False),
])
def test_marks_of_iptables_that_are_drawn_for_each_packet(line, raised):
    saved = f"*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING {line}\nCOMMIT\n"
    rules = [{"family": 4, "priority": 100, "table": 100, "fwmark": 1, "fwmask": 1}]
    facts = networks.host({"eth0": ["10.0.0.1/24"]}, rules=rules,
                          chains=iptables_rules.parse(saved, 4, "iptables-legacy", {}))
    assert ids({"one": facts}) == ({"SYM503"} if raised else set())


def test_a_reply_that_misses_the_destination_translation():
    found = findings(balancer(["default via 10.9.0.2 dev eth0"]), flow="tcp 10.0.0.20 > 10.5.0.1:443")
    assert ("SYM402", "lb") in found and "dnat to 10.9.0.20" in found["SYM402", "lb"].text
    assert not findings(balancer(["default via 10.9.0.1 dev eth0"]), flow="tcp 10.0.0.20 > 10.5.0.1:443")


def test_a_reply_that_misses_the_source_translation():
    """Each edge translates to an address of a pool that is announced on both."""
    hosts, variables = networks.dual_wan_partner()
    hosts["fwa"]["netfilter"]["chains"].append(networks.snat("out", "192.0.2.9"))
    found = findings(hosts, variables, "tcp 192.0.2.20 > 203.0.113.10:80")
    assert ("SYM401", "fwa") in found and "snat to 192.0.2.9" in found["SYM401", "fwa"].text


def with_files(now, sysctls=None, interfaces=None, modes=None, applied_by="systemd-sysctl", **more):
    """One host of which the settings are ``now`` and the files say something else."""
    facts = networks.host({"eth0": ["10.0.0.1/24"]}, forwarding=False, rp_filter=modes, **more)
    facts["sysctls"].update(now)
    facts["sysctl_files"] = {"applied_by": applied_by, "sysctls": sysctls or {}, "interface_sysctls": interfaces or {}}
    return {"one": facts}


def says(value, file="/etc/sysctl.d/50-x.conf"):
    return {"value": value, "file": file}


FORWARD = "net/ipv4/ip_forward"


@pytest.mark.parametrize(("hosts", "severity", "words"), [
    (with_files({FORWARD: 1}, {FORWARD: says(0)}), "warning", "/etc/sysctl.d/50-x.conf sets 0 at the next boot"),
    (with_files({FORWARD: 1}), "info", "at run time only"),
    (with_files({FORWARD: 1}, {FORWARD: says(1)}), None, ""),
    (with_files({FORWARD: 1}, applied_by=""), None, ""),
    (with_files({FORWARD: 1}, managers=[{"name": "docker", "active": True}]), None, ""),
    (with_files({FORWARD: 1}, managers=[{"name": "docker", "active": False}]), "info", "at run time only"),
    (with_files({}, modes={"eth0": 2}, interfaces={"eth0": {"rp_filter": says(1)}}), "warning", "comes back strict"),
    (with_files({}, modes={"eth0": 2}, interfaces={"all": {"rp_filter": says(2)}}), None, ""),
    (with_files({}, modes={"all": 1}, interfaces={"default": {"rp_filter": says(1)}}), None, ""),
    (with_files({}, modes={"eth0": 1}), "info", "comes back off: no file sets"),
    (with_files({}, interfaces={"all": {"rp_filter": says(1)}}), "warning", "is off now and comes back strict"),
    (with_files({}, interfaces={"eth0": {"accept_local": says(1)}}), "warning", "accept_local of eth0 is 0"),
])
def test_what_comes_back_after_a_reboot(hosts, severity, words):
    found = findings(hosts)
    assert {one.severity for one in found.values()} == ({severity} if severity else set())
    assert not severity or words in found["SYM205", "one"].text


@pytest.mark.parametrize(("count", "grown", "raised"), [
    (89, {}, False), (90, {}, True), (100, {}, True), (1, {"drop": 3}, True), (1, {"insert_failed": 1}, True),
])
def test_a_connection_table_that_is_full_or_refuses(count, grown, raised):
    facts = networks.host({"eth0": ["10.0.0.1/24"]})
    facts["conntrack"].update(count=count, max=100)
    facts["samples"] = {"seconds": 2.0, "conntrack_invalid": 0, "conntrack": grown}
    assert ids({"one": facts}) == ({"SYM304"} if raised else set())


def listening(*places):
    """The two-NIC server without firewalls; inspectors at (host, interface or segment)."""
    hosts, variables = networks.multihomed_server()
    for name in ("fw_one", "fw_two"):
        hosts[name]["netfilter"]["chains"] = []
    for host, entry in places:
        variables[host].setdefault("symmetry_inspectors", []).append(entry)
    return hosts, variables


def test_an_inspector_that_sees_one_direction_only_is_never_harmless():
    hosts, variables = listening(("fw_two", {"name": "ids", "interface": "dmz"}))
    told = diagnose(hosts, variables)
    assert {one.name: one.verdict for one in told.verdicts} == {"first": "symmetric", "second": "at_risk"}
    (found,) = told.findings
    assert (found.id, found.host, found.flows, found.severity) == ("SYM404", "ids", ("second",), "warning")
    assert "only the requests" in found.text and "ids sees one direction only" in told.verdicts[1].summary()


def test_an_inspector_with_a_port_on_both_ways_sees_all():
    assert not findings(*listening(("fw_two", {"name": "ids", "interface": "dmz"}),
                                   ("fw_one", {"name": "ids", "interface": "dmz"})))
    hosts, variables = listening(("server", {"name": "ids", "segment": "servers"}))
    variables["server"]["symmetry_segments"] = {"eth0": "servers", "eth1": "servers"}
    assert not findings(hosts, variables)
    assert not findings(*listening(("server", {"name": "ids", "interface": "eth7"}))), "it sees nothing of any flow"


@pytest.mark.parametrize(("entry", "words"), [
    ({"name": "ids"}, "either interface"), ({"name": "ids", "segment": "dmz"}, "no interface is declared in segment"),
    ({"name": "ids", "interface": "dmz", "port": 1}, "unknown key 'port'"), ({"interface": "dmz"}, "'name' is missing"),
])
def test_an_inspector_that_is_declared_wrongly_is_refused(entry, words):
    with pytest.raises(SiteError, match=words):
        diagnose(*listening(("fw_two", entry)))


def test_what_could_not_be_read_is_a_finding():
    hosts, variables = networks.dual_wan_partner()
    found = findings({**hosts, "fwb": None}, variables)
    assert "read facts of fwb" in found["SYM901", "fwb"].text or "could not be read" in found["SYM901", "fwb"].text
    assert {"partner-api", "partner-lookup"} <= set(found["SYM901", "fwb"].flows)


def raised_by_many_flows(count):
    return [finding("SYM301", f"fw{number % 2}", Compared(f"rule {number}"), flows=(Compared(f"flow {number}"),))
            for number in range(count)]


def test_many_findings_are_merged_and_all_are_kept():
    raised = raised_by_many_flows(10_000)
    merged = merge(raised)
    assert [(one.host, len(one.flows)) for one in merged] == [("fw0", 5_000), ("fw1", 5_000)]
    told = {one.text for one in merged} | {item["text"] for one in merged for item in one.evidence}
    assert told == {one.text for one in raised}


def test_the_work_of_merging_grows_with_the_findings_and_not_with_their_square():
    few, many = raised_by_many_flows(200), raised_by_many_flows(2_000)
    assert steps(lambda: merge(many)) < 11 * steps(lambda: merge(few))
    Compared.times = 0
    merge(many)
    assert Compared.times < 10 * len(many)


def test_every_id_has_a_title_and_awaiting_ones_are_never_raised():
    awaiting = {"SYM302", "SYM303", "SYM305", "SYM403", "SYM602"}
    assert {id for id, kind in REGISTRY.items() if kind.awaiting} == awaiting
    assert len(REGISTRY) == 30 and all(kind.title for kind in REGISTRY.values())


def status(hosts, variables=None):
    return {check.id: check for check in diagnose(hosts, variables or {}).checks}


def test_what_was_looked_for_is_clean_and_what_awaits_a_collector_is_not():
    told = status(*networks.healthy())
    assert set(told) == set(REGISTRY)
    for id, check in told.items():
        assert check.status == ("awaiting collector" if REGISTRY[id].awaiting else "clean"), id
        assert check.hosts == (0 if REGISTRY[id].awaiting else 3)


def test_where_a_part_was_not_read_nothing_is_called_clean():
    hosts, variables = networks.healthy()
    del hosts["gw"]["rp_filter"]
    hosts["gw"]["parts"]["sysctls"] = {"complete": False, "why": "no /proc/sys"}
    hosts["server"]["parts"]["rules"] = {"complete": False, "why": "2 rules are not understood"}
    hosts["client"] = None
    told = status(hosts, variables)
    assert told["SYM202"].hosts == 0 and told["SYM202"].status == "not checked"
    assert told["SYM202"].not_checked == {
        "no facts": ("client",), "rp_filter: not in its facts": ("gw",),
        "rules: 2 rules are not understood": ("server",)}
    assert told["SYM203"].hosts == 2 and told["SYM203"].status == "clean"
    found = findings(hosts, variables)
    assert "SYM202" in found["SYM901", "server"].text and "2 rules are not understood" in found["SYM901", "server"].text


def test_what_only_flows_show_is_not_clean_without_one():
    hosts, variables = networks.healthy()
    without = {check.id: check for check in diagnose(hosts, variables, [], live=False).checks}
    assert {id for id, check in without.items() if check.status == "not checked"} == {
        id for id, kind in REGISTRY.items() if kind.by_flow}
    hosts["client"] = None
    flows = ["tcp 10.0.0.20 > 10.0.1.30:22", "icmp 10.0.1.30 > 10.0.1.1"]
    partly = {check.id: check for check in diagnose(hosts, variables, flows, live=False).checks}
    assert partly["SYM301"].status == "clean" and partly["SYM301"].unknown_flows == (flows[0],)
    assert partly["SYM203"].unknown_flows == ()


def test_bounded_lists_are_no_gap_in_what_is_checked():
    hosts, variables = networks.healthy()
    hosts["gw"]["parts"]["routes"] = {"complete": False, "why": "900000 routes", "covered": ["203.0.113.0/24"]}
    assert status(hosts, variables)["SYM105"].hosts == 3


PAGES = pathlib.Path(__file__).resolve().parents[5] / "docs" / "findings"
SECTIONS = ["Symptom", "Mechanism", "How we know", "Evidence", "Remedy", "Security cost"]


def test_every_id_has_its_page_in_one_shape():
    for id, kind in REGISTRY.items():
        text = (PAGES / f"{id}.md").read_text(encoding="utf-8")
        assert ("Awaiting collector" in text) == kind.awaiting, id
        parts = text.split("\n## ")
        assert parts[0].startswith(f"# {id}: {kind.title}\n"), id
        assert [part.partition("\n")[0] for part in parts[1:]] == SECTIONS, id
        assert all(part.partition("\n")[2].strip() for part in parts[1:]), id


def test_the_list_of_pages_is_the_register():
    listed = (PAGES / "README.md").read_text(encoding="utf-8")
    rows = [line for line in listed.splitlines() if line.startswith("| ") and "SYM" in line]
    expected = [
        f"| [{id}]({id}.md) | {kind.title}{' (*awaiting*)' if kind.awaiting else ''} |" for id, kind in REGISTRY.items()
    ]
    assert rows == expected


AWAITED = {  # what a collector may say one day, and what it says where nothing is wrong
    "SYM302": ({"out_of_state": [{"flow": "tcp a > b", "packets": 3, "rule": "r"}]},
               {"out_of_state": [{"flow": "tcp a > b", "packets": 0}]}),
    "SYM303": ({"reroutes": [{"flow": "tcp a > b", "before": "eth0", "after": "eth1"}]},
               {"reroutes": [{"flow": "tcp a > b", "before": "eth0", "after": "eth0"}]}),
    "SYM305": ({"resets": [{"flow": "tcp a > b", "ttl": 61, "expected_ttl": 57}]},
               {"resets": [{"flow": "tcp a > b", "ttl": 57, "expected_ttl": 57}]}),
    "SYM403": ({"health_checks": [{"service": "s", "checked_by": "mgmt", "used_by": "eth0"}]},
               {"health_checks": [{"service": "s", "checked_by": "eth0", "used_by": "eth0"}]}),
    "SYM602": ({"gateway_answers": [{"address": "10.0.0.254", "device": "eth0",
                                     "macs": ["02:00:00:00:00:01", "02:00:00:00:00:02"]}]},
               {"gateway_answers": [{"address": "10.0.0.254", "device": "eth0", "macs": ["02:00:00:00:00:01"]}]}),
}
UPKEEP = {  # what became, or will become, of what this collection has applied
    "SYM801": {"will_undo": [{"manager": "systemd-networkd", "what": "rule 10100", "how": "it removes it"}]},
    "SYM802": {"applied": [{"what": "rule 10100", "change": "c1", "present": False}]},
}


@pytest.mark.parametrize("id", UPKEEP)
def test_what_is_lost_or_will_be_is_raised_and_nothing_lost_is_clean(id):
    assert ids({"one": networks.host({"eth0": ["10.0.0.1/24"]}, **UPKEEP[id])}) == {id}
    assert status({"one": networks.host({"eth0": ["10.0.0.1/24"]})})[id].status == "clean"
    unread = networks.host({"eth0": ["10.0.0.1/24"]})
    del unread["will_undo"], unread["applied"]
    assert status({"one": unread})[id].status == "not checked"


@pytest.mark.parametrize("id", AWAITED)
def test_the_rule_of_what_awaits_a_collector_stands(id):
    wrong, fine = AWAITED[id]
    assert ids({"one": networks.host({"eth0": ["10.0.0.1/24"]}, **wrong)}) == {id}
    assert status({"one": networks.host({"eth0": ["10.0.0.1/24"]}, **wrong)})[id].status == "raised"
    assert not ids({"one": networks.host({"eth0": ["10.0.0.1/24"]}, **fine)})
    assert status({"one": networks.host({"eth0": ["10.0.0.1/24"]}, **fine)})[id].status == "awaiting collector"
    properties = json.loads((PAGES.parent / "facts.schema.json").read_text(encoding="utf-8"))["properties"]
    for given in (wrong, fine):
        assert set(given) <= set(properties)


def test_every_awaiting_id_has_its_rule():
    assert set(AWAITED) == {id for id, kind in REGISTRY.items() if kind.awaiting}
