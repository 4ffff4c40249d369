# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What two hosts share of their connection state, and of which flows: the values."""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow

Choice = t.Mapping[str, t.Sequence[str]]  # {"accept": [...]} or {"ignore": [...]}


@dataclasses.dataclass(frozen=True)
class Leaving:
    """What a member leaves out of what it sends; empty where it sends all."""

    protocols: tuple[tuple[str, tuple[str, ...]], ...] = ()
    addresses: tuple[tuple[str, tuple[str, ...]], ...] = ()
    states: tuple[tuple[str, tuple[str, ...]], ...] = ()  # of TCP

    @classmethod
    def of(cls, item: t.Mapping[str, t.Any]) -> Leaving:
        """From an item of the facts ``state_sync``."""
        def choice(name: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
            return tuple((policy, tuple(names)) for policy, names in (item.get(name) or {}).items())

        return cls(choice("protocols"), choice("addresses"), choice("states"))

    def why(self, flow: Flow) -> str:
        """Why the state of the flow is not sent; empty where it is."""
        for policy, names in self.protocols:
            if (_protocol(flow.protocol) in {name.lower() for name in names}) != (policy == "accept"):
                return f"the protocol {flow.protocol}"
        for policy, names in self.addresses:
            found = next((name for name, one in self._networks[policy] if _holds(one, flow)), "")
            if policy == "ignore" and found:
                return f"the address {found}"
            if policy == "accept" and not found:
                return f"addresses other than {', '.join(names)}"
        return self._of_states() if flow.protocol == "tcp" else ""

    @functools.cached_property
    def _networks(self) -> dict[str, list[tuple[str, t.Any]]]:
        return {policy: [(name, ipaddress.ip_network(name, strict=False)) for name in names]
                for policy, names in self.addresses}

    def _of_states(self) -> str:
        """A connection whose beginning is not sent is not there when the first reply comes."""
        for policy, names in self.states:
            there = {name.lower() for name in names}
            early = [state for state in ("syn_sent", "syn_recv") if (state in there) != (policy == "accept")]
            if early:
                return f"TCP connections in the state {' and '.join(early)}, so that none begins"
        return ""


@dataclasses.dataclass(frozen=True)
class Bond:
    """Two members, and what is known of the state that they share.

    ``kind``: ``shared``, each has what the other has as soon as it is told; ``waiting``, what a member was told waits
    in a cache until a failover; ``apart``, nothing is shared; ``doubtful``, it is not known. ``why`` says of all but
    the first what tells so. ``races``: packets are not held back until the other member has been told.
    """

    one: str
    other: str
    kind: str
    why: str = ""
    races: bool = False
    leaving: tuple[tuple[str, Leaving], ...] = ()  # by member

    def left_out(self, flow: Flow) -> str:
        """What keeps the flow's state from being shared; empty where nothing does."""
        for member, leaving in self.leaving:
            why = leaving.why(flow)
            if why:
                return f"{member} leaves out {why}"
        return ""

    def joins(self, one: str, other: str) -> bool:
        return {one, other} == {self.one, self.other}


def _protocol(name: str) -> str:
    return {"icmpv6": "ipv6-icmp"}.get(name, name)


def _holds(network: t.Any, flow: Flow) -> bool:
    """conntrackd compares the sources of both directions: the ends, as each of them is known to itself (filter.c)."""
    ends = (ipaddress.ip_address(flow.source), ipaddress.ip_address(flow.destination))
    return any(end.version == network.version and end in network for end in ends)
