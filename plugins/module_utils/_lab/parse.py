# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Turn a topology file into a Topology, or say what is wrong with it and where."""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import checks, source
from ansible_collections.netpath.symmetry.plugins.module_utils._lab import topology as model
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.errors import Mark, TopologyError
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.source import Node

ROUTE_TYPES = ("unicast", "blackhole", "unreachable", "prohibit", "throw")
RULE_ACTIONS = ("blackhole", "unreachable", "prohibit")
RULE_TEXTS = ("iif", "oif", "fwmark", "tos", "ipproto", "sport", "dport", "uidrange")
RULE_NUMBERS = ("suppress_prefixlength", "suppress_ifgroup")
NAMED_TABLES = ("main", "local", "default")
_HOST = re.compile(r"^[a-z0-9]([a-z0-9_-]{0,30}[a-z0-9])?$")
_INTERFACE = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,14}$")  # the kernel's limit is 15 (IFNAMSIZ)
_INTERFACE_FORM = "expected 1 to 15 letters, digits, '_', '.', '-'"
_SYSCTL = re.compile(r"^net(/[A-Za-z0-9_.@+-]+)+$")
_WORD = re.compile(r"^[A-Za-z0-9_./:@+-]+$")
_DELAY = re.compile(r"^(?P<number>[0-9]+(\.[0-9]+)?)(?P<unit>us|ms|s)$")
_MICROSECONDS = {"us": 1, "ms": 1000, "s": 1000_000}
LONGEST_DELAY = 10_000_000  # microseconds
_CONTROL_SOCKET = re.compile(r"^[^#\n]*\bPath\s+/", re.MULTILINE)
_MAC = re.compile(r"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$", re.IGNORECASE)


def read(path: str) -> model.Topology:
    """Read and check a topology file; raises LabError or TopologyError (with file, line and column)."""
    return from_tree(source.load(path))


def from_tree(root: Node) -> model.Topology:
    """The topology of a parsed file."""
    top = root.mapping("the topology", ("description", "management", "hosts", "links", "segments"), required=("hosts",))
    management = model.MANAGEMENT_SUBNET
    if "management" in top:
        subnet = top["management"].mapping("management", ("subnet",), required=("subnet",))["subnet"]
        network = _network(subnet, "the management subnet")
        if not isinstance(network, ipaddress.IPv4Network):
            raise subnet.error(f"the management subnet {network} is not IPv4, for example {model.MANAGEMENT_SUBNET}")
        management = network
    hosts = tuple(_host(name, node) for name, node in top["hosts"].entries("hosts").items())
    if not hosts:
        raise top["hosts"].error("hosts is empty, a lab needs at least one host")
    wires = [_link(node) for node in top["links"].items("links")] if "links" in top else []
    if "segments" in top:
        wires += [_segment(name, node) for name, node in top["segments"].entries("segments").items()]
    result = model.Topology(management, hosts, tuple(wires))
    checks.check(result, top["management"].mark if "management" in top else root.mark)
    return result


def _host(name: str, node: Node) -> model.Host:
    if not _HOST.match(name):
        raise TopologyError(node.key, f"host name {name!r}: expected lower-case letters, digits, '-', '_', 32 at most")
    what = f"host {name}"
    allowed = ("forwarding", "loopback", "routes", "rules", "neighbours", "sysctls", "nft", "frr", "conntrackd")
    fields = node.mapping(what, (*allowed, "keepalived", "services"))
    nft, frr, conntrackd, keepalived = (fields.get(key) for key in ("nft", "frr", "conntrackd", "keepalived"))
    return model.Host(
        name=name,
        forwarding=fields["forwarding"].flag(f"forwarding of {what}") if "forwarding" in fields else False,
        loopback=tuple(_interface(item, f"loopback of {what}") for item in _items(fields, "loopback", what)),
        routes=tuple(_route(item, what) for item in _items(fields, "routes", what)),
        rules=tuple(_rule(item, what) for item in _items(fields, "rules", what)),
        neighbours=tuple(_neighbour(item, what) for item in _items(fields, "neighbours", what)),
        sysctls=_sysctls(fields["sysctls"], what) if "sysctls" in fields else (),
        nft=nft.text(f"nft of {what}") if nft else "",
        services=tuple(_service(item, what) for item in _items(fields, "services", what)),
        mark=node.key,
        frr=frr.text(f"frr of {what}") if frr else "",
        conntrackd=_conntrackd(conntrackd, what) if conntrackd else "",
        keepalived=keepalived.text(f"keepalived of {what}") if keepalived else "",
        nft_mark=_first_line(nft),
        frr_mark=_first_line(frr),
        conntrackd_mark=_first_line(conntrackd),
        keepalived_mark=_first_line(keepalived),
    )


def _conntrackd(node: Node, what: str) -> str:
    text = node.text(f"conntrackd of {what}")
    if not _CONTROL_SOCKET.search(text):
        wanted = "General { UNIX { Path /run/conntrackd.ctl } }, by which it is asked"
        raise node.error(f"conntrackd of {what} names no control socket: {wanted}")
    return text


def _first_line(node: t.Optional[Node]) -> t.Optional[Mark]:
    """Where the first line of a block of text stands."""
    return Mark(node.mark.file, node.mark.line + (node.style in ("|", ">")), 1) if node else None


def _items(fields: t.Mapping[str, Node], key: str, what: str) -> list[Node]:
    return fields[key].items(f"{key} of {what}") if key in fields else []


def _route(node: Node, what: str) -> model.Route:
    what = f"a route of {what}"
    allowed = ("to", "via", "dev", "table", "metric", "src", "type", "onlink", "mtu")
    fields = node.mapping(what, allowed, required=("to",))
    via = _address(fields["via"], f"via of {what}") if "via" in fields else None
    kind = fields["type"].choice(f"type of {what}", ROUTE_TYPES) if "type" in fields else "unicast"
    if kind == "unicast" and via is None and "dev" not in fields:
        raise node.error(f"{what} needs 'via' or 'dev' (or a type: {', '.join(ROUTE_TYPES[1:])})")
    if kind != "unicast" and (via is not None or "dev" in fields):
        raise node.error(f"{what} of type {kind} goes nowhere: it takes neither 'via' nor 'dev'")
    return model.Route(
        to=_destination(fields["to"], f"to of {what}", via),
        via=via,
        device=fields["dev"].text(f"dev of {what}") if "dev" in fields else None,
        table=_table(fields["table"], what) if "table" in fields else "main",
        metric=fields["metric"].integer(f"metric of {what}", 0, 2**32 - 1) if "metric" in fields else None,
        source=_address(fields["src"], f"src of {what}") if "src" in fields else None,
        type=kind,
        onlink=fields["onlink"].flag(f"onlink of {what}") if "onlink" in fields else False,
        mtu=fields["mtu"].integer(f"mtu of {what}", 68, 65535) if "mtu" in fields else None,
        mark=node.mark,
    )


def _rule(node: Node, what: str) -> model.Rule:
    what = f"a rule of {what}"
    allowed = ("priority", "family", "not", "from", "to", *RULE_TEXTS, "table", "action", *RULE_NUMBERS)
    fields = node.mapping(what, allowed, required=("priority",))
    if ("table" in fields) == ("action" in fields):
        raise node.error(f"{what} needs either 'table' or 'action' ({', '.join(RULE_ACTIONS)})")
    selectors: list[tuple[str, str]] = []
    family = int(fields["family"].choice(f"family of {what}", ("4", "6"))) if "family" in fields else None
    for key in ("from", "to"):
        if key in fields:
            prefix = _network(fields[key], f"{key} of {what}")
            if family not in (None, prefix.version):
                raise fields[key].error(f"{key} of {what} is {prefix}, but the rule is of IPv{family}")
            family = prefix.version
            selectors.append((key, str(prefix)))
    selectors += [(key, _word(fields[key], f"{key} of {what}")) for key in RULE_TEXTS if key in fields]
    if "table" in fields:
        action = f"lookup {_table(fields['table'], what)}"
    else:
        action = fields["action"].choice(f"action of {what}", RULE_ACTIONS)
    for key in RULE_NUMBERS:
        if key in fields:
            action += f" {key} {fields[key].integer(f'{key} of {what}', 0, 2**31 - 1)}"
    return model.Rule(
        family=family or 4,
        priority=fields["priority"].integer(f"priority of {what}", 1, 2**32 - 1),
        invert=fields["not"].flag(f"not of {what}") if "not" in fields else False,
        selectors=tuple(selectors),
        action=action,
        mark=node.mark,
    )


def _neighbour(node: Node, what: str) -> model.StaticNeighbour:
    what = f"a neighbour of {what}"
    fields = node.mapping(what, ("address", "mac", "dev"), required=("address", "mac", "dev"))
    mac = fields["mac"].text(f"mac of {what}")
    if not _MAC.match(mac):
        raise fields["mac"].error(f"mac of {what} is {mac!r}, expected the form 02:00:00:00:00:01")
    address = _address(fields["address"], f"address of {what}")
    return model.StaticNeighbour(address, mac.lower(), fields["dev"].text(f"dev of {what}"), mark=node.mark)


def _sysctls(node: Node, what: str) -> tuple[model.Sysctl, ...]:
    result = []
    for name, value in node.entries(f"sysctls of {what}").items():
        if not _SYSCTL.match(name) or "/../" in name or name.endswith("/.."):
            expected = "expected a path below /proc/sys/net with slashes, such as net/ipv4/conf/eth0/rp_filter"
            raise TopologyError(value.key, f"sysctl {name!r} of {what}: {expected}")
        result.append(model.Sysctl(name, value.text(f"sysctl {name} of {what}"), mark=value.key))
    return tuple(result)


def _service(node: Node, what: str) -> model.Service:
    what = f"a service of {what}"
    kinds = ("http", "udp_echo", "exec")
    entries = node.mapping(what, kinds)
    if len(entries) != 1:
        raise node.error(f"{what} names {len(entries)} kinds, expected one of {', '.join(kinds)}")
    ((kind, value),) = entries.items()
    if kind == "exec":
        command = value.mapping(what, ("command",), required=("command",))["command"]
        words = tuple(word.text(f"a word of the command of {what}") for word in command.items(f"command of {what}"))
        if not words:
            raise command.error(f"the command of {what} is empty, expected a list such as [iperf3, --server]")
        return model.Service("exec", command=words)
    fields = value.mapping(what, ("port", "body") if kind == "http" else ("port",), required=("port",))
    body = fields["body"].text(f"body of {what}") if "body" in fields else ""
    return model.Service(kind, port=fields["port"].integer(f"port of {what}", 1, 65535), body=body)


def _link(node: Node) -> model.Wire:
    fields = node.mapping("a link", ("ends", "mtu", "delay"), required=("ends",))
    delay = _delay(fields["delay"]) if "delay" in fields else None
    ends = fields["ends"].items("ends of a link")
    ports = tuple(_port(item, "an end of a link", delay is not None) for item in ends)
    if len(ports) != 2:
        raise fields["ends"].error(f"a link has {len(ports)} ends, expected 2 (a wire with more of them is a segment)")
    return model.Wire("", ports, _mtu(fields, "a link"), delay, mark=node.mark)


def _delay(node: Node) -> int:
    text = node.text("delay of a link")
    match = _DELAY.match(text)
    microseconds = round(float(match["number"]) * _MICROSECONDS[match["unit"]]) if match else -1
    if not match or microseconds > LONGEST_DELAY:
        raise node.error(f"delay of a link is {text!r}, expected a time up to 10s, such as 500us, 3ms or 0us")
    return microseconds


def _segment(name: str, node: Node) -> model.Wire:
    if not _INTERFACE.match(name):
        raise TopologyError(node.key, f"segment name {name!r}: {_INTERFACE_FORM}")
    what = f"segment {name}"
    fields = node.mapping(what, ("ports", "mtu"), required=("ports",))
    ports = tuple(_port(item, f"a port of {what}") for item in fields["ports"].items(f"ports of {what}"))
    return model.Wire(name, ports, _mtu(fields, what), None, mark=node.key)


def _port(node: Node, what: str, delayed: bool = False) -> model.Port:
    allowed = ("host", "interface", "addresses", "checksum_offload")
    fields = node.mapping(what, allowed, required=("host", "interface"))
    interface = fields["interface"].text(f"interface of {what}")
    if not _INTERFACE.match(interface):
        raise fields["interface"].error(f"interface {interface!r} of {what}: {_INTERFACE_FORM}")
    nodes = _items(fields, "addresses", what)
    offload = not delayed
    if "checksum_offload" in fields:
        offload = fields["checksum_offload"].flag(f"checksum_offload of {what}")
        if offload and delayed:
            reason = "a program passes the packets of a link with a delay on, and sees their checksum unfinished"
            raise fields["checksum_offload"].error(f"checksum_offload of {what} cannot be true: {reason}")
    return model.Port(
        host=fields["host"].text(f"host of {what}"),
        interface=interface,
        addresses=tuple(_interface(item, f"an address of {what}") for item in nodes),
        checksum_offload=offload,
        mark=node.mark,
        address_marks=tuple(item.mark for item in nodes),
    )


def _mtu(fields: t.Mapping[str, Node], what: str) -> int:
    return fields["mtu"].integer(f"mtu of {what}", 68, 65535) if "mtu" in fields else 1500


def _word(node: Node, what: str) -> str:
    text = node.text(what)
    if not _WORD.match(text):
        raise node.error(f"{what} is {text!r}, expected one word as 'ip rule' takes it")
    return text


def _table(node: Node, what: str) -> str:
    text = node.text(f"table of {what}")
    return text if text in NAMED_TABLES else str(node.integer(f"table of {what}", 1, 2**32 - 1))


def _interface(node: Node, what: str) -> model.Interface:
    text = node.text(what)
    try:
        if "/" not in text:
            raise ValueError("no prefix length")
        return ipaddress.ip_interface(text)
    except ValueError as error:
        raise node.error(f"{what} is {text!r} ({error}), expected the form 192.0.2.1/24 or 2001:db8::1/64") from error


def _address(node: Node, what: str) -> model.Address:
    text = node.text(what)
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise node.error(f"{what} is {text!r}, expected an address such as 192.0.2.1 or 2001:db8::1") from error


def _network(node: Node, what: str) -> model.Network:
    text = node.text(what)
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise node.error(f"{what} is {text!r} ({error}), expected a prefix such as 192.0.2.0/24") from error


def _destination(node: Node, what: str, via: model.Address | None) -> model.Network:
    if node.text(what) != "default":
        return _network(node, what)
    return ipaddress.ip_network("::/0" if via is not None and via.version == 6 else "0.0.0.0/0")
