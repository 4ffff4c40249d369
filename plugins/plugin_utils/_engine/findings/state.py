# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""SYM301 and SYM401 to SYM404: a box that keeps state or translates does not see both directions."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.registry import Finding, finding
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.deaths import without_session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.journey import Pair
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import translation_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network

NEARLY_FULL = 0.9
REFUSED = {
    "drop": "the connection table is full: packets of new connections are dropped",
    "early_drop": "the connection table is full: unassured connections are thrown out for new ones",
    "insert_failed": "connections were not inserted: two packets of one flow, or two flows with one tuple, clashed",
}


def of_failing_flow(told: FlowVerdict) -> t.Iterator[Finding]:
    """What the flow misses: connection state or a translation."""
    yield from _missed_state(told)
    yield from _missed_translation(told)
    yield from _blind(told)


def of_flow(told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM404: an inspector sees one direction only. Nothing drops, so it is a warning, never harmless."""
    for boundary in told.boundaries if told.dies_at is None and not told.named.one_way else ():
        if boundary.blind and boundary.inspects:
            seen = "requests" if boundary.forward else "replies"
            yield finding("SYM404", boundary.host, f"inspector {boundary.host} sees only the {seen} of "
                          f"{told.named.flow}: it cannot follow the connection, and nothing else shows it",
                          flows=(told.name,))


def of_host(network: Network, host: str) -> t.Iterator[Finding]:
    """SYM304: the connection table is nearly full, or connections found no place in it."""
    conntrack = network.facts[host].get("conntrack", {})
    count, most = conntrack.get("count", 0), conntrack.get("max", 0)
    if most and count >= NEARLY_FULL * most:
        yield finding("SYM304", host, f"{count} of {most} connections: new ones will be dropped when it is full")
    samples = network.facts[host].get("samples", {})
    for name, grown in sorted(samples.get("conntrack", {}).items()):
        yield finding("SYM304", host, f"{REFUSED[name]} ({name} grew by {grown} in {samples.get('seconds', 0):g} s)")


def _missed_state(told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM301: the reply dies at a stateful host that never saw the request."""
    for dead, _forward in without_session(told):
        yield finding("SYM301", dead.host, f"replies cross {dead.host}, which never saw the request: {dead.detail}",
                      dead.interface)


def _missed_translation(told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM401: the reply misses the source translation. SYM402: it bypasses a boundary or a destination translation."""
    for pair in told.journey.pairs:
        if pair.result != "broken" or not pair.back or not pair.culprit:
            continue
        crossed = {hop.host for hop in pair.back.hops}
        missed = [hop for hop in pair.forward.hops if translation_of(hop.transit) and hop.host not in crossed]
        at_edge = pair.culprit.entry is not None and any(hop.host == pair.forward.host for hop in missed)
        if missed and (pair.culprit.reason in ("translation", "astray") or at_edge or _strange_reply(pair)):
            hop = missed[0]
            what = translation_of(hop.transit)
            kind = "SYM402" if what.startswith(("dnat", "redirect")) else "SYM401"
            yield finding(kind, hop.host, f"the reply does not come back through {hop.host}, which holds the "
                          f"translation ({what})", hop.oif or "")
        elif pair.direction == "forward" and pair.again is not None and pair.culprit.host not in crossed:
            dead = pair.culprit
            yield finding("SYM402", dead.host, f"replies bypass {dead.host}, which sees the request only: "
                          f"{dead.detail}", dead.interface)


def _strange_reply(pair: Pair) -> bool:
    """Whether the reply died at a box that let the request through, and waits for a reply from another address."""
    dead = pair.culprit
    if dead is None or pair.direction != "return" or dead.reason != "filter":
        return False
    last = dead.hops[-1]
    return last.stateful and last.transit.state in ("invalid", "new") and last.host in {
        hop.host for hop in pair.forward.hops}


def _blind(told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM402 where nothing drops yet, but a state boundary sees one direction only."""
    if told.dies_at is None:
        for boundary in told.boundaries:
            if boundary.blind and not boundary.inspects:
                missed = "replies" if boundary.forward else "requests"
                yield finding("SYM402", boundary.host, f"{missed} bypass {boundary.host}, which keeps connection state "
                              f"({boundary.why})")
