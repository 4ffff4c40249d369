# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A change of many hosts in batches, the first of which is the canary; what must go together stays in one batch.

Each batch is a change set of its own: armed, applied, proven, and kept on all of its hosts or on none. After each the
network stands in a state of its own, which is forecast like the last one.
"""

from __future__ import annotations

import dataclasses
import math
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.forecast import (
    Forecast,
    ForecastError,
    Step,
)

_SHARE = re.compile(r"^(\d{1,3})%$")


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How a change is cut: ``canary`` and ``size`` in hosts, None for all that are left; ``together``: host sets."""

    canary: t.Optional[int] = None
    size: t.Optional[int] = None
    together: tuple[tuple[str, ...], ...] = ()


@dataclasses.dataclass(frozen=True)
class Batch:
    """Hosts that are changed at once, and the forecast of the state in which they leave the network."""

    hosts: tuple[str, ...]
    canary: bool
    outlook: Forecast
    joined: tuple[str, ...] = ()  # flows for whose sake hosts were taken in that sizes alone would leave for later


def read_sizes(canary: t.Any, size: t.Any, together: t.Any, hosts: t.Sequence[str]) -> Sizes:
    """What a user wants for a change of these hosts; raises ForecastError with the variable that is wrong."""
    if not isinstance(together, list) or not all(
        isinstance(one, list) and all(isinstance(host, str) for host in one) for one in together
    ):
        raise ForecastError(f"symmetry_together: expected a list of lists of hosts, not {together!r}")
    named = [host for one in together for host in one]
    twice = sorted({host for host in named if named.count(host) > 1})
    if twice:
        raise ForecastError(f"symmetry_together: {', '.join(twice)} stands in it more than once: join those sets")
    return Sizes(
        _count("symmetry_canary", canary, len(hosts)),
        _count("symmetry_batch_size", size, len(hosts)),
        tuple(tuple(one) for one in together),
    )


def joined(sizes: Sizes, groups: t.Iterable[t.Sequence[str]]) -> Sizes:
    """The sizes with more sets of hosts that go together; sets that share a host become one."""
    sets: list[tuple[str, ...]] = list(sizes.together)
    for group in groups:
        touched = [one for one in sets if set(one) & set(group)]
        merged = tuple(dict.fromkeys(host for one in [*touched, group] for host in one))
        sets = [*(one for one in sets if one not in touched), merged]
    return dataclasses.replace(sizes, together=tuple(sets))


def _count(name: str, value: t.Any, hosts: int) -> t.Optional[int]:
    """Hosts by a number or a share such as "30%", at least one; None where nothing is given."""
    if value is None or value == "":
        return None
    text = str(value)
    share = _SHARE.match(text)
    if isinstance(value, (bool, float)) or not (share or text.isdigit()):
        raise ForecastError(f"{name}: {value!r} is neither a number of hosts, such as 1, nor a share, such as '30%'")
    count = math.floor(hosts * int(share[1]) / 100) if share else int(text)
    if (share and not 1 <= int(share[1]) <= 100) or (not share and count < 1):
        raise ForecastError(f"{name}: {value!r} must be at least 1, and a share at most 100%")
    return max(count, 1)


def cut(hosts: t.Sequence[str], sizes: Sizes) -> list[list[str]]:
    """The hosts in batches, in their order; a set that goes together is never cut, and may make its batch larger."""
    sets = {host: one for one in sizes.together for host in one}
    batches: list[list[str]] = []
    left = list(hosts)
    first = sizes.canary or sizes.size or len(left)
    while left:
        wanted = first if not batches else sizes.size or len(left)
        batch: list[str] = []
        while left and len(batch) < wanted:
            group = sets.get(left[0], (left[0],))
            batch += [host for host in left if host in group]
            left = [host for host in left if host not in group]
        batches.append(batch)
    return batches


def batches(
    plan: t.Mapping[str, t.Mapping[str, t.Any]],
    steps: t.Sequence[Step],
    sizes: Sizes,
    forecast: t.Callable[[t.Sequence[Step]], Forecast],
    last: Forecast,
) -> list[Batch]:
    """Cut a plan; ``last`` is the forecast of all steps.

    Where the state after a batch would make a flow worse that the whole change does not, the next batch joins it. A
    host of the plan on which nothing changes goes with the last.
    """
    unchanged = sorted(host for host, entry in plan.items() if not entry["changes"])
    pieces = cut(sorted(set(plan) - set(unchanged)), sizes)
    found: list[Batch] = []
    hosts: list[str] = []
    done: list[str] = []
    joined: list[str] = []
    for number, piece in enumerate(pieces, 1):
        hosts += piece
        final = number == len(pieces)
        outlook = last if final else forecast([step for step in steps if step.host in {*done, *hosts}])
        worse = [] if final else sorted(set(outlook.worse) - set(last.worse))
        if worse:
            joined += worse
            continue
        found.append(Batch(tuple(hosts), not found and sizes.canary is not None, outlook, tuple(dict.fromkeys(joined))))
        done, hosts, joined = [*done, *hosts], [], []
    if len(found) == 1:
        found[0] = dataclasses.replace(found[0], canary=False)  # nobody comes after it
    if unchanged and found:
        found[-1] = dataclasses.replace(found[-1], hosts=(*found[-1].hosts, *unchanged))
    elif unchanged:
        found = [Batch(tuple(unchanged), False, last)]
    return found
