# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""SYM201 to SYM203: reverse-path checks that drop what is legitimate."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.registry import Finding, finding
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.deaths import arriving, deaths
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import FlowVerdict
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.walk import refusal_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.packet import Packet

STRICT, LOOSE = 1, 2


def of_failing_flow(network: Network, told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM201 and SYM202 for the packets of a flow, and for the ARP requests that they wait for."""
    yield from _dropped(told)
    for _direction, dead, _forward in deaths(told, "neighbour"):
        refused = refusal_of(network, dead)
        if refused and refused.reverse_path and refused.reverse_path.verdict == "drop":
            yield finding("SYM202", refused.neighbour.host, dead.detail, refused.neighbour.interface)


def of_host(network: Network, host: str) -> t.Iterator[Finding]:
    """SYM202 and SYM203, which need no flow."""
    yield from _unanswered_arp(network, host)
    yield from _overridden(network, host)


def _dropped(told: FlowVerdict) -> t.Iterator[Finding]:
    """SYM201, or SYM202 where the sender is a neighbour: then its ARP request is what goes unanswered."""
    for _direction, dead, _forward in deaths(told, "reverse_path"):
        check = dead.hops[-1].transit.reverse_path
        expected = " or ".join(check.expected_devices) if check and check.expected_devices else "no interface"
        source = dead.hops[-1].transit.packet.flow.source if not dead.hops else arriving(dead)
        mode = "strict" if check is None or check.mode == 1 else "loose"
        origin = f" (set by {check.origin})" if check and check.origin else ""
        text = (f"{mode} rp_filter on {dead.interface}{origin} drops packets from {source}: the route back to it "
                f"leaves by {expected}")
        if len(dead.hops) == 2 and dead.hops[0].iif is None and mode == "strict":
            yield finding("SYM202", dead.host, f"{text}. The sender {dead.hops[0].host} is a neighbour, so its ARP "
                          "requests go unanswered: silent, no counter rises", dead.interface)
        else:
            yield finding("SYM201", dead.host, text, dead.interface)


def _overridden(network: Network, host: str) -> t.Iterator[Finding]:
    """SYM203: the kernel takes the greater of ``all`` and the interface (IN_DEV_MAXCONF)."""
    sysctls = network.facts[host].get("interface_sysctls", {})
    everyone = sysctls.get("all", {}).get("rp_filter")
    default = sysctls.get("default", {}).get("rp_filter")
    for name in network.topology.interfaces(host):
        own = sysctls.get(name, {}).get("rp_filter")
        if own is None or everyone is None or not network.topology.addresses(host, name, 4):
            continue
        if everyone == LOOSE and own == STRICT and default != STRICT:
            yield finding("SYM203", host, f"rp_filter of {name} asks for strict (1), but all is 2 and the greater "
                          f"number is in force: {name} is loose", name)
        elif everyone == STRICT and own == 0 and default not in (None, 0):
            yield finding("SYM203", host, f"rp_filter of {name} is switched off (0, where new interfaces get "
                          f"{default}), but all is 1 and the greater number is in force: {name} is strict", name)


def _unanswered_arp(network: Network, host: str) -> t.Iterator[Finding]:
    """SYM202: ARP requests are validated like packets (arp_process); where that fails, no answer and no count."""
    for device, setting in network.facts[host].get("rp_filter", {}).items():
        ours = network.topology.addresses(host, device, 4)
        if setting.get("mode") != STRICT or not ours or not network.topology.is_up(host, device):
            continue
        for who, address, asked in _askers(network, host, device):
            check = network.hosts[host].reverse_path(Packet(Flow("icmp", address, asked)), device, None)
            if check.verdict == "drop" and check.mode == STRICT:
                elsewhere = " or ".join(check.expected_devices) or "no interface"
                yield finding(
                    "SYM202", host, f"strict rp_filter on {device} leaves ARP requests of {who} ({address}) for "
                    f"{asked} unanswered: the route back to {address} leaves by {elsewhere}. Silent: no counter rises",
                    device)


def _askers(network: Network, host: str, device: str) -> t.Iterator[tuple[str, str, str]]:
    """Who asks on this segment for which of our addresses: (name, its address, our address)."""
    ours = network.topology.addresses(host, device, 4)
    for entry in network.facts[host].get("neighbours", ()):
        if entry["device"] == device and entry["family"] == 4 and entry.get("mac"):
            yield "a neighbour", entry["address"], str(ours[0].ip)
    for asked in (str(own.ip) for own in ours):
        for peer, name in network.topology.may_ask_for(asked):
            source = _arp_source(network, peer, name, asked) if peer != host else None
            if source and _on_segment(network, host, device, peer, name, asked):
                yield peer, source, asked


def _arp_source(network: Network, peer: str, name: str, asked: str) -> str | None:
    """The address in the peer's ARP request for ours: the source of the packet that it wants to send (arp_solicit)."""
    found = network.hosts[peer].lookup(Packet(Flow("udp", "0.0.0.0", asked, None, 9)))
    on_link = (one for one in found.branches if one.kind == "forward" and (one.device, one.next_hop) == (name, asked))
    return next((one.source for one in on_link), None)


def _on_segment(network: Network, host: str, device: str, peer: str, name: str, asked: str) -> bool:
    """The peer's own join of our address leads to this very interface."""
    found = network.topology.join(peer, name, asked).neighbour
    return found is not None and (found.host, found.interface) == (host, device)
