# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""A flow's two paths as text for a terminal and as a Mermaid diagram for a report."""

from __future__ import annotations

import typing as t

from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.layout import paragraph

Data = t.Mapping[str, t.Any]
OUTSIDE = "outside"


def path_lines(verdict: Data) -> list[str]:
    """Both paths of a verdict, one line each and branch: hosts with the interfaces they use."""
    lines: list[str] = []
    for direction in ("forward", "return"):
        for path in verdict[direction]:
            share = f" ({path['share']:.0%})" if path.get("share", 1) < 0.9999 else ""
            lines += paragraph(" ──▶ ".join(_stations(path)) + share, f"{direction:<8} ", " " * 11)
    return lines


def _stations(path: Data) -> list[str]:
    """What the packet passes, in order, the state boundaries in brackets."""
    stations = []
    hops = path["hops"]
    if not hops or hops[0].get("iif"):
        stations.append(_outside(path, path["flow"].split(" ")[1]))
    for hop in hops:
        name = f"[{hop['host']}]" if hop.get("stateful") else hop["host"]
        if hop.get("translation"):
            name += f" ({hop['translation']})"
        stations.append(" ".join(part for part in (hop.get("iif"), name, hop.get("oif")) if part))
    if path["outcome"] == "left":
        stations.append(_outside(path, path["flow"].split(" ")[3]))
    elif path["outcome"] in ("dropped", "unknown"):
        stations[-1] += f" {'✘' if path['outcome'] == 'dropped' else '?'}"
    return stations


def _outside(path: Data, endpoint: str) -> str:
    return f"{OUTSIDE} {endpoint}"


def mermaid(verdict: Data) -> str:
    """A Mermaid flow chart: the forward path in full lines, the return path dotted, the box where it dies in red."""
    nodes: dict[str, str] = {}
    edges: list[str] = []
    stateful = {boundary["host"] for boundary in verdict["boundaries"]}
    for direction, arrow in (("forward", "-->"), ("return", "-.->")):
        for path in verdict[direction]:
            edges += _edges(path, direction, arrow, nodes, stateful)
    dies = verdict.get("dies_at")
    lines = [
        "flowchart LR",
        *(f"  {key}{shape}" for key, shape in nodes.items()),
        *(f"  {e}" for e in dict.fromkeys(edges)),
    ]
    if dies and dies.get("host") and _key(dies["host"]) in nodes:
        lines += [f"  class {_key(dies['host'])} dies", "  classDef dies fill:#fdd,stroke:#c00,stroke-width:3px"]
    return "\n".join(lines)


def _edges(path: Data, direction: str, arrow: str, nodes: dict[str, str], stateful: set[str]) -> t.Iterator[str]:
    previous = ""
    left_by = ""
    if path["hops"] and path["hops"][0].get("iif"):
        previous = nodes.setdefault(OUTSIDE, "((outside))") and OUTSIDE
    for hop in path["hops"]:
        key = _key(hop["host"])
        nodes[key] = f'[["{_text(hop["host"])} (state)"]]' if hop["host"] in stateful else f'["{_text(hop["host"])}"]'
        if previous:
            yield f'{previous} {arrow}|"{_text(left_by or direction)} {_text(hop.get("iif", ""))}"| {key}'
        previous, left_by = key, hop.get("oif", "")
    if path["outcome"] == "left" and previous:
        nodes.setdefault(OUTSIDE, "((outside))")
        yield f'{previous} {arrow}|"{_text(left_by)}"| {OUTSIDE}'
    if path["outcome"] == "dropped" and previous:
        nodes["drop"] = '{{"dropped"}}'
        yield f'{previous} {arrow}|"{_text(path.get("reason", ""))}"| drop'


def _key(host: str) -> str:
    return "h_" + "".join(c if c.isalnum() else "_" for c in host)


def _text(value: str) -> str:
    """Names come from hosts and devices: nothing of them may end the string or the line."""
    return "".join(c if c.isprintable() and c not in '"<>|`' else " " for c in str(value))
