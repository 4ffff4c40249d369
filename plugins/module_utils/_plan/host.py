# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a planner needs to know of a host, from the live host or from its facts."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Route, Rule

Interfaces = t.Mapping[str, t.Mapping[str, t.Any]]


@dataclasses.dataclass(frozen=True)
class Session:
    """The session that a change runs over, as the host sees it: replies go from ``local`` to ``peer``."""

    peer: str
    local: str
    local_port: int = 22
    peer_port: t.Optional[int] = None


@dataclasses.dataclass(frozen=True)
class Host:
    """Rules and routes in the kernel's order, interfaces as in the facts schema."""

    rules: tuple[Rule, ...]
    routes: tuple[Route, ...]
    interfaces: Interfaces
    table_names: t.Mapping[str, int] = dataclasses.field(default_factory=dict)
    no_ipv6: frozenset[str] = frozenset()  # interfaces with disable_ipv6; also "all" where no interface is without
    session: t.Optional[Session] = None

    def addresses(self, interface: str, family: int) -> list[str]:
        """The addresses of an interface that may be a source: no tentative or failed ones."""
        found = self.interfaces.get(interface, {}).get("addresses", ())
        return [
            str(address["address"])
            for address in found
            if address["family"] == family and not {"tentative", "dadfailed"} & set(address.get("flags", ()))
        ]

    def owner(self, address: str) -> t.Optional[str]:
        """The interface that has this address, or None."""
        for name, interface in self.interfaces.items():
            if any(entry["address"] == address for entry in interface.get("addresses", ())):
                return name
        return None


def host_from_facts(facts: t.Mapping[str, t.Any]) -> Host:
    """The host as its facts (schema netpath.symmetry/1) describe it."""
    sysctls, interfaces = facts.get("interface_sysctls", {}), facts.get("interfaces", {})
    no_ipv6 = {name for name, values in sysctls.items() if values.get("disable_ipv6") and name in interfaces}
    if interfaces and no_ipv6 == set(interfaces):
        no_ipv6.add("all")
    return Host(
        rules=tuple(Rule.from_dict(rule) for rule in facts.get("rules", ())),
        routes=tuple(Route.from_dict(route) for route in facts.get("routes", ())),
        interfaces=interfaces,
        no_ipv6=frozenset(no_ipv6),
    )
