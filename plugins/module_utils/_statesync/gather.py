# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The part ``state_sync`` of the facts: each conntrackd that runs in this network namespace, or is configured here.

Nothing is written and nothing is assumed: what the daemon runs with is what its file said when it was started.
"""

from __future__ import annotations

import hashlib
import json
import os
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import CommandError, find
from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import STATE_DIR
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import daemon, statistics
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.configuration import (
    DEFAULT_PATH,
    Choice,
    Configuration,
    Link,
    is_active,
    parse,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.configuration_grammar import (
    ConfigurationError,
)

Dict = dict[str, t.Any]
Counts = t.Mapping[str, dict[str, int]]  # counters by configuration
LATENCY_FILE = f"{STATE_DIR}/state_sync_latency.json"  # what state_sync_latency has measured here
# What conntrackd 1.4.7 carries over without what makes it of use; seen on a kernel, not in its manual.
LEFT_OUT_ALWAYS = ("keys of gre", "zones of one direction")
_MAX_IGNORED = 10


class File(t.NamedTuple):
    """A configuration file: its text as one character a byte, when it was written last."""

    text: str
    changed: float


def read(pids: t.Iterable[int], interfaces: t.Mapping[str, Dict]) -> tuple[list[Dict], list[str]]:
    """The daemons, and why they are not known completely.

    ``pids``: processes of this network namespace called conntrackd; ``interfaces``: those of the facts.
    """
    items, doubts = [], []
    running = daemon.find(pids)
    for process in running:
        item, why = _running(process, interfaces)
        items.append(item)
        doubts += why
    if DEFAULT_PATH not in [process.path for process in running]:
        would_run, why = _configured(interfaces)
        items += [would_run] if would_run else []
        doubts += why
    doubts += _measured(items)
    return items, doubts


def _running(process: daemon.Daemon, interfaces: t.Mapping[str, Dict]) -> tuple[Dict, list[str]]:
    item: Dict = {"daemon": daemon.NAME, "running": True}
    if not process.path:
        return item, [process.why]
    item["configuration"] = process.path
    doubts = []
    try:
        file = _file(process.path)
        described = describe(parse(file.text), file.text, interfaces)
    except (OSError, ConfigurationError) as error:
        return item, [_refused(process.path, error)]
    item.update(described)
    if file.changed > process.started + 1:
        item["changed_since_start"] = True
        doubts.append(f"{process.path} was changed after conntrackd was started: restart it, or what it runs with "
                      "stays unknown")
    try:
        item.update(_version(process.pid))
        add_statistics(item, statistics.ask(process.path))
    except CommandError as error:
        doubts.append(f"conntrackd did not answer: {error}; it answers root only (become: true)")
    return item, doubts


def _configured(interfaces: t.Mapping[str, Dict]) -> tuple[t.Optional[Dict], list[str]]:
    """The daemon that would run after a start, where the usual file says that it synchronises."""
    try:
        file = _file(DEFAULT_PATH)
        configuration = parse(file.text)
    except FileNotFoundError:
        return None, []
    except (OSError, ConfigurationError) as error:
        return None, [_refused(DEFAULT_PATH, error)]
    if configuration.kind != "sync":
        return None, []
    described = describe(configuration, file.text, interfaces)
    return {"daemon": daemon.NAME, "running": False, "configuration": DEFAULT_PATH, **described}, []


def _file(path: str) -> File:
    with open(path, encoding="latin-1", newline="") as stream:
        return File(stream.read(), os.fstat(stream.fileno()).st_mtime)


def _refused(path: str, error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{path}: {error.strerror}; read it as root (become: true)"
    return f"{path}, {error}"


def _version(pid: int) -> Dict:
    """The version of the process, where it runs the program that is installed now."""
    try:
        runs, program = os.readlink(f"/proc/{pid}/exe"), find(daemon.NAME)
        same = program is not None and os.path.realpath(program) == runs
    except OSError:
        same = False
    said = statistics.version() if same else ""
    return {"version": said} if said else {}


def describe(configuration: Configuration, text: str, interfaces: t.Mapping[str, Dict]) -> Dict:
    """What the configuration says, in the words of the facts. Pure."""
    digest = hashlib.sha256(text.encode("latin-1")).hexdigest()
    item: Dict = {"configuration_digest": digest, "synchronises": configuration.kind == "sync"}
    if configuration.warnings:
        item["ignored"] = [f"line {warned.line}: {warned.text}" for warned in configuration.warnings[:_MAX_IGNORED]]
    if configuration.kind != "sync":
        return item
    item.update(
        mode=configuration.mode, internal_cache=configuration.internal_cache,
        external_cache=configuration.external_cache, startup_resync=configuration.startup_resync,
        reliable_events=configuration.reliable_events, window_tracking=configuration.window_tracking,
        links=[_link(link, configuration.links, interfaces) for link in configuration.links],
        filter_from=configuration.filter.place, left_out_always=list(LEFT_OUT_ALWAYS),
        limits={"hash_limit": configuration.hash_limit, "hash_size": configuration.hash_size})
    if configuration.expectations is not None:
        item["expectations"] = list(configuration.expectations)
    for name in ("protocols", "addresses", "states"):
        choice: t.Optional[Choice] = getattr(configuration.filter, name)
        if choice is not None:
            item[name] = {choice.policy: list(choice.names)}
    return item


def _link(link: Link, links: t.Sequence[Link], interfaces: t.Mapping[str, Dict]) -> Dict:
    found: Dict = {"transport": link.transport, "default": is_active(link, links), "checksum": link.checksum,
                   "port": link.port, "up": _is_up(interfaces.get(link.interface))}
    for name in ("interface", "local", "peer", "group"):
        if getattr(link, name):
            found[name] = getattr(link, name)
    return found


def _is_up(interface: t.Optional[t.Mapping[str, t.Any]]) -> bool:
    return bool(interface and interface.get("up") and interface.get("carrier", True))


def add_statistics(item: Dict, said: statistics.Statistics) -> None:
    """Add what the running daemon counts. Where it tells of its caches, that is what counts, whatever its file says."""
    item["counters"] = said.counters
    if not item["synchronises"]:
        return
    item["active"] = said.active
    for name, on in (("internal_cache", said.internal_cache), ("external_cache", said.external_cache)):
        if on is not None:
            item[name] = on
    for link in item["links"]:
        used = said.links.get(link.get("interface", ""))
        for name in ("active", "connected"):
            if used is not None and name in used:
                link[name] = used[name]


def _measured(items: list[Dict]) -> list[str]:
    """Give the daemon of the measured peer what was measured; why it cannot be read, where it cannot."""
    if not any(item.get("synchronises") for item in items):
        return []
    try:
        with open(LATENCY_FILE, encoding="utf-8") as stream:
            measured = json.load(stream)
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        return [f"{LATENCY_FILE} cannot be read ({error}): measure again with state_sync_latency"]
    if not isinstance(measured, dict) or "at" not in measured or "from" not in measured:
        return [f"{LATENCY_FILE} holds no measurement: measure again with state_sync_latency"]
    for item in items:
        peers = [link.get("peer") for link in item.get("links", ())]
        if item.get("synchronises") and (measured["from"] in peers or not any(peers)):
            item["measured"] = measured
    return []


def counters_of(items: t.Iterable[t.Mapping[str, t.Any]]) -> dict[str, dict[str, int]]:
    """Counters read anew, by configuration, of the daemons that gave them before; without those that are silent now."""
    found = {}
    for item in items:
        if "counters" in item:
            try:
                found[item["configuration"]] = statistics.ask(item["configuration"]).counters
            except CommandError:
                continue
    return found


def add_growth(items: t.Iterable[Dict], before: Counts, after: Counts, seconds: float) -> None:
    """Add ``growth`` to the daemons that answered before and after the window. Pure but for the items."""
    for item in items:
        path = str(item.get("configuration"))
        if path in before and path in after:
            item["growth"] = {"seconds": seconds, **statistics.growth(before[path], after[path])}
