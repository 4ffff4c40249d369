# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What RouterOS prints with ``terse``: a number, flags, and ``key=value`` of which values may hold blanks."""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dict

_ROW = re.compile(r"^\s*(?P<number>\d+)?\s*(?P<flags>[A-Za-z+ ]*?)\s*(?P<fields>(?:^|(?<=\s))[a-z][a-z0-9.-]*=.*)$")
_KEY = re.compile(r"(?:^|(?<= ))(?P<key>[a-z.][a-z0-9.-]*)=")
# What a rule of the firewall says beside its conditions.
_PLAIN = {"chain", "action", "comment", "log", "log-prefix", "passthrough", "new-routing-mark", "to-addresses",
          "to-ports", "bytes", "packets", "disabled", "src-address", "dst-address", "protocol", "src-port", "dst-port",
          "in-interface", "out-interface", "table", "interface", "routing-table"}


class Row(t.NamedTuple):
    """One entry. ``flags`` without blanks; ``line`` as it came."""

    number: int | None
    flags: str
    fields: dict[str, str]
    line: str


def rows(text: str) -> t.Iterator[Row]:
    """Entries that are not disabled; the device's own messages in between are left out."""
    for line in text.splitlines():
        match = _ROW.match(line)
        if not match or line.lstrip().startswith("Flags:"):
            continue
        keys = list(_KEY.finditer(match["fields"]))
        ends = [key.start() for key in keys[1:]] + [len(match["fields"])]
        fields = {key["key"]: match["fields"][key.end() : end].strip().strip('"')
                  for key, end in zip(keys, ends, strict=True)}
        flags = match["flags"].replace(" ", "")
        if "X" not in flags and fields.get("disabled", "no") not in ("yes", "true"):
            yield Row(int(match["number"]) if match["number"] else None, flags, fields, line)


def properties(text: str) -> dict[str, str]:
    """Of a menu that is no list: ``name: value`` line by line."""
    return dict(re.findall(r"^\s*([a-z0-9-]+): *(.*?)\s*$", text, re.M))


def number(text: str | None) -> int | None:
    """A counter, whose thousands RouterOS sets apart by blanks."""
    return words.number((text or "").replace(" ", ""))


def networks(text: str) -> list[str] | None:
    """Prefixes of an address, a prefix or a range; None where it is none, or is negated."""
    first, dash, last = text.partition("-")
    if dash and words.address(first) and words.address(last):
        return list(map(str, ipaddress.summarize_address_range(*map(ipaddress.ip_address, (first, last)))))
    network = words.prefix(text)
    return [network] if network else None


def conditions(fields: t.Mapping[str, str]) -> tuple[Dict, list[str]]:
    """The match of a rule, and those of its conditions that are not understood."""
    match: Dict = {}
    unknown: list[str] = []
    for key, name in (("src-address", "sources"), ("dst-address", "destinations")):
        found = networks(fields[key]) if fields.get(key) else []
        if found is None:
            unknown.append(f"{key}={fields[key]}")
        elif found and found not in (["0.0.0.0/0"], ["::/0"]):
            match[name] = found
    for key, name in (("src-port", "sports"), ("dst-port", "dports")):
        if fields.get(key):
            pieces = [re.fullmatch(r"(\d+)(?:-(\d+))?", one) for one in fields[key].split(",")]
            if all(pieces):
                match[name] = [[int(one[1]), int(one[2] or one[1])] for one in pieces if one]
            else:
                unknown.append(f"{key}={fields[key]}")
    if re.fullmatch(r"[a-z0-9-]+", fields.get("protocol", "")):
        match["protocol"] = {"icmpv6": "icmpv6", "ipv6-icmp": "icmpv6"}.get(fields["protocol"], fields["protocol"])
    elif fields.get("protocol"):
        unknown.append(f"protocol={fields['protocol']}")
    unknown += [f"{key}={value}" for key, value in fields.items() if key not in _PLAIN and value]
    return match, unknown
