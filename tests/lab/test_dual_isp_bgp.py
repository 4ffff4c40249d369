# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two providers with BGP (FRRouting): the return path is moved by what routers say to each other; packets prove it.

Routers are read over SSH as devices, the borders' firewalls and the ends as Linux hosts: one verdict over both.
"""

from __future__ import annotations

import json
import pathlib
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.tests.lab.conftest import BuildLab, Lab
from ansible_collections.netpath.symmetry.tests.lab.test_playbooks import http, play

URL = "http://203.0.113.10/"
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


def test_prepending_brings_the_replies_home(network: Lab, tmp_path: pathlib.Path) -> None:
    def prepend(words: str) -> None:
        vtysh(network, "border_b", "configure terminal", "route-map TO-B permit 10", words, "end",
              "clear ip bgp 192.0.2.5 soft out")

    prepend("set as-path prepend 65001 65001")
    settle(network, "65010", "65010")
    assert http(network, "client", URL) == "200"
    assert verdict(network, tmp_path)["verdict"] == "symmetric"
    prepend("no set as-path prepend")
    settle(network, "65010", "65020")
    assert http(network, "client", URL) != "200"


def test_local_preference_sends_requests_the_way_of_the_replies(network: Lab, tmp_path: pathlib.Path) -> None:
    vtysh(network, "border_b", "configure terminal", "route-map FROM-B permit 10", "set local-preference 300", "exit",
          "router bgp 65001", "address-family ipv4 unicast", "neighbor 192.0.2.5 route-map FROM-B in", "end",
          "clear ip bgp 192.0.2.5 soft in")
    settle(network, "65020", "65020")
    assert http(network, "client", URL) == "200"
    assert verdict(network, tmp_path)["verdict"] == "symmetric"
    vtysh(network, "border_b", "configure terminal", "router bgp 65001", "address-family ipv4 unicast",
          "no neighbor 192.0.2.5 route-map FROM-B in", "end", "clear ip bgp 192.0.2.5 soft in")
    settle(network, "65010", "65020")
