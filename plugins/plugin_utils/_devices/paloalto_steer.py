# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Policies of PAN-OS: rules of policy-based forwarding, each with a service of its own where it names ports.

Rules are read from the first on, and ours come last: one of somebody else before them that takes the same packets is
in the way. Source: Palo Alto Networks, PAN-OS Administrator's Guide, "Policy-Based Forwarding".
"""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.paloalto_tree import PanosDraft
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.set_tree import Path, Tree
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import PREFIX, Policy, WishError

_RULES = ("rulebase", "pbf", "rules")
_MONITOR = f"{PREFIX}monitor"  # how next hops are watched
_PROFILE = ("network", "profiles", "monitor-profile", _MONITOR)
_MOST = 8  # addresses of the next hops of replies
_NO_MAC = ("tunnel", "loopback")  # interfaces that have no neighbours by whose address replies could be sent


def steer(draft: PanosDraft, policies: t.Sequence[Policy], absent: bool) -> None:
    """All policies; raises WishError where something of somebody else is in the way."""
    for policy in policies:
        rule = (*_RULES, policy.label)
        draft.touch(*rule)
        draft.touch("service", policy.label)
        if absent:
            draft.drop(*rule, least=len(rule))
            draft.drop("service", policy.label, least=2)
            continue
        _refuse(draft, policy)
        draft.swap(rule, _rule(draft, policy))
        if policy.protocol:
            ports = ",".join(map(str, policy.dports)) or "1-65535"
            draft.swap(("service", policy.label), [("protocol", policy.protocol, "port", ports)])
        else:
            draft.drop("service", policy.label, least=2)
    if policies:
        _watch(draft)


def _watch(draft: PanosDraft) -> None:
    """The profile is there while a rule uses it. A next hop that does not answer is given up for the routes."""
    draft.touch(*_PROFILE)
    used = (draft.at(*_RULES, name, "action", "forward", "monitor", "profile") for name in draft.at(*_RULES))
    if any(_MONITOR in one for one in used):
        draft.swap(_PROFILE, [("interval", "3"), ("threshold", "5"), ("action", "fail-over")])
    else:
        draft.drop(*_PROFILE, least=len(_PROFILE))


def _rule(draft: PanosDraft, policy: Policy) -> t.Iterator[Path]:
    yield "from", "interface", policy.interface
    for word, prefixes in (("source", policy.sources), ("destination", policy.destinations)):
        yield from ((word, one) for one in prefixes or ("any",))
    yield "disabled", "no"
    yield "source-user", "any"
    yield "application", "any"
    yield "service", policy.label if policy.protocol else "any"
    forward = ("action", "forward")
    yield *forward, "egress-interface", _egress(draft, policy)
    yield *forward, "nexthop", "ip-address", policy.next_hop
    if policy.verify:
        yield *forward, "monitor", "profile", _MONITOR
        yield *forward, "monitor", "disable-if-unreachable", "yes"
    back = "enforce-symmetric-return"
    yield back, "enabled", "yes" if policy.return_next_hops else "no"
    yield from ((back, "nexthop-address-list", hop) for hop in policy.return_next_hops)


def _egress(draft: PanosDraft, policy: Policy) -> str:
    """The interface beside the next hop; PAN-OS does not find it by itself."""
    hop = ipaddress.ip_address(policy.next_hop)
    for name, addresses in draft.addresses().items():
        if any(hop in ipaddress.ip_interface(one).network for one in addresses):
            return name
    raise WishError(f"policy {policy.name}: no interface has a fixed address beside the next hop {policy.next_hop}, "
                    "and a rule must name the interface by which packets leave: make it by hand")


def _refuse(draft: PanosDraft, policy: Policy) -> None:
    draft.interface(policy.interface)
    if ":" in policy.next_hop:
        raise WishError(f"policy {policy.name}: policies of IPv6 are not made on PAN-OS by this version")
    if policy.protocol not in ("", "tcp", "udp"):
        raise WishError(f"policy {policy.name}: protocol {policy.protocol} is known to PAN-OS only as an application, "
                        "after packets went by; give tcp, udp or none")
    if policy.return_next_hops and policy.interface.startswith(_NO_MAC):
        raise WishError(f"policy {policy.name}: return_next_hops needs an Ethernet interface; {policy.interface} has "
                        "no neighbors that replies could be sent to")
    if len(policy.return_next_hops) > _MOST:
        raise WishError(f"policy {policy.name}: {len(policy.return_next_hops)} return_next_hops; PAN-OS takes {_MOST}")
    for name, rule in draft.at(*_RULES).items():
        if name == policy.label:
            return
        if not name.startswith(PREFIX) and "yes" not in rule.get("disabled", {}) and _takes(draft, rule, policy):
            raise WishError(f"policy {policy.name}: the rule {name} of policy-based forwarding, which is not ours, may "
                            f"take the same packets of {policy.interface} first: narrow it, or put the policy into it "
                            "by hand")


def _takes(draft: PanosDraft, rule: Tree, policy: Policy) -> bool:
    """Whether a rule may match packets that the policy is for; what is not known may."""
    arrives = rule.get("from", {})
    zones, interfaces = {"any", draft.zone_of(policy.interface)}, {"any", policy.interface}
    if not interfaces & set(arrives.get("interface", {})) and not zones & set(arrives.get("zone", {})):
        return False
    return all(
        "yes" in rule.get(f"negate-{word}", {}) or _meet(draft, rule.get(word, {}), prefixes)
        for word, prefixes in (("source", policy.sources), ("destination", policy.destinations)))


def _meet(draft: PanosDraft, members: t.Iterable[str], prefixes: t.Sequence[str]) -> bool:
    listed = [draft.networks(one) for one in members]
    if not prefixes or None in listed or not listed:
        return True
    theirs = [ipaddress.ip_interface(one).network for found in listed for one in found or ()]
    ours = [ipaddress.ip_network(one) for one in prefixes]
    return any(one.version == other.version and one.overlaps(other) for one in theirs for other in ours)
