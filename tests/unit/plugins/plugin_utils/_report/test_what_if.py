# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures and classes of prefix flows, as people read them."""

from __future__ import annotations

import json

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import diagnose
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.markdown import diagnosis_markdown
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.text import diagnosis_text
from ansible_collections.netpath.symmetry.tests.unit.plugins.plugin_utils._engine import networks


def test_failures_are_told_within_the_width_and_the_worst_first() -> None:
    found = diagnose(*networks.dual_wan_partner())
    data = {**found.to_dict(), "what_if": found.what_if(["single"]).to_dict()}
    json.dumps(data)
    text = diagnosis_text(data)
    told = text[text.index("WHAT IF"):text.index("ASSUMED")]
    assert max(map(len, told.splitlines())) <= 100
    assert "- node fwa: breaks other-partner" in text and "Not listed: 3 failures" in text
    rows = [line for line in text.splitlines() if " → " in line and line.startswith(("node", "link", "carrier"))]
    assert "broken" in rows[0] and "symmetric" in rows[-1]
    markdown = diagnosis_markdown(data)
    assert "## What if" in markdown and "| node fwa | ✔ → ✘ broken | stranded at gw | other-partner:" in markdown


def test_classes_have_a_row_each_under_their_flow() -> None:
    found = diagnose(*networks.dual_wan_partner(), [{"name": "api", "flow": "tcp 192.0.2.20 > 203.0.113.0/24:80"}])
    data = found.to_dict()
    json.dumps(data)
    text = diagnosis_text(data)
    assert max(map(len, text.splitlines())) <= 100
    told = " ".join(text.split())
    assert "2 classes (1 broken, 1 symmetric), told by judging 2 flows" in told
    assert "✘ broken to 203.0.113.0/25 (client), 128 of 256 addresses: the return path dies at fwb:out" in told
    assert "✔ symmetric to 203.0.113.128/25 (client), 128 of 256 addresses: both directions" in told
    markdown = diagnosis_markdown(data)
    assert "| to 203.0.113.0/25 | 128 of 256 addresses | client | ✘ broken |" in markdown
