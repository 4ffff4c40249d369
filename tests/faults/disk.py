# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real host in a container whose files are on a disk of its own: a power cut loses what was not synced.

What the host writes is in an ext4 file system in a file, mounted by a loop device. Its journal is committed when
somebody asks for it, or after ten minutes. When the power is cut all processes end at once; then the disk is copied as
it is, before the kernel can write to it what it still holds in memory, and the next boot is from that copy.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import subprocess
import time

from ansible_collections.netpath.symmetry.tests.real_hosts.host import HostError, RealHost

SIZE = "64M"
DETACHED_WITHIN = 60.0  # seconds; the kernel writes what it holds


class DiskHost(RealHost):
    """A RealHost on such a disk."""

    @property
    def _disk(self) -> pathlib.Path:
        return self._dir / "disk"

    def _make_disk(self) -> None:
        """The files of before the first boot, as the upper layer of the userland."""
        stage, place = self._dir / "stage", self._dir / "mounted"
        for folder in (stage, place):
            folder.mkdir()
        for part in ("upper", "work"):
            (self._dir / part).rename(stage / part)
        self._disk.touch()
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", stage, self._disk, SIZE], check=True, capture_output=True)
        shutil.rmtree(stage)

    def _mount(self) -> str:
        place = self._dir / "mounted"
        overlay = f"lowerdir={self._lower},upperdir={place}/upper,workdir={place}/work"
        return (f"mount -t ext4 -o loop,noatime,commit=600 {self._disk} {place}; "
                f"mount -t overlay overlay -o {overlay} {self._dir}/root")

    def start(self) -> None:
        if not self.boots:
            self._make_disk()
        self._await_detached()
        super().start()

    def cut_power(self) -> None:
        if self._process is None:
            return
        mounts = os.open(f"/proc/{self._process.pid}/ns/mnt", os.O_RDONLY)
        try:  # while this is open nothing is unmounted, so nothing is written
            super().cut_power()
            left = self._disk.with_suffix(".left")
            subprocess.run(["cp", "--sparse=always", self._disk, left], check=True)
            left.rename(self._disk)
        finally:
            os.close(mounts)

    def _await_detached(self) -> None:
        """Until the kernel has written to the disk what it held at an orderly stop."""
        deadline = time.monotonic() + DETACHED_WITHIN
        while str(self._disk) in _backing_files():
            if time.monotonic() > deadline:
                raise HostError(f"{self.name}: {self._disk} is still mounted")
            time.sleep(0.05)


def _backing_files() -> list[str]:
    found = []
    for path in pathlib.Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            found.append(path.read_text().strip())
    return found
