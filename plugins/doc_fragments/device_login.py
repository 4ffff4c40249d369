# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules for network devices log in."""

from __future__ import annotations


class ModuleDocFragment:
    """The options that concern the session alone."""

    DOCUMENTATION = r"""
options:
  host_key_checking:
    description:
      - Whether the device's SSH key must be known. Without it, Ansible's own setting counts, by C(ansible.cfg) or the
        variable C(ansible_host_key_checking).
    type: bool
  known_hosts:
    description: A file of known host keys, instead of that of the user.
    type: path
    default: ""
  ssh_config:
    description: A file of OpenSSH's client settings, for jump hosts.
    type: path
    default: ""
  timeout:
    description: Seconds to wait for the connection and the login.
    type: float
    default: 30
"""
