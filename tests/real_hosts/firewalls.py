# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts on which netfilter-persistent or Docker keep rules of their own: ours and theirs outlive each other.

netfilter-persistent has a plugin that an administrator has written, too: it loads /etc/nftables.conf, so flushes the
whole ruleset, before Debian's plugins load theirs. Docker runs containers with published ports, one of them started
before the first change is confirmed.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
import time
import typing as t

from ansible_collections.netpath.symmetry.tests.real_hosts.cases import Event, Row, Subject, try_other
from ansible_collections.netpath.symmetry.tests.real_hosts.host import CONTAINERS, LINKS, PARTNER, HostError, RealHost
from ansible_collections.netpath.symmetry.tests.real_hosts.managers import Manager

NETFILTER = "netfilter-persistent"
# All rules of iptables, sorted, as tables are made anew in another order; ours are not among them.
THEIRS = r"""
for each in iptables ip6tables; do
    $each-save 2>/dev/null | sed "/^#/d; s/ *\[[0-9:]*\]//; s/^/$each /" | sort
done
"""
_NETFILTER_FILES = {
    "/etc/iptables/rules.v4": "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    "-A INPUT -s 192.0.2.66/32 -p tcp -m tcp --dport 23 -j DROP\nCOMMIT\n"
    "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
    "-A POSTROUTING -s 10.55.0.0/24 -o wan_b -j MASQUERADE\nCOMMIT\n",
    "/etc/iptables/rules.v6": "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    "-A INPUT -s 2001:db8:66::/48 -j DROP\nCOMMIT\n",
    "/usr/share/netfilter-persistent/plugins.d/05-nftables": "#!/bin/sh\ncase $1 in\n"
    "    start) nft -f /etc/nftables.conf ;;\n    flush) nft flush ruleset ;;\n"
    "    save) { echo 'flush ruleset'; nft -s list ruleset; } >/etc/nftables.conf.new &&\n"
    "        mv /etc/nftables.conf.new /etc/nftables.conf ;;\nesac\n",
}
_PLUGINS = "sha256sum /usr/share/netfilter-persistent/plugins.d/95-netpath-symmetry\n"
_DOCKER_FILES = {
    "/etc/docker/daemon.json": json.dumps({"storage-driver": "vfs"}),  # its files are on an overlay already
    # What systemd-nspawn mounts read only, although this host has control groups of its own.
    "/etc/systemd/system/docker.service.d/10-lab.conf": "[Service]\n"
    "ExecStartPre=/bin/sh -c 'for each in /sys/fs/cgroup/*/; do mount -o remount,bind,rw $each; done'\n",
}
_IMAGE = """
mkdir -p /root/image/bin && cp /bin/busybox /root/image/bin/
tar -C /root/image -c . | docker import - busybox
docker network create --subnet 172.30.0.0/24 --opt com.docker.network.bridge.name=lab lab
"""
_OPTIONS = "-d --restart always --stop-signal KILL --network lab"
# With an address of its own: after a reboot all start at once, and any may be the first to get one.
_RUN = f"docker run {_OPTIONS} --ip 172.30.0.NUMBER --name NAME -p 80NUMBER:80 busybox /bin/busybox httpd -f -p 80"
_GET = """
import http.client, sys
try:
    connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), 3, source_address=(sys.argv[3], 0))
    connection.request("GET", "/")
    print(connection.getresponse().status)
except OSError as error:
    print(error)
"""
_ABOUT = "what others do to it, the rows of its manager tell"


def _run(name: str, number: int) -> str:
    """The command that starts a container whose web server answers at port 8000 plus the number (80 to 99)."""
    return _RUN.replace("NAME", name).replace("NUMBER", str(number))


def _answer(host: RealHost, port: int) -> str:
    """What the partner gets from a published port: "404" of a web server without files, or the error."""
    address = LINKS["wan_a"][0][0].partition("/")[0]
    return host.neighbour.run(
        shlex.join([sys.executable, "-c", _GET, address, str(port), PARTNER[4]])
    ).stdout.strip()


def _await_answer(host: RealHost, port: int, wanted: str) -> None:
    deadline = time.monotonic() + 15
    while (told := _answer(host, port)) != wanted:
        if time.monotonic() > deadline:
            raise HostError(f"{host.name}: port {port} of the host should give {wanted!r}, and gives {told!r}")
        time.sleep(0.2)


def _start_containers(host: RealHost) -> None:
    """An administrator's web server, before anything of ours is there."""
    host.ssh(_IMAGE)
    host.ssh(_run("web", 80))


def _start_another(host: RealHost) -> None:
    """A third party's, while our change is pending."""
    host.ssh(_run("beside", 81))
    _await_answer(host, 8081, "404")


def _add_rule(host: RealHost) -> None:
    """An administrator's rule, while our change is pending; it is kept over a reboot as the administrator keeps it."""
    host.ssh("iptables -A INPUT -s 192.0.2.67 -j DROP; /usr/share/netfilter-persistent/plugins.d/15-ip4tables save")


# ---- what happens to netfilter-persistent


def _restart(host: RealHost, _manager: Manager, _row: Row) -> None:
    host.ssh("iptables -F INPUT; systemctl restart netfilter-persistent.service")


def _reload(host: RealHost, _manager: Manager, _row: Row) -> None:
    host.ssh("iptables -F INPUT; netfilter-persistent reload")


def _flush(host: RealHost, _manager: Manager, _row: Row) -> None:
    told = host.output("netfilter-persistent flush >&2; iptables-save; ip6tables-save")
    if "DROP" in told:
        raise HostError(f"{host.name}: netfilter-persistent has flushed nothing:\n{told}")
    host.ssh("netfilter-persistent start")


def _save(host: RealHost, _manager: Manager, _row: Row) -> None:
    """Their plugin saves our table with all others, and loads it again, before ours finds it there."""
    host.ssh("cp -a /etc/nftables.conf /root/nftables.conf; netfilter-persistent save")
    host.ssh("grep -q 'table inet netpath_symmetry {' /etc/nftables.conf && ! grep -q netpath /etc/iptables/rules.v*")
    host.ssh("netfilter-persistent reload; mv /root/nftables.conf /etc/nftables.conf")


# ---- and to Docker


def _docker_restart(host: RealHost, _manager: Manager, _row: Row) -> None:
    """Docker makes its chains anew, which somebody has flushed."""
    host.ssh("iptables -t nat -F DOCKER; iptables -F FORWARD; systemctl restart docker.service")


def _container_anew(host: RealHost, _manager: Manager, _row: Row) -> None:
    host.ssh("docker rm -f web")
    if "8080" in host.output("iptables -t nat -S DOCKER"):
        raise HostError(f"{host.name}: Docker has kept the rule of a container that went")
    host.ssh(_run("web", 80))


def _container_in_the_window(host: RealHost, _manager: Manager, row: Row) -> None:
    """A container that comes while another change is pending is there when that has been taken back."""
    try_other(host, row, 300)
    host.ssh(_run("meanwhile", 82))
    host.ssh("sh /var/lib/netpath-symmetry/symmetry-guard revert")
    _await_answer(host, 8082, "404")
    if "dport 8082" not in host.output("iptables -t nat -S DOCKER"):
        raise HostError(f"{host.name}: the rule of a container that came in the window has gone with the revert")
    host.ssh("docker rm -f meanwhile")


EVENTS = [
    Event("netfilter-persistent restart", _restart, control_loses=True, about=NETFILTER),
    Event("netfilter-persistent reload", _reload, control_loses=True, about=NETFILTER),
    Event("netfilter-persistent flush, start", _flush, control_loses=True, about=NETFILTER),
    Event("netfilter-persistent save, reload", _save, about=NETFILTER),
    Event("Docker restart", _docker_restart, about=CONTAINERS),
    Event("container anew", _container_anew, about=CONTAINERS),
    Event("container in the window", _container_in_the_window, about=CONTAINERS),
]
_ALWAYS = ("reboot", "power cut", "expiry", "unconfirmed, reboot")
_OWN = {about: tuple(event.name for event in EVENTS if event.about == about) for about in (NETFILTER, CONTAINERS)}


def rows(routing: Subject) -> list[Row]:
    """The hosts; ``routing`` is what is mended on others: rules, routes, the nft table and a reverse-path filter."""
    state = str(routing.state) + THEIRS
    persistent = dataclasses.replace(routing, state=state + _PLUGINS, events=(*_OWN[NETFILTER], *_ALWAYS),
                                     why_not=_ABOUT, meanwhile=_add_rule)
    control = dataclasses.replace(persistent, state=state, events=_OWN[NETFILTER])
    containers = dataclasses.replace(
        routing, state=state, packets=lambda host: f"{routing.packets(host)} {_answer(host, 8080)}",
        right=f"{routing.right} 404", prepare=_start_containers, meanwhile=_start_another, why_not=_ABOUT,
        events=("reload of the manager", "restart of the manager", *_OWN[CONTAINERS], *_ALWAYS),
    )
    own: dict[str, t.Any] = {"about": NETFILTER, "files": _NETFILTER_FILES, "units": ("netfilter-persistent.service",)}
    return [
        Row("netfilter-persistent", "ifupdown", "auto", persistent, **own),
        Row("control with netfilter-persistent", "ifupdown", None, control, **own),
        Row("Docker", "networkd", "auto", containers, CONTAINERS, _DOCKER_FILES, ("docker.service",)),
    ]
