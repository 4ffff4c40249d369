# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What is made on Cisco IOS-XR: forwarding by access lists, and policies of BGP.

An interface takes one access list, so that all policies of one stand in one list of ours: each has a thousand numbers,
the first of which is a remark with its name, and what no policy matches is permitted at the end. A policy of BGP is
typed as a whole, so that it is one line here; its lines are joined by a separator. Source: Cisco, IP Addresses and
Services Configuration Guide, "ACL-based Forwarding"; Routing Configuration Guide, "Implementing Routing Policy".
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.bgp_lines import own_name, theirs
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.bgp_sections import foreign, place_of, said
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_pbr import (
    entries,
    numbered,
    with_wildcard,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_xr_watch import Watches, by_number
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import (
    Line,
    Path,
    Tree,
    interface_section,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import (
    PREFIX,
    Neighbour,
    Policy,
    WishError,
)

_JOINED = "\x1f"
_POLICY = re.compile(rf"^route-policy {PREFIX}\S+\n.*?^end-policy *$", re.M | re.S)
_LIST = re.compile(r"^ +\d+ permit (?:tcp|udp) .* eq .*$", re.M)
_SELF_FIRST = re.compile(r"(reachable-via \w+) allow-self-ping allow-default")
_BLOCK, _LAST = 1000, 1_000_000  # numbers of a policy, and of what permits the rest
_REST = "permit ipv4 any any"


def single(running: str) -> str:
    """The configuration with each policy of BGP of ours in one line, and numbers for the names of ports."""
    text = _POLICY.sub(lambda match: _JOINED.join(line.strip() for line in match[0].splitlines()), running)
    text = _SELF_FIRST.sub(r"\1 allow-default allow-self-ping", text)
    return _LIST.sub(lambda match: numbered(match[0]), text)


def typed(lines: t.Iterable[str]) -> t.Iterator[str]:
    for line in lines:
        yield from line.split(_JOINED)


def shown(text: str) -> str:
    """As the router shows it."""
    found = ""
    for line in text.splitlines():
        first, *rest = line.split(_JOINED)
        found += f"{first}\n" + "".join(f"{'' if one == 'end-policy' else '  '}{one}\n" for one in rest)
    return found


def ordered(text: str) -> str:
    """Entries of access lists and operations of ipsla by their numbers."""
    found, at = [], 0
    for line in re.sub(r"^ipsla\n(?: .*\n)+", lambda match: by_number(match[0]), text, flags=re.M).splitlines():
        number = re.match(r" (\d+) ", line)
        at += not number
        found.append((at, int(number[1]) if number else 0, line))
    return "".join(f"{line}\n" for _at, _number, line in sorted(found))


def forwarding_lines(tree: Tree, policies: t.Sequence[Policy], absent: bool) -> list[Line]:
    """The lines of all policies; raises WishError where something of somebody else is in the way."""
    found: list[Line] = []
    watches = Watches(tree)
    for interface in dict.fromkeys(policy.interface for policy in policies):
        section = interface_section(tree, interface)
        name = f"{PREFIX}{interface.replace('/', '_')}"
        head, on_interface = f"ipv4 access-list {name}", f"ipv4 access-group {name} ingress"
        named = [policy for policy in policies if policy.interface == interface]
        if absent:
            found += _away(tree, section, head, on_interface, named)
            found += [line for policy in named for line in watches.away(policy)]
            continue
        other = next((text for text in tree[section] if re.match(r"ipv4 access-group .*\bingress\b", text)
                      and not text.startswith(on_interface)), "")
        if other:
            raise WishError(f"interface {interface} has '{other}' already, which is not ours: put the policy into that "
                            "access list by hand, or take it off the interface")
        found += [*_made(tree, head, named, watches), Line((section,), on_interface)]
    return [*found, *watches.rest()]


def _made(tree: Tree, head: str, policies: t.Sequence[Policy], watches: Watches) -> list[Line]:
    there = _by_number(tree, head)
    starts = {text[len("remark "):]: number for number, text in there.items() if text.startswith("remark ")}
    found: list[Line] = []
    for policy in policies:
        _refuse(tree, head, policy)
        start = starts.get(policy.label) or max(starts.values(), default=0) + _BLOCK
        starts[policy.label] = start
        hop = f"nexthop1 {f'track {policy.label} ' if policy.verify else ''}ipv4 {policy.next_hop}"
        wanted = [f"remark {policy.label}", *(f"{entry} {hop}" for entry in entries(policy, with_wildcard, "ipv4"))]
        if len(wanted) > _BLOCK or start + _BLOCK > _LAST:
            raise WishError(f"policy {policy.name}: more entries than an access list of ours has numbers for")
        found += watches.made(policy) if policy.verify else []
        found += [_entry(head, start + at, text) for at, text in enumerate(wanted)]
        found += [_gone(head, number, text) for number, text in there.items()
                  if start + len(wanted) <= number < start + _BLOCK]
        found += [] if policy.verify else watches.away(policy)
    return [*found, _entry(head, _LAST, _REST)]


def _away(tree: Tree, section: str, head: str, on_interface: str, policies: t.Sequence[Policy]) -> list[Line]:
    there = _by_number(tree, head)
    labels = [f"remark {policy.label}" for policy in policies]
    starts = [number for number, text in there.items() if text in labels]
    ours = {number: text for number, text in there.items() if any(start <= number < start + _BLOCK for start in starts)}
    if set(there) - set(ours) - {_LAST}:
        return [_gone(head, number, text) for number, text in ours.items()]
    return [Line((section,), on_interface, absent=True), Line((), head, absent=True)]


def _by_number(tree: Tree, head: str) -> dict[int, str]:
    found = {}
    for text in tree.get(head, {}):
        number, _space, rest = text.partition(" ")
        if number.isdigit():
            found[int(number)] = rest
    return found


def _entry(head: str, number: int, text: str) -> Line:
    return Line((head,), f"{number} {text}", rf"{number} ", off=f"no {number}")


def _gone(head: str, number: int, text: str) -> Line:
    return Line((head,), f"{number} {text}", absent=True, off=f"no {number}")


def _refuse(tree: Tree, head: str, policy: Policy) -> None:
    if ":" in policy.next_hop or policy.protocol == "icmpv6":
        raise WishError(f"policy {policy.name}: policies of IPv6 are not made on Cisco IOS-XR by this version")
    for text in tree:
        if text.startswith("ipv4 access-list ") and text != head and f"remark {policy.label}" in _by_number(
                tree, text).values():
            raise WishError(f"policy {policy.name} is in '{text}' already: take it away there first (state absent), or "
                            "give this one another name")


def neighbour_policies(tree: Tree, wish: Neighbour, absent: bool) -> list[Line]:
    """The lines of one neighbour; raises WishError where there is none, or somebody else's policy is on it."""
    place = place_of(tree, wish, absent)
    inbound = {"set local-preference ": wish.local_preference}
    outbound = {"set med ": wish.med, f"prepend as-path {wish.asn} ": wish.prepend}
    found: list[Line] = []
    for direction, asked in (("in", inbound), ("out", outbound)):
        wanted = {begin: value for begin, value in asked.items() if value is not None}
        if not wanted:
            continue
        name = own_name(wish.address, direction)
        attached = Line(place, f"route-policy {name} {direction}", absent=absent)
        if not absent:
            _may_attach(tree, place, wish, direction, f"{next(iter(wanted))}{next(iter(wanted.values()))}")
        old = next((text for text in tree if text.startswith(f"route-policy {name}{_JOINED}")), "")
        kept = [line for line in old.split(_JOINED)[1:-1] if line != "pass" and not line.startswith(tuple(wanted))]
        lines = kept if absent else [*kept, *(f"{begin}{value}" for begin, value in wanted.items())]
        if lines:
            block = _JOINED.join([f"route-policy {name}", *sorted(lines), "pass", "end-policy"])
            found += [Line((), block, rf"route-policy {re.escape(name)}{_JOINED}", off=f"no route-policy {name}"),
                      *([] if absent else [attached])]
        elif old:
            found += [attached, Line((), old, absent=True, off=f"no route-policy {name}")]
    return found


def _may_attach(tree: Tree, place: Path, wish: Neighbour, direction: str, first: str) -> None:
    """Without a policy nothing passes between autonomous systems there; one of ours would let everything pass."""
    name = own_name(wish.address, direction)
    other = foreign(tree, place, "route-policy", direction, name)
    if other:
        raise theirs(other[0], other[1], first)
    lines = [text for _whose, text in said(tree, place)]
    inside = f"remote-as {wish.asn}" in lines or "bgp unsafe-ebgp-no-policy" in tree[place[0]]
    if not inside and f"route-policy {name} {direction}" not in lines:
        raise WishError(f"neighbor {wish.address} is of another autonomous system and has no route-policy {direction}, "
                        "so that nothing passes; one of ours would let everything pass. Give it one by hand, with "
                        f"'{first}' in it")
