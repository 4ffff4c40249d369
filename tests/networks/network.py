# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One network from its seed to its result: build, read, predict, write down, send, judge; then plans, and again."""

from __future__ import annotations

import collections
import dataclasses
import math
import pathlib
import random

from ansible_collections.netpath.symmetry.tests.networks import evidence, narrow, plans, predict
from ansible_collections.netpath.symmetry.tests.networks.evidence import Counters
from ansible_collections.netpath.symmetry.tests.networks.generate import generate
from ansible_collections.netpath.symmetry.tests.networks.judge import NOBODY, Scene, observe
from ansible_collections.netpath.symmetry.tests.networks.namespaces import Namespaces
from ansible_collections.netpath.symmetry.tests.networks.predict import BY_RULE, LEFT, Fate, Prediction
from ansible_collections.netpath.symmetry.tests.networks.traffic import Attempt, Traffic
from ansible_collections.netpath.symmetry.tests.networks.watch import Watch
from ansible_collections.netpath.symmetry.tests.networks.world import Ask, World, transcript

SPREAD = 10  # client ports of a flow whose packets may take several ways
_IMPLAUSIBLE = 1e-6


@dataclasses.dataclass
class Result:
    """What a network showed. Everything is plain, so that it can leave its process."""

    seed: int
    digest: str = ""  # SHA-256 of the predictions
    flows: int = 0
    broken: int = 0
    unknown: int = 0
    plans: int = 0
    packets: int = 0  # flows that were sent, all client ports and plans counted
    wrong: list[str] = dataclasses.field(default_factory=list)
    verdicts: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    reasons: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    features: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    unknowns: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    remedies: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    large: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    kept: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)


class Run:
    """The packets of one network."""

    def __init__(self, world: World, spaces: Namespaces, result: Result) -> None:
        self.world = world
        self.spaces = spaces
        self.result = result
        self.watch = Watch(spaces)
        self.traffic = Traffic(spaces, self.watch)

    def close(self) -> None:
        self.traffic.close()
        self.watch.close()

    def send(self, ask: Ask, prediction: Prediction) -> tuple[Fate, list[str]]:
        """One flow's packets: their fate, and what was seen of them."""
        if not self.world.static_neighbours:
            self.spaces.forget_neighbours()
        attempt = Attempt(ask)
        self.watch.drain()
        self.watch.seen.clear()
        self.watch.number = ask.number
        drops = {host: self._drops(host) for host in {fate.host for fate, _share in prediction.fates if fate.host}}
        before = self._counters()
        self.traffic.run([attempt], expected=all(fate.works for fate, _share in prediction.fates))
        after = self._counters()
        self.result.packets += 1
        seen = sorted(self.watch.seen)
        scene = Scene(self.spaces, self.traffic, attempt, seen, before, after, drops)
        shown = [str(one) for one in seen if one.number in (0, ask.number)]
        return observe(scene), [*shown, *([f"client: {attempt.error}"] if attempt.error else [])]

    def _drops(self, host: str) -> dict[str, int]:
        if not self.world.nodes[host].tables:
            return {}
        with self.spaces.inside(host):
            return evidence.decisions()

    def _counters(self) -> dict[str, Counters]:
        found = {}
        for name in self.spaces.names():
            with self.spaces.inside(name):
                found[name] = Counters.read()
        return found

    def compare(self, ask: Ask, prediction: Prediction, what: str = "flow") -> bool:
        """Send a flow, by several client ports where it may take several ways; note what is wrong."""
        fates = dict(prediction.fates)
        many = len(fates) > 1 and ask.protocol != "icmp" and self.world.hash_policy == 3
        count = SPREAD if many else 1
        failed = 0
        for index in range(count):
            tried = ask.again(ask.number + index, ask.name)
            observed, seen = self.send(tried, prediction)
            failed += not observed.works
            if not any(_same(fate, observed) for fate in fates):
                told = " or ".join(map(str, fates))
                self.note(what, tried, f"predicted: {told}\nobserved:  {observed}", seen)
                return False
        if many and not plausible(failed, count, prediction.share_broken):
            self.note(what, ask, f"{failed} of {count} client ports fail, {prediction.share_broken:.2f} predicted", [])
            return False
        return True

    def note(self, what: str, ask: Ask, text: str, seen: list[str]) -> None:
        lines = [f"seed {self.world.seed}: {what} {ask.name}: {ask.text()}", text, *(f"  {line}" for line in seen[:60])]
        self.result.wrong.append("\n".join(lines))


def _same(predicted: Fate, observed: Fate) -> bool:
    if predicted.works or observed.works:
        return predicted.works == observed.works
    if observed.reason == "loop" == predicted.reason and predicted.direction == observed.direction:
        return predicted.host in observed.cycle  # where it ends is a matter of the TTL alone
    if (predicted.host, predicted.direction) == (observed.host, observed.direction):
        if observed.reason == NOBODY:  # known beforehand, or taken for a way out of the inventory
            return predicted.reason in ("neighbour", LEFT)
        if predicted.reason == BY_RULE:
            return observed.reason == "no_route"
        return (predicted.reason, predicted.rule) == (observed.reason, observed.rule)
    return False


def plausible(failed: int, count: int, share: float) -> bool:
    """False where so few or so many failures among equal chances would be a wonder (two-sided binomial)."""
    def at_most(number: int, chance: float) -> float:
        return sum(math.comb(count, k) * chance**k * (1 - chance) ** (count - k) for k in range(number + 1))

    return min(at_most(failed, share), at_most(count - failed, 1 - share)) > _IMPLAUSIBLE


def run_network(seed: int, folder: pathlib.Path | None = None, brief: bool = False) -> Result:
    """One network; what it said beforehand is in ``folder``, if there is one. ``brief``: up to the first wrong verdict,
    and without a plan.
    """
    world = generate(seed)
    result = Result(seed, features=world.features)
    with Namespaces(world) as spaces:
        facts = predict.read_facts(spaces)
        _diagnosis, predictions = predict.predict(facts, world.asks)
        if folder is not None:
            result.digest = predict.write(folder / f"{seed}.json", predictions)
        run = Run(world, spaces, result)
        try:
            for ask in world.asks:
                _flow(run, ask, predictions[ask.name])
                if brief and result.wrong:
                    break
            if not brief and not result.wrong:
                plans.try_plan(run, random.Random(f"plan {seed}"), folder)
            if not brief and not result.wrong:
                narrow.try_large(run, folder)
        finally:
            run.close()
    if result.wrong:
        result.wrong.append(transcript(world))
    return result


def _flow(run: Run, ask: Ask, prediction: Prediction) -> None:
    result = run.result
    result.flows += 1
    result.verdicts[prediction.verdict] += 1
    if prediction.verdict == "unknown":
        result.unknown += 1
        result.unknowns[prediction.why] += 1
        return
    broken = [fate for fate, _share in prediction.fates if not fate.works]
    result.broken += bool(broken)
    for fate in broken:
        result.reasons[reason_name(fate)] += 1
    run.compare(ask, prediction)


def reason_name(fate: Fate) -> str:
    """A reason as the table counts it."""
    if fate.reason != "filter":
        return fate.reason.partition(",")[0]
    kind = "policy" if fate.rule.endswith("policy drop") else "reject" if "reject" in fate.rule else "rule"
    state = " on state" if " ct " in fate.rule else ""
    return f"filter: {kind}{state}"
