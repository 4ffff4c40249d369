# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Raw outputs of devices that we did not write, and what other parsers read in them.

The outputs are those that fakenos ships (MIT); they are fetched into build/fakenos, and nothing of them is in this
repository. The other parsers are ntc-templates', which netmiko installs.
"""

from __future__ import annotations

import fcntl
import functools
import pathlib
import re
import subprocess
import sys
import typing as t

import yaml

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dialect, Reading, Request
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.gather import Gathering
from ansible_collections.netpath.symmetry.tests.devices.transcripts import Transcript

Dict = dict[str, t.Any]
ROOT = pathlib.Path(__file__).parents[2]
REQUIREMENTS = pathlib.Path(__file__).parent / "foreign_requirements.txt"
FOLDER = ROOT / "build" / "fakenos"
# The package's names where they are others; FRR has no outputs there (those of "linux" are not of vtysh).
THEIR_NAMES = {"vyos": "vyatta_vyos"}
MISSING = ("frr",)


def fetch() -> pathlib.Path:
    """The folder with a YAML file per platform, fetched where it is not there; raises RuntimeError with what to do."""
    pinned = REQUIREMENTS.read_text(encoding="utf-8").split()[-1].replace("==", "-")
    found = FOLDER / "fakenos" / "plugins" / "nos" / "platforms_yaml"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes side by side fetch it once
        if not (FOLDER / f"{pinned}.dist-info").is_dir():
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade",
                       "--target", str(FOLDER), "--requirement", str(REQUIREMENTS)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            if done.returncode:
                raise RuntimeError(f"{pinned} cannot be fetched, which holds the outputs that are read here: give this "
                                   f"machine a package index (pip config), and run again. pip: {done.stderr[-600:]}")
    if not found.is_dir():
        raise RuntimeError(f"{pinned} has no {found.relative_to(FOLDER)}: it is another package, or not all of it")
    return found


@functools.cache
def outputs(platform: str) -> Dict:
    """Every raw output of a platform, by command; raises RuntimeError."""
    path = fetch() / f"{THEIR_NAMES.get(platform, platform)}.yaml"
    if not path.is_file():
        return {}
    commands = yaml.safe_load(path.read_text(encoding="utf-8"))["commands"]
    return {command: one["output"].replace("{{", "{").replace("}}", "}")
            for command, one in commands.items() if isinstance(one.get("output"), str)}


def read(dialect: Dialect, part: str, answers: t.Mapping[str, str], facts: Dict | None = None) -> Reading:
    """What our parser reads in these answers (by our command); every other command is refused."""
    gathering = asking(dialect, answers, facts)
    found: Reading = getattr(dialect, part)(gathering)
    return found


def asking(dialect: Dialect, answers: t.Mapping[str, str], facts: Dict | None = None) -> Gathering:
    """Who answers the dialect's questions; ``facts``: what was read before, as far as the part needs it."""
    transcript = Transcript(dialect, {command: [text] for command, text in answers.items()})
    gathering = Gathering(transcript, Request(), sleep=lambda _seconds: None)
    gathering.facts.update({"interfaces": {}, **(facts or {})})
    return gathering


def theirs(platform: str, command: str, text: str) -> list[dict[str, t.Any]]:
    """The rows that the template of ntc-templates reads; raises DeviceError where it does not take the text.

    The package indents some lines by one blank, as no device does, at which many templates give up; ours must not.
    """
    from ntc_templates.parse import parse_output
    from textfsm import TextFSMError

    failed: Exception | None = None
    for one in (text, re.sub(r"^ (?=\S)", "", text, flags=re.M)):
        try:
            return t.cast("list[dict[str, t.Any]]", parse_output(THEIR_NAMES.get(platform, platform), command, one))
        except TextFSMError as error:
            failed = error
    raise DeviceError(f"ntc-templates does not read {command!r} of {platform}: {failed}")
