# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Which packets belong to a flow, and in which direction they go."""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._capture.bpf import MAX_ADDRESSES
from ansible_collections.netpath.symmetry.plugins.module_utils._capture.decode import Header
from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow, FlowError

FORWARD, RETURN, ICMP_ERROR = "forward", "return", "icmp_error"


def parse_flow(text: str) -> Flow:
    """A flow whose destination port may be ``*`` for any. Raises FlowError."""
    if text.rstrip().endswith(":*"):
        return dataclasses.replace(Flow.parse(text.rstrip()[:-1] + "1"), dport=None)
    return Flow.parse(text)


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The flow, and the addresses that translation may put in place of one of its own."""

    flow: Flow
    addresses: tuple[str, ...] = ()

    @classmethod
    def build(cls, text: str, addresses: t.Sequence[str]) -> Wanted:
        """Raises FlowError, which names the wrong option."""
        flow = parse_flow(text)
        canonical = []
        for address in addresses:
            try:
                value = ipaddress.ip_address(address)
            except ValueError:
                raise FlowError(f"addresses: {address!r} is not an IP address") from None
            if value.version != flow.family:
                raise FlowError(f"addresses: {address} is not of the address family of {flow}")
            canonical.append(str(value))
        if len(canonical) > MAX_ADDRESSES - 2:
            raise FlowError(f"addresses: {len(canonical)} given, at most {MAX_ADDRESSES - 2} can be watched")
        return cls(flow, tuple(canonical))

    @property
    def all_addresses(self) -> tuple[str, ...]:
        return (self.flow.source, self.flow.destination, *self.addresses)

    def way(self, packet: Header) -> str | None:
        """``forward``, ``return``, ``icmp_error`` (it quotes the flow), or None where the packet is of another flow."""
        if packet.quoted is not None:
            return ICMP_ERROR if self.way(packet.quoted) in (FORWARD, RETURN) else None
        if packet.error:
            return None
        if packet.protocol != self.flow.protocol:
            return None
        forward = self._matches(packet.source, packet.sport, packet.destination, packet.dport, packet)
        back = self._matches(packet.destination, packet.dport, packet.source, packet.sport, packet)
        if forward and back:  # both ends translated and no port that would tell: the kind of packet may
            return RETURN if packet.flags in ("SYN-ACK", "echo-reply") else FORWARD
        return FORWARD if forward else RETURN if back else None

    def _matches(self, source: str, sport: int | None, destination: str, dport: int | None, packet: Header) -> bool:
        """Does the flow's own end, or a substitute, stand on each side? A substituted end may have another port."""
        flow = self.flow
        if source == destination and flow.source != flow.destination:
            return False
        ports = packet.flags != "fragment"
        for own, port, address, seen in (
            (flow.source, flow.sport, source, sport),
            (flow.destination, flow.dport, destination, dport),
        ):
            if address == own:
                if ports and port is not None and seen != port:
                    return False
            elif address not in self.addresses:
                return False
        # Two substitutes say nothing about the direction; the well-known port does, where it was kept.
        if source != flow.source and destination != flow.destination and ports and flow.dport is not None:
            return sport != flow.dport
        return True
