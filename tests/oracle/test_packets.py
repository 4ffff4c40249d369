# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine against real packets through a router with random nftables rules. Needs root."""

from __future__ import annotations

import os
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection import conntrack, conntrack_tcp
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter import chain as netfilter_chain
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.passage import passage
from ansible_collections.netpath.symmetry.tests.oracle import packets

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces, which needs root")
CASES = 2500
SEED = int(os.environ.get("ORACLE_SEED", "1"))
# a sample without one of these has not compared what it is for
MUST_OCCUR = (
    *("tcp forward new", "tcp forward established", "tcp forward invalid", "tcp drop invalid", "tcp drop new"),
    *("udp forward new", "udp forward established", "udp forward untracked", "udp drop new", "udp forward related"),
    *("icmp forward new", "icmp forward established", "icmp forward related", "icmpv6 forward related"),
    *("tcp local new", "udp local new", "icmp local related"),
)
KINDS_MUST_OCCUR = (
    *("IPv4", "IPv6", "sent by the router", "answer of the router", "data new", "data established", "data invalid"),
    *("syn established", "syn_ack invalid", "fin invalid", "rst established", "rst invalid", "ack new"),
    *("by concatenation", "by verdict map", "by map of pairs", "by fib", "by set", "by mark", "on a device"),
    *("too_big related", "too_big invalid", "time_exceeded related", "port_unreachable related"),
)


def test_the_engine_agrees_with_real_packets() -> None:
    tally = packets.run(CASES, SEED)
    print(f"{tally.total} packets from seed {SEED}: {dict(sorted(tally.counts.items()))}")
    assert not tally.mismatches, tally.mismatches[0]
    assert [kind for kind in MUST_OCCUR if not tally.counts[kind]] == []
    assert [kind for kind in KINDS_MUST_OCCUR if not tally.kinds[kind]] == []
    assert tally.unknown <= packets.MAX_UNKNOWN * tally.total


def _no_filters_after_prerouting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passage.Passage, "filters_at", lambda here, *_rest, **_named: here)


def _no_translation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conntrack.Entry, "source_translated", property(lambda entry: False))
    monkeypatch.setattr(conntrack.Entry, "destination_translated", property(lambda entry: False))


def _syn_ack_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    table = conntrack_tcp.TRANSITIONS
    monkeypatch.setitem(table, ("original", "syn_ack"), table["original", "syn"])


def _maps_give_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netfilter_chain.ChainWalk, "look_up", lambda *_asked: netfilter_chain.ABSENT)


def _no_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conntrack_tcp, "_outside", lambda sender, *_numbers: ("", sender))


def _errors_are_new(monkeypatch: pytest.MonkeyPatch) -> None:
    new = conntrack.Connection("new")
    monkeypatch.setattr(conntrack.Tracker, "_classify_error", lambda *_packet: new)


BREAKS = (
    *(_no_filters_after_prerouting, _no_translation, _syn_ack_opens, _maps_give_nothing, _no_windows),
    _errors_are_new,
)


@pytest.mark.parametrize("breaks", BREAKS)
def test_a_broken_engine_is_caught(
    breaks: t.Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: without one of the kernel's semantics the comparison must fail."""
    breaks(monkeypatch)
    assert packets.run(4000, 1, shrunk=False).mismatches
