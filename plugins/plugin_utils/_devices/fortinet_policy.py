# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Policy routes of FortiOS and the rules of SD-WAN, which stand in one list, as the kernel has them."""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, Reading

LIST, CONFIGURED = "diagnose firewall proute list", "show router policy"
_RULE = re.compile(r"^\s*id=(?P<id>\d+)\S*\s(?P<rest>.*)$")
_OUT = re.compile(r"oif=(?P<index>\d+)(?:\((?P<name>[^)]+)\))?(?: num_pass=\d+)?(?: gwy=(?P<gateway>[0-9a-f.:]+))?")
_IN = re.compile(r"iif=(?P<index>\d+)(?:\((?P<name>[^)]+)\))?")
_ENDS = re.compile(r"^\s*(?P<end>source|destination)(?P<wildcard> wildcard)?\(\d+\): (?P<values>.*?)\s*$")
_OTHER = re.compile(r"^\s*(?P<what>[a-z][a-z ]*?)\(\d+\): ")
_PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}


def read(asking: Asking, ask: t.Callable[..., str], indexes: dict[int, str]) -> Reading:
    """In the order in which they are tried. ``indexes``: names of interfaces by their number."""
    configured = _configured(ask(CONFIGURED))
    found, left = [], []
    for position, (head, lines) in enumerate(words.blocks(ask(LIST), _RULE), 1):
        entry, strange = _rule(head, lines, indexes, configured.get(head["id"], {}), asking)
        found.append({**entry, "sequence": position})
        left += strange
    asking.keep(LIST, left)
    doubts = [f"{one['name']}: {text}" for one in found for text in one.get("unknown", ())]
    return Reading(found, f"not understood: {'; '.join(doubts)}" if doubts else "")


def _configured(text: str) -> dict[str, Dict]:
    """What rules are set to, by their number."""
    return {head["id"]: {match[1]: match[2] for line in lines if (match := re.match(r"\s+set (\S+) (.+)$", line))}
            for head, lines in words.blocks(text, re.compile(r"^\s+edit (?P<id>\d+)\s*$"))}


def _rule(
    head: re.Match[str], lines: list[str], indexes: dict[int, str], options: Dict, asking: Asking
) -> tuple[Dict, list[str]]:
    rest, match, unknown, left = head["rest"], {}, [], []
    networks: dict[str, list[str]] = {}
    for line in lines:
        ends, other = _ENDS.match(line), _OTHER.match(line)
        if ends:
            values = _networks(ends["values"])
            if values is None:
                unknown.append(line.strip()[:120])
            else:
                networks.setdefault(f"{ends['end']}s", []).extend(values)
        elif other:
            unknown.append(f"{other['what']}s are known only to the device")
        elif line.strip() and not re.match(r"^\s*(hit_count|list route policy)", line):
            left.append(line)
    match.update({name: values for name, values in networks.items() if not {"0.0.0.0/0", "::/0"} & set(values)})
    match.update(_ports_and_protocol(rest))
    negated = [key for key, value in options.items() if key.endswith("-negate") and value == "enable"]
    unknown += [f"{key} is set" for key in negated]
    tos = re.search(r"tos_mask=0x(?P<mask>[0-9a-f]+)", rest)
    if tos and int(tos["mask"], 16):
        unknown.append("a type of service")
    hits = re.search(r"hit_count=(\d+)", "\n".join(lines))
    entry = {"name": _name(head), "interfaces": _arrivals(rest, indexes, asking), "match": [match] if match else [],
             **_action(rest, options, unknown, indexes), **({"packets": int(hits[1])} if hits else {}),
             **({"enabled": False} if options.get("status") == "disable" else {})}
    return {**entry, **({"unknown": unknown} if unknown else {})}, left


def _name(head: re.Match[str]) -> str:
    service = re.search(r"vwl_service=(?P<id>\d+)\((?P<name>[^)]*)\)", head["rest"])
    return f"sd-wan {service['id']} {service['name']}" if service else f"policy route {head['id']}"


def _networks(text: str) -> list[str] | None:
    """Of ``ADDRESS/MASK`` and ``FIRST-LAST``, of which several may stand on a line."""
    found: list[str] = []
    for one in text.split():
        first, dash, last = one.partition("-")
        network = words.prefix(one) if not dash else None
        if dash and words.address(first) and words.address(last):
            found += map(str, ipaddress.summarize_address_range(*map(ipaddress.ip_address, (first, last))))
        elif network:
            found.append(network)
        else:
            return None
    return found


def _ports_and_protocol(rest: str) -> Dict:
    found: Dict = {}
    protocol = re.search(r"protocol=(\d+)", rest)
    if protocol and protocol[1] != "0":
        found["protocol"] = _PROTOCOLS.get(protocol[1], protocol[1])
    for key, name in (("sport", "sports"), ("dport", "dports")):
        ports = re.search(rf"\b{key}=(\d+)(?:-(\d+))?", rest)
        low, high = (int(ports[1]), int(ports[2] or ports[1])) if ports else (0, 0)
        if (low, high) != (0, 0) and not (low <= 1 and high == 65535):
            found[name] = [[low, high]]
    return found


def _arrivals(rest: str, indexes: dict[int, str], asking: Asking) -> list[str]:
    match = _IN.search(rest)
    index = int(match["index"]) if match else 0
    if match and index:
        return [match["name"] or indexes.get(index, f"interface {index}")]
    return sorted(name for name, one in asking.facts["interfaces"].items() if one["addresses"])


def _action(rest: str, options: Dict, unknown: list[str], indexes: dict[int, str]) -> Dict:
    """Where packets go: by the first way, which is the preferred one, unless the load is shared."""
    flags = re.search(r"\bflags=0x(?P<flags>[0-9a-f]+)", rest)
    ways = list(_OUT.finditer(rest))
    if options.get("action") == "deny":
        return {"action": "normal", "nexthops": []}  # the list ends here for them, and the table decides
    if flags and int(flags["flags"], 16) not in (0, 0x10):
        unknown.append(f"flags=0x{flags['flags']}")
    if not ways:
        unknown.append("no way out is told")
        return {"action": "normal", "nexthops": []}
    if "load-balance" in rest and len(ways) > 1:
        unknown.append(f"the load is shared by {len(ways)} ways")
    first = ways[0]
    gateway = words.address(first["gateway"] or "")
    return {"action": "forward", "nexthops": [gateway] if gateway and gateway not in ("0.0.0.0", "::") else [],
            "device": first["name"] or indexes.get(int(first["index"]), f"interface {first['index']}")}
