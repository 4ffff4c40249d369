# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""state_bypass on a real firewall that sees replies only. The observers are nft, packets and the register's files."""

from __future__ import annotations

import datetime
import pathlib
import subprocess
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

ENTRY = {
    "name": "partner", "sources": ["10.0.0.0/24", "2001:db8::/64"], "destinations": ["10.9.0.2", "2001:db8:9::2"],
    "protocol": "tcp", "ports": ["7"], "consent": True, "by": "alice", "reason": "CHG1, replies come back here",
}  # fmt: skip


def until(**later: float) -> str:
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(**later)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Firewall:
    """A client, a server, a direct way of requests, and a firewall that only replies pass."""

    def __init__(self, client: Netns, firewall: Netns) -> None:
        self.client, self.firewall, self.directory = client, firewall, firewall.state

    def bypass(self, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        return run_module(self.firewall, "state_bypass", options, check_mode)

    def state(self) -> str:
        return self.firewall.output("nft -s list ruleset") + self.register()

    def register(self) -> str:
        return "".join(path.read_text() for path in sorted(self.directory.glob("register/*.entry")))

    def timers(self) -> list[str]:
        """The command lines of the processes that wait for an end."""
        return [path.read_text().split()[1] for path in self.directory.glob("register/*.timer")]

    def works(self) -> list[bool]:
        """Whether a reset comes from the server's closed port: of IPv4, of IPv6, and of a port beyond the scope."""
        asks = [("10.9.0.2", 7), ("2001:db8:9::2", 7), ("10.9.0.2", 8)]
        code = (
            f"import socket\nfor a, p in {asks}:\n"
            " s = socket.socket(socket.AF_INET6 if ':' in a else socket.AF_INET)\n"
            " s.settimeout(0.4)\n try: s.connect((a, p))\n except OSError as e: print(type(e).__name__)\n"
        )
        return [line == "ConnectionRefusedError" for line in self.client.output(f'python3 -c "{code}"').splitlines()]


@pytest.fixture
def firewall() -> t.Iterator[Firewall]:
    client, fw, server = Netns("bcl").create(), Netns("bfw").create(), Netns("bsrv").create()
    try:
        veth(client, "eth0", fw, "inside", [("10.0.0.2/24", "10.0.0.1/24"), ("2001:db8::2/64", "2001:db8::1/64")])
        veth(server, "eth0", fw, "outside", [("10.9.0.2/24", "10.9.0.1/24"), ("2001:db8:9::2/64", "2001:db8:9::1/64")])
        veth(client, "direct", server, "direct",
             [("10.5.0.2/24", "10.5.0.1/24"), ("2001:db8:5::2/64", "2001:db8:5::1/64")])
        for one in (client, fw, server):
            one.run("cd /proc/sys/net/ipv4/conf; for i in *; do echo 0 > $i/rp_filter; done")
        client.run("ip route add 10.9.0.2 via 10.5.0.1 src 10.0.0.2; "
                   "ip -6 route add 2001:db8:9::2 via 2001:db8:5::1 src 2001:db8::2")
        server.run("ip route add 10.0.0.0/24 via 10.9.0.1; ip -6 route add 2001:db8::/64 via 2001:db8:9::1")
        fw.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; nft -f - <<'E'\ntable inet fw {\n"
               "chain f { type filter hook forward priority 0; ct state invalid counter drop\n}\n}\nE")
        yield Firewall(client, fw)
    finally:
        for timer in fw.state.glob("register/*.timer"):
            kind, pid, _boot = timer.read_text().split()
            if kind == "process":
                subprocess.run(["kill", "--", f"-{pid}"], check=False)
        for one in (client, fw, server):
            one.delete()


def test_four_runs_and_an_end_that_the_host_brings_by_itself(firewall: Firewall) -> None:
    before = firewall.state()
    assert firewall.works() == [False, False, False]
    entries = [{**ENTRY, "until": until(hours=1)}]
    check = firewall.bypass(True, entries=entries)
    assert firewall.state() == before
    run = firewall.bypass(entries=entries)
    again, last = firewall.bypass(True, entries=entries), firewall.bypass(entries=entries)
    assert [one.get("changed") for one in (check, run, again, last)] == [True, True, False, False], run
    assert check["diff"] == run["diff"] and again["diff"]["before"] == run["diff"]["after"]
    assert firewall.works() == [True, True, False], "the scope, and nothing beside it"
    assert "by: alice\nreason: CHG1, replies come back here\nuntil: " in firewall.register()
    (pid,) = firewall.timers()
    for _twice in range(2):
        for command in run["undo"]:
            subprocess.run(firewall.firewall.with_state("sh", "-c", command), check=True)
        assert firewall.state() == before and not firewall.timers()
    command_line = pathlib.Path("/proc", pid, "cmdline")  # of a dead process that nobody has waited for it is empty
    assert not (command_line.exists() and command_line.read_bytes()), "its timer has gone, too"
    firewall.bypass(entries=entries)
    soon = firewall.bypass(entries=[{**ENTRY, "until": until(seconds=5)}])
    assert [change["op"] for change in soon["changes"]] == ["set"] and firewall.works()[0]
    deadline = time.monotonic() + 30
    while firewall.state() != before:
        assert time.monotonic() < deadline, "the host did not end it"
        time.sleep(0.2)
    assert firewall.works() == [False, False, False]
    told = (firewall.directory / "expired.log").read_text()
    assert "exception state_bypass.partner ended at its time: CHG1, replies come back here (by alice)" in told
    late = firewall.bypass(entries=[{**ENTRY, "until": "2026-01-01"}])
    assert late["changed"] is False and late["expired"] == ["partner"]


def entries(*numbers: int, **changed: t.Any) -> list[dict[str, t.Any]]:
    """Bypasses to a destination each."""
    return [{**ENTRY, "name": f"n{number}", "sources": ["10.0.0.0/24"], "destinations": [f"10.9.0.{number}"],
             "until": until(hours=1), **changed} for number in numbers]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (entries(2, ports=["80", "81"]), entries(2, ports=["80-81", "90"])),
        (entries(2, sources=["10.0.0.0/24", "10.2.0.0/16"], ports=["443-445"]), entries(2, ports=["443", "445"])),
        (entries(2, 3, 4), entries(4, 3)),
        (entries(2, 3, 4), entries(2, 4)),
    ],
    ids=["to a range", "from ranges", "in another order", "without one of them"],
)
def test_a_change_is_taken_back_twice_to_the_same(
    firewall: Firewall, before: list[dict[str, t.Any]], after: list[dict[str, t.Any]]
) -> None:
    """A revert that is interrupted runs its inverses once more."""
    assert not firewall.bypass(entries=before).get("failed")
    standing = firewall.firewall.output("nft -s list ruleset")
    changed = firewall.bypass(entries=after)
    assert changed.get("changed"), changed
    assert firewall.firewall.output("nft -s list ruleset") != standing
    for _twice in range(2):
        for command in changed["undo"]:
            firewall.firewall.run(command)
        assert firewall.firewall.output("nft -s list ruleset") == standing
