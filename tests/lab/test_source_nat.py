# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""source_nat on a real host. The observer is nft, and what the far end sees of real packets."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

PARTNER = {
    "name": "partner",
    "prefixes": ["203.0.113.0/25"],
    "interface": "wan_a",
    "address": "198.51.100.9",
}
SIX = {"name": "six", "prefixes": ["2001:db8:5::/48"], "interface": "wan_a", "address": "2001:db8:a::9"}


class Gateway:
    """A client behind a gateway, whose uplink leads to a partner."""

    def __init__(self, client: Netns, host: Netns, far: Netns) -> None:
        self.client = client
        self.host = host
        self.far = far

    def nat(self, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        return run_module(self.host, "source_nat", options, check_mode)

    def ruleset(self) -> str:
        return self.host.output("nft -s list ruleset")

    def undo(self, commands: t.Sequence[str]) -> None:
        for command in commands:
            self.host.run(command)

    def open_udp(self, port: int, destination: str = "203.0.113.10") -> None:
        """Send one datagram that nobody answers; the same port is the same connection."""
        self.client.run(
            'python3 -c "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); '
            f"s.bind(('0.0.0.0', {port})); s.sendto(b'x', ('{destination}', 9999))\""
        )

    def entries(self) -> list[str]:
        return self.host.run("conntrack -L -p udp 2>/dev/null").stdout.splitlines()


@pytest.fixture
def gw() -> t.Iterator[Gateway]:
    client, host, far = Netns("cl").create(), Netns("gw").create(), Netns("far").create()
    try:
        for netns in (client, host, far):
            netns.run("sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0")
        veth(
            client, "eth0", host, "lan", [("192.0.2.20/24", "192.0.2.1/24"), ("2001:db8:c::20/64", "2001:db8:c::1/64")]
        )
        veth(
            host, "wan_a", far, "pa", [("198.51.100.2/24", "198.51.100.1/24"), ("2001:db8:a::2/64", "2001:db8:a::1/64")]
        )
        host.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
        host.run("ip address add 198.51.100.9/24 dev wan_a; ip -6 address add 2001:db8:a::9/64 dev wan_a nodad")
        host.run("ip route add default via 198.51.100.1; ip -6 route add default via 2001:db8:a::1")
        host.run(
            "nft add table ip seen; nft 'add chain ip seen c { type filter hook forward priority 0; ct state new; }'"
        )
        client.run("ip route add default via 192.0.2.1; ip -6 route add default via 2001:db8:c::1")
        far.run("ip address add 203.0.113.10/25 dev lo; ip -6 address add 2001:db8:5::10/128 dev lo")
        far.run("ip route add default via 198.51.100.2; ip -6 route add default via 2001:db8:a::2")
        yield Gateway(client, host, far)
    finally:
        for netns in (client, host, far):
            netns.delete()


def four_runs(gw: Gateway, **options: t.Any) -> list[dict[str, t.Any]]:
    before = gw.ruleset()
    check = gw.nat(True, **options)
    assert gw.ruleset() == before, "check mode changed the host"
    run = gw.nat(**options)
    assert not run.get("failed"), run
    after = gw.ruleset()
    again, last = gw.nat(True, **options), gw.nat(**options)
    assert gw.ruleset() == after
    assert [one["changed"] for one in (check, run, again, last)] == [True, True, False, False]
    assert check["diff"] == run["diff"], "the prediction is not the outcome"
    assert check["changes"] == run["changes"] and check["connections"] == run["connections"]
    assert again["diff"]["before"] == run["diff"]["after"]
    return [check, run, again, last]


def parts(ruleset: str) -> list[str]:
    """The sets and chains of a ruleset, in no order."""
    return sorted(ruleset.replace("table inet netpath_symmetry {\n", "\n").split("\n\n"))


def source_seen(gw: Gateway, target: str) -> str:
    """The source address of an echo request, as the far end captures it."""
    capture = gw.far.start("tcpdump", "-n", "-l", "-i", "pa", "-c", "1", f"dst host {target} and (icmp or icmp6)")
    assert capture.stderr is not None
    for line in capture.stderr:
        if "listening" in line:
            break
    gw.client.run(f"ping -n -c 1 -W 2 {target}")
    line, _errors = capture.communicate(timeout=10)
    return line.split()[2]


def test_four_runs_translate_both_families_and_go_again(gw: Gateway) -> None:
    before = gw.ruleset()
    assert source_seen(gw, "203.0.113.10") == "192.0.2.20"
    run = four_runs(gw, entries=[PARTNER, SIX])[1]
    assert source_seen(gw, "203.0.113.10") == "198.51.100.9"
    assert source_seen(gw, "2001:db8:5::10") == "2001:db8:a::9"
    gw.undo(run["undo"])
    assert gw.ruleset() == before
    gw.undo(run["undo"])
    assert gw.ruleset() == before
    four_runs(gw, entries=[PARTNER, SIX])
    four_runs(gw, state="absent")
    assert gw.ruleset() == before


def test_the_text_of_the_diff_is_that_of_nft(gw: Gateway) -> None:
    entries = [
        PARTNER,
        {**SIX, "protocols": ["tcp", "udp"], "ports": ["80", "443-445"]},
        {**PARTNER, "name": "p-tcp.1", "prefixes": ["10.0.0.0/8"], "protocols": ["tcp"], "ports": ["80", "443"]},
        {**PARTNER, "name": "icmp", "prefixes": ["10.0.0.0/8"], "protocols": ["icmp"]},
    ]
    run = four_runs(gw, entries=entries)[1]

    def lines(text: str) -> list[str]:
        return sorted(line.strip() for line in text.splitlines())

    assert lines(run["diff"]["after"]) == lines(gw.host.output("nft -s list table inet netpath_symmetry"))


def test_a_changed_entry_is_changed_in_place_and_back(gw: Gateway) -> None:
    other = {**PARTNER, "name": "other", "prefixes": ["192.0.2.128/25"]}
    third = {**PARTNER, "name": "third", "prefixes": ["10.64.0.0/16"]}
    gw.nat(entries=[PARTNER, other, third])
    before = gw.ruleset()
    moved = {**other, "address": "198.51.100.2", "prefixes": ["192.0.2.128/26", "10.65.0.0/16"]}
    changed = four_runs(gw, entries=[PARTNER, moved, third])[1]
    gw.undo(changed["undo"])
    assert gw.ruleset() == before
    fewer = four_runs(gw, entries=[third])[1]
    gw.undo(fewer["undo"])
    # Each set and the chain with the order of its rules; the kernel lists a set that was made again behind the others.
    assert parts(gw.ruleset()) == parts(before)


def test_adjacent_overlapping_and_split_prefixes(gw: Gateway) -> None:
    four_runs(gw, entries=[{**PARTNER, "prefixes": ["203.0.113.0/25", "203.0.113.128/25", "203.0.113.7"]}])
    assert "elements = { 203.0.113.0/24 }" in gw.ruleset()
    gw.host.run(
        "nft -f - <<E\ndelete element inet netpath_symmetry snat_partner { 203.0.113.0/24 }\n"
        "add element inet netpath_symmetry snat_partner { 203.0.113.0/25, 203.0.113.128-203.0.113.255 }\nE"
    )
    assert not gw.nat(entries=[{**PARTNER, "prefixes": ["203.0.113.0/24"]}])["changed"]
    four_runs(gw, entries=[{**PARTNER, "prefixes": ["203.0.113.64/26", "203.0.113.192/26"]}])


def test_what_others_put_into_our_table_survives_an_inverse(gw: Gateway) -> None:
    run = gw.nat(entries=[PARTNER])
    gw.host.run("nft add element inet netpath_symmetry snat_partner '{ 192.0.2.200 }'")
    gw.host.run("nft add rule inet netpath_symmetry postrouting ip daddr 10.9.9.9 counter comment mine")
    gw.undo(run["undo"])
    left = gw.ruleset()
    assert "elements = { 192.0.2.200 }" in left and 'comment "mine"' in left
    assert "symmetry:partner" not in left and "203.0.113" not in left
    gw.host.run("nft flush set inet netpath_symmetry snat_partner; nft flush chain inet netpath_symmetry postrouting")
    gw.undo(run["undo"])
    assert "netpath_symmetry" not in gw.ruleset()


def test_foreign_rules_in_our_table_stay(gw: Gateway) -> None:
    gw.nat(entries=[PARTNER])
    gw.host.run(
        "nft insert rule inet netpath_symmetry postrouting ip daddr 10.9.9.9 counter comment mine; "
        "nft add chain inet netpath_symmetry helper; nft add set inet netpath_symmetry mine '{ type ipv4_addr; }'"
    )
    four_runs(gw, entries=[{**PARTNER, "prefixes": ["10.64.0.0/16"]}, SIX])
    four_runs(gw, state="absent")
    left = gw.ruleset()
    assert (
        'comment "mine"' in left
        and "chain helper" in left
        and "set mine" in left
        and "snat" not in left.replace("priority srcnat", "")
    )


def test_a_change_applied_in_part_is_taken_back(gw: Gateway) -> None:
    gw.nat(entries=[PARTNER])
    before = gw.ruleset()
    options = {"entries": [{**PARTNER, "prefixes": ["203.0.113.0/26", "10.64.0.0/16"]}, SIX]}
    planned = gw.nat(True, **options)
    for done in range(len(planned["commands"]) + 1):
        for command in planned["commands"][:done]:
            gw.host.run(command)
        gw.undo(planned["undo"])
        assert gw.ruleset() == before, f"after {done} commands"


def test_connections_that_the_change_makes_wrong(gw: Gateway) -> None:
    gw.open_udp(4001)
    gw.open_udp(4002, "10.77.0.1")  # not to the partner
    echo = gw.far.start("python3", "-c", ECHO)
    try:
        assert echo.stdout is not None and echo.stdout.readline() == "ready\n"
        gw.client.run(
            'python3 -c "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5); '
            "s.bind(('0.0.0.0', 4003)); s.sendto(b'x', ('203.0.113.10', 5353)); s.recv(9)\""
        )
    finally:
        echo.terminate()
        echo.communicate()
    assert len(gw.entries()) == 3
    check = gw.nat(True, entries=[PARTNER])
    assert check["connections"] == {"unreplied": 1, "replied": 1, "deleted": 1}
    assert len(gw.entries()) == 3
    (gone,) = [change for change in check["changes"] if change["kind"] == "conntrack"]
    assert gone["before"]["sport"] == 4001
    assert check["source_changes"] == [
        {"name": "partner", "before": ["192.0.2.20"], "after": "198.51.100.9", "acknowledged": False}
    ]
    run = gw.nat(entries=[PARTNER])
    assert run["connections"] == check["connections"]
    assert {entry.split("sport=")[1].split()[0] for entry in gw.entries()} == {"4002", "4003"}
    gw.open_udp(4001)
    assert any("dst=198.51.100.9" in entry for entry in gw.entries()), "the same 5-tuple gets the new translation"
    gw.undo(run["undo"])
    assert {entry.split("sport=")[1].split()[0] for entry in gw.entries()} == {"4002", "4003"}


ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("203.0.113.10", 5353))
print("ready", flush=True)
s.settimeout(20)
data, peer = s.recvfrom(9)
s.sendto(data, peer)
"""


def test_removal_ends_translated_connections_without_an_answer(gw: Gateway) -> None:
    run = gw.nat(entries=[PARTNER])
    gw.open_udp(4001)
    assert "dst=198.51.100.9" in gw.entries()[0]
    absent = gw.nat(state="absent")
    assert absent["connections"] == {"unreplied": 1, "replied": 0, "deleted": 1} and not gw.entries()
    gw.open_udp(4001)
    gw.undo(absent["undo"])
    assert not gw.entries(), "untranslated ones are wrong once the rule is back"
    gw.undo(run["undo"])
    kept = gw.nat(entries=[PARTNER], existing_connections="keep")
    assert kept["connections"]["deleted"] == 0


def test_a_prefix_that_comes_and_goes_takes_its_connections_along(gw: Gateway) -> None:
    gw.far.run("ip address add 203.0.113.130/32 dev lo")
    gw.nat(entries=[PARTNER])
    gw.open_udp(4001)
    wider = gw.nat(entries=[{**PARTNER, "prefixes": ["203.0.113.0/24"]}])
    gw.open_udp(4002, "203.0.113.130")
    assert all("dst=198.51.100.9" in entry for entry in gw.entries())
    before = gw.ruleset()
    gw.undo(wider["undo"])
    assert {entry.split("sport=")[1].split()[0] for entry in gw.entries()} == {"4001"}
    assert gw.ruleset() == before.replace("203.0.113.0/24", "203.0.113.0/25")


def test_all_connections_can_be_ended(gw: Gateway) -> None:
    gw.client.run("ping -n -c 1 -W 2 203.0.113.10")
    assert gw.nat(True, entries=[PARTNER])["connections"] == {"unreplied": 0, "replied": 1, "deleted": 0}
    assert gw.nat(entries=[PARTNER], existing_connections="all")["connections"]["deleted"] == 1


def test_an_unacknowledged_source_is_refused_with_both_addresses(gw: Gateway) -> None:
    gw.client.run("ping -n -c 1 -W 2 203.0.113.10")
    before = gw.ruleset()
    answer = gw.nat(entries=[PARTNER], unacknowledged="refuse")
    assert answer["failed"] and "203.0.113.0/25 will see 198.51.100.9 instead of 192.0.2.20" in answer["msg"]
    assert gw.ruleset() == before
    assert gw.nat(entries=[{**PARTNER, "acknowledge_source": True}], unacknowledged="refuse")["changed"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"address": "192.0.2.99"}, "not an address of this host"),
        ({"interface": "eth9"}, "interface 'eth9' does not exist"),
        ({"prefixes": ["203.0.113.1/25"]}, "host bits"),
    ],
)
def test_refusals(gw: Gateway, change: dict[str, t.Any], message: str) -> None:
    before = gw.ruleset()
    answer = gw.nat(entries=[{**PARTNER, **change}])
    assert answer["failed"] and message in answer["msg"]
    assert gw.ruleset() == before


def test_a_missing_conntrack_is_said(gw: Gateway) -> None:
    import json
    import sys

    from ansible_collections.netpath.symmetry.tests.lab.modules import words

    # A tmpfs hides the tools; nft and ip are linked back in.
    hide = (
        'real=$(readlink -f $(command -v nft)); mkdir /tmp/nps-tools-$$; cp "$real" /tmp/nps-tools-$$/; '
        "mount -t tmpfs none /usr/sbin; cp /tmp/nps-tools-$$/nft /usr/sbin/; rm -r /tmp/nps-tools-$$; exec "
    )
    del sys
    command = gw.host.command(
        "unshare", "-m", "sh", "-c", hide + '"$@"', "sh", *words("source_nat", {"entries": [PARTNER]})
    )
    import subprocess

    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    assert answer["failed"] and "conntrack is not installed" in answer["msg"]
    assert "netpath_symmetry" not in gw.ruleset()


def test_a_thousand_prefixes(gw: Gateway) -> None:
    before = gw.ruleset()
    prefixes = [f"10.{n // 250 + 100}.{n % 250}.0/25" for n in range(1000)]
    run = four_runs(gw, entries=[{**PARTNER, "prefixes": prefixes}])[1]
    listing = gw.host.json("nft -j list set inet netpath_symmetry snat_partner")
    assert len(listing["nftables"][1]["set"]["elem"]) == 1000
    assert gw.ruleset().count("symmetry:") == 1
    gw.undo(run["undo"])
    assert gw.ruleset() == before
