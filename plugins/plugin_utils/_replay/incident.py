# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What the steps of the incident on ``dual_wan_partner`` share: its hosts, its flows, and what was seen so far."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.observer import Observer
from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.playbooks import Playbooks, Run
from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.story import Story

LAB = "dual_wan_partner"
HOSTS = ("client", "gw", "fwa", "fwb", "isp_a", "isp_b", "internet", "partner", "other_partner")
COMPANY = ("client", "gw", "fwa", "fwb")
FLOW = "partner-api"
PARTNER = "http://203.0.113.10/"
OTHER = "http://203.0.113.130/"
UDP = ("192.0.2.20", "40053", "203.0.113.10", "5353")
WRITERS = frozenset(f"netpath.symmetry.{name}" for name in ("policy_routing", "source_nat", "rp_filter"))
BY_HAND = (
    "ip rule add priority 20000 to 203.0.113.200/32 lookup main",
    "ip route add 198.18.0.0/15 via 198.51.100.129 dev wan_b proto static",
    "nft add element inet gw blocklist '{ 203.0.113.77 }'",
)


@dataclasses.dataclass
class Incident:
    """What the steps hand to each other, and what the summary is made of."""

    story: Story
    observer: Observer
    playbooks: Playbooks
    directory: pathlib.Path
    management: str  # the prefix of the management network, for the lock-out
    ssh_config: pathlib.Path
    udp: subprocess.Popen[str] | None = None
    facts: dict[str, t.Any] = dataclasses.field(default_factory=dict)  # the fields of summary.json
    before: list[str] = dataclasses.field(default_factory=list)  # gw's kernel state before anything was touched
    change_id: str = ""
    started: float = 0.0

    def data(self, label: str, name: str) -> t.Any:
        return json.loads((self.directory / label / name).read_text(encoding="utf-8"))

    def play(self, playbook: str, label: str, *arguments: str, **variables: t.Any) -> Run:
        """Run a playbook that leaves its data in a folder of the step."""
        folder = self.directory / label
        folder.mkdir(parents=True, exist_ok=True)
        return self.playbooks.run(playbook, *arguments, label=label, variables={**variables, "report_dir": str(folder)})

    def verdicts(self, data: t.Mapping[str, t.Any]) -> dict[str, str]:
        return {verdict["name"]: verdict["verdict"] for verdict in data["verdicts"] if not verdict["live"]}


def ssh_reaches(at: Incident, host: str) -> bool:
    command = ["ssh", "-F", str(at.ssh_config), "-o", "ConnectTimeout=5", "-o", "BatchMode=yes", host, "true"]
    return (
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=20,
            check=False,
        ).returncode
        == 0
    )


def udp_lines(at: Incident) -> list[dict[str, t.Any]]:
    lines = (at.directory / "udp_client.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def udp_tries(at: Incident) -> int:
    return len(udp_lines(at))


def udp_answers(at: Incident) -> int:
    return sum(1 for line in udp_lines(at) if line["answered"])


def wait_for_udp(at: Incident) -> bool:
    """True when the client's newest try was answered, within five seconds."""
    for _turn in range(10):
        lines = udp_lines(at)
        if lines and lines[-1]["answered"]:
            return True
        time.sleep(0.5)
    return False


def end_udp(at: Incident) -> None:
    """End the client that was started for the story."""
    if at.udp and at.udp.poll() is None:
        at.udp.terminate()
        at.udp.wait(10)
