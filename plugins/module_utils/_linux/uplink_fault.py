# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Break an uplink on purpose, in one of the ways in which uplinks die, and know how to mend it.

A link that is set down takes its routes and IPv6 addresses with it, and setting it up again does not bring all of
them back. The inverse therefore adds what was there; what a network manager has put back by then stays as it is.
"""

from __future__ import annotations

import dataclasses
import json
import os

from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import run
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.iproute import read_routes
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Route
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.render import route_arguments

FAULT_TABLE = "netpath_symmetry_fault"
KINDS = ("link", "beyond")
KERNEL = 2  # RTPROT_KERNEL


class FaultError(ValueError):
    """The fault cannot be made here; the message says why and what to do."""


@dataclasses.dataclass(frozen=True)
class Fault:
    """What breaks an uplink, and its inverse: shell commands both."""

    before: str
    after: str
    commands: tuple[str, ...]
    undo: tuple[str, ...]

    @property
    def changes(self) -> bool:
        return bool(self.commands)


def plan(interface: str, kind: str) -> Fault:
    """Plan a fault on this host; reads the kernel, changes nothing. Raises FaultError."""
    if not os.path.isdir(f"/sys/class/net/{interface}"):
        raise FaultError(
            f"interface {interface} does not exist on this host; "
            f"it has {', '.join(sorted(os.listdir('/sys/class/net')))}"
        )
    return _link_down(interface) if kind == "link" else _silent_beyond(interface)


def _link_down(interface: str) -> Fault:
    state = json.loads(run(["ip", "-j", "addr", "show", "dev", interface]).stdout)[0]
    if "UP" not in state.get("flags", ()):
        return Fault(f"{interface} down", f"{interface} down", (), ())
    undo = [f"ip link set dev {interface} up"]
    for address in state.get("addr_info", ()):
        if address["family"] == "inet6" and address.get("scope") != "link":
            undo.append(f"ip -6 addr replace {address['local']}/{address['prefixlen']} dev {interface} nodad")
    undo += [
        f"ip {'-6 ' if route.family == 6 else ''}route add {route_arguments(route)}"
        for route in _lost_routes(interface)
    ]
    return Fault(f"{interface} up", f"{interface} down", (f"ip link set dev {interface} down",), tuple(undo))


def _lost_routes(interface: str) -> list[Route]:
    """The routes of all tables that go with the link, those on link before those that need them.

    The kernel's own routes come back with the link and its addresses.
    """
    routes = [Route.from_dict(route) for route in read_routes() if route.get("protocol") != KERNEL]
    lost = [route for route in routes if any(leg.device == interface for leg in route.nexthops)]
    return sorted(lost, key=lambda route: any(leg.gateway for leg in route.nexthops))


def _silent_beyond(interface: str) -> Fault:
    """Nothing that is forwarded gets through, while the link, the neighbour and the host itself look alive."""
    tables = json.loads(run(["nft", "-j", "list", "tables"]).stdout)["nftables"]
    present = any(entry.get("table", {}).get("name") == FAULT_TABLE for entry in tables)
    if present:
        return Fault(f"{interface} silent", f"{interface} silent", (), ())
    ruleset = (
        f"table inet {FAULT_TABLE} {{ chain forward {{ type filter hook forward priority -500; policy accept; "
        f'iifname "{interface}" drop; oifname "{interface}" drop; }}; }}'
    )
    return Fault(
        f"{interface} carries packets",
        f"{interface} silent: forwarded packets are dropped both ways",
        (f"nft '{ruleset}'",),
        (f"nft delete table inet {FAULT_TABLE}",),
    )


def apply(fault: Fault) -> None:
    """Run the commands of a fault."""
    for command in fault.commands:
        run(["sh", "-c", command])


def as_diff(fault: Fault) -> dict[str, str]:
    """The diff that check mode and the real run show alike."""
    return {
        "before_header": "uplink (live)",
        "after_header": "uplink (planned)",
        "before": fault.before + "\n",
        "after": fault.after + "\n",
    }
