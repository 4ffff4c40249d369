# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""``iptables-save -c`` in the small form of the facts schema, of the legacy and of the nft back end alike. Pure.

A match or target that has no place in the small form is kept as ``unknown`` with its words, never guessed.
(iptables-save(8), iptables-extensions(8))
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import iptables_matches, iptables_targets
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.iptables_words import Option, Words, read_words

Dict = dict[str, t.Any]
HOOKS = {"PREROUTING": "prerouting", "INPUT": "input", "FORWARD": "forward", "OUTPUT": "output",
         "POSTROUTING": "postrouting"}
PRIORITIES = {"raw": -300, "mangle": -150, "filter": 0, "security": 50}
_NAT_PRIORITIES = {"PREROUTING": -100, "OUTPUT": -100, "INPUT": 100, "POSTROUTING": 100}
_COUNTERS = re.compile(r"\[(\d+):(\d+)\] ")
INCOMPATIBLE = "is incompatible, use 'nft' tool"  # iptables-nft-save on a table that it did not make


def parse(saved: str, family: int, backend: str, sets: t.Mapping[str, Dict]) -> list[Dict]:
    """The chains of every table in ``saved``. ``backend`` is iptables-legacy or iptables-nft, ``sets`` the ipsets."""
    chains: list[Dict] = []
    table: dict[str, Dict] = {}
    name = ""
    for line in saved.splitlines():
        if line.startswith("*"):
            name, table = line[1:].strip(), {}
        elif line.startswith(":"):
            chain = _chain(line, name, family, backend)
            table[chain["name"]] = chain
            chains.append(chain)
        elif line[:1] in ("[", "-"):
            counters = _COUNTERS.match(line)
            words = read_words(line[counters.end() :] if counters else line)
            rules = table[words.chain]["rules"]
            rule = parse_rule(words, family, len(rules) + 1, table, sets)
            if counters:
                rule["counter"] = {"packets": int(counters[1]), "bytes": int(counters[2])}
            rules.append(rule)
    return chains


def _chain(line: str, table: str, family: int, backend: str) -> Dict:
    """A chain from ``:NAME POLICY [packets:bytes]``; the policy of a chain without a hook is ``-``."""
    name, policy = line[1:].split()[:2]
    chain: Dict = {"family": "ip" if family == 4 else "ip6", "table": table, "name": name, "backend": backend}
    if name in HOOKS and policy != "-":
        priority = _NAT_PRIORITIES.get(name, 0) if table == "nat" else PRIORITIES[table]
        kind = "route" if (table, name) == ("mangle", "OUTPUT") else ("nat" if table == "nat" else "filter")
        chain.update(type=kind, hook=HOOKS[name], priority=priority, policy=policy.lower())
    chain["rules"] = []
    return chain


def parse_rule(words: Words, family: int, number: int, chains: t.Container[str], sets: t.Mapping[str, Dict]) -> Dict:
    """One rule; its handle is its number in the chain, as ``iptables -L --line-numbers`` counts."""
    matches = iptables_matches.plain(words.plain, family)
    comment = ""
    for module, options in words.modules:
        if module == "comment":
            comment = options[0].values[0] if options else ""
        else:
            matches += iptables_matches.of_module(module, options, family, sets)
    statements, verdict = _outcome(words.target, words.target_options, words.goto, family, chains)
    rule: Dict = {"handle": number, "text": words.text, "matches": matches, "statements": statements}
    if verdict:
        rule["verdict"] = verdict
    if comment:
        rule["comment"] = comment
    return rule


def _outcome(
    target: str, options: list[Option], goto: bool, family: int, chains: t.Container[str]
) -> tuple[list[Dict], t.Optional[Dict]]:
    if not target:
        return [], None
    if goto or target in chains:
        return [], {"do": "goto" if goto else "jump", "target": target}
    return iptables_targets.outcome(target, options, family)
