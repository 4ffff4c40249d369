# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""FRRouting on Linux, read over SSH by ``vtysh`` and ``ip``: for routers where no Python is, or none may be used.

What FRR knows of routes comes as JSON, in several documents one after another (FRR issue 15277). What the kernel does
before that (rules, reverse-path filters, rules of netfilter) is asked of the kernel: pbrd calls a rule installed that
the kernel does not have. A router on which host_facts can run is better read by that, which reads all of it.
"""

from __future__ import annotations

import json
import re
import shlex
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import (
    Asking,
    Capabilities,
    Dialect,
    Dict,
    NotUnderstood,
    Reading,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.frr_config import FrrConfig
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.linux_capture import QUESTIONS, LinuxCapture

_TABLES_OF_KERNEL = ("local", "main", "default", "253", "254", "255")
_MODES = {1: "strict", 2: "loose"}


class Frr(Dialect):
    """A Linux router; the login must reach a shell whose user may run ``vtysh`` (root, sudo, or the group frrvty)."""

    platform = "frr"
    device_type = "linux"
    names = ("frr", "frr.frr.frr")
    title = "FRRouting"
    tier = "real"
    capabilities = Capabilities(native_diff=True)
    errors = re.compile(
        r"^% |command not found|[Pp]ermission denied|is not running|failed to connect to any daemons|^sudo:"
        r"|Operation not permitted|No such file or directory|you must be root", re.M)
    reading = re.compile(
        r"(sudo -n )?vtysh -c 'show [\w ./:-]+'|ip -j -[46] (rule|neigh|route) show[\w ./:-]*"
        r"|test -e /run/netpath-symmetry-frr && cat /run/netpath-symmetry-frr \|\| true"
        rf"|grep -H \. /proc/sys/net/ipv4/conf/\*/rp_filter|(sudo -n )?nft list ruleset|{QUESTIONS}")

    config: t.ClassVar[t.Any] = FrrConfig()
    capture: t.ClassVar[LinuxCapture] = LinuxCapture(title)

    def software(self, asking: Asking) -> str:
        match = re.search(r"FRRouting (?P<version>\S+)", _show(asking, "version"))
        return match["version"] if match else ""

    def interfaces(self, asking: Asking) -> Reading:
        found = {}
        for name, one in _json(asking, "interface json")[0].items():
            vrf = one.get("vrfName", "default")
            listed = [words.interface_address(entry["address"]) for entry in one.get("ipAddresses", ())]
            found[name] = {
                "up": one.get("administrativeStatus") == "up", "carrier": one.get("operationalStatus") == "up",
                "mtu": one.get("mtu", 1500), **({"mac": one["hardwareAddress"]} if "hardwareAddress" in one else {}),
                **({} if vrf == "default" else {"vrf": vrf}),
                "addresses": [{**entry, **({"scope": "link"} if entry["address"].startswith("fe80") else {})}
                              for entry in listed if entry],
            }
        return Reading(found)

    def routes(self, asking: Asking) -> Reading:
        found: list[Dict] = []
        whys: list[str] = []
        covered: list[str] = []
        for family, word in ((4, "ip"), (6, "ipv6")):
            count = sum(one.get("routesTotalFib", 0) for one in _json(asking, f"{word} route vrf all summary json"))
            if count <= asking.request.max_routes:
                found += _routes(_json(asking, f"{word} route vrf all json", patience=120), asking, family)
                continue
            wanted = [one for one in asking.request.addresses if words.family_of(one) == family]
            for vrf in _vrfs(asking):
                for address in wanted:
                    found += _routes(_json(asking, f"{word} route vrf {vrf} {address} json"), asking, family)
            whys.append(f"{count} routes of IPv{family}, more than {asking.request.max_routes}: asked by address")
            covered += [f"{one}/{32 if family == 4 else 128}" for one in wanted]
        distinct = {json.dumps(route, sort_keys=True): route for route in found}
        return Reading(list(distinct.values()), "; ".join(whys), tuple(covered))

    def routes_of(self, documents: t.Iterable[t.Any], asking: Asking, family: int) -> list[Dict]:
        """The routes in answers of ``show ip route json``."""
        return _routes(documents, asking, family)

    def neighbours(self, asking: Asking) -> Reading:
        found = []
        for family in (4, 6):
            for one in _kernel(asking, family, "neigh"):
                if "lladdr" in one:
                    found.append({"family": family, "address": one["dst"], "device": one["dev"], "mac": one["lladdr"],
                                  "state": str((one.get("state") or ["none"])[0]).lower()})
        return Reading(found)

    def reverse_path(self, asking: Asking) -> Reading:
        """rp_filter: the greater of "all" and the interface is in force; IPv6 has none in the kernel."""
        values = {}
        for line in asking.ask("grep -H . /proc/sys/net/ipv4/conf/*/rp_filter").splitlines():
            match = re.match(r"/proc/sys/net/ipv4/conf/(?P<name>[^/]+)/rp_filter:(?P<value>\d)", line)
            if match:
                values[match["name"]] = int(match["value"])
        if "all" not in values:
            raise NotUnderstood("/proc/sys/net/ipv4/conf/all/rp_filter was not told")
        known = asking.facts["interfaces"]
        modes = {name: max(value, values["all"]) for name, value in values.items() if name in known}
        return Reading({name: {"mode": _MODES[mode], "allow_default": True, "families": [4], "drops": None}
                        for name, mode in modes.items() if mode})

    def policy_routes(self, asking: Asking) -> Reading:
        found = []
        for family in (4, 6):
            for rule in _kernel(asking, family, "rule"):
                if str(rule.get("table")) not in _TABLES_OF_KERNEL and "l3mdev" not in rule:
                    found.append(_policy(asking, rule, family))
        doubts = [text for one in found for text in one.get("unknown", ())]
        return Reading(found, f"not understood: {', '.join(doubts)}" if doubts else "")

    def nat(self, asking: Asking) -> Reading:
        """None where netfilter has no rules at all; where it has, they are more than translation."""
        ruleset = asking.ask("nft list ruleset", "sudo -n nft list ruleset")
        if ruleset.strip():
            return Reading([], "it has rules of netfilter, which only host_facts reads")
        return Reading([])


def _show(asking: Asking, what: str, patience: float = 60) -> str:
    command = f"vtysh -c {shlex.quote('show ' + what)}"
    return asking.ask(command, f"sudo -n {command}", patience=patience)


def _json(asking: Asking, what: str, patience: float = 60) -> list[t.Any]:
    """The documents of ``show ... json``; raises NotUnderstood."""
    answer = _show(asking, what, patience)
    try:
        return words.json_documents(answer)
    except ValueError as error:
        asking.keep(f"show {what}", answer.splitlines()[:5])
        raise NotUnderstood(f"'show {what}' did not answer with JSON, or the answer was cut: {error}") from error


def _kernel(asking: Asking, family: int, what: str, rest: str = "") -> list[Dict]:
    answer = asking.ask(f"ip -j -{family} {what} show{rest}", patience=120)
    try:
        return t.cast("list[Dict]", json.loads(answer or "[]"))
    except ValueError as error:
        raise NotUnderstood(f"'ip -j {what}' did not answer with JSON, or the answer was cut: {error}") from error


def _vrfs(asking: Asking) -> list[str]:
    return ["default", *sorted({one["vrf"] for one in asking.facts["interfaces"].values() if "vrf" in one})]


def _routes(documents: t.Iterable[t.Any], asking: Asking, family: int) -> list[Dict]:
    """Routes that are in the kernel; of recursive next hops those that they resolve to."""
    found = []
    for document in documents:
        for prefix, entries in document.items() if isinstance(document, dict) else ():
            for one in entries:
                if not one.get("selected") or not one.get("installed"):
                    continue
                vrf = one.get("vrfName", "default")
                route = {"family": family, "table": asking.table("" if vrf == "default" else vrf), "dst": prefix,
                         "origin": one.get("protocol", ""), "distance": one.get("distance", 0)}
                legs = [_leg(leg) for leg in one.get("nexthops", ()) if leg.get("fib")]
                blackhole = any(leg.get("blackhole") or leg.get("unreachable") for leg in one.get("nexthops", ()))
                found.append({**route, **({"type": "blackhole"} if blackhole else {"nexthops": legs})})
    return [route for route in found if route.get("nexthops") != []]


def _leg(leg: Dict) -> Dict:
    weight = leg.get("weight", 1)
    return {**({"gateway": leg["ip"]} if "ip" in leg else {}),
            **({"device": leg["interfaceName"]} if "interfaceName" in leg else {}),
            **({"weight": weight} if weight > 1 else {})}


_SELECTORS = {"priority", "src", "srclen", "dst", "dstlen", "iif", "table", "protocol", "ipproto", "sport", "dport",
              "sport_start", "sport_end", "dport_start", "dport_end"}


def _policy(asking: Asking, rule: Dict, family: int) -> Dict:
    """A kernel rule as a policy: the default route of its table is where it leads."""
    match: Dict = {}
    for word, key in (("src", "sources"), ("dst", "destinations")):
        if rule.get(word, "all") != "all":
            match[key] = [words.prefix(rule[word], str(rule.get(f"{word}len", "")))]
    if "ipproto" in rule:
        match["protocol"] = str(rule["ipproto"])
    for word in ("sport", "dport"):
        first = rule.get(f"{word}_start", rule.get(word))
        if first is not None:
            match[f"{word}s"] = [[int(first), int(rule.get(f"{word}_end") or first)]]
    routes = _kernel(asking, family, "route", f" table {rule['table']}")
    default = next((one for one in routes if one.get("dst") == "default"), {})
    legs = default.get("nexthops") or ([default] if default else [])
    unknown = [f"rule {rule['priority']} asks for {word}" for word in sorted(rule.keys() - _SELECTORS)]
    unknown += [f"table {rule['table']} has more than a default route"] if len(routes) > 1 else []
    return {
        "name": f"rule {rule['priority']}", "sequence": rule["priority"],
        "interfaces": [rule["iif"]] if "iif" in rule else list(asking.facts["interfaces"]),
        "action": "forward" if legs else "normal", "nexthops": [leg["gateway"] for leg in legs if "gateway" in leg],
        **({"device": legs[0]["dev"]} if legs and "gateway" not in legs[0] else {}),
        "match": [match] if match else [], **({"unknown": unknown} if unknown else {}),
    }
