# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outputs that we did not write: no real answer is taken for an error, and ours and other parsers read the same.

Every row that one side has and the other has not is named here with the reason (``Without``), or the test fails.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.platforms import BY_PLATFORM, dialect_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.redaction import redacted
from ansible_collections.netpath.symmetry.tests.devices import foreign

Dict = dict[str, t.Any]
LEAST = 380  # outputs of our platforms in the package
# The only answers in the package with which a device refuses a command.
REFUSED = {("cisco_nxos", "show ip pim neighbor vrf all"),
           ("mikrotik_routeros", "interface ethernet poe print without-paging")}
PLATFORMS = sorted(set(BY_PLATFORM) - set(foreign.MISSING))


class Without(t.NamedTuple):
    """Rows of theirs that ours has not, and why that is right; the test fails where there are none."""

    why: str
    rows: t.Callable[[Dict], bool]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One part of a platform. ``answers``: by our command that of the package, several joined by ``+``, or a text of
    ours behind ``=``; ``template``: the command whose template reads the other side."""

    platform: str
    part: str
    answers: dict[str, str]
    template: str
    ours: t.Callable[[t.Any], set[t.Any]]
    theirs: t.Callable[[Dict], t.Any]
    without: tuple[Without, ...] = ()
    facts: tuple[str, ...] = ()  # interfaces that are known before
    cut: t.Callable[[str], str] = str  # of each answer, where our command shows less

    @property
    def name(self) -> str:
        return f"{self.platform}-{self.part}-{self.template.replace(' ', '_')}"

    def text(self, source: str) -> str:
        if source.startswith("="):
            return source[1:]
        return self.cut("\n".join(foreign.outputs(self.platform)[one] for one in source.split("+")))


def interface_rows(value: Dict) -> set[t.Any]:
    return {(name, tuple(sorted(f"{one['address']}/{one['prefixlen']}" for one in each["addresses"])))
            for name, each in value.items()}


def route_rows(value: list[Dict]) -> set[t.Any]:
    """A row per way."""
    return {(one["dst"], leg.get("gateway", ""), leg.get("device", ""))
            for one in value for leg in one.get("nexthops") or [{"device": one.get("type", "")}]}


def without_device(value: list[Dict]) -> set[t.Any]:
    return {(dst, gateway, "" if gateway else device) for dst, gateway, device in route_rows(value)}


def neighbour_rows(value: list[Dict]) -> set[t.Any]:
    return {(one["address"], one["device"], one.get("mac")) for one in value}


def fhrp_rows(protocol: str) -> t.Callable[[list[Dict]], set[t.Any]]:
    return lambda value: {(one["interface"], one["group"], one["priority"], one["role"], one["address"])
                          for one in value if one["protocol"] == protocol}


def way(prefix: str, gateway: str = "", device: str = "") -> tuple[str, str, str]:
    return str(ipaddress.ip_network(prefix, strict=False)), words.address(gateway) or "", device


def neighbour(address: str, device: str, mac: str) -> tuple[str, str, str | None]:
    return address, device, words.mac(mac)


def inside(network: str, mask: str) -> tuple[str, ...]:
    return (str(ipaddress.ip_interface(f"{network}/{mask}")),) if network not in ("", "N-A", "0.0.0.0") else ()


def group(row: Dict, priority: str, address: str, interface: str = "") -> tuple[t.Any, ...]:
    return (interface or row["interface"], int(row["group"]), int(row[priority]), row["state"].lower(),
            words.address(row[address]))


def only_vrf(wanted: str) -> t.Callable[[str], str]:
    """The table of one VRF, as our command asks for it."""
    def cut(text: str) -> str:
        pieces = re.split(r"^VRF: (\S+)\s*$", text, flags=re.M)
        return pieces[0] + next(body for name, body in zip(pieces[1::2], pieces[2::2], strict=True) if name == wanted)
    return cut


OWN = Without("addresses of the device itself are those of its interfaces, and no routes here",
              lambda row: row["protocol"].startswith("L"))
OWN_ARP = Without("an entry without an age is the device's own address", lambda row: row["age"] == "-")
XR = {"show route ipv4 summary": "=", "show route ipv6 summary": "="}


def xr(vrf: str, *without: Without) -> Comparison:
    return Comparison(
        "cisco_xr", "routes", {"show route ipv4": "show ip route", **XR}, "show ip route", route_rows,
        lambda row: way(f"{row['network']}/{row['prefix_length']}", row["next_hop"],
                        row["interface"].removeprefix("vrf default")),
        (OWN, Without("another VRF", lambda row: row["vrf"] != vrf), *without), cut=only_vrf(vrf))


COMPARISONS = (
    Comparison("cisco_ios", "interfaces", {"show ip interface": "show ip interface"}, "show ip interface",
               interface_rows, lambda row: (row["interface"], tuple(sorted(
                   f"{one}/{length}" for one, length in zip(row["ip_address"], row["prefix_length"], strict=True))))),
    Comparison("cisco_ios", "routes",
               {"show ip route": "show ip route", "show ip route summary": "show ip route summary"}, "show ip route",
               route_rows,
               lambda row: way(f"{row['network']}/{row['prefix_length']}", row["nexthop_ip"], row["nexthop_if"]),
               (OWN,)),
    Comparison("cisco_ios", "routes",
               {"show ip route": "=", "show ip route summary": "=", "show ipv6 route": "show ipv6 route",
                "show ipv6 route summary": "="}, "show ipv6 route", route_rows,
               lambda row: way(row["network"], row["nexthop_ip"], row["nexthop_if"]), (OWN,)),
    Comparison("cisco_ios", "neighbours", {"show ip arp": "show ip arp"}, "show ip arp", neighbour_rows,
               lambda row: neighbour(row["ip_address"], row["interface"], row["mac_address"]), (OWN_ARP,)),
    Comparison("cisco_ios", "fhrp", {"show standby brief": "show standby brief"}, "show standby brief",
               fhrp_rows("hsrp"), lambda row: group(row, "priority", "virtual_ip_address")),
    Comparison("cisco_ios", "fhrp", {"show vrrp brief": "show vrrp brief"}, "show vrrp brief",
               fhrp_rows("vrrp"), lambda row: group(row, "priority", "virtual_ip_address")),
    Comparison("cisco_ios", "policy_routes",
               {"show ip policy": "=Interface      Route map\nGi0/0          equal\n",
                "show route-map equal": "show route-map"}, "show route-map",
               lambda value: {(one["name"], one["sequence"], tuple(one["nexthops"])) for one in value},
               lambda row: (row["name"], int(row["seq"]), tuple(
                   clause.removeprefix("ip next-hop ") for clause in row["set_clauses"]))),
    Comparison("cisco_nxos", "policy_routes",
               {"show ip policy vrf all": "=Interface  Route-map  Status  VRF-Name\nEthernet1/1  TEST_THIS  Active  --",
                "show ipv6 policy vrf all": "=",
                "show route-map TEST_THIS": "show route-map"}, "show route-map",
               lambda value: {(one["name"], one["sequence"], tuple(one["nexthops"])) for one in value},
               lambda row: (row["name"], int(row["seq"]), tuple(
                   clause.removeprefix("ip next-hop ").strip() for clause in row["set_clauses"])),
               (Without("other maps, which no interface uses", lambda row: row["name"] != "TEST_THIS"),)),
    Comparison("cisco_xr", "interfaces", {"show ipv4 vrf all interface": "show ipv4 interface"}, "show ipv4 interface",
               interface_rows, lambda row: (row["interface"], inside(row["ip_address"], row["prefix_length"]))),
    xr("example555", Without("ways for the case of a failure only, marked (!)",
                             lambda row: row["distance"] == "110" and row["metric"] == "0")),
    xr("VRF10"),
    xr("ThirdExample"),
    Comparison("cisco_xr", "neighbours", {"show arp": "show arp"}, "show arp", neighbour_rows,
               lambda row: neighbour(row["ip_address"], row["interface"], row["mac_address"]), (OWN_ARP,)),
    Comparison("cisco_xr", "fhrp", {"show hsrp": "show hsrp", "show vrrp": "="}, "show hsrp", fhrp_rows("hsrp"),
               lambda row: (row["interface"].replace("Gi", "GigabitEthernet"), int(row["group"]), int(row["prio"]),
                            row["state"].lower(), row["group_addr"])),
    Comparison("cisco_asa", "interfaces", {"show interface": "show interface"}, "show interface", interface_rows,
               lambda row: (row["interface_zone"], inside(row["ip_address"], row["netmask"]))),
    Comparison("cisco_asa", "routes", {"show route": "show route", "show route summary": "="}, "show route", route_rows,
               lambda row: way(f"{row['network']}/{row['netmask']}", row["nexthopip"], row["nexthopif"]), (OWN,),
               facts=("inside", "outside", "routing")),
    Comparison("cisco_asa", "neighbours", {"show arp": "show arp"}, "show arp", neighbour_rows,
               lambda row: neighbour(row["ip_address"], row["interface"], row["mac_address"])),
    Comparison("arista_eos", "routes", {"show ip route vrf default": "show ip route"}, "show ip route", route_rows,
               lambda row: [way(f"{row['network']}/{row['prefix_length']}", gateway, device)
                            for gateway, device in zip(row["next_hop"] or [""], row["interface"], strict=False)],
               (Without("another VRF", lambda row: row["vrf"] != "default"),), cut=only_vrf("default")),
    Comparison("paloalto_panos", "interfaces", {"show interface all": "show interface hardware+show interface logical"},
               "show interface logical", interface_rows,
               lambda row: (row["interface"], inside(*row["ip_address"].replace("N/A", "N-A").partition("/")[::2]))),
    Comparison("paloalto_panos", "neighbours", {"show arp all": "show arp all"}, "show arp all", neighbour_rows,
               lambda row: neighbour(row["ip_address"], row["interface"], row["mac_address"])),
    Comparison("paloalto_panos", "drops", {"show counter global": "show counter global"}, "show counter global",
               lambda value: {(one["name"], one["packets"], one["text"]) for one in value},
               lambda row: (row["name"], int(row["value"]), row["description"]),
               (Without("counters of what was not dropped", lambda row: row["severity"] == "info"),)),
    Comparison("paloalto_panos", "ha", {"show high-availability all": "show high-availability all"},
               "show high-availability all",
               lambda value: {(value["mode"], value["role"], value["links"]["HA1"], value["links"]["HA2"])},
               lambda row: (row["mode"].lower().replace("-", "_"), row["state"], row["ha1_link_state"] == "Up",
                            row["ha2_link_state"] == "Up")),
    Comparison("fortinet", "neighbours", {"get system arp": "get system arp", "get system status": "=Hostname: fw1"},
               "get system arp", neighbour_rows,
               lambda row: neighbour(row["ip_address"], row["interface"], row["mac_address"])),
    Comparison("mikrotik_routeros", "interfaces",
               {"/interface print terse without-paging": "interface print terse without-paging",
                "/ip address print terse without-paging": "="}, "interface print terse without-paging",
               lambda value: {(name, one["up"], one["carrier"]) for name, one in value.items()},
               lambda row: (row["name"], row["status"] != "X", row["status"] == "R")),
    Comparison("mikrotik_routeros", "routes",
               {"/ip route print count-only": "=0", "/ip route print terse without-paging": "=",
                "/ipv6 route print count-only": "=5", "/ipv6 route print terse without-paging": "ip route print terse"},
               "ip route print terse", route_rows, lambda row: way(row["dst_address"], "", row["gateway"]),
               (Without("routes without the flag A are not in use", lambda row: "A" not in row["flags"]),),
               facts=("pppoe-out1", "bridge-lan")),
    Comparison("checkpoint_gaia", "interfaces", {"show interfaces all": "show interfaces all"}, "show interfaces all",
               interface_rows, lambda row: (row["interface"], (row["ipv4_address"],) if row["ipv4_address"] else ())),
    Comparison("checkpoint_gaia", "routes", {"show route": "show route"}, "show route", route_rows,
               lambda row: way(f"{row['network']}/{row['mask']}", row["nexthopip"], row["interface"])),
    Comparison("checkpoint_gaia", "routes", {"show route": "=", "show ipv6 route": "show ipv6 route"},
               "show ipv6 route", route_rows,
               lambda row: way(f"{row['network']}/{row['prefix_length']}", row["nexthopip"], row["interface"])),
)
# What both sides call the version; ours is asked by the same command.
VERSIONS = {
    "cisco_ios": ("show version", "version"), "cisco_nxos": ("show version", "os"),
    "cisco_xr": ("show version", "version"), "cisco_asa": ("show version", "version"),
    "arista_eos": ("show version", "image"), "paloalto_panos": ("show system info", "os"),
    "checkpoint_gaia": ("show version all", "version"), "juniper_junos": ("show version", "junos_version"),
}


@pytest.fixture(scope="module", autouse=True)
def package() -> None:
    """Fetched once; where it cannot be, every test here fails and says what to do."""
    foreign.fetch()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_no_real_answer_is_taken_for_an_error(platform: str) -> None:
    dialect = dialect_of(platform)
    found = {(platform, command) for command, text in foreign.outputs(platform).items()
             if dialect.errors.search("\n".join(text.splitlines()[:6]))}
    assert found == {one for one in REFUSED if one[0] == platform}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_redaction_keeps_the_lines(platform: str) -> None:
    for command, text in foreign.outputs(platform).items():
        clean = redacted(text)
        assert len(clean.splitlines()) == len(text.splitlines()), command
        assert redacted(clean) == clean, command


def test_there_are_enough_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    counts = {platform: len(foreign.outputs(platform)) for platform in PLATFORMS}
    with capsys.disabled():
        print(f"\n{sum(counts.values())} outputs of {len(counts)} platforms that we did not write: {counts}")
    assert all(counts.values()) and sum(counts.values()) >= LEAST


@pytest.mark.parametrize("one", COMPARISONS, ids=[one.name for one in COMPARISONS])
def test_other_parsers_read_the_same(one: Comparison) -> None:
    dialect = dialect_of(one.platform)
    answers = {command: one.text(source) for command, source in one.answers.items()}
    facts = {"interfaces": {name: {"up": True, "carrier": True, "addresses": []} for name in one.facts}}
    ours = one.ours(foreign.read(dialect, one.part, answers, facts).value)
    rows = foreign.theirs(one.platform, one.template, foreign.outputs(one.platform)[one.template])
    for left in one.without:
        assert any(map(left.rows, rows)), f"nothing is left out because: {left.why}"
        rows = [row for row in rows if not left.rows(row)]
    theirs = [one.theirs(row) for row in rows]
    flat = {each for row in theirs for each in (row if isinstance(row, list) else [row])}
    only = [sorted(side, key=str) for side in (ours - flat, flat - ours)]
    assert ours and only == [[], []], f"only ours: {only[0]}; only theirs: {only[1]}"


@pytest.mark.parametrize("platform", sorted(VERSIONS))
def test_other_parsers_read_the_same_version(platform: str) -> None:
    command, column = VERSIONS[platform]
    text = foreign.outputs(platform)[command]
    dialect = dialect_of(platform)
    (first, *_more) = foreign.theirs(platform, command, text)
    found = dialect.software(foreign.asking(dialect, {command: text}))
    assert found == first[column] and found


def test_counters_of_an_asa() -> None:
    """Packets and flows are counted apart, by the same reasons."""
    text = foreign.outputs("cisco_asa")["show asp drop"]
    ours = foreign.read(dialect_of("cisco_asa"), "drops", {"show asp drop": text}).value
    lines = [line for line in text.splitlines() if re.search(r"\(\S+ +\d+ *$", line)]
    assert len(ours) == len(lines) > 80
    assert sum(one["packets"] for one in ours) == sum(int(line.split()[-1]) for line in lines)
    (row,) = foreign.theirs("cisco_asa", "show asp drop", text)
    theirs = {column: int(value) for column, value in row.items() if value.isdigit()}
    theirs["np_socket_lock_failu"] = theirs.pop("np_socket_lock_failure")  # the device cuts it off
    lost = ("sp_security_failed", 79)  # the template reads it into the column of security-failed, which comes again
    flows = [(column.removeprefix("flow_drop_"), count) for column, count in theirs.items() if "flow_drop_" in column]
    frames = [(column, count) for column, count in theirs.items() if "flow_drop_" not in column]
    assert sorted((one["name"].replace("-", "_"), one["packets"]) for one in ours) == sorted([*frames, *flows, lost])
    assert len([one for one in ours if one["name"] == "acl-drop"]) == 2


def test_counters_of_all_line_cards_are_summed() -> None:
    text = foreign.outputs("cisco_xr")["show cef drops location"]
    ours = foreign.read(dialect_of("cisco_xr"), "drops", {"show cef drops": text}).value
    theirs = foreign.theirs("cisco_xr", "show cef drops location", text)
    found = {one["name"].lower().replace(" ", "_"): one["packets"] for one in ours}
    columns = [column for column in theirs[0] if column.endswith("_drops")]
    assert found["rpf_drops"] == sum(int(row["rpf_drops"]) for row in theirs) > 0
    assert {name: found[name] for name in columns if name in found} == {
        name: sum(int(row[name]) for row in theirs) for name in columns if name in found}
    assert set(columns) - set(found) == {"rpf_suppressed_drops"}, "those were let pass"


def test_failover_of_an_asa() -> None:
    text = foreign.outputs("cisco_asa")["show failover"]
    ours = foreign.read(dialect_of("cisco_asa"), "ha", {"show failover": text}).value
    (theirs,) = foreign.theirs("cisco_asa", "show failover", text)
    assert ours["role"] == f"{theirs['role']}, {theirs['service_state'][0]}".lower()
    assert ours["peer_role"] == theirs["service_state_mate"][0].lower()
    assert ours["links"] == {theirs["lan_intf_name"]: theirs["lan_intf_state"] == "up"}
    assert ours["mode"] == "active_passive" and ours["synchronised"] is None, "no link of its own for sessions is told"


def test_a_cluster_of_fortigates_whose_own_member_is_not_told() -> None:
    """Status and members are of two devices: neither side of the pair is ours, and nothing is guessed from it."""
    texts = foreign.outputs("fortinet")
    answers = {command: texts[command] for command in ("get system status", "get system ha status")}
    reading = foreign.read(dialect_of("fortinet"), "ha", answers)
    assert reading.value["mode"] == "active_passive" and reading.value["synchronised"] is None and reading.why


def test_a_chassis_cluster_that_lost_its_other_node() -> None:
    texts = foreign.outputs("juniper_junos")
    commands = ("show chassis cluster status", "show chassis cluster interfaces")
    answers = {command: texts[command] for command in commands}
    reading = foreign.read(dialect_of("juniper_junos"), "ha", answers)
    assert reading.value["synchronised"] is False and "statistics" in reading.why
    assert reading.value["links"] == {"control": False, "fabric": False}


def test_nat_of_an_asa_and_of_a_palo_alto() -> None:
    """Every rule is there; of objects that are not told the addresses are unknown, and the part is incomplete."""
    text = foreign.outputs("cisco_asa")["show nat"]
    reading = foreign.read(dialect_of("cisco_asa"), "nat", {"show nat": text})
    theirs = foreign.theirs("cisco_asa", "show nat", text)
    assert len(reading.value) == len(theirs) and reading.why
    off = [number for number, row in enumerate(theirs, 1) if row.get("inactive")]
    assert [one["sequence"] for one in reading.value if one.get("enabled") is False] == off
    texts = foreign.outputs("paloalto_panos")
    answers = {command: texts[command] for command in ("show running nat-policy", "show system info")}
    (rule,) = foreign.read(dialect_of("paloalto_panos"), "nat", answers).value
    (their,) = foreign.theirs("paloalto_panos", "show running nat-policy", texts["show running nat-policy"])
    assert rule["name"] in their["name"] and rule["kind"] == "source"
