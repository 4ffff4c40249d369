# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Policy routes of FortiOS, one for each port, known by their comment.

They are read from the first on, and ours come last: one of somebody else before them that takes the same packets is in
the way. A next hop is watched by a link monitor, which takes policy routes by it away, and no static ones. Source:
Fortinet, FortiOS CLI Reference, "config router policy" and "config system link-monitor".
"""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words as common
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.fortinet_tree import (
    FortiDraft,
    Tree,
    quoted,
    words,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import PREFIX, Policy, WishError

_POLICIES, INTERFACES, MONITORS = "config router policy", "config system interface", "config system link-monitor"
_PROTOCOLS = {"tcp": "6", "udp": "17", "icmp": "1"}
_UNKNOWN = ("set internet-service-id", "set internet-service-custom", "set src-negate", "set dst-negate",
            "set input-device-negate")  # of which packets they take is not known here


def steer(draft: FortiDraft, policies: t.Sequence[Policy], absent: bool) -> None:
    """All policies; raises WishError where something of somebody else is in the way."""
    for policy in policies:
        there = [key for key in draft.at(_POLICIES) if words(draft.value(_POLICIES, key, "comments")) == [policy.label]]
        if not absent:
            _refuse(draft, policy)
        wanted = [] if absent else list(_entries(draft, policy))
        for key in there[len(wanted):]:
            draft.drop(_POLICIES, key)
        for key, sets in zip([*there, *_free(draft, len(wanted))], wanted, strict=False):
            for name in [one for one in draft.at(_POLICIES, key) if one not in sets]:
                draft.put((_POLICIES, key), name[4:], "")
            for name, value in sets.items():
                draft.put((_POLICIES, key), name[4:], value)
        _watch(draft, policy, policy.verify and not absent)


def _watch(draft: FortiDraft, policy: Policy, wanted: bool) -> None:
    place = (MONITORS, f"edit {policy.label}")
    if not wanted:
        draft.drop(*place)
        return
    for name, value in (("srcintf", quoted([_leaves(draft, policy)])), ("server", quoted([policy.next_hop])),
                        ("gateway-ip", policy.next_hop), ("update-cascade-interface", "disable"),
                        ("update-static-route", "disable")):
        draft.put(place, name, value)


def _free(draft: FortiDraft, count: int) -> list[str]:
    """New entries, by the numbers behind the highest."""
    numbers = [int(key[5:]) for key in draft.at(_POLICIES) if key[5:].isdigit()]
    return [f"edit {max(numbers, default=0) + one}" for one in range(1, count + 1)]


def _entries(draft: FortiDraft, policy: Policy) -> t.Iterator[Tree]:
    for port in policy.dports or (None,):
        yield {
            "set input-device": quoted([policy.interface]),
            **({"set src": quoted(map(_masked, policy.sources))} if policy.sources else {}),
            **({"set dst": quoted(map(_masked, policy.destinations))} if policy.destinations else {}),
            **({"set protocol": _PROTOCOLS[policy.protocol]} if policy.protocol else {}),
            **({"set start-port": str(port), "set end-port": str(port)} if port else {}),
            "set gateway": policy.next_hop,
            "set output-device": quoted([_leaves(draft, policy)]),
            "set comments": quoted([policy.label]),
        }


def _masked(prefix: str) -> str:
    return ipaddress.ip_network(prefix).with_netmask


def interface(draft: FortiDraft, name: str) -> None:
    """Raises WishError with the interfaces that there are, where this is none of them."""
    there = [key[5:] for key, node in draft.at(INTERFACES).items() if key.startswith("edit ")
             and (not draft.domain or words(node.get("set vdom", "")) == [draft.domain])]
    if name not in there:
        where = f"the virtual domain {draft.domain}" if draft.domain else "the device"
        raise WishError(f"{where} has no interface {name!r}; it has {', '.join(there) or 'none'}")


def _leaves(draft: FortiDraft, policy: Policy) -> str:
    """The interface beside the next hop."""
    hop = ipaddress.ip_address(policy.next_hop)
    for key, node in draft.at(INTERFACES).items():
        own = [node, *node.get("config secondaryip", {}).values()]
        for one in own:
            address, _space, mask = one.get("set ip", "").partition(" ")
            network = common.prefix(address, mask) if mask else None
            if network and hop in ipaddress.ip_network(network) and not network.endswith("/0"):
                return key[5:]
    raise WishError(f"policy {policy.name}: no interface has a fixed address beside the next hop {policy.next_hop}, "
                    "and a policy route must name the interface by which packets leave: make it by hand")


def _refuse(draft: FortiDraft, policy: Policy) -> None:
    interface(draft, policy.interface)
    if ":" in policy.next_hop or policy.protocol == "icmpv6":
        raise WishError(f"policy {policy.name}: policies of IPv6 are not made on FortiGate by this version")
    if policy.return_next_hops:
        raise WishError(f"policy {policy.name}: return_next_hops is for PAN-OS; FortiGate sends replies by the "
                        "interface of their session where auxiliary-session is off")
    for key, entry in draft.at(_POLICIES).items():
        comment = " ".join(words(entry.get("set comments", "")))
        if comment == policy.label:
            return
        if not comment.startswith(PREFIX) and _takes(entry, policy):
            raise WishError(f"policy {policy.name}: policy route {key[5:]}, which is not ours, may take the same "
                            f"packets of {policy.interface} first: narrow it, or put the policy into it by hand")


def _takes(entry: Tree, policy: Policy) -> bool:
    """Whether a policy route may match packets that the policy is for; what is not known may."""
    devices = words(entry.get("set input-device", ""))
    protocol = entry.get("set protocol", "0")
    if entry.get("set status") == "disable":
        return False
    if any(name in entry for name in _UNKNOWN):
        return True
    if devices and policy.interface not in devices and "any" not in devices:
        return False
    if policy.protocol and protocol not in ("0", _PROTOCOLS[policy.protocol]):
        return False
    return (_meet(entry, "src", policy.sources) and _meet(entry, "dst", policy.destinations))


def _meet(entry: Tree, name: str, prefixes: t.Sequence[str]) -> bool:
    listed = [common.prefix(one) for one in words(entry.get(f"set {name}", ""))]
    if f"set {name}addr" in entry or not prefixes or not listed or None in listed:
        return True
    ours = [ipaddress.ip_network(one) for one in prefixes]
    theirs = [ipaddress.ip_network(one) for one in listed if one]
    return any(one.version == other.version and one.overlaps(other) for one in theirs for other in ours)
