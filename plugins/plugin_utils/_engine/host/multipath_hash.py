# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What is known about the hash by which a host spreads flows (fib_multipath_hash, rt6_multipath_hash).

It is never computed here: which next hop a flow takes is for the kernel to say. But the software hash sorts addresses
and ports (__flow_hash_consistentify), so both directions of a flow have the same one where nothing else is hashed.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host

_PAIRS = ((0x01, 0x02, "the addresses"), (0x10, 0x20, "the ports"))  # FIB_MULTIPATH_HASH_FIELD_*
_FLOW_LABEL = 0x08
_PORTS = 0x30
_OUTER = 0x3F  # above: fields of what a tunnel carries
_SEED = "net/ipv4/fib_multipath_hash_seed"  # for both families


def policy(host: Host, family: int) -> int:
    return host.sysctls.get(f"net/ipv{family}/fib_multipath_hash_policy", 0)


def fields(host: Host, flow: Flow) -> int:
    """The fields that policy 3 hashes, as far as packets of the flow have them: ICMP has no ports."""
    hashed = host.sysctls.get(f"net/ipv{flow.family}/fib_multipath_hash_fields", 0x07)
    return hashed if flow.protocol in ("tcp", "udp") else hashed & ~_PORTS


def unpredictable(host: Host, flow: Flow) -> str:
    """Why both directions of a flow may hash differently at this host, or each connection anew; empty otherwise."""
    used = policy(host, flow.family)
    name = f"net.ipv{flow.family}.fib_multipath_hash_policy"
    if used == 1 and flow.protocol == "tcp":
        return f"{name} is 1, which takes the hash of the network card or of the sender's socket where there is one"
    if used == 2:
        return f"{name} is 2, which looks into tunnels and hashes what it finds there"
    if flow.family == 6 and used == 0:
        return f"{name} is 0, which hashes the flow label, and each end chooses its own"
    if used != 3:
        return ""
    hashed = fields(host, flow)
    if flow.family == 6 and hashed & _FLOW_LABEL:
        return "fib_multipath_hash_fields has the flow label (0x8), and each end chooses its own"
    for one, other, what in _PAIRS:
        if bool(hashed & one) != bool(hashed & other):
            return f"fib_multipath_hash_fields ({hashed:#x}) has only one of {what}, and the reply has them swapped"
    return ""


def same_hash(host: Host, flow: Flow) -> t.Hashable:
    """What all packets have in common that get one hash with this flow and its reply; None where that is not known.

    Policy 1 is left out: a packet may bring a hash of the network card. With one seed two hosts hash alike, but only
    kernels of one version promise to.
    """
    used, hashed = policy(host, flow.family), fields(host, flow)
    if used not in (0, 3) or unpredictable(host, flow) or (used == 3 and hashed & ~_OUTER):
        return None
    ends = tuple(sorted((flow.source, flow.destination))) if used == 0 or hashed & 0x01 else ()
    ports = tuple(sorted((str(flow.sport), str(flow.dport)))) if used == 3 and hashed & 0x10 else ()
    protocol = flow.protocol if used == 3 and hashed & 0x04 else ""
    seed = host.sysctls.get(_SEED, 0)
    who = (seed, str(host.facts.get("kernel", ""))) if seed else host.name
    return who, used, hashed if used == 3 else 0, ends, ports, protocol


def difference(one: Host, other: Host, flow: Flow) -> str:
    """Why two hosts spread one and the same flow differently; empty where they agree."""
    used = policy(one, flow.family)
    for what, here, there in (
        ("policies", used, policy(other, flow.family)), ("fields", fields(one, flow), fields(other, flow)),
    ):
        if here != there and (what == "policies" or used == 3):
            return f"their {what} are {here:#x} and {there:#x}"
    seeds = one.sysctls.get(_SEED, 0), other.sysctls.get(_SEED, 0)
    if 0 in seeds:
        return "a seed that is not set (net.ipv4.fib_multipath_hash_seed) is another after each boot"
    return "" if seeds[0] == seeds[1] else f"their seeds are {seeds[0]} and {seeds[1]}"
