# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Reverse-path checks of network devices: the table of the VRF alone is asked, not what policies say.

Strict: the best route to the source leaves by the interface that the packet came in by (any of equal paths). Loose:
there is a route. Whether a default route counts is a setting. Sources: the vendors' guides on unicast reverse path
forwarding (RFC 3704).
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Route
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.device.ways import IN_VRF, MAIN
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import BITS, Table, number_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet, ReversePath

if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host

_MODES = {"strict": 1, "feasible": 1, "loose": 2}
_UNREACHABLE = ("blackhole", "unreachable", "prohibit")


def validate(host: Host, packet: Packet, iif: str) -> ReversePath:
    """The verdict on a packet that arrives on ``iif``."""
    setting = (host.facts["device"].get("reverse_path") or {}).get(iif)
    if setting is None or setting["mode"] == "off":
        unread = host.why_incomplete("rp_filter") if setting is None else ""
        if unread:
            return ReversePath("unknown", reason=f"whether {iif} of {host.name} checks sources was not read: {unread}")
        return ReversePath("pass", 0, "interface", "it does not check sources")
    if (6 if ":" in packet.flow.source else 4) not in setting.get("families", (4, 6)):
        return ReversePath("pass", 0, "interface", "it does not check sources of this family")
    found = _judge(host, packet, iif, setting)
    if found.verdict == "drop" and setting.get("access_list"):
        return ReversePath("unknown", found.mode, "interface",
                           f"{found.reason}; access list {setting['access_list']} may let it pass")
    return found


def _judge(host: Host, packet: Packet, iif: str, setting: t.Mapping[str, t.Any]) -> ReversePath:
    mode, source = _MODES[setting["mode"]], packet.flow.source
    family = 6 if ":" in source else 4
    table = host.table(family, _table_of(host, iif))
    number = number_of(source)
    is_default, routes = _best(table, number, BITS[family])
    if not table.complete and not host.covered(family, number):
        return ReversePath("unknown", mode, "interface", f"the route back to {source} was not read")
    if not routes or routes[0].type in _UNREACHABLE:
        return ReversePath("drop", mode, "interface", f"no route back to {source}")
    if is_default and not setting.get("allow_default"):
        why = f"only the default route leads back to {source}"
        unknown = setting.get("allow_default") is None
        return ReversePath("unknown" if unknown else "drop", mode, "interface", why)
    devices = tuple(dict.fromkeys(leg.device or "" for route in routes for leg in route.nexthops))
    if setting["mode"] == "loose" or iif in devices:
        return ReversePath("pass", mode, "interface", f"a route leads back to {source}", devices)
    where = f"the route back to {source} leaves by {', '.join(devices)}, not by {iif}"
    if setting["mode"] == "feasible":
        why = f"{where}; whether another path by {iif} is known was not read"
        return ReversePath("unknown", mode, "interface", why, devices)
    return ReversePath("drop", mode, "interface", where, devices)


def _best(table: Table, number: int, bits: int) -> tuple[bool, list[Route]]:
    """The routes of the longest prefix that covers an address, and whether that is the default one."""
    longest = table.longest(number)
    matches = next(iter(table.matches(number)), None)
    return longest is not None and longest[1] == bits, matches[1] if matches else []


def _table_of(host: Host, iif: str) -> int:
    """The table of the interface's VRF, by the rule that as_host makes for it."""
    for rule in host.rules[4]:
        if rule.iif == iif and rule.priority == IN_VRF and rule.table is not None:
            return rule.table
    return MAIN
