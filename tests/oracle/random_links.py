# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random interfaces: addresses, groups, carrier, sysctls and neighbours."""

from __future__ import annotations

from ansible_collections.netpath.symmetry.tests.oracle.pools import DEVICES, NETS, VRF_TABLE, Dice, Theme

_RP_FILTER = (0, 0, 1, 1, 2)
_SCOPED_GATEWAYS = (200, 203)  # last number of the addresses that routes go via


class Links:
    """The interfaces of one world."""

    def __init__(self, dice: Dice, theme: Theme, vrf: bool) -> None:
        self.dice = dice
        self.theme = theme
        self.vrf = vrf
        self.own: dict[int, list[str]] = {4: [], 6: []}  # the host's addresses, once they are made
        self.nets: dict[tuple[int, str], list[str]] = {}  # by family and device, as in NETS
        self.ways: list[tuple[int, str, str]] = []  # family, gateway and device of the routes, once they are made

    def gateway(self, family: int, device: str) -> str:
        """An address that routes by a device go via; none of the host has it."""
        near = self.nets.get((family, device)) if self.dice.maybe(self.theme.near_gateways) else None
        last = self.dice.between(*_SCOPED_GATEWAYS)
        return f"{self.dice.pick(near or NETS[family])}{'.' if family == 4 else '::'}{last}"

    def links(self) -> list[str]:
        commands = ["link set lo up"]
        for name in DEVICES:
            commands.append(f"link add {name} type veth peer name {name}p")
            if name != "v0":
                commands.append(f"link set {name}p up")
            if self.dice.maybe(0.5):
                commands.append(f"link set {name} group {self.dice.between(1, 2)}")
            commands.append(f"link set {name} up")
        if self.vrf:
            commands += [f"link add red type vrf table {VRF_TABLE}", "link set red up", "link set m0 master red"]
            if self.dice.maybe(0.5):
                commands.append("link set d3 master red")
        return commands

    def addresses(self) -> list[str]:
        commands = []
        counts = (2, 3, 4) if self.theme.many_addresses else (1,) if self.theme.few_addresses else (1, 1, 2, 3)
        bare = [name for name in ("d2", "v0") if self.dice.maybe(0.5)]
        bare += ["d1"] if self.dice.maybe(self.theme.bare) else []
        for index, name in enumerate(DEVICES):
            if name in bare:
                continue
            for _each in range(0 if self.theme.no_ipv4 else self.dice.pick(counts)):
                commands.append(f"-4 addr add {self._address(name, index)} dev {name}{self._scope()}")
            for _each in range(self.dice.pick(counts)):
                net = self.dice.pick(NETS[6])
                address = f"{net}::{index + 1}"
                self.own[6].append(address)
                self.nets.setdefault((6, name), []).append(net)
                flags = " preferred_lft 0" if self.dice.maybe(0.25) else ""
                commands.append(f"-6 addr add {address}/64 dev {name} nodad{flags}")
        if self.dice.maybe(0.3) and not self.theme.no_ipv4:
            commands.append("-4 addr add 10.2.1.99/32 dev lo")
        return commands

    def _address(self, device: str, index: int) -> str:
        net = self.dice.pick(NETS[4])
        own = f"{net}.{index + 1}"
        self.own[4].append(own)
        nets = self.nets.setdefault((4, device), [])
        nets.append(net)
        if self.dice.maybe(0.5 if self.theme.many_addresses else 0.12):
            nets.append(self.dice.pick(NETS[4]))
            peer = f"{nets[-1]}.0/24" if self.dice.maybe(0.85) else "10.9.9.9/32"
            return f"{own} peer {peer}"
        return f"{own}/{self.dice.pick((24, 24, 24, 25, 32))}"

    def _scope(self) -> str:
        return f" scope {self.dice.pick(('link', 'host'))}" if self.dice.maybe(0.15) else ""

    def neighbours(self) -> list[str]:
        """Gateways that do not answer, or of which the host is not sure."""
        if not self.ways or self.dice.maybe(0.3):
            return []
        return [self._neighbour(*self.dice.pick(self.ways)) for _each in range(len(self.ways) // 2)]

    def _neighbour(self, family: int, gateway: str, device: str) -> str:
        state = self.dice.pick(("failed", "failed", "failed", "incomplete", "stale", "reachable", "permanent"))
        has_mac = state not in ("failed", "incomplete")
        mac = " lladdr 02:00:00:00:00:77" if has_mac else ""
        return f"-{family} neigh replace {gateway} dev {device}{mac} nud {state}"

    def sysctls(self) -> list[tuple[str, str]]:
        dice = self.dice
        # first, since it writes to every interface
        pairs = [("ipv6/conf/all/forwarding", str(int(dice.maybe(0.7))))]
        pairs += [("ipv6/conf/default/accept_dad", "0"), ("ipv6/conf/default/dad_transmits", "0")]
        for name in ("all", *DEVICES, *(("red",) if self.vrf else ())):
            base = f"ipv4/conf/{name}"
            everywhere = name == "all"
            modes = (0, 0, 0, 0, 1, 2) if everywhere else _RP_FILTER
            mode = dice.pick((0, 1, 1, 2) if self.theme.strict and not everywhere else modes)
            pairs.append((f"{base}/rp_filter", str(mode)))
            for key, share in (
                ("src_valid_mark", 0.5 if self.theme.strict else 0.25),
                ("accept_local", 0.25),
                ("send_redirects", 0.3),
                ("route_localnet", 0.2),
                ("ignore_routes_with_linkdown", 0.4),
            ):
                pairs.append((f"{base}/{key}", str(int(dice.maybe(share / 2 if everywhere else share)))))
            pairs.append((f"{base}/forwarding", str(int(dice.maybe(0.9)))))
            if not everywhere:
                pairs.append((f"ipv6/conf/{name}/ignore_routes_with_linkdown", str(int(dice.maybe(0.4)))))
        policy = dice.pick(("0", "1", "1"))
        pairs += [("ipv4/fib_multipath_hash_policy", policy), ("ipv6/fib_multipath_hash_policy", policy)]
        pairs.append(("ipv4/fib_multipath_use_neigh", str(int(dice.maybe(0.5)))))
        return pairs
