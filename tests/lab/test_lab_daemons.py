# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What firewall pairs of the lab need: links with a delay, conntrackd and keepalived inside hosts, and their errors."""

from __future__ import annotations

import os
import pathlib
import re
import signal
import time
import typing as t

import pytest

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import access, ensure, removal, state
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.errors import TopologyError
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.state import Paths

CONNTRACKD = """\
      Sync {
        Mode FTFW {
          DisableExternalCache yes
        }
        UDP {
          IPv4_address 192.0.2.1
          IPv4_Destination_Address 192.0.2.2
          Port 3780
          Interface sync
        }
      }
      General {
        HashSize 8192
        HashLimit 65536
        LockFile /run/lock/conntrackd.lock
        UNIX {
          Path /run/conntrackd.ctl
        }
        NetlinkBufferSize 2097152
        NetlinkBufferSizeMaxGrowth 8388608
      }
"""
KEEPALIVED = """\
      global_defs {
        vrrp_version 3
        script_user root
        enable_script_security
      }
      vrrp_instance inside {
        state BACKUP
        interface sync
        virtual_router_id 1
        priority 200
        advert_int 0.1
        virtual_ipaddress {
          192.0.2.100/24
        }
        notify_master "/etc/conntrackd/primary-backup.sh primary"
        notify_backup "/etc/conntrackd/primary-backup.sh backup"
      }
"""
PAIR = f"""\
hosts:
  one:
    conntrackd: |
{CONNTRACKD}
    keepalived: |
{KEEPALIVED}
  two:
    nft: |
      table inet t {{ chain c {{ type filter hook input priority 0; ct state new counter; }}; }}
    conntrackd: |
{CONNTRACKD.replace("192.0.2.2", "192.0.2.9").replace("192.0.2.1", "192.0.2.2").replace("192.0.2.9", "192.0.2.1")}
    services:
      - http: {{port: 80, body: "hello"}}
links:
  - delay: 3ms
    ends:
      - {{host: one, interface: sync, addresses: [192.0.2.1/24, "2001:db8::1/64"]}}
      - {{host: two, interface: sync, addresses: [192.0.2.2/24, "2001:db8::2/64"]}}
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Paths]:
    directory = tmp_path_factory.mktemp("daemons")
    (directory / "pair.yml").write_text(PAIR)
    paths = Paths(str(directory), f"daemons_{os.getpid()}")
    ensure.ensure(paths, "present", str(directory / "pair.yml"))
    yield paths
    removal.remove(paths)


def run(paths: Paths, host: str, script: str, check: bool = True) -> str:
    return access.run(paths.dir, paths.lab, host, ["sh", "-c", script], check=check).stdout


def until(condition: t.Callable[[], t.Any], seconds: float = 10) -> t.Any:
    """What becomes true of a program in its own time; its last value where it does not."""
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return value


def test_a_link_delays_packets_of_both_families_in_both_directions(pair: Paths) -> None:
    for host, address in (("one", "192.0.2.2"), ("two", "192.0.2.1"), ("one", "2001:db8::2")):
        said = run(pair, host, f"ping -c 5 -i 0.05 -W 2 {address}")
        best = re.search(r"= ([\d.]+)/", said)
        assert best and 6 <= float(best[1]) < 9, said
    assert run(pair, "one", "curl -s -m 5 http://192.0.2.2/") == "hello", "checksums are whole"
    assert "mtu 1500" in run(pair, "one", "ping -c 1 -W 1 -s 1472 -M do 192.0.2.2 > /dev/null && ip link show sync")


def test_conntrackd_and_keepalived_run_inside_their_host_alone(pair: Paths) -> None:
    assert until(lambda: "192.0.2.100" in run(pair, "one", "ip address show dev sync"))
    assert "conntrackd.ctl" in run(pair, "one", "ls /run") and not os.path.exists("/run/conntrackd.ctl")
    run(pair, "one", "curl -s -m 5 -o /dev/null http://192.0.2.2/")
    told = until(lambda: re.search(r"Pckts sent +0 Pckts recv", run(pair, "two", "conntrackd -s network")) is None)
    assert told, run(pair, "two", "conntrackd -s network")
    assert run(pair, "two", "pgrep -x keepalived", check=False) == ""


def test_conntrackd_is_started_again_with_the_file_as_it_is_then(pair: Paths) -> None:
    before = run(pair, "two", "pgrep -x conntrackd").strip()
    run(pair, "two", f"sed -i s/FTFW/NOTRACK/ /etc/conntrackd/conntrackd.conf; kill -9 {before}")
    ask = "conntrackd -s runtime > /dev/null && pgrep -x conntrackd"
    now = until(lambda: run(pair, "two", ask, check=False).strip())
    assert now and now != before
    assert "message tracking" not in run(pair, "two", "conntrackd -s network"), "which FTFW has"


def test_a_dead_delay_is_noticed_and_all_ends_with_the_lab(tmp_path: pathlib.Path) -> None:
    (tmp_path / "pair.yml").write_text(PAIR)
    paths = Paths(str(tmp_path), f"ends_{os.getpid()}")
    try:
        assert ensure.ensure(paths, "present", str(tmp_path / "pair.yml")).changed
        assert not ensure.ensure(paths, "present", str(tmp_path / "pair.yml")).changed
        processes = state.processes(paths)
        assert set(processes) == {"one", "two", "switch"}
        os.kill(processes["switch"].pid, signal.SIGKILL)
        assert until(lambda: not processes["switch"].alive())
        assert ensure.ensure(paths, "present", str(tmp_path / "pair.yml")).changed
    finally:
        processes = state.processes(paths)
        removal.remove(paths)
    assert len(processes) == 3 and not any(process.alive() for process in processes.values())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("HashLimit", "HashLimt", "conntrackd of host one: symbol 'HashLimt': syntax error"),
        ("Interface sync", "Interface sink", "conntrackd of host one: it has no interface 'sink'"),
        ("priority 200", "prority 200", "keepalived of host one: Unknown keyword 'prority'"),
        ("interface sync", "interface sink", "keepalived of host one: WARNING - interface sink for vrrp_instance"),
    ],
)
def test_what_the_programs_do_not_read_is_refused_with_its_line(
    tmp_path: pathlib.Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "wrong.yml"
    path.write_text(PAIR.replace(old, new, 1))
    line = path.read_text().splitlines().index(next(line for line in path.read_text().splitlines() if new in line)) + 1
    with pytest.raises(TopologyError) as caught:
        ensure.ensure(Paths(str(tmp_path), "wrong"), "present", str(path))
    assert str(caught.value).startswith(f"{path}:{line}:") and message in str(caught.value)
