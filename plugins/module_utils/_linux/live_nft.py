# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Read our nft table for the planner of its parts (_plan/nft_part.py)."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import command, nft_rules
from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import NFT_FAMILY, NFT_TABLE

_KINDS = {"metainfo", "table", "chain", "rule", "set", "map", "element"}


def read_own_table() -> dict[str, t.Any]:
    """``{chains, sets}`` in the small form; with ``our_table`` where the table exists, with ``our_others`` where it
    holds more than chains, sets and maps. Raises CommandError."""
    argv = ["nft", "-j", "list", "table", NFT_FAMILY, NFT_TABLE]
    done = command.run(argv, check=False)
    if done.rc != 0 and "No such file" in done.stderr:
        return {"chains": [], "sets": []}
    if done.rc != 0:
        command.run(argv)  # raises with the reason
    data = json.loads(done.stdout)
    others = any(not set(item) & _KINDS for item in data.get("nftables", ()))
    return {**nft_rules.parse(data), "our_table": True, "our_others": others}
