# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Sessions of PAN-OS: found by the tuple, then each told in full."""

from __future__ import annotations

import re

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import PROTOCOLS, Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, Reading

_LISTED = re.compile(r"^(?P<id>\d+)\s+\S+\s+(?P<state>[A-Z]+)\s+(?P<type>[A-Z]+)")
_NAMES = {number: name for name, number in PROTOCOLS.items()}
_DETAILS = ("application", "rule", "pbf rule", "symmetric return mac", "nat-rule", "session synced from HA peer",
            "session owned by", "layer7 processing", "tracker stage firewall", "end-reason", "offload")
_FIELD = re.compile(r"^\s*(?P<key>[A-Za-z][\w /()-]*?)\s*:\s+(?P<value>.*?)\s*$")


def read(asking: Asking, several: str) -> Reading:
    """Of the flows of the request, both ways round. ``several``: why not all virtual systems are read."""
    listed: list[Dict] = []
    seen: set[str] = set()
    cut = strange = ""
    for flow in asking.request.flows:
        for one in (flow, flow.reversed()):
            text = asking.ask(_filter(one))
            ids = [match["id"] for line in text.splitlines() if (match := _LISTED.match(line))]
            if not ids and text.strip() and "no active sessions" not in text.lower():
                asking.keep("show session all", text.splitlines())
                strange = "a list of sessions is not understood"
            for number in ids:
                if len(listed) >= asking.request.max_sessions:
                    cut = f"more than {asking.request.max_sessions} sessions"
                elif number not in seen:
                    seen.add(number)
                    found, doubt = _session(asking, number, flow)
                    listed, strange = [*listed, *found], strange or doubt
    info = asking.ask("show session info")
    value: Dict = {"listed": listed, "count": _number(r"active sessions:\s+(\d+)", info),
                   "max": _number(r"sessions supported:\s+(\d+)", info)}
    return Reading(value, "; ".join(filter(None, (several, cut, strange))))


def _filter(flow: Flow) -> str:
    ports = (("source-port", flow.sport), ("destination-port", flow.dport))
    more = "".join(f" {word} {port}" for word, port in ports if port is not None)
    return (f"show session all filter source {flow.source} destination {flow.destination} "
            f"protocol {PROTOCOLS[flow.protocol]}{more}")


def _number(pattern: str, text: str) -> int | None:
    match = re.search(pattern, text)
    return int(match[1]) if match else None


def _session(asking: Asking, number: str, flow: Flow) -> tuple[list[Dict], str]:
    """The session, none where it has ended since it was listed; and whether it is not understood."""
    command = f"show session id {number}"
    text = asking.ask(command)
    head, mark, tail = text.partition("s2c flow:")
    forth, back = _flow(head), _flow(tail)
    if not mark or not forth or not back:
        asking.keep(command, text.splitlines() if "c2s flow:" in text else ())
        return [], f"session {number} is not understood" if "c2s flow:" in text else ""
    fields = {match["key"].strip(): match["value"] for line in tail.splitlines() if (match := _FIELD.match(line))}
    bytes_ = _both(fields, "total byte count")
    packets = _both(fields, "layer7 packet count")
    return [{
        "flow": str(flow), "id": number, "protocol": forth["protocol"], "source": forth["source"],
        "destination": forth["destination"], "sport": forth["sport"], "dport": forth["dport"],
        "zone_in": forth["zone"], "zone_out": back["zone"], "state": forth["state"],
        "reply_source": back["source"], "reply_destination": back["destination"], "one_way": _one_way(bytes_),
        **({"in": fields["ingress interface"]} if fields.get("ingress interface") else {}),
        **({"out": fields["egress interface"]} if fields.get("egress interface") else {}),
        **({"bytes": bytes_} if bytes_ else {}), **({"packets": packets} if packets else {}),
        "details": [f"{key}: {fields[key]}" for key in _DETAILS if fields.get(key)],
    }], ""


def _flow(text: str) -> Dict:
    ends = re.search(r"source:\s+(?P<source>\S+) \[(?P<zone>[^\]]+)\]\s+dst:\s+(?P<destination>\S+)", text)
    ports = re.search(r"proto:\s+(?P<protocol>\d+)\s+sport:\s+(?P<sport>\d+)\s+dport:\s+(?P<dport>\d+)", text)
    state = re.search(r"state:\s+(?P<state>\w+)", text)
    if not ends or not ports or not words.address(ends["source"]) or not words.address(ends["destination"]):
        return {}
    number = int(ports["protocol"])
    return {**ends.groupdict(), "protocol": _NAMES.get(number, str(number)), "sport": int(ports["sport"]),
            "dport": int(ports["dport"]), "state": state["state"] if state else "unknown"}


def _both(fields: Dict, name: str) -> list[int]:
    found = [words.number(fields.get(f"{name}({way})")) for way in ("c2s", "s2c")]
    return [one for one in found if one is not None] if None not in found else []


def _one_way(bytes_: list[int]) -> bool | None:
    """Nothing has come back, by the device's own count; not told where it has counted nothing at all.

    A session that came from the peer of a pair has no counters of its own before packets reach this unit.
    """
    if len(bytes_) != 2 or not any(bytes_):
        return None
    return bytes_[1] == 0
