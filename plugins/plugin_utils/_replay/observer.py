# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The independent observer of a replay: it looks at the lab's hosts past Ansible, at kernels and clients."""

from __future__ import annotations

import difflib
import json
import pathlib
import re
import subprocess
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import access

# Everything that a remedy of ours could touch, in the kernel's own words and order.
KERNEL_STATE = (
    "ip -4 -d rule show",
    "ip -6 -d rule show",
    "ip -4 -d route show table all",
    "ip -6 -d route show table all",
    "ip -br link show",
    "nft -s list ruleset",
    "grep -r . /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf --include=rp_filter"
    " --include=ignore_routes_with_linkdown"
    " --include=src_valid_mark --include=accept_local --include=forwarding | sort",
    "cat /proc/sys/net/ipv4/ip_forward",
)
_VOLATILE = re.compile(r" expires \d+sec| (?:users|age) \d+")


class Observer:
    """Runs commands inside the hosts of one lab, without Ansible and without SSH."""

    def __init__(self, lab_dir: pathlib.Path, lab: str) -> None:
        self._dir = lab_dir
        self._lab = lab

    def sh(self, host: str, script: str, timeout: float = 30) -> str:
        """The output of a shell script inside a host; raises where it fails."""
        return str(access.run(str(self._dir), self._lab, host, ["sh", "-c", script], timeout=timeout).stdout)

    def start(self, host: str, argv: t.Sequence[str], output: t.IO[str] | int) -> subprocess.Popen[str]:
        """Start a program inside a host that runs beside the replay; the caller ends it."""
        command = access.command(str(self._dir), self._lab, host, argv)
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, text=True)

    def kernel_state(self, host: str) -> list[str]:
        """Rules, routes, links, nft rules and sysctls of a host, one object a line, each with its command before it."""
        lines: list[str] = []
        for command in KERNEL_STATE:
            output = self.sh(host, command)
            lines += [f"# {command}"]
            lines += [_VOLATILE.sub("", line.rstrip()) for line in output.splitlines() if line.strip()]
        return lines

    def routing_state(self, host: str) -> list[str]:
        """The kernel state without the IPv6 routes of the kernel itself: a link that was down and up reorders those."""
        return [line for line in self.kernel_state(host) if not ("proto kernel" in line and " pref " in line)]

    def http_status(self, host: str, url: str, seconds: int = 3) -> str:
        """The status of an HTTP request from a host, or "timeout" and the like, as curl sees it."""
        script = f"curl -s -o /dev/null -m {seconds} -w '%{{http_code}}' {url} || echo \" $?\""
        code, _space, failure = self.sh(host, script, timeout=seconds + 5).strip().partition(" ")
        return {"": code, "28": "timeout", "7": "refused"}.get(failure, f"curl error {failure}")

    def connections(self, host: str, filters: str = "") -> list[str]:
        """The conntrack entries of a host, as the conntrack tool prints them."""
        return self.sh(host, f"conntrack -L {filters} 2>/dev/null || true").strip().splitlines()

    def invalid_drops(self, host: str) -> int:
        """Packets that the rules on ``ct state invalid`` of a host have counted."""
        rules = json.loads(self.sh(host, "nft -j list ruleset"))["nftables"]
        return sum(
            part["counter"]["packets"]
            for rule in (entry["rule"] for entry in rules if "rule" in entry)
            if any(_is_invalid_match(part) for part in rule["expr"])
            for part in rule["expr"]
            if "counter" in part
        )


def _is_invalid_match(part: t.Mapping[str, t.Any]) -> bool:
    match = part.get("match", {})
    return bool(match.get("left") == {"ct": {"key": "state"}} and match.get("right") in ("invalid", ["invalid"]))


def difference(before: t.Sequence[str], after: t.Sequence[str]) -> list[str]:
    """The lines that came (+) and went (-), without context."""
    return [
        line
        for line in difflib.unified_diff(before, after, n=0, lineterm="")
        if line[:1] in "+-" and not line.startswith(("+++", "---"))
    ]
