# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The public playbooks on whole networks: verdicts against packets, negative controls, and no false alarm."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import sys
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.observer import KERNEL_STATE
from ansible_collections.netpath.symmetry.tests.lab.conftest import BuildLab, Lab

PLAYBOOK = str(pathlib.Path(sys.executable).with_name("ansible-playbook"))


@dataclasses.dataclass(frozen=True)
class Done:
    """A playbook that ended, and the data that it left."""

    status: int
    output: str
    folder: pathlib.Path

    def data(self, name: str = "diagnosis.json") -> dict[str, t.Any]:
        return t.cast("dict[str, t.Any]", json.loads((self.folder / name).read_text(encoding="utf-8")))

    def verdicts(self) -> dict[str, str]:
        return {v["name"]: v["verdict"] for v in self.data()["verdicts"] if not v["live"]}

    def forecast(self) -> dict[str, str]:
        return {flow["name"]: flow["after"] for flow in self.data("forecast.json")["flows"]}


def play(lab: Lab, folder: pathlib.Path, playbook: str, *more: str, inventory: str = "", status: int = 0) -> Done:
    """Run a public playbook against a lab; the ending status must be the expected one."""
    command = [PLAYBOOK, f"netpath.symmetry.{playbook}", *lab.ansible_options(inventory), "-e", f"report_dir={folder}"]
    done = subprocess.run(
        [*command, *more], capture_output=True, text=True, timeout=240, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == status, done.stdout[-6000:] + done.stderr[-2000:]
    return Done(done.returncode, done.stdout, folder)


def kernel(lab: Lab, host: str) -> str:
    return "\n".join(lab.output(host, command) for command in KERNEL_STATE)


def http(lab: Lab, host: str, url: str) -> str:
    return lab.run(host, f"curl -s -o /dev/null -m 2 -w '%{{http_code}}' {url}", check=False).stdout


def test_a_healthy_network_has_no_finding(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    network = lab("healthy")
    done = play(network, tmp_path, "diagnose")
    assert set(done.verdicts().values()) == {"symmetric"}, done.output
    assert done.data()["findings"] == [], done.output
    assert done.data()["change"] == []


def test_a_network_without_variables_is_inferred_and_the_draft_says_how(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    network = lab("dual_wan_partner")
    draft = tmp_path / "draft.yml"
    done = play(
        network,
        tmp_path,
        "diagnose",
        "-e",
        "flow=tcp 192.0.2.20 > 203.0.113.10:80",
        "-e",
        f"write_draft={draft}",
        inventory="dual_wan_partner_bare",
    )
    verdict = done.data()["verdicts"][0]
    assert (verdict["verdict"], verdict["share"]) == ("at_risk", "1 of 2"), done.output
    text = draft.read_text(encoding="utf-8")
    for word in ("fwa:out", "fwb:out", "gw:wan_a", "gw:wan_b", "100.64.1.1", "symmetry_externals"):
        assert word in text, f"{word} is not in the draft:\n{text}"
    assert "fwa:out" in done.output, "the run prints what it assumed"


def test_a_preference_that_nobody_declared_is_observed_from_both_firewalls(
    lab: BuildLab, tmp_path: pathlib.Path
) -> None:
    network = lab("dual_wan_partner", fresh=True)
    trying = (
        "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do curl -s -o /dev/null -m 1 http://203.0.113.10/; done >/dev/null 2>&1 &"
    )
    network.run("client", trying)
    done = play(
        network, tmp_path, "diagnose", "-e", "flow=tcp 192.0.2.20 > 203.0.113.10:80", inventory="dual_wan_partner_bare"
    )
    verdict = done.data()["verdicts"][0]
    assert verdict["verdict"] == "broken", done.output
    assert verdict["dies_at"]["host"] == "fwb"
    assert any("observed" in text for text in verdict["assumptions"]), verdict["assumptions"]


def remedies(folder: pathlib.Path, change: t.Callable[[dict[str, t.Any]], None]) -> pathlib.Path:
    """The proposed change of a diagnosis, altered, as a file for -e @FILE."""
    proposed = json.loads((folder / "diagnosis.json").read_text(encoding="utf-8"))["change"]
    for step in proposed:
        change(step)
    target = folder / "remedies.json"
    target.write_text(json.dumps({"symmetry_remedies": proposed}), encoding="utf-8")
    return target


@pytest.mark.long
def test_the_dry_run_forecasts_and_changes_nothing(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    network = lab("dual_wan_partner")
    before = {host: kernel(network, host) for host in ("client", "gw", "fwa", "fwb")}
    done = play(network, tmp_path, "remediate", "--check", "--diff")
    assert done.verdicts()["partner-api"] == "broken"
    assert done.forecast()["partner-api"] == "symmetric", done.output
    assert done.forecast()["other-partner"] == "symmetric"
    assert {host: kernel(network, host) for host in before} == before
    assert "lookup" in done.output and "snat" in done.output, "the diff is shown"


@pytest.mark.long
def test_source_nat_to_the_shared_prefix_stays_broken(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    """The negative control: the partner's replies to an address of the shared prefix still come back by B."""
    network = lab("dual_wan_partner")
    play(network, tmp_path, "diagnose")

    def shared(step: dict[str, t.Any]) -> None:
        for pin in step["variables"].get("policy_route_pins", ()):
            pin["source_nat"] = "192.0.2.1"

    wrong = remedies(tmp_path, shared)
    done = play(network, tmp_path, "remediate", "--check", "-e", f"@{wrong}")
    assert done.forecast()["partner-api"] == "broken", done.output


def test_without_a_known_preference_the_flow_is_at_risk_with_a_share(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    network = lab("dual_wan_partner")
    unknown = json.dumps({"symmetry_externals": [{"name": "partner", "prefixes": ["203.0.113.0/25"]}]})
    flow = json.dumps({"symmetry_flows": [{"name": "api", "flow": "tcp 192.0.2.20 > 203.0.113.10:80"}]})
    done = play(network, tmp_path, "diagnose", "-e", unknown, "-e", flow, "-e", "sample_seconds=0")
    verdict = done.data()["verdicts"][0]
    assert (verdict["verdict"], verdict["share"]) == ("at_risk", "1 of 2"), done.output


@pytest.mark.long
def test_a_multihomed_server_is_diagnosed_mended_and_rolled_back(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    network = lab("multihomed_server", fresh=True)
    assert http(network, "client", "http://10.1.0.10/") == "200"
    assert http(network, "client", "http://10.2.0.10/") == "000", "the reply to the second card must die"
    assert http(network, "client", "http://10.2.0.11/") == "000", "strict rp_filter must drop the request"
    assert network.run("monitor", "ping -c 1 -W 1 10.2.0.11", check=False).returncode != 0, "ARP must stay unanswered"
    servers = {host: kernel(network, host) for host in ("server", "server_strict")}

    found = play(network, tmp_path / "before", "diagnose")
    verdicts = found.verdicts()
    assert verdicts["web-front"] == verdicts["web-front-strict"] == "symmetric", found.output
    broken = {name for name, verdict in verdicts.items() if verdict == "broken"}
    assert broken == {"web-back", "lookup-back", "web-back-strict", "monitor-ping"}, found.output
    ids = {finding["id"] for finding in found.data()["findings"]}
    assert {"SYM101", "SYM201", "SYM202"} <= ids, found.output

    change_id = "test-multihomed"
    acknowledged = ["-e", f"symmetry_change_id={change_id}", "-e", "symmetry_acknowledge_source=true"]
    mended = play(network, tmp_path / "mend", "remediate", *acknowledged)
    assert http(network, "client", "http://10.2.0.10/") == "200", mended.output
    assert http(network, "client", "http://10.2.0.11/") == "200", mended.output
    # Its request now passes the strict check and ARP is answered, but the reply to this neighbour with an address of
    # elsewhere goes by the gateway, which never saw the request: the forecast said so, and so do the packets.
    assert mended.forecast()["monitor-ping"] == "broken", mended.output
    assert network.run("monitor", "ping -c 1 -W 1 10.2.0.11", check=False).returncode != 0
    after = play(network, tmp_path / "after", "diagnose")
    assert {name for name, verdict in after.verdicts().items() if verdict == "broken"} == {"monitor-ping"}, after.output
    dies = next(v["dies_at"] for v in after.data()["verdicts"] if v["name"] == "monitor-ping")
    assert dies["host"] == "fw_back"

    play(network, tmp_path / "rollback", "rollback", "-e", f"symmetry_change_id={change_id}")
    assert {host: kernel(network, host) for host in servers} == servers


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("flow=tcp 10.0.0.5 203.0.113.10:443", "expected 'PROTOCOL SOURCE > DESTINATION:PORT'"),
        ("flow=tcp 192.0.2.20 > 203.0.113.10", "needs a destination port"),
        ("flow=xyz 192.0.2.20 > 203.0.113.10:80", "protocol 'xyz' is not one of"),
    ],
)
def test_a_flow_that_is_none_is_refused_with_what_is_expected(
    lab: BuildLab, tmp_path: pathlib.Path, wrong: str, told: str
) -> None:
    done = play(lab("healthy"), tmp_path, "diagnose", "-e", wrong, status=2)
    assert told in done.output.replace("\\'", "'"), done.output


def test_a_host_that_cannot_be_reached_is_named_and_not_skipped(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    network = lab("dual_wan_partner")
    inventory = tmp_path / "more.yml"
    inventory.write_text("company: {hosts: {fw_gone: {ansible_host: 10.255.0.250}}}\n", encoding="utf-8")
    done = play(
        network, tmp_path, "diagnose", "-i", str(inventory), "-e", "ansible_timeout=2", "-e", "sample_seconds=0"
    )
    assert "fw_gone" in done.data()["unread"], done.output
    assert any(finding["id"] == "SYM901" and finding["host"] == "fw_gone" for finding in done.data()["findings"])


def test_rolling_back_a_change_that_no_host_knows_fails_with_where_to_look(
    lab: BuildLab, tmp_path: pathlib.Path
) -> None:
    done = play(lab("healthy"), tmp_path, "rollback", "-e", "symmetry_change_id=no-such-change", status=2)
    assert "no host has a change no-such-change" in done.output


@pytest.mark.parametrize(
    ("playbook", "given", "told"),
    [
        ("failover_test", {}, "Give -e failover_host=HOST -e failover_interface=INTERFACE -e failover_flow=FLOW"),
        (
            "failover_test",
            {"failover_host": "gx", "failover_interface": "wan_a", "failover_flow": "web"},
            "failover_host: gx is not in the inventory; it has ",
        ),
        ("rollback", {}, "Give -e symmetry_change_id=ID"),
        ("lockout_drill", {"drill_host": "gw"}, "-e drill_prefix=PREFIX_OF_THE_CONTROL_NODE"),
        ("lockout_drill", {"drill_prefix": "10.255.0.0/24"}, "Give -e drill_host=HOST"),
        (
            "lockout_drill",
            {"drill_host": "gx", "drill_prefix": "10.255.0.0/24"},
            "drill_host: gx is not in the inventory; it has ",
        ),
        ("lockout_drill", {"drill_host": "gw", "drill_prefix": "banana"}, "banana"),
        ("remediate", {"symmetry_remedies": [{"rol": "rp_filter", "host": "gw"}]}, "remedies[1]: 'rol' is not known"),
        ("lab", {}, "Give -e topology=NAME"),
        ("verify", {"verify_fail_on": ["brokn"]}, "there are symmetric, asymmetric_harmless, at_risk, unknown, broken"),
    ],
)
def test_what_is_missing_or_wrong_is_said_before_anything_is_armed(
    lab: BuildLab, tmp_path: pathlib.Path, playbook: str, given: dict[str, t.Any], told: str
) -> None:
    network = lab("dual_wan_partner")
    before = network.output("gw", "ls -R /var/lib/netpath-symmetry 2>&1 || true")
    done = play(network, tmp_path, playbook, "-e", json.dumps({**given, "sample_seconds": 0}), status=2)
    assert told in done.output.replace("\\'", "'"), done.output
    assert network.output("gw", "ls -R /var/lib/netpath-symmetry 2>&1 || true") == before


def test_a_new_source_address_is_refused_before_anything_is_armed(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    network = lab("dual_wan_partner")
    before = network.output("gw", "ls -R /var/lib/netpath-symmetry 2>&1 || true")
    done = play(network, tmp_path, "remediate", "-e", "sample_seconds=0", status=2)
    assert "run again with -e symmetry_acknowledge_source=true" in done.output, done.output
    assert "Arm the dead-man switch" not in done.output
    assert network.output("gw", "ls -R /var/lib/netpath-symmetry 2>&1 || true") == before


@pytest.mark.long
def test_a_drill_that_cuts_nothing_off_fails_and_takes_its_change_back(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    network = lab("dual_wan_partner", fresh=True)
    before = kernel(network, "gw")
    given = ["-e", "drill_host=gw", "-e", "drill_prefix=198.18.5.0/24", "-e", "drill_seconds=120"]
    done = play(network, tmp_path, "lockout_drill", *given, status=2)
    assert "the host still answers" in done.output, done.output
    assert kernel(network, "gw") == before


@pytest.mark.long
def test_verify_fails_where_a_host_on_the_path_cannot_be_read(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    network = lab("dual_wan_partner", fresh=True)
    network.run("gw", "ip link set mgmt0 down")
    quick = ["-e", "ansible_timeout=2", "-e", "sample_seconds=0"]
    done = play(network, tmp_path, "verify", *quick, status=2)
    assert "By their verdicts these flows fail: partner-api is unknown" in done.output, done.output
    done = play(network, tmp_path, "rollback", *quick, "-e", "symmetry_change_id=some", status=4)
    assert "could not be reached: gw" in done.output, done.output


def test_a_prefix_flow_and_failures_by_the_playbook(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    network = lab("dual_wan_partner")
    flow = "flow=tcp 192.0.2.20 > 203.0.113.0/24:80"
    done = play(network, tmp_path, "diagnose", "-e", flow, "-e", "what_if=node:fwb,uplink:A")
    (verdict,) = [one for one in done.data()["verdicts"] if not one["live"]]
    assert verdict["flow"] == "tcp 192.0.2.20 > 203.0.113.0/24:80" and verdict["verdict"] == "broken"
    parts = {part["part"]: part["verdict"] for part in verdict["partition"]}
    assert parts["to 203.0.113.0/25"] == "broken" and "symmetric" in parts.values()
    told = done.data()["what_if"]
    assert told["failures"] == ["node fwb", "uplink A"]
    assert {(row["failure"], row["flow"], row["after"]) for row in told["rows"]} >= {
        ("node fwb", f"{verdict['name']} (to 203.0.113.0/25)", "symmetric")}
    assert "WHAT IF" in done.output and "# Diagnosis" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_a_failure_that_is_typed_wrong_is_said_in_one_line(lab: BuildLab, tmp_path: pathlib.Path) -> None:
    more = ("-e", "what_if=node:nobody", "-e", "sample_seconds=0")
    done = play(lab("dual_wan_partner"), tmp_path, "diagnose", *more, status=2)
    assert "what_if: 'node:nobody': there is no host 'nobody'; there are client, fwa" in done.output
    assert "Traceback" not in done.output
