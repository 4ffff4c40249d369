# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a network device's own counters and settings show: SYM201, SYM302, SYM503 and SYM701, also without a flow."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.registry import Finding, finding
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import Facts

_DROPS = {
    "reverse_path": ("SYM201", "the reverse-path check dropped"),
    "out_of_state": ("SYM302", "packets without a session were dropped:"),
    "zone": ("SYM302", "packets that came by another zone than their session were dropped:"),
}


def of_host(network: Network, host: str) -> t.Iterator[Finding]:
    """The findings of one device."""
    device = network.facts[host]["device"]
    yield from _drops(host, device)
    sharing = device.get("load_sharing") or {}
    if sharing.get("mode") == "per_packet":
        where = ", ".join(sharing.get("interfaces", ())) or "every interface"
        yield finding("SYM503", host, f"{where} spreads single packets: packets of one connection take several ways")
    yield from _pair(host, device)


def _drops(host: str, device: Facts) -> t.Iterator[Finding]:
    for one in device.get("drops") or ():
        if one.get("growth") and one["meaning"] in _DROPS:
            id, words = _DROPS[one["meaning"]]
            yield finding(id, host, f"{words} {one['growth']} while it was watched ({one['name']})",
                          one.get("interface", ""), severity="warning")


def _pair(host: str, device: Facts) -> t.Iterator[Finding]:
    """SYM701: the device itself says that sessions are not shared."""
    pair = device.get("ha") or {}
    if pair.get("mode") in (None, "none"):
        return
    name = pair.get("peer") or "its peer"
    if pair.get("synchronised") is False:
        yield finding("SYM701", host, f"{host} and {name} are a pair ({pair['mode']}), but do not share sessions")
    grown = {what: count for what, count in pair.get("growth", {}).items() if count}
    if grown:
        told = ", ".join(f"{what} by {count}" for what, count in grown.items())
        yield finding("SYM701", host, f"errors of the synchronisation with {name} grew: {told}")
