# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a network device over SSH, from the control node; documented in plugins/modules/device_facts.py."""

from __future__ import annotations

import typing as t

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow, FlowError
from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow_spec import read_flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import PARTS, Request
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import (
    DeviceError,
    HostKeyRefused,
    LoginRefused,
    Unreachable,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.gather import gather
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.platforms import dialect_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Login, Session

Variables = t.Mapping[str, t.Any]


class ActionModule(ActionBase):
    """The edge between Ansible and a session."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        _validation, options = self.validate_argument_spec(
            argument_spec={
                "platform": {"type": "str"},
                "flows": {"type": "list", "elements": "str", "default": []},
                "prefixes": {"type": "list", "elements": "str", "default": []},
                "gather_subset": {"type": "list", "elements": "str", "choices": list(PARTS), "default": list(PARTS)},
                "max_routes": {"type": "int", "default": 2000},
                "max_sessions": {"type": "int", "default": 500},
                "sample_seconds": {"type": "float", "default": 0},
                "host_key_checking": {"type": "bool"},
                "known_hosts": {"type": "path", "default": ""},
                "ssh_config": {"type": "path", "default": ""},
                "timeout": {"type": "float", "default": 30},
            },
        )
        options = _edge.plain(options)
        try:
            dialect = dialect_of(options["platform"] or str(self._value(variables, "ansible_network_os") or ""))
            wanted = _request(options)
            with Session.open(self._login(variables, options), dialect) as session:
                facts = gather(dialect, session, wanted)
        except (Unreachable, HostKeyRefused, LoginRefused) as error:
            raise AnsibleConnectionFailure(str(error)) from None
        except (DeviceError, FlowError, ValueError) as error:
            raise AnsibleActionFail(str(error)) from None
        result.update(changed=False, ansible_facts={"symmetry": facts}, sent=session.sent)
        return result

    def _value(self, variables: Variables, *names: str) -> t.Any:
        """The first of these variables that is set, as plain data."""
        for name in names:
            if variables.get(name) not in (None, ""):
                return _edge.plain(self._templar.template(variables[name]))
        return None

    def _login(self, variables: Variables, options: Variables) -> Login:
        checking = options["host_key_checking"]
        if checking is None:
            stated = self._value(variables, "ansible_host_key_checking", "ansible_ssh_host_key_checking")
            checking = constants.HOST_KEY_CHECKING if stated is None else boolean(stated)
        given = self._play_context
        return Login(
            name=str(variables.get("inventory_hostname", "")),
            address=str(self._value(variables, "ansible_host", "ansible_ssh_host", "inventory_hostname")),
            port=int(self._value(variables, "ansible_port", "ansible_ssh_port") or 22),
            user=str(self._value(variables, "ansible_user", "ansible_ssh_user") or given.remote_user or ""),
            password=str(self._value(variables, "ansible_password", "ansible_ssh_pass", "ansible_ssh_password")
                         or given.password or ""),
            secret=str(self._value(variables, "ansible_become_password", "ansible_become_pass")
                       or given.become_pass or ""),
            key_file=str(self._value(variables, "ansible_ssh_private_key_file", "ansible_private_key_file")
                         or given.private_key_file or ""),
            passphrase=str(self._value(variables, "ansible_ssh_private_key_passphrase") or ""),
            host_key_checking=bool(checking), known_hosts=options["known_hosts"], ssh_config=options["ssh_config"],
            timeout=options["timeout"],
        )


def _request(options: Variables) -> Request:
    """What the options ask for; raises FlowError and ValueError."""
    for name in ("max_routes", "max_sessions", "sample_seconds"):
        if options[name] < 0:
            raise ValueError(f"{name} is {options[name]}: give 0 or more")
    if options["timeout"] <= 0:
        raise ValueError(f"timeout is {options['timeout']}: give a number of seconds above 0")
    single: list[Flow] = []
    prefixes: list[str] = list(options["prefixes"])
    for text in options["flows"]:
        flow = read_flow(text)
        if isinstance(flow, Flow):
            single.append(flow)
        else:
            prefixes += [flow.source, flow.destination]
    return Request(tuple(single), tuple(prefixes), options["max_routes"], options["max_sessions"],
                   options["sample_seconds"], tuple(options["gather_subset"]))
