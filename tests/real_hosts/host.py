# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole Debian host for tests: systemd as process 1, booted by systemd-nspawn in a network namespace.

The host has a management link and two uplinks to one neighbour, a plain namespace that plays both providers and
the partner behind them. A reboot is real as far as one kernel can show it: all processes end, the namespace goes with
everything that the kernel held for it, and the host boots from its files in a new one. What it wrote stays: the files
are an overlay over a userland that all hosts share.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import typing as t

from ansible_collections.netpath.symmetry.tests.lab.netns import Netns
from ansible_collections.netpath.symmetry.tests.real_hosts import userland

# Link of the host: addresses of the host, addresses of the neighbour at the other end.
LINKS = {
    "mgmt0": (("10.99.0.2/24",), ("10.99.0.1/24",)),
    "wan_a": (("198.51.100.2/30", "2001:db8:a::2/64"), ("198.51.100.1/30", "2001:db8:a::1/64")),
    "wan_b": (("198.51.100.6/30", "2001:db8:b::2/64"), ("198.51.100.5/30", "2001:db8:b::1/64")),
}
DEFAULT_LINK = "wan_b"
PARTNER = {4: "203.0.113.10", 6: "2001:db8:5::10"}  # behind both providers
CONTAINERS = "docker"  # the layer whose host runs containers, and needs more of this machine
# Where there are limits of processors and memory nodes, a new group has none of them.
_ENTER_GROUP = """
mkdir GROUP
for each in cpuset.cpus cpuset.mems; do [ ! -e GROUP/$each ] || cat GROUP/../$each >GROUP/$each; done
echo $$ >GROUP/cgroup.procs
"""
_SSHD = "Port 22\nHostKey /etc/ssh/host_key\nPasswordAuthentication no\nUsePAM yes\nUseDNS no\n"


class HostError(Exception):
    """The host does not do what a test needs of it: it does not boot, answer or come to rest."""


def gateways(link: str) -> list[str]:
    """The addresses of the provider at a link, IPv4 first."""
    return [str(ipaddress.ip_interface(address).ip) for address in LINKS[link][1]]


class RealHost:
    """One host and its neighbour. Use it as a context manager; ``boot`` starts it."""

    boot_seconds = 90  # a boot takes 3 to 10 s; other tests may keep the processors
    connect_seconds = 3
    silent_seconds = 10  # after which a connection has ended

    def __init__(self, name: str, files: t.Mapping[str, str], enable: t.Sequence[str], layer: str = "") -> None:
        """``files`` are written below / before the first boot, a text "LINK target" as a symbolic link.

        ``enable`` are the units that are enabled, ``layer`` what is installed beside the userland (userland.LAYERS).
        """
        self.name = name
        self.netns = Netns(name)
        self.neighbour = Netns(f"{name}far")
        self._files = {**_base_files(name), **files}
        self._enable = tuple(enable)
        self._layer = layer
        self._process: subprocess.Popen[bytes] | None = None
        self._dir = pathlib.Path()
        self.boots = 0

    def __enter__(self) -> RealHost:
        trees = [*([userland.layer(self._layer)] if self._layer else ()), userland.ready()]
        _remove_leftovers()
        self._dir = pathlib.Path(tempfile.mkdtemp(prefix=f"run-{os.getpid()}-{self.name}-", dir=userland.CACHE))
        for part in ("upper", "work", "root"):
            (self._dir / part).mkdir()
        self._lower = ":".join(str(tree) for tree in trees)  # the upper one first
        for key in ("host_key", "user_key"):
            path = self._dir / key
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", path], check=True)
        address = LINKS["mgmt0"][0][0].partition("/")[0]
        (self._dir / "known_hosts").write_text(f"{address} {(self._dir / 'host_key.pub').read_text()}")
        self.write("/etc/ssh/host_key", (self._dir / "host_key").read_text(), 0o600)
        self.write("/root/.ssh/authorized_keys", (self._dir / "user_key.pub").read_text(), 0o600)
        for path, text in self._files.items():
            if text.startswith("LINK "):
                self.link(path, text[5:])
                continue
            private = "system-connections" in path or "netplan/" in path
            self.write(path, text, 0o600 if private else 0o755 if text.startswith("#!") else 0o644)
        for name in ("50-pid-max.conf", "99-protect-links.conf"):  # not for a container to set
            self.link(f"/etc/sysctl.d/{name}", "/dev/null")
        wants = "/etc/systemd/system/multi-user.target.wants"
        for unit in (*self._enable, "ssh.service"):
            self.link(f"{wants}/{unit}", f"/lib/systemd/system/{unit}")
        self.neighbour.create()
        self._serve_partner()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()
        self.neighbour.delete()
        shutil.rmtree(self._dir, ignore_errors=True)

    # ---- files, while the host does not run

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the host, which must not run: its overlay is not mounted then."""
        place = self._place(path)
        place.write_text(text)
        place.chmod(mode)

    def link(self, path: str, target: str) -> None:
        """Make a symbolic link of the host, which must not run."""
        place = self._place(path)
        place.unlink(missing_ok=True)
        place.symlink_to(target)

    def _place(self, path: str) -> pathlib.Path:
        if self._process is not None:
            raise HostError(f"{self.name} runs: write {path} over SSH")
        place = self._dir / "upper" / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    # ---- power

    @property
    def runs(self) -> bool:
        return self._process is not None

    def boot(self) -> None:
        """Make a fresh namespace and its links, start the host and wait until it is up."""
        self.start()
        self.wait_up()

    def start(self) -> None:
        """The same without the waiting. The host ends with the thread that calls this."""
        self.netns.create()
        for link in LINKS:
            self.plug(link)
        self.boots += 1
        nspawn = [
            *("systemd-nspawn", "--quiet", f"--directory={self._dir}/root", f"--machine=nps-{os.getpid()}-{self.name}"),
            *("--register=no", "--keep-unit", "--link-journal=no", "--resolv-conf=off", "--timezone=off"),
            *(f"--network-namespace-path=/run/netns/{self.netns.name}", "--capability=CAP_NET_ADMIN,CAP_NET_RAW"),
            *("--console=read-only", "--boot"),
            *(("--system-call-filter=add_key keyctl",) if self._layer == CONTAINERS else ()),
        ]
        # In a mount namespace of its own: nothing stays mounted on this machine, whatever becomes of us. In control
        # groups of its own: each host takes its root for the whole tree, and would end the services of another.
        groups = "".join(_ENTER_GROUP.replace("GROUP", group) for group in self._groups())
        script = f'{groups}{self._mount()}; exec "$@"'
        with (self._dir / "console").open("ab") as console:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "unshare", "-m", "sh", "-ec", script, "sh", *nspawn],
                env={**os.environ, "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network", "LC_ALL": "C"},
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, start_new_session=True,
            )

    def _mount(self) -> str:
        """The commands that put the host's files together."""
        overlay = f"lowerdir={self._lower},upperdir={self._dir}/upper,workdir={self._dir}/work"
        return f"mount -t overlay overlay -o {overlay} {self._dir}/root"

    def wait_up(self) -> None:
        deadline = time.monotonic() + self.boot_seconds
        said = ""
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise HostError(f"{self.name} ended while it booted:\n{self.console()}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                done = self.ssh("systemctl is-system-running --wait", check=False, timeout=30)
                said = done.stdout.strip()
                if said in ("running", "degraded"):
                    return
            time.sleep(0.2)
        raise HostError(f"{self.name} is not up after {self.boot_seconds} s, systemd says {said!r}:\n{self.console()}")

    def stop(self) -> None:
        """Power off in order; by force where that takes too long. The namespace goes."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)  # nspawn asks the host's systemd to power off
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)
        self._remove_network()

    def cut_power(self) -> None:
        """End every process of the host at once. What was written and not synced is there all the same."""
        process, self._process = self._process, None
        if process is None:
            return
        inside = subprocess.run(["ip", "netns", "pids", self.netns.name], capture_output=True, text=True, check=True)
        for pid in inside.stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        self._remove_network()

    def _remove_network(self) -> None:
        """The namespace goes with the last process in it, the links at once."""
        for link in LINKS:
            self.neighbour.run(f"ip link delete {link}_far", check=False)
        self.netns.delete()
        for group in self._groups():
            _remove_group(pathlib.Path(group))

    def _groups(self) -> list[str]:
        """The control groups of this boot: in each hierarchy that systemd uses, or in all, which containers need."""
        found = _control_groups(everywhere=self._layer == CONTAINERS)
        return [f"{path}/nps-{os.getpid()}-{self.name}-{self.boots}" for path in found]

    def reboot(self) -> None:
        self.stop()
        self.boot()

    def console(self) -> str:
        """The end of what the host wrote to its console."""
        text = (self._dir / "console").read_text(errors="replace") if (self._dir / "console").exists() else ""
        return "\n".join(text.splitlines()[-15:])

    # ---- links

    def plug(self, link: str) -> None:
        """Put a link between the host and its neighbour; setting up the end of the host is up to its manager."""
        far = f"{link}_far"
        subprocess.run(
            ["ip", "link", "add", link, "netns", self.netns.name, "type", "veth",
             "peer", "name", far, "netns", self.neighbour.name], check=True,
        )
        self.set_up_far(link)

    def set_up_far(self, link: str) -> None:
        """Addresses for the neighbour's end of a link."""
        far = f"{link}_far"
        for address in LINKS[link][1]:
            self.neighbour.run(f"ip address add {address} dev {far}{' nodad' if ':' in address else ''}")
        self.neighbour.run(f"ip link set {far} up")

    def unplug(self, link: str) -> None:
        """Take the link away, with everything that the kernel of the host held for it."""
        self.netns.run(f"ip link delete {link}")

    def flap(self, link: str) -> None:
        """Take the carrier away from a link and give it back, as when a cable is pulled."""
        self.neighbour.run(f"ip link set {link}_far down")
        time.sleep(1.5)
        self.neighbour.run(f"ip link set {link}_far up")
        for address in LINKS[link][1]:
            self.neighbour.run(f"ip address replace {address} dev {link}_far")

    def _serve_partner(self) -> None:
        addresses = "; ".join(f"ip address add {address} dev lo" for address in PARTNER.values())
        self.neighbour.run(f"{addresses}; sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0")
        counters = "".join(
            f"  iifname {link}_far ip daddr {PARTNER[4]} counter name {link}4\n"
            f"  iifname {link}_far ip6 daddr {PARTNER[6]} counter name {link}6\n"
            for link in ("wan_a", "wan_b")
        )
        named = "".join(f" counter {link}{family} {{ }}\n" for link in ("wan_a", "wan_b") for family in (4, 6))
        chain = f" chain in {{\n  type filter hook prerouting priority -300;\n{counters} }}\n"
        self.neighbour.run(f"nft -f - <<'EOF'\ntable inet seen {{\n{named}{chain}}}\nEOF")
        sizes = " set seen {\n  typeof tcp option maxseg size\n  flags dynamic\n  size 16\n }\n"
        rule = "tcp dport 9 tcp flags syn / syn,rst add @seen { tcp option maxseg size }"
        chain = f" chain in {{\n  type filter hook input priority 0;\n  {rule}\n }}\n"
        self.neighbour.run(f"nft -f - <<'EOF'\ntable ip sizes {{\n{sizes}{chain}}}\nEOF")

    def uplink_of_ping(self, family: int, source: str = "") -> str:
        """By which uplinks one echo request to the partner came there, as the partner counts; empty where none came."""
        self.neighbour.run("nft reset counters table inet seen")
        origin = f"-I {source} " if source else ""
        self.ssh(f"ping -{family} -n -c 1 -W 1 {origin}{PARTNER[family]}", check=False)
        found = self.neighbour.json("nft -j list counters table inet seen")["nftables"]
        seen = [item["counter"]["name"][:-1] for item in found
                if "counter" in item and item["counter"]["packets"] and item["counter"]["name"].endswith(str(family))]
        return ",".join(sorted(seen))

    def segment_size(self, address: str) -> str:
        """The MSS in the SYN of a connection to the neighbour's address, as it came there; empty where none came."""
        self.neighbour.run("nft flush set ip sizes seen")
        self.ssh(f"nc -w 1 {address} 9 </dev/null", check=False)  # closed, but the SYN is enough
        (found,) = (item["set"] for item in self.neighbour.json("nft -j list set ip sizes seen")["nftables"]
                    if "set" in item)
        return ",".join(str(size) for size in found.get("elem", ()))

    # ---- access

    def ssh_options(self) -> list[str]:
        return [
            *("-i", f"{self._dir}/user_key", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
            *("-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={self._dir}/known_hosts"),
            *("-o", f"ConnectTimeout={self.connect_seconds}"),
            *("-o", "ServerAliveInterval=2", "-o", f"ServerAliveCountMax={self.silent_seconds // 2}"),
        ]

    def ssh(self, script: str, check: bool = True, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a shell script on the host over a new SSH connection."""
        target = f"root@{LINKS['mgmt0'][0][0].partition('/')[0]}"
        words = self.neighbour.command("ssh", *self.ssh_options(), target, script)
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False
        )
        if check and done.returncode:
            raise HostError(f"{self.name}: {script}\nstatus {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def output(self, script: str) -> str:
        return self.ssh(script).stdout

    def inventory(self) -> pathlib.Path:
        """An inventory with this host, by which Ansible reaches it from the neighbour."""
        path = self._dir / "inventory.json"
        variables = {
            "ansible_host": LINKS["mgmt0"][0][0].partition("/")[0],
            "ansible_user": "root",
            "ansible_ssh_common_args": shlex.join(self.ssh_options()),
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        path.write_text(json.dumps({"all": {"hosts": {self.name: variables}}}))
        return path

    def play(self, tasks: t.Sequence[t.Mapping[str, t.Any]], *options: str) -> subprocess.CompletedProcess[str]:
        """Run tasks on the host by ansible-playbook over SSH; its output is the last thing in an error."""
        playbook = self._dir / "play.json"
        playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": list(tasks)}]))
        return self.playbook(str(playbook), self.inventory(), "--diff", *options)

    def playbook(self, playbook: str, inventory: pathlib.Path, *options: str) -> subprocess.CompletedProcess[str]:
        """Run a playbook from the neighbour, where the host can be reached, and which is local to it."""
        executable = os.path.join(os.path.dirname(sys.executable), "ansible-playbook")
        environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PIPELINING": "1",
                       "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._dir / "cp"), "ANSIBLE_INJECT_FACT_VARS": "false"}
        words = [executable, "-i", str(inventory), playbook, *options]
        return subprocess.run(
            self.neighbour.command(*words), env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=300, check=False,
        )


def _control_groups(everywhere: bool = False) -> list[str]:
    """Where this process is in the hierarchies that systemd uses: that of its own name, and the unified one.

    With ``everywhere``, in those of resources, too.
    """
    own = {}
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _number, controllers, path = line.split(":", 2)
        own[controllers] = path
    found = []
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        _device, mounted, kind, options = line.split()[:4]
        if kind == "cgroup2":
            here = [""]
        elif kind == "cgroup":  # of one or several controllers, or of systemd's name
            here = [one for one in own if set(one.split(",")) & set(options.split(","))]
        else:
            continue
        if everywhere or here == [""] or here == ["name=systemd"]:
            found += [f"{mounted}{own.get(one, '/').rstrip('/')}" for one in here]
    return found


def _remove_group(path: pathlib.Path) -> None:
    """Remove a control group and those in it, once their last processes have gone."""
    deadline = time.monotonic() + 5
    while path.is_dir() and time.monotonic() < deadline:
        for folder, _folders, _files in os.walk(path, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        time.sleep(0.05)


def _remove_leftovers() -> None:
    """Remove the files of hosts whose test was killed."""
    for path in userland.CACHE.glob("run-*"):
        if not os.path.isdir(f"/proc/{path.name.split('-')[1]}"):
            shutil.rmtree(path, ignore_errors=True)


def _base_files(name: str) -> dict[str, str]:
    return {
        "/etc/hostname": f"{name}\n",
        "/etc/hosts": f"127.0.0.1 localhost {name}\n::1 localhost\n",
        "/etc/ssh/sshd_config": _SSHD,
        # Nobody else is on these links: addresses need not wait for duplicate detection.
        "/etc/sysctl.d/10-lab.conf": "net.ipv6.conf.all.accept_dad = 0\nnet.ipv6.conf.default.accept_dad = 0\n",
    }
