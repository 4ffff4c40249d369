# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The middle of the story: the change, its proof, and what happens when the uplink dies."""

from __future__ import annotations

import time

from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.incident import (
    COMPANY,
    FLOW,
    PARTNER,
    WRITERS,
    Incident,
    wait_for_udp,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.story import Step


def mend(at: Incident, step: Step) -> None:
    remedies = f"@{at.directory / 'remedies.yml'}"
    at.change_id = f"replay-{int(time.time())}"
    run = at.play(
        "remediate", "remediate", "-e", remedies, symmetry_change_id=at.change_id, symmetry_acknowledge_source=True
    )
    at.facts["seconds_incident_to_fix"] = round(time.monotonic() - at.started, 1)
    at.facts["changed"]["first"] = run.changed(WRITERS)
    proof = at.data("remediate", "proof.json")
    for line in proof["lines"]:
        at.story.say(f"  {line}")
    status = at.observer.http_status("client", PARTNER)
    at.facts["http"]["after"] = status
    at.story.check(step, "a new request of the client gets HTTP 200", status == "200", status)
    capture = next(line["text"] for line in proof["flows"] if line["name"] == FLOW)
    at.story.check(
        step,
        "a capture shows SYN and SYN-ACK on the same interface",
        "leave wan_a, replies come in on wan_a" in capture,
        capture,
    )
    guard = at.observer.sh("gw", "/var/lib/netpath-symmetry/symmetry-guard list")
    at.story.check(
        step, "the guard was armed, and confirmed over a new connection", at.change_id in guard and "confirmed" in guard
    )
    at.story.check(
        step,
        "the real run changed what the dry run said",
        at.facts["changed"]["first"] == at.facts["changed"]["check"],
        str(at.facts["changed"]),
    )
    answered = wait_for_udp(at)
    at.story.check(step, "the UDP client, same 5-tuple all the while, is answered again", answered)
    strict = at.observer.sh(
        "gw",
        "cd /proc/sys/net/ipv4/conf; cat all/rp_filter wan_a/rp_filter wan_b/rp_filter",
    ).split()
    at.story.check(step, "rp_filter is loose on wan_b only", strict == ["0", "0", "2"], " ".join(strict))
    # no check: how long it takes is the machine's affair too, and the benchmark's
    at.story.say(f"  from diagnosis to confirmed fix: {at.facts['seconds_incident_to_fix']} s")


def verify(at: Incident, step: Step) -> None:
    at.play("verify", "verify")
    found = at.data("verify", "diagnosis.json")
    at.facts["verdicts"]["after"] = at.verdicts(found)
    for name, verdict in at.facts["verdicts"]["after"].items():
        at.story.say(f"  {name:<16} {at.facts['verdicts']['before'].get(name, ''):<20} → {verdict}")
    at.story.check(
        step,
        "verdicts after are those of the forecast",
        at.facts["verdicts"]["after"] == at.facts["verdicts"]["forecast"],
    )
    at.story.check(step, "no flow is broken", "broken" not in at.facts["verdicts"]["after"].values())


def failover(at: Incident, step: Step) -> None:
    before = {host: at.observer.kernel_state(host) for host in COMPANY}
    at.play("failover_test", "failover", failover_host="gw", failover_interface="wan_a", failover_flow=FLOW)
    runs = at.data("failover", "failover.json")
    for run in runs:
        away = f"{run['to_b_seconds']} s until B carries new flows, " if run["state"] == "survived" else ""
        lost = f"{run['lost']} of {run['sent']} probes lost, home after {run['home_seconds']} s"
        at.story.say(f"  {run['what']:<40} {run['state']:<12} {away}{lost}")
    by_kind = {run["kind"]: run for run in runs}
    link = by_kind.get("link", {})
    at.facts["failover"] = {
        "to_b_seconds": link.get("to_b_seconds"),
        "home_seconds": link.get("home_seconds"),
        "lost": link.get("lost"),
        "kinds": {
            kind: {key: run[key] for key in ("state", "to_b_seconds", "home_seconds", "lost", "sent")}
            for kind, run in by_kind.items()
        },
    }
    at.story.check(
        step, "all three kinds were tried", set(by_kind) == {"link", "carrier", "beyond"}, ", ".join(by_kind)
    )
    at.story.check(
        step, "local link: new flows work on B", link.get("state") == "survived", f"{link.get('to_b_seconds')} s"
    )
    honest = all(run["state"] == "survived" or run["to_b_seconds"] is None for run in runs)
    at.story.check(
        step,
        "a kind that is not survived is called not covered",
        honest,
        ", ".join(f"{r['kind']}: {r['state']}" for r in runs),
    )
    at.story.check(step, "A up again → back home, every time", all(run["home"] for run in runs))
    # Sorted: a link that was down and up has the kernel's own routes at the end of their lists.
    same = [host for host in COMPANY if sorted(before[host]) == sorted(at.observer.kernel_state(host))]
    at.story.check(
        step,
        "afterwards the kernels hold what they held",
        len(same) == len(COMPANY),
        f"{len(same)} of {len(COMPANY)} equal",
    )
