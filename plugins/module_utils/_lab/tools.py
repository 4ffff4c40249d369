# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The tools that a lab is built with, and what to install where one is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._lab.errors import LabError

# tool: package of Debian and Ubuntu
PACKAGES = {
    "ip": "iproute2",
    "nft": "nftables",
    "nsenter": "util-linux",
    "setsid": "util-linux",
    "unshare": "util-linux",
    "mount": "mount",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
    "vtysh": "frr",
    "conntrackd": "conntrackd",
    "keepalived": "keepalived",
    "nc.openbsd": "netcat-openbsd",  # by this name: other programs called nc cannot hand over a connection
}
# A user's PATH may lack the directories of administration tools.
SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"])


def path(tool: str) -> str:
    """Where a tool is; raises LabError where it is not installed."""
    found = shutil.which(tool, path=SEARCH)
    if found is None:
        package = PACKAGES.get(tool, tool)
        raise LabError(f"{tool} is not installed on the control node (Debian and Ubuntu: apt install {package})")
    return found


ONLY_WHERE_ASKED = ("vtysh", "conntrackd", "keepalived")


def require(also: t.Sequence[str] = ()) -> None:
    """Raise LabError unless this user and machine can build a lab; names everything that is missing.

    ``also``: tools of ONLY_WHERE_ASKED that the topology needs.
    """
    if os.geteuid() != 0:
        raise LabError("a lab needs root: network namespaces and mounts; run the playbook as root or with become")
    needed = [tool for tool in PACKAGES if tool not in ONLY_WHERE_ASKED or tool in also]
    missing = [tool for tool in needed if shutil.which(tool, path=SEARCH) is None]
    if missing:
        packages = " ".join(sorted({PACKAGES[tool] for tool in missing}))
        names = ", ".join(missing)
        raise LabError(f"not installed on the control node: {names} (Debian and Ubuntu: apt install {packages})")


def environment() -> dict[str, str]:
    """The environment of tools: messages in English, and a PATH with everything."""
    return dict(os.environ, LC_ALL="C", LANGUAGE="C", PATH=SEARCH)


def run(argv: t.Sequence[str], input: str | None = None, timeout: float = 60) -> tuple[int, str]:
    """Run a tool to its end; its exit status and what it printed, errors last."""
    done = subprocess.run(
        [path(argv[0]), *argv[1:]],
        input=input,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        env=environment(),
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).strip()
