# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From random states of a real host to random wishes: what check mode tells is what the real run does, byte for byte.

In one state after another, a module is run in check mode, for real, and in check mode again, and then its inverse is
carried out. The observers are ip, nft and /proc/sys. Runs inside the namespace that it changes; states.py starts it.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import difflib
import importlib
import io
import json
import random
import re
import subprocess
import sys
import typing as t

from ansible.module_utils import basic

from ansible_collections.netpath.symmetry.plugins.module_utils._plan.symmetric_return import return_desired

Data = dict[str, t.Any]
Wish = tuple[str, Data]  # module, options
MODULES = "ansible_collections.netpath.symmetry.plugins.modules"
INTERFACES = ("wan_a", "wan_b", "v0.100")
ADDRESSES = {"wan_a": "198.51.100.2", "wan_b": "198.51.100.6", "v0.100": "192.0.2.1"}
GATEWAYS = {"wan_a": "198.51.100.1", "wan_b": "198.51.100.5", "v0.100": "192.0.2.20"}
GATEWAYS6 = {"wan_a": "2001:db8:a::1", "wan_b": "2001:db8:b::1"}
LISTED = {
    name: {"addresses": [{"family": 4, "address": address, "prefixlen": 24 if name == "v0.100" else 30}]}
    for name, address in ADDRESSES.items()
}
# What others may have on a host: made and taken away between the states.
FOREIGN = (
    "ip rule add from 10.77.0.0/16 lookup main priority {n}",
    "ip rule add fwmark 0x{n:x}/0xffff lookup main priority {n}",
    "ip route replace 10.{b}.0.0/16 via 198.51.100.5",
    "nft add table inet netpath_symmetry; nft add set inet netpath_symmetry theirs{b} '{{ type ipv4_addr; }}'",
    "nft add rule inet netpath_symmetry return_prerouting counter comment mine{b}",
    "nft add rule inet netpath_symmetry mss_forward counter comment mine{b}",
    "nft add rule inet netpath_symmetry postrouting ip daddr 10.{b}.0.1 counter comment mine{b}",
    "nft add table ip foreign{b}; nft add chain ip foreign{b} c '{{ type filter hook input priority 0; }}'",
    "echo {m} > /proc/sys/net/ipv4/conf/v0.100/rp_filter",
    "echo {m} > /proc/sys/net/ipv4/fib_multipath_hash_policy",
)
CLEAR = ("ip rule flush; ip rule add lookup main priority 32766; ip rule add lookup default priority 32767; "
         "ip -6 rule flush; ip -6 rule add lookup main priority 32766; nft flush ruleset; "
         "for t in $(ip route show table all proto 83 | sed -n 's/.* table \\([0-9]*\\).*/\\1/p' | sort -u); do "
         "ip route flush table $t; done; "
         "for t in $(ip -6 route show table all proto 83 | sed -n 's/.* table \\([0-9]*\\).*/\\1/p' | sort -u); do "
         "ip -6 route flush table $t; done; "
         "for i in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $i; done")


class Failure(AssertionError):
    """A promise is broken; the message holds what repeats it."""


def call(wish: Wish, check_mode: bool) -> Data:
    """Run a module as it is, in this process."""
    module, options = wish
    arguments = {"ANSIBLE_MODULE_ARGS": {**options, "_ansible_check_mode": check_mode, "_ansible_diff": True}}
    basic._ANSIBLE_ARGS = json.dumps(arguments).encode()
    basic._ANSIBLE_PROFILE = "legacy"
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.suppress(SystemExit):
        importlib.import_module(f"{MODULES}.{module}").main()
    return t.cast("Data", json.loads(told.getvalue()))


def shell(script: str) -> str:
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False).stdout


def state() -> str:
    """Everything that a module may change, the order of parts of a table aside: what is made again stands last."""
    text = shell("ip rule; ip -6 rule; ip route show table all; ip -6 route show table all; "
                 "tail -n 1 /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv[46]/fib_multipath_hash_*; "
                 "cat /var/lib/netpath-symmetry/register/*.entry 2>/dev/null")
    parts = []
    for table in shell("nft -s list ruleset").split("\ntable "):
        name = table.splitlines()[0].removeprefix("table ") if table else ""
        parts += [f"{name}\n{block}" for block in re.findall(r"^\t\w+ \S+ \{\n.*?^\t\}$", table, re.M | re.S)]
        parts.append(name)
    return text + "\n".join(sorted(parts))


def some(chance: random.Random, items: t.Sequence[t.Any], at_least: int = 0) -> list[t.Any]:
    return chance.sample(list(items), chance.randint(at_least, len(items)))


def uplinks(chance: random.Random) -> list[Data]:
    found = []
    for name in some(chance, INTERFACES):
        found.append({"name": name[:5], "interface": name, "gateway": GATEWAYS[name]})
        if name in GATEWAYS6 and chance.random() < 0.5:
            found.append({"name": name[:5], "interface": name, "gateway": GATEWAYS6[name]})
    return found


def random_wish(chance: random.Random) -> Wish:
    """What somebody may want of one module, its removal included."""
    kind = chance.choice(sorted(WISHES))
    return kind.partition(":")[0], WISHES[kind](chance)


def _return(chance: random.Random) -> Data:
    wanted = return_desired(uplinks(chance), LISTED)["uplinks"]
    return {"uplinks": wanted, "existing_connections": chance.choice(["move", "keep"]), "on_conflict": "keep"}


def _return_routes(chance: random.Random) -> Data:
    wanted = return_desired(uplinks(chance), LISTED)
    return {"scope": "symmetric_return", "tables": wanted["tables"], "rules": wanted["rules"]}


def _clamp(chance: random.Random) -> Data:
    return {"edges": [{"interface": name, **({"mtu": chance.choice([1300, 1400])} if chance.random() < 0.6 else {})}
                      for name in some(chance, INTERFACES)]}


def _hash(chance: random.Random) -> Data:
    if chance.random() < 0.3:
        return {"state": "absent"}
    fields = chance.choice([["source", "destination"], ["source", "destination", "protocol"], None])
    seed = {"seed": chance.randint(1, 9)} if chance.random() < 0.7 else {}
    return {**({"fields": fields} if fields else {}), **seed}


def _bypass(chance: random.Random) -> Data:
    return {"entries": [
        {"name": f"n{number}", "sources": some(chance, ["192.0.2.0/24", "10.8.0.0/16", "10.9.0.0/16"], 1),
         "destinations": [f"203.0.113.{number}"], "protocol": chance.choice(["tcp", "udp"]),
         "ports": some(chance, ["80", "81", "443-445", "8000"], 1), "consent": True, "by": chance.choice(["al", "bo"]),
         "reason": "CHG", "until": "2199-01-01"} for number in some(chance, range(1, 4))
    ]}  # fmt: skip


def _reverse(chance: random.Random) -> Data:
    wishes = []
    for name in some(chance, INTERFACES, 1):
        wish: Data = {"name": name, "mode": chance.choice(["off", "strict", "loose"])}
        if chance.random() < 0.5:
            wish["ipv6"] = chance.choice(["off", "strict", "loose"])
        if wish["mode"] != "strict" and chance.random() < 0.5:
            wish.update(reason=chance.choice(["x", "y"]), by="al")
            wish.update({"until": "2199-01-01"} if chance.random() < 0.3 else {})
        wishes.append(wish)
    return {"interfaces": wishes, "state": "absent" if chance.random() < 0.2 else "present"}


def _nat(chance: random.Random) -> Data:
    return {"existing_connections": "keep", "entries": [
        {"name": f"e{number}", "prefixes": some(chance, [f"10.{number}.0.0/17", f"10.{number}.128.0/17"], 1),
         "interface": name, "address": ADDRESSES[name]}
        for number in some(chance, range(20, 23)) for name in [chance.choice(INTERFACES)]
    ]}  # fmt: skip


def _policy(chance: random.Random) -> Data:
    named = some(chance, INTERFACES)
    tables = [{"name": name, "routes": [{"dst": "default", "gateway": GATEWAYS[name], "device": name}]}
              for name in named]
    return {"on_conflict": "keep", "tables": tables,
            "rules": [{"src": f"10.5.{number}.0/24", "table": chance.choice(named)} for number in range(4) if named]}


WISHES: dict[str, t.Callable[[random.Random], Data]] = {
    "symmetric_return": _return, "policy_routing:return": _return_routes, "mss_clamp": _clamp, "ecmp_hash": _hash,
    "state_bypass": _bypass, "rp_filter": _reverse, "source_nat": _nat, "policy_routing": _policy,
}  # fmt: skip


def start(chance: random.Random) -> None:
    """Bring the host into a random state: wishes of before, and what others have put beside and into them."""
    shell(CLEAR)
    for wish in (("state_bypass", {}), ("ecmp_hash", {"state": "absent"}),
                 ("rp_filter", {"state": "absent", "interfaces": [{"name": name} for name in INTERFACES]})):
        call(wish, False)
    for _number in range(chance.randint(0, 4)):
        call(random_wish(chance), False)
    for text in some(chance, FOREIGN)[:3]:
        shell(text.format(n=chance.randint(300, 320), b=chance.randint(40, 43), m=chance.randint(0, 2)))


def one_state(chance: random.Random, without: str = "") -> tuple[str, str]:
    """Judge one state; returns the module and how it went. Raises Failure.

    ``without`` is a negative control: "inverse" leaves out one command of it, "prediction" predicts removal.
    """
    start(chance)
    wish = random_wish(chance)
    before = state()
    predicted = (wish[0], {**wish[1], "state": "absent"}) if without == "prediction" and wish[1] else wish
    check = call(predicted, True)
    if state() != before:
        raise Failure(f"check mode changed the host: {wish}")
    real = call(wish, False)
    if check.get("failed") or real.get("failed"):
        if (check.get("msg"), state()) != (real.get("msg"), before):
            raise Failure(f"refused in one mode only: {wish}\n{check.get('msg')}\n{real.get('msg')}")
        return wish[0], "refused"
    for what in ("diff", "changed", "changes", "undo"):
        if json.dumps(check[what]) != json.dumps(real[what]):
            raise Failure(f"the {what} of check mode is not that of the real run: {wish}\n{check[what]}\n{real[what]}")
    again = call(wish, True)
    if again["changed"] or again["diff"]["before"] != real["diff"]["after"]:
        raise Failure(f"a second run would change something: {wish}\n{again}")
    inverse = real["undo"][1:] if without == "inverse" else real["undo"]
    for _twice in range(2):
        shell("; ".join(f"{{ {command}\n}}" for command in inverse) or ":")
        if state() != before:
            told = "\n".join(difflib.unified_diff(before.splitlines(), state().splitlines(), "before", "back", n=0))
            raise Failure(f"the inverse does not lead back: {wish}\n{told}")
    return wish[0], "changed" if real["changed"] else "nothing to do"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--states", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without", choices=["inverse", "prediction"], default="", help="a negative control")
    options = parser.parse_args()
    tally: collections.Counter[tuple[str, str]] = collections.Counter()
    broken = 0
    for number in range(options.states):
        seed = options.seed * 1000003 + number
        try:
            tally[one_state(random.Random(seed), options.without)] += 1
        except Failure as failure:
            broken += 1
            print(f"state {number} (random seed {seed}): {failure}", flush=True)
    for module in sorted({one for one, _how in tally}):
        counts = ", ".join(f"{how} {tally[module, how]}" for how in ("changed", "nothing to do", "refused"))
        print(f"{module:18} {counts}")
    changed = sum(count for (_module, how), count in tally.items() if how == "changed")
    print(f"states: states={options.states} changed={changed} broken={broken} seed={options.seed}")
    return 1 if broken or not changed else 0


if __name__ == "__main__":
    sys.exit(main())
