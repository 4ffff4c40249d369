# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FRRouting for real: a router of the lab dual_isp_bgp, changed over SSH, with faults at each line of a change.

The session breaks on this side: the connection is closed before a line is sent or right after it, or another line goes
in its place that the router refuses. An observer on the router itself says what is left.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import shutil
import tempfile
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import access, ensure
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.state import Paths
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import changer
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError, Unreachable
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.frr import Frr
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.frr_config import PENDING
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.gather import gather
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Login, Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import read_wishes
from ansible_collections.netpath.symmetry.tests.devices.changes.case import Left
from ansible_collections.netpath.symmetry.tests.devices.reading import request, validate

TOPOLOGY = pathlib.Path(__file__).parents[2] / "inventories" / "lab" / "topologies" / "dual_isp_bgp.yml"
WRITES = "vtysh -c 'configure terminal' -c 'ip prefix-list CONTROL seq 5 permit any'"
ROUTER = "border_b"
WISH: dict[str, t.Any] = {
    "bgp": [{"neighbor": "192.0.2.5", "asn": 65001, "local_preference": 300}], "multipath": {"asn": 65001, "ebgp": 2}}
PERIOD = 30  # seconds of the timer
_REFUSED = "vtysh -c 'configure terminal' -c 'no such line'"


class Fault(t.NamedTuple):
    kind: str  # refuses, loses, loses_after
    number: int  # of the line that changes something, from 0
    gone: bool = False


class Breaking(Session):
    """A session whose n-th line that changes something goes wrong."""

    fault: Fault | None = None
    lines: list[str]

    def type(self, line: str, patience: float = 30, tolerant: bool = False) -> str:
        self.lines = [*getattr(self, "lines", ()), line]
        fault = self.fault
        if fault is None or fault.number != len(self.lines) - 1:
            return super().type(line, patience, tolerant)
        if fault.kind == "refuses":
            return super().type(_REFUSED, patience, tolerant)
        if fault.kind == "loses_after":
            self._connection.write_channel(f"{line}\n")
            time.sleep(1)  # until the router has it
        self._connection.remote_conn_pre.get_transport().close()
        return super().type(line, patience, tolerant)

    def reopen(self) -> None:
        if self.fault and self.fault.gone:
            raise Unreachable(f"{self.where}: it is gone")
        super().reopen()


class RealFrr:
    """The lab while it stands."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        folder = pathlib.Path(paths.root)
        self._login = Login(ROUTER, f"{ROUTER}.{paths.lab}", user="root", key_file=str(folder / "id_ed25519"),
                            known_hosts=str(folder / "known_hosts"), ssh_config=str(folder / "netmiko_config"))
        self.config = changer.config_of(Frr())
        self._old = self.observe()

    def _output(self, script: str) -> str:
        argv = ["sh", "-c", script]
        return access.run(self._paths.dir, self._paths.lab, ROUTER, argv, timeout=30, check=True).stdout

    def observe(self) -> str:
        """What the router does and would start with, and whether a change waits there; past SSH."""
        return self._output(f"vtysh -c 'show running-config'; cat /etc/frr/frr.conf; ls {PENDING} 2>&1 || true")

    def input(self, command: str, text: str) -> None:
        """Run a command on the router that reads this."""
        access.run(self._paths.dir, self._paths.lab, ROUTER, ["sh", "-c", command], timeout=300, input=text)

    def count_routes(self) -> int:
        """Those of IPv4 that the router knows."""
        told = json.loads(self._output("vtysh -c 'show ip route summary json'"))
        return int(told["routesTotal"])

    def facts(self) -> tuple[dict[str, t.Any], list[str]]:
        """Valid facts, and what was sent for them."""
        with Session.open(self._login, Frr()) as session:
            facts = gather(Frr(), session, request("tcp 198.51.100.10:51000 > 203.0.113.10:80"))
        validate(facts)
        return facts, session.sent

    def run(self, check: bool = False, fault: Fault | None = None, proof: str = "", **more: t.Any) -> list[str]:
        """One run of the action; what was typed that changes something. Raises DeviceError."""
        wishes = read_wishes({**WISH, **more})
        opened = Breaking.open(self._login, Frr(), read_only=check)
        assert isinstance(opened, Breaking)
        opened.fault, opened.lines = fault, []
        with opened as session:
            planned = changer.read_plan(session, self.config, wishes)
            if planned.changed:
                changer.look_whether(session, self.config, False)
            if planned.changed and not check:
                changer.make(session, self.config, wishes, planned, PERIOD, lambda _left: proof)
        self.sent = opened.sent
        return opened.lines

    def not_questions(self) -> list[str]:
        """Lines of the last run that are none."""
        honest = Frr()
        return [line for line in self.sent
                if not honest.reading.fullmatch(line) and line not in (*honest.opening, *honest.closing)]

    def write_in_check_mode(self) -> list[str]:
        """The negative control: a dialect that configures before it reads. What it sent that is no question."""
        honest = type(self.config)

        class Writing(honest):  # type: ignore[valid-type,misc]
            def running(self, session: Session) -> str:
                session.ask(WRITES)
                return str(super().running(session))

        dialect = Frr()
        dialect.reading = re.compile(".*")  # type: ignore[misc]
        with Session.open(self._login, dialect, read_only=True) as session:
            changer.read_plan(session, Writing(), read_wishes(WISH))
        self.sent = session.sent
        return self.not_questions()

    def unwrite(self) -> None:
        """Take the control's line away, past SSH."""
        self._output("vtysh -c 'configure terminal' -c 'no ip prefix-list CONTROL seq 5'")

    def strike(self, fault: Fault | None, line: str) -> Left:
        """A run with a fault, or with a proof that fails; the timer runs out where nobody comes back."""
        said, wrong = "", ""
        name = f"{fault.kind}{' for good' if fault.gone else ''} at {line!r}" if fault else "a proof that fails"
        try:
            self.run(fault=fault, proof="" if fault else "no answer")
        except DeviceError as error:
            said = str(error)
        deadline = time.monotonic() + (PERIOD + 15 if fault and fault.gone else 5)
        while self.observe() != self._old and time.monotonic() < deadline:
            time.sleep(0.5)
        if not self.is_as_before():
            wrong = f"it is not as it was: {said}"
            self.run(state="absent")  # for what comes next
        elif not said:
            wrong = "nobody was told"
        return Left(name, said, wrong)

    def is_as_before(self) -> bool:
        return self.observe() == self._old


@contextlib.contextmanager
def real_frr() -> t.Iterator[RealFrr]:
    """The lab, removed at the end."""
    directory = tempfile.mkdtemp(prefix="nps-lab-")
    paths = Paths(directory, f"devices_{os.getpid()}")
    try:
        ensure.ensure(paths, "present", str(TOPOLOGY))
        access.run(directory, paths.lab, ROUTER, ["vtysh", "-c", "write memory"])  # in the words that it saves itself
        yield RealFrr(paths)
    finally:
        ensure.ensure(paths, "absent", "")
        shutil.rmtree(directory)
