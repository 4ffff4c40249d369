# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of changes of every platform do: run a change on a fake over SSH, as the action does, and look at it."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import tempfile
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import changer
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import ConfigPlan
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dialect
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.platforms import BY_PLATFORM
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Login, Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import read_wishes
from ansible_collections.netpath.symmetry.tests.devices.fake import PASSWORD, USER, FakeNetwork, Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_config import Configured

Prove = t.Callable[[float], str]


def _proven(_seconds: float) -> str:
    return ""


@dataclasses.dataclass
class Changing:
    """A platform's dialect and one fake of it that listens."""

    dialect: Dialect
    device: Configured
    login: Login

    def run(self, check: bool = False, prove: Prove = _proven, without_timer: bool = False, fault: Fault | None = None,
            seconds: int = 300, save: bool = True, **wishes: t.Any) -> ConfigPlan:
        """One run of the action; raises what it raises. Received lines are those of this run."""
        self.device.received.clear()
        self.device.fault = fault
        config, wanted = changer.config_of(self.dialect), read_wishes(wishes)
        changer.check_served(config, wanted)
        with Session.open(self.login, self.dialect, read_only=check) as session:
            planned = changer.read_plan(session, config, wanted)
            if planned.changed:
                changer.look_whether(session, config, without_timer)
            if planned.changed and not check:
                changer.make(session, config, wanted, planned, seconds, prove, save)
        return planned

    def four_runs(self, without_timer: bool = False, **wishes: t.Any) -> ConfigPlan:
        """Check, run, check, run: a check asks only and tells what the run does; the second run changes nothing."""
        before = self.device.shown()
        wishes = {**wishes, "without_timer": without_timer}
        checked = self.run(check=True, **wishes)
        assert asked_only(self) and self.device.shown() == before
        done = self.run(**wishes)
        after = self.device.shown()
        assert checked == done and done.changed and after != before
        assert self.device.startup == self.device.running and self.device.pending is None
        again = self.run(check=True, **wishes)
        assert not again.changed and again.before == done.after
        assert not self.run(**wishes).changed and not not_questions(self) and self.device.shown() == after
        return done


def asked_only(changing: Changing) -> bool:
    """Whether nothing but questions was received."""
    return bool(changing.device.received) and not not_questions(changing)


def not_questions(changing: Changing) -> list[str]:
    """Lines that were received and are none; the platform says which are, whatever the dialect at hand does."""
    platform = BY_PLATFORM[changing.dialect.platform]
    return [line for line in changing.device.received
            if not platform.reading.fullmatch(line) and line not in (*platform.opening, *platform.closing)]


@contextlib.contextmanager
def changing(dialect: Dialect, device: Configured) -> t.Iterator[Changing]:
    with FakeNetwork(device) as network, tempfile.TemporaryDirectory() as folder:
        known_hosts = pathlib.Path(folder, "known_hosts")
        known_hosts.write_text(network.known_hosts())
        yield Changing(dialect, device, Login(device.name, "127.0.0.1", network.ports[device.name], USER, PASSWORD,
                                              known_hosts=str(known_hosts), timeout=10.0))
