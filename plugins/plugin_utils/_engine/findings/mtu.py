# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""SYM601: small packets of a flow arrive and large ones do not, or its directions have different path MTUs."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.registry import Finding, finding
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.journey import Pair
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.path_mtu import (
    Link,
    first_size,
    links,
    narrowest,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.turned_back import (
    dead_end,
    in_pieces,
    learned_elsewhere,
    turned_back,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import Hop, Path
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network


def of_flow(network: Network, told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM601 for a flow whose small packets arrive. Pings are small unless somebody asks for more."""
    if told.named.flow.protocol not in ("tcp", "udp") or network.one_mtu:
        return
    seen: set[t.Any] = set()
    for pair in told.journey.pairs:
        if pair.result != "ok":
            continue
        directions = [(pair.forward, told.named.flow)]
        if pair.back and not told.named.one_way:
            directions.append((pair.back, pair.forward.packet.flow.reversed()))
        for path, first in directions:
            key = (tuple(path.links()), path is pair.back and first.protocol == "udp" and tuple(pair.forward.links()))
            if key not in seen:
                seen.add(key)
                yield from _lost(network, told, pair, path, first)
        yield from _different(network, told, pair)


def lost_there(network: Network, told: FlowVerdict) -> list[Finding]:
    """Where large packets that the flow's source sends are lost, and its sender is not told."""
    found = [one for pair in told.journey.pairs if pair.result == "ok"
             for one in _lost(network, told, pair, pair.forward, told.named.flow)]
    return [one for one in found if one.id == "SYM601"]


def _lost(network: Network, told: FlowVerdict, pair: Pair, path: Path, first: Flow) -> t.Iterator[Finding]:
    """Where a packet as large as its sender makes them is lost, and smaller ones do not come in its place."""
    whole = size = _largest(network, told, pair, path)
    if size is None:
        return
    for link in links(network, path):
        host, device = link.hop.host, link.hop.oif or ""
        if link.limit < size:
            why, doubt = _not_sent_again(network, told, pair, path, link, first) if link.position or link.hop.iif else (
                "", "")
            if doubt:
                yield finding("SYM901", host, f"packets of more than {link.limit} bytes do not fit out of "
                              f"{host}:{device}, and whether smaller ones come in their place is not known: {doubt}",
                              device, "info", (told.name,))
            if why:
                # over IPv4 routers cut the fragments of what was too large for an earlier link into smaller ones
                cut = "; larger ones come in fragments" if size != whole and first.protocol == "udp" and (
                    first.family == 4) else ""
                yield finding(
                    "SYM601", host, f"packets of more than {link.limit} bytes do not fit out of {host}:{device}, and "
                    f"{why}. Small ones work, large ones stall (up to {size} bytes are sent{cut})", device, "critical",
                    (told.name,))
            size = link.limit
        if link.taken is not None and link.taken < size:
            after = path.hops[link.position + 1]
            yield finding(
                "SYM601", after.host, f"{after.host}:{after.iif} takes {link.taken} bytes, but {host}:{device} on the "
                f"same wire sends up to {size}: larger packets are lost, and no ICMP tells of it", after.iif or "",
                "critical", (told.name,))
            size = link.taken


def _not_sent_again(
    network: Network, told: FlowVerdict, pair: Pair, path: Path, link: Link, first: Flow
) -> tuple[str, str]:
    """Why what is turned back at a link never comes in smaller packets, or why that is not known.

    Its sender has to be told, and to heed that. By UDP nobody keeps an answer: another request has to come, which meets
    what the answer has left behind as far as it came. To some connection tables the flow is established by then.
    """
    packet = turned_back(network, pair, path, link, first)
    ways, unknown = packet.error()
    untold, doubt = dead_end(ways)
    if untold or unknown or doubt:
        return f"their sender is not told: {untold}" if untold else "", unknown or doubt
    elsewhere = learned_elsewhere(network, path, first)
    if elsewhere:
        return f"their sender does not heed that: {elsewhere}", ""
    lost = ""
    if path is pair.back and first.protocol == "udp":
        lost, doubt = dead_end(packet.request_again(told.named.flow, pair.forward))
    if lost:
        return f"another request by the same port does not bring such an answer again: {lost}", ""
    return "", doubt or in_pieces(network, path, first)


def _largest(network: Network, told: FlowVerdict, pair: Pair, path: Path) -> int | None:
    """The largest packet of the flow: TCP agrees on what both ends can take, or on what a box clamps it to."""
    size = first_size(network, path)
    if size is None or told.named.flow.protocol != "tcp" or pair.back is None:
        return size
    limits = [size, *(other for one in (pair.forward, pair.back) if (other := first_size(network, one)))]
    if any(_clamps(network, hop) for one in (pair.forward, pair.back) for hop in one.hops):
        limits += [mtu for one in (pair.forward, pair.back) if (mtu := narrowest(network, one))]
    return min(limits)


def _clamps(network: Network, hop: Hop) -> bool:
    return any(
        statement.get("do") == "set_mss" and _passes(rule, hop)
        for chain in network.hosts[hop.host].ruleset.chains for rule in chain.rules
        for statement in rule.get("statements", ())
    )


def _passes(rule: t.Mapping[str, t.Any], hop: Hop) -> bool:
    """Whether packets of the hop come by the interfaces that the rule names; one that names none is for all."""
    ends = {"meta iifname": hop.iif, "meta oifname": hop.oif}
    return all(
        match["right"] == ends[match["left"]] for match in rule.get("matches", ())
        if match.get("left") in ends and match.get("op") == "==" and isinstance(match.get("right"), str)
        and not match["right"].endswith("*")
    )


def _different(network: Network, told: FlowVerdict, pair: Pair) -> t.Iterator[Finding]:
    """Both path MTUs, where they differ and the larger one is not for nothing: something larger does come back."""
    if pair.back is None or told.named.one_way:
        return
    there, back = narrowest(network, pair.forward), narrowest(network, pair.back)
    sizes = [_largest(network, told, pair, path) for path in (pair.forward, pair.back)]
    if there is None or back is None or there == back:
        return
    if all(size is None or size <= min(there, back) for size in sizes):
        return
    path = pair.forward if there < back else pair.back
    tight = min(links(network, path), key=lambda link: min(link.limit, link.taken or link.limit)).hop
    yield finding("SYM601", tight.host, f"packets to {told.named.flow.destination} may have {there} bytes, replies "
                  f"{back}: the directions differ at {tight.host}:{tight.oif}", tight.oif or "", "info", (told.name,))
