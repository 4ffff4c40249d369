# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter compare_verdicts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: compare_verdicts
short_description: Compare the verdicts of two diagnoses
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Says of each flow that was named whether it is better, equal or worse. Live flows come and go and are left out.
positional: after
options:
  _input:
    description:
      - The verdicts before, as M(netpath.symmetry.diagnose) returns them.
      - Or what it or M(netpath.symmetry.forecast) has left in C(diagnosis.json) or C(forecast.json).
    type: raw
    required: true
  after:
    description: The verdicts after.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Say which flows are worse
  ansible.builtin.debug:
    msg: "{{ before | netpath.symmetry.compare_verdicts(after) | selectattr('change', 'eq', 'worse') }}"
"""

RETURN = r"""
_value:
  description:
    - For each flow C(name), C(before), C(after), and C(change), which is V(better), V(equal), V(worse), V(gone) or
      V(new).
  type: list
  elements: dict
  sample: [{name: partner-api, before: broken, after: symmetric, change: better}]
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.comparison import (
    compare,
    verdicts_of,
)

Data = t.Mapping[str, t.Any]


def compare_verdicts(before: t.Sequence[Data] | Data, after: t.Sequence[Data]) -> list[dict[str, str]]:
    """Each named flow before and after."""
    told = _edge.plain(before)
    try:
        return compare(verdicts_of(told) if isinstance(told, dict) else told, _edge.plain(after))
    except (ValueError, KeyError, TypeError) as error:
        raise AnsibleFilterError(f"the verdicts before cannot be compared: {error!r}") from error


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"compare_verdicts": compare_verdicts}
