# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What proves a change of a device while it waits: new flows of hosts of the inventory, or a command that is named.

The flows are sent by flow_probe, which an Ansible of its own runs: a task has one host, and the session to the device
has to stay open meanwhile. It is given the host with its variables as they stand, in a file that only this user reads.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow, FlowError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError

Variables = t.Mapping[str, t.Any]
PROBE = "netpath.symmetry.flow_probe"
MARGIN = 20.0  # seconds that starting a probe and its last try may take
# Magic variables that say something of a run, not of how a host is reached.
_OF_THE_RUN = ("ansible_facts", "ansible_play_", "ansible_inventory_sources", "ansible_version", "ansible_check_mode",
               "ansible_diff_mode", "ansible_verbosity", "ansible_forks", "ansible_limit", "ansible_run_tags",
               "ansible_skip_tags", "ansible_config_file", "ansible_playbook_python", "ansible_dependent_role_names",
               "ansible_collection_name", "ansible_role_name", "ansible_role_names", "ansible_parent_role",
               "ansible_search_path", "ansible_current_hosts", "ansible_failed_", "ansible_loop", "ansible_local",
               "ansible_delegated_vars", "ansible_network_resources")
MISSING = ("nothing would prove the change: name flows that must work after it, with the hosts that send them (flows), "
           "or a command (proof), or set accept_unproven")


@dataclasses.dataclass(frozen=True)
class NewFlow:
    """A flow that must work: ``count`` new tries one after the other, after ``within`` seconds at the latest."""

    host: str
    flow: str
    count: int = 3
    within: int = 30


@dataclasses.dataclass(frozen=True)
class Proof:
    """What has to succeed; ``accepted`` where somebody accepts that nothing has to."""

    flows: tuple[NewFlow, ...] = ()
    command: tuple[str, ...] = ()
    accepted: bool = False

    @property
    def missing(self) -> bool:
        """Whether the change would be kept with nothing to prove it, and nobody has accepted that."""
        return not (self.flows or self.command or self.accepted)


def read_proof(options: Variables, hosts: t.Container[str], seconds: int) -> Proof:
    """The proof that options ask for; raises WishError. ``seconds``: in which it has to be done."""
    flows = tuple(NewFlow(**{key: value for key, value in one.items() if value is not None})
                  for one in options["flows"] or ())
    for number, one in enumerate(flows):
        where = f"flows[{number}]"
        if one.host not in hosts:
            raise WishError(f"{where}: {one.host} is no host of the inventory")
        try:
            Flow.parse(one.flow)
        except FlowError as error:
            raise WishError(f"{where}: {error}") from None
        if not 1 <= one.count <= 100 or one.within < 0:
            raise WishError(f"{where}: count is {one.count} and within is {one.within}: give a count of 1 to 100, and "
                            "seconds from 0 on")
    needed = sum(one.within + MARGIN for one in flows)
    if needed > seconds:
        raise WishError(f"flows: they may take {needed:.0f} seconds in all, and confirm_within is {seconds}: raise it, "
                        "or name fewer flows or a shorter within")
    return Proof(flows, tuple(options["proof"] or ()), bool(options["accept_unproven"]))


def prove(proof: Proof, hostvars: Variables, seconds: float) -> str:
    """Send the flows, then run the command, in so many seconds; why it is no proof, empty where it is one."""
    until = time.monotonic() + seconds
    for one in proof.flows:
        failed = _send(one, hostvars[one.host], until)
        if failed:
            return failed
    if not proof.command:
        return ""
    status, said = _run(proof.command, until)
    if status is None:
        return said
    return f"{proof.command[0]} ended with status {status}: {said[-300:]}" if status else ""


def _send(one: NewFlow, variables: Variables, until: float) -> str:
    """A first answer has to come in time, and then one to each of ``count`` new tries; why not, or empty."""
    wait = max(1.0, min(one.within, until - time.monotonic() - MARGIN / 2))
    tries: list[dict[str, t.Any]] = [
        {"flow": one.flow, "until": "success", "wait": wait, "interval": 0.5, "expect": "success"},
        {"flow": one.flow, "count": one.count, "interval": 0.2, "expect": "success"}]
    with tempfile.TemporaryDirectory(prefix="nps-proof-") as folder:  # mode 0700
        hosts = os.path.join(folder, "hosts.json")
        with open(hosts, "w", encoding="utf-8") as file:
            json.dump({"all": {"hosts": {one.host: reaching(variables)}}}, file)
        for arguments in tries:
            command = [sys.executable, "-m", "ansible", "adhoc", "-i", hosts, one.host, "-m", PROBE,
                       "-a", json.dumps(arguments)]
            status, said = _run(command, until)
            if status != 0:
                return f"{one.flow} from {one.host}: {_message(said)}"
    return ""


def reaching(variables: Variables) -> dict[str, t.Any]:
    """Of a host's variables those by which Ansible reaches it; facts are left out."""
    facts = variables.get("ansible_facts") or {}
    found: dict[str, t.Any] = {}
    for name in variables:
        if not name.startswith("ansible_") or name.startswith(_OF_THE_RUN) or name[len("ansible_"):] in facts:
            continue
        try:
            found[name] = json.loads(json.dumps(variables[name]))
        except (TypeError, ValueError):
            continue
    return found


def _run(command: t.Sequence[str], until: float) -> tuple[int | None, str]:
    """The status of a command, and what it said; None where it did not end, with why."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=max(1.0, until - time.monotonic()),
                              check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def _message(said: str) -> str:
    """What the module said, out of what Ansible prints around it."""
    _before, found, rest = said.partition('"msg": "')
    return rest.split('", "')[0].split('" }')[0] if found else said[-300:]
