# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Remedies that might mend a failing flow, in the order in which they are tried. The forecast decides which do."""

from __future__ import annotations

import dataclasses
import ipaddress
import itertools
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.forecast import Step
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import Path, refusal_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import Uplink, family_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import ReversePath

MAIN = 254  # the number of the main routing table
NO_COST = "none: no packet passes that would not have passed before"


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A remedy that has not been forecast yet. ``cost`` orders by what it gives up in security, 0 is nothing."""

    step: Step
    cost: int
    security_cost: str
    why: str
    text: str
    source_after: str = ""  # the address that the far side will see, where the remedy translates
    flows: tuple[str, ...] = ()  # those that it was made for


def candidates(network: Network, failing: t.Sequence[FlowVerdict]) -> list[Candidate]:
    """Every candidate once, with all the flows that it was made for, the least cost first."""
    found: dict[t.Any, Candidate] = {}
    for told in failing:
        for candidate in (*_pins(network, told), *_source_rules(network, told), *_returns(network, told),
                          *_loose(network, told)):
            if candidate.step.host in network.foreign:
                continue  # nothing of it is ours to change
            key = _identity(network, candidate)
            known = found.get(key)
            found[key] = _joined(known, candidate, told.name) if known else dataclasses.replace(
                candidate, flows=(told.name,))
    return sorted(found.values(), key=lambda candidate: candidate.cost)


def _identity(network: Network, candidate: Candidate) -> t.Any:
    """What makes two candidates the same remedy; pins of destinations that nobody declared go into one."""
    step = candidate.step
    if step.role == "rp_filter":
        return step.role, step.host, step.variables["rp_filter_interfaces"][0]["name"]
    if step.role == "policy_route":
        pin = step.variables["policy_route_pins"][0]
        prefix = pin["prefixes"][0]
        declared = network.site.external_of(prefix.rpartition("/")[0])
        name = declared.name if declared else ""
        return step.role, step.host, pin["uplink"], candidate.source_after, family_of(prefix), name
    return step.role, step.host, str(step.variables)


def _joined(known: Candidate, other: Candidate, flow: str) -> Candidate:
    """One candidate of two: the prefixes of both pins, the flows of both."""
    flows = tuple(dict.fromkeys((*known.flows, flow)))
    if known.step.role != "policy_route":
        return dataclasses.replace(known, flows=flows)
    pin, more = (one.step.variables["policy_route_pins"][0] for one in (known, other))
    prefixes = list(dict.fromkeys((*pin["prefixes"], *more["prefixes"])))
    if prefixes == pin["prefixes"]:
        return dataclasses.replace(known, flows=flows)
    variables = {**known.step.variables,
                 "policy_route_pins": [{**pin, "name": f"by_{pin['uplink']}", "prefixes": prefixes}]}
    return _worded(dataclasses.replace(known, flows=flows, step=dataclasses.replace(known.step, variables=variables)))


def _worded(candidate: Candidate) -> Candidate:
    """The text of a pin, out of its variables."""
    pin = candidate.step.variables["policy_route_pins"][0]
    prefixes = pin["prefixes"]
    shown = ", ".join(prefixes[:3]) + (f" and {len(prefixes) - 3} more" if len(prefixes) > 3 else "")
    text = f"pin {shown} to {pin['uplink']} on {candidate.step.host}"
    if candidate.source_after:
        text += f" and translate the source to {candidate.source_after}"
    return dataclasses.replace(candidate, text=text)


def short_name(uplink: Uplink) -> str:
    """The uplink's name for a role's variables: an inferred ``host:interface`` loses its host."""
    return uplink.name.removeprefix(f"{uplink.host}:")


def _pins(network: Network, told: FlowVerdict) -> t.Iterator[Candidate]:
    """policy_route on each host of the flow's way out that has a choice of uplinks: keep the way, or take another."""
    for path in _ways_out(told):
        far = _far_address(told, path)
        for hop in path.hops:
            uplinks = _choice(network, hop.host, family_of(far))
            taken = next((uplink for uplink in uplinks if uplink.interface == hop.oif), None)
            if taken is None or len(uplinks) < 2:
                continue
            if told.forward_paths() and path in told.forward_paths():  # replies follow the address that we send from
                for address in network.topology.addresses(hop.host, taken.interface, family_of(far)):
                    if not address.ip.is_link_local:
                        yield _pin(network, hop.host, uplinks, taken, told, far, str(address.ip))
            for other in uplinks:
                if other is not taken or hop.ways > 1:
                    yield _pin(network, hop.host, uplinks, other, told, far, None)


def _ways_out(told: FlowVerdict) -> list[Path]:
    """The paths that lead outside: forward ones, and return ones of flows from outside."""
    forward = [path for path in told.forward_paths() if path.outcome == "left"]
    back = [path for path in told.return_paths() if path.hops and path.hops[0].iif is None]
    return forward or back


def _far_address(told: FlowVerdict, path: Path) -> str:
    return path.packet.flow.destination if path.hops else told.named.flow.destination


def _far_prefixes(told: FlowVerdict, far: str) -> list[str]:
    """The far address alone, or all that the class of a prefix flow has at that end."""
    named = told.named
    if named.region is not None and far in (named.flow.source, named.flow.destination):
        return named.region.prefixes("destination" if far == named.flow.destination else "source")
    return [f"{far}/{32 if family_of(far) == 4 else 128}"]


def _choice(network: Network, host: str, family: int) -> list[Uplink]:
    """The host's uplinks with a gateway of the family, one per interface."""
    found: dict[str, Uplink] = {}
    for uplink in network.site.uplinks_of(host):
        if uplink.gateway(family) and network.topology.is_up(host, uplink.interface):
            found.setdefault(uplink.interface, uplink)
    return list(found.values())


def _pin(
    network: Network, host: str, uplinks: list[Uplink], uplink: Uplink, told: FlowVerdict, far: str, source: str | None
) -> Candidate:
    family = family_of(far)
    external = network.site.external_of(far)
    name = external.name if external else re.sub(r"[^0-9A-Za-z]+", "_", far)
    prefixes = [p for p in external.prefixes if family_of(p) == family] if external else _far_prefixes(told, far)
    pin: dict[str, t.Any] = {"name": name, "prefixes": prefixes, "uplink": short_name(uplink),
                             "on_uplink_loss": "failover"}
    why = f"its packets then leave {host} by {short_name(uplink)} only"
    if source:
        pin.update(source_nat=source, acknowledge_source=False)
        why += f", and replies to {source} come back the same way"
    else:
        why += ", the uplink by which its replies come; that rests on the external's preference"
    variables = {
        "policy_route_uplinks": [
            {"name": short_name(one), "interface": one.interface, "gateway": one.gateway(family)} for one in uplinks
        ],
        "policy_route_pins": [pin],
    }
    return _worded(Candidate(Step("policy_route", host, variables), 0, NO_COST, why, "", source or ""))


def _source_rules(network: Network, told: FlowVerdict) -> t.Iterator[Candidate]:
    """source_routing on a host with several uplinks that answers by the wrong one, or whose check expects another."""
    family = told.named.flow.family
    hosts = [path.hops[0].host for path in told.return_paths() if path.hops and path.hops[0].iif is None]
    hosts += [dropped[0] for pair in told.journey.pairs if pair.result == "broken" and pair.culprit
              and (dropped := _strictly_dropped(network, told, pair.culprit))]
    hosts += [hop.host for path in _ways_out(told) for hop in path.hops if len(_choice(network, hop.host, family)) > 1]
    for host in dict.fromkeys(host for host in hosts if host in network.hosts):
        uplinks = [entry for name in network.topology.interfaces(host)
                   if (entry := _uplink_with_addresses(network, host, name, family, told))]
        if len(uplinks) < 2:
            continue
        names = ", ".join(entry["name"] for entry in uplinks)
        for specifics, told_of in _specifics(network, host, family, uplinks, told):
            yield Candidate(
                Step("source_routing", host, {"source_routing_uplinks": uplinks, **specifics}), 0, NO_COST,
                f"packets from an address of {host} then leave by the uplink that the address belongs to",
                f"give every uplink of {host} ({names}) a table of its own, chosen by the source address{told_of}")


def _specifics(
    network: Network, host: str, family: int, uplinks: t.Sequence[t.Mapping[str, t.Any]], told: FlowVerdict
) -> t.Iterator[tuple[dict[str, t.Any], str]]:
    """Which routes of main shall go on working, as a variable and in words: the least change first.

    All of them, unless the inventory says otherwise. To an address that is on link at another uplink they lead by that
    one, whatever the source is: there, only those that lead beyond the links of the uplinks shall.
    """
    declared = network.variables.get(host, {}).get("source_routing_specifics")
    if declared:
        yield {"source_routing_specifics": [declared] if isinstance(declared, str) else list(declared)}, ""
        return
    yield {}, ""
    links = [listed.network for uplink in uplinks
             for listed in network.topology.addresses(host, uplink["interface"], family)]
    ends = [ipaddress.ip_address(one) for one in (told.named.flow.source, told.named.flow.destination)]
    if sum(any(end in link for link in links) for end in ends) < 2:
        return
    prefixes = sorted({
        str(route["dst"]) for route in network.facts[host].get("routes", ())
        if route.get("table") == MAIN and route["family"] == family and not str(route["dst"]).endswith("/0")
        and ipaddress.ip_network(route["dst"]) not in links and route.get("type", "unicast") == "unicast"
    })
    yield ({"source_routing_specifics": prefixes or ["uplink"]},
           f"; only to {', '.join(prefixes)} as the main table says" if prefixes else "; it alone decides")


def _returns(network: Network, told: FlowVerdict) -> t.Iterator[Candidate]:
    """symmetric_return on each host of the flow whose replies leave by another uplink than the request came in by."""
    family = told.named.flow.family
    came = {(hop.host, hop.iif) for path in told.forward_paths() for hop in path.hops if hop.iif}
    left = {(hop.host, hop.oif) for path in told.return_paths() for hop in path.hops if hop.oif}
    for host in sorted({host for host, _interface in left}):
        uplinks = _choice(network, host, family)
        inside = {uplink.interface for uplink in uplinks}
        entered = {interface for one, interface in came if one == host} & inside
        exits = {interface for one, interface in left if one == host} & inside
        if len(uplinks) > 1 and entered and exits and exits != entered:
            variables = {"symmetric_return_uplinks": [
                {"name": short_name(one), "interface": one.interface, "gateway": one.gateway(family)} for one in uplinks
            ]}
            names = ", ".join(short_name(one) for one in uplinks)
            yield Candidate(
                Step("symmetric_return", host, variables), 0, NO_COST,
                f"replies then leave {host} by the uplink that the request came in by, also those it forwards",
                f"mark connections on {host} by the uplink of their requests ({names}), and route replies by that mark")


def _uplink_with_addresses(
    network: Network, host: str, interface: str, family: int, told: FlowVerdict
) -> dict[str, t.Any] | None:
    listed = network.topology.addresses(host, interface, family)
    addresses = [str(item.ip) for item in listed if not item.ip.is_link_local]
    gateway = _gateway(network, host, interface, family, told)
    if not addresses or not gateway or not network.topology.is_up(host, interface):
        return None
    uplink = network.site.uplink_of(host, interface)
    return {"name": short_name(uplink) if uplink else interface, "interface": interface, "gateway": gateway,
            "addresses": addresses}


def _gateway(network: Network, host: str, interface: str, family: int, told: FlowVerdict) -> str | None:
    """Of the declared or inferred uplink, of any route by the interface, or the router that brought the request."""
    uplink = network.site.uplink_of(host, interface)
    if uplink and uplink.gateway(family):
        return uplink.gateway(family)
    for route in network.facts[host].get("routes", ()):
        for leg in route.get("nexthops", ()):
            if leg.get("device") == interface and leg.get("gateway") and family_of(leg["gateway"]) == family:
                return str(leg["gateway"])
    for path in told.forward_paths():
        for before, hop in itertools.pairwise(path.hops):
            if (hop.host, hop.iif) == (host, interface) and before.iif is not None and before.oif:
                return next((str(item.ip) for item in network.topology.addresses(before.host, before.oif, family)
                             if not item.ip.is_link_local), None)
    return None


def _loose(network: Network, told: FlowVerdict) -> t.Iterator[Candidate]:
    """rp_filter loose on the one interface where the strict check drops the flow, or the ARP requests for it."""
    for pair in told.journey.pairs:
        dropped = _strictly_dropped(network, told, pair.culprit) if pair.result == "broken" and pair.culprit else None
        if dropped is None:
            continue
        host, interface, source, check = dropped
        reason = f"{source} reaches {host} by {interface}, but its route leaves by " \
                 f"{' or '.join(check.expected_devices) or 'no interface'}"
        entry = {"name": interface, "mode": "loose", "reason": reason}
        yield Candidate(
            Step("rp_filter", host, {"rp_filter_interfaces": [entry]}), 1,
            f"low: {host} then accepts on {interface} any source that it has a route to",
            reason, f"set rp_filter to loose on {interface} of {host}")


def _strictly_dropped(
    network: Network, told: FlowVerdict, dead: Path
) -> tuple[str, str, str, ReversePath] | None:
    """Host, interface, source and check of a packet, or of an ARP request, that a strict filter refuses."""
    if dead.reason == "reverse_path" and dead.hops:
        source = dead.hops[-2].transit.packet.flow.source if len(dead.hops) > 1 else told.named.flow.source
        found = (dead.host, dead.interface, source, dead.hops[-1].transit.reverse_path)
    elif dead.reason == "neighbour" and (refused := refusal_of(network, dead)):
        found = (refused.neighbour.host, refused.neighbour.interface, refused.asking, refused.reverse_path)
    else:
        return None
    host, interface, source, check = found
    return (host, interface, source, check) if check and check.verdict == "drop" and check.mode == 1 else None
