# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which findings were looked for, and on which hosts: what was not looked for is never listed as clean."""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.registry import REGISTRY, Finding, Kind
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import Facts

AWAITING = "awaiting collector"
# Parts whose lists are bounded by design: what is needed of them is kept.
_BOUNDED = ("routes", "conntrack", "neighbours", "exceptions")


@dataclasses.dataclass(frozen=True)
class Check:
    """One id of the register: whether it was looked for, how often it was found, and where it was not looked for."""

    id: str
    title: str
    status: str  # raised, clean, not checked, awaiting collector
    raised: int
    hosts: int  # on how many hosts it was looked for
    not_checked: t.Mapping[str, tuple[str, ...]]  # why -> hosts
    unknown_flows: tuple[str, ...] = ()  # flows whose paths do not tell, where only those of a flow could

    def to_dict(self) -> dict[str, t.Any]:
        left_out = [{"why": why, "hosts": list(hosts)} for why, hosts in self.not_checked.items()]
        return {"id": self.id, "title": self.title, "status": self.status, "raised": self.raised,
                "hosts": self.hosts, "not_checked": left_out, "unknown_flows": list(self.unknown_flows)}


def checks(network: Network, verdicts: t.Sequence[FlowVerdict], found: t.Sequence[Finding]) -> list[Check]:
    """What became of every id of the register."""
    raised = collections.Counter(one.id for one in found)
    missing = _missing(network)
    listed = [_check(network, id, kind, raised[id], missing) for id, kind in REGISTRY.items()]
    unknown = tuple(told.name for told in verdicts if told.verdict == "unknown")
    return [
        _without_flows(one, unknown, len(unknown) == len(verdicts)) if REGISTRY[one.id].by_flow else one
        for one in listed
    ]


def _without_flows(one: Check, unknown: tuple[str, ...], all_of_them: bool) -> Check:
    """What only a flow shows is not clean where no flow could be judged."""
    status = "not checked" if one.status == "clean" and all_of_them else one.status
    return dataclasses.replace(one, status=status, unknown_flows=unknown)


def _check(
    network: Network, id: str, kind: Kind, raised: int, missing: t.Mapping[str, t.Mapping[str, str]]
) -> Check:
    if kind.awaiting:
        return Check(id, kind.title, "raised" if raised else AWAITING, raised, 0, {})
    reasons: dict[str, list[str]] = {}
    for host in sorted(network.unread) if id != "SYM901" else ():
        reasons.setdefault("no facts", []).append(host)
    lacking = {host: why for need in kind.needs for host, why in missing[need].items()}
    for host, why in lacking.items():
        reasons.setdefault(why, []).append(host)
    looked_at = len(network.hosts) - len(network.foreign) - len(lacking)
    status = "raised" if raised else ("clean" if looked_at or id == "SYM901" else "not checked")
    return Check(id, kind.title, status, raised, looked_at, {why: tuple(hosts) for why, hosts in reasons.items()})


def unchecked(network: Network) -> t.Iterator[tuple[str, str, list[str]]]:
    """Host, reason and ids of what could not be looked for on a host that was read."""
    for need, hosts in _missing(network).items():
        ids = [id for id, kind in REGISTRY.items() if need in kind.needs and not kind.awaiting]
        for host, why in hosts.items():
            yield host, why, ids


def _missing(network: Network) -> dict[str, dict[str, str]]:
    """By need: the hosts whose facts do not meet it, and why."""
    needs = dict.fromkeys(need for kind in REGISTRY.values() for need in kind.needs)
    found: dict[str, dict[str, str]] = {}
    for need in needs:
        reasons = ((host, _why_missing(facts, need)) for host, facts in network.facts.items()
                   if host not in network.foreign)
        found[need] = {host: why for host, why in reasons if why}
    return found


def _why_missing(facts: Facts, need: str) -> str:
    """Why a value of the facts (``part`` or ``part.key``) is not there; empty where it is."""
    name, _dot, key = need.partition(".")
    part: Facts = facts.get("parts", {}).get(name, {})
    value = facts.get(name)
    there = value is not None and (not key or key in value or value.get("available") is False)
    if there and (part.get("complete", True) or (name in _BOUNDED and not part.get("damaged"))):
        return ""
    return f"{name}: {part.get('why') or 'not in its facts'}"
