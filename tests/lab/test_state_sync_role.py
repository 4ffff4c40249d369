# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role state_sync and its module over two real firewalls. Observers: conntrack, nft, /proc/sys, the files."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.sync_pair import ADDRESSES, THIRD, Firewall, Pair, wait

ADD = "conntrack -I -p {0} -s 10.9.0.1 -d 10.9.0.2 --sport {1} --dport 80 --timeout 100 {2}"
LIBERAL = {"nf_conntrack_tcp_be_liberal": 1}
FOREIGN = """# of somebody else
General {
    Systemd no
    LockFile FOLDER/their.lock
    LogFile no
    Syslog no
    UNIX { Path FOLDER/their.socket
    }
    HashSize 8192
    HashLimit 65536
}
Stats {
}
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Pair]:
    made = Pair(tmp_path_factory.mktemp("pair"))
    try:
        yield made
    finally:
        made.delete()


@pytest.fixture
def pair(shared: Pair) -> t.Iterator[Pair]:
    yield shared
    shared.clear()


@pytest.fixture
def fresh(tmp_path: pathlib.Path) -> t.Iterator[Pair]:
    made = Pair(tmp_path, "fresh")
    try:
        yield made
    finally:
        made.delete()


def state_arrives(pair: Pair) -> None:
    """A connection of either member is in the kernel of the other one, and its counters moved."""
    pair.one.netns.run(ADD.format("tcp", 4001, "--state ESTABLISHED"))
    pair.two.netns.run(ADD.format("udp", 4002, ""))
    wait(lambda: pair.two.flows("sport=4001") == 1, "what is new on fw1 is not in the kernel of fw2")
    wait(lambda: pair.one.flows("sport=4002") == 1, "what is new on fw2 is not in the kernel of fw1")


def gone(pair: Pair, before: str) -> None:
    for one in pair.both:
        (one.folder / "log").unlink()
        assert [path.name for path in one.folder.iterdir() if not path.name.startswith("conntr")] == []
    assert pair.state() == before


@pytest.mark.long
def test_four_runs_of_the_role_and_removal_without_a_trace(pair: Pair) -> None:
    before = pair.state()
    ipv6 = {name: {"state_sync_address": both[1]} for name, both in ADDRESSES.items()}
    pair.four_runs({"state_sync_sysctls": LIBERAL, "state_sync_protocols": ["tcp", "udp"]}, changed=2, hosts=ipv6)
    assert "IPv6_Destination_Address fd31::2\n" in pair.one.configuration.read_text()
    assert [len(one.daemons()) for one in pair.both] == [1, 1]
    state_arrives(pair)
    pair.four_runs({"state_sync_state": "absent"}, changed=2)
    gone(pair, before)


def test_the_role_shares_state_of_a_pair(pair: Pair) -> None:
    before = pair.state()
    run = pair.play({"state_sync_sysctls": LIBERAL})
    assert (run.rc, run.changed) == (0, 2), run.text
    state_arrives(pair)
    run = pair.play({"state_sync_state": "absent"})
    assert (run.rc, run.changed) == (0, 2), run.text
    gone(pair, before)


@pytest.mark.long
def test_two_groups_on_one_multicast_address_are_refused(pair: Pair) -> None:
    before = pair.state()
    other = {"edge1": {"state_sync_group": "edge", "state_sync_transport": "multicast"}}
    variables = {"state_sync_transport": "multicast"}
    run = pair.play(variables, hosts=other)
    assert run.rc != 0 and "group edge uses 225.0.0.50 port 3780, too" in run.text, run.text
    assert pair.state() == before
    run = pair.play({**variables, "state_sync_multicast_address": "225.0.0.51"}, hosts=other)
    assert (run.rc, run.changed) == (0, 2), run.text
    state_arrives(pair)


@pytest.mark.long
def test_members_that_differ_are_refused(pair: Pair) -> None:
    pair.two.netns.run("sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0")
    different = pair.state()
    run = pair.play({})
    assert run.rc != 0 and "nf_conntrack_tcp_loose is 1 on fw1, 0 on fw2" in run.text, run.text
    assert pair.state() == different
    pair.two.netns.run("sysctl -qw net.netfilter.nf_conntrack_tcp_loose=1")
    before = pair.state()
    run = pair.play({}, hosts={"fw2": {"state_sync_mode": "notrack"}})
    assert run.rc != 0 and "state_sync_mode is ftfw on fw1, notrack on fw2" in run.text, run.text
    assert pair.state() == before


@pytest.mark.long
@pytest.mark.parametrize("mode", ["ftfw", "notrack", "alarm"])
def test_for_a_failover_what_the_peer_sends_waits(pair: Pair, mode: str) -> None:
    for one in pair.both:
        done = one.sync(paths="failover", mode=mode)
        assert done.get("changed"), done
    pair.one.netns.run(ADD.format("tcp", 4001, "--state ESTABLISHED"))
    wait(lambda: "sport=4001" in pair.two.conntrackd("-e"), "the peer does not hear of it")
    assert pair.two.flows("sport=4001") == 0


@pytest.mark.long
@pytest.mark.parametrize("family", [4, 6])
def test_three_members_share_by_multicast(fresh: Pair, family: int) -> None:
    third = fresh.join_third()
    told = {**ADDRESSES, THIRD[0]: THIRD[1:]}
    members = [{"name": name, "interface": "sync", "address": both[family // 6]} for name, both in told.items()]
    three = (*fresh.both, third)
    refused = third.sync(members=members, transport="multicast")
    assert refused.get("failed") and "set mode to notrack" in refused["msg"], refused
    for one in three:
        done = one.sync(members=members, transport="multicast", mode="notrack")
        assert done.get("changed"), done
    for port, one in enumerate(three, 4001):
        one.netns.run(ADD.format("tcp", port, "--state ESTABLISHED"))
    for one in three:
        wait(lambda one=one: all(one.flows(f"sport={port} ") for port in (4001, 4002, 4003)),
             f"{one.name} does not hear of all")


def four_runs(one: Firewall, **options: t.Any) -> dict[str, t.Any]:
    """Check, run, check, run of the module: the check predicts byte for byte, and nothing is left to do."""
    before = one.state()
    check = one.sync(True, **options)
    assert one.state() == before and not check.get("failed"), check
    run = one.sync(**options)
    after, pids = one.state(), one.daemons()
    again, last = one.sync(True, **options), one.sync(**options)
    assert [each.get("changed") for each in (check, run, again, last)] == [True, True, False, False], (again, last)
    assert check["diff"] == run["diff"] and again["diff"] == last["diff"] == []
    assert one.state() == after and one.daemons() == pids
    return run


@pytest.mark.parametrize("family", [pytest.param(4, marks=pytest.mark.long), 6])
def test_four_runs_of_the_module_restart_only_what_has_changed(pair: Pair, family: int) -> None:
    one, before = pair.one, pair.one.state()
    members = [{"name": name, "interface": "sync", "address": both[family // 6]} for name, both in ADDRESSES.items()]
    run = four_runs(one, members=members, sysctls=LIBERAL)
    assert sorted(pathlib.Path(path).name for path in run["files"]) == ["conntrackd.conf", "state-sync.conntrackd.json"]
    assert "udp dport 3780 accept" in one.netns.output("nft list chain inet netpath_symmetry sync_input")
    pids = one.daemons()
    changed = one.sync(members=members, sysctls={"nf_conntrack_tcp_be_liberal": 0})
    assert changed["changed"] and one.daemons() == pids, "parameters are no reason to restart it"
    four_runs(one, members=members, protocols=["tcp", "udp"])
    assert one.daemons() != pids and len(one.daemons()) == 1
    for _twice in range(2):
        for command in run["undo"]:
            one.netns.run(f"unshare -m sh -c 'mount --bind {one.netns.state} /var/lib/netpath-symmetry && {{ "
                          + command.replace("'", "'\\''") + "; }'", check=False)
        (one.folder / "log").unlink(missing_ok=True)
        assert one.state() == before


def test_only_the_peer_reaches_the_port(pair: Pair) -> None:
    pair.one.netns.run("ip route add default via 172.31.0.2; nft add table ip fw; "
                       "nft 'add chain ip fw in { type filter hook input priority 0; policy drop; }'")
    run = pair.one.sync(accept_shared_link=True)
    assert run["changed"] and "neither authentication nor encryption" in str(run["warnings"]), run
    assert "chain in of table ip fw drops what it does not accept" in str(run["warnings"]), run
    pair.two.netns.run("ip address add 172.31.0.3/29 dev sync")
    pair.one.netns.run("nft add rule inet netpath_symmetry sync_input counter comment seen; "
                       "nft insert rule inet netpath_symmetry sync_input ip saddr 172.31.0.3 counter comment came")
    send = "python3 -c \"import socket; s = socket.socket(2, 2); s.bind(('172.31.0.3', 0)); " \
           "s.sendto(b'x', ('172.31.0.1', 3780)); s.sendto(b'x', ('172.31.0.1', 9))\""
    pair.two.netns.run(send)
    pair.two.netns.run("ip address del 172.31.0.3/29 dev sync")
    listing = pair.one.netns.output("nft list chain inet netpath_symmetry sync_input")
    assert "counter packets 2" in listing.partition("came")[0], "both have come"
    assert "counter packets 1" in listing.partition("drop")[2], "and that for the port went no further"


def test_a_foreign_configuration_is_refused_or_taken_over_and_put_back(pair: Pair) -> None:
    one = pair.one
    one.configuration.write_text(FOREIGN.replace("FOLDER", str(one.folder)))
    one.configuration.chmod(0o640)
    one.netns.run(f"conntrackd -C {one.configuration} -d </dev/null >/dev/null 2>&1")
    before = one.state()
    refused = one.sync()
    assert refused.get("failed") and "was not written by this collection" in refused["msg"], refused
    assert "state_sync_adopt: true" in refused["msg"] and one.state() == before
    four_runs(one, adopt=True)
    assert len(one.daemons()) == 1 and "sync" in one.conntrackd("-s", "network") + one.configuration.read_text()
    assert (one.folder / "conntrackd.conf.before-netpath-symmetry").stat().st_mode & 0o777 == 0o640
    four_runs(one, state="absent")
    assert one.state() == before and one.configuration.stat().st_mode & 0o777 == 0o640
    assert len(one.daemons()) == 1, "it ran before"


@pytest.mark.long
def test_what_runs_by_other_hands_is_seen(pair: Pair) -> None:
    """A daemon that was killed is started anew, its lock notwithstanding; one that we know nothing of stays."""
    one = pair.one
    one.sync()
    one.netns.run(f"kill -9 {one.daemons()[0]}")
    assert (one.folder / "lock").exists()
    four_runs(one)
    assert len(one.daemons()) == 1
    one.configuration.touch()
    again = one.sync()
    assert again["changed"] and "older configuration" in again["diff"][0]["before"], again
    one.sync(state="absent")
    other = one.folder / "conntrackd.other"
    other.write_text(FOREIGN.replace("FOLDER", str(one.folder)))
    one.netns.run(f"conntrackd -C {other} -d </dev/null >/dev/null 2>&1")
    before = one.state()
    refused = one.sync()
    assert refused.get("failed") and f"runs here already with {other}" in refused["msg"], refused
    assert one.state() == before


BIND = "import socket, time; s = socket.socket(2, 2); s.bind(('', 3780)); print('bound', flush=True); time.sleep(60)"
ALONE = [{"name": "fw1", "interface": "sync", "address": "172.31.0.1"}]
REFUSED: list[tuple[str, str, dict[str, t.Any], str]] = [  # what is done to the host, and undone
    (":", ":", {"members": ALONE}, "fw1 is the only member"),
    ("ip link set sync name other", "ip link set other name sync", {}, "sync does not exist here; it has lo, other"),
    ("ip address del 172.31.0.1/29 dev sync", "ip address add 172.31.0.1/29 dev sync", {}, "sync does not have the"),
    ("ip route add default via 172.31.0.2", "ip route del default", {}, "a default route leave by it"),
    (":", ":", {"expectations": ["nonsense{"]}, "'nonsense{' is not the name of a helper"),
    (":", ":", {"socket": "/run/" + 200 * "x"}, "does not take its new configuration: "),
    (":", ":", {"sysctls": {"nf_conntrack_max": 12345}}, "nf_conntrack_max is read-only in this network namespace"),
    (":", ":", {"service": "systemd"}, "systemd is not process 1"),
    (":", ":", {"require_guard": True}, "no change guard is armed"),
]


def test_what_cannot_be_is_refused_and_nothing_changed(pair: Pair) -> None:
    one, before = pair.one, pair.one.state()
    for prepare, mend, options, message in REFUSED:
        one.netns.run(prepare)
        refused = one.sync("guard" not in message, **options)
        assert refused.get("failed") and message in refused["msg"], refused
        one.netns.run(mend)
        assert one.state() == before and list(one.folder.iterdir()) == [], message
    holder = one.netns.start("python3", "-c", BIND)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "bound\n"
        refused = one.sync()
        assert refused.get("failed") and refused["msg"].endswith("everything was taken back"), refused
    finally:
        holder.kill()
        holder.communicate()
    (one.folder / "log").unlink(missing_ok=True)
    assert one.state() == before and list(one.folder.iterdir()) == []
