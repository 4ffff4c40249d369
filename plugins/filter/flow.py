# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter flow."""

from __future__ import annotations

DOCUMENTATION = r"""
name: flow
short_description: Check the text of a flow
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Reads a flow and gives it back in its canonical form. Fails with what is expected where the text names none.
options:
  _input:
    description:
      - The text, as C(PROTOCOL SOURCE[:PORT] > DESTINATION:PORT), or with prefixes and ranges of ports, as
        C(PROTOCOL SOURCE/LENGTH > DESTINATION/LENGTH:FIRST-LAST).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Probe what was asked for
  netpath.symmetry.flow_probe:
    flow: "{{ wanted | netpath.symmetry.flow }}"
"""

RETURN = r"""
_value:
  description: The flow in its canonical form.
  type: str
  sample: tcp 10.0.0.5 > 203.0.113.10:443
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import FlowError
from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow_spec import read_flow


def flow(text: str) -> str:
    """The canonical text of a flow."""
    try:
        return str(read_flow(text))
    except FlowError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filter by its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"flow": flow}
