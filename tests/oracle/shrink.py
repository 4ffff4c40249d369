# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a disagreement as small as it gets, and write it down as commands to paste."""

from __future__ import annotations

import dataclasses
import shlex
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.render import rule_arguments
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.routing import Decision
from ansible_collections.netpath.symmetry.tests.oracle import asking, kernel
from ansible_collections.netpath.symmetry.tests.oracle.compare import decide, difference
from ansible_collections.netpath.symmetry.tests.oracle.world import Question, World

_MOST_TRIALS = 1500  # of smaller worlds


def explain(world: World, question: Question, differs: str) -> str:
    """The smallest world that still disagrees, as a script for a root shell, with both answers."""
    if not _disagrees(world, question):
        return f"it does not happen again: {differs}\n{script(world, question)}"
    world = shrink(world, question)
    host, answer, matched = _ask_once(world, question)
    decisions = decide(host, question)
    lines = [
        "the kernel and the engine disagree; as root:",
        script(world, question),
        f"# kernel: {answer.text or answer.error}",
        f"# matched: {matched}",
        *(f"# engine: {told(one)}" for one in decisions),
        f"# differs: {difference(host, question, decisions, answer, matched)}",
    ]
    return "\n".join(lines)


def told(decision: Decision) -> str:
    """A branch of the engine's answer in one line."""
    words = (decision.outcome, decision.device, decision.next_hop, decision.source, decision.reason, decision.detail)
    rule = f"by rule {decision.lookup.rule.priority}" if decision.lookup and decision.lookup.rule else ""
    return " ".join(word for word in (*words, rule) if word)


def script(world: World, question: Question) -> str:
    """Commands that build the world in a network namespace of their own and ask the question."""
    lines = []
    links = [command for command in world.commands if command.startswith("link ") and " down" not in command]
    early = [pair for pair in world.sysctls if "/default/" in pair[0]]
    lines += [_sysctl(*pair) for pair in early]
    lines += [f"ip {command}" for command in links]
    lines += [_sysctl(*pair) for pair in world.sysctls if pair not in early]
    lines += [f"ip {command}" for command in world.commands if command not in links]
    lines += [
        f"ip -{rule.family} rule add {rule_arguments(rule)}  # iproute2 6.13 or later" for rule in world.netlink_rules
    ]
    words = question.words()
    lines += ["sleep 1", f"ip -{question.family} -d {words}"]
    lines.append(f"ip -{question.family} -d {words.replace('route get', 'route get fibmatch', 1)}")
    return f"unshare -n sh -c {shlex.quote(chr(10).join(lines))}"


def _sysctl(path: str, value: str) -> str:
    return f"echo {value} >/proc/sys/net/{path}"


def _ask_once(world: World, question: Question) -> tuple[Host, asking.Answer, t.Any]:
    kernel.enter_new_namespace()
    kernel.build(world)
    host = Host.from_facts("oracle", kernel.read_settled_facts())
    return host, asking.ask([question])[0], asking.matched_routes([question])[0]


def _disagrees(world: World, question: Question) -> bool:
    host, answer, matched = _ask_once(world, question)
    try:
        return bool(difference(host, question, decide(host, question), answer, matched))
    except ValueError:  # an interface of the question was shrunk away
        return False


def shrink(world: World, question: Question) -> World:
    """Leave out every command, rule and sysctl without which they still disagree."""
    trials = 0
    for field in ("commands", "netlink_rules", "sysctls"):
        items: tuple[t.Any, ...] = getattr(world, field)
        size = max(1, len(items) // 2)
        while size:
            at = 0
            while at < len(items) and trials < _MOST_TRIALS:
                trials += 1
                fewer = items[:at] + items[at + size :]
                if _disagrees(dataclasses.replace(world, **{field: fewer}), question):
                    items = fewer
                else:
                    at += size
            size //= 2
        world = dataclasses.replace(world, **{field: items})
    return world
