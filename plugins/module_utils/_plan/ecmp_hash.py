# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Plan how the kernel hashes flows over several next hops: symmetric, and the same on every router that is told alike.

Policy 3 hashes exactly the fields that are named (net/ipv4/route.c, fib_multipath_custom_hash_skb). Policy 1 does not:
it takes the hash of the network card or of the sender's socket where the packet brings one. The kernel sorts addresses
and ports before it hashes, so both directions of a flow hash alike.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Change, Sysctl
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.plan import Plan

CUSTOM = 3  # enum: 0 addresses, 1 five-tuple, 2 inner addresses, 3 the fields of fib_multipath_hash_fields
# linux/ip_fib.h, FIB_MULTIPATH_HASH_FIELD_*; not the flow labels, of which each end chooses its own
FIELDS = {
    "source": 0x01, "destination": 0x02, "protocol": 0x04, "source_port": 0x10, "destination_port": 0x20,
    "inner_source": 0x40, "inner_destination": 0x80, "inner_protocol": 0x100, "inner_source_port": 0x400,
    "inner_destination_port": 0x800,
}  # fmt: skip
FIVE_TUPLE = ("source", "destination", "protocol", "source_port", "destination_port")
_PAIRS = (("source", "destination"), ("source_port", "destination_port"), ("inner_source", "inner_destination"),
          ("inner_source_port", "inner_destination_port"))  # fmt: skip
DEFAULTS = {"policy": 0, "fields": 0x07, "seed": 0}
FAMILIES = ("ipv4", "ipv6")
SEED = "net/ipv4/fib_multipath_hash_seed"  # of both families
Values = t.Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class Wish:
    """What to hash, and with which seed; None leaves the seed as it is."""

    fields: int
    seed: t.Optional[int] = None


def path_of(family: str, what: str) -> str:
    """The parameter's path below /proc/sys."""
    return f"net/{family}/fib_multipath_hash_{what}"


def paths() -> list[str]:
    """Every parameter that this planner may write."""
    return [*(path_of(family, what) for family in FAMILIES for what in ("fields", "policy")), SEED]


def read_wish(fields: t.Sequence[str], seed: t.Optional[int]) -> Wish:
    """Read the options of ecmp_hash; raises PlanError."""
    unknown = [name for name in fields if name not in FIELDS]
    if unknown or not fields:
        raise PlanError(f"fields: {', '.join(unknown) or 'an empty list'} is not among {', '.join(FIELDS)}")
    for one, other in _PAIRS:
        if (one in fields) != (other in fields):
            raise PlanError(
                f"fields: {one} and {other} go together: with one of them, both directions of a flow hash differently"
            )
    if seed is not None and not 1 <= seed <= 0xFFFFFFFF:
        raise PlanError(f"seed {seed} is not within 1 to 4294967295; 0 would be another random one after each boot")
    number = 0
    for name in fields:
        number |= FIELDS[name]
    return Wish(number, seed)


def targets_of(values: Values, wish: t.Optional[Wish]) -> dict[str, int]:
    """The value that each parameter gets, by path; raises PlanError. See ``plan``."""
    families = [family for family in FAMILIES if path_of(family, "policy") in values]
    targets: dict[str, int] = {}
    for family in families:
        fields, policy = path_of(family, "fields"), path_of(family, "policy")
        if wish is not None and fields not in values:
            raise PlanError(
                f"this kernel has no {fields} (Linux 5.13 brought it): with policy 1 it would hash what the network "
                "card or the sender brings, which is not the same both ways; pin what must be symmetric (policy_route)"
            )
        if fields in values:
            targets[fields] = DEFAULTS["fields"] if wish is None else wish.fields
        targets[policy] = DEFAULTS["policy"] if wish is None else CUSTOM
    if not families:
        raise PlanError("this kernel has no fib_multipath_hash_policy: it was built without multipath routing")
    if SEED in values and (wish is None or wish.seed is not None):
        targets[SEED] = DEFAULTS["seed"] if wish is None or wish.seed is None else wish.seed
    return targets


def plan(values: Values, wish: t.Optional[Wish]) -> Plan:
    """The changes that make the kernel hash so, or as a fresh kernel does where ``wish`` is None; raises PlanError.

    ``values`` are the present ones by path; those that the kernel does not have are absent.
    """
    targets = targets_of(values, wish)
    changes = tuple(
        Change("sysctl", "set", before=Sysctl(path, values[path]), after=Sysctl(path, target))
        for path, target in targets.items()
        if values[path] != target
    )
    return Plan("ECMP hash", changes, text_of(values), text_of({**values, **targets}))


def text_of(values: Values) -> str:
    """The parameters, as in the plan's diff."""
    return "".join(f"{path} = {values[path]}\n" for path in paths() if path in values)


def not_promised(values: Values, wish: t.Optional[Wish]) -> list[str]:
    """What this cannot give, in words for the person who relies on it."""
    if wish is None:
        return ["each router chooses next hops by a hash of its own"]
    told = [
        "a next hop that goes or comes moves flows, also established ones: share state, or pin what must not move",
        "kernels of different versions may hash the same fields differently: run the same one on all routers",
        "routers choose alike only where their next hops stand in the same order with the same weights",
        "fragments have no ports, and ICMP errors are hashed by the packet they tell of",
    ]
    if wish.seed is None:
        told.append("without a seed that is the same on all routers, each chooses by itself; one router is symmetric")
    elif SEED not in values:
        told.append(f"this kernel has no {SEED} (Linux 6.11 brought it): its seed is random, and other routers differ")
    return told
