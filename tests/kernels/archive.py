# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives that a kernel unpacks as its first file system: cpio, format newc (initramfs-buffer-format).

Several may stand one behind the other in one file; later files replace earlier ones.
"""

from __future__ import annotations

import pathlib
import stat
import types
import typing as t

_TRAILER = "TRAILER!!!"


class Archive:
    """Writes one archive; a context manager, which completes it. Directories above an entry are added by themselves."""

    def __init__(self, file: t.BinaryIO) -> None:
        self._file = file
        self._names: set[str] = set()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: types.TracebackType | None) -> None:
        if kind is None:
            self._entry(_TRAILER, 0, b"")

    def folder(self, name: str) -> None:
        name = name.strip("/")
        if name and name not in self._names:
            self._above(name)
            self._entry(name, stat.S_IFDIR | 0o755, b"")

    def link(self, name: str, target: str) -> None:
        """A symbolic link."""
        self._above(name)
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def text(self, name: str, content: str, mode: int = 0o644) -> None:
        self._above(name)
        self._entry(name, stat.S_IFREG | mode, content.encode())

    def copy(self, path: pathlib.Path, name: str = "") -> None:
        """A file with its mode and time (by which Python knows whether its byte code is current), once."""
        name = (name or str(path)).strip("/")
        if name in self._names:
            return
        self._above(name)
        status = path.stat()
        mode = stat.S_IFREG | stat.S_IMODE(status.st_mode)
        self._entry(name, mode, path.read_bytes(), int(status.st_mtime))

    def _above(self, name: str) -> None:
        self.folder(name.strip("/").rpartition("/")[0])

    def _entry(self, name: str, mode: int, content: bytes, time: int = 0) -> None:
        name = name.strip("/")
        self._names.add(name)
        links = 2 if stat.S_ISDIR(mode) else 1
        # magic; inode, mode, owner, group, links, time, size, four numbers of devices, length of name, checksum
        inode = len(self._names) if name != _TRAILER else 0
        fields = (inode, mode, 0, 0, links, time, len(content), 0, 0, 0, 0, len(name.encode()) + 1, 0)
        self._padded(b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0")
        self._padded(content)

    def _padded(self, data: bytes) -> None:
        self._file.write(data + b"\0" * (-len(data) % 4))
