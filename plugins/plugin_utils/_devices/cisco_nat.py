# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""NAT of Cisco IOS, IOS-XE and NX-OS, out of the lines ``ip nat`` of the running configuration.

Rules act between interfaces that are inside and interfaces that are outside: on packets that leave, after routing, and
on packets that come, before it. Static rules are tried first, those with ports before those without. The order in which
rules with access lists are tried is not documented: two that may match the same packet are not understood.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.cisco_policy import (
    ROUTE_MAP_ENTRY,
    Lists,
    read_ace,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.decision_lists import (
    List,
    common,
    covers,
    decisions,
    overlap,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, Reading
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected

_POOL = re.compile(r"^ip nat pool (?P<name>\S+)(?: (?P<first>[0-9.]+) (?P<last>[0-9.]+))?(?: .*)?$")
_MORE = re.compile(r"^\s+address (?P<first>[0-9.]+) (?P<last>[0-9.]+)\s*$")  # of a pool on several lines
_STATIC = re.compile(
    r"^ip nat inside source static (?:(?P<protocol>tcp|udp) )?(?P<inside>[0-9.]+)(?(protocol) (?P<port>[\w-]+)) "
    r"(?:interface (?P<device>\S+)|(?P<outside>[0-9.]+))(?(protocol) (?P<mapped>[\w-]+))(?P<rest>(?: .*)?)$")
_NETWORK = re.compile(r"^ip nat inside source static network (?P<inside>[0-9.]+) (?P<outside>[0-9.]+) "
                      r"(?P<length>/\d+|[0-9.]+)(?P<rest>(?: .*)?)$")
_DYNAMIC = re.compile(r"^ip nat inside source (?P<how>list|route-map) (?P<list>\S+) "
                      r"(?:interface (?P<device>\S+)|pool (?P<pool>\S+))(?P<rest>(?: .*)?)$")
# What tells of no rule: how long translations live, how many there may be, what is done inside of packets.
_NO_RULE = re.compile(
    r"^(?:no )?ip nat (?:translation|service|log|settings|create|piggyback-support|portmap|switchover)\b")
_HARMLESS = {"overload", "extendable", "no-alias", "no-payload", "forced", "add-route"}
_ANY = ["0.0.0.0/0"]
_NOTHING = {"kind": "none"}


class Config:
    """The lines, sorted."""

    def __init__(self, text: str) -> None:
        self.sides: dict[str, list[str]] = {"inside": [], "outside": []}
        self.pools: dict[str, list[str]] = {}
        self.rules: list[str] = []
        self.strange: list[str] = []
        device = pool = ""
        for line in text.splitlines():
            head, more = re.match(r"^interface (?P<name>\S+)", line), _MORE.match(line)
            if head:
                device = head["name"]
            elif more and pool:
                self.pools[pool] += [more["first"], more["last"]]
            elif not line.startswith(" "):
                device, pool = "", self._rule(line.strip())
            elif line.strip().startswith("ip nat "):
                self._side(device, line.strip())

    def _side(self, device: str, line: str) -> None:
        side = line.split()[2]
        if device and side in self.sides and len(line.split()) == 3:
            self.sides[side].append(device)
        else:
            self.strange.append(f"{line} of {device or 'an interface whose name was not understood'}")

    def _rule(self, line: str) -> str:
        """The name of the pool that the line begins, if it does."""
        match = _POOL.match(line)
        if match:
            self.pools[match["name"]] = [one for one in (match["first"], match["last"]) if one]
            return match["name"]
        if line.startswith("ip nat ") and not _NO_RULE.match(line):
            self.rules.append(line)
        return ""


class _Options:
    """What follows a rule."""

    def __init__(self, rest: str) -> None:
        self.vrf, self.within = "", False
        left = rest.split()
        strange = []
        while left:
            word = left.pop(0)
            if word == "vrf" and left:
                self.vrf = left.pop(0)
            elif word == "match-in-vrf":
                self.within = True
            elif word not in _HARMLESS:
                strange.append(word)
        self.unknown = [" ".join(strange)] if strange else []


class _Place(t.NamedTuple):
    """Interfaces that a rule acts between. ``doubt``: why it is not known what it does there."""

    inside: list[str]
    outside: list[str]
    doubt: str = ""


class _Reader:
    """Rules under construction."""

    def __init__(self, asking: Asking, config: Config, lists: Lists, nexus: bool) -> None:
        self.asking, self.config, self.lists, self.nexus = asking, config, lists, nexus
        named = (re.search(r" vrf (\S+)", line) for line in config.rules)
        self.vrfs = {match[1] for match in named if match}  # that have rules of their own

    def rules(self) -> t.Iterator[Dict]:
        static = [match for match in map(_STATIC.match, self.config.rules) if match]
        for match in sorted(static, key=lambda one: one["protocol"] is None):
            yield from self._static(match)
        for match in filter(None, map(_NETWORK.match, self.config.rules)):
            yield from self._network(match)
        for line in self.config.rules:
            if not any(pattern.match(line) for pattern in (_STATIC, _NETWORK, _DYNAMIC)):
                yield self._strange(line)
        yield from self._dynamic([match for match in map(_DYNAMIC.match, self.config.rules) if match])

    def _strange(self, line: str) -> Dict:
        kind = "destination" if "destination" in line.split()[:4] else "static" if " static " in line else "source"
        return {"name": _name(line), "kind": kind, "sources": _ANY, "unknown": [line]}

    def _static(self, match: re.Match[str]) -> t.Iterator[Dict]:
        """What it does with packets of the inside address, and with those to the address that it appears as."""
        options, inside = _Options(match["rest"]), words.prefix(match["inside"])
        outside = match["outside"] or self._address(match["device"])
        port, mapped = (_port(match["protocol"], match[key]) for key in ("port", "mapped"))
        if inside is None or words.address(outside) is None or (match["protocol"] and not (port and mapped)):
            yield self._strange(match[0])
            return
        there: Dict = {"sources": [inside], "to_sources": [outside]}
        back: Dict = {"destinations": [f"{outside}/32"], "to_destination": words.without_length(inside)}
        if match["protocol"]:
            there.update(protocol=match["protocol"], sports=[[port, port]])
            back.update(protocol=match["protocol"], dports=[[mapped, mapped]])
            if port != mapped:
                there["to_sport"], back["to_port"] = mapped, port
        yield from self._both_ways(match[0], options, there, back)

    def _network(self, match: re.Match[str]) -> t.Iterator[Dict]:
        """Every address of a network becomes that of another with the same last bits."""
        inside, outside = (words.prefix(match[side], match["length"].removeprefix("/"))
                           for side in ("inside", "outside"))
        if inside is None or outside is None:
            yield self._strange(match[0])
            return
        yield from self._both_ways(match[0], _Options(match["rest"]), {"sources": [inside], "to_sources": [outside]},
                                   {"kind": "static", "destinations": [outside], "to_destination": inside})

    def _both_ways(self, line: str, options: _Options, there: Dict, back: Dict) -> t.Iterator[Dict]:
        for place in self._places(options):
            doubt = _filled(unknown=[*options.unknown, *filter(None, [place.doubt])])
            yield {"name": _name(line), "kind": "static", "interfaces_in": place.inside,
                   "interfaces_out": place.outside, **there, **doubt}
            yield {"name": f"{_name(line)}, the way back", "kind": "destination", "interfaces_in": place.outside,
                   "sources": _ANY, **back, **doubt}

    def _dynamic(self, rules: t.Sequence[re.Match[str]]) -> t.Iterator[Dict]:
        """Those of each VRF in their order, with what an access list denies left to the next rule."""
        groups: dict[tuple[str, bool], list[List]] = {}
        for match in rules:
            options = _Options(match["rest"])
            done = {"name": _name(match[0]), "kind": "source", **self._target(match, options.unknown)}
            read = self._entries if match["how"] == "list" else self._route_map
            entries = read(match["list"], options.unknown)
            listed = groups.setdefault((options.vrf, options.within), [])
            one = List(entries, {**done, **_filled(unknown=options.unknown)})
            for other in [other for other in listed if overlap(one, other)]:
                text = "which of them is tried first, this or {}"
                one.done.setdefault("unknown", []).append(text.format(other.done["name"]))
                other.done.setdefault("unknown", []).append(text.format(one.done["name"]))
            listed.append(one)
        for (vrf, within), listed in groups.items():
            for place in self._places(_Options(f"vrf {vrf}{' match-in-vrf' * within}" if vrf else "")):
                yield from self._tried(listed, place)

    def _tried(self, listed: t.Sequence[List], place: _Place) -> t.Iterator[Dict]:
        nothing = {**_NOTHING, "name": f"denied by the access list: {listed[0].done['name']}"}
        tried: list[Dict] = []
        for match, done in decisions(listed, nothing):
            if any(covers(one, match) for one in tried):
                continue
            tried.append(match)
            outside = [name for name in place.outside if name in match.get("interfaces_out", place.outside)]
            unknown = [*done.get("unknown", ()), *filter(None, [place.doubt])] if done["kind"] != "none" else []
            if outside:
                yield {**done, "interfaces_in": place.inside, "sources": _ANY, **match, "interfaces_out": outside,
                       **_filled(unknown=list(dict.fromkeys(unknown)))}

    def _target(self, match: re.Match[str], unknown: list[str]) -> Dict:
        """The address that sources become, or the first and the last of several."""
        if match["device"]:
            found = [self._address(match["device"])]
            missing = f"the address of {match['device']}"
        else:
            ends = self.config.pools.get(match["pool"], [])
            found, missing = list(dict.fromkeys((ends[0], ends[-1]))) if ends else [""], f"pool {match['pool']}"
        if not all(map(words.address, found)):
            unknown.append(missing)
            return {"to_sources": []}
        return {"to_sources": found}

    def _address(self, device: str) -> str:
        """The first IPv4 address of an interface; empty where it is not known."""
        one = self.asking.facts["interfaces"].get(device, {})
        return next((entry["address"] for entry in one.get("addresses", ())
                     if entry["family"] == 4 and not entry.get("secondary")), "")

    def _entries(self, name: str, unknown: list[str]) -> list[Dict]:
        try:
            answer = self.asking.ask(*(command.format(name) for command in self.lists.commands))
        except Rejected as error:
            unknown.append(str(error))
            return [{}]
        entries, _strange = self.lists.read(answer)
        if not entries:
            unknown.append(f"access list {name} has no entries")
        return entries or [{}]

    def _route_map(self, name: str, unknown: list[str]) -> list[Dict]:
        """The entries of a route-map as those of a list: a packet goes on to the next one that its lists permit."""
        try:
            blocks = [*words.blocks(self.asking.ask(f"show route-map {name}"), ROUTE_MAP_ENTRY)]
        except Rejected as error:
            unknown.append(str(error))
            return [{}]
        found = [List(self._sequence(lines, unknown), {"deny": head["action"] == "deny"})
                 for head, lines in blocks if head["name"] == name]
        if not found:
            unknown.append(f"route-map {name} is not there")
        return _entries_of(found) or [{}]

    def _sequence(self, lines: t.Sequence[str], unknown: list[str]) -> list[Dict]:
        lists: list[List] = []
        where: Dict = {}
        section = strange = ""
        for line in map(str.strip, lines):
            names = re.match(r"^(?:ip address \(access-lists\):|(?P<interface>interface)) (?P<names>.+)$", line)
            if re.match(r"^(Match|Set) clauses", line):
                section = line.split()[0].lower()
            elif section == "match" and names and names["interface"]:
                where = {"interfaces_out": names["names"].split()}
            elif section == "match" and names:
                lists = [List(self._entries(one, unknown), {"deny": False}) for one in names["names"].split()]
            elif section == "match" and line:
                strange = f"match {line}"
        if strange:
            return [{"unknown": strange}]
        entries = _entries_of(lists) if lists else [{}]
        return [{**entry, **both} for entry in entries if (both := common(entry, where)) is not None]

    def _places(self, options: _Options) -> t.Iterator[_Place]:
        """Interfaces of the rule's VRF, and those of others that its packets may leave by, or may come from."""
        vrf = options.vrf
        inside, outside = ([name for name in self.config.sides[side] if self._vrf(name) == vrf]
                           for side in ("inside", "outside"))
        others = [name for name in self.config.sides["outside"] if self._vrf(name) != vrf]
        if self.nexus and vrf and not options.within:
            outside = []
        steered = [name for name in inside if self.nexus and self._fact(name, "policy")]
        plain = [name for name in inside if name not in steered]
        if plain and outside:
            yield _Place(plain, outside)
        if steered and outside:
            yield _Place(steered, outside, "what a policy route of the interface sends on is not translated")
        if inside and others and not options.within and (not outside or self._leads_out(vrf, inside)):
            where = f"VRF {vrf}" if vrf else "the global table"
            yield _Place(inside, others, f"packets that come back by them are routed in {where}")
        # A rule that names no VRF is for the global table, by the documents; whether for others too, they do not say.
        apart = [name for name in self.config.sides["inside"] if self._vrf(name) not in ("", *self.vrfs)]
        if not vrf and apart and self.config.sides["outside"]:
            yield _Place(apart, self.config.sides["outside"], "whether a rule without a VRF is for VRFs too")

    def _vrf(self, device: str) -> str:
        return self._fact(device, "vrf")

    def _fact(self, device: str, key: str) -> str:
        return str(self.asking.facts["interfaces"].get(device, {}).get(key, ""))

    def _leads_out(self, vrf: str, inside: t.Sequence[str]) -> bool:
        """Whether a route of the VRF, or a policy route of its interfaces, may lead to another."""
        facts, table = self.asking.facts, self.asking.table(vrf)
        routes = [one for one in facts.get("routes", ()) if one["table"] == table and one["family"] == 4]
        legs = [leg for route in routes for leg in route.get("nexthops", ())]
        # a next hop without an interface is reached by a route that is more than the default one
        near = [one["dst"] for one in routes if one["dst"] not in _ANY] + [
            words.prefix(entry["address"], str(entry["prefixlen"])) or "" for name, one in facts["interfaces"].items()
            if self._vrf(name) == vrf for entry in one["addresses"] if entry["family"] == 4]
        alone = {leg["gateway"] for leg in legs if "device" not in leg and "gateway" in leg}
        leaks = any(leg.get("table", table) != table or ("device" in leg and self._vrf(leg["device"]) != vrf)
                    for leg in legs)
        policies = facts["device"].get("policy_routes") or []
        return leaks or "routes" not in facts or any(
            not any(words.covers(prefix, hop) for prefix in near) for hop in alone) or any(
            one["action"] == "vrf" and set(one["interfaces"]) & set(inside) for one in policies)


def read_nat(asking: Asking, text: str, lists: Lists, command: str, nexus: bool = False) -> Reading:
    """Every rule, in the order in which they are tried; a static one as two, one for each way.

    Where a rule translates to one of several addresses, the first and the last are given. ``nexus``: NX-OS, which
    translates within a VRF only where a rule says match-in-vrf, and nothing that a policy route has sent on ("Cisco
    Nexus 9000 Series NX-OS Interfaces Configuration Guide", Configuring Static and Dynamic NAT Translation).
    """
    config = Config(text)
    found = list(_Reader(asking, config, lists, nexus).rules())
    doubts = [f"{one['name']}: {'; '.join(one['unknown'])}" for one in found if "unknown" in one]
    doubts += config.strange
    if doubts:
        asking.keep(command, (line for line in text.splitlines() if "ip nat" in line))
    rules = [{**one, "sequence": number} for number, one in enumerate(found, 1)]
    return Reading(rules, f"not understood: {', '.join(dict.fromkeys(doubts))}" if doubts else "")


def _entries_of(lists: t.Sequence[List]) -> list[Dict]:
    """One list that permits what several do together."""
    found = []
    for match, done in decisions(lists, {"deny": True}):
        doubt = {"unknown": "; ".join(done["unknown"])} if "unknown" in done else {}
        found.append({**match, **({"deny": True} if done["deny"] else {}), **doubt})
    return found


def _name(line: str) -> str:
    return line.removeprefix("ip nat ")


def _port(protocol: str | None, text: str | None) -> int:
    """The number of a port, which may have a name; 0 where there is none."""
    entry = read_ace([protocol or "", "any", "any", "eq", text or ""]) or {}
    return int(entry["dports"][0][0]) if entry.get("dports") else 0


def _filled(**lists: list[str]) -> Dict:
    return {key: value for key, value in lists.items() if value}
