# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit that settles a pending change at boot."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.module_utils._guard import boot_unit
from ansible_collections.netpath.symmetry.plugins.module_utils._plan import lease_routing, uplink_watch


def test_programs_that_the_revert_has_put_back_are_started_in_this_boot():
    (text,) = [file.text for file in boot_unit.files_of_unit() if file.link is None]
    start = [line for line in text.splitlines() if line.startswith("ExecStopPost=")][-1]
    assert sorted(boot_unit.RESIDENTS) == sorted((lease_routing.NAME, uplink_watch.NAME))
    for unit in (lease_routing.UNIT, uplink_watch.UNIT):
        assert "WantedBy=multi-user.target\n" in unit
    for name in boot_unit.RESIDENTS:
        enabled = f"/etc/systemd/system/multi-user.target.wants/{name}.service"
        assert f"[ ! -e {enabled} ] || systemctl start --no-block {name}.service" in start
    assert start.index("daemon-reload") < start.index("start --no-block")
