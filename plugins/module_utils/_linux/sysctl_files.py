# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What the files of sysctl.d will set at the next boot, and which file decides (sysctl.d(5), src/sysctl/sysctl.c).

A file hides files of the same name in later directories; all are read in the order of their names; of a key that
is named twice the last value counts; a glob sets only keys that no line names, and of two globs the later wins.
"""

from __future__ import annotations

import fnmatch
import os
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import sysctls

Dict = dict[str, t.Any]
DIRECTORIES = ("etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d", "lib/sysctl.d")
_FILE_OF_PROCPS = "etc/sysctl.conf"
_PROCPS = ("etc/init.d/procps", "etc/init.d/sysctl")  # Debian's and OpenRC's way without systemd


class Setting(t.NamedTuple):
    """One line: a value for a key or glob, or None where the line only exempts the key from globs (``-key``)."""

    key: str  # a path below /proc/sys
    value: t.Optional[str]
    file: str


def read(
    values: t.Mapping[str, int], interfaces: t.Mapping[str, t.Mapping[str, int]], root: str = "/"
) -> tuple[Dict, list[str]]:
    """What comes back of the settings in the facts: ``{applied_by, sysctls, interface_sysctls}``, and unread files.

    ``applied_by`` is empty where nothing sets the files' values: a container or namespace that others set up.
    """
    applied_by = _who_applies(root)
    found: Dict = {"applied_by": applied_by}
    if not applied_by:
        return found, []
    settings: list[Setting] = []
    unread = []
    for path in files(root, with_sysctl_conf=applied_by == "procps"):
        try:
            with open(path, encoding="utf-8", errors="replace") as stream:
                settings += parse(stream.read(), os.path.join("/", os.path.relpath(path, root)))
        except OSError:
            unread.append(path)
    settings = in_force(settings)
    found["sysctls"] = _answers(settings, {name: name for name in (*values, *_without_value(values))})
    per_interface = {}
    for interface in interfaces:
        answers = _answers(settings, sysctls.paths_of_interface(interface))
        if answers:
            per_interface[interface] = answers
    found["interface_sysctls"] = per_interface
    return found, unread


def _without_value(values: t.Mapping[str, int]) -> list[str]:
    return [name for name in (*sysctls.NAMES, *sysctls.CONNTRACK.values()) if name not in values]


def _who_applies(root: str) -> str:
    """The program that applies the files at boot: to the network namespace of process 1, and to no other."""
    try:
        same = os.stat("/proc/self/ns/net").st_ino == os.stat("/proc/1/ns/net").st_ino
    except OSError:
        same = True  # hidden from us; we are not root
    if not same:
        return ""
    if os.path.isdir(os.path.join(root, "run/systemd/system")):
        return "systemd-sysctl"
    return "procps" if _booted_by(root) else ""


def _booted_by(root: str) -> bool:
    """Whether an init that runs such scripts is process 1 here."""
    try:
        with open("/proc/1/comm", encoding="ascii") as stream:
            init = stream.read().strip()
    except OSError:
        return False
    return init in ("init", "openrc-init", "runit") and any(os.path.exists(os.path.join(root, p)) for p in _PROCPS)


def files(root: str, with_sysctl_conf: bool) -> list[str]:
    """The files in the order in which they are read. /etc/sysctl.conf is procps' own, and its last."""
    chosen: dict[str, str] = {}
    for directory in DIRECTORIES:
        folder = os.path.join(root, directory)
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            if name.endswith(".conf"):
                chosen.setdefault(name, os.path.join(folder, name))
    listed = [chosen[name] for name in sorted(chosen)]
    listed = [path for path in listed if os.path.realpath(path) != "/dev/null"]  # masked
    last = os.path.join(root, _FILE_OF_PROCPS)
    return [*listed, last] if with_sysctl_conf and os.path.exists(last) else listed


def parse(text: str, file: str) -> list[Setting]:
    """The settings of one file, in their order; lines that are none are passed over, as both programs do. Pure."""
    settings = []
    for line in text.splitlines():
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        key, equals, value = line.partition("=")
        key = key.strip()
        if equals or key.startswith("-"):
            settings.append(Setting(normalize(key.removeprefix("-").strip()), value.strip() if equals else None, file))
    return settings


def normalize(key: str) -> str:
    """A key as a path: where its first separator is a dot, dots and slashes change places (sysctl_normalize). Pure."""
    first = next((c for c in key if c in "./"), "/")
    return (key if first == "/" else key.translate({46: 47, 47: 46})).strip("/")


def _answers(settings: t.Sequence[Setting], wanted: t.Mapping[str, str]) -> Dict:
    """``{name: {value, file}}`` of the wanted names (with their paths) that some line sets to a number. Pure."""
    answers = {name: decide(settings, path) for name, path in wanted.items()}
    return {name: answer for name, answer in answers.items() if answer}


def in_force(settings: t.Iterable[Setting]) -> list[Setting]:
    """The last setting of each key or glob, in the order in which they are applied. Pure.

    A line that repeats the value of an earlier one changes nothing, not even its place (parse_file).
    """
    chosen: dict[str, Setting] = {}
    for setting in settings:
        old = chosen.get(setting.key)
        if old is None or old.value != setting.value:
            chosen.pop(setting.key, None)
            chosen[setting.key] = setting
    return list(chosen.values())


def decide(settings: t.Sequence[Setting], path: str) -> t.Optional[Dict]:
    """Which value a setting gets of settings ``in_force``, and which file says so; None without a number. Pure."""
    last = next((setting for setting in settings if setting.key == path), None)
    if last is None:
        globs = [s for s in settings if s.value is not None and _is_glob(s.key) and _matches(path, s.key)]
        last = globs[-1] if globs else None
    if last is None or last.value is None:
        return None
    try:
        return {"value": int(last.value.split()[0], 0), "file": last.file}
    except (ValueError, IndexError):
        return None


def _is_glob(key: str) -> bool:
    return any(character in key for character in "*?[")


def _matches(path: str, pattern: str) -> bool:
    """glob(3): no wildcard stands for a slash."""
    parts, patterns = path.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(fnmatch.fnmatchcase(*pair) for pair in zip(parts, patterns))
