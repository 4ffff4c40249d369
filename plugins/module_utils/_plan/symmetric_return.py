# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Plan symmetric return: replies leave by the uplink that the requests came in by, forwarded and local ones.

Each uplink has a number in the bits of our mask. Packets in the original direction that come in by an uplink write its
number into the connection's mark; packets in the reply direction read it into their own mark, before they are routed
(prerouting) and again after the host's own ones are (a chain of type route reroutes them); a rule on the mark leads to
the uplink's table. Two rules in prerouting and one in output, however many uplinks there are: verdict maps lead to a
chain per uplink, because a masked write needs constants (before Linux 6.13) and because a list of rules costs a third
of the packet rate at 128 uplinks.
"""

from __future__ import annotations

import dataclasses
import typing as t
import zlib

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import MARK_MASK, NFT_TABLE, PROTOCOL
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import TABLE_MAIN, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.desired import uplink_routes, uplinks_by_name
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import ManagementCutError, PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import Host
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.lookup import Packet, egress
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_entry import MARK
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nft_part import (
    Part,
    PartChain,
    PartMap,
    PartRule,
    after_part,
    part_text,
    plan_part,
    require_nft_name,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.plan import Plan
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.prefixes import ANY, family_of
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.render import rule_line

Data = t.Mapping[str, t.Any]
PREFIX = "return_"  # of the names of our chains and maps
EXISTING = ("move", "keep")
SUBJECT = "symmetric return"
# Programs that are known by their chains or tables, for the message about whom a mark collides with.
_KNOWN = {
    "KUBE-": "kube-proxy", "kube-proxy": "kube-proxy", "cali": "Calico", "CILIUM": "Cilium", "cilium": "Cilium",
    "ts-": "Tailscale", "mwan3": "mwan3", "AWS-": "the VPC CNI", "DOCKER": "Docker", "pbr": "OpenWrt's pbr",
    "wg-quick": "wg-quick", "ANTREA": "Antrea", "firewalld": "firewalld", "ufw": "ufw",
}  # fmt: skip
_HOOKS = ("prerouting", "input", "forward", "output", "postrouting")


@dataclasses.dataclass(frozen=True)
class Uplink:
    """An interface by which requests come in, and the number that stands for it in marks."""

    name: str
    interface: str
    number: int


@dataclasses.dataclass(frozen=True)
class Options:
    """How the planner treats what is in the way."""

    mask: int = MARK_MASK
    existing: str = "move"  # keep: only connections that begin after the change
    on_conflict: str = "fail"  # keep: go on beside others who write the same bits
    allow_management_cut: bool = False
    allow_strict: bool = False


def return_desired(uplinks: t.Sequence[Data], interfaces: Data, mask: t.Any = MARK_MASK) -> dict[str, t.Any]:
    """``tables`` and ``rules`` of policy_routing and ``uplinks`` of symmetric_return; raises PlanError.

    ``interfaces`` are those of the facts schema. The number of an uplink depends on its name, so that live connections
    keep to theirs when another uplink comes or goes.
    """
    bits = read_mask(mask)
    by_name = uplinks_by_name(uplinks)
    numbers = _numbers(by_name, bits)
    tables, rules, wanted = [], [], []
    owner: dict[str, str] = {}
    for name, parts in by_name.items():
        interface = str(parts[0]["interface"])
        if interface not in interfaces:
            known = ", ".join(sorted(interfaces)) or "none"
            raise PlanError(f"uplink {name}: interface {interface!r} does not exist on this host; it has {known}")
        if owner.setdefault(interface, name) != name:
            raise PlanError(
                f"uplink {name}: interface {interface} is also that of uplink {owner[interface]}; by the interface "
                "nobody can tell which of two gateways brought a request: give each uplink an interface of its own"
            )
        families = [family for family in (4, 6) if _has_family(parts, interface, interfaces, family)]
        if not families:
            raise PlanError(f"uplink {name}: interface {interface} has no address; give it one, or drop the uplink")
        routes = uplink_routes(name, parts, interfaces, families)
        if 6 in families:
            # Replies to a neighbour's own address of the link must not go to the gateway.
            routes.append({"dst": "fe80::/64", "device": interface})
        tables.append({"name": name, "routes": routes})
        mark = {"fwmark": f"{numbers[name]:#010x}", "fwmask": f"{bits:#010x}"}
        rules += [{"family": family, **mark, "table": name} for family in families]
        wanted.append({"name": name, "interface": interface, "mark": f"{numbers[name]:#010x}"})
    return {"tables": tables, "rules": rules, "uplinks": wanted}


def _has_family(parts: t.Sequence[Data], interface: str, interfaces: Data, family: int) -> bool:
    """Whether replies of the family can leave there: a gateway of it, or an address of it without any gateway."""
    gateways = [str(part["gateway"]) for part in parts if part.get("gateway")]
    if any(family_of(gateway) == family for gateway in gateways):
        return True
    addresses = interfaces[interface].get("addresses", ())
    return len(gateways) < len(parts) and any(
        one["family"] == family and one.get("scope", "global") == "global" for one in addresses
    )


def read_mask(mask: t.Any) -> int:
    """The mask of our bits in marks; raises PlanError."""
    try:
        bits = mask if isinstance(mask, int) else int(str(mask), 0)
    except ValueError:
        bits = 0
    shifted = bits // (bits & -bits) if bits > 0 else 0
    if bits <= 0 or bits > 0xFFFFFFFF or shifted & (shifted + 1):
        raise PlanError(f"mark_mask {mask!r} is not one unbroken run of bits of 32, such as 0xff000000")
    return bits


def _numbers(names: t.Iterable[str], bits: int) -> dict[str, int]:
    """The mark of every uplink by its name: the same whatever the order, and mostly whatever the others."""
    lowest = bits & -bits
    most = bits // lowest
    ordered = sorted(names)
    if len(ordered) > most:
        raise PlanError(f"uplinks: {len(ordered)} do not fit into the {most} numbers of mark_mask {bits:#010x}")
    taken: dict[int, str] = {}
    for name in ordered:
        number = zlib.crc32(name.encode()) % most + 1
        while number in taken:
            number = number % most + 1
        taken[number] = name
    return {name: number * lowest for number, name in taken.items()}


def read_uplinks(uplinks: t.Iterable[Data], host: Host, bits: int) -> list[Uplink]:
    """Read the option ``uplinks`` of symmetric_return; raises PlanError."""
    found: list[Uplink] = []
    for position, data in enumerate(uplinks, 1):
        name, interface = str(data.get("name") or ""), str(data.get("interface") or "")
        where = f"uplinks[{position}] ({name})"
        if interface not in host.interfaces:
            known = ", ".join(sorted(host.interfaces)) or "none"
            raise PlanError(f"{where}: interface {interface!r} does not exist on this host; it has {known}")
        require_nft_name(interface, where)
        number = int(str(data.get("mark") or "0"), 0)
        if not number or number & ~bits:
            raise PlanError(f"{where}: mark {data.get('mark')} is not within mark_mask {bits:#010x}, or 0")
        for other in found:
            if interface == other.interface or number == other.number:
                raise PlanError(f"{where}: uplink {other.name} has this interface or mark already; each needs its own")
        found.append(Uplink(name, interface, number))
    return found


def wanted_part(uplinks: t.Sequence[Uplink], options: Options) -> Part:
    """Our chains and maps for these uplinks."""
    if options.existing not in EXISTING:
        raise PlanError(f"existing_connections {options.existing!r} is not one of {', '.join(EXISTING)}")
    if not uplinks:
        return Part(PREFIX)
    chains = []
    for one in uplinks:
        to, by = _chain("to", one), _chain("by", one)
        chains.append(PartChain(to, rules=(_rule("to", [], "set_ct_mark", one.number, options.mask),)))
        chains.append(PartChain(by, rules=(_rule("by", [], "set_mark", one.number, options.mask),)))
    # Any packet of a request writes it, the same each time: a connection that is older than our rules is taken up, too.
    asks: Data = {"left": "ct direction", "op": "==", "right": "original"}
    if options.existing == "keep":
        asks = {"left": "ct state", "op": "in", "right": "new"}
    record = PartRule(f"{MARK}return:record", {
        "matches": [asks], "statements": [], "verdict": {"do": "vmap", "key": "meta iifname", "map": "@return_in"},
    })
    restore = PartRule(f"{MARK}return:restore", {
        "matches": [{"left": "ct direction", "op": "==", "right": "reply"}], "statements": [],
        "verdict": {"do": "vmap", "key": "ct mark", "map": "@return_out", "mask": options.mask},
    })
    # After connection tracking (-200) and before routing; in output only a chain of type route reroutes.
    at = "priority mangle; policy accept;"
    chains.append(PartChain("return_prerouting", f"type filter hook prerouting {at}", (record, restore)))
    chains.append(PartChain("return_output", f"type route hook output {at}", (restore,)))
    maps = (
        PartMap("return_in", "ifname", {one.interface: _chain("to", one) for one in uplinks}),
        PartMap("return_out", "mark", {one.number: _chain("by", one) for one in uplinks}),
    )
    return Part(PREFIX, tuple(chains), maps)


def _chain(kind: str, uplink: Uplink) -> str:
    return f"{PREFIX}{kind}_{uplink.number:08x}"


def _rule(name: str, matches: t.Sequence[Data], do: str, value: int, mask: int) -> PartRule:
    return PartRule(f"{MARK}return:{name}", {
        "matches": list(matches), "statements": [{"do": do, "value": value, "mask": mask}],
    })


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """What the host has beside our part: who else writes marks, and how strict its reverse-path filter is."""

    netfilter: Data = dataclasses.field(default_factory=dict)
    interface_sysctls: t.Mapping[str, t.Mapping[str, int]] = dataclasses.field(default_factory=dict)


def plan(host: Host, live: Part, uplinks: t.Sequence[Uplink], options: Options, around: Surroundings) -> Plan:
    """The changes that make our chains steer replies of exactly these uplinks; raises PlanError, changes nothing."""
    wanted = wanted_part(uplinks, options)
    kept: list[str] = []
    if uplinks:
        kept = [*_mark_conflicts(host, around.netfilter, options.mask)]
        if kept and options.on_conflict != "keep":
            raise PlanError(
                f"bits {options.mask:#010x} of marks are not ours alone: {'; '.join(kept[:3])}. Take other bits with "
                "mark_mask, or set on_conflict to keep where you know that they do not meet"
            )
        if not options.allow_strict:
            _refuse_strict(host, around.interface_sysctls, uplinks)
    changes = plan_part(live, wanted)
    if changes and not options.allow_management_cut:
        _keep_session(host, uplinks)
    return Plan(SUBJECT, tuple(changes), part_text(live), part_text(after_part(live, wanted)), tuple(kept))


def _mark_conflicts(host: Host, netfilter: Data, bits: int) -> t.Iterator[str]:
    """Foreign rules that read or write our bits, each with the program it is of, where that is known."""
    for rule in host.rules:
        # A rule on the whole mark with a value outside of our bits is no conflict: ours stands in front.
        if rule.protocol != PROTOCOL and rule.fwmark is not None and rule.fwmark & rule.fwmask & bits:
            yield f"routing rule '{rule_line(rule)}'{_whose_rule(rule)} reads them".replace("\t", " ")
    for chain in netfilter.get("chains", ()):
        if chain.get("table") == NFT_TABLE:
            continue
        for rule in chain.get("rules", ()):
            for statement in rule.get("statements", ()):
                if statement.get("do") in ("set_mark", "set_ct_mark") and _writes(statement, bits):
                    where = f"chain {chain['name']} of table {chain['family']} {chain['table']}{_whose(chain)}"
                    yield f"rule '{rule.get('text', '')}' in {where} writes them"


def _writes(statement: Data, bits: int) -> bool:
    """Whether a statement may change our bits; to copy one mark to the other as a whole keeps what we wrote."""
    value = statement.get("value")
    if value in ("meta mark", "ct mark"):
        return False
    if isinstance(value, dict) and value.get("of") in ("meta mark", "ct mark") and "and" in value:
        return bool(value.get("or", 0) & bits or value.get("xor", 0) & bits)
    return bool(statement.get("mask", 0xFFFFFFFF) & bits)


def _whose(chain: Data) -> str:
    for text, name in _KNOWN.items():
        if str(chain["name"]).startswith(text) or str(chain["table"]).startswith(text):
            return f" ({name})"
    return ""


def _whose_rule(rule: Rule) -> str:
    if rule.priority in range(5200, 5280):
        return " (Tailscale)"
    return " (mwan3)" if rule.priority in range(1001, 3255) and rule.fwmask == 0x3F00 else ""


def _refuse_strict(host: Host, sysctls: t.Mapping[str, t.Mapping[str, int]], uplinks: t.Sequence[Uplink]) -> None:
    """Refuse where a strict reverse-path filter drops the request before its reply could be steered.

    The filter looks up the way back to a source without our mark, as a request has none (fib_validate_source). On
    other interfaces it sees the mark of a reply where src_valid_mark is set, and then finds the uplink's table.
    """
    everywhere = sysctls.get("all", {})
    strict = [
        name
        for name, values in sysctls.items()
        if name in host.interfaces and max(values.get("rp_filter", 0), everywhere.get("rp_filter", 0)) == 1
    ]
    defaults = [r for r in host.routes if r.table == TABLE_MAIN and r.dst == ANY[4] and r.type == "unicast"]
    best = min((route.metric for route in defaults), default=0)
    ways = {leg.device for route in defaults if route.metric == best for leg in route.nexthops}
    inside = {one.interface for one in uplinks}
    for one in uplinks:
        if one.interface in strict and one.interface not in ways and host.addresses(one.interface, 4):
            raise PlanError(
                f"uplink {one.name}: rp_filter of {one.interface} is strict and the default route leaves by "
                f"{' or '.join(sorted(map(str, ways))) or 'no interface'}, so requests are dropped before they could "
                f"be answered: loosen it with role rp_filter first (mode loose on {one.interface}), or set "
                "allow_strict where rules of routing already lead back there"
            )
    for name in strict:
        marked = sysctls[name].get("src_valid_mark", 0) or everywhere.get("src_valid_mark", 0)
        if marked and name not in inside and name != "lo":
            raise PlanError(
                f"interface {name}: rp_filter is strict and src_valid_mark is set, so forwarded replies from there "
                "would be checked in the uplink's table and dropped: loosen it with role rp_filter, or set allow_strict"
            )


def _keep_session(host: Host, uplinks: t.Sequence[Uplink]) -> None:
    """Refuse where replies to the session that the change runs over would leave by another interface."""
    session = host.session
    if session is None:
        return
    own = host.owner(session.local)
    if own not in {one.interface for one in uplinks}:
        return
    way = egress(host.rules, host.routes, Packet(session.local, session.peer, session.local_port, session.peer_port))
    if way.device not in (own, "lo", None):
        raise ManagementCutError(
            f"this would move the session it runs over: replies from {session.local} to {session.peer} would leave by "
            f"{own} instead of {way.device}; set allow_management_cut where that is what you want, under the guard"
        )
