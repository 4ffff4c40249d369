# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian userland that real hosts share, read only: made once by debootstrap and kept in build/real_hosts.

Every network manager is installed and none is enabled: a host enables the one that it is about (host.py).
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import subprocess
import typing as t

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "real_hosts"
SUITE = "bookworm"
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "procps", "iproute2", "iputils-ping", "nftables", "conntrack", "iptables"),
    *("openssh-server", "python3", "netcat-openbsd", "dnsmasq-base"),
    *("ifupdown", "isc-dhcp-client", "network-manager", "netplan.io", "firewalld", "ufw"),
)
# Nothing of these runs unless a host says so; the timers would only use the processor.
DISABLED = (
    *("systemd-networkd.service", "systemd-networkd.socket", "systemd-networkd-wait-online.service"),
    *("NetworkManager.service", "NetworkManager-wait-online.service", "networking.service"),
    *("firewalld.service", "ufw.service", "nftables.service"),
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer", "e2scrub_all.timer"),
    *("man-db.timer", "getty@tty1.service", "console-getty.service", "systemd-resolved.service"),
)
_PROGRAMS = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "ssh": "openssh-client"}


class UserlandError(Exception):
    """The userland cannot be made here; the text says why and what to do."""


def ready(tell: t.Callable[[str], None] = print) -> pathlib.Path:
    """The directory of the userland, made first where it is missing or of other packages; raises UserlandError."""
    missing = [package for program, package in _PROGRAMS.items() if shutil.which(program) is None]
    if missing:
        raise UserlandError(f"not installed: {', '.join(missing)}; run 'make setup' (see tools/debian-packages.txt)")
    key = hashlib.sha256(repr((SUITE, PACKAGES, DISABLED)).encode()).hexdigest()[:12]
    place = CACHE / f"debian-{key}"
    if not place.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        for old in CACHE.glob("debian-*"):
            shutil.rmtree(old)
        tell(f"making the userland of the real hosts from {MIRROR}, about two minutes, once")
        fresh = CACHE / f"debian-{key}.new.{os.getpid()}"
        try:
            _make(fresh)
            fresh.rename(place)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return place


def _make(tree: pathlib.Path) -> None:
    _run("debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, str(tree), MIRROR)
    inside = ("chroot", str(tree), "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
    # No service is started inside a chroot; policy-rc.d says so to those that would try.
    policy = tree / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    _run(*inside, "apt-get", "-q", "-y", "--no-install-recommends", "install", *PACKAGES)
    _run(*inside, "apt-get", "clean")
    policy.unlink()
    _run(*inside, "systemctl", "disable", *DISABLED)
    for path in (tree / "etc/ssh").glob("ssh_host_*"):
        path.unlink()  # every host has keys of its own
    (tree / "etc/machine-id").write_text("")
    (tree / "etc/resolv.conf").write_text("")


def _run(*words: str) -> None:
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        told = "\n".join(f"  {line}" for line in done.stdout.splitlines()[-15:])
        raise UserlandError(
            f"{' '.join(words[:6])} ... failed with status {done.returncode}:\n{told}\n"
            f"is {MIRROR} reachable? another one is taken from the environment variable DEBIAN_MIRROR"
        )


if __name__ == "__main__":
    print(ready())
