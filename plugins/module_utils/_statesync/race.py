# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Does what a pair shares stand on the other member before the return packet is there? Pure.

A connection whose directions cross different members needs it twice: its entry has to be on the member that the
reply crosses before the reply, and what that reply changed on the member that the request crossed before the
acknowledgement. A reply that is too early is dropped and the request sent again a second later; an acknowledgement
that is too early is dropped, and what follows it sent again 0.2 seconds later.
"""

from __future__ import annotations

import math
import typing as t

PROTECTS, RACES, UNKNOWN = "protects", "races", "unknown"
Exchange = tuple[float, float, float, float]  # sent, come there, sent there, come back
MIN_SAMPLES = 100  # below, one slow entry of a hundred would most likely not have been seen


class Verdict(t.NamedTuple):
    """What a measurement says of one flow."""

    verdict: str  # protects, races or unknown
    sentence: str
    not_below_ms: t.Optional[float]  # with races and protects: the return has to take longer than this


def judge(measured: t.Optional[t.Mapping[str, t.Any]], return_p01_ms: t.Optional[float]) -> Verdict:
    """Judge a measurement of the receiving member against the fastest one in a hundred of the returns.

    ``measured``: samples, lost, latency_ms (p50, p99, p999; absent where that one was lost), bound_ms, wait_ms. Of a
    hundred connections one that stalls is one too many: 999 of 1000 have to be in time, all where fewer were measured.
    """
    if not measured:
        return Verdict(UNKNOWN, "nobody has measured how long the pair takes to share a connection", None)
    samples, lost = int(measured.get("samples", 0)), int(measured.get("lost", 0))
    if samples < MIN_SAMPLES:
        return Verdict(UNKNOWN, f"{samples} connections were measured, {MIN_SAMPLES} are needed", None)
    times = measured.get("latency_ms", {})
    latest = times.get("p999", times.get("p99"))
    if latest is None or math.ceil(0.999 * samples) > samples - lost:
        limit = float(measured.get("wait_ms", 0))
        sentence = f"{lost} of {samples} connections were not on the other member within {limit:g} ms"
        return Verdict(RACES, sentence, limit or None)
    needed = round(float(latest) + float(measured.get("bound_ms", 0)), 3)
    what = f"{'999 of 1000' if samples >= 1000 else 'all'} connections are on the other member after {needed:g} ms"
    if return_p01_ms is None:
        return Verdict(UNKNOWN, f"{what}; how soon a reply is there was not measured", needed)
    if needed < return_p01_ms:
        return Verdict(PROTECTS, f"{what}, replies are there after {return_p01_ms:g} ms at the earliest", needed)
    sentence = f"{what}, but replies are there after {return_p01_ms:g} ms: not below {needed:g} ms"
    return Verdict(RACES, sentence, needed)


def percentile(values: t.Sequence[float], share: float, lost: int = 0) -> t.Optional[float]:
    """The nearest-rank percentile, ``share`` from 0 to 1. What was lost counts as never: None where that is it."""
    rank = max(1, math.ceil(share * (len(values) + lost)))
    return sorted(values)[rank - 1] if rank <= len(values) else None


class Offset(t.NamedTuple):
    """How much the other clock is ahead of ours, and by how much this may be wrong, in the unit of the readings."""

    value: float
    bound: float


def offset(exchanges: t.Sequence[Exchange]) -> Offset:
    """The difference of two clocks from exchanges (sent, come there, sent there, come back); raises ValueError.

    Each exchange says: the other clock is ahead by something between ``come there - sent`` less the way there and
    ``sent there - come back`` plus the way back, and no way takes less than nothing. Where all of them agree, what they
    have in common is the answer. Where they do not, one clock has drifted meanwhile, and the bound covers what nine of
    ten exchanges allow; one that was held up says little.
    """
    if not exchanges:
        raise ValueError("no exchange of clocks came to its end")
    limits = [(sent_there - back, there - sent) for sent, there, sent_there, back in exchanges]
    low, high = max(low for low, _high in limits), min(high for _low, high in limits)
    value = (low + high) / 2
    if low <= high:
        return Offset(value, (high - low) / 2)
    quick = sorted(limits, key=lambda limit: limit[1] - limit[0])[: math.ceil(0.9 * len(limits))]
    return Offset(value, max(max(high - value, value - low) for low, high in quick))
