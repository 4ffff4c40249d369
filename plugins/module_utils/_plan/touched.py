# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""What a plan touches, for the journal: by it a later change that depends on it is known (_guard/dependency.py)."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Route, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import Change, NftObject, Object, Sysctl
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.register import RegisterEntry

_NAMED_SET = re.compile(r"@([A-Za-z0-9_.]+)")
_JUMP = re.compile(r"\b(?:jump|goto) ([A-Za-z0-9_.]+)")


def touched(changes: t.Iterable[Change]) -> list[str]:
    """Lines ``w KEY`` and ``r KEY``, each once, in the order of the plan."""
    lines: dict[str, None] = {}
    for change in changes:
        for item in (change.before, change.after):
            lines.update(dict.fromkeys(_lines(item) if item is not None else ()))
    return list(lines)


def _lines(item: Object) -> list[str]:
    if isinstance(item, Rule):
        return _of_rule(item)
    if isinstance(item, Route):
        return [f"w route/{item.family}/{item.table}/{item.dst}"]
    if isinstance(item, Sysctl):
        return [f"w sysctl/{item.path}"]
    if isinstance(item, NftObject):
        return _of_nft(item)
    if isinstance(item, RegisterEntry):
        return [f"w register/{item.id}"]
    return []  # a deleted conntrack entry: packets bring it back, nothing is taken back


def _of_rule(rule: Rule) -> list[str]:
    lines = [f"w rule/{rule.family}/{rule.priority}"]
    if rule.table is not None:
        lines.append(f"r route/{rule.family}/{rule.table}")
    if rule.goto is not None:
        lines.append(f"r rule/{rule.family}/{rule.goto}")
    if rule.fwmark is not None:
        lines.append("r mark")
    return lines


def _of_nft(item: NftObject) -> list[str]:
    """Whoever makes the table or a chain is needed by all that is later put into it."""
    if item.what == "table":
        return ["w nft"]
    if item.what == "element":
        own = [f"w nft/set/{item.name}/{element}" for element in item.elements]
    elif item.what == "rule":
        own = [f"w nft/chain/{item.chain}/{item.name}"]
        own += [f"r nft/chain/{item.chain}/{item.after}"] if item.after is not None else []
    else:
        own = [f"w nft/{'chain' if item.what == 'chain' else 'set'}/{item.name}"]
    text = " ".join([item.text, *item.elements])
    used = [f"r nft/set/{name}" for name in _NAMED_SET.findall(text)]
    used += [f"r nft/chain/{name}" for name in _JUMP.findall(text)]
    return [*own, *used, *(["w mark"] if re.search(r"\bmark set\b", text) else [])]
