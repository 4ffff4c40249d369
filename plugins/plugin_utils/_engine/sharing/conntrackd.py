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
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.sharing.bond import Bond, Leaving
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.sharing.meeting import Alone, Met, linked, meet

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
    met, alone = meet(facts)
    found = [_bond(one, facts) for one in met]
    found = [_of_many(bond, found) if _mode(facts, bond) == "ftfw" else bond for bond in found]
    return found + [_half(one, facts[one.other]) for one in alone]


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


def _half(alone: Alone, theirs: Facts) -> Bond:
    """A member names a peer that is one of our hosts, and which does not answer to that."""
    host, other, part = alone.host, alone.other, (theirs.get("parts") or {}).get("state_sync", {})
    if part.get("complete"):
        return Bond(host, other, "apart", f"conntrackd of {host} names {other}, where none answers it")
    why = part.get("why") or "it is not in its facts"
    return Bond(host, other, "doubtful", f"conntrackd of {other} could not be asked: {why}")


def _bond(met: Met, facts: t.Mapping[str, Facts]) -> Bond:
    host, other = met.one, met.other
    pair = ((host, met.item, facts[host]), (other, met.theirs, facts[other]))
    leaving = tuple((name, Leaving.of(one)) for name, one, _facts in pair)
    if met.doubt:
        return Bond(host, other, "doubtful", met.doubt, leaving=leaving)
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
        links = [link for link in one["links"] if any(linked(link, far, mine, its) for far in two["links"])]
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
