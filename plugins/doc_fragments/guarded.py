# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options and attributes that the modules share which change a host by a plan."""

from __future__ import annotations


class ModuleDocFragment:
    """What module_utils/_linux/guarded_module.py adds to a module's own options."""

    DOCUMENTATION = r"""
options:
  require_guard:
    description: Refuse to change anything unless a change guard is armed on the host.
    type: bool
    default: false
  change_id:
    description: The change that must be the one that is armed on the host.
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
  platform:
    platforms: linux
seealso:
  - module: netpath.symmetry.change_guard
"""
