# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a change stands on its hosts, and what follows from that: pure.

A change of several hosts is kept on all of them or on none. Each host knows its own part only; whoever can ask all of
them decides by one rule, and may be killed and begin again at any point.
"""

from __future__ import annotations

import typing as t

UNKNOWN = "unknown"  # no answer
KEPT = "confirmed"
OPEN = "pending"
OLD = ("absent", "reverted", "rolled_back")  # nothing of the change is left
Data = t.Mapping[str, t.Any]


def state_of(answer: t.Any) -> str:
    """The state in an answer of change_guard; "unknown" where there was none."""
    if not isinstance(answer, t.Mapping) or answer.get("unreachable") or answer.get("skipped"):
        return UNKNOWN
    return str(answer.get("state") or UNKNOWN)


def standing(states: t.Mapping[str, str], asked: bool = True) -> dict[str, t.Any]:
    """What is to be done: ``decision`` is kept, taken_back, keep, take_back or wait; ``told`` says how it stands.

    One host on which the change is lost settles that it is taken back everywhere, also while others give no answer. It
    is kept only where every host has answered and at least one has it for good: then all had promised to keep it.
    ``asked`` tells whether any host was asked to confirm. If none was, one that gives no answer takes its part back by
    itself.
    """
    found = set(states.values())
    if not asked:
        found = {"reverted" if state == UNKNOWN else state for state in found}
    lost = found - {UNKNOWN, KEPT, OPEN}
    if found <= {KEPT}:
        decision = "kept"
    elif found <= set(OLD):
        decision = "taken_back"
    elif lost:
        decision = "take_back"
    elif UNKNOWN in found:
        decision = "wait"
    else:
        decision = "keep" if KEPT in found else "take_back"
    names = sorted(set(states.values()))
    by_state = {name: sorted(host for host in states if states[host] == name) for name in names}
    told = ", ".join(f"{state} on {' '.join(hosts)}" for state, hosts in by_state.items())
    return {"decision": decision, "settled": decision in ("kept", "taken_back"), "states": dict(states), "told": told}


def members(answers: t.Mapping[str, t.Any]) -> list[str]:
    """The hosts of a change: those that have it, and those that a journal names."""
    found = {host for host, answer in answers.items() if state_of(answer) not in (UNKNOWN, "absent")}
    for answer in answers.values():
        if state_of(answer) != UNKNOWN:
            found |= set(answer.get("hosts") or [])
    return sorted(found)
