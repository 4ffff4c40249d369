# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts whose uplink has its address and gateway from a DHCP server and from router advertisements.

What is mended follows the leases, so what must be the same after every event is told with words instead of what the
provider gives: LEASE by GATEWAY. In the control nobody follows.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.netpath.symmetry.tests.real_hosts.cases import FILES, Event, Row, Subject
from ansible_collections.netpath.symmetry.tests.real_hosts.host import DEFAULT_LINK, RealHost, gateways
from ansible_collections.netpath.symmetry.tests.real_hosts.managers import Manager
from ansible_collections.netpath.symmetry.tests.real_hosts.providers import Provider, Router

LINK = "wan_a"
LEASES = (("198.51.100.1/30", "198.51.100.2"), ("192.0.2.1/24", "192.0.2.77"))  # gateway, address
PREFIXES = ("2001:db8:c::", "2001:db8:d::")
UPLINK = {"name": "cable", "interface": LINK, "from_lease": True, "families": ["ipv4", "ipv6"]}
FIXED = {"name": "fixed", "interface": DEFAULT_LINK, "gateway": gateways(DEFAULT_LINK)[0]}
_STATE = r"""
for f in 4 6; do
    ip -$f rule show
    for table in $(ip -$f rule show | sed -n 's/.*lookup \(10[0-9]*\).*/\1/p' | sort -u); do
        echo "table $table"
        ip -$f route show table $table
    done
done
sha256sum /var/lib/netpath-symmetry/lease-routing.conf /var/lib/netpath-symmetry/symmetry-lease-routing
""" + FILES


class LeasedHost(RealHost):
    """A host with a provider at one of its links that leases and announces; it serves from the first boot on."""

    def __init__(self, *arguments: t.Any) -> None:
        super().__init__(*arguments)
        self.provider = Provider(self, LINK)
        self.router = Router(self, LINK)
        self._lease, self._prefix = 0, 0

    def __exit__(self, *error: object) -> None:
        self.provider.stop()
        self.router.stop()
        super().__exit__(*error)

    def plug(self, link: str) -> None:
        super().plug(link)
        if link == LINK:
            self._serve()

    def _serve(self) -> None:
        self.provider.offer(*LEASES[self._lease])
        self.router.announce(self.prefix)

    def change(self, lease: bool = False, prefix: bool = False) -> None:
        """Lease another address with another gateway, and refuse the one of before, or announce another prefix.

        From now on, or where the host does not run, from its boot on.
        """
        self._lease, self._prefix = self._lease ^ lease, self._prefix ^ prefix
        if self.runs:
            self._serve()

    @property
    def address(self) -> str:
        return LEASES[self._lease][1]

    @property
    def prefix(self) -> str:
        return PREFIXES[self._prefix]

    def words(self) -> dict[str, str]:
        """What the provider gives now, with the word for each."""
        gateway = ipaddress.ip_interface(LEASES[self._lease][0])
        return {self.address: "LEASE", str(gateway.ip): "GATEWAY", str(gateway.network): "ONLINK",
                f"{self.prefix}/64": "PREFIX"}


def await_lease(host: RealHost, family: int = 4) -> None:
    """Wait for a default route by the uplink; raises HostError."""
    host.ssh(f"timeout 40 sh -c 'until ip -{family} route show default dev {LINK} | grep -q via; do sleep 0.1; done'")


def source_rules(host: RealHost, family: int = 4) -> list[str]:
    """The sources of our rules."""
    lines = host.output(f"ip -{family} rule show | grep 'proto 83' | grep -v suppress || true").splitlines()
    return [line.split()[2] for line in lines]


def own_addresses(host: RealHost, prefix: str) -> list[str]:
    """The addresses of the host in a prefix, none where it has none yet."""
    shown = host.output(f"ip -o -6 address show dev {LINK} scope global -tentative")
    return re.findall(rf"({prefix[:-1]}[0-9a-f:]+)/", shown)


def state_of(host: LeasedHost) -> str:
    """Our rules and routes, with words instead of what the lease has given; of two tables, either may be in use."""
    text = host.ssh(_STATE, check=False).stdout
    for given, word in host.words().items():
        text = re.sub(rf"(?<![\w.:]){re.escape(given)}(?![\w.:/])", word, text)
    text = re.sub(r"\bfe80::[0-9a-f:]+", "ROUTER", text)
    for pair, word in (("1045[12]", "OF-4"), ("1045[34]", "OF-6")):
        text = re.sub(rf"\b(lookup|table) {pair}\b", rf"\1 {word}", text)
    return text


def packets_of(host: LeasedHost) -> str:
    """By which uplinks packets from the leased address, and from one in the announced prefix, come to the partner."""
    own = own_addresses(host, host.prefix)
    return f"{host.uplink_of_ping(4, host.address)} {host.uplink_of_ping(6, own[0]) if own else 'no address'}"


def _await_leases(host: LeasedHost) -> None:
    for family in (4, 6):
        await_lease(host, family)


def _another_lease(host: LeasedHost, _manager: Manager, _row: Row) -> None:
    host.change(lease=True)


def _another_prefix(host: LeasedHost, _manager: Manager, _row: Row) -> None:
    host.change(prefix=True)


def _reboot_another(host: LeasedHost, _manager: Manager, _row: Row) -> None:
    """The provider gives something else when the host is up again."""
    host.stop()
    host.change(lease=True, prefix=True)
    host.boot()


def _remove_rules(host: LeasedHost, _manager: Manager, _row: Row) -> None:
    for family in (4, 6):
        (source,) = source_rules(host, family)
        host.ssh(f"ip -{family} rule del from {source}")


EVENTS = [
    Event("another lease", _another_lease, control_loses=True, about="leases"),
    Event("another prefix", _another_prefix, control_loses=True, about="leases"),
    Event("another lease over a reboot", _reboot_another, control_loses=True, about="leases"),
    Event("source rule removed by hand", _remove_rules, control_loses=True, about="leases"),
]
SUBJECT = Subject(
    {"source_routing": {"source_routing_uplinks": [UPLINK]}},
    {"source_routing": {"source_routing_uplinks": [FIXED]}},
    state_of, packets_of, "wan_a wan_a",
    events=("reload of the manager", "carrier flap", "restart of the manager", "interface anew",
            *(event.name for event in EVENTS), "reboot", "power cut", "expiry", "unconfirmed, reboot",
            "unconfirmed, power cut"),
    why_not="nothing of it is in the nft table or in sysctls; of the rule, another event is about the follower's own",
    prepare=_await_leases, settle=40.0,  # of another prefix, the one of before ends with its lifetime
    unkept="systemctl disable --now symmetry-lease-routing.service || :",
)


def rows() -> list[Row]:
    """A host of each network manager, and one where nobody follows."""
    told = [(f"leases on {name}", f"{name}, leases", "auto") for name in
            ("networkd", "networkmanager", "ifupdown", "netplan, networkd", "netplan, NetworkManager")]
    told.append(("control with leases, nobody follows", "networkd, leases", None))
    return [Row(name, manager, provider, SUBJECT, "leases", host=LeasedHost) for name, manager, provider in told]
