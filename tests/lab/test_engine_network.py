# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts on facts that were read from real kernels, against the packets of the same flows."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import typing as t

import pytest
import yaml

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import Diagnosis, diagnose
from ansible_collections.netpath.symmetry.tests.lab.conftest import BuildLab, Lab

ANSIBLE = str(pathlib.Path(sys.executable).with_name("ansible"))
INVENTORY = str(pathlib.Path(sys.executable).with_name("ansible-inventory"))
WORKING = ("symmetric", "asymmetric_harmless")


def read(network: Lab, folder: pathlib.Path) -> dict[str, t.Any]:
    """Facts of the hosts that are judged, by the module itself."""
    command = [ANSIBLE, "company", *network.ansible_options(), "-m", "netpath.symmetry.host_facts", "-t", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return {path.name: json.loads(path.read_text())["ansible_facts"]["symmetry"] for path in folder.iterdir()}


def declared(network: Lab) -> dict[str, dict[str, t.Any]]:
    """The symmetry variables of every judged host, as the inventory has them."""
    command = [INVENTORY, *network.ansible_options(), "--list"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, stdin=subprocess.DEVNULL)
    listed = json.loads(done.stdout)
    return {
        host: {name: value for name, value in listed["_meta"]["hostvars"][host].items() if name.startswith("symmetry_")}
        for host in listed["company"]["hosts"]
    }


def judge(network: Lab, folder: pathlib.Path) -> Diagnosis:
    return diagnose(read(network, folder), declared(network))


def works(network: Lab, diagnosis: Diagnosis, name: str) -> bool:
    """Whether the flow's own packets make it there and back."""
    flow = next(told.named.flow for told in diagnosis.verdicts if told.name == name)
    client = next(host for host, _interface in diagnosis.network.owners(flow.source))
    address = f"[{flow.destination}]" if flow.family == 6 else flow.destination
    if flow.protocol == "tcp":
        script = f"curl -s -o /dev/null -m 2 -w '%{{http_code}}' http://{address}:{flow.dport}/"
        return network.run(client, script, check=False).stdout == "200"
    if flow.protocol == "udp":
        port = f"-p {flow.sport}" if flow.sport else ""
        script = f"echo x | nc -u -w 1 {port} {flow.destination} {flow.dport}"
        return "x" in network.run(client, script, check=False).stdout
    return network.run(client, f"ping -c 1 -W 2 -I {flow.source} {flow.destination}", check=False).returncode == 0


def agree(network: Lab, diagnosis: Diagnosis) -> dict[str, str]:
    """Every two-way flow's verdict, which must say what its packets show; the names of those that disagree fail."""
    told = {one.name: one.verdict for one in diagnosis.verdicts if not one.named.live and not one.named.one_way}
    shown = {name: works(network, diagnosis, name) for name in told}
    wrong = {name: told[name] for name in told if (told[name] in WORKING) != shown[name] or told[name] == "unknown"}
    assert not wrong, f"verdicts {wrong} against packets {shown}"
    return told


@pytest.mark.parametrize("topology", ["dual_wan_partner", "multihomed_server", "healthy"])
def test_verdicts_say_what_packets_do(lab: BuildLab, tmp_path: pathlib.Path, topology: str) -> None:
    network = lab(topology)
    told = agree(network, judge(network, tmp_path))
    assert len(told) >= 3
    assert (set(told.values()) == {"symmetric"}) == (topology == "healthy")


def test_the_incident_with_live_flows_in_the_tables(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    """What was tried before the diagnosis stands in the tables; it must not be judged twice or raise a false alarm."""
    network = lab("dual_wan_partner", fresh=True)
    network.run("client", "curl -s -m 1 http://203.0.113.10/; curl -s -m 1 http://203.0.113.130/", check=False)
    diagnosis = judge(network, tmp_path)
    api = next(one for one in diagnosis.verdicts if one.name == "partner-api")
    assert any("SYN_SENT [UNREPLIED]" in item["text"] and item["host"] == "fwa" for item in api.evidence)
    live = [one.name for one in diagnosis.verdicts if one.named.live]
    assert not live, "both are declared flows, and sessions by mgmt0 are no paths"
    assert {(one.id, one.host) for one in diagnosis.findings} == {
        ("SYM104", "fwb"), ("SYM301", "fwb"), ("SYM103", "gw"), ("SYM201", "gw")}


def test_a_bare_healthy_network_raises_no_alarm_once_replies_were_seen(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    network = lab("healthy", fresh=True)
    first = judge(network, tmp_path / "first")
    for one in first.verdicts:
        assert works(network, first, one.name)
    bare = diagnose(read(network, tmp_path / "second"), {})
    assert bare.verdicts and {one.verdict for one in bare.verdicts} == {"symmetric"}, [
        (one.name, one.verdict, one.summary()) for one in bare.verdicts]
    assert not bare.findings


def test_the_draft_of_a_real_network_is_yaml_and_decides_the_same(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    network = lab("multihomed_server")
    facts = read(network, tmp_path)
    variables = declared(network)
    first = diagnose(facts, variables)
    draft = yaml.safe_load(yaml.safe_dump(dict(first.draft)))
    second = diagnose(facts, {host: {**draft["hosts"].get(host, {}), **draft["all"]} for host in facts})
    assert {v.name: v.verdict for v in second.verdicts} == {v.name: v.verdict for v in first.verdicts}


def test_findings_of_the_servers(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    network = lab("multihomed_server")
    diagnosis = judge(network, tmp_path)
    found = {(one.id, one.host): one for one in diagnosis.findings}
    assert found["SYM101", "server"].flows == ("web-back", "lookup-back")
    assert found["SYM301", "fw_front"].flows == ("web-back", "lookup-back")
    assert found["SYM201", "server_strict"].flows == ("web-back-strict",)
    assert "monitor-ping" in found["SYM202", "server_strict"].flows
    assert set(found) == {("SYM101", "server"), ("SYM301", "fw_front"), ("SYM201", "server_strict"),
                          ("SYM202", "server_strict")}
    change = {(step.role, step.host) for step in diagnosis.proposal.change}
    assert {("source_routing", "server"), ("source_routing", "server_strict")} <= change
    assert diagnosis.proposal.forecast is not None and not diagnosis.proposal.forecast.worse
