# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Connections that a helper expects (nf_conntrack_expect.c): the data channel of an FTP or SIP session and the like.

Their first packet is related instead of new, and a helper may translate it. What a helper has read in a session that is
under way is not in the facts, so a new connection between the ends of such a session may be one that is expected.
"""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow

if t.TYPE_CHECKING:
    from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.host.host import Host

# the ports that helpers are made for (nf_conntrack_ftp.c, nf_conntrack_sip.c, ...), by the protocol of the session
_SESSIONS = {
    ("tcp", 21): "ftp", ("udp", 69): "tftp", ("udp", 137): "netbios-ns", ("udp", 161): "snmp", ("tcp", 1720): "h323",
    ("udp", 1719): "ras", ("tcp", 1723): "pptp", ("tcp", 5060): "sip", ("udp", 5060): "sip", ("tcp", 6566): "sane",
    ("tcp", 6667): "irc", ("udp", 10080): "amanda",
}


def who_may_expect(host: Host, flow: Flow) -> str:
    """The session whose helper may expect a new connection, as text; empty without one."""
    if not host.ruleset.has_helpers:
        return ""
    for entry in host.facts.get("conntrack", {}).get("flows", ()):
        original, reply = entry["original"], entry["reply"]
        name = _SESSIONS.get((entry["protocol"], original.get("dport")))
        sides = ({side["source"], side["destination"]} for side in (original, reply))
        if name and any({flow.source, flow.destination} == ends for ends in sides):
            return f"{name} session {original['source']} > {original['destination']}:{original['dport']}"
    return ""
