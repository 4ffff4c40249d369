# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Chassis clusters of SRX firewalls and VRRP groups, as Junos shows them."""

from __future__ import annotations

import re

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import (
    Asking,
    Dict,
    NotUnderstood,
    Reading,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError, Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.junos_answers import (
    configuration,
    document,
    every,
    leaf,
    unknown,
)

_GROUP = re.compile(r"^Redundancy group: (?P<group>\d+)")
_NODE = re.compile(r"^(?P<node>node\d) +(?P<priority>\d+) +(?P<status>[\w-]+) +\S+ +\S+(?: +(?P<failures>\S.*?))? *$")
_STATISTICS = "show chassis cluster statistics"
_FINE = {"primary", "secondary"}


def read_cluster(asking: Asking) -> Reading:
    """The chassis cluster; a device without one says so, and a router does not know the command."""
    try:
        status = asking.ask("show chassis cluster status")
    except Rejected as error:
        if "not enabled" in error.answer or unknown(error):
            return _without_cluster(asking)
        raise
    groups = _groups(status)
    if not groups:
        if "not enabled" in status:
            return _without_cluster(asking)
        raise NotUnderstood("'show chassis cluster status' tells of no redundancy group")
    value = {**_roles(groups), "links": _links(asking)}
    try:
        errors, growth = _errors(asking)
    except Rejected as error:
        return Reading(value, f"errors of the links between the nodes are not known: {error}")
    return Reading({**value, "errors": errors, **({"growth": growth} if growth else {})})


def _without_cluster(asking: Asking) -> Reading:
    try:
        multinode = configuration(asking, "chassis high-availability")
    except Rejected:
        multinode = {}
    if multinode:
        return Reading({"mode": None, "synchronised": None},
                       "multinode high availability is configured; its state is not read")
    return Reading({"mode": "none"})


def _groups(status: str) -> dict[int, dict[str, Dict]]:
    """By redundancy group and node: priority, status, failures."""
    found: dict[int, dict[str, Dict]] = {}
    for head, lines in words.blocks(status, _GROUP):
        for match in filter(None, map(_NODE.match, (line.strip() for line in lines))):
            found.setdefault(int(head["group"]), {})[match["node"]] = match.groupdict()
    return found


def _roles(groups: dict[int, dict[str, Dict]]) -> Dict:
    """Which node is ours is not told, so that neither role is named; where each group is primary says the mode."""
    traffic = {number: nodes for number, nodes in groups.items() if number} or groups
    primaries = {node for nodes in traffic.values() for node, one in nodes.items() if one["status"] == "primary"}
    statuses = {one["status"] for nodes in traffic.values() for one in nodes.values()}
    failures = " ".join(one["failures"] or "" for nodes in groups.values() for one in nodes.values())
    text = "; ".join(f"group {number}: " + ", ".join(f"{node} {one['status']}" for node, one in nodes.items())
                     for number, nodes in groups.items())
    return {"mode": "active_active" if len(primaries) > 1 else "active_passive", "text": text,
            "synchronised": statuses <= _FINE and len(statuses) == 2 and not re.search(r"\bCS\b", failures)}


def _links(asking: Asking) -> dict[str, bool | None]:
    try:
        text = asking.ask("show chassis cluster interfaces")
    except DeviceError:
        return {"control": None, "fabric": None}
    found: dict[str, bool | None] = {}
    for name in ("control", "fabric"):
        match = re.search(rf"{name} link status: *(?P<state>\w+)", text, re.I)
        found[name] = match["state"].lower() == "up" if match else None
    return found


def _errors(asking: Asking) -> tuple[dict[str, int], dict[str, int]]:
    """Errors of the links between the nodes, and how much they grew."""
    before = _statistics(asking.ask(_STATISTICS))
    growth = {}
    if asking.request.sample_seconds > 0:
        after = _statistics(asking.ask_again(_STATISTICS))
        growth = {name: max(0, number - before.get(name, number)) for name, number in after.items()}
        before = after
    return before, growth


def _statistics(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, number in re.findall(r"(Heartbeat packets? errors|Probe(?:s| packets?)? errors): *(\d+)", text):
        key = f"{name.split()[0].lower()} errors"
        found[key] = found.get(key, 0) + int(number)
    return found


def read_vrrp(asking: Asking) -> Reading:
    """Groups of VRRP; none where it does not run."""
    try:
        answer = document(asking, "show vrrp")
    except Rejected as error:
        if "not running" in error.answer or unknown(error):
            return Reading([])
        raise
    found = []
    for one in every(answer, "vrrp-interface"):
        group, address = words.number(leaf(one, "group")), words.address(leaf(one, "virtual-ip-address"))
        if group is None or address is None or not leaf(one, "interface"):
            asking.keep("show vrrp | display json", [str(one)])
            continue
        priority = words.number(leaf(one, "vrrp-priority"))
        found.append({"protocol": "vrrp", "interface": leaf(one, "interface"), "group": group, "address": address,
                      "role": leaf(one, "vrrp-state").lower() or "unknown",
                      **({"priority": priority} if priority is not None else {})})
    return Reading(found)
