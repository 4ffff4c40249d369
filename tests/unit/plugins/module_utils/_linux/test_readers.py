# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The smaller readers, as far as they are pure: settings, counters, legacy rules, managers, connections, tools."""

from __future__ import annotations

import os
import pathlib
import stat
import sys
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import (
    command,
    ctnetlink,
    ipvs,
    kernel_counters,
    local_table,
    managers,
    netfilter,
    sampling,
    sysctl_files,
    sysctls,
)


@pytest.mark.parametrize(
    ("everywhere", "own", "mode", "origin"),
    [
        (0, 0, 0, "both"), (1, 0, 1, "all"), (0, 1, 1, "interface"),
        (2, 1, 2, "all"), (1, 2, 2, "interface"), (1, 1, 1, "both"),
    ],
)
def test_the_larger_reverse_path_filter_is_in_force(everywhere: int, own: int, mode: int, origin: str) -> None:
    found = sysctls.effective_rp_filter({
        "all": {"rp_filter": everywhere}, "default": {"rp_filter": 1},
        "v0.100": {"rp_filter": own}, "six": {"forwarding6": 1},
    })
    assert found == {"v0.100": {"mode": mode, "origin": origin}}


def test_settings_that_are_absent_or_no_number_are_left_out(tmp_path: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysctls, "ROOT", str(tmp_path))
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "number").write_text("0x37\n")
    (tmp_path / "net" / "words").write_text("cubic reno\n")
    assert sysctls.read_values(["net/number", "net/words", "net/absent"]) == {"net/number": 55}


def test_counters_are_joined_from_pairs_of_lines() -> None:
    text = "TcpExt: A IPReversePathFilter\nTcpExt: 1 22\nIpExt: InNoRoutes\nIpExt: 3\n"
    assert kernel_counters.parse(text) == {"TcpExtA": 1, "TcpExtIPReversePathFilter": 22, "IpExtInNoRoutes": 3}


def reading(invalid: int, drops: int, **rules: int) -> sampling.Reading:
    keys = {("inet", "fw", "", name, 5): packets for name, packets in rules.items()}
    return sampling.Reading({"invalid": invalid}, {"TcpExtIPReversePathFilter": drops}, keys)


def test_growth_counts_what_grew_and_nothing_that_is_new_or_reset() -> None:
    grown = sampling.growth(reading(1, 5, a=1, b=7, c=9), reading(4, 5, a=3, b=7, c=2, d=100))
    assert grown == {
        "conntrack_invalid": 3, "reverse_path_filter": 0,
        "rules": [{"family": "inet", "table": "fw", "chain": "a", "handle": 5, "packets": 2}],
    }


def test_growth_tells_of_connections_that_found_no_place() -> None:
    before, after = ({"invalid": 0, "insert_failed": 2, "drop": failed, "found": failed} for failed in (0, 4))
    grown = sampling.growth(sampling.Reading(before, {}, None), sampling.Reading(after, {}, None))
    assert grown == {"conntrack_invalid": 0, "conntrack": {"drop": 4}}


def test_growth_of_what_could_not_be_read_is_absent() -> None:
    assert sampling.growth(sampling.Reading(None, {}, None), reading(4, 5, a=3)) == {}


def test_the_file_that_decides_is_named(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysctl_files, "_who_applies", lambda root: "systemd-sysctl")
    texts = {"usr/lib/sysctl.d/50-default.conf": "net.ipv4.conf.*.rp_filter = 2\n-net.ipv4.conf.all.rp_filter\n",
             "etc/sysctl.d/60-router.conf": "net.ipv4.ip_forward=1\nnet.ipv4.conf.v0/100.rp_filter = 0\n",
             "etc/sysctl.conf": "net.ipv4.ip_forward=0\n"}  # systemd reads it only where sysctl.d links to it
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    values = {"all": {}, "eth0": {}, "v0.100": {}}
    found, unread = sysctl_files.read({"net/ipv4/ip_forward": 0}, values, str(tmp_path))
    default = {"value": 2, "file": "/usr/lib/sysctl.d/50-default.conf"}
    assert found == {
        "applied_by": "systemd-sysctl",
        "sysctls": {"net/ipv4/ip_forward": {"value": 1, "file": "/etc/sysctl.d/60-router.conf"}},
        "interface_sysctls": {"eth0": {"rp_filter": default},
                              "v0.100": {"rp_filter": {"value": 0, "file": "/etc/sysctl.d/60-router.conf"}}},
    } and not unread
    monkeypatch.setattr(sysctl_files, "_who_applies", lambda root: "procps")
    found, _unread = sysctl_files.read({"net/ipv4/ip_forward": 0}, values, str(tmp_path))
    assert found["sysctls"] == {"net/ipv4/ip_forward": {"value": 0, "file": "/etc/sysctl.conf"}}


IP_VS = """IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  0A010064:01BB wrr persistent 300 FFFFFFFF
  -> 0A010005:01BB      Route   1      0          0
  -> 0A010004:01BB      Masq    1      3          7
UDP  [2001:0db8:0000:0000:0000:0000:0000:0064]:0035 rr
FWM  0000000A rr
"""


def test_services_of_ipvs() -> None:
    assert ipvs.parse(IP_VS) == [
        {"protocol": "tcp", "address": "10.1.0.100", "port": 443, "servers": [
            {"address": "10.1.0.5", "port": 443, "mode": "route"},
            {"address": "10.1.0.4", "port": 443, "mode": "masq"}]},
        {"protocol": "udp", "address": "2001:db8::64", "port": 53, "servers": []},
        {"mark": 10, "servers": []},
    ]
    assert ipvs.parse("\n".join(IP_VS.splitlines()[:3])) == [] == ipvs.read("/nonexistent")


def test_a_network_namespace_that_nobody_boots_gets_nothing_from_files(tmp_path: pathlib.Path) -> None:
    assert sysctl_files.read({}, {}, str(tmp_path)) == ({"applied_by": ""}, [])


def test_the_beginning_of_a_set_is_read_from_a_text_that_is_cut_off() -> None:
    text = '{"nftables": [{"set": {"elem": ["10.0.0.1", {"prefix": {"addr": "10.1.0.0", "len": 16}}, "10.0.0.'
    assert netfilter.first_elements(text, 10) == ["10.0.0.1", {"prefix": {"addr": "10.1.0.0", "len": 16}}]
    assert netfilter.first_elements(text, 1) == ["10.0.0.1"]
    assert netfilter.first_elements('{"nftables": [{"set": {"name": "a"}}]}', 10) == []


def test_later_files_of_networkd_win_and_other_sections_do_not_count() -> None:
    texts = [
        "[Network]\n#ManageForeignRoutes=no\nManageForeignRoutingPolicyRules = yes\n",
        "[DHCPv4]\nManageForeignRoutes=no\n[Network]\nManageForeignRoutingPolicyRules=off\n",
    ]
    assert managers.networkd_settings(texts) == {"ManageForeignRoutingPolicyRules": False}


def entry(number: int, unreplied: bool, destination: str = "10.0.0.2") -> ctnetlink.Dict:
    side = {"source": "10.0.0.1", "destination": destination, "sport": number, "dport": 53}
    back = {"source": destination, "destination": "10.0.0.1", "sport": 53, "dport": number}
    return {"protocol": "udp", "zone": 0, "original": side, "reply": back, "unreplied": unreplied}


def test_connections_are_ranked_without_doubles() -> None:
    asked = ctnetlink.Asked("udp", "10.0.0.1", "10.0.0.3", None, 53)
    entries = [entry(1, False), entry(2, True), entry(3, False, "10.0.0.3"), entry(2, True), entry(4, True)]
    assert [one["original"]["sport"] for one in ctnetlink.rank(entries, [asked], 3)] == [3, 2, 4]


def test_a_flow_is_known_by_its_translated_side_too() -> None:
    translated = entry(1, False)
    translated["reply"]["destination"] = "198.51.100.2"
    assert ctnetlink.Asked("udp", "198.51.100.2", "10.0.0.2", None, 53).is_of(translated)
    assert not ctnetlink.Asked("udp", "198.51.100.3", "10.0.0.2", None, 53).is_of(translated)
    assert not ctnetlink.Asked("tcp", "10.0.0.1", "10.0.0.2", None, 53).is_of(translated)


def tool(directory: t.Any, name: str, script: str) -> None:
    path = directory / name
    path.write_text(f"#!{sys.executable}\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_tools_that_fail_say_what_and_why(tmp_path: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    tool(tmp_path, "denied", "import sys; sys.exit('RTNETLINK answers: Operation not permitted')")
    tool(tmp_path, "broken", "import sys; sys.exit('no such thing')")
    tool(tmp_path, "locale", "import os; print(os.environ['LC_ALL'])")
    with pytest.raises(command.PermissionDeniedError, match="denied now: .*; run as root"):
        command.run(["denied", "now"])
    with pytest.raises(command.CommandError, match=r"broken: no such thing \(exit status 1\)"):
        command.run(["broken"])
    with pytest.raises(command.MissingToolError, match="nonesuch is not installed on this host"):
        command.run(["nonesuch"])
    assert command.run(["broken"], check=False).rc == 1
    assert command.run(["locale"]).stdout == command.run_bounded(["locale"], 100) == "C\n"


def test_a_long_answer_is_cut_and_the_tool_is_ended(tmp_path: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    tool(tmp_path, "endless", "import itertools\nfor i in itertools.count(): print(i)")
    with pytest.raises(command.OutputTooLongError, match="longer than 20 bytes") as caught:
        command.run_bounded(["endless"], 20)
    assert caught.value.head.startswith("0\n1\n2\n")


STATISTICS = """Basic info: size of leaf: 48 bytes, size of tnode: 40 bytes.
Main:
\tLeaves:         {main}
\tPrefixes:       {main}
\t
Null ptrs: 0
Id 100:
\tPrefixes:       9
Local:
\tPrefixes:       {local}
"""


@pytest.mark.parametrize(
    ("main", "local", "merged"),
    [(7, 7, True), (2, 5, False), (0, 5, None), (3, 3, None)],
)
def test_tables_that_are_one_have_the_routes_of_both(main: int, local: int, merged: bool | None) -> None:
    text = STATISTICS.format(main=main, local=local)
    assert local_table.is_merged(text, {"254": 2, "255": 5, "100": 9}) is merged
    assert local_table.is_merged("Basic info\n", {}) is None
