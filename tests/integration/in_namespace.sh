#!/usr/bin/env bash
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Run run.yml of a target, with the options given. The module changes the network of a namespace that lives as long as
# this script; wan_a and v0.100 have addresses there. The journal and the register are its own, too.
set -eux

netns="nps-it-$$"
ip netns add "$netns"
trap 'ip netns delete "$netns"' EXIT

# No duplicate address detection: nothing of IPv6 may come late.
ip netns exec "$netns" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
ip -n "$netns" link set lo up
ip -n "$netns" link add wan_a type veth peer name peer_a
ip -n "$netns" link add v0.100 type veth peer name peer_b
for link in wan_a peer_a v0.100 peer_b; do
    ip -n "$netns" link set "$link" up
done
ip -n "$netns" address add 198.51.100.2/30 dev wan_a
ip -n "$netns" address add 198.51.100.6/30 dev v0.100

mkdir -p /var/lib/netpath-symmetry
export ANSIBLE_PIPELINING=1
ip netns exec "$netns" sh -c 'mount -t tmpfs symmetry /var/lib/netpath-symmetry && exec ansible-playbook -i localhost, run.yml "$@"' sh "$@"
