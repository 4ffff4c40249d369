# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Plan conntrackd on this host, and carry it out: its files, how it runs, our rules and the kernel's parameters."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import tempfile
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import GuardError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux import apply, command, live_nft, sysctls
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.live_host import read_host
from ansible_collections.netpath.symmetry.plugins.module_utils._persist import files
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import WRITTEN_BY, File
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Sysctl
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nft_part import live_part, part_text
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.plan import Plan
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import adoption, record, rules, unit
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.configuration import (
    parse as parse_configuration,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.configuration_grammar import (
    ConfigurationError,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.keepalived import virtual_addresses
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.link import check_link
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.members import (
    COMPARED,
    check_agreed,
    check_equal,
    doubts,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.record import Record
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.render import render
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.service import (
    Daemon,
    ServicePlan,
    carry_out,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.service import plan as plan_service
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.wish import (
    SYSCTLS,
    Places,
    Wish,
    agreed,
    ignored_addresses,
    read_wish,
)

DAEMON, UNIT = "conntrackd", "conntrackd.service"
DEFAULT = "/etc/conntrackd/conntrackd.conf"
RECORD = record.path_of(DAEMON)
SYSCTL_FILE = "/etc/sysctl.d/99-netpath-symmetry-state-sync.conf"
_STAMP = re.compile(r"^\[[^\]]*\] \(pid=\d+\) ")
_NOBODY_ANSWERS = "can't connect: is conntrackd running?"
Data = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Deployment:
    """All that changes on this host."""

    service: ServicePlan
    rules: Plan
    sysctls: Plan
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return self.service.changed or bool(self.rules.changes) or bool(self.sysctls.changes)

    def sysctl_text(self) -> str:
        """The parameters as they are now, to compare with the plan."""
        names = [line.split(" ")[0].rpartition("/")[2] for line in self.sysctls.after.splitlines()]
        return record.sysctl_text(_live_sysctls(names), names)

    def result(self) -> dict[str, t.Any]:
        """What the module returns of it."""
        parts = [part for part in (self.rules, self.sysctls) if part.changes]
        return {
            "changed": self.changed,
            "files": [change.path for change in self.service.files],
            "commands": [line for part in parts for line in part.result()["commands"]] + self.service.commands(),
            "undo": [
                *self.service.undo_files(), *self.service.undo_program(), *(x for part in parts for x in part.undo())
            ],
            "rules": self.rules.result(),
            "runs_by": ("systemd" if self.service.daemon.by_systemd else "process") if self.service.shall_run else "",
            "diff": [*self.service.diff(), *(part.diff() for part in parts)],
        }


def look(params: Data) -> dict[str, t.Any]:
    """What the other members need to know of this host: ``{sysctls, version, agreed}``. Raises CommandError."""
    return {"sysctls": _live_sysctls(COMPARED), "version": _version(), "agreed": agreed(params)}


def plan(params: Data) -> Deployment:
    """The plan; changes nothing. Raises PlanError, CommandError and NetlinkError."""
    had = record.read(adoption.read(RECORD), RECORD)
    return _plan_absent(had) if params["state"] == "absent" else _plan_present(params, had)


def _plan_present(params: Data, had: t.Optional[Record]) -> Deployment:
    command.require(DAEMON)
    wish = read_wish(params)
    path = wish.places.configuration
    if had is not None and had.configuration != path:
        raise PlanError(
            f"this host shares state by {had.configuration} already; remove that with state_sync_state: absent before "
            f"{path} is used"
        )
    host = read_host()
    warnings = check_link(host, wish.group, _neighbours(wish.group.own.interface), wish.shared_link)
    check_agreed(wish.group)
    check_equal(wish.group, wish.sysctls)
    by_systemd = unit.is_by_systemd(params["service"], UNIT)
    daemon = daemon_of(wish.places, by_systemd)
    _refuse_others(daemon)
    found = adoption.look(path)
    original = adoption.original_to_keep(path, found, DAEMON, params["adopt"], "state_sync_adopt")
    live = _live_sysctls({*COMPARED, *wish.sysctls, *(had.sysctls if had else ())})
    parameters, kept = record.plan_sysctls(had, wish.sysctls, live)
    _check_writable(parameters)
    text = render(wish, ignored_addresses(wish, _own_addresses(host)), _table_size(wish, live), by_systemd)
    parse(text)
    first = had or Record(path, "", daemon.process() is not None, by_systemd and unit.is_enabled(UNIT))
    now = dataclasses.replace(first, service="systemd" if by_systemd else "command", sysctls=kept)
    wanted = [File(path, text), *([original] if original else []), File(RECORD, now.text())]
    wanted += _unit_files(wish, first) if by_systemd else []
    changes = files.plan(wanted, _present(first) if by_systemd else [])
    service = plan_service(daemon, changes, (path, unit.dropin_path(UNIT)), shall_run=True)
    part = live_part(live_nft.read_own_table(), rules.PREFIX)
    return Deployment(service, rules.plan(part, wish), parameters, tuple(warnings + doubts(wish.group) + _drops(wish)))


def _plan_absent(had: t.Optional[Record]) -> Deployment:
    part = live_part(live_nft.read_own_table(), rules.PREFIX)
    if had is None:  # nothing of ours is here
        daemon = Daemon(DAEMON, UNIT, False, DEFAULT, "-C", DEFAULT, "", "")
        nothing = ServicePlan(daemon, (), (), None, stale=False, shall_run=False)
        return Deployment(nothing, rules.plan(part, None), Plan(record.SYSCTL_SUBJECT, (), "", ""))
    path, by_systemd = had.configuration, had.service == "systemd"
    found = adoption.look(path)
    daemon = daemon_of(_places(path, found.present), by_systemd)
    wanted = adoption.restored(path, found)
    warnings = []
    if found.present is not None and not found.ours:
        beside = f", and so was {path}{adoption.BESIDE}" if found.original else ""
        warnings.append(f"{path} is not ours any more: it was left as it is{beside}")
    changes = files.plan(wanted, [path, path + adoption.BESIDE, RECORD, *(_present(had) if by_systemd else ())])
    shall_run = had.was_running and any(one.path == path for one in wanted)
    if found.present is not None and not found.ours:
        shall_run = daemon.process() is not None
    live = _live_sysctls(had.sysctls)
    parameters, _kept = record.plan_sysctls(had, {}, live)
    service = plan_service(daemon, changes, (path, unit.dropin_path(UNIT)), shall_run)
    return Deployment(service, rules.plan(part, None), parameters, tuple(warnings))


def carry_out_all(planned: Deployment, guarding: apply.Guarding) -> None:
    """Rules and parameters before the daemon starts, and after it has gone; all of it or nothing.

    Raises ApplyError and GuardError.
    """
    service = planned.service
    steps: list[tuple[t.Callable[[], None], t.Sequence[str]]] = [
        (lambda: apply.carry_out(planned.rules, _rules_text, guarding), planned.rules.undo()),
        (lambda: apply.carry_out(planned.sysctls, planned.sysctl_text, guarding), planned.sysctls.undo()),
        (lambda: carry_out(service, apply.armed(guarding)), [*service.undo_files(), *service.undo_program()]),
    ]
    needed = [bool(planned.rules.changes), bool(planned.sysctls.changes), service.changed]
    chosen = [step for step, wanted in zip(steps, needed) if wanted]
    undone: list[str] = []
    for do, undo in chosen if service.shall_run else reversed(chosen):
        try:
            do()
        except (apply.ApplyError, GuardError) as error:
            failed = [line for line in undone if command.run(["sh", "-c", line], check=False).rc != 0]
            left = f"; taking back the rest failed in part: {'; '.join(failed)}" if failed else ""
            raise apply.ApplyError(f"{error}{left}") from error
        undone = [*undo, *undone]


def _places(path: str, file: t.Optional[File]) -> Places:
    """Where a daemon of ours has its files, as its configuration tells."""
    try:
        found = parse_configuration(file.text) if file else None
    except ConfigurationError:  # somebody has broken it since
        found = None
    return Places(path, found.lock_file, found.socket, found.log_file) if found else Places(path, "", "", "")


def daemon_of(places: Places, by_systemd: bool) -> Daemon:
    """How conntrackd is run and ended. It runs nowhere when it is started: a lock is one that a crash has left."""
    program, path = shlex.quote(command.require(DAEMON)), shlex.quote(places.configuration)
    left = shlex.join(one for one in (places.lock, places.socket) if one)
    clean = f"rm -f {left}" if left else ":"
    ask = f"{program} -C {path} -s >/dev/null 2>&1"
    wait = f"for i in {' '.join(map(str, range(50)))}; do {ask} || break; sleep 0.1; done; sleep 0.3"
    return Daemon(
        DAEMON, UNIT, by_systemd, places.configuration, "-C", DEFAULT,
        start_line=f"{clean}; {program} -C {path} -d </dev/null >/dev/null 2>&1",
        stop_line=f"[ ! -e {path} ] || ! {program} -C {path} -k >/dev/null 2>&1 || {{ {wait}; }}; {ask} || {clean}",
        answers=(DAEMON, "-C", places.configuration, "-s"),
        log=places.log,
    )


def parse(text: str) -> None:
    """Have conntrackd read the file before it is put in place; it starts nothing. Raises PlanError with the line.

    As its own client it reads the whole file first, and asks only then the daemon for what it has counted.
    """
    with tempfile.TemporaryDirectory(prefix="symmetry-") as folder:
        path = os.path.join(folder, "conntrackd.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = command.run([DAEMON, "-C", path, "-s"], check=False)
    said = [_STAMP.sub("", line).strip() for line in done.stderr.splitlines()]
    said = [line for line in said if line and _NOBODY_ANSWERS not in line]
    if said:
        told = "; ".join(said)
        raise PlanError(f"conntrackd {_version()} does not take its new configuration: {told}. It was:\n{text}")


def _refuse_others(daemon: Daemon) -> None:
    for one in daemon.others():
        raise PlanError(
            f"conntrackd runs here already with {one.configuration} (process {one.pid}): end it, or name that file as "
            "state_sync_configuration and take it over with state_sync_adopt: true"
        )


def _check_writable(parameters: Plan) -> None:
    for change in parameters.changes:
        subject = change.subject
        if not isinstance(subject, Sysctl):
            raise TypeError(f"not a sysctl: {subject!r}")
        path = f"/proc/sys/{subject.path}"
        why = files.why_not_written(path)
        if why or not os.stat(path).st_mode & 0o222:
            raise PlanError(
                f"{why or f'{path} is read-only in this network namespace: the whole machine shares it'}. Nothing was "
                "changed; set it where it can be set, and leave it out of state_sync_sysctls"
            )


def _unit_files(wish: Wish, first: Record) -> list[File]:
    before = ["modprobe -q nf_conntrack", f"rm -f {wish.places.lock}"]
    found = []
    if wish.sysctls:
        # At boot systemd-sysctl may come before connection tracking is loaded, and then finds nothing to set.
        before.insert(1, f"/lib/systemd/systemd-sysctl {SYSCTL_FILE} || sysctl -q -p {SYSCTL_FILE}")
        lines = [f"{SYSCTLS}/{name} = {value}\n" for name, value in sorted(wish.sysctls.items())]
        found.append(File(SYSCTL_FILE, f"# {WRITTEN_BY}\n{''.join(lines)}"))
    run = f"{command.require(DAEMON)} -C {wish.places.configuration}"
    return [*found, *unit.unit_files(UNIT, before, run, enable=not first.was_enabled)]


def _present(first: Record) -> list[str]:
    """The paths of ours beside the configuration that there may be."""
    link = [] if first.was_enabled else [unit.wants_path(UNIT)]
    return [unit.dropin_path(UNIT), SYSCTL_FILE, *link]


def _table_size(wish: Wish, live: t.Mapping[str, int]) -> int:
    if "nf_conntrack_max" not in live:
        raise PlanError("connection tracking is not loaded here, so there is no state to share: modprobe nf_conntrack")
    return wish.sysctls.get("nf_conntrack_max", live["nf_conntrack_max"])


def _drops(wish: Wish) -> list[str]:
    """Chains of others that may drop what peers send: an accept of ours is final in our own chain only."""
    told = json.loads(command.run(["nft", "-j", "list", "chains"]).stdout or "{}").get("nftables", ())
    chains = [one["chain"] for one in told if one.get("chain", {}).get("hook") == "input"]
    families = ("inet", "ip" if wish.group.own.family == 4 else "ip6")
    return [
        f"chain {one['name']} of table {one['family']} {one['table']} drops what it does not accept: see that it "
        f"accepts UDP port {wish.port} of the peers on {wish.group.own.interface}, or no state arrives"
        for one in chains
        if one.get("policy") == "drop" and one["family"] in families
    ]


def _own_addresses(host: Host) -> list[str]:
    """The addresses of all interfaces; not those that a failover takes away, which are told where they are wanted."""
    path = record.path_of("keepalived")
    ours = record.read(adoption.read(path), path)
    file = adoption.read(ours.configuration) if ours else None
    virtual = virtual_addresses(file.text) if file and adoption.is_ours(file) else set()
    own = [str(one["address"]) for link in host.interfaces.values() for one in link.get("addresses", ())]
    return [address for address in own if address not in virtual]


def _neighbours(interface: str) -> list[str]:
    """Who has been heard of on the interface; empty where there is none of that name."""
    found = []
    for family in ("-4", "-6"):
        done = command.run(["ip", "-j", family, "neighbour", "show", "dev", interface], check=False)
        if done.rc == 0:
            heard = [one for one in json.loads(done.stdout or "[]") if one.get("lladdr")]
            found += [str(one["dst"]) for one in heard if "FAILED" not in one.get("state", ())]
    return found


def _live_sysctls(names: t.Iterable[str]) -> dict[str, int]:
    found = {name: sysctls.read_value(*SYSCTLS.split("/"), name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _version() -> str:
    if command.find(DAEMON) is None:
        return ""
    found = re.search(r"\bv(\d[\w.]*\w)", command.run([DAEMON, "-v"], check=False).stdout)
    return found[1] if found else ""


def _rules_text() -> str:
    return part_text(live_part(live_nft.read_own_table(), rules.PREFIX))
