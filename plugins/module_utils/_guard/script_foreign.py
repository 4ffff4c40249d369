# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The part of the shell script ``symmetry-guard`` that tells what others changed while a change was pending.

The network is listed when a change is armed and once more when it has been taken back. Our own objects are then what
they were, so whatever differs was done by somebody else, and stays.
"""

from __future__ import annotations

FOREIGN = r"""# ---- what others did meanwhile

FOREIGN_LINES=200 # told at most; a routing daemon may change thousands

listing() { # rules, routes and nft rules, sorted, one a line with its place, without what counts or runs down
    {
        for family in 4 6; do
            ip "-$family" rule show | sed "s/^/rule $family: /"
            ip "-$family" route show table all | sed "s/ expires [0-9]*sec//; s/^/route $family: /"
        done
        if command -v nft >/dev/null; then
            nft -s list ruleset | sed 's/ expires [0-9a-z]*//g' | awk '
                { gsub(/^[ \t]+|[ \t]+$/, "") }
                /\{$/ { place[++depth] = $0; sub(/ \{$/, "", place[depth]); next }
                /^\}/ { if (depth) depth--; next }
                /./ { at = ""; for (i = 1; i <= depth; i++) at = at place[i] ": "; print "nft " at $0 }'
        fi
    } 2>/dev/null | tr -s ' \t' '  ' | sed 's/ $//' | sort
}

list_foreign() { # DIRECTORY: "+ ..." and "- ..." lines into its file "foreign"; none where the host has rebooted
    [ -s "$1/before" ] && [ "$(field "$1/change" boot)" = "$(boot)" ] || return 0
    listing >"$1/after" 2>/dev/null || return 0
    {
        comm -13 "$1/before" "$1/after" | sed 's/^/+ /'
        comm -23 "$1/before" "$1/after" | sed 's/^/- /'
    } 2>/dev/null | {
        count=0
        while IFS= read -r line; do
            count=$((count + 1))
            [ "$count" -gt "$FOREIGN_LINES" ] || say "$line"
        done
        [ "$count" -le "$FOREIGN_LINES" ] || say "($((count - FOREIGN_LINES)) more)"
    } >"$1/foreign" 2>/dev/null
    rm -f "$1/after" "$1/before"
}

tell_foreign() { # DIRECTORY
    [ -s "$1/foreign" ] || return 0
    say "others changed this meanwhile, and it was left as it is:"
    while IFS= read -r line; do say "  $line"; done <"$1/foreign"
}

"""
