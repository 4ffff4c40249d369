# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What the memory of RouterOS holds of the flows: mostly rules of the firewall with log=yes.

Source: MikroTik documentation, "Log": each entry is the time, the topics and the message.
"""

from __future__ import annotations

import re

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, Reading

_ADDRESS = r"[0-9A-Fa-f.:]{2,45}"
QUESTION = rf'/log print without-paging where message~"{_ADDRESS}" message~"{_ADDRESS}"'  # for the whitelist
_MOST = 20  # of a flow, the newest
# The date is left out of entries of today; older releases write mar/05, or mar/05/2026.
_ENTRY = re.compile(
    r"^\s*(?P<time>(?:(?:\d{4}-\d\d-\d\d|[a-z]{3}/\d\d(?:/\d{4})?) )?\d\d:\d\d:\d\d) "
    r"(?P<topics>[a-z0-9!-]+(?:,[a-z0-9!-]+)*) (?P<message>\S.*)$")
_ECHO = re.compile(r"^\s*\d\d:\d\d:\d\d echo: ")  # what the device tells whoever is logged in
_HEADING = re.compile(r"^\s*(?:Flags|Columns): |^\s*#? *TIME +TOPICS\b")
_END = r"(?:\[(?P<{0}six>[0-9A-Fa-f:]+)\]|(?P<{0}four>\d+(?:\.\d+){{3}}))(?::(?P<{0}port>\d+))?"
_PAIR = re.compile(f"{_END.format('s_')}->{_END.format('d_')}")
_RULE = re.compile(r"^(?P<rule>\S.*?): in:")


def read(asking: Asking) -> Reading:
    """Entries that name both addresses; of those that tell a packet, those with the ports and protocol of the flow."""
    found: list[Dict] = []
    strange = 0
    for flow in asking.request.flows:
        command = f'/log print without-paging where message~"{flow.source}" message~"{flow.destination}"'
        entries = []
        for line in asking.ask(command).splitlines():
            match = _ENTRY.match(line)
            if match and _concerns(match["message"], flow):
                rule = _RULE.match(match["message"])
                entries.append({"flow": str(flow), "time": match["time"], "line": line.strip(),
                                "reason": rule["rule"] if rule else match["topics"]})
            elif not match and line.strip() and not _ECHO.match(line) and not _HEADING.match(line):
                asking.keep(command, [line])
                strange += 1
        found += entries[-_MOST:]
    return Reading(found, f"{strange} lines of the log are not understood" if strange else "")


def _concerns(message: str, flow: Flow) -> bool:
    """The device compares text: 110.10.0.2 contains 10.10.0.2, and other ports have the same addresses."""
    pairs = list(_PAIR.finditer(message))
    protocol = re.search(r"\bproto (?P<name>[A-Za-z]+)", message)
    if protocol and protocol["name"].lower() in ("tcp", "udp", "icmp") and protocol["name"].lower() != flow.protocol:
        return False
    if pairs:
        return any(_is(pair, one) for pair in pairs for one in (flow, flow.reversed()))
    return all(re.search(rf"(?<![0-9A-Fa-f.:]){re.escape(one)}(?![0-9A-Fa-f]|[.:][0-9A-Fa-f])", message)
               for one in (flow.source, flow.destination))


def _is(pair: re.Match[str], flow: Flow) -> bool:
    ends = [words.address(pair[f"{end}_six"] or pair[f"{end}_four"]) for end in ("s", "d")]
    ports = [words.number(pair[f"{end}_port"]) for end in ("s", "d")]
    return ends == [flow.source, flow.destination] and all(
        mine in (None, theirs) for mine, theirs in zip((flow.sport, flow.dport), ports, strict=True))
