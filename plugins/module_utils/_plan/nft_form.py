# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Rules of our nft table as nft text, written from the small form of the facts schema. Pure.

The small form is the one description of a rule: it is what a live rule is compared by, since nft prints one rule in
different words from version to version, and what the forecast puts into the facts. Only what our rules hold is known.
"""

from __future__ import annotations

import typing as t

Form = t.Mapping[str, t.Any]
_INTERFACES = ("meta iifname", "meta oifname")


class NotOurs(ValueError):
    """The rule holds something that rules of this collection never hold."""


def form_of(rule: Form) -> Form:
    """What a rule does, without where it stands, what it has counted, and how it was printed."""
    form = {"matches": list(rule.get("matches", ())), "statements": list(rule.get("statements", ()))}
    if rule.get("verdict"):
        form["verdict"] = rule["verdict"]
    return {**form, "counter": True} if rule.get("counter") else form


def text_of(form: Form) -> str:
    """The rule in nft's language, without its comment; raises NotOurs."""
    words = [_match(match) for match in form["matches"]]
    words += ["counter"] if form.get("counter") else []
    words += [_statement(statement) for statement in form["statements"]]
    words += [_verdict(form["verdict"])] if form.get("verdict") else []
    return " ".join(words)


def _match(match: Form) -> str:
    if "left" not in match:
        raise NotOurs(str(match))
    left, op, right, mask = match["left"], match.get("op", "=="), match["right"], match.get("mask")
    if left.startswith("fib ") and isinstance(right, bool):
        return f"{left} {'exists' if right else 'missing'}"
    if isinstance(mask, list):
        return f"{left} & ({'|'.join(mask)}) {op} {right}"
    if mask is not None:
        left = f"{left} & {mask:#010x}"
    sign = "" if op in ("==", "in") and mask is None else f" {'==' if op == 'in' else op}"
    return f"{left.removeprefix('meta ') if left in _INTERFACES else left}{sign} {_right(left, right)}"


def _right(left: str, right: t.Any) -> str:
    if isinstance(right, list):
        if left in ("ct state", "ct status"):
            return ",".join(map(str, right))
        return "{ " + ", ".join(_right(left, one) for one in right) + " }"
    if isinstance(right, dict):
        return f"{right['range'][0]}-{right['range'][1]}"
    return f'"{right}"' if left in _INTERFACES and not str(right).startswith("@") else str(right)


def _statement(statement: Form) -> str:
    do = statement["do"]
    if do in ("set_mark", "set_ct_mark") and isinstance(statement["value"], int):
        what = "meta mark" if do == "set_mark" else "ct mark"
        mask = statement.get("mask", 0xFFFFFFFF)
        if mask == 0xFFFFFFFF:
            return f"{what} set {statement['value']:#010x}"
        return f"{what} set {what} & {~mask & 0xFFFFFFFF:#010x} | {statement['value']:#010x}"
    if do == "set_mss":
        return f"tcp option maxseg size set {statement['value']}"
    if do == "notrack":
        return "notrack"
    raise NotOurs(str(statement))


def _verdict(verdict: Form) -> str:
    do = verdict["do"]
    if do == "vmap" and isinstance(verdict["map"], str):
        key = verdict["key"].removeprefix("meta ") if verdict["key"] in _INTERFACES else verdict["key"]
        mask = f" & {verdict['mask']:#010x}" if "mask" in verdict else ""
        return f"{key}{mask} vmap {verdict['map']}"
    if do in ("jump", "goto"):
        return f"{do} {verdict['target']}"
    if do in ("accept", "drop", "return"):
        return str(do)
    raise NotOurs(str(verdict))
