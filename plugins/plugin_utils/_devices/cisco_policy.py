# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Policy-based routing of the Cisco family: route-maps on interfaces, and the access lists that they match."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, Reading
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected

ROUTE_MAP_ENTRY = re.compile(
    r"^route-map (?P<name>\S+), (?P<action>permit|deny), sequence (?P<sequence>\d+)")
_NAMED_PORTS = {"www": 80, "http": 80, "https": 443, "ssh": 22, "telnet": 23, "domain": 53, "smtp": 25, "ftp": 21,
                "ftp-data": 20, "bgp": 179, "snmp": 161, "ntp": 123, "syslog": 514, "tftp": 69, "isakmp": 500,
                "non500-isakmp": 4500, "sunrpc": 111, "pop3": 110, "sip": 5060, "radius": 1812}
_ANY_PORTS: list[list[int]] = []


_ReadList = t.Callable[[str], tuple[list[Dict], list[str]]]


class Lists(t.NamedTuple):
    """How a platform shows an access list (``{}``: its name; the first command that it knows), and how it is read."""

    commands: tuple[str, ...]
    read: _ReadList


def read_policies(asking: Asking, show_policy: str = "show ip policy", lists: Lists | None = None) -> Reading:
    """Every entry of every route-map that is on an interface, in the order in which they are tried."""
    users: dict[str, list[str]] = {}
    for line in asking.ask(show_policy).splitlines():
        match = re.match(r"^(?P<device>\S+) +(?P<name>\S+)\s*$", line)
        if match and match["device"].lower() not in ("interface", "interface:"):
            users.setdefault(match["name"], []).append(match["device"])
    return read_route_maps(asking, users, lists or ACCESS_LISTS)


def read_route_maps(asking: Asking, users: t.Mapping[str, t.Sequence[str]], lists: Lists) -> Reading:
    """The entries of route-maps; ``users``: the interfaces that each is on."""
    found: list[Dict] = []
    doubts: list[str] = []
    for name, devices in users.items():
        command = f"show route-map {name}"
        for head, below in words.blocks(asking.ask(command), ROUTE_MAP_ENTRY):
            if head["name"] != name:
                continue  # a release that shows all
            entry = _entry(asking, head, below, lists)
            local = [device for device in devices if device.lower() == "local"]
            found.append({**entry, "interfaces": [one for one in devices if one not in local],
                          **({"local": True} if local else {})})
            doubts += [f"{name} {head['sequence']}: {text}" for text in entry.get("unknown", ())]
    return Reading(found, f"not understood: {'; '.join(doubts)}" if doubts else "")


def _entry(asking: Asking, head: re.Match[str], lines: t.Sequence[str], lists: Lists) -> Dict:
    matches: list[Dict] = []
    unknown: list[str] = []
    entry: Dict = {"name": head["name"], "sequence": int(head["sequence"]), "nexthops": [], "action": "normal"}
    section = ""
    for line in (one.strip() for one in lines):
        if re.match(r"^(Match|Set) clauses", line):
            section = line.split()[0].lower()
        elif line.startswith("Policy routing matches"):
            packets = re.search(r"(\d+) packets", line)
            entry.update({"packets": int(packets[1])} if packets else {})
        elif section == "match" and line:
            _match(asking, line, lists, matches, unknown)
        elif section == "set" and line:
            _set(line, entry, unknown)
    if head["action"] == "deny":
        entry.update(action="normal", nexthops=[])
    return {**entry, "match": matches, **({"unknown": unknown} if unknown else {})}


def _match(asking: Asking, line: str, lists: Lists, matches: list[Dict], unknown: list[str]) -> None:
    match = re.match(r"^ip address \(access-lists\): (?P<names>.+)$", line)
    if not match:
        unknown.append(f"match {line}")
        return
    for name in match["names"].split():
        try:
            answer = asking.ask(*(command.format(name) for command in lists.commands))
        except Rejected as error:
            unknown.append(str(error))
            continue
        found, strange = lists.read(answer)
        matches += found
        unknown += strange if found else [f"access list {name} has no entries"]


def _set(line: str, entry: Dict, unknown: list[str]) -> None:
    hop = re.match(r"^ip (?P<default>default )?next-hop (?P<rest>.+)$", line)
    device = re.match(r"^interface (?P<name>\S+)", line)
    vrf = re.match(r"^(?:ip )?(?:global|vrf (?P<name>\S+))", line)
    if hop and not hop["default"]:
        entry["nexthops"] += re.findall(r"(?<![\d.])\d+\.\d+\.\d+\.\d+(?![\d.])", hop["rest"])
        entry["action"] = "forward"
        if "verify-availability" in hop["rest"]:
            entry["verified"] = True
    elif device and device["name"] == "Null0":
        entry["action"] = "drop"
    elif device:
        entry.update(action="forward", device=device["name"])
    elif vrf:
        entry.update(action="vrf", vrf=vrf["name"] or "")
    else:
        unknown.append(f"set {line}")


_ACE = re.compile(r"^\s*(?:(?P<number>\d+) )?(?P<action>permit|deny)\s+(?P<rest>.+?)(?:\s*\(\d+ match(?:es)?\))?\s*$")


def read_access_list(text: str) -> tuple[list[Dict], list[str]]:
    """Entries in order, each ``{deny?, protocol, sources, destinations, sports, dports}``, and what is not understood.

    An entry with something unknown in it is listed there and marked, because what follows it depends on it.
    """
    found: list[Dict] = []
    strange: list[str] = []
    for line in text.splitlines():
        match = _ACE.match(line)
        if not match:
            continue
        entry = read_ace(match["rest"].split())
        if entry is None:
            strange.append(line.strip())
            entry = {"unknown": line.strip()}
        found.append({**({"deny": True} if match["action"] == "deny" else {}), **entry})
    return found, strange


def read_ace(rest: list[str]) -> Dict | None:
    """The fields of an entry; None where a word of it is not known. A standard list has a source only."""
    entry: Dict = {}
    if rest and (words.prefix(rest[0].rstrip(",")) or rest[0] in ("any", "host")):
        source = _endpoint([one.rstrip(",") for one in rest if one not in ("wildcard", "bits")])
        return {"sources": [source]} if source else None
    protocol = rest.pop(0) if rest else ""
    if protocol not in ("ip", "ipv4", "tcp", "udp", "icmp", "gre", "esp", "ospf", "eigrp") and not protocol.isdigit():
        return None
    if protocol not in ("ip", "ipv4"):
        entry["protocol"] = protocol
    for address, ports in (("sources", "sports"), ("destinations", "dports")):
        network = _endpoint(rest)
        if network is None:
            return None
        if network != "0.0.0.0/0":
            entry[address] = [network]
        ranges = _ports(rest)
        if ranges is None:
            return None
        if ranges:
            entry[ports] = ranges
    rest = [one for one in rest if one not in ("log", "log-input")]
    return entry if not rest else None


def _endpoint(rest: list[str]) -> str | None:
    """Take an address off the words: any, host A, A WILDCARD, A/LENGTH."""
    if not rest:
        return None
    first = rest.pop(0)
    if first == "any":
        return "0.0.0.0/0"
    if first == "host":
        return words.prefix(rest.pop(0)) if rest else None
    if "/" in first or not words.address(first):
        return words.prefix(first) if "/" in first else None
    if rest and words.address(rest[0]):
        return _wildcard(first, rest.pop(0))
    return words.prefix(first)


def _wildcard(address: str, mask: str) -> str | None:
    """A prefix, where the wildcard is one: its bits are all at the end."""
    bits = int.from_bytes(bytes(map(int, mask.split("."))), "big")
    return words.prefix(f"{address}/{32 - bits.bit_length()}") if bits & (bits + 1) == 0 else None


def _ports(rest: list[str]) -> list[list[int]] | None:
    """Take a condition on ports off the words; empty where there is none, None where it is not understood."""
    if not rest or rest[0] not in ("eq", "range", "gt", "lt", "neq"):
        return []
    operator = rest.pop(0)
    count = 2 if operator == "range" else 1
    taken: list[int] = []
    while rest and len(taken) < (count if operator != "eq" else 10):
        port = int(rest[0]) if rest[0].isdigit() else _NAMED_PORTS.get(rest[0])
        if port is None:
            break
        taken.append(port)
        rest.pop(0)
    if len(taken) < count:
        return None
    if operator == "eq":
        return [[port, port] for port in taken]
    if operator == "range":
        return [taken]
    if operator == "gt":
        return [[taken[0] + 1, 65535]]
    if operator == "lt":
        return [[0, taken[0] - 1]]
    return [[0, taken[0] - 1], [taken[0] + 1, 65535]]


ACCESS_LISTS = Lists(("show access-lists {}", "show ip access-lists {}"), read_access_list)
