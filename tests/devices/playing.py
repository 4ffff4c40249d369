# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run device_config as users do: by a playbook, against a fake that listens."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import typing as t

from ansible_collections.netpath.symmetry.tests.devices.fake import PASSWORD, USER

Dict = dict[str, t.Any]
PLAYBOOK = str(pathlib.Path(sys.executable).parent / "ansible-playbook")


def hosts_file(folder: pathlib.Path, name: str, port: int, platform: str) -> pathlib.Path:
    """An inventory with the one device."""
    host = {"ansible_host": "127.0.0.1", "ansible_port": port, "ansible_user": USER, "ansible_password": PASSWORD,
            "ansible_network_os": platform, "symmetry_known_hosts": str(folder / "known_hosts")}
    path = folder / "hosts.json"
    path.write_text(json.dumps({"all": {"hosts": {name: host}}}))
    return path


def playbook(folder: pathlib.Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ansible-playbook with the inventory of the folder."""
    return subprocess.run([PLAYBOOK, "-i", str(folder / "hosts.json"), *words], capture_output=True, text=True,
                          timeout=120, check=False, stdin=subprocess.DEVNULL, cwd=folder)


def play(folder: pathlib.Path, name: str, runs: t.Sequence[tuple[bool, Dict]], proven: bool = True) -> list[Dict]:
    """What device_config answers to each of these runs (whether in check mode, and its options), in one play.

    Where the proof is not what is looked at, there is one that succeeds.
    """
    given: Dict = {"known_hosts": str(folder / "known_hosts")}
    given |= {"proof": ["true"], "backup_file": str(folder / "before.cfg")} if proven else {}
    tasks: list[Dict] = [
        {"netpath.symmetry.device_config": {**given, **options},
         "register": f"told{number}", "check_mode": check, "diff": True, "ignore_errors": True}
        for number, (check, options) in enumerate(runs)]
    names = ", ".join(f"told{number}" for number in range(len(runs)))
    tasks.append({"ansible.builtin.copy": {"content": f"{{{{ [{names}] | to_json }}}}",
                                           "dest": str(folder / "answer.json")},
                  "delegate_to": "localhost", "vars": {"ansible_connection": "local"}})
    (folder / "play.json").write_text(json.dumps([{"hosts": name, "gather_facts": False, "tasks": tasks}]))
    done = playbook(folder, str(folder / "play.json"))
    assert (folder / "answer.json").exists(), done.stdout[-3000:] + done.stderr[-2000:]
    return t.cast("list[Dict]", json.loads((folder / "answer.json").read_text()))
