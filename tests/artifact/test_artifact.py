# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as users get it: built, installed into an empty path, and used from there, without the checkout."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tarfile

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(sys.executable).parent
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("[!_]*.py"))
LAB_NAME = f"t{os.getpid()}"


class Installation:
    """An empty path with the built collection in it."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.env = {
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
            "ANSIBLE_NOCOLOR": "true",
        }
        for name in ("PYTHONPATH", "ANSIBLE_CONFIG"):
            self.env.pop(name, None)

    @property
    def collection(self) -> pathlib.Path:
        return self.folder / "collections" / "ansible_collections" / "netpath" / "symmetry"

    def run(self, *argv: str, cwd: pathlib.Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv, cwd=cwd or self.folder, env=self.env, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=300, check=False,
        )

    def playbook(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        lab = ("-e", f"lab_name={LAB_NAME}", "-e", f"lab_dir={self.folder / 'lab'}")
        return self.run("ansible-playbook", f"netpath.symmetry.{name}", *lab, *options)


@pytest.fixture(scope="session")
def installation(tmp_path_factory) -> Installation:
    installed = Installation(tmp_path_factory.mktemp("artifact"))
    done = installed.run("ansible-galaxy", "collection", "build", "--output-path", str(installed.folder), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    [archive] = installed.folder.glob("netpath-symmetry-*.tar.gz")
    done = installed.run("ansible-galaxy", "collection", "install", "--offline", "-p", "collections", str(archive))
    assert done.returncode == 0, done.stderr
    return installed


def members(installation: Installation) -> set[str]:
    [archive] = installation.folder.glob("netpath-symmetry-*.tar.gz")
    with tarfile.open(archive) as tar:
        return {member.name for member in tar.getmembers() if member.isfile()}


def test_the_archive_holds_the_collection_and_nothing_of_development(installation):
    names = members(installation)
    assert {name.partition("/")[0] for name in names} <= {
        "CHANGELOG.md", "CHANGELOG.rst", "CODE_OF_CONDUCT.md", "COPYING", "FILES.json", "LICENSES", "MANIFEST.json",
        "README.md", "REUSE.toml", "changelogs", "docs", "extensions", "inventories", "meta", "playbooks", "plugins",
        "roles",
    }
    assert {"README.md", "COPYING", "meta/runtime.yml", "plugins/modules/host_facts.py"} <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".log", ".retry"))]


@pytest.mark.parametrize("folder", ["inventories", "meta", "playbooks", "plugins", "roles"])
def test_the_archive_has_every_file_that_git_knows_there(installation, folder):
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", folder], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert set(listing.stdout.split()) - members(installation) == set()


@pytest.mark.parametrize("name", MODULES)
def test_every_module_is_documented_from_there(installation, name):
    done = installation.run("ansible-doc", "--json", "-t", "module", f"netpath.symmetry.{name}")
    assert done.returncode == 0, done.stderr
    page = json.loads(done.stdout)[f"netpath.symmetry.{name}"]
    assert page["doc"]["filename"].startswith(str(installation.collection))
    assert page["doc"]["short_description"] and page["doc"]["attributes"] and page["examples"] and page["return"]


def test_every_role_is_documented_from_there(installation):
    roles = sorted(path.name for path in (installation.collection / "roles").iterdir())
    done = installation.run("ansible-doc", "--json", "-t", "role", *(f"netpath.symmetry.{role}" for role in roles))
    assert done.returncode == 0, done.stderr
    assert sorted(json.loads(done.stdout)) == [f"netpath.symmetry.{role}" for role in roles]


def test_every_playbook_is_found_and_read_by_its_full_name(installation):
    for path in sorted((installation.collection / "playbooks").glob("*.yml")):
        assert isinstance(yaml.safe_load(path.read_text()), list)
        done = installation.playbook(path.stem, "--syntax-check")
        assert done.returncode == 0, f"{path.stem}: {done.stderr}"


@pytest.fixture(scope="session")
def lab(installation):
    built = installation.playbook("lab", "-e", "topology=dual_wan_partner")
    try:
        assert built.returncode == 0, built.stdout + built.stderr
        yield installation
    finally:
        installation.playbook("lab", "-e", "topology=dual_wan_partner", "-e", "lab_state=absent")


def test_diagnose_of_a_real_network_from_there(lab):
    inventory = lab.collection / "inventories" / "lab" / "dual_wan_partner"
    report = lab.folder / "report"
    done = lab.playbook("diagnose", "-i", str(inventory), "-e", f"report_dir={report}")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    diagnosis = json.loads((report / "diagnosis.json").read_text())
    verdicts = {verdict["name"]: verdict["verdict"] for verdict in diagnosis["verdicts"]}
    assert verdicts["partner-api"] == "broken"
    assert verdicts["other-partner"] == "symmetric"
