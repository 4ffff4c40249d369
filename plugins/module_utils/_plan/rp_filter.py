# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Plan the reverse-path filter of named interfaces. The value for all interfaces is read, never written.

The kernel uses max(all, interface) (net/ipv4/fib_frontend.c, IN_DEV_RPFILTER; linux/inetdevice.h, IN_DEV_MAXCONF), so
a value for all can make the wish for one interface impossible. IPv6 has no such parameter.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Change, Sysctl
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import ManagementCutError, PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.lookup import Packet, egress
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.plan import Plan
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.prefixes import family_of

MODES = {"off": 0, "strict": 1, "loose": 2}
NAMES = {number: name for name, number in MODES.items()}
Data = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Wish:
    """The mode that an interface shall have; None: what a new interface would get (conf/default)."""

    interface: str
    mode: t.Optional[int]
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class Effective:
    """What is in force at an interface after the plan."""

    interface: str
    mode: str
    origin: str  # all, interface or both
    reason: str


def path_of(interface: str) -> str:
    """The parameter of an interface below /proc/sys; the interface is one segment, whatever dots it has."""
    return f"net/ipv4/conf/{interface}/rp_filter"


def read_wishes(interfaces: t.Iterable[Data], absent: bool) -> list[Wish]:
    """Read the option ``interfaces`` of rp_filter; raises PlanError."""
    wishes: list[Wish] = []
    for number, data in enumerate(interfaces, 1):
        name, mode = str(data.get("name") or ""), data.get("mode")
        where = f"interfaces[{number}] ({name})"
        if name in ("all", "default", ""):
            raise PlanError(
                f"{where}: name must be one interface; 'all' and 'default' are never written, as they "
                "would change every other interface, too"
            )
        if any(wish.interface == name for wish in wishes):
            raise PlanError(f"{where}: the interface is declared twice; keep one")
        if not absent and mode not in MODES:
            raise PlanError(f"{where}: mode {mode!r} is not one of {', '.join(MODES)}")
        wishes.append(Wish(name, None if absent else MODES[str(mode)], str(data.get("reason") or "")))
    return wishes


def plan(host: Host, values: t.Mapping[str, int], wishes: t.Sequence[Wish], allow_management_cut: bool = False) -> Plan:
    """The changes that give each interface its mode; raises PlanError, changes nothing.

    ``values`` are the present values by interface, with "all" and "default".
    """
    changes = []
    before, after = [], []
    for wish in wishes:
        if wish.interface not in values:
            known = ", ".join(sorted(set(values) - {"all", "default"})) or "none"
            raise PlanError(f"interface {wish.interface!r} does not exist on this host; it has {known}")
        target = values["default"] if wish.mode is None else wish.mode
        if wish.mode is not None:
            _check_possible(wish, values["all"])
        if not allow_management_cut:
            _keep_session(host, wish.interface, max(values["all"], target))
        path = path_of(wish.interface)
        now = values[wish.interface]
        before.append(f"{path} = {now}\n")
        after.append(f"{path} = {target}\n")
        if now != target:
            changes.append(Change("sysctl", "set", before=Sysctl(path, now), after=Sysctl(path, target)))
    return Plan("reverse-path filter", tuple(changes), "".join(before), "".join(after))


def text_of(values: t.Mapping[str, int], wishes: t.Sequence[Wish]) -> str:
    """The present values of the wished interfaces, as in the plan's diff."""
    return "".join(f"{path_of(w.interface)} = {values[w.interface]}\n" for w in wishes if w.interface in values)


def effective(values: t.Mapping[str, int], wishes: t.Sequence[Wish]) -> list[Effective]:
    """What will be in force at the wished interfaces, and by which value."""
    result = []
    for wish in wishes:
        own = values["default"] if wish.mode is None else wish.mode
        origin = "both" if own == values["all"] else "interface" if own > values["all"] else "all"
        number = max(own, values["all"])
        result.append(Effective(wish.interface, NAMES.get(number, str(number)), origin, wish.reason))
    return result


def _check_possible(wish: Wish, everywhere: int) -> None:
    if wish.mode is not None and everywhere > wish.mode:
        raise PlanError(
            f"interface {wish.interface}: mode {NAMES[wish.mode]} is impossible while net/ipv4/conf/all/rp_filter is "
            f"{everywhere} ({NAMES.get(everywhere, 'unknown')}): the kernel uses the greater of both numbers. "
            "Give every interface its own value, then set that of all to 0"
        )


def _keep_session(host: Host, interface: str, mode: int) -> None:
    """Strict drops what comes in by an interface by which the answer would not leave."""
    session = host.session
    if session is None or mode != MODES["strict"] or family_of(session.peer) != 4:
        return
    if host.owner(session.local) != interface:
        return
    way = egress(host.rules, host.routes, Packet(session.local, session.peer, session.local_port, session.peer_port))
    if way.device not in (interface, "lo"):
        raise ManagementCutError(
            f"this would cut the session it runs over: {session.peer} reaches {session.local} at {interface}, the way "
            f"back leaves by {way.device}, and strict mode drops that. Use loose, or set allow_management_cut"
        )
