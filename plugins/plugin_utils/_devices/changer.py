# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Changes of a device's configuration: planned offline, applied under a timer where there is one, or taken back.

Whatever fails, the device is brought back to where it was: by its own means, by the inverse that is held here, or by
its timer where it cannot be reached any more; the error says which.
"""

from __future__ import annotations

import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import ConfigPlan
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dialect
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError, Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError, Wishes

MARGIN = 15  # seconds that confirming may take


class ChangeFailed(DeviceError):
    """The change was not made; the message says whether the device is as it was (``restored``)."""

    def __init__(self, text: str, restored: bool) -> None:
        super().__init__(text)
        self.restored = restored


class ConfigDialect(t.Protocol):
    """What a dialect that changes a configuration has besides (cisco_config.py, frr_config.py ...)."""

    title: str
    serves: t.Collection[str]  # the options of device_config (wishes.KINDS) that it can bring about
    instead: t.Mapping[str, str]  # of the others, what to do in their place, where that can be said
    no_timer: str  # what to do so that the device has a timer; empty where it never has one

    def has_timer(self, session: Session) -> bool:
        """Whether the device takes an unconfirmed change back by itself; only questions are asked."""

    def running(self, session: Session) -> str:
        """The running configuration, read."""

    def plan(self, running: str, wishes: Wishes) -> ConfigPlan:
        """What brings the wishes about; pure. Raises WishError where what is there is in the way."""

    def why_not_now(self, session: Session) -> str:
        """Why nobody should change the device now (another change that waits for its confirmation); or empty."""

    def apply(self, session: Session, planned: ConfigPlan, seconds: int) -> None:
        """Send the lines, under a timer of so many seconds where there is one; raises Rejected and SessionLost."""

    def refresh(self, session: Session, wishes: Wishes) -> None:
        """What makes neighbours hear of it (a soft reset of BGP)."""

    def withdraw(self, session: Session) -> str:
        """Have the device take an unconfirmed change back by its own means; which, in words, or empty without any.

        The session is where commands are given after it.
        """

    def undo(self, session: Session, planned: ConfigPlan) -> None:
        """Send the inverse."""

    def confirm(self, session: Session) -> None:
        """Keep the change; raises Rejected where the device has taken it back meanwhile."""

    def save(self, session: Session) -> None:
        """Write the configuration to where it survives a reload; nothing where ``confirm`` does that."""


def read_plan(session: Session, config: ConfigDialect, wishes: Wishes) -> ConfigPlan:
    """What would be sent; only questions are asked. Raises WishError and DeviceError."""
    return config.plan(config.running(session), wishes)


def check_served(config: ConfigDialect, wishes: Wishes) -> None:
    """Raise WishError where something is asked that this platform's changes do not know."""
    for kind in wishes.kinds:
        if kind not in config.serves:
            raise WishError(f"{kind}: {config.instead.get(kind) or f'not made on {config.title} by this version'}; "
                            f"there {', '.join(config.serves)} can be set. Nothing was sent")


def look_whether(session: Session, config: ConfigDialect, allow_without_timer: bool) -> str:
    """Raise WishError where the device should not be changed now; only questions are asked.

    Returns what has to be said before the change begins, or nothing.
    """
    timed = config.has_timer(session)
    if not timed and not allow_without_timer:
        raise WishError(f"{session.login.where}: the device would not take an unconfirmed change back by itself; "
                        f"{f'{config.no_timer}, or ' if config.no_timer else ''}set allow_without_timer. Nothing was "
                        "sent")
    why = config.why_not_now(session)
    if why:
        raise WishError(f"{session.login.where}: {why}; nothing was sent")
    return "" if timed else (f"{session.login.where}: the device has no timer: this task alone holds the lines that "
                             "take the change back, and a session that is lost for good leaves the change")


def make(
    session: Session, config: ConfigDialect, wishes: Wishes, planned: ConfigPlan, seconds: int,
    prove: t.Callable[[float], str], save: bool = True,
) -> None:
    """Apply a plan, see that the device has it, have it proven, keep it; raises ChangeFailed, which says how it went.

    ``prove`` is given the seconds that are left until the timer runs out; it returns why it is no proof, or nothing.
    """
    started, keeping = time.monotonic(), False
    try:
        config.apply(session, planned, seconds)
        left = config.plan(config.running(session), wishes)
        if left.changed:
            raise Rejected(f"{session.login.where}: the device does not have {left.lines[-1]!r} after the change")
        config.refresh(session, wishes)
        failed = prove(max(10.0, seconds - MARGIN - (time.monotonic() - started)))
        if failed:
            raise Rejected(f"{session.login.where}: the proof failed: {failed}")
        session.see_that_it_answers()  # a change that cuts us off is none to keep
        config.confirm(session)
        keeping = save
        if save:
            config.save(session)
    except DeviceError as error:
        restored, back = take_back(session, config, wishes, planned)
        again = _saved_again(session, config) if keeping else ""
        raise ChangeFailed(f"{error}. {back}{again}", restored) from error


def take_back(session: Session, config: ConfigDialect, wishes: Wishes, planned: ConfigPlan) -> tuple[bool, str]:
    """Bring the device back; returns whether it is as it was, and how that went, in words."""
    by_hand = f"These lines take the change back: {' / '.join(planned.inverse)}"
    how = unheard = ""
    try:
        _be_there(session)
        how = config.withdraw(session)
        if not _as_it_was(session, config, wishes, planned):
            config.undo(session, planned)
            how = "the lines that undo it"
        try:
            config.refresh(session, wishes)
        except Rejected as error:
            unheard = f"; its neighbours may not have heard of it ({error})"
        if not _as_it_was(session, config, wishes, planned):
            return False, f"The device is NOT as it was. {by_hand}"
    except DeviceError as error:
        if how:
            return False, f"The device took it back by {how}, but could not be read again ({error}). {by_hand}"
        return False, (f"The device could not be asked to take it back ({error}). A timer that was armed does that; "
                       f"without one the change may stand in part. {by_hand}")
    return True, f"The device is as it was{f', by {how}' if how else ''}{unheard}"


def _be_there(session: Session) -> None:
    """A session that answers: this one, or a new one where it was lost, perhaps unnoticed while a proof was made."""
    try:
        if not session.lost:
            session.see_that_it_answers()
    except DeviceError:
        pass
    if session.lost:
        session.reopen()


def _as_it_was(session: Session, config: ConfigDialect, wishes: Wishes, planned: ConfigPlan) -> bool:
    """Entries of our lists only permit: where one is put back behind another it is the same list."""
    now = read_plan(session, config, wishes)
    return (sorted(now.lines), sorted(now.before.splitlines())) == (
        sorted(planned.lines), sorted(planned.before.splitlines()))


def _saved_again(session: Session, config: ConfigDialect) -> str:
    """The saving went wrong, perhaps half-way: what was taken back is saved once more."""
    try:
        config.save(session)
    except DeviceError as error:
        return f". What it starts with may still hold the change, it could not be saved again ({error})"
    return ", and saved so"


def config_of(dialect: Dialect) -> ConfigDialect:
    """How a platform is changed; raises DeviceError for one that is only read."""
    found = getattr(dialect, "config", None)
    if found is None:
        raise DeviceError(f"{dialect.title} can be read, not changed, by this version")
    return t.cast(ConfigDialect, found)
