# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Check Point Gaia: routes and interfaces of clish, the cluster's own words, and rules that choose a table."""

from __future__ import annotations

import contextlib
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import checkpoint_routes, words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import (
    Asking,
    Dialect,
    Dict,
    NotUnderstood,
    Reading,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected

_INTERFACE = re.compile(r"^Interface (?P<name>\S+)\s*$")
_DROP = re.compile(r"(?P<name>[A-Za-z]\S*(?: [^\s-]\S*)*) {2,}(?P<packets>\d+)(?= |$)", re.M)
_DROPS = "fwaccel stats -d"
_MEANINGS = {"anti spoofing": "reverse_path", "local spoofing": "reverse_path", "monitored spoofed": "reverse_path",
             "C2S violation": "out_of_state", "S2C violation": "out_of_state", "cluster error": "standby"}
_MEMBER = re.compile(
    r"^\s*(?P<id>\d+)(?P<local> \(local\))?\s+(?P<address>[0-9.]+)\s+\d+%\s+(?P<state>\S+)\s+(?P<name>\S+)", re.M)
_LOST = re.compile(
    r"^(?P<name>(?:Lost|Oversized|Sent reject|Received reject|Dropped)[A-Za-z -]*?)\.{3,}\s*(?P<count>\d+)", re.M)
_MODES = {"High Availability": "active_passive", "Load Sharing": "active_active", "Active Active": "active_active"}
_OUT_OF_STATE = "fw ctl get int fw_allow_out_of_state_tcp"
_NO_CLUSTER = re.compile(r"(HA module not started|not a cluster member|ClusterXL is inactive)", re.I)


class CheckpointGaia(Dialect):
    """Gateways that share the state of connections within a cluster; what the policy checks is not told here."""

    platform = device_type = "checkpoint_gaia"
    names = ("check_point.gaia.checkpoint", "check_point.gaia.gaia", "gaia")
    title = "Check Point Gaia"
    tier = "fake"
    session_key = "none"
    read_only_platform = True
    errors = re.compile(
        r"^\s*(CLINFR\d+|NMINST\d+|Invalid command|Incomplete command|Unknown command)|command not found", re.M | re.I)
    reading = re.compile(
        r"(?:show (?:version all|interfaces all|virtual-system all|arp dynamic all|configuration pbr"
        r"|(?:ipv6 )?route(?: summary| destination [0-9A-Fa-f.:]+)?)"
        rf"|cphaprob (?:state|syncstat|-a if)|{re.escape(_DROPS)}|{re.escape(_OUT_OF_STATE)}|fw tab -t connections -s)")

    def software(self, asking: Asking) -> str:
        match = re.search(r"^Product version Check Point Gaia (?P<version>\S+)", asking.ask("show version all"), re.M)
        return match["version"] if match else ""

    def interfaces(self, asking: Asking) -> Reading:
        found = {head["name"]: _interface(lines)
                 for head, lines in words.blocks(asking.ask("show interfaces all"), _INTERFACE)}
        if not found:
            raise NotUnderstood("'show interfaces all' tells of no interface")
        return Reading(found, _unread(asking))

    def routes(self, asking: Asking) -> Reading:
        found = checkpoint_routes.read(asking)
        return Reading(found.value, "; ".join(filter(None, (found.why, _unread(asking)))), found.covered)

    def neighbours(self, asking: Asking) -> Reading:
        """The device does not name the interface: it is the one in whose network the neighbour is."""
        found = []
        for line in asking.ask("show arp dynamic all").splitlines():
            match = re.match(r"^(?P<address>[0-9.]+)\s+(?P<mac>[0-9A-Fa-f:]{17})\s*$", line)
            inside = _inside(asking, match["address"]) if match else []
            if match and len(inside) == 1:
                found.append({"family": 4, "address": match["address"], "device": inside[0],
                              "mac": match["mac"].lower(), "state": "reachable"})
        return Reading(found)

    def policy_routes(self, asking: Asking) -> Reading:
        found = checkpoint_routes.read_policies(asking)
        return Reading(found.value, "; ".join(filter(None, (found.why, _unread(asking)))))

    def drops(self, asking: Asking) -> Reading:
        """Those of the accelerated path alone, with what they are for; others are only in the gateway's logs."""
        before = _counters(asking.ask(_DROPS))
        if not before:
            raise NotUnderstood(f"{_DROPS!r} tells of no reason")
        if asking.request.sample_seconds > 0:
            asking.wait(asking.request.sample_seconds)
            again = _counters(asking.ask_again(_DROPS))
            for name, one in before.items():
                if name in again:
                    one["growth"] = max(0, again[name]["packets"] - one["packets"])
                    one["packets"] = again[name]["packets"]
        return Reading(list(before.values()), "only drops of the accelerated path (SecureXL) are counted")

    def settings(self, asking: Asking) -> Reading:
        match = re.search(r"fw_allow_out_of_state_tcp\s*=\s*(?P<value>\d+)", asking.ask(_OUT_OF_STATE))
        if match is None:
            raise NotUnderstood("fw_allow_out_of_state_tcp is not told")
        on = match["value"] != "0"
        return Reading([{"name": "tcp_without_syn", "scope": "device", "value": on, "weakens": on,
                         "text": f"fw_allow_out_of_state_tcp {match['value']}"}])

    def fhrp(self, asking: Asking) -> Reading:
        """Addresses of the cluster; all belong to the member that is active."""
        state = asking.ask("cphaprob state")
        if _NO_CLUSTER.search(state):
            return Reading([])
        text = asking.ask("cphaprob -a if")
        _before, mark, listed = text.partition("Virtual cluster interfaces:")
        if not mark:
            raise NotUnderstood("'cphaprob -a if' lists no virtual cluster interfaces")
        local = next((one for one in _MEMBER.finditer(state) if one["local"]), None)
        found = []
        for line in listed.splitlines():
            match = re.match(r"^(?P<device>[A-Za-z][\w.-]*)\s+(?P<address>[0-9A-Fa-f.:]+)(?:\s|$)", line)
            if match and words.address(match["address"]):
                found.append({"protocol": "cluster", "interface": match["device"], "group": 0,
                              "address": words.address(match["address"]),
                              "role": _state(local["state"]) if local else "unknown"})
        return Reading(found, "" if local else "the state of this member is not told")

    def ha(self, asking: Asking) -> Reading:
        text = asking.ask("cphaprob state")
        if _NO_CLUSTER.search(text):
            return Reading({"mode": "none"})
        mode = re.search(r"^Cluster Mode:\s*(?P<mode>.+?)\s*$", text, re.M)
        kind = next((kind for word, kind in _MODES.items() if mode and word in mode["mode"]), None)
        members = list(_MEMBER.finditer(text))
        local = next((one for one in members if one["local"]), None)
        peer = next((one for one in members if not one["local"]), None)
        shared, errors = _synchronisation(asking)
        value: Dict = {"mode": kind, "synchronised": shared, "errors": errors,
                       **({"role": _state(local["state"])} if local else {}),
                       **({"peer": peer["name"], "peer_role": _state(peer["state"])} if peer else {}),
                       **({"text": mode["mode"]} if mode else {})}
        whys = ["" if kind else "the cluster's mode is not known",
                "" if local else "the state of this member is not told",
                "" if shared is not None else "the state of synchronisation is not told"]
        return Reading(value, "; ".join(filter(None, whys)))


def _interface(lines: t.Iterable[str]) -> Dict:
    fields: dict[str, str] = {}
    for line in lines:
        match = re.match(r"^ +(?P<key>[a-z0-9-]+) (?P<value>.*?)\s*$", line)
        if match:
            fields.setdefault(match["key"], match["value"])
    mtu, mac = words.number(fields.get("mtu")), words.mac(fields.get("mac-addr", ""))
    link = fields.get("link-state", "")
    addresses = [{**one, **more} for key, more in (
        ("ipv4-address", {}), ("ipv6-address", {}), ("ipv6-local-link-address", {"scope": "link"}))
        if (one := words.interface_address(fields.get(key, "")))]
    return {"up": fields.get("state") == "on", "addresses": addresses,
            "carrier": {"link up": True, "link down": False, "no link": False}.get(link),
            **({"mtu": mtu} if mtu else {}), **({"mac": mac} if mac else {}),
            **({"description": fields["comments"]} if fields.get("comments") else {})}


def _unread(asking: Asking) -> str:
    """Why not all is read, on a gateway that is divided into virtual systems."""
    with contextlib.suppress(Rejected):
        names = re.findall(r"^(\d+)\s+(\S+)\s*$", asking.ask("show virtual-system all"), re.M)
        others = [name for number, name in names if number != "0"]
        if others:
            return f"read is virtual system 0; not read: {', '.join(others)}"
    return ""


def _inside(asking: Asking, address: str) -> list[str]:
    return [name for name, one in asking.facts["interfaces"].items() for own in one["addresses"]
            if own["family"] == 4 and words.covers(f"{own['address']}/{own['prefixlen']}", address)]


def _state(text: str) -> str:
    """ACTIVE(!) is active with a problem."""
    return re.sub(r"\W", "", text).lower()


def _synchronisation(asking: Asking) -> tuple[bool | None, Dict]:
    try:
        text = asking.ask("cphaprob syncstat")
    except Rejected:
        return None, {}
    status = re.search(r"^Sync status:\s*(?P<status>.+?)\s*$", text, re.M)
    errors = {match["name"].strip().lower(): int(match["count"]) for match in _LOST.finditer(text)}
    return (status["status"] == "OK" if status else None), errors


def _counters(text: str) -> dict[str, Dict]:
    return {match["name"]: {"name": match["name"], "packets": int(match["packets"]),
                            "meaning": _MEANINGS.get(match["name"], "other")} for match in _DROP.finditer(text)}
