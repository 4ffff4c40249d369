# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Access lists and NAT of Cisco ASA. Masks are netmasks here; NAT is listed in the order in which it is tried."""

from __future__ import annotations

import ipaddress
import re

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_policy import read_ace
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, Reading

_MASKED = re.compile(r"(?<![\d.])(?P<address>\d+\.\d+\.\d+\.\d+) (?P<mask>\d+\.\d+\.\d+\.\d+)(?![\d.])")
_ENTRY = re.compile(
    r"^\s*access-list \S+ line (?P<line>\d+) (?:extended |standard )?(?P<action>permit|deny) (?P<rest>.+)$")
_RULE = re.compile(r"^\s*(?P<number>\d+) \((?P<first>\S+)\) to \((?P<second>\S+)\) source (?P<kind>static|dynamic) "
                   r"(?P<rest>.+)$")
_ORIGIN = re.compile(
    r"^(?P<what>Source|Destination) - Origin: (?P<real>.+?), Translated(?: \(PAT\))?: (?P<mapped>.+)$")
_SERVICE = re.compile(r"^Service - (?:Protocol: )?(?P<protocol>tcp|udp) Real: (?P<real>.+?) Mapped: (?P<mapped>.+)$")
_FLAGS = {"unidirectional", "no-proxy-arp", "route-lookup", "dns", "net-to-net", "round-robin", "flat", "extended",
          "include-reserve", "per-session", "block-allocation"}


def with_lengths(text: str) -> str:
    """Netmasks written as lengths: 10.0.0.0 255.0.0.0 becomes 10.0.0.0/8. What is no netmask stays."""

    def length(match: re.Match[str]) -> str:
        bits = "".join(f"{int(one):08b}" for one in match["mask"].split(".") if int(one) < 256)
        whole = len(bits) == 32 and "01" not in bits
        return f"{match['address']}/{bits.count('1')}" if whole else match[0]

    return _MASKED.sub(length, text)


def read_asa_access_list(text: str) -> tuple[list[Dict], list[str]]:
    """As cisco_policy.read_access_list. Below a line with groups of objects come the lines that it stands for, with the
    same number; those count then."""
    numbered: dict[str, list[re.Match[str]]] = {}
    for match in filter(None, map(_ENTRY.match, text.splitlines())):
        numbered.setdefault(match["line"], []).append(match)
    found: list[Dict] = []
    strange: list[str] = []
    for listed in numbered.values():
        for match in listed[1:] or listed:
            if "(inactive)" in match["rest"] or " inactive" in match["rest"]:
                continue
            entry = read_ace(_words(match["rest"]))
            if entry is None:
                strange.append(match[0].strip())
                entry = {"unknown": match[0].strip()}
            found.append({**({"deny": True} if match["action"] == "deny" else {}), **entry})
    return found, strange


def _words(rest: str) -> list[str]:
    rest = re.sub(r" \(hitcnt=\d+\).*$| log\b.*$", "", rest)
    return re.sub(r"\bany[46]\b", "any", with_lengths(rest)).split()


def read_nat(asking: Asking) -> Reading:
    """Every rule, in order. A rule of which words are not known is listed with them, and the part is incomplete."""
    found: list[Dict] = []
    section = ""
    for line in asking.ask("show nat detail", "show nat").splitlines():
        title = re.search(r"\(Section (?P<number>\d)\)", line)
        rule = _RULE.match(line)
        if title:
            section = title["number"]
        elif rule:
            name = f"section {section} rule {rule['number']}"
            found.append({"name": name, "sequence": len(found) + 1, **_rule(rule)})
        elif found:
            _detail(found[-1], line.strip())
    for one in found:
        one["kind"] = one.pop("destination", "") or one["kind"]
    doubts = [f"{one['name']}: {' '.join(one['unknown'])}" for one in found if "unknown" in one]
    return Reading(found, f"not understood: {'; '.join(doubts)}" if doubts else "")


def _rule(rule: re.Match[str]) -> Dict:
    rest, _word, _text = rule["rest"].partition(" description ")
    left = rest.split()
    one: Dict = {"kind": "source" if rule["kind"] == "dynamic" else "static"}
    for key, name in (("interfaces_in", rule["first"]), ("interfaces_out", rule["second"])):
        if name != "any":
            one[key] = [name]
    real, mapped = left.pop(0), left.pop(0) if left else ""
    if rule["kind"] == "static" and real == mapped:
        one["kind"] = "none"
    if mapped == "interface" or "interface" in left:
        one["to_interface"] = True
    while left:
        word = left.pop(0)
        if word == "destination" and left[:1] == ["static"] and len(left) >= 3:
            if one["kind"] == "none" and left[1] != left[2]:
                one["destination"] = "destination"
            del left[:3]
        elif word == "pat-pool" and left:
            left.pop(0)
        elif word == "service":
            del left[: 3 if left[:1] in (["tcp"], ["udp"]) else 2]  # its ports come with the details
        elif word == "inactive":
            one["enabled"] = False
        elif word not in _FLAGS and word not in ("interface", "ipv6"):
            one.setdefault("unknown", []).append(word)
    return one


def _detail(one: Dict, line: str) -> None:
    """The addresses and ports behind the names of a rule."""
    match = _ORIGIN.match(line)
    service = _SERVICE.match(line)
    if match and match["what"] == "Source":
        one["sources"] = _networks(one, match["real"])
        if one["kind"] != "none":
            one["to_sources"] = [text for text in re.split(r"[,\s]+", match["mapped"]) if text]
    elif match:
        one["destinations"] = _networks(one, match["real"])
        if match["real"] != match["mapped"]:
            one["to_destination"] = match["mapped"].split(",")[0].strip()
    elif service:
        _service(one, service)
    elif line.startswith(("Source -", "Destination -", "Service -")):
        one.setdefault("unknown", []).append(line)


def _service(one: Dict, service: re.Match[str]) -> None:
    one["protocol"] = service["protocol"]
    entry = read_ace([service["protocol"], "any", "any", "eq", service["mapped"].split()[-1]])
    if entry is None or "dports" not in entry or "source" in service["real"]:
        one.setdefault("unknown", []).append(service[0])
        return
    one["dports"] = entry["dports"]
    real = read_ace([service["protocol"], "any", "any", "eq", service["real"].split()[-1]]) or {}
    if real.get("dports") and real["dports"] != entry["dports"]:
        one["to_port"] = real["dports"][0][0]


def _networks(one: Dict, text: str) -> list[str]:
    """Prefixes of networks, hosts and ranges (A-B); what is none of them is put under "unknown" of the rule."""
    found: list[str] = []
    for piece in filter(None, re.split(r"[,\s]+", text)):
        first, _dash, last = piece.partition("-")
        try:
            ends = ipaddress.ip_address(first), ipaddress.ip_address(last)
            found += map(str, ipaddress.summarize_address_range(*ends))
        except (ValueError, TypeError):
            network = words.prefix(piece)
            if network:
                found.append(network)
            else:
                one.setdefault("unknown", []).append(piece)
    return found
