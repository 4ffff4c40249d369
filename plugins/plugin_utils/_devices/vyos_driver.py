# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A session with VyOS that looks for its prompt, where netmiko's driver waits two seconds for anything more to come."""

from __future__ import annotations

import contextlib
import re
import typing as t

try:
    from netmiko.exceptions import ReadTimeout
    from netmiko.vyos.vyos_ssh import VyOSSSH
except ImportError:  # a session says so before it asks for a driver
    VyOSSSH, ReadTimeout = object, TimeoutError

_SOON = 5.0  # seconds within which the prompt of most devices is there
_LOGIN = r"\S@\S+:\S*[$#>] *$"  # vyos@edge1:~$


class PromptVyos(VyOSSSH):
    """What is sent is as with netmiko's driver."""

    def _test_channel_read(self, count: int = 40, pattern: str = "") -> str:
        if not pattern:
            with contextlib.suppress(ReadTimeout):  # a prompt of somebody's own, or none
                return str(self.read_until_pattern(pattern=_LOGIN, read_timeout=_SOON))
        return str(super()._test_channel_read(count, pattern))

    def check_config_mode(self, check_string: str = "#", pattern: str = "", force_regex: bool = False) -> bool:
        if not self.base_prompt:
            return bool(super().check_config_mode(check_string, pattern, force_regex))
        self.write_channel(self.RETURN)
        answer: t.Any = self.read_until_pattern(pattern=rf"{re.escape(self.base_prompt)}[^\n]*[$#>] *$")
        return check_string in str(answer).rpartition(self.base_prompt)[2]
