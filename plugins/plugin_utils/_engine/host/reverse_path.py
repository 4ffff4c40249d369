# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Reverse-path validation of IPv4, in the order of fib_validate_source (net/ipv4/fib_frontend.c).

IPv6 has none in the kernel: rules of netfilter do it there, and the room netfilter follows them.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Rule
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.device import reverse_path as device_reverse_path
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import Key, number_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.rules import Answer
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet, ReversePath
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.values import changed

if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host

_NAMES = {0: "off", 1: "strict", 2: "loose"}


def validate(host: Host, packet: Packet, iif: str, oif: str | None) -> ReversePath:
    """The verdict on a packet that arrives on ``iif`` and would leave by ``oif`` (None: it is for the host itself)."""
    if "device" in host.facts:
        return device_reverse_path.validate(host, packet, iif)
    if ":" in packet.flow.source:
        return ReversePath("pass", reason="IPv6 has no reverse-path filter outside netfilter")
    mode, origin = effective_mode(host, iif)
    if mode is None:
        return ReversePath("unknown", reason=f"rp_filter of {iif} on {host.name} was not read")
    found = _Check(host, packet, iif, oif, mode).run()
    return ReversePath(found.verdict, mode, origin, found.reason, found.expected_devices, found.martian)


def effective_mode(host: Host, iif: str) -> tuple[int | None, str]:
    """rp_filter as it is in force: the greater of "all" and the interface, and which of them gives it."""
    stated = host.facts.get("rp_filter", {}).get(iif)
    own = host.interfaces[iif].sysctls.get("rp_filter")
    everywhere = host.all_sysctls.get("rp_filter")
    if own is not None and everywhere is not None:
        origin = "both" if own == everywhere else ("all" if everywhere > own else "interface")
        return max(own, everywhere), origin
    if stated is not None:
        return int(stated["mode"]), str(stated.get("origin", "interface"))
    if host.platform != "linux" and not host.why_incomplete("rp_filter"):
        return 0, "interface"  # a device lists the interfaces that check
    return None, ""


class _Check:
    """One validation; ``mode`` is 0 off, 1 strict, 2 loose."""

    def __init__(self, host: Host, packet: Packet, iif: str, oif: str | None, mode: int) -> None:
        self.host = host
        self.packet = packet
        self.iif = iif
        self.oif = oif
        self.mode = mode
        self.device = host.interfaces[iif]
        self.source = packet.flow.source

    def run(self) -> ReversePath:
        if self.mode or (self.iif == self.oif and self.device.is_set("send_redirects")):
            return self._full()
        if self.device.is_set("accept_local"):
            return ReversePath("pass", reason="rp_filter is off")
        if self.host.custom_local_routes or not self.host.may_be_unruled:
            return self._full()
        quick = self._by_address()
        if self.host.unruled or self.host.platform != "linux":
            return quick
        full = self._full()
        if quick.verdict == full.verdict:
            return quick
        why = f"the kernel looks {self.source} up in the local table only if a rule was ever added or deleted"
        return ReversePath("unknown", reason=why)

    def _by_address(self) -> ReversePath:
        owner = self.host.local_addresses.get(number_of(self.source))
        if owner is None:
            return ReversePath("pass", reason="rp_filter is off")
        return _martian(f"source {self.source} is an address of {self.host.name} itself, on {owner}")

    def _full(self) -> ReversePath:
        answer = self.host.answer(self._key())
        if answer.unknown:
            return ReversePath("unknown", reason=f"the route back to {self.source}: {answer.unknown}")
        if answer.error or answer.hit is None:
            return self._last_resort(f"no route back to {self.source} ({_why(answer)})")
        devices = tuple(dict.fromkeys(hop.device or "" for hop in answer.hit.route.nexthops))
        verdict = self._judge(answer.hit.route.type, answer.rule, devices)
        if verdict.martian:
            return changed(verdict, expected_devices=devices)
        return ReversePath(verdict.verdict, reason=verdict.reason, expected_devices=devices)

    def _judge(self, kind: str, rule: Rule | None, devices: tuple[str, ...]) -> ReversePath:
        if kind != "unicast" and not (kind == "local" and self.device.is_set("accept_local")):
            return _martian(f"the route to source {self.source} is of type {kind}")
        if any(device == self.iif or self.host.vrf_of(device) == self.iif for device in devices):
            return ReversePath("pass", reason=f"the route back leaves by {self.iif}")
        if kind == "local" and self.iif == "lo":
            return ReversePath("pass", reason="loopback")
        if not any(address.family == 4 for address in self.device.addresses):
            return self._last_resort(f"{self.iif} has no IPv4 address")
        others = ", ".join(devices)
        where = f"leaves by {others}, not by {self.iif}{_by_rule(rule)}"
        if self.mode == 1:
            return ReversePath("drop", reason=f"the route back to {self.source} {where}")
        return ReversePath("pass", reason=f"the route back {where}; rp_filter is {_NAMES[self.mode]}")

    def _last_resort(self, why: str) -> ReversePath:
        return ReversePath("drop", reason=why) if self.mode else ReversePath("pass", reason="rp_filter is off")

    def _key(self) -> Key:
        """The question of the check: source and destination swapped, and iif is the packet's *egress* interface."""
        forward = self.host.key(self.packet, self.iif)
        return changed(
            forward,
            dst=forward.src,
            src=forward.dst,
            iif=self.oif or "lo",
            mark=forward.mark if self.device.is_set("src_valid_mark") else 0,
            sport=forward.dport,
            dport=forward.sport,
            l3mdev=self.host.vrf_of(self.iif) or self.host.vrf_of(self.oif),
            reverse=True,
        )


def _martian(reason: str) -> ReversePath:
    return ReversePath("drop", reason=f"martian: {reason}", martian=True)


def _why(answer: Answer) -> str:
    return f"{answer.error}{_by_rule(answer.rule)}" if answer.error else "none matches"


def _by_rule(rule: Rule | None) -> str:
    return f" (rule {rule.priority})" if rule and rule.priority not in (0, 32766, 32767) else ""
