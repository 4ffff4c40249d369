# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""BGP preferences of PAN-OS as import and export rules of our own, on virtual routers.

Rules are for a whole peer group, so the group must have no other neighbor. Where rules are there a route that none of
them allows is not taken; ours has no condition and allows all. Source: Palo Alto Networks, PAN-OS Administrator's
Guide, "BGP".
"""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.paloalto_tree import PanosDraft
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.set_tree import Path
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import PREFIX, Neighbour, WishError

_ROUTERS = ("network", "virtual-router")


def prefer(draft: PanosDraft, wish: Neighbour, absent: bool) -> None:
    """One neighbour; raises WishError where something of somebody else is in the way."""
    bgp, group = _group(draft, wish)
    inbound: list[Path] = []
    if wish.local_preference is not None:
        inbound.append(("local-preference", str(wish.local_preference)))
    outbound: list[Path] = [("med", str(wish.med))] if wish.med is not None else []
    outbound += [("as-path", "prepend", str(wish.prepend))] if wish.prepend else []
    for word, short, sets in (("import", "IN", inbound), ("export", "OUT", outbound)):
        rules = (*bgp, "policy", word, "rules")
        if sets:
            _rule(draft, rules, f"{PREFIX}{short}-{wish.address}", group, sets, absent)


def _rule(draft: PanosDraft, rules: Path, name: str, group: str, sets: list[Path], absent: bool) -> None:
    update = (*rules, name, "action", "allow", "update")
    draft.touch(*rules, name)
    if absent:
        for one in sets:
            draft.drop(*update, one[0], least=len(update) + 1)
        if not draft.at(*update):
            draft.drop(*rules, name, least=len(rules) + 1)
        return
    foreign = next((one for one, rule in draft.at(*rules).items()
                    if one != name and group in rule.get("used-by", {}) and "no" not in rule.get("enable", {})), "")
    if foreign:
        raise WishError(f"the peer group {group} has the {rules[-2]} rule {foreign} already, which is not ours: put "
                        f"'{' '.join(sets[0])}' into it by hand, or take the group off it")
    draft.swap((*rules, name), [("enable", "yes"), ("used-by", group)])
    draft.swap(update, sets)


def _group(draft: PanosDraft, wish: Neighbour) -> tuple[Path, str]:
    """The BGP of the virtual router that has the neighbour, and the name of its peer group."""
    if ":" in wish.address:
        raise WishError(f"neighbors of IPv6 ({wish.address}) are not changed on PAN-OS by this version")
    if "yes" in draft.at("deviceconfig", "setting", "advance-routing"):
        raise WishError("the firewall uses advanced routing (logical routers): its BGP filtering profiles are not "
                        "changed by this version")
    there: list[str] = []
    for router in draft.at(*_ROUTERS):
        bgp = (*_ROUTERS, router, "protocol", "bgp")
        for group in draft.at(*bgp, "peer-group"):
            peers = draft.at(*bgp, "peer-group", group, "peer")
            names = [name for peer in peers.values() for name in peer.get("peer-address", {}).get("ip", {})]
            addresses = [one.split("/")[0] for name in names for one in draft.networks(name) or [name]]
            there += addresses
            if wish.address not in addresses:
                continue
            if len(peers) > 1:
                others = [one for one in addresses if one != wish.address]
                raise WishError(f"the peer group {group} has other neighbors too ({', '.join(others)}), and rules of "
                                f"PAN-OS are for a whole group: put {wish.address} into a group of its own")
            own = next(iter(draft.at(*bgp, "local-as")), "")
            if own != str(wish.asn):
                raise WishError(f"the virtual router {router} is of autonomous system {own or 'none'}, not {wish.asn}")
            return bgp, group
    raise WishError(f"BGP has no neighbor {wish.address}; it has {', '.join(there) or 'none'}")
