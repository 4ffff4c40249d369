# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The language of conntrackd.conf: words and sections, as conntrackd 1.4.7 takes them.

Where the program and its manual conntrackd.conf(5) differ the program counts, which the tests in
tests/lab/test_conntrackd_configuration.py ask: an interface called "be" is an address to it, a comment needs the end
of its line, Stats knows no NetlinkEventsReliable.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

_KEYWORD_TEXT = """
    UNIX IPv4_address IPv6_address IPv4_Destination_Address IPv6_Destination_Address IPv4_interface IPv6_interface
    Interface Port Multicast UDP TCP HashSize RefreshTime CacheTimeout CommitTimeout HashLimit Path Backlog Group
    LogFile Syslog LockFile General Sync Stats SocketBufferSize SocketBufferSizeMaxGrown SocketBufferSizeMaxGrowth
    NetlinkBufferSize NetlinkBufferSizeMaxGrowth Mode ResendQueueSize Checksum ACKWindowSize for SYN_SENT SYN_RECV
    ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE CLOSED LISTEN SndSocketBuffer RcvSocketBuffer Filter
    Protocol Address State Accept Ignore PurgeTimeout From Userspace Kernelspace EventIterationLimit Default
    PollSecs NetlinkOverrunResync Nice Scheduler Type Priority NetlinkEventsReliable DisableInternalCache
    DisableExternalCache ErrorQueueLength Options TCPWindowTracking ExpectationSync Helper QueueNum QueueLen Policy
    ExpectMax ExpectTimeout Systemd StartupResync Setup
"""
_KEYWORDS = frozenset(_KEYWORD_TEXT.split())
TCP_STATES = ("SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",
              "CLOSED", "LISTEN")

# Kinds of words, in the order of their right where several match equally long; the longest match goes first.
_IPV4 = r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+(?:/[0-9]+)?"
_IPV6 = (r"(?:(?:[0-9a-fA-F]{1,4}:?){0,7}::(?:[0-9a-fA-F]{1,4}:?){0,7}|(?:[0-9a-fA-F]{1,4}:){0,7}[0-9a-fA-F]{1,4})"
         r"(?:/[0-9]+)?")
_KINDS = tuple((kind, re.compile(pattern)) for kind, pattern in (
    ("keyword", r"[a-zA-Z][a-zA-Z0-9_]*"),
    ("on", r"[o|O][n|N]|[y|Y][e|E][s|S]"),
    ("off", r"[o|O][f|F][f|F]|[n|N][o|O]"),
    ("number", r"[0-9]+"),
    ("signed", r"[-+][0-9]+"),
    ("address", _IPV4),
    ("address", _IPV6),
    ("path", r'/[^"\n ]*'),
    ("alarm", r"[A|a][L|l][A|a][R|r][M|m]"),
    ("ftfw", r"[F|f][T|t][F|f][W|w]|[N|n][A|a][C|c][K|k]"),
    ("notrack", r"[N|n][O|o][T|t][R|r][A|a][C|c][K|k]"),
    ("word", r"[a-zA-Z][a-zA-Z0-9._-]*"),
))
_BLANK = re.compile(r"[ \t\r\n]+|#.*(?=\n)")
FLAG = ("on", "off")
_END = "end of the file"


class ConfigurationError(ValueError):
    """conntrackd would refuse the file; ``line`` is where."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line


class Word(t.NamedTuple):
    """One word of the file: its kind (a keyword is its own kind), its text and its line."""

    kind: str
    text: str
    line: int


@dataclass(frozen=True)
class Entry:
    """One directive: keyword, the words after it, and what its braces hold; None where it has none."""

    keyword: str
    line: int
    words: tuple[Word, ...] = ()
    inner: t.Optional[tuple[Entry, ...]] = None

    @property
    def text(self) -> str:
        return self.words[0].text

    @property
    def on(self) -> bool:
        return self.words[0].kind == "on"


# A section is {keyword: [form, ...]}. A form is the kinds of the words that follow, each one kind or several to choose
# from, and then what stands in braces: a section, or the kinds of its words where it is a list.
Kinds = tuple[str, ...]


class Listed(t.NamedTuple):
    """Braces around words of these kinds."""

    kinds: Kinds


class Form(t.NamedTuple):
    words: tuple[Kinds, ...] = ()
    inner: t.Union[None, dict[str, list[Form]], Listed, str] = None


Section = dict[str, list[Form]]


def _value(*kinds: str) -> list[Form]:
    return [Form((kinds,))]


def _block(inner: t.Union[Section, Listed, str], *words: Kinds) -> Form:
    return Form(tuple(words), inner)


_NUMBER, _FLAG, _ADDRESS = _value("number"), _value(*FLAG), _value("address")
_SOCKET: Section = {"IPv4_address": _ADDRESS, "IPv6_address": _ADDRESS, "Interface": _value("word"),
                    "SndSocketBuffer": _NUMBER, "RcvSocketBuffer": _NUMBER, "Checksum": _FLAG}
_MULTICAST: Section = {**_SOCKET, "IPv4_interface": _ADDRESS, "IPv6_interface": _ADDRESS, "Group": _NUMBER}
_UDP: Section = {**_SOCKET, "IPv4_Destination_Address": _ADDRESS, "IPv6_Destination_Address": _ADDRESS, "Port": _NUMBER}
_TCP: Section = {**_UDP, "ErrorQueueLength": _NUMBER}
_TIMES: Section = {"CommitTimeout": _NUMBER, "PurgeTimeout": _NUMBER}
_ALARM: Section = {**_TIMES, "RefreshTime": _NUMBER, "CacheTimeout": _NUMBER}
_FTFW: Section = {**_TIMES, "ResendQueueSize": _NUMBER, "ACKWindowSize": _NUMBER, "DisableExternalCache": _FLAG,
                  "StartupResync": _FLAG}
_NOTRACK: Section = {**_TIMES, "DisableInternalCache": _FLAG, "DisableExternalCache": _FLAG, "StartupResync": _FLAG}


def _link(inner: Section) -> list[Form]:
    return [_block(inner), _block(inner, ("Default",))]


_SYNC: Section = {
    **_ALARM, "Multicast": _link(_MULTICAST), "UDP": _link(_UDP), "TCP": _link(_TCP),
    "Mode": [_block(_ALARM, ("alarm",)), _block(_FTFW, ("ftfw",)), _block(_NOTRACK, ("notrack",))],
    "Options": [_block({"TCPWindowTracking": _FLAG, "ExpectationSync": [*_FLAG, _block(Listed(("word",)))]})],
}
_POLICY: Kinds = ("Accept", "Ignore")
_FILTER: Section = {
    "Protocol": [_block(Listed(("word", "TCP", "UDP")), _POLICY)],
    "Address": [_block({"IPv4_address": _ADDRESS, "IPv6_address": _ADDRESS}, _POLICY)],
    "State": [_block("states", _POLICY)],
}
_LOGS: Section = {"LogFile": _value(*FLAG, "path"), "Syslog": _value(*FLAG, "word")}
_GENERAL: Section = {
    **_LOGS, "HashSize": _NUMBER, "HashLimit": _NUMBER, "LockFile": _value("path"), "Systemd": _FLAG,
    "UNIX": [_block({"Path": _value("path"), "Backlog": _NUMBER})],
    **dict.fromkeys(("SocketBufferSize", "NetlinkBufferSize", "SocketBufferSizeMaxGrown", "SocketBufferSizeMaxGrowth",
                     "NetlinkBufferSizeMaxGrowth", "EventIterationLimit", "PollSecs"), _NUMBER),
    "Filter": [_block(_FILTER), _block(_FILTER, ("From",), ("Userspace", "Kernelspace"))],
    "NetlinkOverrunResync": _value(*FLAG, "number"), "NetlinkEventsReliable": _FLAG, "Nice": _value("signed"),
    "Scheduler": [_block({"Type": _value("word"), "Priority": _NUMBER})],
}
_HELPER: Section = {"QueueNum": _NUMBER, "QueueLen": _NUMBER,
                    "Policy": [_block({"ExpectMax": _NUMBER, "ExpectTimeout": _NUMBER}, ("word",))]}
_HELPER["Type"] = [_block(_HELPER, ("word",), ("word",), ("word",))]
_FILE: Section = {"General": [_block(_GENERAL)], "Sync": [_block(_SYNC)], "Stats": [_block(_LOGS)],
                  "Helper": [_block({**_HELPER, "Setup": _FLAG})]}


def read(text: str) -> tuple[tuple[Entry, ...], t.Optional[int]]:
    """The directives of a file, and the line after which conntrackd reads no further; None where it reads all of it.

    Raises ConfigurationError at the first word that conntrackd would not take.
    """
    words = _words(text)
    entries = _Reader(words).section(_FILE, "the file", braces=False)
    return entries, words[-1].line if words[-1].text != _END else None


def _words(text: str) -> list[Word]:
    found, at, line = [], 0, 1
    while at < len(text):
        blank = _BLANK.match(text, at)
        if blank:
            line += blank.group().count("\n")
            at = blank.end()
            continue
        kind, end = text[at], at + 1
        longest = at
        for name, pattern in _KINDS:
            match = pattern.match(text, at)
            if not match or match.end() <= longest:
                continue
            if name == "keyword" and match.group() not in _KEYWORDS:
                continue
            longest = end = match.end()
            kind = match.group() if name == "keyword" else name
        if kind == "\0" or ord(kind[0]) > 127:
            found.append(Word("end", repr(text[at]), line))
            return found
        found.append(Word(kind, text[at:end], line))
        at = end
    found.append(Word("end", _END, line))
    return found


class _Reader:
    """The words of a file, from the first to the last."""

    def __init__(self, words: list[Word]) -> None:
        self._words = words
        self._at = 0

    @property
    def _next(self) -> Word:
        return self._words[self._at]

    def _take(self) -> Word:
        word = self._next
        self._at += 1
        return word

    def section(self, forms: Section, where: str, braces: bool = True) -> tuple[Entry, ...]:
        """The directives up to the closing brace, which is taken too; without ``braces`` up to the end of the file."""
        entries = []
        last = "}" if braces else "end"
        while self._next.kind != last:
            word = self._take()
            if word.kind not in forms:
                raise ConfigurationError(word.line, f"{_shown(word)} is not a directive of {where}")
            entries.append(self._directive(word, forms[word.kind]))
        self._take()
        return tuple(entries)

    def _directive(self, keyword: Word, forms: list[Form]) -> Entry:
        words: list[Word] = []
        while True:
            at = len(words)
            here = [form for form in forms if len(form.words) > at and self._next.kind in form.words[at]]
            if not here:
                break
            forms = here
            words.append(self._take())
        whole = [form for form in forms if len(form.words) == len(words)]
        if not whole:
            self._refuse(keyword, forms, len(words))
        form = next((form for form in whole if form.inner is None), None)
        if form is not None:
            return Entry(keyword.text, keyword.line, tuple(words))
        if self._next.kind != "{":
            self._refuse(keyword, forms, len(words))
        self._take()
        return Entry(keyword.text, keyword.line, tuple(words), self._inside(keyword.text, whole[0]))

    def _inside(self, name: str, form: Form) -> tuple[Entry, ...]:
        if isinstance(form.inner, Listed):
            return self._list(name, form.inner.kinds)
        if form.inner == "states":
            return self._states()
        return self.section(t.cast("Section", form.inner), name)

    def _list(self, name: str, kinds: Kinds) -> tuple[Entry, ...]:
        entries = []
        while self._next.kind != "}":
            word = self._take()
            if word.kind not in kinds:
                raise ConfigurationError(word.line, f"{_shown(word)} cannot stand in the list of {name}")
            entries.append(Entry(word.text, word.line))
        self._take()
        return tuple(entries)

    def _states(self) -> tuple[Entry, ...]:
        """States of TCP, each list of them ended by "for TCP"."""
        entries: list[Entry] = []
        while self._next.kind != "}":
            while self._next.kind in TCP_STATES:
                word = self._take()
                entries.append(Entry(word.text, word.line))
            for wanted in ("for", "TCP"):
                word = self._take()
                if word.kind != wanted:
                    text = f"{_shown(word)} stands where State needs TCP states and \"for TCP\""
                    raise ConfigurationError(word.line, text)
        self._take()
        return tuple(entries)

    def _refuse(self, keyword: Word, forms: list[Form], at: int) -> t.NoReturn:
        wanted: dict[str, None] = {}
        for form in forms:
            wanted.update(dict.fromkeys(form.words[at] if len(form.words) > at else ("{",)))
        raise ConfigurationError(
            self._next.line, f"{keyword.text} needs {' or '.join(wanted)} here, not {_shown(self._next)}")


def _shown(word: Word) -> str:
    return word.text if word.kind == "end" else repr(word.text)
