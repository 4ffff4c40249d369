# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host, a question, and the answer that is expected: of the kernel and of the engine alike."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host
from ansible_collections.netpath.symmetry.tests.oracle import asking, kernel
from ansible_collections.netpath.symmetry.tests.oracle.asking import Answer
from ansible_collections.netpath.symmetry.tests.oracle.compare import decide, difference
from ansible_collections.netpath.symmetry.tests.oracle.world import Question, World

# d0 and d1 with a router behind each, d2 without an address
NETWORK = (
    "link set lo up",
    *(f"link add {name} type veth peer name {name}p" for name in ("d0", "d1", "d2")),
    *(f"link set {name}p up" for name in ("d0", "d1", "d2")),
    *(f"link set {name} up" for name in ("d0", "d1", "d2")),
    *("-4 addr add 10.0.1.1/24 dev d0", "-4 addr add 10.0.2.1/24 dev d1"),
    *("-6 addr add 2001:db8:1::1/64 dev d0 nodad", "-6 addr add 2001:db8:2::1/64 dev d1 nodad"),
)
_ROUTER = (
    *(("ipv6/conf/all/forwarding", "1"), ("ipv6/conf/default/accept_dad", "0"), ("ipv4/conf/all/forwarding", "1")),
    *((f"ipv4/conf/{name}/rp_filter", "0") for name in ("all", "d0", "d1", "d2")),
)
Sysctls = t.Mapping[str, str | int]


def build(commands: t.Iterable[str], sysctls: Sysctls | None = None) -> Host:
    """A host in a namespace of its own: the network above, and more commands after it."""
    settings = [*_ROUTER, *((path, str(value)) for path, value in (sysctls or {}).items())]
    kernel.enter_new_namespace()
    kernel.build(World(tuple(settings), (*NETWORK, *commands)))
    return Host.from_facts("host", kernel.read_settled_facts())


def ask(host: Host, question: Question) -> Answer:
    """The kernel's answer, after the engine was found to give the same."""
    answer = asking.ask([question])[0]
    decisions = decide(host, question)
    (matched,) = asking.matched_routes([question])
    assert difference(host, question, decisions, answer, matched) == "", (answer, decisions)
    return answer


def told(answer: Answer) -> str:
    """An answer in few words: where it leads and by which table, or the error."""
    if answer.error:
        return answer.error
    if answer.kind == "local":
        return "local"
    return f"{answer.gateway or 'on link'} {answer.device} {answer.table}"
