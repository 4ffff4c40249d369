# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""remediate carries mss_clamp and ecmp_hash where they are named, tells their reach, and proves what they are for.

The observers are transfers of many bytes past Ansible, and connections from many ports.
"""

from __future__ import annotations

import json
import pathlib
import signal
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.conftest import BuildLab, Lab
from ansible_collections.netpath.symmetry.tests.lab.test_playbooks import kernel, play
from ansible_collections.netpath.symmetry.tests.lab.test_remediate_safety import (
    mending,
    messages,
    options,
    standing,
    told,
    wait_for,
)

pytestmark = pytest.mark.long
CLAMP, HASH = ("-e", "symmetry_wide=mss_clamp"), ("-e", "symmetry_wide=ecmp_hash")
ROUTERS = ("left", "right")
FLOWS = 24
# How many connections from ports of their own work.
CONNECT = f"""
import socket
worked = 0
for port in range(21000, {21000 + FLOWS}):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1\\0\\0\\0\\0\\0\\0\\0")
    s.bind(("10.0.0.10", port))
    s.settimeout(0.5)
    try:
        s.connect(("10.9.0.10", 80))
        worked += 1
    except OSError:
        pass
    s.close()
print(worked)
"""
# Sends so many bytes to a sink, and prints how many of them the sink has counted.
SEND = """
import socket, sys
size = int(sys.argv[1])
s = socket.create_connection(("10.0.4.10", 9000), timeout=2)
try:
    s.sendall(size.to_bytes(4, "big") + bytes(size))
    print(int.from_bytes(s.recv(4), "big"))
except OSError:
    print("stalled")
"""
COUNT = """
import socket, threading
server = socket.create_server(("10.0.4.10", 9000))
print("ready", flush=True)

def serve(peer):
    try:
        size = left = int.from_bytes(peer.recv(4), "big")
        while left > 0:
            left -= len(peer.recv(65536))
        peer.sendall(size.to_bytes(4, "big"))
    except OSError:
        pass

while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""


@pytest.fixture(scope="module")
def narrow(lab: BuildLab) -> Lab:
    """Large packets stall; every test leaves it as it was."""
    network = lab("narrow_link", fresh=True)
    network.run("client", "ip link set eth0 gso_max_segs 1")  # as a wire has it, which carries no bundles of segments
    network.run("server", f"cat > /run/count.py <<'E'\n{COUNT}\nE\nsetsid python3 /run/count.py >/run/count.log 2>&1 &")
    wait_for("sink", lambda: "ready" in network.output("server", "cat /run/count.log"), 20)
    return network


def sent(lab: Lab, size: int) -> str:
    """How many of the bytes of a transfer have arrived, as the other end counts them."""
    return lab.output("client", f"python3 - {size} <<'E'\n{SEND}\nE").strip()


@pytest.fixture(scope="module")
def spread(lab: BuildLab) -> Lab:
    """Both routers spread flows over two firewalls, each in its own way; every test leaves them so."""
    network = lab("two_firewalls", fresh=True)
    for seed, router in enumerate(ROUTERS, 1):
        there = "10.9.0.0/24" if router == "left" else "10.0.0.0/24"
        legs = " ".join(f"nexthop via 10.{seed}.{number}.2" for number in (1, 2))
        network.run(router, f"ip route replace {there} {legs}; sysctl -qw net.ipv4.fib_multipath_hash_seed={seed}; "
                            "sysctl -qw net.ipv4.fib_multipath_hash_policy=3 net.ipv4.fib_multipath_hash_fields=0x37")
    return network


def hashes(lab: Lab, router: str) -> str:
    names = " ".join(f"/proc/sys/net/{family}/fib_multipath_hash_*" for family in ("ipv4", "ipv6"))
    return lab.output(router, f"tail -n 1 {names}")


def worked(lab: Lab) -> int:
    return int(lab.output("client", f"python3 - <<'E'\n{CONNECT}\nE"))


def test_nobody_gets_a_clamp_unasked(narrow: Lab, tmp_path: pathlib.Path) -> None:
    before = kernel(narrow, "near")
    done = play(narrow, tmp_path, "remediate", *options("unasked"))
    assert kernel(narrow, "near") == before and standing(narrow, "near", "unasked") == "unknown"
    found = done.data("change.json")
    assert [one["role"] for one in found["not_carried"]] == ["mss_clamp"] and not found["reach"], done.output
    assert "not carried unless it is named (symmetry_wide=mss_clamp)" in messages(done.output), done.output


def test_a_clamp_that_is_named_is_told_proven_kept_and_rolled_back(narrow: Lab, tmp_path: pathlib.Path) -> None:
    before = kernel(narrow, "near")
    assert (sent(narrow, 100), sent(narrow, 200_000)) == ("100", "stalled"), "a small one proves nothing"
    dry = play(narrow, tmp_path / "dry", "remediate", "--check", "--diff", *options("clamp"), *CLAMP,
               "-e", f"write_remedies={tmp_path}/named.yml")
    assert kernel(narrow, "near") == before
    assert "mss_clamp on near touches every new TCP connection by tunnel of near, both ways" in messages(dry.output)
    assert "large packets of bulk stall now, and will arrive" in messages(dry.output), dry.output
    # What was written names the clamp: who applies it needs not name it again.
    done = play(narrow, tmp_path, "remediate", "--diff", *options("clamp"), "-e", f"@{tmp_path}/named.yml")
    assert _diff(dry.output, "Clamp the segment size at the edges") == _diff(
        done.output, "Clamp the segment size at the edges") != [], done.output
    assert done.data("before.json")["flows"][0]["text"] == "65536 bytes stall", done.output
    assert done.data("proof.json")["flows"][0]["text"].startswith("65536 bytes arrived in "), done.output
    found = done.data("change.json")
    assert [one["state"] for one in found["batches"]] == ["kept"] and found["reach"][0]["flows"] == ["bulk"]
    assert max(len(line) for line in found["lines"]) <= 100
    assert (sent(narrow, 100), sent(narrow, 200_000)) == ("100", "200000")
    again = play(narrow, tmp_path / "again", "remediate", *options("again"), *CLAMP)
    assert "nothing was to be changed" in again.output, again.output
    play(narrow, tmp_path / "back", "rollback", "-e", "symmetry_change_id=clamp")
    assert kernel(narrow, "near") == before and sent(narrow, 200_000) == "stalled"


def _diff(output: str, task: str) -> list[str]:
    text = output.partition(f" : {task}]")[2].partition("\nTASK ")[0]
    return [line for line in text.splitlines() if line[:1] in ("+", "-", " ", "@")]


def test_a_clamp_that_does_not_mend_is_taken_back(narrow: Lab, tmp_path: pathlib.Path) -> None:
    """Named by hand, without symmetry_wide; the other end of the link takes less once it is armed."""
    before = kernel(narrow, "near")
    wrong = [{"role": "mss_clamp", "host": "near", "variables": {"mss_clamp_edges": [
        {"interface": "tunnel", "mtu": 1299}]}}]
    with mending(narrow, tmp_path, "wrong", "-e", json.dumps({"symmetry_remedies": wrong})) as running:
        wait_for("armed", lambda: standing(narrow, "near", "wrong") == "pending")
        narrow.run("far", "ip link set tunnel mtu 1100")
        try:
            assert running.wait(120) == 2, told(tmp_path)
        finally:
            narrow.run("far", "ip link set tunnel mtu 1300")
    assert "no answer (stalled)" in told(tmp_path), told(tmp_path)
    assert "Not proven, and taken back: bulk" in messages(told(tmp_path)), told(tmp_path)
    assert standing(narrow, "near", "wrong") == "reverted" and kernel(narrow, "near") == before


def test_a_clamp_for_a_stall_that_no_packet_shows_is_not_armed(narrow: Lab, tmp_path: pathlib.Path) -> None:
    """What filters the errors is gone since the diagnosis: the transfer passes, and the clamp would be for nothing."""
    before = kernel(narrow, "near")
    with mending(narrow, tmp_path, "sound", *CLAMP) as running:
        wait_for("read", lambda: "TASK [Forecast every flow" in told(tmp_path))
        rules = narrow.output("fw", "nft list ruleset")
        narrow.run("fw", "nft flush ruleset")
        try:
            assert running.wait(120) == 2, told(tmp_path)
        finally:
            narrow.run("fw", f"nft -f - <<'E'\n{rules}\nE")
            # What it has learned in that time would let it send smaller ones.
            narrow.run("client", "ip route del default; ip route add default via 10.0.1.1")
    said = messages(told(tmp_path))
    assert "Nothing was changed: mss_clamp would touch every new TCP connection by tunnel of near" in said, said
    assert "for a fault that packets do not show: bulk: 65536 bytes arrive" in said, said
    assert standing(narrow, "near", "sound") == "unknown" and kernel(narrow, "near") == before
    assert sent(narrow, 200_000) == "stalled", "what filters the errors is back"


def test_a_control_node_that_dies_leaves_no_clamp(narrow: Lab, tmp_path: pathlib.Path) -> None:
    before = kernel(narrow, "near")
    with mending(narrow, tmp_path, "orphan", *CLAMP, "-e", "symmetry_guard_seconds=25") as running:
        wait_for("applied", lambda: "mss_forward" in kernel(narrow, "near"))
        running.send_signal(signal.SIGKILL)
        running.wait()
    wait_for("reverted", lambda: standing(narrow, "near", "orphan") == "reverted", 35)
    assert kernel(narrow, "near") == before


def test_a_hash_that_is_named_is_told_proven_kept_and_rolled_back(spread: Lab, tmp_path: pathlib.Path) -> None:
    before = {router: hashes(spread, router) for router in ROUTERS}
    assert 0 < worked(spread) < FLOWS, "some break"
    unasked = play(spread, tmp_path / "unasked", "remediate", *options("unasked"))
    assert {router: hashes(spread, router) for router in ROUTERS} == before
    assert "not carried unless it is named (symmetry_wide=ecmp_hash)" in messages(unasked.output), unasked.output
    # A canary of one would hash alike with nobody: the routers stay together.
    done = play(spread, tmp_path, "remediate", *options("alike"), *HASH, "-e", "symmetry_canary=1")
    found = done.data("change.json")
    assert [(one["hosts"], one["state"]) for one in found["batches"]] == [(["left", "right"], "kept")], done.output
    assert "ecmp_hash on left, right, together" in messages(" ".join(found["lines"])), done.output
    assert max(len(line) for line in found["lines"]) <= 100
    assert done.data("before.json")["flows"][0]["text"].endswith("so some of it breaks"), done.output
    assert f"{FLOWS} of {FLOWS} answered" in done.data("proof.json")["flows"][0]["text"], done.output
    assert worked(spread) == FLOWS
    again = play(spread, tmp_path / "again", "remediate", *options("again"), *HASH)
    assert "nothing was to be changed" in again.output, again.output
    play(spread, tmp_path / "back", "rollback", "-e", "symmetry_change_id=alike")
    assert {router: hashes(spread, router) for router in ROUTERS} == before
    assert 0 < worked(spread) < FLOWS


def test_a_hash_that_mends_nothing_is_taken_back_on_both_routers(spread: Lab, tmp_path: pathlib.Path) -> None:
    before = {router: hashes(spread, router) for router in ROUTERS}
    with mending(spread, tmp_path, "unlike", *HASH) as running:
        wait_for("applied", lambda: hashes(spread, "right") != before["right"])
        # Somebody swaps its next hops: the same hash is another way then.
        spread.run("right", "ip route replace 10.0.0.0/24 nexthop via 10.2.2.2 nexthop via 10.2.1.2")
        try:
            assert running.wait(120) == 2, told(tmp_path)
        finally:
            spread.run("right", "ip route replace 10.0.0.0/24 nexthop via 10.2.1.2 nexthop via 10.2.2.2")
    assert "Not proven, and taken back: web" in messages(told(tmp_path)), told(tmp_path)
    assert {standing(spread, router, "unlike") for router in ROUTERS} == {"reverted"}
    assert {router: hashes(spread, router) for router in ROUTERS} == before


def test_a_control_node_that_dies_leaves_no_hash_on_either_router(spread: Lab, tmp_path: pathlib.Path) -> None:
    before = {router: hashes(spread, router) for router in ROUTERS}
    with mending(spread, tmp_path, "orphan", *HASH, "-e", "symmetry_guard_seconds=30") as running:
        for router in ROUTERS:
            wait_for("applied", lambda router=router: hashes(spread, router) != before[router])
        running.send_signal(signal.SIGKILL)
        running.wait()
    for router in ROUTERS:
        wait_for("reverted", lambda router=router: standing(spread, router, "orphan") == "reverted", 40)
    assert {router: hashes(spread, router) for router in ROUTERS} == before


@pytest.mark.parametrize(("given", "said"), [
    ({"symmetry_wide": "rp_filter"}, "symmetry_wide: 'rp_filter' is not one of mss_clamp, ecmp_hash"),
    ({"symmetry_wide": 1}, "symmetry_wide: expected names of roles, such as mss_clamp, not 1"),
    ({"symmetry_remedies": [{"role": "ecmp_hash", "host": "near", "variables": {
        "ecmp_hash_fields": ["source", "destination"], "ecmp_hash_seed": 7}}]},
     "no packet could show a fault that it mends"),
])  # fmt: skip
def test_what_is_wrong_is_refused_before_anything_is_armed(
    narrow: Lab, tmp_path: pathlib.Path, given: dict[str, t.Any], said: str
) -> None:
    before = hashes(narrow, "near")
    done = play(narrow, tmp_path, "remediate", *options("refused"), "-e", json.dumps(given), status=2)
    assert said in messages(done.output), done.output
    assert standing(narrow, "near", "refused") == "unknown" and hashes(narrow, "near") == before


def test_a_trial_of_a_clamp_measures_transfers_and_returns(narrow: Lab, tmp_path: pathlib.Path) -> None:
    before = kernel(narrow, "near")
    done = play(narrow, tmp_path, "trial", *options("tried"), *CLAMP, "-e", "trial_seconds=5")
    answer = done.data("trial.json")
    (flow,) = answer["flows"]
    assert (answer["answer"], flow["change"], flow["sent"], flow["received"]) == ("held", "better", 5, 5), done.output
    assert standing(narrow, "near", "tried") == "reverted" and kernel(narrow, "near") == before
    assert sent(narrow, 200_000) == "stalled"
