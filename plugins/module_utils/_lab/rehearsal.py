# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Try a topology on the kernel before anything is built: every host's network in a namespace that ends at once.

What the kernel or nft refuses is then an error with the line of the topology
file that asked for it, and not a lab that stands half.
"""

from __future__ import annotations

import os
import re
import subprocess

from ansible_collections.netpath.symmetry.plugins.module_utils._lab import commands, scripts, tools
from ansible_collections.netpath.symmetry.plugins.module_utils._lab import topology as model
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.errors import LabError, Mark, TopologyError
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.state import write_text

_BATCH_ERROR = re.compile(r"^Command failed (?P<file>[\w.]+):(?P<line>\d+)$", re.MULTILINE)
_NFT_ERROR = re.compile(r"^rules\.nft:(?P<line>\d+):\S* Error: (?P<message>.*)$", re.MULTILINE)
_FRR_ERROR = re.compile(r"^line (?P<line>\d+): (?:% )?(?P<message>.*)$", re.MULTILINE)  # of vtysh -C
_CONNTRACKD_ERROR = re.compile(r"parsing config file in line \((?P<line>\d+)\), (?P<message>.*)$", re.MULTILINE)
_CONNTRACKD_INTERFACE = re.compile(r"\[warning\] (?P<name>\S+) is an invalid interface$", re.MULTILINE)
_KEEPALIVED_ERROR = re.compile(
    r"^\((?:\S*keepalived\.conf: )?Line (?P<line>\d+)\) (?P<message>(?!WARNING).*|WARNING - interface .*)$",
    re.MULTILINE,
)
_SYSCTL_ERROR = re.compile(r"^sysctl (?P<name>\S+)$", re.MULTILINE)
_EXPLAINED = (
    _BATCH_ERROR,
    _NFT_ERROR,
    _SYSCTL_ERROR,
    _FRR_ERROR,
    _CONNTRACKD_ERROR,
    _CONNTRACKD_INTERFACE,
    _KEEPALIVED_ERROR,
)
TIMEOUT = 60


def write_files(directory: str, topology: model.Topology, host: model.Host) -> None:
    """Write what network.sh and its rehearsal read into a host's directory."""
    for name, lines in batches(topology, host).items():
        write_text(os.path.join(directory, name), commands.batch(lines))
    texts = {
        "baseline.sysctl": "".join(f"{line}\n" for line in commands.baseline(topology, host)),
        "host.sysctl": "".join(f"{item.name}={item.value}\n" for item in host.sysctls),
        "rules.nft": host.nft,
        "frr.conf": host.frr,
        "network.sh": scripts.NETWORK,
        "rehearsal.sh": scripts.REHEARSAL,
        "frr.sh": scripts.FRR,
        "conntrackd.conf": host.conntrackd,
        "conntrackd.sh": scripts.CONNTRACKD,
        "keepalived.conf": host.keepalived,
        "keepalived.sh": scripts.KEEPALIVED,
    }
    for name, text in texts.items():
        write_text(os.path.join(directory, name), text)


def batches(topology: model.Topology, host: model.Host) -> dict[str, list[commands.Command]]:
    """The batch files of a host."""
    return {
        "interfaces.ip": commands.rehearsal(topology, host),
        "network.ip": commands.host_network(topology, host),
        "rules4.ip": commands.host_rules(host, 4),
        "rules6.ip": commands.host_rules(host, 6),
    }


def rehearse(directory: str, topology: model.Topology) -> None:
    """Try every host, all at once; raises TopologyError at what is refused first in the order of the file.

    ``directory`` is empty and belongs to the caller.
    """
    running = {}
    for host in topology.hosts:
        place = os.path.join(directory, host.name)
        os.mkdir(place)
        write_files(place, topology, host)
        running[host.name] = _start(place)
    answers = {name: _finish(name, process) for name, process in running.items()}
    for host in topology.hosts:
        if not running[host.name].returncode:
            continue
        output = answers[host.name]
        if not any(pattern.search(output) for pattern in _EXPLAINED):
            output = _finish(host.name, _start(os.path.join(directory, host.name), one_by_one=True))
        raise explain(topology, host, output)


def _start(directory: str, one_by_one: bool = False) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [tools.path("unshare"), "--net", "sh", "rehearsal.sh"],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**tools.environment(), "ONE_BY_ONE": "1" if one_by_one else ""},
    )


def _finish(host: str, process: subprocess.Popen[str]) -> str:
    try:
        return process.communicate(timeout=TIMEOUT)[0].strip()
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.communicate()
        raise LabError(f"the trial of host {host} did not end within {TIMEOUT} s") from error


def explain(topology: model.Topology, host: model.Host, output: str) -> TopologyError:
    """The error, with the line of the topology file, for what a failed trial printed."""
    mark: Mark = host.mark
    failed = _BATCH_ERROR.search(output)
    nft = _NFT_ERROR.search(output)
    sysctl = _SYSCTL_ERROR.search(output)
    if failed and failed["file"] in batches(topology, host):
        command = batches(topology, host)[failed["file"]][int(failed["line"]) - 1]
        reason = output[: failed.start()].strip().replace("\n", "; ")
        return TopologyError(command.mark or mark, f"{host.name}: the kernel refuses 'ip {command.text}': {reason}")
    if nft and host.nft_mark:
        return TopologyError(_line(host.nft_mark, nft["line"]), f"nft of host {host.name}: {nft['message']}")
    daemon = _explain_daemon(host, output)
    if daemon:
        return daemon
    if sysctl:
        mark = next((item.mark for item in host.sysctls if item.name == sysctl["name"]), mark)
        reason = output[: sysctl.start()].strip().replace("\n", "; ")
        return TopologyError(mark, f"host {host.name}: the kernel does not take sysctl {sysctl['name']}: {reason}")
    return TopologyError(mark, f"host {host.name} cannot be configured: {output}")


def _explain_daemon(host: model.Host, output: str) -> TopologyError | None:
    """The error in the configuration of a program that runs on the host, where one of them printed it."""
    found = [
        ("frr", host.frr_mark, _FRR_ERROR.search(output)),
        ("conntrackd", host.conntrackd_mark, _CONNTRACKD_ERROR.search(output)),
        ("keepalived", host.keepalived_mark, _KEEPALIVED_ERROR.search(output)),
    ]
    for program, mark, match in found:
        if mark and match:
            return TopologyError(_line(mark, match["line"]), f"{program} of host {host.name}: {match['message']}")
    interface = _CONNTRACKD_INTERFACE.search(output)
    if host.conntrackd_mark and interface:
        words = [line.split() for line in host.conntrackd.splitlines()]
        number = next((at for at, line in enumerate(words, start=1) if line[:2] == ["Interface", interface["name"]]), 1)
        message = f"conntrackd of host {host.name}: it has no interface {interface['name']!r}"
        return TopologyError(_line(host.conntrackd_mark, number), message)
    return None


def _line(first: Mark, line: int | str) -> Mark:
    """The place of a line of a block of text whose first line stands at ``first``."""
    return Mark(first.file, first.line + int(line) - 1, first.column)
