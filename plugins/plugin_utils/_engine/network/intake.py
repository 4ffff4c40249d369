# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Look over facts before anything is concluded from them: what is missing or malformed counts as not read.

Facts come from files, caches and other versions as well as from host_facts. A part that is not there, or that is not
shaped as the schema says, is taken out and marked incomplete with the reason, so that a verdict that needs it is
unknown. A host without usable interfaces, or with facts of another schema, is not read at all.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.routing import (
    Address,
    NextHop,
    Route,
    Rule,
    Value,
)
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.connection.conntrack_tcp import TCP_STATES
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.device.as_host import as_host, is_device
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.fib import SCOPES, number_of, prefix_of
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.site import Facts

SCHEMA = "netpath.symmetry/1"

ROUTE_TYPES = (
    "unicast", "local", "broadcast", "multicast", "anycast", "unreachable", "blackhole", "prohibit", "throw",
)
RULE_ACTIONS = ("lookup", "goto", "nop", "unreachable", "prohibit", "blackhole")
_HOOKS = ("prerouting", "input", "forward", "output", "postrouting", "ingress", "egress")

Check = t.Callable[[t.Any], bool]


def look_over(facts: t.Any) -> tuple[Facts | None, str]:
    """The facts as far as they can be used, or None and why not."""
    if not facts:
        return None, "no facts: the host was not reached, or host_facts failed there"
    if not isinstance(facts, t.Mapping):
        return None, f"its facts are not a dictionary but {type(facts).__name__}; gather them again with host_facts"
    if facts.get("schema") != SCHEMA:
        return None, (f"facts of schema {facts.get('schema')!r}, this version reads {SCHEMA!r}; gather them again with "
                      "the host_facts of this version")
    if is_device(facts):
        try:
            facts = as_host(facts)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            return None, f"its facts are damaged ({type(error).__name__}: {error}); gather them again"
    wrong = _first_wrong("interfaces", facts.get("interfaces"), _PARTS["interfaces"])
    if not facts.get("interfaces"):
        wrong = "there are no interfaces"
    if wrong:
        return None, f"its facts are damaged ({wrong}); gather them again"
    sound = {name: value for name, value in facts.items()
             if name not in _PARTS and (name not in _EVIDENCE or _EVIDENCE[name](value))}
    parts = dict(facts["parts"]) if _is_parts(facts.get("parts")) else {}
    for name, check in _PARTS.items():
        wrong = _first_wrong(name, facts.get(name), check)
        if not wrong:
            sound[name] = facts[name]
            continue
        if isinstance(facts.get(name), list) and check([]):  # entries that are sound are still worth having
            sound[name] = [entry for entry in facts[name] if check([entry])]
        why = parts.get(name, {}).get("why") or f"{wrong}, in its facts; gather them again"
        parts[name] = {"complete": False, "damaged": True, "why": str(why)}
    return {**sound, "parts": parts}, ""


def _first_wrong(name: str, value: t.Any, check: Check) -> str:
    """What is wrong with a part, as text; empty where it is sound."""
    if value is None:
        return f"there are no {name}"
    if check(value):
        return ""
    entries: t.Iterable[tuple[t.Any, t.Any]] = ()
    if isinstance(value, list):
        entries = ((index, [entry]) for index, entry in enumerate(value))
    elif isinstance(value, dict):
        entries = ((key, {key: entry}) for key, entry in value.items())
    bad = next((key for key, entry in entries if not check(entry)), None)
    return f"{name} are malformed" if bad is None else f"{name}[{bad}] is malformed"


def _is_parts(value: t.Any) -> bool:
    return isinstance(value, dict) and all(isinstance(part, dict) for part in value.values())


# what a value may be
def _number(value: t.Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _flag(value: t.Any) -> bool:
    return isinstance(value, bool)


def _text(value: t.Any) -> bool:
    return isinstance(value, str) and bool(value)


def _duration(value: t.Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


def _anything(value: t.Any) -> bool:
    return True


def _address(value: t.Any) -> bool:
    try:
        number_of(value)
    except (ValueError, AttributeError, TypeError):
        return False
    return True


def _prefix(value: t.Any) -> bool:
    if not isinstance(value, str) or "/" not in value:
        return False
    try:
        _network, length = prefix_of(value)
    except ValueError:
        return False
    return 0 <= length <= (128 if ":" in value else 32)


def _family(value: t.Any) -> bool:
    return value in (4, 6) and not isinstance(value, bool)


def _one_of(*values: str) -> Check:
    return lambda value: isinstance(value, str) and value in values


def _pair(value: t.Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(_number(end) for end in value)


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, (list, tuple)) and all(check(entry) for entry in value)


def _dict_of(check: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(
        isinstance(key, str) and check(entry) for key, entry in value.items())


def _record(required: t.Mapping[str, Check], optional: t.Mapping[str, Check], closed: bool = True) -> Check:
    """A dictionary with these keys; where it is closed an unknown key makes its meaning unknown."""
    known = {**optional, **required}

    def check(value: t.Any) -> bool:
        if not isinstance(value, dict) or any(key not in value for key in required):
            return False
        for key, entry in value.items():
            one = known.get(key)
            if (one is None and closed) or (one is not None and not one(entry)):
                return False
        return True

    return check


def _of_one_family(check: Check, *names: str) -> Check:
    """A record whose addresses or prefixes are of the family that it states."""
    def whole(value: t.Any) -> bool:
        return check(value) and all(
            value.get(name) is None or (":" in value[name]) == (value["family"] == 6) for name in names)

    return whole


_TEXTS = _list_of(_text)
_BY_TYPE: dict[t.Any, Check] = {
    int: _number, bool: _flag, str: _text, t.Optional[int]: _number, t.Optional[str]: _text,
    tuple[str, ...]: _TEXTS, t.Optional[tuple[int, int]]: _pair,
}


def _value_of(kind: type[Value], **special: Check) -> Check:
    """The dictionary of a value of _model/routing.py; ``special`` are fields that are more than their type."""
    hints = t.get_type_hints(kind)
    checks = {
        field.name: special.get(field.name) or _BY_TYPE[hints[field.name]]
        for field in dataclasses.fields(kind)  # type: ignore[arg-type]
    }
    required = {field.name for field in dataclasses.fields(kind)  # type: ignore[arg-type]
                if field.default is dataclasses.MISSING}
    return _record({name: checks.pop(name) for name in required}, checks)


_ADDRESS = _of_one_family(_value_of(Address, family=_family, address=_address, peer=_address), "address")
_LEG = _value_of(NextHop, gateway=_address)
_ROUTE = _of_one_family(
    _value_of(Route, family=_family, dst=_prefix, type=_one_of(*ROUTE_TYPES), scope=_one_of(*SCOPES),
              prefsrc=_address, nexthops=_list_of(_LEG)), "dst")
_RULE = _of_one_family(
    _value_of(Rule, family=_family, action=_one_of(*RULE_ACTIONS), src=_prefix, dst=_prefix), "src", "dst")
_INTERFACE = _record({}, {
    "index": _number, "kind": _text, "up": _flag, "carrier": _flag, "mtu": _number, "mac": _text, "group": _number,
    "master": _text, "vrf": _text, "vrf_table": _number, "addresses": _list_of(_ADDRESS),
}, closed=False)
_SYSCTLS = _dict_of(lambda value: isinstance(value, int))
_COUNTS = _dict_of(_number)
_SERVERS = _list_of(_record({"address": _address, "port": _number, "mode": _text}, {}))
_SERVICE = _record({"protocol": _text, "address": _address, "port": _number, "servers": _SERVERS}, {})
_MARKED = _record({"mark": _number, "servers": _SERVERS}, {})
_FILE_VALUE = _record({"value": lambda value: isinstance(value, int), "file": _text}, {}, closed=False)
_NFT_RULE = _record({"text": _text}, {
    "handle": _number, "comment": _text,
    "matches": _list_of(_record({}, {"left": _text, "op": _text}, closed=False)),
    "statements": _list_of(_record({}, {"do": _text}, closed=False)),
    "verdict": _record({"do": _text}, {}, closed=False),
    "counter": _record({"packets": _number, "bytes": _number}, {}, closed=False),
}, closed=False)
_CHAIN = _record({"family": _text, "table": _text, "name": _text}, {
    "type": _one_of("filter", "nat", "route"), "hook": _one_of(*_HOOKS),
    "priority": lambda value: isinstance(value, int), "policy": _one_of("accept", "drop"),
    "rules": _list_of(_NFT_RULE),
}, closed=False)
_SET = _record({"family": _text, "table": _text, "name": _text},
               {"elements": _list_of(_anything), "complete": _flag}, closed=False)
_SIDE = _record({"source": _address, "destination": _address}, {"sport": _number, "dport": _number}, closed=False)
_ENTRY = _record({"protocol": _text, "original": _SIDE, "reply": _SIDE}, {
    "state": _one_of(*TCP_STATES), "status": _TEXTS, "unreplied": _flag, "mark": _number, "zone": _number,
}, closed=False)
_SYNC_CHOICE = _record({}, {"accept": _TEXTS, "ignore": _TEXTS})
_SYNC_LINK = _record({"transport": _one_of("udp", "multicast", "tcp"), "up": _flag}, {
    "interface": _text, "local": _address, "peer": _address, "group": _address, "port": _number, "default": _flag,
    "active": _flag, "connected": _flag, "checksum": _flag,
}, closed=False)
_SYNC_GROWTH = _record({"seconds": _duration}, {}, closed=False)
_SYNC_MEASURED = _record({"at": _duration, "from": _address}, {
    "boot_id": _text, "configuration_digest": _text, "samples": _number, "lost": _number, "rate": _duration,
    "latency_ms": _dict_of(_duration), "bound_ms": _duration,
    "returns": _list_of(_record({"flow": _text}, {"rtt_ms": _dict_of(_duration), "samples": _number}, closed=False)),
}, closed=False)
_SYNC_DAEMON = _record({"daemon": _text, "running": _flag}, {
    "configuration": _text, "configuration_digest": _text, "changed_since_start": _flag, "version": _text,
    "synchronises": _flag, "mode": _one_of("ftfw", "notrack", "alarm"), "internal_cache": _flag,
    "external_cache": _flag, "startup_resync": _flag, "expectations": _TEXTS, "reliable_events": _flag,
    "window_tracking": _flag, "links": _list_of(_SYNC_LINK), "protocols": _SYNC_CHOICE,
    "addresses": _SYNC_CHOICE, "states": _SYNC_CHOICE,
    "left_out_always": _TEXTS, "filter_from": _one_of("userspace", "kernelspace"),
    "limits": _dict_of(lambda value: isinstance(value, int)), "active": _COUNTS, "counters": _COUNTS,
    "growth": lambda value: _SYNC_GROWTH(value) and all(map(_duration, value.values())), "measured": _SYNC_MEASURED,
}, closed=False)
# every part that a verdict rests on, with its shape; all of them are in the facts of host_facts
_PARTS: dict[str, Check] = {
    "interfaces": _dict_of(_INTERFACE),
    "rules": _list_of(_RULE),
    "routes": _list_of(_ROUTE),
    "neighbours": _list_of(_of_one_family(_record(
        {"family": _family, "address": _address, "device": _text}, {"mac": _text, "state": _text}, closed=False),
        "address")),
    "sysctls": _SYSCTLS,
    "interface_sysctls": _dict_of(_SYSCTLS),
    "netfilter": _record({"chains": _list_of(_CHAIN), "sets": _list_of(_SET)}, {"backends": _TEXTS}, closed=False),
    "conntrack": _record({}, {
        "available": _flag, "count": _number, "max": _number, "stats": _COUNTS, "sysctls": _SYSCTLS,
        "flows": _list_of(_ENTRY),
    }, closed=False),
}
# parts that may be left out: they only support a verdict
_EVIDENCE: dict[str, Check] = {
    "rp_filter": _dict_of(_record({"mode": _number, "origin": _text}, {}, closed=False)),
    "route_counts": _dict_of(_COUNTS),
    "counters": _COUNTS,
    "balancers": _list_of(lambda entry: _SERVICE(entry) or _MARKED(entry)),
    # what no collector reads yet (findings/awaiting.py)
    "out_of_state": _list_of(_record({"flow": _text, "packets": _number}, {"rule": _text, "interface": _text})),
    "reroutes": _list_of(_record({"flow": _text, "before": _text, "after": _text}, {})),
    "resets": _list_of(_record({"flow": _text, "ttl": _number, "expected_ttl": _number}, {"interface": _text})),
    "health_checks": _list_of(_record({"service": _text, "checked_by": _text, "used_by": _text}, {})),
    "gateway_answers": _list_of(_record({"address": _address, "device": _text, "macs": _TEXTS}, {})),
    "state_sync": _list_of(_SYNC_DAEMON),
    "will_undo": _list_of(_record({"manager": _text, "what": _text, "how": _text}, {})),
    "applied": _list_of(_record({"what": _text, "change": _text, "present": _flag}, {})),
    "exceptions": _list_of(_of_one_family(_record({"family": _family, "table": _number, "dst": _address}, {
        "device": _text, "gateway": _address, "mtu": _number,
    }), "dst", "gateway")),
    "sysctl_files": _record({"applied_by": lambda value: isinstance(value, str)}, {
        "sysctls": _dict_of(_FILE_VALUE), "interface_sysctls": _dict_of(_dict_of(_FILE_VALUE)),
    }, closed=False),
    "samples": _record({"seconds": lambda value: isinstance(value, (int, float)) and value > 0}, {
        "conntrack_invalid": _number, "reverse_path_filter": _number, "conntrack": _COUNTS,
        "rules": _list_of(_record({"packets": _number}, {}, closed=False)),
    }, closed=False),
    "sockets": _record({}, {"retransmitting": _list_of(_record({}, {}, closed=False))}, closed=False),
    "managers": _list_of(_record({"name": _text}, {"active": _flag}, closed=False)),
    "lookups": _list_of(_record({"flow": _text}, {}, closed=False)),
    "platform": _text,
    "kernel": _text,
}
