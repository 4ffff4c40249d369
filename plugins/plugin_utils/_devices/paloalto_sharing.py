# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""ECMP of PAN-OS: over how many equal ways a virtual or logical router spreads sessions, and how it chooses.

It chooses at the beginning of a session, never for a single packet. What is not configured is what the documentation
calls the default. Source: Palo Alto Networks, PAN-OS Web Interface Help, "ECMP Settings".
"""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ET

from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices import paloalto_routes
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Asking, NotUnderstood, Reading
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.failures import Rejected

_CLASSIC, _ADVANCED = "virtual-router", "logical-router"
QUESTIONS = r"show config (?:effective-)?running xpath devices/entry/network/(?:virtual|logical)-router"
_DEFAULT, _DEFAULT_PATHS = "ip-modulo", 2
_ALGORITHMS = ("ip-modulo", "ip-hash", "weighted-round-robin", "balanced-round-robin")
_YES = {"yes": True, "no": False}


@dataclasses.dataclass(frozen=True)
class _Ecmp:
    """Of one router that spreads; ``fields`` are those that its hash is made of, none where it takes turns."""

    router: str
    algorithm: str
    fields: tuple[str, ...]
    max_paths: int
    symmetric_return: bool
    strict_source_path: bool

    @property
    def words(self) -> str:
        return f"{self.router}: {self.algorithm}" + (", strict source path" if self.strict_source_path else "")


def read(asking: Asking) -> Reading:
    """Of the routers that have interfaces."""
    configured, why = _routers(asking)
    whys = [why]
    found: list[_Ecmp] = []
    for name in paloalto_routes.routers(asking):
        if name not in configured:
            whys.append(f"router {name} is not in the configuration that is shown")
            continue
        try:
            found += [one for element in configured[name] if (one := _ecmp(name, element))]
        except NotUnderstood as error:
            whys.append(str(error))
            asking.keep("ECMP", [line for element in configured[name]
                                 for line in ET.tostring(element, "unicode").splitlines()])
    known = not any(whys[1:])
    returns = {one.symmetric_return for one in found}
    fields = {one.fields for one in found}
    return Reading({
        "mode": "per_flow" if known else None,
        **({"max_paths": max([1, *(one.max_paths for one in found)])} if known else {}),
        **({"algorithm": "; ".join(one.words for one in found)} if found else {}),
        **({"fields": list(next(iter(fields)))} if known and len(fields) == 1 and all(fields) else {}),
        **({"symmetric_return": returns == {True}} if known and len(returns) == 1 else {}),
    }, "; ".join(filter(None, whys)))


def _routers(asking: Asking) -> tuple[dict[str, list[ET.Element]], str]:
    """The ``ecmp`` of each router, none where it has none; and why they are not all that is in force.

    Raises Rejected and NotUnderstood.
    """
    advanced = re.search(r"^advanced-routing: *on\b", asking.ask("show system info"), re.M)
    kind, refused = _ADVANCED if advanced else _CLASSIC, None
    for view, why in (("effective-running", ""),
                      ("running", "what Panorama may have pushed is not in the configuration that is shown")):
        try:
            return _named(asking.ask(f"show config {view} xpath devices/entry/network/{kind}", patience=120), kind), why
        except Rejected as error:
            refused = error
    raise refused or NotUnderstood(f"no {kind} is shown")


def _named(text: str, kind: str) -> dict[str, list[ET.Element]]:
    match = re.search(rf"<{kind}(?:\s[^>]*)?>.*</{kind}>", text, re.S)
    if not match:
        raise NotUnderstood(f"the configuration of {kind}s is not whole, or the account may not see it")
    try:
        root = ET.fromstring(match[0])  # of the device itself, over an authenticated session
    except ET.ParseError as error:
        raise NotUnderstood(f"the configuration of {kind}s is not understood ({error})") from None
    place = "ecmp" if kind == _CLASSIC else "vrf/entry/ecmp"
    return {entry.get("name", ""): entry.findall(place) for entry in root.findall("entry")}


def _ecmp(router: str, element: ET.Element) -> _Ecmp | None:
    """None where the router does not spread; raises NotUnderstood."""
    def yes(place: str) -> bool:
        word = (element.findtext(place) or "no").strip()
        if word not in _YES:
            raise NotUnderstood(f"router {router}: ECMP {place} {word} is not understood")
        return _YES[word]

    if not yes("enable"):
        return None
    algorithms = [one.tag for one in element.findall("algorithm/*")] or [_DEFAULT]
    paths = (element.findtext("max-path") or str(_DEFAULT_PATHS)).strip()
    if len(algorithms) != 1 or algorithms[0] not in _ALGORITHMS or not paths.isdigit():
        raise NotUnderstood(f"router {router}: ECMP by {', '.join(algorithms)} over {paths} ways is not understood")
    (algorithm,) = algorithms
    fields: tuple[str, ...] = ("source", "destination") if algorithm in ("ip-modulo", "ip-hash") else ()
    if algorithm == "ip-hash":
        fields = ("source",) if yes("algorithm/ip-hash/src-only") else fields
        fields += ("sport", "dport") if yes("algorithm/ip-hash/use-port") else ()
    return _Ecmp(router, algorithm, fields, int(paths), yes("symmetric-return"), yes("strict-source-path"))
