# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""An entry of source_nat: which destinations see which source address, and its rule in nft's language."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Value
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.prefixes import (
    family_of,
    merged,
    network,
    parse_address,
    parse_prefix,
)

MARK = "symmetry:"  # our rules are known by a comment that begins so
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
_INTERFACE = re.compile(r'^[^\s"\\*/]{1,15}$')  # what nft can hold between quotes; an asterisk would be a wildcard
_RULE_TEXT = re.compile(
    r'^oifname "(?P<interface>[^"]+)" ip6? daddr @\S+'
    r"(?: meta l4proto (?P<protocols>\{[^}]*\}|\S+))?(?: (?P<one>\w+) dport (?P<ports>\{[^}]*\}|\S+))?"
    r' counter snat ip6? to (?P<address>\S+) comment "(?P<comment>[^"]+)"$'
)
PORT_PROTOCOLS = ("tcp", "udp", "sctp", "dccp", "udplite")
PROTOCOLS = (*PORT_PROTOCOLS, "icmp", "icmpv6", "esp", "ah", "gre")


@dataclasses.dataclass(frozen=True)
class NatEntry(Value):
    """Packets to the prefixes that leave by the interface get the address as their source."""

    name: str
    prefixes: tuple[str, ...]  # merged: neither overlapping nor adjacent, in order
    interface: str
    address: str
    protocols: tuple[str, ...] = ()  # empty: all
    ports: tuple[tuple[int, int], ...] = ()  # destination ports; empty: all

    @property
    def family(self) -> int:
        return family_of(self.address)

    @property
    def set_name(self) -> str:
        return f"snat_{self.name}"

    @property
    def comment(self) -> str:
        return MARK + self.name

    def set_body(self) -> str:
        return f"type ipv{self.family}_addr; flags interval;"

    def rule_text(self) -> str:
        """The rule as nft prints it (``nft -s list``)."""
        ip = "ip" if self.family == 4 else "ip6"
        words = [f'oifname "{self.interface}"', f"{ip} daddr @{self.set_name}"]
        several = len(self.protocols) > 1
        if self.protocols and (several or not self.ports):
            listed = f"{{ {', '.join(self.protocols)} }}" if several else self.protocols[0]
            words.append(f"meta l4proto {listed}")
        if self.ports:
            spans = [str(low) if low == high else f"{low}-{high}" for low, high in self.ports]
            listed = spans[0] if len(spans) == 1 else f"{{ {', '.join(spans)} }}"
            words.append(f"{'th' if several else self.protocols[0]} dport {listed}")
        return " ".join([*words, "counter", f"snat {ip} to {self.address}", f'comment "{self.comment}"'])

    def small_form(self) -> dict[str, t.Any]:
        """The rule in the facts schema's small form; two rules that do the same have the same one."""
        ip = "ip" if self.family == 4 else "ip6"
        matches: list[dict[str, t.Any]] = [
            {"left": "meta oifname", "op": "==", "right": self.interface},
            {"left": f"{ip} daddr", "op": "==", "right": f"@{self.set_name}"},
        ]
        several = len(self.protocols) > 1
        if self.protocols and (several or not self.ports):
            right = list(self.protocols) if several else self.protocols[0]
            matches.append({"left": "meta l4proto", "op": "==", "right": right})
        if self.ports:
            left = f"{'th' if several else self.protocols[0]} dport"
            matches.append({"left": left, "op": "==", "right": ports_form(self.ports)})
        return {
            "matches": matches,
            "statements": [],
            "verdict": {"do": "snat", "family": self.family, "address": self.address},
            "text": self.rule_text().rpartition(" comment ")[0],
            "comment": self.comment,
            "counter": {"packets": 0, "bytes": 0},
        }


def ports_form(ports: tuple[tuple[int, int], ...]) -> t.Any:
    """A port, a range, or a list of ports and ranges, as the facts write them."""
    if len(ports) == 1:
        low, high = ports[0]
        return low if low == high else {"range": [low, high]}
    return [low if low == high else f"{low}-{high}" for low, high in ports]


def ports_of_form(right: t.Any) -> tuple[tuple[int, int], ...]:
    """The ports that a small form writes so; the reverse of what ``small_form`` does."""
    if isinstance(right, dict):
        return ((int(right["range"][0]), int(right["range"][1])),)
    return tuple(_span(str(item)) for item in (right if isinstance(right, list) else [right]))


def parse_rule_text(text: str) -> t.Optional[NatEntry]:
    """The entry, without prefixes, whose ``rule_text`` this is; None for any other text."""
    found = _RULE_TEXT.match(text)
    if not found:
        return None
    ports = tuple(_span(port) for port in _listed(found["ports"]))
    protocols = _listed(found["protocols"]) or ([found["one"]] if found["one"] not in (None, "th") else [])
    name = found["comment"][len(MARK) :]
    entry = NatEntry(name, (), found["interface"], found["address"], tuple(protocols), ports)
    return entry if entry.rule_text() == text else None


def _listed(text: t.Optional[str]) -> list[str]:
    return [word.strip() for word in (text or "").strip("{} ").split(",") if word.strip()]


def _span(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    return int(first), int(last if dash else first)


def read_entries(data: t.Iterable[t.Mapping[str, t.Any]], host: Host, allow_foreign_address: bool) -> list[NatEntry]:
    """Read and check the option ``entries`` of source_nat; raises PlanError."""
    entries = [_read_entry(one, host, allow_foreign_address, f"entries[{n}]") for n, one in enumerate(data, 1)]
    names = [entry.name for entry in entries]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise PlanError(f"entries: {doubled[0]!r} is declared twice; names tell our rules apart, give each its own")
    for number, entry in enumerate(entries):
        for other in entries[:number]:
            _refuse_overlap(other, entry)
    return entries


def _read_entry(data: t.Mapping[str, t.Any], host: Host, allow_foreign_address: bool, where: str) -> NatEntry:
    name = str(data.get("name") or "")
    if not _NAME.match(name):
        raise PlanError(f"{where}: name {name!r} is not made of at most 64 letters, digits, '_', '.' and '-'")
    where = f"{where} ({name})"
    address = parse_address(data.get("address"), f"{where} address")
    prefixes = [parse_prefix(prefix, f"{where} prefixes") for prefix in data.get("prefixes") or ()]
    if not prefixes:
        raise PlanError(f"{where}: prefixes is empty; an entry translates what goes to its prefixes")
    for prefix in prefixes:
        if family_of(prefix) != family_of(address):
            raise PlanError(f"{where}: {prefix} and the address {address} are of different address families")
    interface = str(data.get("interface") or "")
    if interface not in host.interfaces:
        known = ", ".join(sorted(host.interfaces)) or "none"
        raise PlanError(f"{where}: interface {interface!r} does not exist on this host; it has {known}")
    if not _INTERFACE.match(interface):
        raise PlanError(f"{where}: nft cannot name the interface {interface!r}; rename it")
    if host.owner(address) is None and not allow_foreign_address:
        raise PlanError(
            f"{where}: {address} is not an address of this host, so replies would not come to it; add the address, or "
            "set allow_foreign_address where it is routed here"
        )
    protocols = tuple(sorted({str(protocol).lower() for protocol in data.get("protocols") or ()}))
    ports = read_ports(data.get("ports") or (), where)
    unknown = [protocol for protocol in protocols if protocol not in PROTOCOLS]
    if unknown:
        raise PlanError(f"{where}: protocol {unknown[0]!r} is not one of {', '.join(PROTOCOLS)}")
    if ports and (not protocols or set(protocols) - set(PORT_PROTOCOLS)):
        raise PlanError(f"{where}: ports need protocols that have ports, for example protocols: [tcp, udp]")
    return NatEntry(name, merged(prefixes), interface, address, protocols, ports)


def read_ports(ports: t.Iterable[t.Any], where: str) -> tuple[tuple[int, int], ...]:
    """Ports and ranges, sorted and joined; raises PlanError."""
    spans = []
    for port in ports:
        first, dash, last = str(port).partition("-")
        if not (first.strip().isdigit() and (not dash or last.strip().isdigit())):
            raise PlanError(f"{where}: port {port!r} is neither a number nor a range such as 8000-8010")
        low, high = int(first), int(last if dash else first)
        if not 1 <= low <= high <= 65535:
            raise PlanError(f"{where}: port {port} is not within 1 to 65535 in rising order")
        spans.append((low, high))
    joined: list[tuple[int, int]] = []
    for low, high in sorted(spans):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)


def _refuse_overlap(first: NatEntry, second: NatEntry) -> None:
    """Two entries for the same packets would make the order of rules decide."""
    if first.interface != second.interface or first.family != second.family:
        return
    if first.protocols and second.protocols and not set(first.protocols) & set(second.protocols):
        return
    if (
        first.ports
        and second.ports
        and not any(a[0] <= b[1] and b[0] <= a[1] for a in first.ports for b in second.ports)
    ):
        return
    # Both are sorted and free of overlaps: one walk finds a common address.
    ours, theirs = [network(p) for p in first.prefixes], [network(p) for p in second.prefixes]
    while ours and theirs:
        a, b = ours[0], theirs[0]
        if int(a.network_address) <= int(b.broadcast_address) and int(b.network_address) <= int(a.broadcast_address):
            raise PlanError(
                f"entries {first.name} and {second.name} both translate {b} at {first.interface}; "
                "leave it in one of them"
            )
        (ours if int(a.broadcast_address) < int(b.broadcast_address) else theirs).pop(0)
