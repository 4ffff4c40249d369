# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person reads: tables within the width, paths with the place of death, nothing that hosts could inject."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.plugin_utils._report import findings, layout, markdown, paths, text

BROKEN = {
    "forward": [
        {
            "outcome": "left",
            "share": 1.0,
            "flow": "tcp 192.0.2.20 > 203.0.113.10:80",
            "hops": [{"host": "client", "oif": "eth0"}, {"host": "fwa", "iif": "in", "oif": "out", "stateful": True}],
        }
    ],
    "return": [
        {
            "outcome": "dropped",
            "share": 0.5,
            "reason": "filter",
            "flow": "tcp 203.0.113.10:80 > 192.0.2.20",
            "hops": [{"host": "fwb", "iif": "out", "stateful": True}],
        }
    ],
    "boundaries": [
        {"host": "fwa", "why": "state", "forward": True, "return": False},
        {"host": "fwb", "why": "state", "forward": False, "return": True},
    ],
    "dies_at": {"host": "fwb"},
}


def test_a_table_keeps_within_its_width_and_loses_no_word() -> None:
    words = " ".join(f"word{number}" for number in range(60))
    lines = layout.table(["flow", "why"], [["partner-api", words]], 80)
    assert max(map(len, lines)) <= 80
    assert " ".join(" ".join(lines[2:]).split()) == f"partner-api {words}"


def test_path_lines_mark_boundaries_and_the_place_of_death() -> None:
    forward, back = paths.path_lines(BROKEN)
    assert forward.split() == [
        "forward",
        "client",
        "eth0",
        "──▶",
        "in",
        "[fwa]",
        "out",
        "──▶",
        "outside",
        "203.0.113.10:80",
    ]
    assert "[fwb] ✘" in back
    assert "(50%)" in back


def test_mermaid_shows_both_directions_and_where_the_flow_dies() -> None:
    diagram = paths.mermaid(BROKEN)
    assert 'h_fwa -->|"out"| outside' in diagram
    assert 'outside -.->|"return out"| h_fwb' in diagram
    assert "class h_fwb dies" in diagram


def test_mermaid_lets_no_name_out_of_its_string() -> None:
    evil = {
        **BROKEN,
        "forward": [
            {"outcome": "left", "share": 1.0, "flow": "x", "hops": [{"host": 'a"] --> b["', "oif": "eth0\nclick"}]}
        ],
        "return": [],
        "dies_at": None,
    }
    diagram = paths.mermaid(evil)
    assert '"] -->' not in diagram.replace('"]\n', "")
    assert "\nclick" not in diagram


def test_markdown_escapes_what_hosts_said() -> None:
    cell = markdown.escape("<script>x</script> | [link](y)\nnext `code`")
    assert "<" not in cell
    assert "\n" not in cell
    assert "\\|" in cell and "\\[" in cell and "\\`" in cell


def test_a_forecast_says_that_nothing_will_be_changed_and_what_stays_broken() -> None:
    flow = {"name": "api", "live": False, "before": "broken", "after": "broken", "change": "equal", "summary_after": ""}
    told = text.forecast_text({"flows": [flow], "remedies": []})
    assert "! no remedy was given or proposed: nothing will be changed" in told
    assert "! still not sound afterwards: api" in told
    fine = text.forecast_text({"flows": [{**flow, "after": "symmetric"}], "remedies": [{}]})
    assert "!" not in fine


def many(count: int) -> list[dict[str, object]]:
    """That many findings: all SYM203 but the last."""
    alike = [
        {"id": "SYM203", "severity": "warning", "title": "T", "host": f"h{number}", "text": "all is 2", "flows": [],
         "evidence": [{"text": f"seen {n}"} for n in range(3)], "remedy": "", "page": "docs/findings/SYM203.md"}
        for number in range(count - 1)
    ]
    return [*alike, {**alike[0], "id": "SYM301", "flows": [f"flow {n}" for n in range(1000)]}]


def test_a_hundred_thousand_findings_neither_hang_nor_flood_a_terminal() -> None:
    lines = text.finding_lines(many(100_000))
    assert len(lines) < 100
    assert sum(line.startswith("SYM203") for line in lines) == findings.PER_ID
    assert "and 99989 more SYM203 on h10, h11, h12, h13, h14 and 99984 others" in lines
    assert any(line.startswith("SYM301") for line in lines), "the flood of one id hides no other"
    assert any("flow 4 and 995 others" in line for line in lines)


CHECKS = [
    {"id": "SYM301", "status": "raised", "raised": 1, "hosts": 2, "not_checked": [{"why": "no facts", "hosts": ["c"]}]},
    {"id": "SYM203", "status": "clean", "raised": 0, "hosts": 2, "not_checked": [{"why": "no facts", "hosts": ["c"]}]},
    {"id": "SYM205", "status": "not checked", "raised": 0, "hosts": 0,
     "not_checked": [{"why": "sysctl_files: not readable", "hosts": ["a", "b"]}]},
    {"id": "SYM501", "status": "clean", "raised": 0, "hosts": 2, "not_checked": [], "unknown_flows": ["api"]},
    {"id": "SYM101", "status": "not checked", "raised": 0, "hosts": 2, "not_checked": [], "unknown_flows": []},
    {"id": "SYM302", "status": "awaiting collector", "raised": 0, "hosts": 0, "not_checked": []},
]


def test_what_was_looked_for_is_told_apart_from_what_was_not() -> None:
    assert findings.checked_lines(CHECKS) == [
        "found: SYM301",
        "looked for and not found: SYM203 SYM501",
        "not checked on c (no facts): SYM301 SYM203",
        "not checked on a, b (sysctl_files: not readable): SYM205",
        "not told by api, which are unknown: SYM501",
        "not looked for, no flow was judged: SYM101",
        "not looked for, awaiting a collector: SYM302",
    ]


def test_both_reports_name_page_evidence_and_what_was_checked() -> None:
    empty = {"verdicts": [], "remedies": [], "assumptions": [], "unread": {}}
    found = {**empty, "findings": many(3), "checks": CHECKS}
    terminal, report = text.diagnosis_text(found), markdown.diagnosis_markdown(found)
    for told in (terminal, report):
        assert "docs/findings/" in told and "SYM203" in told and "seen 0" in told
        assert "awaiting a collector: SYM302" in told
    assert "`docs/findings/SYM203.md`" in report
