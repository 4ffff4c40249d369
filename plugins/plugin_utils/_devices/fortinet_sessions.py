# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Sessions of FortiOS. The list is narrowed by a filter that belongs to the login and is cleared afterwards."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import PROTOCOLS, Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, Dict, Reading

_SESSION = re.compile(r"^session6? info: proto=(?P<protocol>\d+) proto_state=(?P<state>\w+)")
_STATISTIC = re.compile(r"org=(?P<ob>\d+)/(?P<op>\d+)/\d+ reply=(?P<rb>\d+)/(?P<rp>\d+)/\d+")
_DEVICES = re.compile(r"dev=(?P<in>\d+)->(?P<out>\d+)/\d+->\d+(?: gwy=(?P<gateways>\S+))?")
_HOOK = re.compile(
    r"^hook=\S+ dir=(?P<way>org|reply) act=(?P<act>\w+) (?P<source>[0-9A-Fa-f.:]+):(?P<sport>\d+)->"
    r"(?P<destination>[0-9A-Fa-f.:]+):(?P<dport>\d+)\(", re.M)
_NAMES = {str(number): name for name, number in PROTOCOLS.items()}


def read(asking: Asking, prefix: str, indexes: dict[int, str], why: str) -> Reading:
    """Of the flows of the request, both ways round. ``prefix``: of commands, where the login is above all domains."""
    listed: list[Dict] = []
    seen: set[str] = set()
    cut = strange = ""
    for flow in asking.request.flows:
        for one in (flow, flow.reversed()):
            for entry in _sessions(_listing(asking, prefix, one), asking, indexes, flow):
                if not entry:
                    strange = "a session is not understood"
                    continue
                if entry.get("id") in seen:
                    continue
                if len(listed) >= asking.request.max_sessions:
                    cut = f"more than {asking.request.max_sessions} sessions"
                    break
                seen.add(entry.get("id", ""))
                listed.append(entry)
    stat = re.search(r"session_count=(\d+)", asking.ask(f"{prefix}diagnose sys session stat"))
    value = {"listed": listed, "count": int(stat[1]) if stat else None, "max": None}
    return Reading(value, "; ".join(filter(None, (why, cut, strange))))


def _listing(asking: Asking, prefix: str, flow: Flow) -> str:
    kind = f"{prefix}diagnose sys session{'6' if flow.family == 6 else ''}"
    conditions = [f"proto {PROTOCOLS[flow.protocol]}", f"src {flow.source}", f"dst {flow.destination}"]
    conditions += [f"sport {flow.sport}"] if flow.sport is not None else []
    conditions += [f"dport {flow.dport}"] if flow.dport is not None else []
    asking.ask_again(f"{kind} filter clear")
    try:
        for condition in conditions:
            asking.ask_again(f"{kind} filter {condition}")
        return asking.ask_again(f"{kind} list", patience=120)
    finally:
        asking.ask_again(f"{kind} filter clear")


def _sessions(text: str, asking: Asking, indexes: dict[int, str], flow: Flow) -> t.Iterator[Dict]:
    """Each session; an empty one stands for what is not understood."""
    for head, lines in words.blocks(text, _SESSION):
        block = "\n".join(line.strip() for line in lines)
        hooks = {match["way"]: match for match in reversed(list(_HOOK.finditer(block)))}
        counted, devices = _STATISTIC.search(block), _DEVICES.search(block)
        if "org" not in hooks:
            asking.keep("diagnose sys session list", [head.string, *lines])
            yield {}
            continue
        forth, back = hooks["org"], hooks.get("reply")
        serial = re.search(r"\bserial=(\w+)", block)
        state = re.search(r"^state=(.*?)\s*$", block, re.M)
        yield {
            "flow": str(flow), "protocol": _NAMES.get(head["protocol"], head["protocol"]), "state": head["state"],
            "source": forth["source"], "destination": forth["destination"],
            "sport": int(forth["sport"]), "dport": int(forth["dport"]), "one_way": _one_way(counted),
            **({"id": serial[1]} if serial else {}),
            **({"bytes": [int(counted["ob"]), int(counted["rb"])],
                "packets": [int(counted["op"]), int(counted["rp"])]} if counted else {}),
            **({"in": indexes.get(int(devices["in"]), f"interface {devices['in']}"),
                "out": indexes.get(int(devices["out"]), f"interface {devices['out']}")} if devices else {}),
            **({"reply_source": back["source"], "reply_destination": back["destination"]} if back else {}),
            "details": [text for text in (
                f"state: {state[1]}" if state and state[1] else "",
                f"gateways: {devices['gateways']}" if devices and devices["gateways"] else "",
                *(re.findall(r"\b(policy_id=\d+|tun_id=\S+|no_ofld_reason: .*|npu_state=\S+.*)", block))) if text],
        }


def _one_way(counted: re.Match[str] | None) -> bool | None:
    """Nothing has come back; not told where nothing is counted at all, as for a session that the peer has sent."""
    if counted is None or not int(counted["op"]):
        return None
    return not int(counted["rp"])
