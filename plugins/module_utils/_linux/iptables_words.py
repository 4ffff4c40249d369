# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""One line of ``iptables-save`` as words: what belongs to which match and to the target. Pure."""

from __future__ import annotations

import re
import typing as t

_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_ESCAPED = re.compile(r"\\(.)")
# options whose value may begin with a dash or be a lone exclamation mark
_ONE_VALUE = ("--comment", "--log-prefix", "--nflog-prefix", "--string", "--hex-string", "--name", "--helper",
              "--reject-with", "--bytecode", "--timestart", "--to-destination", "--to-source")


class Option(t.NamedTuple):
    """``! --option value ...``."""

    name: str
    values: list[str]
    negated: bool = False

    def __str__(self) -> str:
        return " ".join([*(["!"] if self.negated else []), self.name, *self.values])


class Words(t.NamedTuple):
    """A rule in its parts; ``text`` is all of it but the chain and the comment."""

    chain: str
    text: str
    plain: list[Option]  # -s, -d, -i, -o, -p, -f
    modules: list[tuple[str, list[Option]]]  # of each -m
    target: str
    target_options: list[Option]
    goto: bool


def tokens(line: str) -> list[str]:
    """The words of a line; quoted ones without quotes and escapes (xtables_save_string)."""
    if '"' not in line:
        return line.split()
    return [_ESCAPED.sub(r"\1", word[1]) if word[2] is None else word[2] for word in _WORD.finditer(line)]


def read_words(line: str) -> Words:
    """The parts of ``-A CHAIN ...``."""
    options = _options(tokens(line))
    chain = options[0].values[0]
    plain: list[Option] = []
    modules: list[tuple[str, list[Option]]] = []
    target, goto = "", False
    rest: list[Option] = []
    into = plain
    shown = []
    for option in options[1:]:
        if option.name == "-m":
            into = []
            modules.append((option.values[0], into))
        elif option.name in ("-j", "-g"):
            target, goto, into = option.values[0], option.name == "-g", rest
        elif option.name in _PLAIN:
            plain.append(option)
        else:
            into.append(option)
        if option.name != "--comment" and not (option.name == "-m" and option.values == ["comment"]):
            shown.append(str(option))
    return Words(chain, " ".join(shown), plain, modules, target, rest, goto)


_PLAIN = ("-s", "-d", "-i", "-o", "-p", "-f")


def _options(words: list[str]) -> list[Option]:
    options: list[Option] = []
    negated = False
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "!":
            negated = True
            continue
        start = at
        if word in _ONE_VALUE:
            at = min(at + 1, len(words))
        else:
            while at < len(words) and words[at] != "!" and not _is_option(words[at]):
                at += 1
        options.append(Option(word, words[start:at], negated))
        negated = False
    return options


def _is_option(word: str) -> bool:
    return word.startswith("--") or (len(word) == 2 and word[0] == "-" and word[1].isalpha())
