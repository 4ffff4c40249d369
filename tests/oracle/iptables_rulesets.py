# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random iptables rules of both back ends and both families, for a router with three sides: a0 inside, b0, c0 outside.

A rule set is one text: ``@TOOL`` begins what TOOL-restore loads, and every rule is indented by four spaces.
"""

from __future__ import annotations

import random
import subprocess
import typing as t

Pool = t.Sequence[str]
_PLAIN: dict[int, Pool] = {
    4: (
        "-s 10.0.1.0/24", "-s 10.0.1.2", "! -s 10.0.1.2", "-d 203.0.113.0/29", "! -d 203.0.113.5",
        "-s 10.0.0.2/255.0.0.255", "-p icmp", "-p icmp -m icmp --icmp-type echo-request",
        "-p icmp -m icmp ! --icmp-type echo-reply",
        "-p icmp -m icmp --icmp-type destination-unreachable/port-unreachable",
        "-p icmp -m icmp --icmp-type any", "-f", "! -f", "-m iprange --src-range 10.0.1.2-10.0.1.3",
        "-m iprange ! --dst-range 203.0.113.5-203.0.113.9", "-m set --match-set nets src",
        "-m set --match-set nets dst",
        "-m set ! --match-set hosts src", "-m set --match-set services dst,dst", "-m set ! --match-set both dst",
        "-m addrtype --dst-type LOCAL", "-m addrtype ! --dst-type LOCAL,BROADCAST", "-m addrtype --src-type UNICAST",
    ),
    6: (
        "-s fd00:0:0:1::/64", "-s fd00:0:0:1::2", "! -s fd00:0:0:1::2", "-d 2001:db8:5::/48", "! -d 2001:db8:5::5",
        "-s fd00::2/ffff::ffff", "-p icmpv6", "-p icmpv6 -m icmp6 --icmpv6-type echo-request",
        "-p icmpv6 -m icmp6 ! --icmpv6-type echo-reply", "-p icmpv6 -m icmp6 --icmpv6-type packet-too-big",
        "-m iprange --src-range fd00:0:0:1::2-fd00:0:0:1::3", "-m iprange ! --dst-range 2001:db8:5::5-2001:db8:5::6",
        "-m set --match-set nets6 src", "-m set ! --match-set nets6 dst", "-m set --match-set nets src",
        "-m addrtype --dst-type LOCAL", "-m addrtype ! --dst-type LOCAL", "-m addrtype --src-type UNICAST",
    ),
}  # fmt: skip
_PACKET: Pool = (
    "-p tcp", "! -p tcp", "-p udp", "-p tcp -m tcp --dport 80", "-p tcp -m tcp ! --dport 80",
    "-p tcp -m tcp --dport 80:443", "-p udp -m udp --sport 4000:4002", "-p tcp -m multiport --dports 80,8000:9000",
    "-p tcp -m multiport ! --sports 80,443", "-p udp -m multiport --ports 53,514", "-p udp -m multiport ! --ports 53",
    "-p tcp -m tcp --syn", "-p tcp -m tcp ! --syn", "-p tcp -m tcp --tcp-flags RST RST",
    "-p tcp -m tcp --tcp-flags ALL SYN,ACK", "-p tcp -m tcp ! --tcp-flags SYN,ACK NONE", "-m mark --mark 0x10",
    "-m mark --mark 0x10/0xf0", "-m mark ! --mark 0x20/0xf0", "-m connmark --mark 0x10/0x10",
    "-m connmark ! --mark 0x20/0xf0",
    "-m pkttype --pkt-type unicast", "-m dscp --dscp 0x0a", "-m tos ! --tos 0x28/0xff", "-p 99", "! -p esp",
)  # fmt: skip
_STATE: Pool = (
    "-m state --state ESTABLISHED", "-m state --state NEW,INVALID", "-m state ! --state NEW",
    "-m conntrack --ctstate ESTABLISHED,RELATED", "-m conntrack --ctstate NEW", "-m conntrack --ctstate INVALID",
    "-m conntrack ! --ctstate NEW,UNTRACKED", "-m conntrack --ctstate UNTRACKED", "-m conntrack --ctstate DNAT",
    "-m conntrack --ctstate NEW,SNAT", "-m conntrack ! --ctstate INVALID,DNAT", "-m conntrack --ctdir ORIGINAL",
    "-m conntrack --ctdir REPLY", "-m conntrack --ctstate INVALID,NEW --ctdir REPLY", "-m conntrack --ctproto tcp",
    "-m conntrack ! --ctstate NEW --ctproto udp", "-m conntrack --ctstatus SEEN_REPLY",
    "-m conntrack ! --ctstatus SEEN_REPLY", "-m conntrack --ctstatus CONFIRMED", "-m conntrack --ctstatus NONE",
    "-m conntrack --ctorigdstport 80:443", "-m conntrack ! --ctorigsrcport 4000", "-m conntrack --ctreplsrcport 80",
)  # fmt: skip
_TUPLES: dict[int, Pool] = {
    4: (
        "-m conntrack --ctorigsrc 10.0.1.2", "-m conntrack --ctorigdst 203.0.113.0/24",
        "-m conntrack --ctreplsrc 10.0.2.8", "-m conntrack ! --ctrepldst 10.0.2.0/24",
    ),
    6: (
        "-m conntrack --ctorigsrc fd00:0:0:1::2", "-m conntrack ! --ctorigdst 2001:db8:5::/48",
        "-m conntrack --ctreplsrc fd00:0:0:2::8", "-m conntrack --ctrepldst fd00:0:0:1::/64",
    ),
}  # fmt: skip
_IN: Pool = ("-i a0", "-i b+", "! -i a0")
_OUT: Pool = ("-o b0", "-o c+", "! -o c0")
_REVERSE_PATH: Pool = (
    "-m rpfilter", "-m rpfilter --invert", "-m rpfilter --loose --invert", "-m rpfilter --validmark --invert",
    "-m rpfilter --accept-local --invert", "-m rpfilter --loose --accept-local --validmark",
)  # fmt: skip
_VERDICTS: Pool = (
    "-j ACCEPT", "-j ACCEPT", "-j DROP", "-j DROP", "-j REJECT", "-j RETURN", "-j helper", "-g helper", "-j deep", "",
    "-p tcp -j REJECT --reject-with tcp-reset", "-m comment --comment \"it's -j DROP\" -j ACCEPT", "-j NFLOG",
)  # fmt: skip
_RAW: dict[int, Pool] = {
    4: ("-s 10.0.1.3 -j CT --notrack", "-p udp -m udp --dport 53 -j CT --notrack", "-p tcp -j CT --zone 5",
        "-i a0 -j CT --zone 7", "-j CT --zone 9", "-p icmp -j NOTRACK", "-p tcp -j CT --ctevents new"),
    6: ("-s fd00:0:0:1::3 -j CT --notrack", "-p udp -m udp --dport 53 -j CT --notrack", "-p tcp -j CT --zone 5",
        "-j CT --zone 9", "-i b+ -j CT --zone 7", "-p tcp -j CT --ctevents new"),
}  # fmt: skip
_MARKS: Pool = (
    "-j MARK --set-xmark 0x10/0xf0", "-j MARK --set-mark 0x10", "-j MARK --or-mark 0x20", "-j MARK --and-mark 0xff",
    "-j MARK --xor-mark 0x30", "-j MARK --set-xmark 0x31/0x10", "-j CONNMARK --save-mark", "-j CONNMARK --restore-mark",
    "-j CONNMARK --restore-mark --nfmask 0xf0 --ctmask 0xf0", "-j CONNMARK --save-mark --nfmask 0xff --ctmask 0x3f",
    "-j CONNMARK --set-xmark 0x10/0xf0", "-j CONNMARK --set-mark 0x20", "-j DSCP --set-dscp 0x0a",
    "-j TOS --set-tos 0x28/0xff", "-j ACCEPT", "-j RETURN", "-j DROP", "-j CONNMARK --xor-mark 0x11",
)  # fmt: skip
_BEFORE: dict[int, Pool] = {
    4: (
        "-p tcp -m tcp --dport 443 -j DNAT --to-destination 10.0.2.9:8443",
        "-d 203.0.113.5 -j DNAT --to-destination 10.0.2.8",
        "-p udp -m udp --dport 53 -j DNAT --to-destination 10.0.3.9", "-p tcp -j DNAT --to-destination :8080",
        "-d 203.0.113.0/29 -j NETMAP --to 10.0.2.72/29", "-p udp -j REDIRECT --to-ports 5353",
        "-d 192.0.2.1 -j REDIRECT",
        "-d 198.51.100.7 -j ACCEPT",
        "-p tcp -j DNAT --to-destination 10.0.2.8-10.0.2.9",
        "-p udp -j DNAT --to-destination 10.0.2.77-10.0.2.78 --persistent",
    ),
    6: (
        "-p tcp -m tcp --dport 443 -j DNAT --to-destination [fd00:0:0:2::9]:8443",
        "-d 2001:db8:5::5 -j DNAT --to-destination fd00:0:0:2::8", "-d 2001:db8:5::/64 -j NETMAP --to 2001:db8:7::/64",
        "-p udp -m udp --dport 53 -j DNAT --to-destination fd00:0:0:3::9", "-p udp -j REDIRECT --to-ports 5353",
        "-p tcp -j DNAT --to-destination fd00:0:0:2::8-fd00:0:0:2::9",
    ),
}  # fmt: skip
_AFTER: dict[int, Pool] = {
    4: (
        "-o b0 -j MASQUERADE", "-s 10.0.1.2 -j SNAT --to-source 10.0.2.77", "-o c0 -j SNAT --to-source 10.0.3.77",
        "-j MASQUERADE", "-p udp -j SNAT --to-source 10.0.2.78",
        "-m mark --mark 0x10/0xf0 -j SNAT --to-source 10.0.3.78",
        "-s 10.0.1.0/29 -j NETMAP --to 10.0.2.0/29", "-p tcp -j SNAT --to-source 10.0.2.77:7000",
        "-s 10.0.1.4 -j ACCEPT",
        "-o b0 -j SNAT --to-source 192.0.2.64-192.0.2.127",
        "-j SNAT --to-source 198.51.100.64-198.51.101.5 --persistent",
    ),
    6: (
        "-o b0 -j MASQUERADE", "-s fd00:0:0:1::2 -j SNAT --to-source fd00:0:0:2::77", "-j MASQUERADE",
        "-o c0 -j SNAT --to-source fd00:0:0:3::77", "-s fd00:0:0:1::/64 -j NETMAP --to fd00:0:0:2::/64",
        "-p tcp -j SNAT --to-source [fd00:0:0:2::77]:7000",
        "-o b0 -j SNAT --to-source 2001:db8:9::40-2001:db8:9:0:1::7",
    ),
}  # fmt: skip
IPSETS = """\
create nets hash:net family inet
add nets 203.0.113.0/29
add nets 10.0.1.2/31
create hosts hash:ip family inet
add hosts 10.0.1.3
add hosts 203.0.113.6
create services hash:ip,port family inet
add services 203.0.113.5,tcp:80
add services 198.51.100.7,udp:53
add services 192.0.2.1,tcp:443
create nets6 hash:net family inet6
add nets6 2001:db8:5::/48
create both list:set
add both nets
add both hosts
"""


class _Family:
    """The random rules of one address family."""

    def __init__(self, dice: random.Random, family: int) -> None:
        self.dice = dice
        self.family = family

    def matches(self, *more: Pool, most: int = 2) -> str:
        pools = (_PLAIN[self.family], _PACKET, _STATE, _TUPLES[self.family], *more)
        chosen = [self.dice.choice(self.dice.choice(pools)) for _each in range(self.dice.choice((0, 1, 1, 1, most)))]
        return " ".join(chosen)

    def filters(self, chain: str, most: int, *more: Pool) -> list[str]:
        return [
            f"-A {chain} {self.matches(*more)} {self.dice.choice(_VERDICTS)}"
            for _each in range(self.dice.randrange(most + 1))
        ]

    def picked(self, chain: str, pool: Pool, most: int, share: float) -> list[str]:
        count = self.dice.randrange(most + 1) if self.dice.random() < share else 0
        return [f"-A {chain} {self.dice.choice(pool)}" for _each in range(count)]

    def raw(self) -> list[str]:
        rules = self.picked("PREROUTING", _RAW[self.family], 2, 0.35)
        rules += [f"{rule} -j DROP" for rule in self.picked("PREROUTING", _REVERSE_PATH, 1, 0.3)]
        return rules + self.picked("OUTPUT", [rule for rule in _RAW[self.family] if "-i" not in rule], 1, 0.15)

    def mangle(self) -> list[str]:
        rules = []
        for chain, share in (("PREROUTING", 0.7), ("FORWARD", 0.4), ("OUTPUT", 0.2), ("POSTROUTING", 0.2)):
            side = _IN if chain in ("PREROUTING", "FORWARD") else _OUT
            for rule in self.picked(chain, _MARKS, 3, share):
                head, target = rule.split(" -j ", 1)
                # errors that the router sends itself carry their connection past these rules, and are not followed
                first = " -m conntrack --ctstate NEW" if side is _OUT and target.startswith("CONNMARK") else ""
                rules.append(f"{head} {self.matches(side, most=1)}{first} -j {target}")
        return rules

    def nat(self) -> list[str]:
        return [
            *self.picked("PREROUTING", _BEFORE[self.family], 2, 0.4),
            *self.picked("POSTROUTING", _AFTER[self.family], 2, 0.5),
            *self.picked("OUTPUT", _BEFORE[self.family], 1, 0.1),
        ]

    def filter(self) -> list[str]:
        stateful = (
            ["-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"] if self.dice.random() < 0.3 else []
        )
        deep = [rule.replace("-j deep", "-j RETURN") for rule in self.filters("deep", 2)]
        helper, output = self.filters("helper", 3), self.filters("OUTPUT", 2, _OUT)
        return [
            *stateful,
            *self.filters("FORWARD", 10, _IN, _OUT),
            *self.filters("INPUT", 2, _IN),
            # an answer to an answer confirms a connection whose first packet was dropped, which is nobody's case
            *(rule.partition(" -j REJECT")[0] + " -j DROP" if "REJECT" in rule else rule for rule in output),
            *(rule.replace("-j helper", "-j ACCEPT").replace("-g helper", "-g deep") for rule in helper),
            *(rule.replace("-j helper", "-j DROP").replace("-g helper", "-j ACCEPT") for rule in deep),
        ]

    def security(self) -> list[str]:
        return self.picked(
            "FORWARD", ("-p tcp -j DROP", "-m mark --mark 0x10/0xf0 -j DROP", "-s 10.0.1.2 -j ACCEPT"), 1, 0.15
        )


def every_rule() -> t.Iterator[str]:
    """Every match, target and whole rule that a rule set may have."""
    yield from (*_PACKET, *_STATE, *_IN, *_OUT, *_REVERSE_PATH, *_VERDICTS, *_MARKS)
    for family in (4, 6):
        for pools in (_PLAIN, _TUPLES, _RAW, _BEFORE, _AFTER):
            yield from pools[family]


def random_ruleset(dice: random.Random) -> str:
    """The text of a random rule set: each table of the legacy or of the nft back end."""
    lines = []
    for family in (4, 6):
        rules = _Family(dice, family)
        tables = {
            "raw": rules.raw(), "mangle": rules.mangle(), "nat": rules.nat(), "filter": rules.filter(),
            "security": rules.security(),
        }  # fmt: skip
        both = dice.choice((("legacy",), ("nft",), ("legacy", "nft")))
        for table, body in tables.items():
            if not body:
                continue
            lines += [f"@ip{'' if family == 4 else '6'}tables-{dice.choice(both)}", f"*{table}"]
            if table == "filter":
                lines += [
                    f":FORWARD {dice.choice(('ACCEPT', 'ACCEPT', 'DROP'))} [0:0]",
                    ":helper - [0:0]",
                    ":deep - [0:0]",
                ]
            lines += [f"    {rule}" for rule in body]
            lines += ["COMMIT"]
    return "\n".join(lines)


def load(ruleset: str) -> None:
    """Load the ipsets and the rules, without those that iptables refuses (two protocols in one rule, say)."""
    subprocess.run(["ipset", "restore"], input=IPSETS, text=True, check=True)
    for block in ruleset.split("@")[1:]:
        tool, *lines = block.splitlines()
        if _restore(tool, lines):
            continue
        head = [line for line in lines if not line.startswith(" ") and line != "COMMIT"]
        if not _restore(tool, [*head, "COMMIT"]):
            raise RuntimeError(f"{tool} refuses {head}")
        for line in lines:
            if line.startswith(" "):
                _restore(tool, [head[0], line, "COMMIT"])


def _restore(tool: str, lines: list[str]) -> bool:
    text = "\n".join(line.strip() for line in lines) + "\n"
    done = subprocess.run([f"{tool}-restore", "--noflush"], input=text, text=True, capture_output=True, check=False)
    return done.returncode == 0
