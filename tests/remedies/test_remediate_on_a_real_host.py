# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""remediate from end to end on a host with systemd-networkd: kept over a reboot, and gone once it is rolled back.

The observers are connections of the partner to the host, and what the kernel of the host holds after it has booted.
"""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.real_hosts.host import PARTNER, RealHost
from ansible_collections.netpath.symmetry.tests.real_hosts.managers import managers

FLOW = f"tcp {PARTNER[4]} > 198.51.100.2:22"  # asked by A, and the default route leads to B
UPLINKS = [{"name": "a", "interface": "wan_a", "gateway": "198.51.100.1"},
           {"name": "b", "interface": "wan_b", "gateway": "198.51.100.5"}]
ROUTED = {"role": "source_routing", "host": "carry", "variables": {"source_routing_uplinks": [
    {**UPLINKS[0], "addresses": ["198.51.100.2"]}, {**UPLINKS[1], "addresses": ["198.51.100.6"]}]}}  # fmt: skip
CLAMPED = {"role": "mss_clamp", "host": "carry", "variables": {"mss_clamp_edges": [
    {"interface": "wan_b", "mtu": 1300}]}}
HASHED = {"role": "ecmp_hash", "host": "carry", "variables": {
    "ecmp_hash_fields": ["source", "destination", "protocol", "source_port", "destination_port"],
    "ecmp_hash_seed": 20260117}}  # fmt: skip
SEED = "/proc/sys/net/ipv4/fib_multipath_hash_seed"


@pytest.fixture(scope="module")
def host() -> t.Iterator[RealHost]:
    """The partner drops what comes back by another uplink than its requests left by."""
    manager = managers()["networkd"]
    with RealHost("carry", manager.files, manager.units) as host:
        host.neighbour.run("sysctl -qw net.ipv4.conf.all.rp_filter=1")
        host.boot()
        yield host


class Change:
    """The playbooks against the host, and the partner, whose end Ansible reaches without a connection."""

    def __init__(self, host: RealHost, folder: pathlib.Path) -> None:
        self.host, self.folder = host, folder
        inventory = json.loads(host.inventory().read_text())
        hosts = inventory["all"]["hosts"]
        hosts[host.name]["symmetry_uplinks"] = UPLINKS
        hosts["partner"] = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}
        inventory["all"]["vars"] = {"symmetry_flows": [{"name": "login", "flow": FLOW}], "sample_seconds": 0,
                                    "symmetry_ignore_interfaces": ["mgmt0", "mgmt0_far"]}
        self.inventory = folder / "inventory.json"
        self.inventory.write_text(json.dumps(inventory))

    def run(self, playbook: str, change_id: str, more: t.Mapping[str, t.Any] | None = None, status: int = 0) -> str:
        given = json.dumps({"symmetry_change_id": change_id, "report_dir": str(self.folder), **(more or {})})
        done = self.host.playbook(f"netpath.symmetry.{playbook}", self.inventory, "-e", given)
        assert done.returncode == status, done.stdout[-6000:] + done.stderr[-2000:]
        return done.stdout

    def data(self, name: str) -> dict[str, t.Any]:
        return t.cast("dict[str, t.Any]", json.loads((self.folder / name).read_text()))


@pytest.fixture
def change(host: RealHost, tmp_path: pathlib.Path) -> Change:
    return Change(host, tmp_path)


def login(host: RealHost) -> bool:
    """Whether the partner's connection to the host's address of A is answered."""
    return host.neighbour.run(f"nc -z -w 2 -s {PARTNER[4]} 198.51.100.2 22", check=False).returncode == 0


def held(host: RealHost) -> dict[str, str]:
    """What the kernel holds, and the files by which it would come back."""
    return {
        "rules": host.output("ip -4 rule"), "tables": host.output("ip -4 route show table all | sort"),
        "nft": host.output("nft -s list ruleset"),
        "hash": host.output("cat /proc/sys/net/ipv4/fib_multipath_hash_policy"),
        "files": host.output("find /etc -newer /etc/hostname -type f ! -name machine-id ! -path '*/ssh/*' | sort"),
    }


def test_what_is_proposed_is_mended_persisted_and_there_after_a_reboot(host: RealHost, change: Change) -> None:
    before = held(host)
    assert not login(host), "the reply leaves by B"
    output = change.run("remediate", "boot", {"symmetry_persist": True})
    assert login(host), output
    assert [one["state"] for one in change.data("change.json")["batches"]] == ["kept"]
    assert output.count("TASK [Send new packets]") == 2, "proven again, after networkd has read its files"
    mended = held(host)
    assert mended["rules"] != before["rules"] and mended["files"] != before["files"]
    again = change.run("remediate", "again")
    assert "nothing was to be changed" in again and held(host) == mended
    host.reboot()
    assert login(host), host.output("ip -4 rule; ip -4 route show table all")
    assert {key: held(host)[key] for key in ("rules", "nft")} == {key: mended[key] for key in ("rules", "nft")}
    change.run("rollback", "boot")
    assert not login(host) and held(host)["rules"] == before["rules"]
    host.reboot()
    assert not login(host), "what was rolled back does not come back"
    assert {key: held(host)[key] for key in ("rules", "tables", "nft")} == {
        key: before[key] for key in ("rules", "tables", "nft")}


def test_the_clamp_and_the_hash_are_persisted_too(host: RealHost, change: Change) -> None:
    before, seed = held(host), host.output(f"cat {SEED}")
    assert (host.segment_size("198.51.100.5"), before["hash"]) == ("1460", "0\n")
    named = {"symmetry_remedies": [ROUTED, CLAMPED, HASHED], "symmetry_persist": True}
    refused = change.run("remediate", "wide", named, status=2)
    assert "no packet could show a fault that it mends" in " ".join(refused.split()), refused
    assert held(host) == before
    output = change.run("remediate", "wide", {**named, "symmetry_accept_unproven": True})
    assert "touches every new TCP connection by wan_b of carry" in " ".join(output.split()), output
    for reboot in (False, True):
        if reboot:
            host.reboot()
        assert login(host)
        assert host.segment_size("198.51.100.5") == "1260", f"reboot {reboot}: {host.output('nft list ruleset')}"
        assert (held(host)["hash"], host.output(f"cat {SEED}")) == ("3\n", "20260117\n"), f"reboot {reboot}"
    change.run("rollback", "wide")
    for reboot in (False, True):
        if reboot:
            host.reboot()
        # Before a login: the host asks for the provider's MAC address with the source of what it sends first, and the
        # strict partner answers no ARP request from an address of A at B.
        assert host.segment_size("198.51.100.5") == "1460", f"reboot {reboot}: {host.output('ip -4 neigh')}"
        assert not login(host)
        assert (held(host)["hash"], host.output(f"cat {SEED}")) == ("0\n", seed), f"reboot {reboot}"
