# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A session with a FortiGate that leaves its settings alone.

netmiko's driver switches the pager off for the whole device where it is on (``config system console``, ``set output
standard``), and on again when it leaves. This one lets the pager be, and turns its pages.
"""

from __future__ import annotations

import re
import typing as t

try:
    from netmiko.fortinet.fortinet_ssh import FortinetSSH
except ImportError:  # a session says so before it asks for a driver
    FortinetSSH = object

_PAGER = "--More--"
_PAGE = re.compile(r"(?:(?<=\n)|(?<=\r)|^)--More-- ?")
_ERASED = re.compile(r"\r +\r")  # what the device writes over the pager's words


class QuietFortinet(FortinetSSH):
    """Nothing is sent at login but what an accepted banner asks for, and empty lines that find the prompt."""

    def __init__(self, *args: t.Any, **more: t.Any) -> None:
        self._held = ""
        super().__init__(*args, **more)

    def session_preparation(self) -> None:
        data = self._test_channel_read(pattern=f"to accept|{self.prompt_pattern}")
        if "to accept" in data:
            self.write_channel("a\r")
            self._test_channel_read(pattern=self.prompt_pattern)
        self.set_base_prompt()

    def set_base_prompt(self, *args: t.Any, **more: t.Any) -> str:
        """Without the name of a virtual domain or section behind the host's, which others take the place of."""
        found = re.sub(r" *\([^)]*\) *$", " ", str(super().set_base_prompt(*args, **more)))
        self.base_prompt = found
        return found

    def check_config_mode(self, check_string: str = "(", pattern: str = "", force_regex: bool = False) -> bool:
        """Whether the prompt names a section; a virtual domain is none, but leaving what is not there does no harm."""
        self.write_channel(self.RETURN)
        until = rf"^{re.escape(self.base_prompt.rstrip())} *(?:\([^)\n]*\) *)?{self.prompt_pattern}"
        return check_string in str(self.read_until_pattern(pattern=until, re_flags=re.M)).rpartition("\n")[2]

    def disable_paging(self, *_args: t.Any, **_more: t.Any) -> str:
        return ""

    def read_channel(self) -> str:
        """What has come, without the pager's words; each of them is answered with a blank, which turns the page."""
        data = self._held + str(super().read_channel())
        keep = next((n for n in range(len(_PAGER) - 1, 0, -1) if data.endswith(_PAGER[:n])), 0)
        keep = keep if keep > 1 else 0  # one hyphen alone is too common to wait for
        data, self._held = data[: len(data) - keep], data[len(data) - keep :]
        data, pages = _PAGE.subn("", data)
        if pages:
            self.write_channel(" ")
        return _ERASED.sub("", data)

    def cleanup(self, command: str = "exit") -> None:
        self.write_channel(command + self.RETURN)
