# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change how a network device chooses paths, from the control node; documented in plugins/modules/device_config.py."""

from __future__ import annotations

import datetime
import functools
import os
import tempfile
import typing as t

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.register import read_time
from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.ansible_login import (
    OPTIONS,
    Values,
    dialect,
    login,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.changer import (
    MARGIN,
    ChangeFailed,
    check_served,
    config_of,
    look_whether,
    make,
    read_plan,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.device_register import DeviceRegister, Entries
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dialect
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import (
    DeviceError,
    HostKeyRefused,
    LoginRefused,
    Unreachable,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.proofs import MISSING, Proof, prove, read_proof
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Login, Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import (
    KINDS,
    SETTINGS,
    WishError,
    Wishes,
    read_wishes,
)

_POLICY = {
    "name": {"type": "str", "required": True}, "interface": {"type": "str", "required": True},
    "next_hop": {"type": "str", "required": True}, "sources": {"type": "list", "elements": "str"},
    "destinations": {"type": "list", "elements": "str"}, "protocol": {"type": "str"},
    "dports": {"type": "list", "elements": "int"}, "verify": {"type": "bool", "default": False},
    "return_next_hops": {"type": "list", "elements": "str"},
}
_ZONE = {"interface": {"type": "str", "required": True}, "zone": {"type": "str", "required": True}}
_MULTIPATH = {"asn": {"type": "int", "required": True}, "ebgp": {"type": "int"}, "ibgp": {"type": "int"}}
_WEAKEN = {
    "name": {"type": "str", "required": True}, "setting": {"type": "str", "choices": list(SETTINGS), "required": True},
    "consent": {"type": "bool", "required": True}, "by": {"type": "str", "required": True},
    "reason": {"type": "str", "required": True}, "until": {"type": "str", "required": True},
    "zone": {"type": "str"}, "interface": {"type": "str"}, "sources": {"type": "list", "elements": "str"},
    "destinations": {"type": "list", "elements": "str"}, "protocol": {"type": "str"},
    "dports": {"type": "list", "elements": "int"},
}
_FLOW = {
    "host": {"type": "str", "required": True}, "flow": {"type": "str", "required": True},
    "count": {"type": "int", "default": 3}, "within": {"type": "int", "default": 30},
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
                "zones": {"type": "list", "elements": "dict", "options": _ZONE},
                "multipath": {"type": "dict", "options": _MULTIPATH},
                "weaken": {"type": "list", "elements": "dict", "options": _WEAKEN},
                "register_file": {"type": "path"},
                "state": {"type": "str", "choices": ["present", "absent", "expired"], "default": "present"},
                "backup": {"type": "bool", "default": True},
                "backup_file": {"type": "path"},
                "confirm_within": {"type": "int", "default": 300},
                "flows": {"type": "list", "elements": "dict", "options": _FLOW},
                "proof": {"type": "list", "elements": "str"},
                "accept_unproven": {"type": "bool", "default": False},
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
            config, name = config_of(platform), str(values.first("inventory_hostname") or "device")
            register = DeviceRegister(options["register_file"]) if options["register_file"] else None
            wishes = _wishes(options, register, name)
            if wishes is None:
                return {**result, "changed": False, "lines": [], "undo": [], "sent": [], "timer": True,
                        "backup_file": "", "diff": {}}
            check_served(config, wishes)
            entries = Entries(register, name, wishes)
            hostvars = (task_vars or {}).get("hostvars") or {}
            proof = read_proof(options, hostvars, options["confirm_within"] - MARGIN)
            where = login(values, options, self._play_context)
            options["backup_file"] = _backup_file(options, name)
            proving, check = functools.partial(prove, proof, hostvars), bool(self._task.check_mode)
            result.update(_change(where, platform, wishes, entries, options, proof, proving, check))
        except (Unreachable, HostKeyRefused, LoginRefused) as error:
            raise AnsibleConnectionFailure(str(error)) from None
        except (DeviceError, ValueError) as error:
            raise AnsibleActionFail(str(error)) from None
        return result


def _wishes(options: dict[str, t.Any], register: DeviceRegister | None, device: str) -> Wishes | None:
    """What is asked; None where nothing has to be done. Raises WishError."""
    now = datetime.datetime.now(datetime.UTC)
    if options["state"] == "expired":
        given = [kind for kind in KINDS if options.get(kind)]
        if given or register is None:
            raise WishError("state expired takes away what the register says has ended: set register_file, and leave "
                            f"{', '.join(given) or 'all else'} out")
        over = register.expired(device, now)
        return Wishes(weaken=over, absent=True) if over else None
    wishes = read_wishes(options)
    for one in () if wishes.absent else wishes.weaken:
        if read_time(one.until, one.name) <= now:
            raise WishError(f"weaken: {one.name} has ended at {one.until}; give a later time, or take it away")
    return wishes


def _change(
    where: Login, platform: Dialect, wishes: Wishes, entries: Entries, options: dict[str, t.Any], proof: Proof,
    proving: t.Callable[[float], str], check: bool,
) -> dict[str, t.Any]:
    """Plan, and unless it is only to be checked, apply; raises DeviceError."""
    config, warning = config_of(platform), ""
    with Session.open(where, platform, read_only=check) as session:
        session.answers = {}
        planned = read_plan(session, config, wishes)
        before, session.answers = session.answers, None
        if planned.changed:
            warning = look_whether(session, config, options["allow_without_timer"])
            if proof.missing and options["state"] != "expired":  # an end that came was agreed on beforehand
                _say_unproven(where.name, check)
        if planned.changed and options["backup_file"] and not check:
            _back_up(options["backup_file"], before)
        if not check:
            entries.open()
        if planned.changed and not check:
            if warning:
                Display().warning(warning)  # before it begins, not with the result
            try:
                make(session, config, wishes, planned, options["confirm_within"], proving, options["save"])
            except ChangeFailed as error:
                if error.restored:
                    entries.undo()
                raise
        if not check:
            entries.close()
    header = f"{where.name}: configuration"
    return {
        "changed": planned.changed or entries.changed, "lines": list(planned.lines), "undo": list(planned.inverse),
        "sent": session.sent, "timer": not warning,
        "backup_file": options["backup_file"] if planned.changed and not check else "",
        "diff": {"before": session.clean(planned.before) + entries.before,
                 "after": session.clean(planned.after) + entries.after,
                 "before_header": header, "after_header": header},
    }


def _say_unproven(name: str, check: bool) -> None:
    if not check:
        raise WishError(f"{name}: {MISSING}. Nothing was sent")
    Display().warning(f"{name}: {MISSING}; without it nothing will be sent outside check mode")


def _backup_file(options: dict[str, t.Any], device: str) -> str:
    """Where the configuration of before is kept; empty where it is not. Raises WishError."""
    if not options["backup"]:
        if options["backup_file"]:
            raise WishError("backup_file is set, and backup is false: give one of both")
        return ""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H%M%SZ")
    return options["backup_file"] or os.path.abspath(os.path.join("backup", f"{device}_{now}.cfg"))


def _back_up(path: str, answers: dict[str, str]) -> None:
    """What the device told of its configuration, for this user's eyes only; raises WishError."""
    text = "".join(f"# {command}\n{answer}\n" for command, answer in answers.items())
    try:
        folder = os.path.dirname(path) or "."
        os.makedirs(folder, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as new:  # mode 0600
            new.write(text)
        os.replace(new.name, path)
    except OSError as error:
        raise WishError(f"backup_file: {path} cannot be written: {error.strerror}; nothing was sent") from None
