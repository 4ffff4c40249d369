# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""How Cisco IOS-XR is changed: a target configuration under a lock, committed on trial.

A trial is confirmed by the session that began it and by no other, so that this stays where it configures until then.
Leaving there takes the trial back at once, by the router's own question; a session that is cut off leaves it to the
timer, and nobody can commit meanwhile. Sources: Cisco, System Management Command Reference, "commit"; and what others
saw on XRv 9000 24.3.
"""

from __future__ import annotations

import re
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.bgp_lines import multipath_lines, router_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_config import BANNER, check_lines
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_xr_change import (
    forwarding_lines,
    neighbour_policies,
    ordered,
    shown,
    single,
    typed,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import (
    ConfigPlan,
    Line,
    parse,
    plan,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError, NoAnswer, Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError, Wishes

_SESSIONS = "show configuration sessions detail"
_ROW = re.compile(r"Line: (?P<line>\S+) .*\n\s*User: (?P<user>\S+)")
_TRIAL = re.compile(r"Client: commit-confirm")
_LATE = 60  # seconds that a timer may be late
_IPV4 = "address-family ipv4 unicast"
QUESTION = r"\[(no|cancel)\]: *\Z"  # what the router asks, with its own answer in brackets


class CiscoXrConfig:
    """The changes of one session."""

    title = "Cisco IOS-XR"
    serves = ("policies", "reverse_path", "bgp", "multipath")
    instead: t.Mapping[str, str] = {
        "zones": "Cisco IOS-XR has no zones", "weaken": "a router keeps no state of connections"}
    no_timer = ""

    def __init__(self, pause: float = 5.0) -> None:
        self._pause = pause  # seconds between two looks at whether a trial is over

    def running(self, session: Session) -> str:
        """With what groups give, so that somebody else's is seen wherever it comes from."""
        text = session.ask(_there(session, "show running-config"), 180)
        if re.search(r"^ *apply-group ", text, re.M):
            text = session.ask(_there(session, "show running-config inheritance"), 180)
        if not text.rstrip().endswith("\nend"):
            raise DeviceError(f"{session.login.where}: the running configuration has no 'end': it was cut off")
        return text

    def plan(self, running: str, wishes: Wishes) -> ConfigPlan:
        text = single(BANNER.sub("", running))
        tree = parse(text)
        found: list[Line] = []
        for check in wishes.reverse_path:
            found += check_lines(tree, check, wishes.absent, "ipv4")
        found += forwarding_lines(tree, wishes.policies, wishes.absent)
        for neighbour in wishes.neighbours:
            found += neighbour_policies(tree, neighbour, wishes.absent)
        for one in wishes.multipath:
            both = next((line for line in tree[router_of(tree, one.asn)].get(_IPV4, {})
                         if line.startswith("maximum-paths eibgp ")), "")
            if both and not wishes.absent:
                raise WishError(f"multipath: '{both}' is there, which counts for both and is not ours: take it away")
            found += multipath_lines(tree, one, (_IPV4,), wishes.absent, 1, "maximum-paths ebgp")
        made = plan(text, found, leave="root")
        return ConfigPlan(tuple(typed(made.lines)), tuple(typed(made.inverse)), shown(ordered(made.before)),
                          shown(ordered(made.after)))

    def has_timer(self, session: Session) -> bool:
        return True

    def why_not_now(self, session: Session) -> str:
        answer = session.ask(_SESSIONS)
        if _TRIAL.search(answer):
            return "another change waits for its confirmation"
        match = _ROW.search(answer)
        return f"{match['user']} configures it, at {match['line']}" if match else ""

    def apply(self, session: Session, planned: ConfigPlan, seconds: int) -> None:
        """Nothing is in force before the commit. The session stays where it is: leaving takes the change back."""
        session.type("configure exclusive")
        for line in planned.lines:
            session.type(line)
        _commit(session, f"commit confirmed {seconds}")

    def refresh(self, session: Session, wishes: Wishes) -> None:
        """Nothing to do: the router asks its neighbors by itself when a policy changes."""

    def withdraw(self, session: Session) -> str:
        inside = session.configuring()
        trial = bool(_TRIAL.search(session.type(f"do {_SESSIONS}" if inside else _SESSIONS, tolerant=True)))
        if inside and trial:
            answer = session.type("end", tolerant=True)
            if re.search(QUESTION, answer):
                session.type("yes" if "[no]" in answer else "no", 120, tolerant=True)
        elif inside:
            for _time in range(3):  # a policy that is being typed is left first
                session.leave_configuration("abort")
        if trial:
            self._wait(session)
        return ("leaving the trial" if inside else "its own timer") if trial else ""

    def _wait(self, session: Session) -> None:
        """Until no trial is there any more; raises NoAnswer."""
        asked = re.findall(r"^commit confirmed (\d+)$", "\n".join(session.sent), re.M)
        until = time.monotonic() + max(map(int, asked), default=0) + _LATE
        while _TRIAL.search(session.ask(_SESSIONS)):
            if time.monotonic() > until:
                raise NoAnswer(f"{session.login.where}: the trial is not over after its time")
            time.sleep(self._pause)

    def undo(self, session: Session, planned: ConfigPlan) -> None:
        session.type("configure exclusive")
        for line in planned.inverse:
            session.type(line, tolerant=True)
        _commit(session, "commit")
        session.type("end")

    def confirm(self, session: Session) -> None:
        answer = _commit(session, "commit")
        if "Confirming commit for trial session" not in answer:
            raise Rejected(f"{session.login.where}: the timer ran out before the change was confirmed", answer)
        session.type("end")

    def save(self, session: Session) -> None:
        """A commit survives a reload by itself."""


def _there(session: Session, command: str) -> str:
    """A question as it is asked where the session stands."""
    return f"do {command}" if session.configuring() else command


def _commit(session: Session, line: str) -> str:
    """Commit; raises Rejected with the router's reasons."""
    try:
        answer = session.type(line, 300)
    except Rejected as error:
        failed = session.type("show configuration failed", 60, tolerant=True)
        reasons = "; ".join(re.findall(r"^!!% *(.+?)\s*$", failed, re.M))
        raise Rejected(f"{error}{f' ({session.clean(reasons)})' if reasons else ''}", error.answer) from None
    if re.search(QUESTION, answer):  # others have committed meanwhile
        session.type("no", tolerant=True)
        raise Rejected(f"{session.login.where}: {line!r} was not made: others have committed meanwhile", answer)
    return answer
