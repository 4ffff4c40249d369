# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""From what a role is told (uplinks, pins) to what the modules are told (tables, rules, entries).

The same functions serve the filters that the roles use and the forecast on the control node.
"""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_entry import (
    PORT_PROTOCOLS,
    PROTOCOLS,
    read_ports,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.prefixes import (
    ANY,
    family_of,
    parse_address,
    parse_prefix,
)

Data = t.Mapping[str, t.Any]
Dict = dict[str, t.Any]
Selection = tuple[tuple[str, ...], tuple[tuple[int, int], ...]]  # protocols, spans of destination ports
ALL: Selection = ((), ())
PINS_TABLE = "pins"
BLOCK_METRIC = 4_000_000  # worse than any metric in use: it answers only where the uplink's route is gone
LOSS = ("failover", "block")
SPECIFICS = ("main", "uplink")  # or prefixes


def pins_to_desired(uplinks: t.Sequence[Data], pins: t.Sequence[Data]) -> Dict:
    """``tables`` and ``rules`` of policy_routing, ``entries`` of source_nat for pinned prefixes; raises PlanError."""
    return {**_pins_to_routing(uplinks, pins), "entries": _pins_to_source_nat(uplinks, pins)}


def _pins_to_routing(uplinks: t.Sequence[Data], pins: t.Sequence[Data]) -> Dict:
    """Tables and rules.

    All pins are routes of one table behind one rule per family, so that of overlapping prefixes the longest wins,
    whichever uplinks they are pinned to. A pin of some protocols or ports has a table of its own, behind rules of the
    kernel that select them, in front of the others: no mark is needed, which would come too late for the choice of the
    source address of the host's own packets. On loss of its uplink a route goes by itself: failover is that the lookup
    then falls through to the main table; block is an unreachable route that was hidden behind it.
    """
    by_name = uplinks_by_name(uplinks)
    tables: dict[str, dict[tuple[str, int], Dict]] = {}
    rules: list[Dict] = []
    owner: dict[tuple[str, Selection], str] = {}
    for number, pin in enumerate(pins, 1):
        where = f"pins[{number}] ({pin.get('name')})"
        loss = str(pin.get("on_uplink_loss") or "failover")
        if loss not in LOSS:
            raise PlanError(f"{where}: on_uplink_loss {loss!r} is not one of {', '.join(LOSS)}")
        selected = _selection(pin, where)
        table = PINS_TABLE if selected == ALL else f"{PINS_TABLE}.{pin['name']}"
        if selected != ALL and table in tables:
            raise PlanError(f"{where}: there is another pin of this name with protocols; give each its own name")
        routes = tables.setdefault(table, {})
        for prefix in _prefixes(pin, where):
            if owner.get((prefix, selected), where) != where:
                told = owner[prefix, selected]
                raise PlanError(f"{where}: {prefix} is pinned by {told}, too; leave it in one of them")
            owner[prefix, selected] = where
            uplink = _uplink_of(by_name, pin, family_of(prefix), where)
            routes[prefix, 0] = {"dst": prefix, **_way(uplink, family_of(prefix), where)}
            if loss == "block":
                routes[prefix, 1] = {"dst": prefix, "type": "unreachable", "metric": BLOCK_METRIC}
        if selected != ALL:
            for family in sorted({family_of(prefix) for prefix, _block in routes}):
                rules += [{"family": family, "table": table, **one} for one in _selecting(selected)]
    families = sorted({family_of(prefix) for prefix, _block in tables.get(PINS_TABLE, ())})
    rules += [{"family": family, "table": PINS_TABLE} for family in families]
    return {"tables": [{"name": name, "routes": list(routes.values())} for name, routes in tables.items()],
            "rules": rules}


def _selection(pin: Data, where: str) -> Selection:
    """The protocols and the spans of destination ports that a pin is about; raises PlanError."""
    protocols = tuple(dict.fromkeys(str(one).lower() for one in pin.get("protocols") or ()))
    ports = read_ports(pin.get("ports") or (), where)
    for one in protocols:
        if one not in PROTOCOLS:
            raise PlanError(f"{where}: protocol {one!r} is not one of {', '.join(PROTOCOLS)}")
        if ports and one not in PORT_PROTOCOLS:
            raise PlanError(f"{where}: {one} has no ports; leave ports out, or make another pin for it")
    if ports and not protocols:
        raise PlanError(f"{where}: ports need protocols, such as [tcp]")
    return protocols, ports


def _selecting(selected: Selection) -> t.Iterator[Dict]:
    """The selectors of the rules; a rule of the kernel holds one protocol and one span of ports."""
    protocols, spans = selected
    for protocol in protocols:
        if not spans:
            yield {"ipproto": protocol}
        for low, high in spans:
            yield {"ipproto": protocol, "dport": str(low) if low == high else f"{low}-{high}"}


def _pins_to_source_nat(uplinks: t.Sequence[Data], pins: t.Sequence[Data]) -> list[Dict]:
    """Entries for the pins that have ``source_nat``.

    A pin with prefixes of both families may have one address per family: ``source_nat`` is an address or a list.
    """
    by_name = uplinks_by_name(uplinks)
    entries = []
    for number, pin in enumerate(pins, 1):
        where = f"pins[{number}] ({pin.get('name')})"
        given = pin.get("source_nat") or []
        addresses = [
            parse_address(one, f"{where} source_nat") for one in ([given] if isinstance(given, str) else list(given))
        ]
        for address in addresses:
            family = family_of(address)
            prefixes = [prefix for prefix in _prefixes(pin, where) if family_of(prefix) == family]
            if not prefixes:
                raise PlanError(f"{where}: source_nat {address} is IPv{family}, no prefix of the pin is; correct one")
            if len([one for one in addresses if family_of(one) == family]) > 1:
                raise PlanError(f"{where}: source_nat has several IPv{family} addresses; give one per address family")
            uplink = _uplink_of(by_name, pin, family, where)
            several = len(addresses) > 1
            entries.append(
                {
                    "name": f"{pin.get('name')}{f'.v{family}' if several else ''}",
                    "prefixes": prefixes,
                    "interface": uplink["interface"],
                    "address": address,
                    "acknowledge_source": bool(pin.get("acknowledge_source")),
                    **{key: list(pin[key]) for key in ("protocols", "ports") if pin.get(key)},
                }
            )
    return entries


def read_specifics(given: t.Union[str, t.Iterable[str]]) -> tuple[str, ...]:
    """``main``, ``uplink``, or the prefixes to which the main table's routes go on working; raises PlanError."""
    found = tuple(str(one) for one in ([given] if isinstance(given, str) else given))
    if len(found) == 1 and found[0] in SPECIFICS:
        return found
    words = [one for one in found if one in SPECIFICS]
    if words or not found:
        told = f"{words[0]} stands beside others" if words else "it is empty"
        raise PlanError(f"specifics: {told}; say {' or '.join(SPECIFICS)} alone, or list prefixes")
    return tuple(dict.fromkeys(parse_prefix(one, "specifics") for one in found))


def main_first(specifics: t.Sequence[str], families: t.Iterable[int]) -> list[Dict]:
    """The rules in front of those by source: what main knows better than its default goes on working."""
    look = {"table": "main", "suppress_prefixlength": 0}
    if specifics == ("main",):
        return [{"family": family, **look} for family in families]
    prefixes = [prefix for prefix in specifics if prefix not in SPECIFICS]
    return [{"dst": prefix, **look} for family in families for prefix in prefixes if family_of(prefix) == family]


def source_rules_desired(
    uplinks: t.Sequence[Data], interfaces: Data, specifics: t.Union[str, t.Iterable[str]] = "main"
) -> Dict:
    """``tables`` and ``rules`` of policy_routing so that replies leave by the uplink of their source; raises PlanError.

    ``interfaces`` are those of the facts schema: addresses and connected prefixes come from them. With specifics
    "main", the main table's routes other than the default keep working: one rule looks there first. With prefixes, they
    do to these destinations only; with "uplink", the uplink's table alone decides. Uplinks with ``from_lease`` are left
    to lease_routing (source_leases).
    """
    uplinks = [uplink for uplink in uplinks if not uplink.get("from_lease")]
    wanted = read_specifics(specifics)
    tables: list[Dict] = []
    rules: list[Dict] = []
    owner: dict[str, str] = {}
    for name, parts in uplinks_by_name(uplinks).items():
        routes: list[Dict] = []
        for uplink in parts:
            addresses = _addresses_of(uplink, interfaces)
            for address in addresses:
                if owner.setdefault(address, name) != name:
                    raise PlanError(f"uplink {name}: address {address} is also that of uplink {owner[address]}")
            families = sorted({family_of(address) for address in addresses})
            for family in families:
                if uplink.get("gateway") and family_of(str(uplink["gateway"])) != family:
                    continue
                routes.append({"dst": ANY[family], **_way(uplink, family, f"uplink {name}")})
                routes += _connected_routes(uplink["interface"], interfaces, family)
                rules += [{"src": a, "table": name} for a in addresses if family_of(a) == family]
        if routes:
            tables.append({"name": name, "routes": _unique(routes)})
    families = sorted({family_of(rule["src"]) for rule in rules})
    return {"tables": tables, "rules": _unique([*main_first(wanted, families), *rules])}


def source_leases(uplinks: t.Sequence[Data]) -> list[Dict]:
    """Of the uplinks those with ``from_lease``, as lease_routing takes them; raises PlanError."""
    found = []
    for number, uplink in enumerate(uplinks, 1):
        if not uplink.get("from_lease"):
            continue
        fixed = [key for key in ("gateway", "onlink", "addresses") if uplink.get(key)]
        if fixed:
            raise PlanError(
                f"uplinks[{number}] ({uplink.get('name')}): {' and '.join(fixed)} would stay when the lease changes; "
                "leave out either that or from_lease"
            )
        families = list(uplink.get("families") or ["ipv4"])
        behind = list(uplink.get("delegated_to") or [])
        names = {key: str(uplink.get(key) or "") for key in ("name", "interface")}
        found.append({**names, "families": families, "delegated_to": behind})
    return found


def uplink_routes(name: str, parts: t.Sequence[Data], interfaces: Data, families: t.Iterable[int]) -> list[Dict]:
    """The routes of an uplink's table for these families: its default, what is on its link, and IPv6's own links."""
    routes: list[Dict] = []
    for uplink in parts:
        for family in families:
            if uplink.get("gateway") and family_of(str(uplink["gateway"])) != family:
                continue
            routes.append({"dst": ANY[family], **_way(uplink, family, f"uplink {name}")})
            routes += _connected_routes(uplink["interface"], interfaces, family)
    return _unique(routes)


def uplinks_by_name(uplinks: t.Sequence[Data]) -> dict[str, list[Data]]:
    """Uplinks by name; an uplink with gateways of both families is declared once for each."""
    found: dict[str, list[Data]] = {}
    for number, uplink in enumerate(uplinks, 1):
        name, interface = str(uplink.get("name") or ""), uplink.get("interface")
        if not name or not interface:
            raise PlanError(
                f"uplinks[{number}]: name and interface are needed, for example {{name: wan_a, interface: wan_a}}"
            )
        if any(one["interface"] != interface for one in found.get(name, ())):
            raise PlanError(f"uplinks[{number}]: uplink {name} is declared with two interfaces; names must be unique")
        if uplink.get("gateway"):
            parse_address(uplink["gateway"], f"uplinks[{number}] ({name}) gateway")
        found.setdefault(name, []).append(uplink)
    return found


def _uplink_of(by_name: t.Mapping[str, t.Sequence[Data]], pin: Data, family: int, where: str) -> Data:
    name = str(pin.get("uplink") or "")
    if name not in by_name:
        raise PlanError(f"{where}: uplink {name!r} is not declared; declared are {', '.join(by_name) or 'none'}")
    for uplink in by_name[name]:
        if not uplink.get("gateway") or family_of(str(uplink["gateway"])) == family:
            return uplink
    raise PlanError(
        f"{where}: uplink {name} has no IPv{family} gateway; declare it once more with one, or drop the prefix"
    )


def _prefixes(pin: Data, where: str) -> list[str]:
    if not pin.get("name"):
        raise PlanError(f"{where}: name is missing")
    prefixes = [parse_prefix(prefix, f"{where} prefixes") for prefix in pin.get("prefixes") or ()]
    if not prefixes:
        raise PlanError(f"{where}: prefixes is empty; a pin sends its prefixes to an uplink")
    return list(dict.fromkeys(prefixes))


def _way(uplink: Data, family: int, where: str) -> Dict:
    """The next hop of an uplink: its gateway, or the link itself for a point-to-point interface."""
    way: Dict = {"device": uplink["interface"]}
    if uplink.get("gateway"):
        way["gateway"] = parse_address(uplink["gateway"], f"{where} gateway")
    if uplink.get("onlink"):
        way["onlink"] = True
    return way


def _addresses_of(uplink: Data, interfaces: Data) -> list[str]:
    name = uplink["interface"]
    if name not in interfaces:
        known = ", ".join(sorted(interfaces)) or "none"
        raise PlanError(f"uplink {uplink['name']}: interface {name!r} does not exist on this host; it has {known}")
    gateway = uplink.get("gateway")
    if uplink.get("addresses"):
        found = [parse_address(one, f"uplink {uplink['name']} addresses") for one in uplink["addresses"]]
    else:
        found = [
            str(one["address"])
            for one in interfaces[name].get("addresses", ())
            if one.get("scope", "global") == "global" and not {"tentative", "dadfailed"} & set(one.get("flags", ()))
        ]
    usable = [one for one in dict.fromkeys(found) if not gateway or family_of(one) == family_of(str(gateway))]
    if not usable:
        kind = f"IPv{family_of(str(gateway))} address" if gateway else "address"
        raise PlanError(
            f"uplink {uplink['name']}: interface {name} has no {kind} that replies could come from (link-local and "
            "tentative ones do not count); give it one, name addresses, or take from_lease where it comes by a lease"
        )
    return usable


def _connected_routes(interface: str, interfaces: Data, family: int) -> list[Dict]:
    """The prefixes on the link, so that neighbours are answered directly and the gateway is on link in this table."""
    routes = []
    for address in interfaces[interface].get("addresses", ()):
        if address["family"] != family or address.get("scope", "global") != "global":
            continue
        base = f"{address.get('peer') or address['address']}/{address['prefixlen']}"
        net = ipaddress.ip_network(base, strict=False)
        if net.prefixlen < net.max_prefixlen:
            routes.append({"dst": str(net), "device": interface})
    return routes


def _unique(items: t.Iterable[Dict]) -> list[Dict]:
    found: list[Dict] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found
