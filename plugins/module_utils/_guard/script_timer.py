# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The part of the shell script ``symmetry-guard`` that arms a change and waits for its deadline (see script.py).

Where systemd is process 1 of the same network, the waiting is systemd's. Elsewhere two processes wait: the one that
will revert (``expire``), and its parent (``watch``), which starts it anew when it is killed.
"""

from __future__ import annotations

TIMER = r"""# ---- the timer

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

start_timer() { # DIRECTORY ID: of a change that is pending, or will be in a moment
    if in_systemd; then
        seconds=$(($(left "$1") / 100))
        [ "$seconds" -gt 0 ] || seconds=0
        unit=symmetry-guard-$2
        systemctl stop "$unit.timer" 2>/dev/null
        # A revert that is killed is begun again; one that fails has said so and is not.
        systemd-run --quiet --collect --unit="$unit" --on-active="${seconds}s" --timer-property=AccuracySec=100ms \
            --property=Restart=on-abnormal --property=RestartSec=1 \
            /bin/sh "$SELF" expire "$2" || die "systemd-run cannot start the timer of $2"
        say "systemd $unit" >"$1/timer"
    else
        # A session of its own, no terminal, no inherited descriptor: neither sshd nor a module ends it.
        (cd / && exec setsid /bin/sh "$SELF" watch "$2" </dev/null >/dev/null 2>&1 9>&-) &
    fi
}

await_timer() { # ID: of the pending change
    tries=0
    until timer_alive "$PENDING" "$1"; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || die "the timer of $1 does not start: is setsid installed?"
        sleep 0.05
    done
}

stop_timer() { # DIRECTORY ID
    read -r kind name 2>/dev/null <"$1/timer" || return 0
    case $kind in
        systemd) systemctl stop "$name.timer" 2>/dev/null ;;
        process)
            # With its parent, which is of the same process group, or it would be started anew.
            [ "$name" != "$$" ] && is_timer "$name" "$2" && read -r _ _ _ _ group _ 2>/dev/null <"/proc/$name/stat" &&
                kill -- "-$group" 2>/dev/null ;;
    esac
    return 0
}

cmd_arm() { # ID: what the module has written to "arming" becomes the pending change; the module holds the lock
    check_id "$1"
    [ ! -e "$PENDING" ] || die "$PENDING is in the way"
    listing >"$ARMING/before" 2>/dev/null || rm -f "$ARMING/before"
    # The timer first: whoever is killed from here on, no change is pending that nobody would take back.
    start_timer "$ARMING" "$1"
    mv -T "$ARMING" "$PENDING" || die "cannot rename $ARMING to $PENDING"
    sync_path "$DIR"
    await_timer "$1"
}

cmd_watch() { # ID: see to it that somebody waits for the deadline of this change
    check_id "$1"
    trap '' HUP
    say -900 2>/dev/null >/proc/self/oom_score_adj
    tries=0
    until [ "$(pending_id)" = "$1" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || exit 0 # it was not armed after all
        sleep 0.05
    done
    while [ "$(pending_id)" = "$1" ]; do
        /bin/sh "$SELF" expire "$1"
        [ "$(pending_id)" != "$1" ] || sleep 0.2
    done
}

cmd_expire() { # ID: wait for the deadline, then revert; ends by itself when the change has ended
    check_id "$1"
    trap '' HUP
    [ "$(pending_id)" = "$1" ] || exit 0
    read -r kind _ 2>/dev/null <"$PENDING/timer" || kind=process
    # In place: on a full disk a new file of this size may still not be had.
    [ "$kind" = systemd ] || say "process $$" 2>/dev/null >"$PENDING/timer"
    while [ "$(pending_id)" = "$1" ]; do
        rest=$(left "$PENDING")
        if [ "$rest" -le 0 ]; then
            lock_at_expiry
            # It may have been extended, or have ended, while we waited for the lock.
            [ "$(pending_id)" = "$1" ] || exit 0
            [ "$(left "$PENDING")" -le 0 ] || { exec 9>&-; continue; }
            revert_pending "not confirmed in time"
            exit
        fi
        [ "$rest" -lt 500 ] || rest=500
        sleep "$((rest / 100)).$(printf '%02d' $((rest % 100)))"
    done
}

"""
