# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Whether members that are to share connection state do, by what state_sync_info told of each. Pure.

``judge`` takes one group: ``{member: what it told}``, None for a member that could not be asked. What nobody could be
asked is unknown and never taken for agreement. ``judge_groups`` looks for groups that hear each other.
"""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.agreement_member import (
    DOUBTFUL,
    HEARTBEAT,
    NOTE,
    UNKNOWN,
    WRONG,
    Finding,
    Told,
    daemon_of,
    of_member,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.entries import key_of

Members = t.Mapping[str, t.Optional[Told]]
MAX_SKEW = 1.0  # seconds that clocks may differ by
FOREIGN, NOISE = 1.5, 0.3  # a member that receives so many times what the others send, and so much more a second
FEWEST = 5  # messages; of fewer nothing is concluded
_SAME = {  # what has to be equal: of the daemon, in words
    "mode": "mode", "protocols": "filter of protocols", "states": "filter of TCP states",
    "expectations": "expectations", "window_tracking": "TCPWindowTracking", "external_cache": "external cache",
    "internal_cache": "internal cache",
}
_FATAL = ("mode",)


def judge(members: Members) -> list[Finding]:
    """What is wrong with one group of members, the gravest first; empty where all of them agree in everything asked."""
    found: list[Finding] = []
    asked = {name: told for name, told in members.items() if told is not None}
    for name in members:
        if name not in asked:
            found.append(Finding("not_asked", UNKNOWN, (name,), f"{name} could not be asked, so whether it shares its "
                                 "connections is unknown", "make it reachable and ask again"))
    if len(members) < 2:
        found.append(Finding("one_member", WRONG, tuple(members), "state is shared between members, and only "
                             f"{' '.join(members) or 'none'} is named", "name every member of the group"))
    for name, told in asked.items():
        found += of_member(name, told)
    daemons = {name: item for name, told in asked.items() for item in [daemon_of(told)] if item is not None}
    found += _peers(members, asked, daemons)
    for one, other in itertools.combinations(sorted(daemons), 2):
        found += _two(one, daemons[one], other, daemons[other])
        found += _filters_of_addresses(one, daemons[one], other, daemons[other], asked)
    for one, other in itertools.combinations(sorted(asked), 2):
        found += _sysctls(one, asked[one], other, asked[other])
        found += _clocks(one, asked[one], other, asked[other])
        found += _digests(one, asked[one], other, asked[other], daemons)
    for one, other in itertools.permutations(sorted(asked), 2):
        found += _sampled(one, asked[one], other, asked[other])
    found += _foreign(daemons, complete=len(daemons) == len(members))
    found += _too_many(daemons)
    order = (WRONG, UNKNOWN, DOUBTFUL, NOTE)
    return sorted(found, key=lambda finding: order.index(finding.status))


def _peers(members: Members, asked: t.Mapping[str, Told], daemons: t.Mapping[str, Told]) -> t.Iterator[Finding]:
    """Unicast links whose other end is no member, or a member whose daemon does not run."""
    owners = {address: name for name, told in asked.items() for address in told["host"]["addresses"]}
    for name, item in daemons.items():
        for link in item.get("links", ()):
            peer = link.get("peer")
            if peer is None:
                continue
            other = owners.get(peer)
            if other is None:
                hidden = len(asked) < len(members)
                yield Finding("peer_elsewhere", UNKNOWN if hidden else WRONG, (name,),
                              f"{name} sends to {peer}, which is no address of "
                              + ("a member that could be asked" if hidden else "another member"),
                              "correct the destination address, or name that member")
            elif other == name:
                yield Finding("peer_elsewhere", WRONG, (name,), f"{name} sends to {peer}, which is its own address",
                              "give it the address of the other member")
            elif not daemons.get(other, {}).get("running"):
                yield Finding("peer_down", WRONG, (name, other), f"{name} sends to {peer}, and no conntrackd runs on "
                              f"{other}", f"start conntrackd on {other}")


def _two(one: str, first: Told, other: str, second: Told) -> t.Iterator[Finding]:
    both = (one, other)
    versions = first.get("version"), second.get("version")
    if first["running"] and second["running"]:
        if None in versions:
            unknown = [name for name, version in zip(both, versions) if version is None]
            yield Finding("version_unknown", UNKNOWN, tuple(unknown), "the version of the running conntrackd of "
                          f"{' and '.join(unknown)} is not known", "restart it after an upgrade, and ask as root")
        elif versions[0] != versions[1]:
            yield Finding("versions_differ", WRONG, both, f"{one} runs conntrackd {versions[0]} and {other} "
                                                          f"{versions[1]}, "
                          "whose messages may differ", "run the same version on all members")
    for name, words in _SAME.items():
        values = [_plain(item.get(name)) for item in (first, second)]
        if values[0] != values[1]:
            yield Finding(f"{name}_differ", WRONG if name in _FATAL or "filter" in words else DOUBTFUL, both,
                          f"the {words} differ: {one} has {_shown(values[0])}, {other} {_shown(values[1])}",
                          "give all members the same configuration but for their own addresses")
    yield from _wires(one, first, other, second)


def _plain(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {name: sorted(words) for name, words in value.items()}
    return sorted(value) if isinstance(value, list) else value


def _shown(value: t.Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name} {', '.join(words) or 'nothing'}" for name, words in value.items())
    if isinstance(value, bool):
        return "on" if value else "off"
    return "none" if value is None else ", ".join(value) if isinstance(value, list) else str(value)


def _wires(one: str, first: Told, other: str, second: Told) -> t.Iterator[Finding]:
    """Transport, port, group and checksum of the links that the members begin with."""
    wires = [next((link for link in item.get("links", ()) if link["default"]), None) for item in (first, second)]
    if wires[0] is None or wires[1] is None:
        return
    for name in ("transport", "port", "group", "checksum"):
        values = [wire.get(name) for wire in wires if wire]
        if values[0] != values[1]:
            yield Finding("links_differ", WRONG, (one, other), f"the {name} of the dedicated link differs: {one} has "
                          f"{_shown(values[0])}, {other} {_shown(values[1])}", "configure both ends of the link alike")


def _filters_of_addresses(one: str, first: Told, other: str, second: Told, asked: t.Mapping[str, Told]
                          ) -> t.Iterator[Finding]:
    """Filters of addresses, but for the own addresses of each member, which are its own affair."""
    own = {f"{address}/{128 if ':' in address else 32}" for name in (one, other)
           for address in asked[name]["host"]["addresses"]}
    values = []
    for item in (first, second):
        choice = item.get("addresses") or {"ignore": []}
        values.append({name: sorted(set(prefixes) - own) for name, prefixes in choice.items()})
    if values[0] != values[1]:
        yield Finding("addresses_differ", WRONG, (one, other), f"the filter of addresses differs: {one} has "
                      f"{_shown(values[0])}, {other} {_shown(values[1])}",
                      "give all members the same filter but for their own addresses")


def _sysctls(one: str, first: Told, other: str, second: Told) -> t.Iterator[Finding]:
    names = sorted(set(first["sysctls"]) | set(second["sysctls"]))
    differing = [name for name in names if first["sysctls"].get(name) != second["sysctls"].get(name)]
    if differing:
        values = "; ".join(f"{name} {first['sysctls'].get(name, 'absent')} and {second['sysctls'].get(name, 'absent')}"
                           for name in differing)
        yield Finding("sysctls_differ", DOUBTFUL, (one, other), f"settings of {one} and {other} differ: {values}",
                      "set them alike on all members: an entry is else judged, and ends, differently after a switch")


def _clocks(one: str, first: Told, other: str, second: Told) -> t.Iterator[Finding]:
    """Clocks that surely differ. ``asked_between``: by the clock of who asked, when the question left and came back."""
    ranges = []
    for told in (first, second):
        if "asked_between" not in told:
            return
        sent, answered = told["asked_between"]
        ranges.append((told["host"]["time"] - answered, told["host"]["time"] - sent))
    apart = max(ranges[0][0] - ranges[1][1], ranges[1][0] - ranges[0][1])
    if apart > MAX_SKEW:
        yield Finding("clock_skew", DOUBTFUL, (one, other), f"the clocks of {one} and {other} differ by at least "
                      f"{apart:.1f} s: logs and measurements of both cannot be put in order",
                      "let both follow the same time servers")


def _digests(one: str, first: Told, other: str, second: Told, daemons: t.Mapping[str, Told]) -> t.Iterator[Finding]:
    """Whole tables. What waits in an external cache is in no table, so such members are not compared."""
    parts = [told.get("digest") for told in (first, second)]
    if None in parts or any(daemons.get(name, {}).get("external_cache", True) for name in (one, other)):
        return
    a, b = t.cast("list[Told]", parts)
    if a["partitions"] != b["partitions"] or first["host"]["byte_order"] != second["host"]["byte_order"]:
        yield Finding("digests_differ_in_kind", UNKNOWN, (one, other), f"the digests of {one} and {other} are of two "
                      "kinds and cannot be compared",
                      "ask both for the same number of partitions; hosts of two byte orders cannot be compared")
        return
    if a["sums"] == b["sums"]:
        return
    counts = a["counts"], b["counts"]
    lacks = [sum(max(0, x - y) for x, y in zip(*pair)) for pair in (counts, counts[::-1])]
    parts_differ = sum(x != y for x, y in zip(a["sums"], b["sums"]))
    moving = "" if a["consistent"] and b["consistent"] else "; the tables changed while they were read"
    yield Finding("tables_differ", DOUBTFUL, (one, other),
                  f"the tables differ in {parts_differ} of {a['partitions']} parts: {other} lacks at least "
                  f"{lacks[0]} of "
                  f"{a['shared']} entries of {one}, {one} at least {lacks[1]} of {b['shared']} of {other}{moving}",
                  "compare a sample: with connections coming and going some are always under way")


def _sampled(one: str, first: Told, other: str, second: Told) -> t.Iterator[Finding]:
    """Entries of ``one`` for which ``other`` was asked."""
    answers = {key_of(entry): entry for entry in second.get("entries", ())}
    wanted = [answers[key] for key in map(key_of, first.get("sample", {}).get("entries", ())) if key in answers]
    missing = [entry for entry in wanted if not entry["here"] and not entry.get("waits")]
    waiting = sum(bool(entry.get("waits")) and not entry["here"] for entry in wanted)
    if missing:
        side = missing[0]["original"]
        yield Finding("entries_missing", WRONG, (one, other), f"{len(missing)} of {len(wanted)} sampled entries of "
                                                              f"{one} do "
                      f"not stand on {other}, for example {missing[0]['protocol']} {_end(side, 'source', 'sport')} > "
                      f"{_end(side, 'destination', 'dport')}",
                      f"see the errors of both; conntrackd -B on {one} sends all of them again")
    if waiting:
        yield Finding("entries_waiting", DOUBTFUL, (one, other), f"{waiting} of {len(wanted)} sampled entries of "
                                                                 f"{one} wait "
                      f"in the external cache of {other}", "nothing with one active member; else DisableExternalCache")


def _end(side: t.Mapping[str, t.Any], address: str, port: str) -> str:
    text = f"[{side[address]}]" if ":" in side[address] and port in side else str(side[address])
    return f"{text}:{side[port]}" if port in side else text


def _foreign(daemons: t.Mapping[str, Told], complete: bool) -> t.Iterator[Finding]:
    """A member that receives far more than the others of the group send hears another group."""
    growths = {name: item["growth"] for name, item in daemons.items() if "growth" in item}
    if not complete or len(growths) != len(daemons) or len(daemons) < 2:
        return
    for name, growth in growths.items():
        heard = growth.get("received", 0) / growth["seconds"]
        sent = sum(other.get("sent", 0) / other["seconds"] for peer, other in growths.items() if peer != name)
        long_enough = growth["seconds"] >= HEARTBEAT and growth.get("received", 0) >= FEWEST
        if long_enough and heard >= FOREIGN * sent + NOISE:
            yield Finding("foreign_sender", DOUBTFUL, (name,), f"{name} receives {heard:.1f} messages/s, and the "
                          "others of its "
                          f"group send {sent:.1f}: another group is heard on its link",
                          "give each group a multicast group, port and link of its own, and admit only the peers")


def _too_many(daemons: t.Mapping[str, Told]) -> t.Iterator[Finding]:
    """Mode ftfw counts the messages of one sender: of two that are heard, that with the lower numbers is dropped."""
    users: dict[tuple[str, int], list[str]] = {}
    for name, item in daemons.items():
        for link in item.get("links", ()):
            if "group" in link and link["default"] and item["mode"] == "ftfw":
                users.setdefault((link["group"], link["port"]), []).append(name)
    for (address, port), names in users.items():
        if len(names) > 2:
            yield Finding("ftfw_of_three", WRONG, tuple(names), f"{len(names)} members use mode FTFW on multicast "
                          f"address {address} port {port}: it counts the messages of one sender and drops those of "
                          "the others",
                          "pair the members, or use mode NOTRACK or ALARM")


def judge_groups(groups: t.Mapping[str, Members]) -> list[Finding]:
    """Groups whose links have one multicast address and port: they hear each other where they share a segment."""
    users: dict[tuple[str, int], dict[str, list[str]]] = {}
    for group, members in groups.items():
        for name, told in members.items():
            item = daemon_of(told) if told else None
            for link in item.get("links", ()) if item else ():
                if "group" in link:
                    users.setdefault((link["group"], link["port"]), {}).setdefault(group, []).append(name)
    found = []
    for (address, port), by_group in sorted(users.items()):
        if len(by_group) > 1:
            names = tuple(sorted({name for members in by_group.values() for name in members}))
            both = " and ".join(sorted(by_group))
            found.append(Finding("groups_share_address", DOUBTFUL, names, f"the groups {both} both "
                                 f"use multicast address {address} port {port}: on one segment they hear each "
                                 "other, and "
                                 "connections of one get into the tables of the other",
                                 "give each group an address and a port of its own"))
    return found
