# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change how a network device chooses paths, from the control node; documented in plugins/modules/device_config.py."""

from __future__ import annotations

import functools
import subprocess
import typing as t

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.ansible_login import (
    OPTIONS,
    Values,
    dialect,
    login,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.changer import (
    config_of,
    look_whether,
    make,
    read_plan,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import (
    DeviceError,
    HostKeyRefused,
    LoginRefused,
    Unreachable,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import read_wishes

_POLICY = {
    "name": {"type": "str", "required": True}, "interface": {"type": "str", "required": True},
    "next_hop": {"type": "str", "required": True}, "sources": {"type": "list", "elements": "str"},
    "destinations": {"type": "list", "elements": "str"}, "protocol": {"type": "str"},
    "dports": {"type": "list", "elements": "int"}, "verify": {"type": "bool", "default": False},
}
_CHECK = {
    "interface": {"type": "str", "required": True},
    "mode": {"type": "str", "choices": ["off", "loose", "strict"], "required": True},
    "allow_default": {"type": "bool", "default": False},
}
_BGP = {
    "neighbor": {"type": "str", "required": True}, "asn": {"type": "int", "required": True},
    "local_preference": {"type": "int"}, "prepend": {"type": "int"}, "med": {"type": "int"},
}


class ActionModule(ActionBase):
    """The edge between Ansible and a change of a device."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            argument_spec={
                **OPTIONS,
                "policies": {"type": "list", "elements": "dict", "options": _POLICY},
                "reverse_path": {"type": "list", "elements": "dict", "options": _CHECK},
                "bgp": {"type": "list", "elements": "dict", "options": _BGP},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                "confirm_within": {"type": "int", "default": 300},
                "proof": {"type": "list", "elements": "str"},
                "save": {"type": "bool", "default": True},
                "allow_without_timer": {"type": "bool", "default": False},
            },
        )
        options = _edge.plain(options)
        try:
            if options["confirm_within"] < 30:
                raise ValueError(f"confirm_within is {options['confirm_within']}: give 30 seconds or more")
            values = Values(task_vars or {}, self._templar)
            platform = dialect(values, options)
            config, wishes = config_of(platform), read_wishes(options)
            check = bool(self._task.check_mode)
            with Session.open(login(values, options, self._play_context), platform, read_only=check) as session:
                planned = read_plan(session, config, wishes)
                if planned.changed:
                    look_whether(session, config, options["allow_without_timer"])
                if planned.changed and not check:
                    make(session, config, wishes, planned, options["confirm_within"],
                         functools.partial(_proof, options["proof"]), options["save"])
        except (Unreachable, HostKeyRefused, LoginRefused) as error:
            raise AnsibleConnectionFailure(str(error)) from None
        except (DeviceError, ValueError) as error:
            raise AnsibleActionFail(str(error)) from None
        where = str((task_vars or {}).get("inventory_hostname", "device"))
        result.update(
            changed=planned.changed, lines=list(planned.lines), undo=list(planned.inverse), sent=session.sent,
            diff={"before": session.clean(planned.before), "after": session.clean(planned.after),
                  "before_header": f"{where}: configuration", "after_header": f"{where}: configuration"},
        )
        return result


def _proof(command: list[str] | None, seconds: float) -> str:
    """Run the command on this control node; why it is no proof, empty where it is one."""
    if not command:
        return ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False,
                              stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = " ".join((done.stdout + done.stderr).split())[-300:]
    return "" if done.returncode == 0 else f"{command[0]} ended with status {done.returncode}: {said}"
