# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two providers with BGP (FRRouting): the return path is moved by what routers say to each other; packets prove it.

Routers are read over SSH as devices, the borders' firewalls and the ends as Linux hosts: one verdict over both.
"""

from __future__ import annotations

import json
import pathlib
import signal
import subprocess
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.conftest import BuildLab, Lab
from ansible_collections.netpath.symmetry.tests.lab.test_playbooks import PLAYBOOK, http, play

URL = "http://203.0.113.10/"
WEB = {"host": "client", "flow": "tcp 198.51.100.10 > 203.0.113.10:80"}
CONVERGES_WITHIN = 60.0  # seconds


def vtysh(lab: Lab, host: str, *lines: str) -> str:
    """Configure a router, line by line, or ask it."""
    return lab.output(host, "vtysh" + "".join(f" -c '{line}'" for line in lines))


def best(lab: Lab, host: str, prefix: str) -> str:
    """The first AS of the best path to a prefix; empty without one."""
    told = json.loads(vtysh(lab, host, f"show ip bgp {prefix} json") or "{}")
    paths = [one for one in told.get("paths", ()) if one.get("bestpath", {}).get("overall")]
    return str(paths[0]["aspath"]["string"]).split(" ")[0] if paths else ""


def settle(lab: Lab, core: str, far: str) -> None:
    """Wait until the site leaves by one provider, and the far network answers by one."""
    deadline = time.monotonic() + CONVERGES_WITHIN
    while True:
        found = (best(lab, "core", "203.0.113.0/24"), best(lab, "far", "198.51.100.0/24"))
        installed = "203.0.113.0/24" in lab.output("core", "ip route show proto bgp")
        if found == (core, far) and installed:
            return
        assert time.monotonic() < deadline, f"BGP does not settle: {found}"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def network(lab: BuildLab) -> Lab:
    built = lab("dual_isp_bgp")
    settle(built, "65010", "65020")
    return built


def verdict(lab: Lab, folder: pathlib.Path) -> dict[str, t.Any]:
    found = play(lab, folder, "diagnose", "-e", "sample_seconds=0").data()
    (one,) = [told for told in found["verdicts"] if told["name"] == "web"]
    assert not found["unread"], found["unread"]
    return t.cast("dict[str, t.Any]", one)


def test_replies_by_the_other_provider_die_at_its_border(network: Lab, tmp_path: pathlib.Path) -> None:
    assert http(network, "client", URL) != "200"
    told = verdict(network, tmp_path)
    assert told["verdict"] == "broken" and told["dies_at"]["host"] == "border_b", told["summary"]
    (forward, back) = ([hop["host"] for hop in told[way][0]["hops"]] for way in ("forward", "return"))
    assert forward == ["client", "core", "border_a", "isp_a", "far", "server"]
    assert back == ["server", "far", "isp_b", "border_b"]


def configured(lab: Lab, host: str, *options: str, fails: bool = False, **task: t.Any) -> dict[str, t.Any]:
    """What device_config answers for a router of the lab."""
    folder = pathlib.Path(lab.paths.root)
    login = {name: str(folder / file) for name, file in (
        ("ssh_config", "netmiko_config"), ("known_hosts", "known_hosts"))}
    answer = folder / "answer.json"
    answer.unlink(missing_ok=True)
    play = [{"hosts": host, "gather_facts": False, "tasks": [
        {"netpath.symmetry.device_config": {**login, **task}, "register": "told", "ignore_errors": True, "vars": {
            "ansible_network_os": "frr", "ansible_ssh_private_key_file": str(folder / "id_ed25519")}},
        {"ansible.builtin.copy": {"content": "{{ told | to_json }}", "dest": str(answer)}, "check_mode": False,
         "diff": False, "delegate_to": "localhost", "vars": {"ansible_connection": "local"}}]}]
    (folder / "play.json").write_text(json.dumps(play))
    done = subprocess.run([PLAYBOOK, *lab.ansible_options(), str(folder / "play.json"), *options], capture_output=True,
                          text=True, timeout=240, check=False, stdin=subprocess.DEVNULL, cwd=folder)
    assert answer.exists(), done.stdout[-3000:] + done.stderr[-2000:]
    told = json.loads(answer.read_text())
    assert told.get("failed", False) == fails, told
    return t.cast("dict[str, t.Any]", told)


def four_runs(lab: Lab, host: str, **task: t.Any) -> dict[str, t.Any]:
    """Check, run, check, run; an independent observer sees that checks change nothing and the second run neither."""
    before = vtysh(lab, host, "show running-config")
    check = configured(lab, host, "--check", "--diff", **task)
    assert vtysh(lab, host, "show running-config") == before
    assert not [line for line in check["sent"] if "configure" in line or "clear" in line], check["sent"]
    run = configured(lab, host, "--diff", **task)
    after = vtysh(lab, host, "show running-config")
    again, last = configured(lab, host, "--check", "--diff", **task), configured(lab, host, "--diff", **task)
    assert [one["changed"] for one in (check, run, again, last)] == [True, True, False, False]
    assert check["diff"] == run["diff"] and check["lines"] == run["lines"]
    assert vtysh(lab, host, "show running-config") == after != before
    return run


@pytest.mark.long
def test_prepending_brings_the_replies_home(network: Lab, tmp_path: pathlib.Path) -> None:
    """By device_config on the border, in the four runs; taken away again, all is as before."""
    before = vtysh(network, "border_b", "show running-config")
    wish = {"bgp": [{"neighbor": "192.0.2.5", "asn": 65001, "prepend": 2}], "flows": [WEB]}
    refused = configured(network, "border_b", fails=True, **wish)
    assert "has route-map TO-B out already, which is not ours" in refused["msg"]
    assert vtysh(network, "border_b", "show running-config") == before
    vtysh(network, "border_b", "configure terminal", "router bgp 65001", "address-family ipv4 unicast",
          "no neighbor 192.0.2.5 route-map TO-B out")
    bare = vtysh(network, "border_b", "show running-config")
    closed = {**WEB, "within": 12, "flow": "tcp 198.51.100.10 > 203.0.113.10:81"}
    unanswered = configured(network, "border_b", fails=True, **{**wish, "flows": [closed]})
    assert f"the proof failed: {closed['flow']} from client: tcp probe of 203" in unanswered["msg"], unanswered["msg"]
    assert "success was expected" in unanswered["msg"] and "The device is as it was" in unanswered["msg"]
    unproven = configured(network, "border_b", fails=True, **{**wish, "flows": []})
    assert "nothing would prove the change" in unproven["msg"] and "Nothing was sent" in unproven["msg"]
    assert vtysh(network, "border_b", "show running-config") == bare
    run = four_runs(network, "border_b", **wish)
    kept = pathlib.Path(run["backup_file"]).read_text()
    assert run["backup_file"].startswith(str(pathlib.Path(network.paths.root) / "backup" / "border_b_"))
    assert "router bgp 65001" in kept and "prepend" not in kept
    settle(network, "65010", "65010")
    assert http(network, "client", URL) == "200"
    assert verdict(network, tmp_path)["verdict"] == "symmetric"
    assert "as-path prepend 65001 65001" in network.output("border_b", "cat /etc/frr/frr.conf"), "it was not saved"
    # Flows that break again prove nothing: whoever takes it away has to accept that.
    four_runs(network, "border_b", state="absent", **{**wish, "flows": [], "accept_unproven": True})
    settle(network, "65010", "65020")
    assert vtysh(network, "border_b", "show running-config") == bare
    assert http(network, "client", URL) != "200"
    vtysh(network, "border_b", "configure terminal", "router bgp 65001", "address-family ipv4 unicast",
          "neighbor 192.0.2.5 route-map TO-B out")


def by_role(lab: Lab, host: str, **variables: t.Any) -> None:
    """Run the role on a router of the lab, as a playbook does."""
    folder = pathlib.Path(lab.paths.root)
    login = {"ansible_network_os": "frr", "ansible_ssh_private_key_file": str(folder / "id_ed25519"),
             "symmetry_ssh_config": str(folder / "netmiko_config"), "symmetry_known_hosts": str(folder / "known_hosts")}
    play = {"hosts": host, "gather_facts": False, "vars": {**login, **variables},
            "roles": ["netpath.symmetry.device_path"]}
    (folder / "role.json").write_text(json.dumps([play]))
    done = subprocess.run([PLAYBOOK, *lab.ansible_options(), str(folder / "role.json")], capture_output=True, text=True,
                          timeout=240, check=False, stdin=subprocess.DEVNULL, cwd=folder)
    assert done.returncode == 0 and "changed=1" in done.stdout, done.stdout[-3000:] + done.stderr[-2000:]


@pytest.mark.long
def test_local_preference_sends_requests_the_way_of_the_replies(network: Lab, tmp_path: pathlib.Path) -> None:
    wish = {"bgp": [{"neighbor": "192.0.2.5", "asn": 65001, "local_preference": 300}]}
    before = vtysh(network, "border_b", "show running-config")
    by_role(network, "border_b", device_path_bgp=wish["bgp"], device_path_flows=[WEB])
    settle(network, "65020", "65020")
    assert http(network, "client", URL) == "200"
    assert verdict(network, tmp_path)["verdict"] == "symmetric"
    configured(network, "border_b", state="absent", accept_unproven=True, **wish)
    settle(network, "65010", "65020")
    assert vtysh(network, "border_b", "show running-config") == before


@pytest.mark.long
def test_a_change_that_is_not_proven_is_taken_back(network: Lab) -> None:
    wish = {"bgp": [{"neighbor": "192.0.2.5", "asn": 65001, "local_preference": 300}]}
    before = vtysh(network, "border_b", "show running-config")
    failed = configured(network, "border_b", fails=True, proof=["sh", "-c", "echo no answer; exit 7"], **wish)
    assert "the proof failed: sh ended with status 7: no answer. The device is as it was" in failed["msg"]
    assert vtysh(network, "border_b", "show running-config") == before
    assert network.run("border_b", "test -e /run/netpath-symmetry-frr", check=False).returncode == 1
    settle(network, "65010", "65020")


@pytest.mark.long
def test_the_router_itself_takes_back_what_nobody_confirms(network: Lab) -> None:
    """The control node is killed while the change waits: the timer on the router ends it."""
    before = vtysh(network, "border_b", "show running-config")
    wish = {"bgp": [{"neighbor": "192.0.2.5", "asn": 65001, "local_preference": 300}]}
    kill = f"pkill -9 -f {network.paths.root}/play.json"
    with pytest.raises(AssertionError):  # it leaves no answer
        configured(network, "border_b", fails=True, proof=["sh", "-c", kill], confirm_within=30, **wish)
    assert "set local-preference 300" in vtysh(network, "border_b", "show running-config")
    other = configured(network, "border_b", fails=True, **{"bgp": [{"neighbor": "192.0.2.5", "asn": 65001, "med": 9}]})
    assert "another change waits for its confirmation" in other["msg"] or "not ours" in other["msg"]
    deadline = time.monotonic() + 90
    while vtysh(network, "border_b", "show running-config") != before:
        assert time.monotonic() < deadline, "it was not taken back"
        time.sleep(0.5)
    settle(network, "65010", "65020")


@pytest.mark.long
def test_a_policy_sends_requests_the_way_of_the_replies(network: Lab, tmp_path: pathlib.Path) -> None:
    wish = {"policies": [{"name": "far", "interface": "lan", "sources": ["198.51.100.0/24"],
                          "destinations": ["203.0.113.0/24"], "next_hop": "10.1.2.2"}], "flows": [WEB]}
    before = vtysh(network, "core", "show running-config")
    rules = network.output("core", "ip rule")
    four_runs(network, "core", **wish)
    assert http(network, "client", URL) == "200"
    told = verdict(network, tmp_path)
    assert told["verdict"] == "symmetric"
    assert [hop["host"] for hop in told["forward"][0]["hops"]][2] == "border_b"
    configured(network, "core", state="absent", **{**wish, "flows": [], "accept_unproven": True})
    assert vtysh(network, "core", "show running-config") == before and network.output("core", "ip rule") == rules
    assert http(network, "client", URL) != "200"


FLOW = "tcp 198.51.100.10 > 203.0.113.10:80"


def capturing(lab: Lab, hosts: str, *options: str, **task: t.Any) -> subprocess.Popen[str]:
    """device_capture on routers of the lab at once; each answer is in a file of its own."""
    folder = pathlib.Path(lab.paths.root)
    login = {name: str(folder / file) for name, file in (
        ("ssh_config", "netmiko_config"), ("known_hosts", "known_hosts"))}
    for old in folder.glob("capture-*.json"):
        old.unlink()
    play = [{"hosts": hosts, "gather_facts": False, "tasks": [
        {"netpath.symmetry.device_capture": {**login, "flow": FLOW, **task}, "register": "told", "ignore_errors": True,
         "vars": {"ansible_network_os": "frr", "ansible_ssh_private_key_file": str(folder / "id_ed25519")}},
        {"ansible.builtin.copy": {
            "content": "{{ told | to_json }}", "dest": f"{folder}/capture-{{{{ inventory_hostname }}}}.json"},
         "check_mode": False, "diff": False, "delegate_to": "localhost", "vars": {"ansible_connection": "local"}}]}]
    (folder / "capture.json").write_text(json.dumps(play))
    return subprocess.Popen([PLAYBOOK, *lab.ansible_options(), str(folder / "capture.json"), *options], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)


def answers(lab: Lab, process: subprocess.Popen[str]) -> dict[str, dict[str, t.Any]]:
    """What it answered, by host, once it has ended."""
    output, _nothing = process.communicate(timeout=120)
    found = {path.stem.removeprefix("capture-"): json.loads(path.read_text())
             for path in pathlib.Path(lab.paths.root).glob("capture-*.json")}
    assert found, output[-3000:]
    return found


def runs(lab: Lab, host: str) -> bool:
    return lab.run(host, "pgrep tcpdump", check=False).returncode == 0


def wait_until_it_runs(lab: Lab, host: str) -> None:
    deadline = time.monotonic() + 60
    while not runs(lab, host):
        assert time.monotonic() < deadline, "no capture began"
        time.sleep(0.1)


@pytest.mark.long
def test_captures_on_both_borders_tell_where_the_replies_die(network: Lab) -> None:
    """Real tcpdump on two routers at once makes one timeline; nothing runs there afterwards."""
    checked = answers(network, capturing(network, "border_a", "--check", seconds=4))["border_a"]
    assert not checked["timeline"] and not [line for line in checked["sent"] if "-i any" in line]
    assert "-i any" in checked["lines"][0]
    process = capturing(network, "border_a:border_b", seconds=4)
    for host in ("border_a", "border_b"):
        wait_until_it_runs(network, host)
    assert http(network, "client", URL) != "200"
    seen = answers(network, process)
    assert not [told for told in seen.values() if told.get("failed")], seen
    steps = {(host, one["interface"], one["direction"], one["way"], one["flags"])
             for host, told in seen.items() for one in told["timeline"]}
    assert {("border_a", "core", "in", "forward", "SYN"), ("border_a", "out", "out", "forward", "SYN"),
            ("border_b", "out", "in", "return", "SYN-ACK")} <= steps
    assert not [one for one in steps if one[0] == "border_b" and one[2] == "out"], "its firewall drops them"
    assert seen["border_b"]["summary"]["story"] == (
        "SYN-ACK came in on out; nothing of the forward direction was seen")
    joined = sorted((one["time"], host) for host, told in seen.items() for one in told["timeline"])
    assert [host for _time, host in joined[:3]] == ["border_a", "border_a", "border_b"]
    assert abs(joined[0][0] - time.time()) < 60 and not any(told["unread"] for told in seen.values())
    assert not runs(network, "border_a") and not runs(network, "border_b")


@pytest.mark.long
def test_a_capture_whose_session_breaks_off_leaves_nothing(network: Lab) -> None:
    process = capturing(network, "border_a", seconds=60)
    wait_until_it_runs(network, "border_a")
    network.run("border_a", "pkill -9 -f '^sshd: root@'")
    told = answers(network, process)["border_a"]
    assert told["failed"] and "Nothing is left on the device" in told["msg"], told
    assert not runs(network, "border_a")


@pytest.mark.long
def test_a_capture_that_is_interrupted_leaves_nothing(network: Lab) -> None:
    process = capturing(network, "border_a", seconds=60)
    wait_until_it_runs(network, "border_a")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    deadline = time.monotonic() + 20
    while runs(network, "border_a"):
        assert time.monotonic() < deadline, "it runs on"
        time.sleep(0.2)
