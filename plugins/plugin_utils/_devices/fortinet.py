# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Fortinet FortiGate (FortiOS): virtual domains, VRFs, policy routes, sessions, the check of sources."""

from __future__ import annotations

import contextlib
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import (
    fortinet_nat,
    fortinet_policy,
    fortinet_routes,
    fortinet_sessions,
    words,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import (
    Asking,
    Dialect,
    Dict,
    NotUnderstood,
    Reading,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.fortinet_capture import FortinetCapture
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.fortinet_config import FortiConfig

_LINK = re.compile(r"^if=(?P<name>\S+) family=\S+ type=\S+ index=(?P<index>\d+) mtu=(?P<mtu>\d+)")
_ADDRESS4 = re.compile(r"^IP=(?P<address>[0-9.]+)->\S+?/(?P<mask>[0-9.]+) index=\d+ devname=(?P<device>\S+)", re.M)
_ADDRESS6 = re.compile(
    r"^dev=\d+ devname=(?P<device>\S+) .*?\bprefix=(?P<length>\d+) addr=(?P<address>[0-9A-Fa-f:]+)", re.M)
_MEMBER = re.compile(r"^(?P<role>Master|Slave|Primary|Secondary) *: *(?P<host>[^,]+), *(?P<serial>\w+),", re.M)
_HEARTBEAT = re.compile(r"^\s+(?P<name>\S+): \S+, (?P<state>up|down), rx-bytes/packets/dropped/errors="
                        r"\d+/\d+/(?P<dropped>\d+)/(?P<errors>\d+)", re.M)
_VRRP = re.compile(r"VRID: (?P<group>\d+).*?vrip: (?P<address>[0-9a-f.:]+), priority: (?P<priority>\d+)"
                   r".*?state: (?P<role>\w+)", re.S)
_SETTINGS = {  # of FortiOS: our name, whether it weakens the check of state where it is on
    "asymroute": ("asymroute", True), "asymroute6": ("asymroute", True),
    "auxiliary-session": ("auxiliary_session", False), "strict-src-check": ("strict_source_check", False),
    "tcp-session-without-syn": ("tcp_without_syn", True),
}
_WITHOUT_SYN = "show firewall policy | grep tcp-session-without-syn"
_QUESTIONS = (
    r"get system (?:status|interface|settings|arp|ha status)|get router info vrrp|show router policy|show system zone"
    r"|get router info6? routing-table(?: all)?(?: \| grep -c /)?"
    r"|get router info routing-table details [0-9.]+|get router info6 routing-table [0-9A-Fa-f:.]+"
    r"|show firewall policy \| grep tcp-session-without-syn|get system global \| grep cfg-save"
    r"|show firewall (?:policy|central-snat-map|ippool|vip|vipgrp|address|addrgrp|service (?:custom|group))"
    r"|show system (?:interface|settings|link-monitor|sdwan|virtual-wan-link)|show router (?:route-map|bgp)"
    r"|diagnose (?:sys vd list|netlink interface list|ip address list|ipv6 address list|firewall proute list)"
    r"|diagnose sys session6? (?:list|stat|filter (?:clear|(?:src|dst) [0-9A-Fa-f.:]+|(?:sport|dport|proto) \d+))"
)


class Fortinet(Dialect):
    """Firewalls that keep a session with the interfaces of both ways, and check where sources are routed."""

    platform = device_type = "fortinet"
    names = ("fortinet.fortios.fortios", "fortios")
    title = "Fortinet FortiGate"
    tier = "fake"
    session_key = "interface"
    config = FortiConfig()
    modes = r" ?(?:\([^)\n]*\) ?)?[#$]"
    capture = FortinetCapture()
    errors = re.compile(
        r"^\s*(Unknown action|Command fail|node_check_object fail|command parse error|ambiguous command)", re.M | re.I)
    reading = re.compile(rf"(?:sudo [\w.-]+ )?(?:{_QUESTIONS})")
    # The driver of netmiko allows but four ways to agree on a key, all but one of which paramiko has given up.
    connect_options: t.ClassVar[t.Mapping[str, t.Any]] = {"disabled_algorithms": {"kex": ["none"]}}

    def driver(self) -> t.Any:
        from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.fortinet_driver import QuietFortinet

        return QuietFortinet

    def software(self, asking: Asking) -> str:
        match = re.search(r"^Version: *\S+ v(?P<version>[\d.]+)", asking.ask("get system status"), re.M)
        return match["version"] if match else ""

    def interfaces(self, asking: Asking) -> Reading:
        found: Dict = {}
        for head, lines in words.blocks(_global(asking, "diagnose netlink interface list"), _LINK):
            found[head["name"]] = _interface(head, "\n".join(lines))
        if not found:
            raise NotUnderstood("'diagnose netlink interface list' tells of no interface")
        _add_addresses(found, _ADDRESS4.finditer(_ask(asking, "diagnose ip address list")), "mask")
        with contextlib.suppress(Rejected):  # a model or an account without it
            _add_addresses(found, _ADDRESS6.finditer(_ask(asking, "diagnose ipv6 address list")), "length")
        for name, zone in _zones(_ask(asking, "show system zone")).items():
            if name in found:
                found[name]["zone"] = zone
        count = words.number(_ask(asking, f"{fortinet_routes.WHOLE[4]} | grep -c /"))
        if count is not None and count <= asking.request.max_routes:
            for name, vrf in fortinet_routes.vrf_of_interfaces(_ask(asking, fortinet_routes.WHOLE[4])).items():
                if name in found:
                    found[name]["vrf"] = vrf
        return Reading(found, _unread(asking))

    def routes(self, asking: Asking) -> Reading:
        found = fortinet_routes.read(asking, lambda command, patience=60.0: _ask(asking, command, patience))
        why = "; ".join(filter(None, (found.why, _unread(asking))))
        return Reading(found.value, why, found.covered)

    def neighbours(self, asking: Asking) -> Reading:
        found = []
        for line in _ask(asking, "get system arp").splitlines():
            match = re.match(r"^(?P<address>[0-9.]+) +\d+ +(?P<mac>[0-9a-f:]{17}) +(?P<device>\S+)\s*$", line)
            if match:
                found.append({"family": 4, "state": "reachable", **match.groupdict()})
        return Reading(found)

    def reverse_path(self, asking: Asking) -> Reading:
        """Of every interface. Without the strict setting a source is good that any route of the interface covers."""
        settings = _settings(asking)
        strict, off = settings.get("strict-src-check"), settings.get("asymroute")
        if strict is None or off is None:
            raise NotUnderstood("'get system settings' tells of neither strict-src-check nor asymroute")
        checks = {match["name"]: match["check"] for match in re.finditer(
            r"^ ?name: (?P<name>\S+) .*?\bsrc-check: (?P<check>\w+)", _global(asking, "get system interface"), re.M)}
        found: Dict = {}
        missing = []
        for name, one in asking.facts["interfaces"].items():
            if not one["addresses"]:
                continue
            if name not in checks and off != "enable":
                missing.append(name)
                continue
            unchecked = off == "enable" or checks.get(name) == "disable"
            mode = "off" if unchecked else "strict" if strict == "enable" else "feasible"
            found[name] = {"mode": mode, **({"allow_default": True} if mode != "off" else {}), "drops": None}
        return Reading(found, f"src-check is not told of {', '.join(missing)}" if missing else "")

    def policy_routes(self, asking: Asking) -> Reading:
        found = fortinet_policy.read(
            asking, lambda command, patience=60.0: _ask(asking, command, patience), _indexes(asking))
        six = any(flow.family == 6 for flow in asking.request.flows)
        whys = (found.why, "policy routes of IPv6 are not read" if six else "", _unread(asking))
        return Reading(found.value, "; ".join(filter(None, whys)))

    def nat(self, asking: Asking) -> Reading:
        found = fortinet_nat.read(
            asking, lambda command, patience=60.0: _ask(asking, command, patience), _settings(asking))
        return Reading(found.value, "; ".join(filter(None, (found.why, _unread(asking)))))

    def sessions(self, asking: Asking) -> Reading:
        return fortinet_sessions.read(asking, _prefix(asking), _indexes(asking), _unread(asking))

    def settings(self, asking: Asking) -> Reading:
        domain = _domains(asking)[0]
        scope = f"vdom {domain}" if domain else "device"
        known = _settings(asking)
        found: list[Dict] = []
        for key, (name, weakens) in _SETTINGS.items():
            if key in known:
                on = {"enable": True, "disable": False}.get(known[key])
                weak = None if on is None else on and weakens
                if key == "tcp-session-without-syn" and on:
                    weak = _policies_without_syn(asking)
                found.append({"name": name, "scope": f"{scope}, IPv6" if key.endswith("6") else scope, "weakens": weak,
                              "value": known[key] if on is None else on, "text": f"{key} {known[key]}"})
        missing = [key for key in ("asymroute", "tcp-session-without-syn") if key not in known]
        whys = [_unread(asking), f"not told: {', '.join(missing)}" if missing else ""]
        return Reading(found, "; ".join(filter(None, whys)))

    def load_sharing(self, asking: Asking) -> Reading:
        known = _settings(asking)
        mode = known.get("v4-ecmp-mode")
        most = words.number(known.get("ecmp-max-paths"))
        if mode is None:
            return Reading({"mode": None}, "v4-ecmp-mode is not told: SD-WAN spreads the load")
        return Reading({"mode": "per_flow", "algorithm": mode, **({"max_paths": most} if most is not None else {})})

    def fhrp(self, asking: Asking) -> Reading:
        found = []
        text = _ask(asking, "get router info vrrp")
        for head, lines in words.blocks(text, re.compile(r"^Interface: (?P<device>[^\s,]+)")):
            for match in _VRRP.finditer("\n".join(lines)):
                found.append({"protocol": "vrrp", "interface": head["device"], "group": int(match["group"]),
                              "priority": int(match["priority"]), "role": match["role"].lower(),
                              "address": match["address"]})
        return Reading(found)

    def ha(self, asking: Asking) -> Reading:
        text = _global(asking, "get system ha status")
        mode = re.search(r"^Mode: *(?P<mode>.+?)\s*$", text, re.M)
        words_ = {"HA A-P": "active_passive", "HA A-A": "active_active", "Standalone": "none"}
        known = words_.get(mode["mode"]) if mode else None
        if known == "none":
            return Reading({"mode": "none"})
        if known is None:
            return Reading({"mode": None}, f"the mode {mode['mode'] if mode else ''!r} is not known")
        status = asking.ask("get system status")
        serial = re.search(r"^\s*Serial-Number: *(?P<serial>\w+)", status, re.M)
        role = re.search(r"^Current HA mode: *\S+ *(?P<role>\w+)", status, re.M)
        others = [match for match in _MEMBER.finditer(text) if serial is None or match["serial"] != serial["serial"]]
        own = list(_HEARTBEAT.finditer(_section(text, "HBDEV stats", serial["serial"] if serial else "")))
        pickup = re.search(r"ses_pickup: *(?P<pickup>\w+)", text)
        links: Dict = {match["name"]: match["state"] == "up" for match in own}
        shared = None if pickup is None else _shared(pickup["pickup"] == "enable", links)
        return Reading({
            "mode": known, "synchronised": shared, "links": links,
            "errors": {f"{match['name']} {key}": int(match[key]) for match in own for key in ("dropped", "errors")},
            **({"role": role["role"].lower()} if role else {}),
            **({"peer": others[0]["host"].strip(), "peer_role": others[0]["role"].lower()} if others else {}),
        }, "; ".join(filter(None, ["" if pickup else "ses_pickup is not told",
                                   "" if links else "the state of its heartbeat links is not told"])))


def _shared(wanted: bool, links: t.Mapping[str, bool]) -> bool | None:
    """Sessions are shared where that is on and a heartbeat link is up; None where links are not told."""
    return any(links.values()) if wanted and links else None if wanted else False


def _ask(asking: Asking, command: str, patience: float = 60) -> str:
    """In the virtual domain that is read. A login above the domains names it; one inside does not need to."""
    domain, _others = _domains(asking)
    return asking.ask(command, *([f"sudo {domain} {command}"] if domain else ()), patience=patience)


def _global(asking: Asking, command: str) -> str:
    """What belongs to the device and to no domain."""
    return asking.ask(command, *(["sudo global " + command] if _domains(asking)[0] else ()))


def _prefix(asking: Asking) -> str:
    """Of commands that are not remembered: whether this login has to name the domain."""
    domain, _others = _domains(asking)
    if not domain:
        return ""
    try:
        asking.ask("get system settings")
    except Rejected:
        return f"sudo {domain} "
    return ""


def _domains(asking: Asking) -> tuple[str, list[str] | None]:
    """The virtual domain that is read, empty where there are none; and others, None where they cannot be told."""
    status = asking.ask("get system status")
    if not re.search(r"^Virtual domain configuration: *(multiple|enable|split-task|split-vdom)", status, re.M):
        return "", []
    current = re.search(r"^Current virtual domain: *(?P<name>[\w.-]+)", status, re.M)
    if current is None:
        raise NotUnderstood("'get system status' does not name the current virtual domain")
    try:
        listed = asking.ask("diagnose sys vd list", "sudo global diagnose sys vd list")
    except Rejected:
        return current["name"], None
    names = re.findall(r"^name=([\w.-]+)/", listed, re.M)
    return current["name"], [name for name in names if name != current["name"] and not name.startswith("vsys_")]


def _unread(asking: Asking) -> str:
    domain, others = _domains(asking)
    if others is None:
        return f"read is the virtual domain {domain}; whether there are others is not told"
    return f"read is the virtual domain {domain}; not read: {', '.join(others)}" if others else ""


def _interface(head: re.Match[str], text: str) -> Dict:
    flags = re.search(r"\bflags=(?P<flags>[a-z0-9 ]+)", text)
    mac = re.search(r"\bhw_addr=(?P<mac>[0-9a-f:]{17})", text)
    words_ = flags["flags"].split() if flags else []
    return {"up": "up" in words_, "carrier": "run" in words_ if flags else None, "mtu": int(head["mtu"]),
            "addresses": [], **({"mac": mac["mac"]} if mac else {}), "index": int(head["index"])}


def _add_addresses(found: Dict, matches: t.Iterable[re.Match[str]], length: str) -> None:
    for match in matches:
        one = words.interface_address(match["address"], match[length])
        if one and match["device"] in found:
            link = {"scope": "link"} if one["address"].startswith("fe80") else {}
            held = found[match["device"]]["addresses"]
            second = one["family"] == 4 and any(other["family"] == 4 for other in held)
            held.append({**one, **link, **({"secondary": True} if second else {})})


def _zones(text: str) -> dict[str, str]:
    found = {}
    for head, lines in words.blocks(text, re.compile(r"^\s+edit \"(?P<name>[^\"]+)\"")):
        for line in lines:
            if line.strip().startswith("set interface "):
                found.update(dict.fromkeys(re.findall(r"\"([^\"]+)\"", line), head["name"]))
    return found


def _settings(asking: Asking) -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+) *: (\S+)\s*$", _ask(asking, "get system settings"), re.M))


def _policies_without_syn(asking: Asking) -> bool | None:
    """Whether a policy makes use of what the domain allows."""
    try:
        text = _ask(asking, _WITHOUT_SYN)
    except Rejected:
        return None
    return bool(re.search(r"set tcp-session-without-syn (?!disable)\w", text))


def _indexes(asking: Asking) -> dict[int, str]:
    return {one["index"]: name for name, one in asking.facts["interfaces"].items() if "index" in one}


def _section(text: str, name: str, serial: str) -> str:
    """The lines of one member in a section of ``get system ha status``."""
    _before, _mark, after = text.partition(f"{name}:")
    section = re.split(r"^ ?\S.*:\s*$", after, maxsplit=1, flags=re.M)[0]
    _other, _mark, own = section.partition(serial) if serial else ("", "", section)
    return re.split(r"^ {4}\S+\(updated", own, maxsplit=1, flags=re.M)[0]
