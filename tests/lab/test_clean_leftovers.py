# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set-up removes what interrupted tests left behind, and nothing else."""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "clean_leftovers.sh"


def ended_process() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def namespaces() -> set[str]:
    listing = subprocess.run(["ip", "netns", "list"], check=True, capture_output=True, text=True).stdout
    return {line.split()[0] for line in listing.splitlines()}


@pytest.fixture
def made():
    """Names by what is to become of them; all are gone at the end."""
    gone, here, mine = ended_process(), os.getpid(), f"nps-spared{os.getpid()}"
    names = {
        "removed": {f"nps-{gone}-gw", f"nps-t{gone}_17-gw", f"nps-dual_wan_{gone}-mgmt", f"nps-dual_wan_{gone}_2-gw"},
        "kept": {f"nps-{here}-left", f"nps-dual_wan_{here}_2-left", mine, f"{mine}-gw", f"other-{gone}-{here}"},
    }
    for name in names["removed"] | names["kept"]:
        subprocess.run(["ip", "netns", "add", name], check=True)
    yield names
    for name in (names["removed"] | names["kept"]) & namespaces():
        subprocess.run(["ip", "netns", "delete", name], check=True)


def test_leftovers_go_and_everything_else_stays(made):
    name = sorted(made["removed"])[0]
    inhabitant = subprocess.Popen(
        ["ip", "netns", "exec", name, "sh", "-c", "echo in; exec sleep 600"], stdout=subprocess.PIPE
    )
    try:
        assert inhabitant.stdout.readline() == b"in\n"
        subprocess.run(["bash", str(SCRIPT)], check=True, capture_output=True)
        assert made["removed"] & namespaces() == set()
        assert made["kept"] <= namespaces()
        assert inhabitant.wait(5) == -9
    finally:
        inhabitant.kill()
        inhabitant.communicate()
