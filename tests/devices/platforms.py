# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The platforms as fake devices: what the driver says at login, and what the device answers then.

The lines are those that netmiko's drivers send (read in their source); the answers are what they wait for.
"""

from __future__ import annotations

from ansible_collections.netpath.symmetry.tests.devices.fake import FakeDevice


class CiscoIos(FakeDevice):
    login_lines = {r"terminal (width|length) \d+": "", "enable": ""}


FAKES: dict[str, type[FakeDevice]] = {"cisco_ios": CiscoIos}
