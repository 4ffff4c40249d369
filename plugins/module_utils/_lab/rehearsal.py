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
_SYSCTL_ERROR = re.compile(r"^sysctl (?P<name>\S+)$", re.MULTILINE)
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
        if not any(pattern.search(output) for pattern in (_BATCH_ERROR, _NFT_ERROR, _SYSCTL_ERROR, _FRR_ERROR)):
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
        place = Mark(host.nft_mark.file, host.nft_mark.line + int(nft["line"]) - 1, host.nft_mark.column)
        return TopologyError(place, f"nft of host {host.name}: {nft['message']}")
    frr = _FRR_ERROR.search(output)
    if frr and host.frr_mark:
        place = Mark(host.frr_mark.file, host.frr_mark.line + int(frr["line"]) - 1, host.frr_mark.column)
        return TopologyError(place, f"frr of host {host.name}: {frr['message']}")
    if sysctl:
        mark = next((item.mark for item in host.sysctls if item.name == sysctl["name"]), mark)
        reason = output[: sysctl.start()].strip().replace("\n", "; ")
        return TopologyError(mark, f"host {host.name}: the kernel does not take sysctl {sysctl['name']}: {reason}")
    return TopologyError(mark, f"host {host.name} cannot be configured: {output}")
