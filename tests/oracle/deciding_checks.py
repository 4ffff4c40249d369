# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What decides the reverse-path validation of a packet that arrives (IPv4)."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Address
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import Key
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.reverse_path import _Check
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.routing import Decision
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet, ReversePath

OUTCOMES = (
    *("off, strict would drop", "strict passes", "strict drops", "loose passes, strict would drop", "loose drops"),
    *("source is martian", "accept_local passes", "no address: last resort"),
)
SYSCTLS = (
    *("all over interface", "interface over all", "src_valid_mark", "accept_local", "egress as iif", "lo as iif"),
    "ports swapped",
)
_SOME_ADDRESS = (Address(4, "192.0.2.1", 24),)


Change = t.Mapping[str, t.Any] | t.Callable[[Key], t.Mapping[str, t.Any]]


class _Altered(_Check):
    """A check whose question is altered."""

    change: Change = {}

    def _key(self) -> Key:
        key = super()._key()
        change = self.change(key) if callable(self.change) else self.change
        return dataclasses.replace(key, **change)


def deciding(host: Host, packet: Packet, iif: str, decision: Decision) -> set[str]:
    """The rows of reverse-path validation that decide a case. The check was made: the route let the packet in."""
    made = decision.reverse_path
    if made is None or made.verdict == "unknown":
        return set()
    oif = decision.device if _is_forwarded(decision) else None
    lookup = decision.lookup
    if lookup and any(branch.route and branch.route.type == "broadcast" for branch in lookup.branches):
        return set()  # the check is not told the destination there
    passes = [_passes(_Altered(host, packet, iif, oif, mode)) for mode in (0, 1, 2)]
    rows = set(_outcomes(made, passes, host, packet, iif, oif))
    rows.update(_sysctls(made, passes, host, packet, iif, oif))
    return rows


def _is_forwarded(decision: Decision) -> bool:
    branches = decision.lookup.branches if decision.lookup else ()
    return any(branch.kind == "forward" for branch in branches)


def _passes(check: _Check) -> bool:
    return check.run().verdict == "pass"


def _outcomes(
    made: ReversePath, passes: list[bool], host: Host, packet: Packet, iif: str, oif: str | None
) -> t.Iterator[str]:
    passed = made.verdict == "pass"
    if made.mode == 0 and passed and not passes[1]:
        yield "off, strict would drop"
    if made.mode == 1 and (passed or passes[0]):
        yield "strict passes" if passed else "strict drops"
    if made.mode == 2 and passed and not passes[1]:
        yield "loose passes, strict would drop"
    if made.mode == 2 and not passed and passes[0]:
        yield "loose drops"
    if made.martian:
        yield "source is martian"
    if not passed and not any(address.family == 4 for address in host.interfaces[iif].addresses):
        addressed = _Altered(host, packet, iif, oif, 2)
        addressed.device = dataclasses.replace(addressed.device, addresses=_SOME_ADDRESS)
        if made.mode == 2 and _passes(addressed):
            yield "no address: last resort"


def _sysctls(
    made: ReversePath, passes: list[bool], host: Host, packet: Packet, iif: str, oif: str | None
) -> t.Iterator[str]:
    passed = made.verdict == "pass"
    own = host.interfaces[iif].sysctls.get("rp_filter", 0)
    everywhere = host.all_sysctls.get("rp_filter", 0)
    if passes[own] != passed:
        yield "all over interface"
    if passes[everywhere] != passed:
        yield "interface over all"
    for sysctl in ("src_valid_mark", "accept_local"):
        check = _Altered(host, packet, iif, oif, made.mode)
        flipped = int(not check.device.is_set(sysctl))
        check.device = dataclasses.replace(
            check.device,
            sysctls={**check.device.sysctls, sysctl: flipped},
            all_sysctls={**check.device.all_sysctls, sysctl: flipped},
        )
        if _passes(check) != passed:
            yield sysctl
            if sysctl == "accept_local" and passed:
                yield "accept_local passes"
    for row, change in _questions(packet, iif, oif):
        altered = _Altered(host, packet, iif, oif, made.mode)
        altered.change = change
        if _passes(altered) != passed:
            yield row


def _questions(packet: Packet, iif: str, oif: str | None) -> t.Iterator[tuple[str, Change]]:
    """Other questions that the check might ask, and does not."""
    yield ("egress as iif", {"iif": "lo"}) if oif else ("lo as iif", {"iif": iif})
    if packet.flow.sport:
        yield "ports swapped", _swapped


def _swapped(key: Key) -> dict[str, t.Any]:
    return {"sport": key.dport, "dport": key.sport}
