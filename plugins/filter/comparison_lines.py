# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter comparison_lines."""

from __future__ import annotations

DOCUMENTATION = r"""
name: comparison_lines
short_description: Print a comparison of verdicts
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - A table of at most 100 columns, and how many flows are better, equal and worse.
options:
  _input:
    description: What P(netpath.symmetry.compare_verdicts#filter) returned.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Say which flows are better
  ansible.builtin.debug:
    msg: "{{ before | netpath.symmetry.compare_verdicts(after) | netpath.symmetry.comparison_lines }}"
"""

RETURN = r"""
_value:
  description: Lines for people.
  type: list
  elements: str
  sample: [BEFORE AND AFTER]
"""

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report import change


def comparison_lines(rows: t.Sequence[t.Mapping[str, t.Any]]) -> list[str]:
    """The comparison as a table."""
    return change.comparison_lines(_edge.plain(rows))


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"comparison_lines": comparison_lines}
