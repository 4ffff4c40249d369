# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a host, and run random_states.py inside it: ``make states [STATES=n SEED=s]``."""

from __future__ import annotations

import subprocess
import sys
import typing as t

from ansible_collections.netpath.symmetry.tests.lab.netns import Netns, veth


def run(arguments: t.Sequence[str], **options: t.Any) -> subprocess.CompletedProcess[t.Any]:
    """Run it in a host of its own, which goes again, with the timers that its exceptions left."""
    host, far = Netns("states").create(), Netns("statesfar").create()
    try:
        for side, one, other in (("a", "198.51.100.2", "198.51.100.1"), ("b", "198.51.100.6", "198.51.100.5")):
            six = (f"2001:db8:{side}::2/64", f"2001:db8:{side}::1/64")
            veth(host, f"wan_{side}", far, f"p{side}", [(f"{one}/30", f"{other}/30"), six])
        veth(host, "v0.100", far, "pc", [("192.0.2.1/24", "192.0.2.20/24")])
        host.run("ip route add default via 198.51.100.5")
        module = "ansible_collections.netpath.symmetry.tests.remedies.random_states"
        return subprocess.run(host.with_state(sys.executable, "-m", module, *arguments), check=False, **options)
    finally:
        for timer in host.state.glob("register/*.timer"):
            subprocess.run(["kill", "--", f"-{timer.read_text().split()[1]}"], check=False)
        for one in (host, far):
            one.delete()


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]).returncode)
