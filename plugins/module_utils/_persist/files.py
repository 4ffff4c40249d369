# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Files of the host that a change writes or removes: plan, inverse, and how they are put in place durably."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
import stat
import typing as t

WRITTEN_BY = "Written by netpath.symmetry (Ansible): it will overwrite what is changed here."


class PersistError(Exception):
    """What is in force cannot be persisted here; the message says why and what to do."""


@dataclasses.dataclass(frozen=True)
class File:
    """A file as it is or shall be; with ``link`` a symbolic link, and text and mode do not count."""

    path: str
    text: str = ""
    mode: int = 0o644
    link: t.Optional[str] = None

    def shown(self) -> str:
        """Its side of a diff."""
        return f"symbolic link to {self.link}\n" if self.link is not None else self.text


@dataclasses.dataclass(frozen=True)
class FileChange:
    """One file before and after; None where there is none."""

    path: str
    before: t.Optional[File]
    after: t.Optional[File]

    def diff(self) -> dict[str, str]:
        return {
            "before_header": f"{self.path} (live)",
            "after_header": f"{self.path} (planned)",
            "before": self.before.shown() if self.before else "",
            "after": self.after.shown() if self.after else "",
        }

    def undo(self) -> str:
        """The shell command that puts the file back as it was: right when it runs twice, durable when it returns."""
        path = shlex.quote(self.path)
        folder = shlex.quote(os.path.dirname(self.path))
        sync = f"{{ sync {folder} || sync; }}"
        if self.before is None:
            return f"rm -f {path} && {{ [ ! -d {folder} ] || {sync}; }}"
        new = shlex.quote(f"{self.path}.new")
        if self.before.link is not None:
            make = f"ln -sfn {shlex.quote(self.before.link)} {new}"
            return f"mkdir -p {folder} && {make} && mv -fT {new} {path} && {sync}"
        text = shlex.quote(self.before.text)
        write = f"printf %s {text} >{new} && chmod {self.before.mode:o} {new} && {{ sync {new} || sync; }}"
        return f"mkdir -p {folder} && {write} && mv -fT {new} {path} && {sync}"


def read(path: str) -> t.Optional[File]:
    """The file as it is, None where there is none; raises PersistError for anything that is no text file."""
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            return File(path, link=os.readlink(path))
        if not stat.S_ISREG(status.st_mode):
            raise PersistError(f"{path} is neither a file nor a link, so it is not ours to replace; move it away")
        with open(path, encoding="utf-8") as file:
            return File(path, file.read(), stat.S_IMODE(status.st_mode))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise PersistError(f"{path} cannot be read: {error}") from error


def why_not_written(path: str) -> str:
    """Why nothing can be written at this path, which need not exist; empty where nothing speaks against it."""
    folder = os.path.abspath(path)
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    if not os.statvfs(folder).f_flag & os.ST_RDONLY:
        return ""
    while not os.path.ismount(folder):
        folder = os.path.dirname(folder)
    return f"{path} cannot be written: {folder} is mounted read-only; make it writable (mount -o remount,rw {folder})"


def plan(wanted: t.Iterable[File], present: t.Iterable[str]) -> list[FileChange]:
    """The changes that make the files as wanted, in the order of their names.

    ``present`` are the paths of ours that there may be: what is not wanted of them goes.
    Raises PersistError where a file cannot be read, or its place cannot be written.
    """
    by_path = {file.path: file for file in wanted}
    changes = []
    for path in sorted({*by_path, *present}):
        before, after = read(path), by_path.get(path)
        if before != after:
            changes.append(FileChange(path, before, after))
    for change in changes:
        why = why_not_written(change.path)
        if why:
            raise PersistError(f"{why}. Nothing was changed")
    return changes


def put(path: str, file: t.Optional[File]) -> None:
    """Write or remove one file so that a power cut leaves the old or the new one; raises OSError."""
    folder = os.path.dirname(path)
    if file is None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
            _sync(folder)
        return
    _make_folder(folder)
    new = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new)
    if file.link is not None:
        os.symlink(file.link, new)
    else:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file.mode)
        with open(descriptor, "w", encoding="utf-8") as stream:
            stream.write(file.text)
            stream.flush()
            os.fchmod(descriptor, file.mode)
            os.fsync(descriptor)
    os.rename(new, path)
    _sync(folder)


def _make_folder(folder: str) -> None:
    if not os.path.isdir(folder):
        _make_folder(os.path.dirname(folder))
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o755)
        _sync(os.path.dirname(folder))


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
