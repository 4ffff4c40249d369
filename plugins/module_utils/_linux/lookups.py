# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The kernel's own answer for a flow, in both directions: what ``ip route get`` asks, without a process for each."""

from __future__ import annotations

import socket
import struct
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import routes
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import Netlink, NetlinkError, attribute

Dict = dict[str, t.Any]
RTM_GETROUTE = 26
RTM_F_LOOKUP_TABLE = 0x1000
_RTMSG = struct.Struct("=BBBBBBBBI")
_NUMBERS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}


class Question(t.NamedTuple):
    """One direction of a flow at this host."""

    protocol: str
    source: str
    destination: str
    sport: t.Optional[int] = None
    dport: t.Optional[int] = None
    iif: t.Optional[str] = None  # None: the host itself sends

    def command(self) -> str:
        """The same question for a person's shell."""
        words = ["ip route get", self.destination, "from", self.source]
        if self.iif:
            words += ["iif", self.iif]
        words += ["ipproto", self.protocol]
        for name, port in (("sport", self.sport), ("dport", self.dport)):
            if port is not None:
                words += [name, str(port)]
        return " ".join(words)


def ask(kernel: Netlink, question: Question, names: t.Mapping[int, str]) -> Dict:
    """The route of a packet (``inet_rtm_getroute``): device, gateway, source, table and type, or ``error``.

    With an input interface the kernel checks the reverse path too and may refuse for that reason.
    """
    family = socket.AF_INET6 if ":" in question.destination else socket.AF_INET
    destination, source = (socket.inet_pton(family, text) for text in (question.destination, question.source))
    bits = len(destination) * 8
    # IPv6 names the table in any case, and refuses the flag
    flags = RTM_F_LOOKUP_TABLE if family == socket.AF_INET else 0
    request = _RTMSG.pack(family, bits, bits, 0, 0, 0, 0, 0, flags)
    request += attribute(1, destination) + attribute(2, source)
    if question.iif:
        index = next((number for number, name in names.items() if name == question.iif), 0)
        request += attribute(3, struct.pack("=I", index))
    request += attribute(27, bytes([_NUMBERS[question.protocol]]))
    for kind, port in ((28, question.sport), (29, question.dport)):
        if port is not None:
            request += attribute(kind, struct.pack("!H", port))
    try:
        answer = next(iter(kernel.messages(RTM_GETROUTE, request, dump=False)))
    except NetlinkError as error:
        return {"error": error.strerror}
    return _outcome(routes.decode(answer.body, names))


def _outcome(route: Dict) -> Dict:
    result: Dict = {}
    leg = {"source": route.get("prefsrc"), **route.get("nexthops", [{}])[0]}
    for key in ("device", "gateway", "source"):
        if leg.get(key):
            result[key] = leg[key]
    result["table"] = route["table"]
    if "type" in route:
        result["type"] = route["type"]
    return result


def both_ways(kernel: Netlink, question: Question, names: t.Mapping[int, str], own: t.Collection[str]) -> list[Dict]:
    """The lookups of a flow and of its replies. ``own`` are the addresses of this host."""
    reply = Question(question.protocol, question.destination, question.source, question.dport, question.sport)
    return [_one_way(kernel, direction, names, own) for direction in (question, reply)]


def _one_way(kernel: Netlink, question: Question, names: t.Mapping[int, str], own: t.Collection[str]) -> Dict:
    """One direction; a packet from elsewhere is taken to come in where the host would send its replies."""
    if question.source not in own:
        back = ask(kernel, Question(question.protocol, _some_source(question), question.source), names)
        if "device" not in back:
            text = f"no route to {question.source}, so no input interface is known"
            return {"command": question.command(), "error": text}
        question = question._replace(iif=back["device"])
    return {"command": question.command(), **ask(kernel, question, names)}


def _some_source(question: Question) -> str:
    return "::" if ":" in question.source else "0.0.0.0"
