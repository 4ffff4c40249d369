# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Access lists of Cisco ASA as they are typed: lines without a section, and netmasks."""

from __future__ import annotations

import ipaddress

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.config_tree import Line, Tree


def flat_list(tree: Tree, name: str, wanted: list[str]) -> list[Line]:
    """The lines of an access list with just these entries. It goes with its last entry."""
    begin = f"access-list {name} "
    lines = [f"{begin}extended {entry}" for entry in wanted]
    gone = [text for text in tree if text.startswith(begin) and text not in lines]
    return [*(Line((), text) for text in lines), *(Line((), text, absent=True) for text in gone)]


def with_mask(prefix: str) -> str:
    if prefix in ("any", "0.0.0.0/0"):
        return "any4"
    network = ipaddress.ip_network(prefix)
    if network.prefixlen == network.max_prefixlen:
        return f"host {network.network_address}"
    return f"{network.network_address} {network.netmask}"
