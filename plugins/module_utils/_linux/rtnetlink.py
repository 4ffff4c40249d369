# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Rules, interfaces, neighbours and next-hop objects straight from the kernel, as the dictionaries of the facts schema.

Equal to iproute.py, but nothing has to be installed, nothing is forked, and a selector that this
code does not know is named in the rule's ``unknown`` instead of being dropped. Routes: routes.py.
(linux/fib_rules.h, if_link.h, if_addr.h, neighbour.h, nexthop.h)
"""

from __future__ import annotations

import socket
import struct
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import links, netlink, numbers
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import Netlink, address, attributes, u32

Dict = dict[str, t.Any]
AF = {4: int(socket.AF_INET), 6: int(socket.AF_INET6)}
FAMILY = {number: family for family, number in AF.items()}
RTM_GETLINK, RTM_GETADDR, RTM_GETNEIGH, RTM_GETRULE, RTM_GETNEXTHOP = 18, 22, 30, 34, 106
FIB_RULE_INVERT = 0x2
NUD_NOARP = 0x40
NTF_PROXY = 0x08
# fib_rule_hdr: family, dst_len, src_len, tos, table, reserved, reserved, action, flags
_RULE_HEADER = struct.Struct("=BBBBBBBBI")
_LINK_HEADER = struct.Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change
_ADDRESS_HEADER = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefixlen, flags, scope, index
_NEIGHBOUR_HEADER = struct.Struct("=BxxxiHBB")  # ndmsg: family, ifindex, state, flags, type
_NEXTHOP_HEADER = struct.Struct("=BBBxI")  # nhmsg: family, scope, protocol, flags

# FRA_*: those decoded in decode_rule, and those that select nothing (realms, padding)
_FRA_KNOWN = {1, 2, 3, 4, 6, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25}
_SELECTORS: dict[int, tuple[str, t.Callable[[bytes], t.Any]]] = {
    3: ("iif", netlink.text),
    12: ("tun_id", netlink.be),
    17: ("oif", netlink.text),
    20: ("uidrange", lambda data: list(struct.unpack("=II", data))),
    22: ("ipproto", netlink.u8),
    23: ("sport", lambda data: list(struct.unpack("=HH", data))),
    24: ("dport", lambda data: list(struct.unpack("=HH", data))),
    25: ("dscp", netlink.u8),
}
_FRA_TITLES = {26: "flowlabel", 27: "flowlabel_mask", 28: "sport_mask", 29: "dport_mask", 30: "dscp_mask"}
_FULL_MASKS = {28: 0xFFFF, 29: 0xFFFF, 30: 0x3F}  # newer kernels repeat them for a plain port or DSCP


def read_rules(kernel: Netlink, family: int | None = None) -> list[Dict]:
    """The rules of one family, or of both, in the kernel's order; raises NetlinkError."""
    rules: list[Dict] = []
    for one in (4, 6) if family is None else (family,):
        request = _RULE_HEADER.pack(AF[one], 0, 0, 0, 0, 0, 0, 0, 0)
        rules += [decode_rule(one, message.body) for message in kernel.messages(RTM_GETRULE, request)]
    return rules


def decode_rule(family: int, body: bytes) -> Dict:
    """One RTM_NEWRULE (net/core/fib_rules.c, fib_nl_fill_rule) as a rule of the schema."""
    _family, dst_len, src_len, tos, table, _res, _res2, action, flags = _RULE_HEADER.unpack_from(body)
    got = attributes(body, _RULE_HEADER.size)
    rule: Dict = {"family": family, "priority": u32(got[6]) if 6 in got else 0}
    rule.update(_rule_action(numbers.name_of(numbers.RULE_ACTIONS, action), table, got))
    for key, kind, length in (("src", 2, src_len), ("dst", 1, dst_len)):
        if kind in got:
            rule[key] = f"{address(got[kind])}/{length}"
    for kind, (key, decode) in _SELECTORS.items():
        if kind in got:
            rule[key] = decode(got[kind])
    rule.update(_rule_mark(got))
    if tos:
        rule["tos"] = tos
    for key, kind in (("suppress_ifgroup", 13), ("suppress_prefixlength", 14)):
        if kind in got and u32(got[kind]) != 0xFFFFFFFF:  # -1 stands for none
            rule[key] = u32(got[kind])
    if flags & FIB_RULE_INVERT:
        rule["invert"] = True
    if got.get(21, b"\0") != b"\0":
        rule["protocol"] = netlink.u8(got[21])
    unknown = [_unknown_selector(kind, got[kind]) for kind in sorted(got) if not _is_known(kind, got[kind])]
    if unknown:
        rule["unknown"] = unknown
    return rule


def _rule_action(name: str, table: int, got: t.Mapping[int, bytes]) -> Dict:
    """What the rule does: the action unless it is a lookup, and the table or the target."""
    if name == "goto":
        return {"action": name, "goto": u32(got[4]) if 4 in got else 0}
    if name != "lookup":
        return {"action": name}
    if 19 in got and netlink.u8(got[19]):
        return {"l3mdev": True}
    return {"table": u32(got[15]) if 15 in got else table}


def _rule_mark(got: t.Mapping[int, bytes]) -> Dict:
    """The mark and its mask; the kernel leaves out a mark of 0, but not its mask."""
    if 10 not in got and 16 not in got:
        return {}
    mark: Dict = {"fwmark": u32(got[10]) if 10 in got else 0}
    if 16 in got and u32(got[16]) != 0xFFFFFFFF:
        mark["fwmask"] = u32(got[16])
    return mark


def _is_known(kind: int, value: bytes) -> bool:
    return kind in _FRA_KNOWN or (kind in _FULL_MASKS and int.from_bytes(value, netlink.NATIVE) == _FULL_MASKS[kind])


def _unknown_selector(kind: int, value: bytes) -> str:
    return f"{_FRA_TITLES.get(kind, f'attribute {kind}')} 0x{value.hex()}"


def read_links(kernel: Netlink) -> list[Dict]:
    """The interfaces, as links.finish expects them but without addresses; raises NetlinkError."""
    skip_statistics = netlink.attribute(29, struct.pack("=I", 1 << 3))  # IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS
    interfaces = []
    masters = {}
    for message in kernel.messages(RTM_GETLINK, _LINK_HEADER.pack(0, 0, 0, 0, 0) + skip_statistics):
        link, master = decode_link(message.body)
        interfaces.append(link)
        if master:
            masters[link["name"]] = master
    names = {link["index"]: link["name"] for link in interfaces}
    for link in interfaces:
        if link["name"] in masters:
            link["master"] = device_name(names, masters[link["name"]])
    return interfaces


def decode_link(body: bytes) -> tuple[Dict, int]:
    """One RTM_NEWLINK (net/core/rtnetlink.c, rtnl_fill_ifinfo) and the index of its master, 0 without one."""
    _family, _type, index, flags, _change = _LINK_HEADER.unpack_from(body)
    got = attributes(body, _LINK_HEADER.size)
    link: Dict = {"name": netlink.text(got[3]), "index": index}
    info = attributes(got[18]) if 18 in got else {}
    kind = netlink.text(info[1]) if 1 in info else ("loopback" if flags & 0x8 else "")  # IFF_LOOPBACK
    if kind:
        link["kind"] = kind
    if kind == "vrf" and 2 in info:  # IFLA_INFO_DATA, IFLA_VRF_TABLE
        link["vrf_table"] = u32(attributes(info[2])[1])
    link.update(up=bool(flags & 0x1), carrier=bool(flags & 0x10000), mtu=u32(got[4]))  # IFF_UP, IFF_LOWER_UP
    if len(got.get(1, b"")) == 6:
        link["mac"] = got[1].hex(":")
    link["group"] = u32(got[27]) if 27 in got else 0
    return link, u32(got[10]) if 10 in got else 0


def read_interfaces(kernel: Netlink, interfaces: list[Dict]) -> dict[str, Dict]:
    """The interfaces of ``read_links`` by name, with their addresses; raises NetlinkError."""
    by_index: dict[int, list[Dict]] = {link["index"]: [] for link in interfaces}
    for message in kernel.messages(RTM_GETADDR, _ADDRESS_HEADER.pack(0, 0, 0, 0, 0)):
        index, address_ = decode_address(message.body)
        if address_ and index in by_index:
            by_index[index].append(address_)
    return links.finish([dict(link, addresses=by_index[link["index"]]) for link in interfaces])


def decode_address(body: bytes) -> tuple[int, Dict]:
    """One RTM_NEWADDR and the index of its interface; empty for families other than IPv4 and IPv6."""
    af, prefixlen, flags, scope, index = _ADDRESS_HEADER.unpack_from(body)
    if af not in FAMILY:
        return index, {}
    got = attributes(body, _ADDRESS_HEADER.size)
    flags = u32(got[8]) if 8 in got else flags
    local = got.get(2, got.get(1, b""))
    result: Dict = {"family": FAMILY[af], "address": address(local), "prefixlen": prefixlen}
    if scope:
        result["scope"] = numbers.name_of(numbers.SCOPES, scope)
    names = [name for bit, name in numbers.ADDRESS_FLAGS.items() if flags & bit]
    if flags & 0x01:  # IFA_F_SECONDARY, the same bit as IFA_F_TEMPORARY
        if FAMILY[af] == 4:
            result["secondary"] = True
        else:
            names.append("temporary")
    if got.get(1, local) != local:
        result["peer"] = address(got[1])
    if not flags & 0x80:  # IFA_F_PERMANENT
        names.append("dynamic")
    if names:
        result["flags"] = sorted(names)
    return index, result


def read_neighbours(kernel: Netlink, names: t.Mapping[int, str]) -> list[Dict]:
    """The neighbour entries of both families that ``ip neigh`` shows; raises NetlinkError."""
    result = []
    for message in kernel.messages(RTM_GETNEIGH, _NEIGHBOUR_HEADER.pack(0, 0, 0, 0, 0)):
        af, index, state, flags, _type = _NEIGHBOUR_HEADER.unpack_from(message.body)
        if af not in FAMILY or state in (0, NUD_NOARP) or flags & NTF_PROXY:
            continue
        got = attributes(message.body, _NEIGHBOUR_HEADER.size)
        entry = {"family": FAMILY[af], "address": address(got[1]), "device": device_name(names, index)}
        entry["state"] = numbers.name_of(numbers.NEIGHBOUR_STATES, state)
        if len(got.get(2, b"")) == 6:
            entry["mac"] = got[2].hex(":")
        result.append(entry)
    return result


def read_nexthops(kernel: Netlink, names: t.Mapping[int, str]) -> list[Dict]:
    """Next-hop objects in the form of nexthops.py; an empty list where the kernel has none (before 5.3)."""
    try:
        answer = list(kernel.messages(RTM_GETNEXTHOP, _NEXTHOP_HEADER.pack(0, 0, 0, 0)))
    except netlink.NetlinkError:  # EOPNOTSUPP: the kernel does not know the request
        return []
    return [decode_nexthop(message.body, names) for message in answer]


def decode_nexthop(body: bytes, names: t.Mapping[int, str]) -> Dict:
    """One RTM_NEWNEXTHOP (net/ipv4/nexthop.c, nh_fill_node)."""
    _family, _scope, _protocol, flags = _NEXTHOP_HEADER.unpack_from(body)
    got = attributes(body, _NEXTHOP_HEADER.size)
    number = u32(got[1])
    if 2 in got:  # struct nexthop_grp: id, weight - 1, high byte of it
        members = struct.iter_unpack("=IBBxx", got[2])
        return {"id": number, "members": [[member, low + (high << 8) + 1] for member, low, high in members]}
    if 4 in got:
        return {"id": number, "leg": {}}
    return {"id": number, "leg": leg(names, u32(got[5]) if 5 in got else 0, got.get(6), flags, 8 in got)}


def leg(names: t.Mapping[int, str], index: int, gateway: bytes | None, flags: int, encapsulated: bool) -> Dict:
    """A leg of the schema; ``flags`` are RTNH_F_*."""
    result: Dict = {}
    if index:
        result["device"] = device_name(names, index)
    if gateway:
        result["gateway"] = address(gateway)
    found = [name for bit, name in numbers.LEG_FLAGS.items() if flags & bit]
    if encapsulated:
        found.append("encap")
    if found:
        result["flags"] = sorted(found)
    return result


def device_name(names: t.Mapping[int, str], index: int) -> str:
    """The name of an interface, or what iproute2 prints for one that is gone."""
    return names.get(index, f"if{index}")
