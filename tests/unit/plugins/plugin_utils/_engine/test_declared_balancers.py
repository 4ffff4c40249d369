# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Balancers that are declared because nobody reads them: their servers, places, and wrong declarations."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import diagnose
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import SiteError
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine import networks

Facts = dict[str, t.Any]
FLOW = "tcp 10.0.1.10:4000 > 10.1.0.100:443"
BALANCER = {"name": "lb", "address": "10.1.0.3", "mode": "nat", "services": ["tcp 10.1.0.100:443"],
            "servers": ["10.1.0.4:8443", "10.1.0.5:8443"], "gateway": "10.1.0.1"}


def farm(*ways_back: str, service_on_lo: bool = False, **fw: t.Any) -> dict[str, Facts]:
    """client - fw - one wire with two servers, each with its default gateway. The balancer on that wire is not read."""
    hosts = {
        "client": networks.host({"eth0": ["10.0.1.10/24"]}, ["default via 10.0.1.1 dev eth0"]),
        "fw": networks.host({"out": ["10.0.1.1/24"], "lan": ["10.1.0.1/24"]},
                            **fw),
    }
    for number, gateway in enumerate(ways_back, 4):
        interfaces = {"lan": [f"10.1.0.{number}/24"], **({"lo": ["10.1.0.100/32"]} if service_on_lo else {})}
        hosts[f"server{number}"] = one = networks.host(
            interfaces, [f"default via {gateway} dev lan"], forwarding=False)
        if service_on_lo:
            one["interface_sysctls"]["all"]["arp_ignore"] = 1
            one["interfaces"]["lo"]["kind"] = "loopback"
    return hosts


def told(hosts: dict[str, Facts], *balancers: Facts, flow: str = FLOW, **variables: t.Any) -> t.Any:
    return diagnose(hosts, {"fw": {"symmetry_balancers": list(balancers), **variables}}, [flow], live=False)


def test_every_server_has_its_share() -> None:
    found = told(farm("10.1.0.3", "10.1.0.3"), BALANCER)
    assert found.verdicts[0].verdict == "symmetric", found.verdicts[0].summary()
    ends = {path.host: (path.share, str(path.packet.flow)) for path in found.verdicts[0].forward_paths()}
    assert ends == {"server4": (0.5, "tcp 10.0.1.10:4000 > 10.1.0.4:8443"),
                    "server5": (0.5, "tcp 10.0.1.10:4000 > 10.1.0.5:8443")}
    assert not found.findings, "nothing of a balancer that nobody read is looked for"
    found = told(farm("10.1.0.3", "10.1.0.1"), BALANCER)
    verdict = found.verdicts[0]
    assert (verdict.verdict, verdict.share, verdict.share_broken) == ("at_risk", "1 of 2", 0.5)
    assert {(one.id, one.host) for one in found.findings} == {("SYM402", "lb")}
    assert all(remedy.step.host != "lb" for remedy in found.proposal.remedies)


def test_direct_return_needs_the_address_on_the_servers() -> None:
    direct = {**BALANCER, "mode": "direct", "servers": ["10.1.0.4", "10.1.0.5"]}
    verdict = told(farm("10.1.0.1", "10.1.0.1", service_on_lo=True), direct).verdicts[0]
    assert verdict.verdict == "asymmetric_harmless", verdict.summary()
    assert {path.host for path in verdict.forward_paths()} == {"server4", "server5"}
    lacking = told(farm("10.1.0.1", "10.1.0.1"), direct).verdicts[0]
    assert lacking.verdict == "broken" and lacking.dies_at.host in ("server4", "server5")


def test_what_is_not_for_a_service_ends_at_the_balancer() -> None:
    verdict = told(farm("10.1.0.1", "10.1.0.1"), BALANCER, flow="tcp 10.0.1.10:4000 > 10.1.0.100:22").verdicts[0]
    assert {path.host for path in verdict.forward_paths()} == {"lb"} and verdict.verdict == "symmetric"


def test_without_the_declaration_the_service_is_taken_for_a_box_of_its_own() -> None:
    verdict = told(farm("10.1.0.1", "10.1.0.1")).verdicts[0]
    assert [path.outcome for path in verdict.forward_paths()] == ["left"]


def test_the_mac_address_that_neighbours_know_is_the_balancers_unless_a_host_has_it() -> None:
    def with_mac(mac: str) -> str:
        hosts = farm("10.1.0.3", "10.1.0.3")
        hosts["fw"]["neighbours"] = [
            {"family": 4, "address": "10.1.0.100", "device": "lan", "mac": mac, "state": "stale"}]
        return str(told(hosts, BALANCER).verdicts[0].verdict)

    assert with_mac("00:00:5e:00:01:07") == "symmetric"
    assert with_mac(farm("10.1.0.3")["server4"]["interfaces"]["lan"]["mac"]) == "unknown", "a server answers for it"


def test_a_balancer_without_a_place_leaves_its_services_unknown() -> None:
    far = {**BALANCER, "address": "192.0.2.3", "gateway": "192.0.2.1"}
    found = told(farm("10.1.0.1", "10.1.0.1"), far)
    assert found.verdicts[0].verdict == "unknown" and "192.0.2.3" in found.verdicts[0].read_next
    assert any(one.id == "SYM901" and one.host == "lb" for one in found.findings)


def test_a_host_that_could_not_be_read_may_be_declared() -> None:
    hosts = {**farm("10.1.0.3", "10.1.0.3"), "lb": None}
    assert told(t.cast(t.Any, hosts)).verdicts[0].verdict == "unknown"
    found = told(t.cast(t.Any, hosts), BALANCER)
    assert found.verdicts[0].verdict == "symmetric" and not found.unread
    assert any(note.startswith("balancer lb (declared) translates the destination") for note in found.assumptions)


def test_failures_of_a_declared_balancer_are_failures_too() -> None:
    found = told(farm("10.1.0.3", "10.1.0.3"), BALANCER).what_if(["node lb"])
    assert found.rows[0].change == "worse" and found.rows[0].after.verdict == "broken"


@pytest.mark.parametrize(("change", "words"), [
    ({"mode": "dsr"}, "'dsr' is not a mode; there are direct: "),
    ({"services": ["10.1.0.100:443"]}, "needs tcp or udp before the address"),
    ({"services": ["http 10.1.0.100:443"]}, "is not a protocol"),
    ({"services": ["tcp web:443"]}, "'web:443' is not an address"),
    ({"services": ["tcp 10.1.0.100:70000"]}, "70000 is not a port"),
    ({"services": []}, "services: is empty"),
    ({"servers": ["10.1.0.4:x"]}, "is not an address"),
    ({"servers": ["2001:db8::4"]}, "different address families"),
    ({"mode": "direct"}, "with mode direct nothing is translated"),
    ({"gateway": None}, "the key 'gateway' is missing"),
    ({"address": "10.1.0"}, "is not an IP address"),
    ({"segment": "dmz"}, "no interface is declared in segment 'dmz'"),
    ({"name": "fw"}, "is a host whose facts were read"),
    ({"port": 443}, "unknown key 'port'"),
])
def test_wrong_declarations_are_refused(change: Facts, words: str) -> None:
    entry = {key: value for key, value in {**BALANCER, **change}.items() if value is not None}
    with pytest.raises(SiteError, match="symmetry_balancers") as refused:
        told(farm("10.1.0.1", "10.1.0.1"), entry)
    assert words in str(refused.value)


def test_one_balancer_answers_for_an_address() -> None:
    with pytest.raises(SiteError, match=r"10.1.0.100 is of lb and of other"):
        told(farm("10.1.0.1"), BALANCER, {**BALANCER, "name": "other"})
