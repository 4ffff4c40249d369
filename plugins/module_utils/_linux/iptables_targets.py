# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The target of an iptables rule as statements and a verdict of the small form. Pure. (net/netfilter/xt_*.c)"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._linux.iptables_matches import value_and_mask
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.iptables_words import Option
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.nft_expressions import NotUnderstood

Dict = dict[str, t.Any]
_ALL_BITS = 0xFFFFFFFF
_PLAIN = {"ACCEPT": "accept", "DROP": "drop", "RETURN": "return", "QUEUE": "queue", "NFQUEUE": "queue"}
# targets that neither stop a packet nor change its path, under their names in the small form
_HARMLESS = {
    **dict.fromkeys(("LOG", "NFLOG", "ULOG", "AUDIT", "TRACE"), "log"),
    **dict.fromkeys(("CLASSIFY", "CHECKSUM", "IDLETIMER", "LED", "RATEEST", "SECMARK", "CONNSECMARK", "ECN",
                     "TCPOPTSTRIP"), "last"),
    "TEE": "dup",
    "TCPMSS": "set_mss",
    "FLOWOFFLOAD": "flow_offload",
}


def outcome(target: str, options: list[Option], family: int) -> tuple[list[Dict], t.Optional[Dict]]:
    """Statements and verdict of a target that is no chain."""
    values = {option.name: (option.values[0] if option.values else "") for option in options}
    try:
        if target in _PLAIN:
            return [], {"do": _PLAIN[target]}
        if target in _HARMLESS:
            return [_harmless(target, values)], None
        if target == "REJECT":
            return [], {"do": "reject", "with": _reject(values.get("--reject-with", ""))}
        if target in _NAT:
            return [], _NAT[target](values, family)
        if target == "HMARK":
            return [_hmark(values)], None
        if target in _STATEMENTS:
            return [_STATEMENTS[target](values)], None
    except (NotUnderstood, ValueError, KeyError):
        pass
    text = " ".join(["-j", target, *map(str, options)])
    if target in ("MARK", "CONNMARK"):  # the mark alone is not known
        return [{"do": "set_ct_mark" if target == "CONNMARK" else "set_mark", "value": {"unknown": text}}], None
    return [], {"do": "unknown", "unknown": text}


def _harmless(target: str, values: t.Mapping[str, str]) -> Dict:
    if target == "TCPMSS":
        return {"do": "set_mss", "value": int(values["--set-mss"]) if "--set-mss" in values else "rt mtu"}
    if target == "LOG" and "--log-prefix" in values:
        return {"do": "log", "prefix": values["--log-prefix"]}
    return {"do": _HARMLESS[target]}


def _reject(how: str) -> str:
    """The words that nft has for it: they begin with the protocol that can answer so."""
    if how in ("tcp-reset", "tcp-rst"):
        return "tcp reset"
    return f"icmpv6 {how[6:]}" if how.startswith("icmp6-") else f"icmp {how[5:]}" if how.startswith("icmp-") else how


def _mark(values: t.Mapping[str, str]) -> Dict:
    """mark_tg: new = (old & ~mask) ^ value."""
    return {"do": "set_mark", **_xmark(values)}


def _xmark(values: t.Mapping[str, str]) -> Dict:
    if "--set-xmark" in values:
        value, mask = value_and_mask(values["--set-xmark"])
    elif "--set-mark" in values:
        value, mask = value_and_mask(values["--set-mark"])
        mask |= value
    elif "--and-mark" in values:
        value, mask = 0, ~int(values["--and-mark"], 0) & _ALL_BITS
    elif "--or-mark" in values:
        value = mask = int(values["--or-mark"], 0)
    else:
        value, mask = int(values["--xor-mark"], 0), 0
    return _change(value, mask)


def _change(value: t.Any, mask: int) -> Dict:
    change: Dict = {"value": value} if mask == _ALL_BITS else {"value": value, "mask": mask}
    if isinstance(value, int) and value & ~mask:
        change.update(mask=mask, xor=True)
    return change


def _connmark(values: t.Mapping[str, str]) -> Dict:
    """connmark_tg: save and restore take ``mask`` for both marks, or nfmask and ctmask."""
    if any(name.endswith("shift-mark") for name in values):
        raise NotUnderstood("a shifted mark")
    both = int(values.get("--mask", hex(_ALL_BITS)), 0)
    nf_mask, ct_mask = int(values.get("--nfmask", hex(both)), 0), int(values.get("--ctmask", hex(both)), 0)
    if "--save-mark" in values:
        return {"do": "set_ct_mark", **_copied("meta mark", nf_mask, ct_mask)}
    if "--restore-mark" in values:
        return {"do": "set_mark", **_copied("ct mark", ct_mask, nf_mask)}
    return {"do": "set_ct_mark", **_xmark(values)}


def _copied(source: str, keep: int, mask: int) -> Dict:
    """new = (old & ~mask) ^ (source & keep)."""
    value: t.Any = source if keep & mask == mask else {"of": source, "and": keep, "or": 0}
    if not keep & ~mask:
        return _change(value, mask)
    return {"value": {"of": source, "and": keep, "or": 0}, "mask": mask, "xor": True}


def _hmark(values: t.Mapping[str, str]) -> Dict:
    chosen = {"mod": int(values["--hmark-mod"], 0), "offset": int(values.get("--hmark-offset", "0"), 0)}
    return {"do": "set_mark", "value": {"hmark": chosen}}


def _tos(values: t.Mapping[str, str]) -> Dict:
    """tos_tg: new = (old & ~mask) ^ value; the two bits of ECN are part of the field."""
    if "--set-tos" in values:
        value, mask = value_and_mask(values["--set-tos"], 0xFF)
    elif "--and-tos" in values:
        value, mask = 0, ~int(values["--and-tos"], 0) & 0xFF
    elif "--or-tos" in values:
        value = mask = int(values["--or-tos"], 0)
    else:
        value, mask = int(values["--xor-tos"], 0), 0
    return {"do": "set_tos", "value": value, "mask": mask, **({"xor": True} if value & ~mask else {})}


def _dscp(values: t.Mapping[str, str]) -> Dict:
    return {"do": "set_tos", "value": int(values["--set-dscp"], 0) << 2, "mask": 0xFC}


def _ttl(values: t.Mapping[str, str]) -> Dict:
    """Harmless as long as the packet can live on."""
    text = next((values[name] for name in ("--ttl-set", "--hl-set") if name in values), "64")
    if int(text) < 16 or "--ttl-dec" in values or "--hl-dec" in values:
        raise NotUnderstood("a short time to live")
    return {"do": "last"}


_ZONES = {"--zone": "", "--zone-orig": "original", "--zone-reply": "reply"}  # the direction that each is of


def _ct(values: t.Mapping[str, str]) -> Dict:
    """xt_ct_target: the first of them in the raw table counts."""
    if "--notrack" in values:
        return {"do": "notrack"}
    given = [name for name in _ZONES if name in values]
    if len(given) > 1:
        raise NotUnderstood("several zones")
    if given:
        zone, direction = values[given[0]], _ZONES[given[0]]
        return {"do": "set_zone", "value": "meta mark" if zone == "mark" else int(zone, 0), "unless_set": True,
                **({"direction": direction} if direction else {})}
    return {"do": "ct_template"}  # a helper, a timeout policy, events: a template for the entry to come


def _set(values: t.Mapping[str, str]) -> Dict:
    if "--map-set" in values:  # it may set marks
        raise NotUnderstood("--map-set")
    return {"do": "update_set", "set": values.get("--add-set") or values["--del-set"]}


def _nat_to(kind: str, option: str) -> t.Callable[[t.Mapping[str, str], int], Dict]:
    def verdict(values: t.Mapping[str, str], family: int) -> Dict:
        return {"do": kind, "family": family, **_destination(values[option]), **_flags(values)}

    return verdict


def _destination(text: str) -> Dict:
    """``address[-address][:port[-port]]``; IPv6 addresses with a port are in brackets."""
    bracketed = text.startswith("[")
    if bracketed:
        addresses, _bracket, rest = text[1:].partition("]")
        ports = rest.lstrip(":")
        addresses = addresses.replace("]-[", "-")
    elif text.count(":") > 1:
        addresses, ports = text, ""
    else:
        addresses, _colon, ports = text.partition(":")
    found: Dict = {"address": addresses} if addresses else {}
    return {**found, **_port(ports)}


def _port(text: str) -> Dict:
    if not text:
        return {}
    if "/" in text:  # shifted port ranges
        raise NotUnderstood(text)
    first, _dash, last = text.partition("-")
    return {"port": text if last and first != last else int(first)}


def _flags(values: t.Mapping[str, str]) -> Dict:
    found: Dict = {"random": True} if "--random" in values or "--random-fully" in values else {}
    return {**found, **({"persistent": True} if "--persistent" in values else {})}


def _to_ports(kind: str) -> t.Callable[[t.Mapping[str, str], int], Dict]:
    def verdict(values: t.Mapping[str, str], family: int) -> Dict:
        return {"do": kind, **_port(values.get("--to-ports", "")), **_flags(values)}

    return verdict


_STATEMENTS: dict[str, t.Callable[[t.Mapping[str, str]], Dict]] = {
    "MARK": _mark,
    "CONNMARK": _connmark,
    "CT": _ct,
    "NOTRACK": lambda values: {"do": "notrack"},
    "TOS": _tos,
    "DSCP": _dscp,
    "TTL": _ttl,
    "HL": _ttl,
    "SET": _set,
}
_NAT: dict[str, t.Callable[[t.Mapping[str, str], int], Dict]] = {
    "SNAT": _nat_to("snat", "--to-source"),
    "DNAT": _nat_to("dnat", "--to-destination"),
    "MASQUERADE": _to_ports("masquerade"),
    "REDIRECT": _to_ports("redirect"),
    "NETMAP": lambda values, family: {"do": "netmap", "family": family, "address": values["--to"]},
}
