# Copyright (c) 2026 netpath.symmetry contributors
# SPDX-License-Identifier: BSD-2-Clause OR GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The shell script ``symmetry-restore``, which puts back what is persisted, and the units that call it.

Rules depend on no interface: they are put in before the network is set up. Routes come when their interfaces do.
Our nft table comes behind what may flush the ruleset at boot, and again whenever nftables.service has flushed it, or
another firewall may have.
The script needs a POSIX shell, ip and nft: no Python.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._guard import boot_unit
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.boot_unit import (
    FIREWALLS,
    MANAGERS,
    SCRIPT_PATH,
    UNITS,
    unit_files,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import NFT_FAMILY, NFT_TABLE, STATE_DIR
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.files import WRITTEN_BY, File
from ansible_collections.netpath.symmetry.plugins.module_utils._persist.owned import FOLDER, SYSCTL_FILE

NFTABLES_FILE = f"{UNITS}/nftables.service.d/50-netpath-symmetry.conf"
# These have no business with our table; but what an administrator lets them run besides may flush the whole ruleset.
OTHERS = (*(unit for unit in FIREWALLS.split() if unit != "nftables.service"), "docker.service")
PLUGINS = "/usr/share/netfilter-persistent/plugins.d"  # the only place where it looks
PLUGIN_FILE = f"{PLUGINS}/95-netpath-symmetry"
SCRIPT = r"""#!/bin/sh
# symmetry-restore: puts back what netpath.symmetry has persisted in @FOLDER@.
# SPDX-License-Identifier: GPL-3.0-or-later
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
SYSCTLS=@SYSCTL_FILE@
failed=0

usage() {
    cat <<'EOF'
usage: symmetry-restore rules           policy rules, and routes that need no interface
       symmetry-restore routes [LINK]   routes of the interfaces, or of one of them, and their kernel parameters
       symmetry-restore nft             the nft table
       symmetry-restore watch           routes now, and again whenever an interface of theirs comes back
       symmetry-restore units           read the units again and start them
EOF
}

batch() { # FAMILY: lines for ip; what is there already is right
    told=$(ip "-$1" -force -batch - 2>&1 | grep -v -e 'File exists' -e '^Command failed')
    [ -z "$told" ] || { printf '%s\n' "$told" >&2; failed=1; }
}

pending() { # a change is being tried: what is persisted may not be what it wants. Its end makes up for what is left out
    [ -d @STATE_DIR@/pending ] || return 1
    { true >@STATE_DIR@/pending/left_out; } 2>/dev/null || [ -d @STATE_DIR@/pending ]
}

do_rules() {
    for family in 4 6; do
        [ ! -f "rules.ipv$family" ] || batch "$family" <"rules.ipv$family"
    done
}

do_routes() { # [LINK]
    for family in 4 6; do
        [ -f "routes.ipv$family" ] || continue
        while read -r line; do
            case "$line " in '#'*) ;; *" dev ${1:-}"*) printf '%s\n' "$line" ;; esac
        done <"routes.ipv$family" | batch "$family"
    done
    [ -f "$SYSCTLS" ] || return 0
    while read -r path equals value; do
        case $path in net/*) ;; *) continue ;; esac
        [ "$equals" = = ] && [ -w "/proc/sys/$path" ] || continue
        [ "$(cat "/proc/sys/$path")" = "$value" ] || printf '%s\n' "$value" >"/proc/sys/$path"
    done <"$SYSCTLS"
}

do_nft() { # our table, unless it is there; others may have put chains of their own into it
    [ -f table.nft ] || return 0
    for chain in $(sed -n 's/^[[:space:]]*chain \([^ ]*\) {$/\1/p' table.nft); do
        if nft list chain @TABLE@ "$chain" >/dev/null 2>&1; then return 0; fi
    done
    nft -f table.nft || failed=1
}

ours() { # LINK: our routes or parameters name it
    cat routes.ipv[46] "$SYSCTLS" 2>/dev/null | sed 's/$/ /' | grep -qF -e " dev $1 " -e "/conf/$1/"
}

do_watch() {
    ip -o monitor link address | {
        sleep 0.2 # the monitor listens by now
        pending || do_routes "" 2>/dev/null
        while read -r first second _; do
            case $first in Deleted) continue ;; *:) link=${second%:} ;; *) continue ;; esac
            link=${link%%@*}
            if ours "$link" && ! pending; then do_routes "$link " 2>/dev/null; fi
        done
    }
}

do_units() { # the files of a revert at boot are there now, and systemd has read others: what they hold is started
    systemctl daemon-reload
    for unit in symmetry-restore symmetry-nft symmetry-watch; do
        [ ! -f "@UNITS@/$unit.service" ] || systemctl start --no-block "$unit.service"
    done
}

[ "${1:-}" = units ] || cd @FOLDER@ 2>/dev/null || exit 0 # nothing is persisted
case ${1:-} in
    units) do_units ;;
    rules | nft | watch) "do_$1" ;;
    routes) pending || do_routes "${2:+$2 }" ;;
    *) usage >&2; exit 2 ;;
esac
exit "$failed"
"""
_RESTORE = """# @WRITTEN_BY@
[Unit]
Description=Policy rules of netpath.symmetry
DefaultDependencies=no
RequiresMountsFor=@STATE_DIR@ @FOLDER@
After=systemd-remount-fs.service symmetry-journal.service
Before=network-pre.target shutdown.target @MANAGERS@
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh @SCRIPT@ rules

[Install]
WantedBy=sysinit.target
"""
_NFT = """# @WRITTEN_BY@
[Unit]
Description=nft table of netpath.symmetry
DefaultDependencies=no
RequiresMountsFor=@STATE_DIR@ @FOLDER@
After=symmetry-journal.service @FIREWALLS@
Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh @SCRIPT@ nft

[Install]
WantedBy=multi-user.target
"""
_NFTABLES = """# @WRITTEN_BY@
# nftables.service flushes the whole ruleset when it starts, is reloaded and stops: our table comes back right after.
[Service]
ExecStartPost=-/bin/sh @SCRIPT@ nft
ExecReload=-/bin/sh @SCRIPT@ nft
ExecStopPost=-/bin/sh @SCRIPT@ nft
"""
_OTHER = """# @WRITTEN_BY@
# Whatever this unit runs may flush the whole ruleset when it starts or stops: our table comes back right after.
[Service]
ExecStartPost=-/bin/sh @SCRIPT@ nft
ExecStopPost=-/bin/sh @SCRIPT@ nft
"""
_PLUGIN = """#!/bin/sh
# @WRITTEN_BY@
# Other plugins may flush the whole ruleset, also without the unit: our table comes back after them, by the last one.
case ${1:-} in
    start | flush) [ ! -f @SCRIPT@ ] || /bin/sh @SCRIPT@ nft ;;
esac
exit 0
"""
_WATCH = """# @WRITTEN_BY@
[Unit]
Description=Routes of netpath.symmetry, as their interfaces come and go
RequiresMountsFor=@STATE_DIR@ @FOLDER@
After=network.target symmetry-journal.service symmetry-restore.service

[Service]
ExecStart=/bin/sh @SCRIPT@ watch
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
"""
_NAMES = {
    "FOLDER": FOLDER,
    "SYSCTL_FILE": SYSCTL_FILE,
    "STATE_DIR": STATE_DIR,
    "TABLE": f"{NFT_FAMILY} {NFT_TABLE}",
    "WRITTEN_BY": WRITTEN_BY,
    "MANAGERS": MANAGERS,
    "FIREWALLS": FIREWALLS,
    "SCRIPT": SCRIPT_PATH,
    "UNITS": UNITS,
}


def programs() -> list[File]:
    """The script, and the unit that takes back before the network is set up what was pending when the host went down.

    They are no part of a change: they stand before the first file of it and stay, for a revert must not remove what
    finishes it. Without other files they do nothing. The unit is there already where the guard has armed a change. One
    that somebody has masked stays so, as whoever armed the change was told.
    """
    unit = [] if boot_unit.is_masked() else boot_unit.files_of_unit()
    return [File(SCRIPT_PATH, _filled(SCRIPT), 0o755), *unit]


def restore_unit() -> list[File]:
    return _unit("symmetry-restore", _RESTORE)


def nft_unit() -> list[File]:
    """Our unit, for the boot, and drop-ins for those of the firewalls: no unit can start when another one has stopped.

    A drop-in does nothing until there is a unit of its name.
    """
    others = [File(f"{UNITS}/{name}.d/50-netpath-symmetry.conf", _filled(_OTHER)) for name in OTHERS]
    return [*_unit("symmetry-nft", _NFT), File(NFTABLES_FILE, _filled(_NFTABLES)), *others]


def plugin() -> File:
    """The plugin of netfilter-persistent, which is also told to reload without its unit."""
    return File(PLUGIN_FILE, _filled(_PLUGIN), 0o755)


def watch_unit() -> list[File]:
    return _unit("symmetry-watch", _WATCH)


def unit_names(paths: t.Iterable[str]) -> list[str]:
    """Which units these files are."""
    return sorted(path[len(UNITS) + 1 :] for path in paths if path.startswith(f"{UNITS}/") and path.count("/") == 4)


def _unit(name: str, template: str) -> list[File]:
    return unit_files(name, _filled(template))


def _filled(template: str) -> str:
    for name, value in _NAMES.items():
        template = template.replace(f"@{name}@", value)
    return template
