# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test stages, in the order in which they run: quick ones first."""

from __future__ import annotations

import dataclasses
import pathlib
import subprocess

PACKAGE = "ansible_collections.netpath.symmetry.plugins"
PURE = ("module_utils._model", "module_utils._plan", "plugin_utils._engine")
ANSIBLE_TEST_REPORTS = "build/ansible-test/ansible_collections/netpath/symmetry/tests/output/junit/*.xml"


@dataclasses.dataclass(frozen=True)
class Stage:
    """One command. ``needs`` must match a file, else there is nothing to test yet and the stage is left out."""

    group: str
    name: str
    argv: tuple[str, ...]
    junit: str = ""  # a pattern of the reports it writes
    root: bool = False
    needs: str = "galaxy.yml"
    lane: str = "code"  # stages of one lane run one after another, lanes run side by side
    telling: str = ""  # after a failure only the lines that match this are shown
    timeout: float = 600

    @property
    def slug(self) -> str:
        return "".join(letter if letter.isalnum() else "_" for letter in self.name)

    def reports(self, root: pathlib.Path) -> list[pathlib.Path]:
        return list(root.glob(self.junit)) if self.junit else []

    def exists(self, root: pathlib.Path) -> bool:
        return any(root.glob(self.needs))


def _pytest(
    group: str, folder: str, *options: str, root: bool = True, lane: str = "code", timeout: float = 600
) -> Stage:
    report = f"build/test/{group}.xml"
    argv = ("python", "-m", "pytest", folder, "-q", f"--junitxml={report}", *options)
    return Stage(group, group, argv, junit=report, root=root, needs=f"{folder}/**/test_*.py", lane=lane,
                 timeout=timeout)


def _ansible_test(*argv: str) -> tuple[str, ...]:
    return ("python", "tools/ansible_test.py", *argv)


# Rooms of tests that are no part of the collection, nor of ansible-test's own kinds of tests: ruff looks at them.
_NOT_SHIPPED = tuple(
    option for room in ("artifact", "bench", "devices", "faults", "kernels", "lab", "networks", "oracle", "real_hosts",
                        "remedies")
    for option in ("--exclude", f"tests/{room}/")
)


def _shell_files() -> tuple[str, ...]:
    """Every shell script git knows: by its name, and .ci/run, which has none."""
    listing = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run([*listing, "*.sh", ".ci/run"], capture_output=True, text=True, check=True)
    return tuple(found.stdout.splitlines())


STAGES = (
    Stage("lint", "ruff", ("ruff", "check", ".")),
    Stage("lint", "mypy, pure layers", ("mypy", "--strict", *(f"--package={PACKAGE}.{name}" for name in PURE))),
    Stage("lint", "mypy, the rest", ("mypy", "build/collections/ansible_collections/netpath/symmetry/plugins")),
    Stage("lint", "shellcheck", ("shellcheck", *_shell_files())),
    Stage("lint", "yamllint", ("yamllint", "--strict", ".")),
    Stage("lint", "ansible-lint", ("ansible-lint", "--offline", "-q", "--nocolor")),
    Stage("lint", "reuse", ("reuse", "lint", "--lines")),
    Stage("lint", "changelog", ("antsibull-changelog", "lint")),
    Stage("lint", "documentation", ("antsibull-docs", "lint-collection-docs", "--plugin-docs", "--skip-rstcheck",
                                    "--validate-collection-refs=self", ".")),
    _pytest("unit", "tests/unit", "-n", "auto", root=False),
    Stage("sanity", "ansible-test sanity", _ansible_test("sanity", "--skip-test", "pslint", *_NOT_SHIPPED),
          telling=r"^(ERROR|FATAL|Traceback)"),
    Stage("sanity", "ansible-test units", _ansible_test("units"), junit=ANSIBLE_TEST_REPORTS,
          needs="tests/unit/plugins/**/test_*.py"),
    # Namespaces come and go slowly while the processor idles: more workers than processors. The rest: make lab-long.
    _pytest("lab-test", "tests/lab", "-m", "not long", "-n", "4", "--dist", "loadfile", "--durations=20",
            lane="networks", timeout=800),
    Stage("integration", "ansible-test integration",
          _ansible_test("integration", "--allow-destructive", "--allow-root"),
          root=True, lane="networks", needs="tests/integration/targets/*/aliases"),
    _pytest("oracle-sample", "tests/oracle", lane="networks"),
    _pytest("networks-sample", "tests/networks", lane="networks"),
    _pytest("kernels-sample", "tests/kernels", lane="networks"),
    _pytest("faults-sample", "tests/faults", lane="networks"),
    # Devices keep whoever reads them waiting: more workers than processors.
    _pytest("devices-test", "tests/devices", "-n", "8", "--dist", "worksteal", root=False, lane="networks"),
    _pytest("artifact-test", "tests/artifact"),
    Stage("replay", "replay", ("ansible-playbook", "netpath.symmetry.incident_replay"), root=True,
          needs="playbooks/incident_replay.yml"),
)
GROUPS = tuple(dict.fromkeys(stage.group for stage in STAGES))
