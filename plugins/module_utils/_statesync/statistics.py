# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a running conntrackd counts, as it tells its own client (``conntrackd -s``, 1.4.7). Reading changes nothing.

Numbers since the daemon was started: of packets on the dedicated link (sent, received), of messages (malformed, lost),
of what was put into this kernel (injected, inject_failed) or into a cache, and of the events that the kernel gave.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import run

SECONDS = 10  # for an answer; it is a matter of milliseconds unless the daemon hangs
REQUESTS = ("", "network", "link", "queue", "runtime", "cache")
GAUGES = ("resend_queue",)  # they say how it is, not how much it was

Lines = dict[str, tuple[str, ...]]
# A line by its section. {} stands for a number; names are of the counters, "" for a number that nobody needs.
_CACHE_LINES: Lines = {
    "current active connections: {}": ("active",),
    "connections created: {} failed: {}": ("created", "created_failed"),
    "connections new: {}": ("created",),
    "connections updated: {} failed: {}": ("updated", "updated_failed"),
    "connections updated: {}": ("updated",),
    "connections destroyed: {} failed: {}": ("destroyed", "destroyed_failed"),
    "connections destroyed: {}": ("destroyed",),
}
_LINK_LINES: Lines = {
    "{} Bytes sent {} Bytes recv": ("sent_bytes", "received_bytes"),
    "{} Pckts sent {} Pckts recv": ("sent", "received"),
    "{} Error send {} Error recv": ("sent_errors", "received_errors"),
}
_PLAIN_LINES: Lines = {
    "{} Malformed msgs {} Lost msgs": ("malformed", "lost"),
    "Wrong protocol version: {}": ("wrong_version",),
    "Malformed header: {}": ("bad_header",),
    "Malformed payload: {}": ("bad_payload",),
    "Bad message type: {}": ("bad_type",),
    "Truncated message: {}": ("truncated",),
    "Bad message size: {}": ("bad_size",),
    "Packets before: {}": ("before",),
    "events received: {}": ("events",),
    "events filtered: {}": ("events_filtered",),
    "netlink overrun: {}": ("overruns",),
    "flush kernel table: {}": ("kernel_flushes",),
    "resync with kernel table: {}": ("kernel_resyncs",),
}
_QUEUE_LINES: Lines = {
    "current elements: {}": ("resend_queue",), "not enough space errors: {}": ("resend_queue_full",),
}
_STORE_LINES: Lines = {"no memory available: {}": ("no_memory",), "no space left in cache: {}": ("no_space",)}
_LINK_HEAD = re.compile(r"\S+ traffic (?:\(active device=(\S+)\)(?: server=(\S+) client=(\S+))?"
                        r"|device=(\S+) status=(\S+) role=(\S+)):")
_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.])")


class Statistics(t.NamedTuple):
    """What the daemon answered. A cache that is off has no ``active``; links are those that it uses."""

    counters: dict[str, int]
    active: dict[str, int]  # connections in the internal and external cache
    internal_cache: t.Optional[bool]  # None: it did not say
    external_cache: t.Optional[bool]
    links: dict[str, dict[str, t.Any]]  # by interface: running, active, connected (TCP), sent, received ...


def ask(path: str) -> Statistics:
    """What the daemon with the configuration ``path`` counts. Raises CommandError where it does not answer."""
    return read([run(["conntrackd", "-C", path, "-s", *([about] if about else [])], seconds=SECONDS).stdout
                 for about in REQUESTS])


def version() -> str:
    """The version of the installed conntrackd; "" where it does not say. Raises CommandError."""
    found = re.search(r"\bv(\d+(?:\.\d+)+)", run(["conntrackd", "-v"], seconds=SECONDS).stdout)
    return found.group(1) if found else ""


def read(answers: t.Iterable[str]) -> Statistics:
    """The numbers in the answers to REQUESTS. Pure; what it does not know it passes over."""
    reader = _Reader()
    for answer in answers:
        reader.section = ""
        for line in answer.splitlines():
            reader.line(" ".join(line.split()))
    return reader.result()


class _Reader:
    def __init__(self) -> None:
        self.section = ""
        self._counts: dict[str, int] = {}
        self._heads: set[str] = set()
        self._links: dict[str, dict[str, t.Any]] = {}
        self._link: dict[str, t.Any] = {}

    def line(self, text: str) -> None:
        head = _LINK_HEAD.fullmatch(text)
        if head:
            in_use, server, client, device, status, role = head.groups()
            self.section = "active link" if in_use else "link"
            self._link = self._links.setdefault(in_use or device, {})
            if server:  # of TCP: both directions have a connection of their own
                self._link["connected"] = server == client == "connected"
            if status:
                self._link.update(running=status == "RUNNING", active=role == "ACTIVE")
        elif text in ("cache internal:", "cache external:", "external inject:", "internal bypass:"):
            self.section = text[:-1]
            self._heads.add(self.section)
        elif text.startswith(("cache:internal ", "cache:external ")):
            self.section = f"store {text[6:14]}"
        elif text.startswith("queue ") or text.endswith(":"):
            self.section = text[:-1]
        elif _NUMBER.search(text):
            self._numbers(_NUMBER.sub("{}", text), [int(number) for number in _NUMBER.findall(text)])

    def _numbers(self, shape: str, numbers: list[int]) -> None:
        forms, prefix = _FORMS.get(self.section, (_PLAIN_LINES, ""))
        for name, number in zip(forms.get(shape, ()), numbers):
            if self.section.endswith("link"):
                self._link[name] = number
            if self.section != "link":
                self._counts[prefix + name] = number

    def result(self) -> Statistics:
        counts = dict(self._counts)
        active = {side: counts.pop(f"{side}_active") for side in ("internal", "external") if f"{side}_active" in counts}
        if "inject_created" in counts:
            counts["injected"] = counts.pop("inject_created")
            counts["inject_failed"] = counts.pop("inject_created_failed") + counts.pop("inject_updated_failed")
        return Statistics(counts, active, self._is_on("cache internal", "internal bypass"),
                          self._is_on("cache external", "external inject"), self._links)

    def _is_on(self, on: str, off: str) -> t.Optional[bool]:
        return True if on in self._heads else False if off in self._heads else None


_FORMS: dict[str, tuple[Lines, str]] = {
    "cache internal": (_CACHE_LINES, "internal_"), "cache external": (_CACHE_LINES, "external_"),
    "internal bypass": (_CACHE_LINES, "internal_"), "external inject": (_CACHE_LINES, "inject_"),
    "store internal": (_STORE_LINES, "internal_"), "store external": (_STORE_LINES, "external_"),
    "active link": (_LINK_LINES, ""), "link": (_LINK_LINES, ""), "queue rsqueue": (_QUEUE_LINES, ""),
}


def growth(before: t.Mapping[str, int], after: t.Mapping[str, int]) -> dict[str, int]:
    """By how much each counter grew. One that fell was begun anew, by a restart: what it shows now came since. Pure."""
    grown = {}
    for name, count in after.items():
        if name in before and name not in GAUGES:
            grown[name] = count - before[name] if count >= before[name] else count
    return grown
