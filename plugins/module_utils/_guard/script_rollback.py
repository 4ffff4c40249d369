# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The part of the shell script ``symmetry-guard`` that takes back what was confirmed (see script.py).

Which later changes depend on one is decided as in dependency.py, by the same lines of the journal.
"""

from __future__ import annotations

ROLLBACK = r"""# ---- taking back what was confirmed

touches() { # DIRECTORY: what the change touches, a line each; "w " for everything where an inverse does not tell
    for file in "$1"/[0-9]*.sh; do
        [ -f "$file" ] || continue
        sed -n '/^#/!q; s/^# touches: //p' "$file" | grep . || say "w "
    done
}

later_changes() { # SEQUENCE: ids of the changes that are in force and were confirmed after it, oldest first
    for result in "$CHANGES"/*/result; do
        case "$(field "$result" state)" in confirmed | rollback_failed) ;; *) continue ;; esac
        number=$(field "$result" sequence)
        name=${result%/result}
        [ "${number:-0}" -le "$1" ] || say "$number ${name##*/}"
    done | sort -n | cut -d ' ' -f 2
}

dependents() { # ID SEQUENCE: "ID KEY" of each later change that depends on it, newest first
    {
        say "c $1"
        touches "$CHANGES/$1"
        for name in $(later_changes "$2"); do say "c $name"; touches "$CHANGES/$name"; done
    } | awk '
        function overlaps(key, keys, above,    path, parts, count, i) {
            if (key in above || "" in keys) return 1
            count = split(key, parts, "/")
            for (i = 1; i <= count; i++) { path = i == 1 ? parts[1] : path "/" parts[i]; if (path in keys) return 1 }
            return 0
        }
        function put(key, keys, above,    path, parts, count, i) {
            keys[key]; above[""]; above[key]
            count = split(key, parts, "/")
            for (i = 1; i <= count; i++) { path = i == 1 ? parts[1] : path "/" parts[i]; above[path] }
        }
        function settle(    i, kind, key, hit) { # the change whose lines have been read
            for (i = 1; i <= lines; i++) {
                kind = substr(line[i], 1, 1); key = substr(line[i], 3)
                if (overlaps(key, written, written_above) || (kind == "w" && overlaps(key, needed, needed_above))) {
                    if (!hit && seen > 1) found[++dependent] = id " " (key == "" ? "what is not recorded" : key)
                    hit = 1
                }
            }
            if (seen > 1 && !hit) return
            for (i = 1; i <= lines; i++) {
                kind = substr(line[i], 1, 1); key = substr(line[i], 3)
                if (kind == "w") put(key, written, written_above)
                else if (kind == "r" && key !~ /^route\/[46]\/25[345]$/) put(key, needed, needed_above)
            }
        }
        $1 == "c" { if (seen) settle(); seen++; id = $2; lines = 0; next }
        /^[wrh] / { line[++lines] = $0 }
        END { settle(); while (dependent) print found[dependent--] }'
}

check_dependents() { # ID SEQUENCE: die where a later change depends on this one
    held=$(dependents "$1" "$2") || die "awk cannot be run: which later changes depend on $1 is not known; use --force"
    [ -n "$held" ] || return 0
    ids="" why=""
    while read -r name key; do
        ids="$ids${ids:+, }$name"
        why="$why${why:+; }$name touches $key"
    done <<EOF
$held
EOF
    die "change $1 is not the newest, and these may depend on it: $ids; roll them back first in this order," \
        "or use --force. Why: $why"
}

cmd_rollback() { # ID [--force]
    check_id "$1"
    lock 90
    dir=$CHANGES/$1
    [ "$(pending_id)" != "$1" ] || die "change $1 is pending: 'symmetry-guard revert' takes it back"
    [ ! -d "$PENDING" ] || die "change $(pending_id) is pending: confirm or revert it first"
    case "$(field "$dir/result" state)" in
        confirmed | rollback_failed) ;;
        rolled_back | reverted) say "change $1 is already $(field "$dir/result" state)"; return ;;
        failed) die "change $1 was reverted in part: 'symmetry-guard revert $1' finishes it" ;;
        *) die "there is no change $1 on this host" ;;
    esac
    [ "${2:-}" = --force ] || check_dependents "$1" "$(field "$dir/result" sequence)"
    check_namespace "$dir"
    { say 0.00 | durable "$dir/deadline" && now | durable "$dir/rollback"; } 2>/dev/null ||
        die "$DIR is full or cannot be written: nothing was rolled back"
    # It is pending again and overdue: should we be killed, the timer or the next boot finishes what is begun.
    mv -T "$dir" "$PENDING" || die "cannot rename $dir to $PENDING"
    sync_path "$DIR"
    start_timer "$PENDING" "$1"
    revert_pending "by hand"
}

"""
