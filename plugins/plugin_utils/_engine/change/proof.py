# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Plan and judge the proof by real packets: who sends new packets, who watches them, and what must be seen."""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow

Data = t.Mapping[str, t.Any]
Address = t.Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
EXPECTED = "expected to be"
WORKING = ("symmetric", "asymmetric_harmless")


def plan_proof(
    verdicts: t.Sequence[Data],
    facts: t.Mapping[str, Data],
    watchers: t.Sequence[str],
    watched: t.Container[str] | None = None,
) -> dict[str, t.Any]:
    """Who probes which flow, and which of the hosts that steer it watch meanwhile, on all their interfaces.

    Only flows that are expected to work are probed, from the host that owns their source address. Live flows are left
    alone: they prove themselves. Of a prefix flow each class is proven by a flow between hosts that are known.
    ``watched`` names the flows that are captured, None all of them. The result has ``probes`` and ``captures`` by host,
    and ``unprovable`` with reasons.
    """
    probes: dict[str, list[dict[str, t.Any]]] = {}
    captures: dict[str, list[dict[str, t.Any]]] = {}
    unprovable: list[dict[str, str]] = []
    for verdict in (part for one in verdicts for part in one.get("partition") or [one]):
        if verdict["live"]:
            continue
        flow, why = _to_send(verdict, facts)
        sender = _owner(facts, flow.source) if flow else None
        why = _not_provable(verdict, sender) if flow or verdict["verdict"] not in WORKING else why
        if why or sender is None or flow is None:
            unprovable.append({"name": verdict["name"], "why": why})
            continue
        probes.setdefault(sender, []).append({"name": verdict["name"], "flow": _new(flow)})
        for watcher in watchers:
            if _crosses(verdict, watcher) and (watched is None or verdict["name"] in watched):
                captures.setdefault(watcher, []).append(
                    {
                        "name": verdict["name"],
                        "flow": _new(flow),
                        "addresses": _translated(verdict),
                        "symmetric": verdict["verdict"] == "symmetric",
                    }
                )
    return {"probes": probes, "captures": captures, "unprovable": unprovable}


def steering(facts: t.Mapping[str, Data]) -> list[str]:
    """The hosts that choose between uplinks: those with default routes by more than one interface."""
    found = []
    for host, known in facts.items():
        legs = [
            leg
            for route in known.get("routes", ())
            if route["dst"] in ("0.0.0.0/0", "::/0")
            for leg in route.get("nexthops", ())
        ]
        if len({leg.get("device") for leg in legs}) > 1:
            found.append(host)
    return sorted(found)


def _not_provable(verdict: Data, sender: str | None) -> str:
    if verdict["verdict"] not in WORKING:
        return f"{EXPECTED} {verdict['verdict']}"
    if sender is None:
        return "its source is not a host of the inventory"
    return "one way: nothing comes back that would prove it" if verdict["one_way"] else ""


def _to_send(verdict: Data, facts: t.Mapping[str, Data]) -> tuple[Flow | None, str]:
    """The flow itself; of a class of a prefix flow (``flows``) one between ends that are there; or why none is."""
    if not verdict.get("flows"):
        return Flow.parse(verdict["flow"]), ""
    named, why = Flow.parse(verdict.get("example") or verdict["flow"]), ""
    for group in verdict["flows"]:
        source = _end(group["source"], facts)
        destination = _end(group["destination"], facts)
        ports = group.get("dport", [])
        if source is None:
            why = why or "no host of the inventory has one of its sources"
        elif destination is None:
            why = why or ("no host of the inventory has one of its destinations, so none is known to answer: "
                          "name a single flow of it")
        elif len(ports) > 1 or any("-" in port for port in ports):
            why = why or "which of its ports answers is not known: name a single flow of it"
        else:
            dport = int(ports[0]) if ports else None
            return dataclasses.replace(named, source=source, destination=destination, sport=None, dport=dport), ""
    return None, why


def _end(listed: t.Sequence[str], facts: t.Mapping[str, Data]) -> str | None:
    """The address, where it is a single one; else the first among the prefixes and ranges that a host has."""
    if len(listed) == 1 and not set("/-") & set(listed[0]):
        return listed[0]
    spans = [_span(text) for text in listed]
    for known in facts.values():
        for interface in known.get("interfaces", {}).values():
            for item in interface.get("addresses", ()):
                address = ipaddress.ip_address(item["address"])
                if any(first.version == address.version and int(first) <= int(address) <= int(last)
                       for first, last in spans):
                    return str(address)
    return None


def _span(text: str) -> tuple[Address, Address]:
    """The first and the last address of a prefix, of ``first-last`` or of a single address."""
    if "/" in text:
        prefix = ipaddress.ip_network(text)
        return prefix[0], prefix[-1]
    first, _dash, last = text.partition("-")
    return ipaddress.ip_address(first), ipaddress.ip_address(last or first)


def _owner(facts: t.Mapping[str, Data], address: str) -> str | None:
    for host, known in facts.items():
        for interface in known.get("interfaces", {}).values():
            if any(item["address"] == address for item in interface.get("addresses", ())):
                return host
    return None


def _new(flow: Flow) -> str:
    """The flow with any source port: the one it names may belong to a program that runs."""
    return str(dataclasses.replace(flow, sport=None))


def _crosses(verdict: Data, host: str) -> bool:
    return any(hop["host"] == host for path in (*verdict["forward"], *verdict["return"]) for hop in path["hops"])


def _translated(verdict: Data) -> list[str]:
    """Addresses that translation puts into the packets somewhere on the path."""
    named = set(Flow.parse(verdict.get("example") or verdict["flow"]).to_dict().values())
    seen = {address for path in verdict["forward"] for address in _addresses(path["flow"])}
    return sorted(seen - named)


def _addresses(text: str) -> tuple[str, str]:
    flow = Flow.parse(text)
    return flow.source, flow.destination


def judge_proof(probes: t.Sequence[Data], captures: t.Sequence[Data]) -> dict[str, t.Any]:
    """What the packets showed. ``probes``: {name, host, ok, error?, seconds?, sent?, received?, size?, all?, expect?};
    ``captures``: {name, host, symmetric,
    counts: [{interface, direction, way, packets}], error?}, as collected by the playbook.

    A flow has failed when no probe got an answer (with ``all``: when one got none), when a host could not watch it, or
    when a flow that is expected to be symmetric was seen to leave by one interface of a watching host and to come back
    by another. A probe that expects a ``stall`` or a ``loss`` has failed when it did not see that fault.
    """
    lines, failed = [], []
    for probe in probes:
        seen = [_split(capture) for capture in captures if capture["name"] == probe["name"]]
        problem, answered = _fault(probe) if probe.get("expect") else _answer(probe)
        problem = problem or next((text for text in seen if text.startswith(("split", "unseen"))), "")
        lines.append(
            {
                "name": probe["name"],
                "host": probe["host"],
                "ok": not problem,
                "text": "; ".join(part for part in [problem or answered, *seen] if part),
            }
        )
        if problem:
            failed.append(probe["name"])
    for line in lines:
        line["line"] = f"{line['name']}: {line['text']}"
    text = [f"{'ok  ' if line['ok'] else 'FAIL'} {line['line']}" for line in lines]
    return {"flows": lines, "failed_flows": failed, "lines": text}


def _answer(probe: Data) -> tuple[str, str]:
    """What is wrong with what a probe saw, and what it saw where nothing is."""
    if not probe["ok"]:
        return f"no answer ({probe.get('error') or 'lost'})", ""
    if probe.get("all"):
        told = f"{probe['received']} of {probe['sent']} answered"
        return (told, "") if probe["received"] < probe["sent"] else ("", told)
    if probe.get("seconds") is None:
        return "", ""
    what = f"{probe['size']} bytes arrived" if probe.get("size") else "answered"
    return "", f"{what} in {probe['seconds'] * 1000:.1f} ms"


def _fault(probe: Data) -> tuple[str, str]:
    """Why the fault that a probe looked for was not seen, and what it saw where it was."""
    sent, received = probe.get("sent") or 0, probe.get("received") or 0
    if probe["expect"] == "loss":
        told = f"{received} of {sent} answered"
        some = 0 < received < sent
        return ("", f"{told}, so some of it breaks") if some else (f"{told}, not some and not others", "")
    if probe.get("error") == "stalled" and not received:
        return "", f"{probe['size']} bytes stall"
    return (f"{probe['size']} bytes arrive" if probe["ok"] else f"no answer ({probe.get('error') or 'lost'})"), ""


def left_out(unprovable: t.Sequence[Data]) -> list[str]:
    """A line for each flow that should work and could not be proven: what was not shown is said."""
    return [f"---- {item['name']}: not proven by packets: {item['why']}" for item in unprovable
            if not item["why"].startswith(EXPECTED)]


def _split(capture: Data) -> str:
    """How the two directions of a captured flow crossed the watching host, on its side towards the destination.

    A host that is itself the destination has no such side: there it is where requests come in and replies leave.
    """
    if capture.get("error"):
        return f"unseen at {capture['host']}: {capture['error']}"
    sides: dict[str, list[str]] = {}
    for item in sorted(capture["counts"], key=lambda item: str(item["interface"])):
        if item["packets"]:
            sides.setdefault(f"{item['way']} {item['direction']}", []).append(item["interface"])
    if "forward out" in sides or "return in" in sides:
        asked, answered = sides.get("forward out", []), sides.get("return in", [])
        words = ("requests leave", "replies come in on")
    else:
        asked, answered = sides.get("forward in", []), sides.get("return out", [])
        words = ("requests come in on", "replies leave")
    seen = f"{words[0]} {', '.join(asked)}" if asked else "no request"
    seen += f", {words[1]} {', '.join(answered)}" if answered else ", no reply"
    split = capture["symmetric"] and bool(asked) and bool(answered) and asked != answered
    return f"split at {capture['host']}: {seen}" if split else f"{capture['host']}: {seen}"
