# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""VyOS: FRRouting on Linux with a configuration of its own, in set commands.

What the kernel does is asked of the kernel, as on any Linux; what the configuration decides is read there. The login
must be an administrator's: others reach no shell.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import set_lines, vyos_policy, words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import (
    Asking,
    Capabilities,
    Dict,
    NotUnderstood,
    Reading,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.frr import Frr
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.linux_capture import LinuxCapture
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.set_lines import at, value
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.vyos_config import PENDING, VyosConfig

_NETFILTER = "/proc/sys/net/netfilter/nf_conntrack_"
_CONNTRACK = "grep -H . " + " ".join(f"{_NETFILTER}{name}" for name in ("count", "max", "tcp_loose", "tcp_be_liberal"))
_HASH = "grep -H . /proc/sys/net/ipv4/fib_multipath_hash_policy"
_FIELDS = {0: ["source", "destination"], 1: ["source", "destination", "protocol", "sport", "dport"]}
_NETSTAT = "cat /proc/net/netstat"
_MARK = 0x7FFFFFFF  # less the number of a table: the mark by which policy routes choose it
_COUNTED = re.compile(
    r"^\s*(?P<match>(?:ct state .*?invalid|fib saddr).*?) ?counter packets (?P<packets>\d+) bytes \d+"
    r"(?: log .*?)? (?:drop|reject)", re.M)
_VRRP = re.compile(
    r"^(?P<name>\S+) +(?P<device>\S+) +(?P<group>\d+) +(?P<role>[A-Z]+) +(?P<priority>\d+)", re.M)
_SYNC = "show conntrack-sync statistics"
_ORDER = {"strict": 2, "loose": 1}


class Vyos(Frr):
    """Sessions are Linux's: a reply belongs to its request whatever way it takes."""

    platform = "vyos"
    device_type = "vyos"
    names = ("vyos.vyos.vyos", "vyos.vyos")
    title = "VyOS"
    tier = "fake"
    capture = LinuxCapture(title)
    # Where commands are given, where a configuration is typed, and what commit-confirm asks.
    modes = r"(:[^\n]*\$|#)|^Proceed ?\?"
    config = VyosConfig()  # its own, which must not be gone around by that of FRR
    capabilities = Capabilities(
        candidate=True, native_diff=True, timed_revert=True, disruptive_revert=True)
    session_key = "none"
    errors = re.compile(
        Frr.errors.pattern + r"|Invalid command|Ambiguous command|Incomplete command|RTNETLINK answers|^Error:"
        r"|Configuration path: .* is not valid|^[\w -]+ is not configured|(Set|Delete|Commit|Save) failed"
        r"|Value validation failed|Another confirm is pending|commit-confirm canceled|Failed to generate committed"
        r"|locked due to another commit", re.M)
    reading = re.compile(
        Frr.reading.pattern + r"|show [\w ./:-]+( \| match '[\w .:\\*|=-]+')?|ip -j -d address show"
        rf"|ip -j route get [0-9A-Fa-f.:]+( vrf [\w.-]+)?|{re.escape(_NETSTAT)}|{re.escape(_CONNTRACK)}"
        rf"|{re.escape(_HASH)}|{re.escape(PENDING)}"
        r"|(sudo -n )?conntrack -L -o id -f ipv[46] -p \w+ --orig-src [0-9A-Fa-f.:]+ --orig-dst [0-9A-Fa-f.:]+")

    def driver(self) -> t.Any:
        from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.vyos_driver import PromptVyos

        return PromptVyos

    def software(self, asking: Asking) -> str:
        match = re.search(r"^Version: +VyOS (\S+)", asking.ask("show version"), re.M)
        return match[1] if match else ""

    def session_key_of(self, asking: Asking) -> str:
        """Connections are tracked where a firewall or a translation asks for it."""
        config = _config(asking)
        firewall = at(config, "firewall")
        filters = {"ipv4", "ipv6", "name", "ipv6-name", "zone", "state-policy"} & set(firewall)
        return "none" if filters or at(firewall, "global-options", "state-policy") or at(config, "nat") else ""

    def interfaces(self, asking: Asking) -> Reading:
        try:
            listed = _json(asking, "ip -j -d address show")
        except Rejected:
            return super().interfaces(asking)
        tables = {one["ifname"] for one in listed if _kind(one) == "vrf"}
        found = {one["ifname"]: _interface(one, tables) for one in listed
                 if one.get("ifname") not in (None, "lo", *tables)}
        if not found:
            raise NotUnderstood("'ip -j -d address show' tells of no interface")
        return Reading(found)

    def routes(self, asking: Asking) -> Reading:
        try:
            return super().routes(asking)
        except Rejected:  # releases whose vtysh counts nothing in JSON, or an account that may not run it
            return self._whole(asking)

    def _whole(self, asking: Asking) -> Reading:
        found = []
        for family, word in ((4, "ip"), (6, "ipv6")):
            text = asking.ask(f"show {word} route vrf all json", patience=120)
            try:
                found += self.routes_of(words.json_documents(text), asking, family)
            except ValueError as error:
                raise NotUnderstood(f"'show {word} route vrf all json' did not answer with JSON: {error}") from error
        return Reading(found)

    def lookups(self, asking: Asking) -> Reading:
        """The kernel's answer for packets of its own; marks of policy routes are not part of it."""
        found: list[Dict] = []
        whys: list[str] = []
        vrfs = ["", *sorted({one["vrf"] for one in asking.facts["interfaces"].values() if "vrf" in one})]
        for flow in asking.request.flows:
            for destination in (flow.destination, flow.source):
                for vrf in vrfs:
                    command = f"ip -j route get {destination}" + (f" vrf {vrf}" if vrf else "")
                    answer = _answer(asking, command, whys)
                    if answer:
                        found.append({"flow": str(flow), "command": command, "table": asking.table(vrf),
                                      "destination": destination, **answer})
        return Reading(found, "; ".join(dict.fromkeys(whys)))

    def reverse_path(self, asking: Asking) -> Reading:
        """The stricter of what the kernel does and of what the firewall does for all interfaces."""
        found = super().reverse_path(asking)
        options = at(_config(asking), "firewall", "global-options")
        four, six = value(options, "source-validation"), value(options, "ipv6-source-validation")
        doubt = "a check of IPv6 by the firewall is not told here" if six in _ORDER and six != four else ""
        if four in _ORDER:
            families = [4, 6] if six == four else [4]
            for name in asking.facts["interfaces"]:
                known = found.value.get(name)
                if known is None or _ORDER[four] >= _ORDER[known["mode"]]:
                    found.value[name] = {"mode": four, "allow_default": True, "families": families, "drops": None}
        return Reading(found.value, found.why or doubt)

    def policy_routes(self, asking: Asking) -> Reading:
        config = _config(asking)
        kernel = [one for one in super().policy_routes(asking).value
                  if not _is_policy_mark(_marks(asking).get(one["sequence"]))]
        found = [*kernel, *vyos_policy.read_policies(
            config, lambda number, family: _json(asking, f"ip -j -{family} route show table {number}"))]
        doubts = [f"{one['name']} {one['sequence']}: {text}" for one in found for text in one.get("unknown", ())]
        doubts += ["load-balancing wan is configured"] if at(config, "load-balancing", "wan") else []
        return Reading(found, f"not understood: {'; '.join(doubts)}" if doubts else "")

    def nat(self, asking: Asking) -> Reading:
        return vyos_policy.read_nat(_config(asking))

    def sessions(self, asking: Asking) -> Reading:
        numbers = _tracking(asking)
        if not numbers:
            return Reading({"listed": []})
        listed: list[Dict] = []
        for flow in asking.request.flows:
            for side in (flow, flow.reversed()):
                command = (f"conntrack -L -o id -f ipv{flow.family} -p {flow.protocol} --orig-src {side.source} "
                           f"--orig-dst {side.destination}")
                listed += [one for one in _connections(asking.ask(f"sudo -n {command}"), flow)
                           if side.sport in (None, one.get("sport")) and side.dport in (None, one.get("dport"))]
        kept = listed[: asking.request.max_sessions]
        why = f"more than {asking.request.max_sessions} sessions of the flows" if len(listed) > len(kept) else ""
        return Reading({"count": numbers.get("count"), "max": numbers.get("max"), "listed": kept}, why)

    def drops(self, asking: Asking) -> Reading:
        why: list[str] = []
        before = _drops(asking, False, why)
        if asking.request.sample_seconds > 0:
            asking.wait(asking.request.sample_seconds)
            after = _drops(asking, True, why)
            for name, one in after.items():
                one["growth"] = max(0, one["packets"] - before.get(name, {"packets": 0})["packets"])
            before = after
        return Reading(list(before.values()), "; ".join(dict.fromkeys(why)))

    def settings(self, asking: Asking) -> Reading:
        """What becomes of packets in the middle of a connection that is not known."""
        numbers = _tracking(asking)
        if not numbers:
            return Reading([])
        options = at(_config(asking), "firewall", "global-options", "state-policy")
        dropped = value(options, "invalid", "action") in ("drop", "reject")
        loose, liberal = numbers.get("tcp_loose"), numbers.get("tcp_be_liberal")
        weakens = True if loose else False if loose == 0 and dropped else None
        return Reading([
            {"name": "conntrack_loose", "scope": "device", "value": loose, "weakens": weakens},
            {"name": "no_sequence_check", "scope": "device", "value": bool(liberal), "weakens": False,
             "text": "tcp_be_liberal"}])

    def load_sharing(self, asking: Asking) -> Reading:
        match = re.search(r":(\d)\s*$", asking.ask(_HASH))
        policy = int(match[1]) if match else None
        if policy is None:
            return Reading({"mode": None}, "fib_multipath_hash_policy was not told")
        return Reading({"mode": "per_flow", "algorithm": f"fib_multipath_hash_policy {policy}",
                        **({"fields": _FIELDS[policy]} if policy in _FIELDS else {})})

    def fhrp(self, asking: Asking) -> Reading:
        groups = at(_config(asking), "high-availability", "vrrp", "group")
        if not groups:
            return Reading([])
        states = {match["name"]: match for match in _VRRP.finditer(asking.ask("show vrrp"))}
        found, missing = [], []
        for name, group in groups.items():
            state = states.get(name)
            if "disable" in group:
                continue
            if state is None:
                missing.append(name)
                continue
            for text in at(group, "address") or at(group, "virtual-address"):
                found.append({"protocol": "vrrp", "interface": state["device"], "group": int(state["group"]),
                              "priority": int(state["priority"]), "role": state["role"].lower(),
                              "address": text.partition("/")[0]})
        return Reading(found, f"'show vrrp' does not tell of {', '.join(missing)}" if missing else "")

    def ha(self, asking: Asking) -> Reading:
        """Connections that are shared with conntrackd; it does not say itself whether they are complete."""
        sync = at(_config(asking), "service", "conntrack-sync")
        if not sync:
            return Reading({"mode": "none"})
        status = asking.ask("show conntrack-sync status")
        before = _sync(asking.ask(_SYNC))
        growth = {}
        if asking.request.sample_seconds > 0:
            after = _sync(asking.ask_again(_SYNC))
            growth = {name: max(0, number - before["errors"].get(name, number))
                      for name, number in after["errors"].items()}
            before = after
        role = re.search(r"transition *: .*?\b(MASTER|BACKUP|FAULT)\b", status, re.I)
        peers = [value(one, "peer") for one in at(sync, "interface").values() if value(one, "peer")]
        return Reading({
            "mode": "active_passive", "synchronised": False if before["received"] == 0 else None,
            "links": dict.fromkeys(at(sync, "interface")), "errors": before["errors"],
            **({"role": role[1].lower()} if role else {}), **({"peer": peers[0]} if peers else {}),
            **({"growth": growth} if growth else {})})

    def logs(self, asking: Asking) -> Reading:
        found = []
        for flow in asking.request.flows:
            one, other = (text.replace(".", r"\.") for text in (flow.source, flow.destination))
            command = f"show log kernel | match '{one}.*{other}|{other}.*{one}'"
            found += [{"flow": str(flow), "line": line.strip(), "reason": _log_reason(line)}
                      for line in asking.ask(command).splitlines()[-20:] if flow.source in line]
        return Reading(found)


def _config(asking: Asking) -> Dict:
    command = "show configuration commands"
    return set_lines.tree(asking.ask(command), lambda lines: asking.keep(command, lines))


def _json(asking: Asking, command: str) -> list[Dict]:
    text = asking.ask(command)
    try:
        found = json.loads(text or "[]")
    except ValueError as error:
        raise NotUnderstood(f"'{command}' did not answer with JSON, or the answer was cut: {error}") from error
    return [one for one in found if isinstance(one, dict) and one] if isinstance(found, list) else []


def _kind(one: Dict) -> str:
    return str((one.get("linkinfo") or {}).get("info_kind") or "")


def _interface(one: Dict, vrfs: set[str]) -> Dict:
    flags = one.get("flags") or []
    mac, master = words.mac(str(one.get("address") or "")), str(one.get("master") or "")
    addresses = []
    for entry in one.get("addr_info") or ():
        address = words.interface_address(str(entry.get("local")), str(entry.get("prefixlen")))
        if address:
            addresses.append({**address, **({"scope": "link"} if entry.get("scope") == "link" else {}),
                              **({"secondary": True} if entry.get("secondary") else {})})
    return {"up": "UP" in flags, "carrier": "LOWER_UP" in flags, "mtu": int(one.get("mtu") or 1500),
            **({"mac": mac} if mac else {}), **({"vrf": master} if master in vrfs else {}),
            **({"description": str(one["ifalias"])} if one.get("ifalias") else {}), "addresses": addresses}


def _answer(asking: Asking, command: str, whys: list[str]) -> Dict:
    try:
        answer = _json(asking, command)
    except Rejected as error:
        said = re.search(r"(?:RTNETLINK answers|Error): *(.+)", error.answer)
        whys += [] if said else [str(error)]
        return {"verdict": "drop", "reason": said[1].strip()} if said else {}
    one = answer[0] if answer else {}
    if one.get("type") == "local":
        return {"verdict": "local"}
    return {key: str(one[name]) for key, name in (("device", "dev"), ("gateway", "gateway")) if one.get(name)}


def _marks(asking: Asking) -> dict[int, str]:
    """Marks that rules of the kernel ask for, by priority."""
    return {int(one["priority"]): str(one["fwmark"]) for family in (4, 6)
            for one in _json(asking, f"ip -j -{family} rule show") if "fwmark" in one}


def _is_policy_mark(mark: str | None) -> bool:
    return mark is not None and 0 <= _MARK - int(mark, 0) <= 0xFFFF


def _tracking(asking: Asking) -> dict[str, int]:
    """Numbers of connection tracking; none where it does not run."""
    try:
        text = asking.ask(_CONNTRACK)
    except Rejected as error:
        if "No such file" in error.answer:
            return {}
        raise
    return {name: int(number) for name, number in re.findall(rf"{re.escape(_NETFILTER)}(\w+):(\d+)", text)}


def _connections(text: str, flow: Flow) -> list[Dict]:
    """Lines of ``conntrack -L``: both directions, what they counted, and whether a reply was seen."""
    found = []
    for line in text.splitlines():
        ends = [dict(re.findall(r"(src|dst|sport|dport|packets|bytes)=(\S+)", half))
                for half in re.split(r"(?= src=)", f" {line}")[1:]]
        protocol = re.match(r"^(\w+)", line)
        if len(ends) != 2 or protocol is None:
            continue
        there, back = ends
        state = re.match(r"^\w+ +\d+ +\d+ +([A-Z_]+)", line)
        number = re.search(r"\bid=(\d+)", line)
        found.append({
            "flow": str(flow), "protocol": protocol[1], "source": there["src"], "destination": there["dst"],
            **{key: int(there[key]) for key in ("sport", "dport") if key in there},
            "reply_source": back["src"], "reply_destination": back["dst"], "one_way": "[UNREPLIED]" in line,
            **({"packets": [int(there["packets"]), int(back["packets"])], "bytes": [int(there["bytes"]),
                int(back["bytes"])]} if "packets" in there and "packets" in back else {}),
            **({"state": state[1].lower()} if state else {}), **({"id": number[1]} if number else {})})
    return found


def _drops(asking: Asking, again: bool, why: list[str]) -> dict[str, Dict]:
    """What the kernel counts itself, and rules of the firewall that drop what has no session or no way back."""
    ask = asking.ask_again if again else asking.ask
    found: dict[str, Dict] = {}
    counts = re.findall(r"^TcpExt: (.*)$", ask(_NETSTAT), re.M)
    if len(counts) == 2:
        named = dict(zip(counts[0].split(), counts[1].split(), strict=False))
        number = words.number(named.get("IPReversePathFilter"))
        if number is not None:
            found["rp_filter"] = {"name": "IPReversePathFilter", "packets": number, "meaning": "reverse_path"}
    try:
        ruleset = ask("sudo -n nft list ruleset")
    except Rejected as error:
        why.append(f"counters of the firewall: {error}")
        return found
    for head, lines in words.blocks(ruleset, re.compile(r"^\s*chain (?P<name>\S+) \{")):
        for match in _COUNTED.finditer("\n".join(lines)):
            name = f"{match['match'].strip()} in {head['name']}"
            out_of_state = match["match"].startswith("ct state")
            one = found.setdefault(name, {"name": name, "packets": 0,
                                          "meaning": "out_of_state" if out_of_state else "reverse_path"})
            one["packets"] += int(match["packets"])
    return found


def _sync(text: str) -> Dict:
    """``N Pckts recv``, ``N Error send`` and the like of conntrackd."""
    numbers = {name.lower(): int(number) for number, name in re.findall(
        r"(\d+) (Pckts recv|Error send|Error recv|Malformed msgs|Lost msgs)", text)}
    return {"received": numbers.pop("pckts recv", None), "errors": numbers}


def _log_reason(line: str) -> str:
    if "martian source" in line:
        return "martian source"
    match = re.search(r"\[(?P<rule>[^\]\s]*-[A-Z])\]", line)
    return match["rule"] if match else ""
