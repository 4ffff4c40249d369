# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The first half of the story: the lab, the symptom, the diagnosis and the dry run."""

from __future__ import annotations

import difflib
import subprocess
import sys
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay import udp_client
from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.incident import (
    COMPANY,
    FLOW,
    HOSTS,
    OTHER,
    PARTNER,
    UDP,
    WRITERS,
    Incident,
    ssh_reaches,
    udp_answers,
    udp_tries,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.observer import difference
from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.playbooks import Run
from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.story import Step
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.text import diagnosis_text, forecast_text


def lab_up(at: Incident, step: Step) -> None:
    reached = [host for host in HOSTS if ssh_reaches(at, host)]
    at.story.check(
        step,
        "every host is reached over SSH, its own host key checked",
        len(reached) == len(HOSTS),
        f"{len(reached)} of {len(HOSTS)}",
    )
    keys = {
        at.observer.sh(
            host, "cut -d' ' -f2 /etc/ssh/*ed25519*.pub 2>/dev/null || ssh-keyscan -t ed25519 127.0.0.1 2>/dev/null"
        )
        for host in COMPANY
    }
    at.story.check(step, "every host has a host key of its own", len(keys) == len(COMPANY))
    at.before = at.observer.routing_state("gw")


def symptom(at: Incident, step: Step) -> None:
    counted = at.observer.invalid_drops("fwb")
    log = (at.directory / "udp_client.jsonl").open("w", encoding="utf-8")
    at.udp = at.observer.start("client", [sys.executable, udp_client.__file__, *UDP, "600"], log)
    before = at.observer.http_status("client", PARTNER)
    other = at.observer.http_status("client", OTHER)
    at.facts["http"] = {"before": before, "after": ""}
    at.story.check(step, f"a request from the client to the partner {PARTNER} times out", before == "timeout", before)
    at.story.check(step, f"the other partner {OTHER} works", other == "200", other)
    grown = at.observer.invalid_drops("fwb") - counted
    at.story.check(step, "meanwhile firewall B counts packets of invalid state", grown > 0, f"{grown} more")
    time.sleep(1.2)
    at.story.check(
        step, "a UDP client that keeps one 5-tuple gets no answer", udp_answers(at) == 0, f"{udp_tries(at)} tries"
    )


def diagnose(at: Incident, step: Step) -> None:
    # a client that keeps trying, as real ones do: the counters have something to show
    trying = at.observer.start(
        "client",
        ["sh", "-c", f"for i in 1 2 3 4 5 6 7 8; do curl -s -m 1 -o /dev/null {PARTNER}; done"],
        subprocess.DEVNULL,
    )
    at.started = time.monotonic()
    at.play("diagnose", "diagnose")
    trying.terminate()
    trying.wait(10)
    found = at.data("diagnose", "diagnosis.json")
    at.story.say(diagnosis_text(found))
    at.facts["verdicts"] = {"before": at.verdicts(found), "forecast": {}, "after": {}}
    flow = next(v for v in found["verdicts"] if v["name"] == FLOW)
    dies = flow["dies_at"] or {}
    evidence = [item["text"] for item in flow["evidence"]]
    at.story.check(
        step,
        f"{FLOW} is broken at firewall B, on the return path",
        (flow["verdict"], dies.get("host"), dies.get("direction")) == ("broken", "fwb", "return"),
    )
    at.story.check(step, "with finding ids", bool(flow["findings"]), " ".join(flow["findings"]))
    at.story.check(step, "evidence: UNREPLIED at A", any("fwa" in text and "UNREPLIED" in text for text in evidence))
    at.story.check(
        step,
        "evidence: invalid rising at B",
        any(item["host"] == "fwb" and item["kind"] == "growth" and item["packets"] > 0 for item in flow["evidence"]),
    )
    at.story.check(
        step,
        "the list of state boundaries",
        {"fwa", "fwb"} <= {b["host"] for b in flow["boundaries"]},
        ", ".join(b["host"] for b in flow["boundaries"]),
    )
    at.story.check(
        step, "the other partner is symmetric", at.facts["verdicts"]["before"]["other-partner"] == "symmetric"
    )
    roles = [f"{remedy['role']} on {remedy['host']}" for remedy in found["remedies"]]
    at.story.check(step, "the remedy is named with its variables", "policy_route on gw" in roles, ", ".join(roles))


def dry_run(at: Incident, step: Step) -> None:
    before = {host: at.observer.kernel_state(host) for host in COMPANY}
    ping = at.observer.start("client", ["ping", "-q", "-i", "0.5", "-w", "60", "203.0.113.130"], subprocess.DEVNULL)
    run = at.play("remediate", "dry_run", "--check", "--diff", write_remedies=str(at.directory / "remedies.yml"))
    ping.terminate()
    ping.wait(10)
    for diff in run.diffs(WRITERS):
        at.story.say(_unified(diff))
    forecast = at.data("dry_run", "forecast.json")
    at.story.say(forecast_text(forecast))
    after = {flow["name"]: flow["after"] for flow in forecast["flows"]}
    at.facts["verdicts"]["forecast"] = {flow["name"]: flow["after"] for flow in forecast["flows"] if not flow["live"]}
    at.facts["changed"] = {"check": run.changed(WRITERS)}
    same = [host for host in COMPANY if not difference(before[host], at.observer.kernel_state(host))]
    at.story.check(
        step,
        "nothing changed on any host: the kernels hold what they held",
        len(same) == len(COMPANY),
        f"{len(same)} of {len(COMPANY)} equal",
    )
    at.story.check(step, "the diff shows rules, table and source NAT", _shows(run, "lookup", "203.0.113.0/25", "snat"))
    at.story.check(step, f"forecast: {FLOW} broken → symmetric", after[FLOW] == "symmetric", after[FLOW])
    worse = [flow["name"] for flow in forecast["flows"] if flow["change"] == "worse"]
    others = [flow for flow in forecast["flows"] if flow["before"] in ("symmetric", "asymmetric_harmless")]
    kept = [flow for flow in others if flow["before"] == flow["after"]]
    at.story.check(
        step,
        "forecast: every flow that works keeps its verdict, live flows included",
        not worse and len(kept) == len(others),
        f"{len(kept)} of {len(others)}, {sum(1 for f in forecast['flows'] if f['live'])} flows live",
    )


def _shows(run: Run, *words: str) -> bool:
    text = "\n".join(diff.get("after", "") for diff in run.diffs(WRITERS))
    return all(word in text for word in words)


def _unified(diff: t.Mapping[str, str]) -> str:
    before, after = diff.get("before", "").splitlines(), diff.get("after", "").splitlines()
    lines = difflib.unified_diff(
        before, after, diff.get("before_header", "before"), diff.get("after_header", "after"), n=1, lineterm=""
    )
    return "\n".join(lines)
