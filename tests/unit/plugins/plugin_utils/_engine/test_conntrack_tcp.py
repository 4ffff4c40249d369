# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP as connection tracking sees it: mid-stream pickup, resets, windows, openings out of the ordinary."""

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack import Tracker
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack_tcp import Settings
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet, Segment

FLOW = Flow.parse("tcp 10.0.0.5:40000 > 20.0.0.5:80")
STRICT, LIBERAL = Settings(), Settings(be_liberal=True)
# a handshake: the client begins at 1000, the server at 5000
OPEN = (
    (">syn", Segment(999, 0, 8000)), ("<syn_ack", Segment(4999, 1000, 8000)), (">ack", Segment(1000, 5000, 8000)),
)  # fmt: skip


def states(*segments: tuple[str, Segment | None], settings: Settings = STRICT) -> tuple[list[str], Tracker]:
    """The state of each segment, and the table after all; ">" goes with the flow, "<" against it."""
    tracker, seen = Tracker(tcp=settings), []
    for text, numbers in segments:
        flow = FLOW if text[0] == ">" else FLOW.reversed()
        connection = tracker.classify(Packet(flow, first=text[1:] == "syn", tcp=text[1:], segment=numbers))
        seen.append(connection.state)
        if connection.noted:
            tracker = tracker.note(connection.noted)
        if connection.replaces:
            tracker = tracker.forget(connection.replaces)
        tracker = tracker.commit(connection)
    return seen, tracker


def tcp_state(tracker: Tracker) -> str:
    return tracker.entries[0].tcp_state if tracker.entries else "none"


def bare(text: str) -> list[tuple[str, Segment | None]]:
    return [(one, None) for one in text.split()]


@pytest.mark.parametrize(
    ("segments", "state", "left"),
    [
        (">syn <syn >syn_ack <ack", "established", "ESTABLISHED"),  # both ends open at once
        (">syn >syn <syn_ack", "established", "SYN_RECV"),  # the SYN is sent again
        (">syn <rst", "established", "none"),  # a closed port
        (">ack <rst", "established", "none"),
        (">ack >rst", "new", "none"),  # nobody answered yet
        (">ack <ack >rst", "established", "CLOSE"),
        (">syn <syn_ack >ack <rst >syn", "established", "CLOSE"),  # reset by the server: a new SYN is only let through
        (">syn <syn_ack >ack >rst >syn", "new", "SYN_SENT"),  # reset by the client: its new SYN opens anew
        (">syn <syn_ack >ack >syn <syn_ack", "established", "SYN_RECV"),  # both ends began anew
        (">syn <syn_ack >ack >fin <ack <fin >ack", "established", "TIME_WAIT"),
    ],
)  # fmt: skip
def test_openings_and_ends(segments: str, state: str, left: str) -> None:
    seen, tracker = states(*bare(segments))
    assert (seen[-1], tcp_state(tracker)) == (state, left)


def test_an_acknowledgement_of_data_that_went_another_way_is_invalid() -> None:
    """The other direction moved away: what it sent was not seen here."""
    acknowledges = (">ack", Segment(1000, 5100, 8000))
    assert states(*OPEN, acknowledges)[0][-1] == "invalid"
    assert states(*OPEN, acknowledges, settings=LIBERAL)[0][-1] == "established"
    assert states(*OPEN, ("<ack", Segment(5000, 1000, 8000, 100)), acknowledges)[0][-1] == "established"


def test_data_beyond_the_window_is_invalid_once_no_acknowledgement_is_seen() -> None:
    data = [(">ack", Segment(1000 + 1000 * number, 5000, 8000, 1000)) for number in range(20)]
    seen = states(*OPEN, *data)[0][3:]
    # up to the window of the receiver, and one more segment that is let through as a little too much
    assert seen[:9] == ["established"] * 9 and seen[-1] == "invalid"
    assert set(states(*OPEN, *data, settings=LIBERAL)[0][3:]) == {"established"}
    acknowledged = [("<ack", Segment(5000, 1000 + 1000 * number, 8000)) for number in range(20)]
    both = [one for pair in zip(data, acknowledged, strict=True) for one in pair]
    assert set(states(*OPEN, *both)[0][3:]) == {"established"}


def test_a_connection_picked_up_in_the_middle_is_not_held_to_its_windows() -> None:
    far = (">ack", Segment(900000, 800000, 8000))
    assert states((">ack", Segment(1000, 5000, 8000)), far)[0] == ["new", "new"]
    assert states(("<ack", Segment(5000, 1000, 8000, 10)), (">ack", Segment(1000, 77, 8)))[0] == ["new", "established"]


@pytest.mark.parametrize(
    ("sequence", "ignore", "state", "left"),
    [
        (1000, False, "established", "CLOSE"),
        (900, False, "invalid", "ESTABLISHED"),  # before what was acknowledged: it may be forged
        (900, True, "established", "ESTABLISHED"),
        (1500, False, "established", "ESTABLISHED"),  # in the window, but not exact: a challenge ACK decides
    ],
)  # fmt: skip
def test_resets(sequence: int, ignore: bool, state: str, left: str) -> None:
    settings = Settings(ignore_invalid_rst=ignore)
    exchange = ((">ack", Segment(900, 5000, 8000, 100)), ("<ack", Segment(5000, 1000, 8000)))
    opened = (
        (">syn", Segment(899, 0, 8000)), ("<syn_ack", Segment(4999, 900, 8000)), (">ack", Segment(900, 5000, 8000)),
    )  # fmt: skip
    reset = (">rst", Segment(sequence, 5000, 0))
    seen, tracker = states(*opened, *exchange, reset, settings=settings)
    assert (seen[-1], tcp_state(tracker)) == (state, left)


@pytest.mark.parametrize(("direction", "left"), [("<", "CLOSE"), (">", "ESTABLISHED")])
def test_a_reset_answers_a_syn_of_the_other_end_only(direction: str, left: str) -> None:
    again = (">syn", Segment(70000, 0, 8000))
    reset = (f"{direction}rst", Segment(900000, 70001, 0))
    _seen, tracker = states(*OPEN, again, reset, settings=Settings(ignore_invalid_rst=True))
    assert tcp_state(tracker) == left


def test_a_reset_of_number_zero_follows_a_segment_whose_numbers_were_not_kept() -> None:
    """The kernel's last number is zero then, and the reset counts as the next of its train."""
    client, server = 2632546538, 2110706575
    opened = ((">syn", Segment(client, 0, 8192)), ("<syn_ack", Segment(server, client + 1, 1000)))
    late = (">ack", Segment(client + 1, server - 70000, 8192, 100))
    reset = (">rst", Segment(0, 0, 8192, has_ack=False))
    assert tcp_state(states(*opened, late, reset, settings=LIBERAL)[1]) == "CLOSE"


def test_sequence_numbers_wrap_around() -> None:
    opened = (
        (">syn", Segment(0xFFFFFFF0, 0, 8000)), ("<syn_ack", Segment(7, 0xFFFFFFF1, 8000)),
        (">ack", Segment(0xFFFFFFF1, 8, 8000, 100)), ("<ack", Segment(8, 0x55, 8000)), (">ack", Segment(0x55, 8, 8000)),
    )  # fmt: skip
    assert states(*opened)[0] == ["new", *["established"] * 4]


def test_icmp_errors_are_related_to_the_packet_they_tell_of() -> None:
    _seen, tracker = states(*bare(">syn"))

    def error(target: str, about: Flow) -> tuple[str, str]:
        flow = Flow("icmp", "30.0.0.1", target)
        packet = Packet(flow, first=False, error="time_exceeded", about=Packet(about, tcp="ack"))
        connection = tracker.classify(packet)
        return connection.state, connection.direction

    assert error("10.0.0.5", FLOW) == ("related", "reply")
    assert error("20.0.0.5", FLOW.reversed()) == ("related", "original")
    assert error("10.0.0.6", FLOW)[0] == "invalid"  # not to the one that sent the packet
    tracker = Tracker()
    assert error("10.0.0.5", FLOW)[0] == "invalid"
