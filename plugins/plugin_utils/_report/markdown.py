# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The diagnosis as Markdown with Mermaid diagrams. What hosts said is escaped: their output is untrusted."""

from __future__ import annotations

import html
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.findings import (
    checked_lines,
    names,
    shown,
    told,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.layout import marked
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.paths import mermaid
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.text import partition_text
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.variables import as_yaml
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.what_if import HEADERS, own_ends, what_if_rows

Data = t.Mapping[str, t.Any]
PER_ID = 50  # a report has more room than a terminal
EVIDENCE = 10


def escape(text: t.Any) -> str:
    """Text as it is, in a table cell too: no markup, no HTML, no second line."""
    plain = html.escape(" ".join(str(text).split()), quote=False)
    return "".join("\\" + c if c in "\\`*_[]|#" else c for c in plain)


def md_table(headers: t.Sequence[str], rows: t.Sequence[t.Sequence[t.Any]]) -> list[str]:
    """A Markdown table; the cells are escaped."""
    lines = ["| " + " | ".join(headers) + " |", "|" + "---|" * len(headers)]
    return lines + ["| " + " | ".join(escape(cell) for cell in row) + " |" for row in rows]


def diagnosis_markdown(diagnosis: Data, title: str = "Diagnosis") -> str:
    """The whole diagnosis: verdicts, the failing flows with diagrams and evidence, findings, remedies, assumptions."""
    lines = [f"# {title}", "", *_verdicts(diagnosis["verdicts"]), ""]
    for verdict in diagnosis["verdicts"]:
        if verdict.get("partition"):
            lines += partition_section(verdict)
        for part in verdict.get("partition") or [verdict]:
            if part["verdict"] not in ("symmetric", "asymmetric_harmless"):
                lines += flow_section(part)
    lines += ["## Findings", "", *(_findings(diagnosis["findings"]) or ["None."])]
    lines += ["", "## Checked", "", *(f"- {escape(text)}" for text in checked_lines(diagnosis["checks"]))]
    if diagnosis["remedies"]:
        lines += ["", "## Remedies", ""]
        for remedy in diagnosis["remedies"]:
            lines += [
                f"### Role `{remedy['role']}` on {escape(remedy['host'])}",
                "",
                escape(remedy["text"]),
                "",
                "```yaml",
                as_yaml(remedy["variables"]).rstrip(),
                "```",
                "",
            ]
    if diagnosis.get("what_if"):
        lines += ["", *_what_if(diagnosis["what_if"])]
    if diagnosis["assumptions"]:
        lines += ["", "## Assumed", "", *(f"- {escape(text)}" for text in diagnosis["assumptions"])]
    return "\n".join(lines).rstrip() + "\n"


def _findings(findings: t.Sequence[Data]) -> list[str]:
    lines = []
    excerpt = shown(findings, PER_ID)
    for finding in excerpt.listed:
        lines.append(f"- **{finding['id']}** ({escape(finding['severity'])}) {escape(told(finding))}")
        if finding["flows"]:
            lines.append(f"  - flows: {escape(names(finding['flows']))}")
        lines += [f"  - seen: {escape(item['text'])}" for item in finding["evidence"][:EVIDENCE]]
        if finding["remedy"]:
            lines.append(f"  - remedy: {escape(finding['remedy'])}")
        lines.append(f"  - {escape(finding['title'])}: `{finding['page']}` of the collection")
    return [*lines, *(f"- {escape(text)}" for text in excerpt.more)]


def _what_if(found: Data) -> list[str]:
    lines = ["## What if", "", "Single points of failure:", ""]
    lines += [f"- {escape(one['failure'])}: breaks {escape(', '.join(one['flows']))}" for one in found["single_points"]]
    lines += [] if found["single_points"] else ["- none of those that were looked at"]
    lines += ["", *md_table(HEADERS, what_if_rows(found)), ""]
    lines += [escape(own_ends(found))]
    return [*lines, "", "Assumed of failures:", "", *(f"- {escape(text)}" for text in found["assumptions"])]


def _verdicts(verdicts: t.Sequence[Data]) -> list[str]:
    return md_table(["flow", "verdict", "why"], [[v["name"], marked(v["verdict"]), v["summary"]] for v in verdicts])


def partition_section(verdict: Data) -> list[str]:
    """A prefix flow's classes, the worst first."""
    rows = [
        [part["part"], part["share_of_flow"], ", ".join(part["hosts"]), marked(part["verdict"]), part["summary"]]
        for part in verdict["partition"]
    ]
    told = f"{verdict['flow']}: {partition_text(verdict)}."
    headers = ["class", "share", "hosts", "verdict", "why"]
    return [f"## {escape(verdict['name'])}", "", escape(told), "", *md_table(headers, rows), ""]


def flow_section(verdict: Data) -> list[str]:
    """One flow: diagram, boundaries, evidence."""
    lines = [
        f"## {escape(verdict['name'])}: {marked(verdict['verdict'])}",
        "",
        escape(verdict["flow"]) + ": " + escape(verdict["summary"]),
        "",
        "```mermaid",
        mermaid(verdict),
        "```",
        "",
    ]
    if verdict["boundaries"]:
        rows = [
            [b["host"], "yes" if b["forward"] else "no", "yes" if b["return"] else "no", b["why"]]
            for b in verdict["boundaries"]
        ]
        lines += [*md_table(["state boundary", "sees forward", "sees return", "why"], rows), ""]
    lines += [f"- {escape(item['text'])}" for item in verdict["evidence"]]
    return [*lines, ""]
