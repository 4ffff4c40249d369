# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which source address the kernel gives a packet that has none (inet_select_addr, ipv6_dev_get_saddr of RFC 6724)."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Address, NextHop, Route
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import SCOPES, number_of, prefix_of

# the kernel's default policy (net/ipv6/addrlabel.c); `ip addrlabel` may change it, which facts do not hold
_LABELS = tuple(
    (prefix_of(prefix), label)
    for prefix, label in (
        ("::1/128", 0),
        ("2001:10::/28", 7),
        ("::ffff:0:0/96", 4),
        ("::/96", 3),
        ("2001::/32", 6),
        ("2002::/16", 2),
        ("fc00::/7", 5),
        ("::/0", 1),
    )
)
_ORCHID = prefix_of("2001:10::/28")


class Interface(t.Protocol):
    """What source selection needs of an interface."""

    @property
    def name(self) -> str: ...
    @property
    def index(self) -> int: ...
    @property
    def kind(self) -> str | None: ...
    @property
    def vrf(self) -> str | None: ...
    @property
    def addresses(self) -> tuple[Address, ...]: ...
    def is_set(self, sysctl: str) -> bool: ...


Interfaces = t.Mapping[str, Interface]


def to_text(number: int, family: int) -> str:
    """An address as text."""
    return str(ipaddress.IPv4Address(number) if family == 4 else ipaddress.IPv6Address(number))


def of_leg(interfaces: Interfaces, route: Route, hop: NextHop) -> int:
    """The IPv4 source of packets that take a leg of a route without a source of its own (fib_info_update_nhc_saddr)."""
    return _of_leg(interfaces, hop, SCOPES.get(route.scope, 0))


def is_of_leg_certain(interfaces: Interfaces, route: Route, hop: NextHop) -> bool:
    """False where the source depends on what happened before.

    A next-hop object remembers one that was chosen for a scope of its own (nh_create_ipv4), until an address is added
    or deleted somewhere; then it is chosen anew for the scope of the route that asks first.
    """
    if route.nhid is None or route.prefsrc:
        return True
    at_first = (SCOPES["link"] if hop.gateway else SCOPES["host"]) - 1
    return _of_leg(interfaces, hop, at_first) == of_leg(interfaces, route, hop)


def _of_leg(interfaces: Interfaces, hop: NextHop, scope: int) -> int:
    gateway = number_of(hop.gateway) if hop.gateway and ":" not in hop.gateway else 0
    return select_v4(interfaces, hop.device or "", gateway, scope)


def domains(interfaces: Interfaces, address: str) -> set[str | None]:
    """The VRFs in which the host has an address; None stands for outside of VRFs."""
    owners = (one for one in interfaces.values() if any(own.address == address for own in one.addresses))
    return {_domain(one) for one in owners}


def on_link(interfaces: Interfaces, device: str) -> int:
    """The IPv4 source for a device, or for a VRF, where no route says which."""
    return select_v4(interfaces, device, 0, SCOPES["link"])


def select_v4(interfaces: Interfaces, device: str, toward: int, scope: int) -> int:
    """inet_select_addr: the first primary address of ``device`` that shares ``toward``'s subnet, else the first of a
    scope not narrower than ``scope``, else one of the VRF or of any other interface. 0 where there is none.
    """
    interface = interfaces.get(device)
    if interface is None:
        return 0
    first = 0
    host_scope = SCOPES["link"] if interface.is_set("route_localnet") else SCOPES["host"]
    for address in _primaries(interface):
        if min(SCOPES.get(address.scope, 0), host_scope) > scope:
            continue
        if not toward or _shares_subnet(address, toward):
            return number_of(address.address)
        first = first or number_of(address.address)
    return first or _select_elsewhere(interfaces, interface, scope)


def _select_elsewhere(interfaces: Interfaces, interface: Interface, scope: int) -> int:
    vrf = _domain(interface)
    peers = sorted((one for one in interfaces.values() if _domain(one) == vrf), key=lambda one: one.index)
    masters = [interfaces[vrf]] if vrf and vrf in interfaces else []
    for one in (*masters, *peers):
        for address in _primaries(one):
            number = SCOPES.get(address.scope, 0)
            if number != SCOPES["link"] and number <= scope:
                return number_of(address.address)
    return 0


def _primaries(interface: Interface) -> t.Iterator[Address]:
    return (address for address in interface.addresses if address.family == 4 and not address.secondary)


def _shares_subnet(address: Address, other: int) -> bool:
    base = number_of(address.peer or address.address)  # ifa_address, the peer of a point-to-point link
    return (base ^ other) >> (32 - address.prefixlen) == 0


def _domain(interface: Interface) -> str | None:
    return interface.name if interface.kind == "vrf" else interface.vrf


def select_v6(interfaces: Interfaces, device: str, destination: str) -> str | None:
    """ipv6_dev_get_saddr: the best source toward ``destination`` for packets that leave by ``device``.

    An empty ``device`` stands for "no route yet": then all interfaces outside VRFs are alike.
    """
    interface = interfaces.get(device)
    if interface is None and device:
        return None
    dst = number_of(destination)
    domain = _domain(interface) if interface else None
    if interface is not None and _scope_v6(dst) <= 2:
        candidates = [interface]
    elif interface is not None and domain:
        own = [interface, interfaces[domain]] if domain in interfaces else [interface]
        best = _best_v6(own, device, dst)
        if best is not None and _scope_v6(number_of(best.address)) >= _scope_v6(dst):
            return best.address
        candidates = [one for one in interfaces.values() if _domain(one) == domain]
    else:
        candidates = [one for one in interfaces.values() if _domain(one) is None]
    best = _best_v6(sorted(candidates, key=lambda one: one.index), device, dst)
    return best.address if best else None


def _best_v6(candidates: list[Interface], out: str, dst: int) -> Address | None:
    best: Address | None = None
    best_score: tuple[int, ...] = ()
    for one in candidates:
        for address in one.addresses:
            if address.family != 6 or {"tentative", "dadfailed"} & set(address.flags):
                continue
            score = _score_v6(address, out in ("", one.name), dst)
            if score > best_score:
                best, best_score = address, score
    return best


def _score_v6(address: Address, on_output: bool, dst: int) -> tuple[int, ...]:
    """ipv6_get_saddr_eval, rule by rule; the greater tuple wins, the first of equals stays."""
    number = number_of(address.address)
    scope = _scope_v6(number)
    common = 128 - (number ^ dst).bit_length()
    orchid = _within(number, _ORCHID) == _within(dst, _ORCHID)
    return (
        int(number == dst),
        -scope if scope >= _scope_v6(dst) else scope - 128,
        int("deprecated" not in address.flags),
        int(on_output),
        int(_label(number) == _label(dst)),
        int("temporary" not in address.flags),  # use_tempaddr below 2; with 2 the kernel prefers temporary ones
        int(orchid),
        min(common, address.prefixlen),
    )


def _scope_v6(number: int) -> int:
    """IPV6_ADDR_SCOPE_*: 2 link-local (and loopback), 5 site-local, 14 global; multicast holds its own."""
    if number >> 120 == 0xFF:
        return number >> 112 & 0xF
    if number == 1 or number >> 118 == 0xFE80 >> 6:
        return 2
    return 5 if number >> 118 == 0xFEC0 >> 6 else 14


def _within(number: int, prefix: tuple[int, int]) -> bool:
    return (number ^ prefix[0]) >> (128 - prefix[1]) == 0


def _label(number: int) -> int:
    return next(label for prefix, label in _LABELS if _within(number, prefix))
