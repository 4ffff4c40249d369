# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection table: states, directions, and what ends or renews an entry."""

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Tracker, Zone
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack_tcp import Settings
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet

TCP = Flow.parse("tcp 10.0.0.5:40000 > 20.0.0.5:80")


def after(*segments: str, tracker: Tracker | None = None, flow: Flow = TCP) -> tuple[str, Tracker]:
    """The state of the last of some TCP segments; ">syn" goes with the flow, "<ack" against it."""
    tracker = tracker or Tracker()
    state = ""
    for segment in segments:
        one = flow if segment[0] == ">" else flow.reversed()
        connection = tracker.classify(Packet(one, first=segment[1:] == "syn", tcp=segment[1:]))
        state = connection.state
        if connection.replaces:
            tracker = tracker.forget(connection.replaces)
        tracker = tracker.commit(connection)
    return state, tracker


@pytest.mark.parametrize(
    ("segments", "state"),
    [
        (">syn", "new"),
        (">syn <syn_ack", "established"),
        (">syn <syn_ack >ack", "established"),
        (">syn >syn", "new"),
        ("<syn_ack", "invalid"),
        (">syn >ack", "invalid"),
        (">fin", "invalid"),
        (">rst", "invalid"),
        (">ack", "new"),
        (">ack <ack", "established"),
        (">syn <syn_ack >ack >fin <fin >ack >syn", "new"),
        (">syn <syn_ack >ack <syn", "invalid"),
        (">syn <rst >ack", "new"),
        (">syn <ack", "established"),
    ],
)
def test_tcp(segments: str, state: str) -> None:
    assert after(*segments.split())[0] == state


def test_a_bare_ack_is_picked_up_only_with_tcp_loose() -> None:
    assert after(">ack", tracker=Tracker(tcp=Settings(loose=False)))[0] == "invalid"
    assert after(">syn", tracker=Tracker(tcp=Settings(loose=False)))[0] == "new"


def test_udp_and_icmp() -> None:
    udp, ping = Flow.parse("udp 10.0.0.5:9 > 20.0.0.5:53"), Flow.parse("icmp 10.0.0.5 > 20.0.0.5")
    for flow, lone_reply in ((udp, "new"), (ping, "invalid")):
        assert Tracker().classify(Packet(flow.reversed(), first=False)).state == lone_reply
        tracker = Tracker().commit(Tracker().classify(Packet(flow)))
        reply = tracker.classify(Packet(flow.reversed(), first=False))
        assert (reply.state, reply.direction) == ("established", "reply")
        assert tracker.commit(reply).classify(Packet(flow)).state == "established"


def test_zones_are_apart() -> None:
    tracker = Tracker().commit(Tracker().classify(Packet(TCP), zone=Zone(5)))
    assert tracker.classify(Packet(TCP.reversed(), first=False, tcp="syn_ack"), zone=Zone(5)).state == "established"
    assert tracker.classify(Packet(TCP.reversed(), first=False, tcp="syn_ack")).state == "invalid"


def test_a_zone_of_one_direction() -> None:
    tracker = Tracker().commit(Tracker().classify(Packet(TCP), zone=Zone(3, "original")))
    syn_ack = Packet(TCP.reversed(), first=False, tcp="syn_ack")
    assert tracker.classify(syn_ack).state == "established"  # replies need no zone
    assert tracker.classify(syn_ack, zone=Zone(3)).state == "invalid"
    assert (tracker.classify(Packet(TCP)).fresh, tracker.classify(Packet(TCP), Zone(3)).fresh) == (True, False)


def test_of_two_connections_the_one_that_was_made_last_is_found() -> None:
    """Zones let a packet be of two; the kernel puts a new one at the head of its list, and an old one stays put."""
    udp = Flow.parse("udp 10.0.0.5:9 > 20.0.0.5:53")
    tracker = Tracker().commit(Tracker().classify(Packet(udp)))
    tracker = tracker.commit(tracker.classify(Packet(udp.reversed()), Zone(4, "reply")))
    tracker = tracker.commit(tracker.classify(Packet(udp)))
    found = tracker.classify(Packet(udp.reversed()))
    assert (found.direction, found.entry and found.entry.zone) == ("original", Zone(4, "reply"))


def test_the_table_as_it_is_now() -> None:
    entry = {
        "protocol": "tcp",
        "state": "SYN_SENT",
        "unreplied": True,
        "mark": 7,
        "original": {"source": "10.0.0.5", "destination": "20.0.0.5", "sport": 40000, "dport": 80},
        "reply": {"source": "20.0.0.5", "destination": "192.0.2.1", "sport": 80, "dport": 40000},
    }
    tracker = Tracker.from_facts({"conntrack": {"flows": [entry], "sysctls": {"tcp_loose": 0}}})
    assert after(">ack", tracker=tracker)[0] == "invalid"
    reply = tracker.classify(Packet(Flow.parse("tcp 20.0.0.5:80 > 192.0.2.1:40000"), first=False, tcp="syn_ack"))
    assert (reply.state, reply.mark, reply.entry and reply.entry.source_translated) == ("established", 7, True)
    assert tracker.classify(Packet(Flow.parse("tcp 9.9.9.9:1 > 8.8.8.8:2"), first=False)).state == "invalid"
