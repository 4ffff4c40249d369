# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What the names in policies of FortiOS stand for: addresses, services, interfaces, pools, virtual IPs."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, NotUnderstood
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.fortinet_tree import Tree, read_tree
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.fortinet_tree import words as words_of

ANY = "0.0.0.0/0"
_RANGE = re.compile(r"^(?P<low>\d+)(?:-(?P<high>\d+))?(?::(?P<first>\d+)(?:-(?P<last>\d+))?)?$")
_ECHO = "8"  # of ICMP types, the only one that flows are made of
_DEEP = 20  # groups in groups
_MOST = 32  # addresses of a range that are told one by one


class Objects:
    """Sections of the configuration, each asked once. A name that is not understood is None in the answers."""

    def __init__(self, asking: Asking, ask: t.Callable[..., str]) -> None:
        self._asking, self._ask = asking, ask
        self._sections: dict[str, dict[str, Tree]] = {}

    def section(self, name: str) -> dict[str, Tree]:
        """The entries by name, in their order; raises DeviceError where the answer is not a whole section."""
        if name not in self._sections:
            found = read_tree(self._ask(f"show {name}", patience=120)).get(f"config {name}")
            if found is None:
                raise NotUnderstood(f"the answer to 'show {name}' is not a section of the configuration")
            self._sections[name] = {
                key.removeprefix("edit "): entry for key, entry in found.items() if key.startswith("edit ")}
        return self._sections[name]

    def addresses(self, names: t.Iterable[str], deep: int = 0) -> list[str] | None:
        """The prefixes of objects and groups."""
        found: list[str] = []
        for name in names:
            entry, group = self.section("firewall address").get(name), self.section("firewall addrgrp").get(name)
            if group is not None and deep < _DEEP and value(group, "exclude") != "enable":
                one = self.addresses(values(group, "member"), deep + 1)
            else:
                one = _prefixes(entry) if entry is not None else None
            if one is None:
                return None
            found += one
        return [ANY] if ANY in found else list(dict.fromkeys(found))

    def services(self, names: t.Iterable[str], deep: int = 0) -> list[Dict] | None:
        """Matches ``{protocol, sports, dports}``; one without anything matches all."""
        found: list[Dict] = []
        for name in names:
            entry = self.section("firewall service custom").get(name)
            group = self.section("firewall service group").get(name)
            if group is not None and deep < _DEEP:
                one = self.services(values(group, "member"), deep + 1)
            else:
                one = _service(entry) if entry is not None else None
            if one is None:
                return None
            found += one
        return [{}] if {} in found else found

    def interfaces(self, names: t.Sequence[str]) -> list[str] | None:
        """The interfaces of zones and of themselves, none where any will do; raises DeviceError."""
        if "any" in names:
            return None
        zones = {name: values(entry, "interface") for name, entry in self.section("system zone").items()}
        found: list[str] = []
        for name in names:
            known = name in self._asking.facts["interfaces"] or name in zones
            found += zones.get(name, [name]) if known else self._sdwan().get(name, [name])
        return list(dict.fromkeys(found))

    def _sdwan(self) -> dict[str, list[str]]:
        """The interfaces of each zone of SD-WAN."""
        found: dict[str, list[str]] = {}
        for section, zone in (("system sdwan", "virtual-wan-link"), ("system virtual-wan-link", "virtual-wan-link")):
            with contextlib.suppress(Rejected):
                tree = read_tree(self._ask(f"show {section}")).get(f"config {section}")
                if tree is None:
                    continue
                for member in tree.get("config members", {}).values():
                    found.setdefault(value(member, "zone") or zone, []).append(value(member, "interface"))
                return found
        raise NotUnderstood("whether a name in a policy is a zone of SD-WAN is not told")

    def pools(self, names: t.Sequence[str]) -> list[str] | None:
        """The first and the last address of pools together, or the one that there is."""
        ends: list[str] = []
        for name in names:
            entry = self.section("firewall ippool").get(name)
            both = [words.address(value(entry, key)) for key in ("startip", "endip")] if entry is not None else [None]
            known = [one for one in both if one]
            if len(known) < len(both):
                return None
            ends += known
        return list(dict.fromkeys((ends[0], ends[-1]))) if ends else None

    def virtual(self, names: t.Iterable[str], deep: int = 0) -> list[str]:
        """Those of the names that are virtual IPs, and the members of those that are groups of them."""
        found: list[str] = []
        for name in names:
            group = self.section("firewall vipgrp").get(name)
            if name in self.section("firewall vip"):
                found.append(name)
            elif group is not None and deep < _DEEP:
                found += self.virtual(values(group, "member"), deep + 1)
        return list(dict.fromkeys(found))


def value(entry: Tree, name: str) -> str:
    """What is set, without quotes; empty where it is at its default."""
    return " ".join(values(entry, name))


def values(entry: Tree, name: str) -> list[str]:
    """The words of what is set."""
    return words_of(str(entry.get(f"set {name}", "")))


def between(text: str) -> list[str] | None:
    """The addresses of ``FIRST-LAST`` or of one alone; None where they are none, or more."""
    first, _dash, last = text.partition("-")
    ends = words.address(first), words.address(last or first)
    if None in ends or ":" in text:
        return None
    low, high = (int(ipaddress.IPv4Address(end)) for end in ends if end)
    found = [str(ipaddress.IPv4Address(number)) for number in range(low, min(high, low + _MOST) + 1)]
    return found if found and len(found) <= _MOST else None


def _prefixes(entry: Tree) -> list[str] | None:
    kind = value(entry, "type") or "ipmask"
    if kind in ("ipmask", "interface-subnet"):
        parts = values(entry, "subnet") or (["0.0.0.0", "0.0.0.0"] if kind == "ipmask" else [])
        one = words.prefix(*parts) if len(parts) in (1, 2) else None
        return [one] if one else None
    if kind == "iprange":
        ends = [words.address(value(entry, key)) for key in ("start-ip", "end-ip")]
        try:
            return [str(one) for one in ipaddress.summarize_address_range(
                *(ipaddress.IPv4Address(end or "") for end in ends))]
        except (ValueError, TypeError):
            return None
    return None  # names, countries, what others tell the device


def _service(entry: Tree) -> list[Dict] | None:
    kind = value(entry, "protocol") or "TCP/UDP/SCTP"
    if any(f"set {key}" in entry for key in ("iprange", "fqdn", "app-category", "application")) or (
            value(entry, "proxy") == "enable"):
        return None
    if kind == "IP":
        number = value(entry, "protocol-number") or "0"
        names = {"1": "icmp", "6": "tcp", "17": "udp"}
        return [{}] if number == "0" else [{"protocol": names.get(number, number)}]
    if kind == "ICMP":
        return [{"protocol": "icmp"}] if value(entry, "icmptype") in ("", _ECHO) else []
    if kind == "ICMP6":
        return []
    if kind not in ("TCP/UDP/SCTP", "TCP/UDP/UDP-Lite/SCTP"):
        return None
    found: list[Dict] = []
    for protocol in ("tcp", "udp", "sctp"):
        for one in values(entry, f"{protocol}-portrange"):
            match = _RANGE.match(one)
            if not match:
                return None
            found.append({"protocol": protocol, **_ranges(match)})
    return found


def _ranges(match: re.Match[str]) -> Dict:
    found = {}
    for key, low, high in (("sports", match["first"], match["last"]), ("dports", match["low"], match["high"])):
        ends = [int(low), int(high or low)] if low else [0, 65535]
        if ends not in ([0, 65535], [1, 65535]):
            found[key] = [ends]
    return found
