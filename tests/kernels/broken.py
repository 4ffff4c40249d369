# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Break one semantic of the engine, to see that a comparison notices: the negative control."""

from __future__ import annotations

import contextlib
import typing as t
from unittest import mock

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection import flowtable
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host

_PATCHES: dict[str, tuple[object, str, t.Any]] = {
    "flowtables": (flowtable, "pass_by", lambda host, tracker, packet, iif: (None, tracker)),
    "VRFs": (Host, "vrf_of", lambda host, interface: None),  # a packet stays on the link that it came by
}
NAMES = tuple(_PATCHES)


def without(name: str) -> contextlib.AbstractContextManager[t.Any]:
    """A context in which the engine lacks that semantic; an empty name breaks nothing."""
    return mock.patch.object(*_PATCHES[name]) if name else contextlib.nullcontext()
