# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What people declare about the network around the hosts: uplinks, externals, flows, segments, ignored interfaces.

The variables are those of docs/architecture.md, "Inventory variables". What is not declared is inferred
(``infer_uplinks``), and an inferred uplink is named ``host:interface``.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow, FlowError
from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow_spec import FlowSpec, read_flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.flows.region import Region
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import BITS, number_of, prefix_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.variables import (
    SiteError,
    address_of,
    list_of,
    mapping_of,
    name_of,
    prefix_text_of,
    record_of,
)

Facts = t.Mapping[str, t.Any]

_UPLINK_KEYS = ("name", "interface", "gateway", "announces")
_EXTERNAL_KEYS = ("name", "prefixes", "prefers", "weights")
_FLOW_KEYS = ("name", "flow", "one_way")


@dataclasses.dataclass(frozen=True)
class Uplink:
    """An interface with its gateways (one or more per family) and, at the edge, the prefixes announced there."""

    name: str
    host: str
    interface: str
    gateways: tuple[str, ...] = ()
    announces: tuple[str, ...] = ()
    declared: bool = False

    def gateway(self, family: int) -> str | None:
        return next((gateway for gateway in self.gateways if family_of(gateway) == family), None)


@dataclasses.dataclass(frozen=True)
class Preference:
    """By which uplinks replies to one of our prefixes enter: ordered names, or weights per name."""

    prefix: str
    order: tuple[str, ...] = ()
    weights: tuple[tuple[str, float], ...] = ()


@dataclasses.dataclass(frozen=True)
class External:
    """A network outside the inventory."""

    name: str
    prefixes: tuple[str, ...]
    preferences: tuple[Preference, ...] = ()

    def preference(self, ours: str) -> Preference | None:
        """The preference of the longest prefix of ours that holds the address."""
        fitting = [entry for entry in self.preferences if contains(entry.prefix, ours)]
        return max(fitting, key=lambda entry: ipaddress.ip_network(entry.prefix).prefixlen, default=None)


@dataclasses.dataclass(frozen=True)
class NamedFlow:
    """A flow to judge; ``one_way`` flows have no replies, ``live`` ones were found in a connection table.

    A prefix flow has a ``region`` of flows, of which ``flow`` is one; ``parent`` and ``asked`` are then the name and
    the whole of what was asked for.
    """

    name: str
    flow: Flow
    one_way: bool = False
    live: bool = False
    note: str = ""  # an assumption that comes with the flow
    region: Region | None = None
    parent: str = ""
    asked: FlowSpec | None = None
    size: int = 0  # flows of the region, once they are counted
    judged: int = 0  # how many of all that were asked for had to be judged


@dataclasses.dataclass(frozen=True)
class Site:
    """All declarations and what was inferred in their place."""

    uplinks: tuple[Uplink, ...] = ()
    externals: tuple[External, ...] = ()
    flows: tuple[NamedFlow, ...] = ()
    segments: t.Mapping[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    ignored: frozenset[tuple[str, str]] = frozenset()
    problems: tuple[tuple[str, str], ...] = ()  # (host, what does not fit the facts)
    lost: frozenset[str] = frozenset()  # uplinks beyond which nothing answers, though their links are up

    def uplink_of(self, host: str, interface: str, gateway: str | None = None) -> Uplink | None:
        """The uplink of an interface; where two share it, the one with that gateway."""
        here = self._by_interface.get((host, interface), ())
        exact = [uplink for uplink in here if gateway in uplink.gateways]
        return next(iter(exact or here), None)

    @functools.cached_property
    def _by_interface(self) -> dict[tuple[str, str], list[Uplink]]:
        found: dict[tuple[str, str], list[Uplink]] = {}
        for uplink in self.uplinks:
            found.setdefault((uplink.host, uplink.interface), []).append(uplink)
        return found

    @functools.cached_property
    def announcing(self) -> tuple[Uplink, ...]:
        """The uplinks that announce something."""
        return tuple(uplink for uplink in self.uplinks if uplink.announces)

    @functools.cached_property
    def _by_host(self) -> dict[str, list[Uplink]]:
        found: dict[str, list[Uplink]] = {}
        for uplink in self.uplinks:
            found.setdefault(uplink.host, []).append(uplink)
        return found

    def uplinks_of(self, host: str) -> tuple[Uplink, ...]:
        return tuple(self._by_host.get(host, ()))

    def external_of(self, address: str) -> External | None:
        """The declared external with the longest prefix that holds the address."""
        family, number = family_of(address), number_of(address)
        for network, shift, external in self._external_prefixes[family]:
            if (number ^ network) >> shift == 0:
                return external
        return None

    @functools.cached_property
    def _external_prefixes(self) -> dict[int, list[tuple[int, int, External]]]:
        """Network, bits behind it and external of every prefix by family, the longest first."""
        found: dict[int, list[tuple[int, int, External]]] = {4: [], 6: []}
        for external in self.externals:
            for prefix in external.prefixes:
                network, length = prefix_of(prefix)
                found[family_of(prefix)].append((network, BITS[family_of(prefix)] - length, external))
        return {family: sorted(listed, key=lambda one: one[1]) for family, listed in found.items()}


def family_of(address: str) -> int:
    return 6 if ":" in address else 4


def contains(prefix: str, address: str) -> bool:
    """True where the address lies in the prefix; of different families it never does."""
    family = family_of(address)
    if family_of(prefix) != family:
        return False
    network, length = prefix_of(prefix)
    return (number_of(address) ^ network) >> (BITS[family] - length) == 0


def read_site(variables: t.Mapping[str, Facts], facts: t.Mapping[str, Facts]) -> Site:
    """Read the variables of all hosts and infer the uplinks that nobody declared; raises SiteError."""
    declared: list[Uplink] = []
    segments: dict[tuple[str, str], str] = {}
    ignored: set[tuple[str, str]] = set()
    externals: dict[str, External] = {}
    flows: dict[str, NamedFlow] = {}
    read: set[tuple[str, int]] = set()
    for host, values in variables.items():
        declared += _read_uplinks(host, values)
        for interface, name in mapping_of(host, "symmetry_segments", values.get("symmetry_segments")).items():
            segments[host, str(interface)] = name_of(host, f"symmetry_segments.{interface}", name)
        for item in list_of(host, "symmetry_ignore_interfaces", values.get("symmetry_ignore_interfaces")):
            ignored.add((host, name_of(host, "symmetry_ignore_interfaces", item)))
        # what all hosts have from one group is one object, and is read once
        if _is_new("symmetry_externals", values, read):
            for external in _read_externals(host, values):
                _same(host, "symmetry_externals", externals, external.name, external)
        if _is_new("symmetry_flows", values, read):
            for flow in read_flows(values.get("symmetry_flows"), host):
                _same(host, "symmetry_flows", flows, flow.name, flow)
    _unique(declared)
    uplinks, problems = _with_inferred(declared, facts, ignored)
    _one_external_each(externals.values())
    for external in externals.values():
        _known_names(external, uplinks)
    return Site(
        uplinks, tuple(externals.values()), tuple(flows.values()), segments, frozenset(ignored), tuple(problems)
    )


def _is_new(name: str, values: Facts, read: set[tuple[str, int]]) -> bool:
    """False where another host has this very object under the name, or where there is none."""
    key = name, id(values.get(name))
    known = key in read
    read.add(key)
    return not known and name in values


def read_flows(value: t.Any, host: str = "") -> list[NamedFlow]:
    """Flows as a list of texts or of ``{name, flow, one_way}``; raises SiteError."""
    flows = []
    for index, item in enumerate(list_of(host, "symmetry_flows", value)):
        where = f"symmetry_flows[{index}]"
        if isinstance(item, NamedFlow):
            flows.append(item)
            continue
        entry = {"flow": item} if isinstance(item, str) else record_of(host, where, item, _FLOW_KEYS, ("flow",))
        text = name_of(host, f"{where}.flow", entry["flow"])
        one_way = entry.get("one_way", False)
        if not isinstance(one_way, bool):
            raise SiteError(host, f"{where}.one_way", f"{one_way!r} is not true or false")
        try:
            flow = read_flow(text)
        except FlowError as error:
            raise SiteError(host, f"{where}.flow", str(error)) from None
        flows.append(_named(name_of(host, f"{where}.name", entry.get("name", str(flow))), flow, one_way))
    names = collections.Counter(flow.name for flow in flows)
    twice = next((name for name, count in names.items() if count > 1), None)
    if twice is not None:
        raise SiteError(host, "symmetry_flows", f"the name {twice!r} is used twice; give every flow its own")
    return flows


def _named(name: str, flow: Flow | FlowSpec, one_way: bool) -> NamedFlow:
    if isinstance(flow, Flow):
        return NamedFlow(name, flow, one_way)
    region = Region.of(flow)
    return NamedFlow(name, region.example(), one_way, region=region, parent=name, asked=flow)


def _read_uplinks(host: str, values: Facts) -> list[Uplink]:
    uplinks = []
    for index, item in enumerate(list_of(host, "symmetry_uplinks", values.get("symmetry_uplinks"))):
        where = f"symmetry_uplinks[{index}]"
        entry = record_of(host, where, item, _UPLINK_KEYS, ("name", "interface"))
        gateways = entry.get("gateway") or []
        gateways = [gateways] if isinstance(gateways, str) else list_of(host, f"{where}.gateway", gateways)
        uplinks.append(Uplink(
            name_of(host, f"{where}.name", entry["name"]),
            host,
            name_of(host, f"{where}.interface", entry["interface"]),
            tuple(address_of(host, f"{where}.gateway", gateway) for gateway in gateways),
            tuple(prefix_text_of(host, f"{where}.announces", prefix)
                  for prefix in list_of(host, f"{where}.announces", entry.get("announces"))),
            declared=True,
        ))
    return uplinks


def _read_externals(host: str, values: Facts) -> list[External]:
    externals = []
    for index, item in enumerate(list_of(host, "symmetry_externals", values.get("symmetry_externals"))):
        where = f"symmetry_externals[{index}]"
        entry = record_of(host, where, item, _EXTERNAL_KEYS, ("name", "prefixes"))
        prefixes = tuple(prefix_text_of(host, f"{where}.prefixes", prefix)
                         for prefix in list_of(host, f"{where}.prefixes", entry["prefixes"]))
        if not prefixes:
            raise SiteError(host, f"{where}.prefixes", "is empty; list the prefixes, for example [203.0.113.0/25]")
        externals.append(External(
            name_of(host, f"{where}.name", entry["name"]), prefixes, tuple(_preferences(host, where, entry))))
    return externals


def _preferences(host: str, where: str, entry: Facts) -> t.Iterator[Preference]:
    orders = mapping_of(host, f"{where}.prefers", entry.get("prefers"))
    weights = mapping_of(host, f"{where}.weights", entry.get("weights"))
    for prefix, names in orders.items():
        if prefix in weights:
            raise SiteError(host, f"{where}.weights", f"{prefix} is in prefers too; give an order or weights, not both")
        at = f"{where}.prefers.{prefix}"
        order = tuple(name_of(host, at, name) for name in list_of(host, at, names))
        if not order:
            raise SiteError(host, at, "is empty; list uplink names, best first, for example [B, A]")
        yield Preference(prefix_text_of(host, at, prefix), order=order)
    for prefix, table in weights.items():
        at = f"{where}.weights.{prefix}"
        pairs = mapping_of(host, at, table)
        for name, weight in pairs.items():
            if isinstance(weight, bool) or not isinstance(weight, (int, float)) or weight <= 0:
                raise SiteError(host, at, f"the weight of {name} is {weight!r}; it must be a number above 0")
        if not pairs:
            raise SiteError(host, at, "is empty; give uplink names with weights, for example {A: 1, B: 3}")
        yield Preference(prefix_text_of(host, at, prefix), weights=tuple((str(n), float(w)) for n, w in pairs.items()))


def _with_inferred(
    declared: list[Uplink], facts: t.Mapping[str, Facts], ignored: set[tuple[str, str]]
) -> tuple[tuple[Uplink, ...], list[tuple[str, str]]]:
    """Complete declared uplinks with gateways of default routes and add an uplink for every other default route."""
    gateways: dict[tuple[str, str], list[str]] = {}
    for host, host_facts in facts.items():
        for device, gateway in default_legs(host_facts):
            if (host, device) not in ignored:
                found = gateways.setdefault((host, device), [])
                if gateway and gateway not in found:
                    found.append(gateway)
    uplinks, problems = [], []
    for uplink in declared:
        known = facts.get(uplink.host)
        if known is not None and uplink.interface not in known.get("interfaces", {}):
            problems.append((uplink.host, f"uplink {uplink.name} is declared on interface {uplink.interface}, which "
                             f"the host does not have now (it has {', '.join(sorted(known.get('interfaces', {})))})"))
        families = {family_of(gateway) for gateway in uplink.gateways}
        more = [g for g in gateways.get((uplink.host, uplink.interface), ()) if family_of(g) not in families]
        uplinks.append(dataclasses.replace(uplink, gateways=(*uplink.gateways, *more)))
    taken = {(uplink.host, uplink.interface) for uplink in declared}
    uplinks += [
        Uplink(f"{host}:{device}", host, device, tuple(found))
        for (host, device), found in gateways.items() if (host, device) not in taken
    ]
    return tuple(uplinks), problems


def default_legs(facts: Facts) -> t.Iterator[tuple[str, str | None]]:
    """Device and gateway of every leg of every default route, in any table."""
    for route in facts.get("routes", ()):
        if route["dst"] in ("0.0.0.0/0", "::/0") and route.get("type", "unicast") == "unicast":
            for leg in route.get("nexthops", ()):
                if leg.get("device"):
                    yield leg["device"], leg.get("gateway")


def _unique(uplinks: list[Uplink]) -> None:
    seen: dict[str, Uplink] = {}
    for uplink in uplinks:
        other = seen.setdefault(uplink.name, uplink)
        if other is not uplink:
            raise SiteError(uplink.host, "symmetry_uplinks", f"the name {uplink.name!r} is already that of an uplink "
                            f"of {other.host} ({other.interface}); uplink names are unique in the inventory")


def _one_external_each(externals: t.Iterable[External]) -> None:
    """Externals may overlap, where the longest prefix counts; the same prefix twice would be a toss-up."""
    owners: dict[str, External] = {}
    for external in externals:
        for prefix in external.prefixes:
            other = owners.setdefault(prefix, external)
            if other is not external:
                raise SiteError("", "symmetry_externals", f"the prefix {prefix} is of {other.name!r} and of "
                                f"{external.name!r}; give it to one of them")


def _known_names(external: External, uplinks: tuple[Uplink, ...]) -> None:
    names = {uplink.name for uplink in uplinks}
    for preference in external.preferences:
        for name in (*preference.order, *(name for name, _weight in preference.weights)):
            if name not in names:
                raise SiteError("", f"symmetry_externals: {external.name}: {preference.prefix}",
                                f"no uplink is named {name!r}; there are {', '.join(sorted(names)) or 'none'}")


def _same(host: str, variable: str, known: dict[str, t.Any], name: str, value: t.Any) -> None:
    """Hosts may repeat a declaration of the whole network; a different one under the same name is an error."""
    if known.setdefault(name, value) != value:
        raise SiteError(host, variable, f"{name!r} differs from what another host says; declare it once, for all hosts")
