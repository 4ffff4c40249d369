# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine with one of the kernel's habits taken away: the comparison with the kernel must notice each."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Route, Rule
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import (
    default_routes,
    fib,
    reverse_path,
    rules,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host import source_address as source
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host

Patch = pytest.MonkeyPatch


def ignore_not(patch: Patch) -> None:
    """A rule matches where all its selectors do, also with ``not``."""
    true = rules.matches
    patch.setattr(rules, "matches", lambda rule, *rest: true(dataclasses.replace(rule, invert=False), *rest))


def match_any_tunnel(patch: Patch) -> None:
    """A rule for a tunnel matches packets that came by none."""
    true = rules.matches
    patch.setattr(rules, "matches", lambda rule, *rest: true(dataclasses.replace(rule, tun_id=None), *rest))


def compare_dscp_as_tos(patch: Patch) -> None:
    """Of a DSCP the bits count that the old TOS had."""
    true = rules.matches

    def broken(rule: Rule, key: fib.Key, *rest: t.Any) -> bool | None:
        if rule.dscp is not None:
            rule, key = dataclasses.replace(rule, dscp=rule.dscp & 7), dataclasses.replace(key, tos=key.tos & 0x1C)
        return true(rule, key, *rest)

    patch.setattr(rules, "matches", broken)


def never_jump(patch: Patch) -> None:
    """A goto is passed over, as if its target never stood."""
    true = rules._Walk._act

    def broken(walk: rules._Walk, rule: Rule, index: int) -> t.Any:
        return (None, index + 1) if rule.action == "goto" else true(walk, rule, index)

    patch.setattr(rules._Walk, "_act", broken)


def never_suppress(patch: Patch) -> None:
    """A rule takes every route that it finds."""
    patch.setattr(rules._Walk, "_suppressed", lambda walk, rule, hit: {False})


def throw_is_the_end(patch: Patch) -> None:
    """A throw route ends the lookup, as unreachable does."""
    true = rules._Walk.look_up

    def broken(walk: rules._Walk, rule: Rule, table: fib.Table) -> rules.Answer | None:
        hit = table.lookup(walk.key, walk.host.surroundings(walk.key.family))
        if hit is not None and hit.route.type == "throw":
            return rules.Answer(hit, rule, "unreachable")
        return true(walk, rule, table)

    patch.setattr(rules._Walk, "look_up", broken)


def worst_metric_first(patch: Patch) -> None:
    """Of equal prefixes the greatest metric wins."""
    patch.setattr(fib, "_order_v4", lambda route: (-route.table, -route.tos, -route.metric))


def tos_last(patch: Patch) -> None:
    """Of equal prefixes a route without a tos is looked at before one that has the packet's."""
    patch.setattr(fib, "_order_v4", lambda route: (-route.table, route.tos, route.metric))


def use_dead_carriers(patch: Patch) -> None:
    """Routes of links without carrier are used also where they are to be ignored."""
    true = Route.from_dict

    def broken(data: t.Mapping[str, t.Any]) -> Route:
        route = true(data)
        return dataclasses.replace(route, nexthops=tuple(dataclasses.replace(leg, flags=()) for leg in route.nexthops))

    patch.setattr(Route, "from_dict", staticmethod(broken))


def trust_every_gateway(patch: Patch) -> None:
    """Neighbours that do not answer change nothing."""
    true = Host._surroundings_of

    def broken(host: Host, family: int) -> fib.Surroundings:
        return dataclasses.replace(true(host, family), failed_neighbours=frozenset(), neighbours={})

    patch.setattr(Host, "_surroundings_of", broken)


def first_default_route(patch: Patch) -> None:
    """Of equal default routes the first is taken."""
    patch.setattr(default_routes, "possible", lambda routes, best, tos, states: [best])


def first_address(patch: Patch) -> None:
    """The source is the first address of the interface, whatever the gateway."""
    true = source.select_v4
    patch.setattr(source, "select_v4", lambda interfaces, device, toward, scope: true(interfaces, device, 0, scope))


def ignore_labels(patch: Patch) -> None:
    """Sources of IPv6 are chosen without the labels of RFC 6724."""
    patch.setattr(source, "_label", lambda number: 1)


def _alter_check(patch: Patch, alter: t.Callable[[reverse_path._Check, fib.Key], fib.Key]) -> None:
    true = reverse_path._Check._key
    patch.setattr(reverse_path._Check, "_key", lambda check: alter(check, true(check)))


def reverse_from_lo(patch: Patch) -> None:
    """The way back is asked for as if the host itself sent."""
    _alter_check(patch, lambda check, key: dataclasses.replace(key, iif="lo"))


def reverse_from_ingress(patch: Patch) -> None:
    """The way back is asked for with the interface that the packet came in on."""
    _alter_check(patch, lambda check, key: dataclasses.replace(key, iif=check.iif))


def ports_as_they_came(patch: Patch) -> None:
    """The way back is asked for without swapping the ports."""
    _alter_check(patch, lambda check, key: dataclasses.replace(key, sport=key.dport, dport=key.sport))


def always_src_valid_mark(patch: Patch) -> None:
    """The way back is asked for with the packet's mark in any case."""
    _alter_check(patch, lambda check, key: dataclasses.replace(key, mark=check.packet.mark))


def rp_filter_of_the_interface_only(patch: Patch) -> None:
    """The setting of "all" is left out."""

    def broken(host: Host, iif: str) -> tuple[int, str]:
        return host.interfaces[iif].sysctls.get("rp_filter", 0), "interface"

    patch.setattr(reverse_path, "effective_mode", broken)


def loose_without_address(patch: Patch) -> None:
    """Loose mode accepts on an interface without an address, too."""
    true = reverse_path._Check._judge

    def broken(check: reverse_path._Check, *rest: t.Any) -> t.Any:
        verdict = true(check, *rest)
        bare = verdict.verdict == "drop" and not verdict.martian and check.mode == 2
        return dataclasses.replace(verdict, verdict="pass") if bare else verdict

    patch.setattr(reverse_path._Check, "_judge", broken)


def never_accept_local(patch: Patch) -> None:
    """A source that is the host's own is martian in any case."""
    true = reverse_path._Check.run

    def broken(check: reverse_path._Check) -> t.Any:
        own = {**check.device.sysctls, "accept_local": 0}
        everywhere = {**check.device.all_sysctls, "accept_local": 0}
        check.device = dataclasses.replace(check.device, sysctls=own, all_sysctls=everywhere)
        return true(check)

    patch.setattr(reverse_path._Check, "run", broken)


# each with the seed of a world that shows it
ALL: tuple[tuple[t.Callable[[Patch], None], int], ...] = (
    (ignore_not, 11),
    (match_any_tunnel, 22),
    (compare_dscp_as_tos, 34),
    (never_jump, 100),
    (never_suppress, 12),
    (throw_is_the_end, 59),
    (worst_metric_first, 7),
    (tos_last, 74),
    (use_dead_carriers, 3),
    (trust_every_gateway, 70),
    (first_default_route, 124),
    (first_address, 75),
    (ignore_labels, 109),
    (reverse_from_lo, 48),
    (reverse_from_ingress, 35),
    (ports_as_they_came, 58),
    (always_src_valid_mark, 5),
    (rp_filter_of_the_interface_only, 14),
    (loose_without_address, 5),
    (never_accept_local, 10),
)
