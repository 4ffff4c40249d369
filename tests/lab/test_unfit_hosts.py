# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that cannot take a change, or not back: each module says so, in check mode too, and changes nothing."""

from __future__ import annotations

import contextlib
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import STATE_DIR
from ansible_collections.netpath.symmetry.tests.lab.modules import run_module
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

UPLINKS = [
    {"name": "a", "interface": "wan_a", "gateway": "198.51.100.1"},
    {"name": "b", "interface": "wan_b", "gateway": "198.51.100.5"},
]
MARKED = [{"name": one["name"], "interface": one["interface"], "mark": f"0x0{number}000000"}
          for number, one in enumerate(UPLINKS, 1)]  # fmt: skip
WATCHED = [{**one, "targets": ["203.0.113.1"]} for one in UPLINKS]
ENTRY = {"name": "e", "prefixes": ["203.0.113.0/24"], "interface": "wan_a", "address": "198.51.100.2"}
BYPASS = {"name": "p", "sources": ["192.0.2.0/24"], "destinations": ["10.9.0.1"], "protocol": "tcp", "ports": ["80"],
          "consent": True, "by": "al", "reason": "CHG1", "until": "2099-01-01"}  # fmt: skip
EXCEPTION = {"name": "wan_a", "mode": "loose", "reason": "CHG1", "by": "al"}


def table(gateway: str, interface: str = "wan_a", name: str = "one", **more: t.Any) -> dict[str, t.Any]:
    return {"name": name, "routes": [{"dst": "default", "gateway": gateway, "device": interface}], **more}


RULE = {"src": "198.51.100.2", "table": "one"}
WAY = {"tables": [table("198.51.100.1")], "rules": [RULE]}


def without(tool: str) -> str:
    """Nothing of this name can be run."""
    return f"for t in $(which -a {tool}); do mount --bind /dev/null $t; done"


def read_only(path: str) -> str:
    return f"mount --bind {path} {path}; mount -o remount,bind,ro {path}"


NO_NFT = (without("nft"), "nft is not installed on this host (package nftables)")
SEALED = "is mounted read-only; make it writable"
CASES: list[tuple[str, str, str, dict[str, t.Any]]] = [
    (*NO_NFT, "symmetric_return", {"uplinks": MARKED}),
    (*NO_NFT, "mss_clamp", {"edges": [{"interface": "wan_a", "mtu": 1400}]}),
    (*NO_NFT, "source_nat", {"entries": [ENTRY]}),
    (*NO_NFT, "state_bypass", {"entries": [BYPASS]}),
    (*NO_NFT, "rp_filter", {"interfaces": [{"name": "wan_a", "mode": "off", "ipv6": "loose"}]}),
    (without("ip"), "ip is not installed on this host (package iproute2)", "policy_routing", WAY),
    (read_only(STATE_DIR), SEALED, "change_guard", {"state": "armed", "timeout": 60}),
    (read_only(STATE_DIR), SEALED, "rp_filter", {"interfaces": [EXCEPTION]}),
    (read_only(STATE_DIR), SEALED, "state_bypass", {"entries": [BYPASS]}),
    (read_only(STATE_DIR), SEALED, "uplink_watch", {"uplinks": WATCHED}),
    (read_only("/proc/sys"), SEALED, "ecmp_hash", {"fields": ["source", "destination"]}),
    (read_only("/proc/sys"), SEALED, "rp_filter", {"interfaces": [{"name": "wan_a", "mode": "strict"}]}),
    (":", "process 1 of this host is not systemd", "persistence", {}),
    (":", "systemd is not process 1 of this network", "lease_routing",
     {"uplinks": [{"name": "a", "interface": "wan_a"}]}),
    (":", "gateway 203.0.113.1 is not on link at interface wan_a (it has 198.51.100.0/30", "policy_routing",
     {"tables": [table("203.0.113.1")], "rules": [RULE]}),
    (":", "'one' and 'two' both have id 10500", "policy_routing",
     {"tables": [table("198.51.100.1", id=10500), table("198.51.100.5", "wan_b", "two", id=10500)], "rules": [RULE]}),
]  # fmt: skip


@pytest.fixture(scope="module")
def host() -> t.Iterator[Netns]:
    one, far = Netns("unfit"), Netns("unfitfar")
    with contextlib.ExitStack() as stack:
        for netns in (one, far):
            netns.create()
            stack.callback(netns.delete)
        veth(one, "wan_a", far, "pa", [("198.51.100.2/30", "198.51.100.1/30")])
        veth(one, "wan_b", far, "pb", [("198.51.100.6/30", "198.51.100.5/30")])
        veth(one, "bare", far, "pc", [])
        one.run("ip route add default via 198.51.100.5; for i in all wan_a wan_b; do "
                "echo 0 > /proc/sys/net/ipv4/conf/$i/rp_filter; done")
        yield one


def state(host: Netns) -> str:
    """What the kernel holds, and what lies in the state directory."""
    files = sorted(str(path.relative_to(host.state)) for path in host.state.rglob("*"))
    return "\n".join(files) + host.output(
        "ip rule; ip route show table all; nft list ruleset; ip -j link; "
        "tail -n 1 /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv4/fib_multipath_hash_*")


@pytest.mark.parametrize(("prepare", "message", "module", "arguments"), CASES,
                         ids=[f"{case[2]}-{number}" for number, case in enumerate(CASES)])  # fmt: skip
def test_it_is_said_before_anything_changes(
    host: Netns, prepare: str, message: str, module: str, arguments: dict[str, t.Any]
) -> None:
    host.state.mkdir(exist_ok=True)
    before = state(host)
    for check_mode in (True, False):
        answer = run_module(host, module, arguments, check_mode, prepare)
        assert answer.get("failed") and message in answer["msg"], answer
        assert state(host) == before
