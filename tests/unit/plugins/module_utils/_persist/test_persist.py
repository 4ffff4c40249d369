# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files persist what, and which of them a part may touch."""

from __future__ import annotations

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import NextHop, Route, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._persist import persist, restore
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import File, FileChange, PersistError
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.hooks import (
    DISPATCHER,
    Hook,
    ifupdown,
    networkmanager,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.networkd import Networkd, foreign_file
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.owned import (
    HASH_FILE,
    NFT_FILE,
    SYSCTL_FILE,
    Owned,
    owned_by,
    planned_parts,
    with_planned,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.providers import Provider, part_of
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host

RULE = Rule(4, 10100, table=10100, protocol=83)
FOREIGN = Rule(4, 77, table=77, protocol=4)
ROUTE = Route(4, 10100, "203.0.113.0/25", protocol=83, nexthops=(NextHop("wan_a", "198.51.100.1"),))
BLOCK = Route(4, 10100, "203.0.113.0/25", type="unreachable", metric=4000000, protocol=83)
TABLE = "table inet netpath_symmetry {\n\tchain c {\n\t}\n}\n"
HASH = ("net/ipv4/fib_multipath_hash_policy", 3)
OWNED = Owned((RULE,), (ROUTE, BLOCK), TABLE, (("net/ipv4/conf/v0.100/rp_filter", 2),), (HASH,))


def host(*rules: Rule, routes: tuple[Route, ...] = ()) -> Host:
    return Host(rules, routes, {})


def texts(provider: Provider, owned: Owned = OWNED) -> dict[str, str]:
    return {file.path: file.text for file in provider.files(owned, [foreign_file()]) if file.link is None}


def test_what_the_watcher_of_uplinks_has_put_in_is_not_persisted():
    moment = [Rule(4, number, table=number, protocol=83) for number in (9601, 11000, 11001)]
    routes = tuple(Route(4, number, "0.0.0.0/0", protocol=83, nexthops=ROUTE.nexthops) for number in (9601, 11001))
    owned = owned_by(host(RULE, FOREIGN, *moment, routes=(ROUTE, *routes)), "", {})
    assert (owned.rules, owned.routes) == ((RULE,), (ROUTE,))


def test_the_own_unit_persists_rules_before_the_network_and_routes_with_their_interface():
    found = texts(Provider())
    rules = found["/etc/netpath-symmetry/rules.ipv4"].splitlines()[2:]
    assert rules == [
        "rule add priority 10100 from all lookup 10100 protocol 83",
        "route replace unreachable 203.0.113.0/25 table 10100 proto 83 metric 4000000",
    ]
    routes = found["/etc/netpath-symmetry/routes.ipv4"].splitlines()[2:]
    assert routes == ["route replace 203.0.113.0/25 table 10100 proto 83 scope global via 198.51.100.1 dev wan_a"]
    assert found[NFT_FILE].endswith(TABLE)
    assert found[SYSCTL_FILE].splitlines()[1:] == ["net/ipv4/conf/v0.100/rp_filter = 2"]
    assert found[HASH_FILE].splitlines()[1:] == ["net/ipv4/fib_multipath_hash_policy = 3"]
    assert restore.unit_names(found) == ["symmetry-nft.service", "symmetry-restore.service", "symmetry-watch.service"]
    assert all("Written by netpath.symmetry" in text for text in found.values())


def test_nothing_owned_needs_no_file():
    for provider in (Provider(), ifupdown(), networkmanager(), Networkd()):
        assert texts(provider, Owned()) == {}


def test_the_table_comes_back_with_every_firewall_that_may_have_flushed_it():
    units = ["docker", "firewalld", "netfilter-persistent", "nftables", "ufw"]
    dropins = [f"/etc/systemd/system/{unit}.service.d/50-netpath-symmetry.conf" for unit in units]
    found = texts(Provider())
    assert sorted(path for path in found if ".service.d/" in path) == dropins
    after = "ExecStartPost=-/bin/sh /var/lib/netpath-symmetry/symmetry-restore nft\n"
    assert all(after in found[path] for path in dropins)
    # Where a unit has no ExecReload, ours would turn its reload into one that does not read its own rules.
    assert [path for path in dropins if "ExecReload=" in found[path]] == [restore.NFTABLES_FILE]
    assert not [path for path in texts(Provider(), Owned((RULE,), (ROUTE,))) if ".service.d/" in path]
    assert {part_of(path) for path in (*dropins, restore.PLUGIN_FILE)} == {"nft"}


def test_the_plugin_of_netfilter_persistent_is_about_the_table():
    plugin = restore.plugin()
    assert plugin.mode == 0o755
    assert plugin in Provider().files(Owned(table=TABLE), [plugin])
    assert plugin not in Provider().files(Owned((RULE,), (ROUTE,)), [plugin])


def test_systemd_is_told_of_a_dropin_that_changes_alone(monkeypatch):
    dropin = restore.NFTABLES_FILE
    monkeypatch.setattr(persist.files, "plan", lambda wanted, present: [FileChange(dropin, None, File(dropin, "new"))])
    planned = persist.plan(Owned(table=TABLE), Provider(), {"boot_unit": Provider()})
    assert planned.commands[0] == ("systemctl", "daemon-reload")
    assert planned.undo_commands == ("systemctl daemon-reload",)


NETWORKMANAGER = Hook("networkmanager", DISPATCHER, "#!/bin/sh\n# symmetry-restore routes\n")


@pytest.mark.parametrize("provider", [ifupdown(), NETWORKMANAGER], ids=lambda provider: provider.name)
def test_a_hook_stands_for_the_watching_unit(provider):
    found = texts(provider)
    assert "symmetry-watch.service" not in restore.unit_names(found)
    (hook,) = [text for path, text in found.items() if text.startswith("#!/bin/sh")]
    assert "symmetry-restore routes" in hook


def test_where_nobody_runs_hooks_the_own_unit_watches():
    found = texts(Hook("networkmanager", DISPATCHER, "#!/bin/sh\n", runs_hooks=False))
    assert "symmetry-watch.service" in restore.unit_names(found) and DISPATCHER in found


def test_networkd_gets_the_routes_of_its_interfaces_and_the_rest_is_left_to_us(monkeypatch):
    provider = Networkd()
    monkeypatch.setattr(provider, "_networks", {"wan_a": "/run/systemd/network/10-netplan-wan_a.network"})
    six = Route(6, 10100, "::/0", metric=1024, protocol=83, nexthops=(NextHop("wan_a", "fe80::1", flags=("onlink",)),))
    other = Route(4, 10100, "0.0.0.0/0", protocol=83, nexthops=(NextHop("tun0", None),), scope="link")
    found = texts(provider, Owned((RULE,), (ROUTE, six, other)))
    dropin = "/etc/systemd/network/10-netplan-wan_a.network.d/50-netpath-symmetry.conf"
    sections = found[dropin].split("\n", 1)[1].split("\n\n")
    assert sections[0].splitlines() == [
        "[Route]", "Table=10100", "Protocol=83", "Destination=203.0.113.0/25", "Gateway=198.51.100.1"
    ]
    assert sections[1].splitlines() == [
        "[Route]", "Table=10100", "Protocol=83", "Destination=::/0", "Gateway=fe80::1", "GatewayOnLink=yes",
        "Metric=1024",
    ]
    assert found["/etc/netpath-symmetry/routes.ipv4"].splitlines()[2:] == [
        "route replace 0.0.0.0/0 table 10100 proto 83 scope link dev tun0"
    ]
    assert "ManageForeignRoutingPolicyRules=no" in found[foreign_file().path]


def test_only_what_bears_our_mark_is_persisted():
    owned = owned_by(host(FOREIGN, RULE, routes=(ROUTE, Route(4, 254, "0.0.0.0/0"))), "", {})
    assert owned.rules == (RULE,) and owned.routes == (ROUTE,)


def test_results_of_check_mode_count_as_carried_out():
    changes = [
        {"kind": "rule", "op": "add", "after": RULE.to_dict()},
        {"kind": "route", "op": "add", "after": ROUTE.to_dict()},
        {"kind": "nft", "op": "add", "after": {"what": "table"}},
        {"kind": "rule", "op": "delete", "before": FOREIGN.to_dict()},
    ]
    planned = [{"changes": changes, "diff": {"before_header": "source NAT (live)", "after": TABLE}}]
    after = with_planned(host(FOREIGN), planned)
    assert after.rules == (RULE,) and after.routes == (ROUTE,)
    parts = {"source NAT": "", "symmetric return": "old"}
    assert planned_parts(parts, planned) == {"source NAT": TABLE, "symmetric return": "old"}
    assert planned_parts(parts, [{"changes": [], "diff": {}}]) == parts
    with pytest.raises(ValueError, match="no part"):
        planned_parts({}, planned)


def test_of_a_plan_that_tells_more_the_table_is_taken():
    def after(text: str) -> str:
        result = {"changes": [{"kind": "nft"}], "diff": {"before_header": "reverse-path filter (live)", "after": text}}
        return planned_parts({"reverse-path filter": "old"}, [result])["reverse-path filter"]

    beside = "net/ipv4/conf/wan_a/rp_filter = 2\n", "# /var/lib/netpath-symmetry/register/rp_filter.wan_a.entry\n}\n"
    assert after(f"{beside[0]}{TABLE}{beside[1]}") == TABLE
    assert after("".join(beside)) == ""
    assert after("table inet netpath_symmetry {\n}\n") == "", "what is empty needs no file"


def test_a_part_leaves_the_files_of_the_others_alone(monkeypatch):
    paths = (NFT_FILE, SYSCTL_FILE, HASH_FILE, "/etc/netpath-symmetry/rules.ipv4")
    everything = {path: File(path, "old") for path in paths}
    monkeypatch.setattr(persist.files, "read", everything.get)
    providers = {"boot_unit": Provider()}
    for part in ("routing", "nft", "rp_filter", "ecmp_hash"):
        changes = persist.plan(Owned(), providers["boot_unit"], providers, parts=[part]).changes
        assert [part_of(change.path) for change in changes] == [part]
        held = persist.plan(Owned(), providers["boot_unit"], providers, parts=[part]).touches()[1:]
        assert held and all(line.startswith("h ") for line in held), "later changes of it depend"
    assert len(persist.plan(Owned(), providers["boot_unit"], providers).changes) == 4


def test_a_later_file_that_says_otherwise_is_named(tmp_path):
    folder = tmp_path / "etc" / "sysctl.d"
    folder.mkdir(parents=True)
    wanted = [("net/ipv4/conf/wan_b/rp_filter", 2)]
    (folder / "50-hardening.conf").write_text("net.ipv4.conf.*.rp_filter = 1\nnet.ipv4.conf.wan_b.rp_filter = 0\n")
    persist.check_sysctls(wanted, str(tmp_path))
    (folder / "99-zz.conf").write_text("net.ipv4.conf.wan_b.rp_filter = 1\n")
    with pytest.raises(PersistError, match=r"99-zz\.conf is read after .* and sets 1"):
        persist.check_sysctls(wanted, str(tmp_path))
    (folder / "99-zz.conf").write_text("net.ipv4.conf.*.rp_filter = 1\n")
    persist.check_sysctls(wanted, str(tmp_path))  # a glob gives way to a line for the key, whatever their order
    (folder / "99-zz.conf").write_text("net.ipv4.conf.all.rp_filter = 1\n")
    persist.check_sysctls(wanted, str(tmp_path))
    with pytest.raises(PersistError, match="sets that of all to 1"):
        persist.check_sysctls([("net/ipv4/conf/wan_b/rp_filter", 0)], str(tmp_path))


def test_what_sysctl_reads_last_is_named_too(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "sysctl.conf").write_text(f"{HASH[0].replace('/', '.')} = 1\n")
    with pytest.raises(PersistError, match=r"would not outlive 'sysctl --system': \S+/etc/sysctl\.conf is read after"):
        persist.check_sysctls([HASH], str(tmp_path), HASH_FILE)
    (tmp_path / "etc" / "sysctl.conf").write_text(f"{HASH[0].replace('/', '.')} = 3\n")
    persist.check_sysctls([HASH], str(tmp_path), HASH_FILE)
    (tmp_path / "etc" / "sysctl.d").mkdir()
    (tmp_path / "etc" / "sysctl.d" / "99-zz.conf").write_text("net.ipv4.fib_multipath_hash_policy = 0\n")
    with pytest.raises(PersistError, match=r"would not outlive a reboot: \S+/etc/sysctl\.d/99-zz\.conf .* sets 0"):
        persist.check_sysctls([HASH], str(tmp_path), HASH_FILE)


def test_the_unit_after_a_boot_comes_before_every_network_manager():
    journal = next(file.text for file in restore.programs() if file.path == f"{restore.UNITS}/symmetry-journal.service")
    before = next(line for line in journal.splitlines() if line.startswith("Before="))
    for unit in ("network-pre.target", "systemd-networkd.service", "NetworkManager.service", "networking.service"):
        assert unit in before.split("=")[1].split()
    assert "symmetry-guard revert" in journal
