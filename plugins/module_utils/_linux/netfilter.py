# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Read the packet filter: nftables through nft, and the rules of iptables of both its back ends."""

from __future__ import annotations

import json
import struct
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import command, iptables, nft_rules
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import (
    NETLINK_NETFILTER,
    Netlink,
    NetlinkError,
    attributes,
    be,
    text,
)

Dict = dict[str, t.Any]
MAX_RULESET = 8 << 20  # bytes of JSON; beyond it sets are read one by one, and only their beginning
MAX_SET = 1 << 18
_GET_TABLE = (10 << 8) | 1  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE
_GET_CHAIN = (10 << 8) | 4  # NFT_MSG_GETCHAIN
_GET_RULE = (10 << 8) | 7  # NFT_MSG_GETRULE
_TELLING = ("nfproto", '"protocol": "ip"', '"protocol": "ip6"')  # what a rule of one family says of it
_META_NFPROTO = 15  # enum nft_meta_keys
_FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}


def read() -> tuple[Dict, Dict]:
    """The ``netfilter`` part of the facts, and whether it is complete. Never raises for what a host lacks."""
    facts: Dict = {"backends": [], "chains": [], "sets": []}
    missing = []
    try:
        facts.update(read_nft())
    except (command.CommandError, NetlinkError) as error:
        missing.append(str(error))
    legacy = iptables.read_legacy()
    missing += legacy.missing
    _add(facts, legacy)
    facts["backends"] = _backends(facts["chains"])
    return facts, ({"complete": False, "why": "; ".join(missing)} if missing else {"complete": True})


def _backends(chains: t.Sequence[Dict]) -> list[str]:
    """Who holds rules; every nft chain counts, those of iptables with a rule or a policy only."""
    found = ["nft"] if any("backend" not in chain for chain in chains) else []
    for backend in (iptables.NFT, iptables.LEGACY):
        if iptables.holds_rules(chain for chain in chains if chain.get("backend") == backend):
            found.append(backend)
    return found


def _tell_why_hidden(chains: t.Iterable[Dict], why: str) -> None:
    """Where the extensions of iptables cannot be read, the rules that have them say so."""
    for chain in chains:
        for rule in chain["rules"]:
            for match in rule["matches"]:
                if match.get("unknown", "").startswith('{"xt"'):
                    match["unknown"] += f" ({why})"


def _add(facts: Dict, reading: iptables.Reading) -> None:
    facts["chains"] += reading.chains
    known = {(entry["family"], entry["name"]) for entry in facts["sets"]}
    facts["sets"] += [entry for entry in reading.sets if ("ipset", entry["name"]) not in known]


def read_nft() -> Dict:
    """Chains and sets of nftables; raises CommandError, or NetlinkError where tables may not be read."""
    tables = read_tables()
    if not tables:
        return {}
    dormant = [table for table, is_dormant in tables.items() if is_dormant]
    ruleset = _list_ruleset()
    _add_devices(ruleset)
    _add_families(ruleset)
    facts = nft_rules.parse(ruleset, dormant)
    hidden = [table for table in nft_rules.tables_with_extensions(facts["chains"]) if table[1] in iptables.TABLES]
    reading = iptables.read_nft(table for table in hidden if table[0] in ("ip", "ip6"))
    shown = {(chain["family"], chain["table"]) for chain in reading.chains}
    facts["chains"] = [chain for chain in facts["chains"] if (chain["family"], chain["table"]) not in shown]
    if reading.missing:
        _tell_why_hidden(facts["chains"], reading.missing[0])
    _add(facts, reading)
    return facts


def read_tables() -> dict[tuple[str, str], bool]:
    """The nftables tables (family, name), and whether each is dormant; raises NetlinkError.

    Asked of the kernel: a host without rules then needs no nft, and nft's JSON garbles the flags of tables (1.0.6).
    """
    tables = {}
    try:
        with Netlink(NETLINK_NETFILTER) as kernel:
            for message in kernel.messages(_GET_TABLE, struct.pack("!BBH", 0, 0, 0)):
                got = attributes(message.body, 4)
                family = _FAMILIES.get(message.body[0], str(message.body[0]))
                tables[family, text(got[1])] = bool(be(got.get(2, b"")) & 1)  # NFT_TABLE_F_DORMANT
    except NetlinkError as error:
        if error.errno in (1, 13):  # EPERM, EACCES
            raise NetlinkError(error.errno, "nftables can be read by root only (become: true)") from None
        return {}  # this kernel has no nftables
    return tables


def _add_devices(ruleset: Dict) -> None:
    """Add the devices of chains at ingress and egress, which nft's JSON leaves out (1.0.6); raises NetlinkError."""
    chains = [item["chain"] for item in ruleset["nftables"] if "chain" in item]
    without = [chain for chain in chains if chain.get("hook") in ("ingress", "egress") and "dev" not in chain]
    if not without:
        return
    devices = {}
    with Netlink(NETLINK_NETFILTER) as kernel:
        for message in kernel.messages(_GET_CHAIN, struct.pack("!BBH", 0, 0, 0)):
            got = attributes(message.body, 4)
            hook = attributes(got.get(4, b""))  # NFTA_CHAIN_HOOK with NFTA_HOOK_DEV, NFTA_HOOK_DEVS
            names = _names(hook.get(4, b"")) or ([text(hook[3])] if 3 in hook else [])
            devices[_FAMILIES.get(message.body[0], ""), text(got[1]), text(got[3])] = names
    for chain in without:
        chain["dev"] = devices.get((chain["family"], chain["table"], chain["name"]), [])


def _add_families(ruleset: Dict) -> None:
    """Add the family that a rule with "reject with tcp reset" asks for, which nft leaves out (1.0.6).

    In inet tables nft drops a match on the family before any reject; it can be told from the others, not from this one.
    """
    rules = [item["rule"] for item in ruleset["nftables"] if "rule" in item and item["rule"]["family"] == "inet"]
    resetting = {(one["table"], one["handle"]): one for one in rules if _rejects_by_reset(one)}
    if not resetting:
        return
    with Netlink(NETLINK_NETFILTER) as kernel:
        for message in kernel.messages(_GET_RULE, struct.pack("!BBH", 1, 0, 0)):  # NFPROTO_INET
            got = attributes(message.body, 4)  # NFTA_RULE_TABLE 1, _HANDLE 3, _EXPRESSIONS 4
            rule = resetting.get((text(got[1]), be(got[3])))
            family = _family_of(got.get(4, b"")) if rule else None
            if rule and family and not any(word in json.dumps(rule["expr"]) for word in _TELLING):
                match = {"op": family[0], "left": {"meta": {"key": "nfproto"}}, "right": family[1]}
                rule["expr"] = [{"match": match}, *rule["expr"]]


def _rejects_by_reset(rule: Dict) -> bool:
    return any((part.get("reject") or {}).get("type") == "tcp reset" for part in rule["expr"] if isinstance(part, dict))


def _family_of(expressions: bytes) -> t.Optional[tuple[str, str]]:
    """Operator and family of the comparison with ``meta nfproto`` among the expressions of a rule."""
    asked = False
    for element in _list(expressions):
        expression = attributes(element)  # NFTA_EXPR_NAME 1, NFTA_EXPR_DATA 2
        kind, data = text(expression.get(1, b"")), attributes(expression.get(2, b""))
        if asked and kind == "cmp":  # NFTA_CMP_OP 2: equal or not; NFTA_CMP_DATA 3 with NFTA_DATA_VALUE 1
            value = attributes(data.get(3, b"")).get(1, b"")
            families = {2: "ipv4", 10: "ipv6"}
            known = value[:1] and families.get(value[0])
            return ("!=" if be(data.get(2, b"")) else "==", known) if known else None
        asked = kind == "meta" and be(data.get(2, b"")) == _META_NFPROTO
    return None


def _names(data: bytes) -> list[str]:
    return [text(one) for one in _list(data)]


def _list(data: bytes) -> list[bytes]:
    """The contents of a list of attributes of one type."""
    found, start = [], 0
    while start + 4 <= len(data):
        (length,) = struct.unpack_from("=H", data, start)
        if length < 4:
            break
        found.append(data[start + 4 : start + length])
        start += (length + 3) & ~3
    return found


def _list_ruleset() -> Dict:
    try:
        return t.cast(Dict, json.loads(command.run_bounded(["nft", "-j", "list", "ruleset"], MAX_RULESET)))
    except command.OutputTooLongError:
        pass
    ruleset: Dict = json.loads(command.run_bounded(["nft", "-j", "-t", "list", "ruleset"], MAX_RULESET))
    for item in ruleset["nftables"]:
        ((kind, data),) = item.items()
        if kind in ("set", "map"):
            data.update(_beginning_of_set(kind, data))
    return ruleset


def _beginning_of_set(kind: str, data: Dict) -> Dict:
    """The first elements of a set, without holding the others."""
    try:
        answer = command.run_bounded(["nft", "-j", "list", kind, data["family"], data["table"], data["name"]], MAX_SET)
        complete = True
    except command.OutputTooLongError as error:
        answer, complete = error.head, False
    return {"elem": first_elements(answer, nft_rules.MAX_ELEMENTS + 1), "complete": complete}


def first_elements(answer: str, limit: int) -> list[t.Any]:
    """Elements of the first ``"elem"`` list of a JSON text that may be cut off. Pure."""
    decoder = json.JSONDecoder()
    elements: list[t.Any] = []
    position = answer.find('"elem": [')
    if position < 0:
        return elements
    position += len('"elem": [')
    while len(elements) < limit:
        try:
            element, position = decoder.raw_decode(answer, position)
        except ValueError:  # the text is cut off here
            break
        elements.append(element)
        if answer[position : position + 2] != ", ":
            break
        position += 2
    return elements


def counters_of(facts: t.Mapping[str, t.Any]) -> dict[tuple[str, str, str, str, int], int]:
    """The packets that each rule with a counter has seen, by family, table, backend, chain and handle. Pure."""
    return {
        (chain["family"], chain["table"], chain.get("backend", ""), chain["name"], rule["handle"]):
        rule["counter"]["packets"]
        for chain in facts.get("chains", ())
        for rule in chain["rules"]
        if "counter" in rule
    }
