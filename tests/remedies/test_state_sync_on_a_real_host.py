# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""state_sync on a host with systemd: the packaged unit runs ours, over a crash and a reboot, and goes traceless."""

from __future__ import annotations

import pathlib
import time
import typing as t

from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.real_hosts.host import RealHost
from ansible_collections.netpath.symmetry.tests.real_hosts.managers import managers

UNIT = "conntrackd.service"
MEMBERS = [{"name": "sync", "interface": "wan_a", "address": "198.51.100.2"},
           {"name": "peer", "interface": "wan_a_far", "address": "198.51.100.1"}]
ADD = "conntrack -I -p tcp -s 10.9.0.1 -d 10.9.0.2 --sport {} --dport 80 --timeout 100 --state ESTABLISHED"
OURS = ("find /etc /var/lib/netpath-symmetry -newer /root/stamp ! -type d ! -name conntrackd.conf | sort; "
        "nft list ruleset; sysctl net.netfilter.nf_conntrack_tcp_be_liberal; cat /etc/conntrackd/conntrackd.conf; "
        f"systemctl is-active {UNIT}; systemctl is-enabled {UNIT}")


def wait(holds: t.Callable[[], bool], host: RealHost, complaint: str, seconds: float = 40) -> None:
    """A busy machine takes long to log in."""
    deadline = time.monotonic() + seconds
    while not holds():
        told = host.output(f"journalctl -n 30 -u {UNIT} -o cat; ip address") if time.monotonic() > deadline else ""
        assert not told, f"{complaint}\n{told}"
        time.sleep(0.3)


class Peer:
    """The other member: conntrackd by the same module in the neighbour's namespace."""

    def __init__(self, host: RealHost, folder: pathlib.Path) -> None:
        self._netns = host.neighbour
        self._options = {"name": "peer", "members": MEMBERS, "accept_shared_link": True,
                         **{name: str(folder / name) for name in ("configuration", "lock", "socket", "log")}}

    def run(self, state: str) -> None:
        done = run_module(self._netns, "state_sync", {**self._options, "state": state})
        assert not done.get("failed"), done

    def add(self, port: int) -> None:
        self._netns.run(ADD.format(port))

    def has(self, port: int) -> bool:
        return f"sport={port} " in self._netns.output("conntrack -L 2>/dev/null")


def test_the_packaged_unit_runs_ours_over_a_crash_and_a_reboot(tmp_path: pathlib.Path) -> None:
    manager = managers()["ifupdown"]
    with RealHost("sync", manager.files, manager.units, "state-sync") as host:
        host.boot()
        peer = Peer(host, tmp_path)
        peer.run("present")
        try:
            story(host, peer)
        finally:
            peer.run("absent")


def story(host: RealHost, peer: Peer) -> None:
    host.ssh("touch /root/stamp; sleep 0.1")
    before = host.output(OURS)
    assert before.endswith("active\nenabled\n"), "as packaged, it runs"
    task: dict[str, t.Any] = {"netpath.symmetry.state_sync": {
        "name": "sync", "members": MEMBERS, "sysctls": {"nf_conntrack_tcp_be_liberal": 1}}, "register": "done"}
    persist = {"netpath.symmetry.persistence": {"parts": ["nft"], "planned": ["{{ done.rules }}"]}}
    refused = host.play([{**task, "netpath.symmetry.state_sync": {"name": "sync", "members": MEMBERS[:1]}}])
    assert "is the only member" in refused.stdout and host.output(OURS) == before
    check = host.play([task, persist], "--check")
    assert "changed=2 " in check.stdout and host.output(OURS) == before, check.stdout
    run = host.play([task, persist])
    assert "changed=2 " in run.stdout, run.stdout + run.stderr
    assert told(run.stdout) == told(check.stdout)
    for options in (["--check"], []):
        again = host.play([task, persist], *options)
        assert "changed=0 " in again.stdout, again.stdout
    host.ssh(ADD.format(4001))
    wait(lambda: peer.has(4001), host, "what is new here is not at the peer")
    pid = host.output(f"systemctl show -P MainPID {UNIT}").strip()
    host.ssh(f"kill -9 {pid}")
    wait(lambda: host.output(f"systemctl show -P MainPID {UNIT}").strip() not in ("0", pid), host, "it stays dead")
    peer.add(4003)
    host.reboot()
    wait(lambda: host.output(f"systemctl is-active {UNIT} || :") == "active\n", host, "it does not run after a reboot")
    wait(lambda: "udp dport 3780 drop" in host.output("nft list ruleset"), host, "the rules are not back")
    assert host.output("sysctl -n net.netfilter.nf_conntrack_tcp_be_liberal") == "1\n"
    wait(lambda: "sport=4003 " in host.output("conntrack -L 2>/dev/null"), host, "it did not ask for state")
    host.ssh(ADD.format(4002))
    wait(lambda: peer.has(4002), host, "after a reboot nothing arrives at the peer")
    absent = [{**task, "netpath.symmetry.state_sync": {"state": "absent"}}, persist]
    gone = host.play(absent)
    assert "changed=2 " in gone.stdout, gone.stdout + gone.stderr
    assert without_ours(host.output(OURS)) == before
    host.reboot()
    wait(lambda: host.output(f"systemctl is-active {UNIT} || :") == "active\n", host, "what ran before does not run")
    assert without_ours(host.output(OURS)) == before


def told(text: str) -> list[str]:
    """The diffs of a play."""
    return sorted(line for line in text.splitlines() if line.startswith(("+", "-")))


def without_ours(text: str) -> str:
    """Without what persistence leaves by design: the unit that settles a pending change at boot."""
    return "".join(line for line in text.splitlines(True) if "symmetry-journal" not in line and "restore" not in line)


KEEPALIVED = "keepalived.service"
VIRTUAL = "203.0.113.200"


def test_keepalived_reads_again_what_changes_and_is_master_after_a_reboot() -> None:
    manager = managers()["ifupdown"]
    with RealHost("vrrp", manager.files, manager.units, "state-sync") as host:
        host.boot()
        host.ssh("touch /root/stamp; sleep 0.1")
        before = host.output(OURS)
        members = [{**MEMBERS[0], "name": "vrrp"}, MEMBERS[1]]
        sync: dict[str, t.Any] = {"netpath.symmetry.state_sync": {
            "name": "vrrp", "members": members, "paths": "failover", "ignore_addresses": [VIRTUAL]}}
        router = {"name": "wan", "interface": "wan_b", "virtual_router_id": 9, "addresses": [f"{VIRTUAL}/32"]}
        vrrp: dict[str, t.Any] = {"netpath.symmetry.state_sync_vrrp": {
            "name": "vrrp", "instances": [router], "interval": 0.2}}
        check = host.play([vrrp], "--check")
        run = host.play([sync, vrrp])
        assert "changed=2 " in run.stdout, run.stdout + run.stderr
        assert set(told(check.stdout)) < set(told(run.stdout)) and told(check.stdout)
        again = host.play([sync, vrrp])
        assert "changed=0 " in again.stdout, again.stdout
        wait(lambda: is_master(host), host, "it does not become master")
        pid = host.output(f"systemctl show -P MainPID {KEEPALIVED}").strip()
        more = {**router, "addresses": [f"{VIRTUAL}/32", "203.0.113.201/32"]}
        run = host.play([{"netpath.symmetry.state_sync_vrrp": {
            "name": "vrrp", "instances": [more], "interval": 0.2}}])
        assert "changed=1 " in run.stdout, run.stdout
        wait(lambda: is_master(host, "203.0.113.201"), host, "it does not read what has changed")
        assert is_master(host) and host.output(f"systemctl show -P MainPID {KEEPALIVED}").strip() == pid
        host.reboot()
        wait(lambda: is_master(host, "203.0.113.201"), host, "it is not master after a reboot")
        said = host.output(f"journalctl -b -u {UNIT} -o cat")
        wait(lambda: "Committed" in host.output(f"journalctl -b -u {UNIT} -o cat"), host, f"nothing commits: {said}")
        gone = host.play([{"netpath.symmetry.state_sync_vrrp": {"state": "absent"}},
                          {"netpath.symmetry.state_sync": {"state": "absent"}}])
        assert "changed=2 " in gone.stdout, gone.stdout
        assert host.output(OURS) == before and not is_master(host)
        active = host.ssh(f"systemctl is-active {KEEPALIVED}; ls /etc/keepalived/keepalived.conf", check=False)
        assert active.stdout == "inactive\n", active


def is_master(host: RealHost, address: str = VIRTUAL) -> bool:
    return f" {address}/32 " in host.output("ip address show dev wan_b")


def test_a_power_cut_before_it_is_confirmed_leaves_what_was(tmp_path: pathlib.Path) -> None:
    """Whether the packaged daemon ran before, or somebody had disabled it."""
    manager = managers()["ifupdown"]
    with RealHost("cut", manager.files, manager.units, "state-sync") as host:
        host.boot()
        host.ssh("touch /root/stamp; sleep 0.1")
        members = [{**MEMBERS[0], "name": "cut"}, MEMBERS[1]]
        router = {"name": "wan", "interface": "wan_b", "virtual_router_id": 9, "addresses": [f"{VIRTUAL}/32"]}
        deploy = [
            {"netpath.symmetry.change_guard": {"state": "armed", "change_id": "first", "timeout": 3600}},
            {"netpath.symmetry.state_sync": {"name": "cut", "members": members, "paths": "failover"}},
            {"netpath.symmetry.state_sync_vrrp": {"name": "cut", "instances": [router], "interval": 0.2}},
        ]
        for enabled in (True, False):
            if not enabled:
                host.ssh(f"systemctl disable --now {UNIT} 2>&1")
                deploy[0]["netpath.symmetry.change_guard"]["change_id"] = "second"
            before = host.output(f"{OURS} || :")
            done = host.play(deploy)
            assert done.returncode == 0, done.stdout + done.stderr
            wait(lambda: is_master(host), host, "it does not become master")
            host.cut_power()
            host.boot()
            after = host.output(f"{OURS} || :")
            assert without_guard(after) == without_guard(before), after
            assert not is_master(host) and host.output("systemctl --failed --plain --no-legend").strip() == ""


def without_guard(text: str) -> list[str]:
    """Without the files of the guard, and what loads with it."""
    kept = [line for line in text.splitlines() if "symmetry-journal" not in line and "symmetry-guard" not in line]
    return [line for line in kept if "state-sync" in line or not line.startswith("/var/lib/netpath-symmetry")]
