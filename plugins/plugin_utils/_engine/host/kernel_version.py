# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Where Linux versions route differently: the first version that does it the newer way."""

from __future__ import annotations

import re

# never takes a failed member of a group of next-hop objects while another is good: new in 6.6, and taken over by the
# stable series of 6.1, as seen on that of Debian
FIRST_GOOD_MEMBER = (6, 1)
DEAD_NEVER_GOOD = (6, 16)  # fib_select_multipath passes over dead legs before it asks whether their gateway answers
SOURCE_OF_LEG = (6, 16)  # prefers the multipath leg whose address is the packet's source


def parse(text: str) -> tuple[int, int]:
    """Major and minor version of a kernel release; (0, 0) where it names none."""
    match = re.match(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)
