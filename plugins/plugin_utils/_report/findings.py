# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What is shown of the findings: the first of each id, a count of the rest, and what was looked for at all.

The diagnosis holds them all; a terminal with 100,000 lines would show none.
"""

from __future__ import annotations

import collections
import typing as t

Data = t.Mapping[str, t.Any]
PER_ID = 10  # findings of one id that are shown
NAMES = 5  # flows or hosts that are named in one line


class Shown(t.NamedTuple):
    """The findings of an excerpt, in their order, and a sentence for each id of which more were found."""

    listed: list[Data]
    more: list[str]


def shown(findings: t.Sequence[Data], per_id: int = PER_ID) -> Shown:
    """The first findings of each id, and what was left out."""
    seen: collections.Counter[str] = collections.Counter()
    hosts: dict[str, dict[str, None]] = {}
    listed = []
    for finding in findings:
        seen[finding["id"]] += 1
        if seen[finding["id"]] <= per_id:
            listed.append(finding)
        else:
            hosts.setdefault(finding["id"], {})[finding.get("host", "")] = None
    more = [f"and {seen[id] - per_id} more {id} on {names(hosts[id])}" for id in sorted(hosts)]
    return Shown(listed, more)


def names(all_names: t.Iterable[str]) -> str:
    """The first names, and how many others there are."""
    listed = list(all_names)
    rest = f" and {len(listed) - NAMES} others" if len(listed) > NAMES else ""
    return ", ".join(listed[:NAMES]) + rest


def told(finding: Data) -> str:
    """The text, after the host where it does not name it itself."""
    host, text = finding.get("host", ""), finding["text"]
    return str(text) if not host or host in text else f"{host}: {text}"


def checked_lines(checks: t.Sequence[Data]) -> list[str]:
    """A line for each status: what was looked for and where, what was not, and what still has no collector."""
    by_status: dict[str, list[Data]] = {}
    for check in checks:
        by_status.setdefault(check["status"], []).append(check)
    lines = []
    for status, words in (("raised", "found"), ("clean", "looked for and not found")):
        if status in by_status:
            lines.append(f"{words}: {_ids(by_status[status])}")
    reasons: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for check in checks:
        for left_out in check["not_checked"]:
            reasons.setdefault((left_out["why"], tuple(left_out["hosts"])), []).append(check["id"])
    for (why, hosts), ids in reasons.items():
        lines.append(f"not checked on {names(hosts)} ({why}): {' '.join(ids)}")
    blind = [check for check in checks if check.get("unknown_flows")]
    if blind:
        lines.append(f"not told by {names(blind[0]['unknown_flows'])}, which are unknown: {_ids(blind)}")
    without = [check for check in by_status.get("not checked", ()) if not check["not_checked"] and check not in blind]
    if without:
        lines.append(f"not looked for, no flow was judged: {_ids(without)}")
    if "awaiting collector" in by_status:
        lines.append(f"not looked for, awaiting a collector: {_ids(by_status['awaiting collector'])}")
    return lines


def _ids(checks: t.Sequence[Data]) -> str:
    return " ".join(check["id"] for check in checks)
