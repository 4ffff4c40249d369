# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The register of findings: every public id with its title, and the facts by which it can be raised."""

from __future__ import annotations

import dataclasses
import typing as t


@dataclasses.dataclass(frozen=True)
class Kind:
    """What an id stands for. ``awaiting``: its rule stands, but no collector gives the facts that it reads yet."""

    title: str
    severity: str = "critical"  # where a flow does not say otherwise: critical, warning, info
    needs: tuple[str, ...] = ()  # facts of a host without which it is not checked there: "part" or "part.key"
    awaiting: bool = False
    by_flow: bool = False  # only the paths of a flow show it


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong, with what was seen and which flows suffer."""

    id: str
    severity: str
    title: str
    host: str
    text: str
    interface: str = ""
    evidence: tuple[t.Mapping[str, t.Any], ...] = ()
    flows: tuple[str, ...] = ()
    remedy: str = ""  # the best remedy, as text; empty where none was found

    def to_dict(self) -> dict[str, t.Any]:
        return {
            "id": self.id, "severity": self.severity, "title": self.title, "host": self.host, "text": self.text,
            "interface": self.interface, "evidence": [dict(item) for item in self.evidence],
            "flows": list(self.flows), "remedy": self.remedy, "page": self.page,
        }

    @property
    def page(self) -> str:
        """The page of the collection that explains it."""
        return f"docs/findings/{self.id}.md"


PATHS = ("interfaces", "rules", "routes", "netfilter")  # what decides about a packet

REGISTRY: dict[str, Kind] = {
    "SYM101": Kind("The reply leaves by another uplink than the request came in on", needs=PATHS, by_flow=True),
    "SYM102": Kind(
        "A rule sends a source to an uplink whose addresses it does not own", "warning", needs=("rules", "routes")),
    "SYM103": Kind(
        "Several default routes compete, and their metric decides by accident", "warning",
        needs=("routes",), by_flow=True),
    "SYM104": Kind(
        "Return traffic of an external may enter by an uplink whose firewall has no session", needs=PATHS,
        by_flow=True),
    "SYM105": Kind("Source address selection picks an address of another uplink", "warning", needs=("routes",)),
    "SYM106": Kind(
        "An ICMP redirect or next-hop exception overrides the table", "info", needs=("exceptions", "routes")),
    "SYM201": Kind("The rp_filter check drops legitimate traffic", needs=(*PATHS, "rp_filter"), by_flow=True),
    "SYM202": Kind(
        "Strict rp_filter breaks ARP: silent, no counter", needs=("rules", "routes", "neighbours", "rp_filter")),
    "SYM203": Kind(
        "The rp_filter of all overrides what an interface asks for", "warning", needs=("interface_sysctls",)),
    "SYM204": Kind("IPv6 reverse-path check drops by ECMP hash or metric", "warning", needs=PATHS),
    "SYM205": Kind(
        "What is set now is not what comes back after reboot or hot-plug", "warning", needs=("sysctl_files",)),
    "SYM301": Kind(
        "A return flow crosses a stateful firewall that never saw the forward flow", needs=PATHS, by_flow=True),
    "SYM302": Kind("Out-of-state drops are rising", awaiting=True),
    "SYM303": Kind("A mid-flow reroute or failover strands established sessions", awaiting=True),
    "SYM304": Kind("The conntrack table is near its limit, or drops insertions", "warning", needs=("conntrack",)),
    "SYM305": Kind("A reset is forged in the middle", awaiting=True),
    "SYM401": Kind("A reply misses the translator that holds its NAT state", needs=PATHS, by_flow=True),
    "SYM402": Kind("Direct server return or partial NAT bypasses a state boundary", needs=PATHS, by_flow=True),
    "SYM403": Kind("Health checks take another path than users", awaiting=True),
    "SYM404": Kind("An inspector sees one direction only", "warning", needs=PATHS, by_flow=True),
    "SYM501": Kind("ECMP spreads flows over independent stateful devices", needs=PATHS, by_flow=True),
    "SYM502": Kind(
        "The ECMP hash is not symmetric or not predictable", "warning", needs=(*PATHS, "sysctls"), by_flow=True),
    "SYM503": Kind("Spreading ignores connections", "warning", needs=("rules", "netfilter")),
    "SYM601": Kind(
        "The two directions have different path MTUs", "warning", needs=(*PATHS, "exceptions"), by_flow=True),
    "SYM602": Kind("Two gateways answer for one virtual address", awaiting=True),
    "SYM701": Kind("An HA pair is assumed to share state and does not", needs=("state_sync",)),
    "SYM702": Kind("State is shared, but slower than the return packet", needs=("state_sync",), by_flow=True),
    "SYM801": Kind("A network or firewall manager will undo the fix", "warning", needs=("will_undo",)),
    "SYM802": Kind("What was persisted is not in force", needs=("applied",)),
    "SYM901": Kind("Something needed for a verdict could not be read", "warning"),
}


def finding(
    id: str, host: str, text: str, interface: str = "", severity: str = "", flows: tuple[str, ...] = (),
    evidence: tuple[t.Mapping[str, t.Any], ...] = (),
) -> Finding:
    """A finding with the title and, unless given, the severity of its id."""
    kind = REGISTRY[id]
    return Finding(id, severity or kind.severity, kind.title, host, text, interface, evidence, flows)
