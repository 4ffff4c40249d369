# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The dead-man switch itself: the shell script ``symmetry-guard`` as it is installed on a managed host.

It is text in a Python file because modules carry Python files only to the host. The script needs a POSIX shell,
coreutils, flock and setsid (util-linux or busybox), and what the recorded inverses call: ip, nft, conntrack, /proc/sys.
It needs neither Python nor the control node.
"""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.script_foreign import FOREIGN
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.script_rollback import ROLLBACK
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.script_timer import TIMER
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.script_undo import UNDO

SCRIPT = (
    r"""#!/bin/sh
# symmetry-guard: the dead-man switch of netpath.symmetry on this host.
# A change that is pending here is taken back when nobody confirms it in time.
# SPDX-License-Identifier: GPL-3.0-or-later
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
SELF=$(readlink -f "$0")
DIR=${SELF%/*}
PENDING=$DIR/pending
ARMING=$DIR/arming
CHANGES=$DIR/changes
UNDO_SECONDS=60 # one inverse takes no longer; then the next one has its turn

usage() {
    cat <<'EOF'
usage: symmetry-guard status                  what is pending, by whom, and the seconds left
       symmetry-guard confirm [ID]            keep the pending change
       symmetry-guard extend SECONDS          give it SECONDS from now (never less than it has)
       symmetry-guard revert [ID]             take the pending change back now, or finish a revert that was interrupted
       symmetry-guard rollback ID [--force]   take back a change that was confirmed
       symmetry-guard list                    pending and past changes with what they recorded
EOF
}

die() { printf 'symmetry-guard: %s\n' "$*" >&2; exit 1; }
say() { printf '%s\n' "$*"; }
now() { date -u +%Y-%m-%dT%H:%M:%SZ; }
boot() { cat /proc/sys/kernel/random/boot_id; }

field() { # FILE KEY: the value of the first "KEY: value" line
    [ -r "$1" ] || return 0
    while IFS= read -r line; do
        case $line in "$2: "*) printf '%s' "${line#"$2: "}"; return 0 ;; esac
    done <"$1"
}

durable() { # FILE: standard input becomes its content, the old or the new after a power cut
    cat >"$1.new" && sync_path "$1.new" && mv -f "$1.new" "$1" && sync_path "${1%/*}"
}

sync_path() { sync "$1" 2>/dev/null || sync; }

centiseconds() { # 12.34 -> 1234; /proc/uptime and the deadline always have two decimals
    printf '%s' "${1%.*}${1#*.}"
}

left() { # DIRECTORY: centiseconds until the revert; a reboot ends the time, for run-time state is gone with it
    [ "$(field "$1/change" boot)" = "$(boot)" ] || { printf 0; return; }
    read -r up _ </proc/uptime
    read -r deadline <"$1/deadline" || deadline=0.00
    printf '%s' $(($(centiseconds "$deadline") - $(centiseconds "$up")))
}

pending_id() { field "$PENDING/change" id; }

check_id() { case $1 in '' | .* | -* | *[!A-Za-z0-9._-]*) die "'$1' is not the id of a change" ;; esac; }

# ---- the lock: whoever ends a change holds it, so exactly one of confirm and revert wins

lock() { # SECONDS
    [ -w "$DIR" ] || die "$DIR is not writable: run this as root"
    trap '' HUP PIPE # what is begun is finished, also when it cuts off the session it runs in
    exec 9>>"$DIR/lock"
    flock -w "$1" 9 && return
    die "$DIR/lock is held for more than $1 s: a task or a revert is running, try again"
}

lock_at_expiry() { # a task that hangs while it applies must not keep the change alive
    exec 9>>"$DIR/lock"
    flock -w 15 9 && return
    read -r holder 2>/dev/null <"$PENDING/applying" && kill -9 "$holder" 2>/dev/null
    flock 9
}

check_namespace() { # DIRECTORY: inverses are right only where the change was made
    [ "$(field "$1/change" boot)" = "$(boot)" ] || return 0
    there=$(field "$1/change" netns)
    here=$(readlink /proc/self/ns/net)
    [ "$there" = "$here" ] || die "this change was made in the network namespace $there and this is $here: \
enter that namespace first (nsenter --net=/proc/PID/ns/net with a process of it)"
}

"""
    + TIMER
    + FOREIGN
    + r"""# ---- taking back

"""
    + UNDO
    + r"""
finish() { # DIRECTORY STATE WHY [SEQUENCE]; on a full disk with what was written when the change was armed
    printf 'state: %s\ntime: %s\nwhy: %s\nsequence: %s\n' "$2" "$(now)" "$3" "${4:-0}" |
        durable "$1/result" 2>/dev/null || mv -f "$1/outcome.$2" "$1/result"
}

archive() { # ID: the one rename that ends the pending change
    mv -T "$PENDING" "$CHANGES/$1" || die "cannot rename $PENDING to $CHANGES/$1: the change is still pending"
    sync_path "$CHANGES"
    sync_path "$DIR"
    make_up_for "$CHANGES/$1"
    stop_timer "$CHANGES/$1" "$1"
}

make_up_for() { # DIRECTORY: interfaces that came up meanwhile got no routes, as nobody knew yet which would last
    [ -e "$1/left_out" ] && [ -f "$DIR/symmetry-restore" ] || return 0
    /bin/sh "$DIR/symmetry-restore" routes >/dev/null 2>&1 9>&- || :
}

tell_failed() { # DIRECTORY
    say "this could not be taken back (log: $1/log):" >&2
    while IFS= read -r line; do say "  $line" >&2; done <"$1/failed"
}

revert_pending() { # WHY; the caller holds the lock
    id=$(pending_id)
    check_namespace "$PENDING"
    good=reverted bad=failed number=0
    if [ -e "$PENDING/rollback" ]; then
        good=rolled_back bad=rollback_failed number=$(field "$PENDING/result" sequence)
    fi
    state=$good
    run_undo "$PENDING" || state=$bad
    [ -e "$PENDING/rollback" ] || list_foreign "$PENDING"
    finish "$PENDING" "$state" "$1" "$number"
    archive "$id"
    if [ "$state" = "$bad" ]; then
        tell_failed "$CHANGES/$id"
        say "change $id is taken back only in part" >&2
        exit 3
    fi
    tell_foreign "$CHANGES/$id"
    if [ "$state" = rolled_back ]; then say "change $id is rolled back"; else say "change $id is reverted: $1"; fi
}

due_now() { # the timer takes over should we be killed
    read -r up _ </proc/uptime
    say "$up" | durable "$PENDING/deadline" 2>/dev/null
}

cmd_revert() { # [ID]
    [ -z "$1" ] || check_id "$1"
    lock 90
    id=$(pending_id)
    if [ -n "$id" ] && [ "${1:-$id}" = "$id" ]; then
        due_now
        revert_pending "by hand"
        return
    fi
    [ -n "$1" ] || { say "nothing is pending"; return; }
    case "$(field "$CHANGES/$1/result" state)" in
        reverted) say "change $1 is already reverted" ;;
        failed)
            check_namespace "$CHANGES/$1"
            run_undo "$CHANGES/$1" || { tell_failed "$CHANGES/$1"; exit 3; }
            finish "$CHANGES/$1" reverted "by hand, after a revert that failed in part"
            say "change $1 is reverted" ;;
        '') die "there is no change $1 on this host" ;;
        rolled_back) say "change $1 is already rolled back" ;;
        *) die "change $1 is not pending, it was confirmed: 'symmetry-guard rollback $1' takes it back" ;;
    esac
}

# ---- keeping

not_pending() { # [ID]: why there is nothing to confirm
    [ -n "$1" ] || die "nothing is pending: $(last_ended)"
    [ -d "$CHANGES/$1" ] || die "there is no change $1 on this host"
    [ "$(field "$CHANGES/$1/result" state)" != confirmed ] || { say "change $1 is already confirmed"; exit 0; }
    die "too late: change $1 is $(field "$CHANGES/$1/result" state) since $(field "$CHANGES/$1/result" time)" \
        "($(field "$CHANGES/$1/result" why))"
}

last_ended() {
    # shellcheck disable=SC2012 # ids hold no character that ls would garble
    newest=$(ls -t "$CHANGES" 2>/dev/null | head -n 1)
    [ -n "$newest" ] || { printf 'no change was ever armed here'; return; }
    printf 'the last change %s is %s since %s' "$newest" "$(field "$CHANGES/$newest/result" state)" \
        "$(field "$CHANGES/$newest/result" time)"
}

sequence() { # the number of the next confirmed change; clocks may jump, this does not
    highest=0
    for result in "$CHANGES"/*/result; do
        number=$(field "$result" sequence)
        [ "${number:-0}" -gt "$highest" ] && highest=$number
    done
    printf '%s' $((highest + 1))
}

check_alive() { # ID VERB: the pending change can still be kept
    if [ -e "$PENDING/reverting" ] || [ -e "$PENDING/rollback" ]; then
        die "too late to $2: $1 is being reverted; 'symmetry-guard revert' finishes it"
    fi
    [ "$(field "$PENDING/change" boot)" = "$(boot)" ] ||
        die "too late to $2: the host has rebooted since $1 was armed; 'symmetry-guard revert' takes it back"
}

cmd_confirm() { # [ID]
    [ -z "$1" ] || check_id "$1"
    lock 30
    id=$(pending_id)
    if [ -z "$id" ] || [ "${1:-$id}" != "$id" ]; then not_pending "$1"; fi
    check_alive "$id" confirm
    [ "$(left "$PENDING")" -gt 0 ] ||
        die "too late to confirm: the time of $id is over; 'symmetry-guard revert' takes it back now"
    finish "$PENDING" confirmed "confirmed" "$(sequence)" || die "the journal in $DIR cannot be written"
    archive "$id"
    say "change $id is confirmed"
}

check_seconds() { # SECONDS VERB
    case $1 in '' | 0* | *[!0-9]* | ?????*) die "$2 needs a number of seconds from 1 to 3600" ;; esac
    [ "$1" -le 3600 ] || die "$2 needs a number of seconds from 1 to 3600"
}

give() { # SECONDS from now, where it has less; and somebody who waits for them; the caller holds the lock
    if [ "$(left "$PENDING")" -lt "$1"00 ]; then
        read -r up _ </proc/uptime
        say "$((${up%.*} + $1)).${up#*.}" | durable "$PENDING/deadline" 2>/dev/null ||
            die "the deadline cannot be moved: $DIR is full or cannot be written"
        # systemd counts from the start of a timer: it gets another one.
        case $(cat "$PENDING/timer" 2>/dev/null) in systemd*) start_timer "$PENDING" "$id" ;; esac
    fi
    timer_alive "$PENDING" "$id" || { start_timer "$PENDING" "$id"; await_timer "$id"; }
}

cmd_extend() { # SECONDS
    check_seconds "$1" extend
    lock 30
    id=$(pending_id)
    [ -n "$id" ] || die "nothing is pending: $(last_ended)"
    check_alive "$id" extend
    check_namespace "$PENDING"
    give "$1"
    say "change $id reverts in $(($(left "$PENDING") / 100)) s unless it is confirmed"
}

cmd_prepare() { # ID SECONDS: promise that a confirm within SECONDS will be taken
    check_id "$1"
    check_seconds "$2" prepare
    lock 30
    id=$(pending_id)
    [ "$id" = "$1" ] || not_pending "$1"
    check_alive "$id" prepare
    check_namespace "$PENDING"
    [ "$(left "$PENDING")" -gt 0 ] || die "too late to prepare: the time of $id is over"
    give "$2"
    now | durable "$PENDING/prepared" 2>/dev/null || die "$DIR is full or cannot be written: $id cannot be confirmed"
    say "change $id can be confirmed within $(($(left "$PENDING") / 100)) s"
}

"""
    + ROLLBACK
    + r"""# ---- telling

show_titles() { # DIRECTORY
    for file in "$1"/[0-9]*.sh; do
        [ ! -f "$file" ] || say "    ${file##*/}  $(field "$file" '# title')"
    done
}

cmd_status() {
    id=$(pending_id)
    if [ -z "$id" ]; then say "nothing is pending on $(uname -n): $(last_ended)"; return; fi
    say "change $id is pending on $(uname -n)"
    say "  armed by  $(field "$PENDING/change" by), $(field "$PENDING/change" armed)"
    say "  reason    $(field "$PENDING/change" reason)"
    members=$(field "$PENDING/change" hosts)
    [ -z "$members" ] || say "  hosts     $members: all of them keep it, or none"
    if [ -e "$PENDING/reverting" ] || [ -e "$PENDING/rollback" ]; then
        say "  a revert has begun: wait for it, or finish it with 'symmetry-guard revert'"
    elif [ "$(field "$PENDING/change" boot)" != "$(boot)" ]; then
        say "  the host has rebooted since: take back what is left of it with 'symmetry-guard revert'"
    elif timer_alive "$PENDING" "$id"; then
        say "  reverts in $(($(left "$PENDING") / 100)) s unless it is confirmed: symmetry-guard confirm"
    else
        say "  NO TIMER IS RUNNING ($(($(left "$PENDING") / 100)) s left): symmetry-guard revert," \
            "confirm or extend SECONDS"
    fi
    [ "$(field "$PENDING/change" boot)" != "$(boot)" ] || say "  a reboot  $(field "$PENDING/change" at_reboot)"
    say "  takes back, from the last to the first:"
    show_titles "$PENDING"
}

cmd_list() {
    [ -z "$(pending_id)" ] || { cmd_status; say ""; }
    for dir in "$CHANGES"/*/; do
        dir=${dir%/}
        [ -f "$dir/change" ] || continue
        say "${dir##*/}  $(field "$dir/result" state) $(field "$dir/result" time)" \
            " by $(field "$dir/change" by): $(field "$dir/change" reason)"
        members=$(field "$dir/change" hosts)
        [ -z "$members" ] || say "    hosts: $members"
        show_titles "$dir"
        tell_foreign "$dir"
    done
}

command=${1:-status}
[ $# -eq 0 ] || shift
case $command in
    status | list) "cmd_$command" ;;
    confirm | revert) "cmd_$command" "${1:-}" ;;
    extend | expire | undo) "cmd_$command" "${1:-}" ;;
    rollback) cmd_rollback "${1:-}" "${2:-}" ;;
    arm | watch) "cmd_$command" "${1:-}" ;; # for the module and for ourselves
    prepare) cmd_prepare "${1:-}" "${2:-}" ;;
    -h | --help | help) usage ;;
    *) usage >&2; exit 2 ;;
esac
"""
)
