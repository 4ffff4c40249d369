#!/usr/bin/env bash
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Remove network namespaces that interrupted test runs left behind, and end what still runs in them. They are called
# nps-PID-... or, for a whole lab, nps-LAB-HOST where LAB ends in the process id of the test. A namespace stays when
# that process runs, when it is not named so, or when the lab is one of the user's: those are known in LABS, and
# `make lab-down` removes them.

set -eu
readonly LABS=/var/lib/netpath-symmetry-lab

# Set owner to the process id in the name of a test's namespace; fails for any other name.
read_owner() {
    local group=${1#nps-}
    group=${group%%-*}
    [[ $1 == nps-*-* && $group =~ ^(t|[a-z0-9_]*[a-z]_)?([0-9]+)(_[0-9]+)?$ ]] || return 1
    owner=${BASH_REMATCH[2]}
    [ ! -e "$LABS/$group" ]
}

ip netns list | while read -r name _; do
    read_owner "$name" || continue
    [ ! -d "/proc/$owner" ] || continue
    for pid in $(ip netns pids "$name"); do
        kill -KILL "$pid" 2>/dev/null || true
    done
    ip netns delete "$name" && printf 'setup: removed %s, left by an interrupted test\n' "$name"
done
