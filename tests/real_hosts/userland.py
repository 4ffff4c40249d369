# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian userland that real hosts share, read only: made once by debootstrap and kept in build/real_hosts.

Every network manager is installed and none is enabled: a host enables the one that it is about (host.py). What few
hosts need, or what cannot be installed beside the rest, is a layer: the files by which installing it changes the tree.
A host's files are an overlay over both.
"""

from __future__ import annotations

import fcntl
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
# By name, what is installed above the tree, and which units of it do not run unless a host says so.
LAYERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # Debian's ufw breaks it, and goes.
    "netfilter-persistent": (("iptables-persistent",), ("netfilter-persistent.service",)),
    "docker": (("docker.io", "busybox-static"), ("docker.service", "docker.socket", "containerd.service")),
    # As packaged, conntrackd runs, to count; keepalived has no configuration, and does not.
    "state-sync": (("conntrackd", "keepalived", "kmod"), ()),
    "delegation": (("kea-dhcp6-server",), ("kea-dhcp6-server.service",)),
}
_PROGRAMS = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "ssh": "openssh-client"}


class UserlandError(Exception):
    """The userland cannot be made here; the text says why and what to do."""


def ready(tell: t.Callable[[str], None] = print) -> pathlib.Path:
    """The directory of the userland, made first where it is missing or of other packages; raises UserlandError."""
    missing = [package for program, package in _PROGRAMS.items() if shutil.which(program) is None]
    if missing:
        raise UserlandError(f"not installed: {', '.join(missing)}; run 'make setup' (see tools/debian-packages.txt)")
    place = CACHE / f"debian-{_key(SUITE, PACKAGES, DISABLED)}"
    return _kept(place, "debian-*", _make, lambda: tell(f"making the userland from {MIRROR}, about two minutes, once"))


def layer(name: str, tell: t.Callable[[str], None] = print) -> pathlib.Path:
    """The directory of a layer above the userland, made first where it is missing; raises UserlandError."""
    tree = ready(tell)
    place = CACHE / f"layer-{name}-{_key(tree.name, LAYERS[name])}"
    _kept(place, f"layer-{name}-*", lambda fresh: _make_layer(fresh, tree, *LAYERS[name]),
                 lambda: tell(f"installing {', '.join(LAYERS[name][0])} from {MIRROR} for some of the hosts, once"))
    return place / "upper"


def _key(*what: object) -> str:
    return hashlib.sha256(repr(what).encode()).hexdigest()[:12]


def _kept(
    place: pathlib.Path, others: str, make: t.Callable[[pathlib.Path], None], tell: t.Callable[[], None]
) -> pathlib.Path:
    """The place, made aside and renamed where it is missing, by one process at a time; ``others`` are outdated then."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if place.exists():
            return place
        tell()
        fresh = CACHE / f"new-{place.name}"
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            make(fresh)
            fresh.rename(place)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        for old in CACHE.glob(others):
            if old != place and not _in_use():
                shutil.rmtree(old)
    return place


def _in_use() -> bool:
    """Whether hosts run that may have been booted from what is outdated now."""
    return any(os.path.isdir(f"/proc/{path.name.split('-')[1]}") for path in CACHE.glob("run-*"))


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


def _make_layer(fresh: pathlib.Path, tree: pathlib.Path, packages: t.Sequence[str], disabled: t.Sequence[str]) -> None:
    """Install packages above the tree. What apt downloads on the way is no part of it."""
    for part in ("upper", "work", "root"):
        (fresh / part).mkdir(parents=True)
    script = f"""
        mount -t overlay overlay -o lowerdir={tree},upperdir={fresh}/upper,workdir={fresh}/work {fresh}/root
        cd {fresh}/root
        for each in var/lib/apt/lists var/cache/apt run tmp; do mount -t tmpfs tmpfs $each; done
        mount --bind /etc/resolv.conf etc/resolv.conf
        printf '#!/bin/sh\\nexit 101\\n' >usr/sbin/policy-rc.d; chmod 755 usr/sbin/policy-rc.d
        export DEBIAN_FRONTEND=noninteractive LC_ALL=C
        chroot . apt-get -q update
        chroot . apt-get -q -y --no-install-recommends install {" ".join(packages)}
        rm -f usr/sbin/policy-rc.d
        [ -z "{" ".join(disabled)}" ] || chroot . systemctl disable {" ".join(disabled)}
    """
    _run("unshare", "-m", "sh", "-exc", script)
    for part in ("work", "root"):
        shutil.rmtree(fresh / part)


def _run(*words: str) -> None:
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        told = "\n".join(f"  {line}" for line in done.stdout.splitlines()[-15:])
        raise UserlandError(
            f"{' '.join(words[:6])} ... failed with status {done.returncode}:\n{told}\n"
            f"is {MIRROR} reachable? another one is taken from the environment variable DEBIAN_MIRROR"
        )


if __name__ == "__main__":
    print(ready(), *(layer(name) for name in LAYERS))
