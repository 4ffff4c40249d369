# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The dead-man switch itself: the shell script ``symmetry-guard`` as it is installed on a managed host.

It is text in a Python file because modules carry Python files only to the host. The script needs a POSIX shell,
coreutils, flock and setsid (util-linux or busybox), and what the recorded inverses call: ip, nft, conntrack, /proc/sys.
It needs neither Python nor the control node.
"""

from __future__ import annotations

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

left() { # centiseconds until the revert; a reboot ends the time, because run-time state is gone with it
    [ "$(field "$PENDING/change" boot)" = "$(boot)" ] || { printf 0; return; }
    read -r up _ </proc/uptime
    read -r deadline <"$PENDING/deadline" || deadline=0.00
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

# ---- the timer

is_timer() { # PID ID: the process waits for the deadline of this change
    [ -r "/proc/$1/cmdline" ] || return 1
    case "$(tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null)" in *" expire $2 "*) return 0 ;; esac
    return 1
}

timer_alive() { # DIRECTORY ID
    read -r kind name 2>/dev/null <"$1/timer" || return 1
    case $kind in
        systemd) systemctl is-active --quiet "$name.timer" || systemctl is-active --quiet "$name.service" ;;
        process) is_timer "$name" "$2" ;;
        *) return 1 ;;
    esac
}

in_systemd() { # PID 1 is systemd, and what it starts sees the network that was changed
    [ -d /run/systemd/system ] && [ "$(readlink /proc/1/ns/net)" = "$(readlink /proc/self/ns/net)" ] &&
        [ "$(readlink /proc/1/ns/mnt)" = "$(readlink /proc/self/ns/mnt)" ]
}

start_timer() { # ID
    if in_systemd; then
        seconds=$(($(left) / 100))
        [ "$seconds" -gt 0 ] || seconds=0
        unit=symmetry-guard-$1
        systemd-run --quiet --collect --unit="$unit" --on-active="${seconds}s" --timer-property=AccuracySec=100ms \
            /bin/sh "$SELF" expire "$1" || die "systemd-run cannot start the timer of $1"
        say "systemd $unit" >"$PENDING/timer"
    else
        # A session of its own, no terminal, no inherited descriptor: neither sshd nor a module ends it.
        (cd / && exec setsid /bin/sh "$SELF" expire "$1" </dev/null >/dev/null 2>&1 9>&-) &
        tries=0
        until timer_alive "$PENDING" "$1"; do
            tries=$((tries + 1))
            [ "$tries" -lt 100 ] || die "the timer of $1 does not start: is setsid installed?"
            sleep 0.05
        done
    fi
}

stop_timer() { # DIRECTORY ID
    read -r kind name 2>/dev/null <"$1/timer" || return 0
    case $kind in
        systemd) systemctl stop "$name.timer" 2>/dev/null ;;
        process) [ "$name" != "$$" ] && is_timer "$name" "$2" && kill -- "-$name" 2>/dev/null ;;
    esac
    return 0
}

cmd_expire() { # ID: wait for the deadline, then revert; ends by itself when the change has ended
    check_id "$1"
    trap '' HUP
    [ "$(pending_id)" = "$1" ] || exit 0
    read -r kind _ 2>/dev/null <"$PENDING/timer" || kind=process
    [ "$kind" = systemd ] || say "process $$" >"$PENDING/timer"
    say -900 2>/dev/null >/proc/self/oom_score_adj
    while [ "$(pending_id)" = "$1" ]; do
        rest=$(left)
        if [ "$rest" -le 0 ]; then
            lock_at_expiry
            # It may have been extended, or have ended, while we waited for the lock.
            [ "$(pending_id)" = "$1" ] || exit 0
            [ "$(left)" -le 0 ] || { exec 9>&-; continue; }
            revert_pending "not confirmed in time"
            exit
        fi
        [ "$rest" -lt 500 ] || rest=500
        sleep "$((rest / 100)).$(printf '%02d' $((rest % 100)))"
    done
}

# ---- taking back

"""
    + UNDO
    + r"""
finish() { # DIRECTORY STATE WHY [SEQUENCE]
    printf 'state: %s\ntime: %s\nwhy: %s\nsequence: %s\n' "$2" "$(now)" "$3" "${4:-0}" | durable "$1/result"
}

archive() { # ID: the one rename that ends the pending change
    mv -T "$PENDING" "$CHANGES/$1" || die "cannot rename $PENDING to $CHANGES/$1: the change is still pending"
    sync_path "$CHANGES"
    sync_path "$DIR"
    stop_timer "$CHANGES/$1" "$1"
}

tell_failed() { # DIRECTORY
    say "this could not be taken back (log: $1/log):" >&2
    while IFS= read -r line; do say "  $line" >&2; done <"$1/failed"
}

revert_pending() { # WHY; the caller holds the lock
    id=$(pending_id)
    check_namespace "$PENDING"
    state=reverted
    run_undo "$PENDING" || state=failed
    finish "$PENDING" "$state" "$1"
    archive "$id"
    if [ "$state" = failed ]; then tell_failed "$CHANGES/$id"; say "change $id is reverted only in part" >&2; exit 3; fi
    say "change $id is reverted: $1"
}

cmd_revert() { # [ID]
    [ -z "$1" ] || check_id "$1"
    lock 90
    id=$(pending_id)
    if [ -n "$id" ] && [ "${1:-$id}" = "$id" ]; then revert_pending "by hand"; return; fi
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
    [ ! -e "$PENDING/reverting" ] || die "too late to $2: $1 is being reverted; 'symmetry-guard revert' finishes it"
    [ "$(field "$PENDING/change" boot)" = "$(boot)" ] ||
        die "too late to $2: the host has rebooted since $1 was armed; 'symmetry-guard revert' takes it back"
}

cmd_confirm() { # [ID]
    [ -z "$1" ] || check_id "$1"
    lock 30
    id=$(pending_id)
    if [ -z "$id" ] || [ "${1:-$id}" != "$id" ]; then not_pending "$1"; fi
    check_alive "$id" confirm
    [ "$(left)" -gt 0 ] || die "too late to confirm: the time of $id is over; 'symmetry-guard revert' takes it back now"
    finish "$PENDING" confirmed "confirmed" "$(sequence)"
    archive "$id"
    say "change $id is confirmed"
}

cmd_extend() { # SECONDS
    case $1 in '' | 0* | *[!0-9]* | ?????*) die "extend needs a number of seconds from 1 to 3600" ;; esac
    [ "$1" -le 3600 ] || die "extend needs a number of seconds from 1 to 3600"
    lock 30
    id=$(pending_id)
    [ -n "$id" ] || die "nothing is pending: $(last_ended)"
    check_alive "$id" extend
    check_namespace "$PENDING"
    if [ "$(left)" -lt "$1"00 ]; then
        read -r up _ </proc/uptime
        say "$((${up%.*} + $1)).${up#*.}" | durable "$PENDING/deadline"
    fi
    timer_alive "$PENDING" "$id" || start_timer "$id"
    say "change $id reverts in $(($(left) / 100)) s unless it is confirmed"
}

# ---- taking back what was confirmed

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
    number=$(field "$dir/result" sequence)
    later=
    for result in "$CHANGES"/*/result; do
        case "$(field "$result" state)" in confirmed | rollback_failed) ;; *) continue ;; esac
        other=$(field "$result" sequence)
        [ "${other:-0}" -le "$number" ] || { name=${result%/result}; later="$later ${name##*/}"; }
    done
    if [ -n "$later" ] && [ "${2:-}" != --force ]; then
        die "change $1 is not the newest, and these may depend on it:$later; roll them back first, or use --force"
    fi
    check_namespace "$dir"
    if ! run_undo "$dir"; then
        finish "$dir" rollback_failed "by hand" "$number"
        tell_failed "$dir"
        exit 3
    fi
    finish "$dir" rolled_back "by hand" "$number"
    say "change $1 is rolled back"
}

# ---- telling

show_titles() { # DIRECTORY
    for file in "$1"/[0-9]*.sh; do
        [ -f "$file" ] && say "    ${file##*/}  $(field "$file" '# title')"
    done
}

cmd_status() {
    id=$(pending_id)
    if [ -z "$id" ]; then say "nothing is pending on $(uname -n): $(last_ended)"; return; fi
    say "change $id is pending on $(uname -n)"
    say "  armed by  $(field "$PENDING/change" by), $(field "$PENDING/change" armed)"
    say "  reason    $(field "$PENDING/change" reason)"
    if [ -e "$PENDING/reverting" ]; then
        say "  a revert has begun: wait for it, or finish it with 'symmetry-guard revert'"
    elif [ "$(field "$PENDING/change" boot)" != "$(boot)" ]; then
        say "  the host has rebooted since: take back what is left of it with 'symmetry-guard revert'"
    elif timer_alive "$PENDING" "$id"; then
        say "  reverts in $(($(left) / 100)) s unless it is confirmed: symmetry-guard confirm"
    else
        say "  NO TIMER IS RUNNING ($(($(left) / 100)) s left): symmetry-guard revert, confirm or extend SECONDS"
    fi
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
        show_titles "$dir"
    done
}

command=${1:-status}
[ $# -eq 0 ] || shift
case $command in
    status | list) "cmd_$command" ;;
    confirm | revert) "cmd_$command" "${1:-}" ;;
    extend | expire | undo) "cmd_$command" "${1:-}" ;;
    rollback) cmd_rollback "${1:-}" "${2:-}" ;;
    start) start_timer "$(pending_id)" ;; # for the module, after it has armed
    -h | --help | help) usage ;;
    *) usage >&2; exit 2 ;;
esac
"""
)
