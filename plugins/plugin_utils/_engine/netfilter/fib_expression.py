# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The fib expression of nftables, and with it the reverse-path checks of firewalls (nft_fib_ipv4.c, nft_fib_ipv6.c)."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import Hit, Key, number_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.by_hash import ByHash
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.situation import Situation

if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.rules import Answer

_FLAGS = frozenset({"saddr", "daddr", "mark", "iif", "oif"})


def evaluate(now: Situation, flags: frozenset[str], result: str) -> str | None:
    """The interface name or the route type; empty where the lookup finds none, None where that is not known.

    Raises ByHash where it hangs on the leg that the hash picks, and that is not among what is taken for granted.
    """
    if not flags <= _FLAGS or result not in ("oif", "oifname", "type") or now.unknown_mark and "mark" in flags:
        return None
    if result == "type":
        return _type(now, flags)
    device = now.iif if "iif" in flags else (now.oif if "oif" in flags else None)
    if now.iif == "lo":
        return "lo"  # nft_fib_can_skip
    answer = now.host.answer(_key(now, flags, device))
    if answer.unknown:
        return None
    if answer.error or answer.hit is None or answer.hit.route.type == "local":
        return ""
    devices = [leg.hop.device or "" for leg in answer.hit.legs]
    if device is None and now.family == 4:
        return devices[0] if len(set(devices)) == 1 else None
    if now.family == 4:
        legs = {hop.device for hop in answer.hit.route.nexthops}
        uses = device in legs or any(now.host.vrf_of(leg) == device for leg in legs)
        return device if uses else ""
    return _chosen_v6(now, answer.hit, device)


def reverse_answer(now: Situation, flags: frozenset[str]) -> Answer:
    """The route that the expression finds with these flags, before it is compared with the packet's interface."""
    return now.host.answer(_key(now, flags, now.iif if "iif" in flags else now.oif))


def _chosen_v6(now: Situation, hit: Hit, device: str | None) -> str:
    """IPv6 looks at the one leg that the hash picks, so with several legs the answer is a matter of chance."""
    route = hit.route
    if route.type == "anycast" and device is not None:
        return ""
    shares: dict[str, float] = {}
    for leg in hit.legs:
        shares[leg.hop.device or ""] = shares.get(leg.hop.device or "", 0.0) + leg.share
    answers = {one: one if device is None else device if device in (one, now.host.vrf_of(one)) else ""
               for one in shares}
    which = (route.table, route.dst, route.metric)
    if len(set(answers.values())) == 1:
        return next(iter(answers.values()))
    picked = dict(now.picked).get(which)
    if picked is None:
        raise ByHash(which, shares)
    return answers[picked]


def _key(now: Situation, flags: frozenset[str], device: str | None) -> Key:
    flow = now.packet.flow
    source, destination = number_of(flow.source), number_of(flow.destination)
    of_source = "saddr" in flags
    in_forward = of_source and now.hook == "forward" and "iif" in flags
    linklocal = now.family == 6 and (source if of_source else destination) >> 118 == 0xFE80 >> 6
    base = now.host.key(now.packet, "lo")
    return dataclasses.replace(
        base,
        dst=source if of_source else destination,
        src=destination if of_source else source,
        iif=(now.oif or "lo") if in_forward else "lo",
        oif=(device or now.iif) if linklocal else None,
        mark=now.mark if "mark" in flags else 0,
        # the expression knows addresses only: rules that select a protocol or port do not match
        protocol=0 if now.family == 4 else base.protocol,
        sport=0,
        dport=0,
        l3mdev=now.host.vrf_of(device) if "iif" in flags else None,
        strict=linklocal,
        ignore_linkstate=now.family == 4,
        reverse=True,
        by_device=now.family == 6,
    )


def rpfilter(now: Situation, flags: frozenset[str]) -> bool | None:
    """Whether the rpfilter match of iptables holds, before its inversion; None where that is not known.

    Unlike the fib expression, over IPv6 it prefers a route by the packet's own interface among those of the best
    prefix, whatever their metric (ipt_rpfilter.c, ip6t_rpfilter.c, rt6_device_match).
    """
    if not flags <= {"loose", "validmark", "accept-local"} or (now.unknown_mark and "validmark" in flags):
        return None
    source = number_of(now.packet.flow.source)
    if now.iif == "lo" or now.iif is None or (now.family == 6 and source == 0):
        return True
    answer = now.host.answer(_rpfilter_key(now, flags))
    if answer.unknown:
        return None
    hit = answer.hit
    if answer.error or hit is None or hit.route.type in ("anycast", "blackhole", "unreachable", "prohibit"):
        return False
    local = hit.route.type == "local"
    if now.family == 6 and local:
        return "accept-local" in flags
    if hit.route.type != "unicast" and not (local and "accept-local" in flags):
        return False
    if "loose" in flags:
        return True
    if now.family == 4:
        return any(_is_by(now, hop.device) for hop in hit.route.nexthops)
    return hit.found is not None and _is_by(now, hit.found.device)


def _is_by(now: Situation, device: str | None) -> bool:
    return device == now.iif or now.host.vrf_of(device) == now.iif


def _rpfilter_key(now: Situation, flags: frozenset[str]) -> Key:
    flow = now.packet.flow
    base = now.host.key(now.packet, "lo")
    destination = number_of(flow.destination)
    multicast = destination >> (28 if now.family == 4 else 120) == (0xE if now.family == 4 else 0xFF)
    return dataclasses.replace(
        base,
        dst=number_of(flow.source),
        src=0 if multicast else destination,
        iif="lo",
        oif=now.iif if now.family == 6 and "loose" not in flags else None,
        mark=now.mark if "validmark" in flags else 0,
        protocol=0 if now.family == 4 else base.protocol,
        sport=0,
        dport=0,
        uid=0,
        l3mdev=now.host.vrf_of(now.iif),
        ignore_linkstate=now.family == 4,
        reverse=True,
        by_device=now.family == 6,
    )


def _type(now: Situation, flags: frozenset[str]) -> str | None:
    """inet_addr_type and its kin: what the local table makes of the address; with an interface, only there."""
    flow = now.packet.flow
    text = flow.source if "saddr" in flags else flow.destination
    number = number_of(text)
    if number >> (28 if now.family == 4 else 120) == (0xE if now.family == 4 else 0xFF):
        return "multicast"
    if now.family == 4 and (number == 0xFFFFFFFF or number >> 24 == 0):
        return "broadcast"
    device = now.iif if "iif" in flags else (now.oif if "oif" in flags else None)
    vrf = now.host.vrf_of(device)
    table = now.host.vrf_tables.get(vrf) if vrf else 255
    if table is None:
        return None
    hit = now.host.table(now.family, table).lookup(Key(now.family, number), now.host.surroundings(now.family))
    if hit is None or hit.route.type == "unicast":
        return "unicast"
    if device and all(leg.hop.device != device for leg in hit.legs):
        return "unicast"
    return hit.route.type
