# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Changes of a device's configuration: planned offline, applied under a timer where there is one, or taken back.

``plan`` only reads. ``apply`` sends; whatever fails, the device is brought back to where it was, by its own timer or by
the inverse that is held here, and the error says which. ``confirm`` keeps the change, ``revert`` does not.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import ConfigPlan
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dialect
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError, Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError, Wishes


class ChangeFailed(DeviceError):
    """The change was not made; the message says whether the device is as it was."""


class ConfigDialect(t.Protocol):
    """What a dialect that changes a configuration has besides (cisco_config.py, frr_config.py ...)."""

    title: str

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

    def revert(self, session: Session, planned: ConfigPlan) -> None:
        """Take the lines back, by the device's own means where there are some."""

    def confirm(self, session: Session, save: bool) -> None:
        """Keep the change, and write it to where it survives a reload."""


def read_plan(session: Session, config: ConfigDialect, wishes: Wishes) -> ConfigPlan:
    """What would be sent; only questions are asked. Raises WishError and DeviceError."""
    running = config.running(session)
    return config.plan(running, wishes)


def change(session: Session, config: ConfigDialect, wishes: Wishes, planned: ConfigPlan, seconds: int) -> None:
    """Apply a plan, and see that the device has it; raises ChangeFailed, after which the device is as it was.

    The change waits for ``confirm``, within ``seconds`` where the device has a timer.
    """
    why = config.why_not_now(session)
    if why:
        raise WishError(f"{session.login.where}: {why}; nothing was sent")
    try:
        config.apply(session, planned, seconds)
        left = config.plan(config.running(session), wishes)
        if left.changed:
            raise Rejected(f"{session.login.where}: the device does not have {left.lines[-1]!r} after the change")
        config.refresh(session, wishes)
    except DeviceError as error:
        raise ChangeFailed(f"{error}. {take_back(session, config, wishes, planned)}") from error


def take_back(session: Session, config: ConfigDialect, wishes: Wishes, planned: ConfigPlan) -> str:
    """Bring the device back; returns how that went, in words."""
    try:
        config.revert(session, planned)
        running = config.running(session)
        config.refresh(session, wishes)
    except DeviceError as error:
        return (f"The device could not be asked to take it back ({error}). A timer that was armed does; without one "
                f"the change may stand in part. These lines take it back: {' / '.join(planned.inverse)}")
    still = config.plan(running, wishes).lines
    if still != planned.lines:
        return "The device is NOT as it was: these lines take the change back: " + " / ".join(planned.inverse)
    return "The device is as it was"


def config_of(dialect: Dialect) -> ConfigDialect:
    """How a platform is changed; raises DeviceError for one that is only read."""
    found = getattr(dialect, "config", None)
    if found is None:
        raise DeviceError(f"{dialect.title} can be read, not changed, by this version")
    return t.cast(ConfigDialect, found)
