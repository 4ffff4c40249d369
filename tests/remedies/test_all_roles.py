# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every remedy's role by ansible-playbook: four runs and removal, all side by side, and what they refuse.

The observers are ip, nft, /proc/sys and the files of the register.
"""

from __future__ import annotations

import datetime
import pathlib
import subprocess
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import STATE_DIR
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth
from ansible_collections.netpath.symmetry.tests.lab.role_host import Host, four_runs

UPLINKS = [
    {"name": "a", "interface": "wan_a", "gateway": "198.51.100.1"},
    {"name": "b", "interface": "wan_b", "gateway": "198.51.100.5"},
    {"name": "a", "interface": "wan_a", "gateway": "2001:db8:a::1"},
]
END = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
ROLES: dict[str, dict[str, t.Any]] = {
    "policy_route": {
        "policy_route_uplinks": UPLINKS,
        "policy_route_pins": [{"name": "partner", "prefixes": ["203.0.113.0/25"], "uplink": "a",
                               "source_nat": "198.51.100.2", "acknowledge_source": True}],
    },
    "source_routing": {"source_routing_uplinks": UPLINKS},
    "symmetric_return": {"symmetric_return_uplinks": UPLINKS},
    "rp_filter": {"rp_filter_interfaces": [
        {"name": "wan_b", "mode": "loose", "reason": "CHG1", "by": "bob", "until": END, "ipv6": "loose"},
        {"name": "wan_a", "mode": "off", "ipv6": "strict"},
    ]},
    "ecmp_hash": {"ecmp_hash_seed": 77},
    "mss_clamp": {"mss_clamp_edges": [{"interface": "wan_a", "mtu": 1400}, {"interface": "v0.100"}]},
    # Nobody answers: with no uplink alive it changes nothing.
    "uplink_watch": {"uplink_watch_uplinks": [{**one, "targets": ["203.0.113.1"]} for one in UPLINKS[:2]]},
    "state_bypass": {"state_bypass_entries": [
        {"name": "partner", "sources": ["192.0.2.0/24", "2001:db8:c::/64"], "protocol": "udp",
         "destinations": ["10.9.0.0/24", "2001:db8:9::1"], "ports": ["5000-5010", "53"], "consent": True,
         "by": "bob", "reason": "CHG1", "until": END},
    ]},
}  # fmt: skip
TASKS = {"policy_route": 2, "symmetric_return": 2}  # that change something


class RemedyHost(Host):
    """A host whose state includes how it hashes, and its register."""

    def state(self) -> str:
        hashed = self.netns.output("tail -n 1 /proc/sys/net/ipv[46]/fib_multipath_hash_*")
        entries = [path.read_text() for path in sorted(self.netns.state.glob("register/*.entry"))]
        return super().state() + hashed + "".join(entries)


@pytest.fixture
def host(tmp_path: pathlib.Path) -> t.Iterator[RemedyHost]:
    netns, far = Netns("all").create(), Netns("allfar").create()
    try:
        veth(netns, "wan_a", far, "pa",
             [("198.51.100.2/30", "198.51.100.1/30"), ("2001:db8:a::2/64", "2001:db8:a::1/64")])
        veth(netns, "wan_b", far, "pb", [("198.51.100.6/30", "198.51.100.5/30")])
        veth(netns, "v0.100", far, "pc", [("192.0.2.1/24", "192.0.2.20/24")])
        netns.run("ip route add default via 198.51.100.5; ip -6 route add default via 2001:db8:a::1; "
                  "cd /proc/sys/net/ipv4/conf; for i in *; do echo 0 > $i/rp_filter; done")
        netns.run("nft 'add table ip seen; add chain ip seen c { type filter hook forward priority 0; }; "
                  "add rule ip seen c ct state new'")
        yield RemedyHost(netns, far, far, tmp_path)
    finally:
        subprocess.run(netns.with_state("sh", f"{STATE_DIR}/symmetry-uplink-watch", "home"), check=False)
        for timer in netns.state.glob("register/*.timer"):
            subprocess.run(["kill", "--", f"-{timer.read_text().split()[1]}"], check=False)
        for one in (netns, far):
            one.delete()


@pytest.mark.parametrize("role", ["rp_filter", "ecmp_hash", "mss_clamp", "uplink_watch", "state_bypass"])
def test_four_runs_and_removal(host: RemedyHost, role: str) -> None:
    before = host.state()
    four_runs(host, role, ROLES[role], changed=TASKS.get(role, 1))
    four_runs(host, role, {**ROLES[role], f"{role}_state": "absent"}, changed=TASKS.get(role, 1))
    assert host.state() == before
    assert not list(host.netns.state.glob("register/*.timer")), "no timer is left behind"


def test_all_side_by_side(host: RemedyHost) -> None:
    variables = {name: value for values in ROLES.values() for name, value in values.items()}
    before = host.state()
    total = sum(TASKS.get(role, 1) for role in ROLES)
    check = host.play(list(ROLES), variables, "--check")
    assert (check.rc, check.changed) == (0, total) and host.state() == before, check.text
    run = host.play(list(ROLES), variables)
    assert (run.rc, run.changed) == (0, total), run.text
    again = host.play(list(ROLES), variables)
    assert (again.rc, again.changed, again.diff) == (0, 0, []), again.text
    absent = host.play(list(ROLES), {**variables, **{f"{role}_state": "absent" for role in ROLES}})
    assert (absent.rc, absent.changed) == (0, total), absent.text
    assert host.state() == before


def test_a_guard_is_demanded(host: RemedyHost) -> None:
    before = host.state()
    for role in ("symmetric_return", "ecmp_hash", "mss_clamp", "uplink_watch", "state_bypass"):
        run = host.play([role], {**ROLES[role], f"{role}_require_guard": True})
        assert run.rc != 0 and "no change guard is armed" in run.text, run.text
    assert host.state() == before


OTHER = {"name": "c", "interface": "wan_a"}
UNWANTED = {**ROLES["state_bypass"]["state_bypass_entries"][0], "consent": False}
STRICT = {"name": "wan_a", "mode": "strict", "until": END}


@pytest.mark.parametrize(
    ("role", "change", "message"),
    [
        ("symmetric_return", {"symmetric_return_mark_mask": "0x5"}, "one unbroken run of bits"),
        ("symmetric_return", {"symmetric_return_uplinks": [*UPLINKS, OTHER]}, "an interface of its own"),
        ("ecmp_hash", {"ecmp_hash_fields": ["source"]}, "go together"),
        ("mss_clamp", {"mss_clamp_edges": [{"interface": "wan_a", "mtu": 1600}]}, "more than the interface"),
        ("state_bypass", {"state_bypass_entries": [UNWANTED]}, "say consent: true"),
        ("rp_filter", {"rp_filter_interfaces": [STRICT]}, "until is for an exception"),
    ],
)
def test_bad_variables(host: RemedyHost, role: str, change: dict[str, t.Any], message: str) -> None:
    before = host.state()
    for options in (["--check"], []):
        run = host.play([role], {**ROLES[role], **change}, *options)
        assert run.rc != 0 and message in run.text, run.text
    assert host.state() == before
