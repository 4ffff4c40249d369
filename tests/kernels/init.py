# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first process of the emulated machine: sets it up, runs the job, sends its result, and switches the machine off.

Runs before anything is mounted and stands alone: the standard library, and nothing of the collection.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import termios
import tty

BEGIN, END = "=====RESULT BEGINS=====", "=====RESULT ENDS====="
RESULTS = "/dev/ttyS1"
_MOUNTS = {"/proc": "proc", "/sys": "sysfs", "/dev": "devtmpfs", "/dev/shm": "tmpfs", "/run": "tmpfs", "/tmp": "tmpfs"}
# Other modules are loaded by the kernel when it needs them; of this one there are sysctls to be written before.
_MODULES = ("nf_conntrack",)
# Links are up and addresses usable at once, also in namespaces made later: nobody else is on them.
_SYSCTLS = {
    "net/core/devconf_inherit_init_net": "1",
    "net/ipv6/conf/all/accept_dad": "0",
    "net/ipv6/conf/default/accept_dad": "0",
    "net/ipv6/conf/default/router_solicitations": "0",
}
_POWER_OFF = 0x4321FEDC  # LINUX_REBOOT_CMD_POWER_OFF


def set_up() -> None:
    """What every program expects of a running system."""
    libc = ctypes.CDLL(None, use_errno=True)
    for place, kind in _MOUNTS.items():
        os.makedirs(place, exist_ok=True)
        if libc.mount(kind.encode(), place.encode(), kind.encode(), 0, None) != 0:
            print(f"mount {place}: {os.strerror(ctypes.get_errno())}")
    for module in _MODULES:
        subprocess.run(["/sbin/modprobe", module], check=False)
    for name, value in _SYSCTLS.items():
        with open(f"/proc/sys/{name}", "w", encoding="ascii") as file:
            file.write(value)
    console = os.open("/dev/console", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(console, number)


def run_job() -> str:
    """The last line that the job's module prints; its messages go to the console."""
    with open("/job.json", encoding="utf-8") as file:
        order = json.load(file)
    done = subprocess.run(
        [order["python"], "-m", order["module"], json.dumps(order["job"])],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": "/code", "LANG": "C.UTF-8"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    print(f"the job ended with status {done.returncode}")
    return done.stdout.strip().rpartition("\n")[2] if done.returncode == 0 else ""


def send(result: str) -> None:
    if not result:
        return
    line = os.open(RESULTS, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(line)
    data = f"{BEGIN}{result}{END}\n".encode()
    while data:
        data = data[os.write(line, data) :]
    termios.tcdrain(line)
    os.close(line)


def main() -> None:
    try:
        set_up()
        send(run_job())
    finally:
        os.sync()
        ctypes.CDLL(None).reboot(_POWER_OFF)


if __name__ == "__main__":
    main()
