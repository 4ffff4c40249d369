# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""How platforms of Cisco watch a next hop: a probe that sends echo requests, its schedule, an object that tracks it.

While the next hop does not answer, packets go where the routes say. The three have the same number, which nothing else
on the device names. Source: Cisco, "PBR Support for Multiple Tracking Options" (IOS); "Configuring IP SLA PBR Object
Tracking" and "Configuring Object Tracking" (NX-OS); ASA General Operations CLI Configuration Guide, "Policy Based
Routing" and "Configure Static Route Tracking".
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import Line, Path, Tree, find
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError

_NUMBER = re.compile(r"\b(?:ip sla|sla monitor|track|rtr)(?: schedule)? (\d+)\b")
_EVERY = "frequency 5"  # seconds


@dataclasses.dataclass(frozen=True)
class Watching:
    """What a platform calls them. ``echo``: what a probe sends to a next hop; raises WishError where it cannot."""

    numbers: range  # of ours, within what the platform counts its tracked objects by
    available: t.Callable[[str, int], str]  # what stands for the next hop in a route-map, with the number
    monitor: str  # what a probe begins with
    tracked: str  # what a tracked object calls the probe
    echo: t.Callable[[Tree, str], str]
    nested: bool  # what more a probe has is below its echo

    def free(self, used: set[int]) -> int:
        """A number that nothing names; it is used from then on."""
        for number in self.numbers:
            if number not in used:
                used.add(number)
                return number
        raise WishError(f"verify: the numbers {self.numbers[0]} to {self.numbers[-1]} of {self.monitor} and track are "
                        "all taken on the device")

    def watched(self, tree: Tree, place: str) -> tuple[str, int] | None:
        """The next hop of an entry and the number of ours that watches it."""
        for text in tree.get(place, {}):
            match = re.match(r"set ip next-hop verify-availability (?P<hop>\S+) (?:\d+ )?track (?P<number>\d+)$", text)
            if match and int(match["number"]) in self.numbers:
                number = int(match["number"])
                if any(match["hop"] in echo.split() for echo in tree.get(f"{self.monitor} {number}", {})):
                    return match["hop"], number
        return None

    def whole(self, tree: Tree, hop: str, number: int) -> bool:
        """Whether it is as we make it. A probe that runs takes no change, so another is made in its place."""
        return all(find(tree, (*line.parents, line.text)) is not None for line in self.lines(tree, hop, number))

    def lines(self, tree: Tree, hop: str, number: int) -> list[Line]:
        """The probe is made before it is scheduled."""
        probe, echo = f"{self.monitor} {number}", self.echo(tree, hop)
        below: Path = (probe, echo) if self.nested else (probe,)
        return [Line((probe,), echo), Line(below, _EVERY), *self._running(number)]

    def gone(self, tree: Tree, number: int) -> list[Line]:
        """The lines that take it away; a probe only as a whole."""
        return [*(dataclasses.replace(line, absent=True) for line in reversed(self._running(number))),
                Line((), f"{self.monitor} {number}", absent=True)]

    def _running(self, number: int) -> list[Line]:
        return [Line((), f"{self.monitor} schedule {number} life forever start-time now",
                     off=f"no {self.monitor} schedule {number}"),
                Line((), f"track {number} {self.tracked} {number} reachability", off=f"no track {number}")]


def numbers_in(tree: Tree) -> set[int]:
    """The numbers of probes and tracked objects that are there, or that any line names."""
    found: set[int] = set()
    for text, inner in tree.items():
        found |= {int(number) for number in _NUMBER.findall(text)} | numbers_in(inner)
    return found


def _out_of_interface(tree: Tree, hop: str) -> str:
    """Cisco ASA sends a probe out of an interface that is named: the one in whose network the next hop is."""
    there = dict(_networks(tree))
    for name, network in there.items():
        if ipaddress.ip_address(hop) in network:
            return f"type echo protocol ipIcmpEcho {hop} interface {name}"
    raise WishError(f"verify: {hop} is in the network of no interface, and Cisco ASA watches a next hop out of the one "
                    f"that it is behind; there is {', '.join(f'{name} ({network})' for name, network in there.items())}"
                    ". Leave verify out, and set 'sla monitor' up by hand")


def _networks(tree: Tree) -> t.Iterator[tuple[str, ipaddress.IPv4Network]]:
    """The names of interfaces and their networks, where addresses are configured."""
    for head, section in tree.items():
        name = next((text[7:] for text in section if head.startswith("interface ") and text.startswith("nameif ")), "")
        for text in section if name else ():
            match = re.match(r"ip address ([0-9.]+) ([0-9.]+)", text)
            if match:
                yield name, ipaddress.IPv4Network(f"{match[1]}/{match[2]}", strict=False)


def _icmp_echo(_tree: Tree, hop: str) -> str:
    return f"icmp-echo {hop}"


def _in_sequence(hop: str, number: int) -> str:
    return f"verify-availability {hop} 10 track {number}"


# Tracked objects are counted up to 1000 (IOS) and up to 500 (NX-OS, ASA).
IOS = Watching(range(901, 1000), _in_sequence, "ip sla", "ip sla", _icmp_echo, nested=False)
NXOS = Watching(range(401, 500), lambda hop, number: f"verify-availability {hop} track {number}", "ip sla", "ip sla",
                _icmp_echo, nested=True)
ASA = Watching(range(401, 500), _in_sequence, "sla monitor", "rtr", _out_of_interface, nested=True)
