# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Put the facts of one host together (schema ``netpath.symmetry/1``, docs/facts.schema.json).

Every part says whether it is complete and why not. What a host lacks or hides is never an error here.
"""

from __future__ import annotations

import os
import sys
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import local_table, sysctls
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import CommandError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.lookups import Question, both_ways
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import NetlinkError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.sources import KernelSource, open_source

Dict = dict[str, t.Any]
SCHEMA = "netpath.symmetry/1"
SUBSETS = ("interfaces", "routing", "sysctls", "netfilter", "conntrack", "sockets", "managers", "state_sync")
PARTS = {  # the parts of each subset
    "interfaces": ("interfaces",),
    "routing": ("rules", "routes", "exceptions", "neighbours", "lookups"),
    "sysctls": ("sysctls", "sysctl_files", "counters"),
    "netfilter": ("netfilter",),
    "conntrack": ("conntrack",),
    "sockets": ("sockets",),
    "managers": ("managers", "will_undo", "applied"),
    "state_sync": ("state_sync",),
}
MAX_NEIGHBOURS = 2000
_COMPLETE = {"complete": True}


class AskedFlow(t.NamedTuple):
    """A flow to look at closely, with the text that names it."""

    text: str
    question: Question


class Request(t.NamedTuple):
    """What to gather."""

    source: str = "auto"
    flows: tuple[AskedFlow, ...] = ()
    prefixes: tuple[str, ...] = ()
    max_routes: int = 2000
    max_flows: int = 500
    sample_seconds: float = 0
    subsets: tuple[str, ...] = SUBSETS


class Gathering:
    """Facts under construction."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.facts: Dict = {"schema": SCHEMA, "platform": "linux", "kernel": os.uname().release}
        self.facts["byte_order"] = sys.byteorder
        self.parts: dict[str, Dict] = {}
        self._processes: t.Optional[dict[str, list[int]]] = None
        self.interest = [*request.prefixes]
        for flow in request.flows:
            self.interest += [flow.question.source, flow.question.destination]

    def wants(self, subset: str) -> bool:
        return subset in self.request.subsets

    def processes(self) -> dict[str, list[int]]:
        """The processes of managers in this network namespace, by name; /proc is walked once."""
        from ansible_collections.netpath.symmetry.plugins.module_utils._linux import managers

        if self._processes is None:
            self._processes = managers.running_processes()
        return self._processes

    def part(self, name: str, read: t.Callable[[], t.Optional[Dict]]) -> None:
        """Read one part: ``read`` stores its facts and returns why they are not complete, ``{why, ...}``, or None."""
        try:
            doubts = read()
        except (CommandError, NetlinkError, OSError) as error:
            doubts = {"why": str(error)}
        self.parts[name] = {"complete": False, **doubts} if doubts else dict(_COMPLETE)

    def finish(self) -> Dict:
        """The facts; parts that were not asked for say so."""
        for subset, names in PARTS.items():
            if not self.wants(subset):
                for name in names:
                    self.parts[name] = {"complete": False, "why": f"not asked for (gather_subset without {subset})"}
        self.facts["parts"] = self.parts
        return self.facts


def gather(request: Request) -> Dict:
    """The facts of this host.

    Raises ValueError for a prefix that is none, NetlinkError or CommandError where interfaces cannot be read at all.
    """
    gathering = Gathering(request)
    gathering.facts["collected_at"] = round(time.time(), 3)
    if gathering.wants("conntrack"):
        gathering.part("conntrack", lambda: _conntrack(gathering))
    source = open_source(request.source)
    gathering.facts["source"] = source.name
    interfaces = source.interfaces()
    if gathering.wants("interfaces"):
        gathering.facts["interfaces"] = interfaces
        gathering.parts["interfaces"] = dict(_COMPLETE)
    if gathering.wants("routing"):
        gathering.part("rules", lambda: _rules(gathering, source))
        gathering.part("routes", lambda: _routes(gathering, source))
        gathering.part("exceptions", lambda: _exceptions(gathering, source))
        gathering.part("neighbours", lambda: _neighbours(gathering, source))
        gathering.part("lookups", lambda: _lookups(gathering, source, interfaces))
    _rest(gathering)
    if gathering.wants("state_sync"):
        gathering.part("state_sync", lambda: _state_sync(gathering, interfaces))
    if request.sample_seconds > 0:
        from ansible_collections.netpath.symmetry.plugins.module_utils._linux import sampling

        gathering.facts["samples"] = sampling.sample(gathering.facts, request.sample_seconds)
    return gathering.finish()


def _rest(gathering: Gathering) -> None:
    """The parts that do not need a source of routing."""
    if gathering.wants("sysctls"):
        gathering.part("sysctls", lambda: _sysctls(gathering))
        gathering.part("sysctl_files", lambda: _sysctl_files(gathering))
        gathering.part("counters", lambda: _counters(gathering))
    if gathering.wants("netfilter"):
        gathering.part("netfilter", lambda: _netfilter(gathering))
    if gathering.wants("sockets"):
        gathering.part("sockets", lambda: _sockets(gathering))
    if gathering.wants("managers"):
        gathering.part("managers", lambda: _managers(gathering))
        gathering.part("will_undo", lambda: _will_undo(gathering))
        gathering.part("applied", lambda: _applied(gathering))


def _rules(gathering: Gathering, source: KernelSource) -> t.Optional[Dict]:
    gathering.facts["rules"] = rules = source.rules()
    strange = sum("unknown" in rule for rule in rules)
    return {"why": f"{strange} rules have selectors that are not understood"} if strange else None


def _routes(gathering: Gathering, source: KernelSource) -> t.Optional[Dict]:
    request = gathering.request
    reading = source.routes(gathering.interest, request.max_routes)
    gathering.facts.update(routes=reading.listed, route_counts=reading.counts)
    merged = local_table.read(reading.counts["4"])
    if merged is not None:
        gathering.facts["local_table_merged"] = merged
    gathering.facts["nexthop_groups"] = _groups(source)
    doubts = []
    if reading.filtered:
        total = sum(n for tables in reading.counts.values() for n in tables.values())
        doubts.append(f"{total} routes, more than max_routes ({request.max_routes}): those of interest are listed")
    if reading.clipped:
        doubts.append(f"there are more than {request.max_routes} connected routes")
    if reading.crowded:
        doubts.append("prefixes of interest hold too many routes: ask for smaller ones")
    if reading.omitted:
        doubts.append(f"not in the schema: {'; '.join(reading.omitted[:10])} ({len(reading.omitted)} in all)")
    if reading.interrupted:
        doubts.append("routes changed while they were read")
    if not doubts:
        return None
    known = [prefix for prefix in gathering.interest if not reading.crowded or _is_address(prefix)]
    covered = {"covered": sorted(set(known))} if reading.filtered else {}
    return {"why": "; ".join(doubts), **covered}


def _exceptions(gathering: Gathering, source: KernelSource) -> t.Optional[Dict]:
    from ansible_collections.netpath.symmetry.plugins.module_utils._linux import exceptions

    found = source.exceptions()
    gathering.facts["exceptions"] = exceptions.bounded(found, gathering.interest)
    if len(found) <= exceptions.LIMIT:
        return None
    return {"why": f"{len(found)} route exceptions: {exceptions.LIMIT} are listed, those of interest first"}


def _is_address(prefix: str) -> bool:
    return prefix.partition("/")[2] in ("", "128" if ":" in prefix else "32")


def _groups(source: KernelSource) -> list[Dict]:
    from ansible_collections.netpath.symmetry.plugins.module_utils._linux import nexthops

    return nexthops.groups(source.nexthops())


def _neighbours(gathering: Gathering, source: KernelSource) -> t.Optional[Dict]:
    neighbours = source.neighbours()
    gathering.facts["neighbours"] = neighbours[:MAX_NEIGHBOURS]
    if len(neighbours) <= MAX_NEIGHBOURS:
        return None
    gateways = {leg.get("gateway") for route in gathering.facts.get("routes", ()) for leg in route.get("nexthops", ())}
    gateways.update(gathering.interest)
    first = sorted(neighbours, key=lambda entry: entry["address"] not in gateways)
    gathering.facts["neighbours"] = first[:MAX_NEIGHBOURS]
    return {"why": f"{len(neighbours)} entries: {MAX_NEIGHBOURS} are listed, gateways first"}


def _lookups(gathering: Gathering, source: KernelSource, interfaces: t.Mapping[str, Dict]) -> None:
    own = {address["address"] for link in interfaces.values() for address in link["addresses"]}
    gathering.facts["lookups"] = [
        {"flow": flow.text, **answer}
        for flow in gathering.request.flows
        for answer in both_ways(source.kernel, flow.question, source.names, own)
    ]


def _sysctls(gathering: Gathering) -> t.Optional[Dict]:
    values = sysctls.read_interfaces()
    gathering.facts.update(
        sysctls=sysctls.read_values(), interface_sysctls=values, rp_filter=sysctls.effective_rp_filter(values)
    )
    return None if values else {"why": f"{sysctls.ROOT}/net/ipv4/conf cannot be read"}


def _sysctl_files(gathering: Gathering) -> t.Optional[Dict]:
    from ansible_collections.netpath.symmetry.plugins.module_utils._linux import sysctl_files

    facts = gathering.facts
    facts["sysctl_files"], unread = sysctl_files.read(facts.get("sysctls", {}), facts.get("interface_sysctls", {}))
    return {"why": f"not readable: {', '.join(unread)}"} if unread else None


def _counters(gathering: Gathering) -> None:
    from ansible_collections.netpath.symmetry.plugins.module_utils._linux import kernel_counters

    gathering.facts["counters"] = kernel_counters.read()


def _netfilter(gathering: Gathering) -> t.Optional[Dict]:
    from ansible_collections.netpath.symmetry.plugins.module_utils._linux import ipvs, netfilter

    gathering.facts["netfilter"], missing = netfilter.read()
    gathering.facts["balancers"] = ipvs.read()
    return {"why": missing["why"]} if not missing["complete"] else None


def _conntrack(gathering: Gathering) -> t.Optional[Dict]:
    count = sysctls.read_value("net", "netfilter", "nf_conntrack_count")
    table: Dict = {"available": count is not None}
    gathering.facts["conntrack"] = table
    if count is None:
        return None  # this kernel tracks no connections
    from ansible_collections.netpath.symmetry.plugins.module_utils._linux import ctnetlink

    values = {name: sysctls.read_value(*path.split("/")) for name, path in sysctls.CONNTRACK.items()}
    table.update(count=count, sysctls={name: value for name, value in values.items() if value is not None})
    maximum = sysctls.read_value("net", "netfilter", "nf_conntrack_max")
    if maximum is not None:
        table["max"] = maximum
    try:
        table["stats"] = ctnetlink.read_statistics()
        asked = [ctnetlink.Asked(*flow.question[:5]) for flow in gathering.request.flows]
        flows = ctnetlink.read_entries(asked, gathering.request.max_flows, count)
    except NetlinkError as error:
        if error.errno == 1:  # EPERM
            return {"why": "connections can be read by root only (become: true)"}
        raise
    table["flows"] = flows
    for entry in flows:  # routes to what a flow is translated to are of interest too
        if any(flow.is_of(entry) for flow in asked):
            gathering.interest += [entry["reply"]["source"], entry["reply"]["destination"]]
    if len(flows) < count:
        return {"why": f"{count} entries: {len(flows)} are listed, those asked for and unreplied ones first"}
    return None


def _sockets(gathering: Gathering) -> None:
    from ansible_collections.netpath.symmetry.plugins.module_utils._linux import sockets

    gathering.facts["sockets"] = {"retransmitting": sockets.read_retransmitting()}


def _managers(gathering: Gathering) -> None:
    from ansible_collections.netpath.symmetry.plugins.module_utils._linux import managers

    gathering.facts["managers"] = managers.read(gathering.processes())


def _will_undo(gathering: Gathering) -> t.Optional[Dict]:
    from ansible_collections.netpath.symmetry.plugins.module_utils._linux import systemd
    from ansible_collections.netpath.symmetry.plugins.module_utils._persist import upkeep

    if not (gathering.wants("routing") and gathering.wants("netfilter")):
        return {"why": "what is ours is known with gather_subset routing and netfilter only"}
    has_units = systemd.is_process_1()  # of a namespace the files in /etc tell nothing
    gathering.facts["will_undo"] = upkeep.read_undoing(gathering.facts) if has_units else []
    return None


def _applied(gathering: Gathering) -> t.Optional[Dict]:
    from ansible_collections.netpath.symmetry.plugins.module_utils._linux import systemd, uplink_watch
    from ansible_collections.netpath.symmetry.plugins.module_utils._persist import upkeep

    switched = uplink_watch.failed_over()
    if switched:
        return {"why": f"uplink_watch has failed over ({', '.join(switched)}): routes of ours are out until it is home"}
    if not all(gathering.wants(subset) for subset in ("routing", "netfilter", "sysctls")):
        return {"why": "what is in force is known with gather_subset routing, netfilter and sysctls only"}
    gathering.facts["applied"] = upkeep.read_missing(gathering.facts) if systemd.is_process_1() else []
    return None


def _state_sync(gathering: Gathering, interfaces: t.Mapping[str, Dict]) -> t.Optional[Dict]:
    daemons = gathering.processes().get("conntrackd", ())
    gathering.facts["state_sync"] = []
    if not daemons and not os.path.lexists("/etc/conntrackd/conntrackd.conf"):
        return None
    from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import gather as statesync

    gathering.facts["state_sync"], doubts = statesync.read(daemons, interfaces)
    return {"why": "; ".join(doubts)} if doubts else None
