#!/usr/bin/env python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-test on this checkout: ``tools/ansible_test.py sanity|units|integration [OPTIONS]``.

ansible-test wants a real directory .../ansible_collections/netpath/symmetry under git, a home for its caches,
interpreters by name on PATH, and a bootstrap script for pip from a server of its own. Here it gets: a copy of the
files git knows (uncommitted work included) below build/ansible-test, a home there, the interpreters of this
machine by path, and a bootstrap script around a wheel from the configured package index.
"""

from __future__ import annotations

import glob
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "ansible-test"
COPY = WORK / "ansible_collections" / "netpath" / "symmetry"
HOME = WORK / "home"
VENV = ROOT / ".venv"
KEPT = (".git", "tests/output")
CONTROL = f"{sys.version_info[0]}.{sys.version_info[1]}"
VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13")

# Runs in the empty environment that ansible-test has just made; it is called like pip, without "install".
GET_PIP = '''\
import os
import sys

sys.path.insert(0, {wheel!r})
from pip._internal.cli.main import main

options = [option for option in sys.argv[1:] if option not in ("--no-setuptools", "--no-wheel")]
sys.exit(main(["install", "--find-links", os.path.dirname({wheel!r})] + options))
'''


def tracked_files() -> set[str]:
    """The files of this checkout that git knows or would add, less those that are deleted."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout
    return {name for name in listing.split("\0") if name and os.path.lexists(ROOT / name)}


def refresh_copy() -> None:
    """Make COPY hold the tracked files and nothing else; unchanged files are left alone, and ansible-test's output."""
    wanted = tracked_files()
    (COPY / "tests" / "output").mkdir(parents=True, exist_ok=True)
    for folder, folders, files in os.walk(COPY):
        relative = os.path.relpath(folder, COPY)
        folders[:] = [name for name in folders if os.path.normpath(f"{relative}/{name}") not in KEPT]
        for name in files:
            if os.path.normpath(f"{relative}/{name}") not in wanted:
                os.remove(os.path.join(folder, name))
    for name in wanted:
        source, target = ROOT / name, COPY / name
        if not _same(source, target):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    if not (COPY / ".git").exists():
        subprocess.run(["git", "init", "--quiet"], cwd=COPY, check=True)


def _same(source: pathlib.Path, target: pathlib.Path) -> bool:
    if source.is_symlink() or not target.exists():
        target.unlink(missing_ok=True)
        return False
    one, other = source.stat(), target.stat()
    return (one.st_size, one.st_mtime_ns, one.st_mode) == (other.st_size, other.st_mtime_ns, other.st_mode)


def interpreters() -> dict[str, str]:
    """The interpreters of this machine by version. Stand-ins of a version manager are looked through."""
    found = {}
    managed = os.path.join(os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv")), "versions")
    for version in VERSIONS:
        name = f"python{version}"
        for candidate in [shutil.which(name), *sorted(glob.glob(f"{managed}/{version}.*/bin/{name}"))]:
            if candidate and (program := _real_program(candidate, version)):
                found[version] = program
                break
    found[CONTROL] = os.path.realpath(sys.executable)
    return dict(sorted(found.items(), key=lambda item: VERSIONS.index(item[0])))


def _real_program(candidate: str, version: str) -> str | None:
    code = "import sys, venv; print(sys.executable, '%d.%d' % sys.version_info[:2])"
    result = subprocess.run([candidate, "-c", code], capture_output=True, text=True, check=False)
    program, _space, actual = result.stdout.strip().rpartition(" ")
    return program if result.returncode == 0 and actual == version else None


def environment_options(command: str) -> list[str]:
    """The control node's Python for the controller; for sanity and units the oldest and the newest here besides.

    Those between add minutes and have not found anything that the ends do not find.
    """
    found = interpreters()
    options = ["--controller", f"origin:python=venv/{CONTROL}@{found[CONTROL]}"]
    if command == "integration":
        return options
    versions = list(found)
    chosen = {versions[0], versions[-1]}
    if command == "sanity":
        chosen.add(CONTROL)
    elif len(chosen) > 1:
        chosen.discard(CONTROL)  # plain pytest runs there already
    kind = "venv/" if command == "units" else ""  # sanity makes its own environment for each
    for version in sorted(chosen, key=versions.index):
        options += ["--target-python", f"{kind}{version}@{found[version]}"]
    return options


def bootstrap_pip() -> None:
    """Leave a pip bootstrap script where ansible-test looks for one before it downloads its own."""
    source = next(VENV.glob("lib/python*/site-packages/ansible_test/_internal/python_requirements.py")).read_text()
    for version in set(re.findall(r"'(2\d\.\d+(?:\.\d+)?)'", source)):
        script = HOME / ".ansible" / "test" / "cache" / f"get_pip_{version.replace('.', '_')}.py"
        wheels = WORK / "pip"
        if not script.exists():
            subprocess.run(
                [VENV / "bin" / "pip", "download", "--quiet", "--no-deps", "--dest", wheels, f"pip=={version}"],
                check=True,
            )
            script.parent.mkdir(parents=True, exist_ok=True)
            script.write_text(GET_PIP.format(wheel=str(wheels / f"pip-{version}-py3-none-any.whl")))


def write_home() -> None:
    """ansible-test hands HOME on to pip and git, and no other variable that configures them."""
    lines = subprocess.run(
        [VENV / "bin" / "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    settings = {}
    for line in lines:
        key, _equals, value = line.partition("=")
        section, _dot, name = key.rpartition(".")
        if section in ("global", "install", ":env:") and name not in ("config-file", "require-virtualenv"):
            settings[name] = value.strip("'\"").replace("\\n", "\n    ")
    folder = HOME / ".config" / "pip"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pip.conf").write_text("[global]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items()))
    (HOME / ".gitconfig").write_text("[safe]\n\tdirectory = *\n")


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in ("sanity", "units", "integration"):
        print("usage: tools/ansible_test.py sanity|units|integration [OPTIONS of ansible-test]", file=sys.stderr)
        return 2
    refresh_copy()
    write_home()
    bootstrap_pip()
    # The interpreters by name as well: the import test asks for them so.
    folders = [str(VENV / "bin"), *(os.path.dirname(program) for program in interpreters().values())]
    environment = {**os.environ, "HOME": str(HOME), "PATH": ":".join([*folders, os.environ["PATH"]])}
    for name in ("PYTHONPATH", "ANSIBLE_COLLECTIONS_PATH", "ANSIBLE_CONFIG"):
        environment.pop(name, None)
    command, *options = sys.argv[1:]
    argv = ["ansible-test", command, "--color=no", "--requirements", *environment_options(command), *options]
    return subprocess.run(argv, cwd=COPY, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
