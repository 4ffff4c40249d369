# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What the members of a group were asked and measured, made into one answer: does the state that they share hold."""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import agreement, race
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.agreement_member import (
    UNKNOWN,
    WRONG,
    daemon_of,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.entries import key_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.markdown import escape, md_table

Data = t.Mapping[str, t.Any]
Looks = t.Mapping[str, t.Optional[Data]]
UNSHOWN = ("nothing shows that state is shared: there was no connection to look for. Run it again with traffic, or "
           "with verify_state_sync_active")
SCHEMA = "netpath.symmetry/state_sync/1"


class MeetingError(ValueError):
    """The two members that are to be measured are not known; the message says why and what to do."""


def meeting(looks: Looks, member: str) -> dict[str, str]:
    """Addresses of a member and of the only other one on the link that they use; raises MeetingError."""
    found = {name: _address(look) for name, look in looks.items() if look}
    others = [name for name in looks if name != member]
    if len(looks) != 2 or set(found) != set(looks) or not all(found.values()):
        silent = [name for name in looks if not found.get(name)]
        why = f"of {', '.join(silent)} no address on the link is known" if silent else f"there are {len(looks)}"
        raise MeetingError(f"times are measured between two members: {why}. Name two that share state by "
                           "conntrackd, and that can be asked")
    return {"local": str(found[member]), "peer": str(found[others[0]])}


def _address(look: Data) -> str | None:
    """The address by which a member shares state."""
    item = daemon_of(look) or {}
    links = [link for link in item.get("links", ()) if link["default"] and link.get("local")]
    return str(links[0]["local"]) if links else None


def result(
    looks: Looks, answers: t.Mapping[str, t.Sequence[Data]], measured: t.Mapping[str, Data],
    switches: t.Sequence[Data] = (),
) -> dict[str, t.Any]:
    """The whole answer as data, with ``lines`` for people and ``failed``, why a change window should stop.

    ``looks``: by member what state_sync_info told, None for one that could not be asked; ``answers``: by member what it
    said of the entries of the others; ``measured``: what state_sync_latency told there; ``switches``: connections that
    were held while another member became the active one.
    """
    told = {name: None if look is None else {**look, "entries": list(answers.get(name, ()))}
            for name, look in looks.items()}
    findings = [found.as_dict() for found in agreement.judge(told)]
    samples = [_sampled(one, other, told) for one, other in itertools.permutations(sorted(told), 2)]
    races = _races(looks, measured)
    failed = [found["sentence"] for found in findings if found["status"] in (WRONG, UNKNOWN)]
    if not any(one["asked"] for one in samples) and not measured and not failed:
        failed.append(UNSHOWN)
    failed += [one["sentence"] for one in races if one["verdict"] != race.PROTECTS]
    failed += [_switched(one) for one in switches if one["alive"] < one["opened"]]
    found: dict[str, t.Any] = {
        "schema": SCHEMA, "members": list(looks), "findings": findings, "samples": samples, "races": races,
        "switches": [dict(one) for one in switches], "failed": failed,
        "lines": [*_lines(findings, samples, races, switches), "state sync: FAILED" if failed else "state sync: holds"],
    }
    return {**found, "report": report(found)}


def report(found: Data) -> str:
    """The answer as Markdown. What hosts said is escaped."""
    lines = [f"# Connection state shared by {escape(', '.join(found['members']))}", ""]
    lines += [*(f"- FAILED: {escape(why)}" for why in found["failed"]), ""] if found["failed"] else ["It holds.", ""]
    tables = (
        ("Findings", ("status", "members", "what", "to do"),
         [(one["status"], ", ".join(one["members"]), one["sentence"], one["todo"]) for one in found["findings"]]),
        ("Entries of a sample", ("of", "on", "stand there", "wait", "asked"),
         [(one["of"], one["on"], one["here"], one["waiting"], one["asked"]) for one in found["samples"]]),
        ("State against answers", ("said", "why"), [(one["verdict"], one["sentence"]) for one in found["races"]]),
        ("Switched over", ("from", "to", "kept", "opened", "longest silence, s"),
         [(one["from"], one["to"], one["alive"], one["opened"], one["longest_silence"]) for one in found["switches"]]),
    )
    for title, headers, rows in tables:
        lines += [f"## {title}", "", *(md_table(headers, rows) if rows else ["None."]), ""]
    return "\n".join(lines)


def _sampled(one: str, other: str, told: Looks) -> dict[str, t.Any]:
    first, second = told[one] or {}, told[other] or {}
    answers = {key_of(entry): entry for entry in second.get("entries", ())}
    asked = [answers[key] for key in map(key_of, first.get("sample", {}).get("entries", ())) if key in answers]
    return {"of": one, "on": other, "asked": len(asked), "here": sum(bool(entry["here"]) for entry in asked),
            "waiting": sum(bool(entry.get("waits")) and not entry["here"] for entry in asked)}


def _races(looks: Looks, measured: t.Mapping[str, Data]) -> list[dict[str, t.Any]]:
    """For each flow and each member that may see its packets first: is what it knows at the other before the answer?"""
    if any((daemon_of(look) or {}).get("external_cache") for look in looks.values() if look):
        return []  # one member is active: no answer comes by the other
    found = []
    for second, told in measured.items():
        first = next((name for name in looks if name != second), "")
        for one in told.get("verdicts", ()):
            found.append(_race(one, f"requests of {one['flow']} by {first}, replies by {second}", first, second))
            if Flow.parse(one["flow"]).protocol == "tcp":
                what = f"replies to {one['flow']} by {second}, acknowledgements by {first}"
                found.append(_race({**one, **one["acknowledgement"]}, what, second, first))
    return found


def _race(one: Data, what: str, first: str, second: str) -> dict[str, t.Any]:
    return {"flow": one["flow"], "first": first, "second": second, "verdict": one["verdict"],
            "not_below_ms": one["not_below_ms"], "sentence": f"{what}: {one['sentence']}"}


def _lines(
    findings: t.Sequence[Data], samples: t.Sequence[Data], races: t.Sequence[Data], switches: t.Sequence[Data]
) -> list[str]:
    lines = [f"{found['status']:9} {found['sentence']}; {found['todo']}" for found in findings]
    for one in samples:
        waits = f", {one['waiting']} wait in its external cache" if one["waiting"] else ""
        if not one["asked"]:
            continue
        lines.append(f"entries   {one['here']} of {one['asked']} of {one['of']} stand on {one['on']}{waits}")
    lines += [f"{one['verdict']:9} {one['sentence']}" for one in races]
    if not any(one["asked"] for one in samples):
        lines.append("entries   none to look for")
    return lines + [f"switched  {_switched(one)}" for one in switches]


def _switched(one: Data) -> str:
    why = ", ".join(f"{count} {error}" for error, count in one.get("errors", {}).items())
    return (f"from {one['from']} to {one['to']}: {one['alive']} of {one['opened']} connections {one['flow']} were "
            f"kept, silent for {one['longest_silence']:g} s at most{f' ({why})' if why else ''}")


def registered(
    plain: t.Callable[[t.Any], t.Any], members: t.Iterable[str], hostvars: Data, name: str
) -> dict[str, dict[str, t.Any]]:
    """What a task has registered on the members, without those where it failed, was skipped or could not be run."""
    found = {str(member): plain((hostvars.get(member) or {}).get(name)) or {} for member in members}
    return {member: told for member, told in found.items()
            if told and not any(told.get(word) for word in ("failed", "unreachable", "skipped"))}


def looks(plain: t.Callable[[t.Any], t.Any], members: t.Iterable[str], hostvars: Data) -> dict[str, Data | None]:
    """What each member told of itself; None where it could not be asked."""
    told = registered(plain, members, hostvars, "verify_state_sync_look")
    found: dict[str, Data | None] = {}
    for member in map(str, members):
        asked = plain((hostvars.get(member) or {}).get("verify_state_sync_asked")) or ()
        between = {"asked_between": [float(when) for when in asked]} if len(asked) == 2 else {}
        found[member] = {**told[member], **between} if member in told else None
    return found
