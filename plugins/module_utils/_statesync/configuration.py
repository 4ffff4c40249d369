# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a conntrackd.conf says, as conntrackd 1.4.7 understands it: repeated directives, defaults, what it ignores.

``parse`` is the entrance. What the daemon would refuse raises ConfigurationError with the line; what it only
warns of and ignores stands in ``warnings``, and is ignored here too.
"""

from __future__ import annotations

import ipaddress
import socket
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.configuration_grammar import (
    ConfigurationError,
    Entry,
    Word,
    read,
)

DEFAULT_PATH = "/etc/conntrackd/conntrackd.conf"
DEFAULT_LOCK = "/var/lock/conntrack.lock"
DEFAULT_LOG = "/var/log/conntrackd.log"
DEFAULT_STATS_LOG = "/var/log/conntrackd-stats.log"
MAX_LINKS = 4
ALL_HELPERS = ("all",)  # ExpectationSync on
_FACILITIES = ("daemon", *(f"local{n}" for n in range(8)))
_PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "ipv6-icmp": 58, "sctp": 132, "dccp": 33, "gre": 47, "udplite": 136}


@dataclass(frozen=True)
class Link:
    """A dedicated link. ``group`` is of multicast, ``peer`` of UDP and TCP; canonical addresses, "" where absent."""

    transport: str  # udp, multicast or tcp
    line: int = 0
    default: bool = False
    interface: str = ""
    local: str = ""
    peer: str = ""
    group: str = ""
    port: int = 0  # of multicast: what the file calls Group
    send_buffer: int = 0  # bytes; 0: the kernel's default
    receive_buffer: int = 0
    checksum: bool = True


@dataclass(frozen=True)
class Choice:
    """What a filter names: only these are synchronised (accept), or all but these (ignore)."""

    policy: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Filter:
    """Which events are synchronised; a Choice that is None leaves nothing out."""

    place: str = "userspace"  # or kernelspace
    protocols: t.Optional[Choice] = None  # lower-case names as in /etc/protocols
    addresses: t.Optional[Choice] = None  # prefixes with the host bits of the file; single addresses have /32 or /128
    states: t.Optional[Choice] = None  # of TCP, lower case


@dataclass(frozen=True)
class Helper:
    """A helper in user space: its name, inet or inet6, tcp or udp."""

    name: str
    family: str
    protocol: str


@dataclass(frozen=True)
class Warned:
    """What conntrackd ignores, with the line."""

    line: int
    text: str


@dataclass(frozen=True)
class Configuration:
    """The file. Times are seconds, buffers bytes; 0 stands for "not set" where the daemon has no default of its own."""

    kind: str = ""  # sync or stats; "" where the file has neither
    mode: str = "ftfw"  # ftfw, notrack or alarm
    mode_given: bool = False
    internal_cache: bool = True
    external_cache: bool = True
    startup_resync: bool = False
    resend_queue: int = 131072
    ack_window: int = 300
    commit_timeout: int = 0
    purge_timeout: int = 60
    refresh_time: int = 60  # of alarm
    cache_timeout: int = 180  # of alarm
    window_tracking: bool = False
    expectations: t.Optional[tuple[str, ...]] = None  # helpers; ALL_HELPERS; None: not synchronised
    links: tuple[Link, ...] = ()
    error_queue: int = 128
    hash_size: int = 0
    hash_limit: int = 0  # 0: no limit
    log_file: str = ""
    syslog: str = ""  # facility
    lock_file: str = DEFAULT_LOCK
    socket: str = ""
    netlink_buffer: int = 0
    netlink_buffer_max: int = 0
    overrun_resync: t.Optional[int] = 30  # None: off
    reliable_events: bool = False
    poll_seconds: int = 0  # 0: by events
    event_iterations: int = 100
    scheduler: str = ""
    priority: int = 0
    systemd: bool = True
    filter: Filter = field(default_factory=Filter)
    helpers: tuple[Helper, ...] = ()
    stats_log_file: str = ""
    stats_syslog: str = ""
    warnings: tuple[Warned, ...] = ()


def parse(text: str) -> Configuration:
    """The configuration in ``text``. Raises ConfigurationError where conntrackd would not start with it.

    Whether a helper's library is installed is the host's affair and not looked at.
    """
    reading = _Reading()
    try:
        entries, cut = read(text)
    except RecursionError:
        raise ConfigurationError(1, "sections are nested too deeply to be read") from None
    for entry in entries:
        reading.top(entry)
    if cut is not None:
        reading.warn(cut, "conntrackd reads no further: this character is not of ASCII")
    return reading.result()


def is_active(link: Link, links: t.Sequence[Link]) -> bool:
    """Whether this is the link that the daemon begins with: the last one called Default, else the first."""
    named = [other for other in links if other.default]
    return link == (named[-1] if named else links[0])


class _Reading:
    """Directives, taken in their order."""

    def __init__(self) -> None:
        self._values: dict[str, t.Any] = {}
        self._filter: dict[str, t.Any] = {}
        self._modes: set[str] = set()
        self._links: list[Link] = []
        self._helpers: list[Helper] = []
        self._warnings: list[Warned] = []

    def result(self) -> Configuration:
        mode = next((name for name in ("ftfw", "alarm", "notrack") if name in self._modes), "ftfw")
        choices = {name: Choice(policy, tuple(dict.fromkeys(self._filter.get(f"{name} names", ()))))
                   for name, policy in self._filter.items() if name in ("protocols", "addresses", "states")}
        # Zero is how the daemon marks what was not set: it takes its default then.
        values = {name: value for name, value in self._values.items() if value != 0 or name in _ZERO_COUNTS}
        return Configuration(
            mode=mode, mode_given=bool(self._modes), links=tuple(self._links), helpers=tuple(self._helpers),
            warnings=tuple(self._warnings), filter=Filter(self._filter.get("place", "userspace"), **choices), **values)

    def warn(self, line: int, text: str) -> None:
        self._warnings.append(Warned(line, text))

    def top(self, entry: Entry) -> None:
        if entry.keyword == "Helper":
            self._helper_section(entry)
            return
        if entry.keyword in ("Sync", "Stats"):
            kind = entry.keyword.lower()
            if self._values.get("kind", kind) != kind:
                raise ConfigurationError(entry.line, "Sync and Stats cannot both stand in the file")
            self._values["kind"] = kind
        for inner in entry.inner or ():
            {"General": self._general, "Sync": self._sync, "Stats": self._stats}[entry.keyword](inner)

    def _sync(self, entry: Entry) -> None:
        if entry.keyword == "Mode":
            self._modes.add("ftfw" if entry.words[0].kind == "ftfw" else entry.words[0].kind)
            if entry.text.lower() == "nack":
                self.warn(entry.line, "mode nack is called FTFW now")
            for inner in entry.inner or ():
                self._sync(inner)
        elif entry.keyword == "Options":
            for inner in entry.inner or ():
                self._option(inner)
        elif entry.keyword in ("Multicast", "UDP", "TCP"):
            self._link(entry)
        elif entry.keyword in _CACHES:
            self._values[_CACHES[entry.keyword]] = not entry.on
        elif entry.keyword == "StartupResync":
            self._values["startup_resync"] = entry.on
        else:
            self._values[_NUMBERS[entry.keyword]] = number(entry.words[0])

    def _option(self, entry: Entry) -> None:
        if entry.keyword == "TCPWindowTracking":
            self._values["window_tracking"] = entry.on
        elif entry.inner is not None:
            before = self._values.get("expectations") or ()
            before = () if before == ALL_HELPERS else before
            names = (*before, *(item.keyword for item in entry.inner))
            self._values["expectations"] = tuple(dict.fromkeys(names)) or ALL_HELPERS
        else:
            self._values["expectations"] = (self._values.get("expectations") or ALL_HELPERS) if entry.on else None

    def _link(self, entry: Entry) -> None:
        transport = entry.keyword.lower()
        if self._links and self._links[0].transport != transport:
            text = f"{entry.keyword} cannot be used beside {self._links[0].transport}: links are of one kind"
            raise ConfigurationError(entry.line, text)
        if len(self._links) >= MAX_LINKS and entry.inner:
            raise ConfigurationError(entry.inner[0].line, f"more than {MAX_LINKS} dedicated links")
        link = Link(transport, entry.line, default=bool(entry.words))
        for option in entry.inner or ():
            link = self._link_option(link, option)
        if len(self._links) >= MAX_LINKS:
            self.warn(entry.line, f"a link without options beyond {MAX_LINKS} is not used")
        else:
            self._links.append(link)

    def _link_option(self, link: Link, option: Entry) -> Link:
        keyword = option.keyword
        if keyword == "Interface":
            return replace(link, interface=option.text[:16])
        if keyword == "Checksum":
            return replace(link, checksum=option.on)
        if keyword == "ErrorQueueLength":
            self._values["error_queue"] = number(option.words[0])
            return link
        if keyword in _LINK_NUMBERS:
            return _with(link, _LINK_NUMBERS[keyword], number(option.words[0]))
        if keyword == "IPv6_interface":
            self.warn(option.line, "IPv6_interface is ignored: Interface says it")
            return link
        address = self._address(option, 6 if keyword.startswith("IPv6") else 4)
        if address is None:
            return link
        if link.transport != "multicast":
            return _with(link, "peer" if "Destination" in keyword else "local", address)
        known = link.group or link.local
        if known and (":" in known) != (":" in address):
            self.warn(option.line, f"{option.text} is ignored: {known}, of the other address family, stands before it")
            return link
        return _with(link, "local" if keyword == "IPv4_interface" else "group", address)

    def _address(self, entry: Entry, version: int) -> t.Optional[str]:
        family = socket.AF_INET6 if version == 6 else socket.AF_INET
        try:
            packed = socket.inet_pton(family, entry.text) if version == 6 else socket.inet_aton(entry.text)
        except OSError:
            self.warn(entry.line, f"{entry.text} is ignored: it is no IPv{version} address")
            return None
        return socket.inet_ntop(family, packed)

    def _logs(self, entry: Entry, prefix: str, default: str) -> None:
        word = entry.words[0]
        if entry.keyword == "LogFile":
            if word.kind != "off":  # off after a path changes nothing
                self._values[f"{prefix}log_file"] = default if word.kind == "on" else word.text
        elif word.kind != "word":
            self._values[f"{prefix}syslog"] = "daemon" if word.kind == "on" else ""
        elif word.text in _FACILITIES:
            self._values[f"{prefix}syslog"] = word.text
        else:
            self.warn(entry.line, f"{word.text} is ignored: it is no syslog facility")

    def _stats(self, entry: Entry) -> None:
        self._logs(entry, "stats_", DEFAULT_STATS_LOG)

    def _general(self, entry: Entry) -> None:
        keyword = entry.keyword
        if keyword in ("LogFile", "Syslog"):
            self._logs(entry, "", DEFAULT_LOG)
        elif keyword == "LockFile":
            self._values["lock_file"] = entry.text
        elif keyword in ("UNIX", "Scheduler", "Filter"):
            {"UNIX": self._unix, "Scheduler": self._scheduler, "Filter": self._filter_section}[keyword](entry)
        elif keyword in ("Systemd", "NetlinkEventsReliable"):
            self._values["systemd" if keyword == "Systemd" else "reliable_events"] = entry.on
        elif keyword == "NetlinkOverrunResync":
            word = entry.words[0]
            seconds = {"on": 30, "off": None}[word.kind] if word.kind != "number" else number(word)
            self._values["overrun_resync"] = seconds
        elif keyword == "Nice":
            self.warn(entry.line, "Nice is ignored")
        else:
            value = self._values[_NUMBERS[keyword]] = number(entry.words[0])
            if keyword == "PollSecs" and value == 0:
                raise ConfigurationError(entry.line, "PollSecs must be greater than 0")

    def _unix(self, entry: Entry) -> None:
        for inner in entry.inner or ():
            if inner.keyword == "Path":
                self._values["socket"] = inner.text
            else:
                self.warn(inner.line, "Backlog is ignored")

    def _scheduler(self, entry: Entry) -> None:
        for inner in entry.inner or ():
            word = inner.words[0]
            if inner.keyword == "Type":
                if word.text.lower() not in ("rr", "fifo"):
                    raise ConfigurationError(inner.line, f"{word.text} is no scheduler: RR or FIFO")
                self._values["scheduler"] = word.text.lower()
            else:
                self._values["priority"] = number(word)
                if not 0 <= self._values["priority"] <= 99:
                    raise ConfigurationError(inner.line, "Priority must be from 0 to 99")

    def _filter_section(self, entry: Entry) -> None:
        self._filter["place"] = entry.words[-1].text.lower() if entry.words else "userspace"
        for inner in entry.inner or ():
            name = {"Protocol": "protocols", "Address": "addresses", "State": "states"}[inner.keyword]
            self._filter[name] = inner.text.lower()  # the last policy holds for all that are named
            names = self._filter.setdefault(f"{name} names", [])
            for item in inner.inner or ():
                found = {"protocols": self._protocol, "addresses": self._prefix, "states": _state}[name](item)
                if found is not None:
                    names.append(found)

    def _protocol(self, entry: Entry) -> t.Optional[str]:
        name = entry.keyword.lower()
        if name not in _PROTOCOLS:
            try:
                socket.getprotobyname(entry.keyword)
            except OSError:
                self.warn(entry.line, f"{entry.keyword} is ignored: /etc/protocols does not name it")
                return None
        return name

    def _prefix(self, entry: Entry) -> t.Optional[str]:
        version = 6 if entry.keyword == "IPv6_address" else 4
        text, _slash, length = entry.text.partition("/")
        bits = 128 if version == 6 else 32
        width = _as_int(length) if length else bits
        if width > bits:
            self.warn(entry.line, f"{entry.text} is ignored: it is no network")
            return None
        address = self._address(replace(entry, words=(entry.words[0]._replace(text=text),)), version)
        return None if address is None else str(ipaddress.ip_interface(f"{address}/{width}"))

    def _helper_section(self, entry: Entry) -> None:
        for inner in entry.inner or ():
            if inner.keyword == "Policy" and not inner.inner:
                raise ConfigurationError(inner.line, f"Policy {inner.text} is empty")
            if inner.keyword != "Type":
                continue
            self._helper_section(inner)
            name, family, protocol = (word.text for word in inner.words)
            if family not in ("inet", "inet6"):
                raise ConfigurationError(inner.line, f"{family} is neither inet nor inet6")
            if protocol not in ("tcp", "udp"):
                raise ConfigurationError(inner.line, f"{protocol} is neither tcp nor udp")
            self._helpers.append(Helper(name, family, protocol))


_CACHES = {"DisableInternalCache": "internal_cache", "DisableExternalCache": "external_cache"}
_NUMBERS = {
    "RefreshTime": "refresh_time", "CacheTimeout": "cache_timeout", "CommitTimeout": "commit_timeout",
    "PurgeTimeout": "purge_timeout", "ResendQueueSize": "resend_queue", "ACKWindowSize": "ack_window",
    "HashSize": "hash_size", "HashLimit": "hash_limit", "EventIterationLimit": "event_iterations",
    "PollSecs": "poll_seconds", "SocketBufferSize": "netlink_buffer", "NetlinkBufferSize": "netlink_buffer",
    "SocketBufferSizeMaxGrown": "netlink_buffer_max", "SocketBufferSizeMaxGrowth": "netlink_buffer_max",
    "NetlinkBufferSizeMaxGrowth": "netlink_buffer_max",
}
_LINK_NUMBERS = {"Group": "port", "Port": "port", "SndSocketBuffer": "send_buffer", "RcvSocketBuffer": "receive_buffer"}
_ZERO_COUNTS = ("internal_cache", "external_cache", "startup_resync", "window_tracking", "reliable_events", "systemd")


def _with(link: Link, name: str, value: t.Any) -> Link:
    return replace(link, **{name: value})


def _state(entry: Entry) -> str:
    return "close" if entry.keyword == "CLOSED" else entry.keyword.lower()


def number(word: Word) -> int:
    """A number as the C library's atoi gives it: 32 bits with a sign, of what fits into 64."""
    return _as_int(word.text)


def _as_int(text: str) -> int:
    low = min(int(text), 2**63 - 1) & 0xFFFFFFFF
    return low - 2**32 if low >= 2**31 else low
