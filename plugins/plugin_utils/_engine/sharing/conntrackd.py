# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Linux hosts that share connection state by conntrackd, as both members' facts tell.

Nothing is taken for shared because it is configured or because a link is up: both daemons must run, name each other,
put what they are told into the kernel at once, have received something while they were watched, and no error counter
may have grown.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.sharing.bond import Bond, Leaving

Facts = t.Mapping[str, t.Any]
# Counters of trouble; destroying an entry that has timed out already fails, too, and is none.
ERRORS = ("sent_errors", "received_errors", "malformed", "lost", "wrong_version", "bad_header", "bad_payload",
          "bad_type", "bad_size", "truncated", "inject_failed", "overruns", "resend_queue_full",
          "internal_created_failed", "internal_updated_failed", "external_created_failed", "external_updated_failed",
          "internal_no_memory", "internal_no_space", "external_no_memory", "external_no_space")
# With FTFW a message that seems older than the last one is dropped, and not counted as lost: another member spoke.
DROPPED = {"ftfw": ("before",)}
# Seen with conntrackd 1.4.7, whichever has which: entries come into the other kernel, all else is malformed there.
HALF_UNDERSTOOD = {"ftfw", "notrack"}


def bonds(facts: t.Mapping[str, Facts]) -> list[Bond]:
    """Every two hosts of which one at least means to share state with the other."""
    members = [(host, item) for host, one in facts.items() if one.get("platform") == "linux"
               for item in one.get("state_sync") or () if item.get("links")]
    found: list[Bond] = []
    for place, (host, item) in enumerate(members):
        for other, theirs in members[place + 1:]:
            if host != other and _meet(item, theirs, facts[host], facts[other]):
                found.append(_bond(host, item, facts[host], other, theirs, facts[other]))
    found = [_of_many(bond, found) if _mode(facts, bond) == "ftfw" else bond for bond in found]
    return found + _half(members, found, facts)


def _mode(facts: t.Mapping[str, Facts], bond: Bond) -> str:
    return next((item.get("mode", "") for item in facts[bond.one]["state_sync"] if item.get("links")), "")


def _of_many(bond: Bond, bonds: t.Sequence[Bond]) -> Bond:
    """FTFW counts the messages of one peer: of three members one may miss another's entries, and nothing tells it."""
    members = {bond.one, bond.other}
    third = next((other for other in bonds if other is not bond and members & {other.one, other.other}), None)
    if third is None or bond.kind != "shared":
        return bond
    why = f"mode ftfw knows one peer, and {third.one} and {third.other} are on the same link; use notrack for three"
    return dataclasses.replace(bond, kind="doubtful", why=why)


def _half(members: list[tuple[str, Facts]], met: list[Bond], facts: t.Mapping[str, Facts]) -> list[Bond]:
    """A member names a peer that is one of our hosts, and which does not answer to that."""
    found: list[Bond] = []
    for host, item in members:
        for peer in {link.get("peer") for link in item["links"]} - {None}:
            other = next((name for name, one in facts.items() if name != host and peer in _addresses(one)), "")
            if other and not any(bond.joins(host, other) for bond in met + found):
                part = (facts[other].get("parts") or {}).get("state_sync", {})
                if part.get("complete"):
                    why = f"conntrackd of {host} names {other}, where none answers it"
                    found.append(Bond(host, other, "apart", why))
                else:
                    why = part.get("why") or "it is not in its facts"
                    found.append(Bond(host, other, "doubtful", f"conntrackd of {other} could not be asked: {why}"))
    return found


def _meet(one: Facts, other: Facts, facts: Facts, theirs: Facts) -> bool:
    return any(_linked(mine, link, facts, theirs) for mine in one["links"] for link in other["links"])


def _linked(one: Facts, other: Facts, facts: Facts, theirs: Facts) -> bool:
    """Whether what is sent by one link arrives at the other."""
    if (one["transport"], one["port"]) != (other["transport"], other["port"]):
        return False
    if one["transport"] == "multicast":
        return one.get("group") == other.get("group") and _on_one_subnet(one, other, facts, theirs)
    return "peer" in one and (one["peer"], one.get("local")) == (other.get("local"), other.get("peer"))


def _on_one_subnet(one: Facts, other: Facts, facts: Facts, theirs: Facts) -> bool:
    mine, subnets = _networks(facts, one.get("interface")), _networks(theirs, other.get("interface"))
    return bool(mine & subnets)


def _networks(facts: Facts, interface: str | None) -> set[t.Any]:
    listed = (facts["interfaces"].get(interface) or {}).get("addresses", ())
    found = {ipaddress.ip_network(f"{each['address']}/{each['prefixlen']}", strict=False) for each in listed}
    return {network for network in found if not network.is_link_local}


def _addresses(facts: Facts) -> set[str]:
    return {each["address"] for one in facts["interfaces"].values() for each in one["addresses"]}


def _bond(host: str, item: Facts, facts: Facts, other: str, theirs: Facts, their_facts: Facts) -> Bond:
    pair = ((host, item, facts), (other, theirs, their_facts))
    leaving = tuple((name, Leaving.of(one)) for name, one, _facts in pair)
    for kind, tell in (("apart", _apart), ("doubtful", _doubt), ("waiting", _waiting)):
        why = tell(pair)
        if why:
            return Bond(host, other, kind, why, leaving=leaving)
    return Bond(host, other, "shared", races=True, leaving=leaving)


Member = tuple[str, Facts, Facts]


def _apart(pair: tuple[Member, Member]) -> str:
    """What keeps anything from being shared."""
    (host, item, _facts), (other, theirs, _facts) = pair
    for name, one, _facts in pair:
        if not one["running"]:
            return f"conntrackd does not run on {name}"
    modes = _modes(pair)
    if len(modes) == 2 and modes != HALF_UNDERSTOOD:
        return f"{host} is in mode {item['mode']}, {other} in {theirs['mode']}: they do not understand each other"
    for (name, one, mine), (_far, two, its) in (pair, pair[::-1]):
        links = [link for link in one["links"] if any(_linked(link, far, mine, its) for far in two["links"])]
        if not any(link["up"] for link in links):
            return f"the link {links[0].get('interface', '')} of {name} is down" if links else f"{name} has no link"
    for name, one, _facts in pair:
        growth = one.get("growth")
        watched = (*ERRORS, *DROPPED.get(one.get("mode", ""), ()))
        grown = {what: growth[what] for what in watched if growth and growth.get(what)}
        if grown and modes != HALF_UNDERSTOOD:
            told = ", ".join(f"{what} by {count}" for what, count in grown.items())
            return f"errors of conntrackd on {name} grew while it was watched: {told}"
        if growth and not growth.get("received"):
            return f"conntrackd on {name} received nothing in {growth['seconds']:g} s: the link is up and silent"
    return ""


def _modes(pair: tuple[Member, Member]) -> set[str]:
    return {item["mode"] for _host, item, _facts in pair if "mode" in item}


def _doubt(pair: tuple[Member, Member]) -> str:
    """What is not known, without which nothing is taken for shared."""
    if _modes(pair) == HALF_UNDERSTOOD:
        told = ", ".join(f"{name} is in mode {item['mode']}" for name, item, _facts in pair)
        return f"{told}: entries get through, what confirms or repeats them does not; give both the same mode"
    for name, one, facts in pair:
        part = (facts.get("parts") or {}).get("state_sync", {})
        if not part.get("complete"):
            return f"conntrackd of {name} could not be asked: {part.get('why') or 'it is not in its facts'}"
        if not one.get("growth"):
            return f"nobody has watched the counters of conntrackd on {name}; set sample_seconds"
    return ""


def _waiting(pair: tuple[Member, Member]) -> str:
    """What keeps state from the kernel of the other member until a failover."""
    for name, one, _facts in pair:
        if one["mode"] == "alarm":
            return f"mode alarm of {name} repeats what it knows every some seconds: a reply does not wait for that"
        if one["external_cache"]:
            return (f"what {name} is told waits in its external cache until a failover; DisableExternalCache puts it "
                    "into the kernel at once")
    return ""
