# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be said twice in a collection is said alike: action group, role arguments, licences."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
ROLES = sorted(path.name for path in (ROOT / "roles").glob("*") if path.is_dir())
PYTHON_FILES = sorted(path.relative_to(ROOT) for path in (ROOT / "plugins").rglob("*.py"))
MAX_LINES = 400
TAG = "SPDX-License-" + "Identifier:"  # in two parts, or reuse would take it for this file's own

# lab builds networks on the control node and shares no defaults with what runs against hosts.
OUTSIDE_THE_GROUP = {"lab"}
TYPES = {
    "str": str, "path": str, "raw": object, "bool": bool, "int": int, "float": (int, float), "list": list, "dict": dict,
}


def load(path: str):
    return yaml.safe_load((ROOT / path).read_text())


def actions() -> set[str]:
    return {path.stem for folder in ("modules", "action") for path in (ROOT / "plugins" / folder).glob("[!_]*.py")}


def test_the_action_group_names_every_module():
    declared = load("meta/runtime.yml")["action_groups"]["symmetry"]
    wanted = sorted(actions() - OUTSIDE_THE_GROUP)
    assert declared == wanted, "meta/runtime.yml: action_groups.symmetry must list these, sorted"


@pytest.mark.parametrize("name", sorted(actions()))
def test_a_module_says_whether_it_is_in_the_action_group(name):
    path = ROOT / "plugins" / "modules" / f"{name}.py"
    assert path.exists(), f"the action plugin {name} is documented in plugins/modules/{name}.py"
    text = path.read_text()
    says = "actiongroup_symmetry" in text.lower() or "netpath.symmetry.symmetry" in text
    assert says is (name not in OUTSIDE_THE_GROUP)


def entry_points(role: str) -> dict:
    path = ROOT / "roles" / role / "meta" / "argument_specs.yml"
    assert path.exists(), f"roles/{role} needs meta/argument_specs.yml"
    return yaml.safe_load(path.read_text())["argument_specs"]


@pytest.mark.parametrize("role", ROLES)
def test_defaults_of_a_role_are_those_it_documents(role):
    path = ROOT / "roles" / role / "defaults" / "main.yml"
    defaults = (yaml.safe_load(path.read_text()) if path.exists() else None) or {}
    options = {name: spec for entry in entry_points(role).values() for name, spec in entry.get("options", {}).items()}
    documented = {name: spec["default"] for name, spec in options.items() if "default" in spec}
    assert defaults == documented


@pytest.mark.parametrize("role", ROLES)
def test_arguments_of_a_role_bear_its_name_and_a_type_that_their_default_has(role):
    for entry in entry_points(role).values():
        for name, spec in entry.get("options", {}).items():
            assert name.startswith(f"{role}_"), f"{name}: the variables of a role begin with its name"
            assert spec.get("description"), f"{name} has no description"
            default, kind = spec.get("default"), spec.get("type", "str")
            if isinstance(default, str) and "{{" in default:
                continue  # known when the play runs
            assert default is None or isinstance(default, TYPES[kind]), f"{name}: {default!r} is not of type {kind}"
            assert not (spec.get("required") and "default" in spec), f"{name} is required and has a default"


@pytest.mark.parametrize("path", PYTHON_FILES, ids=str)
def test_a_file_says_what_it_is_and_stays_short(path):
    text = (ROOT / path).read_text()
    head = text[:700]
    assert TAG in head
    assert "from __future__ import annotations" in text
    assert text.count("\n") < MAX_LINES, "split it: a file has a name because it has one subject"
    if path.parts[1] == "module_utils":
        assert "# PRIVATE: " in head
        if "BSD-2-Clause" in head:
            assert not re.search(r"^\s*(from|import) ansible\.", text, re.M), "imports GPL code: GPL-3.0-or-later only"
    else:
        assert f"{TAG} GPL-3.0-or-later" in head
