# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which source address the host chooses, where that is not plain."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Lookup, Packet

Dict = dict[str, t.Any]


def look(addresses: dict[str, list[Dict]], routes: list[Dict], text: str, oif: str | None = None) -> Lookup:
    interfaces: Dict = {"lo": {"index": 1, "kind": "loopback"}}
    for index, (name, own) in enumerate(addresses.items(), 2):
        interfaces[name] = {"index": index, "addresses": own}
    host = Host.from_facts("r", {"kernel": "6.18.1", "interfaces": interfaces, "routes": routes})
    return host.lookup(Packet(Flow.parse(text)), oif=oif)


def test_an_anycast_address_is_answered_from_the_interface_that_has_it() -> None:
    own = {
        name: [{"family": 6, "address": f"2001:db8:1::{last}", "prefixlen": 64}] for name, last in (("a", 3), ("b", 5))
    }
    routes: list[Dict] = [
        {"family": 6, "table": 255, "dst": "2001:db8:1::/128", "type": "anycast", "nexthops": [{"device": name}]}
        for name in ("a", "b")
    ]
    (branch,) = look(own, routes, "udp [::]:9 > [2001:db8:1::]:53", "b").branches
    assert (branch.kind, branch.source) == ("local", "2001:db8:1::5")


def test_of_a_group_of_next_hop_objects_the_first_member_gives_the_ipv6_source() -> None:
    own = {
        name: [{"family": 6, "address": f"2001:db8:{last}::1", "prefixlen": 64}] for name, last in (("a", 3), ("b", 5))
    }
    legs = [{"device": "a", "gateway": "fe80::1"}, {"device": "b", "gateway": "fe80::2"}]
    route: Dict = {"family": 6, "table": 254, "dst": "::/0", "nexthops": legs}
    text = "udp [::]:9 > [2001:db8:9::1]:53"
    assert {branch.source for branch in look(own, [route], text).branches} == {"2001:db8:3::1", "2001:db8:5::1"}
    assert {branch.source for branch in look(own, [{**route, "nhid": 7}], text).branches} == {"2001:db8:3::1"}


def test_the_source_that_a_next_hop_object_remembers_is_known_where_no_scope_decides() -> None:
    link = {"family": 4, "address": "10.0.1.1", "prefixlen": 24, "scope": "link"}
    route: Dict = {"family": 4, "table": 254, "dst": "0.0.0.0/0", "nexthops": [{"device": "a"}], "nhid": 4}
    text = "udp 0.0.0.0:9 > 20.1.1.5:53"
    assert "next-hop object 4" in look({"a": [link]}, [route], text).unknown
    wide = {**link, "scope": "global"}
    (branch,) = look({"a": [wide]}, [route], text).branches
    assert branch.source == "10.0.1.1"
    gateway = [{"device": "a", "gateway": "10.0.1.9"}]
    assert look({"a": [wide]}, [{**route, "nexthops": gateway}], text).unknown == ""
