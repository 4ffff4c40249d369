# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""An interface of a Linux host, with the sysctls that bear on routing."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Address


@dataclasses.dataclass(frozen=True)
class Interface:
    """An interface with its sysctls; those of the kernel's "all" are kept by the host."""

    name: str
    index: int = 0
    up: bool = True
    carrier: bool = True
    mtu: int = 1500
    mac: str | None = None
    kind: str | None = None
    group: int = 0
    master: str | None = None
    vrf: str | None = None
    vrf_table: int | None = None
    addresses: tuple[Address, ...] = ()
    sysctls: t.Mapping[str, int] = dataclasses.field(default_factory=dict, hash=False)
    all_sysctls: t.Mapping[str, int] = dataclasses.field(default_factory=dict, hash=False)

    def is_set(self, sysctl: str) -> bool:
        """IN_DEV_ORCONF: true where "all" or the interface sets it."""
        return bool(self.all_sysctls.get(sysctl, 0) or self.sysctls.get(sysctl, 0))

    def ignores_linkdown(self, family: int) -> bool:
        return self.is_set("ignore_routes_with_linkdown" if family == 4 else "ignore_routes_with_linkdown6")
