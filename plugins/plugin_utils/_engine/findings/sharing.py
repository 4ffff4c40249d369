# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""SYM701 and SYM702: connection state that is taken for shared and is not, or that comes later than the reply."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.registry import Finding, finding
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.reliance import parted
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.sharing.bond import Bond, Leaving

RIGHT = ("bring both directions over one of them (symmetric paths); shared state is for the failover from one to the "
         "other")


def of_failing_flow(network: Network, told: FlowVerdict) -> t.Iterator[Finding]:
    """The members that the two directions cross, and why the reply finds no state there, or finds it too late."""
    for bond in parted(network, told.journey.pairs, ("apart", "waiting", "shared")):
        left_out = bond.left_out(told.named.flow)
        why = left_out if bond.kind == "shared" else bond.why
        if why:
            yield finding("SYM701", bond.one, f"{bond.one} and {bond.other} do not share the state of "
                          f"{told.named.flow}: {why}")
    for one in told.relies:
        if one.verdict == "at_risk":
            yield finding("SYM702", one.first, f"{one.text}. State sync is the wrong remedy here: {RIGHT}")


def of_network(network: Network) -> t.Iterator[Finding]:
    """What does not work between two members whatever the flow, and what each of them leaves out."""
    for bond in network.sharing.bonds:
        if not bond.leaving and bond.kind == "apart" and "device" in network.facts[bond.one]:
            continue  # the device's own facts tell it (device.py)
        if bond.kind == "apart":
            yield finding("SYM701", bond.one, f"{bond.one} and {bond.other} share no connection state: {bond.why}",
                          severity="warning")
        own = _of_their_own(network, bond)
        for member, leaving in bond.leaving:
            for what in left_out(leaving, own):
                yield finding("SYM701", member, f"{member} does not share the state of {what} with "
                              f"{bond.other if member == bond.one else bond.one}", severity="warning")


def left_out(leaving: Leaving, own: t.Collection[t.Any]) -> t.Iterator[str]:
    """What a member leaves out, in words; connections of the members themselves are rightly left out."""
    for policy, names in leaving.protocols:
        yield ", ".join(names) if policy == "ignore" else f"protocols other than {', '.join(names)}"
    for policy, names in leaving.addresses:
        strange = [name for name in names if not _of_members(name, own)]
        if policy == "accept":
            yield f"addresses outside {', '.join(names)}"
        elif strange:
            yield ", ".join(strange)
    for policy, names in leaving.states:
        yield (f"TCP connections that are {', '.join(names)}" if policy == "ignore"
               else f"TCP connections that are not {', '.join(names)}")


def _of_members(prefix: str, own: t.Collection[t.Any]) -> bool:
    network = ipaddress.ip_network(prefix, strict=False)
    return network.is_loopback or network.is_link_local or any(
        one.version == network.version and network.subnet_of(one) for one in own)


def _of_their_own(network: Network, bond: Bond) -> set[t.Any]:
    """The addresses of both members, and the networks through which nothing is forwarded: their link, and what paths
    leave out."""
    found = set()
    for host in (bond.one, bond.other):
        facts = network.facts[host]
        links = {link.get("interface") for item in facts.get("state_sync") or () for link in item.get("links", ())}
        for name, one in facts["interfaces"].items():
            apart = name in links or (host, name) in network.site.ignored
            for each in one["addresses"]:
                length = each["prefixlen"] if apart else ipaddress.ip_address(each["address"]).max_prefixlen
                found.add(ipaddress.ip_network(f"{each['address']}/{length}", strict=False))
    return found
