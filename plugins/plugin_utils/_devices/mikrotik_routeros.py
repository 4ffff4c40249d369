# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""MikroTik RouterOS 6 and 7: lists that are printed in one line per entry."""

from __future__ import annotations

import contextlib
import re

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import (
    mikrotik_logs,
    mikrotik_print,
    mikrotik_ways,
    words,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import (
    Asking,
    Capabilities,
    Dialect,
    Dict,
    NotUnderstood,
    Reading,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.mikrotik_config import (
    HISTORY,
    ROUTES,
    MikrotikConfig,
)

_TERSE = "print terse without-paging"
_STATS = "/ip firewall filter print stats without-paging"
_COUNTED = re.compile(
    r"^\s*(?P<number>\d+)\s+(?:[XID]+\s+)?(?P<chain>\S+)\s+(?P<action>[a-z-]+)\s+(?P<bytes>\d[\d ]*?)\s{2,}"
    r"(?P<packets>\d[\d ]*?)\s*$")
_LISTS = (r"/interface|/interface vrrp|/ip (?:address|arp|vrf|route|route rule)|/ipv6 (?:address|route)"
          r"|/routing (?:rule|table)|/ip firewall (?:mangle|nat|filter)")


class MikrotikRouteros(Dialect):
    """Routers with the connection tracking of Linux, which does not look at interfaces."""

    platform = device_type = "mikrotik_routeros"
    names = ("community.routeros.routeros", "routeros")
    title = "MikroTik RouterOS"
    tier = "fake"
    session_key = "none"
    capabilities = Capabilities(timed_revert=True)  # its safe mode, which takes the changes of others back as well
    errors = re.compile(
        r"^\s*(bad command name|syntax error|no such item|expected end of command|failure:|invalid value"
        r"|input does not match|bad parameter|unknown parameter|no such command|value of \S+ (out of range|must)"
        r"|not enough permissions)", re.M | re.I)
    reading = re.compile(
        rf"(?:(?:{_LISTS}) {_TERSE}|/ip(?:v6)? route print count-only"
        rf"|/ip(?:v6)? route {_TERSE} where [0-9A-Fa-f.:]+ in dst-address|{re.escape(_STATS)}"
        r"|/ip settings print|/ip firewall connection tracking print|/system resource print"
        rf"|/ip(?:v6)? firewall connection {_TERSE} where src-address~\"[0-9A-Fa-f.:]+\" dst-address~\"[0-9A-Fa-f.:]+\""
        rf"|/ip firewall connection print count-only|{mikrotik_logs.QUESTION}"
        rf"|{re.escape(ROUTES)}|{re.escape(HISTORY)})")
    config = MikrotikConfig()

    def software(self, asking: Asking) -> str:
        return mikrotik_print.properties(asking.ask("/system resource print")).get("version", "")

    def interfaces(self, asking: Asking) -> Reading:
        found: Dict = {}
        text = asking.ask(f"/interface {_TERSE}")
        for line in text.splitlines():  # disabled ones as well, which rows() leaves out
            off = re.match(r"^\s*\d+\s+[A-Z]*X[A-Z ]*\s(?:comment=.* )?name=(?P<name>.+?) (?:default-name|type)=", line)
            if off:
                found[off["name"]] = {"up": False, "carrier": False, "addresses": []}
        for row in mikrotik_print.rows(text):
            mtu, mac = words.number(row.fields.get("actual-mtu")), words.mac(row.fields.get("mac-address", ""))
            if "name" in row.fields:
                found[row.fields["name"]] = {"up": True, "carrier": "R" in row.flags, "addresses": [],
                                             **({"mtu": mtu} if mtu else {}), **({"mac": mac} if mac else {})}
        if not found:
            raise NotUnderstood(f"'/interface {_TERSE}' tells of no interface")
        _addresses(found, asking.ask(f"/ip address {_TERSE}"))
        with contextlib.suppress(Rejected):  # without the package of IPv6
            _addresses(found, asking.ask(f"/ipv6 address {_TERSE}"))
        with contextlib.suppress(Rejected):  # RouterOS 6
            for row in mikrotik_print.rows(asking.ask(f"/ip vrf {_TERSE}")):
                for name in row.fields.get("interfaces", "").split(","):
                    if name in found and mikrotik_ways.name_of(row.fields.get("name", "")):
                        found[name]["vrf"] = row.fields["name"]
        return Reading(found)

    def routes(self, asking: Asking) -> Reading:
        return mikrotik_ways.read_routes(asking)

    def neighbours(self, asking: Asking) -> Reading:
        found = []
        for row in mikrotik_print.rows(asking.ask(f"/ip arp {_TERSE}")):
            address, device = words.address(row.fields.get("address", "")), row.fields.get("interface", "")
            mac = words.mac(row.fields.get("mac-address", ""))
            if address and device:
                found.append({"family": 4, "address": address, "device": device, **({"mac": mac} if mac else {}),
                              "state": row.fields.get("status") or ("reachable" if mac else "incomplete")})
        return Reading(found)

    def reverse_path(self, asking: Asking) -> Reading:
        """One setting, of every interface."""
        mode = mikrotik_print.properties(asking.ask("/ip settings print")).get("rp-filter")
        if mode not in ("no", "strict", "loose"):
            raise NotUnderstood(f"rp-filter is {mode or 'not told'} in '/ip settings print'")
        return Reading({} if mode == "no" else {
            name: {"mode": mode, "allow_default": True, "drops": None}
            for name, one in asking.facts["interfaces"].items() if one["addresses"]})

    def policy_routes(self, asking: Asking) -> Reading:
        if asking.facts.get("routes") is None:
            raise NotUnderstood("without routes it is not known where tables lead")
        return mikrotik_ways.read_policies(asking)

    def nat(self, asking: Asking) -> Reading:
        return mikrotik_ways.read_nat(asking)

    def sessions(self, asking: Asking) -> Reading:
        listed: list[Dict] = []
        cut = ""
        for flow in asking.request.flows:
            for one in (flow, flow.reversed()):
                menu = "/ipv6 firewall connection" if flow.family == 6 else "/ip firewall connection"
                text = asking.ask(f'{menu} {_TERSE} where src-address~"{one.source}" dst-address~"{one.destination}"')
                for row in mikrotik_print.rows(text):
                    entry = _connection(row, one, flow)
                    if entry and len(listed) >= asking.request.max_sessions:
                        cut = f"more than {asking.request.max_sessions} connections"
                    elif entry:
                        listed.append(entry)
        count = mikrotik_print.number(asking.ask("/ip firewall connection print count-only"))
        most = _tracking(asking).get("max-entries")
        return Reading({"listed": listed, "count": count, "max": mikrotik_print.number(most)}, cut)

    def drops(self, asking: Asking) -> Reading:
        """Of the firewall's rules that drop; those for invalid packets are what asymmetry runs into."""
        rules = {row.number: row.fields for row in mikrotik_print.rows(asking.ask(f"/ip firewall filter {_TERSE}"))}
        before = _counters(asking.ask(_STATS), rules)
        if asking.request.sample_seconds > 0:
            asking.wait(asking.request.sample_seconds)
            again = _counters(asking.ask_again(_STATS), rules)
            for name, one in before.items():
                if name in again:
                    one["growth"] = max(0, again[name]["packets"] - one["packets"])
                    one["packets"] = again[name]["packets"]
        return Reading(list(before.values()))

    def settings(self, asking: Asking) -> Reading:
        tracking = _tracking(asking)
        loose, enabled = tracking.get("loose-tcp-tracking"), tracking.get("enabled")
        found: list[Dict] = []
        if loose is not None:
            on = loose == "yes"
            found.append({"name": "conntrack_loose", "scope": "device", "value": on, "weakens": on})
        if enabled is not None:
            off = enabled == "no"
            found.append({"name": "connection_tracking", "scope": "device", "value": enabled, "weakens": off})
        missing = [name for name, value in (("loose-tcp-tracking", loose), ("enabled", enabled)) if value is None]
        return Reading(found, f"not told: {', '.join(missing)}" if missing else "")

    def load_sharing(self, asking: Asking) -> Reading:
        policy = mikrotik_print.properties(asking.ask("/ip settings print")).get("ipv4-multipath-hash-policy")
        return Reading({"mode": "per_flow", **({"algorithm": policy} if policy else {})})

    def fhrp(self, asking: Asking) -> Reading:
        found = []
        for row in mikrotik_print.rows(asking.ask(f"/interface vrrp {_TERSE}")):
            name, group = row.fields.get("name", ""), words.number(row.fields.get("vrid"))
            role = "master" if "M" in row.flags else "backup" if "B" in row.flags else "init"
            priority = words.number(row.fields.get("priority"))
            for one in asking.facts["interfaces"].get(name, {}).get("addresses", ()):
                if group is not None and one.get("scope") != "link":
                    found.append({"protocol": "vrrp", "interface": row.fields.get("interface") or name, "group": group,
                                  "role": role, "address": one["address"],
                                  **({"priority": priority} if priority is not None else {})})
        return Reading(found)

    def ha(self, asking: Asking) -> Reading:
        """Routers share connections only along VRRP, and do not say whether they do now."""
        for row in mikrotik_print.rows(asking.ask(f"/interface vrrp {_TERSE}")):
            if row.fields.get("sync-connection-tracking") == "yes":
                peer = row.fields.get("remote-address", "")
                return Reading({"mode": "active_passive", "synchronised": None,
                                "role": "master" if "M" in row.flags else "backup",
                                **({"peer": peer} if words.address(peer) and peer != "0.0.0.0" else {}),
                                "text": "sync-connection-tracking=yes"})
        return Reading({"mode": "none"})

    def logs(self, asking: Asking) -> Reading:
        return mikrotik_logs.read(asking)


def _tracking(asking: Asking) -> dict[str, str]:
    return mikrotik_print.properties(asking.ask("/ip firewall connection tracking print"))


def _addresses(found: Dict, text: str) -> None:
    for row in mikrotik_print.rows(text):
        one = words.interface_address(row.fields.get("address", ""))
        device = row.fields.get("actual-interface") or row.fields.get("interface", "")
        if one and device in found and "I" not in row.flags:
            link = {"scope": "link"} if one["address"].startswith("fe80") else {}
            found[device]["addresses"].append({**one, **link})


def _connection(row: mikrotik_print.Row, wanted: Flow, flow: Flow) -> Dict | None:
    """None where it is not of the flow: the filter of the device compares text."""
    source, sport = _endpoint(row, "src")
    destination, dport = _endpoint(row, "dst")
    if (source, destination) != (wanted.source, wanted.destination):
        return None
    if row.fields.get("protocol") != wanted.protocol:
        return None
    if any(mine is not None and mine != theirs for mine, theirs in ((wanted.sport, sport), (wanted.dport, dport))):
        return None
    packets = [mikrotik_print.number(row.fields.get(f"{way}-packets")) for way in ("orig", "repl")]
    bytes_ = [mikrotik_print.number(row.fields.get(f"{way}-bytes")) for way in ("orig", "repl")]
    back = [words.address(_endpoint(row, f"reply-{end}")[0]) for end in ("src", "dst")]
    return {
        "flow": str(flow), "protocol": row.fields["protocol"], "source": source, "destination": destination,
        "one_way": "S" not in row.flags, "details": [f"flags: {row.flags}"],
        **({"sport": sport} if sport is not None else {}), **({"dport": dport} if dport is not None else {}),
        **({"state": row.fields["tcp-state"]} if row.fields.get("tcp-state") else {}),
        **({"packets": packets} if None not in packets else {}), **({"bytes": bytes_} if None not in bytes_ else {}),
        **({"reply_source": back[0], "reply_destination": back[1]} if None not in back else {}),
    }


def _endpoint(row: mikrotik_print.Row, end: str) -> tuple[str, int | None]:
    """Newer releases give the port a field of its own; older ones write ADDRESS:PORT."""
    text, port = row.fields.get(f"{end}-address", ""), row.fields.get(f"{end}-port")
    if port is None and text.count(":") == 1:
        text, _colon, port = text.partition(":")
    return words.address(text) or "", words.number(port)


def _counters(text: str, rules: dict[int | None, dict[str, str]]) -> dict[str, Dict]:
    found: dict[str, Dict] = {}
    for line in text.splitlines():
        match = _COUNTED.match(line)
        number = int(match["number"]) if match else None
        if match and match["action"] in ("drop", "reject", "tarpit") and number in rules:
            states = rules[number].get("connection-state", "")
            name = f"{match['chain']} {match['action']} {number}"
            found[name] = {"name": name, "packets": mikrotik_print.number(match["packets"]) or 0,
                           "meaning": "out_of_state" if "invalid" in states and "!" not in states else "policy",
                           **({"text": rules[number]["comment"]} if rules[number].get("comment") else {})}
    return found
