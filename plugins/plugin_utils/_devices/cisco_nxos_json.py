# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""JSON as Cisco NX-OS writes it: TABLE_x with ROW_x below, which is an object where there is one and a list else."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, NotUnderstood

_SHORT = {"Eth": "Ethernet", "Po": "port-channel", "Lo": "loopback", "Tu": "Tunnel", "Vl": "Vlan"}


def document(asking: Asking, command: str) -> t.Any:
    """The JSON of an answer, empty where there is none to show; raises NotUnderstood and Rejected."""
    text = asking.ask(command, patience=120).strip()
    if not text or text.lower().startswith("route not found"):
        return {}
    try:
        return json.loads(text)
    except ValueError as error:
        asking.keep(command, text.splitlines()[:5])
        raise NotUnderstood(f"the answer to {command!r} is no JSON: {error}") from error


def rows(node: t.Any, name: str) -> t.Iterator[Dict]:
    """Every ROW_name below, at any depth, one object each."""
    if isinstance(node, list):
        for one in node:
            yield from rows(one, name)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == f"ROW_{name}":
                yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict))
            elif isinstance(value, (dict, list)):
                yield from rows(value, name)


def full_name(name: str) -> str:
    """Eth1/1 is Ethernet1/1: answers write both."""
    match = re.match(r"^(?P<word>[A-Za-z]+)(?P<rest>[\d/.]+)$", name)
    return f"{_SHORT.get(match['word'], match['word'])}{match['rest']}" if match else name


def told(row: Dict, key: str) -> str:
    """A value without which a row says nothing; raises NotUnderstood."""
    if key not in row:
        raise NotUnderstood(f"JSON without {key!r}: {', '.join(list(row)[:8])}")
    return str(row[key])
