#!/usr/bin/env bash
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Try, as root and in a namespace of its own, each thing that the lab asks of the kernel.
# Prints nothing when all is there; else what is missing and what to do about it, and fails.

set -u
readonly NS=nps-check-$$
missing=0

lack() {
    missing=$((missing + 1))
    printf 'setup: error: %s\n       %s\n' "$1" "$2" >&2
}

inside() { ip netns exec "$NS" "$@" >/dev/null 2>&1; }

readonly CONTAINER="in a container: run it privileged (--privileged, or CAP_NET_ADMIN and CAP_SYS_ADMIN)"

if ! ip netns add "$NS" 2>/dev/null; then
    lack "the kernel does not let us make a network namespace (ip netns add)" \
        "needs CONFIG_NET_NS and CAP_SYS_ADMIN; $CONTAINER"
    exit 1
fi
trap 'ip netns delete "$NS"' EXIT

if ! inside true; then
    lack "commands cannot be run in a network namespace (ip netns exec)" \
        "needs CAP_SYS_ADMIN, and / to be a mount point (in a chroot: mount --bind it on itself); $CONTAINER"
    exit 1
fi
inside ip link set lo up || lack "ip cannot change an interface in a new namespace" "needs CAP_NET_ADMIN; $CONTAINER"
inside ip link add veth-a type veth peer name veth-b ||
    lack "no veth interfaces" "needs CONFIG_VETH: modprobe veth, or a kernel that has it"
inside ip link add name bridge-a type bridge ||
    lack "no bridges" "needs CONFIG_BRIDGE: modprobe bridge, or a kernel that has it"
inside ip rule add priority 10999 from 192.0.2.1 lookup 10999 ||
    lack "no policy routing with table ids above 255 (IPv4)" "needs CONFIG_IP_MULTIPLE_TABLES: use a distribution kernel"
inside ip -6 rule add priority 10999 from 2001:db8::1 lookup 10999 ||
    lack "no policy routing for IPv6" "needs CONFIG_IPV6_MULTIPLE_TABLES and IPv6 not disabled (ipv6.disable=1)"
inside nft add table inet check ||
    lack "no nftables (nft add table inet)" "needs CONFIG_NF_TABLES and CONFIG_NF_TABLES_INET: modprobe nf_tables"
inside nft 'add chain inet check c { type filter hook forward priority 0; }; add rule inet check c ct state new counter' ||
    lack "no connection tracking in nftables (ct state)" "needs CONFIG_NF_CONNTRACK and CONFIG_NFT_CT: modprobe nf_conntrack nft_ct"
inside nft 'add chain inet check n { type nat hook postrouting priority 100; }; add rule inet check n snat ip to 192.0.2.1' ||
    lack "no address translation in nftables (snat)" "needs CONFIG_NFT_NAT: modprobe nft_nat nft_chain_nat"
inside conntrack -C ||
    lack "the connection table cannot be read (conntrack -C)" "needs CONFIG_NF_CT_NETLINK: modprobe nf_conntrack_netlink"
# shellcheck disable=SC2016 # expanded inside
inside sh -c 'echo 2 >/proc/sys/net/ipv4/conf/lo/rp_filter && test "$(cat /proc/sys/net/ipv4/conf/lo/rp_filter)" = 2' ||
    lack "/proc/sys/net is read-only in a namespace" "$CONTAINER"
inside unshare --mount --uts --pid --fork --mount-proc hostname check ||
    lack "no mount, host name and process namespaces (unshare)" "needs CONFIG_UTS_NS, CONFIG_PID_NS; $CONTAINER"
# shellcheck disable=SC2016
inside unshare --mount sh -c 'd=$(mktemp -d) && trap "umount -q $d/m; umount -q $d; rmdir $d" EXIT &&
    mount -t tmpfs none "$d" && mkdir "$d/u" "$d/w" "$d/m" &&
    mount -t overlay none -o "lowerdir=/etc,upperdir=$d/u,workdir=$d/w" "$d/m" && test -e "$d/m/passwd"' ||
    lack "no overlay mounts (each host of the lab has its own /etc)" "needs CONFIG_OVERLAY_FS: modprobe overlay; $CONTAINER"

[ "$missing" = 0 ] || {
    printf 'setup: %s of the kernel features that the lab needs are missing on %s\n' "$missing" "$(uname -r)" >&2
    exit 1
}
