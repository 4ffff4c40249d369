# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Put interfaces of either source together: by name, with the VRF they belong to. Pure."""

from __future__ import annotations

import typing as t

Dict = dict[str, t.Any]
MAC_LENGTH = len("02:00:00:00:00:01")  # tunnels have other link-layer addresses; those are left out


def finish(interfaces: list[Dict]) -> dict[str, Dict]:
    """Interfaces by name; each dictionary of ``interfaces`` holds ``name`` and the fields of the schema."""
    by_name = {link["name"]: {key: value for key, value in link.items() if key != "name"} for link in interfaces}
    for name, link in by_name.items():
        vrf = vrf_of(by_name, name)
        if vrf:
            link["vrf"] = vrf
    return by_name


def vrf_of(interfaces: t.Mapping[str, Dict], name: str) -> str | None:
    """The VRF that an interface is enslaved to, directly or through a bridge or bond; None without one."""
    for _depth in range(8):  # the kernel's MAX_NEST_DEV
        master = interfaces[name].get("master")
        if master is None or master not in interfaces:
            return None
        if interfaces[master].get("kind") == "vrf":
            return str(master)
        name = master
    return None
