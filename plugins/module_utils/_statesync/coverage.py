# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which connections a conntrackd leaves out, by what the facts say of its filter. Pure.

The daemon compares addresses with the source of the original and the source of the reply direction (filter.c), so with
what a connection comes from and what it really goes to, whatever is translated. An entry whose TCP state is not
synchronised may stand on the peer in an earlier state: states are named, and entries are not judged by them.
"""

from __future__ import annotations

import ipaddress
import typing as t

Item = t.Mapping[str, t.Any]
NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "ipv6-icmp": 58, "sctp": 132, "dccp": 33, "gre": 47,
           "udplite": 136}
KNOWN = ("tcp", "udp", "icmp", "icmpv6", "sctp", "gre")
TCP_STATES = ("syn_sent", "syn_recv", "established", "fin_wait", "close_wait", "last_ack", "time_wait", "close")


def left_out(item: Item, own: t.Container[str] = ()) -> list[dict[str, str]]:
    """What is not shared, each as ``{kind, what}``; ``own`` are the host's addresses, which are left out rightly.

    Kinds: protocol, address, family, state (of TCP), expectations, always (what no configuration mends).
    """
    found = [{"kind": "protocol", "what": name} for name in _protocols(item.get("protocols"))]
    found += _addresses(item.get("addresses"), own)
    states = item.get("states")
    if states:
        named = set(states.get("accept", states.get("ignore", ())))
        missing = [name for name in TCP_STATES if (name in named) != ("accept" in states)]
        found += [{"kind": "state", "what": f"tcp {name}"} for name in missing]
    helpers = item.get("expectations")
    if helpers is None:
        found.append({"kind": "expectations", "what": "all helpers"})
    elif list(helpers) != ["all"]:
        found.append({"kind": "expectations", "what": f"helpers other than {', '.join(helpers)}"})
    return found + [{"kind": "always", "what": what} for what in item.get("left_out_always", ())]


def _protocols(choice: t.Optional[t.Mapping[str, t.Sequence[str]]]) -> list[str]:
    if choice is None:
        return []
    named = ["icmpv6" if name == "ipv6-icmp" else name for name in choice.get("accept", choice.get("ignore", ()))]
    if "ignore" in choice:
        return named
    return [*(name for name in KNOWN if name not in named), "other protocols"]


def _addresses(choice: t.Optional[t.Mapping[str, t.Sequence[str]]], own: t.Container[str]) -> list[dict[str, str]]:
    if choice is None:
        return []
    if "ignore" in choice:
        return [{"kind": "address", "what": prefix} for prefix in choice["ignore"] if not _is_own(prefix, own)]
    accepted = choice["accept"]
    found = [{"kind": "family", "what": name} for name, mark in (("ipv4", "."), ("ipv6", ":"))
             if not any(mark in prefix for prefix in accepted)]
    return [*found, {"kind": "address", "what": f"all but {', '.join(accepted) or 'nothing'}"}]


def _is_own(prefix: str, own: t.Container[str]) -> bool:
    network = ipaddress.ip_interface(prefix).network
    return network.is_loopback or (network.num_addresses == 1 and str(network.network_address) in own)


class Coverage:
    """What the filter of one daemon lets through, for entries as the kernel dumps them; without a filter everything."""

    def __init__(self, item: Item) -> None:
        protocols, addresses = item.get("protocols") or {}, item.get("addresses") or {}
        self.accepts_protocols = "accept" in protocols
        self.protocols: t.Optional[frozenset[int]] = None
        if protocols:
            named = protocols.get("accept", protocols.get("ignore", ()))
            self.protocols = frozenset(NUMBERS[name] for name in named if name in NUMBERS)
        self.accepts_addresses = "accept" in addresses
        self.has_addresses = bool(addresses)
        self.single: set[bytes] = set()
        self.prefixes: dict[int, dict[int, set[int]]] = {4: {}, 16: {}}  # by bytes of an address: shift: values
        for prefix in addresses.get("accept", addresses.get("ignore", ())):
            network = ipaddress.ip_interface(prefix).network
            packed = network.network_address.packed
            if network.prefixlen == network.max_prefixlen:
                self.single.add(packed)
            else:
                shift = network.max_prefixlen - network.prefixlen
                values = self.prefixes[len(packed)].setdefault(shift, set())
                values.add(int(network.network_address) >> shift)

    @property
    def is_whole(self) -> bool:
        return self.protocols is None and not self.has_addresses

    def carries(self, protocol: int, source: bytes, reply_source: bytes) -> bool:
        """Whether an entry of this protocol number and these two packed addresses is shared in a way that is of use."""
        if self.protocols is not None and (protocol in self.protocols) != self.accepts_protocols:
            return False
        if not self.has_addresses:
            return True
        named = source in self.single or reply_source in self.single
        if not named and self.prefixes[len(source)]:
            named = self._within(source) or self._within(reply_source)
        return named == self.accepts_addresses

    def _within(self, address: bytes) -> bool:
        number = int.from_bytes(address, "big")
        return any(number >> shift in values for shift, values in self.prefixes[len(address)].items())
