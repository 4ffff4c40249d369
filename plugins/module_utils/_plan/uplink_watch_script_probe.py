# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The part of ``symmetry-uplink-watch`` that asks and judges the uplinks (see uplink_watch_script.py)."""

from __future__ import annotations

PROBE = r"""# ---- probes, which go through the uplink whatever the routes of the host are

default_by() { # TABLE: the uplink's default route, the only one there
    # shellcheck disable=SC2086
    ip "-$FAMILY" route replace default $VIA dev "$INTERFACE" table "$1" proto $PROTO 2>/dev/null ||
        ip "-$FAMILY" route replace default $VIA dev "$INTERFACE" onlink table "$1" proto $PROTO 2>/dev/null
}

check_probes() { # managers of networks remove rules that they have not made
    there=$({ ip -4 rule show; ip -6 rule show; } 2>/dev/null |
        awk -F: -v low="$PROBES" -v high="$PROBES_END" '$1 >= low && $1 <= high' | wc -l)
    [ "$there" = "$probes" ] || set_probes
}

set_probes() { # rules that lead what is bound to the uplink's interface and goes to a target through the uplink
    drop_probes
    probes=0
    for n in $(numbers); do
        uplink "$n"
        default_by $((PROBES + n))
        for target in $TARGETS; do
            probes=$((probes + 1))
            ip "-$FAMILY" rule add pref $((PROBES + n)) to "$target" oif "$INTERFACE" lookup $((PROBES + n)) \
                protocol $PROTO
        done
    done
}

drop_probes() {
    for family in 4 6; do
        ip "-$family" rule show 2>/dev/null | while IFS=: read -r pref _; do
            if [ "$pref" -ge "$PROBES" ] && [ "$pref" -le "$PROBES_END" ]; then
                ip "-$family" rule del pref "$pref" protocol $PROTO
                ip "-$family" route flush table "$pref" proto $PROTO 2>/dev/null
            fi
        done
    done
}

changes() { # how often the link of INTERFACE has gone or come
    cat "/sys/class/net/$INTERFACE/carrier_changes" 2>/dev/null
}

carrier() { # of INTERFACE; reading it fails while the interface is down
    [ "$(cat "/sys/class/net/$INTERFACE/carrier" 2>/dev/null)" = 1 ]
}

probe() { # one round: ask all at once, then judge each uplink
    all_well=1
    for n in $(numbers); do eval "[ \$bad_$n = 0 ] || all_well=0"; done
    [ "$all_well" = 1 ] || check_probes
    asked=
    for n in $(numbers); do
        uplink "$n"
        eval "ok_$n=0 asks_$n=0 gate_$n=yes link_$n=yes"
        if ! carrier; then eval "link_$n=no"; continue; fi
        now=$(changes)
        eval "then=\${changes_$n:-}"
        if [ "$BAD" != 0 ] || [ "$now" != "$then" ]; then # a link that was down has taken it along
            default_by $((PROBES + n))
            eval "changes_$n=\$now"
        fi
        if [ "$ASK" = 1 ]; then
            ping "-$FAMILY" -q -c 1 -W "$TIMEOUT" -I "$INTERFACE" "$GATEWAY" >/dev/null 2>&1 9>&- &
            asked="$asked $n,$!,gate"
        fi
        for target in $TARGETS; do
            ping "-$FAMILY" -q -c 1 -W "$TIMEOUT" -I "$INTERFACE" "$target" >/dev/null 2>&1 9>&- &
            asked="$asked $n,$!,ok"
        done
    done
    for one in $asked; do
        n=${one%%,*} kind=${one##*,} pid=${one#*,}
        wait "${pid%,*}" && came=1 || came=0
        if [ "$kind" = gate ]; then
            [ "$came" = 1 ] || eval "gate_$n=no"
        else
            eval "asks_$n=\$((asks_$n + 1)) ok_$n=\$((ok_$n + came))"
        fi
    done
    for n in $(numbers); do judge "$n"; done
}

judge() { # N: count rounds; the state changes only after so many that tell the same
    uplink "$1"
    ok=0 asks=0 gate=yes link=yes
    eval "ok=\$ok_$1 asks=\$asks_$1 gate=\$gate_$1 link=\$link_$1"
    WHY="$ok of $asks targets answer"
    bad=1
    if [ "$link" = no ]; then WHY="no carrier"
    elif [ "$gate" = no ]; then WHY="gateway $GATEWAY does not answer"
    elif [ "$ok" -lt "$NEED" ]; then WHY="$WHY, $NEED are needed"
    else bad=0; fi
    if [ "$bad" = 1 ]; then BAD=$((BAD + 1)) GOOD=0; else BAD=0 GOOD=$((GOOD + 1)); fi
    if [ "$STATE" = up ] && [ "$BAD" -ge "$FALL" ]; then
        STATE=down SINCE=$(now)
        tell "uplink $ID ($INTERFACE) is down: $WHY"
    elif [ "$STATE" = down ] && [ "$GOOD" -ge "$RISE" ]; then
        STATE=up SINCE=$(now)
        tell "uplink $ID ($INTERFACE) is up again: $WHY"
    fi
    eval "state_$1=\$STATE bad_$1=\$BAD good_$1=\$GOOD since_$1=\$SINCE why_$1=\$WHY"
}

"""
