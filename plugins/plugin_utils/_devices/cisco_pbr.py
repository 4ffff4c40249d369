# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Policies of Cisco IOS: one route-map of ours for each interface, one access list and one entry for each policy.

Other platforms of Cisco write the same in other words (``PbrWords``). With ``verify`` a probe and a tracked object
watch the next hop (cisco_watch.py).
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_watch import IOS, Watching, numbers_in
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import (
    Line,
    Tree,
    interface_section,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import (
    PREFIX,
    Policy,
    Weakening,
    WishError,
)

Matched = Policy | Weakening
_VRF = re.compile(r"(?:ip )?vrf (?:forwarding|member) (\S+)")
# Ports that the platforms show by their names. Source: Cisco, command reference of "permit (IP)"; of ASA, "TCP and UDP
# Ports".
_BOTH = {"discard": 9, "echo": 7, "sunrpc": 111, "tacacs": 49, "talk": 517, "domain": 53}
_TCP = {"bgp": 179, "chargen": 19, "cmd": 514, "daytime": 13, "exec": 512, "finger": 79, "ftp": 21, "ftp-data": 20,
        "gopher": 70, "hostname": 101, "ident": 113, "irc": 194, "klogin": 543, "kshell": 544, "login": 513, "lpd": 515,
        "msrpc": 135, "nntp": 119, "onep-plain": 15001, "onep-tls": 15002, "pim-auto-rp": 496, "pop2": 109, "pop3": 110,
        "smtp": 25, "syslog": 514, "telnet": 23, "time": 37, "uucp": 540, "whois": 43, "www": 80,
        "http": 80, "https": 443, "ssh": 22, "aol": 5190, "cifs": 3020, "citrix-ica": 1494, "ctiqbe": 2748,
        "h323": 1720, "imap4": 143, "kerberos": 750, "ldap": 389, "ldaps": 636, "lotusnotes": 1352, "netbios-ssn": 139,
        "nfs": 2049, "pcanywhere-data": 5631, "pptp": 1723, "rsh": 514, "rtsp": 554, "sip": 5060, "sqlnet": 1521}
_UDP = {"biff": 512, "bootpc": 68, "bootps": 67, "dnsix": 195, "isakmp": 500, "mobile-ip": 434, "nameserver": 42,
        "netbios-dgm": 138, "netbios-ns": 137, "netbios-ss": 139, "non500-isakmp": 4500, "ntp": 123, "pim-auto-rp": 496,
        "rip": 520, "ripv6": 521, "snmp": 161, "snmptrap": 162, "syslog": 514, "tftp": 69, "time": 37, "who": 513,
        "xdmcp": 177, "cifs": 3020, "http": 80, "kerberos": 750, "nfs": 2049, "pcanywhere-status": 5632, "radius": 1645,
        "radius-acct": 1646, "secureid-udp": 5510, "sip": 5060, "vxlan": 4789, "www": 80}


@dataclasses.dataclass(frozen=True)
class PbrWords:
    """How a platform writes policies. ``listed``: the lines of an access list with just these entries; with none it is
    taken away."""

    title: str
    attach: str  # what puts a route-map on an interface
    section: t.Callable[[Tree, str], str]  # of an interface; raises WishError
    entries: t.Callable[[Policy], list[str]]
    listed: t.Callable[[Tree, str, list[str]], list[Line]]
    watching: Watching


def policy_lines(
    tree: Tree, policies: t.Sequence[Policy], absent: bool, words_of: PbrWords | None = None
) -> list[Line]:
    """The lines of all policies; raises WishError where something of somebody else is in the way."""
    found: list[Line] = []
    used = numbers_in(tree)
    for interface in dict.fromkeys(policy.interface for policy in policies):
        found += _on_interface(tree, interface, [one for one in policies if one.interface == interface], absent, used,
                               words_of or _IOS)
    return found


def _on_interface(
    tree: Tree, interface: str, policies: list[Policy], absent: bool, used: set[int], spoken: PbrWords
) -> list[Line]:
    section = spoken.section(tree, interface)
    name = f"{PREFIX}{interface.replace('/', '_')}"
    on_interface = f"{spoken.attach} {name}"
    foreign = next((text for text in tree[section] if text.startswith(f"{spoken.attach} ") and text != on_interface),
                   "")
    if foreign and not absent:
        raise WishError(f"interface {interface} has '{foreign}' already, which is not ours: put the policy into "
                        "that route-map by hand, or take it off the interface")
    places = _places(tree, name, policies)
    if absent:
        left = [text for text in tree if text.startswith(f"route-map {name} ") and text not in places.values()]
        found = [] if left else [Line((section,), on_interface, absent=True)]
        for policy in policies:
            found += _away(tree, places[policy.label], policy, spoken)
        return found
    found = []
    for policy in policies:
        _refuse(tree, section, name, policy, spoken)
        found += _made(tree, places[policy.label], policy, used, spoken)
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


def _refuse(tree: Tree, section: str, name: str, policy: Policy, spoken: PbrWords) -> None:
    if ":" in policy.next_hop or policy.protocol == "icmpv6":
        raise WishError(f"policy {policy.name}: policies of IPv6 are not made on {spoken.title} by this version")
    instance = next((match[1] for match in map(_VRF.match, tree[section]) if match), "")
    if policy.verify and instance:
        raise WishError(f"policy {policy.name}: interface {policy.interface} is in the VRF {instance}, and probes of "
                        "this version are sent in none: leave verify out, and watch the next hop by hand")
    for text, below in tree.items():
        ours = f"match ip address {policy.label}" in below
        if ours and text.startswith("route-map ") and text.split()[1] != name:
            raise WishError(f"policy {policy.name} is in '{text}' already: take it away there first (state absent), or "
                            "give this one another name")


def _made(tree: Tree, place: str, policy: Policy, used: set[int], spoken: PbrWords) -> list[Line]:
    found = spoken.listed(tree, policy.label, spoken.entries(policy))
    found.append(Line((place,), f"match ip address {policy.label}"))
    watching, hop = spoken.watching, policy.next_hop
    old, number = watching.watched(tree, place), 0
    if policy.verify:
        kept = old is not None and old[0] == hop and watching.whole(tree, *old)
        number = old[1] if old and kept else watching.free(used)
        found = [*watching.lines(tree, hop, number), *found]
        hop = watching.available(hop, number)
    found.append(Line((place,), f"set ip next-hop {hop}", "set ip next-hop ", removes=True))
    if old and old[1] != number:
        found += watching.gone(tree, old[1])
    return found


def _away(tree: Tree, place: str, policy: Policy, spoken: PbrWords) -> list[Line]:
    old = spoken.watching.watched(tree, place)
    return [Line((), place, absent=True), *spoken.listed(tree, policy.label, []),
            *(spoken.watching.gone(tree, old[1]) if old else [])]


def numbered(entry: str) -> str:
    """An entry of an access list with the numbers of its ports, where the platform shows names."""
    match = re.match(r"(?P<rest>.*\bpermit (?P<protocol>tcp|udp) .* eq )(?P<port>\S+)(?P<more>.*)$", entry)
    if not match:
        return entry
    names = {**_BOTH, **(_TCP if match["protocol"] == "tcp" else _UDP)}
    return f"{match['rest']}{names.get(match['port'], match['port'])}{match['more']}"


def sections_of(begin: str) -> t.Callable[[Tree, str, list[str]], list[Line]]:
    """Access lists that are sections, with a line for each entry."""

    def listed(tree: Tree, name: str, entries: list[str]) -> list[Line]:
        place = f"{begin} {name}"
        if not entries:
            return [Line((), place, absent=True)]
        gone = [text for text in tree.get(place, {}) if text not in entries]
        return [*(Line((place,), text) for text in entries), *(Line((place,), text, absent=True) for text in gone)]

    return listed


def entries(policy: Matched, endpoint: t.Callable[[str], str], everything: str = "ip") -> list[str]:
    """Entries of an access list; ``endpoint`` writes a prefix, or "any"."""
    found = []
    for source in policy.sources or ("any",):
        for destination in policy.destinations or ("any",):
            base = f"permit {policy.protocol or everything} {endpoint(source)} {endpoint(destination)}"
            found += [f"{base} eq {port}" for port in policy.dports] or [base]
    return found


def with_wildcard(prefix: str) -> str:
    if prefix in ("any", "0.0.0.0/0"):
        return "any"
    address, _slash, length = prefix.partition("/")
    return f"host {address}" if length == "32" else f"{address} {words.wildcard(int(length))}"


_IOS = PbrWords("Cisco IOS", "ip policy route-map", interface_section, lambda policy: entries(policy, with_wildcard),
                sections_of("ip access-list extended"), IOS)
