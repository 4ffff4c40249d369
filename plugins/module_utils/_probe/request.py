# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a probe is asked to do, checked, and what it answers."""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow, FlowError

MAX_COUNT, MAX_TIMEOUT, MAX_INTERVAL, MAX_WAIT, MAX_SECONDS = 1000, 60.0, 60.0, 600.0, 3600.0
MAX_SIZE = 10_000_000
PAYLOAD = "netpath.symmetry probe"


class ProbeError(RuntimeError):
    """The probe cannot be sent as asked; the message says which option is wrong and what to do."""


@dataclasses.dataclass(frozen=True)
class Http:
    """A GET request that is sent over the probe's TCP connection."""

    path: str = "/"
    host: str = ""  # the destination address when empty


@dataclasses.dataclass(frozen=True)
class Request:
    """Checked when it is built. Times are seconds."""

    protocol: str  # tcp, udp, icmp, icmpv6
    destination: str
    dport: t.Optional[int] = None
    source: t.Optional[str] = None
    sport: t.Optional[int] = None
    interface: t.Optional[str] = None
    mark: t.Optional[int] = None
    timeout: float = 2.0  # for each try
    count: int = 1
    interval: float = 0.2  # from the start of a try to the start of the next
    until: str = "count"  # count, success
    wait: float = 30.0  # with until success: give up then
    payload: str = PAYLOAD
    keep_socket: bool = False
    http: t.Optional[Http] = None
    size: t.Optional[int] = None  # bytes to send over the TCP connection, all of which must be acknowledged

    def __post_init__(self) -> None:
        _check_addresses(self)
        _check_ports(self)
        for name, value, low, high in (
            ("timeout", self.timeout, 0.01, MAX_TIMEOUT),
            ("count", self.count, 1, MAX_COUNT),
            ("interval", self.interval, 0, MAX_INTERVAL),
            ("wait", self.wait, 0.1, MAX_WAIT),
        ):
            if not low <= value <= high:
                raise ProbeError(f"{name} {value:g}: use {low:g} to {high:g}")
        if self.mark is not None and not 0 <= self.mark <= 0xFFFFFFFF:
            raise ProbeError(f"mark {self.mark}: use 0 to 0xffffffff")
        if self.until == "count" and self.count * max(self.timeout, self.interval) > MAX_SECONDS:
            raise ProbeError(
                f"count {self.count} with timeout {self.timeout:g} and interval {self.interval:g} may take more than "
                f"{MAX_SECONDS:g} s: lower one of them"
            )
        if self.keep_socket and self.protocol != "udp":
            raise ProbeError(f"keep_socket is for udp, and the protocol is {self.protocol}")
        _check_http(self)
        _check_size(self)

    @property
    def family(self) -> int:
        return 6 if ":" in self.destination else 4


def from_flow(text: str) -> dict[str, t.Any]:
    """The options that a flow stands for. Raises ProbeError."""
    try:
        flow = Flow.parse(text)
    except FlowError as error:
        raise ProbeError(str(error)) from None
    return dataclasses.asdict(flow)


def _check_addresses(request: Request) -> None:
    for name, value in (("destination", request.destination), ("source", request.source)):
        if value is None:
            continue
        try:
            ipaddress.ip_address(value)
        except ValueError:
            raise ProbeError(f"{name} {value!r} is not an IP address: names are not resolved") from None
    if request.source is not None and (":" in request.source) != (":" in request.destination):
        raise ProbeError(f"source {request.source} and destination {request.destination} are of different families")
    if request.protocol == "icmpv6" and request.family == 4:
        raise ProbeError(f"protocol icmpv6 needs an IPv6 destination, not {request.destination}")


def _check_ports(request: Request) -> None:
    for name, port in (("dport", request.dport), ("sport", request.sport)):
        if port is not None and not 1 <= port <= 65535:
            raise ProbeError(f"{name} {port}: use 1 to 65535")
    if request.protocol in ("tcp", "udp"):
        if request.dport is None:
            raise ProbeError(f"protocol {request.protocol} needs a dport")
    elif request.dport is not None or request.sport is not None:
        raise ProbeError(f"protocol {request.protocol} has no ports: leave out dport and sport")


def _check_http(request: Request) -> None:
    if request.http is None:
        return
    if request.protocol != "tcp":
        raise ProbeError(f"http needs protocol tcp, not {request.protocol}")
    for name, value in (("path", request.http.path), ("host", request.http.host)):
        if not value.isascii() or any(character <= " " or character == "\x7f" for character in value):
            raise ProbeError(f"http.{name} {value!r}: use ASCII without spaces and control characters")
    if not request.http.path.startswith("/"):
        raise ProbeError(f"http.path {request.http.path!r} does not begin with /")


def _check_size(request: Request) -> None:
    if request.size is None:
        return
    if request.protocol != "tcp":
        raise ProbeError(f"size needs protocol tcp, not {request.protocol}")
    if request.http is not None:
        raise ProbeError("size and http are two things to send: give one of them")
    if not 1 <= request.size <= MAX_SIZE:
        raise ProbeError(f"size {request.size}: use 1 to {MAX_SIZE}")


@dataclasses.dataclass(frozen=True)
class Try:
    """One new flow and what became of it. Times are seconds."""

    ok: bool
    started: float  # since the first try began
    seconds: float
    # timeout, refused, unreachable, reset, closed, not_http, prohibited, port_in_use, local, stalled, other
    error: str = ""
    detail: str = ""
    local_address: str = ""
    local_port: t.Optional[int] = None
    http_status: t.Optional[int] = None

    def to_dict(self) -> dict[str, t.Any]:
        plain = dataclasses.asdict(self)
        plain["started"], plain["seconds"] = round(self.started, 6), round(self.seconds, 6)
        return plain


def summarise(tries: t.Sequence[Try]) -> dict[str, t.Any]:
    """Counts and gaps. ``longest_gap_seconds`` is the longest stretch in which no successful try began."""
    received = [one for one in tries if one.ok]
    end = max((one.started + one.seconds for one in tries), default=0.0)
    marks = [0.0, *(one.started for one in received), end]
    gaps = [later - earlier for earlier, later in zip(marks, marks[1:])]
    errors: dict[str, int] = {}
    for one in tries:
        if not one.ok:
            errors[one.error] = errors.get(one.error, 0) + 1
    return {
        "sent": len(tries),
        "received": len(received),
        "lost": len(tries) - len(received),
        "loss_percent": round(100 * (len(tries) - len(received)) / len(tries), 2) if tries else 0.0,
        "first_success_seconds": round(received[0].started + received[0].seconds, 6) if received else None,
        "longest_gap_seconds": round(max(gaps), 6),
        "errors": errors,
    }


def disappointed(expect: str | None, tries: t.Sequence[Try], until: str) -> str:
    """Why the expectation is not met, or nothing. Success means that no try is lost, or one came with until success."""
    summary = summarise(tries)
    told = ", ".join(f"{count} {error}" for error, count in sorted(summary["errors"].items()))
    if expect == "success" and (summary["received"] == 0 or (until == "count" and summary["lost"])):
        return f"success was expected, and {summary['lost']} of {summary['sent']} tries failed: {told}"
    if expect == "failure" and summary["received"]:
        return f"failure was expected, and {summary['received']} of {summary['sent']} tries succeeded"
    return ""
