# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The register of what devices check less than they should: a file of the control node, since a device keeps none.

An entry is written before the device is changed, and struck out after it was changed back, so that what is weakened is
always in the register. No device ends an exception by itself: device_config does (state expired), from a schedule.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import fcntl
import json
import os
import pathlib
import tempfile
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.register import read_time
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import (
    Weakening,
    WishError,
    Wishes,
    read_weakening,
)

Dict = dict[str, t.Any]


class DeviceRegister:
    """The entries of all devices: ``{device: {name: {setting, by, reason, until, and its scope}}}``."""

    def __init__(self, path: str) -> None:
        self._path = pathlib.Path(path).expanduser()

    def entries(self, device: str) -> dict[str, Weakening]:
        """Those of one device; raises WishError where the file is none of ours."""
        return {name: self._weakening(device, name, entry) for name, entry in self._all().get(device, {}).items()}

    def expired(self, device: str, now: datetime.datetime) -> tuple[Weakening, ...]:
        """Those whose end has come."""
        return tuple(one for one in self.entries(device).values() if read_time(one.until, one.name) <= now)

    def enter(self, device: str, weakenings: t.Iterable[Weakening]) -> None:
        with self._locked() as found:
            found.setdefault(device, {}).update({one.name: _entry(one) for one in weakenings})

    def strike(self, device: str, weakenings: t.Iterable[Weakening]) -> None:
        with self._locked() as found:
            for one in weakenings:
                found.get(device, {}).pop(one.name, None)
            if not found.get(device, True):
                del found[device]

    def _weakening(self, device: str, name: str, entry: t.Any) -> Weakening:
        try:
            return read_weakening({**entry, "name": name, "consent": True}, f"{self._path}: {device}")
        except (TypeError, KeyError) as error:
            raise WishError(f"{self._path}: {device}: {name}: the entry is not as this collection writes it "
                            f"({error!r})") from None

    def _all(self) -> dict[str, Dict]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise WishError(f"the register {self._path} cannot be read: {error}") from None
        if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
            raise WishError(f"the register {self._path} is not a mapping of devices; give another file")
        return found

    @contextlib.contextmanager
    def _locked(self) -> t.Iterator[dict[str, Dict]]:
        """All entries, which are written back as a whole; hosts of one play come side by side. Raises WishError."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with open(f"{self._path}.lock", "w", encoding="ascii") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                found = self._all()
                yield found
                with tempfile.NamedTemporaryFile("w", dir=self._path.parent, delete=False, encoding="utf-8") as new:
                    json.dump(found, new, indent=1, sort_keys=True)
                    new.write("\n")
                    new.flush()
                    os.fsync(new.fileno())
                os.replace(new.name, self._path)
        except OSError as error:
            raise WishError(f"the register {self._path} cannot be written: {error}; nothing was sent") from None


class Entries:
    """What a change does to the register of one device; ``wishes`` are its own, and nothing is written before
    ``open``."""

    def __init__(self, register: DeviceRegister | None, device: str, wishes: Wishes) -> None:
        if wishes.weaken and register is None:
            raise WishError("weaken: set register_file, the file in which exceptions are written down")
        self._register, self._device, self._wishes = register, device, wishes
        there = register.entries(device) if register and wishes.weaken else {}
        self._old = tuple(there[one.name] for one in wishes.weaken if one.name in there)
        self._new = () if wishes.absent else wishes.weaken
        for one in self._new:
            other = next((two for two in there.values() if two.name != one.name and (two.setting, two.scope) == (
                one.setting, one.scope)), None)
            if other:
                raise WishError(f"weaken: {one.setting} of that scope is in the register already, as {other.name}: "
                                "change that entry; two would not know when the other ends")

    @property
    def changed(self) -> bool:
        return self._old != self._new

    @property
    def before(self) -> str:
        return _shown(self._old)

    @property
    def after(self) -> str:
        return _shown(self._new)

    def open(self) -> None:
        """Before the device is changed: what will be weak is written down."""
        if self._register and self._new:
            self._register.enter(self._device, self._new)

    def close(self) -> None:
        """After it was changed: what is not weak any more is struck out."""
        if self._register and self._wishes.weaken and not self._new:
            self._register.strike(self._device, self._old)

    def undo(self) -> None:
        """The device is as it was."""
        if self._register and self._new:
            self._register.strike(self._device, self._new)
            self._register.enter(self._device, self._old)


def _shown(weakenings: t.Iterable[Weakening]) -> str:
    return "".join(f"# register: {one.name} {json.dumps(_entry(one), sort_keys=True)}\n" for one in weakenings)


def _entry(one: Weakening) -> Dict:
    found = dataclasses.asdict(one)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()
            if value and key != "name"}
