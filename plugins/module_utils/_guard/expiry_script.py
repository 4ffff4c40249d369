# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The shell script ``symmetry-expiry``: the host ends exceptions at their time by itself, and says so.

Like the guard's script it needs neither Python nor the control node. The time is that of the calendar, as a person gave
it; a clock that jumps moves it.
"""

from __future__ import annotations

EXPIRY = r"""#!/bin/sh
# symmetry-expiry: ends what netpath.symmetry allows on this host until a certain time.
# SPDX-License-Identifier: GPL-3.0-or-later
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
SELF=$(readlink -f "$0")
DIR=${SELF%/*}
REGISTER=$DIR/register

die() { printf 'symmetry-expiry: %s\n' "$*" >&2; exit 1; }

field() { # FILE KEY: the value of the first "KEY: value" line
    [ -r "$1" ] || return 0
    while IFS= read -r line; do
        case $line in "$2: "*) printf '%s' "${line#"$2: "}"; return 0 ;; esac
    done <"$1"
}

in_systemd() { # PID 1 is systemd, and what it starts sees the network that was changed
    [ -d /run/systemd/system ] && [ "$(readlink /proc/1/ns/net)" = "$(readlink /proc/self/ns/net)" ] &&
        [ "$(readlink /proc/1/ns/mnt)" = "$(readlink /proc/self/ns/mnt)" ]
}

is_timer() { # PID ID: the process waits for this entry's end
    case "$(tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null)" in *" expire $2 "*) return 0 ;; esac
    return 1
}

boot() { cat /proc/sys/kernel/random/boot_id; }

runs() { # ID: a timer was started for it in this boot; none outlives a reboot, and what it was to end does neither
    read -r _ _ when _ 2>/dev/null <"$REGISTER/$1.timer" && [ "$when" = "$(boot)" ]
}

left() { # ID: seconds until its end
    deadline=$(field "$REGISTER/$1.entry" deadline)
    printf '%s' $((${deadline:-0} - $(date +%s)))
}

cmd_stop() { # ID
    read -r kind name _ 2>/dev/null <"$REGISTER/$1.timer" || return 0
    rm -f "$REGISTER/$1.timer"
    case $kind in
        systemd) systemctl stop "$name.timer" 2>/dev/null ;;
        process) [ "$name" != "$$" ] && is_timer "$name" "$1" && kill -- "-$name" 2>/dev/null ;;
    esac
    return 0
}

cmd_start() { # ID
    cmd_stop "$1"
    if in_systemd; then
        unit=symmetry-expiry-$1
        systemd-run --quiet --collect --unit="$unit" --on-calendar="@$(field "$REGISTER/$1.entry" deadline)" \
            --timer-property=AccuracySec=1s /bin/sh "$SELF" expire "$1" || die "systemd-run cannot start a timer: $1"
        printf 'systemd %s %s\n' "$unit" "$(boot)" >"$REGISTER/$1.timer"
    else
        # A session of its own, no terminal, no inherited descriptor: neither sshd nor a module ends it.
        (cd / && exec setsid /bin/sh "$SELF" expire "$1" </dev/null >/dev/null 2>&1 9>&-) &
        tries=0
        until read -r kind name _ 2>/dev/null <"$REGISTER/$1.timer" && is_timer "$name" "$1"; do
            tries=$((tries + 1))
            [ "$tries" -lt 100 ] || die "the timer of $1 does not start: is setsid installed?"
            sleep 0.05
        done
    fi
}

tell() { # TEXT: in the log of the host, and in a file of ours
    printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" >>"$DIR/expired.log"
    logger -t netpath-symmetry -p daemon.warning -- "$1" 2>/dev/null
}

end_entry() { # ID: the caller holds the lock
    if /bin/sh "$REGISTER/$1.sh" >"$REGISTER/$1.log" 2>&1; then
        tell "exception $1 ended at its time: $(field "$REGISTER/$1.entry" reason) \
(by $(field "$REGISTER/$1.entry" by))"
        rm -f "$REGISTER/$1.entry" "$REGISTER/$1.sh" "$REGISTER/$1.timer" "$REGISTER/$1.log"
        return 0
    fi
    tell "exception $1 could not be ended, trying again: see $REGISTER/$1.log"
    return 1
}

cmd_expire() { # ID: wait for its end; a revert or a task that runs is waited for
    trap '' HUP
    read -r kind _ 2>/dev/null <"$REGISTER/$1.timer" || kind=process
    [ "$kind" = systemd ] || printf 'process %s %s\n' "$$" "$(boot)" >"$REGISTER/$1.timer"
    while [ -e "$REGISTER/$1.entry" ]; do
        rest=$(left "$1")
        if [ "$rest" -le 0 ]; then
            exec 9>>"$DIR/lock"
            # It may have been given more time, or have gone, while we waited for the lock.
            if flock -w 60 9 && [ -e "$REGISTER/$1.entry" ] && [ "$(left "$1")" -le 0 ]; then
                end_entry "$1" && exit 0
            fi
            exec 9>&-
            rest=10
        fi
        [ "$rest" -lt 30 ] || rest=30
        sleep "$rest"
    done
}

cmd_list() {
    for entry in "$REGISTER"/*.entry; do
        [ -r "$entry" ] || continue
        cat "$entry"
        id=${entry##*/}
        [ -z "$(field "$entry" deadline)" ] || runs "${id%.entry}" || echo "over: the host has rebooted since"
        echo
    done
    return 0
}

command=${1:-list}
case $command in
    list) cmd_list ;;
    start | stop | expire)
        case ${2:-} in '' | .* | -* | *[!A-Za-z0-9._-]*) die "'${2:-}' is not an entry of the register" ;; esac
        "cmd_$command" "$2" ;;
    *) die "usage: symmetry-expiry [list | start ID | stop ID]" ;;
esac
"""
