# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random hosts, as ip commands and sysctls, and random questions about them.

Many commands are refused by the kernel; that does no harm, since the facts are read back from it.
"""

from __future__ import annotations

import dataclasses
import random
import typing as t

T = t.TypeVar("T")

TABLES = (254, 254, 254, 100, 101, 102, 253)
DEVICES = ("d0", "d1", "d2", "d3", "v0", "m0")  # v0 has no carrier, m0 may be in VRF red
NETS = {
    4: ("10.1.0", "10.1.1", "10.2.0", "10.2.1", "20.1.1"),
    6: ("2001:db8:1", "2001:db8:1:1", "2001:db8:2", "fd00:1", "2002:a01:1"),
}
PREFIXES = {
    4: (
        "default",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.0.0/24",
        "10.1.1.0/24",
        "10.1.1.7/32",
        "10.2.0.0/15",
        "10.2.0.0/25",
        "10.1.0.0/32",
        "20.0.0.0/8",
        "20.1.1.0/24",
        "20.1.1.128/25",
        "30.0.0.0/8",
        "0.0.0.0/1",
        "128.0.0.0/1",
    ),
    6: (
        "default",
        "2001:db8::/32",
        "2001:db8:1::/48",
        "2001:db8:1::/64",
        "2001:db8:1:1::/64",
        "2001:db8:1::7/128",
        "2001:db8:2::/47",
        "2001:db8::/128",
        "2001:db8:1::/128",
        "fd00::/8",
        "2002::/16",
        "3000::/8",
        "2000::/3",
    ),
}


@dataclasses.dataclass(frozen=True)
class Question:
    """One question to the kernel, as `ip route get` asks it."""

    family: int
    dst: str
    src: str | None
    iif: str | None
    oif: str | None
    mark: int
    tos: int
    protocol: str
    sport: int | None
    dport: int | None

    def words(self) -> str:
        """The arguments of `ip`."""
        parts = [f"route get {self.dst}"]
        parts += [f"from {self.src}"] if self.src else []
        parts += [f"iif {self.iif}"] if self.iif else []
        parts += [f"oif {self.oif}"] if self.oif else []
        parts += [f"mark {self.mark}"] if self.mark else []
        parts += [f"tos {self.tos:#x}"] if self.tos else []
        parts += [f"ipproto {'ipv6-icmp' if self.protocol == 'icmpv6' else self.protocol}"]
        parts += [f"sport {self.sport} dport {self.dport}"] if self.sport else []
        # with iif, IPv6 would ask as nobody, while packets that arrive are root's
        parts += ["uid 0"] if self.family == 6 else []
        return " ".join(parts)


@dataclasses.dataclass(frozen=True)
class World:
    """A host: sysctls by path below /proc/sys/net, and ip commands (with -4 or -6 where it matters)."""

    sysctls: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]


class Generator:
    """Worlds and questions of one seed; with VRFs where the kernel has them."""

    def __init__(self, seed: int, vrfs: bool) -> None:
        self.random = random.Random(seed)
        self.iif_share = self.random.choice((0.15, 0.15, 0.6))  # of rules: they decide most reverse-path checks
        self.vrf = self.random.random() < 0.25 and vrfs
        self.nexthops: dict[int, list[int]] = {}

    def world(self) -> World:
        rules_last = self._rules(4) + self._rules(6) if self.random.random() < 0.85 else []
        commands = [*self._links(), *self._addresses(), *self._nexthop_objects(), *self._routes(4), *self._routes(6)]
        self.random.shuffle(rules_last)
        commands += [*rules_last, *self._neighbours()]
        if self.random.random() < 0.3:
            commands.append(f"link set {self._pick(DEVICES[:4])} down")
        return World(tuple(self._sysctls()), tuple(commands))

    def _pick(self, values: t.Iterable[T]) -> T:
        return self.random.choice(list(values))

    def _maybe(self, share: float) -> bool:
        return self.random.random() < share

    def _links(self) -> list[str]:
        commands = ["link set lo up"]
        for name in DEVICES:
            commands.append(f"link add {name} type veth peer name {name}p")
            if name != "v0":
                commands.append(f"link set {name}p up")
            if self._maybe(0.3):
                commands.append(f"link set {name} group {self.random.randrange(1, 3)}")
            commands.append(f"link set {name} up")
        if self.vrf:
            commands += ["link add red type vrf table 100", "link set red up", "link set m0 master red"]
            if self._maybe(0.5):
                commands.append("link set d3 master red")
        return commands

    def _addresses(self) -> list[str]:
        commands = []
        for index, name in enumerate(DEVICES):
            if name in ("d2", "v0") and self._maybe(0.4):
                continue
            for _each in range(self.random.choice((1, 1, 2))):
                net = self._pick(NETS[4])
                extra = " peer 10.9.9.9/32" if self._maybe(0.1) else f"/{self._pick((24, 24, 25, 32))}"
                scope = f" scope {self._pick(('link', 'host'))}" if self._maybe(0.15) else ""
                commands.append(f"-4 addr add {net}.{index + 1}{extra} dev {name}{scope}")
            flags = " preferred_lft 0" if self._maybe(0.2) else ""
            commands.append(f"-6 addr add {self._pick(NETS[6])}::{index + 1}/64 dev {name} nodad{flags}")
        if self._maybe(0.3):
            commands.append("-4 addr add 10.2.1.99/32 dev lo")
        return commands

    def _gateway(self, family: int) -> str:
        return (
            f"{self._pick(NETS[4])}.{self.random.randrange(200, 204)}"
            if family == 4
            else (f"{self._pick(NETS[6])}::{self.random.randrange(200, 204)}")
        )

    def _leg(self, family: int) -> str:
        via = f"via {self._gateway(family)} " if self._maybe(0.75) else ""
        return f"{via}dev {self._pick(DEVICES)}{' onlink' if via else ''}"

    def _nexthop_objects(self) -> list[str]:
        if self._maybe(0.6):
            return []
        commands = []
        for family, base in ((4, 0), (6, 20)):
            ids = [base + 1, base + 2, base + 3]
            for number in ids:
                commands.append(
                    f"-{family} nexthop add id {number} via {self._gateway(family)} dev {self._pick(DEVICES)} onlink"
                )
            members = self._pick((f"{ids[0]}/{ids[1]}", f"{ids[0]},2/{ids[1]},1", f"{ids[1]}/{ids[0]},3/{ids[2]}"))
            commands.append(f"-{family} nexthop add id {base + 10} group {members}")
            self.nexthops[family] = [*ids, base + 10]
        return commands

    def _neighbours(self) -> list[str]:
        """Gateways that do not answer, for fib_multipath_use_neigh, next-hop objects and IPv6 hosts."""
        if self._maybe(0.6):
            return []
        families = [self._pick((4, 6)) for _each in range(6)]
        return [
            f"-{family} neigh replace {self._gateway(family)} dev {self._pick(DEVICES)} nud failed"
            for family in families
        ]

    def _routes(self, family: int) -> list[str]:
        return [self._route(family) for _each in range(self.random.randrange(3, 22))]

    def _route(self, family: int) -> str:
        table = self._pick(TABLES)
        verb = self._pick(("add", "add", "append"))
        words = f"-{family} route {verb}"
        kind = self.random.random()
        prefix = self._pick(PREFIXES[family])
        tail = f" table {table}"
        if self._maybe(0.3):
            tail += f" metric {self._pick((5, 10, 10, 1024, 2000))}"
        if family == 4 and self._maybe(0.12):
            prefix += f" tos {self._pick(('0x10', '0x08', '0x04'))}"
        if kind < 0.18:
            return f"{words} {self._pick(('unreachable', 'blackhole', 'prohibit', 'throw', 'throw'))} {prefix}{tail}"
        if kind < 0.21:
            return f"{words} local {self._pick(PREFIXES[family][1:])} dev lo table {self._pick((255, 100, 254))}"
        if kind < 0.28 and self.nexthops:
            return f"{words} {prefix}{tail} nhid {self._pick(self.nexthops[family])}"
        if kind < 0.45:
            legs = " ".join(
                f"nexthop {self._leg(family)} weight {self.random.randrange(1, 4)}"
                for _each in range(self.random.randrange(2, 4))
            )
            return f"{words} {prefix}{tail} {legs}"
        if family == 4 and self._maybe(0.15):
            tail += f" src {self._pick(NETS[4])}.{self.random.randrange(1, 5)}"
        leg = self._leg(family)
        if family == 6 and "via" not in leg:
            words = words.replace("append", "add")  # between siblings it would be missing in the kernel's own dump
        return f"{words} {prefix} {leg}{tail}"

    def _rules(self, family: int) -> list[str]:
        commands = [self._rule(family) for _each in range(self.random.randrange(1, 9))]
        if self._maybe(0.1):
            commands.append(f"-{family} rule del pref 0")
            commands.append(f"-{family} rule add pref {self._pick((1, 900, 3000))} lookup local")
        return commands

    def _rule(self, family: int) -> str:
        words = [f"-{family} rule add"]
        words += ["not"] if self._maybe(0.1) else []
        words += [f"pref {self.random.randrange(1, 40) * 50}"]
        selectors = (
            (0.35, f"from {self._prefix(family)}"),
            (0.25, f"to {self._prefix(family)}"),
            (self.iif_share, f"iif {self._pick((*DEVICES, 'lo', 'red', 'absent'))}"),
            (0.1, f"oif {self._pick((*DEVICES, 'red'))}"),
            (0.2, f"fwmark {self._pick(('1', '0x10/0xf0', '0x11', '0/0xff'))}"),
            (0.1, f"tos {self._pick(('0x10', '0x08'))}"),
            (0.15, f"ipproto {self._pick(('tcp', 'udp', 'icmp'))}"),
            (0.1, f"sport {self._pick(('1000', '1000-2000'))}"),
            (0.1, f"dport {self._pick(('80', '1-1023', '443'))}"),
            (0.05, f"uidrange {self._pick(('0-0', '1-1000'))}"),
        )
        words += [selector for share, selector in selectors if self._maybe(share)]
        if self._maybe(0.06):
            return " ".join([*words, "l3mdev"])
        action = self.random.random()
        if action < 0.08:
            words.append(f"goto {self.random.randrange(1, 40) * 50}")
        elif action < 0.12:
            words.append("nop")
        elif action < 0.2:
            words.append(self._pick(("unreachable", "prohibit", "blackhole")))
        else:
            words.append(f"lookup {self._pick((*TABLES, 103))}")
            words += [f"suppress_prefixlength {self._pick((0, 8, 16, 24))}"] if self._maybe(0.15) else []
            words += [f"suppress_ifgroup {self._pick((0, 1, 2))}"] if self._maybe(0.08) else []
        return " ".join(words)

    def _prefix(self, family: int) -> str:
        prefix = self._pick(PREFIXES[family])
        return "all" if prefix == "default" else prefix

    def _sysctls(self) -> list[tuple[str, str]]:
        pairs = []
        for name in ("all", *DEVICES, *(("red",) if self.vrf else ())):
            quiet = 0.15 if name == "all" else 0.3
            base = f"ipv4/conf/{name}"
            pairs.append(
                (f"{base}/rp_filter", str(self._pick((0, 0, 1, 2)) if name != "all" else self._pick((0, 0, 0, 1, 2))))
            )
            for key in (
                "src_valid_mark",
                "accept_local",
                "send_redirects",
                "route_localnet",
                "ignore_routes_with_linkdown",
            ):
                pairs.append((f"{base}/{key}", str(int(self._maybe(quiet)))))
            pairs.append((f"{base}/forwarding", str(int(self._maybe(0.9)))))
            if name != "all":
                pairs.append((f"ipv6/conf/{name}/ignore_routes_with_linkdown", str(int(self._maybe(quiet)))))
        pairs.append(("ipv4/fib_multipath_hash_policy", self._pick(("0", "1"))))
        pairs.append(("ipv4/fib_multipath_use_neigh", str(int(self._maybe(0.3)))))
        # first, since it writes to every interface
        return [("ipv6/conf/all/forwarding", str(int(self._maybe(0.7)))), *pairs]

    # questions
    def _address(self, family: int) -> str:
        if family == 4 and self._maybe(0.03):
            return self._pick(("127.0.0.1", "10.1.1.255", "10.1.0.255", "10.9.9.9", "10.2.1.99"))
        if family == 6:
            return f"{self._pick((*NETS[6], '3000', '2001:db8'))}::{self.random.choice((1, 2, 3, 4, 7, 9, 200))}"
        return f"{self._pick((*NETS[4], '30.0.0', '200.0.0'))}.{self.random.choice((1, 2, 3, 4, 7, 9, 130, 200))}"

    def question(self, own: dict[int, list[str]]) -> Question:
        """One question; ``own`` are the host's addresses by family."""
        family = 4 if self._maybe(0.65) else 6
        protocol = self._pick(("tcp", "udp", "icmp" if family == 4 else "icmpv6"))
        ports = protocol in ("tcp", "udp")
        arrives = self._maybe(0.65)
        src: str | None = self._address(family)
        if not arrives:
            src = self._pick(own[family]) if own[family] and self._maybe(0.5) else None
        return Question(
            family,
            self._pick(own[family]) if own[family] and self._maybe(0.12) else self._address(family),
            src,
            self._pick(DEVICES) if arrives else None,
            self._pick((*DEVICES, "red") if self.vrf else DEVICES) if not arrives and self._maybe(0.25) else None,
            self._pick((0, 0, 1, 0x10, 0x11)),
            self._pick((0, 0, 0x10, 0x08)),
            protocol,
            self._pick((1000, 1500, 40000)) if ports else None,
            self._pick((80, 443, 5000)) if ports else None,
        )
