# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A network device as a host that does the same: its facts in the words of a Linux host's.

What a device decides before routing becomes rules, its VRFs become tables, its sessions become connection tracking with
a mark that remembers by which zones they go. So the same engine follows packets through both, and what is proven of it
holds for both. Only reverse-path checks are another matter (reverse_path.py), because a device asks its table alone.
"""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.device import ways
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.device.policy import policy_rules
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.device.returns import (
    symmetric_returns,
    without_next_hops,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.device.sessions import (
    chains,
    connections,
    is_lax,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.device.translations import nat_chains

Facts = t.Mapping[str, t.Any]
Dict = dict[str, t.Any]
# Parts of a device without which a verdict through it cannot be given, and the part of a host that each is of. An
# interface whose VRF, zone or policy was not read makes it unknown what is asked about its packets: the rules.
_NEEDED = {"interfaces": "rules", "routes": "routes", "policy_routes": "rules", "nat": "netfilter",
           "settings": "netfilter"}


def is_device(facts: t.Any) -> bool:
    """Whether these are facts of a device, as device_facts gathers them."""
    return isinstance(facts, dict) and isinstance(facts.get("device"), dict) and facts.get("platform") != "linux"


def as_host(facts: Facts) -> Dict:
    """The facts of a host that treats packets as the device does.

    Raises ValueError, KeyError, TypeError or AttributeError where the facts are not shaped as their schema says.
    """
    device = facts["device"]
    interfaces = _interfaces(facts)
    by_vrf = ways.interfaces_by_table(interfaces, device.get("tables", {}))
    routes, lost = ways.routes(facts.get("routes", ()), by_vrf, interfaces)
    vrfs = device.get("tables", {})
    policy, tables = policy_rules(device.get("policy_routes") or [], by_vrf, routes, interfaces, vrfs)
    stateful = bool(device.get("session_key"))
    back = symmetric_returns(device.get("policy_routes") or [] if stateful else [], interfaces)
    netfilter = [*chains(facts, interfaces), *nat_chains(device.get("nat") or [], interfaces, stateful), *back.chains]
    return {
        **{name: facts[name] for name in ("schema", "platform", "collected_at", "lookups") if name in facts},
        "kernel": "6.12", "device": device, "interfaces": {"lo": _LOOPBACK, **interfaces},
        "sysctls": {"net/ipv4/ip_forward": 1, "net/ipv6/conf/all/forwarding": 1},
        "interface_sysctls": {name: {"rp_filter": 0, "forwarding": 1, "forwarding6": 1}
                              for name in ("all", "lo", *interfaces)},
        "rules": [*ways.rules(by_vrf), *policy, *back.rules], "local_table_merged": False,
        "routes": [*ways.local_routes(by_vrf, interfaces), *routes, *tables, *back.routes],
        "neighbours": list(facts.get("neighbours", ())),
        "netfilter": {"backends": [], "chains": netfilter, "sets": []},
        "conntrack": {"available": True, "count": 0, "sysctls": {"tcp_loose": int(is_lax(device))},
                      "flows": connections(device.get("sessions") or {})},
        "parts": _parts(facts, lost, stateful),
    }


_LOOPBACK = {"index": 1, "up": True, "carrier": True, "mtu": 65536, "group": 0, "addresses": [
    {"family": 4, "address": "127.0.0.1", "prefixlen": 8, "scope": "host"}]}


def _interfaces(facts: Facts) -> dict[str, Dict]:
    """Interfaces with the addresses of gateways that the device answers for now."""
    found = {
        name: {"index": number, "up": one["up"], "carrier": bool(one.get("carrier", True)), "mtu": one.get("mtu", 1500),
               "group": 0, "addresses": list(one["addresses"]), "of_vrf": one.get("vrf", ""),
               **{key: one[key] for key in ("mac", "zone") if key in one}}
        for number, (name, one) in enumerate(facts["interfaces"].items(), 2)
    }
    for gateway in facts["device"].get("fhrp") or ():
        if gateway["role"] in ("active", "master"):
            name = ways.full_name(gateway["interface"], found)
            family = 6 if ":" in gateway["address"] else 4
            lengths = [one["prefixlen"] for one in found.get(name, {}).get("addresses", ()) if one["family"] == family]
            if lengths:
                found[name]["addresses"].append({"family": family, "address": gateway["address"],
                                                 "prefixlen": lengths[0], "secondary": True})
    return found


def _parts(facts: Facts, lost: t.Sequence[str], stateful: bool) -> dict[str, Dict]:
    """Whether what the engine needs is complete. What a platform that keeps no sessions has no settings for is."""
    given = facts["parts"]
    found: dict[str, Dict] = {name: {"complete": True} for name in ("interfaces", "rules", "routes", "neighbours",
                                                                    "netfilter", "conntrack", "sysctls")}
    for name, of_host in _NEEDED.items():
        part = given.get(name, {"complete": False, "why": f"the {name} of the device were not read"})
        if part["complete"] or (name == "settings" and not stateful):
            continue
        found[of_host] = {**part, "why": f"{name}: {part['why']}"}
    why = without_next_hops(facts["device"].get("policy_routes") or [])
    if why and found["rules"]["complete"]:
        found["rules"] = {"complete": False, "why": f"policy_routes: {why}"}
    if lost and not found["routes"]["complete"]:  # the routes that lead to their next hops may be among those unread
        covered = [one for one in found["routes"].get("covered", ()) if not any(_lies_in(one, dst) for dst in lost)]
        found["routes"] = {**found["routes"], "covered": covered}
    unread = {"complete": False, "why": "reverse-path checks were not read"}
    unshared = {"complete": False, "why": "the pair was not read"}
    return {**found, "rp_filter": dict(given.get("reverse_path", unread)), "ha": dict(given.get("ha", unshared))}


def _lies_in(prefix: str, network: str) -> bool:
    inner, outer = ipaddress.ip_network(prefix), ipaddress.ip_network(network)
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]
