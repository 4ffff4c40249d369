# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of FortiGate, beside what test_changes.py shows of every platform: what is made, domains, saving."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.changer import ChangeFailed, config_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import WishError, read_wishes
from ansible_collections.netpath.symmetry.tests.devices.changes.fortinet import (
    BGP,
    CASE,
    CHECK,
    CONFIG,
    PARTNER,
    WAYS,
    WEAKEN,
    ZONES,
)
from ansible_collections.netpath.symmetry.tests.devices.changing import Changing, asked_only
from ansible_collections.netpath.symmetry.tests.devices.fake import Fault
from ansible_collections.netpath.symmetry.tests.devices.fake_forti import FortiDevice


@pytest.fixture
def gate() -> t.Iterator[Changing]:
    with CASE.changing() as one:
        yield one


def device(one: Changing) -> FortiDevice:
    assert isinstance(one.device, FortiDevice)
    return one.device


def typed(one: Changing) -> list[str]:
    asked = ("show", "get", "sudo root show", "sudo global")
    return [line for line in one.device.received if not line.startswith(asked)]


def test_what_is_made(gate: Changing) -> None:
    CASE.run(gate, **CASE.everything)
    assert device(gate).cleared == ["execute router clear bgp ip 198.51.100.1 soft in",
                                    "execute router clear bgp ip 198.51.100.1 soft out"]
    policy, bgp = (device(gate).section(name) for name in ("router policy", "router bgp"))
    assert policy.partition("    edit 5\n")[2].startswith(
        '        set input-device "port3"\n        set src "10.10.0.0/255.255.255.128"\n'
        '        set dst "172.16.0.0/255.255.0.0" "172.18.0.0/255.255.0.0"\n        set protocol 6\n'
        "        set start-port 443\n        set end-port 443\n        set gateway 203.0.113.1\n"
        '        set output-device "port2"\n        set comments "NPS-partner"\n    next\n    edit 6\n')
    assert 'set start-port 8443\n' in policy and 'edit 7\n        set input-device "port2"' in policy
    assert "set ebgp-multipath enable" in bgp and "ibgp-multipath" not in bgp
    assert 'set route-map-in "NPS-IN-198.51.100.1"' in bgp and 'set route-map-out "NPS-OUT-198.51.100.1"' in bgp
    assert device(gate).section("system link-monitor") == (
        'config system link-monitor\n    edit "NPS-partner"\n        set srcintf "port2"\n'
        '        set server "203.0.113.1"\n'
        "        set gateway-ip 203.0.113.1\n        set update-cascade-interface disable\n"
        "        set update-static-route disable\n    next\nend\n")
    maps = device(gate).section("router route-map")
    assert "set set-local-preference 300" in maps and 'set set-aspath "65001 65001"' in maps
    assert "set set-metric 50" in maps
    assert "set src-check disable" in device(gate).section("system interface")
    assert "set asymroute enable" in device(gate).section("system settings")
    assert 'set interface "port2" "port1"' in device(gate).section("system zone")


def test_only_what_is_other_is_sent(gate: Changing) -> None:
    CASE.run(gate, policies=[PARTNER], **BGP)
    CASE.run(gate, policies=[{**PARTNER, "dports": [8443], "next_hop": "198.51.100.1", "verify": False}])
    assert typed(gate) == [
        "config system link-monitor", 'delete "NPS-partner"', "end",
        "config router policy", "delete 6", "edit 5", "set start-port 8443", "set end-port 8443",
        "set gateway 198.51.100.1", 'set output-device "port1"', "next", "end"]
    CASE.run(gate, bgp=[{"neighbor": "198.51.100.1", "asn": 65001, "med": 50}], state="absent")
    assert typed(gate)[:6] == ["config router route-map", 'edit "NPS-OUT-198.51.100.1"', "config rule", "edit 1",
                               "unset set-metric", "next"]
    CASE.run(gate, bgp=[{"neighbor": "198.51.100.1", "asn": 65001, "prepend": 2}], state="absent")
    assert "NPS-OUT" not in device(gate).shown() and "NPS-IN" in device(gate).shown()


def test_an_interface_leaves_its_zone_before_it_enters_the_other(gate: Changing) -> None:
    CASE.run(gate, **ZONES)
    assert [line for line in typed(gate) if "interface" in line] == [
        'set interface "port3"', 'set interface "port2" "port1"']
    CASE.run(gate, **ZONES, state="absent")
    assert '"port1"' not in device(gate).section("system zone")


def test_a_login_above_the_domains_enters_the_one_that_is_read(gate: Changing) -> None:
    device(gate).domain = "root"
    before = device(gate).shown()
    everything = {**BGP, **CHECK, **WAYS}
    CASE.run(gate, **everything)
    assert typed(gate)[:4] == ["config global", "config system interface", 'edit "port1"', "set src-check disable"]
    entered = typed(gate).index("config vdom")
    assert typed(gate)[entered: entered + 3] == ["config vdom", "edit root", "config router route-map"]
    assert "sudo root execute router clear bgp ip 198.51.100.1 soft in" in gate.device.received
    CASE.run(gate, **everything, state="absent")
    assert device(gate).shown() == before
    with pytest.raises(WishError, match="the virtual domain root has no interface 'port4'"):
        CASE.run(gate, reverse_path=[{"interface": "port4", "mode": "off"}])
    with pytest.raises(ChangeFailed, match="The device is as it was"):
        CASE.run(gate, fault=Fault("refuses", "set set-local-preference 300", once=True), **BGP)
    assert device(gate).shown() == before


def test_what_the_device_refuses_is_taken_back(gate: Changing) -> None:
    real = device(gate)._edit

    def full(frames: t.Any, rest: list[str]) -> str:
        return str(real(frames, rest)) if rest != ["6"] else (
            "node_check_object fail! for seq-num 6\n\nvalue parse error before '6'\nCommand fail. Return code -4 "
            "(reached the maximum number of entries)")

    device(gate)._edit = full  # type: ignore[method-assign]
    with pytest.raises(ChangeFailed, match="'edit 6' was refused: node_check_object fail.*The device is as it was"):
        CASE.run(gate, policies=[PARTNER])
    assert device(gate).running == CASE.device().running


def test_saving(gate: Changing) -> None:
    device(gate).saving = "manual"
    CASE.run(gate, save=False, **CHECK)
    assert "src-check" not in str(device(gate).startup["system interface"])
    CASE.run(gate, **WAYS)
    assert device(gate).received[-1] == "execute cfg save" and device(gate).startup == device(gate).running


@pytest.mark.parametrize(("name", "value", "said"), [
    ("saving", "revert", "taken back by a restart"), ("role", "secondary", "it is the secondary unit of its cluster"),
])
def test_nothing_is_sent(gate: Changing, name: str, value: str, said: str) -> None:
    setattr(device(gate), name, value)
    with pytest.raises(WishError, match=f"{said}.*nothing was sent"):
        CASE.run(gate, **CHECK)
    assert asked_only(gate)


@pytest.mark.parametrize(("wish", "said"), [
    ({"policies": [{**PARTNER, "sources": [], "destinations": ["2001:db8::/32"], "next_hop": "2001:db8::1"}]}, "IPv6"),
    ({"bgp": [{"neighbor": "2001:db8::1", "asn": 65001, "med": 1}]}, "IPv6"),
])
def test_bad_wishes(wish: dict[str, t.Any], said: str) -> None:
    with pytest.raises(WishError, match=said):
        config_of(CASE.dialect()).plan(CONFIG, read_wishes(wish))


def test_a_domain_that_checks_by_feasible_paths() -> None:
    shown = CONFIG.replace("    set strict-src-check enable\n", "")
    with pytest.raises(WishError, match=r"\(strict-src-check disable\), and that is set for all interfaces at once"):
        config_of(CASE.dialect()).plan(shown, read_wishes({"reverse_path": [{"interface": "port1", "mode": "strict"}]}))


@pytest.mark.parametrize("text", [CONFIG[:-5], CONFIG.replace('next"\n', "next\n")])
def test_a_configuration_that_is_not_whole(text: str) -> None:
    with pytest.raises(DeviceError, match="not whole"):
        config_of(CASE.dialect()).plan(text, read_wishes({"weaken": [WEAKEN]}))
