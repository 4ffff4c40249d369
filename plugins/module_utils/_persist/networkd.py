# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""systemd-networkd: routes as a drop-in of the .network file that sets up their interface (systemd.network(5)).

By Protocol= they carry our mark. Rules have no such key in the versions of today, and depend on no interface: our own
unit puts them in, and networkd is told to leave alone what it has not made itself (networkd.conf(5)).
"""

from __future__ import annotations

import glob
import os
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Route
from ansible_collections.netpath.symmetry.plugins.module_utils._persist import restore
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import WRITTEN_BY, File
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.providers import Command, Provider

FOREIGN_FILE = "/etc/systemd/networkd.conf.d/50-netpath-symmetry.conf"
DROPIN = "50-netpath-symmetry.conf"
_FOREIGN = f"""# {WRITTEN_BY}
# Otherwise networkd removes every rule and route that it has not made, whenever it starts or sets up an interface.
[Network]
ManageForeignRoutingPolicyRules=no
ManageForeignRoutes=no
"""


def foreign_file() -> File:
    """The drop-in by which networkd leaves our rules alone."""
    return File(FOREIGN_FILE, _FOREIGN)


def network_files(runtime: str = "/run/systemd/netif/links", sys_net: str = "/sys/class/net") -> dict[str, str]:
    """The .network file of each interface that networkd sets up."""
    found = {}
    for name in sorted(os.listdir(sys_net)):
        try:
            with open(f"{sys_net}/{name}/ifindex", encoding="ascii") as file:
                index = file.read().strip()
            with open(f"{runtime}/{index}", encoding="utf-8") as file:
                lines = file.read().splitlines()
        except OSError:  # no interface, or networkd does not know it
            continue
        path = next((line[13:] for line in lines if line.startswith("NETWORK_FILE=")), "")
        if path:
            found[name] = path
    return found


class Networkd(Provider):
    """Routes of interfaces that networkd sets up are in its own files; the others are left to our unit."""

    name = "networkd"

    def __init__(self) -> None:
        self._networks = network_files() if os.path.isdir("/run/systemd/netif/links") else {}

    def _is_networkds(self, route: Route) -> bool:
        return all(leg.device in self._networks for leg in route.nexthops) and len(route.nexthops) == 1

    def left_to_us(self, routes: t.Sequence[Route]) -> t.Sequence[Route]:
        return [route for route in routes if not self._is_networkds(route)]

    def files_of_routes(self, routes: t.Sequence[Route]) -> list[File]:
        sections: dict[str, list[str]] = {}
        for route in routes:
            if self._is_networkds(route):
                network = os.path.basename(self._networks[str(route.nexthops[0].device)])
                sections.setdefault(f"/etc/systemd/network/{network}.d/{DROPIN}", []).append(section(route))
        wanted = [File(path, f"# {WRITTEN_BY}\n" + "\n".join(found)) for path, found in sorted(sections.items())]
        return [*wanted, *(restore.watch_unit() if self.left_to_us(routes) else [])]

    def present(self) -> list[str]:
        return sorted([FOREIGN_FILE, *glob.glob(f"/etc/systemd/network/*.network.d/{DROPIN}")])

    def reload(self, changed: t.Collection[str]) -> list[Command]:
        if FOREIGN_FILE in changed:  # read at its start only
            return [("systemctl", "try-restart", "systemd-networkd.service")]
        if any(path.endswith(f".network.d/{DROPIN}") for path in changed):
            return [("networkctl", "reload")]
        return []


def section(route: Route) -> str:
    """The route as a section of a .network file."""
    leg = route.nexthops[0]
    lines = ["[Route]", f"Table={route.table}", f"Protocol={route.protocol}"]
    lines.append(f"Destination={route.dst}")
    if leg.gateway:
        lines.append(f"Gateway={leg.gateway}")
    if "onlink" in leg.flags:
        lines.append("GatewayOnLink=yes")
    if route.family == 4 and route.scope != "global":
        lines.append(f"Scope={route.scope}")
    if route.prefsrc:
        lines.append(f"PreferredSource={route.prefsrc}")
    if route.metric:
        lines.append(f"Metric={route.metric}")
    if route.mtu:
        lines.append(f"MTUBytes={route.mtu}")
    if route.type != "unicast":
        lines.append(f"Type={route.type}")
    return "\n".join(lines) + "\n"
