# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a flow's packets, from where they were seen and from the counters of the node where they ended."""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.tests.networks import evidence
from ansible_collections.netpath.symmetry.tests.networks.evidence import Counters
from ansible_collections.netpath.symmetry.tests.networks.namespaces import Namespaces
from ansible_collections.netpath.symmetry.tests.networks.predict import Fate
from ansible_collections.netpath.symmetry.tests.networks.traffic import Attempt, Traffic
from ansible_collections.netpath.symmetry.tests.networks.watch import Sighting
from ansible_collections.netpath.symmetry.tests.networks.world import V4, Ask, World, mac_of

# of one flow, in the order in which they come: on which way, and what
_STAGES = {
    "tcp": ((True, "syn"), (False, "syn_ack"), (True, "ack"), (False, "ack")),
    "udp": ((True, "udp"), (False, "udp")),
    "icmp": ((True, "echo"), (False, "echo")),
}
_REFUSED = ("no_route", "unreachable", "prohibit", "blackhole")
NOBODY = "no node has the next hop"
_V4_ERRORS = {(3, 0): "no_route", (3, 1): "unreachable", (3, 13): "prohibit", (11, 0): "loop"}
_V6_ERRORS = {(1, 0): "no_route", (1, 1): "prohibit", (1, 3): "unreachable", (3, 0): "loop"}


@dataclasses.dataclass
class Scene:
    """All that can be known of one flow's packets after they were sent."""

    spaces: Namespaces
    traffic: Traffic
    attempt: Attempt
    seen: list[Sighting]  # of this flow, and of neighbours meanwhile, in order of time
    before: t.Mapping[str, Counters]
    after: t.Mapping[str, Counters]
    drops_before: t.Mapping[str, t.Mapping[str, int]]

    @property
    def ask(self) -> Ask:
        return self.attempt.ask

    @property
    def world(self) -> World:
        return self.spaces.world

    def grown(self, node: str, counter: str) -> int:
        return int(getattr(self.after[node], counter) - getattr(self.before[node], counter))

    def delivered(self, node: str, already: int) -> bool:
        """Whether the node took more packets of the flow's protocol for its own than it had of the flow already."""
        protocol = self.ask.protocol
        return self.after[node].delivered[protocol] - self.before[node].delivered[protocol] > already


def observe(scene: Scene) -> Fate:
    """The fate of the flow's packets. Independent of what was predicted."""
    ask = scene.ask
    if scene.attempt.works:
        return Fate(True)
    own = _packets_of(scene)
    stages = _STAGES[ask.protocol]
    reached = max((stages.index((one.forward, one.kind)) for one in own), default=-1)
    if reached < 0:
        return _dead_at_output(scene, ask.node, (ask.source, ask.number), (ask.destination, ask.port), "forward")
    mine = [one for one in own if (one.forward, one.kind) == stages[reached]]
    ended = [[one for one in own if (one.forward, one.kind) == stage][-1:] for stage in stages[:reached]]
    already = sum(one.node == mine[-1].node and not one.out for ends in ended for one in ends)
    last = mine[-1]
    direction = "forward" if last.forward else "return"
    if last.out:
        return Fate(False, last.node, _after_leaving(scene, last), "", direction)
    reason, rule = _reason(scene, last, mine, already)
    if reason != "delivered":
        visits = collections.Counter(one.node for one in mine if not one.out)
        cycle = frozenset(node for node, times in visits.items() if times > 1) if reason == "loop" else frozenset()
        return Fate(False, last.node, reason, rule, direction, cycle)
    if not last.forward and not _is_the_answer(scene, last):
        return Fate(False, last.node, "translation" if last.node == ask.node else "astray", "", "return")
    back = "return" if last.forward else "forward"
    return _dead_at_output(scene, last.node, _inward(scene, last), (last.source, last.sport), back)


def _after_leaving(scene: Scene, last: Sighting) -> str:
    """Why a packet that went out came in nowhere: its link is down, or behind a switch that of the frame's receiver."""
    segment = next(plug.segment for plug in scene.world.nodes[last.node].plugs if plug.device == last.device)
    ends = [(plug.node, plug.device) for plug in scene.world.segments[segment - 1].plugs if mac_of(plug) == last.to]
    ends.append((last.node, last.device))
    up = all(evidence.has_carrier(scene.spaces, *end) for end in ends)
    return "lost on the wire" if up else "link_down"


def _packets_of(scene: Scene) -> list[Sighting]:
    """The flow's packets in order of time, also with client ports or echo ids that translators have given it."""
    seen = [one for one in scene.seen if one.kind in ("syn", "syn_ack", "ack", "udp", "echo")]
    number = scene.ask.number
    own = [one for one in seen if one.number == number]
    ports: set[int] = set()
    for _round in range(len(seen)):
        last = own[-1] if own else None
        if last is None or last.out or not last.forward:
            break
        like = (last.node, last.kind, last.destination)
        found = next((one for one in seen if one.number != number and one.out and one.at >= last.at
                      and one.sport not in ports and (one.node, one.kind, one.destination) == like), None)
        if found is None:
            break
        ports.add(found.sport)
        own += [one._replace(forward=one.forward if one.kind == "echo" else one.sport == found.sport) for one in seen
                if one.number != number and found.sport in (one.sport, one.dport)]
        own.sort()
    return own


def _inward(scene: Scene, last: Sighting) -> tuple[str, int]:
    """The destination after what the node makes of it: dnat or redirect rules, and for replies the source it gave."""
    if not last.forward:
        return _before_translation(scene, last)
    protocol, by = scene.ask.protocol, f"{last.device} IPv{scene.ask.family}"
    known = scene.world.forwarded_to
    found = known.get((last.node, protocol, last.destination, last.dport)) or known.get(
        (last.node, protocol, by, last.dport))
    return found or (last.destination, last.dport)


def _before_translation(scene: Scene, last: Sighting) -> tuple[str, int]:
    """The source with which the request came to the node that a reply has reached, where the node has changed it."""
    asked = [one for one in scene.seen if one.node == last.node and one.forward and one.at <= last.at]
    left = [one for one in asked if one.out and (one.source, one.sport) == (last.destination, last.dport)]
    came = [one for one in asked if not one.out and left and one.at <= left[-1].at and one.kind == left[-1].kind]
    return (came[-1].source, came[-1].sport) if came else (last.destination, last.dport)


def _is_the_answer(scene: Scene, last: Sighting) -> bool:
    ask = scene.ask
    return (last.node, last.source, last.destination) == (ask.node, ask.destination, ask.source) and (
        ask.protocol == "icmp" or last.sport == ask.port)


def _reason(scene: Scene, last: Sighting, mine: list[Sighting], already: int) -> tuple[str, str]:
    """Why a packet that came in did not get on, with the rule where netfilter decided.

    ``already``: earlier packets of the flow that the node took for its own.
    """
    node = last.node
    visits = sum(not one.out and one.node == node for one in mine)
    if visits > 3:
        return "loop", ""
    rules = _dropped_by(scene, node)
    if len(rules) > 1:
        return f"one of {' and '.join(rules)}", ""
    if rules and scene.delivered(node, already):
        return "delivered", ""  # and what it answered was dropped on its way out
    if rules:
        # on the way out it may have been the ICMP error about a refusal
        looked = _lookup(scene, last) if _on_the_way_out(rules[0]) else ""
        return (looked, "") if looked in _REFUSED else ("filter", rules[0])
    if scene.grown(node, "reverse_path"):
        return "reverse_path", ""
    if scene.delivered(node, already):
        return "delivered", ""
    silent = _asked_in_vain(scene, node, last.at)
    if silent:  # or it was the ICMP error about a refusal that waited in vain
        looked = _lookup(scene, last)
        return looked if looked in _REFUSED else silent, ""
    told = _told(scene, last)
    if told:
        return told, ""
    if scene.grown(node, "address_errors"):
        return "not_forwarding", ""
    told = _lookup(scene, last)
    if scene.grown(node, "no_routes") and told not in _REFUSED:
        return "no_route", ""
    return told, ""


def _told(scene: Scene, last: Sighting) -> str:
    """The reason in an error of the node's own. IPv6 has one for both; a silent neighbour is unreachable too."""
    told = _error_of(scene, last.node)
    if told not in ("no_route", "unreachable"):
        return told
    looked = _lookup(scene, last)
    told = looked if looked in ("unreachable", "neighbour", "link_down", NOBODY) else told
    if told == "unreachable" and looked not in _REFUSED:  # on another of several legs than the question takes
        return _silent_neighbour(scene, last.node) or told
    return told


def _on_the_way_out(rule: str) -> bool:
    return rule.partition(":")[0].endswith(("postrouting_", "output_"))


def _for_the_node(rule: str) -> bool:
    return rule.partition(":")[0].endswith("input_")


def _about_another(scene: Scene, rule: str) -> bool:
    """Whether the rule matches ICMP only, and the flow is none: it has met the word about the flow, late or not."""
    return "l4proto icmp " in rule and scene.ask.protocol != "icmp"


def _hit(scene: Scene, node: str) -> list[str]:
    if not scene.world.nodes[node].tables:
        return []
    with scene.spaces.inside(node):
        now = evidence.decisions()
    before = scene.drops_before.get(node, {})
    grown = [rule for rule, packets in now.items() if packets > before.get(rule, 0)]
    return grown


def _dropped_by(scene: Scene, node: str) -> list[str]:
    """The rules that dropped what the node has dropped meanwhile."""
    grown = [rule for rule in _hit(scene, node) if not rule.startswith(evidence.MARK)]
    # what `reject` answers may be dropped in its turn; a packet that was dropped is not rejected any more
    rejected = [rule for rule in grown if " reject" in rule]
    return rejected if len(rejected) == 1 else grown


def _asked_in_vain(scene: Scene, node: str, since: int, device: str = "") -> str:
    """The reason, where the node asked for a neighbour and got no answer: the other end may be down."""
    near = [one for one in scene.seen if one.node == node and one.at >= since and device in ("", one.device)]
    asked = {(one.device, one.destination) for one in near if one.kind == "ask" and one.out}
    answered = {(one.device, one.destination if ":" in one.source else one.source)
                for one in near if one.kind == "answer" and not one.out}
    for _device, address in asked - answered:
        plug = scene.world.plug_of(address)
        if plug is None:
            return NOBODY
        return "neighbour" if evidence.has_carrier(scene.spaces, plug.node, plug.device) else "link_down"
    return ""


def _silent_neighbour(scene: Scene, node: str) -> str:
    """The reason, where any neighbour of the node has not answered yet, whenever it was asked."""
    for plug in scene.world.nodes[node].plugs:
        if evidence.unresolved(scene.spaces, node, plug.device):
            return _asked_in_vain(scene, node, 0, plug.device) or NOBODY
    return ""


def _error_of(scene: Scene, node: str) -> str:
    """The reason in an ICMP error that the node itself has sent about the flow."""
    own = set(scene.world.nodes[node].addresses(scene.ask.family))
    for one in scene.seen:
        if one.kind == "error" and one.out and one.node == node and one.source in own:
            table = _V6_ERRORS if ":" in one.source else _V4_ERRORS
            return table.get(one.error, f"ICMP error {one.error}")
    return ""


def _lookup(scene: Scene, last: Sighting) -> str:
    """No trace was left: ask the kernel what it would do with the packet."""
    node = last.node
    inward = _inward(scene, last)
    words = f"{inward[0]} from {last.source} iif {last.device}"
    words += _ports(scene.ask.protocol, last.sport, inward[1])
    marks = [rule.removeprefix(evidence.MARK) for rule in _hit(scene, node) if rule.startswith(evidence.MARK)]
    words += f" mark {marks[-1]}" if marks else ""
    reason, device = evidence.route_answer(scene.spaces, node, words)
    own_source = scene.ask.family == V4 and evidence.route_answer(scene.spaces, node, last.source)[0] == "local"
    if own_source and reason in ("", "blackhole"):  # the kernel has one error for both, and looks at the route first
        return "martian"
    if device and not evidence.has_carrier(scene.spaces, node, device):
        return "link_down"
    if device and evidence.unresolved(scene.spaces, node, device):
        return _asked_in_vain(scene, node, 0, device) or NOBODY
    if device and any(not evidence.has_carrier(scene.spaces, node, plug.device)
                      for plug in scene.world.nodes[node].plugs):
        return "link_down"  # the packet hashes to another leg than the question
    return reason or "without a trace"


def _ports(protocol: str, sport: int, dport: int) -> str:
    return f" ipproto {protocol} sport {sport} dport {dport}" if protocol in ("tcp", "udp") else ""


def _dead_at_output(
    scene: Scene, node: str, source: tuple[str, int], destination: tuple[str, int], direction: str
) -> Fate:
    """A packet that the node itself should have sent."""
    # what a rule for the node's own packets has dropped is its word to itself that it cannot reach the next hop
    rules = [rule for rule in _dropped_by(scene, node) if not _for_the_node(rule) and not _about_another(scene, rule)]
    if len(rules) == 1:
        return Fate(False, node, "filter", rules[0], direction)
    question = f"{destination[0]} from {source[0]}{_ports(scene.ask.protocol, source[1], destination[1])}"
    reason, device = evidence.route_answer(scene.spaces, node, question)
    legs = [device, *(plug.device for plug in scene.world.nodes[node].plugs)]  # the packet may hash to another one
    if not reason and not evidence.has_carrier(scene.spaces, node, device):
        reason = "link_down"
    if reason == "local":  # it answers itself, and the client that waits for another address does not take that
        return Fate(False, node, "translation" if node == scene.ask.node else "astray", "", direction)
    reason = reason or _asked_in_vain(scene, node, 0, device)
    if not reason and evidence.unresolved(scene.spaces, node, device):
        reason = NOBODY
    if not reason and not all(evidence.has_carrier(scene.spaces, node, leg) for leg in legs):
        reason = "link_down"
    return Fate(False, node, reason or "not sent, without a trace", "", direction)
