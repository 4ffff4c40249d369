# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What we say that sysctl.d sets is what systemd-sysctl itself sets, on random trees of files."""

from __future__ import annotations

import json
import os
import pathlib
import random
import subprocess
import sys

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import sysctl_files, sysctls
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import diagnose

SEED = 20261126
TREES = 25
INTERFACES = ("all", "default", "e0", "v0.100")
NAMES = ("rp_filter", "log_martians", "arp_filter")
PATHS = [f"net/ipv4/conf/{interface}/{name}" for interface in INTERFACES for name in NAMES]
FOLDERS = ("etc/sysctl.d", "run/sysctl.d", "usr/lib/sysctl.d")
UNTOUCHED = 7
BOOT = """
mount -t tmpfs tmpfs /run && mkdir /run/sysctl.d
for folder in etc/sysctl.d run/sysctl.d usr/lib/sysctl.d; do mount --bind "$TREE/$folder" "/$folder"; done
ip link add e0 type veth peer name v0.100
for path in $PATHS; do echo $UNTOUCHED > "/proc/sys/$path"; done  # a written value no longer follows "default"
PATH="$PATH:/usr/lib/systemd:/lib/systemd" systemd-sysctl || true
cd /proc/sys && cat $PATHS
"""


def line(dice: random.Random) -> str:
    """A line as people write them: dots or slashes, globs, exemptions, comments, and what is none of these."""
    interface = dice.choice([*INTERFACES, "*", "e*", "v0.*", "?0"])
    name = dice.choice([*NAMES, "*_filter"] if dice.random() < 0.1 else NAMES)
    slashes = f"net/ipv4/conf/{interface}/{name}"
    key = slashes if dice.random() < 0.4 else slashes.translate({46: 47, 47: 46})
    if dice.random() < 0.08:
        return dice.choice(["# " + key + " = 1", "; x", "", f"-{key}", "nonsense"])
    return f"{dice.choice(['', '', '-'])}{key}{dice.choice(['=', ' = '])}{dice.randrange(3)}"


def plant(tree: pathlib.Path, dice: random.Random) -> None:
    for folder in FOLDERS:
        (tree / folder).mkdir(parents=True)
    for _file in range(dice.randint(1, 6)):
        path = tree / dice.choice(FOLDERS) / dice.choice(["10-a.conf", "50-b.conf", "99-c.conf", "ignored.txt"])
        path.unlink(missing_ok=True)
        if dice.random() < 0.1:
            path.symlink_to("/dev/null")
        else:
            path.write_text("\n".join(line(dice) for _line in range(dice.randint(1, 6))) + "\n")


def boot(tree: pathlib.Path) -> dict[str, int]:
    """The settings of a fresh network after systemd-sysctl has read the tree."""
    done = subprocess.run(
        ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-ec", BOOT], check=True, text=True,
        capture_output=True, timeout=30, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TREE": str(tree),
                                              "PATHS": " ".join(PATHS), "UNTOUCHED": str(UNTOUCHED)})
    return dict(zip(PATHS, map(int, done.stdout.split()), strict=True))


def test_the_files_say_what_systemd_sets(tmp_path: pathlib.Path) -> None:
    decided = 0
    for seed in range(SEED, SEED + TREES):
        tree = tmp_path / str(seed)
        plant(tree, random.Random(seed))
        settings = sysctl_files.in_force(
            setting for path in sysctl_files.files(str(tree), with_sysctl_conf=False)
            for setting in sysctl_files.parse(pathlib.Path(path).read_text(), path))
        after = boot(tree)
        told = {path: sysctl_files.decide(settings, path) for path in PATHS}
        expected = {path: answer["value"] if answer else UNTOUCHED for path, answer in told.items()}
        assert after == expected, f"seed {seed}"
        decided += sum(answer is not None for answer in told.values())
    assert decided > 3 * TREES


BOOTED = """
mount -t tmpfs tmpfs /run && mkdir -p /run/sysctl.d /run/systemd/system
for folder in etc/sysctl.d usr/lib/sysctl.d; do mount --bind "$TREE/$folder" "/$folder"; done
ip link add e0 type veth peer name e1 && ip address add 10.0.0.1/24 dev e0
PATH="$PATH:/usr/lib/systemd:/lib/systemd" systemd-sysctl
"$PYTHON" -c "$GATHER"
echo 0 > /proc/sys/net/ipv4/conf/e0/rp_filter; echo 1 > /proc/sys/net/ipv4/conf/e1/src_valid_mark
"$PYTHON" -c "$GATHER"
"""
GATHER = """
import json
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.gather import Request, gather
print(json.dumps(gather(Request())))
"""


def test_a_booted_host_is_compared_with_its_files(tmp_path: pathlib.Path) -> None:
    """Process 1 of the namespaces stands for the machine's: as it was booted, and after somebody changed settings."""
    for folder in FOLDERS:
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "usr/lib/sysctl.d/50-default.conf").write_text("net.ipv4.conf.*.rp_filter = 2\n")
    (tmp_path / "etc/sysctl.d/10-router.conf").write_text("net.ipv4.ip_forward = 1\nnet.ipv4.conf.e1.rp_filter = 1\n")
    done = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-ec", BOOTED], check=True, text=True,
        capture_output=True, timeout=60, env={**os.environ, "TREE": str(tmp_path), "PYTHON": sys.executable,
                                              "GATHER": GATHER})
    booted, changed = (json.loads(text) for text in done.stdout.splitlines())
    assert booted["sysctl_files"]["applied_by"] == "systemd-sysctl"
    assert not diagnose({"host": booted}, {}).findings
    found = {one.interface: one for one in diagnose({"host": changed}, {}).findings}
    assert set(found) == {"e1"}, "all is loose, so e0 stays loose whatever it says itself"
    assert found["e1"].id == "SYM205" and "src_valid_mark of e1 is 1 at run time only" in found["e1"].text


def test_settings_of_interfaces_have_the_names_of_the_facts() -> None:
    assert sysctls.paths_of_interface("v0.100")["forwarding6"] == "net/ipv6/conf/v0.100/forwarding"
