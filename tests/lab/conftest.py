# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole networks for tests: ``lab("dual_wan_partner")`` builds a topology of inventories/lab once per session."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import subprocess
import tempfile
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import access, ensure
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.state import Paths

INVENTORIES = pathlib.Path(__file__).resolve().parents[2] / "inventories" / "lab"


@dataclasses.dataclass(frozen=True)
class Lab:
    """A lab that stands. Its hosts are shared by the tests of a session, unless it was asked for with ``fresh``."""

    topology: str
    paths: Paths

    def run(
        self, host: str, script: str, check: bool = True, timeout: float = 30, input: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell script inside a host, past SSH and Ansible."""
        argv = ["sh", "-c", script]
        return access.run(self.paths.dir, self.paths.lab, host, argv, timeout=timeout, input=input, check=check)

    def output(self, host: str, script: str, timeout: float = 30) -> str:
        """What a shell script prints inside a host; it must succeed."""
        return self.run(host, script, timeout=timeout).stdout

    def ansible_options(self, inventory: str = "") -> list[str]:
        """The options by which ansible and ansible-playbook reach this lab with an inventory of inventories/lab."""
        hosts = INVENTORIES / (inventory or self.topology) / "hosts.yml"
        return ["-i", str(hosts), "-e", f"lab_dir={self.paths.dir}", "-e", f"lab_name={self.paths.lab}"]


class BuildLab(t.Protocol):
    """``lab(topology)``: the session's lab; ``lab(topology, fresh=True)``: one of its own, to be broken at will."""

    def __call__(self, topology: str, fresh: bool = False) -> Lab: ...


@pytest.fixture(scope="session")
def lab() -> t.Iterator[BuildLab]:
    """Build labs on demand; all of them are removed at the end of the session."""
    directory = tempfile.mkdtemp(prefix="nps-lab-")
    built: dict[str, Lab] = {}

    def build(topology: str, fresh: bool = False) -> Lab:
        name = f"{topology}_{os.getpid()}" + (f"_{len(built)}" if fresh else "")
        if name not in built:
            built[name] = Lab(topology, Paths(directory, name))
            ensure.ensure(built[name].paths, "present", str(INVENTORIES / "topologies" / f"{topology}.yml"))
        return built[name]

    yield build
    for item in built.values():
        ensure.ensure(item.paths, "absent", "")
    shutil.rmtree(directory)
