# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a remedy outlive what happens to hosts? Every provider against every event, on real hosts (make persistence).

A host is mended by the roles over SSH, under the guard, and the change is confirmed. Then one event after the other
happens to it. After each, rules, routes of both address families, the nft table and the reverse-path filter must be
byte for byte what they were, and packets must take the pinned uplink. The control row is the same with persistence left
out: it must lose, or the events would show nothing. Two more rows and their control are about remedies without routes:
how flows are hashed, the MSS clamp, and the reverse-path filter of IPv6; that control must lose each of them by name.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import subprocess
import sys
import time
import typing as t

from ansible_collections.netpath.symmetry.tests.real_hosts import firewalls, leases, userland
from ansible_collections.netpath.symmetry.tests.real_hosts.cases import (
    FILES,
    Event,
    Row,
    Subject,
    mend,
    mend_in_four_runs,
    state_of,
    try_other,
)
from ansible_collections.netpath.symmetry.tests.real_hosts.host import LINKS, PARTNER, HostError, RealHost, gateways
from ansible_collections.netpath.symmetry.tests.real_hosts.managers import Manager, managers

CONTROL_SECONDS = 20.0  # from an event until what does not come back is lost
QUIET_SECONDS = 2.0  # and it stays so: a manager answers before it has done what it was told
GUARD_SECONDS = 60  # of a change that expires: longer than a busy machine takes to make it
CONTROL = "control, nothing persisted"
UPLINKS = [
    {"name": link, "interface": link, "gateway": gateway} for link in ("wan_a", "wan_b") for gateway in gateways(link)
]
OTHER = {"name": "other", "prefixes": ["203.0.113.0/24", "2001:db8::/32"], "uplink": "wan_b"}
PIN = {
    "name": "partner",
    "prefixes": ["203.0.113.0/25", "2001:db8:5::/48"],
    "uplink": "wan_a",
    "source_nat": "198.51.100.2",
    "acknowledge_source": True,
    "on_uplink_loss": "block",
}
LOOSE = {"rp_filter_interfaces": [{"name": "wan_b", "mode": "loose", "reason": "replies enter here"}]}
# What an administrator of these hosts has set: strict everywhere, another hash, a firewall that flushes the ruleset.
OWN_FILES = {
    "/etc/sysctl.d/50-hardening.conf": "net.ipv4.conf.*.rp_filter = 1\n-net.ipv4.conf.all.rp_filter\n"
    "net.ipv4.fib_multipath_hash_policy = 1\nnet.ipv6.fib_multipath_hash_policy = 1\n",
    "/etc/nftables.conf": "flush ruleset\ntable inet filter {\n\tchain input {\n"
    "\t\ttype filter hook input priority filter; policy accept;\n\t}\n}\n",
}
STATE = (
    r"""
for f in 4 6; do
    ip -$f rule show
    for t in $(ip -$f rule show | sed -n 's/.*lookup \(10[0-9]*\).*/\1/p'); do
        echo "table $t"
        ip -$f route show table $t | sed 's/ linkdown//; s/ dead//'
    done
done
nft -s list table inet netpath_symmetry
cat /proc/sys/net/ipv4/conf/wan_b/rp_filter
"""
    + FILES
)
# Of remedies that have no routes; every line begins with the name of the one it is about.
STATE_BESIDE = (
    r"""
grep -H . /proc/sys/net/ipv[46]/fib_multipath_hash_* | sed 's/^/ecmp_hash /'
for part in mss_clamp:mss_ rp_filter:rpf_; do
    for chain in forward input output prerouting; do
        nft -s list chain inet netpath_symmetry "${part#*:}$chain" 2>/dev/null | sed "s/^/${part%:*} /"
    done
done
"""
    + FILES
)
EVIDENCE = "systemctl --failed; journalctl -b --no-pager -o cat | grep -iE 'symmetry|cycle|fail' | tail -n 25"
Say = t.Callable[[str], None]


def packets_of(host: RealHost) -> str:
    """By which uplink packets to the partner leave: of IPv4 from the other uplink's address, and of IPv6."""
    return f"{host.uplink_of_ping(4, '198.51.100.6')} {host.uplink_of_ping(6)}"


def clamped(host: RealHost) -> str:
    """The segment size that the partner sees in a SYN of the host."""
    return host.segment_size(gateways("wan_a")[0])


def filtered(host: RealHost) -> str:
    """What becomes of an IPv6 packet by the uplink that the way back to its source does not leave by."""
    ping = f"ping -6 -n -c 1 -W 1 -I {PARTNER[6]} {LINKS['wan_a'][0][1].partition('/')[0]}"
    return "answered" if host.neighbour.run(ping, check=False).returncode == 0 else "dropped"


def clamped_and_filtered(host: RealHost) -> str:
    return f"{clamped(host)} {filtered(host)}"


ROUTING = Subject(
    {"rp_filter": LOOSE, "policy_route": {"policy_route_uplinks": UPLINKS, "policy_route_pins": [PIN]}},
    {"rp_filter": LOOSE, "policy_route": {"policy_route_uplinks": UPLINKS, "policy_route_pins": [OTHER]}},
    STATE, packets_of, "wan_a wan_a",
)
STRICT_V6 = {"name": "wan_a", "mode": "loose", "reason": "requests enter here", "ipv6": "strict"}
_HASH = ({"ecmp_hash_seed": 20260117}, {"ecmp_hash_seed": 4, "ecmp_hash_fields": ["source", "destination"]})
_CLAMP = tuple({"mss_clamp_edges": [{"interface": "wan_a", "mtu": mtu}]} for mtu in (1400, 1300))
# Without the filter such a packet is answered, but for firewalld, which has one of its own.
_FILTER = tuple({"rp_filter_interfaces": [{**STRICT_V6, "ipv6": mode}]} for mode in ("strict", "loose"))


def _beside(packets: t.Callable[[RealHost], str], right: str, **roles: tuple[dict[str, t.Any], ...]) -> Subject:
    """Remedies without routes: what they want, and what another change of them would."""
    wanted, other = ({role: both[number] for role, both in roles.items()} for number in (0, 1))
    events = ("sysctl --system", "reload of nftables", "restart of nftables", "firewalld reload", "ufw reload",
              "reboot", "power cut", "expiry", "unconfirmed, reboot")
    return Subject(wanted, other, STATE_BESIDE, packets, right, events)


# Two, as both the clamp and the filter are in the nft table, and check mode of one role does not know of the other.
HASH_AND_CLAMP = _beside(clamped, "1360", ecmp_hash=_HASH, mss_clamp=_CLAMP)
FILTER = _beside(filtered, "dropped", rp_filter=_FILTER)
ALL_BESIDE = _beside(clamped_and_filtered, "1360 dropped", ecmp_hash=_HASH, mss_clamp=_CLAMP, rp_filter=_FILTER)
ROWS = [
    Row("boot_unit", "ifupdown", "boot_unit", ROUTING),
    Row("boot_unit on networkd", "networkd", "boot_unit", ROUTING),
    Row("networkd", "networkd", "auto", ROUTING),
    Row("ifupdown", "ifupdown", "auto", ROUTING),
    Row("networkmanager", "networkmanager", "auto", ROUTING),
    Row("netplan, networkd", "netplan, networkd", "auto", ROUTING),
    Row("netplan, NetworkManager", "netplan, NetworkManager", "auto", ROUTING),
    Row(CONTROL, "networkd", None, ROUTING),
    Row("hash and clamp", "ifupdown", "auto", HASH_AND_CLAMP),
    Row("IPv6 filter", "networkd", "auto", FILTER),
    Row("control of the last two", "ifupdown", None, ALL_BESIDE),
    *firewalls.rows(ROUTING),
    *leases.rows(),
]


def _reboot(host: RealHost, _manager: Manager, _row: Row) -> None:
    host.reboot()


def _reload(host: RealHost, manager: Manager, _row: Row) -> None:
    host.ssh(manager.reload)


def _restart(host: RealHost, manager: Manager, _row: Row) -> None:
    host.ssh(manager.restart)


def _flap(host: RealHost, _manager: Manager, _row: Row) -> None:
    host.flap("wan_a")


def _recreate(host: RealHost, manager: Manager, _row: Row) -> None:
    host.unplug("wan_a")
    time.sleep(0.5)
    host.plug("wan_a")
    if manager.appeared:
        host.ssh(manager.appeared.replace("LINK", "wan_a"))


def _sysctl(host: RealHost, _manager: Manager, _row: Row) -> None:
    host.ssh("sysctl --system")


def _nft_reload(host: RealHost, _manager: Manager, _row: Row) -> None:
    host.ssh("systemctl reload nftables.service")


def _nft_restart(host: RealHost, _manager: Manager, _row: Row) -> None:
    host.ssh("systemctl restart nftables.service")


def _power_cut(host: RealHost, _manager: Manager, _row: Row) -> None:
    host.cut_power()
    host.boot()


def _expire(host: RealHost, _manager: Manager, row: Row) -> None:
    try_other(host, row, GUARD_SECONDS)
    deadline = time.monotonic() + GUARD_SECONDS + 30
    while host.ssh("test -d /var/lib/netpath-symmetry/pending", check=False).returncode == 0:
        if time.monotonic() > deadline:
            raise HostError(f"{row.name}: the change is pending for more than its {GUARD_SECONDS} s")
        time.sleep(0.5)


def _unconfirmed_reboot(host: RealHost, _manager: Manager, row: Row) -> None:
    try_other(host, row, 600)
    host.reboot()


def _unconfirmed_power_cut(host: RealHost, manager: Manager, row: Row) -> None:
    try_other(host, row, 600)
    _power_cut(host, manager, row)


def _drift(host: RealHost, _manager: Manager, row: Row) -> None:
    """Somebody removes a rule: facts name it, and what networkd would remove; the unit brings it back."""
    told = _upkeep(host)
    if told["applied"] or bool(told["will_undo"]) != (row.provider is None):
        raise HostError(f"{row.name}: before the drift the facts tell {told}")
    rule = host.output("ip rule show | grep 'proto 83'").splitlines()[0]
    host.ssh(f"ip rule del priority {rule.partition(':')[0]}")
    applied = _upkeep(host)["applied"]
    if [rule.partition(":")[0] in entry["what"] for entry in applied] != [True] * (row.provider is not None):
        raise HostError(f"{row.name}: without the rule {rule} the facts tell {applied}")
    if row.provider is not None:
        host.ssh("systemctl restart symmetry-restore.service")


def _upkeep(host: RealHost) -> dict[str, list[dict[str, t.Any]]]:
    """What facts tell of what is lost (SYM802) and will be (SYM801)."""
    wanted = "/run/upkeep"
    keys = "['applied', 'will_undo']"
    facts = f"{{{{ dict({keys} | zip({keys} | map('extract', ansible_facts.symmetry))) | to_json }}}}"
    done = host.play([
        {"netpath.symmetry.host_facts": {}},
        {"ansible.builtin.copy": {"content": facts, "dest": wanted, "mode": "0600"}, "diff": False},
    ])
    if done.returncode:
        raise HostError(f"facts cannot be read: {done.stdout[-2000:]}")
    return dict(json.loads(host.output(f"cat {wanted}")))


def _firewalld(host: RealHost, _manager: Manager, _row: Row) -> None:
    host.ssh("firewall-cmd --reload && firewall-cmd --complete-reload")


def _ufw(host: RealHost, _manager: Manager, _row: Row) -> None:
    host.ssh("ufw allow 22/tcp && ufw --force enable && ufw reload")


NFT = ("mss_clamp", "rp_filter")
EVENTS = [
    Event("reload of the manager", _reload),
    Event("carrier flap", _flap),
    Event("restart of the manager", _restart),
    Event("sysctl --system", _sysctl, control_loses=True, takes=("ecmp_hash",)),
    Event("interface anew", _recreate, control_loses=True),
    Event("reload of nftables", _nft_reload, control_loses=True, takes=NFT, firewall="nftables.service"),
    Event("restart of nftables", _nft_restart, control_loses=True, takes=NFT, firewall="nftables.service"),
    Event("firewalld reload", _firewalld, firewall="firewalld.service"),
    Event("ufw reload", _ufw, firewall="ufw.service"),
    Event("reboot", _reboot, control_loses=True, takes=("ecmp_hash", *NFT)),
    Event("power cut", _power_cut, control_loses=True, takes=("ecmp_hash", *NFT)),
    *firewalls.EVENTS,
    *leases.EVENTS,
    # Of these three, what comes back is the state before another change, which is persisted and not confirmed.
    Event("expiry", _expire),
    Event("unconfirmed, reboot", _unconfirmed_reboot, control_loses=True, takes=("ecmp_hash", *NFT)),
    Event("unconfirmed, power cut", _unconfirmed_power_cut, control_loses=True),
    Event("rule removed by hand", _drift, control_loses=True),
]


def verdict(host: RealHost, row: Row, wanted: str) -> str:
    """Empty when the host comes back to the wanted state, and its packets do; else what is lost."""
    deadline = time.monotonic() + (CONTROL_SECONDS if row.provider is None else row.subject.settle)
    right = 0.0  # since when
    while True:
        found = state_of(host, row)
        way = row.subject.packets(host) if found == wanted else ""
        right = (right or time.monotonic()) if way == row.subject.right else 0.0
        if right and time.monotonic() - right >= QUIET_SECONDS:
            return ""
        if time.monotonic() > deadline:
            if found == wanted:
                return f"packets: {way}"
            lines = [line.strip() for line in wanted.splitlines() if line.strip() and line not in found.splitlines()]
            told = {line.split()[0]: line for line in reversed(lines)}  # one of each remedy
            return "; ".join([*reversed(told.values())][:3]) or "there is more than before, or in another order"
        time.sleep(0.3)


def run_row(row: Row, name: str, events: t.Sequence[Event], outcomes: dict[str, str], say: Say) -> None:
    """Add the outcome of every event for one host: empty where all was kept. Raises HostError."""
    manager = managers()[row.manager]
    files = {**OWN_FILES, **manager.files, **row.files}
    with row.host(name, files, (*manager.units, *row.units), row.about if row.about in userland.LAYERS else "") as host:
        host.boot()
        row.subject.prepare(host)
        mend_in_four_runs(host, row)
        wanted, way = state_of(host, row), row.subject.packets(host)
        if way != row.subject.right:
            raise HostError(f"{row.name}: the roles ran, but packets: {way}:\n{wanted}")
        events = [event for event in events if row.has(event)]
        for number, event in enumerate(events, 1):
            began = time.monotonic()
            if event.firewall:
                host.ssh(f"systemctl start {event.firewall}")
            event.happen(host, manager, row)
            outcomes[event.name] = verdict(host, row, wanted)
            if event.firewall:
                host.ssh(f"{'ufw --force disable; ' if 'ufw' in event.firewall else ''}systemctl stop {event.firewall}")
            told = outcomes[event.name]
            say(f"{row.name}: {event.name} [{number}/{len(events)}] "
                f"{f'LOST: {told}' if told else 'kept'}, {time.monotonic() - began:.1f} s")
            if told and row.provider is not None:
                say(f"{row.name}: the host says of it:\n{host.ssh(EVIDENCE, check=False).stdout}")
            if told or state_of(host, row) != wanted:  # the next event shall find a host that is mended
                mend(host, row, f"again-{number}")
                wanted = state_of(host, row)  # in a table of another number
                if row.subject.packets(host) != row.subject.right:
                    raise HostError(f"{row.name}: cannot be mended after {event.name}:\n{wanted}")


def matrix(table: t.Mapping[str, t.Mapping[str, str]], events: t.Sequence[Event]) -> str:
    """Provider x event x outcome as text, with the number of cells of each row.

    The events are numbered, with their names above; below, why cells do not apply.
    """
    rows = {row.name: row for row in ROWS}
    width = max(len(name) for name in table)
    names = [f"{number:>{width}}  {event.name}" for number, event in enumerate(events, 1)]
    lines = [*names, "", f"{'':{width}}  " + "".join(f"{number:<6}" for number in range(1, len(events) + 1)) + "kept"]
    for name, outcomes in table.items():
        empty = ["-" if rows[name].has(e) else "n/a" for e in events]
        cells = [("LOST" if outcomes[e.name] else "kept") if e.name in outcomes else none
                 for e, none in zip(events, empty, strict=True)]
        line = "".join(f"{cell:<6}" for cell in cells)
        lines.append(f"{name:{width}}  {line}{cells.count('kept')}/{len(cells) - cells.count('n/a')}")
    return "\n".join([*lines, "", *_reasons([rows[name] for name in table], events)])


def _reasons(rows: t.Sequence[Row], events: t.Sequence[Event]) -> list[str]:
    """Why cells are n/a: one line for each reason and the same events, with the rows."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        by_reason: dict[str, list[str]] = {}
        for number, event in enumerate(events, 1):
            if row.not_for(event):
                by_reason.setdefault(row.not_for(event), []).append(str(number))
        for reason, numbers in by_reason.items():
            found.setdefault((reason, ", ".join(numbers)), []).append(row.name)
    return [f"n/a {numbers}: {reason} ({'; '.join(where)})" for (reason, numbers), where in found.items()]


def judge(table: t.Mapping[str, t.Mapping[str, str]], rows: t.Sequence[Row], events: t.Sequence[Event]) -> list[str]:
    """What is wrong with the matrix, one line each: losses, empty cells, and a control that keeps what it must lose."""
    wrong = []
    for row in rows:
        for event in (event for event in events if row.has(event)):
            told = table.get(row.name, {}).get(event.name)
            loses = [f"{name} " for name in event.takes] if row.subject is ALL_BESIDE else [""] * event.control_loses
            if told is None:
                wrong.append(f"{row.name}: {event.name}: not run")
            elif row.provider is not None and told:
                wrong.append(f"{row.name}: {event.name}: lost {told}")
            elif row.provider is None and any(not told or name not in told for name in loses):
                wrong.append(f"{row.name}: {event.name} takes only {told or 'nothing'} away, so it shows nothing")
    return wrong


def main(argv: t.Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="rows whose name begins so")
    parser.add_argument("--event", default="", help="events whose name begins so")
    parser.add_argument("--hosts", type=int, default=4, help="hosts that run at a time (4)")
    options = parser.parse_args(argv or None)
    rows = [row for row in ROWS if row.name.startswith(options.only)]
    events = [event for event in EVENTS if event.name.startswith(options.event)]
    if not rows or not events:
        print(f"no such row or event; there are: {', '.join(x.name for x in (*ROWS, *EVENTS))}", file=sys.stderr)
        return 2
    table: dict[str, dict[str, str]] = {row.name: {} for row in rows}
    began = time.monotonic()
    try:
        userland.ready()
        for name in sorted({row.about for row in rows} & set(userland.LAYERS)):
            userland.layer(name)
    except userland.UserlandError as error:
        print(error, file=sys.stderr)
        return 2

    def run(row: Row) -> None:
        try:
            run_row(row, f"host{rows.index(row)}", events, table[row.name], lambda text: print(text, flush=True))
        except (HostError, subprocess.SubprocessError) as error:  # its cells stay empty, which is a failure
            print(f"{row.name}: {error}", flush=True)

    with concurrent.futures.ThreadPoolExecutor(options.hosts) as pool:  # a host mostly waits
        list(pool.map(run, sorted(rows, key=lambda row: row.provider is not None)))  # controls wait for what is lost
    wrong = judge(table, rows, events)
    persisted = [row for row in rows if row.provider is not None]
    print(f"\n{matrix(table, events)}\n")
    print("".join(f"{line}\n" for line in wrong), end="")
    cases = sum(len(table[row.name]) for row in persisted)
    lost = sum(bool(told) for row in persisted for told in table[row.name].values())
    print(f"{len(rows)} hosts in {time.monotonic() - began:.0f} s")
    print(f"persistence: cases={cases} lost={lost}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
