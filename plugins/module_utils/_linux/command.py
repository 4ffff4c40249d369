# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Run a tool of the host, in the C locale, with errors that say what is missing and what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import typing as t

# Ansible logs in without a login shell: PATH of such a session may lack the directories of administration tools.
SBIN = ("/usr/sbin", "/sbin", "/usr/local/sbin")
PACKAGES = {"ip": "iproute2", "ss": "iproute2", "nft": "nftables", "conntrack": "conntrack", "sysctl": "procps",
            **{f"ip{six}tables-{kind}-save": "iptables" for six in ("", "6") for kind in ("nft", "legacy")}}
TIMEOUT = 60  # seconds; no tool that is run here takes longer on a healthy host
_DENIED = ("operation not permitted", "permission denied", "you must be root", "must be run as root")


class CommandError(Exception):
    """A tool could not be run or failed; the message says which, why and what to do."""


class MissingToolError(CommandError):
    """The tool is not installed."""


class PermissionDeniedError(CommandError):
    """The tool needs more rights than this user has."""


class OutputTooLongError(CommandError):
    """The tool answered more than was asked for; ``head`` is the beginning."""

    def __init__(self, message: str, head: str) -> None:
        super().__init__(message)
        self.head = head


class Completed(t.NamedTuple):
    """What a tool answered."""

    rc: int
    stdout: str
    stderr: str


def find(tool: str) -> str | None:
    """The path of a tool, also where PATH lacks the directories of administration tools; None when it is missing."""
    return shutil.which(tool) or shutil.which(tool, path=os.pathsep.join(SBIN))


def run(argv: t.Sequence[str], input: str | None = None, check: bool = True, seconds: float = TIMEOUT) -> Completed:
    """Run ``argv`` without a shell and return its answer, for which it has ``seconds``.

    With ``check`` a non-zero exit raises CommandError. MissingToolError and PermissionDeniedError
    (both are CommandErrors) tell the two causes apart that a user can mend.
    """
    path = require(argv[0])
    try:
        done = subprocess.run(
            [path, *argv[1:]],
            input=input,
            capture_output=True,
            stdin=subprocess.DEVNULL if input is None else None,
            env=_environment(),
            timeout=seconds,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CommandError(f"{' '.join(argv)}: no answer within {seconds:g} seconds") from None
    except PermissionError:
        raise PermissionDeniedError(f"{path}: this user may not run it") from None
    completed = Completed(done.returncode, done.stdout, done.stderr)
    if check and completed.rc != 0:
        raise _failure(argv, completed)
    return completed


def run_bounded(argv: t.Sequence[str], limit: int) -> str:
    """What ``argv`` prints, when it is at most ``limit`` bytes; else the tool is ended and OutputTooLongError raised.

    For tools that print little on standard error. Raises CommandError as ``run`` does.
    """
    path = require(argv[0])
    with subprocess.Popen(
        [path, *argv[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
    ) as process:
        stdout, stderr = t.cast("t.IO[bytes]", process.stdout), t.cast("t.IO[bytes]", process.stderr)
        output = stdout.read(limit + 1)
        if len(output) > limit:
            process.kill()
            text = f"{' '.join(argv)}: the answer is longer than {limit} bytes"
            raise OutputTooLongError(text, output.decode("utf-8", "surrogateescape"))
        said = stderr.read()
    completed = Completed(process.returncode, *(part.decode("utf-8", "surrogateescape") for part in (output, said)))
    if completed.rc != 0:
        raise _failure(argv, completed)
    return completed.stdout


def require(tool: str) -> str:
    """The path of a tool; raises MissingToolError."""
    path = find(tool)
    if path is None:
        raise MissingToolError(f"{tool} is not installed on this host (package {PACKAGES.get(tool, tool)})")
    return path


def _environment() -> dict[str, str]:
    return dict(os.environ, LC_ALL="C", LANGUAGE="C")


def _failure(argv: t.Sequence[str], completed: Completed) -> CommandError:
    said = completed.stderr.strip() or completed.stdout.strip() or "no message"
    text = f"{' '.join(argv)}: {said} (exit status {completed.rc})"
    if any(word in said.lower() for word in _DENIED):
        return PermissionDeniedError(f"{text}; run as root (become: true)")
    return CommandError(text)
