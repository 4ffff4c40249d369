# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send random packets through a real router with random iptables rules and through the engine.

Usage, as root, with PYTHONPATH=build/collections:
    python3 -m ansible_collections.netpath.symmetry.tests.oracle.iptables_packets --cases 20000 [--seed 1]
Both back ends and both address families; how packets are sent and compared is said in packets.py. What a sample
has shown is counted twice: the words of rules that decided over a packet by the engine's account, and the words of
rules whose counters show that the kernel had packets for them.
"""

from __future__ import annotations

import collections
import dataclasses
import random
import subprocess
import sys

from ansible_collections.netpath.symmetry.plugins.module_utils._linux.iptables_words import read_words
from ansible_collections.netpath.symmetry.tests.oracle import iptables_rulesets, packets

_MATCH_NOTHING = ("-f", "conntrack --ctstatus")
_SAVED_OTHERWISE = (  # iptables-save has other words for them
    *("MARK --set-mark", "MARK --and-mark", "MARK --or-mark", "MARK --xor-mark", "CONNMARK --set-mark"),
    *("CONNMARK --xor-mark", "REJECT", "tcp --syn", "tcp ! --syn"),
)
ENOUGH = 20000  # packets by which every kind of rule has had some


def random_world(dice: random.Random, links: packets.Links, table: str) -> packets.World:
    """A router with random iptables rules."""
    world = packets.random_world(dice, links, table)
    return dataclasses.replace(world, ruleset=iptables_rulesets.random_ruleset(dice), load=iptables_rulesets.load)


def words_of(rule: str) -> set[str]:
    """The options of a rule with the extension that they belong to, to count them by."""
    words = read_words(rule)
    found = {f"{'! ' if option.negated else ''}{option.name}" for option in words.plain}
    for module, options in [*words.modules, (words.target or "no target", words.target_options)]:
        found |= {f"{module} {'! ' if option.negated else ''}{option.name}" for option in options} or {module}
    return found


def counted() -> collections.Counter[str]:
    """The words of the rules of this namespace that the kernel had packets for."""
    seen: collections.Counter[str] = collections.Counter()
    for tool in ("iptables-legacy", "ip6tables-legacy", "iptables-nft", "ip6tables-nft"):
        saved = subprocess.run([f"{tool}-save", "-c"], text=True, capture_output=True, check=False).stdout
        for line in saved.splitlines():
            if line.startswith("[") and not line.startswith("[0:"):
                seen.update({tool, *words_of(line.partition("] ")[2])})
    return seen


def run(
    cases: int, seed: int, most_mismatches: int = 1, shrunk: bool = True
) -> tuple[packets.Tally, collections.Counter[str]]:
    """At least ``cases`` packets, and the words of the rules that had packets."""
    seen: collections.Counter[str] = collections.Counter()
    tally = packets.Tally()
    while tally.total < cases and len(tally.mismatches) < most_mismatches:
        packets.run_world(seed, tally, make_world=random_world, shrunk=shrunk)
        if not tally.mismatches:
            seen.update(counted())
        seed += 1
    return tally, seen


def never_seen(seen: collections.Counter[str]) -> list[str]:
    """The words of the random rules that no rule with packets had, but for those that match nothing here."""
    every = set().union(*(words_of(f"-A X {rule}") for rule in iptables_rulesets.every_rule()))
    return sorted(word for word in every if not seen[word] and word not in (*_MATCH_NOTHING, *_SAVED_OTHERWISE))


def main() -> int:
    options = packets.read_arguments((__doc__ or "").splitlines()[0])
    tally, seen = run(options.cases, options.seed, options.mismatches)
    for word, count in sorted(seen.items()):
        print(f"{count:9} worlds had packets for {word}")
    missing = never_seen(seen) if options.cases >= ENOUGH else []
    if missing:
        print(f"no rule had packets for: {', '.join(missing)}")
    return packets.report(tally, options.seed) or bool(missing)


if __name__ == "__main__":
    sys.exit(main())
