# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Every finding that the facts of a network show, merged; each family of ids has a file of its own.

A finding is raised only where something is wrong or about to be: a healthy network has none.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings import awaiting as findings_awaiting
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings import device as findings_device
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings import mtu as findings_mtu
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings import reboot as findings_reboot
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings import redirect as findings_redirect
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings import (
    reverse_path as findings_reverse_path,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings import (
    reverse_path_v6 as findings_reverse_path_v6,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings import sharing as findings_sharing
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings import spread as findings_spread
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings import state as findings_state
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings import uplink as findings_uplink
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.checks import unchecked
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.registry import Finding, finding
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network

_SEVERITIES = ("critical", "warning", "info")


def find(network: Network, verdicts: t.Sequence[FlowVerdict]) -> list[Finding]:
    """Every finding of the network, merged over flows, the most severe first."""
    raised: list[Finding] = []
    for told in verdicts:
        raised += flow_findings(network, told)
    for host in network.hosts:
        if host not in network.foreign:
            raised += host_findings(network, host)
        elif "device" in network.facts[host]:
            raised += findings_device.of_host(network, host)
    raised += findings_sharing.of_network(network)
    raised += _unread_hosts(network)
    return merge(raised)


def merge(raised: t.Iterable[Finding]) -> list[Finding]:
    """One finding per id, host and interface, with the flows and the evidence of all."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for item in raised:
        groups.setdefault((item.id, item.host, item.interface), []).append(item)
    merged = [_merged(group) if len(group) > 1 else group[0] for group in groups.values()]
    return sorted(merged, key=lambda item: (_rank(item.severity), item.id, item.host, item.interface))


def _merged(group: list[Finding]) -> Finding:
    """The first of them, with the flows and evidence of all; the texts of the others become evidence."""
    first = group[0]
    evidence = {entry["text"]: entry for item in group for entry in item.evidence}
    others = dict.fromkeys(item.text for item in group if item.text != first.text)
    evidence.update({text: {"host": first.host, "kind": "also", "text": text} for text in others})
    return dataclasses.replace(
        first,
        flows=tuple(dict.fromkeys(flow for item in group for flow in item.flows)),
        severity=min((item.severity for item in group), key=_rank),
        evidence=tuple(evidence.values()),
    )


def _rank(severity: str) -> int:
    return _SEVERITIES.index(severity)


def flow_findings(network: Network, told: FlowVerdict) -> list[Finding]:
    """What one flow's verdict and paths show."""
    if told.verdict == "unknown":
        return [_unknown(told), *findings_reverse_path_v6.of_flow(network, told)]
    found: list[Finding] = []
    if told.failing:
        severity = "critical" if told.verdict == "broken" else "warning"
        found = [
            dataclasses.replace(item, severity=severity, flows=(told.name,), evidence=told.evidence)
            for item in (
                *findings_reverse_path.of_failing_flow(network, told), *findings_state.of_failing_flow(told),
                *findings_uplink.of_failing_flow(network, told), *findings_spread.of_failing_flow(network, told),
                *findings_sharing.of_failing_flow(network, told),
            )
        ]
    return [
        *found, *findings_uplink.of_flow(network, told), *findings_redirect.of_flow(network, told),
        *findings_state.of_flow(told), *findings_mtu.of_flow(network, told),
        *findings_reverse_path_v6.of_flow(network, told),
    ]


def host_findings(network: Network, host: str) -> t.Iterator[Finding]:
    """What one host's own facts show, also without a flow."""
    yield from findings_uplink.of_host(network, host)
    yield from findings_redirect.of_host(network, host)
    yield from findings_state.of_host(network, host)
    yield from findings_reboot.of_host(network, host)
    yield from findings_spread.of_host(network, host)
    yield from findings_awaiting.of_host(network, host)
    yield from findings_reverse_path.of_host(network, host)
    yield from findings_reverse_path_v6.of_host(network, host)


def _unknown(told: FlowVerdict) -> Finding:
    pair = next((pair for pair in told.journey.pairs if pair.result == "unknown" and pair.culprit), None)
    host = pair.culprit.host if pair and pair.culprit else ""
    return finding("SYM901", host, told.read_next, severity="warning", flows=(told.name,))


def _unread_hosts(network: Network) -> t.Iterator[Finding]:
    """SYM901: hosts, parts of hosts and declarations that leave something unchecked."""
    for host, why in sorted(network.unread.items()):
        yield finding("SYM901", host, f"{host} could not be read: {why}")
    for host, problem in network.site.problems:
        yield finding("SYM901", host, problem)
    for host, why, ids in unchecked(network):
        yield finding("SYM901", host, f"not checked on {host}: {', '.join(ids)} ({why})", severity="info")
