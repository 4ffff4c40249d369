# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The shell scripts of a lab host: how its network is configured, and how it comes up.

They run with the host's directory (``<dir>/<lab>/hosts/<host>``) as working
directory, so that they find their files also under mounts that hide its path.
"""

from __future__ import annotations

# In a namespace that has its interfaces: on trial before the lab is built, then in the host itself.
NETWORK = r"""#!/bin/sh
set -eu
apply_sysctls() {
    while IFS='=' read -r name value; do
        printf '%s\n' "$value" > "/proc/sys/$name" || { echo "sysctl $name" >&2; exit 1; }
    done < "$1"
}
# ip leaves a batch without a word about the line where it cannot read a word of it: then every line gets its own ip.
run_batch() {
    [ -n "${ONE_BY_ONE-}" ] || { ip $2 -batch "$1"; return; }
    number=0
    while read -r line; do
        number=$((number + 1))
        ip $2 $line || { echo "Command failed $1:$number" >&2; exit 1; }
    done < "$1"
}
apply_sysctls baseline.sysctl
run_batch network.ip ""
run_batch rules4.ip -4
run_batch rules6.ip -6
nft -f rules.nft
apply_sysctls host.sysctl
"""

# On trial: the same in a network namespace that ends with the script.
REHEARSAL = r"""#!/bin/sh
set -eu
ip -batch interfaces.ip
sh network.sh
[ ! -s frr.conf ] || { : > vtysh.conf; exec vtysh --config_dir "$PWD" -C -f frr.conf; }
"""

FRR_READY = "/run/frr/ready"
FRR = r"""#!/bin/sh
# FRRouting of this host: its daemons, in the order in which they need each other, and their configuration.
set -eu
mkdir -p /run/frr
chown frr:frr /run/frr
for daemon in zebra staticd bgpd pbrd; do
    /usr/lib/frr/$daemon -d -A 127.0.0.1 --log file:/run/frr/$daemon.log
done
vtysh -b
: > /run/frr/ready
exec sleep infinity
"""

# In namespaces of its own: boot.sh HOST INTERPRETER MACHINE_ID FD. On file descriptor FD it says that it is ready.
BOOT = r"""#!/bin/sh
set -eu
host=$1 interpreter=$2 machine_id=$3 ready=$4

# /proc is still the machine's: its boot, the process id by which it knows this host, and since when.
read -r stat < /proc/self/stat
read -r boot < /proc/sys/kernel/random/boot_id
printf '%s\n' "$boot" "$stat" > process.new
mv process.new process

# What the host writes stays in its own memory and is gone with it.
mount -t tmpfs -o mode=755 netpath-lab mounts
# /tmp too is laid over, not hidden: the checkout that runs the lab may live there.
for tree in etc root tmp usr/local var; do
    mkdir -p "mounts/$tree/upper" "mounts/$tree/work"
    chmod --reference="/$tree" "mounts/$tree/upper"
    # Hidden from the start (by whiteouts of overlayfs): the machine may write there while the host comes up.
    [ "$tree" != root ] || for name in .ssh .ansible; do mknod "mounts/root/upper/$name" c 0 0; done
    mount -t overlay overlay -o "lowerdir=/$tree,upperdir=mounts/$tree/upper,workdir=mounts/$tree/work" "/$tree"
done
mount -t tmpfs -o mode=755 tmpfs /run
mount -t sysfs sysfs /sys
mount -t proc proc /proc

echo "$host" > /proc/sys/kernel/hostname
echo "$host" > /etc/hostname
echo "$machine_id" > /etc/machine-id
printf '127.0.0.1 localhost\n127.0.1.1 %s\n::1 localhost\n' "$host" > /etc/hosts

# Keys and state of the machine are not those of the host.
rm -rf /etc/ssh/ssh_host_* /var/lib/netpath-symmetry /var/lib/netpath-symmetry-lab
mkdir -m 700 /root/.ssh
mkdir -p /etc/ssh /run/sshd /run/lock /run/netpath-lab
cp authorized_keys /root/.ssh/authorized_keys
cp ssh_host_ed25519_key ssh_host_ed25519_key.pub sshd_config /etc/ssh/
chmod 600 /root/.ssh/authorized_keys /etc/ssh/ssh_host_ed25519_key
# Nor are the habits of its administrator: what a start-up file of a shell runs may wait, or print into a session.
for file in .bashrc .bash_profile .bash_login .profile .bash_logout; do : > "/root/$file"; done
cp init.py host.json /run/netpath-lab/
if [ -s frr.conf ]; then
    mkdir -p /etc/frr
    cp frr.conf /etc/frr/frr.conf
    : > /etc/frr/vtysh.conf
    cp frr.sh /run/netpath-lab/
fi

sh network.sh
cd /
exec "$interpreter" -I /run/netpath-lab/init.py /run/netpath-lab/host.json "$ready"
"""

SSHD_CONFIG = """\
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
AuthorizedKeysFile .ssh/authorized_keys
UsePAM no
UseDNS no
PidFile none
PrintMotd no
AcceptEnv LANG LC_*
MaxStartups 100
MaxSessions 100
Subsystem sftp internal-sftp
"""
