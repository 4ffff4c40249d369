# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The steps of the replay after the lab stands, in their order: name, title, and the function that tells it.

Every step types the commands that an engineer would type, and then looks at the hosts past Ansible: what is claimed
is what the kernels and the packets show.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay import finding, mending, undoing
from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.incident import Incident
from ansible_collections.netpath.symmetry.plugins.plugin_utils._replay.story import Step

STEPS: tuple[tuple[str, str, t.Callable[[Incident, Step], None]], ...] = (
    ("symptom", "Symptom: one partner times out, the other works", finding.symptom),
    ("diagnose", "Diagnose: read every host, join both directions", finding.diagnose),
    ("dry_run", "Dry run: what would change, and what it would do", finding.dry_run),
    ("mend", "Mend: armed, applied, proven, confirmed", mending.mend),
    ("verify", "Verify: verdicts and packets after the change", mending.verify),
    ("failover", "Failover test: an uplink dies in three ways", mending.failover),
    ("second_run", "Second run: nothing left to do", undoing.second_run),
    ("rollback", "Rollback: the exact state before, others' changes kept", undoing.rollback),
    ("lockout", "Lock-out drill: a wrong change and nobody confirms", undoing.lockout),
)
