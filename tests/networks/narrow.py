# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links that take smaller packets than hosts send: which large ones arrive, as SYM601 says, against real datagrams.

Narrow links are between routers, so that both ends of a flow send packets of the same size. A datagram that does not
fit is turned back with an ICMP error; where that reaches the sender, what it sends again is in fragments and arrives.
"""

from __future__ import annotations

import pathlib
import random
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import Diagnosis
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings import mtu
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.tests.networks import predict
from ansible_collections.netpath.symmetry.tests.networks.traffic import Attempt
from ansible_collections.netpath.symmetry.tests.networks.world import V6, Ask, Node, World

if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.tests.networks.network import Run

SHARE = 0.3  # of networks that have narrow links
FATES = {True: "large datagrams arrive", False: "large datagrams are lost"}
FLOWS = 3  # that are sent in one
MTU = 1500
_SIZES = (1280, 1300, 1400, 1499)  # not below what IPv6 needs
_HEADERS = {4: 28, 6: 48}
_LOST = re.compile(r"more than (\d+) bytes do not fit .* \(up to (\d+) bytes are sent")
_NEW = 48  # added to client ports: new flows
_ERRORS = {
    "of both families": ("icmp type destination-unreachable icmp code frag-needed", "icmpv6 type packet-too-big"),
    "of IPv4": ("icmp type destination-unreachable icmp code frag-needed",),
    "that belong to connections": (
        "ct state related icmp code frag-needed", "ct state related icmpv6 type packet-too-big"),
    "by their precedence": ("ip dscp cs6 icmp type destination-unreachable icmp code frag-needed",),
}


def some_links(world: World, dice: random.Random) -> None:
    """Make wires between routers narrow, and some router drop the errors that tell of it."""
    between = [one for one in world.segments if all(world.nodes[plug.node].router for plug in one.plugs)]
    if not between or dice.random() > SHARE:
        return
    for segment in dice.sample(between, min(len(between), dice.randint(1, 2))):
        size = dice.choice(_SIZES)
        for plug in segment.plugs:
            plug.mtu = size
        world.features["narrow link"] += 1
        if dice.random() < 0.8:
            _drop_errors(world, [world.nodes[plug.node] for plug in segment.plugs], dice)


def _drop_errors(world: World, beside: list[Node], dice: random.Random) -> None:
    """The routers beside a narrow link make the errors; any other may drop them on their way."""
    hook = dice.choice(("forward", "forward", "output", "postrouting"))
    for node in beside if hook != "forward" else [dice.choice(world.routers())]:
        which = dice.choice(list(_ERRORS))
        rules = "\n  ".join(f"{match} counter drop" for match in _ERRORS[which])
        node.tables.append(f"table inet errors {{\n chain {hook}_ {{ type filter hook {hook} priority -10;\n  {rules}\n"
                           " }\n}\n")
        world.features[f"drops errors {which} at {hook}"] += 1


def try_large(run: Run, folder: pathlib.Path | None) -> None:
    """Send datagrams as large as their senders make them where small ones work, and compare with SYM601."""
    world, result = run.world, run.result
    if not world.features["narrow link"]:
        return
    asks = [ask.again(ask.number + _NEW, ask.name) for ask in world.asks if ask.protocol == "udp"]
    if not asks:
        return
    diagnosis, predictions = predict.predict(predict.read_facts(run.spaces), asks)
    told = {one.name: one for one in diagnosis.verdicts}
    said = {name: lost(diagnosis, one) for name, one in told.items()}
    if folder is not None:
        result.digest += " " + predict.write(folder / f"{world.seed}-large.json", predictions, said)
    known = [ask for ask in asks if said[ask.name] is not None]
    known.sort(key=lambda ask: not _is_narrow(world, told[ask.name]))
    for ask in _apart(known)[:FLOWS]:
        size, wanted = one_size(world, ask, said[ask.name] or [])
        attempt = Attempt(ask, size=size - _HEADERS[ask.family], again=4)
        if not world.static_neighbours:
            run.spaces.forget_neighbours()
        run.watch.drain()
        run.watch.seen.clear()
        run.watch.number = ask.number
        run.traffic.run([attempt], expected=wanted)
        result.packets += 1
        result.large[FATES[wanted]] += 1
        if attempt.works != wanted:
            run.note(f"large datagrams ({size} bytes) of", ask,
                     f"predicted: {FATES[wanted]}\nobserved:  {FATES[attempt.works]}",
                     [str(one) for one in run.watch.seen])


def lost(diagnosis: Diagnosis, told: FlowVerdict) -> list[tuple[int, int]] | None:
    """The sizes that the engine says are lost: those over the first number, up to the second.

    None where small ones fail, take several ways, or nobody knows.
    """
    if len(told.journey.pairs) != 1 or told.journey.pairs[0].result != "ok":
        return None
    found = list(mtu.of_flow(diagnosis.network, told))
    if any(one.id == "SYM901" for one in found):
        return None
    return [_sizes(one.text) for one in found if one.severity == "critical"]


def _sizes(text: str) -> tuple[int, int]:
    said = _LOST.search(text)
    if said is None:
        raise ValueError(f"no sizes are said in {text!r}")
    return int(said[1]), int(said[2])


def one_size(world: World, ask: Ask, said: list[tuple[int, int]]) -> tuple[int, bool]:
    """How large the datagrams of a flow are to be, with their headers, and whether they arrive.

    Larger ones than a sender was told of come in fragments: over IPv4 routers cut these again, over IPv6 nobody does.
    """
    narrow = {plug.mtu for node in world.nodes.values() for plug in node.plugs if plug.mtu}
    sizes = [MTU, MTU, *sorted(narrow), *[size for _over, size in said] * 3]
    size = random.Random(f"large {world.seed} {ask.name}").choice(sizes)
    return size, not any(over < size and (size <= up_to or ask.family == V6) for over, up_to in said)


def _is_narrow(world: World, told: FlowVerdict) -> bool:
    """Whether the flow crosses a narrow link, to begin with those that do."""
    narrow = {(plug.node, plug.device) for node in world.nodes.values() for plug in node.plugs if plug.mtu}
    return any((hop.host, hop.oif) in narrow for path in (*told.forward_paths(), *told.return_paths())
               for hop in path.hops)


def _apart(asks: list[Ask]) -> list[Ask]:
    """Flows none of whose ends has learned a path MTU of another's: no two share an address."""
    found: list[Ask] = []
    taken: set[str] = set()
    for ask in asks:
        if not taken & {ask.node, ask.source, ask.destination}:
            taken |= {ask.node, ask.source, ask.destination}
            found.append(ask)
    return found
