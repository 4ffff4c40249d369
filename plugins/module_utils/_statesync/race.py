# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Whether a connection's state is at the other member before the reply is: measured, or not known. Pure."""

from __future__ import annotations

import typing as t

LEAST_SAMPLES = 50  # of either time: with fewer a p99 or a p01 is the extreme of a few


class Race(t.NamedTuple):
    """``verdict``: protects (state comes first), races (it may come later), unknown (nobody can tell)."""

    verdict: str
    text: str
    floor_ms: t.Optional[float] = None  # replies that take longer are safe


def judge(measured: t.Optional[t.Mapping[str, t.Any]], back: t.Optional[t.Mapping[str, t.Any]]) -> Race:
    """``measured``: what state_sync_latency has left on the member that is told; ``back``: of its returns the flow's.

    Both as in the facts ``state_sync[].measured``, in milliseconds.
    """
    if not measured:
        return Race("unknown", "nobody has measured how long state takes to the other member")
    samples, lost, latency = measured.get("samples", 0), measured.get("lost", 0), measured.get("latency_ms") or {}
    if lost:
        return Race("races", f"{lost} of {samples + lost} measured entries never came to the other member")
    if samples < LEAST_SAMPLES or "p99" not in latency:
        return Race("unknown", f"{samples} entries were measured, which tells little: measure {LEAST_SAMPLES} or more")
    floor = latency["p99"] + measured.get("bound_ms", 0.0)
    told = f"state takes {_ms(latency['p99'])} (p99), or {_ms(floor)} with the doubt of the clocks"
    if not back or "p01" not in (back.get("rtt_ms") or {}):
        return Race("unknown", f"{told}; nobody has measured how long the reply takes", floor)
    times = back.get("samples", 0)
    if times < LEAST_SAMPLES:
        return Race("unknown", f"{told}; the reply was measured {times} times, which tells little", floor)
    reply = back["rtt_ms"]["p01"]
    if floor < reply:
        return Race("protects", f"{told}, and the reply {_ms(reply)} at least (p01): state comes first", floor)
    return Race("races", f"{told}, and the reply comes after {_ms(reply)} (p01): not below {_ms(floor)}", floor)


def _ms(value: float) -> str:
    return f"{value:.3g} ms"
