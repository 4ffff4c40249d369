# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The evidence of a replay: summary.json for machines, report.md for people, transcript.txt as it was told."""

from __future__ import annotations

import json
import pathlib
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.story import Step, Story
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.markdown import (
    diagnosis_markdown,
    escape,
    md_table,
)

FIELDS: dict[str, t.Any] = {
    "seconds_incident_to_fix": None,
    "verdicts": {"before": {}, "forecast": {}, "after": {}},
    "http": {"before": "", "after": ""},
    "changed": {"check": None, "first": None, "second": None},
    "rollback_equal": False,
    "lockout_recovered": False,
    "failover": {"to_b_seconds": None, "home_seconds": None, "lost": None},
}


def summary(steps: t.Sequence[Step], facts: t.Mapping[str, t.Any], planned: int, seconds: float) -> dict[str, t.Any]:
    """The content of summary.json. ``ok`` only when every planned step ran and every check of it holds."""
    return {
        "ok": len(steps) == planned and all(step.ok for step in steps),
        "steps": [
            {
                "name": step.name,
                "ok": step.ok,
                "seconds": step.seconds,
                "error": step.error,
                "checks": [{"text": check.text, "ok": check.ok, "detail": check.detail} for check in step.checks],
            }
            for step in steps
        ],
        **{name: facts.get(name, default) for name, default in FIELDS.items()},
        "total_seconds": round(seconds, 1),
    }


def write(directory: pathlib.Path, story: Story, data: t.Mapping[str, t.Any]) -> None:
    """Write the three files."""
    (directory / "summary.json").write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (directory / "transcript.txt").write_text("\n".join(story.lines) + "\n", encoding="utf-8")
    (directory / "report.md").write_text(_report(directory, story.steps, data), encoding="utf-8")


def _report(directory: pathlib.Path, steps: t.Sequence[Step], data: t.Mapping[str, t.Any]) -> str:
    verdicts = data["verdicts"]
    names = list(dict.fromkeys([*verdicts["before"], *verdicts["after"]]))
    lines = [
        "# Replay of an asymmetric-routing incident",
        "",
        f"Result: **{'everything holds' if data['ok'] else 'NOT everything holds'}**, "
        f"{data['total_seconds']} s in all, {data['seconds_incident_to_fix']} s from diagnosis to confirmed fix.",
        "",
        "## Verdicts",
        "",
    ]
    lines += md_table(
        ["flow", "before", "forecast", "after"],
        [[n, *(verdicts[when].get(n, "") for when in ("before", "forecast", "after"))] for n in names],
    )
    lines += ["", "## Steps", ""]
    for step in steps:
        lines += [f"### {'✔' if step.ok else '✘'} {escape(step.name)} ({step.seconds} s)", ""]
        lines += [
            f"- {'✔' if check.ok else '✘'} {escape(check.text)}" + (f": {escape(check.detail)}" if check.detail else "")
            for check in step.checks
        ]
        lines += [f"- ✘ {escape(step.error)}"] if step.error else []
        lines.append("")
    kinds = data["failover"].get("kinds", {})
    if kinds:
        lines += [
            "## Failover",
            "",
            *md_table(
                ["kind", "state", "to B (s)", "lost", "home (s)"],
                [
                    [
                        kind,
                        run["state"],
                        run["to_b_seconds"] or "",
                        f"{run['lost']} of {run['sent']}",
                        run["home_seconds"] or "",
                    ]
                    for kind, run in kinds.items()
                ],
            ),
            "",
        ]
    for label, title in (("diagnose", "Before the change"), ("verify", "After the change")):
        source = directory / label / "diagnosis.json"
        if source.exists():
            text = diagnosis_markdown(json.loads(source.read_text(encoding="utf-8")), title)
            lines += ["#" + line if line.startswith("#") else line for line in text.splitlines()] + [""]
    return "\n".join(lines).rstrip() + "\n"
