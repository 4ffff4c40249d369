# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What is wrong with one member that shares state, by what state_sync_info told of it. Pure; see agreement.py."""

from __future__ import annotations

import typing as t

Told = t.Mapping[str, t.Any]
FULL = 0.9  # of the connection table
HEARTBEAT = 2.5  # seconds; ftfw and notrack send at least one message a second, alarm none
WRONG, DOUBTFUL, UNKNOWN, NOTE = "wrong", "doubtful", "unknown", "note"
_LOSSES = {"lost": "messages were lost", "malformed": "messages were malformed", "sent_errors": "sending failed",
           "received_errors": "receiving failed"}
_REFUSED = ("insert_failed", "drop", "early_drop")


class Finding(t.NamedTuple):
    """One finding. ``kind`` is stable; status: wrong, doubtful, unknown (a member could not be asked) or note."""

    kind: str
    status: str
    members: tuple[str, ...]
    sentence: str
    todo: str

    def as_dict(self) -> dict[str, t.Any]:
        return {**self._asdict(), "members": list(self.members)}


def daemon_of(told: Told) -> t.Optional[Told]:
    """The daemon whose filter counts; None where none synchronises."""
    return next((item for item in told["state_sync"] if item.get("configuration") == told.get("chosen")), None)


def of_member(name: str, told: Told) -> list[Finding]:
    """What one member's own numbers show."""
    found = []
    if not told["complete"]:
        found.append(Finding("not_complete", UNKNOWN, (name,), f"{name} could not be asked for everything: "
                                                               f"{told['why']}",
                             "ask again as the reason says; until then nothing is concluded from what is missing"))
    found += _of_table(name, told)
    item = daemon_of(told)
    if item is None:
        if told["complete"]:
            found.append(Finding("not_configured", WRONG, (name,), f"no conntrackd of {name} shares connections",
                                 "configure one on each member, with the role state_sync"))
        return found
    if not item["running"]:
        found.append(Finding("not_running", WRONG, (name,), f"conntrackd of {name} is configured and does not run",
                             "start it, and see its log for why it ended"))
        return found
    return [*found, *_of_links(name, told, item), *_of_counters(name, item), *_of_caches(name, told, item)]


def _of_table(name: str, told: Told) -> t.Iterator[Finding]:
    table = told["conntrack"]
    if table.get("max") and table.get("count", 0) >= FULL * table["max"]:
        yield Finding("table_full", WRONG, (name,),
                      f"the connection table of {name} holds {table['count']} of {table['max']} entries: what the "
                      "others "
                      "send finds no place soon, and new connections neither",
                      "raise nf_conntrack_max on all members alike, and HashLimit to twice of it")
    refused = {kind: table.get("stats", {}).get(kind, 0) for kind in _REFUSED}
    if any(refused.values()):
        told_of = ", ".join(f"{kind} {count}" for kind, count in refused.items() if count)
        yield Finding("table_refused", DOUBTFUL, (name,),
                      f"connections found no place in the table of {name} since it was started ({told_of})",
                      "watch with sample_seconds whether it still happens")


def _of_links(name: str, told: Told, item: Told) -> t.Iterator[Finding]:
    links = item["links"]
    if not links:
        yield Finding("link_missing", WRONG, (name,), f"conntrackd of {name} has no dedicated link",
                      "configure a link of its own between the members")
    for link in links:
        interface = link.get("interface", "(none)")
        if not link["up"]:
            spare = any(other["up"] for other in links)
            yield Finding("link_down", DOUBTFUL if spare else WRONG, (name,),
                          f"the dedicated link {interface} of {name} is missing or down",
                          f"bring {interface} up, or name the right interface")
        if link.get("connected") is False:
            yield Finding("link_unconnected", WRONG, (name,), f"the TCP link {interface} of {name} is not connected in "
                          "both directions", "see whether the peer runs, and whether rules drop its port")
        local = link.get("local")
        if local and local not in told["host"]["addresses"]:
            yield Finding("link_address", WRONG, (name,), f"{name} has no address {local}, which its link "
                                                          f"{interface} is "
                          "to use", f"give {local} to {interface}, or correct the configuration")
    growth = item.get("growth") or {"seconds": 0}
    silent = growth["seconds"] >= HEARTBEAT and not growth.get("received")
    if silent and item["mode"] != "alarm" and any(link["up"] for link in links):
        yield Finding("link_silent", WRONG, (name,),
                      f"the dedicated link of {name} is up, and nothing was received in {growth['seconds']:g} s",
                      "see whether the peer runs, has the same port, group and address, and whether rules drop it")


def _of_counters(name: str, item: Told) -> t.Iterator[Finding]:
    growth, counters = item.get("growth"), item.get("counters", {})
    for counter, what in _LOSSES.items():
        grown, total = (growth or {}).get(counter, 0), counters.get(counter, 0)
        if grown:
            yield Finding("errors_grow", WRONG, (name,), f"{what} on {name} while it was watched ({counter}: {grown})",
                          "see the dedicated link for loss, raise SndSocketBuffer and RcvSocketBuffer, and see that "
                          "only "
                          "members of this group are heard")
        elif total:
            yield Finding("errors_before", NOTE, (name,), f"{what} on {name} since conntrackd was started "
                          f"({counter}: {total})", "nothing, unless it grows")
    older = (growth or counters).get("before", 0)
    if older:
        yield Finding("sequences_mixed", WRONG if growth else DOUBTFUL, (name,),
                      f"{name} dropped {older} messages as older than the last one it had seen"
                      + (" while it was watched" if growth else " since conntrackd was started"),
                      "see whether a second sender is heard on the link, as a group with the same multicast address")
    failed = (growth or counters).get("inject_failed", 0)
    if failed:
        yield Finding("inject_failed", WRONG if growth else DOUBTFUL, (name,),
                      f"{failed} entries of the others could not be put into the table of {name}"
                      + (" while it was watched" if growth else " since conntrackd was started"),
                      "see the log of conntrackd for the reason: a full table, an entry in the way, a missing module")
    overruns = (growth or counters).get("overruns", 0)
    if overruns:
        yield Finding("events_lost", WRONG if growth else DOUBTFUL, (name,),
                      f"conntrackd of {name} lost events of its own kernel ({overruns} overruns)",
                      "raise NetlinkBufferSize and NetlinkBufferSizeMaxGrowth, or set NetlinkEventsReliable")


def _of_caches(name: str, told: Told, item: Told) -> t.Iterator[Finding]:
    if item.get("changed_since_start"):
        yield Finding("changed_since_start", UNKNOWN, (name,), f"{item['configuration']} of {name} was changed after "
                      "conntrackd was started, so what it runs with is not known", "restart conntrackd on this member")
    if item["external_cache"]:
        yield Finding("external_cache", DOUBTFUL, (name,), f"what the others send waits in the external cache of "
                                                           f"{name} "
                      "until conntrackd -c: split paths are not protected",
                      "set DisableExternalCache where both members forward; with one active member this is right")
    spaces = [item.get("counters", {}).get(f"{side}_no_space", 0) for side in ("internal", "external")]
    if any(spaces):
        yield Finding("cache_full", WRONG, (name,), f"a cache of {name} had no place for {sum(spaces)} entries, "
                                                    "which are "
                      "not shared", "raise HashLimit to twice nf_conntrack_max and restart conntrackd")
    limit, most = item["limits"]["hash_limit"], told["conntrack"].get("max")
    cached = item["internal_cache"] or item["external_cache"]
    if cached and limit > 0 and most and limit < 2 * most:
        small = limit < most
        yield Finding("hash_limit", WRONG if small else DOUBTFUL, (name,),
                      f"HashLimit of {name} is {limit}, {'less than' if small else 'less than twice'} nf_conntrack_max "
                      f"({most}): " + ("not every connection can be shared" if small else "dead entries may fill it"),
                      f"set HashLimit {2 * most}")
    if told.get("left_out"):
        yield Finding("left_out", NOTE, (name,), f"{name} does not share: "
                      + "; ".join(_named(part) for part in told["left_out"]),
                      "add what has to survive to the filter; what is left out always needs symmetric paths")


def _named(part: t.Mapping[str, str]) -> str:
    words = {"address": "connections from or to ", "state": "state ", "expectations": "expectations of "}
    return words.get(part["kind"], "") + part["what"]
