# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A configuration that somebody else has written: refused by name, or taken over with the original kept beside it."""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import command
from ansible_collections.netpath.symmetry.plugins.module_utils._persist import files
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import WRITTEN_BY, File, PersistError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError

BESIDE = ".before-netpath-symmetry"


class Adopted(t.NamedTuple):
    """What stands at the place of a configuration now, and beside it."""

    present: t.Optional[File]
    original: t.Optional[File]  # kept beside it; None where there was none
    ours: bool


def look(path: str) -> Adopted:
    """Read both files; raises PlanError."""
    present, original = read(path), read(path + BESIDE)
    return Adopted(present, original, present is not None and is_ours(present))


def read(path: str) -> t.Optional[File]:
    """A file of the host; raises PlanError where it is no text file."""
    try:
        return files.read(path)
    except PersistError as error:
        raise PlanError(str(error)) from error


def is_ours(file: File) -> bool:
    return WRITTEN_BY in file.text[: len(WRITTEN_BY) + 20]


def original_to_keep(path: str, found: Adopted, package: str, adopt: bool, option: str) -> t.Optional[File]:
    """The file that is to lie beside ours; None where nobody had one. Raises PlanError where it is not to be taken.

    What the package has installed and nobody has touched since is nobody's work: it needs no consent, and is kept too.
    """
    if found.ours or found.present is None:
        return found.original
    if found.original is not None:
        raise PlanError(
            f"{path} is not ours any more, and {path}{BESIDE} holds what was there before: somebody has replaced our "
            f"file. Remove one of both, then run again"
        )
    if not adopt and not _is_as_packaged(path, found.present, package):
        raise PlanError(
            f"{path} exists and was not written by this collection; nothing was changed. Take it over with "
            f"{option}: true (it is kept as {path}{BESIDE}, and comes back when ours is removed), or move it away"
        )
    return dataclasses.replace(found.present, path=path + BESIDE)


def restored(path: str, found: Adopted) -> list[File]:
    """The files that stay when ours go: the original at its place. What is not ours any more is left as it is."""
    if found.present is not None and not found.ours:
        return [one for one in (found.present, found.original) if one is not None]
    return [dataclasses.replace(found.original, path=path)] if found.original else []


def _is_as_packaged(path: str, file: File, package: str) -> bool:
    """Whether dpkg knows the file as a configuration of the package, with this very content."""
    if command.find("dpkg-query") is None or file.link is not None:
        return False
    done = command.run(["dpkg-query", "-W", "-f=${Conffiles}\\n", package], check=False)
    known = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines() if len(line.split()) >= 2}
    # MD5 is what dpkg keeps of a file; nothing is to be secured by it.
    digest = hashlib.new("md5", file.text.encode(), usedforsecurity=False).hexdigest()
    return done.rc == 0 and known.get(path) == digest
