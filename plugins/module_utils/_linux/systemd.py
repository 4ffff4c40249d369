# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Whether systemd is process 1 of this very host, so that its units see the network and the files that we change."""

from __future__ import annotations

import os


def is_process_1() -> bool:
    """Whether process 1 is systemd, in our network namespace and over our /etc; a mount namespace may be our own."""
    if not os.path.isdir("/run/systemd/system"):
        return False
    try:
        same_network = os.readlink("/proc/1/ns/net") == os.readlink("/proc/self/ns/net")
        return same_network and os.path.samefile("/proc/1/root/etc", "/etc")
    except OSError:
        return False
