# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Where a device is and who logs in, by the variables that Ansible itself uses, and the options of our actions."""

from __future__ import annotations

import typing as t

from ansible import constants
from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dialect
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.platforms import dialect_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Login

Variables = t.Mapping[str, t.Any]
OPTIONS: dict[str, dict[str, t.Any]] = {
    "platform": {"type": "str"},
    "host_key_checking": {"type": "bool"},
    "known_hosts": {"type": "path", "default": ""},
    "ssh_config": {"type": "path", "default": ""},
    "timeout": {"type": "float", "default": 30},
}


class Values:
    """The variables of a host, templated one by one."""

    def __init__(self, variables: Variables, templar: t.Any) -> None:
        self._variables = variables
        self._templar = templar

    def first(self, *names: str) -> t.Any:
        """The first of these variables that is set, as plain data; None where none is."""
        for name in names:
            if self._variables.get(name) not in (None, ""):
                return _edge.plain(self._templar.template(self._variables[name]))
        return None


def dialect(values: Values, options: Variables) -> Dialect:
    """The dialect that the option or ansible_network_os names; raises DeviceError."""
    return dialect_of(options["platform"] or str(values.first("ansible_network_os") or ""))


def login(values: Values, options: Variables, given: t.Any) -> Login:
    """``given``: Ansible's own settings of this play (PlayContext); raises ValueError."""
    if options["timeout"] <= 0:
        raise ValueError(f"timeout is {options['timeout']}: give a number of seconds above 0")
    checking = options["host_key_checking"]
    if checking is None:
        stated = values.first("ansible_host_key_checking", "ansible_ssh_host_key_checking")
        checking = constants.HOST_KEY_CHECKING if stated is None else boolean(stated)
    return Login(
        name=str(values.first("inventory_hostname") or ""),
        address=str(values.first("ansible_host", "ansible_ssh_host", "inventory_hostname")),
        port=int(values.first("ansible_port", "ansible_ssh_port") or 22),
        user=str(values.first("ansible_user", "ansible_ssh_user") or given.remote_user or ""),
        password=str(values.first("ansible_password", "ansible_ssh_pass", "ansible_ssh_password")
                     or given.password or ""),
        secret=str(values.first("ansible_become_password", "ansible_become_pass") or given.become_pass or ""),
        key_file=str(values.first("ansible_ssh_private_key_file", "ansible_private_key_file")
                     or given.private_key_file or ""),
        passphrase=str(values.first("ansible_ssh_private_key_passphrase") or ""),
        host_key_checking=bool(checking), known_hosts=options["known_hosts"], ssh_config=options["ssh_config"],
        timeout=options["timeout"],
    )
