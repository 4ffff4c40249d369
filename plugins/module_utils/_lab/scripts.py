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
if [ -s conntrackd.conf ]; then
    # A client reads the whole file before it looks for a daemon, which here there is none of.
    conntrackd -C "$PWD/conntrackd.conf" -s > conntrackd.said 2>&1 || true
    ! grep -qE "\[ERROR\] ([^c]|c[^a])|invalid interface" conntrackd.said || { cat conntrackd.said; exit 1; }
fi
if [ -s keepalived.conf ]; then
    # Its exit status is the same for errors and for advice.
    keepalived --config-test --use-file=keepalived.conf > keepalived.said 2>&1 || true
    ! grep -v WARNING keepalived.said | grep -qE "Line [0-9]+\)|missing '}'|Non-existent" ||
        { cat keepalived.said; exit 1; }
fi
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

CONNTRACKD_READY = "/run/netpath-lab/conntrackd.ready"
CONNTRACKD = r"""#!/bin/sh
# conntrackd of this host, in the foreground; it is ready when it answers.
set -eu
conf=/etc/conntrackd/conntrackd.conf
ready=/run/netpath-lab/conntrackd.ready
lock=$(sed -n 's/^[[:space:]]*Lock[Ff]ile[[:space:]]\{1,\}//p' "$conf")
pgrep -x conntrackd > /dev/null || rm -f "${lock:-/var/lock/conntrack.lock}" # of one that was killed
(
    tries=0
    until conntrackd -C "$conf" -s > /dev/null 2>&1; do
        [ "$tries" -lt 300 ] || exit 1
        tries=$((tries + 1))
        sleep 0.05
    done
    : > "$ready"
) &
exec conntrackd -C "$conf"
"""

KEEPALIVED_READY = "/run/keepalived.pid"
KEEPALIVED = r"""#!/bin/sh
# keepalived of this host, in the foreground. Its scripts speak to conntrackd at once, so that comes first.
set -eu
tries=0
while [ -s /run/netpath-lab/conntrackd.sh ] && [ ! -e /run/netpath-lab/conntrackd.ready ] && [ "$tries" -lt 300 ]; do
    tries=$((tries + 1))
    sleep 0.05
done
exec keepalived --dont-fork --log-console --no-syslog --pid=/run/keepalived.pid
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
for daemon in conntrackd keepalived; do
    [ -s $daemon.conf ] || continue
    mkdir -p /etc/$daemon
    cp $daemon.conf /etc/$daemon/
    cp $daemon.sh /run/netpath-lab/
done
# The script of the package conntrackd for keepalived, where its documentation says that it is to be.
script=/usr/share/doc/conntrackd/examples/sync/primary-backup.sh
if [ -s conntrackd.conf ] && [ -e $script ]; then
    cp $script /etc/conntrackd/
    chmod 755 /etc/conntrackd/primary-backup.sh
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
