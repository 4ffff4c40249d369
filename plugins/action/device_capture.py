# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watch one flow on a network device, from the control node; documented in plugins/modules/device_capture.py."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.netpath.symmetry.plugins.module_utils._capture.summary import summarise
from ansible_collections.netpath.symmetry.plugins.module_utils._capture.wanted import Wanted
from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.ansible_login import (
    OPTIONS,
    Values,
    dialect,
    login,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.capturing import (
    Interrupted,
    Seen,
    Watch,
    capture_of,
    check_bounds,
    interruptible,
    make,
    prepare,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dialect
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import (
    DeviceError,
    HostKeyRefused,
    LoginRefused,
    Unreachable,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Login, Session


class ActionModule(ActionBase):
    """The edge between Ansible and a capture on a device."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            argument_spec={
                **OPTIONS,
                "flow": {"type": "str", "required": True},
                "interfaces": {"type": "list", "elements": "str", "default": []},
                "seconds": {"type": "int", "default": 10},
                "packets": {"type": "int", "default": 100},
            },
        )
        options = _edge.plain(options)
        try:
            values = Values(task_vars or {}, self._templar)
            platform = dialect(values, options)
            watch = Watch(Wanted.build(options["flow"], []), tuple(options["interfaces"]),
                          options["seconds"], options["packets"])
            check_bounds(capture_of(platform), watch)
            where = login(values, options, self._play_context)
            result.update(_capture(where, platform, watch, bool(self._task.check_mode)))
        except (Unreachable, HostKeyRefused, LoginRefused) as error:
            raise AnsibleConnectionFailure(str(error)) from None
        except (DeviceError, ValueError, Interrupted) as error:
            raise AnsibleActionFail(str(error)) from None
        return result


def _capture(where: Login, platform: Dialect, watch: Watch, check: bool) -> dict[str, t.Any]:
    """Capture, or in check mode say what would be sent; raises DeviceError and Interrupted."""
    capture, seen = capture_of(platform), Seen()
    with interruptible(), Session.open(where, platform, read_only=check) as session:
        plan, known = prepare(session, capture, watch)
        if not check:
            seen = make(session, capture, watch, plan, known)
    packets = sorted(seen.packets, key=lambda one: one.time)
    return {
        "changed": False, "timeline": [one.to_dict() for one in packets], "summary": summarise(packets),
        "clock": capture.clock, "interfaces": list(watch.interfaces), "lines": list(plan.lines), "sent": session.sent,
        "unread": [session.clean(line)[:200] for line in seen.unread[:20]],
    }
