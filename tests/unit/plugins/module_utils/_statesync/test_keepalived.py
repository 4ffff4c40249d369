# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a virtual router. Whether keepalived takes them, and what they do: tests/lab/test_state_sync_vrrp.py."""

from __future__ import annotations

import re
import subprocess

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.keepalived import (
    hook_text,
    read_failover,
    render,
    virtual_addresses,
)

LAN = {"name": "lan", "interface": "lan0", "virtual_router_id": 51, "addresses": ["192.0.2.1/24", "192.0.2.4/24"]}
WAN = {"name": "wan", "interface": "wan0", "virtual_router_id": 51, "addresses": ["2001:DB8::1/64"]}
OPTIONS = {"name": "fw1.example.org", "instances": [LAN, WAN], "priority": 100, "preempt": False, "interval": 1.0}


def test_several_routers_change_their_state_together():
    text = render(read_failover(OPTIONS))
    group = text.partition("vrrp_sync_group")[2].partition("\n}\n")[0]
    assert "        lan\n        wan\n" in group and group.count("notify_") == 3 == text.count("notify_")
    assert "router_id fw1\n" in text and text.count("nopreempt") == 2 and text.count("{") == text.count("}")
    assert virtual_addresses(text) == {"192.0.2.1", "192.0.2.4", "2001:db8::1"}


def test_one_router_needs_no_group():
    text = render(read_failover({**OPTIONS, "instances": [WAN], "preempt": True}))
    assert "vrrp_sync_group" not in text and text.count("notify_") == 3 and "nopreempt" not in text


@pytest.mark.parametrize(("more", "message"), [
    ({"instances": []}, "instances is empty"),
    ({"instances": [LAN, {**LAN, "name": "again"}]}, "lan and again are both virtual router 51 of lan0"),
    ({"instances": [LAN, {**WAN, "name": "lan"}]}, "'lan' is declared twice"),
    ({"instances": [LAN, {**LAN, "name": "other", "virtual_router_id": 52}]}, "lan and other both have 192.0.2."),
    ({"instances": [{**LAN, "addresses": ["192.0.2.1"]}]}, "192.0.2.1 has no prefix length"),
    ({"instances": [{**LAN, "addresses": ["lan"]}]}, "'lan' is not an address with a prefix length"),
    ({"instances": [{**LAN, "addresses": ["192.0.2.1/24", "fd02::1/64"]}]}, "are of both families"),
    ({"instances": [{**LAN, "addresses": []}]}, "addresses is empty"),
    ({"instances": [{**LAN, "addresses": ["192.0.2.1/24", "192.0.2.1/32"]}]}, "is listed twice"),
    ({"instances": [{**LAN, "virtual_router_id": 256}]}, "256 is not within 1 to 255"),
    ({"instances": [{**LAN, "name": "lan }"}]}, "a name is up to 32 letters"),
    ({"instances": [{**LAN, "interface": "a b"}]}, "'a b' is not the name of an interface"),
    ({"priority": 255}, "priority 255"),
    ({"interval": 0}, "interval 0 is not"),
    ({"name": ""}, "is not what a router can be called"),
])
def test_bad_options_are_refused(more, message):
    with pytest.raises(PlanError, match=re.escape(message)):
        read_failover({**OPTIONS, **more})


def test_the_script_has_conntrackd_do_what_the_state_needs(tmp_path):
    hook, log = tmp_path / "hook", tmp_path / "log"
    client = tmp_path / "client"
    client.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$3\" >>{log}\n[ \"$3\" != -f ]\n")
    client.chmod(0o755)
    hook.write_text(hook_text(f"{client} -C /etc/conntrackd.conf"))
    for state, asked, status in (("master", "-c -f -R -B", 1), ("backup", "-t -n", 0), ("fault", "-t", 0)):
        log.write_text("")
        assert subprocess.run(["sh", hook, state], capture_output=True, check=False).returncode == status
        assert log.read_text().split() == asked.split()
    assert subprocess.run(["sh", hook, "primary"], capture_output=True, check=False).returncode == 2
