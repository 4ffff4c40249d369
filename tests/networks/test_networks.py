# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sample of random networks: verdicts and forecasts against real packets. Needs root.

With a semantic of the engine broken, the same networks must show wrong verdicts: so the comparison can fail.
"""

from __future__ import annotations

import dataclasses
import os
import socket
import struct
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection import translation
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Connection, Tracker
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings import mtu
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import fib, reverse_path
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.resolution import Resolution
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey import journey, walk
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet, ReversePath
from ansible_collections.netpath.symmetry.tests.networks import kept, narrow, predict, traffic, watch
from ansible_collections.netpath.symmetry.tests.networks.namespaces import Namespaces
from ansible_collections.netpath.symmetry.tests.networks.network import Result, Run, plausible, run_network
from ansible_collections.netpath.symmetry.tests.networks.predict import Fate
from ansible_collections.netpath.symmetry.tests.networks.run import MAX_UNKNOWN, run, total_of
from ansible_collections.netpath.symmetry.tests.networks.world import Ask, Node, Segment, World

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces, which needs root")
SEED = os.environ.get("NETWORKS_SEED")
SAMPLE = range(int(SEED), int(SEED) + 14) if SEED else (1, 2, 3, 7, 12, 14, 16, 18, 21, 31, 40, 45, 47, 49)
# a sample without one of these has not compared what it is for
MUST_OCCUR = ("filter: rule on state", "filter: policy", "reverse_path", "neighbour", "no_route", "not_forwarding",
              "loop", "translation")


def test_verdicts_and_forecasts_say_what_real_packets_do() -> None:
    total = total_of(run(SAMPLE, 4))
    print(f"{total.flows} flows, {total.plans} plans, seeds {list(SAMPLE)}: {dict(sorted(total.reasons.items()))}")
    assert not total.wrong, "\n".join(total.wrong)
    assert total.unknown <= MAX_UNKNOWN * total.flows, total.unknowns
    assert total.plans
    assert SEED or [reason for reason in MUST_OCCUR if not total.reasons[reason]] == []
    assert SEED or total.kept[kept.FATES[True]]
    assert SEED or [what for what in narrow.FATES.values() if not total.large[what]] == []


def test_large_datagrams_that_fare_otherwise_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mtu, "of_flow", lambda _network, _told: ())
    monkeypatch.setattr(traffic, "PATIENCE", 0.5)
    wrong = run_network(14).wrong
    assert wrong and "large datagrams (1500 bytes) of" in wrong[0] and "observed:  large datagrams are lost" in wrong[0]


def test_clients_that_keep_their_ports_and_fare_otherwise_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "goes_on", lambda _before, _after, _ask: False)
    wrong = run_network(3).wrong
    assert wrong and "keeps its port" in wrong[0] and "observed:  kept ports go on" in wrong[0]


def _replies_ignore_rp_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    validate = reverse_path.validate

    def mutated(host: t.Any, packet: Packet, iif: str, oif: str | None) -> ReversePath:
        return validate(host, packet, iif, oif) if packet.first else ReversePath("pass")

    monkeypatch.setattr(reverse_path, "validate", mutated)


def _firewalls_pass_invalid_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    classify = Tracker.classify

    def mutated(tracker: Tracker, *arguments: t.Any) -> Connection:
        found = classify(tracker, *arguments)
        return dataclasses.replace(found, state="established") if found.state == "invalid" else found

    monkeypatch.setattr(Tracker, "classify", mutated)


def _replies_go_to_the_source_before_nat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translation, "translate_source", lambda flow, _connection: flow)


def _arp_is_always_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "resolve", lambda *arguments: Resolution(arguments[-1]))


def _ecmp_takes_the_first_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fib, "_multipath", lambda _route, found, *_rest: (fib.Leg(found, 1.0),))


def _handshakes_are_the_whole_of_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journey, "_with_data", lambda _walks, _flow, _observed, pair, _again: pair)


@pytest.mark.parametrize(
    ("mutate", "seeds"),
    [
        (_replies_ignore_rp_filter, (21, 18)),
        (_firewalls_pass_invalid_packets, (7, 16)),
        (_replies_go_to_the_source_before_nat, (12, 40)),
        (_arp_is_always_answered, (21, 45)),
        (_ecmp_takes_the_first_branch, (14, 7)),
        (_handshakes_are_the_whole_of_a_connection, (49,)),
    ],
)
def test_a_broken_semantic_is_noticed(
    mutate: t.Callable[[pytest.MonkeyPatch], None], seeds: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutate(monkeypatch)
    monkeypatch.setattr(traffic, "PATIENCE", 0.5)
    assert any(run_network(seed, brief=True).wrong for seed in seeds), "every verdict of these networks still fits"


def test_a_link_that_is_down_behind_a_switch_is_told_from_a_frame_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neighbours are permanent, so that nobody asks for them in vain; the client's own link is up."""
    world = World(0, "lan", static_neighbours=True, segments=[Segment(1)])
    for name in ("client", "here", "there"):
        world.nodes[name] = Node(name, router=False)
        world.plug(world.segments[0], name)
    world.nodes["there"].down = ["e1"]
    monkeypatch.setattr(traffic, "PATIENCE", 0.2)
    asks = [Ask(to, "udp", 6 if ":" in to else 4, "client", source, to, 20000 + number, 53) for number, (source, to)
            in enumerate((("10.1.0.1", "10.1.0.3"), ("fd00:1::1", "fd00:1::3"), ("10.1.0.1", "10.1.0.2")))]
    with Namespaces(world) as spaces:
        _diagnosis, told = predict.predict(predict.read_facts(spaces), asks)
        spaces.ip("client", "neigh", "change", "10.1.0.2", "dev", "e1", "lladdr", "02:00:00:00:01:63")
        one = Run(world, spaces, Result(0))
        try:
            observed = [one.send(ask, told[ask.name]) for ask in asks]
        finally:
            one.close()
    assert [[line.split()[0] for line in seen] for _fate, seen in observed] == [["client:e1"]] * 3, observed
    down = Fate(False, "client", "link_down", "", "forward")
    assert [fate for fate, _seen in observed] == [down, down, Fate(False, "client", "lost on the wire", "", "forward")]
    assert [told[ask.name].only for ask in asks] == [down, down, Fate(True)]


def _datagram(sport: int, dport: int) -> bytes:
    ends = socket.inet_pton(socket.AF_INET6, "fd00:4::2") + socket.inet_pton(socket.AF_INET6, "fd00:c8:1::1")
    return bytes(12) + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, 9, 17, 63) + ends + struct.pack(
        "!HHHH", sport, dport, 9, 0) + b"?"


def test_a_reply_whose_port_a_translator_takes_out_of_the_numbers_of_flows_stays_one_of_its_flow() -> None:
    def number_of(sport: int, dport: int) -> tuple[int, bool]:
        found = watch.parse(_datagram(sport, dport), 1, "r4", "e4", True, 20611)
        assert found is not None
        return found.number, found.forward

    assert number_of(5353, 20611) == (20611, False)
    assert number_of(23456, 20611) == (20611, False)  # translated in a loop, where 5353 was taken
    assert number_of(20611, 5353) == (20611, True)
    assert number_of(20611, 23456) == (20611, True)
    assert number_of(23456, 5353) == (23456, True)  # of another flow, or of this one behind a translator


def test_what_is_plausible() -> None:
    assert plausible(0, 10, 0.5) and plausible(5, 10, 0.5) and plausible(10, 10, 1.0) and plausible(9, 10, 0.5)
    assert not plausible(10, 10, 0.1) and not plausible(1, 10, 1.0) and not plausible(1, 10, 0.0)
