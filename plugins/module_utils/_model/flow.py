# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A flow: source, destination, protocol and ports, and the text that names it."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Value

PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58}
_TEXT = re.compile(
    r"^\s*(?P<protocol>[A-Za-z0-9]+)\s+(?P<source>\S+)\s*(?:>|->)\s*(?P<destination>\S+)\s*$"
)
_ENDPOINT = re.compile(r"^(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]+))(?::(?P<port>\d+))?$")
EXAMPLE = (
    "tcp 10.0.0.5 > 203.0.113.10:443, udp [2001:db8::5]:40000 > [2001:db8:1::10]:53 or icmp 10.0.0.5 > 203.0.113.10"
)


class FlowError(ValueError):
    """The text or the fields do not name a flow; the message says which part and what is expected."""


@dataclasses.dataclass(frozen=True)
class Flow(Value):
    """One flow. A port of None means "any" (an ephemeral source port, or ICMP)."""

    protocol: str  # tcp, udp, icmp, icmpv6
    source: str
    destination: str
    sport: t.Optional[int] = None
    dport: t.Optional[int] = None

    @property
    def family(self) -> int:
        return 6 if ":" in self.source else 4

    def reversed(self) -> Flow:
        """The flow of the replies."""
        return Flow(self.protocol, self.destination, self.source, self.dport, self.sport)

    def __str__(self) -> str:
        return f"{self.protocol} {_endpoint(self.source, self.sport)} > {_endpoint(self.destination, self.dport)}"

    @classmethod
    def parse(cls, text: str) -> Flow:
        """Read ``PROTOCOL SOURCE[:PORT] > DESTINATION[:PORT]``; raises FlowError."""
        match = _TEXT.match(text)
        if not match:
            raise FlowError(f"flow {text!r}: expected 'PROTOCOL SOURCE > DESTINATION:PORT', for example {EXAMPLE}")
        protocol = match["protocol"].lower()
        if protocol not in PROTOCOLS:
            raise FlowError(f"flow {text!r}: protocol {protocol!r} is not one of {', '.join(PROTOCOLS)}")
        source, sport = _parse_endpoint(text, "source", match["source"])
        destination, dport = _parse_endpoint(text, "destination", match["destination"])
        if (":" in source) != (":" in destination):
            raise FlowError(f"flow {text!r}: source and destination are of different address families")
        if protocol == "icmp" and ":" in source:
            protocol = "icmpv6"
        if protocol in ("tcp", "udp") and dport is None:
            raise FlowError(f"flow {text!r}: {protocol} needs a destination port, for example {destination}:443")
        if protocol in ("icmp", "icmpv6") and (sport is not None or dport is not None):
            raise FlowError(f"flow {text!r}: {protocol} has no ports")
        return cls(protocol, source, destination, sport, dport)


def _endpoint(address: str, port: int | None) -> str:
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _parse_endpoint(text: str, which: str, endpoint: str) -> tuple[str, int | None]:
    match = _ENDPOINT.match(endpoint)
    bare = endpoint if match is None else (match["six"] or match["four"])
    try:
        address = str(ipaddress.ip_address(bare))
    except ValueError:
        raise FlowError(f"flow {text!r}: the {which} {endpoint!r} is not an address or address:port") from None
    port = int(match["port"]) if match and match["port"] else None
    if port is not None and not 0 < port < 65536:
        raise FlowError(f"flow {text!r}: the {which} port {port} is not between 1 and 65535")
    return address, port
