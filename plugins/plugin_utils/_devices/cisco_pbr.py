# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Policies of Cisco IOS: one route-map of ours for each interface, one access list and one entry for each policy.

With ``verify`` a probe (``ip sla``) and a tracked object watch the next hop; while it does not answer, packets go where
the routes say. Source: Cisco, "PBR Support for Multiple Tracking Options".
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import (
    Line,
    Tree,
    interface_section,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import PREFIX, Policy, WishError

_VERIFIED = re.compile(r"set ip next-hop verify-availability (?P<hop>\S+) \d+ track (?P<number>\d+)$")
_FIRST, _LAST = 901, 999  # of our probes and tracked objects; the platform counts objects up to 1000
# Ports that the platform shows by their names. Source: Cisco, command reference of "permit (IP)".
_BOTH = {"discard": 9, "echo": 7, "sunrpc": 111, "tacacs": 49, "talk": 517, "domain": 53}
_TCP = {"bgp": 179, "chargen": 19, "cmd": 514, "daytime": 13, "exec": 512, "finger": 79, "ftp": 21, "ftp-data": 20,
        "gopher": 70, "hostname": 101, "ident": 113, "irc": 194, "klogin": 543, "kshell": 544, "login": 513, "lpd": 515,
        "msrpc": 135, "nntp": 119, "onep-plain": 15001, "onep-tls": 15002, "pim-auto-rp": 496, "pop2": 109, "pop3": 110,
        "smtp": 25, "syslog": 514, "telnet": 23, "time": 37, "uucp": 540, "whois": 43, "www": 80,
        "http": 80, "https": 443, "ssh": 22}
_UDP = {"biff": 512, "bootpc": 68, "bootps": 67, "dnsix": 195, "isakmp": 500, "mobile-ip": 434, "nameserver": 42,
        "netbios-dgm": 138, "netbios-ns": 137, "netbios-ss": 139, "non500-isakmp": 4500, "ntp": 123, "pim-auto-rp": 496,
        "rip": 520, "ripv6": 521, "snmp": 161, "snmptrap": 162, "syslog": 514, "tftp": 69, "time": 37, "who": 513,
        "xdmcp": 177}


def policy_lines(tree: Tree, policies: t.Sequence[Policy], absent: bool) -> list[Line]:
    """The lines of all policies; raises WishError where something of somebody else is in the way."""
    found: list[Line] = []
    used = {int(match[1]) for match in (re.match(r"(?:ip sla|track) (\d+)\b", text) for text in tree) if match}
    for interface in dict.fromkeys(policy.interface for policy in policies):
        found += _on_interface(tree, interface, [one for one in policies if one.interface == interface], absent, used)
    return found


def _on_interface(tree: Tree, interface: str, policies: list[Policy], absent: bool, used: set[int]) -> list[Line]:
    section = interface_section(tree, interface)
    name = f"{PREFIX}{interface.replace('/', '_')}"
    on_interface = f"ip policy route-map {name}"
    foreign = next((text for text in tree[section] if text.startswith("ip policy route-map ") and text != on_interface),
                   "")
    if foreign and not absent:
        raise WishError(f"interface {interface} has '{foreign}' already, which is not ours: put the policy into "
                        "that route-map by hand, or take it off the interface")
    places = _places(tree, name, policies)
    if absent:
        left = [text for text in tree if text.startswith(f"route-map {name} ") and text not in places.values()]
        found = [] if left else [Line((section,), on_interface, absent=True)]
        for policy in policies:
            found += _away(tree, places[policy.label], policy)
        return found
    found = []
    for policy in policies:
        _refuse_elsewhere(tree, name, policy)
        found += _made(tree, places[policy.label], policy, used)
    return [*found, Line((section,), on_interface)]


def _places(tree: Tree, name: str, policies: list[Policy]) -> dict[str, str]:
    """The entry of each policy, by its label: the one that matches its list, else the next number."""
    pattern = re.compile(rf"route-map {re.escape(name)} permit (\d+)$")
    there = {int(match[1]): tree[match[0]] for match in map(pattern.match, tree) if match}
    free = max(there, default=0) + 10
    found = {}
    for policy in policies:
        number = next((one for one in there if f"match ip address {policy.label}" in there[one]), None)
        if number is None:
            number, free = free, free + 10
        found[policy.label] = f"route-map {name} permit {number}"
    return found


def _refuse_elsewhere(tree: Tree, name: str, policy: Policy) -> None:
    if ":" in policy.next_hop or policy.protocol == "icmpv6":
        raise WishError(f"policy {policy.name}: policies of IPv6 are not made on Cisco IOS by this version")
    for text, section in tree.items():
        ours = f"match ip address {policy.label}" in section
        if ours and text.startswith("route-map ") and text.split()[1] != name:
            raise WishError(f"policy {policy.name} is in '{text}' already: take it away there first (state absent), or "
                            "give this one another name")


def _made(tree: Tree, place: str, policy: Policy, used: set[int]) -> list[Line]:
    matched, entries = f"ip access-list extended {policy.label}", _entries(policy)
    found = [Line((matched,), text) for text in entries]
    found += [Line((matched,), text, absent=True) for text in tree.get(matched, {}) if text not in entries]
    found.append(Line((place,), f"match ip address {policy.label}"))
    old = _watched(tree, place)
    number = old[1] if old and old[0] == policy.next_hop else 0
    hop = policy.next_hop
    if policy.verify:
        number = number or _free(used)
        found = [*_watch(number, hop), *found]
        hop = f"verify-availability {hop} 10 track {number}"
    found.append(Line((place,), f"set ip next-hop {hop}", "set ip next-hop ", removes=True))
    if old and not (policy.verify and number == old[1]):
        found += _watch(old[1], old[0], absent=True)
    return found


def _away(tree: Tree, place: str, policy: Policy) -> list[Line]:
    old = _watched(tree, place)
    return [Line((), place, absent=True), Line((), f"ip access-list extended {policy.label}", absent=True),
            *(_watch(old[1], old[0], absent=True) if old else [])]


def _watched(tree: Tree, place: str) -> tuple[str, int] | None:
    """The next hop and the number of the object that watches it."""
    for text in tree.get(place, {}):
        match = _VERIFIED.match(text)
        if match and f"icmp-echo {match['hop']}" in tree.get(f"ip sla {match['number']}", {}):
            return match["hop"], int(match["number"])
    return None


def _free(used: set[int]) -> int:
    for number in range(_FIRST, _LAST + 1):
        if number not in used:
            used.add(number)
            return number
    raise WishError(f"verify: the numbers {_FIRST} to {_LAST} of ip sla and track are all taken on the device")


def _watch(number: int, hop: str, absent: bool = False) -> list[Line]:
    """A running probe takes no change, so it is made before it is scheduled, and only taken away as a whole."""
    schedule = Line((), f"ip sla schedule {number} life forever start-time now", absent=absent,
                    off=f"no ip sla schedule {number}")
    track = Line((), f"track {number} ip sla {number} reachability", absent=absent, off=f"no track {number}")
    if absent:
        return [track, schedule, Line((), f"ip sla {number}", absent=True)]
    probe = f"ip sla {number}"
    return [Line((probe,), f"icmp-echo {hop}"), Line((probe,), "frequency 5"), schedule, track]


def numbered(entry: str) -> str:
    """An entry of an access list with the numbers of its ports, where the platform shows names."""
    match = re.match(r"(?P<rest>permit (?P<protocol>tcp|udp) .* eq )(?P<port>\S+)$", entry)
    if not match:
        return entry
    names = {**_BOTH, **(_TCP if match["protocol"] == "tcp" else _UDP)}
    return f"{match['rest']}{names.get(match['port'], match['port'])}"


def _entries(policy: Policy) -> list[str]:
    """Entries of an access list, with wildcard masks."""
    found = []
    for source in policy.sources or ("any",):
        for destination in policy.destinations or ("any",):
            base = f"permit {policy.protocol or 'ip'} {_endpoint(source)} {_endpoint(destination)}"
            found += [f"{base} eq {port}" for port in policy.dports] or [base]
    return found


def _endpoint(prefix: str) -> str:
    if prefix in ("any", "0.0.0.0/0"):
        return "any"
    address, _slash, length = prefix.partition("/")
    return f"host {address}" if length == "32" else f"{address} {words.wildcard(int(length))}"
