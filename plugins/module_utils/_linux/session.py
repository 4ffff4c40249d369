# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The SSH session that this process runs in, as the host sees it."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Session

ANCESTORS = 32  # sh, sudo, sshd ...: far fewer stand between a module and its session


def find_session() -> t.Optional[Session]:
    """The session of SSH_CONNECTION, or None on a local connection.

    sudo takes the variable out of its child's environment, so that of the ancestors is looked at, too. That needs
    root for processes of other users; what cannot be read is passed over.
    """
    found = parse_session(os.environ.get("SSH_CONNECTION", ""))
    pid = os.getppid()
    for _step in range(ANCESTORS):
        if found is not None or pid <= 1:
            return found
        found = parse_session(_environment(pid).get("SSH_CONNECTION", ""))
        pid = _parent(pid)
    return found


def parse_session(text: str) -> t.Optional[Session]:
    """Read the four fields of SSH_CONNECTION (ssh(1)): peer, its port, local address, local port."""
    fields = text.split()
    if len(fields) != 4 or not (fields[1].isdigit() and fields[3].isdigit()):
        return None
    peer, local = (address.split("%", 1)[0].removeprefix("::ffff:") for address in (fields[0], fields[2]))
    return Session(peer, local, int(fields[3]), int(fields[1]))


def _environment(pid: int) -> dict[str, str]:
    try:
        with open(f"/proc/{pid}/environ", encoding="utf-8", errors="surrogateescape") as file:
            pairs = (entry.partition("=") for entry in file.read().split("\0"))
            return {name: value for name, _equals, value in pairs}
    except OSError:
        return {}


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="surrogateescape") as file:
            # The name in parentheses may hold anything: the fields start behind the last parenthesis.
            return int(file.read().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0
