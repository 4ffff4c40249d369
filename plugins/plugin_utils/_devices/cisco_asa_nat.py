# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""NAT of Cisco ASA, in the order in which it is tried (``show nat detail``).

A static rule works both ways, and is given as two: what it does with packets of its source, and with packets to the
address that the source appears as.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_policy import read_ace
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, Reading

_RULE = re.compile(r"^\s*(?P<number>\d+) \((?P<first>\S+)\) to \((?P<second>\S+)\) source (?P<kind>static|dynamic) "
                   r"(?P<rest>.+)$")
_ORIGIN = re.compile(
    r"^(?P<what>Source|Destination) - Origin: (?P<real>.+?), Translated(?: \(PAT\))?: (?P<mapped>.+)$")
# of a server behind a static rule, and of a rule that names ports of one side
_SERVER = re.compile(r"^Service - Protocol: (?P<protocol>tcp|udp) Real: (?P<real>\S+) Mapped: (?P<mapped>\S+)$")
_PORTS = re.compile(r"^Service - Origin: (?P<protocol>tcp|udp) (?P<side>source|destination) eq (?P<real>\S+) ?, "
                    r"Translated: (?:tcp|udp) (?:source|destination) eq (?P<mapped>\S+)$")
_FLAGS = {"unidirectional", "no-proxy-arp", "route-lookup", "dns", "net-to-net", "round-robin", "flat", "extended",
          "include-reserve", "per-session", "block-allocation"}


class _Rule:
    """A rule as it is listed, under construction."""

    def __init__(self, name: str, match: re.Match[str]) -> None:
        self.base: Dict = {"name": name}
        self.dynamic = match["kind"] == "dynamic"
        self.first, self.second = match["first"], match["second"]
        self.one_way = self.interface = False
        self.unknown: list[str] = []
        self.source: tuple[list[str], list[str]] = ([], [])  # as it is, and as it appears
        self.destination: tuple[list[str], list[str]] = ([], [])  # as packets name it, and as it is
        self.server: tuple[list[list[int]], list[list[int]]] | None = None  # ports of the source: likewise
        self._words(match["rest"].partition(" description ")[0].split())

    def _words(self, left: list[str]) -> None:
        del left[:1]
        self.interface = left[:1] == ["interface"]
        del left[:1]
        while left:
            word = left.pop(0)
            if word == "destination" and left[:1] == ["static"]:
                del left[:3]  # its addresses come with the details, as those of services do
            elif word == "pat-pool":
                del left[:1]
            elif word == "service":
                del left[: 3 if left[:1] in (["tcp"], ["udp"]) else 2]
            elif word == "inactive":
                self.base["enabled"] = False
            elif word == "interface":
                self.interface = True
            elif word not in _FLAGS and word != "ipv6":
                self.unknown.append(word)
            self.one_way = self.one_way or word == "unidirectional"

    def detail(self, line: str) -> None:
        match = _ORIGIN.match(line)
        if match:
            pair = self._networks(match["real"]), self._networks(match["mapped"])
            if match["what"] == "Source":
                self.source = pair
            else:
                self.destination = pair
        elif line.startswith("Service -"):
            self._service(line)
        elif line.startswith(("Source -", "Destination -")):
            self.unknown.append(line)

    def _service(self, line: str) -> None:
        match = _SERVER.match(line) or _PORTS.match(line)
        real, mapped = (_port(match["protocol"], match[key]) if match else [] for key in ("real", "mapped"))
        if match is None or not real or not mapped:
            self.unknown.append(line)
            return
        self.base["protocol"] = match["protocol"]
        if match.groupdict().get("side") == "destination":
            self.base["dports"] = real
            if real != mapped:
                self.base["to_port"] = mapped[0][0]
        else:
            self.server = real, mapped

    def _networks(self, text: str) -> list[str]:
        """Prefixes of networks, hosts and ranges (A-B)."""
        found: list[str] = []
        for piece in filter(None, re.split(r"[,\s]+", text)):
            first, _dash, last = piece.partition("-")
            try:
                ends = ipaddress.ip_address(first), ipaddress.ip_address(last)
                found += map(str, ipaddress.summarize_address_range(*ends))
            except (ValueError, TypeError):
                network = words.prefix(piece)
                found += [network] if network else []
                self.unknown += [] if network else [piece]
        return found

    def rules(self) -> t.Iterator[Dict]:
        """What it does with packets of its source, and where it works both ways, with those to it."""
        same, moved = self.source[0] == self.source[1], self.destination[0] != self.destination[1]
        if self.server is None:
            yield self._there(same, moved)
        if not (self.dynamic or self.one_way or (same and not moved and self.server is None)):
            yield self._back(moved)

    def _there(self, same: bool, moved: bool) -> Dict:
        kind = "source" if self.dynamic else "none" if same else "static"
        one = {**self.base, "kind": {"source": "static", "none": "destination"}.get(kind, kind) if moved else kind,
               **_places(self.first, self.second), **_filled(sources=self.source[0], destinations=self.destination[0])}
        if self.interface and not same:
            one["to_interface"] = True
        elif not same:
            one["to_sources"] = _ends(self.source[1])
        return self._doubted(one, self.destination[1] if moved else [])

    def _back(self, moved: bool) -> Dict:
        base = {key: value for key, value in self.base.items() if key not in ("dports", "to_port")}
        if "dports" in self.base:
            del base["protocol"]
        ports: Dict = {}
        if self.server:
            real, mapped = self.server
            ports = {"dports": mapped, **({"to_port": real[0][0]} if real != mapped else {})}
        one = {**base, "name": f"{self.base['name']}, the way back", "kind": "static" if moved else "destination",
               **_places(self.second, "any"), **ports,
               **_filled(sources=self.destination[1], destinations=self.source[1]),
               **({"to_sources": _ends(self.destination[0])} if moved else {})}
        return self._doubted(one, self.source[0])

    def _doubted(self, one: Dict, target: t.Sequence[str]) -> Dict:
        """With the address that destinations become; the host part of a network stays, which cannot be said here."""
        unknown = list(self.unknown)
        ends = _ends(target)
        if ends:
            one["to_destination"] = ends[0]
        if len(ends) > 1:
            unknown.append(f"which address of {', '.join(target)}")
        return {**one, **({"unknown": unknown} if unknown else {})}


def read_nat(asking: Asking) -> Reading:
    """Every rule. One of which words are not known is listed with them, and the part is incomplete.

    Where a rule translates to one of several addresses, the first and the last are given.
    """
    listed: list[_Rule] = []
    section = ""
    for line in asking.ask("show nat detail", "show nat").splitlines():
        title = re.search(r"\(Section (?P<number>\d)\)", line)
        match = _RULE.match(line)
        if title:
            section = title["number"]
        elif match:
            listed.append(_Rule(f"section {section} rule {match['number']}", match))
        elif listed:
            listed[-1].detail(line.strip())
    for one in listed:
        if not one.source[0]:
            one.unknown.append("its addresses")
    doubts = [f"{one.base['name']}: {' '.join(one.unknown)}" for one in listed if one.unknown]
    rules = [rule for one in listed for rule in one.rules()]
    return Reading([{**rule, "sequence": number} for number, rule in enumerate(rules, 1)],
                   f"not understood: {'; '.join(doubts)}" if doubts else "")


def _places(first: str, second: str) -> Dict:
    return {key: [name] for key, name in (("interfaces_in", first), ("interfaces_out", second)) if name != "any"}


def _filled(**lists: list[str]) -> Dict:
    """Those that are not empty and do not stand for every address."""
    return {key: value for key, value in lists.items() if value and not set(value) <= {"0.0.0.0/0", "::/0"}}


def _port(protocol: str, text: str) -> list[list[int]]:
    entry = read_ace([protocol, "any", "any", "eq", text]) or {}
    return list(entry.get("dports", ()))


def _ends(networks: t.Sequence[str]) -> list[str]:
    """The address, or the first and the last of several."""
    known = [ipaddress.ip_network(one) for one in networks]
    found = [str(one) for network in known for one in (network[0], network[-1])]
    return list(dict.fromkeys((found[0], found[-1]))) if found else []
