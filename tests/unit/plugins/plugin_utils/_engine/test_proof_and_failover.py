# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof by packets and the failover test: what is planned, and how what was seen is judged."""

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change import proof
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure import failover
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.failover import failover_lines

FACTS = {
    "client": {"interfaces": {"eth0": {"addresses": [{"family": 4, "address": "192.0.2.20", "prefixlen": 24}]}}},
    "gw": {
        "interfaces": {"lan": {"addresses": [{"family": 4, "address": "192.0.2.1", "prefixlen": 24}]}},
        "routes": [
            {"family": 4, "table": 254, "dst": "0.0.0.0/0", "metric": 100, "nexthops": [{"device": "wan_a"}]},
            {"family": 4, "table": 254, "dst": "0.0.0.0/0", "metric": 200, "nexthops": [{"device": "wan_b"}]},
        ],
    },
}


def verdict(name: str = "api", flow: str = "tcp 192.0.2.20 > 203.0.113.10:80", **more: object) -> dict[str, object]:
    forward = {
        "outcome": "left",
        "share": 1.0,
        "flow": "tcp 198.51.100.2 > 203.0.113.10:80",
        "hops": [
            {"host": "client", "oif": "eth0"},
            {"host": "gw", "iif": "lan", "oif": "wan_a"},
            {"host": "fwa", "iif": "in", "oif": "out"},
        ],
    }
    base: dict[str, object] = {
        "name": name,
        "flow": flow,
        "live": False,
        "one_way": False,
        "verdict": "symmetric",
        "forward": [forward],
        "return": [],
    }
    return {**base, **more}


def seen(*items: tuple[str, str, str, int]) -> list[dict[str, object]]:
    keys = ("interface", "way", "direction", "packets")
    return [dict(zip(keys, item, strict=True)) for item in items]


def test_probes_go_out_from_the_owner_of_the_source_and_are_watched_where_they_are_steered() -> None:
    plan = proof.plan_proof([verdict()], FACTS, ["gw"])
    assert [probe["name"] for probe in plan["probes"]["client"]] == ["api"]
    watch = plan["captures"]["gw"][0]
    assert watch["flow"] == "tcp 192.0.2.20 > 203.0.113.10:80"
    assert watch["addresses"] == ["198.51.100.2"], "the translated address must be watched too"
    assert plan["unprovable"] == []


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"verdict": "broken"}, "expected to be broken"),
        ({"flow": "udp 203.0.113.10 > 192.0.2.20:514"}, "not a host of the inventory"),
        ({"one_way": True}, "one way"),
    ],
)
def test_what_cannot_be_proven_is_said(changed: dict[str, object], why: str) -> None:
    plan = proof.plan_proof([verdict(**changed)], FACTS, ["gw"])
    assert plan["probes"] == {}
    assert why in plan["unprovable"][0]["why"]


def test_live_flows_are_left_alone() -> None:
    plan = proof.plan_proof([verdict(live=True)], FACTS, ["gw"])
    assert plan == {"probes": {}, "captures": {}, "unprovable": []}


def test_steering_hosts_have_default_routes_by_more_than_one_interface() -> None:
    assert proof.steering(FACTS) == ["gw"]


def test_an_answered_probe_on_one_interface_is_proof() -> None:
    captures = [
        {
            "name": "api",
            "host": "gw",
            "symmetric": True,
            "counts": seen(("wan_a", "forward", "out", 3), ("wan_a", "return", "in", 2)),
        }
    ]
    judged = proof.judge_proof([{"name": "api", "host": "client", "ok": True, "seconds": 0.002}], captures)
    assert judged["failed_flows"] == []
    assert "requests leave wan_a, replies come in on wan_a" in judged["flows"][0]["text"]


def test_an_answer_by_another_interface_fails_a_flow_that_must_be_symmetric() -> None:
    captures = [
        {
            "name": "api",
            "host": "gw",
            "symmetric": True,
            "counts": seen(("wan_a", "forward", "out", 3), ("wan_b", "return", "in", 2)),
        }
    ]
    judged = proof.judge_proof([{"name": "api", "host": "client", "ok": True, "seconds": 0.002}], captures)
    assert judged["failed_flows"] == ["api"]
    harmless = proof.judge_proof(
        [{"name": "api", "host": "client", "ok": True, "seconds": 0.002}], [{**captures[0], "symmetric": False}]
    )
    assert harmless["failed_flows"] == []


def test_a_probe_without_an_answer_fails_and_names_the_error() -> None:
    judged = proof.judge_proof([{"name": "api", "host": "client", "ok": False, "error": "timeout"}], [])
    assert judged["failed_flows"] == ["api"]
    assert "timeout" in judged["flows"][0]["text"]


@pytest.mark.parametrize(("probe", "ok", "text"), [
    ({"ok": True, "seconds": 0.02, "size": 65536}, True, "65536 bytes arrived in 20.0 ms"),
    ({"ok": False, "error": "stalled", "size": 65536}, False, "no answer (stalled)"),
    ({"ok": True, "seconds": 0.02, "all": True, "sent": 24, "received": 23}, False, "23 of 24 answered"),
    ({"ok": True, "seconds": 0.02, "all": True, "sent": 24, "received": 24}, True, "24 of 24 answered"),
    ({"ok": False, "error": "stalled", "size": 9, "expect": "stall", "received": 0}, True, "9 bytes stall"),
    ({"ok": True, "size": 9, "expect": "stall", "received": 1}, False, "9 bytes arrive"),
    ({"ok": False, "error": "timeout", "size": 9, "expect": "stall", "received": 0}, False, "no answer (timeout)"),
    ({"ok": True, "expect": "loss", "sent": 24, "received": 11}, True, "11 of 24 answered, so some of it breaks"),
    ({"ok": True, "expect": "loss", "sent": 24, "received": 24}, False, "24 of 24 answered, not some and not others"),
    ({"ok": False, "expect": "loss", "sent": 24, "received": 0}, False, "0 of 24 answered, not some and not others"),
])
def test_a_probe_is_judged_by_what_it_is_sent_for(probe: dict[str, object], ok: bool, text: str) -> None:
    judged = proof.judge_proof([{"name": "api", "host": "client", **probe}], [])
    assert (judged["flows"][0]["ok"], judged["flows"][0]["text"]) == (ok, text)
    assert judged["failed_flows"] == ([] if ok else ["api"])


def test_each_kind_of_failure_is_made_where_it_belongs() -> None:
    faults = failover.plan_faults(verdict(), "gw", "wan_a")
    assert [(f["kind"], f["host"], f["interface"], f["fault"]) for f in faults] == [
        ("link", "gw", "wan_a", "link"),
        ("carrier", "fwa", "in", "link"),
        ("beyond", "fwa", "out", "beyond"),
    ]


def test_an_uplink_that_the_flow_does_not_use_is_refused_with_the_path_it_uses() -> None:
    with pytest.raises(failover.FailoverError, match="gw:wan_a"):
        failover.plan_faults(verdict(), "gw", "wan_b")


def tries(*ok: bool, gap: float = 0.2) -> dict[str, object]:
    return {
        "tries": [{"ok": one} for one in ok],
        "summary": {"sent": len(ok), "lost": ok.count(False), "longest_gap_seconds": gap, "first_success_seconds": 0.1},
    }


HOME = {"summary": {"return_seen": True}}


def test_survived_needs_every_new_flow_to_work_while_the_uplink_is_dead() -> None:
    judged = failover.judge_failover("link", tries(True, False, True, gap=0.7), tries(True, True), tries(True), HOME)
    assert (judged["state"], judged["to_b_seconds"], judged["lost"], judged["sent"]) == ("survived", 0.7, 1, 5)
    judged = failover.judge_failover("link", tries(True, True), tries(True, False), tries(True), HOME)
    assert (judged["state"], judged["to_b_seconds"]) == ("not covered", None)


def test_home_needs_a_reply_on_the_uplink_itself() -> None:
    elsewhere = {"summary": {"return_seen": False}}
    judged = failover.judge_failover("link", tries(True), tries(True), tries(True), elsewhere)
    assert (judged["home"], judged["home_seconds"]) == (False, None)
    assert failover.judge_failover("link", tries(True), tries(True), tries(True), HOME)["home"]


def diagnosis(**probes: object) -> dict[str, object]:
    return {"verdicts": [verdict()], "proof": proof.plan_proof([verdict(**probes)], FACTS, ["gw"])}


def test_the_plan_names_who_breaks_who_probes_and_what_cannot_be_made() -> None:
    plan = failover.plan_failover(diagnosis(), "api", "gw", "wan_a")
    assert plan["sources"] == {"link": "client", "carrier": "client", "beyond": "client"}
    assert plan["uplinks"] == {"link": "gw", "carrier": "gw", "beyond": "gw"}
    assert plan["addresses"] == ["198.51.100.2"]
    lonely = {
        **diagnosis(),
        "verdicts": [
            verdict(
                forward=[
                    {
                        **verdict()["forward"][0],
                        "hops": [  # type: ignore[index]
                            {"host": "client", "oif": "eth0"}
                        ],
                    }
                ]
            )
        ],
    }
    short = failover.plan_failover(lonely, "api", "client", "eth0")
    assert set(short["faults"]) == {"link", "beyond"}
    assert any("far carrier: cannot be made" in line for line in short["lines"])


def test_every_uplink_of_a_host_with_a_choice_is_planned_or_said_to_be_left_out() -> None:
    uplinks = {"gw": ["wan_a", "wan_b"], "client": ["eth0"]}
    hosts = {h: {"symmetry_uplinks": [{"name": i, "interface": i} for i in found]} for h, found in uplinks.items()}
    told = {**diagnosis(), "draft": {"hosts": hosts}}
    plan = failover.plan_failovers(told, "all")
    assert [(one["uplink"]["interface"], one["kind"], one["name"]) for one in plan["tests"]] == [
        ("wan_a", "link", "api"), ("wan_a", "carrier", "api"), ("wan_a", "beyond", "api")]  # fmt: skip
    assert [one["uplink"] for one in plan["untested"]] == [{"host": "gw", "interface": "wan_b"}]
    assert plan["lines"][-1].startswith("gw wan_b: not tested: no flow that can be probed leaves by it")
    one = failover.plan_failovers(told, [{"host": "gw", "interface": "wan_a", "flow": "api"}])
    assert one["tests"] == plan["tests"]


@pytest.mark.parametrize(("wanted", "said"), [
    ([{"host": "gw", "interface": "wan_b"}], "gw wan_b: no flow that can be probed leaves by it"),
    ([{"host": "gw"}], "failover_uplinks.1.: expected .host, interface, flow."),
    ("some", "expected 'all' or a list"),
    ([], "expected 'all' or a list"),
])  # fmt: skip
def test_an_uplink_that_was_asked_for_is_never_left_out(wanted: object, said: str) -> None:
    with pytest.raises(failover.FailoverError, match=said):
        failover.plan_failovers({**diagnosis(), "draft": {"hosts": {}}}, wanted)
    with pytest.raises(failover.FailoverError, match="there is no uplink to test"):
        failover.plan_failovers({**diagnosis(), "draft": {"hosts": {}}}, "all")


def test_the_summary_names_loss_seconds_and_the_way_home_of_each_uplink() -> None:
    judged = failover.judge_failover("link", tries(True, False, gap=0.7), tries(True), tries(True), HOME)
    lost = failover.judge_failover("beyond", tries(False), tries(False), tries(False), HOME)
    about = {"uplink": {"host": "gw", "interface": "wan_a"}, "flow": "api"}
    lines = failover_lines([{**judged, **about}, {**lost, **about}], [{**about, "why": "no flow leaves by it"}])
    text = chr(10).join(lines)
    assert "survived link of 2 kinds, 3 of 5 probes lost, NOT HOME after: beyond" in text, text
    assert "0.70 s" in text and "1 of 3" in text and "! gw wan_a: not tested: no flow leaves by it" in text
    assert max(map(len, lines)) <= 100


def test_a_flow_that_nobody_can_probe_measures_no_failover() -> None:
    with pytest.raises(failover.FailoverError, match="cannot measure a failover: one way"):
        failover.plan_failover(diagnosis(one_way=True), "api", "gw", "wan_a")
    with pytest.raises(failover.FailoverError, match="no flow is called 'lost'; there are api"):
        failover.plan_failover(diagnosis(), "lost", "gw", "wan_a")


def test_at_the_destination_itself_requests_come_in_and_replies_leave() -> None:
    counts = seen(("eth1", "forward", "in", 1), ("eth0", "return", "out", 1))
    captures = [{"name": "api", "host": "server", "symmetric": True, "counts": counts}]
    judged = proof.judge_proof([{"name": "api", "host": "client", "ok": True, "seconds": 0.001}], captures)
    assert judged["failed_flows"] == ["api"]
    assert "split at server: requests come in on eth1, replies leave eth0" in judged["flows"][0]["text"]


def test_a_host_that_could_not_watch_has_not_proven_the_flow() -> None:
    probe = {"name": "api", "host": "client", "ok": True, "seconds": 0.01}
    capture = {"name": "api", "host": "gw", "symmetric": True, "counts": [], "error": "no permission"}
    judged = proof.judge_proof([probe], [capture])
    assert judged["failed_flows"] == ["api"]
    assert "unseen at gw: no permission" in judged["lines"][0]


def part(name: str, source: list[str], destination: list[str], dport: list[str], **more: object) -> dict[str, object]:
    flows = [{"source": source, "destination": destination, "dport": dport}]
    return verdict(name, "tcp 192.0.2.21 > 203.0.113.0:80", flows=flows, **more)


@pytest.mark.parametrize(
    ("source", "destination", "sent"),
    [
        (["192.0.2.0", "192.0.2.2-192.0.2.255"], ["203.0.113.10"], ("client", "tcp 192.0.2.20 > 203.0.113.10:80")),
        (["192.0.2.20"], ["10.0.0.0/8", "192.0.2.0/30"], ("client", "tcp 192.0.2.20 > 192.0.2.1:80")),
        (["192.0.2.1"], ["203.0.113.10"], ("gw", "tcp 192.0.2.1 > 203.0.113.10:80")),
    ],
)
def test_a_class_of_a_prefix_flow_is_proven_between_hosts_that_are_there(
    source: list[str], destination: list[str], sent: tuple[str, str]
) -> None:
    whole = verdict("all", partition=[part("all (these)", source, destination, ["80"])])
    plan = proof.plan_proof([whole], FACTS, [])
    assert plan["probes"] == {sent[0]: [{"name": "all (these)", "flow": sent[1]}]}
    assert not plan["unprovable"]


@pytest.mark.parametrize(
    ("source", "destination", "dport", "why"),
    [
        (["192.0.2.128/25"], ["203.0.113.10"], ["80"], "no host of the inventory has one of its sources"),
        (["192.0.2.20"], ["203.0.113.0/25"], ["80"], "none is known to answer: name a single flow of it"),
        (["192.0.2.20"], ["203.0.113.10"], ["80-90"], "which of its ports answers is not known"),
    ],
)
def test_a_class_that_no_packet_can_prove_says_why(
    source: list[str], destination: list[str], dport: list[str], why: str
) -> None:
    (told,) = proof.plan_proof([part("these", source, destination, dport)], FACTS, [])["unprovable"]
    assert why in told["why"]
    assert proof.left_out([told]) == [f"---- these: not proven by packets: {told['why']}"]
    broken = proof.plan_proof([part("these", source, destination, dport, verdict="broken")], FACTS, [])["unprovable"]
    assert broken[0]["why"] == "expected to be broken" and not proof.left_out(broken)


def test_a_prefix_flow_measures_no_failover() -> None:
    whole = verdict("all", partition=[part("all (these)", ["192.0.2.20"], ["203.0.113.10"], ["80"])])
    plan = {"verdicts": [whole], "proof": proof.plan_proof([whole], FACTS, [])}
    with pytest.raises(failover.FailoverError, match="all is a prefix flow"):
        failover.plan_failover(plan, "all", "gw", "wan_a")
