# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The unit that settles at boot a change that was pending when the host went down.

It is installed when a change is armed, and stays: a revert must not remove what finishes it. The deadline ends with the
boot in which the change was armed, so nobody else would take it back.
"""

from __future__ import annotations

import os

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import systemd
from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import STATE_DIR
from ansible_collections.netpath.symmetry.plugins.module_utils._persist import files
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import WRITTEN_BY, File, PersistError

NAME = "symmetry-journal"
UNITS = "/etc/systemd/system"
SCRIPT_PATH = f"{STATE_DIR}/symmetry-restore"  # of what is persisted; not there where nothing ever was
# Programs that stay on a host. What the revert puts back of them is there too late for systemd's plan of this boot. One
# that somebody has disabled was not to run.
RESIDENTS = ("symmetry-uplink-watch", "symmetry-lease-routing")
_START = "; ".join(
    f"[ ! -e {UNITS}/multi-user.target.wants/{name}.service ] || systemctl start --no-block {name}.service"
    for name in RESIDENTS
)
MANAGERS = "systemd-networkd.service NetworkManager.service networking.service"
FIREWALLS = "nftables.service firewalld.service ufw.service netfilter-persistent.service"
_UNIT = f"""# {WRITTEN_BY}
[Unit]
Description=Take back the network change that nobody confirmed before the host went down
DefaultDependencies=no
RequiresMountsFor={STATE_DIR} /etc
ConditionPathExists={STATE_DIR}/pending
After=systemd-remount-fs.service
Before=network-pre.target systemd-sysctl.service shutdown.target {MANAGERS} {FIREWALLS}
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
ExecStart=/bin/sh {STATE_DIR}/symmetry-guard revert
ExecStopPost=/bin/sh -c '[ ! -f {SCRIPT_PATH} ] || exec /bin/sh {SCRIPT_PATH} units'
ExecStopPost=/bin/sh -c 'systemctl daemon-reload; {_START}'

[Install]
WantedBy=sysinit.target
"""
SETTLED = f"is followed by {NAME}.service, which takes it back before the network is set up"
BY_HAND = "leaves it pending until 'symmetry-guard revert'"


def unit_files(name: str, text: str) -> list[File]:
    """A unit and the links that enable it, as ``systemctl enable`` makes them."""
    wanting = [word for line in text.splitlines() if line.startswith("WantedBy=") for word in line[9:].split()]
    path = f"{UNITS}/{name}.service"
    return [File(path, text), *(File(f"{UNITS}/{one}.wants/{name}.service", link=path) for one in wanting)]


def files_of_unit() -> list[File]:
    return unit_files(NAME, _UNIT)


def is_masked() -> bool:
    """Whether somebody has masked the unit, or put another one in its place: that is respected."""
    return os.path.islink(f"{UNITS}/{NAME}.service")


def at_reboot(state_dir: str) -> str:
    """What becomes of a change that is pending in this journal when the host reboots, in words."""
    why = _why_not(state_dir)
    return f"{BY_HAND}: {why}" if why else SETTLED


def install(state_dir: str) -> str:
    """Put the unit in place where it can do its work, durably; returns what ``at_reboot`` tells.

    Where it cannot, the change is armed all the same: what is applied at run time is gone with a reboot, and what is
    persisted needs the same systemd.
    """
    if not _why_not(state_dir):
        try:
            for file in files_of_unit():
                if files.read(file.path) != file:
                    files.put(file.path, file)
        except (OSError, PersistError) as error:
            return f"{BY_HAND}: {error}"
    return at_reboot(state_dir)


def _why_not(state_dir: str) -> str:
    if state_dir != STATE_DIR:
        return f"the unit that takes it back at boot reads {STATE_DIR} only"
    if not systemd.is_process_1():
        return "process 1 of this host is not systemd, or runs in another network namespace"
    if is_masked():
        return f"{UNITS}/{NAME}.service is a link, so somebody has masked or replaced the unit"
    folder = UNITS if os.path.isdir(UNITS) else "/etc"
    return "" if os.access(folder, os.W_OK) else f"{UNITS} cannot be written"
