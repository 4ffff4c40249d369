# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""NetworkManager and ifupdown: a script of ours that they run when an interface is up.

Their own files know neither our protocol number nor most selectors of a rule, and a route that a profile holds cannot
be told from a foreign one afterwards. Neither removes what it has not made, so their hooks are all that is needed
(NetworkManager-dispatcher(8), interfaces(5)).
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._persist import restore
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import WRITTEN_BY, File
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.providers import Provider

DISPATCHER = "/etc/NetworkManager/dispatcher.d/50-netpath-symmetry"
IF_UP = "/etc/network/if-up.d/netpath-symmetry"
_DISPATCHER_ALIAS = "dbus-org.freedesktop.nm-dispatcher.service"
_UNIT_FOLDERS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_DISPATCHER = f"""#!/bin/sh
# {WRITTEN_BY}
# The routes of an interface, when NetworkManager has set it up: interface and event are the arguments.
case $2 in
    up | dhcp4-change | dhcp6-change | reapply) exec /bin/sh {restore.SCRIPT_PATH} routes "$1" ;;
esac
"""
_IF_UP = f"""#!/bin/sh
# {WRITTEN_BY}
# The routes of an interface, when ifup has set it up.
[ "$IFACE" != lo ] && [ "$IFACE" != --all ] || exit 0
exec /bin/sh {restore.SCRIPT_PATH} routes "$IFACE"
"""


class Hook(Provider):
    """A network manager that runs a script when an interface is up."""

    def __init__(self, name: str, path: str, text: str, runs_hooks: bool = True) -> None:
        self.name = name
        self._file = File(path, text, 0o755)
        self._runs_hooks = runs_hooks

    def files_of_routes(self, routes: t.Sequence[t.Any]) -> list[File]:
        if not routes:
            return []
        return [self._file, *([] if self._runs_hooks else restore.watch_unit())]

    def present(self) -> list[str]:
        return [self._file.path] if os.path.lexists(self._file.path) else []


def networkmanager() -> Provider:
    """Its hooks are run by a service that D-Bus starts by an alias; where that is disabled, our own unit helps."""
    runs_hooks = any(os.path.lexists(f"{folder}/{_DISPATCHER_ALIAS}") for folder in _UNIT_FOLDERS)
    return Hook("networkmanager", DISPATCHER, _DISPATCHER, runs_hooks)


def ifupdown() -> Provider:
    return Hook("ifupdown", IF_UP, _IF_UP)
