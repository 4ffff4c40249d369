# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What is ours on this host now, and which network managers run here."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import managers, sysctl_files, sysctls
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.live_host import read_host
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.live_nat import read_table
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.live_nft import read_own_table
from ansible_collections.netpath.symmetry.plugins.module_utils._persist import files, hooks, networkd, restore
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import File, PersistError
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.owned import (
    HASH_FILE,
    SYSCTL_FILE,
    Owned,
    owned_by,
    planned_parts,
    with_planned,
    without_empty,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.providers import Provider
from ansible_collections.netpath.symmetry.plugins.module_utils._plan import (
    ecmp_hash,
    mss_clamp,
    rp_filter_v6,
    symmetric_return,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_table import table_text
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nft_part import live_part, part_text
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.rp_filter import Wish, path_of
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import rules as sync_rules

Data = t.Mapping[str, t.Any]
# Of every remedy that has chains of its own in our nft table, by the subject of its plan: how their names begin.
# Not that of state_bypass: its entries end at a time of their own.
NFT_PARTS = {
    symmetric_return.SUBJECT: symmetric_return.PREFIX,
    "MSS clamp": mss_clamp.PREFIX,
    "reverse-path filter": rp_filter_v6.PREFIX,
    sync_rules.SUBJECT: sync_rules.PREFIX,
}


def providers() -> dict[str, Provider]:
    """All providers; of several managers that run here, the first is chosen."""
    found = [networkd.Networkd(), hooks.networkmanager(), hooks.ifupdown(), Provider()]
    return {provider.name: provider for provider in found}


def beside(running: t.Mapping[str, bool]) -> list[File]:
    """Files by which managers and firewalls here leave our state alone, or bring it back, whoever persists it."""
    managers = [networkd.foreign_file()] if running["networkd"] else []
    return [*managers, restore.plugin()] if os.access(restore.PLUGINS, os.W_OK) else managers


def running() -> dict[str, bool]:
    """Which network managers run here, by the names of the providers."""
    found = {str(one["name"]): bool(one["active"]) for one in managers.read()}
    return {"networkd": found.get("systemd-networkd", False), "networkmanager": found.get("NetworkManager", False),
            "ifupdown": found.get("ifupdown", False)}


def read_owned(planned: t.Sequence[Data], wishes: t.Iterable[Wish], hashing: t.Optional[Data] = None) -> Owned:
    """What shall be persisted: all that is ours now, with the planned results, and the sysctls that are wanted.

    ``hashing`` is the option ``ecmp_hash`` of the module persistence. Raises PersistError and PlanError.
    """
    results = [result for result in planned if not result.get("skipped")]
    try:
        host = with_planned(read_host(), results)
        parts = planned_parts(read_parts(), results)
    except (KeyError, TypeError, ValueError) as error:
        raise PersistError(
            f"planned: this is not a result of one of our remedies on this host as it is now ({error!r}); "
            "register these tasks and give their results as they are"
        ) from error
    filters = read_sysctls()
    for wish in wishes:
        filters.pop(path_of(wish.interface), None)
        if wish.mode is not None:
            filters[path_of(wish.interface)] = wish.mode
    return owned_by(host, "".join(parts.values()), filters, wanted_hash(hashing))


def read_parts() -> dict[str, str]:
    """What each remedy has in our nft table now, as text that nft reads, by the subject of its plan.

    What others have put into the table is not ours to persist. Raises CommandError and PlanError.
    """
    own = read_own_table()
    parts = {"source NAT": without_empty(table_text(read_table()))}
    parts.update((subject, part_text(live_part(own, prefix))) for subject, prefix in NFT_PARTS.items())
    return parts


def wanted_hash(hashing: t.Optional[Data]) -> dict[str, int]:
    """What our drop-in about the hash shall say: with no wish, and about a seed that is not told, what it says now."""
    present = read_sysctls(HASH_FILE)
    if hashing is None:
        return present
    if hashing["state"] == "absent":
        return {}
    wish = ecmp_hash.read_wish(hashing["fields"], hashing["seed"])
    seed = {path: value for path, value in present.items() if path == ecmp_hash.SEED}
    return {**seed, **ecmp_hash.targets_of(sysctls.read_values(ecmp_hash.paths()), wish)}


def read_sysctls(path: str = SYSCTL_FILE) -> dict[str, int]:
    """What a drop-in of ours says now."""
    file = files.read(path)
    settings = sysctl_files.parse(file.text, path) if file else []
    return {one.key: int(one.value) for one in settings if one.value is not None and one.value.isdigit()}


def read_text() -> str:
    """The state at run time that is ours, as text."""
    return owned_by(read_host(), "".join(read_parts().values()), {}).text()
