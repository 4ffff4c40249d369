# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Remedies that touch more flows than those they are made for: carried only if named, with their reach told.

mss_clamp touches every TCP connection by its interfaces, ecmp_hash every flow that its router spreads. So before one of
them is applied packets must show the fault that it is for, and after it they must show that this fault is gone.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.finding_remedies import stalls
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.forecast import (
    FlowForecast,
    Forecast,
    ForecastError,
    Step,
    planned,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.proof import WORKING
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.remedies import Remedy, merge_steps
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings import mtu
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import Hop
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network

WIDE = ("mss_clamp", "ecmp_hash")
# Several full segments and more than the first flight of ten: where one of them is lost, not all is acknowledged.
TRANSFER = {"size": 65536, "count": 1, "timeout": 6}
# Each from another port. Of two ways, all of them take the same with a chance of one in eight million.
SPREAD = {"count": 24, "interval": 0.1, "timeout": 1, "all": True}
STALL, LOSS = "stall", "loss"


def read_wide(given: t.Any) -> tuple[str, ...]:
    """The roles that a user names in symmetry_wide, as a list or with commas between; raises ForecastError."""
    roles = given.split(",") if isinstance(given, str) else given
    if not isinstance(roles, list):
        raise ForecastError(f"symmetry_wide: expected names of roles, such as mss_clamp, not {given!r}")
    roles = tuple(dict.fromkeys(str(role).strip() for role in roles if str(role).strip()))
    for role in roles:
        if role not in WIDE:
            raise ForecastError(f"symmetry_wide: {role!r} is not one of {', '.join(WIDE)}; others need no leave")
    return roles


def with_wide(steps: t.Sequence[Step], remedies: t.Iterable[Remedy], roles: t.Collection[str]) -> list[Step]:
    """The steps and those of the proposed remedies whose role is named; raises ForecastError where they disagree."""
    named = [remedy.step for remedy in remedies if remedy.role in roles]
    merged = merge_steps([*steps, *named]) if named else list(steps)
    if merged is None:
        told = ", ".join(f"{step.role} on {step.host}" for step in named)
        raise ForecastError(f"symmetry_wide: what is proposed ({told}) contradicts itself or the other remedies; "
                            "choose one and give it in symmetry_remedies")
    return merged


def groups(steps: t.Iterable[Step]) -> list[tuple[str, ...]]:
    """Hosts that are told to hash alike, which is of use on all of them or on none."""
    return [tuple(step.host for step in group) for group in _together(steps) if len(group) > 1]


def _together(steps: t.Iterable[Step]) -> list[list[Step]]:
    """The wide steps; those that make hosts hash alike go together."""
    found: dict[str, list[Step]] = {}
    for step in steps:
        if step.role in WIDE:
            own = str(sorted(step.variables.items())) if step.role == "ecmp_hash" else step.host
            found.setdefault(f"{step.role} {own}", []).append(step)
    return list(found.values())


# ---- what they reach


def reach(outlook: Forecast, steps: t.Sequence[Step], plan: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """``{role, hosts, text, flows, live}`` of the wide steps that change something, those that go together in one.

    ``flows`` are the named flows that they touch, ``live`` is how many of those that were found in connection tables.
    """
    found = []
    for group in _together(steps):
        changing = [step for step in group if plan[step.host]["changes_of"].get(step.role)]
        if not changing:
            continue
        touched = [flow.before.named for flow in outlook.flows if any(_touches(step, flow.before) for step in changing)]
        found.append({"role": group[0].role, "hosts": [step.host for step in changing], "text": _what(changing),
                      "flows": sorted({one.parent or one.name for one in touched if not one.live}),
                      "live": sum(one.live for one in touched)})
    return found


def _what(steps: t.Sequence[Step]) -> str:
    hosts = ", ".join(step.host for step in steps)
    if steps[0].role == "mss_clamp":
        edges = ", ".join(str(edge["interface"]) for edge in steps[0].variables["mss_clamp_edges"])
        return f"every new TCP connection by {edges} of {hosts}, both ways; open ones keep their size"
    return (f"every flow over several next hops of {hosts}, IPv4 and IPv6; open ones may change their next hop at "
            "once, and break where it keeps state")


def _touches(step: Step, told: FlowVerdict) -> bool:
    hops = [hop for hop in _hops(told) if hop.host == step.host]
    if step.role == "ecmp_hash":
        return any(hop.ways > 1 for hop in hops)
    edges = {edge["interface"] for edge in step.variables["mss_clamp_edges"]}
    return told.named.flow.protocol == "tcp" and any({hop.iif, hop.oif} & edges for hop in hops)


def _hops(told: FlowVerdict) -> t.Iterator[Hop]:
    for pair in told.journey.pairs:
        for path in (pair.forward, pair.back):
            yield from path.hops if path else ()


# ---- large packets, before and after


def large_packets(network: Network, outlook: Forecast, steps: t.Sequence[Step]) -> dict[str, t.Any]:
    """By the names of the flows whose large packets stall now or then ``{before, after, hosts, back}``, as texts.

    Empty where the steps have no clamp. ``hosts`` are those where they stall now; ``back``: only replies stall.
    """
    if not any(step.role == "mss_clamp" for step in steps):
        return {}
    then = planned(network, steps)
    found: dict[str, t.Any] = {}
    for flow in outlook.flows:
        if flow.before.named.live:
            continue
        before, after = stalls(network, flow.before), stalls(then, flow.after)
        if before or after:
            found[flow.before.name] = {
                "before": before[0].text if before else "", "after": after[0].text if after else "",
                "hosts": sorted({one.host for one in before}),
                "back": bool(before) and not mtu.lost_there(network, flow.before),
            }
    return found


def with_large_packets(told: t.Mapping[str, t.Any], large: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A forecast as data, where a flow whose large packets arrive then, and stall now, is better, and mended."""
    found = {**told, "flows": [dict(flow) for flow in told["flows"]]}
    for flow in found["flows"]:
        one = large.get(flow["name"])
        if one and flow["change"] == "equal" and bool(one["before"]) != bool(one["after"]):
            mends = bool(one["before"])
            flow["change"] = "better" if mends else "worse"
            flow["summary_after"] = "large packets arrive" if mends else "large packets stall"
    names = {change: [flow["name"] for flow in found["flows"] if flow["change"] == change]
             for change in ("better", "worse")}
    mended = [name for name in names["better"] if name in told["mended"] or large.get(name, {}).get("before")]
    return {**found, **names, "mended": mended}


# ---- what packets must show


def demands(
    outlook: Forecast, steps: t.Sequence[Step], large: t.Mapping[str, t.Any], hosts: t.Collection[str]
) -> dict[str, dict[str, t.Any]]:
    """By the names of flows what their probe must do beyond a connection, once these hosts are changed."""
    hashing = {step.host for step in steps if step.role == "ecmp_hash"}
    found: dict[str, dict[str, t.Any]] = {}
    for flow in outlook.flows:
        name, told = flow.before.name, large.get(flow.before.name)
        if told and _clamped(told, flow, hosts):
            found[name] = {**TRANSFER, "shows": STALL}
        elif _spread_alike(flow, hashing & set(hosts)):
            found[name] = {**SPREAD, "shows": LOSS}
    return found


def _clamped(told: t.Mapping[str, t.Any], flow: FlowForecast, hosts: t.Collection[str]) -> bool:
    """Whether large packets of the flow pass once the hosts are changed, so that its sender can show it."""
    return (
        bool(told["before"]) and not told["after"] and not told["back"]
        and flow.before.named.flow.protocol == "tcp" and set(told["hosts"]) <= set(hosts)
    )


def _spread_alike(flow: FlowForecast, hosts: t.Collection[str]) -> bool:
    """Whether the hosts spread it now, so that some of it breaks, and it works then. ICMP has no ports to spread by."""
    return (
        flow.before.verdict == "at_risk" and flow.after.verdict in WORKING
        and flow.before.named.flow.protocol in ("tcp", "udp")
        and any(hop.ways > 1 and hop.host in hosts for hop in _hops(flow.before))
    )


def with_demands(
    proof: dict[str, t.Any], wanted: t.Mapping[str, t.Mapping[str, t.Any]], large: t.Mapping[str, t.Any]
) -> dict[str, t.Any]:
    """The plan of a proof, whose probes do what is demanded."""
    unproven = [{"name": name, "why": "large replies are its service's to send, and no probe asks for them"}
                for name, told in large.items() if told["back"] and not told["after"]]
    probes = {host: [_demanded(item, wanted.get(item["name"], {})) for item in items]
              for host, items in proof["probes"].items()}
    return {**proof, "probes": probes, "unprovable": [*proof["unprovable"], *unproven]}


def _demanded(item: t.Mapping[str, t.Any], demand: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    return {**item, **{key: value for key, value in demand.items() if key != "shows"}}


def fault(proof: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """The plan by which packets show, before anything is changed, the faults that the wide remedies are for."""
    probes = {
        host: [{**_demanded(item, wanted[item["name"]]), "expect": wanted[item["name"]]["shows"]} for item in items
               if item["name"] in wanted]
        for host, items in proof["probes"].items()
    }
    return {"probes": {host: items for host, items in probes.items() if items}, "captures": {}, "unprovable": []}
