# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of a file that is being written are told when they are whole."""

from __future__ import annotations

import pathlib

from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.playbooks import Tail


def test_a_line_that_is_half_written_is_told_when_it_is_whole(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "journal"
    with path.open("w", encoding="utf-8") as writer, path.open(encoding="utf-8") as reader:
        tail = Tail(reader)
        told = []
        for text in ('{"event": 1}\n{"ev', 'ent": ', '2}\n', "", '{"event": 3}\n'):
            writer.write(text)
            writer.flush()
            told.append(list(tail.lines()))
    assert told == [['{"event": 1}\n'], [], ['{"event": 2}\n'], [], ['{"event": 3}\n']]
