# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The translation that the verdict of a netfilter rule asks for: addresses and ports, also from maps and prefixes."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import number_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.by_hash import ByHash
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.effects import Effects
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.netfilter.fields import ABSENT
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Translation

KINDS = ("snat", "dnat", "masquerade", "redirect", "netmap")
Verdict = t.Mapping[str, t.Any]


def translation_of(verdict: Verdict, text: str, walk: Effects) -> Translation | None:
    """The translation of the packet in its present situation; None where the rule does not translate it.

    An address that is not known stands as None, and so does a port; the kinds of their ignorance are told apart by
    ``port_unknown``.
    """
    now = walk.now
    address, port = verdict.get("address"), verdict.get("port")
    family = verdict.get("family") or (6 if ":" in str(address or "") else 4 if address else now.family)
    if family != now.family:
        return None  # `snat ip to` of an inet chain leaves IPv6 alone, and the reverse
    if "map" in verdict:
        found = walk.look_up(str(verdict.get("key", "")), verdict["map"])
        if found is ABSENT:
            return None
        address, _dot, mapped = str(found).partition(" . ") if found is not None else ("", "", "")
        address, port = address or None, (int(mapped) if mapped.isdigit() else mapped) if mapped else port
    if "one_of" in verdict:
        address, port = _one_of(text, verdict["one_of"], walk)
    kind = verdict["do"]
    hook_is_source = now.hook in ("postrouting", "input")
    if kind == "netmap":
        kind = "snat" if hook_is_source else "dnat"
    if address and (verdict.get("netmap") or verdict["do"] == "netmap"):
        address = _same_host(address, now.packet.flow.source if hook_is_source else now.packet.flow.destination)
    random = bool(verdict.get("random"))
    return Translation(
        kind,
        address,
        port if isinstance(port, int) else None,
        text,
        port_unknown=random or (port is not None and not isinstance(port, int)),
        persistent=bool(verdict.get("persistent")),
    )


def _one_of(text: str, servers: t.Sequence[tuple[str, int | None]], walk: Effects) -> tuple[str, int | None]:
    """The server that a declared balancer picks; raises ByHash until one is taken for granted."""
    if len(servers) == 1:
        return servers[0]
    numbered = {str(number): server for number, server in enumerate(servers)}
    picked = dict(walk.now.picked).get(text)
    if picked is None:
        raise ByHash(text, dict.fromkeys(numbered, 1 / len(servers)))
    return numbered[picked]


def _same_host(prefix: str, address: str) -> str:
    """The address of the prefix with the host bits of another address (nf_nat_setup_info, xt_NETMAP)."""
    network = ipaddress.ip_network(prefix, strict=False)
    host = number_of(address) & int(network.hostmask)
    return str(ipaddress.ip_address(int(network.network_address) | host) if network.version == 4 else
               ipaddress.IPv6Address(int(network.network_address) | host))
