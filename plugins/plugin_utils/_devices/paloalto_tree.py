# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The running configuration of PAN-OS, which is XML, as the tree of words that its ``set`` lines are made of.

An entry is there by its name, a member by its text, and a value is the word below its own: ``<entry name="a"><port>53
</port></entry>`` is ``{"a": {"port": {"53": {}}}}``. What belongs to the device and what to its one virtual system
stand side by side, as they are typed.
"""

from __future__ import annotations

import copy
import dataclasses
import ipaddress
import re
import typing as t
import xml.etree.ElementTree as ET

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import ConfigPlan
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.set_tree import Draft, Path, Tree
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError

_CONFIG = re.compile(r"<config\b.*</config>", re.S)
# What others refer to is there before them, and goes after them; the words that its lines begin with.
_REFERRED = (("network", "profiles"), ("service",))
# Below these stands one value, which another takes the place of.
_SINGLE = ("egress-interface", "ip-address", "disabled", "profile", "disable-if-unreachable", "enabled", "enable",
           "port", "local-preference", "med", "prepend", "interval", "threshold", "asymmetric-path",
           "tcp-reject-non-syn", "zone-protection-profile")


def read_tree(text: str) -> Tree:
    """Raises DeviceError where the text is no whole configuration of a firewall with one virtual system."""
    match = _CONFIG.search(text)
    try:
        root = ET.fromstring(match[0]) if match else None  # of the device itself, over an authenticated session
    except ET.ParseError as error:
        raise DeviceError(f"the running configuration is not understood ({error})") from None
    device = root.find("devices/entry") if root is not None else None
    if root is None or device is None:
        raise DeviceError("the running configuration is not whole: it was cut off, or the account may not see it")
    systems = device.findall("vsys/entry")
    if len(systems) != 1:
        raise WishError(f"the firewall has {len(systems)} virtual systems; only one with a single one is changed by "
                        "this version")
    own = [one for one in device if one.tag != "vsys"]
    return {**_words(own), **_words(systems[0]), **_words(one for one in root if one.tag == "shared")}


def _words(elements: t.Iterable[ET.Element]) -> Tree:
    found: Tree = {}
    for one in elements:
        text = (one.text or "").strip()
        word = one.get("name", "") if one.tag == "entry" else text if one.tag == "member" else one.tag
        below = found.setdefault(word, {})
        below.update(_words(one))
        if text and one.tag != "member" and not len(one):
            below[text] = {}
    return found


class PanosDraft(Draft):
    """A running configuration that is being changed."""

    def __init__(self, text: str) -> None:
        super().__init__("")
        self.before = read_tree(text)
        self.tree = copy.deepcopy(self.before)

    def swap(self, path: Path, wanted: t.Iterable[Path]) -> None:
        """What stands below a path shall be these, and nothing else below their first words."""
        wanted = list(wanted)
        for word in dict.fromkeys(one[0] for one in wanted):
            self.drop(*path, word, least=len(path) + 1)
        for one in wanted:
            self.put(*path, *one)

    def plan(self) -> ConfigPlan:
        planned = super().plan()
        return dataclasses.replace(planned, lines=_typed(planned.lines), inverse=_typed(planned.inverse))

    def addresses(self) -> dict[str, list[str]]:
        """Interfaces that route, each with its addresses (``192.0.2.1/24``) as far as they are known."""
        found: dict[str, list[str]] = {}
        for kind, ports in self.at("network", "interface").items():
            for name, port in ports.items():
                layer3 = port.get("layer3") if kind in ("ethernet", "aggregate-ethernet") else None
                if layer3 is not None:
                    found[name] = [*layer3.get("ip", {})]
                    units = layer3.get("units", {})
                elif name == "units":  # of loopback, tunnel and vlan
                    units = port
                else:
                    continue
                found.update({unit: [*one.get("ip", {})] for unit, one in units.items()})
        return {name: [text for one in listed for text in self.networks(one) or ()] for name, listed in found.items()}

    def interface(self, name: str) -> None:
        """Raises WishError with the interfaces that there are, where this is none of them."""
        there = self.addresses()
        if name not in there:
            raise WishError(f"the device has no interface {name!r} that routes; it has {', '.join(there) or 'none'}")

    def networks(self, name: str) -> list[str] | None:
        """What an address or the name of one stands for, as prefixes with their host bits; None where that is not
        known."""
        objects: Tree = self.at("address", name) or self.at("shared", "address", name)
        for text in (name, *objects.get("ip-netmask", {}), *objects.get("ip-range", {})):
            first, dash, last = text.partition("-")
            try:
                if dash:
                    ends = ipaddress.ip_address(first), ipaddress.ip_address(last)
                    return [str(one) for one in ipaddress.summarize_address_range(*ends)]
                return [ipaddress.ip_interface(text).with_prefixlen]
            except ValueError:
                continue
        return None

    def zone_of(self, interface: str) -> str:
        """Empty where it is in none."""
        zones = self.at("zone")
        return next((zone for zone in zones if interface in self.at("zone", zone, "network", "layer3")), "")


def _typed(lines: t.Sequence[str]) -> tuple[str, ...]:
    """In an order in which every name that is used is there; a value that another replaces is not deleted first."""
    places = {line[4:].rpartition(" ")[0] for line in lines if line.startswith("set ")}
    kept = [line for line in lines if line.startswith("set ") or not _replaced(line[7:], places)]
    gone = sorted((line for line in kept if line.startswith("delete ")), key=lambda line: -_rank(line))
    return (*gone, *sorted((line for line in kept if line.startswith("set ")), key=_rank))


def _replaced(path: str, places: t.Collection[str]) -> bool:
    place = path.rpartition(" ")[0]
    return any(one in places and one.rpartition(" ")[2] in _SINGLE for one in (path, place))


def _rank(line: str) -> int:
    words = tuple(line.split()[1:])
    return next((rank for rank, begin in enumerate(_REFERRED) if words[: len(begin)] == begin), len(_REFERRED))
