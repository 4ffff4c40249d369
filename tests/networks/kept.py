# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""UDP clients that keep their ports over a plan: connection tables still have their flows, and translate as before.

What the engine says of an established flow under changed routes is compared with datagrams of the same ports.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.reroute import reroute
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.tests.networks.predict import Prediction
from ansible_collections.netpath.symmetry.tests.networks.traffic import Attempt
from ansible_collections.netpath.symmetry.tests.networks.world import Ask

if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.tests.networks.network import Run

EVERY = 3  # in one of so many networks
FLOWS = 3  # that live on over a plan
FATES = {True: "kept ports go on", False: "kept ports are stranded"}
_NEW = 56  # added to client ports: nothing else has these


def begin(run: Run, before: t.Mapping[str, Prediction]) -> list[Ask]:
    """Let UDP flows that work exchange a datagram each: what is answered lives on."""
    found: list[Ask] = []
    for ask in run.world.asks if run.world.seed % EVERY == 0 else ():
        fate = before[ask.name].only
        if len(found) < FLOWS and ask.protocol == "udp" and fate is not None and fate.works:
            mine = ask.again(ask.number + _NEW, ask.name)
            if _answered(run, mine, True):
                found.append(mine)
    return found


def compare(run: Run, kept: t.Sequence[Ask], before: Network, after: Network, what: str) -> None:
    """Send by the same ports through the changed network, where the engine knows what comes of it."""
    for ask in kept:
        wanted = goes_on(before, after, ask)
        if wanted is None:
            continue
        run.result.kept[FATES[wanted]] += 1
        answered = _answered(run, ask, wanted)
        if answered != wanted:
            run.note(f"after {what}, the client that keeps its port of", ask, f"predicted: {FATES[wanted]}\nobserved:  "
                     f"{FATES[answered]}", [str(one) for one in sorted(run.watch.seen)])
            return


def goes_on(before: Network, after: Network, ask: Ask) -> bool | None:
    """Whether the client goes on to get answers; None where that depends on the way or on what is not known.

    Where another host gets the datagrams than before, that host may answer in the same name.
    """
    told = reroute(before, after, Flow.parse(ask.text()))
    ways = {(one.forward.outcome, one.back.outcome) for one in told.continuations if one.speaker == "source"}
    if ways == {("survives", "survives")}:
        return True
    elsewhere = any(one.forward.reason == "astray" for one in told.continuations)
    lost = bool(ways) and not elsewhere and all("stranded" in way and "unknown" not in way for way in ways)
    return False if lost else None


def _answered(run: Run, ask: Ask, expected: bool) -> bool:
    if not run.world.static_neighbours:
        run.spaces.forget_neighbours()
    run.watch.drain()
    run.watch.seen.clear()
    run.watch.number = ask.number
    attempt = Attempt(ask)
    run.traffic.run([attempt], expected=expected)
    run.result.packets += 1
    return attempt.works
