# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The part of ``symmetry-uplink-watch`` that ends connection tracking entries (see uplink_watch_script.py)."""

from __future__ import annotations

STRANDED = r"""# ---- connections that are translated to the address of an uplink they do not leave by any more

each_way() { # the interface of each lookup in turn, "local", or "-" where there is none; lookups are lines of ip -batch
    here=127.0.0.1
    [ "$1" = 4 ] || here=::1
    awk -v here=$here '{ print; print "route get " here }' | ip -o "-$1" -force -batch - 2>/dev/null |
        awk -v here=$here '
            $1 == "local" && $2 == here { print way == "" ? "-" : way; way = ""; next }
            $1 == "local" { way = "local"; next }
            { for (i = 1; i < NF; i++) if ($i == "dev") { way = $(i + 1); break } }'
}

translated() { # FAMILY: entries whose source is translated to an address of one of its uplinks
    for n in $(numbers); do
        uplink "$n"
        [ "$FAMILY" = "$1" ] || continue
        { addresses; cat "$RUN/$ID.addresses" 2>/dev/null; } | sort -u | while read -r address; do
            conntrack -L -f "ipv$1" -q "$address" 2>/dev/null | awk -v interface="$INTERFACE" '
                {
                    split("", value); side = 0
                    for (i = 2; i <= NF; i++) {
                        at = index($i, "=")
                        if (!at) continue
                        key = substr($i, 1, at - 1)
                        if (key == "src") side++
                        value[(key == "zone" ? "" : side) key] = substr($i, at + 1)
                    }
                    if (value["1src"] == value["2dst"]) next
                    printf "%s %s", interface, $1
                    count = split("1src 1dst 1sport 1dport 2src 2sport 2dst zone 1type 1code 1id", names, " ")
                    for (i = 1; i <= count; i++) printf " %s", (names[i] in value) ? value[names[i]] : "-"
                    print ""
                }'
        done
    done
}

stranded() { # FAMILY: delete them one by one, so many in a round; status 1 where some are left
    translated "$1" >"$RUN/entries"
    [ -s "$RUN/entries" ] || return 0
    awk '{ print "route get " $3 }' "$RUN/entries" | each_way "$1" >"$RUN/in"
    paste -d ' ' "$RUN/entries" "$RUN/in" | awk '{
        ports = $5 == "-" || ($2 != "tcp" && $2 != "udp") ? "" : " ipproto " $2 " sport " $5 " dport " $8
        print "route get " $7 " from " $3 ($NF == "local" || $NF == "-" ? "" : " iif " $NF) ports
    }' | each_way "$1" >"$RUN/out"
    # A lookup that gives nothing tells nothing: such an entry stays.
    paste -d ' ' "$RUN/entries" "$RUN/out" | awk '$NF != "-" && $NF != "local" && $NF != $1' >"$RUN/stranded"
    count=0 more=0
    while read -r _ protocol source destination sport dport _ _ translated zone type code id _; do
        if [ "$count" -ge "$LIMIT" ]; then more=1; break; fi
        set -- "$1" -p "$protocol" -s "$source" -d "$destination" -q "$translated"
        [ "$sport" = - ] || set -- "$@" --sport "$sport" --dport "$dport"
        icmp=icmp
        [ "$1" = 4 ] || icmp=icmpv6
        [ "$id" = - ] || set -- "$@" "--$icmp-type" "$type" "--$icmp-code" "$code" "--$icmp-id" "$id"
        [ "$zone" = - ] || set -- "$@" -w "$zone"
        family=$1
        shift
        if conntrack -D -f "ipv$family" "$@" >/dev/null 2>&1; then count=$((count + 1)); fi
        set -- "$family"
    done <"$RUN/stranded"
    rm -f "$RUN/entries" "$RUN/in" "$RUN/out" "$RUN/stranded"
    deleted=$((deleted + count))
    [ "$count" = 0 ] || tell "IPv$1: $count stranded connection tracking entries are deleted"
    return $more
}

"""
