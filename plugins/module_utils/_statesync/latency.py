# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Measure how long a new connection takes from one member of a pair to the other, in both directions, one by one.

One member makes entries in its table and notes when; the other notes when the kernel tells of them there. Their clocks
need not agree: they are compared all the while over the link, and the result says by how much it may be wrong. Both
times err on the side of a longer latency: the first is taken before the entry stands, the second when it was seen.
"""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import os
import random
import select
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow, FlowError
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import latency_returns, race
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.latency_entries import Maker, Tuple, Watcher
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.latency_meeting import (
    GREETING,
    Meeting,
    MeetingError,
    meet,
)

MAX_SAMPLES, MAX_RATE, MAX_FLOWS, MAX_WAIT, MAX_MEET = 12_000, 5_000, 8, 30.0, 300.0
IDLE_GAP = 0.005  # seconds between connections that come one at a time, on average
COMPARE_EVERY = 0.05  # seconds between comparisons of the clocks
AROUND = 20  # comparisons before and after
NOBODYS = "tcp 198.18.0.1 > 198.18.0.2:9"  # addresses for measurements, RFC 2544; port of the discard service
_FULL = 0.8  # of nf_conntrack_max
Result = dict[str, t.Any]


class LatencyError(RuntimeError):
    """The measurement cannot be made as asked; the message says why and what to do."""


@dataclasses.dataclass(frozen=True)
class Wish:
    """What is asked for, checked; both members are asked for the same. Times are seconds."""

    local: str
    peer: str
    port: int
    samples: int
    rate: int  # new connections a second; 0: one at a time
    wait: float  # for an entry to arrive
    meet_within: float
    flows: tuple[str, ...]

    def __post_init__(self) -> None:
        try:
            local, peer = ipaddress.ip_address(self.local), ipaddress.ip_address(self.peer)
        except ValueError as error:
            raise LatencyError(f"local and peer are the addresses of the members on their link: {error}") from None
        if local.version != peer.version or local == peer:
            raise LatencyError(f"local {local} and peer {peer} are not two addresses of one family")
        limits = (
            ("port", self.port, 1, 65535),
            ("samples", self.samples, 1, MAX_SAMPLES),
            ("rate", self.rate, 0, MAX_RATE),
            ("wait", self.wait, 0.01, MAX_WAIT),
            ("meet_within", self.meet_within, 1, MAX_MEET),
        )
        for name, value, low, high in limits:
            if value < low or value > high:
                raise LatencyError(f"{name} is {value}, expected {low} to {high}")
        if len(self.flows) > MAX_FLOWS:
            raise LatencyError(f"{len(self.flows)} flows are more than the {MAX_FLOWS} of one measurement")
        self.tuples()

    def tuples(self) -> list[Tuple]:
        """What the entries look like: those of the flows, or of addresses that nobody has."""
        found = []
        for text in self.flows or (NOBODYS,):
            try:
                flow = Flow.parse(text)
            except FlowError as error:
                raise LatencyError(str(error)) from None
            if flow.protocol not in ("tcp", "udp"):
                raise LatencyError(f"flow {text!r}: connections of tcp and udp can be measured, not of {flow.protocol}")
            found.append(Tuple(flow.protocol, flow.source, flow.destination, flow.dport or 9))
        return found

    def answered(self) -> list[Flow]:
        """The flows whose answers are timed: to requests, and to the replies."""
        flows = [dataclasses.replace(Flow.parse(text), sport=None) for text in self.flows]
        return [each for flow in flows for each in (flow, flow.reversed())]

    @property
    def alone(self) -> int:
        """How many entries come one at a time: a daemon that has slept is slower than one that is busy."""
        return self.samples - self.samples // 2 if self.rate else self.samples

    def schedule(self) -> list[float]:
        """When each entry is made, in seconds after the first."""
        random_ = random.Random(self.samples)
        found = [0.0]
        for number in range(1, self.samples):
            gap = random_.uniform(0.5, 1.5) * IDLE_GAP if number < self.alone else 1 / self.rate
            found.append(found[-1] + gap)
        return found

    def common(self) -> Result:
        """What both members have to be asked for alike."""
        return {"samples": self.samples, "rate": self.rate, "wait": self.wait, "flows": list(self.flows)}


def measure(wish: Wish) -> tuple[Result, Result]:
    """Measure with the peer: what this member received, and what the peer did. Raises LatencyError, MeetingError."""
    _check_table(wish.samples)
    with meet(wish.local, wish.peer, wish.port, wish.meet_within) as other, _punctual():
        other.say(greeting=GREETING, **wish.common())
        theirs = other.hear()
        if theirs != {"greeting": GREETING, **wish.common()}:
            raise MeetingError(f"the members are asked for different things: {wish.common()} here, {theirs} there")
        try:
            if other.first:
                sent = _send(other, wish)
                return _receive(other, wish), sent
            received = _receive(other, wish)
            return received, _send(other, wish)
        except LatencyError as error:
            with contextlib.suppress(MeetingError):
                other.say(error=str(error))
            raise


def _send(other: Meeting, wish: Wish) -> Result:
    """Make the entries; returns what the other member has seen of them."""
    returns = [_round_trip(flow) for flow in wish.answered()]
    if not other.hear().get("ready"):
        raise MeetingError("the other member is not ready")
    with Maker(wish.tuples()) as maker:
        requests = [maker.prepare(number) for number in range(wish.samples)]
        exchanges = [_compare(other) for _each in range(AROUND)]
        made: list[float] = []
        begun = compared = time.monotonic()
        try:
            for request, after in zip(requests, wish.schedule()):
                due = begun + after
                now = time.monotonic()
                if now - compared >= COMPARE_EVERY:
                    exchanges.append(_compare(other))
                    compared = now = time.monotonic()
                if due > now:
                    time.sleep(due - now)
                made.append(time.monotonic())
                maker.make(request)
            refused = maker.refusals()
            exchanges += [_compare(other) for _each in range(AROUND)]
            other.say(made=made, refused=refused, why=maker.refused, exchanges=exchanges, returns=returns)
            return t.cast("Result", other.hear(wish.wait + 60)["result"])
        finally:
            maker.refusals()
            maker.delete(number for number in range(len(made)) if number not in maker.refused_numbers)


def _receive(other: Meeting, wish: Wish) -> Result:
    """See the entries of the other member come; returns the result."""
    with Watcher(wish.tuples()) as watcher:
        other.say(ready=True)
        both: list[t.Any] = [watcher, other]
        arrived: dict[int, float] = {}
        told = None
        deadline = time.monotonic() + 120 + 2 * wish.schedule()[-1]
        while time.monotonic() < deadline and (told is None or len(arrived) < wish.samples - len(told["refused"])):
            ready = select.select(both, [], [], max(0.0, deadline - time.monotonic()))[0]
            now = time.monotonic()
            if watcher in ready:
                for number in watcher.seen():
                    arrived.setdefault(number, now)
            if other in ready:
                message = other.heard()
                if message and "now" in message:
                    other.say(there=now, sent=time.monotonic())
                elif message:
                    told, deadline = message, now + wish.wait
        if told is None:
            raise MeetingError("the other member did not come to the end of its entries: look at its task")
        result = _result(wish, told, arrived, watcher.overruns)
        other.say(result=result)
    with Maker(wish.tuples()) as maker:
        time.sleep(0.2)  # the other member deletes its own first, and conntrackd these
        maker.delete(number for number in arrived if number not in told["refused"])
    return result


def _compare(other: Meeting) -> list[float]:
    """One comparison of the clocks: sent, come there, sent there, come back."""
    sent = time.monotonic()
    other.say(now=sent)
    answer = other.hear()
    return [sent, answer["there"], answer["sent"], time.monotonic()]


def _result(wish: Wish, told: Result, arrived: t.Mapping[int, float], overruns: int) -> Result:
    """The measurement, in milliseconds."""
    offset = race.offset([t.cast("tuple[float, float, float, float]", tuple(item)) for item in told["exchanges"]])
    refused = set(told["refused"])
    made = {number: when for number, when in enumerate(told["made"]) if number not in refused}
    if not made:
        raise LatencyError(f"the kernel of the other member has made no entry: {told['why']}")
    parts: list[list[float | None]] = [[], []]  # one at a time, and at a rate; what was lost is None
    for number, when in made.items():
        came = arrived.get(number)
        parts[number >= wish.alone].append(None if came is None else (came - offset.value - when) * 1000)
    burst = told["made"][wish.alone :]
    result: Result = {
        "from": str(ipaddress.ip_address(wish.peer)),
        "samples": len(made),
        "lost": sum(part.count(None) for part in parts),
        "rate": round((len(burst) - 1) / (burst[-1] - burst[0]), 1) if len(burst) > 1 else 0,
        "latency_ms": _latency([part for part in parts if part]),
        "bound_ms": round(offset.bound * 1000, 3),
        "wait_ms": wish.wait * 1000,
        "returns": [item for item in told["returns"] if item],
    }
    if told["why"]:
        result["refused"] = told["why"]
    if overruns:
        result["overruns"] = overruns
    return result


def _latency(parts: t.Sequence[t.Sequence[float | None]]) -> dict[str, float]:
    """The percentiles of the slower part; one is absent where it was lost in a part."""
    found = {}
    for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999)):
        values = [race.percentile([x for x in part if x is not None], share, part.count(None)) for part in parts]
        known = [value for value in values if value is not None]
        if len(known) == len(parts):
            found[name] = round(max(0.0, *known), 3)
    return found


def _round_trip(flow: Flow) -> Result | None:
    """From this member, which sees packets of a flow, to its destination and back; None where nobody answers."""
    taken: list[float] = []
    if flow.protocol == "tcp" and flow.dport:
        taken = latency_returns.tcp(flow.destination, flow.dport)
    taken = taken or latency_returns.echo(flow.destination)
    if not taken:
        return None
    times = {"p01": race.percentile(taken, 0.01), "p50": race.percentile(taken, 0.5)}
    rtt = {name: round(value or 0.0, 3) for name, value in times.items()}
    return {"flow": str(flow), "rtt_ms": rtt, "samples": len(taken)}


def _check_table(samples: int, base: str = "/proc/sys/net/netfilter/nf_conntrack_") -> None:
    """Nobody's connections are to find the table full because of a measurement."""
    try:
        with open(f"{base}count", encoding="ascii") as count, open(f"{base}max", encoding="ascii") as most:
            used, limit = int(count.read()), int(most.read())
    except OSError:
        raise LatencyError("this host does not track connections: there is nothing that it could share") from None
    if used + samples > _FULL * limit:
        raise LatencyError(f"{used} of {limit} entries are in use, and {samples} more would fill the table: "
                           "ask for fewer samples, or raise nf_conntrack_max")


@contextlib.contextmanager
def _punctual() -> t.Iterator[None]:
    """Run before ordinary programs for the time of a measurement, as conntrackd does: its own delay is small then."""
    before, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))
    except (OSError, AttributeError):
        yield  # not allowed in this container: the result says more, never less
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, before, parameters)


def verdicts(wish: Wish, received: Result, sent: Result) -> list[Result]:
    """For each flow: are entries of the other member here before the reply, and ours there before what answers that?"""
    found = []
    answered = wish.answered()
    for flow, back in zip(answered[::2], answered[1::2]):
        reply = race.judge(received, _fastest(received, flow))
        acknowledgement = race.judge(sent, _fastest(sent, back))
        found.append({"flow": str(flow), **reply._asdict(), "acknowledgement": acknowledgement._asdict()})
    return found


def _fastest(measured: Result, flow: Flow) -> float | None:
    return next((item["rtt_ms"]["p01"] for item in measured["returns"] if item["flow"] == str(flow)), None)
