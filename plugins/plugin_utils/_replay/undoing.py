# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The end of the story: nothing left to do, everything taken back, and a lock-out that mends itself."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.incident import (
    BY_HAND,
    PARTNER,
    WRITERS,
    Incident,
    ssh_reaches,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.observer import difference
from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.story import Step


def second_run(at: Incident, step: Step) -> None:
    before = at.observer.kernel_state("gw")
    run = at.play(
        "remediate", "second_run", "-e", f"@{at.directory / 'remedies.yml'}", symmetry_acknowledge_source=True
    )
    at.facts["changed"]["second"] = run.changed(WRITERS)
    at.story.check(step, "the second run changes nothing", at.facts["changed"]["second"] == 0, str(at.facts["changed"]))
    asked = sum(1 for event in run.results() if event["action"] in WRITERS and event["status"] == "ok")
    at.story.check(step, "and the roles did look", asked > 0, f"{asked} tasks")
    armed = run.changed({"netpath.symmetry.change_guard"})
    at.story.check(step, "the plan was empty before they did: no guard was armed", armed == 0)
    at.story.check(step, "gw's kernel holds what it held", not difference(before, at.observer.kernel_state("gw")))


def rollback(at: Incident, step: Step) -> None:
    unmarked = at.observer.routing_state("gw")
    for command in BY_HAND:
        at.story.say(f"by hand on gw: {command}")
        at.observer.sh("gw", command)
    theirs = sorted(difference(unmarked, at.observer.routing_state("gw")))
    at.play("rollback", "rollback", symmetry_change_id=at.change_id)
    left = sorted(difference(at.before, at.observer.routing_state("gw")))
    at.facts["rollback_equal"] = left == theirs and bool(theirs)
    at.story.check(
        step,
        "owned and touched rules, routes, sysctls and nft are byte for byte as before",
        at.facts["rollback_equal"],
        "" if at.facts["rollback_equal"] else "\n".join(left[:20]),
    )
    at.story.check(
        step,
        "what was changed by hand meanwhile is still there",
        all(line in left for line in theirs) and bool(theirs),
        f"{len(theirs)} lines of difference, all theirs",
    )
    status = at.observer.http_status("client", PARTNER)
    at.story.check(step, "and the incident is back, as it must", status == "timeout", status)


def lockout(at: Incident, step: Step) -> None:
    before = at.observer.kernel_state("gw")
    run = at.play("lockout_drill", "lockout", drill_host="gw", drill_prefix=at.management)
    cut = any(
        event["task"] == "Expect the host to be unreachable" and event["status"] == "unreachable"
        for event in run.results()
    )
    reached = ssh_reaches(at, "gw")
    equal = not difference(before, at.observer.kernel_state("gw"))
    at.facts["lockout_recovered"] = cut and reached and equal
    at.story.check(step, "the wrong change cut management off", cut)
    at.story.check(step, "nobody confirmed, and the host is reachable again", reached)
    at.story.check(step, "its kernel holds what it held", equal)
    listed = at.observer.sh("gw", "/var/lib/netpath-symmetry/symmetry-guard list")
    at.story.check(step, "the guard says that it reverted", "reverted" in listed)
