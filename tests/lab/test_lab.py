# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab itself: built, unchanged, reached by SSH, refused, interrupted, removed. Observed past the module."""

from __future__ import annotations

import collections
import itertools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import access, removal, state
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.errors import LabError
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.state import Paths, Process

TOPOLOGIES = pathlib.Path(__file__).resolve().parents[2] / "inventories" / "lab" / "topologies"
DUAL_WAN = TOPOLOGIES / "dual_wan_partner.yml"
SMALL = """\
hosts:
  one:
    services:
      - exec: {command: [sleep, "1000"]}
  two:
links:
  - ends:
      - {host: one, interface: eth0, addresses: [192.0.2.1/24]}
      - {host: two, interface: eth0.100, addresses: [192.0.2.2/24]}
"""


def module(paths: Paths, check_mode: bool = False, **arguments: t.Any) -> dict[str, t.Any]:
    """Run the module as Ansible does, in a process of its own."""
    process = start_module(paths, check_mode, **arguments)
    stdout, stderr = process.communicate(timeout=120)
    assert stdout, stderr
    return t.cast("dict[str, t.Any]", json.loads(stdout))


def start_module(paths: Paths, check_mode: bool = False, **arguments: t.Any) -> subprocess.Popen[str]:
    told = {"name": paths.lab, "dir": paths.dir, "_ansible_check_mode": check_mode, "_ansible_diff": True, **arguments}
    argv = [sys.executable, "-m", "ansible_collections.netpath.symmetry.plugins.modules.lab"]
    argv.append(json.dumps({"ANSIBLE_MODULE_ARGS": {key: value for key, value in told.items() if value is not None}}))
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def namespaces() -> set[str]:
    """The network namespaces that ip knows, read past the code under test."""
    lines = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split()[0] for line in lines if line.strip()}


def of_lab(paths: Paths) -> set[str]:
    return {name for name in namespaces() if name.startswith(f"nps-{paths.lab}-")}


def processes_of(paths: Paths) -> dict[Process, str]:
    """Every process in the lab's network namespaces, whoever started it, with its command line."""
    inodes = {os.stat(f"/run/netns/{name}").st_ino for name in of_lab(paths)}
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "ns/net").stat().st_ino in inodes:
                    found[state.parse_stat((entry / "stat").read_text())] = (entry / "cmdline").read_text()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
    return found


def alive(processes: dict[Process, str]) -> list[str]:
    return [words.replace("\0", " ") for process, words in processes.items() if process.alive()]


@pytest.fixture
def paths(tmp_path: pathlib.Path, request: pytest.FixtureRequest) -> t.Iterator[Paths]:
    """A lab of the test's own, removed at the end whatever became of it."""
    result = Paths(str(tmp_path), f"t{os.getpid()}_{abs(hash(request.node.name)) % 10000}")
    yield result
    removal.remove(result)


@pytest.fixture
def small(tmp_path: pathlib.Path) -> str:
    path = tmp_path / "small.yml"
    path.write_text(SMALL)
    return str(path)


def write(tmp_path: pathlib.Path, text: str) -> str:
    path = tmp_path / "topology.yml"
    path.write_text(text)
    return str(path)


# Built, and unchanged


def test_check_run_check_run(paths: Paths) -> None:
    expected = {
        f"nps-{paths.lab}-{host}"
        for host in ["client", "gw", "fwa", "fwb", "isp_a", "isp_b", "internet", "partner", "other_partner", "mgmt"]
    }
    planned = module(paths, check_mode=True, topology=str(DUAL_WAN))
    assert planned["changed"] and not of_lab(paths) and os.listdir(paths.dir) == []
    done = module(paths, topology=str(DUAL_WAN))
    assert done["changed"] and of_lab(paths) == expected
    assert done["diff"] == planned["diff"]
    before = state.read_text(paths.state)
    for check_mode in (True, False):
        again = module(paths, check_mode, topology=str(DUAL_WAN))
        assert not again["changed"] and again["diff"]["before"] == again["diff"]["after"]
        assert again["lab"] == done["lab"] == planned["lab"]
    assert state.read_text(paths.state) == before


def test_absent_check_run_check_run(paths: Paths, small: str) -> None:
    module(paths, topology=small)
    inside = processes_of(paths)
    assert len(alive(inside)) > 4, "two hosts with sshd, and a sleep"
    assert module(paths, check_mode=True, state="absent")["changed"] and len(of_lab(paths)) == 3
    assert module(paths, state="absent")["changed"]
    assert not of_lab(paths) and not os.path.exists(paths.root)
    assert not alive(inside)
    assert paths.root not in pathlib.Path("/proc/mounts").read_text()
    assert os.listdir(paths.dir) == ["small.yml"]
    for check_mode in (True, False):
        assert not module(paths, check_mode, state="absent")["changed"]


def test_recreated_is_another_lab_of_the_same_form(paths: Paths, small: str) -> None:
    module(paths, topology=small)
    first = access.hosts(paths.dir, paths.lab)
    access.run(paths.dir, paths.lab, "one", ["ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.2"])
    assert not module(paths, topology=small)["changed"], "what is changed on a host is left alone"
    assert module(paths, topology=small, state="recreated")["changed"]
    second = access.hosts(paths.dir, paths.lab)
    assert first["one"].process != second["one"].process and not first["one"].process.alive()
    assert "198.51.100" not in access.run(paths.dir, paths.lab, "one", ["ip", "route"]).stdout
    assert first["one"].interfaces == second["one"].interfaces, "MAC addresses are the same in every build"


def test_another_topology_replaces_the_lab(paths: Paths, small: str) -> None:
    module(paths, topology=small)
    pathlib.Path(small).write_text(SMALL + "# a comment is no change\n")
    assert not module(paths, topology=small)["changed"]
    pathlib.Path(small).write_text(SMALL.replace("192.0.2.2/24", "192.0.2.3/24"))
    result = module(paths, topology=small)
    assert (
        result["changed"] and "192.0.2.2/24" in result["diff"]["before"] and "192.0.2.3/24" in result["diff"]["after"]
    )
    assert "192.0.2.3/24" in access.run(paths.dir, paths.lab, "two", ["ip", "address"]).stdout


def test_a_host_that_died_is_noticed(paths: Paths, small: str) -> None:
    module(paths, topology=small)
    sleeping = {process: words for process, words in processes_of(paths).items() if words.startswith("sleep")}
    assert alive(sleeping)
    os.kill(access.hosts(paths.dir, paths.lab)["one"].process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while alive(sleeping) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(sleeping), "the end of process 1 ends all of its host"
    with pytest.raises(LabError, match="does not run any more"):
        access.run(paths.dir, paths.lab, "one", ["true"])
    result = module(paths, topology=small)
    assert result["changed"] and access.run(paths.dir, paths.lab, "one", ["hostname"]).stdout == "one\n"


def test_a_machine_that_writes_for_ansible_meanwhile_does_not_disturb(paths: Paths, small: str) -> None:
    """Other runs of Ansible make and remove their temporary files below /root/.ansible of the machine."""
    ended = threading.Event()

    def write() -> None:
        made: collections.deque[pathlib.Path] = collections.deque()
        for number in itertools.count():
            if number < 300 or not ended.is_set():
                made.append(pathlib.Path(f"/root/.ansible/tmp/netpath-lab-test-{os.getpid()}-{number}"))
                made[-1].mkdir(parents=True)
            if number >= 300:
                made.popleft().rmdir()
            if not made:
                return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _each in range(3):
            module(paths, topology=small, state="recreated")
    finally:
        ended.set()
        writer.join()
    assert access.run(paths.dir, paths.lab, "one", ["sh", "-c", "ls -A /root/.ansible || true"]).stdout == ""


# What a host is


def test_hosts_are_as_the_file_says(paths: Paths, tmp_path: pathlib.Path) -> None:
    topology = """\
hosts:
  one:
    forwarding: true
    loopback: [198.51.100.1/32, "2001:db8:1::1/128"]
    routes:
      - {to: 203.0.113.0/24, via: 192.0.2.2, metric: 50, table: 100, mtu: 1400}
      - {to: 203.0.113.0/25, via: "2001:db8::2", dev: v0.100}
      - {to: 10.0.0.0/8, type: blackhole}
      - {to: "2001:db8:9::/48", via: "2001:db8::2"}
      - {to: 198.18.0.0/15, via: 198.18.0.1, dev: v0.100, onlink: true}
    rules:
      - {priority: 1000, from: 198.51.100.1/32, table: 100}
      - {priority: 1001, not: true, fwmark: 0x1/0xff, iif: v0.100, table: main, suppress_prefixlength: 0}
      - {priority: 1002, family: 6, oif: v0.100, action: unreachable}
    neighbours:
      - {address: 192.0.2.77, mac: "10:20:30:40:50:01", dev: v0.100}
    sysctls:
      net/ipv4/conf/v0.100/rp_filter: 2
      net/netfilter/nf_conntrack_tcp_loose: 0
    nft: |
      table inet t { chain c { ct state invalid drop; }; }
  two:
  three:
segments:
  lan:
    mtu: 1450
    ports:
      - {host: one, interface: v0.100, addresses: [192.0.2.1/24, "2001:db8::1/64"]}
      - {host: two, interface: eth0, addresses: [192.0.2.2/24, "2001:db8::2/64"], checksum_offload: false}
      - {host: three, interface: eth0, addresses: [192.0.2.3/24]}
"""
    result = module(paths, topology=write(tmp_path, topology))
    assert result.get("changed"), result

    def one(command: str) -> str:
        return access.run(paths.dir, paths.lab, "one", ["sh", "-c", command]).stdout

    link = json.loads(one("ip -j address show dev v0.100"))[0]
    assert (link["mtu"], link["address"], link["operstate"]) == (1450, "02:00:00:01:00:01", "UP")
    assert {"192.0.2.1", "2001:db8::1"} <= {item["local"] for item in link["addr_info"]}
    assert not any(item.get("tentative") for item in link["addr_info"])
    assert "203.0.113.0/24 via 192.0.2.2 dev v0.100 proto static metric 50 mtu 1400" in one("ip route show table 100")
    routes = one("ip route") + one("ip -6 route")
    assert "203.0.113.0/25 via inet6 2001:db8::2 dev v0.100" in routes
    assert "blackhole 10.0.0.0/8" in routes and "2001:db8:9::/48 via 2001:db8::2 dev v0.100" in routes
    assert "198.18.0.0/15 via 198.18.0.1 dev v0.100 proto static onlink" in routes
    assert "1000:\tfrom 198.51.100.1 lookup 100" in one("ip -4 rule")
    assert "1001:\tnot from all fwmark 0x1/0xff iif v0.100 lookup main suppress_prefixlength 0" in one("ip -4 rule")
    assert "1002:\tfrom all oif v0.100 unreachable" in one("ip -6 rule") and "1002" not in one("ip -4 rule")
    assert "192.0.2.77 dev v0.100 lladdr 10:20:30:40:50:01 PERMANENT" in one("ip neighbour")
    assert one("cat /proc/sys/net/ipv4/conf/v0.100/rp_filter /proc/sys/net/ipv4/ip_forward") == "2\n1\n"
    assert one("cat /proc/sys/net/netfilter/nf_conntrack_tcp_loose") == "0\n"
    assert "ct state invalid drop" in one("nft list ruleset")
    assert one("hostname; cat /etc/hostname") == "one\none\n"
    assert " 0% packet loss" in one("ping -c 2 -i 0.01 -W 2 192.0.2.3 && ping -c 2 -i 0.01 -W 2 2001:db8::2")
    assert "2001:db8:1::1" in one("ip -6 address show dev lo") and "v0.100" in one("ls /sys/class/net")
    assert (checksum_offload(paths, "two"), checksum_offload(paths, "three")) == ("0", "1")


def checksum_offload(paths: Paths, host: str) -> str:
    """ETHTOOL_GTXCSUM of eth0, asked of the kernel from inside the host."""
    program = (
        "import array,fcntl,socket,struct; v=array.array('I',[0x16,9]);"
        "s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);"
        "fcntl.ioctl(s.fileno(),0x8946,struct.pack('16sP',b'eth0',v.buffer_info()[0])); print(v[1])"
    )
    return access.run(paths.dir, paths.lab, host, [sys.executable, "-c", program]).stdout.strip()


def test_nothing_of_a_lab_is_in_the_machine(paths: Paths) -> None:
    module(paths, topology=str(DUAL_WAN))
    links = json.loads(subprocess.run(["ip", "-j", "link"], capture_output=True, text=True, check=True).stdout)
    assert not {link["ifname"] for link in links} & {"mgmt", "mgmt0", "lan", "wan_a", "wan_b", "in", "out", "p1"}
    for tree in ("/etc", "/root", "/usr/local", "/var/lib", "/run", "/tmp"):
        file = f"{tree}/nps-written-in-{paths.lab}"
        access.run(paths.dir, paths.lab, "gw", ["touch", file])
        assert not os.path.exists(file)
        assert access.run(paths.dir, paths.lab, "fwa", ["test", "-e", file], check=False).returncode == 1
    machine = pathlib.Path("/proc/sys/kernel/hostname").read_text()
    assert access.run(paths.dir, paths.lab, "gw", ["cat", "/proc/sys/kernel/hostname"]).stdout == "gw\n" != machine


def test_services_live_as_long_as_their_host(paths: Paths, tmp_path: pathlib.Path) -> None:
    """A UDP echo answers from the address that was asked, also where routing would choose another."""
    topology = """\
hosts:
  one:
    loopback: [198.51.100.1/32, "2001:db8:1::1/128"]
    services:
      - http: {port: 80, body: "a body\\n"}
      - udp_echo: {port: 7}
      - exec: {command: [sleep, "987"]}
  two:
    routes: [{to: 198.51.100.1/32, via: 192.0.2.1}, {to: "2001:db8:1::1/128", via: "2001:db8::1"}]
links:
  - ends:
      - {host: one, interface: eth0, addresses: [192.0.2.1/24, "2001:db8::1/64"]}
      - {host: two, interface: eth0, addresses: [192.0.2.2/24, "2001:db8::2/64"]}
"""
    module(paths, topology=write(tmp_path, topology))

    def run(host: str, command: str) -> str:
        return access.run(paths.dir, paths.lab, host, ["sh", "-c", command]).stdout

    for url in ("http://198.51.100.1/", "http://[2001:db8:1::1]/anything"):
        assert run("two", f"curl -s -m 5 '{url}'") == "a body\n"
    for address in ("198.51.100.1", "2001:db8:1::1", "192.0.2.1"):
        # nc connects its socket, so it takes an answer from this address only.
        assert run("two", f"echo hi | nc -u -w 1 {address} 7") == "hi\n"
    first = run("one", "pgrep -x sleep").strip()
    run("one", f"kill {first}")
    deadline = time.monotonic() + 10
    again = ""
    while not again and time.monotonic() < deadline:
        again = access.run(paths.dir, paths.lab, "one", ["pgrep", "-x", "-f", "sleep 987"], check=False).stdout.strip()
        time.sleep(0.05)
    assert again and again != first


def test_orphans_are_reaped(paths: Paths, small: str) -> None:
    module(paths, topology=small)
    access.run(paths.dir, paths.lab, "one", ["sh", "-c", "(sleep 0.1 &) ; true"])
    time.sleep(0.4)
    listing = access.run(paths.dir, paths.lab, "one", ["ps", "-eo", "stat,comm"]).stdout
    assert "sshd" in listing and not any(line.startswith("Z") for line in listing.splitlines()), listing


# The independent observer


def test_access_is_inside_and_ends_what_takes_too_long(paths: Paths, small: str) -> None:
    module(paths, topology=small)
    echoed = access.run(paths.dir, paths.lab, "two", ["sh", "-c", "hostname; cat"], input="from outside\n")
    assert echoed.stdout == "two\nfrom outside\n"
    with pytest.raises(LabError, match=r"sleep 654 did not end within 0\.5 s"):
        access.run(paths.dir, paths.lab, "two", ["sleep", "654"], timeout=0.5)
    assert access.run(paths.dir, paths.lab, "two", ["pgrep", "-f", "^sleep 654"], check=False).stdout == ""
    with pytest.raises(access.CommandFailed, match="status 3: what went wrong"):
        access.run(paths.dir, paths.lab, "two", ["sh", "-c", "echo what went wrong >&2; exit 3"])
    with pytest.raises(LabError, match="no host 'three'; it has: one, two"):
        access.run(paths.dir, paths.lab, "three", ["true"])
    with pytest.raises(LabError, match="is not built"):
        access.run(paths.dir, "nowhere", "one", ["true"])


# SSH and Ansible


def ssh(paths: Paths, host: str, *words: str) -> subprocess.CompletedProcess[str]:
    argv = ["ssh", "-F", paths.ssh_config, host, *words]
    return subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30, check=False)


def test_ssh_checks_the_host_key(paths: Paths, small: str) -> None:
    module(paths, topology=small)
    for host in ("one", f"one.{paths.lab}"):
        done = ssh(paths, host, "hostname; whoami; echo $SSH_CONNECTION")
        assert done.stdout.split()[:2] == ["one", "root"] and "10.255.0.11 22" in done.stdout, done.stderr
    one, two = pathlib.Path(paths.known_hosts).read_text().splitlines()
    swapped = [f"{one.split()[0]} {two.split(None, 1)[1]}", f"{two.split()[0]} {one.split(None, 1)[1]}"]
    pathlib.Path(paths.known_hosts).write_text("\n".join(swapped) + "\n")
    refused = ssh(paths, "one", "hostname")
    assert refused.returncode == 255 and refused.stdout == "" and "Host key verification failed" in refused.stderr


def test_only_the_labs_own_key_opens_a_host(paths: Paths, small: str, tmp_path: pathlib.Path) -> None:
    module(paths, topology=small)
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
    config = pathlib.Path(paths.ssh_config)
    config.write_text(config.read_text().replace(paths.key, str(other)))
    refused = ssh(paths, "one", "hostname")
    assert refused.returncode == 255 and "Permission denied (publickey)" in refused.stderr


ANSIBLE = [str(pathlib.Path(sys.executable).parent / "ansible"), "-o", "-m", "ansible.builtin.command"]


@pytest.mark.parametrize("inventory", ["dual_wan_partner", "dual_wan_partner_bare"])
def test_ansible_gets_in_and_keeps_its_connection(lab: t.Any, inventory: str) -> None:
    """An open connection of an older lab of the same name never answers for the new one."""
    built = lab("dual_wan_partner", fresh=True)
    for _round in (1, 2):
        options = [*built.ansible_options(inventory), "-a", "cat /proc/sys/kernel/hostname", "company"]
        done = subprocess.run([*ANSIBLE, *options], capture_output=True, text=True, timeout=120, check=False)
        answers = {line.split(" | ")[0]: line.rsplit(" ", 1)[1] for line in done.stdout.splitlines() if "rc=0" in line}
        assert answers == {host: host for host in ("client", "gw", "fwa", "fwb")}, done.stdout + done.stderr
        masters = ssh_masters(built.paths)
        assert len(masters) == 4, "Ansible keeps its connections open"
        module(built.paths, topology=str(DUAL_WAN), state="recreated")
        deadline = time.monotonic() + 5
        while alive(masters) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not alive(masters), "connections into a removed lab end"


def ssh_masters(paths: Paths) -> dict[Process, str]:
    """The SSH clients of this machine that hold a connection into the lab's management network."""
    listing = subprocess.run(
        ["ip", "netns", "exec", f"nps-{paths.lab}-mgmt", "ss", "-Htnp"], capture_output=True, text=True, check=True
    ).stdout
    found = {}
    for pid in re.findall(r"\"ssh\",pid=(\d+)", listing):
        entry = pathlib.Path("/proc") / pid
        found[state.parse_stat((entry / "stat").read_text())] = (entry / "cmdline").read_text()
    return found


def test_the_role_builds_and_removes(tmp_path: pathlib.Path, paths: Paths, small: str) -> None:
    play = tmp_path / "play.yml"
    play.write_text("- {hosts: localhost, connection: local, gather_facts: false, roles: [netpath.symmetry.lab]}\n")
    argv = [f"{ANSIBLE[0]}-playbook", "-i", "localhost,", str(play)]
    argv += ["-e", f"lab_topology={small} lab_dir={paths.dir} lab_name={paths.lab}"]
    argv += ["-e", f"ansible_python_interpreter={sys.executable}"]
    for lab_state, expected, count in (("present", 1, 3), ("present", 0, 3), ("absent", 1, 0), ("absent", 0, 0)):
        done = subprocess.run(
            [*argv, "-e", f"lab_state={lab_state}"], capture_output=True, text=True, timeout=120, check=False
        )
        assert f"changed={expected} " in done.stdout and "failed=0" in done.stdout, done.stdout + done.stderr
        assert len(of_lab(paths)) == count


# Refused


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("hosts:\n", "hosts:\n  one: {}\n", 3, "'one' stands twice in hosts"),
        ("host: two", "host: three", 9, "host 'three' is not among the hosts: one, two"),
        (
            "192.0.2.2/24",
            "198.51.100.2/24",
            8,
            "192.0.2.1/24 of one is outside the networks of its wire: 198.51.100.0/24",
        ),
        (
            "  two:",
            "  two:\n    nft: |\n      table inet t {\n        chain fwd { }\n      }",
            8,
            "nft of host two: syntax",
        ),
        (
            "  two:",
            "  two:\n    sysctls:\n      net/ipv4/no_such: 1",
            7,
            "the kernel does not take sysctl net/ipv4/no_such",
        ),
        ("  two:", "  two:\n    rules: [{priority: 5, iif: x y, table: 9}]", 6, "iif of a rule of host two is 'x y'"),
        (
            "  two:",
            "  two:\n    rules: [{priority: 5, fwmark: xyz, table: 9}]",
            6,
            "refuses 'ip rule add priority 5 fwmark xyz",
        ),
        (
            "  two:",
            "  two:\n    routes: [{to: 10.0.0.0/8, via: 192.0.2.1, src: 192.0.2.9}]",
            6,
            "refuses 'ip route add 10",
        ),
    ],
)
def test_wrong_files_are_refused_and_nothing_is_built(
    paths: Paths, tmp_path: pathlib.Path, old: str, new: str, line: int, message: str
) -> None:
    file = write(tmp_path, SMALL.replace(old, new))
    for check_mode in (True, False):
        result = module(paths, check_mode, topology=file)
        assert result["failed"] and result["msg"].startswith(f"{file}:{line}:") and message in result["msg"], result
        assert not of_lab(paths) and not os.path.exists(paths.root)


def test_a_wrong_file_leaves_a_standing_lab_alone(paths: Paths, tmp_path: pathlib.Path, small: str) -> None:
    module(paths, topology=small)
    before = state.read_text(paths.state)
    wrong = write(tmp_path, SMALL.replace("  two:", "  two:\n    sysctls: {net/ipv4/no_such: 1}"))
    assert module(paths, topology=wrong)["failed"]
    assert state.read_text(paths.state) == before and ssh(paths, "two", "hostname").stdout == "two\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"topology": "/nowhere/x.yml"}, "/nowhere/x.yml: cannot be read"),
        ({"topology": str(DUAL_WAN), "name": "a-b"}, "lab name 'a-b': expected"),
        ({"topology": str(DUAL_WAN), "dir": "labs"}, "'labs' is not an absolute path"),
        ({"state": "present"}, "state is present but all of the following are missing: topology"),
    ],
)
def test_wrong_arguments_are_refused(paths: Paths, arguments: dict[str, t.Any], message: str) -> None:
    result = module(paths, **arguments)
    assert result["failed"] and message in result["msg"]


# Interrupted and removed


@pytest.mark.parametrize("after", [0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.8, 1.0])
def test_an_interrupted_build_is_cleaned_up_and_built_again(paths: Paths, after: float) -> None:
    process = start_module(paths, topology=str(DUAL_WAN))
    time.sleep(after)
    process.kill()
    process.communicate()
    inside = processes_of(paths)
    assert not module(paths, state="absent").get("failed")
    assert not of_lab(paths) and os.listdir(paths.dir) == [] and not alive(inside)
    assert module(paths, topology=str(DUAL_WAN))["changed"] and len(of_lab(paths)) == 10


def test_present_after_an_interruption_builds_again(paths: Paths) -> None:
    process = start_module(paths, topology=str(DUAL_WAN))
    deadline = time.monotonic() + 20
    while len(of_lab(paths)) < 5 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert of_lab(paths), "the build must have been interrupted half way"
    assert module(paths, topology=str(DUAL_WAN))["changed"]
    assert access.run(paths.dir, paths.lab, "internet", ["hostname"]).stdout == "internet\n"


def test_removal_spares_what_is_not_the_labs(paths: Paths, small: str) -> None:
    """Namespaces with similar names, and a process that got the id of a host that has ended."""
    module(paths, topology=small)
    foreign = [f"nps-{paths.lab}x-one", f"nps-{paths.lab}"]
    stranger = subprocess.Popen(["sleep", "100"])
    try:
        for name in foreign:
            subprocess.run(["ip", "netns", "add", name], check=True)
        record = pathlib.Path(paths.host("one", "process"))
        boot, stat = record.read_text().splitlines()
        real = state.parse_stat(stat)
        record.write_text(f"{boot}\n{stat.replace(f'{real.pid} ', f'{stranger.pid} ', 1)}\n")
        module(paths, state="absent")
        assert stranger.poll() is None, "a process with the same id and another start time is somebody else's"
        assert set(foreign) <= namespaces() and not of_lab(paths)
    finally:
        stranger.kill()
        stranger.wait()
        if real.alive():
            os.kill(real.pid, signal.SIGKILL)
        for name in foreign:
            subprocess.run(["ip", "netns", "delete", name], check=False)


def test_two_builds_of_one_lab_do_not_meet(paths: Paths) -> None:
    both = [start_module(paths, topology=str(DUAL_WAN)) for _number in (1, 2)]
    results = [json.loads(process.communicate(timeout=60)[0]) for process in both]
    failed = [result for result in results if result.get("failed")]
    assert len(failed) <= 1 and all("somebody else is building or removing" in result["msg"] for result in failed)
    assert len(of_lab(paths)) == 10 and not module(paths, topology=str(DUAL_WAN))["changed"]
