# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift from what was persisted, and managers that will undo what is ours."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import NextHop, Route, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import put
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.networkd import Networkd
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.owned import Owned
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.providers import Provider
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.upkeep import read_missing, read_undoing

RULE = Rule(4, 10100, table=10100, protocol=83)
RULE_SIX = Rule(6, 10100, table=10100, protocol=83)  # the same text in another family
ROUTE = Route(6, 10100, "2001:db8:5::/48", metric=1024, protocol=83, nexthops=(NextHop("wan_a", "2001:db8:a::1"),))
BLOCK = Route(4, 10100, "203.0.113.0/25", type="unreachable", metric=4000000, protocol=83)
TABLE = 'table inet netpath_symmetry {\n\tchain c {\n\t\tcounter accept comment "symmetry:partner"\n\t}\n}\n'
OWNED = Owned((RULE, RULE_SIX), (ROUTE, BLOCK), TABLE, (("net/ipv4/conf/v0.100/rp_filter", 2),),
              (("net/ipv4/fib_multipath_hash_policy", 3),))


def facts(rules=(RULE, RULE_SIX), routes=(ROUTE, BLOCK), comment="symmetry:partner", mode=2, policy=3, **more):
    chain = {"family": "inet", "table": "netpath_symmetry", "name": "c", "rules": [{"comment": comment}]}
    return {
        "rules": [rule.to_dict() for rule in rules],
        "routes": [route.to_dict() for route in routes],
        "netfilter": {"chains": [chain]},
        "sysctls": {"net/ipv4/fib_multipath_hash_policy": policy},
        "interface_sysctls": {"v0.100": {"rp_filter": mode}},
        **more,
    }


def networkd() -> Networkd:
    provider = Networkd()
    provider._networks = {"wan_a": "/etc/systemd/network/10-wan_a.network"}
    return provider


@pytest.fixture(params=[Provider, networkd], ids=["boot_unit", "networkd"])
def root(request, tmp_path: pathlib.Path) -> str:
    for file in request.param().files(OWNED):
        put(str(tmp_path) + file.path, file)
    return str(tmp_path)


def test_what_is_in_force_is_not_missed(root):
    assert read_missing(facts(), root) == []
    later = Route(6, 10100, ROUTE.dst, metric=1024, protocol=83,
                  nexthops=(NextHop("wan_a", "2001:db8:a::1", flags=("linkdown",)),))
    assert read_missing(facts(routes=(later, BLOCK)), root) == [], "a link that is down changes no route"
    gone = facts()
    gone["interface_sysctls"] = {}
    assert read_missing(gone, root) == [], "an interface that is not there has no parameter"


@pytest.mark.parametrize(("change", "what"), [
    ({"rules": (RULE_SIX,)}, "ip rule add priority 10100"),
    ({"rules": (RULE,)}, "ip -6 rule add priority 10100"),
    ({"routes": (ROUTE,)}, "unreachable 203.0.113.0/25"),
    ({"routes": (BLOCK,)}, "2001:db8:5::/48"),
    ({"comment": "symmetry:other"}, "the nft rule symmetry:partner"),
    ({"policy": 1}, "net/ipv4/fib_multipath_hash_policy = 3"),
    ({"mode": 1}, "net/ipv4/conf/v0.100/rp_filter = 2"),
], ids=lambda value: next(iter(value)) if isinstance(value, dict) else "")
def test_what_is_gone_is_named(root, change, what):
    (missing,) = read_missing(facts(**change), root)
    assert what in missing["what"] and missing["change"] == "unknown" and missing["present"] is False


def test_nothing_persisted_misses_nothing(tmp_path):
    assert read_missing(facts(rules=(), routes=(), mode=0), str(tmp_path)) == []


def test_networkd_that_removes_rules_and_routes_is_named(tmp_path):
    removes = {"removes_foreign_rules": True, "removes_foreign_routes": True}
    manager = {"name": "systemd-networkd", "active": True, **removes}
    told = read_undoing(facts(managers=[manager]), str(tmp_path))
    assert [entry["what"] for entry in told] == ["2 policy rules", "2 routes"]
    kept = {**manager, "removes_foreign_rules": False, "removes_foreign_routes": False}
    assert read_undoing(facts(managers=[kept]), str(tmp_path)) == []
    assert read_undoing(facts(managers=[{**manager, "active": False}]), str(tmp_path)) == []
    assert read_undoing(facts(rules=(), routes=(), managers=[manager]), str(tmp_path)) == []


def test_a_ruleset_that_is_flushed_is_named_unless_our_table_comes_back(tmp_path):
    (tmp_path / "etc/systemd/system/sysinit.target.wants").mkdir(parents=True)
    (tmp_path / "etc/systemd/system/sysinit.target.wants/nftables.service").symlink_to("/lib/nftables.service")
    (tmp_path / "etc/nftables.conf").write_text("flush ruleset\n")
    (told,) = read_undoing(facts(), str(tmp_path))
    assert told["manager"] == "nftables.service" and "netpath_symmetry" in told["what"]
    assert read_undoing(facts(comment=""), str(tmp_path)) == [], "nothing of ours is in the ruleset"
    for file in Provider().files(OWNED):
        put(str(tmp_path) + file.path, file)
    assert read_undoing(facts(), str(tmp_path)) == []


def test_a_profile_with_a_table_of_its_own_is_named(tmp_path):
    folder = tmp_path / "etc/NetworkManager/system-connections"
    folder.mkdir(parents=True)
    (folder / "broken.nmconnection").write_text("no section\n")
    profile = folder / "wan_a.nmconnection"
    profile.write_text("[connection]\ninterface-name=wan_a\n[ipv4]\nroute-table=0\n[ipv6]\nroute-table=77\n")
    (told,) = read_undoing(facts(), str(tmp_path))
    assert told["manager"] == "NetworkManager" and "route-table=77" in told["how"]
    profile.write_text("[connection]\ninterface-name=other\n[ipv4]\nroute-table=77\n")
    assert read_undoing(facts(), str(tmp_path)) == []
