# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What one member tells of the state that it shares, for a comparison with others (agreement.py). It writes nothing."""

from __future__ import annotations

import os
import sys
import time
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import ctnetlink, managers, sysctls
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import CommandError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import NetlinkError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.sources import open_source
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import daemon, entries, external_cache, gather
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.coverage import Coverage, left_out

Dict = dict[str, t.Any]
_SYSCTLS = "/proc/sys/net/netfilter"
# Sysctls that decide what becomes of an entry that the other member has made, besides all timeouts.
_COMPARED = ("nf_conntrack_max", "nf_conntrack_tcp_loose", "nf_conntrack_tcp_be_liberal", "nf_conntrack_checksum",
             "nf_conntrack_tcp_ignore_invalid_rst", "nf_conntrack_tcp_max_retrans", "nf_conntrack_events",
             "nf_conntrack_acct", "nf_conntrack_buckets")


class Request(t.NamedTuple):
    """What to tell besides the facts. ``asked``: entries as another member's sample gives them."""

    sample: int = 0
    digest: bool = False
    partitions: int = entries.PARTITIONS
    asked: tuple[t.Mapping[str, t.Any], ...] = ()
    sample_seconds: float = 0
    configuration: str = ""  # of the daemon that is meant, where several run


def read(request: Request) -> Dict:
    """What this member tells. Raises NetlinkError or CommandError without interfaces, ValueError for ``asked``."""
    for entry in request.asked:
        entries.request_of(entry)
    links = open_source("auto").interfaces()
    items, doubts = gather.read(managers.running_processes().get(daemon.NAME, ()), links)
    own = sorted({address["address"] for link in links.values() for address in link["addresses"]})
    told: Dict = {
        "state_sync": items, "host": _host(own), "conntrack": _conntrack(doubts), "sysctls": _sysctls(),
    }
    if request.sample_seconds > 0:
        began = time.monotonic()
        before = gather.counters_of(items)
        time.sleep(request.sample_seconds)
        after = gather.counters_of(items)
        gather.add_growth(items, before, after, round(time.monotonic() - began, 3))
    chosen = _chosen(items, request.configuration)
    if chosen is not None:
        told["chosen"] = chosen["configuration"]
        told["left_out"] = left_out(chosen, own)
    for name, read_part in (("sample", _sample), ("digest", _digest), ("entries", _entries)):
        try:
            part = read_part(request, chosen)
        except (NetlinkError, CommandError) as error:
            doubts.append(f"{name}: {error}; connections can be read by root only (become: true)")
            continue
        if part is not None:
            told[name] = part
    return {**told, "complete": not doubts, **({"why": "; ".join(doubts)} if doubts else {})}


def _chosen(items: t.Sequence[Dict], configuration: str) -> t.Optional[Dict]:
    """The daemon whose filter counts: the one that is named, else the first one that runs and synchronises."""
    synchronising = [item for item in items if item.get("synchronises")
                     and configuration in ("", item.get("configuration"))]
    return next((item for item in synchronising if item["running"]), synchronising[0] if synchronising else None)


def _host(own: list[str]) -> Dict:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
        boot_id = stream.read().strip()
    return {"name": os.uname().nodename, "kernel": os.uname().release, "byte_order": sys.byteorder, "boot_id": boot_id,
            "time": round(time.time(), 3), "addresses": own}


def _conntrack(doubts: list[str]) -> Dict:
    table: Dict = {}
    for name, word in (("count", "nf_conntrack_count"), ("max", "nf_conntrack_max")):
        value = sysctls.read_value("net", "netfilter", word)
        if value is not None:
            table[name] = value
    try:
        table["stats"] = ctnetlink.read_statistics()
    except NetlinkError as error:
        doubts.append(f"statistics of connections: {error}; they can be read by root only (become: true)")
    return table


def _sysctls() -> dict[str, int]:
    names = [name for name in (sorted(os.listdir(_SYSCTLS)) if os.path.isdir(_SYSCTLS) else ())
             if name in _COMPARED or "_timeout" in name]
    values = {name: sysctls.read_value("net", "netfilter", name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _sample(request: Request, chosen: t.Optional[Dict]) -> t.Optional[Dict]:
    if not request.sample or chosen is None:
        return None
    return entries.sample(Coverage(chosen), request.sample)


def _digest(request: Request, chosen: t.Optional[Dict]) -> t.Optional[Dict]:
    if not request.digest or chosen is None:
        return None
    return entries.digest(Coverage(chosen), request.partitions)


def _entries(request: Request, chosen: t.Optional[Dict]) -> t.Optional[list[Dict]]:
    """Of each entry asked for: whether it stands here, in which state, and whether it waits in the external cache."""
    if not request.asked:
        return None
    standing = entries.stands(request.asked)
    cached: t.Optional[list[bool]] = None
    if chosen is not None and chosen["running"] and chosen["external_cache"]:
        cached, _lines = external_cache.look_up(chosen["configuration"], request.asked)
    found = []
    for at, (entry, stands) in enumerate(zip(request.asked, standing)):
        one: Dict = {"protocol": entry["protocol"], "original": dict(entry["original"]), "here": stands is not None}
        if entry.get("zone"):
            one["zone"] = entry["zone"]
        for name in ("state", "reply"):
            if stands is not None and name in stands:
                one[name] = stands[name]
        if cached is not None:
            one["waits"] = cached[at]
        found.append(one)
    return found
