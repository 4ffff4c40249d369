# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever conntrackd takes as its configuration we take, and whatever it refuses we refuse, in the same line."""

from __future__ import annotations

import os
import pathlib
import random
import re
import subprocess
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import configuration_grammar as grammar
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.configuration import parse

SEED = int(os.environ.get("SEED", "20261126"))
FILES = int(os.environ.get("FILES", "150"))
EXAMPLES_DIR = pathlib.Path("/usr/share/doc/conntrackd/examples")
VALUES = {
    "on": ("on", "Yes", "ON", "yes"), "off": ("off", "no", "No", "OFF"), "signed": ("-20", "+5"),
    "number": ("0", "1", "17", "3780", "99999999999"), "path": ("{dir}/a", "{dir}/a{{b}}#c"),
    "alarm": ("ALARM", "alarm"), "ftfw": ("FTFW", "ftfw", "nack"), "notrack": ("NOTRACK", "notrack"),
    "word": ("lo", "eth0-1", "br_x.5", "local3", "q.931", "sctp", "IPv6-ICMP", "FIFO", "x1"),
    "address": ("10.0.0.1", "10.0.0.0/8", "1.2.3.999", "010.1.1.1/33", "::1", "fe80::/10", "1:2:3:4:5:6:7:8", "12ab",
                "ff02::1", "a::b:", "0.0.0.0/0", "abcd/64"),
}
STRANGE = (
    "{", "}", "on", "no", "7", "-7", "1.2.3", "10.0.0.1", "::", "1::2::3", "be", "dead", "eth0", "a:b", "12abc", '"a"',
    "o|n", "no#x", "# a comment\n", "#", "\r", "\t", "\n", "for", "TCP", "UDP", "Default", "FTFW", "ALARM",
    "persistent", "SYN_SENT", "CLOSED", "Accept", "ICMP", "Replicate", "Family", "Lockfile", "Port5", "Port-x", "Port.",
    "General", "Sync", "Stats", "Backlog", "PollSecs", "StartupResync", "é", "_a", "a_b", "/x", "/64", "+",
    "1111222233334444", "12ab34cd::", "\0",
)
HELPERS = ("ftp inet tcp", "rpc inet6 udp", "tns inet tcp", "ftp inet sctp", "ftp ipx tcp")
# Not of the grammar: the library of a helper, which policies it has.
OF_THE_LIBRARY = ("helper", "Unknown policy")


def random_file(dice: random.Random, directory: str) -> str:
    """A file of our grammar; in half of them a few words are left out, doubled, exchanged or replaced."""
    words = random_section(dice, grammar._FILE, 0)
    for _mutation in range(dice.choice((0, 0, 0, 1, 1, 2, 4))):
        at = dice.randrange(len(words) + 1)
        what = dice.randrange(4)
        if what == 0:
            del words[at:at + 1]
        elif what == 1:
            words[at:at] = words[at:at + 1]
        elif what == 2:
            words[at:at] = [dice.choice(STRANGE)]
        else:
            words[at:at + 1] = [dice.choice((*STRANGE, *grammar._KEYWORDS))]
    text = "".join(word + dice.choice((" ", " ", "\n", "\n", "\t", " # " + word + "\n")) for word in words)
    text = text if dice.random() < 0.2 else text + "\n"
    return text.replace("{dir}", directory).replace("{{", "{").replace("}}", "}")


def random_section(dice: random.Random, section: grammar.Section, depth: int) -> list[str]:
    words: list[str] = []
    most = 3 if depth == 0 else 6
    for keyword in dice.choices(sorted(section), k=dice.randrange(most)):
        if keyword == "Type" and depth > 0 and "Policy" in section:
            if depth == 1:
                words += ["Type", *dice.choice(HELPERS).split(), "{", "QueueNum", "1", "}"]
            continue
        if keyword == "Policy":
            continue
        form = dice.choice(section[keyword])
        words += [keyword, *(dice.choice(VALUES.get(dice.choice(kinds), kinds)) for kinds in form.words)]
        if form.inner is not None:
            words += ["{", *random_inner(dice, form.inner, depth + 1), "}"]
    return words


def random_inner(dice: random.Random, inner: t.Any, depth: int) -> list[str]:
    if isinstance(inner, grammar.Listed):
        return [dice.choice(VALUES.get(kind, (kind,))) for kind in dice.choices(inner.kinds, k=dice.randrange(4))]
    if inner == "states":
        lists = [dice.choices(grammar.TCP_STATES, k=dice.randrange(4)) for _list in range(dice.randrange(3))]
        return [word for states in lists for word in (*states, "for", "TCP")]
    return random_section(dice, inner, depth)


def what_conntrackd_says(directory: pathlib.Path) -> dict[str, str]:
    """By file name what conntrackd says when asked for a daemon that is not there, in a network of its own."""
    script = 'cd "$1"; for file in *.conf; do timeout 10 conntrackd -C "$file" -s > "$file.said" 2>&1 || true; done'
    subprocess.run(["unshare", "-n", "sh", "-c", script, "sh", str(directory)], check=True, timeout=120)
    return {path.name[: -len(".said")]: path.read_bytes().decode("latin-1") for path in directory.glob("*.said")}


def what_we_say(path: pathlib.Path) -> str:
    """"" where the file is taken; else the error."""
    try:
        parse(path.read_bytes().decode("latin-1"))
    except grammar.ConfigurationError as error:
        return str(error)
    return ""


def disagreement(said: str, ours: str) -> str:
    """What is wrong with our answer; "" where nothing is."""
    errors = re.findall(r"\[ERROR\] (.*)", said)
    refused = "" if errors and "can't connect" in errors[0] else (errors or [said])[0]
    if bool(refused) != bool(ours):
        return f"conntrackd: {refused or 'taken'}; ours: {ours or 'taken'}"
    line = re.search(r"in line \((\d+)\)", refused)
    if line and not ours.startswith(f"line {line.group(1)}:"):
        return f"conntrackd: {refused}; ours: {ours}"
    return ""


@pytest.mark.parametrize("path", [
    *sorted(EXAMPLES_DIR.rglob("conntrackd.conf")), pathlib.Path("/etc/conntrackd/conntrackd.conf")], ids=str)
def test_files_of_the_package(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.conf").write_bytes(path.read_bytes())
    assert not disagreement(what_conntrackd_says(tmp_path)["a.conf"], what_we_say(tmp_path / "a.conf"))
    assert what_we_say(tmp_path / "a.conf") == ""


def test_random_files(tmp_path: pathlib.Path) -> None:
    print("seed", SEED)
    dice = random.Random(SEED)
    for number in range(FILES):
        (tmp_path / f"{number}.conf").write_bytes(random_file(dice, str(tmp_path)).encode("latin-1"))
    counts = {"taken": 0, "refused": 0, "library": 0}
    for name, said in what_conntrackd_says(tmp_path).items():
        if any(word in said for word in OF_THE_LIBRARY):
            counts["library"] += 1
            continue
        ours = what_we_say(tmp_path / name)
        wrong = disagreement(said, ours)
        assert not wrong, f"seed {SEED}, {name}: {wrong}\n{(tmp_path / name).read_bytes()!r}"
        counts["refused" if ours else "taken"] += 1
    print(counts)
    assert sum(counts.values()) == FILES
    assert min(counts["taken"], counts["refused"]) >= FILES // 5, counts
    assert counts["library"] <= FILES // 10
