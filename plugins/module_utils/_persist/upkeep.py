# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Whether what was persisted is in force (SYM802), and which managers will undo what is ours (SYM801).

Both compare facts of the host, as they were just read, with files of it.
"""

from __future__ import annotations

import configparser
import glob
import os
import re
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.changes import CONFIRMED, read_ended
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import GuardError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux import sysctl_files
from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import (
    NFT_FAMILY,
    NFT_TABLE,
    PROTOCOL,
    STATE_DIR,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import Route, Rule
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.networkd import DROPIN, section
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.owned import (
    FOLDER,
    HASH_FILE,
    NFT_FILE,
    SYSCTL_FILE,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.restore import NFTABLES_FILE
from ansible_collections.netpath.symmetry.plugins.module_utils._plan import simulate
from ansible_collections.netpath.symmetry.plugins.module_utils._plan.render import route_arguments, rule_arguments

Dict = dict[str, t.Any]
LIMIT = 100  # entries; the first tell as much as all
_COMMENT = re.compile(r'comment "(symmetry:[^"]+)"')
_NFTABLES_CONF = "/etc/nftables.conf"
_NFTABLES_ENABLED = "/etc/systemd/system/sysinit.target.wants/nftables.service"


def read_missing(facts: t.Mapping[str, t.Any], root: str = "/") -> list[Dict]:
    """What is persisted and not in force: ``{what, change, present: false}``, at most LIMIT. Raises OSError."""
    rules, routes = _ours(facts)
    live = {f"{_ip(rule.family)} rule add {rule_arguments(rule)}" for rule in rules}
    live |= {f"{_ip(route.family)} route replace {route_arguments(route)}" for route in routes}
    sections = {section(route).strip() for route in routes if len(route.nexthops) == 1}
    missing: list[str] = []
    for path in sorted(glob.glob(os.path.join(root, FOLDER[1:], "r*.ipv[46]"))):
        family = int(path[-1])
        lines = [f"{_ip(family)} {line}" for line in _text(path).splitlines() if line and not line.startswith("#")]
        missing += [line for line in lines if line not in live]
    for path in sorted(glob.glob(os.path.join(root, f"etc/systemd/network/*.network.d/{DROPIN}"))):
        found = [part.strip() for part in _text(path).partition("\n")[2].split("\n\n")]
        missing += [f"the route {' '.join(part.split()[1:])}" for part in found if part and part not in sections]
    comments = _live_comments(facts)
    wanted = dict.fromkeys(_COMMENT.findall(_text(os.path.join(root, NFT_FILE[1:]))))
    missing += [f"the nft rule {comment}" for comment in wanted if comment not in comments]
    missing += _missing_sysctls(facts, _text(os.path.join(root, SYSCTL_FILE[1:])))
    for setting in sysctl_files.parse(_text(os.path.join(root, HASH_FILE[1:])), HASH_FILE):
        if str(facts.get("sysctls", {}).get(setting.key, setting.value)) != setting.value:
            missing.append(f"{setting.key} = {setting.value}")
    change = _change(os.path.join(root, STATE_DIR[1:])) if missing else ""
    return [{"what": what, "change": change, "present": False} for what in missing[:LIMIT]]


def read_undoing(facts: t.Mapping[str, t.Any], root: str = "/") -> list[Dict]:
    """Which managers will undo what is ours: ``{manager, what, how}``. Raises OSError."""
    rules, routes = _ours(facts)
    found = []
    networkd: Dict = next((m for m in facts.get("managers", ()) if m["name"] == "systemd-networkd" and m["active"]), {})
    if rules and networkd.get("removes_foreign_rules"):
        how = "it removes rules that it has not made whenever it starts; set ManageForeignRoutingPolicyRules=no"
        found.append({"manager": "systemd-networkd", "what": f"{len(rules)} policy rules", "how": how})
    if routes and networkd.get("removes_foreign_routes"):
        how = "it removes routes that it has not made whenever it sets up their interface; set ManageForeignRoutes=no"
        found.append({"manager": "systemd-networkd", "what": f"{len(routes)} routes", "how": how})
    if _live_comments(facts) and _flushes(root) and not os.path.exists(os.path.join(root, NFTABLES_FILE[1:])):
        how = f"{_NFTABLES_CONF} flushes the ruleset whenever the service starts or is reloaded"
        found.append({"manager": "nftables.service", "what": f"table {NFT_FAMILY} {NFT_TABLE}", "how": how})
    devices = {leg.device for route in routes for leg in route.nexthops}
    for path, table in _profiles_with_tables(root, devices):
        how = f"{path} sets route-table={table}, so it removes every route of the interface that it has not made"
        found.append({"manager": "NetworkManager", "what": "routes of our tables", "how": how})
    return found


def _ip(family: int) -> str:
    return "ip -6" if family == 6 else "ip"


def _ours(facts: t.Mapping[str, t.Any]) -> tuple[list[Rule], list[Route]]:
    rules = [Rule.from_dict(rule) for rule in facts.get("rules", ()) if rule.get("protocol") == PROTOCOL]
    routes = [Route.from_dict(route) for route in facts.get("routes", ()) if route.get("protocol") == PROTOCOL]
    return rules, [simulate.canonical(route) for route in routes]


def _live_comments(facts: t.Mapping[str, t.Any]) -> set[str]:
    """The comments of the rules in our nft table."""
    chains = [c for c in facts.get("netfilter", {}).get("chains", ()) if (c["family"], c["table"]) == (
        NFT_FAMILY, NFT_TABLE)]
    return {str(rule.get("comment", "")) for chain in chains for rule in chain.get("rules", ())} - {""}


def _missing_sysctls(facts: t.Mapping[str, t.Any], text: str) -> t.Iterator[str]:
    """Reverse-path filters that are otherwise; those of interfaces that are not there are not missed."""
    for setting in sysctl_files.parse(text, SYSCTL_FILE):
        parts = setting.key.split("/")
        if len(parts) != 5 or parts[-1] != "rp_filter":
            continue
        value = facts.get("interface_sysctls", {}).get(parts[3], {}).get("rp_filter")
        if value is not None and str(value) != setting.value:
            yield f"{setting.key} = {setting.value}"


def _flushes(root: str) -> bool:
    """Whether a file that flushes the ruleset is loaded by a unit that is enabled."""
    enabled = os.path.lexists(os.path.join(root, _NFTABLES_ENABLED[1:]))
    return enabled and "flush ruleset" in _text(os.path.join(root, _NFTABLES_CONF[1:]))


def _profiles_with_tables(root: str, devices: t.Container[t.Optional[str]]) -> t.Iterator[tuple[str, str]]:
    """Profiles of NetworkManager for these interfaces with a table of their own; only root can read them."""
    for path in sorted(glob.glob(os.path.join(root, "etc/NetworkManager/system-connections/*.nmconnection"))):
        profile = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            profile.read_string(_text(path))
        except configparser.Error:  # NetworkManager does not use it either
            continue
        if profile.get("connection", "interface-name", fallback="") not in devices:
            continue
        tables = [profile.get(family, "route-table", fallback="0") for family in ("ipv4", "ipv6")]
        other = next((table for table in tables if table not in ("0", "")), "")
        if other:
            yield os.path.join("/", os.path.relpath(path, root)), other


def _change(state_dir: str) -> str:
    """The confirmed change that persisted something last."""
    try:
        ended = read_ended(state_dir)
    except (GuardError, OSError):
        return "unknown"  # the journal is root's
    found = [one for one in ended if one.state == CONFIRMED and any(t.startswith("persisted by") for t in one.undo)]
    return max(found, key=lambda one: one.sequence).id if found else "unknown"


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""
