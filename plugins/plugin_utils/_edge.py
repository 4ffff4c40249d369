# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What action plugins on the control node take from Ansible: facts and variables of hosts, as plain values."""

from __future__ import annotations

import contextlib
import json
import marshal
import pathlib
import typing as t

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.template import Templar
from ansible.vars.hostvars import HostVars

VARIABLES = (
    "symmetry_uplinks",
    "symmetry_segments",
    "symmetry_flows",
    "symmetry_externals",
    "symmetry_ignore_interfaces",
    "symmetry_inspectors",
    "symmetry_balancers",
)

_TEMPLATE = object()
_COPIES = "INJECT_FACTS_AS_VARS"


def plain(value: t.Any) -> t.Any:
    """The value without the tags that ansible-core 2.19 puts on strings, lists and dictionaries."""
    return json.loads(json.dumps(value))


def _facts_of(known: t.Mapping[str, t.Any]) -> t.Any:
    """The facts among a host's variables, without tags, and each part copied only where there are any in it.

    ``marshal`` takes nothing but the built-in types, so what it takes has no tags; it looks in a twentieth of the time
    that a copy by way of JSON takes. Ansible hands out facts as copies, so that these parts are nobody else's.
    """
    found = (known.get("ansible_facts") or {}).get("symmetry") or {}
    if not isinstance(found, dict):
        return plain(found)  # the engine says what is wrong with it
    facts: dict[str, t.Any] = {}
    for part, value in found.items():
        try:
            marshal.dumps(value)
        except ValueError:
            value = plain(value)
        facts[str(part)] = value
    return facts


def gathered(
    hostvars: HostVars, hosts: t.Sequence[str], templar: Templar
) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """Facts (an empty dictionary where a host could not be read) and variables of the hosts.

    Facts are data of the hosts and are never templated: they are taken as they are. Of the variables only those with a
    template in them, or with something else that Ansible has yet to turn into data, are templated, each in its host's
    own context; the others are read once for all hosts that have them from one group.
    """
    facts: dict[str, t.Any] = {}
    variables: dict[str, t.Any] = {}
    read: dict[int, tuple[t.Any, t.Any]] = {}
    for host in hosts:
        if host not in hostvars:
            raise AnsibleActionFail(f"host {host!r} is not in the inventory")
        with _facts_in_one_place():
            known = hostvars.raw_get(host)
        facts[host] = _facts_of(known)
        ours = {name: known[name] for name in VARIABLES if name in known}
        data = {name: _data(value, templar, read) for name, value in ours.items()}
        if any(value is _TEMPLATE for value in data.values()):
            own = templar.copy_with_new_env(available_variables=hostvars.raw_get(host))
            data = {name: plain(own.template(ours[name])) if value is _TEMPLATE else value
                    for name, value in data.items()}
        variables[host] = data
    return facts, variables


@contextlib.contextmanager
def _facts_in_one_place() -> t.Iterator[None]:
    """Facts are wanted in ansible_facts only: copies of them among the variables cost as much as all the rest.

    Whether there are copies is a setting that a worker, which has its own memory, may set for itself.
    """
    configured = getattr(constants, _COPIES, False)
    setattr(constants, _COPIES, False)
    try:
        yield
    finally:
        setattr(constants, _COPIES, configured)


def _data(value: t.Any, templar: Templar, read: dict[int, tuple[t.Any, t.Any]]) -> t.Any:
    """The value as plain data, or _TEMPLATE; ``read`` are such values with their data, by identity."""
    if id(value) not in read:  # holding the value keeps its identity its own
        read[id(value)] = value, plain(value) if _is_data(value, templar) else _TEMPLATE
    return read[id(value)][1]


def _is_data(value: t.Any, templar: Templar) -> bool:
    """True where templating would change nothing."""
    if isinstance(value, str):
        return not templar.is_possibly_template(value)
    if isinstance(value, dict):
        return all(_is_data(inner, templar) for item in value.items() for inner in item)
    if isinstance(value, (list, tuple)):
        return all(_is_data(inner, templar) for inner in value)
    return value is None or isinstance(value, (bool, int, float))  # not so: what is encrypted by vault


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
