# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which network and firewall managers are present on this host, which of them run, and what they would remove."""

from __future__ import annotations

import glob
import os
import typing as t

Dict = dict[str, t.Any]
_PROCESSES = {  # names of processes (comm is cut off after 15 characters) by manager
    "systemd-networkd": ("systemd-network",),
    "NetworkManager": ("NetworkManager",),
    "frr": ("zebra", "watchfrr"),
    "bird": ("bird", "bird6"),
    "firewalld": ("firewalld",),
    "docker": ("dockerd",),
    "keepalived": ("keepalived",),
    "conntrackd": ("conntrackd",),
    "tailscale": ("tailscaled",),
    "kube-proxy": ("kube-proxy",),
    "cilium": ("cilium-agent",),
}
_PROGRAMS = {
    "systemd-networkd": ("/usr/lib/systemd/systemd-networkd", "/lib/systemd/systemd-networkd"),
    "NetworkManager": ("/usr/sbin/NetworkManager",),
    "netplan": ("/usr/sbin/netplan",),
    "ifupdown": ("/usr/sbin/ifup", "/sbin/ifup"),
    "frr": ("/usr/lib/frr/zebra",),
    "firewalld": ("/usr/sbin/firewalld",),
    "ufw": ("/usr/sbin/ufw",),
    "docker": ("/usr/bin/dockerd", "/usr/sbin/dockerd"),
}
_NETWORKD_DIRS = ("/usr/lib/systemd", "/usr/local/lib/systemd", "/run/systemd", "/etc/systemd")


def read(running: t.Optional[t.Collection[str]] = None) -> list[Dict]:
    """Managers that are installed or run, by name: ``{name, active}`` and, of networkd, what it removes.

    ``running``: the names in ``running_processes()``, where they are known.
    """
    running = running_processes() if running is None else running
    found = []
    for name in sorted({*_PROCESSES, *_PROGRAMS}):
        active = any(process in running for process in _PROCESSES.get(name, ())) or _is_configured(name)
        if active or any(os.path.exists(path) for path in _PROGRAMS.get(name, ())):
            entry: Dict = {"name": name, "active": active}
            if name == "systemd-networkd":
                settings = networkd_settings([_text_of(path) for path in networkd_files()])
                entry["removes_foreign_rules"] = settings.get("ManageForeignRoutingPolicyRules", True)
                entry["removes_foreign_routes"] = settings.get("ManageForeignRoutes", True)
            found.append(entry)
    return found


def _is_configured(name: str) -> bool:
    """Managers that run once and leave: active means that they have something to set up at boot."""
    if name == "netplan":
        return bool(glob.glob("/etc/netplan/*.yaml"))
    if name == "ufw":
        return "enabled=yes" in _text_of("/etc/ufw/ufw.conf").lower()
    if name == "ifupdown":
        lines = _text_of("/etc/network/interfaces").splitlines()
        return any(line.split()[:1] == ["iface"] and "loopback" not in line for line in lines)
    return False


def running_processes() -> dict[str, list[int]]:
    """The processes of managers that run in this network namespace, by their name.

    A process whose namespace may not be read (not root) is taken to be in this one.
    """
    here = _namespace("self")
    found: dict[str, list[int]] = {}
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            name = _name_of(pid)
            if name in _WANTED and _namespace(pid) in (here, ""):
                found.setdefault(name, []).append(int(pid))
    return found


def _name_of(pid: str) -> str:
    """The name of a process; read without buffers, because there may be thousands."""
    try:
        descriptor = os.open(f"/proc/{pid}/comm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, 32).decode("utf-8", "replace").strip()
    except OSError:  # the process has ended meanwhile
        return ""
    finally:
        os.close(descriptor)


_WANTED = frozenset(name for names in _PROCESSES.values() for name in names)


def _namespace(pid: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return ""


def networkd_files() -> list[str]:
    """The configuration files of systemd-networkd in the order in which they count (networkd.conf(5))."""
    candidates = [f"{root}/networkd.conf" for root in reversed(_NETWORKD_DIRS)]
    main = next((path for path in candidates if os.path.exists(path)), "")
    dropins: dict[str, str] = {}
    for root in _NETWORKD_DIRS:  # a later directory hides files of the same name
        for path in glob.glob(f"{root}/networkd.conf.d/*.conf"):
            dropins[os.path.basename(path)] = path
    return [path for path in (main, *(dropins[name] for name in sorted(dropins))) if path]


def networkd_settings(texts: t.Iterable[str]) -> dict[str, bool]:
    """The yes-or-no settings of the ``[Network]`` section; a later text wins. Pure."""
    settings: dict[str, bool] = {}
    for text in texts:
        section = ""
        for line in text.splitlines():
            line = line.strip()
            if line.startswith("["):
                section = line
            elif section == "[Network]" and "=" in line and line[:1] not in "#;":
                key, _equals, value = line.partition("=")
                settings[key.strip()] = value.strip().lower() in ("1", "yes", "true", "on", "y", "t")
    return settings


def _text_of(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:  # absent, or a process that has ended meanwhile
        return ""
