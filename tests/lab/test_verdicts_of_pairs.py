# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What diagnose says of flows over pairs of real firewalls, against what becomes of new connections there."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.conftest import BuildLab, Lab
from ansible_collections.netpath.symmetry.tests.lab.test_playbooks import play

CONNECTIONS = 60
FAST = 0.15  # seconds; what is dropped once is sent again after 0.2 seconds or later
SEND = """
import json, socket, sys, time
kind, address, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
taken = []
for _number in range(count):
    with socket.socket(type=socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as one:
        one.settimeout(2.5 if kind == "tcp" else 0.5)
        began = time.monotonic()
        try:
            one.connect((address, port))
            one.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n" if kind == "tcp" else b"hello")
            taken.append(time.monotonic() - began if one.recv(10) else 9)
        except OSError:
            taken.append(9)
    if sum(1 for one in taken if one > 1) > 8:
        break
print(json.dumps(taken))
"""
ECMP, NAT = "10.9.0.10", "198.51.100.10"
# topology, inventory, kind and destination of the flow, whether the pair is measured first, verdicts that are right
CASES = [
    ("firewall_pair_ecmp", "tcp", ECMP, True, "asymmetric_harmless"),
    ("firewall_pair_ecmp", "udp", ECMP, True, "asymmetric_harmless"),
    ("firewall_pair_ecmp_unsynchronised", "tcp", ECMP, False, "at_risk"),
    ("firewall_pair_ecmp_unsynchronised", "udp", ECMP, False, "at_risk"),
    ("firewall_pair_ecmp_half_covered", "tcp", ECMP, True, "asymmetric_harmless"),
    ("firewall_pair_ecmp_half_covered", "udp", ECMP, False, "at_risk"),
    ("firewall_pair_ecmp_too_slow", "tcp", ECMP, True, "at_risk"),
    ("firewall_pair_vrrp", "tcp", ECMP, False, "symmetric"),
    ("nat_pair", "tcp", NAT, True, "asymmetric_harmless"),
    ("nat_pair_unsynchronised", "tcp", NAT, False, "at_risk"),
]
INVENTORIES = ("firewall_pair_ecmp", "firewall_pair_vrrp", "nat_pair")  # the name of a topology begins with its own


def sent(lab: Lab, kind: str, address: str) -> list[float]:
    """Seconds that each new connection took; of some that stall the rest is not sent."""
    port = {"tcp": 80, "udp": 5353}[kind]
    lab.run("client", f"cat > /tmp/send.py <<'EOF'\n{SEND}\nEOF")
    script = f"python3 /tmp/send.py {kind} {address} {port} {CONNECTIONS}"
    return t.cast("list[float]", json.loads(lab.output("client", script, timeout=120)))


def said(lab: Lab, folder: pathlib.Path, flow: str, measured: bool) -> dict[str, t.Any]:
    """The verdict on the flow, and what was found."""
    inventory = next(name for name in INVENTORIES if lab.topology.startswith(name))
    if measured:
        wish = {"verify_state_sync_flows": [flow], "verify_state_sync_active": True, "verify_state_sync_fail": False,
                "verify_state_sync_samples": 1000}
        play(lab, folder, "verify_state_sync", "-e", json.dumps(wish), inventory=inventory)
    found = play(lab, folder, "diagnose", "-e", f"flow={flow}", "-e", "sample_seconds=2", inventory=inventory).data()
    (one,) = [told for told in found["verdicts"] if not told["live"]]
    return {**one, "ids": {item["id"]: item["text"] for item in found["findings"]}}


@pytest.mark.long
@pytest.mark.parametrize(("topology", "kind", "address", "measured", "right"), CASES, ids=lambda value: str(value))
def test_the_verdict_is_what_becomes_of_connections(
    lab: BuildLab, tmp_path: pathlib.Path, topology: str, kind: str, address: str, measured: bool, right: str
) -> None:
    network = lab(topology)
    flow = f"{kind} 10.0.0.10 > {address}:{'80' if kind == 'tcp' else '5353'}"
    told = said(network, tmp_path, flow, measured)
    taken = sent(network, kind, address)
    fast = sum(one < FAST for one in taken)
    assert told["verdict"] == right, (told["summary"], fast, len(taken))
    if right == "at_risk":
        assert fast < len(taken), told["summary"]
        assert {"SYM301", "SYM401", "SYM501", "SYM702"} & set(told["ids"]), told["ids"]
    else:
        assert fast == len(taken) == CONNECTIONS, (told["summary"], sorted(taken)[-5:])
        assert not {"SYM301", "SYM401", "SYM702"} & set(told["ids"]), told["ids"]
    if (topology, kind) == ("firewall_pair_ecmp_half_covered", "udp"):
        assert "does not share the state of protocols other than tcp" in told["ids"]["SYM701"], told["ids"]
    if topology == "firewall_pair_ecmp_too_slow":
        assert "State sync is the wrong remedy here" in told["ids"]["SYM702"]
