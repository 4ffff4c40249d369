# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which later change depends on an earlier one; the shell script must say the same of the same journal."""

from __future__ import annotations

import pathlib
import random
import subprocess

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.changes import read_ended
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.decide import Request, decide
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.dependency import MANY, condensed, dependents
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import GuardError, undo_text
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.script import SCRIPT

FILLED = ["w route/4/10500/203.0.113.0/25"]
LOOKUP = ["w rule/4/10500", "r route/4/10500"]


@pytest.mark.parametrize(
    ("earlier", "later", "by"),
    [
        (FILLED, LOOKUP, "route/4/10500"),
        (LOOKUP, FILLED, "route/4/10500/203.0.113.0/25"),
        (FILLED, ["w rule/6/10500", "r route/6/10500"], None),
        (FILLED, ["w route/4/10500/203.0.113.128/25"], None),
        (FILLED, ["w route/4/105001/203.0.113.0/25"], None),
        (["r route/4/254", "w rule/4/1"], ["w route/4/254/203.0.113.0/25"], None),
        (["w route/4/254/203.0.113.0/25"], ["r route/4/254", "w rule/4/1"], "route/4/254"),
        (LOOKUP, ["w rule/4/10501", "r route/4/10500"], None),
        (["w nft"], ["w nft/chain/x"], "nft/chain/x"),
        (["w sysctl/net/ipv4/conf/a/rp_filter"], ["w sysctl/net/ipv4/conf/b/rp_filter"], None),
        (["w sysctl/net/ipv4/conf/a/rp_filter"], ["h sysctl/net/ipv4/conf", "w file/x"], "sysctl/net/ipv4/conf"),
        (["h sysctl/net/ipv4/conf", "w file/x"], ["w sysctl/net/ipv4/conf/a/rp_filter"], None),
        (["nothing"], None, None),
        (None, ["nothing"], None),
        (FILLED, None, ""),
        (None, FILLED, "route/4/10500/203.0.113.0/25"),
    ],
)
def test_what_depends(earlier: list[str] | None, later: list[str] | None, by: str | None) -> None:
    assert dependents(earlier, [("later", later)]) == ({} if by is None else {"later": by})


def test_what_depends_on_a_dependent_depends() -> None:
    later = [("two", ["w b", "r a"]), ("three", ["w c"]), ("four", ["w d", "r b"])]
    assert dependents(["w a"], later) == {"two": "a", "four": "b"}


def test_many_routes_of_a_table_are_recorded_as_the_table() -> None:
    few = [f"w route/4/10500/10.0.{number}.0/24" for number in range(MANY)]
    assert condensed(few + few) == few
    assert condensed([*LOOKUP, *few, "w route/4/10500/192.0.2.0/24"]) == [*LOOKUP, "w route/4/10500"]


def test_a_line_break_in_a_name_writes_no_command() -> None:
    lines = undo_text("a\nb", ["true"], touches=["w link/x\nrun 'reboot'"]).splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["run true"]


PARTS = ("route", "rule", "4", "254", "10500", "nft", "set")


def _random_touches(choose: random.Random) -> list[str] | None:
    if choose.random() < 0.1:
        return None
    count = choose.choice((0, 1, 1, 2))
    return [
        f"{choose.choice('wwrh')} {'/'.join(choose.choices(PARTS, k=choose.randint(1, 4)))}" for _each in range(count)
    ]


def _journal(folder: pathlib.Path, changes: list[list[str] | None]) -> None:
    (folder / "symmetry-guard").write_text(SCRIPT, encoding="utf-8")
    for number, touched in enumerate(changes, 1):
        change = folder / "changes" / f"c{number}"
        change.mkdir(parents=True)
        (change / "change").write_text(f"id: c{number}\narmed: {number}\n", encoding="utf-8")
        (change / "result").write_text(f"state: confirmed\nsequence: {number}\n", encoding="utf-8")
        (change / "0001.sh").write_text(undo_text("x", ["true"], touches=touched), encoding="utf-8")


@pytest.mark.parametrize("seed", range(12))
def test_the_script_on_the_host_says_the_same(tmp_path: pathlib.Path, seed: int) -> None:
    choose = random.Random(seed)
    _journal(tmp_path, [_random_touches(choose) for _each in range(6)])
    ended = read_ended(str(tmp_path))
    # The functions of the script by themselves: all of it but the part that looks at its arguments.
    functions = SCRIPT.partition("\ncommand=${1:-status}")[0].replace('SELF=$(readlink -f "$0")', f"SELF={tmp_path}/x")
    for number in range(1, 7):
        command = f"{functions}\ncheck_dependents c{number} {number}"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, timeout=30)
        try:
            decide(Request("rolled_back", f"c{number}"), None, ended)
            said = ""
        except GuardError as error:
            said = str(error)
        assert done.stderr.strip().replace("symmetry-guard: ", "").replace("--force", "force") == said
        assert done.returncode == (1 if said else 0)
