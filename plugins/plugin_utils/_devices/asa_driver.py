# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A session with Cisco ASA that answers what it is asked: netmiko's driver types by the clock, twice a second.

Where the account is checked slowly (AAA over the network) that one types ``login`` into the question for a password.
"""

from __future__ import annotations

try:
    from netmiko.cisco.cisco_asa_ssh import CiscoAsaSSH
    from netmiko.exceptions import NetmikoAuthenticationException, ReadTimeout
except ImportError:  # a session says so before it asks for a driver
    CiscoAsaSSH, NetmikoAuthenticationException, ReadTimeout = object, PermissionError, TimeoutError

_ASKED = r"(?:[Uu]sername|[Pp]assword): *$|[>#] *$"
_WITHIN = 30.0  # seconds that checking an account may take


class PatientAsa(CiscoAsaSSH):
    """As netmiko's, but for when it types."""

    def asa_login(self) -> None:
        """Reach the privileged mode by ``login``; raises NetmikoAuthenticationException."""
        line = "login"
        for _answer in range(4):  # login, the user, the password, and what was being drawn when it began
            self.write_channel(f"{line}{self.RETURN}")
            try:
                said = str(self.read_until_pattern(pattern=_ASKED, read_timeout=_WITHIN)).rstrip().lower()
            except ReadTimeout:
                break
            if said.endswith("#"):
                return
            if said.endswith(":"):
                line = self.username if said.endswith("username:") else self.password
        raise NetmikoAuthenticationException("login does not lead to the privileged mode")
