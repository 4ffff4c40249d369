# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a request means on a host with these changes: pure, the same in check mode and in a real run."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._guard import changes as states
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.changes import Change
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.dependency import dependents, told
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import GuardError

TIMEOUTS = (10, 3600)  # seconds: long enough to reach the host again, short enough that somebody still watches
_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")


@dataclasses.dataclass(frozen=True)
class Request:
    """What a user wants of the guard."""

    state: str  # armed, prepared, confirmed, reverted, rolled_back, queried
    change_id: t.Optional[str] = None
    timeout: int = 300
    reason: str = ""
    by: str = ""
    force: bool = False
    besides: t.Sequence[str] = ()  # ids that are rolled back before this one
    hosts: t.Sequence[str] = ()  # all hosts of the change
    needs: t.Sequence[str] = ()  # tools that its inverses call


@dataclasses.dataclass(frozen=True)
class Decision:
    """What will be done: ``action`` is a command of the script, "arm", or empty."""

    action: str
    change: t.Optional[Change]  # what it is done to, as it is now
    after: str  # its state afterwards
    message: str

    @property
    def changed(self) -> bool:
        return self.action not in ("", "extend", "prepare")


def decide(request: Request, pending: Change | None, ended: t.Sequence[Change]) -> Decision:
    """Decide; raises GuardError where the request is refused, with the reason and what to do."""
    if request.change_id is not None and not _ID.match(request.change_id):
        raise GuardError(
            f"change_id {request.change_id!r}: use 1 to 64 letters, digits, dots, dashes and underscores, "
            "the first a letter or digit"
        )
    past = next((change for change in ended if change.id == request.change_id), None)
    if request.state == "armed":
        return _armed(request, pending, past)
    if request.state == "prepared":
        return _prepared(request, pending, past, ended)
    if request.state == "confirmed":
        return _confirmed(request, pending, past, ended)
    if request.state == "reverted":
        return _reverted(request, pending, past)
    if request.state == "rolled_back":
        return _rolled_back(request, pending, past, ended)
    chosen = pending if request.change_id is None or _is(request, pending) else past
    return Decision("", chosen, chosen.state if chosen else "absent", _told(chosen, request.change_id))


def _armed(request: Request, pending: Change | None, past: Change | None) -> Decision:
    _check_timeout(request)
    if pending is not None and pending.id != request.change_id:
        raise GuardError(
            f"change {pending.id} is pending already, armed by {pending.by} ({pending.reason or 'no reason given'}), "
            f"{pending.seconds_left:.0f} s left: confirm or revert it first"
        )
    if pending is not None:
        if pending.state == states.REVERTING:
            raise GuardError(f"change {pending.id} is being reverted: 'symmetry-guard revert' finishes it")
        return Decision("extend", pending, states.PENDING, f"change {pending.id} is armed already and was extended")
    if past is not None:
        raise GuardError(f"change {past.id} has ended on this host ({past.state} since {past.ended}): use another id")
    return Decision("arm", None, states.PENDING, f"armed for {request.timeout} s")


def _check_timeout(request: Request) -> None:
    low, high = TIMEOUTS
    if not low <= request.timeout <= high:
        raise GuardError(f"timeout {request.timeout}: use {low} to {high} seconds")


def _prepared(request: Request, pending: Change | None, past: Change | None, ended: t.Sequence[Change]) -> Decision:
    """A host that can be confirmed can be prepared, except that what is confirmed already needs it no more."""
    _check_timeout(request)
    could = _confirmed(request, pending, past, ended)
    if could.action and could.change is not None:
        return Decision("prepare", could.change, states.PENDING, f"change {could.change.id} can be confirmed")
    return could


def _confirmed(request: Request, pending: Change | None, past: Change | None, ended: t.Sequence[Change]) -> Decision:
    if pending is not None and (request.change_id is None or _is(request, pending)):
        if pending.state == states.REVERTING or pending.seconds_left <= 0:
            raise GuardError(f"too late: the time of change {pending.id} is over and it is being reverted")
        return Decision("confirm", pending, states.CONFIRMED, f"change {pending.id} is confirmed")
    if past is not None and past.state == states.CONFIRMED:
        return Decision("", past, past.state, f"change {past.id} is confirmed since {past.ended}")
    last = past or (ended[-1] if ended and request.change_id is None else None)
    if last is not None:
        raise GuardError(
            f"too late, nothing is pending to confirm: change {last.id} is {last.state} since {last.ended}"
            + (f" ({last.why})" if last.why else "")
        )
    named = f"change {request.change_id} was never armed here" if request.change_id else "no change was ever armed here"
    also = f"; pending is {pending.id}, armed by {pending.by}" if pending else ""
    raise GuardError(f"nothing to confirm: {named}{also}")


def _reverted(request: Request, pending: Change | None, past: Change | None) -> Decision:
    if pending is not None and (request.change_id is None or _is(request, pending)):
        return Decision("revert", pending, states.REVERTED, f"change {pending.id} is reverted")
    if past is None:
        if pending is not None:
            raise GuardError(
                f"change {request.change_id} was never armed here; pending is {pending.id}, armed by {pending.by}"
            )
        return Decision("", None, "absent", "nothing is pending")
    if past.state in (states.CONFIRMED, states.ROLLBACK_FAILED):
        raise GuardError(
            f"change {past.id} is not pending, it was confirmed at {past.ended}: use state rolled_back to take it back"
        )
    action = "revert" if past.state == states.FAILED else ""
    return Decision(action, past, states.REVERTED if action else past.state, f"change {past.id} is {past.state}")


def _rolled_back(request: Request, pending: Change | None, past: Change | None, ended: t.Sequence[Change]) -> Decision:
    if pending is not None:
        hint = "use state reverted" if _is(request, pending) else "confirm or revert it first"
        raise GuardError(f"change {pending.id} is pending: {hint}")
    if past is None:
        raise GuardError(f"change {request.change_id} was never armed here: nothing can be rolled back")
    if past.state == states.FAILED:
        raise GuardError(f"change {past.id} was reverted in part: finish it with state reverted and this change_id")
    if past.state in (states.ROLLED_BACK, states.REVERTED):
        return Decision("", past, past.state, f"change {past.id} is already {past.state.replace('_', ' ')}")
    held = _dependents(past, ended, request.besides)
    if held and not request.force:
        raise GuardError(
            f"change {past.id} is not the newest, and these may depend on it: {', '.join(held)}; roll them back first "
            f"in this order, or use force. Why: {'; '.join(f'{one} touches {told(key)}' for one, key in held.items())}"
        )
    return Decision("rollback", past, states.ROLLED_BACK, f"change {past.id} is rolled back")


def _dependents(past: Change, ended: t.Sequence[Change], besides: t.Collection[str]) -> dict[str, str]:
    """The later changes that are still in force and depend on this one, newest first, each with the key by which."""
    later = [
        change
        for change in sorted(ended, key=lambda change: change.sequence)
        if change.state in (states.CONFIRMED, states.ROLLBACK_FAILED) and change.sequence > past.sequence
    ]
    held = dependents(past.touches, [(change.id, change.touches) for change in later if change.id not in besides])
    return dict(reversed(list(held.items())))


def _is(request: Request, change: Change | None) -> bool:
    return change is not None and change.id == request.change_id


def _told(change: Change | None, change_id: str | None) -> str:
    if change is None:
        return f"there is no change {change_id} on this host" if change_id else "nothing is pending"
    if change.state == states.PENDING:
        told = f"change {change.id} is pending, {change.seconds_left:.0f} s left, armed by {change.by}"
        return told + (f"; its hosts are {', '.join(change.hosts)}" if change.hosts else "")
    return f"change {change.id} is {change.state}"
