# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that settles a change later, with the options by which the present playbook reaches its hosts."""

from __future__ import annotations

import json
import typing as t

PLAYBOOK = "netpath.symmetry.settle"
# Option of the command line by its name in Ansible's parsed arguments.
_VALUES = {
    "private_key_file": "--private-key",
    "remote_user": "--user",
    "connection": "--connection",
    "ssh_common_args": "--ssh-common-args",
    "ssh_extra_args": "--ssh-extra-args",
    "sftp_extra_args": "--sftp-extra-args",
    "scp_extra_args": "--scp-extra-args",
    "become_method": "--become-method",
    "become_user": "--become-user",
    "become_password_file": "--become-password-file",
    "connection_password_file": "--connection-password-file",
}
_LISTS = {"inventory": "--inventory", "vault_ids": "--vault-id", "vault_password_files": "--vault-password-file",
          "extra_vars": "--extra-vars"}
_PROMPTS = {"ask_pass": "--ask-pass", "become_ask_pass": "--ask-become-pass", "ask_vault_pass": "--ask-vault-pass"}


def prompts(arguments: t.Mapping[str, t.Any]) -> list[str]:
    """The options of this run that ask a person for a secret: nobody can be asked later."""
    asked = [option for name, option in _PROMPTS.items() if arguments.get(name)]
    if any(str(vault).endswith("@prompt") for vault in arguments.get("vault_ids") or ()):
        asked.append("--vault-id ...@prompt")
    return asked


def settle_command(
    program: t.Sequence[str], arguments: t.Mapping[str, t.Any], change_id: str, hosts: t.Sequence[str]
) -> list[str]:
    """The words of the command. ``arguments`` are ``context.CLIARGS`` of the present run."""
    words = list(program)
    for name, option in _LISTS.items():
        for value in arguments.get(name) or ():
            words += [option, str(value)]
    for name, option in _VALUES.items():
        if arguments.get(name):
            words += [option, str(arguments[name])]
    if arguments.get("become"):
        words.append("--become")
    told = {"symmetry_change_id": change_id, "symmetry_hosts": ",".join(hosts)}
    return [*words, "--extra-vars", json.dumps(told), PLAYBOOK]
