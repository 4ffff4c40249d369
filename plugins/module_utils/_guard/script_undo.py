# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The part of the shell script ``symmetry-guard`` that runs recorded inverses (see script.py)."""

from __future__ import annotations

UNDO = r"""already() { # COMMAND OUTPUT: what it deletes is absent, or what it adds is there
    case " $1 " in
        *' del '* | *' delete '* | *' flush '* | *'conntrack -D '*)
            case $2 in
                *'No such process'* | *'No such file or directory'* | *'Cannot find device'* | *'does not exist'* | \
                    *'0 flow entries'* | *'Cannot assign requested address'*) return 0 ;;
            esac ;;
        *' add '*) case $2 in *'File exists'*) return 0 ;; esac ;;
    esac
    return 1
}

run() { # COMMAND: one line of an undo file; a failure is noted and does not stop the others
    say "+ $1"
    output=$(set +u; eval "$1" 2>&1 </dev/null)
    status=$?
    [ -z "$output" ] || say "$output"
    [ "$status" -ne 0 ] || return 0
    if already "$1" "$output"; then say "(nothing to do)"; return 0; fi
    say "failed with status $status"
    failures=1
    say "$1: $output" >>"$FAILED"
}

cmd_undo() { # FILE: run one undo file; the lock stays with our parent, so that a daemon cannot inherit it
    exec 9>&-
    failures=0
    FAILED=${1%/*}/failed
    # shellcheck disable=SC1090
    . "$1"
    exit "$failures"
}

left_out() { # DIRECTORY FILE: of a change that a reboot interrupted only what is on disk is there to be taken back
    [ "$1" = "$PENDING" ] && [ ! -e "$1/rollback" ] && [ "$(field "$1/change" boot)" != "$(boot)" ] &&
        ! grep -q '^# on disk$' "$2"
}

mark_reverting() { # DIRECTORY: from here on it can only be taken back; on a full disk a file that is there says so
    marker=$(cat "$1/reverting" 2>/dev/null)
    [ "$marker" != "$(boot)" ] || return 0
    # After a reboot nothing of what was done at run time is left, and files may be older: begin again.
    rm -f "$1"/*.done
    boot | durable "$1/reverting" 2>/dev/null || [ -e "$1/reverting" ] || mv "$1/reverting.ready" "$1/reverting"
}

run_undo() { # DIRECTORY: all inverses, newest first; what is done is marked, so that a second run goes on
    mark_reverting "$1"
    rm -f "$1/failed"
    log=$1/log
    { true >>"$log"; } 2>/dev/null || log=/dev/null # a disk that is full or read-only stops no inverse
    files=
    for file in "$1"/[0-9]*.sh; do [ -f "$file" ] && files="$file
$files"; done
    oldifs=$IFS
    IFS='
'
    incomplete=0
    for file in $files; do
        IFS=$oldifs
        [ -e "$file.done" ] && continue
        if left_out "$1" "$file"; then
            say "${file##*/}: left out, the host has rebooted since" >>"$log" 2>/dev/null
            continue
        fi
        say "$(now) ${file##*/}" >>"$log" 2>/dev/null
        timeout -k 5 "$UNDO_SECONDS" /bin/sh "$SELF" undo "$file" >>"$log" 2>&1
        case $? in
            0) { true >"$file.done"; } 2>/dev/null; continue ;;
            124 | 137) say "${file##*/}: took longer than $UNDO_SECONDS s" >>"$1/failed" ;;
            1) ;;
            *) say "${file##*/}: cannot be run, see $1/log" >>"$1/failed" ;;
        esac
        incomplete=1
    done
    IFS=$oldifs
    [ "$log" = /dev/null ] || sync_path "$log"
    [ "$incomplete" = 0 ]
}
"""
