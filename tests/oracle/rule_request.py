# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for the kernel by netlink: those with a DSCP, which iproute2 knows only from 6.13 on (linux/fib_rules.h)."""

from __future__ import annotations

import ipaddress
import socket
import struct
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import (
    HEADER,
    NETLINK_ROUTE,
    NLM_F_REQUEST,
    attribute,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.rtnetlink import AF, FIB_RULE_INVERT
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Rule

DSCP_PROBE = Rule(4, 100, table=100, dscp=10)
_RTM_NEWRULE = 32
_NLM_F_ACK, _NLM_F_CREATE = 0x4, 0x400
_HEADER = struct.Struct("=BBBBBBBBI")  # fib_rule_hdr
_FR_ACT_TO_TBL = 1


def add(rules: t.Iterable[Rule]) -> None:
    """Add rules with from, to, iif, fwmark, dscp and ipproto at most; what the kernel refuses is left out."""
    flags = NLM_F_REQUEST | _NLM_F_ACK | _NLM_F_CREATE
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE) as netlink:
        netlink.settimeout(5)
        for number, rule in enumerate(rules, 1):
            body = _request(rule)
            netlink.send(HEADER.pack(HEADER.size + len(body), _RTM_NEWRULE, flags, number, 0) + body)
            netlink.recv(1 << 16)  # the facts tell whether it was taken


def _request(rule: Rule) -> bytes:
    body = b""
    lengths = {1: 0, 2: 0}  # FRA_DST, FRA_SRC
    for kind, prefix in ((1, rule.dst), (2, rule.src)):
        if prefix:
            network = ipaddress.ip_network(prefix)
            lengths[kind] = network.prefixlen
            body += attribute(kind, network.network_address.packed)
    numbers = ((6, rule.priority), (15, rule.table), (10, rule.fwmark), (16, rule.fwmask if rule.fwmark else None))
    body += b"".join(attribute(kind, struct.pack("=I", value)) for kind, value in numbers if value is not None)
    octets = ((25, rule.dscp), (22, rule.ipproto))
    body += b"".join(attribute(kind, bytes([value])) for kind, value in octets if value is not None)
    if rule.iif:
        body += attribute(3, rule.iif.encode() + b"\0")
    flags = FIB_RULE_INVERT if rule.invert else 0
    return _HEADER.pack(AF[rule.family], lengths[1], lengths[2], 0, 0, 0, 0, _FR_ACT_TO_TBL, flags) + body
