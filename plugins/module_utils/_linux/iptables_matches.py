# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The matches of an iptables rule in the small form. Pure.

Each function of a module takes its options and the address family and returns matches that must all hold.
NotUnderstood makes the whole module unknown. Semantics: net/netfilter/xt_*.c.
"""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux.iptables_words import Option
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.nft_expressions import NotUnderstood

Dict = dict[str, t.Any]
NEVER: Dict = {"any": []}
ALWAYS: Dict = {"none": []}
_ALL_BITS = 0xFFFFFFFF
_NO_ENTRY: Dict = {"left": "ct state", "op": "in", "right": ["invalid", "untracked"]}


def plain(options: list[Option], family: int) -> list[Dict]:
    """The matches without a module: addresses, interfaces, protocol, fragments."""
    matches = []
    for option in options:
        value = option.values[0] if option.values else ""
        if option.name in ("-s", "-d"):
            matches.append(_address("saddr" if option.name == "-s" else "daddr", value, option.negated, family))
        elif option.name in ("-i", "-o"):
            name = f"{value[:-1]}*" if value.endswith("+") else value
            matches.append(_compare("meta iifname" if option.name == "-i" else "meta oifname", name, option.negated))
        elif option.name == "-p":
            if value not in ("all", "0"):
                matches.append(_compare("meta l4proto", number(value, value), option.negated))
        else:  # -f: the second and later fragments
            matches.append({"left": "ip frag-off", "mask": 0x1FFF, "op": "==" if option.negated else "!=", "right": 0})
    return matches


def of_module(module: str, options: list[Option], family: int, sets: t.Mapping[str, Dict]) -> list[Dict]:
    """The matches of one ``-m``."""
    try:
        if module == "set":
            from ansible_collections.netpath.symmetry.plugins.module_utils._linux import ipset

            return [ipset.match_of(options, family, sets)]
        return _MODULES[module](options, family)
    except (KeyError, NotUnderstood, ValueError, IndexError):
        return [{"unknown": " ".join(["-m", module, *map(str, options)])}]


def number(text: str, other: t.Any = None) -> t.Any:
    """The number that a word stands for; for other words ``other``, without which ValueError is raised."""
    try:
        return int(text, 0)
    except ValueError:
        if other is None:
            raise
        return other


def value_and_mask(text: str, full: int = _ALL_BITS) -> tuple[int, int]:
    """``value[/mask]``."""
    value, _slash, mask = text.partition("/")
    return int(value, 0), int(mask, 0) if mask else full


def _compare(left: str, right: t.Any, negated: bool, mask: t.Optional[int] = None) -> Dict:
    match: Dict = {"left": left, "op": "!=" if negated else "==", "right": right}
    if mask is not None:
        match["mask"] = mask
    return match


def _address(field: str, text: str, negated: bool, family: int) -> Dict:
    left = f"{'ip' if family == 4 else 'ip6'} {field}"
    address, _slash, mask = text.partition("/")
    if not mask or mask.isdigit():
        full = not mask or int(mask) == (32 if family == 4 else 128)
        return _compare(left, address if full else text, negated)
    bits = int(ipaddress.ip_address(mask))  # a mask with holes
    return _compare(left, address, negated, bits)


def port(text: str) -> t.Any:
    """``80`` or ``1000:2000``, whose ends may be left out."""
    first, colon, last = text.partition(":")
    return {"range": [int(first or 0), int(last or 65535)]} if colon else int(first)


def port_element(text: str) -> t.Any:
    """As an element of a list."""
    value = port(text)
    return "-".join(map(str, value["range"])) if isinstance(value, dict) else value


def _ports(protocol: str) -> t.Callable[[list[Option], int], list[Dict]]:
    def matches(options: list[Option], family: int) -> list[Dict]:
        return [_port_match(protocol, option) for option in options]

    return matches


def _port_match(protocol: str, option: Option) -> Dict:
    side = {"--sport": "sport", "--dport": "dport", "--source-port": "sport", "--destination-port": "dport"}
    if option.name in side:
        return _compare(f"{protocol} {side[option.name]}", port(option.values[0]), option.negated)
    if protocol == "tcp" and option.name in ("--tcp-flags", "--syn"):
        mask, set_bits = option.values if option.values else ("FIN,SYN,RST,ACK", "SYN")
        return {"left": "tcp flags", "mask": _flags(mask), "op": "!=" if option.negated else "==",
                "right": _flags(set_bits)}
    raise NotUnderstood(option.name)


def _flags(text: str) -> list[str]:
    if text == "NONE":
        return []
    every = "FIN,SYN,RST,PSH,ACK,URG"
    return (every if text == "ALL" else text).lower().split(",")


def _icmp(protocol: str) -> t.Callable[[list[Option], int], list[Dict]]:
    def matches(options: list[Option], family: int) -> list[Dict]:
        found: list[Dict] = []
        for option in options:
            kind, _slash, code = option.values[0].partition("/")
            if kind == "any" or kind == "255":
                found += [NEVER] if option.negated else []
            elif code:
                pair = (("type", number(kind)), ("code", int(code)))
                both = [_compare(f"{protocol} {field}", value, False) for field, value in pair]
                found += [{"none": [{"all": both}]}] if option.negated else both
            else:
                found.append(_compare(f"{protocol} type", number(kind, kind), option.negated))
        return found

    return matches


def _multiport(options: list[Option], family: int) -> list[Dict]:
    sides = {"--sports": ("sport",), "--dports": ("dport",), "--ports": ("sport", "dport"),
             "--source-ports": ("sport",), "--destination-ports": ("dport",)}
    found = []
    for option in options:
        wanted = [port_element(text) for text in option.values[0].split(",")]
        either = [_compare(f"th {side}", wanted, False) for side in sides[option.name]]
        if len(either) == 1:
            found.append(dict(either[0], op="!=" if option.negated else "=="))
        else:
            found.append({"none" if option.negated else "any": either})
    return found


def _state(options: list[Option], family: int) -> list[Dict]:
    return [_states(option) for option in options]


def _states(option: Option) -> Dict:
    """xt_conntrack knows SNAT and DNAT as states beside the ones that nft knows."""
    names = option.values[0].lower().split(",")
    states = [name for name in names if name not in ("snat", "dnat")]
    translated = [name for name in names if name in ("snat", "dnat")]
    found: Dict = {"left": "ct state", "op": "!=" if option.negated else "in", "right": states}
    if not translated:
        return found
    both = [dict(found, op="in"), {"left": "ct status", "op": "in", "right": translated}]
    return {"none" if option.negated else "any": both}


_TUPLE = {
    f"--ct{side}{end}{'port' if is_port else ''}": f"ct {direction} {'proto-' if is_port else 'IP '}{field}"
    for side, direction in (("orig", "original"), ("repl", "reply"))
    for end in ("src", "dst")
    for is_port in (False, True)
    for field in [{"src": "src" if is_port else "saddr", "dst": "dst" if is_port else "daddr"}[end]]
}


def _conntrack(options: list[Option], family: int) -> list[Dict]:
    """conntrack_mt: where the packet has no connection, only the state is asked for."""
    states = [_states(option) for option in options if option.name == "--ctstate"]
    others = [_conntrack_field(option, family) for option in options if option.name != "--ctstate"]
    return states + ([{"any": [_NO_ENTRY, one]} for one in others] if states else others)


def _conntrack_field(option: Option, family: int) -> Dict:
    value = option.values[0]
    if option.name in _TUPLE:
        left = _TUPLE[option.name].replace("IP", "ip" if family == 4 else "ip6")
        if option.name.endswith("port"):
            return _compare(left, port(value), option.negated)
        match = _address("saddr", value, option.negated, family)
        return dict(match, left=left)
    if option.name == "--ctdir":
        return _compare("ct direction", value.lower(), option.negated)
    if option.name == "--ctproto":
        return _compare("ct protocol", number(value, value), option.negated)
    if option.name == "--ctstatus":
        names = [name for name in value.lower().replace("_", "-").split(",") if name != "none"]
        return {"left": "ct status", "op": "!=" if option.negated else "in", "right": names}
    raise NotUnderstood(option.name)


def _mark(left: str) -> t.Callable[[list[Option], int], list[Dict]]:
    def matches(options: list[Option], family: int) -> list[Dict]:
        found = []
        for option in options:
            value, mask = value_and_mask(option.values[0])
            found.append(_compare(left, value, option.negated, None if mask == _ALL_BITS else mask))
        return found

    return matches


def _addrtype(options: list[Option], family: int) -> list[Dict]:
    """xt_addrtype; for IPv6 only the types that it looks up as nft's fib does."""
    limits = {"--limit-iface-in": " . iif", "--limit-iface-out": " . oif"}
    limit = "".join(limits.get(option.name, "") for option in options)
    found = []
    for option in options:
        if option.name in limits:
            continue
        side = {"--src-type": "saddr", "--dst-type": "daddr"}[option.name]
        types = option.values[0].lower().split(",")
        if family == 6:
            found.append(_addrtype_v6(side, types, limit, option.negated))
        else:
            found.append(_compare(f"fib {side}{limit} type", types, option.negated))
    return found


def _addrtype_v6(side: str, types: list[str], limit: str, negated: bool) -> Dict:
    if types == ["multicast"]:
        return _compare(f"ip6 {side}", "ff00::/8", negated)
    if types == ["unicast"]:
        return _compare(f"ip6 {side}", ["::", "ff00::/8"], not negated)
    if types == ["local"]:
        return _compare(f"fib {side}{limit} type", types, negated)
    raise NotUnderstood("several types at once")


def _iprange(options: list[Option], family: int) -> list[Dict]:
    found = []
    for option in options:
        side = {"--src-range": "saddr", "--dst-range": "daddr"}[option.name]
        ends = option.values[0].split("-")
        left = f"{'ip' if family == 4 else 'ip6'} {side}"
        found.append(_compare(left, {"range": ends} if len(ends) == 2 else ends[0], option.negated))
    return found


def _rpfilter(options: list[Option], family: int) -> list[Dict]:
    flags = sorted(option.name[2:] for option in options if option.name != "--invert")
    if set(flags) - {"loose", "validmark", "accept-local"}:
        raise NotUnderstood(" ".join(flags))
    inverted = any(option.name == "--invert" for option in options)
    return [{"left": " ".join(["rpfilter", *flags]), "op": "==", "right": not inverted}]


def _owner(options: list[Option], family: int) -> list[Dict]:
    """owner_mt: for a packet without a socket only what is inverted holds."""
    found = []
    for option in options:
        left = {"--uid-owner": "meta skuid", "--gid-owner": "meta skgid"}[option.name]
        first, _dash, last = option.values[0].partition("-")
        right = {"range": [int(first), int(last)]} if last else int(first)
        found.append({**_compare(left, right, option.negated), **({"absent": True} if option.negated else {})})
    return found


def _field(name: str) -> t.Callable[[list[Option], int], list[Dict]]:
    def matches(options: list[Option], family: int) -> list[Dict]:
        found = []
        for option in options:
            value, mask = value_and_mask(option.values[0], 0xFF)
            left = f"{'ip' if family == 4 else 'ip6'} {name}"
            found.append(_compare(left, value, option.negated, None if mask == 0xFF else mask))
        return found

    return matches


def _pkttype(options: list[Option], family: int) -> list[Dict]:
    return [_compare("meta pkttype", option.values[0], option.negated) for option in options]


def _devgroup(options: list[Option], family: int) -> list[Dict]:
    found = []
    for option in options:
        left = {"--src-group": "meta iifgroup", "--dst-group": "meta oifgroup"}[option.name]
        value, mask = value_and_mask(option.values[0])
        found.append(_compare(left, value, option.negated, None if mask == _ALL_BITS else mask))
    return found


_MODULES: dict[str, t.Callable[[list[Option], int], list[Dict]]] = {
    "tcp": _ports("tcp"),
    "udp": _ports("udp"),
    "icmp": _icmp("icmp"),
    "icmp6": _icmp("icmpv6"),
    "multiport": _multiport,
    "state": _state,
    "conntrack": _conntrack,
    "mark": _mark("meta mark"),
    "connmark": _mark("ct mark"),
    "addrtype": _addrtype,
    "iprange": _iprange,
    "rpfilter": _rpfilter,
    "owner": _owner,
    "dscp": _field("dscp"),
    "tos": _field("tos"),
    "pkttype": _pkttype,
    "devgroup": _devgroup,
    # headers that no packet of a flow has: without the header these never match, inverted or not
    **dict.fromkeys(("rt", "frag", "hbh", "dst", "ah", "esp", "mh", "ipcomp"), lambda options, family: [NEVER]),
    "nfacct": lambda options, family: [],  # it counts
}
