# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine against real packets through a router with random iptables rules of both back ends. Needs root."""

from __future__ import annotations

import os
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import iptables
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter import fib_expression as netfilter_fib
from ansible_collections.netpath.symmetry.tests.oracle import iptables_packets

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces, which needs root")
CASES = 1500
SEED = int(os.environ.get("ORACLE_SEED", "1"))
MAX_UNKNOWN = 0.01
KINDS_MUST_OCCUR = ("IPv4", "IPv6", "sent by the router", "answer of the router")
# of each of these the kernel must have had packets for a rule, or the sample has not compared what it is for
RULES_MUST_OCCUR = (
    *(("iptables-legacy",), ("ip6tables-legacy",), ("iptables-nft",), ("ip6tables-nft",)),
    *(("-p", "! -p"), ("-i", "! -i"), ("-o", "! -o"), ("-s", "! -s"), ("-d", "! -d"), ("helper", "deep")),
    *(("conntrack --ctstate",), ("conntrack ! --ctstate",), ("conntrack --ctdir",)),
    *(("state --state", "state ! --state"),),
    *(("mark --mark", "mark ! --mark", "connmark --mark", "connmark ! --mark"), ("rpfilter", "rpfilter --invert")),
    *(("set --match-set", "set ! --match-set"),),
    *(("MARK --set-xmark",), ("CONNMARK --set-xmark",), ("CONNMARK --save-mark",), ("CONNMARK --restore-mark",)),
    *(("CT --zone",), ("CT --notrack", "NOTRACK"), ("SNAT --to-source",), ("DNAT --to-destination",), ("MASQUERADE",)),
    *(("NETMAP --to",), ("REDIRECT", "REDIRECT --to-ports"), ("REJECT --reject-with",), ("ACCEPT",), ("DROP",)),
)


def test_the_engine_agrees_with_real_packets() -> None:
    tally, seen = iptables_packets.run(CASES, SEED)
    print(f"{tally.total} packets from seed {SEED}: {dict(sorted(tally.counts.items()))} {dict(sorted(seen.items()))}")
    assert not tally.mismatches, tally.mismatches[0]
    assert [kind for kind in KINDS_MUST_OCCUR if not tally.kinds[kind]] == []
    assert [kinds for kinds in RULES_MUST_OCCUR if not any(seen[kind] for kind in kinds)] == []
    assert tally.unknown <= MAX_UNKNOWN * tally.total


def _no_legacy_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iptables, "read_legacy", lambda: iptables.Reading([], [], []))


def _rpfilter_always_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netfilter_fib, "rpfilter", lambda now, flags: True)


@pytest.mark.parametrize("breaks", [_no_legacy_rules, _rpfilter_always_holds])
def test_a_broken_engine_is_caught(
    breaks: t.Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: without one of the kernel's semantics the comparison must fail."""
    breaks(monkeypatch)
    tally, _seen = iptables_packets.run(6000, 1, shrunk=False)
    assert tally.mismatches
