# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The shell script ``symmetry-uplink-watch``: a host watches its own uplinks and fails over by itself.

Like the guard's script it needs neither Python nor the control node: ip, ping, conntrack, awk and flock. What it has
switched is written to its directory before it is done, so that a watcher that was killed goes on, and goes home. That
directory is in the state directory, with the boot it is of: after a reboot nothing of what was switched is left.
"""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import PROTOCOL, SCOPES
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.uplink_watch_script_probe import PROBE
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.uplink_watch_script_stranded import STRANDED
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.uplink_watch_script_switch import SWITCH

_HEAD = f"""#!/bin/sh
# symmetry-uplink-watch: watches the uplinks of this host, and fails over where one is dead (netpath.symmetry).
# SPDX-License-Identifier: GPL-3.0-or-later
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
PROTO={PROTOCOL}
PROBES={SCOPES["uplink_probe"][0]} # the rule and the table by which uplink N is probed are this plus N
PROBES_END={SCOPES["uplink_probe"][1]}
SWITCH={SCOPES["uplink_watch"][0]} # the rule that looks into main, and the next one, which leads elsewhere
SWITCH_END={SCOPES["uplink_watch"][1]}
"""

_DECLARED = r"""SELF=$(readlink -f "$0")
DIR=${SELF%/*}
CONF=$DIR/uplink-watch.conf
RUN=$DIR/uplink-watch
UNIT=symmetry-uplink-watch.service
DEFAULT=$((SWITCH + 1)) # this table holds the default route of the uplink that is used instead

die() { printf 'symmetry-uplink-watch: %s\n' "$*" >&2; exit 1; }
now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

tell() { # TEXT: to the journal, which is our output where systemd runs us
    printf '%s\n' "$1"
    [ -n "${JOURNAL_STREAM:-}" ] || logger -t symmetry-uplink-watch -p daemon.warning -- "$1" 2>/dev/null
    return 0
}

in_systemd() { # PID 1 is systemd, and what it starts sees our network and our files
    [ -d /run/systemd/system ] && [ "$(readlink /proc/1/ns/net)" = "$(readlink /proc/self/ns/net)" ] &&
        [ "$(readlink /proc/1/ns/mnt)" = "$(readlink /proc/self/ns/mnt)" ]
}

# ---- what is declared

load() { # the declared uplinks, as variables with their numbers
    COUNT=0
    while read -r key rest; do
        # shellcheck disable=SC2086
        set -- $rest
        case $key in
            interval) INTERVAL=$1 ;;
            timeout) TIMEOUT=$1 ;;
            stranded) STRANDED=$1 LIMIT=$2 ;;
            uplink)
                COUNT=$((COUNT + 1))
                eval "id_$COUNT=\$1 family_$COUNT=\$2 interface_$COUNT=\$3 gateway_$COUNT=\$4 need_$COUNT=\$5" \
                    "fall_$COUNT=\$6 rise_$COUNT=\$7 ask_$COUNT=\$8 state_$COUNT=up bad_$COUNT=0 good_$COUNT=0" \
                    "since_$COUNT= why_$COUNT="
                shift 8
                eval "targets_$COUNT=\$*" ;;
        esac
    done <"$CONF" || die "$CONF cannot be read"
    [ "$COUNT" -gt 0 ] || die "$CONF declares no uplink"
}

uplink() { # N: its variables without the number
    eval "ID=\$id_$1 FAMILY=\$family_$1 INTERFACE=\$interface_$1 GATEWAY=\$gateway_$1 NEED=\$need_$1" \
        "FALL=\$fall_$1 RISE=\$rise_$1 ASK=\$ask_$1 TARGETS=\$targets_$1" \
        "STATE=\$state_$1 BAD=\$bad_$1 GOOD=\$good_$1 SINCE=\$since_$1 WHY=\$why_$1"
    VIA=
    [ "$GATEWAY" = - ] || VIA="via $GATEWAY"
}

numbers() { seq 1 "$COUNT"; }

"""

_WATCH = r"""# ---- the watch

act() { # make the host what the states of the uplinks ask for; right whatever was done before
    switched=0
    for family in 4 6; do
        other=$(first_up $family)
        for number in $(numbers); do
            uplink "$number"
            [ "$FAMILY" = $family ] || continue
            if [ "$STATE" = down ] && [ -n "$other" ]; then
                printf '%s %s %s\n' "$STATE" "$SINCE" "$INTERFACE" | write "$RUN/$ID.state"
                take_out "$number"
            else
                # Where no uplink is left there is nothing to fail over to, and all is as it was.
                put_back "$number"
                [ "$STATE" = down ] || { rm -f "$RUN/$ID.state"; remember "$number"; }
            fi
        done
        if main_is_dead $family && [ -n "$other" ]; then
            steer $family "$other"
        elif [ "$first" = 1 ] || [ -e "$RUN/ipv$family.by" ]; then
            unsteer $family
        fi
        [ "$switched" = 0 ] || eval "left_$family=1"
    done
    if [ "$STRANDED" = delete ]; then
        for family in 4 6; do
            eval "left=\$left_$family"
            if [ "$left" = 1 ] && stranded $family; then eval "left_$family=0"; fi
        done
    fi
    first=0
}

report() { # for a person at the console
    {
        printf 'watched at %s by process %s, every %s s\n' "$(now)" "$$" "$INTERVAL"
        for n in $(numbers); do
            uplink "$n"
            printf '%s %s %s: %s%s%s' "$ID" "$INTERFACE" "$STATE" "$WHY" "${SINCE:+, since }" "$SINCE"
            [ ! -s "$RUN/$ID.routes" ] || printf ', %s of our routes are out' "$(wc -l <"$RUN/$ID.routes")"
            echo
        done
        for family in 4 6; do
            if [ -e "$RUN/ipv$family.by" ]; then
                uplink "$(cat "$RUN/ipv$family.by")"
                echo "IPv$family: $ID ($INTERFACE) is used instead of main's default route"
            fi
        done
        [ "$held" = 0 ] || echo "nothing is switched while a change is pending (symmetry-guard status)"
        echo "stranded connection tracking entries deleted since the start: $deleted"
    } | write "$RUN/status"
}

take_lock() { # one watcher; its pings do not hold the lock
    mkdir -p "$RUN" || die "$RUN cannot be made"
    exec 9>>"$RUN/lock"
    # Who only asks whether one runs holds it for a moment, and so does what a killed watcher has left running.
    flock -w 5 9 || die "a watcher runs already: symmetry-uplink-watch status"
}

same_boot() { # forget what another boot has left, which the kernel has forgotten, too
    boot=$(cat /proc/sys/kernel/random/boot_id)
    [ "$(cat "$RUN/boot" 2>/dev/null)" = "$boot" ] && return
    find "$RUN" -type f ! -name lock -exec rm -f {} +
    echo "$boot" >"$RUN/boot"
}

recall() { # what an earlier watcher has switched; what is not declared any more goes home
    for n in $(numbers); do
        uplink "$n"
        read -r state since interface 2>/dev/null <"$RUN/$ID.state" || continue
        if [ "$interface" = "$INTERFACE" ]; then eval "state_$n=\$state since_$n=\$since"; else forget "$ID"; fi
    done
    for file in "$RUN"/*.routes "$RUN"/*.state; do
        [ -e "$file" ] || continue
        name=${file##*/} name=${name%.*}
        declared=0
        for n in $(numbers); do
            uplink "$n"
            [ "$ID" != "$name" ] || declared=1
        done
        [ "$declared" = 1 ] || forget "$name"
    done
}

forget() { # ID: put its routes back, whether they can be had or not it is no longer ours to watch
    FAMILY=${1##*-}
    [ ! -e "$RUN/$1.routes" ] || add_routes "$RUN/$1.routes" || tell "uplink $1: not all routes can be put back: $said"
    rm -f "$RUN/$1".*
}

cmd_run() {
    take_lock
    load
    same_boot
    recall
    trap 'exit 0' TERM INT
    trap '' HUP
    first=1 deleted=0 held=0 left_4=0 left_6=0
    set_probes
    echo "$$" >"$RUN/pid"
    tell "watching $COUNT uplinks every $INTERVAL s"
    while :; do
        sleep "$INTERVAL" 9>&- &
        tick=$!
        probe
        # A change that is being proven, or taken back, must find the routes it knows.
        if [ -d "$DIR/pending" ]; then held=1; else held=0; act; fi
        report
        wait $tick
    done
}

running() { [ -e "$RUN/lock" ] && ! flock -s -n "$RUN/lock" true; } # shared: two that ask do not meet

cmd_running() { running; }

cmd_status() {
    [ ! -r "$RUN/status" ] || cat "$RUN/status"
    running || { echo "the watcher does not run"; exit 3; }
    ! grep -q ' down: ' "$RUN/status" 2>/dev/null
}

cmd_start() { # it returns when the watcher has begun
    cmd_stop
    rm -f "$RUN/pid"
    if in_systemd; then
        systemctl daemon-reload && systemctl start $UNIT || die "systemd cannot start $UNIT: systemctl status $UNIT"
    else
        # A session of its own, no terminal, no inherited descriptor: neither sshd nor a module ends it.
        (cd / && exec setsid /bin/sh "$SELF" run </dev/null >/dev/null 2>&1 9>&-) &
    fi
    tries=0
    until running && [ -s "$RUN/pid" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || die "the watcher does not start: see the log of the host"
        sleep 0.05
    done
}

cmd_stop() { # what is switched stays so; "home" takes it back
    if in_systemd; then
        [ ! -e "/etc/systemd/system/$UNIT" ] || systemctl stop $UNIT 2>/dev/null
    elif running && pid=$(cat "$RUN/pid" 2>/dev/null); then
        case "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)" in
            *"symmetry-uplink-watch run "*) kill -- "$pid" 2>/dev/null ;;
        esac
    fi
    tries=0
    while running; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || die "the watcher does not end: its process is $(cat "$RUN/pid")"
        sleep 0.05
    done
    return 0
}

cmd_home() { # the watcher stops, and all it has switched is put back
    cmd_stop
    [ -d "$RUN" ] || return 0
    take_lock
    same_boot
    switched=0
    for file in "$RUN"/*.routes; do
        [ ! -e "$file" ] || { name=${file##*/}; forget "${name%.routes}"; }
    done
    unsteer 4
    unsteer 6
    drop_probes
    rm -rf "$RUN"
}

command=${1:-status}
case $command in
    status | start | stop | home | run | running) "cmd_$command" ;;
    *) die "usage: symmetry-uplink-watch [status | start | stop | home]" ;;
esac
"""

SCRIPT = _HEAD + _DECLARED + PROBE + SWITCH + STRANDED + _WATCH
