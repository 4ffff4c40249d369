# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What action plugins on the control node take from Ansible: facts and variables of hosts, as plain values."""

from __future__ import annotations

import json
import pathlib
import typing as t

from ansible.errors import AnsibleActionFail

VARIABLES = (
    "symmetry_uplinks",
    "symmetry_segments",
    "symmetry_flows",
    "symmetry_externals",
    "symmetry_ignore_interfaces",
    "symmetry_inspectors",
)


def plain(value: t.Any) -> t.Any:
    """The value without the tags that ansible-core 2.19 puts on strings, lists and dictionaries."""
    return json.loads(json.dumps(value))


def gathered(hostvars: t.Mapping[str, t.Any], hosts: t.Sequence[str]) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """Facts (an empty dictionary where a host could not be read) and variables of the hosts."""
    facts: dict[str, t.Any] = {}
    variables: dict[str, t.Any] = {}
    for host in hosts:
        if host not in hostvars:
            raise AnsibleActionFail(f"host {host!r} is not in the inventory")
        known = hostvars[host]
        facts[host] = plain((known.get("ansible_facts") or {}).get("symmetry") or {})
        variables[host] = {name: plain(known[name]) for name in VARIABLES if name in known}
    return facts, variables


def write(path: str, text: str, what: str) -> None:
    """Write a file on the control node; a directory that is missing is made."""
    target = pathlib.Path(path).expanduser()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise AnsibleActionFail(f"{what} cannot be written to {target}: {error.strerror}; give another path") from error


def write_json(path: str, data: t.Any, what: str) -> None:
    write(path, json.dumps(data, indent=1) + "\n", what)
