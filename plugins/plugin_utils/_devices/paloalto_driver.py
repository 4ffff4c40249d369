# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A session with PAN-OS that knows its prompt: netmiko's driver waits two seconds to find out in which mode it is."""

from __future__ import annotations

import re

try:
    from netmiko.paloalto.paloalto_panos import PaloAltoPanosSSH
except ImportError:  # a session says so before it asks for a driver
    PaloAltoPanosSSH = object


class PromptPanos(PaloAltoPanosSSH):
    """As netmiko's, but that it reads up to the prompt, and no longer."""

    def check_config_mode(self, check_string: str = "]", pattern: str = "", force_regex: bool = False) -> bool:
        until = pattern or rf"{re.escape(self.base_prompt)}{self.prompt_pattern}"
        return bool(super().check_config_mode(check_string, until, force_regex))
