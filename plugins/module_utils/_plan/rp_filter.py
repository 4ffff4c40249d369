# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Plan the reverse-path filter of named interfaces. The value for all interfaces is read, never written.

The kernel uses max(all, interface) (net/ipv4/fib_frontend.c, IN_DEV_RPFILTER; linux/inetdevice.h, IN_DEV_MAXCONF), so
a value for all can make the wish for one interface impossible. IPv6 has no such parameter: see rp_filter_v6.py.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Change, Sysctl
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import ManagementCutError, PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.lookup import Packet, egress
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nft_part import (
    Part,
    after_part,
    part_text,
    plan_part,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.plan import Plan
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.prefixes import family_of
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.register import (
    RegisterEntry,
    canonical_time,
    check_name,
    entries_text,
    one_line,
    read_time,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.register_plan import register_changes
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.rp_filter_v6 import (
    PREFIX,
    check_strict,
    wanted_part,
)

ROLE = "rp_filter"
_REMOVAL = re.compile(r"!= (?P<now>\d+) \] \|\| echo (?P<was>\d+) >")  # as the inverse of a Sysctl is written
MODES = {"off": 0, "strict": 1, "loose": 2}
NAMES = {number: name for name, number in MODES.items()}
Data = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Wish:
    """The mode that an interface shall have; None: what a new interface would get (conf/default)."""

    interface: str
    mode: t.Optional[int]
    reason: str = ""
    by: str = ""
    until: str = ""
    ipv6: t.Optional[str] = None  # off, strict, loose; None leaves IPv6 alone

    @property
    def excepted(self) -> bool:
        """Whether it stands in the register of exceptions: less strict than strict, for a reason."""
        return self.mode in (MODES["off"], MODES["loose"]) and bool(self.reason)


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
        wishes.append(Wish(name, None, ipv6="off") if absent else _read_wish(data, name, str(mode), where))
    return wishes


def _read_wish(data: Data, name: str, mode: str, where: str) -> Wish:
    ipv6 = data.get("ipv6")
    if ipv6 is not None and ipv6 not in MODES:
        raise PlanError(f"{where}: ipv6 {ipv6!r} is not one of {', '.join(MODES)}")
    reason, by = one_line(data.get("reason")), one_line(data.get("by"))
    until = canonical_time(str(data["until"]), f"{where} until") if data.get("until") else ""
    wish = Wish(name, MODES[mode], reason, by, until, ipv6)
    if until and not wish.excepted:
        raise PlanError(f"{where}: until is for an exception: mode loose or off, with a reason")
    if wish.excepted:
        check_name(name, where)
    return wish


def in_force(wishes: t.Sequence[Wish], now: datetime.datetime) -> tuple[list[Wish], list[str]]:
    """The wishes whose time is not over, and the interfaces of the others."""
    over = [wish.interface for wish in wishes if wish.until and read_time(wish.until, "until") <= now]
    return [wish for wish in wishes if wish.interface not in over], over


@dataclasses.dataclass(frozen=True)
class Standing:
    """What stands beside the values: our part of nft, and the entries of the register by interface."""

    part: Part = dataclasses.field(default_factory=lambda: Part(PREFIX))
    register: t.Mapping[str, RegisterEntry] = dataclasses.field(default_factory=dict)


def ended(values: t.Mapping[str, int], over: t.Iterable[str], register: t.Mapping[str, RegisterEntry]) -> list[Wish]:
    """Wishes that end the exceptions of these interfaces now, as far as they still stand in the register."""
    wishes = []
    for name in over:
        entry = register.get(name)
        if entry is None or name not in values:
            continue
        # What the entry's own end would do: give back the old value, unless somebody has set another meanwhile.
        found = _REMOVAL.search(" ".join(entry.removal))
        was = int(found["was"]) if found else values["default"]
        loosened = found is None or values[name] == int(found["now"])
        wishes.append(Wish(name, was if loosened else values[name]))
    return wishes


def plan(
    host: Host,
    values: t.Mapping[str, int],
    wishes: t.Sequence[Wish],
    allow_management_cut: bool = False,
    standing: t.Optional[Standing] = None,
) -> Plan:
    """The changes that give each interface its mode; raises PlanError, changes nothing.

    ``values`` are the present values by interface, with "all" and "default".
    """
    standing = standing or Standing()
    changes = []
    after = dict(values)
    register = dict(standing.register)
    for wish in wishes:
        if wish.interface not in values:
            known = ", ".join(sorted(set(values) - {"all", "default"})) or "none"
            raise PlanError(f"interface {wish.interface!r} does not exist on this host; it has {known}")
        target = values["default"] if wish.mode is None else wish.mode
        if wish.mode is not None:
            _check_possible(wish, values["all"])
        if not allow_management_cut:
            _keep_session(host, wish.interface, 4, max(values["all"], target) == MODES["strict"])
            _keep_session(host, wish.interface, 6, wish.ipv6 == "strict")
        if wish.ipv6 == "strict":
            check_strict(host, wish.interface)
        path = path_of(wish.interface)
        after[wish.interface] = target
        if values[wish.interface] != target:
            before, new = Sysctl(path, values[wish.interface]), Sysctl(path, target)
            changes.append(Change("sysctl", "set", before=before, after=new))
        register.pop(wish.interface, None)
        if wish.excepted:
            register[wish.interface] = _entry(wish, values, standing.register.get(wish.interface))
    wanted = wanted_part(standing.part, {wish.interface: wish.ipv6 for wish in wishes if wish.ipv6 is not None})
    first, last = register_changes(standing.register, register)
    changes = [*first, *changes, *plan_part(standing.part, wanted), *last]
    planned = Standing(after_part(standing.part, wanted), register)
    return Plan(
        "reverse-path filter", tuple(changes), text_of(values, wishes, standing), text_of(after, wishes, planned)
    )


def _entry(wish: Wish, values: t.Mapping[str, int], old: t.Optional[RegisterEntry]) -> RegisterEntry:
    """The wish in the register. At its end the interface gets back what it had before the exception."""
    removal: tuple[str, ...] = ()
    if wish.until and wish.mode is not None:
        path = path_of(wish.interface)
        was = values[wish.interface] if values[wish.interface] != wish.mode else values["default"]
        change = Change("sysctl", "set", before=Sysctl(path, was), after=Sysctl(path, wish.mode))
        removal = tuple(change.undo())
        if old is not None and old.removal and values[wish.interface] == wish.mode:
            removal = old.removal
    return RegisterEntry(ROLE, wish.interface, wish.by, wish.reason, wish.until, removal)


def text_of(
    values: t.Mapping[str, int], wishes: t.Sequence[Wish], standing: t.Optional[Standing] = None
) -> str:
    """The present values of the wished interfaces, our rules and their register entries, as in the plan's diff."""
    lines = "".join(f"{path_of(w.interface)} = {values[w.interface]}\n" for w in wishes if w.interface in values)
    if standing is None:
        return lines
    named = {wish.interface for wish in wishes}
    return lines + part_text(standing.part) + entries_text(
        entry for name, entry in standing.register.items() if name in named
    )


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


def _keep_session(host: Host, interface: str, family: int, strict: bool) -> None:
    """Strict drops what comes in by an interface by which the answer would not leave."""
    session = host.session
    if session is None or not strict or family_of(session.peer) != family:
        return
    if host.owner(session.local) != interface:
        return
    way = egress(host.rules, host.routes, Packet(session.local, session.peer, session.local_port, session.peer_port))
    if way.device not in (interface, "lo"):
        raise ManagementCutError(
            f"this would cut the session it runs over: {session.peer} reaches {session.local} at {interface}, the way "
            f"back leaves by {way.device}, and strict mode drops that. Use loose, or set allow_management_cut"
        )
