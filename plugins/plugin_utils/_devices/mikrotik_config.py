# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""How MikroTik RouterOS 7 is changed: line by line, each in force and saved at once, with the inverse held here.

Its Safe Mode is no timer: it ends with the session that holds it, up to nine minutes after that was cut, and takes back
what others change meanwhile. A policy is a routing table with one route, and rules that lead to it: routing rules where
only prefixes count, else marks of the firewall. Source: MikroTik, "Policy Routing" and "Safe Mode".
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import mikrotik_print, words
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import ConfigPlan
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import DeviceError, Rejected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Session
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.wishes import Policy, WishError, Wishes

_TERSE = "print terse without-paging"
_TABLE, _ROUTE, _RULE, _MANGLE = "/routing table", "/ip route", "/routing rule", "/ip firewall mangle"
_INTERFACES, _FILTER = "/interface", "/ip firewall filter"
ROUTES = f'{_ROUTE} {_TERSE} where routing-table~"NPS-"'
HISTORY = "/system history print"
# What is read, by menu; the answers stand below these lines in what a plan begins with.
QUESTIONS = {_INTERFACES: f"{_INTERFACES} {_TERSE}", _TABLE: f"{_TABLE} {_TERSE}", _ROUTE: ROUTES,
             _RULE: f"{_RULE} {_TERSE}", _MANGLE: f"{_MANGLE} {_TERSE}", _FILTER: f"{_FILTER} {_TERSE}"}
# What an entry of ours is made of, in this order. Each menu is made after those before it, and taken away before them.
_KEYS = {
    _TABLE: ("name",),
    _ROUTE: ("dst-address", "gateway", "routing-table", "check-gateway"),
    _RULE: ("interface", "src-address", "dst-address", "action", "table"),
    _MANGLE: ("chain", "in-interface", "protocol", "src-address", "dst-address", "dst-port", "action",
              "new-routing-mark", "passthrough"),
}
_FLOATING = re.compile(r"^\s*F\s+\S", re.M)
Entry = dict[str, str]


class MikrotikConfig:
    """The changes of one session."""

    title = "MikroTik RouterOS"
    serves = ("policies",)
    instead: t.Mapping[str, str] = {
        "reverse_path": "RouterOS has one setting for all interfaces: '/ip settings set rp-filter=loose', by hand",
        "bgp": "RouterOS sets preferences by chains of '/routing filter' that a connection names, by hand",
        "zones": "RouterOS has no zones: an interface may be in many lists ('/interface list member')",
        "multipath": "how RouterOS spreads BGP depends on its release",
        "weaken": "RouterOS takes up connections in their middle by itself, unless a rule drops invalid packets",
    }
    no_timer = ""

    def running(self, session: Session) -> str:
        try:
            return "".join(f"{command}\n{session.ask(command, 120)}\n" for command in QUESTIONS.values())
        except Rejected as error:
            if _TABLE not in str(error):
                raise
            raise DeviceError(f"{error}: RouterOS 6 is read, not changed") from error

    def plan(self, running: str, wishes: Wishes) -> ConfigPlan:
        before = _read(running)
        after = {menu: [*rows] for menu, rows in before.items()}
        lines: list[str] = []
        inverse: list[str] = []
        for policy in wishes.policies:
            wanted = {} if wishes.absent else _wanted(before, policy)
            made, unmade = _replace(after, policy.label, wanted)
            lines, inverse = [*lines, *made], [*unmade, *inverse]
        labels = [policy.label for policy in wishes.policies]
        return ConfigPlan(tuple(lines), tuple(inverse), _shown(before, labels), _shown(after, labels))

    def has_timer(self, session: Session) -> bool:
        return False

    def why_not_now(self, session: Session) -> str:
        """Changes of somebody in Safe Mode would take those of others along."""
        if _FLOATING.search(session.ask(HISTORY)):
            return "somebody is at work in Safe Mode, and what is changed now may be taken back with his changes"
        return ""

    def apply(self, session: Session, planned: ConfigPlan, seconds: int) -> None:
        for line in planned.lines:
            session.type(line)

    def refresh(self, session: Session, wishes: Wishes) -> None:
        """Nothing to do."""

    def withdraw(self, session: Session) -> str:
        return ""

    def undo(self, session: Session, planned: ConfigPlan) -> None:
        for line in planned.inverse:
            session.type(line, tolerant=True)

    def confirm(self, session: Session) -> None:
        """Nothing to do: no timer runs."""

    def save(self, session: Session) -> None:
        """What is set survives a reload by itself."""


def _read(running: str) -> dict[str, list[Entry]]:
    """The entries of each menu, with their flags."""
    found: dict[str, list[Entry]] = {menu: [] for menu in QUESTIONS}
    menus = {command: menu for menu, command in QUESTIONS.items()}
    menu = ""
    for line in running.splitlines():
        menu = menus.get(line, menu)
        if menu:
            found[menu] += [{**row.fields, "flags": row.flags} for row in mikrotik_print.rows(line)]
    for one in found[_TABLE]:  # a word without a value stands behind the name
        one["name"] = one.get("name", "").removesuffix(" fib")
    return found


def _wanted(there: t.Mapping[str, list[Entry]], policy: Policy) -> dict[str, list[Entry]]:
    """What a policy is made of; raises WishError where something of somebody else is in the way."""
    _refuse(there, policy)
    label = policy.label
    route = {"dst-address": "0.0.0.0/0", "gateway": f"{policy.next_hop}@main", "routing-table": label,
             **({"check-gateway": "ping"} if policy.verify else {})}
    pairs = [{**({"src-address": source} if source else {}), **({"dst-address": destination} if destination else {})}
             for source in policy.sources or ("",) for destination in policy.destinations or ("",)]
    found: dict[str, list[Entry]] = {_TABLE: [{"name": label}], _ROUTE: [route], _RULE: [], _MANGLE: []}
    if policy.protocol:
        ports = {"dst-port": ",".join(map(str, policy.dports))} if policy.dports else {}
        found[_MANGLE] = [{"chain": "prerouting", "in-interface": policy.interface, "protocol": policy.protocol,
                           **pair, **ports, "action": "mark-routing", "new-routing-mark": label, "passthrough": "no"}
                          for pair in pairs]
    else:
        found[_RULE] = [{"interface": policy.interface, **pair, "action": "lookup", "table": label} for pair in pairs]
    return found


def _refuse(there: t.Mapping[str, list[Entry]], policy: Policy) -> None:
    if ":" in policy.next_hop or policy.protocol == "icmpv6":
        raise WishError(f"policy {policy.name}: policies of IPv6 are not made on MikroTik RouterOS by this version")
    if policy.return_next_hops:
        raise WishError(f"policy {policy.name}: return_next_hops is for PAN-OS")
    names = [one["name"] for one in there[_INTERFACES] if "name" in one]
    if policy.interface not in names:
        raise WishError(f"the device has no interface {policy.interface!r}; it has {', '.join(names) or 'none'}")
    if any(one.get("name") == policy.interface and "S" in one["flags"] for one in there[_INTERFACES]):
        raise WishError(f"interface {policy.interface} is a port of another (a bridge, a bond), by which its packets "
                        "arrive: name that one")
    for menu, key, what in ((_MANGLE, "in-interface", "new-routing-mark"), (_RULE, "interface", "table")):
        for one in there[menu]:
            theirs = not one.get("comment", "").startswith("NPS-") and one.get(what)
            if theirs and one.get(key) == policy.interface:
                raise WishError(f"interface {policy.interface} has an entry of '{menu}' with {what}={one[what]} "
                                "already, which is not ours: put the policy beside it by hand, or take it away")
    if policy.protocol and any(one.get("action") == "fasttrack-connection" for one in there[_FILTER]):
        raise WishError(f"policy {policy.name}: '{_FILTER}' has a rule fasttrack-connection, whose packets pass by the "
                        "marks that protocol and dports need: take that rule away by hand, or leave these out")


def _ours(there: t.Mapping[str, list[Entry]], menu: str, label: str) -> list[Entry]:
    """The entries of a policy, made of what is ours in them; addresses in one form. One that is without effect is
    none of those that are wanted."""
    by = "name" if menu == _TABLE else "comment"
    found = []
    for one in there[menu]:
        if one.get(by) == label:
            entry = {key: one[key] for key in _KEYS[menu] if one.get(key)}
            found.append({key: words.prefix(value) or value if key.endswith("address") else value
                          for key, value in entry.items()})
            if menu == _MANGLE and "I" in one["flags"]:  # invalid; routes and rules may only be inactive for now
                found[-1]["flags"] = "I"
    return found


def _replace(
    there: dict[str, list[Entry]], label: str, wanted: t.Mapping[str, list[Entry]]
) -> tuple[list[str], list[str]]:
    """Lines that bring a policy about, menu by menu, and those that take it back; ``there`` is as it would be then."""
    away: list[str] = []
    made: list[str] = []
    unmade: list[str] = []
    back: list[str] = []
    for menu in _KEYS:
        old, new = _ours(there, menu, label), [*wanted.get(menu, ())]
        if old == new:
            continue
        by = "name" if menu == _TABLE else "comment"
        remove = f"{menu} remove [find {by}={label}]"
        away = [*([remove] if old else []), *away]
        made += [_line(menu, one, label) for one in new]
        unmade = [*([remove] if new else []), *unmade]
        back += [_line(menu, one, label) for one in old]
        there[menu] = [*(one for one in there[menu] if one.get(by) != label),
                       *({**one, "flags": "", **({} if menu == _TABLE else {"comment": label})} for one in new)]
    return [*away, *made], [*unmade, *back]


def _line(menu: str, entry: Entry, label: str) -> str:
    given = " ".join(f"{key}={entry[key]}" for key in _KEYS[menu] if key in entry)
    return f"{menu} add {given} fib" if menu == _TABLE else f"{menu} add {given} comment={label}"


def _shown(there: t.Mapping[str, list[Entry]], labels: t.Sequence[str]) -> str:
    return "".join(f"{_line(menu, one, label)}\n" for label in labels for menu in _KEYS
                   for one in _ours(there, menu, label))
