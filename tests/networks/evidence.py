# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node itself says of a packet that died there: its counters, its neighbours, its own route lookup."""

from __future__ import annotations

import collections
import dataclasses
import fcntl
import re
import socket
import struct
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import netfilter
from ansible_collections.netpath.symmetry.tests.networks.namespaces import Namespaces

MARK = "mark "
_SIOCGIFFLAGS, _RUNNING = 0x8913, 0x40
_REFUSALS = {  # what `ip route get` prints, and the reason
    "Network is unreachable": "no_route", "No route to host": "unreachable", "Permission denied": "prohibit",
    "Invalid argument": "blackhole", "Invalid cross-device link": "reverse_path",
}


@dataclasses.dataclass(frozen=True)
class Counters:
    """Counters of one node at one moment."""

    reverse_path: int
    address_errors: int
    no_routes: int
    delivered: t.Mapping[str, int]  # by protocol

    @classmethod
    def read(cls) -> Counters:
        """Of the namespace that this process is in."""
        snmp, netstat = _text("/proc/thread-self/net/snmp"), _text("/proc/thread-self/net/netstat")
        six = dict(_SIX.findall(_text("/proc/thread-self/net/snmp6")))
        messages = _row(snmp, "IcmpMsg")
        udp = _row(snmp, "Udp")
        return cls(
            _row(netstat, "TcpExt")["IPReversePathFilter"],
            _row(snmp, "Ip")["InAddrErrors"] + int(six["Ip6InAddrErrors"]),
            _row(netstat, "IpExt")["InNoRoutes"] + int(six["Ip6InNoRoutes"]),
            {
                "tcp": _row(snmp, "Tcp")["InSegs"],
                "udp": sum(udp[key] + int(six[f"Udp6{key}"]) for key in ("InDatagrams", "NoPorts")),
                "icmp": sum(messages.get(f"InType{kind}", 0) for kind in (0, 8))
                + int(six["Icmp6InEchos"]) + int(six["Icmp6InEchoReplies"]),
            },
        )


_SIX = re.compile(r"^(Ip6In(?:AddrErrors|NoRoutes)|Udp6(?:InDatagrams|NoPorts)|Icmp6InEcho(?:s|Replies))\s+(\d+)", re.M)


def _text(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read()


def _row(text: str, name: str) -> dict[str, int]:
    """The counters of one row: a line of names and a line of values, which both begin with its own name."""
    rest = f"\n{text}".partition(f"\n{name}: ")[2]
    if not rest:
        return {}
    names, values = rest.split("\n", 2)[:2]
    return dict(zip(names.split(), map(int, values.split()[1:]), strict=True))


def decisions() -> dict[str, int]:
    """Packets that each rule or policy which drops has seen, by its text as the engine gives it; marks by value."""
    counted: collections.Counter[str] = collections.Counter()
    for chain in netfilter.read()[0]["chains"]:
        where = f"{chain['family']} {chain['table']} {chain['name']}"
        for rule in chain["rules"]:
            if (rule.get("verdict") or {}).get("do") in ("drop", "reject"):
                counted[f"{where}: {rule['text']}"] += rule["counter"]["packets"]
            for statement in rule["statements"]:
                if statement["do"] == "set_mark" and isinstance(statement.get("value"), int):
                    counted[f"{MARK}{statement['value']}"] += rule["counter"]["packets"]
        last = chain["rules"][-1] if chain["rules"] else {}
        if chain.get("policy") == "drop" and not last.get("verdict") and "counter" in last:
            counted[f"{where}: policy drop"] = last["counter"]["packets"]
    return counted


def route_answer(spaces: Namespaces, node: str, question: str) -> tuple[str, str]:
    """The kernel's own answer to a packet: a reason to refuse it, and the device by which it leaves otherwise."""
    words = spaces.ip(node, *(["-6"] if ":" in question else []), "route", "get", *question.split()).replace("\n", " ")
    for text, reason in _REFUSALS.items():
        if text in words:
            return reason, ""
    if words.startswith("local "):
        return "local", ""
    for kind in ("unreachable", "prohibit", "blackhole"):
        if words.startswith(kind):
            return kind, ""
    found = words.split()
    return "", found[found.index("dev") + 1] if "dev" in found else ""


def has_carrier(spaces: Namespaces, node: str, device: str) -> bool:
    with spaces.inside(node), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        answer = fcntl.ioctl(one, _SIOCGIFFLAGS, struct.pack("16sH14x", device.encode(), 0))
    return bool(struct.unpack("16sH14x", answer)[1] & _RUNNING)


def unresolved(spaces: Namespaces, node: str, device: str) -> bool:
    """Whether a neighbour there has not answered."""
    listed = spaces.ip(node, "neigh", "show", "dev", device)
    return "INCOMPLETE" in listed or "FAILED" in listed
