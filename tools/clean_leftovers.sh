#!/usr/bin/env bash
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Remove network namespaces that interrupted test runs left behind. Those of tests are called nps-...PID...; one
# whose process still runs is in use and stays, as does every namespace that is not named like ours.
# Labs are not touched: a lab knows what belongs to it, and `make lab-down` removes it.

set -eu

# The process id in a test's namespace name: a number of its own between dashes, or after letters at the end.
owner_of() { sed -n 's/^nps-\([a-z_]*-\)*\([0-9][0-9]*\)\(-.*\)\{0,1\}$/\2/p' <<<"$1"; }

ip netns list | while read -r name _; do
    owner=$(owner_of "$name")
    if [ -z "$owner" ] || [ -d "/proc/$owner" ]; then continue; fi
    for pid in $(ip netns pids "$name"); do
        kill -KILL "$pid" 2>/dev/null || true
    done
    ip netns delete "$name" && printf 'setup: removed %s, left by an interrupted test\n' "$name"
done
