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

stranded_arguments() { # of conntrack -D, from entries and the interfaces by which they would leave now
    # conntrack goes through the whole table for each call. So where all that is translated to an address is stranded,
    # or all of it to one destination, that is one call; else it is one for each entry.
    awk -v icmp="$1" '
        function is_stranded() { return $NF != "-" && $NF != "local" && $NF != $1 } # no answer tells nothing
        NR == FNR { if (!is_stranded()) { kept[$9]++; kept_part[$9, $4]++ }; next }
        !is_stranded() { next }
        !kept[$9] { if (!done[$9]++) print "-n " $9; next }
        !kept_part[$9, $4] { if (!done[$9, $4]++) print "-n " $9 " -d " $4; next }
        {
            line = "-p " $2 " -s " $3 " -d " $4 " -q " $9
            if ($5 != "-") line = line " --sport " $5 " --dport " $6
            if ($13 != "-") line = line " --" icmp "-type " $11 " --" icmp "-code " $12 " --" icmp "-id " $13
            print line ($10 == "-" ? "" : " -w " $10)
        }' "$2" "$2"
}

stranded() { # FAMILY: delete them, for so many seconds in a round; status 1 where some are left
    translated "$1" >"$RUN/entries"
    [ -s "$RUN/entries" ] || return 0
    awk '{ print "route get " $3 }' "$RUN/entries" | each_way "$1" >"$RUN/in"
    paste -d ' ' "$RUN/entries" "$RUN/in" | awk '{
        ports = $5 == "-" || ($2 != "tcp" && $2 != "udp") ? "" : " ipproto " $2 " sport " $5 " dport " $8
        print "route get " $7 " from " $3 ($NF == "local" || $NF == "-" ? "" : " iif " $NF) ports
    }' | each_way "$1" >"$RUN/out"
    paste -d ' ' "$RUN/entries" "$RUN/out" >"$RUN/judged"
    icmp=icmp
    [ "$1" = 4 ] || icmp=icmpv6
    stranded_arguments $icmp "$RUN/judged" >"$RUN/stranded"
    count=0 more=0 begin=$(date +%s)
    while read -r line; do
        if [ $(($(date +%s) - begin)) -ge "$LIMIT" ]; then more=1; break; fi
        # shellcheck disable=SC2086
        said=$(conntrack -D -f "ipv$1" $line 2>&1 >/dev/null)
        said=${said%% flow entries*}
        case ${said##* } in '' | *[!0-9]*) ;; *) count=$((count + ${said##* })) ;; esac
    done <"$RUN/stranded"
    rm -f "$RUN/entries" "$RUN/in" "$RUN/out" "$RUN/judged" "$RUN/stranded"
    deleted=$((deleted + count))
    [ "$count" = 0 ] || tell "IPv$1: $count stranded connection tracking entries are deleted"
    return $more
}
"""
