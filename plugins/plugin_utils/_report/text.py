# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The diagnosis and the forecast as a person reads them at a terminal."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.findings import (
    checked_lines,
    names,
    shown,
    told,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.layout import MARKS, marked, paragraph, table
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.paths import path_lines
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.variables import as_yaml
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.what_if import what_if_lines

Data = t.Mapping[str, t.Any]
EVIDENCE = 3  # items that are shown for a finding; those of a flow stand with the flow
GOOD = ("symmetric", "asymmetric_harmless")
MOST_PARTS = 20  # classes of a prefix flow that are printed


def diagnosis_text(diagnosis: Data) -> str:
    """Verdict table, then what fails with path, boundaries and evidence, findings, remedies, assumptions."""
    verdicts = diagnosis["verdicts"]
    lines = ["VERDICTS", *verdict_table(verdicts), ""]
    for verdict in verdicts:
        for part in shown_parts(verdict):
            lines += [*failing_flow(part), ""]
    if diagnosis["findings"]:
        lines += ["FINDINGS", *finding_lines(diagnosis["findings"]), ""]
    else:
        lines += ["FINDINGS", "none", ""]
    lines += ["CHECKED"]
    for text in checked_lines(diagnosis["checks"]):
        lines += paragraph(text, "- ")
    lines.append("")
    if diagnosis["remedies"]:
        lines += ["REMEDIES", *remedy_lines(diagnosis["remedies"]), ""]
    if diagnosis.get("what_if"):
        lines += [*what_if_lines(diagnosis["what_if"]), ""]
    if diagnosis["assumptions"]:
        lines += ["ASSUMED (declare it to be sure)"]
        for text in diagnosis["assumptions"]:
            lines += paragraph(text, "- ")
        lines.append("")
    if diagnosis["unread"]:
        lines += ["NOT READ"]
        for host, why in sorted(diagnosis["unread"].items()):
            lines += paragraph(f"{host}: {why}", "- ")
        lines.append("")
    return "\n".join(lines).rstrip()


def verdict_table(verdicts: t.Sequence[Data]) -> list[str]:
    """One row a flow; live flows that are fine are one row together."""
    quiet = [v for v in verdicts if v["live"] and v["verdict"] in GOOD]
    rows = [row for v in verdicts if v not in quiet for row in _verdict_rows(v)]
    if quiet:
        rows.append(
            [
                f"{len(quiet)} live flows",
                f"{MARKS['symmetric']} fine",
                "found in connection tables; nothing misses a direction",
            ]
        )
    return (
        table(["flow", "verdict", "why"], rows)
        if rows
        else ["no flow was named and none is alive: name one with -e flow=..."]
    )


def _verdict_rows(verdict: Data) -> t.Iterator[list[str]]:
    """A flow's row; a prefix flow that fares in several ways has a row for each after it, the worst first."""
    parts = verdict.get("partition", [])
    if not parts:
        yield [verdict["name"], marked(verdict["verdict"]), verdict["summary"]]
        return
    named = "" if verdict["name"] == verdict["flow"] else f"{verdict['flow']}: "
    if len(parts) == 1:
        yield [verdict["name"], marked(verdict["verdict"]), f"{named}{verdict['summary']}"]
        return
    yield [verdict["name"], marked(verdict["verdict"]), f"{named}{partition_text(verdict)}"]
    for part in parts[:MOST_PARTS]:
        yield ["", marked(part["verdict"]), f"{part['part']}{_hosts(part)}, {part['share_of_flow']}: {part['summary']}"]
    if len(parts) > MOST_PARTS:
        yield ["", "", f"and {len(parts) - MOST_PARTS} more classes: see partition in diagnosis.json"]


def partition_text(verdict: Data) -> str:
    """How many classes there are, and that none was sampled."""
    parts = verdict["partition"]
    kinds = [f"{sum(part['verdict'] == kind for part in parts)} {kind}" for kind in dict.fromkeys(
        part["verdict"] for part in parts)]
    return f"{len(parts)} classes ({', '.join(kinds)}), told by judging {verdict['judged']} flows, one of every kind"


def _hosts(part: Data) -> str:
    """The hosts of the inventory whose addresses are among the sources."""
    hosts = part["hosts"]
    more = f" and {len(hosts) - 3} more" if len(hosts) > 3 else ""
    return f" ({', '.join(hosts[:3])}{more})" if hosts else ""


def shown_parts(verdict: Data) -> list[Data]:
    """What is told in full: a flow that does not work, or those classes of a prefix flow that do not."""
    parts = verdict.get("partition") or [verdict]
    return [part for part in parts if part["verdict"] not in GOOD and not part["live"]][:MOST_PARTS]


def failing_flow(verdict: Data) -> list[str]:
    """The two paths, who must see both directions, and what was seen."""
    lines = [f"{verdict['name'].upper()}   {verdict['flow']}", *path_lines(verdict)]
    for boundary in verdict["boundaries"]:
        sees = " and ".join(name for name in ("forward", "return") if boundary[name]) or "neither direction"
        lines += paragraph(f"boundary {boundary['host']} sees {sees}: {boundary['why']}", "  ")
    for item in verdict["evidence"]:
        lines += paragraph(f"seen     {item['text']}", "  ", " " * 11)
    return lines


def finding_lines(findings: t.Sequence[Data]) -> list[str]:
    """Each finding with its flows or, where none suffers yet, what was seen; of many alike the first ones."""
    lines: list[str] = []
    excerpt = shown(findings)
    for finding in excerpt.listed:
        lines += paragraph(f"{finding['id']} {finding['severity']:<8} {told(finding)}", "", " " * 16)
        if finding["flows"]:
            lines += paragraph(f"flows: {names(finding['flows'])}", " " * 16)
        else:
            for item in finding["evidence"][:EVIDENCE]:
                lines += paragraph(f"seen: {item['text']}", " " * 16, " " * 22)
    lines += excerpt.more
    return [*lines, "each is explained in docs/findings/ID.md of the collection"]


_ONLY_IF_NAMED = ("mss_clamp", "ecmp_hash")  # a change carries them with symmetry_wide, as they touch other flows, too


def remedy_lines(remedies: t.Sequence[Data]) -> list[str]:
    """The recommended remedies with the variables that their roles take, then the alternatives in a line each."""
    lines: list[str] = []
    chosen = [remedy for remedy in remedies if remedy["recommended"]]
    for number, remedy in enumerate(chosen, 1):
        lines += paragraph(f"{number}. role {remedy['role']} on {remedy['host']}: {remedy['text']}", "", "   ")
        if remedy["source_after"]:
            lines += [f"   source address the far side sees: {remedy['source_before']} → {remedy['source_after']}"]
        mends = f"mends {', '.join(remedy['fixes'])}" if remedy["fixes"] else remedy["why"]
        lines += paragraph(f"{mends}; cost in security: {remedy['security_cost']}", "   ")
        lines += ["     " + line for line in as_yaml(remedy["variables"]).splitlines()]
    for remedy in remedies:
        if not remedy["recommended"]:
            told = f"or role {remedy['role']} on {remedy['host']}: {remedy['text']} ({remedy['why']}); "
            lines += paragraph(told + f"mends {', '.join(remedy['fixes'])}", "", "   ")
            if remedy["role"] in _ONLY_IF_NAMED:
                lines += [f"   remediate carries it only with -e symmetry_wide={remedy['role']}"]
                lines += ["     " + line for line in as_yaml(remedy["variables"]).splitlines()]
    return lines


def _wide_lines(forecast: Data) -> list[str]:
    """Large packets before and after, what the change touches beyond its flows, and what is not carried."""
    lines: list[str] = []
    for name, large in forecast.get("large_packets", {}).items():
        if large["after"]:
            word = "still" if large["before"] else "will"
            lines += paragraph(f"large packets of {name} {word} stall: {large['after']}", "! ")
        else:
            lines += paragraph(f"large packets of {name} stall now, and will arrive: {large['before']}", "- ")
    return [*lines, *reach_lines(forecast), *not_carried_lines(forecast)]


def not_carried_lines(change: Data) -> list[str]:
    """What was proposed and is not carried, as nobody named it."""
    lines: list[str] = []
    for one in change.get("not_carried", ()):
        lines += paragraph(f"not carried unless it is named (symmetry_wide={one['role']}): {one['role']} on "
                           f"{one['host']}: {one['text']}", "- ")
    return lines


def reach_lines(change: Data) -> list[str]:
    """What remedies touch beyond the flows that they are made for."""
    lines: list[str] = []
    for one in change.get("reach", ()):
        together = ", together, as it is of use on all or on none," if len(one["hosts"]) > 1 else ""
        known = f"; of the named flows {names(one['flows'])}" if one["flows"] else ""
        live = f"; {one['live']} live flows" if one["live"] else ""
        where = f"{one['role']} on {', '.join(one['hosts'])}{together}"
        lines += paragraph(f"{where} touches {one['text']}{known}{live}", "! ")
    return lines


def forecast_text(forecast: Data) -> str:
    """Before and after of every flow; unchanged live flows are counted."""
    rows, quiet = [], 0
    for flow in forecast["flows"]:
        if flow["live"] and flow["before"] == flow["after"]:
            quiet += 1
            continue
        same = flow["before"] == flow["after"] and flow["change"] == "equal"
        told = "unchanged" if same else f"{flow['change']}: {flow['summary_after']}"
        rows.append([flow["name"], marked(flow["before"]), "→", marked(flow["after"]), told])
    lines = ["FORECAST", *table(["flow", "before", "", "after", "change"], rows)]
    if quiet:
        lines.append(f"{quiet} live flows: unchanged")
    if not forecast.get("remedies", True):
        lines.append("! no remedy was given or proposed: nothing will be changed")
    failing = [flow["name"] for flow in forecast["flows"] if flow["after"] not in GOOD and not flow["live"]]
    if failing:
        lines += paragraph(f"still not sound afterwards: {', '.join(failing)}", "! ")
    lines += _wide_lines(forecast)
    for name, before, after in forecast.get("sources", ()):
        lines += paragraph(
            f"the far side of {name} sees {after} instead of {before}: tell the partner, or an allow-list will drop it",
            "! ",
        )
    return "\n".join(lines)
