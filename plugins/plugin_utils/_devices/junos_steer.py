# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Policies of Junos as filter-based forwarding: a filter of ours on a unit, a term and an instance for each policy.

An instance of type forwarding has one route, by the next hop; a rib-group shares the interfaces' routes with it.
Source: Juniper, "Configuring Filter-Based Forwarding".
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.junos_policy import PORTS
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.set_tree import Draft
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import PREFIX, Policy, WishError

_SHARED = f"{PREFIX}interfaces"  # the rib-group
_REST = f"{PREFIX}rest"  # the last term, by which all other packets pass
_FILTERS = ("firewall", "family", "inet", "filter")
_INTERFACES = ("routing-options", "interface-routes", "rib-group", "inet")
_RIBS = ("routing-options", "rib-groups", _SHARED)


def inet(draft: Draft, name: str) -> tuple[str, ...]:
    """The IPv4 section of a unit; raises WishError with those that there are."""
    device, dot, unit = name.rpartition(".")
    place = ("interfaces", device, "unit", unit, "family", "inet")
    if not dot or "inet" not in draft.at(*place[:-1]):
        there = [f"{one}.{number}" for one in draft.at("interfaces") for number in draft.at("interfaces", one, "unit")]
        raise WishError(f"the device has no unit {name!r} with IPv4; it has {', '.join(there) or 'none'}")
    return place


def steer(draft: Draft, policies: t.Sequence[Policy], absent: bool) -> None:
    """All policies; raises WishError where something of somebody else is in the way."""
    for policy in policies:
        name = f"{PREFIX}{policy.interface.replace('/', '_')}"
        place = (*inet(draft, policy.interface), "filter")
        draft.touch(*_FILTERS, name)
        draft.touch(*place)
        draft.touch("routing-instances", policy.label)
        if absent:
            _away(draft, policy, name, place)
            continue
        _refuse(draft, policy, name, place)
        _term(draft, policy, name)
        draft.put_last(*_FILTERS, name, "term", _REST, "then", "accept", name=len(_FILTERS) + 3)
        draft.put(*place, "input", name)
        _instance(draft, policy)
    if policies:
        draft.touch(*_RIBS)
        draft.touch(*_INTERFACES)


def _refuse(draft: Draft, policy: Policy, name: str, place: tuple[str, ...]) -> None:
    if ":" in policy.next_hop or policy.protocol == "icmpv6":
        raise WishError(f"policy {policy.name}: policies of IPv6 are not made on Junos by this version")
    if policy.verify:
        raise WishError(f"policy {policy.name}: verify is not served on Junos, where 'services ip-monitoring' is of "
                        "SRX only and a route that it withdraws leaves the packets without one: leave it out, or set "
                        "that up by hand, with a route to take over")
    foreign = [one for word in ("input", "input-list") for one in draft.at(*place, word) if one != name]
    if foreign:
        raise WishError(f"interface {policy.interface} has the filter {foreign[0]} already, which is not ours: put the "
                        "policy into it by hand, or take it off the interface")
    filters = draft.at(*_FILTERS)
    other = next((one for one in filters if one != name and policy.label in draft.at(*_FILTERS, one, "term")), "")
    if other:
        raise WishError(f"policy {policy.name} is in the filter {other} already: take it away there first (state "
                        "absent), or give this one another name")
    shared = [one for one in draft.at(*_INTERFACES) if one != _SHARED]
    if shared:
        raise WishError(f"the rib-group {shared[0]} shares the interfaces' routes already, which is not ours: steer by "
                        "an instance that it imports to, by hand")


def _term(draft: Draft, policy: Policy, name: str) -> None:
    """The term as it shall be; words that the device shows for the same number stay."""
    term = (*_FILTERS, name, "term", policy.label)
    matches = [("source-address", one) for one in policy.sources]
    matches += [("destination-address", one) for one in policy.destinations]
    matches += [("protocol", policy.protocol)] if policy.protocol else []
    there = draft.at(*term, "from", "destination-port")
    names = {str(PORTS[word]): word for word in there if word in PORTS}
    matches += [("destination-port", names.get(str(port), str(port))) for port in policy.dports]
    for word in [*draft.at(*term, "from")]:
        for value in [*draft.at(*term, "from", word)]:
            if (word, value) not in matches:
                draft.drop(*term, "from", word, value, least=len(term) + 2)
    for word, value in matches:
        draft.put(*term, "from", word, value)
    draft.put(*term, "then", "routing-instance", policy.label)


def _instance(draft: Draft, policy: Policy) -> None:
    instance = ("routing-instances", policy.label)
    hops = (*instance, "routing-options", "static", "route", "0.0.0.0/0", "next-hop")
    draft.put(*instance, "instance-type", "forwarding")
    for hop in [*draft.at(*hops)]:
        if hop != policy.next_hop:
            draft.drop(*hops, hop, least=len(hops))
    draft.put(*hops, policy.next_hop)
    draft.put(*_RIBS, "import-rib", "inet.0")  # the first is where the routes are
    draft.put(*_RIBS, "import-rib", f"{policy.label}.inet.0")
    draft.put(*_INTERFACES, _SHARED)


def _away(draft: Draft, policy: Policy, name: str, place: tuple[str, ...]) -> None:
    draft.drop(*_FILTERS, name, "term", policy.label, least=len(_FILTERS) + 3)
    if not set(draft.at(*_FILTERS, name, "term")) - {_REST}:
        draft.drop(*_FILTERS, name, least=len(_FILTERS) + 1)
        if name in draft.at(*place, "input"):
            draft.drop(*place, "input", least=len(place) + 1)
    draft.drop("routing-instances", policy.label, least=2)
    draft.drop(*_RIBS, "import-rib", f"{policy.label}.inet.0", least=len(_RIBS))
    if not set(draft.at(*_RIBS, "import-rib")) - {"inet.0"}:
        draft.drop(*_INTERFACES, _SHARED, least=len(_INTERFACES) + 1)
        draft.drop(*_RIBS, least=len(_RIBS))
