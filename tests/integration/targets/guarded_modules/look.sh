#!/bin/sh
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# What the modules may change, as others see it; with arguments, after these commands have been run.
for line; do
    sh -c "$line" >/dev/null
done
nft -s list ruleset
grep . /proc/sys/net/ipv[46]/fib_multipath_hash_* /proc/sys/net/ipv4/conf/*/rp_filter
ls /var/lib/netpath-symmetry/register 2>/dev/null || :
