# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""SYM205: the settings that are in force now are not those that the next boot, or a new interface, brings back."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.findings.registry import Finding, finding
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.network import Network
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import Facts

# What the kernel begins with. Only settings that decide about paths, state or spreading are compared.
_DEFAULTS = {
    "net/ipv4/ip_forward": 0,
    "net/ipv6/conf/all/forwarding": 0,
    "net/ipv4/fib_multipath_hash_policy": 0,
    "net/ipv4/fib_multipath_hash_fields": 7,
    "net/ipv4/fib_multipath_hash_seed": 0,
    "net/ipv4/fib_multipath_use_neigh": 0,
    "net/ipv6/fib_multipath_hash_policy": 0,
    "net/ipv6/fib_multipath_hash_fields": 7,
    "net/ipv4/fwmark_reflect": 0,
    "net/ipv6/fwmark_reflect": 0,
    "net/ipv4/tcp_fwmark_accept": 0,
}
_TRACKING = {"tcp_loose": 1, "tcp_be_liberal": 0}  # below net/netfilter/nf_conntrack_
_INTERFACE = {
    "src_valid_mark": 0, "accept_local": 0, "arp_filter": 0, "arp_ignore": 0, "arp_announce": 0,
    "ignore_routes_with_linkdown": 0, "ignore_routes_with_linkdown6": 0, "route_localnet": 0,
}
_FORWARDING = ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding")
_FORWARDERS = ("docker", "kube-proxy", "cilium", "tailscale")  # they switch forwarding on whenever they start
_MODES = {0: "off", 1: "strict", 2: "loose"}


def of_host(network: Network, host: str) -> t.Iterator[Finding]:
    """What a file sets otherwise is a warning; what no file sets at all is for information."""
    facts = network.facts[host]
    files = facts.get("sysctl_files", {})
    if not files.get("applied_by"):
        return
    for name, now, default in _global_settings(facts):
        yield from _compare(host, name, now, files.get("sysctls", {}).get(name), default)
    known = facts.get("interface_sysctls", {})
    for interface in known:
        yield from _reverse_path(host, interface, known, files.get("interface_sysctls", {}))
        for name, default in _INTERFACE.items():
            if name in known[interface]:
                answer, expected = _of_interface(files.get("interface_sysctls", {}), interface, name, default)
                yield from _compare(host, f"{name} of {interface}", known[interface][name], answer, expected, interface)


def _global_settings(facts: Facts) -> t.Iterator[tuple[str, int, int]]:
    """Name, value and the kernel's default of every setting that was read."""
    forwards = any(one.get("active") and one.get("name") in _FORWARDERS for one in facts.get("managers", ()))
    for name, default in _DEFAULTS.items():
        now = facts.get("sysctls", {}).get(name)
        if now is not None:
            yield name, now, (now if forwards and name in _FORWARDING else default)
    for name, default in _TRACKING.items():
        now = facts.get("conntrack", {}).get("sysctls", {}).get(name)
        if now is not None:
            yield f"net/netfilter/nf_conntrack_{name}", now, default


def _of_interface(files: Facts, interface: str, name: str, default: int) -> tuple[Facts | None, int]:
    """What a file says of an interface, and what it gets without: the value of "default" as it is when it appears."""
    answer = files.get(interface, {}).get(name)
    if answer is None and interface not in ("all", "default"):
        inherited = files.get("default", {}).get(name)
        return None, int(inherited["value"]) if inherited else default
    return answer, default


def _compare(
    host: str, name: str, now: int, answer: Facts | None, default: int, interface: str = ""
) -> t.Iterator[Finding]:
    place = "" if interface in ("all", "default") else interface
    if answer is not None and answer["value"] != now:
        yield finding("SYM205", host, f"{name} is {now}, and {answer['file']} sets {answer['value']} at the next boot",
                      place, evidence=(_item(host, name, now, answer["value"], str(answer["file"])),))
    elif answer is None and now != default:
        yield finding("SYM205", host, f"{name} is {now} at run time only: no file sets it, and it comes back as "
                      f"{default}", place, "info", evidence=(_item(host, name, now, default, ""),))


def _reverse_path(host: str, interface: str, known: Facts, files: Facts) -> t.Iterator[Finding]:
    """The mode of rp_filter in force, the greater of "all" and the interface, now and then."""
    if interface in ("all", "default", "lo") or "rp_filter" not in known[interface]:
        return
    own, expected = _of_interface(files, interface, "rp_filter", 0)
    everywhere, _none = _of_interface(files, "all", "rp_filter", 0)
    now = max(known[interface]["rp_filter"], known.get("all", {}).get("rp_filter", 0))
    then = max(int(own["value"]) if own else expected, int(everywhere["value"]) if everywhere else 0)
    if now == then:
        return
    deciding = [one for one in (own, everywhere) if one and one["value"] == then]
    source = f"{deciding[0]['file']} says so" if deciding else "no file sets what is in force now"
    yield finding(
        "SYM205", host, f"rp_filter on {interface} is {_MODES.get(now, now)} now and comes back "
        f"{_MODES.get(then, then)}: {source}", interface, "warning" if deciding else "info",
        evidence=(_item(host, f"rp_filter of {interface}", now, then, deciding[0]["file"] if deciding else ""),))


def _item(host: str, name: str, now: int, then: int, file: str) -> Facts:
    return {"host": host, "kind": "sysctl", "text": f"{host}: {name}: {now} now, {then} after a boot", "file": file}
