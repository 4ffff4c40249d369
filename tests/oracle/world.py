# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host to build and questions about it, as values."""

from __future__ import annotations

import dataclasses

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Rule


@dataclasses.dataclass(frozen=True)
class Question:
    """One question to the kernel, as `ip route get` asks it."""

    family: int
    dst: str
    src: str | None = None
    iif: str | None = None
    oif: str | None = None
    mark: int = 0
    tos: int = 0
    protocol: str = "udp"
    sport: int | None = None
    dport: int | None = None
    uid: int = 0  # of the sender; what arrives is root's

    @property
    def asked_uid(self) -> int | None:
        """The user that the question names; with iif, IPv6 would ask as nobody, while what arrives is root's."""
        return self.uid if self.family == 6 or not self.iif else None

    def words(self) -> str:
        """The arguments of `ip`."""
        parts = [f"route get {self.dst}"]
        parts += [f"from {self.src}"] if self.src else []
        parts += [f"iif {self.iif}"] if self.iif else []
        parts += [f"oif {self.oif}"] if self.oif else []
        parts += [f"mark {self.mark}"] if self.mark else []
        parts += [f"tos {self.tos:#x}"] if self.tos else []
        parts += [f"ipproto {'ipv6-icmp' if self.protocol == 'icmpv6' else self.protocol}"]
        parts += [f"sport {self.sport} dport {self.dport}"] if self.sport else []
        parts += [f"uid {self.asked_uid}"] if self.asked_uid is not None else []
        return " ".join(parts)


@dataclasses.dataclass(frozen=True)
class World:
    """A host: sysctls by path below /proc/sys/net, ip commands (with -4 or -6 where it matters), and more rules.

    Many commands are refused by the kernel; that does no harm, since the facts are read back from it.
    """

    sysctls: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]
    netlink_rules: tuple[Rule, ...] = ()  # those with a DSCP, which iproute2 before 6.13 cannot add
