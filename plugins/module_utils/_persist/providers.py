# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Who puts our routes back on this host when their interfaces come and go, and which files that takes.

What is persisted is the same with all of them: our own units put in the rules before the network is set up, and our
nft table behind the firewalls. They differ in what brings the routes of an interface.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import systemd
from ansible_collections.netpath.symmetry.plugins.module_utils._persist import restore
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import File, PersistError
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.owned import (
    FOLDER,
    HASH_FILE,
    NFT_FILE,
    SYSCTL_FILE,
    Owned,
    batch_files,
    is_bound,
    nft_file,
    sysctl_file,
)

Command = tuple[str, ...]
PARTS = ("routing", "nft", "rp_filter", "ecmp_hash")


class Provider:
    """What a network manager needs to bring our routes back. The base is our own unit, which works with all of them."""

    name = "boot_unit"

    def files(self, owned: Owned, beside: t.Sequence[File] = ()) -> list[File]:
        """All files that persist what is ours; with those of ``beside`` that are about what it has."""
        loose = [route for route in owned.routes if not is_bound(route)]
        links = [route for route in owned.routes if is_bound(route)]
        wanted = batch_files(owned.rules, loose, self.left_to_us(links))
        wanted += restore.restore_unit() if wanted else []
        has = {"routing": owned.rules or owned.routes, "nft": owned.table}
        wanted += [file for file in beside if has[part_of(file.path)]]
        wanted += self.files_of_routes(links)
        if owned.table:
            wanted += [*nft_file(owned.table), *restore.nft_unit()]
        return [*wanted, *sysctl_file(SYSCTL_FILE, owned.sysctls), *sysctl_file(HASH_FILE, owned.hash)]

    def left_to_us(self, routes: t.Sequence[t.Any]) -> t.Sequence[t.Any]:
        """The routes that our script puts in, as the manager does not."""
        return routes

    def files_of_routes(self, routes: t.Sequence[t.Any]) -> list[File]:
        """The files by which routes of interfaces come back with the interface."""
        return restore.watch_unit() if routes else []

    def present(self) -> list[str]:
        """The paths of the manager's files that are, or were, ours."""
        return []

    def reload(self, changed: t.Collection[str]) -> list[Command]:
        """The commands that make the manager read these files again, where some of them are its own."""
        return []


def ours(providers: t.Iterable[Provider]) -> list[str]:
    """Every path that may hold something of ours, but for the programs."""
    common = [f"{FOLDER}/{kind}.ipv{family}" for kind in ("rules", "routes") for family in (4, 6)]
    units = [*restore.restore_unit(), *restore.nft_unit(), *restore.watch_unit()]
    found = [*common, NFT_FILE, SYSCTL_FILE, HASH_FILE, restore.PLUGIN_FILE, *(file.path for file in units)]
    return [*found, *(path for provider in providers for path in provider.present())]


def part_of(path: str) -> str:
    """Which of PARTS a file of ours is about."""
    if path == SYSCTL_FILE:
        return "rp_filter"
    if path == HASH_FILE:
        return "ecmp_hash"
    if path in (NFT_FILE, restore.PLUGIN_FILE, *(file.path for file in restore.nft_unit())):
        return "nft"
    return "routing"


def choose(wanted: str, providers: t.Mapping[str, Provider], running: t.Mapping[str, bool]) -> Provider:
    """The provider that is asked for or, with "auto", that of the manager that runs; raises PersistError."""
    if not systemd.is_process_1():
        raise PersistError(
            "process 1 of this host is not systemd, or runs in another network namespace: nothing here would put the "
            "state back at a boot. Set persist to false, and let what sets this namespace up do it"
        )
    if wanted != "auto":
        return providers[wanted]
    return next((provider for name, provider in providers.items() if running.get(name)), providers["boot_unit"])
