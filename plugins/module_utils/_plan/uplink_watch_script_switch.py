# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The part of ``symmetry-uplink-watch`` that changes routes and rules (see uplink_watch_script.py)."""

from __future__ import annotations

SWITCH = r"""# ---- our routes

own_routes() { # those of our other remedies that leave by INTERFACE alone, a line each, as ip takes it
    ip -N -o "-$FAMILY" route show table all proto $PROTO 2>/dev/null |
        awk -v dev="$INTERFACE" -v proto=$PROTO -v low=$PROBES -v high=$PROBES_END \
            -v first=$SWITCH -v last=$SWITCH_END '
            {
                table = 254; legs = others = 0; line = ""
                for (i = 1; i <= NF; i++) {
                    if ($i == "\\" || $i == "linkdown" || $i == "dead") continue
                    gsub(/\\/, "", $i)
                    if ($i == "table") table = $(i + 1)
                    if ($i == "dev") { if ($(i + 1) == dev) legs++; else others++ }
                    if ($i == "nhid") others++
                    line = line (line == "" ? "" : " ") $i
                }
                if (table >= low && table <= high || table >= first && table <= last) next
                if (legs && !others) print line " proto " proto # which ip leaves out where it was asked for it
            }'
}

write() { # FILE: its new content from standard input, whole or not at all; unchanged content is not written
    cat >"$1.new"
    if cmp -s "$1.new" "$1"; then rm -f "$1.new"; else mv -f "$1.new" "$1"; fi
}

take_out() { # N: our routes by a dead uplink go, and are remembered before they do
    uplink "$1"
    lost=$RUN/$ID.known
    [ "$(changes)" != "$(cat "$RUN/$ID.changes" 2>/dev/null)" ] || lost=/dev/null
    found=$(own_routes)
    [ -n "$found" ] || [ -s "$lost" ] || return 0
    { cat "$RUN/$ID.routes" "$lost" 2>/dev/null; printf '%s\n' "$found"; } | awk 'NF && !seen[$0]++' |
        write "$RUN/$ID.routes"
    [ -n "$found" ] || return 0
    gone=0
    while read -r line; do
        # shellcheck disable=SC2086
        if ip "-$FAMILY" route del $line; then gone=$((gone + 1)); fi
    done <<EOF
$found
EOF
    tell "uplink $ID: $gone of our routes are taken out"
    switched=1
}

add_routes() { # FILE: put its routes in, those on link first; what is there already stays
    left=0
    {
        grep -v ' via ' "$1"
        grep ' via ' "$1"
    } >"$RUN/ordered"
    while read -r line; do
        # shellcheck disable=SC2086
        said=$(ip "-$FAMILY" route add $line 2>&1) && continue
        case $said in *'File exists'*) ;; *) left=1 ;; esac
    done <"$RUN/ordered"
    rm -f "$RUN/ordered"
    return $left
}

put_back() { # N: our routes by an uplink that is up again; tried again in the next round where one cannot be had
    uplink "$1"
    [ -e "$RUN/$ID.routes" ] || return 0
    if add_routes "$RUN/$ID.routes"; then
        tell "uplink $ID: $(wc -l <"$RUN/$ID.routes") of our routes are back"
        rm -f "$RUN/$ID.routes"
    else
        tell "uplink $ID: not all of our routes can be put back yet: $said"
    fi
    switched=1
}

remember() { # N: what there is while all is well, as a link that goes down takes its routes and addresses along
    uplink "$1"
    if [ "$BAD" != 0 ] || [ -e "$RUN/$ID.routes" ]; then return 0; fi
    seen=$(cat "$RUN/$ID.changes" 2>/dev/null) changes=$(changes)
    if [ -n "$seen" ] && [ "$seen" != "$changes" ] && [ -s "$RUN/$ID.known" ]; then
        add_routes "$RUN/$ID.known" || return 0
        tell "uplink $ID: our routes are there as before the link of $INTERFACE changed"
    fi
    own_routes | write "$RUN/$ID.known"
    if [ "$seen" != "$changes" ]; then
        addresses >"$RUN/$ID.addresses"
        printf '%s\n' "$changes" >"$RUN/$ID.changes"
    fi
}

addresses() { # of INTERFACE
    ip -o "-$FAMILY" address show dev "$INTERFACE" scope global 2>/dev/null | awk '{ sub("/.*", "", $4); print $4 }'
}

# ---- the default of main

best_default() { # FAMILY: the interfaces of main's best default route
    ip -N -o "-$1" route show default table main 2>/dev/null | awk '
        $1 == "default" {
            metric = 0; names = ""
            for (i = 2; i < NF; i++) {
                if ($i == "metric") metric = $(i + 1)
                if ($i == "dev") names = names " " $(i + 1)
            }
            if (best == "" || metric < best) { best = metric; found = names }
            else if (metric == best) found = found names
        }
        END { print found " " }'
}

main_is_dead() { # FAMILY: main's best default leaves by a dead uplink, or went with the link of one
    devices=$(best_default "$1")
    dead=1
    for n in $(numbers); do
        uplink "$n"
        [ "$FAMILY" = "$1" ] || continue
        case $devices in
            *" $INTERFACE "*)
                if [ "$STATE" = down ]; then dead=0; elif [ "$BAD" = 0 ]; then true >"$RUN/$ID.main"; fi ;;
            ' ') [ "$STATE" = up ] || [ ! -e "$RUN/$ID.main" ] || dead=0 ;;
            *) [ "$STATE" = down ] || rm -f "$RUN/$ID.main" ;;
        esac
    done
    return $dead
}

first_up() { # FAMILY: the number of its first uplink that is up
    for n in $(numbers); do
        uplink "$n"
        if [ "$FAMILY" = "$1" ] && [ "$STATE" = up ]; then echo "$n"; return; fi
    done
}

has_rule() { [ -n "$(ip "-$1" rule show pref "$2" 2>/dev/null)" ]; }

steer() { # FAMILY N: what main has only a default for leaves by uplink N
    uplink "$2"
    if has_rule "$1" "$DEFAULT" && has_rule "$1" "$SWITCH" && [ "$(cat "$RUN/ipv$1.by" 2>/dev/null)" = "$2" ] &&
        [ -n "$(ip "-$1" route show table "$DEFAULT" 2>/dev/null)" ]; then
        return
    fi
    default_by "$DEFAULT" || { tell "IPv$1 cannot be switched to $ID: no route by $INTERFACE can be had"; return; }
    # Without the first rule the second would catch what the main table knows better.
    has_rule "$1" "$SWITCH" ||
        ip "-$1" rule add pref "$SWITCH" lookup main suppress_prefixlength 0 protocol $PROTO || return
    has_rule "$1" "$DEFAULT" || ip "-$1" rule add pref "$DEFAULT" lookup "$DEFAULT" protocol $PROTO || return
    echo "$2" >"$RUN/ipv$1.by"
    tell "IPv$1: $ID ($INTERFACE) is used instead of main's default route"
    switched=1
}

unsteer() { # FAMILY
    if has_rule "$1" "$DEFAULT"; then
        ip "-$1" rule del pref "$DEFAULT" protocol $PROTO
        tell "IPv$1: main's default route is used again"
        switched=1
    fi
    if has_rule "$1" "$SWITCH"; then ip "-$1" rule del pref "$SWITCH" protocol $PROTO; fi
    ip "-$1" route flush table "$DEFAULT" proto $PROTO 2>/dev/null
    rm -f "$RUN/ipv$1.by"
}

"""
