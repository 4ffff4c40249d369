# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The platforms that there are, by their names and by those of ansible_network_os."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.arista_eos import AristaEos
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.checkpoint_gaia import CheckpointGaia
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_asa import CiscoAsa
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_ios import CiscoIos
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_nxos import CiscoNxos
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_xr import CiscoXr
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dialect
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.fortinet import Fortinet
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.frr import Frr
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.juniper_junos import JuniperJunos
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.mikrotik_routeros import MikrotikRouteros
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.paloalto_panos import PaloaltoPanos
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.vyos import Vyos

_DIALECTS: tuple[type[Dialect], ...] = (
    AristaEos, CheckpointGaia, CiscoAsa, CiscoIos, CiscoNxos, CiscoXr, Fortinet, Frr, JuniperJunos, MikrotikRouteros,
    PaloaltoPanos, Vyos,
)
BY_PLATFORM: dict[str, type[Dialect]] = {one.platform: one for one in _DIALECTS}
_BY_NAME = {**BY_PLATFORM, **{name: one for one in _DIALECTS for name in one.names}}


def dialect_of(name: str) -> Dialect:
    """The dialect of a platform, or of a value of ansible_network_os; raises DeviceError."""
    found = _BY_NAME.get(name)
    if found is None:
        known = ", ".join(f"{one.platform} ({', '.join(one.names)})" for one in _DIALECTS)
        raise DeviceError(f"{name!r} is no platform that can be read; there are {known}. Set the option platform, or "
                          "ansible_network_os")
    return found()
