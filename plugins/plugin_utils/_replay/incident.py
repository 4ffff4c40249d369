# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The incident of the topology ``dual_wan_partner``, from the symptom to the lock-out drill, step by step.

Every step types the commands that an engineer would type, and then looks at the hosts past Ansible: what is claimed
is what the kernels and the packets show.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import sys
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay import udp_client
from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.observer import Observer, difference
from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.playbooks import Playbooks, Run
from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.story import ReplayError, Step, Story
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.text import diagnosis_text, forecast_text

LAB = "dual_wan_partner"
HOSTS = ("client", "gw", "fwa", "fwb", "isp_a", "isp_b", "internet", "partner", "other_partner")
COMPANY = ("client", "gw", "fwa", "fwb")
FLOW = "partner-api"
PARTNER = "http://203.0.113.10/"
OTHER = "http://203.0.113.130/"
UDP = ("192.0.2.20", "40053", "203.0.113.10", "5353")
WRITERS = frozenset(f"netpath.symmetry.{name}" for name in ("policy_routing", "source_nat", "rp_filter"))
BY_HAND = (
    "ip rule add priority 20000 to 203.0.113.200/32 lookup main",
    "ip route add 198.18.0.0/15 via 198.51.100.129 dev wan_b proto static",
    "nft add element inet gw blocklist '{ 203.0.113.77 }'",
)


@dataclasses.dataclass
class Incident:
    """What the steps hand to each other, and what the summary is made of."""

    story: Story
    observer: Observer
    playbooks: Playbooks
    directory: pathlib.Path
    management: str  # the prefix of the management network, for the lock-out
    ssh_config: pathlib.Path
    udp: subprocess.Popen[str] | None = None
    facts: dict[str, t.Any] = dataclasses.field(default_factory=dict)  # the fields of summary.json
    before: list[str] = dataclasses.field(default_factory=list)  # gw's kernel state before anything was touched
    change_id: str = ""
    started: float = 0.0

    def data(self, label: str, name: str) -> t.Any:
        return json.loads((self.directory / label / name).read_text(encoding="utf-8"))

    def play(self, playbook: str, label: str, *arguments: str, **variables: t.Any) -> Run:
        """Run a playbook that leaves its data in a folder of the step."""
        folder = self.directory / label
        folder.mkdir(parents=True, exist_ok=True)
        return self.playbooks.run(playbook, *arguments, label=label, variables={**variables, "report_dir": str(folder)})

    def verdicts(self, data: t.Mapping[str, t.Any]) -> dict[str, str]:
        return {verdict["name"]: verdict["verdict"] for verdict in data["verdicts"] if not verdict["live"]}


def lab_up(at: Incident, step: Step) -> None:
    reached = [host for host in HOSTS if _ssh(at, host)]
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
    at.before = at.observer.kernel_state("gw")


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
        step, "a UDP client that keeps one 5-tuple gets no answer", _udp_answers(at) == 0, f"{_udp_tries(at)} tries"
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
    answered = _wait_for_udp(at)
    at.story.check(step, "the UDP client, same 5-tuple all the while, is answered again", answered)
    strict = at.observer.sh(
        "gw",
        "cd /proc/sys/net/ipv4/conf; cat all/rp_filter wan_a/rp_filter wan_b/rp_filter",
    ).split()
    at.story.check(step, "rp_filter is loose on wan_b only", strict == ["0", "0", "2"], " ".join(strict))
    at.story.check(
        step,
        "from diagnosis to confirmed fix within 60 s",
        at.facts["seconds_incident_to_fix"] < 60,
        f"{at.facts['seconds_incident_to_fix']} s",
    )


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
    same = [host for host in COMPANY if not difference(before[host], at.observer.kernel_state(host))]
    at.story.check(
        step,
        "afterwards the kernels hold what they held",
        len(same) == len(COMPANY),
        f"{len(same)} of {len(COMPANY)} equal",
    )


def second_run(at: Incident, step: Step) -> None:
    before = at.observer.kernel_state("gw")
    run = at.play(
        "remediate", "second_run", "-e", f"@{at.directory / 'remedies.yml'}", symmetry_acknowledge_source=True
    )
    at.facts["changed"]["second"] = run.changed(WRITERS)
    at.story.check(step, "the second run changes nothing", at.facts["changed"]["second"] == 0, str(at.facts["changed"]))
    asked = sum(1 for event in run.results() if event["action"] in WRITERS and event["status"] == "ok")
    at.story.check(step, "and the roles did look", asked > 0, f"{asked} tasks")
    at.story.check(step, "gw's kernel holds what it held", not difference(before, at.observer.kernel_state("gw")))


def rollback(at: Incident, step: Step) -> None:
    unmarked = at.observer.kernel_state("gw")
    for command in BY_HAND:
        at.story.say(f"by hand on gw: {command}")
        at.observer.sh("gw", command)
    theirs = sorted(difference(unmarked, at.observer.kernel_state("gw")))
    at.play("rollback", "rollback", symmetry_change_id=at.change_id)
    left = sorted(difference(at.before, at.observer.kernel_state("gw")))
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
    reached = _ssh(at, "gw")
    equal = not difference(before, at.observer.kernel_state("gw"))
    at.facts["lockout_recovered"] = cut and reached and equal
    at.story.check(step, "the wrong change cut management off", cut)
    at.story.check(step, "nobody confirmed, and the host is reachable again", reached)
    at.story.check(step, "its kernel holds what it held", equal)
    listed = at.observer.sh("gw", "/var/lib/netpath-symmetry/symmetry-guard list")
    at.story.check(step, "the guard says that it reverted", "reverted" in listed)


STEPS: tuple[tuple[str, str, t.Callable[[Incident, Step], None]], ...] = (
    ("symptom", "Symptom: one partner times out, the other works", symptom),
    ("diagnose", "Diagnose: read every host, join both directions", diagnose),
    ("dry_run", "Dry run: what would change, and what it would do", dry_run),
    ("mend", "Mend: armed, applied, proven, confirmed", mend),
    ("verify", "Verify: verdicts and packets after the change", verify),
    ("failover", "Failover test: an uplink dies in three ways", failover),
    ("second_run", "Second run: nothing left to do", second_run),
    ("rollback", "Rollback: the exact state before, others' changes kept", rollback),
    ("lockout", "Lock-out drill: a wrong change and nobody confirms", lockout),
)


def _ssh(at: Incident, host: str) -> bool:
    command = ["ssh", "-F", str(at.ssh_config), "-o", "ConnectTimeout=5", "-o", "BatchMode=yes", host, "true"]
    return (
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=20,
            check=False,
        ).returncode
        == 0
    )


def _udp_lines(at: Incident) -> list[dict[str, t.Any]]:
    lines = (at.directory / "udp_client.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def _udp_tries(at: Incident) -> int:
    return len(_udp_lines(at))


def _udp_answers(at: Incident) -> int:
    return sum(1 for line in _udp_lines(at) if line["answered"])


def _wait_for_udp(at: Incident) -> bool:
    """True when the client's newest try was answered, within five seconds."""
    for _turn in range(10):
        lines = _udp_lines(at)
        if lines and lines[-1]["answered"]:
            return True
        time.sleep(0.5)
    return False


def _shows(run: Run, *words: str) -> bool:
    text = "\n".join(diff.get("after", "") for diff in run.diffs(WRITERS))
    return all(word in text for word in words)


def _unified(diff: t.Mapping[str, str]) -> str:
    import difflib

    before, after = diff.get("before", "").splitlines(), diff.get("after", "").splitlines()
    lines = difflib.unified_diff(
        before, after, diff.get("before_header", "before"), diff.get("after_header", "after"), n=1, lineterm=""
    )
    return "\n".join(lines)


def end_udp(at: Incident) -> None:
    """End the client that was started for the story."""
    if at.udp and at.udp.poll() is None:
        at.udp.terminate()
        at.udp.wait(10)


__all__ = ["HOSTS", "LAB", "STEPS", "Incident", "ReplayError", "end_udp", "lab_up"]
