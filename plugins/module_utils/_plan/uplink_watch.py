# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a host watches by itself: uplinks as declared, and the files of the watcher that follow from them. Pure.

All uplinks share one interval, as the watcher asks them all at once: a round tells which of them are alive together.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import SCOPES, STATE_DIR
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.prefixes import family_of, parse_address
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.register import check_name
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.resident import HEAD, shown
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.uplink_watch_script import SCRIPT

NAME = "symmetry-uplink-watch"
SCRIPT_PATH = f"{STATE_DIR}/{NAME}"
CONF_PATH = f"{STATE_DIR}/uplink-watch.conf"
RUN_DIR = f"{STATE_DIR}/uplink-watch"  # what the watcher has switched, since this boot
LIMIT = 2  # seconds of a round in which conntrack entries are deleted; the next round goes on
MOST = SCOPES["uplink_probe"][1] - SCOPES["uplink_probe"][0]
_INTERFACE = re.compile(r"^[^\s/:]{1,15}$")
Data = t.Mapping[str, t.Any]

# Whatever ends the watcher, it is started again, and goes on from its directory.
UNIT = f"""{HEAD}
[Unit]
Description=Watch the uplinks of this host and fail over where one is dead
After=network.target symmetry-restore.service symmetry-routes.service
ConditionPathExists={SCRIPT_PATH}
StartLimitIntervalSec=0

[Service]
ExecStart=/bin/sh {SCRIPT_PATH} run
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
"""


@dataclasses.dataclass(frozen=True)
class Uplink:
    """One uplink of one address family, and by what it is known to be dead."""

    name: str
    family: int
    interface: str
    gateway: str  # empty: the link has no gateway
    targets: tuple[str, ...]  # addresses beyond it
    need: int  # so many of the targets must answer
    fall: int  # rounds in a row
    rise: int
    check_gateway: bool

    @property
    def id(self) -> str:
        """Its name on the host: of files, and in what the watcher tells."""
        return f"{self.name}-{self.family}"

    def line(self) -> str:
        numbers = f"{self.need} {self.fall} {self.rise} {int(self.check_gateway)}"
        words = [f"uplink {self.id} {self.family} {self.interface} {self.gateway or '-'} {numbers}", *self.targets]
        return " ".join(words)


@dataclasses.dataclass(frozen=True)
class Watch:
    """All that is watched; times are seconds."""

    uplinks: tuple[Uplink, ...]
    interval: int
    timeout: int
    stranded: str  # delete or keep

    def text(self) -> str:
        """The watcher's configuration."""
        head = [HEAD, f"interval {self.interval}", f"timeout {self.timeout}", f"stranded {self.stranded} {LIMIT}"]
        return "".join(f"{line}\n" for line in [*head, *(one.line() for one in self.uplinks)])


def read_watch(params: Data) -> Watch:
    """Read the options of uplink_watch; raises PlanError."""
    interval, timeout = int(params["interval"]), int(params["timeout"])
    if interval < 1 or timeout < 1 or timeout > interval:
        raise PlanError(
            f"interval {interval} and timeout {timeout}: both are whole seconds, at least 1, and an answer is waited "
            "for no longer than until the next round"
        )
    uplinks = tuple(_read(one, f"uplinks[{position}]") for position, one in enumerate(params["uplinks"] or (), 1))
    if not uplinks:
        raise PlanError("uplinks is empty; declare the uplinks of this host, or set state to absent")
    if len(uplinks) > MOST:
        raise PlanError(f"uplinks: {len(uplinks)} are declared, at most {MOST} can be watched")
    for family in sorted({one.family for one in uplinks}):
        _check_family([one for one in uplinks if one.family == family], family)
    return Watch(uplinks, interval, timeout, str(params["stranded_connections"]))


def _check_family(uplinks: t.Sequence[Uplink], family: int) -> None:
    if len(uplinks) < 2:
        raise PlanError(
            f"uplinks: {uplinks[0].name!r} is the only one of IPv{family}, so there is nothing to fail over to; "
            "declare the others, too"
        )
    for position, one in enumerate(uplinks):
        for other in uplinks[:position]:
            if other.name == one.name:
                raise PlanError(f"uplinks: {one.name!r} is declared twice for IPv{family}; give each its own name")
            if other.interface == one.interface:
                raise PlanError(
                    f"uplinks {other.name!r} and {one.name!r} are both on {one.interface}; what leaves by one of them "
                    "cannot be told from the other, give each an interface of its own"
                )


def _read(data: Data, where: str) -> Uplink:
    name = str(data.get("name") or "")
    check_name(name, where)
    where = f"{where} ({name})"
    interface = str(data.get("interface") or "")
    if not _INTERFACE.match(interface):
        raise PlanError(f"{where}: interface {interface!r} is not the name of an interface")
    gateway = parse_address(data["gateway"], f"{where} gateway") if data.get("gateway") else ""
    targets = tuple(parse_address(one, f"{where} targets") for one in data.get("targets") or ())
    families = {family_of(one) for one in (*targets, *([gateway] if gateway else []))}
    if len(families) != 1:
        raise PlanError(
            f"{where}: gateway and targets are of {'both address families' if families else 'no address family'}; list "
            "the uplink once for each family, with the gateway and the targets of that family"
        )
    if len(set(targets)) != len(targets):
        raise PlanError(f"{where}: targets holds an address twice, which would count as two answers")
    if gateway in targets:
        raise PlanError(f"{where}: target {gateway} is the gateway, and not beyond it; set check_gateway instead")
    asks = bool(data.get("check_gateway"))
    if asks and not gateway:
        raise PlanError(f"{where}: check_gateway needs a gateway")
    if not targets and not asks:
        raise PlanError(f"{where}: targets is empty; name addresses beyond the uplink that answer to ping, two or more")
    need = int(data["need"]) if data.get("need") is not None else min(1, len(targets))
    if need < min(1, len(targets)) or need > len(targets):
        raise PlanError(f"{where}: need {need} is not between 1 and the number of targets, {len(targets)}")
    rounds = {key: int(data.get(key) or 0) for key in ("fall", "rise")}
    for key, count in rounds.items():
        if count < 1:
            raise PlanError(f"{where}: {key} {count} is not a number of rounds, at least 1")
    return Uplink(name, families.pop(), interface, gateway, targets, need, rounds["fall"], rounds["rise"], asks)


def planned_text(watch: t.Optional[Watch], with_unit: bool) -> str:
    """What the host holds afterwards; nothing without a watch."""
    return shown(watch.text(), SCRIPT, UNIT if with_unit else "", True) if watch else ""
