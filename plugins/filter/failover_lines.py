# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter failover_lines."""

from __future__ import annotations

DOCUMENTATION = r"""
name: failover_lines
short_description: Print a failover test
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - A table of at most 100 columns, a line for each kind of failure of each uplink, and what each uplink survived.
positional: untested
options:
  _input:
    description: What P(netpath.symmetry.failover_result#filter) returned for each test.
    type: list
    elements: dict
    required: true
  untested:
    description: The uplinks that were not tested, as P(netpath.symmetry.failover_plan#filter) returned them.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Say what was survived
  ansible.builtin.debug:
    msg: "{{ runs | netpath.symmetry.failover_lines(plan.untested) }}"
"""

RETURN = r"""
_value:
  description: Lines for people.
  type: list
  elements: str
  sample: [FAILOVER]
"""

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report import failover

Data = t.Mapping[str, t.Any]


def failover_lines(runs: t.Sequence[Data], untested: t.Sequence[Data] = ()) -> list[str]:
    """The failover test as a table."""
    return failover.failover_lines(_edge.plain(runs), _edge.plain(untested))


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"failover_lines": failover_lines}
