# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Our nft table in nft's own language: lines of a transaction, and shell commands that take them back.

An inverse must not remove what others have put into our table: elements are deleted one by one by their value,
a rule by its comment, and a set, chain or table only when nothing is left in it.
"""

from __future__ import annotations

import shlex
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import NFT_FAMILY, NFT_TABLE

if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import NftObject, Object

TABLE = f"{NFT_FAMILY} {NFT_TABLE}"
CHUNK = 500  # elements of one shell command: keeps it well below the kernel's 128 KiB for one argument


def transaction_lines(op: str, before: t.Optional[Object], after: t.Optional[Object]) -> list[str]:
    """Lines for ``nft -f`` that make a change of an NftObject."""
    item = _nft(after if after is not None else before)
    if op == "set":
        # Not "replace": nft 1.0.6 gives up over intervals in it ("BUG: unhandled op").
        place = f"rule {TABLE} {item.chain} handle {_nft(before).handle}"
        return [f"add {place} {item.text}", f"delete {place}"]
    verb = "add" if op == "add" else "delete"
    if item.what == "table":
        return [f"{verb} table {TABLE}"]
    if item.what == "element":
        return [f"{verb} element {TABLE} {item.name} {{ {', '.join(item.elements)} }}"]
    if item.what == "rule":
        where = item.chain if op == "add" else f"{item.chain} handle {item.handle}"
        return [f"{verb} rule {TABLE} {where} {item.text}" if op == "add" else f"{verb} rule {TABLE} {where}"]
    body = f" {{ {item.text} }}" if op == "add" else ""
    return [f"{verb} {item.what} {TABLE} {item.name}{body}"]


def undo_commands(op: str, before: t.Optional[Object], after: t.Optional[Object]) -> list[str]:
    """Shell commands that take back a change of an NftObject."""
    item = _nft(after if after is not None else before)
    if op == "set":
        return [_restore_rule(_nft(before)), *_clean_rule(item, True), *_clean_rule(_nft(before), False)]
    if item.what == "element":
        return [*_undo_elements(op, item), *_clean_elements(item, op == "add")]
    if item.what == "rule":
        return [_drop_rule(item) if op == "add" else _put_rule(item), *_clean_rule(item, op == "add")]
    if op == "delete":
        return [f"nft {shlex.quote(line)}" for line in transaction_lines("add", None, item)]
    return [_drop_if_empty(item)]


def _clean_rule(item: NftObject, translated: bool) -> list[str]:
    """What a rule made wrong, once it is taken back (translated) or put back (not): its set still stands then."""
    if item.address is None:
        return []
    return [_clean("snat_" + item.name.partition(":")[2], item.address, translated)]


def _clean_elements(item: NftObject, translated: bool) -> list[str]:
    """The same for elements of a rule that stays. A set of its own tells their destinations from the others."""
    if item.address is None or not item.moved:
        return []
    scratch = f"{item.name}.undo"
    kind = "ipv6_addr" if ":" in item.address else "ipv4_addr"
    commands = [f"nft {shlex.quote(f'add set {TABLE} {scratch} {{ type {kind}; flags interval; }}')}"]
    for start in range(0, len(item.moved), CHUNK):
        part = ", ".join(item.moved[start : start + CHUNK])
        commands.append(f"nft {shlex.quote(f'add element {TABLE} {scratch} {{ {part} }}')}")
    return [*commands, _clean(scratch, item.address, translated), f"nft delete set {TABLE} {scratch}"]


def _clean(set_name: str, address: str, translated: bool) -> str:
    """Delete unreplied conntrack entries to destinations that a set holds, as the kernel itself answers.

    Those that are translated to the address, or those that are not.
    """
    family = 6 if ":" in address else 4
    test = f'[ "$q" = {address} ] && [ "$s" != {address} ]' if translated else f'[ "$q" != {address} ]'
    body = [
        "s=${rest#*src=}; s=${s%% *}; d=${rest#*dst=}; d=${d%% *}; q=${rest##*dst=}; q=${q%% *}",
        f'if {test} && nft get element {TABLE} {set_name} "{{ $d }}" >/dev/null 2>&1; then',
        "set --",
        "for key in sport dport type code id; do",
        '  case " $rest" in *" $key="*) ;; *) continue;; esac',
        '  value=${rest#*" $key="}; option=$key',
        f"  case $key in type|code|id) option={'icmp' if family == 4 else 'icmpv6'}-$key;; esac",
        '  set -- "$@" "--$option" "${value%% *}"',
        "done",
        f'conntrack -D -f ipv{family} -p "$protocol" -s "$s" -d "$d" -q "$q" "$@" >/dev/null 2>&1; fi',
    ]
    listing = f"conntrack -L -f ipv{family} 2>/dev/null | grep -F UNREPLIED"
    loop = "\n".join(body)
    return f"if command -v conntrack >/dev/null; then {listing} | while read -r protocol rest; do\n{loop}\ndone; fi; :"


def _nft(item: t.Optional[Object]) -> NftObject:
    from ansible_collections.netpath.symmetry.plugins.module_utils._plan.change import NftObject

    if not isinstance(item, NftObject):
        raise TypeError(f"only nft objects are changed with nft, not {item!r}")
    return item


def _undo_elements(op: str, item: NftObject) -> list[str]:
    """All at once where that works; one by one where somebody has taken or brought some of them meanwhile."""
    verb = "delete" if op == "add" else "add"
    commands = []
    for start in range(0, len(item.elements), CHUNK):
        part = item.elements[start : start + CHUNK]
        together = shlex.quote(f"{verb} element {TABLE} {item.name} {{ {', '.join(part)} }}")
        single = f'nft "{verb} element {TABLE} {item.name} {{ $e }}" 2>/dev/null || :'
        commands.append(f"nft {together} 2>/dev/null || for e in {shlex.join(part)}; do {single}; done")
    return commands


def _handle_of(chain: str, comment: str) -> str:
    comment = comment.replace(".", "\\.")
    pattern = f's/.* comment "{comment}" # handle \\([0-9]*\\)$/\\1/p'
    return f"$(nft -a list chain {TABLE} {chain} 2>/dev/null | sed -n {shlex.quote(pattern)})"


def _drop_rule(item: NftObject) -> str:
    return f"for h in {_handle_of(item.chain, item.name)}; do nft delete rule {TABLE} {item.chain} handle $h; done"


def _put_rule(item: NftObject) -> str:
    """Put a deleted rule back behind its old predecessor, or first; one that stands already is moved there."""
    text = shlex.quote(item.text)
    rule = f"rule {TABLE} {item.chain}"
    put = f"nft insert {rule} {text} $old"
    if item.after is not None:
        put = f"a={_handle_of(item.chain, item.after)}; nft add {rule} ${{a:+handle $a}} {text} $old"
    standing = f"for h in {_handle_of(item.chain, item.name)}"
    return f'old=; {standing}; do old="$old ; delete {rule} handle $h"; done; {put}'


def _restore_rule(item: NftObject) -> str:
    """Give a rule its old text where it stands; one that has gone becomes the first."""
    text = shlex.quote(item.text)
    place = f"rule {TABLE} {item.chain} handle $h"
    replace = f"nft add {place} {text} \\; delete {place}"
    insert = f"nft insert rule {TABLE} {item.chain} {text}"
    return f'h={_handle_of(item.chain, item.name)}; if [ -n "$h" ]; then {replace}; else {insert}; fi'


def _drop_if_empty(item: NftObject) -> str:
    what = f"{item.what} {TABLE} {item.name}".rstrip()
    content = {
        "set": "elements = ",
        "map": "elements = ",
        "chain": "[^{] # handle [0-9]*$",
        "table": "^[[:space:]]*\\(set\\|map\\|chain\\|flowtable\\|counter\\) ",
    }[item.what]
    count = f"$(nft -a list {what} 2>/dev/null | grep -c {shlex.quote(content)})"
    return f'if nft list {what} >/dev/null 2>&1 && [ "{count}" -eq 0 ]; then nft delete {what}; fi'
