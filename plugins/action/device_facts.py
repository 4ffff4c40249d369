# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a network device over SSH, from the control node; documented in plugins/modules/device_facts.py."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow, FlowError
from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow_spec import read_flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.ansible_login import (
    OPTIONS,
    Values,
    dialect,
    login,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import PARTS, Request
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import (
    DeviceError,
    HostKeyRefused,
    LoginRefused,
    Unreachable,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.gather import gather
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session

Variables = t.Mapping[str, t.Any]


class ActionModule(ActionBase):
    """The edge between Ansible and a session."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            argument_spec={
                **OPTIONS,
                "flows": {"type": "list", "elements": "str", "default": []},
                "prefixes": {"type": "list", "elements": "str", "default": []},
                "gather_subset": {"type": "list", "elements": "str", "choices": list(PARTS), "default": list(PARTS)},
                "max_routes": {"type": "int", "default": 2000},
                "max_sessions": {"type": "int", "default": 500},
                "sample_seconds": {"type": "float", "default": 0},
            },
        )
        options = _edge.plain(options)
        try:
            values = Values(task_vars or {}, self._templar)
            platform = dialect(values, options)
            wanted = _request(options)
            with Session.open(login(values, options, self._play_context), platform) as session:
                facts = gather(platform, session, wanted)
        except (Unreachable, HostKeyRefused, LoginRefused) as error:
            raise AnsibleConnectionFailure(str(error)) from None
        except (DeviceError, FlowError, ValueError) as error:
            raise AnsibleActionFail(str(error)) from None
        result.update(changed=False, ansible_facts={"symmetry": facts}, sent=session.sent)
        return result


def _request(options: Variables) -> Request:
    """What the options ask for; raises FlowError and ValueError."""
    for name in ("max_routes", "max_sessions", "sample_seconds"):
        if options[name] < 0:
            raise ValueError(f"{name} is {options[name]}: give 0 or more")
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
