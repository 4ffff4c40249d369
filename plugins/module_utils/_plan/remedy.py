# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a remedy's role would change on a host, computed from its facts: the ground of the forecast.

The planners are those of the modules, so that the forecast and the change are about the same thing.
"""

from __future__ import annotations

import copy
import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import (
    MARK_MASK,
    NFT_FAMILY,
    NFT_TABLE,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Route, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._plan import (
    ecmp_hash,
    lease_routing,
    mss_clamp,
    nft_part,
    policy_routing,
    rp_filter,
    rp_filter_v6,
    simulate,
    source_nat,
    symmetric_return,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Change, Connection, NftObject, Sysctl
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.declared import Desired, read_desired
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.desired import (
    pins_to_desired,
    source_leases,
    source_rules_desired,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.errors import PlanError
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.host import host_from_facts
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_entry import parse_rule_text, read_entries
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.nat_table import table_from_facts

Data = t.Mapping[str, t.Any]
Dict = dict[str, t.Any]


def plan_remedy(facts: Data, role: str, variables: Data) -> list[Change]:
    """The changes that the role would make on the host of these facts; raises PlanError, the input stays as it is.

    ``variables`` are the role's, by their full names (``policy_route_pins`` ...); those left out have their defaults.
    """
    planner = PLANNERS.get(role)
    if planner is None:
        raise PlanError(f"role {role!r} has no planner; those with one are {', '.join(PLANNERS)}")
    given = {name[len(role) + 1 :]: value for name, value in variables.items() if name.startswith(f"{role}_")}
    return planner(facts, given)


def _policy_route(facts: Data, given: Data) -> list[Change]:
    present = given.get("state", "present") == "present"
    wanted = pins_to_desired(given.get("uplinks") or [], given.get("pins") or [] if present else [])
    host = host_from_facts(facts)
    changes = _routing(facts, "policy_route", wanted, given)
    entries = read_entries(wanted["entries"], host, bool(given.get("allow_foreign_address")))
    flows = _connections(facts)
    existing = str(given.get("existing_connections") or "unreplied")
    nat = source_nat.plan(table_from_facts(facts.get("netfilter") or {}), entries, flows, existing)
    return changes + list(nat.plan.changes)


def _source_routing(facts: Data, given: Data) -> list[Change]:
    wanted: Dict = {"tables": [], "rules": []}
    if given.get("state", "present") == "present":
        specifics = given.get("specifics") or "main"
        uplinks = [uplink for uplink in given.get("uplinks") or [] if not uplink.get("from_lease")]
        leased = source_leases(given.get("uplinks") or [])
        if leased:  # the follower's rules do what these would
            leases = lease_routing.read_leases({"uplinks": leased, "specifics": specifics})
            uplinks += lease_routing.as_now(leases, host_from_facts(facts))
        wanted = source_rules_desired(uplinks, facts.get("interfaces", {}), specifics)
    return _routing(facts, "source_routing", wanted, given)


def _routing(facts: Data, scope: str, wanted: Data, given: Data) -> list[Change]:
    options = policy_routing.Options(
        scope, str(given.get("on_conflict") or "fail"), bool(given.get("allow_management_cut"))
    )
    desired = read_desired(wanted["tables"], wanted["rules"]) if wanted["rules"] else Desired()
    return list(policy_routing.plan(host_from_facts(facts), desired, options).changes)


def _rp_filter(facts: Data, given: Data) -> list[Change]:
    sysctls = facts.get("interface_sysctls", {})
    values = {name: int(keys["rp_filter"]) for name, keys in sysctls.items() if "rp_filter" in keys}
    if not {"all", "default"} <= set(values):
        raise PlanError("the facts do not hold rp_filter (interface_sysctls); gather them again as root")
    wishes = rp_filter.read_wishes(given.get("interfaces") or [], given.get("state", "present") == "absent")
    standing = rp_filter.Standing(nft_part.live_part(facts.get("netfilter") or {}, rp_filter_v6.PREFIX))
    changes = rp_filter.plan(host_from_facts(facts), values, wishes, standing=standing).changes
    # The facts do not hold the register of exceptions, and no packet asks it.
    return [change for change in changes if change.kind != "register"]


def _symmetric_return(facts: Data, given: Data) -> list[Change]:
    present = given.get("state", "present") == "present"
    mask = symmetric_return.read_mask(given.get("mark_mask") or MARK_MASK)
    options = symmetric_return.Options(
        mask,
        str(given.get("existing_connections") or "move"),
        str(given.get("on_conflict") or "fail"),
        bool(given.get("allow_management_cut")),
        bool(given.get("allow_strict")),
    )
    uplinks = given.get("uplinks") or [] if present else []
    wanted = symmetric_return.return_desired(uplinks, facts.get("interfaces", {}), mask)
    changes = _routing(facts, "symmetric_return", wanted, given)
    host = host_from_facts(facts)
    netfilter = facts.get("netfilter") or {}
    around = symmetric_return.Surroundings(netfilter, facts.get("interface_sysctls") or {})
    numbered = symmetric_return.read_uplinks(wanted["uplinks"], host, mask)
    live = nft_part.live_part(netfilter, symmetric_return.PREFIX)
    return changes + list(symmetric_return.plan(host, live, numbered, options, around).changes)


def _mss_clamp(facts: Data, given: Data) -> list[Change]:
    edges = given.get("edges") or [] if given.get("state", "present") == "present" else []
    live = nft_part.live_part(facts.get("netfilter") or {}, mss_clamp.PREFIX)
    return list(mss_clamp.plan(live, mss_clamp.read_edges(edges, host_from_facts(facts))).changes)


def _ecmp_hash(facts: Data, given: Data) -> list[Change]:
    wish = None
    if given.get("state", "present") == "present":
        wish = ecmp_hash.read_wish(given.get("fields") or ecmp_hash.FIVE_TUPLE, given.get("seed"))
    return list(ecmp_hash.plan(facts.get("sysctls") or {}, wish).changes)


PLANNERS: dict[str, t.Callable[[Data, Data], list[Change]]] = {
    "policy_route": _policy_route,
    "source_routing": _source_routing,
    "rp_filter": _rp_filter,
    "symmetric_return": _symmetric_return,
    "mss_clamp": _mss_clamp,
    "ecmp_hash": _ecmp_hash,
}


def _connections(facts: Data) -> list[Connection]:
    """Live connections of the facts; ICMP ids are not in them, which only their deletion would need."""
    found = []
    for flow in (facts.get("conntrack") or {}).get("flows", ()):
        original, reply = flow["original"], flow["reply"]
        found.append(
            Connection(
                family=6 if ":" in original["source"] else 4,
                protocol=flow["protocol"],
                source=original["source"],
                destination=original["destination"],
                reply_source=reply["source"],
                reply_destination=reply["destination"],
                sport=original.get("sport"),
                dport=original.get("dport"),
                zone=flow.get("zone", 0),
                unreplied=bool(flow.get("unreplied")),
            )
        )
    return found


def apply_to_facts(facts: Data, changes: t.Sequence[Change]) -> Dict:
    """The facts with the changes made, a new dictionary; the input stays as it is."""
    new: Dict = copy.deepcopy(dict(facts))
    _apply_routing(new, changes)
    for change in changes:
        if isinstance(change.after, Sysctl):
            _apply_sysctl(new, change.after)
        elif isinstance(change.subject, NftObject):
            _apply_nft(new.setdefault("netfilter", {"backends": [], "chains": [], "sets": []}), change)
        elif isinstance(change.before, Connection):
            _drop_connection(new, change.before)
    return new


def _apply_routing(facts: Dict, changes: t.Sequence[Change]) -> None:
    routing = [change for change in changes if isinstance(change.subject, (Rule, Route))]
    if not routing:
        return
    host = host_from_facts(facts)
    rules, routes = simulate.after(host.rules, host.routes, routing)
    facts["rules"] = [rule.to_dict() for rule in rules]
    added = [change.after for change in routing if isinstance(change.after, Route)]
    interfaces = facts.get("interfaces") or {}
    facts["routes"] = [(_without_carrier(one, interfaces) if one in added else one).to_dict() for one in routes]
    if any(isinstance(change.subject, Rule) and change.subject.family == 4 for change in routing):
        facts["local_table_merged"] = False
    counts = facts.setdefault("route_counts", {})
    for change in routing:
        for value, step in ((change.before, -1), (change.after, 1)):
            if isinstance(value, Route):
                tables = counts.setdefault(str(value.family), {})
                number = tables.get(str(value.table), 0) + step
                tables.pop(str(value.table), None)
                if number > 0:
                    tables[str(value.table)] = number


def _without_carrier(route: Route, interfaces: Data) -> Route:
    """A new route as the kernel keeps it: legs by an interface that has no carrier are marked linkdown at once."""
    legs = tuple(
        dataclasses.replace(leg, flags=(*leg.flags, "linkdown"))
        if interfaces.get(leg.device or "", {}).get("carrier") is False
        else leg
        for leg in route.nexthops
    )
    return dataclasses.replace(route, nexthops=legs)


def _apply_sysctl(facts: Dict, sysctl: Sysctl) -> None:
    if not sysctl.path.endswith("/rp_filter"):
        facts.setdefault("sysctls", {})[sysctl.path] = sysctl.value
        return
    interface = sysctl.path.split("/")[-2]
    sysctls = facts.setdefault("interface_sysctls", {})
    sysctls.setdefault(interface, {})["rp_filter"] = sysctl.value
    everywhere = int(sysctls.get("all", {}).get("rp_filter", 0))
    origin = "both" if sysctl.value == everywhere else "interface" if sysctl.value > everywhere else "all"
    facts.setdefault("rp_filter", {})[interface] = {"mode": max(sysctl.value, everywhere), "origin": origin}


def _apply_nft(netfilter: Dict, change: Change) -> None:
    item = change.subject
    if not isinstance(item, NftObject):
        raise TypeError(f"not an nft object: {item!r}")
    add = change.op == "add"
    chains, sets = netfilter.setdefault("chains", []), netfilter.setdefault("sets", [])
    if item.what == "chain":
        chains[:] = [*chains, nft_part.empty_chain(item)] if add else [c for c in chains if not _is(c, item.name)]
    elif item.what in ("set", "map"):
        empty = nft_part.empty_map if item.what == "map" else _empty_set
        sets[:] = [*sets, empty(item)] if add else [one for one in sets if not _is(one, item.name)]
    elif item.what == "element":
        for one in filter(lambda one: _is(one, item.name), sets):
            named = [nft_part.map_pair(e) for e in item.elements] if one.get("map") else list(item.elements)
            kept = [element for element in one["elements"] if element not in named]
            one["elements"] = [*kept, *named] if add else kept
    elif item.what == "rule":
        for one in filter(lambda one: _is(one, item.chain), chains):
            one["rules"] = _rules_after(one.get("rules", []), item, change.op)
    if add and "nft" not in netfilter.setdefault("backends", []):
        netfilter["backends"].append("nft")


def _empty_set(item: NftObject) -> Dict:
    kind = item.text.split(";")[0].split()[-1]
    identity = {"family": NFT_FAMILY, "table": NFT_TABLE, "name": item.name}
    return {**identity, "type": kind, "elements": [], "complete": True}


def _is(data: Data, name: str) -> bool:
    return (data.get("family"), data.get("table"), data.get("name")) == (NFT_FAMILY, NFT_TABLE, name)


def _rules_after(rules: t.Sequence[Dict], item: NftObject, op: str) -> list[Dict]:
    form = _rule_form(item)
    if op == "add":
        return [*rules, form]
    if op == "set":
        return [form if rule.get("comment") == item.name else rule for rule in rules]
    return [rule for rule in rules if rule.get("comment") != item.name]


def _rule_form(item: NftObject) -> Dict:
    """A rule as host_facts would read it."""
    entry = parse_rule_text(item.text)
    if entry:
        return entry.small_form()
    form: Dict = {"matches": [], "statements": [], **(item.form or {}), "comment": item.name}
    form["text"] = item.text.rpartition(" comment ")[0]
    return {**form, "counter": {"packets": 0, "bytes": 0}} if form.get("counter") else form


def _drop_connection(facts: Dict, gone: Connection) -> None:
    conntrack = facts.get("conntrack") or {}
    flows = conntrack.get("flows", [])
    kept = [flow for flow, known in zip(flows, _connections(facts)) if known != gone]
    if conntrack and len(kept) != len(flows):
        conntrack["flows"] = kept
        conntrack["count"] = max(0, int(conntrack.get("count", 0)) - (len(flows) - len(kept)))
