# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The shell script ``symmetry-lease-routing``: source rules and tables of uplinks follow their leases, on the host.

It keeps no record of what it has done: everything in its slice of priorities and tables is its own, so that whatever
ended it, the next start compares what the kernel holds with what the interfaces have now, and mends the difference.
"""

from __future__ import annotations

from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import PROTOCOL, SCOPES

_HEAD = f"""#!/bin/sh
# symmetry-lease-routing: replies leave by the uplink of their source, whatever the lease says (netpath.symmetry).
# SPDX-License-Identifier: GPL-3.0-or-later
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
PROTO={PROTOCOL}
BASE={SCOPES["lease_routing"][0]} # the rule that looks into main; behind it a rule and two tables for each uplink
END={SCOPES["lease_routing"][1]}
"""

_DECLARED = r"""SELF=$(readlink -f "$0")
DIR=${SELF%/*}
CONF=$DIR/lease-routing.conf
RUN=$DIR/lease-routing
UNIT=symmetry-lease-routing.service
NL='
'

die() { printf 'symmetry-lease-routing: %s\n' "$*" >&2; exit 1; }
now() { date -u +%Y-%m-%dT%H:%M:%SZ; }
tell() { printf '%s\n' "$1"; } # to the journal, which is our output

# ---- what is declared

load() { # the declared uplinks, as variables with their numbers
    COUNT=0 NAMES=
    while read -r key rest; do
        # shellcheck disable=SC2086
        set -- $rest
        case $key in
            specifics) SPECIFICS=$rest ;;
            uplink)
                COUNT=$((COUNT + 1))
                eval "id_$COUNT=\$1 family_$COUNT=\$2 interface_$COUNT=\$3 told_$COUNT="
                shift 2
                NAMES="$NAMES $*"
                shift
                eval "behind_$COUNT=\$*" ;;
        esac
    done <"$CONF" || die "$CONF cannot be read"
    [ "$COUNT" -gt 0 ] || die "$CONF declares no uplink"
}

uplink() { # N: its variables without the number, and its rule and two tables
    eval "ID=\$id_$1 FAMILY=\$family_$1 INTERFACE=\$interface_$1 BEHIND=\$behind_$1"
    ONE=$((BASE + 2 * $1 - 1)) OTHER=$((BASE + 2 * $1))
}

numbers() { seq 1 "$COUNT"; }

"""

_LEASE = r"""# ---- what the lease has given

# Routes as lines "destination gateway interface onlink", with "-" for what there is not.
form='
    function route(dev,    i, gateway, onlink, metric) {
        gateway = "-"; onlink = "-"; metric = 0
        for (i = 2; i <= NF; i++) {
            if ($i == "via") gateway = $(i + 1) == "inet6" ? "inet6," $(i + 2) : $(i + 1)
            if ($i == "dev") dev = $(i + 1)
            if ($i == "onlink") onlink = "onlink"
            if ($i == "metric") metric = $(i + 1)
        }
        METRIC = metric
        return $1 " " gateway " " dev " " onlink
    }'

on_link() { # INTERFACE: the prefixes on its link, as the main table has them
    ip -N -o "-$FAMILY" route show table main dev "$1" 2>/dev/null |
        awk '$1 ~ /^[0-9a-f]*[:.]/ && $1 !~ /^(fe80|ff)/ && !/ via / { print $1 }' | sort -u
}

wanted() { # the routes of the uplink's table: those on its link, and last its default, the best one of main
    on_link "$INTERFACE" | awk -v dev="$INTERFACE" '{ print $1, "-", dev, "-" }'
    ip -N -o "-$FAMILY" route show table main default dev "$INTERFACE" 2>/dev/null |
        awk -v dev="$INTERFACE" "$form"'
            $1 == "default" {
                line = route(dev)
                if (best == "" || METRIC < least) { best = line; least = METRIC }
            }
            END { if (best != "") print best }'
}

sources() { # prefixes of packets that leave by the uplink: its addresses; of IPv6 what is on link, and what is behind
    if [ "$FAMILY" = 6 ]; then
        for each in $INTERFACE $BEHIND; do on_link "$each"; done >"$RUN/prefixes"
    else
        true >"$RUN/prefixes"
    fi
    {
        sed 's/^/prefix /' "$RUN/prefixes"
        ip -o "-$FAMILY" address show dev "$INTERFACE" scope global 2>/dev/null
    } | awk '
        function digits(address,    halves, groups, count, text, i) { # of an IPv6 address: its 32
            count = split(address, halves, "::")
            text = expand(halves[1])
            if (count == 2) {
                groups = expand(halves[2])
                while (length(text) + length(groups) < 32) text = text "0"
                text = text groups
            }
            return text
        }
        function expand(part,    groups, count, text, i) {
            count = split(part, groups, ":")
            for (i = 1; i <= count; i++) text = text substr("0000" groups[i], length(groups[i]) + 1)
            return text
        }
        $1 == "prefix" {
            if ($2 in seen) next
            seen[$2] = 1
            print $2
            split($2, half, "/")
            if (half[2] % 4 == 0) covered[substr(digits(half[1]), 1, half[2] / 4)] = half[2] / 4
            next
        }
        / tentative| dadfailed/ { next }
        {
            split($4, half, "/")
            if ($3 == "inet6") {
                own = digits(half[1])
                for (start in covered) if (substr(own, 1, covered[start]) == start) next
            }
            if (!(half[1] in seen)) print half[1]
            seen[half[1]] = 1
        }' | sed 's,/128$,,' | sort -u
    rm -f "$RUN/prefixes"
}

"""

_RECONCILE = r"""# ---- our rules and tables

rules() { # our rules of the uplink, as lines "source table"
    ip -N "-$FAMILY" rule show pref "$ONE" 2>/dev/null | awk -v proto="$PROTO" '
        {
            from = table = by = ""
            for (i = 1; i < NF; i++) {
                if ($i == "from") from = $(i + 1)
                if ($i == "lookup") table = $(i + 1)
                if ($i == "proto") by = $(i + 1)
            }
            if (by == proto) print from, table
        }'
}

content() { # TABLE: its routes that are ours
    ip -N -o "-$FAMILY" route show table "$1" proto "$PROTO" 2>/dev/null | awk "$form"'{ print route("-") }' | sort
}

flush() { ip "-$FAMILY" route flush table "$1" proto "$PROTO" 2>/dev/null; } # TABLE

build() { # TABLE: fill it anew with the routes; nothing looks there yet
    flush "$1"
    while read -r destination gateway device onlink; do
        set -- "$1" "$destination" dev "$device"
        [ "$gateway" = - ] || set -- "$@" via "$(echo "$gateway" | tr , ' ')"
        [ "$onlink" = - ] || set -- "$@" onlink
        [ "$gateway$FAMILY" != -4 ] || set -- "$@" scope link
        table=$1
        shift
        # shellcheck disable=SC2068 # "inet6 GATEWAY" are two words
        said=$(ip "-$FAMILY" route add $@ table "$table" proto "$PROTO" 2>&1) || return 1
        set -- "$table"
    done <<EOF
$routes
EOF
}

follow() { # N: make its rules and its table what the lease asks for
    uplink "$1"
    if grep -qs "^down .* $INTERFACE\$" "$DIR"/uplink-watch/*.state; then
        WHY="left alone: uplink_watch has taken its routes out"
        return
    fi
    routes=$(wanted)
    sources=$(sources | tr '\n' ' ') sources=${sources% }
    case "$NL$routes" in
        *"${NL}default "*) router=${routes##*default } router=${router%% *} ;;
        *) router= ;;
    esac
    if [ -z "$sources" ] || [ -z "$router" ]; then
        WHY="no lease: there is no default route by $INTERFACE in the main table"
        [ -n "$sources" ] || WHY="no lease: $INTERFACE has no address"
        routes='' sources=
    fi
    there=$(rules)
    choose_table
    if [ -n "$sources" ]; then
        if [ "$fresh" = 1 ] && ! build "$table"; then
            WHY="its table cannot be made: $said"
            return
        fi
        WHY="$(echo "$sources" | sed 's/ /, /g') by $router, table $table"
    fi
    for source in $sources; do
        case "$NL$there$NL" in
            *"$NL$source $table$NL"*) ;;
            *) ip "-$FAMILY" rule add pref "$ONE" from "$source" lookup "$table" protocol "$PROTO" ;;
        esac
    done
    echo "$there" | while read -r source in; do
        [ -n "$source" ] || continue
        case " $sources  $table" in
            *" $source "*" $in") ;;
            *) ip "-$FAMILY" rule del pref "$ONE" from "$source" lookup "$in" protocol "$PROTO" ;;
        esac
    done
    for each in $ONE $OTHER; do
        if [ -z "$sources" ] || [ "$each" != "$table" ]; then flush "$each"; fi
    done
}

choose_table() { # the one that holds the routes already, else one that no rule looks into, to be filled
    sorted=$(echo "$routes" | sort)
    fresh=0
    for table in $(echo "$there" | awk '{ print $2 }' | sort -u) $ONE $OTHER; do
        case $table in "$ONE" | "$OTHER") [ "$(content "$table")" != "$sorted" ] || return 0 ;; esac
    done
    fresh=1
    for table in $ONE $OTHER; do
        case "$there$NL" in *" $table$NL"*) ;; *) return 0 ;; esac
    done
    # Both are looked into, as a switch was interrupted: the second goes.
    echo "$there" | while read -r source in; do
        [ "$in" != "$OTHER" ] || ip "-$FAMILY" rule del pref "$ONE" from "$source" lookup "$in" protocol "$PROTO"
    done
    there=$(rules)
}

look_into_main() { # FAMILY: what main knows better than its default stays so for all sources, to all or some prefixes
    asked=0 places=
    for n in $(numbers); do
        uplink "$n"
        [ "$FAMILY" != "$1" ] || asked=1
    done
    [ "$asked" = 0 ] || for each in $SPECIFICS; do
        case $1$each in
            4main | 6main) places="$places all" ;;
            4*.* | 6*:*) places="$places $each" ;;
        esac
    done
    has=$(ip -N "-$1" rule show pref "$BASE" 2>/dev/null | awk '
        { to = "all"; for (i = 1; i < NF; i++) if ($i == "to") to = $(i + 1); print to }')
    for each in $places; do
        case "$NL$has$NL" in
            *"$NL$each$NL"*) ;;
            *) ip "-$1" rule add pref "$BASE" to "$each" lookup main suppress_prefixlength 0 protocol "$PROTO" ;;
        esac
    done
    for each in $has; do
        case " $places " in
            *" $each "*) ;;
            *) ip "-$1" rule del pref "$BASE" to "$each" protocol "$PROTO" ;;
        esac
    done
}

drop_from() { # FAMILY NUMBER: our rules and tables from this one on
    FAMILY=$1
    ip -N "-$1" rule show 2>/dev/null | awk -F '[: \t]+' -v low="$2" -v high="$END" -v proto="$PROTO" '
        $1 >= low && $1 <= high { for (i = 2; i < NF; i++) if ($i == "proto" && $(i + 1) == proto) print $1 }' |
        while read -r pref; do ip "-$1" rule del pref "$pref" protocol "$PROTO"; done
    ip -N -o "-$1" route show table all proto "$PROTO" 2>/dev/null | awk -v low="$2" -v high="$END" '
        { for (i = 2; i < NF; i++) if ($i == "table" && $(i + 1) >= low && $(i + 1) <= high) print $(i + 1) }' |
        sort -u | while read -r table; do flush "$table"; done
}

"""

_FOLLOW = r"""# ---- the follower

reconcile() {
    for family in 4 6; do look_into_main $family; done
    for number in $(numbers); do
        follow "$number"
        eval "TOLD=\$told_$number"
        if [ "$TOLD" != "$WHY" ]; then
            tell "$ID ($INTERFACE): $WHY"
            eval "told_$number=\$WHY since_$number=\$(now)"
        fi
    done
    {
        printf 'followed by process %s\n' "$$"
        for number in $(numbers); do
            uplink "$number"
            eval "printf '%s %s: %s, since %s\n' \"\$ID\" \"\$INTERFACE\" \"\$told_$number\" \"\$since_$number\""
        done
    } >"$RUN/status.new"
    mv -f "$RUN/status.new" "$RUN/status"
}

listen() { # lines about our interfaces, our routes and our rules, as the kernel tells of them
    set -- -e "proto $PROTO" -e 'receive error'
    for name in $NAMES; do set -- "$@" -e "$name"; done
    ip -N -o monitor link address route rule 2>&1 | grep -Fw --line-buffered "$@"
}

take_lock() {
    mkdir -p "$RUN" || die "$RUN cannot be made"
    exec 9>>"$RUN/lock"
    # Who only asks whether it runs holds it for a moment.
    flock -w 5 9 || die "it runs already: symmetry-lease-routing status"
}

cmd_run() {
    take_lock
    load
    rm -f "$RUN/events"
    mkfifo "$RUN/events" || die "$RUN/events cannot be made"
    exec 3<>"$RUN/events"
    (exec 9>&- 3>&- >"$RUN/events"; listen) & # neither of these holds the lock
    listener=$!
    # What is missed all the same, such as what happened before the listener listened, is found by looking.
    (exec 9>&- 3>&- >"$RUN/events"; while sleep 1 && echo look && sleep 29; do :; done) &
    for family in 4 6; do drop_from $family $((BASE + 2 * COUNT + 1)); done
    reconcile
    while read -r _ <&3; do
        timeout 0.15 cat <&3 >/dev/null # a lease is an address and some routes: all of them, and one look
        kill -0 "$listener" 2>/dev/null || die "ip monitor has ended"
        reconcile
    done
}

running() { [ -e "$RUN/lock" ] && ! flock -s -n "$RUN/lock" true; } # shared: two that ask do not meet

cmd_status() {
    [ ! -r "$RUN/status" ] || cat "$RUN/status"
    running || { echo "the follower does not run"; exit 3; }
    ! grep -q ': no lease' "$RUN/status" 2>/dev/null
}

cmd_start() {
    cmd_stop
    { systemctl daemon-reload && systemctl start $UNIT; } || die "systemd cannot start $UNIT: systemctl status $UNIT"
    tries=0
    until running && [ -e "$RUN/status" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || die "the follower does not start: journalctl -u $UNIT"
        sleep 0.05
    done
}

cmd_stop() { # the rules stay as they are, and follow no more; "home" takes them away
    [ ! -e "/etc/systemd/system/$UNIT" ] || systemctl stop $UNIT 2>/dev/null
    tries=0
    while running; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || die "the follower does not end: systemctl status $UNIT"
        sleep 0.05
    done
    rm -f "$RUN/status"
}

cmd_home() { # what is there now goes, whatever the lease was when it came
    cmd_stop
    for family in 4 6; do drop_from $family "$BASE"; done
    rm -rf "$RUN"
}

command=${1:-status}
case $command in
    status | start | stop | home | run) "cmd_$command" ;;
    *) die "usage: symmetry-lease-routing [status | start | stop | home]" ;;
esac
"""

SCRIPT = _HEAD + _DECLARED + _LEASE + _RECONCILE + _FOLLOW
