# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random plans on random networks: the verdicts forecast for the planned state against packets after the change.

The change is planned on facts by the planners of the roles, and carried out by what their modules carry it out with.
"""

from __future__ import annotations

import pathlib
import random
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux.apply import apply
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.remedy import plan_remedy
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.forecast import ForecastError, Step
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import Diagnosis
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.tests.networks import kept, predict
from ansible_collections.netpath.symmetry.tests.networks.predict import Prediction
from ansible_collections.netpath.symmetry.tests.networks.topologies import gateways
from ansible_collections.netpath.symmetry.tests.networks.world import V4, V6, Ask, Node, World

if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.tests.networks.network import Run

SHARE = 0.7  # of networks on which a plan is tried
ATTEMPTS = 16
FLOWS = 8  # that are sent after a change, those whose verdict it changes first
_NEW = 32  # added to client ports: new flows


def try_plan(run: Run, dice: random.Random, folder: pathlib.Path | None) -> None:
    """Forecast a random plan, carry it out, and compare what flows do then."""
    if dice.random() > SHARE:
        return
    if not run.world.static_neighbours:
        run.spaces.forget_neighbours()
    facts = predict.read_facts(run.spaces)
    asks = [ask.again(ask.number + _NEW, ask.name) for ask in run.world.asks]
    diagnosis, before = predict.predict(facts, asks)
    found = _plan(run, diagnosis, before, dice)
    if found is None:
        return
    step, after = found
    changes = plan_remedy(facts[step.host], step.role, step.variables)
    if folder is not None:
        run.result.digest += " " + predict.write(folder / f"{run.world.seed}-plan.json", after)
    living = kept.begin(run, before)
    with run.spaces.inside(step.host):
        apply(changes)
    run.result.plans += 1
    run.result.remedies[_kind(step)] += 1
    _compare(run, step, asks, before, after)
    if living and not run.result.wrong:
        if not run.world.static_neighbours:
            run.spaces.forget_neighbours()
        changed = Network.build(predict.read_facts(run.spaces), {})
        kept.compare(run, living, diagnosis.network, changed, f"{step.role} on {step.host} {dict(step.variables)}")


def _plan(
    run: Run, diagnosis: Diagnosis, before: t.Mapping[str, Prediction], dice: random.Random
) -> tuple[Step, dict[str, Prediction]] | None:
    """A random step with what is forecast for it: one that changes a flow, if a few attempts find one."""
    best = None
    for _attempt in range(ATTEMPTS):
        step = random_step(run.world, dice)
        if step is None:
            continue
        try:
            forecast = diagnosis.forecast([step])
        except ForecastError:
            run.result.remedies["refused by the planner"] += 1
            continue
        after = {one.before.name: predict.prediction_of(one.after) for one in forecast.flows}
        if any(after[name].fates != before[name].fates for name in after):
            return step, after
        if plan_remedy(diagnosis.network.facts[step.host], step.role, step.variables):
            best = step, after
    return best


def _compare(
    run: Run, step: Step, asks: list[Ask], before: t.Mapping[str, Prediction], after: t.Mapping[str, Prediction]
) -> None:
    changed = [ask for ask in asks if before[ask.name].fates != after[ask.name].fates]
    for ask in (changed + [ask for ask in asks if ask not in changed])[:FLOWS]:
        if after[ask.name].verdict == "unknown":
            run.result.remedies["flows not known afterwards"] += 1
            continue
        run.result.remedies["flows sent that the plan changes" if ask in changed else "flows sent besides"] += 1
        if not run.compare(ask, after[ask.name], f"after {step.role} on {step.host} {dict(step.variables)}, flow"):
            return


def _kind(step: Step) -> str:
    translated = any(pin.get("source_nat") for pin in step.variables.get("policy_route_pins", ()))
    return f"{step.role}{' with source NAT' if translated else ''}"


def random_step(world: World, dice: random.Random) -> Step | None:
    """A remedy on some node; None where it does not fit there."""
    make = dice.choice((_rp_filter, _source_routing, _policy_route, _policy_route))
    nodes = list(world.nodes.values())
    if make is not _rp_filter:
        nodes = [node for node in nodes if len(node.plugs) > 1] or nodes
    return make(world, dice.choice(nodes), dice)


def _rp_filter(world: World, node: Node, dice: random.Random) -> Step:
    chosen = dice.sample(node.plugs, dice.randint(1, len(node.plugs)))
    wishes = [{"name": plug.device, "mode": dice.choice(("loose", "loose", "off", "strict")), "reason": "a test"}
              for plug in chosen]
    return Step("rp_filter", node.name, {"rp_filter_interfaces": wishes})


def _uplinks(world: World, node: Node, family: int, dice: random.Random) -> list[dict[str, t.Any]]:
    found = []
    for plug in node.plugs:
        ways = gateways(world, node, plug.segment, family)
        if ways and plug.device not in node.down:
            found.append({"name": plug.device, "interface": plug.device, "gateway": dice.choice(ways).gateway})
    return found


def _source_routing(world: World, node: Node, dice: random.Random) -> Step | None:
    uplinks = _uplinks(world, node, V4, dice)
    if dice.random() < 0.4:
        uplinks += _uplinks(world, node, V6, dice)
    if len({uplink["interface"] for uplink in uplinks}) < 2:
        return None
    specifics = dice.choice(("main", "uplink"))
    return Step("source_routing", node.name, {
        "source_routing_uplinks": uplinks, "source_routing_specifics": specifics})


def _policy_route(world: World, node: Node, dice: random.Random) -> Step | None:
    """A destination of some flow pinned to an uplink, with or without source NAT to the uplink's own address."""
    ask = dice.choice(world.asks)
    uplinks = _uplinks(world, node, ask.family, dice)
    if len(uplinks) < 2:
        return None
    uplink = dice.choice(uplinks)
    aim = dice.choice((ask.destination, ask.source))
    pin: dict[str, t.Any] = {"name": "pin", "prefixes": [f"{aim}/{32 if ask.family == V4 else 128}"],
                             "uplink": uplink["name"], "on_uplink_loss": dice.choice(("failover", "block"))}
    if dice.random() < 0.5:
        plug = next(plug for plug in node.plugs if plug.device == uplink["interface"])
        pin |= {"source_nat": plug.addresses[ask.family], "acknowledge_source": True}
    return Step("policy_route", node.name, {"policy_route_uplinks": uplinks, "policy_route_pins": [pin]})
