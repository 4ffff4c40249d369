# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The platforms that are changed, each with what is promised of it."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.tests.devices.changes import (
    arista_eos,
    cisco_asa,
    cisco_ios,
    cisco_nxos,
    cisco_xr,
    fortinet,
    juniper_junos,
    mikrotik_routeros,
    paloalto_panos,
    vyos,
)
from ansible_collections.netpath.symmetry.tests.devices.changes.case import Case

CASES: dict[str, Case] = {case.platform: case for case in (
    arista_eos.CASE,
    cisco_asa.CASE,
    cisco_ios.CASE,
    cisco_nxos.CASE,
    cisco_xr.CASE,
    fortinet.CASE,
    juniper_junos.CASE,
    mikrotik_routeros.CASE,
    paloalto_panos.CASE,
    vyos.CASE,
)}
