# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What Junos says: JSON in which every leaf is a list, and the configuration in set lines.

Answers of a chassis cluster hold the same document once per node, so that keys are looked for at every depth.
The configuration is read with ``display set``: its JSON has two shapes, by the release.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import set_lines, words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, NotUnderstood
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError, Rejected

_UNKNOWN = ("syntax error", "unknown command", "expecting")


def document(asking: Asking, command: str, patience: float = 60) -> t.Any:
    """The answer to ``command | display json``; None where it is empty. Raises DeviceError."""
    return parsed(asking.ask(f"{command} | display json", patience=patience), command)


def parsed(text: str, command: str) -> t.Any:
    """The document in a text; None where it is empty; raises NotUnderstood."""
    if not text.strip():
        return None
    try:
        found = words.json_documents(text[max(text.find("{"), 0):])
    except ValueError as error:
        raise NotUnderstood(f"the answer to '{command} | display json' is no JSON ({error})") from error
    return found if len(found) > 1 else found[0]


def every(node: t.Any, key: str) -> list[Dict]:
    """All entries of this key, at every depth, in order; entries of an entry are not looked into."""
    found: list[Dict] = []
    if isinstance(node, list):
        for one in node:
            found += every(one, key)
    elif isinstance(node, dict):
        for name, one in node.items():
            if name == key:
                found += [entry for entry in (one if isinstance(one, list) else [one]) if isinstance(entry, dict)]
            else:
                found += every(one, key)
    return found


def leaf(node: Dict, key: str) -> str:
    """The text of a leaf (``{key: [{"data": text}]}``), empty where there is none."""
    one = node.get(key)
    if isinstance(one, list):
        one = one[0] if one else None
    if isinstance(one, dict):
        one = one.get("data")
    if isinstance(one, list):
        one = one[0] if one else None
    return str(one).strip() if one is not None else ""


def configuration(asking: Asking, section: str) -> Dict:
    """A section of the configuration as a tree from its root, with what it inherits from groups.

    Raises DeviceError, also where groups are in use and the device does not show what they give.
    """
    command = f"show configuration {section} | display inheritance no-comments | display set"
    plain = f"show configuration {section} | display set"
    try:
        text = asking.ask(command)
    except Rejected:
        text = asking.ask(plain)
        if "apply-groups" in text or "interface-range" in text:
            raise NotUnderstood(f"the configuration of {section} uses groups that the device does not expand") from None
    return set_lines.tree(text, lambda lines: asking.keep(command, lines))


def unknown(error: DeviceError) -> bool:
    """Whether a command is not known at all, rather than forbidden or without an answer now."""
    answer = error.answer if isinstance(error, Rejected) else ""
    return not answer or any(word in answer for word in _UNKNOWN)


def units(interfaces: Dict) -> t.Iterator[tuple[str, Dict]]:
    """Each unit of ``set interfaces``, as ``ge-0/0/0.0`` and what stands below it."""
    for name, one in set_lines.at(interfaces, "interfaces").items():
        for unit, below in set_lines.at(one, "unit").items():
            yield f"{name}.{unit}", below
