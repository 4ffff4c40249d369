# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long host_facts takes: against the commands that an engineer would run, against ping, and on 1,000,000 routes.

The first two go over one SSH connection to a real sshd in a network namespace, with pipelining, and count what a
task takes from its start to its result, so that no start-up is in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
import typing as t

import ansible_collections
from ansible_collections.netpath.symmetry.tests.bench import harness
from ansible_collections.netpath.symmetry.tests.bench.harness import BenchError, Result
from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth

COLLECTIONS = str(pathlib.Path(next(iter(ansible_collections.__path__))).parent)
MODULE = "ansible_collections.netpath.symmetry.plugins.modules.host_facts"
ROUNDS = 5
ROUTES = 1_000_000
HOST, CONTROL = "10.255.0.2", "10.255.0.1"
COMMANDS = (
    "ip -j address", "ip rule", "ip -6 rule", "ip route show table all", "ip -6 route show table all", "ip neigh",
    "sysctl -a --pattern rp_filter", "sysctl -a --pattern forwarding", "nft list ruleset", "conntrack -L",
    "conntrack -S", "nstat -az", "ss -tin", "ip -s link",
)
SSHD = """
ListenAddress {address}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
"""
RULES = """
table inet fw {
  chain forward { type filter hook forward priority 0; policy drop;
    ct state established,related counter accept
    ct state invalid counter drop
    ip saddr 10.0.0.0/8 tcp dport { 22, 80, 443 } counter accept
  }
}
"""


def run(folder: pathlib.Path) -> list[Result]:
    """All results of this benchmark."""
    return [*over_ssh(folder), *large_table(folder)]


# ---- over SSH


def over_ssh(folder: pathlib.Path) -> list[Result]:
    """host_facts against 14 commands and against ping on a host with 30 routes."""
    seconds = task_seconds(folder)
    facts = statistics.median(seconds["facts"])
    commands = sum(statistics.median(seconds[command]) for command in COMMANDS)
    ping = statistics.median(seconds["ping"])
    return [
        Result.of("host_facts, against 14 commands", facts, "s", commands, harness.times_faster(8)),
        Result.of("host_facts, against ping", facts, "s", ping, harness.at_most_times(2)),
    ]


def task_seconds(folder: pathlib.Path) -> dict[str, list[float]]:
    """How long each task took in every round, by its name."""
    control, host = Netns("control").create(), Netns("host").create()
    try:
        prepare(control, host)
        with ssh_server(host, folder):
            journal = play(control, folder)
    finally:
        control.delete()
        host.delete()
    seconds: dict[str, list[float]] = {}
    for line in journal.read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "result":
            if event["status"] != "ok":
                raise BenchError(f"{event['task']}: {event['message']}")
            seconds.setdefault(event["task"], []).append(event["seconds"])
    return seconds


def prepare(control: Netns, host: Netns) -> None:
    """A host with 30 routes, a few rules and a small firewall that tracks connections."""
    veth(control, "control0", host, "host0", [(f"{CONTROL}/24", f"{HOST}/24")])
    host.run("".join(f"ip route add 203.0.{i}.0/24 via {CONTROL} table {100 + i % 3}\n" for i in range(20)))
    host.run("".join(f"ip rule add from 10.0.{i}.0/24 lookup {100 + i} priority {1000 + i}\n" for i in range(3)))
    host.run(f"ip route add default via {CONTROL}; nft -f - <<'RULES'\n{RULES}\nRULES")


@contextlib.contextmanager
def ssh_server(host: Netns, folder: pathlib.Path) -> t.Iterator[None]:
    """A real sshd inside the namespace, with keys of its own."""
    for name in ("host_key", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "sshd_config").write_text(SSHD.format(address=HOST, folder=folder))
    (folder / "known_hosts").write_text(f"{HOST} {(folder / 'host_key.pub').read_text()}")
    pathlib.Path("/run/sshd").mkdir(exist_ok=True)  # sshd wants it
    server = host.start("/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config"))
    try:
        host.run(f"for i in $(seq 100); do ss -tlnH | grep -q {HOST}:22 && exit 0; sleep 0.1; done; exit 1")
        yield
    finally:
        server.terminate()
        server.communicate()


def play(control: Netns, folder: pathlib.Path) -> pathlib.Path:
    """Run the tasks in turns over one connection; the file with what they took."""
    tasks: list[dict[str, t.Any]] = [{"name": "connect", "ansible.builtin.ping": {}}]
    for _round in range(ROUNDS):
        tasks += [{"name": command, "ansible.builtin.command": command, "changed_when": False} for command in COMMANDS]
        tasks.append({"name": "facts", "netpath.symmetry.host_facts": {}})
        tasks.append({"name": "ping", "ansible.builtin.ping": {}})
    book, inventory, journal = folder / "play.json", folder / "hosts.json", folder / "journal"
    book.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    options = f"-o UserKnownHostsFile={folder}/known_hosts -o GlobalKnownHostsFile=none -o IdentitiesOnly=yes"
    variables = {
        "ansible_user": "root", "ansible_ssh_private_key_file": str(folder / "key"), "ansible_pipelining": True,
        "ansible_ssh_common_args": options, "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_control_path_dir": str(folder / "cp"),
    }
    inventory.write_text(json.dumps({"all": {"hosts": {HOST: variables}}}))
    environment = {
        **os.environ, "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS, "NETPATH_SYMMETRY_JOURNAL": str(journal),
        "ANSIBLE_CALLBACKS_ENABLED": "netpath.symmetry.journal", "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder / "cp"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
    }
    playbook = str(pathlib.Path(sys.executable).parent / "ansible-playbook")
    done = subprocess.run(
        control.command(playbook, "-i", str(inventory), str(book)),
        env=environment, capture_output=True, text=True, check=False,
    )
    if done.returncode:
        raise BenchError((done.stdout + done.stderr)[-2000:])
    return journal


# ---- 1,000,000 routes


def large_table(folder: pathlib.Path) -> list[Result]:
    """host_facts on a full table against ``ip route show table all``: time, memory and the size of the answer."""
    host = Netns("full").create()
    try:
        host.run("ip link add wan0 type veth peer name wan1; ip link set wan0 up; ip link set wan1 up")
        host.run("ip addr add 198.51.100.2/30 dev wan0")
        began = time.monotonic()
        load_routes(host, folder)
        print(f"{ROUTES:,} routes in {time.monotonic() - began:.0f} s ... ", end="", flush=True)
        arguments = folder / "arguments.json"
        arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {"flows": ["tcp 198.51.100.2 > 20.1.2.3:443"]}}))
        ours = host.command("env", f"PYTHONPATH={COLLECTIONS}", sys.executable, "-m", MODULE, str(arguments))
        shown = host.command("sh", "-c", "ip route show table all >/dev/null")
        answer = subprocess.run(ours, capture_output=True, check=True).stdout
        facts = json.loads(answer)["ansible_facts"]["symmetry"]
        if sum(facts["route_counts"]["4"].values()) < ROUTES or not any(
            route["dst"] == "20.1.2.0/24" for route in facts["routes"]
        ):
            raise BenchError("host_facts did not count every route, or left out the one that was asked for")
        return [
            harness.measure("host_facts, 1,000,000 routes", ours, shown, harness.at_most_times(1.5)),
            Result.of("its peak memory", harness.peak_memory(ours), "MB", goal=harness.at_most(96, "MB")),
            Result.of("its answer", len(answer) / 1e6, "MB", goal=harness.at_most(1, "MB")),
        ]
    finally:
        host.delete()


def load_routes(host: Netns, folder: pathlib.Path) -> None:
    """One route for each /24 from 16.0.0.0 on."""
    batch = folder / "routes"
    with batch.open("w") as stream:
        for number in range(ROUTES):
            address = (16 << 16) + number
            stream.write(f"route add {address >> 16}.{address >> 8 & 255}.{address & 255}.0/24 via 198.51.100.1\n")
    subprocess.run(["ip", "-n", host.name, "-batch", str(batch)], check=True)
