# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The traffic log of PAN-OS: how sessions of the flows ended, by which zones and interfaces they went.

A row is CSV in the order of the fields of a syslog message. Source: Palo Alto Networks, PAN-OS Administrator's Guide,
"Traffic Log Fields".
"""

from __future__ import annotations

import csv
import re

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, Reading

_ASK = 'show log traffic query equal "{query}" receive_time in last-hour direction equal backward csv-output equal yes'
_ADDRESS, _PORT = r"[0-9A-Fa-f.:]{2,45}", r"\d{1,5}"
QUESTION = re.escape(_ASK).replace(  # for the dialect's whitelist: addresses and ports, and no other query
    re.escape("{query}"),
    rf"\( addr\.src in {_ADDRESS} \) and \( addr\.dst in {_ADDRESS} \)"
    rf"(?: and \( port\.src eq {_PORT} \))?(?: and \( port\.dst eq {_PORT} \))?")
_MOST = 20  # of a flow and a direction, the newest
# Where a field stands, counted from that which says TRAFFIC.
_PLACES = {
    "subtype": 1, "time": 3, "source": 4, "destination": 5, "rule": 8, "application": 11, "zone_in": 13, "zone_out": 14,
    "in": 15, "out": 16, "session": 19, "sport": 21, "dport": 22, "protocol": 26, "action": 27, "sent": 41,
    "received": 42, "reason": 43,
}
_REASON = re.compile(r"[a-z][a-z0-9/-]+")
_SUBTYPES = ("start", "end", "drop", "deny")


def read(asking: Asking, several: str) -> Reading:
    """Of the last hour. ``several``: why not all virtual systems are read."""
    found: list[Dict] = []
    strange = 0
    for flow in asking.request.flows:
        for one in (flow, flow.reversed()):
            command = _ASK.format(query=_query(one))
            rows = []
            for line in filter(str.strip, asking.ask(command, patience=120).splitlines()):
                row = _row(line, one)
                if row is None:
                    asking.keep(command, [line])
                    strange += 1
                elif row:
                    rows.append({"flow": str(flow), **row})
            found += rows[:_MOST]
    return Reading(found, "; ".join(filter(None, (
        several, f"{strange} lines of the traffic log are not understood" if strange else ""))))


def _query(flow: Flow) -> str:
    wanted = [f"( addr.src in {flow.source} )", f"( addr.dst in {flow.destination} )"]
    wanted += [f"( port.{end} eq {port} )" for end, port in (("src", flow.sport), ("dst", flow.dport))
               if port is not None]
    return " and ".join(wanted)


def _row(line: str, flow: Flow) -> Dict | None:
    """``{time, reason, line}``, the line in words; empty: a heading, or another protocol; None: not understood.

    A row that is not of the addresses and ports that were asked for is laid out in another way.
    """
    cells = next(csv.reader([line]))
    if "Receive Time" in cells:
        return {}
    start = cells.index("TRAFFIC") if "TRAFFIC" in cells else len(cells)
    if len(cells) <= start + max(_PLACES.values()) + 1:  # the last that is needed is whole where another comes after it
        return None
    one = {name: cells[start + place].strip() for name, place in _PLACES.items()}
    if (words.address(one["source"]), words.address(one["destination"])) != (flow.source, flow.destination):
        return None
    ports = [words.number(one[name]) for name in ("sport", "dport")]
    if any(mine is not None and mine != theirs for mine, theirs in zip((flow.sport, flow.dport), ports, strict=True)):
        return None
    if not one["time"] or one["subtype"] not in _SUBTYPES or not _REASON.fullmatch(one["reason"]):
        return None
    if one["protocol"] in ("tcp", "udp", "icmp") and one["protocol"] != flow.protocol:
        return {}
    # Only a session that has ended has a reason; of the others it says n/a.
    return {"time": one["time"], "reason": one["subtype"] if one["reason"] == "n/a" else one["reason"],
            "line": "{subtype} {protocol} {source}:{sport} > {destination}:{dport}, {zone_in} {in} > {zone_out} {out}, "
                    "rule {rule}, application {application}, action {action}, packets {sent}/{received}, "
                    "session {session}".format_map(one)}
