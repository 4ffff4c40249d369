# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The negative control: a dialect that enters the configuration, in check mode too, to find out what would change."""

from __future__ import annotations

import re

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.changer import config_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dialect
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.tests.devices.changes.case import Case


def writing(case: Case) -> Dialect:
    """The case's dialect, but that it types the first line that changes something before it reads."""
    first = next(line for line in case.promised if case.changes(line))
    honest = type(config_of(case.dialect()))

    class Writing(honest):  # type: ignore[valid-type,misc]
        def running(self, session: Session) -> str:
            session.ask(first, 1)
            return str(super().running(session))

    found = case.dialect()
    found.reading = re.compile(".*")  # type: ignore[misc]
    found.config = Writing()  # type: ignore[attr-defined]
    return found
