# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole Debian host on a machine of its own, with a disk: killing the machine is a true power cut.

The userland is that of the real hosts, the kernel the distribution's stock one, emulated by qemu without any help of
the processor; systemd is process 1. The disk is an ext4 file system in a file. The guest keeps what it writes in its
own memory until somebody calls fsync(2) or sync(2): its kernel is told to write nothing by itself for ten minutes. So
what was not synced is gone with the power, however long ago it was written.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import typing as t

from ansible_collections.netpath.symmetry.tests.kernels import image
from ansible_collections.netpath.symmetry.tests.kernels.archive import Archive
from ansible_collections.netpath.symmetry.tests.real_hosts.host import LINKS, RealHost

CACHE = image.ROOT / "build" / "faults"
DISK_SIZE = "900M"
# Loaded by the first program, as the userland has no modprobe: the hardware, and what rules of nft need.
MODULES = (
    *("virtio_pci", "virtio_blk", "virtio_net", "autofs4", "nf_tables", "nf_conntrack", "nf_conntrack_netlink"),
    *("nft_chain_nat", "nft_nat", "nft_masq", "nft_ct", "nft_fib_inet", "nft_reject_inet", "nft_limit"),
)
_TOOLS = ("sh", "mount", "insmod", "ip", "switch_root")
# Not for a machine without udev and without anybody at its console; the network needs none of them.
_MASKED = (
    *("systemd-udevd.service", "systemd-udev-trigger.service", "systemd-udev-settle.service", "ifupdown-pre.service"),
    *("systemd-udevd-control.socket", "systemd-udevd-kernel.socket", "getty.target", "systemd-pstore.service"),
    *("systemd-random-seed.service", "systemd-update-utmp.service", "systemd-logind.service", "timers.target"),
    *("systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount", "systemd-tmpfiles-setup-dev.service"),
)
_INIT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
while read -r module; do insmod "$module"; done </modules
number=0
for link in {links}; do
    ip link set "eth$number" name "$link"
    number=$((number + 1))
done
# Nothing is written to the disk by itself.
echo 0 >/proc/sys/vm/dirty_writeback_centisecs
echo 60000 >/proc/sys/vm/dirty_expire_centisecs
mount -t ext4 -o noatime,commit=600 /dev/vda /disk
mount --move /dev /disk/dev
umount /proc /sys 2>/dev/null
exec switch_root /disk /sbin/init
"""
_MACHINE = ("-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "512", "-display", "none", "-no-reboot",
            "-monitor", "none")  # fmt: skip
_KERNEL_OPTIONS = (
    "console=ttyS0 quiet panic=-1 mitigations=off nokaslr audit=0 random.trust_cpu=on rdinit=/init net.ifnames=0 "
    "systemd.show_status=0 systemd.unit=multi-user.target"
)


def first_files() -> tuple[pathlib.Path, pathlib.Path]:
    """The kernel and what it starts with, made once; raises ImageError."""
    image.check_programs()
    packages = image.packages()
    place = CACHE / image.fingerprint([*packages, pathlib.Path(__file__).read_text()])
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run may be making them
        if not place.exists():
            _make_first_files(packages, place)
    return place / "kernel", place / "files.cpio"


def _make_first_files(packages: t.Sequence[str], place: pathlib.Path) -> None:
    for old in CACHE.iterdir():
        if old.is_dir():  # of another version
            shutil.rmtree(old)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        _fill(packages, pathlib.Path(folder))
        pathlib.Path(folder, "made").rename(place)


def _fill(packages: t.Sequence[str], work: pathlib.Path) -> None:
    made = work / "made"
    made.mkdir()
    kernel, modules = image.unpack(packages, work)
    shutil.copyfile(kernel, made / "kernel")
    base = image.base_of(modules)
    subprocess.run(["depmod", "-b", base, modules.name], check=True)
    needed: list[str] = []
    for name in MODULES:
        words = ["modprobe", "-d", base, "-S", modules.name, "--show-depends", name]
        shown = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        needed += [line.split()[1] for line in shown.splitlines() if line.startswith("insmod ")]
    with open(made / "files.cpio", "wb") as file, Archive(file) as archive:
        for folder in ("proc", "sys", "dev", "disk"):
            archive.folder(folder)
        for folder in ("bin", "sbin", "lib", "lib64"):  # as it is on this machine
            if pathlib.Path("/", folder).is_symlink():
                archive.link(folder, f"usr/{folder}")
        for tool in _TOOLS:
            image.add_linked(archive, pathlib.Path(str(shutil.which(tool))))
        order = list(dict.fromkeys(needed))
        for number, path in enumerate(order):
            archive.copy(pathlib.Path(path), f"module{number}")
        archive.text("modules", "".join(f"/module{number}\n" for number in range(len(order))))
        archive.text("init", _INIT.format(links=" ".join(LINKS)), 0o755)


class EmulatedHost(RealHost):
    """One such host and its neighbour, as a RealHost; its files are in the file system of its disk."""

    boot_seconds = 300  # a boot takes 20 to 40 s; other tests may keep the processors
    connect_seconds = 20
    silent_seconds = 40

    def __enter__(self) -> EmulatedHost:
        super().__enter__()
        for unit in _MASKED:
            self.link(f"/etc/systemd/system/{unit}", "/dev/null")
        self.write("/etc/machine-id", f"{os.urandom(16).hex()}\n")
        for link in LINKS:
            self.neighbour.run(f"ip tuntap add {link}_far mode tap")
            self.set_up_far(link)
        return self

    @property
    def _disk(self) -> pathlib.Path:
        return self._dir / "disk"

    def _make_disk(self) -> None:
        """The userland and the files of this host as an ext4 file system."""
        self._disk.touch()
        overlay = f"lowerdir={self._lower},upperdir={self._dir}/upper,workdir={self._dir}/work"
        make = f"mke2fs -q -t ext4 -d {self._dir}/root {self._disk} {DISK_SIZE}"
        script = f"mount -t overlay overlay -o {overlay} {self._dir}/root && {make}"
        subprocess.run(["unshare", "-m", "sh", "-ec", script], check=True, capture_output=True)

    def start(self) -> None:
        """Switch the machine on."""
        kernel, files = first_files()
        if not self.boots:
            self._make_disk()
        self.boots += 1
        words = [image.EMULATOR, *_MACHINE, "-kernel", str(kernel), "-initrd", str(files)]
        words += ["-append", _KERNEL_OPTIONS, "-serial", f"file:{self._dir}/serial"]
        words += ["-drive", f"file={self._disk},format=raw,if=virtio,cache=writeback"]
        for number, link in enumerate(LINKS):
            words += ["-netdev", f"tap,id={link},ifname={link}_far,script=no,downscript=no"]
            words += ["-device", f"virtio-net-pci,netdev={link},mac=52:54:00:00:00:0{number}"]
        with (self._dir / "console").open("ab") as console:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.neighbour.command(*words)],
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, start_new_session=True,
            )

    def stop(self) -> None:
        """Power off in order; by force where that takes too long."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.ssh("systemctl poweroff", check=False, timeout=20)
            process.wait(60)
        self.cut_power()

    def cut_power(self) -> None:
        """kill -9 the machine: what the host has not synced is gone with its memory."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait(10)

    def console(self) -> str:
        text = (self._dir / "serial").read_text(errors="replace") if (self._dir / "serial").exists() else ""
        return "\n".join([*text.splitlines()[-30:], super().console()])
