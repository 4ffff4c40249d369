# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Findings whose rules stand and whose facts no collector reads yet; docs/facts.schema.json says what they read.

Where a host has such facts they are raised. Where it has none nothing is concluded: see checks.py.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.registry import Finding, finding
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import Facts

Rule = t.Callable[[str, Facts], t.Iterator[Finding]]


def of_host(network: Network, host: str) -> t.Iterator[Finding]:
    """What the host's facts hold for any of these findings."""
    facts = network.facts[host]
    for rule in _RULES:
        yield from rule(host, facts)


def _out_of_state(host: str, facts: Facts) -> t.Iterator[Finding]:
    """SYM302: drops of packets without a session grew in the sampling window, with the flows they belong to."""
    for entry in facts.get("out_of_state", ()):
        if entry["packets"]:
            by = f" by {entry['rule']}" if entry.get("rule") else ""
            yield finding("SYM302", host, f"{entry['packets']} packets of {entry['flow']} were dropped out of "
                          f"state{by} while it was watched", entry.get("interface", ""))


def _stranded(host: str, facts: Facts) -> t.Iterator[Finding]:
    """SYM303: an established session leaves by another interface than the one its state was made on."""
    for entry in facts.get("reroutes", ()):
        if entry["before"] != entry["after"]:
            yield finding("SYM303", host, f"established {entry['flow']} was moved from {entry['before']} to "
                          f"{entry['after']}: the boxes there have no session", entry["after"])


def _forged(host: str, facts: Facts) -> t.Iterator[Finding]:
    """SYM305: a reset whose TTL is not that of the endpoint's other packets was sent by somebody between."""
    for entry in facts.get("resets", ()):
        if entry["ttl"] != entry["expected_ttl"]:
            yield finding("SYM305", host, f"a reset of {entry['flow']} arrived with TTL {entry['ttl']}, the other "
                          f"packets of its sender with {entry['expected_ttl']}: a box between has made it",
                          entry.get("interface", ""))


def _health_checks(host: str, facts: Facts) -> t.Iterator[Finding]:
    """SYM403: the balancer's checks reach the service by another interface than its users do."""
    for entry in facts.get("health_checks", ()):
        if entry["checked_by"] != entry["used_by"]:
            yield finding("SYM403", host, f"health checks of {entry['service']} come by {entry['checked_by']}, its "
                          f"users by {entry['used_by']}: a healthy check says nothing about them", entry["used_by"])


def _gateways(host: str, facts: Facts) -> t.Iterator[Finding]:
    """SYM602: several boxes answer for one gateway address."""
    for entry in facts.get("gateway_answers", ()):
        if len(set(entry["macs"])) > 1:
            answering = " and ".join(sorted(set(entry["macs"])))
            yield finding("SYM602", host, f"{answering} answer for {entry['address']} on {entry['device']}",
                          entry["device"])


def _undone(host: str, facts: Facts) -> t.Iterator[Finding]:
    """SYM801: a manager will remove, override or out-order what was applied."""
    for entry in facts.get("will_undo", ()):
        yield finding("SYM801", host, f"{entry['manager']} will undo {entry['what']}: {entry['how']}")


def _drift(host: str, facts: Facts) -> t.Iterator[Finding]:
    """SYM802: what this collection applied is gone or changed."""
    for entry in facts.get("applied", ()):
        if not entry["present"]:
            yield finding("SYM802", host, f"{entry['what']}, applied by change {entry['change']}, is no longer there")


_RULES: tuple[Rule, ...] = (
    _out_of_state, _stranded, _forged, _health_checks, _gateways, _undone, _drift,
)
