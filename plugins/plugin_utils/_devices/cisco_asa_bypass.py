# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""TCP state bypass of Cisco ASA, for what arrives by one interface and matches an access list.

One policy-map of ours for each interface, one class and one access list for each exception. An interface takes one
policy-map; that of the whole device stays beside it. Source: Cisco, ASA Firewall CLI Configuration Guide, "Connection
Settings".
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_asa_lists import flat_list, with_mask
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_pbr import entries
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import Line, Tree
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import (
    PREFIX,
    Weakening,
    WishError,
)

_BYPASS = "set connection advanced-options tcp-state-bypass"
_LONGEST = 40  # characters in the name of a class-map or a policy-map


def bypass_lines(tree: Tree, weakenings: t.Sequence[Weakening], absent: bool) -> list[Line]:
    """The lines of all exceptions; raises WishError where their scope is none, or something is in the way."""
    if absent:
        return _away(tree, weakenings)
    for one in weakenings:
        _refuse(tree, one)
    found: list[Line] = []
    for interface in dict.fromkeys(one.interface for one in weakenings):
        found += _made(tree, interface, [one for one in weakenings if one.interface == interface])
    return found


def _refuse(tree: Tree, one: Weakening) -> None:
    where = f"weaken: {one.name}"
    if one.setting != "tcp_state_bypass":
        raise WishError(f"{where}: {one.setting} is not a setting of Cisco ASA; there is tcp_state_bypass")
    if one.zone:
        raise WishError(f"{where}: Cisco ASA has no state bypass for a zone: give interface, and sources or "
                        "destinations")
    if not one.interface or not (one.sources or one.destinations):
        raise WishError(f"{where}: give the interface by which packets arrive, and sources or destinations; all of TCP "
                        "is not let through")
    if one.protocol not in ("", "tcp"):
        raise WishError(f"{where}: the state bypass is for tcp, not for {one.protocol}")
    if any(":" in prefix for prefix in (*one.sources, *one.destinations)):
        raise WishError(f"{where}: exceptions of IPv6 are not made on Cisco ASA by this version")
    there = [text[7:] for section in tree.values() for text in section if text.startswith("nameif ")]
    if one.interface not in there:
        raise WishError(f"the device has no interface named {one.interface!r} (nameif); it has "
                        f"{', '.join(there) or 'none'}")
    if max(len(one.label), len(PREFIX + one.interface)) > _LONGEST:
        raise WishError(f"{where}: names of class-maps and policy-maps have {_LONGEST} characters at most there")
    other = next((text for text, section in tree.items() if text.startswith("policy-map ")
                  and text != f"policy-map {PREFIX}{one.interface}" and f"class {one.label}" in section), "")
    if other:
        raise WishError(f"{where} is in '{other}' already: take it away there first (state absent), or give this one "
                        "another name")


def _made(tree: Tree, interface: str, weakenings: t.Sequence[Weakening]) -> list[Line]:
    head = f"policy-map {PREFIX}{interface}"
    on_interface = f"service-policy {PREFIX}{interface} interface {interface}"
    pattern = rf"service-policy \S+ interface {re.escape(interface)}( |$)"
    foreign = next((text for text in tree if re.match(pattern, text) and text != on_interface), "")
    if foreign:
        raise WishError(f"interface {interface} has '{foreign}' already, which is not ours: put the exception into "
                        "that policy-map by hand, or take it off the interface")
    found: list[Line] = []
    for one in weakenings:
        found += [*flat_list(tree, _listed(one), entries(dataclasses.replace(one, protocol="tcp"), with_mask)),
                  Line((f"class-map {one.label}",), f"match access-list {_listed(one)}"),
                  Line((head, f"class {one.label}"), _BYPASS)]
    return [*found, Line((), on_interface)]


def _listed(one: Weakening) -> str:
    """Its access list, which is none of a policy with the same name."""
    return f"{one.label}-bypass"


def _away(tree: Tree, weakenings: t.Sequence[Weakening]) -> list[Line]:
    """Wherever the classes are: the interface need not be given."""
    ours = [f"class {one.label}" for one in weakenings]
    found: list[Line] = []
    for head in [text for text, section in tree.items()
                 if text.startswith(f"policy-map {PREFIX}") and any(one in section for one in ours)]:
        if [text for text in tree[head] if text not in ours]:
            found += [Line((head,), text, absent=True) for text in ours]
            continue
        on = [text for text in tree if text.startswith(f"service-policy {head.split()[1]} ")]
        found += [*(Line((), text, absent=True) for text in on), Line((), head, absent=True)]
    for one in weakenings:
        found += [Line((), f"class-map {one.label}", absent=True), *flat_list(tree, _listed(one), [])]
    return found
