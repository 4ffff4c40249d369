# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""The three ways in which an uplink dies, planned for a flow's path, and what the probes then showed."""

from __future__ import annotations

import typing as t

Data = t.Mapping[str, t.Any]
KINDS = {"link": "the local link", "carrier": "the far carrier", "beyond": "the provider beyond its first hop"}


class FailoverError(ValueError):
    """The failover test cannot be planned; the message says what is missing."""


def plan_failover(diagnosis: Data, flow: str, host: str, interface: str) -> dict[str, t.Any]:
    """Plan the test of the uplink ``interface`` of ``host`` by a flow that leaves by it and that can be proven.

    ``diagnosis`` is what the action diagnose returns. The plan has ``faults`` by kind; for the plays of a kind the host
    that probes (``sources``) and that of the uplink (``uplinks``); the ``source`` host, the ``flow`` to probe, the
    ``addresses`` that translation puts into it; and ``lines`` for people.
    """
    named = [verdict for verdict in diagnosis["verdicts"] if flow in (verdict["name"], verdict["flow"])]
    if not named:
        raise FailoverError(
            f"no flow is called {flow!r}; there are {', '.join(v['name'] for v in diagnosis['verdicts'])}"
        )
    name = named[0]["name"]
    if named[0].get("partition"):
        raise FailoverError(f"{name} is a prefix flow, which no packet can measure: name a single flow of it")
    sources = {
        who: item for who, items in diagnosis["proof"]["probes"].items() for item in items if item["name"] == name
    }
    if not sources:
        why = [item["why"] for item in diagnosis["proof"]["unprovable"] if item["name"] == name]
        raise FailoverError(f"the flow {name} cannot measure a failover: {' '.join(why)}")
    source, probe = next(iter(sources.items()))
    watched = [item for item in diagnosis["proof"]["captures"].get(host, ()) if item["name"] == name]
    faults = plan_faults(named[0], host, interface)
    lines = [f"{KINDS[fault['kind']]}: at {fault['host']} {fault['interface']}" for fault in faults]
    missing = [what for kind, what in KINDS.items() if kind not in {fault["kind"] for fault in faults}]
    return {
        "faults": {fault["kind"]: fault for fault in faults},
        "sources": {fault["kind"]: source for fault in faults},
        "uplinks": {fault["kind"]: host for fault in faults},
        "source": source,
        "flow": probe["flow"],
        "addresses": watched[0]["addresses"] if watched else [],
        "lines": lines + [f"{what}: cannot be made with the hosts of this inventory, not tested" for what in missing],
    }


def plan_failovers(diagnosis: Data, wanted: t.Any) -> dict[str, t.Any]:
    """Plan the tests of several uplinks: ``wanted`` is "all", or a list of {host, interface, flow}.

    The flow may be left out. "all" are the uplinks of the hosts that have more than one.

    The result has ``tests``, one for each kind of failure of each uplink: {uplink, kind, fault, source, flow, name,
    addresses}; ``untested`` uplinks with the reason; and ``lines``. Raises FailoverError where a wanted one cannot be
    tested: only "all" may leave uplinks out.
    """
    tests: list[dict[str, t.Any]] = []
    untested: list[dict[str, t.Any]] = []
    lines: list[str] = []
    for one in _every_uplink(diagnosis) if wanted == "all" else _read_wanted(wanted):
        host, interface = one["host"], one["interface"]
        told = f"{host} {interface}"
        flow = one.get("flow") or _leaving_by(diagnosis, host, interface)
        if flow is None:
            why = "no flow that can be probed leaves by it: name one in symmetry_flows"
            if wanted != "all":
                raise FailoverError(f"{told}: {why}")
            untested.append({"uplink": {"host": host, "interface": interface}, "why": why})
            continue
        plan = plan_failover(diagnosis, flow, host, interface)
        lines += [f"{told}: {line}" for line in plan["lines"]]
        tests += [
            {"uplink": {"host": host, "interface": interface}, "kind": kind, "fault": fault, "name": flow,
             **{key: plan[key] for key in ("source", "flow", "addresses")}}
            for kind, fault in plan["faults"].items()
        ]
    if not tests:
        raise FailoverError("there is no uplink to test: no host has two, or no flow that can be probed leaves by them")
    lines += [f"{one['uplink']['host']} {one['uplink']['interface']}: not tested: {one['why']}" for one in untested]
    return {"tests": tests, "untested": untested, "lines": lines}


def _read_wanted(wanted: t.Any) -> list[Data]:
    if not isinstance(wanted, list) or not wanted:
        raise FailoverError(f"failover_uplinks: expected 'all' or a list of {{host, interface, flow}}, not {wanted!r}")
    for number, one in enumerate(wanted, 1):
        if not isinstance(one, dict) or not {"host", "interface"} <= set(one) <= {"host", "interface", "flow"}:
            raise FailoverError(f"failover_uplinks[{number}]: expected {{host, interface, flow}}, not {one!r}")
    return wanted


def _every_uplink(diagnosis: Data) -> list[Data]:
    """The uplinks, declared or inferred, of the hosts that have a choice."""
    found: list[Data] = []
    for host, variables in sorted(diagnosis["draft"].get("hosts", {}).items()):
        interfaces = list(dict.fromkeys(uplink["interface"] for uplink in variables.get("symmetry_uplinks", ())))
        found += [{"host": host, "interface": one} for one in interfaces if len(interfaces) > 1]
    return found


def _leaving_by(diagnosis: Data, host: str, interface: str) -> str | None:
    """The first flow that can be probed and leaves by the uplink, by its name."""
    probed = {item["name"] for items in diagnosis["proof"]["probes"].values() for item in items}
    for verdict in diagnosis["verdicts"]:
        leaves = any(_index(path["hops"], host, interface) is not None for path in verdict["forward"])
        if leaves and verdict["name"] in probed and not verdict.get("partition"):
            return str(verdict["name"])
    return None


def plan_faults(verdict: Data, host: str, interface: str) -> list[dict[str, str]]:
    """Where each kind of failure is made for the uplink ``interface`` of ``host`` on the flow's forward path.

    The far carrier is lost by setting the next host's interface down, the provider dies silently at the last host of
    the inventory. A kind that cannot be made with the hosts of the inventory is left out and said to be so.
    """
    hops = next(
        (path["hops"] for path in verdict["forward"] if _index(path["hops"], host, interface) is not None), None
    )
    if hops is None:
        raise FailoverError(
            f"the flow {verdict['name']} does not leave {host} by {interface} now; its paths are: "
            + "; ".join(
                " > ".join(f"{hop['host']}:{hop.get('oif', '')}" for hop in path["hops"]) for path in verdict["forward"]
            )
        )
    index = t.cast(int, _index(hops, host, interface))
    faults = [_fault("link", host, interface, "link")]
    if index + 1 < len(hops) and hops[index + 1].get("iif"):
        faults.append(_fault("carrier", hops[index + 1]["host"], hops[index + 1]["iif"], "link"))
    last = hops[-1]
    if last.get("oif"):
        faults.append(_fault("beyond", last["host"], last["oif"], "beyond"))
    return faults


def _index(hops: t.Sequence[Data], host: str, interface: str) -> int | None:
    return next((i for i, hop in enumerate(hops) if (hop["host"], hop.get("oif")) == (host, interface)), None)


def _fault(kind: str, host: str, interface: str, fault: str) -> dict[str, str]:
    return {"kind": kind, "host": host, "interface": interface, "fault": fault}


def judge_failover(kind: str, away: Data, dead: Data, home: Data, capture: Data) -> dict[str, t.Any]:
    """What probes and a capture showed of one kind of failure; all are results of flow_probe and flow_capture.

    ``away`` ran from before the failure until after it, ``dead`` only while the uplink was dead, ``home`` while it was
    mended, and ``capture`` watched the uplink itself then. Survived means that every new flow of ``dead`` worked;
    anything else is "not covered". Home means that new flows work and that a reply came in on the uplink again.
    """
    survived = bool(dead["tries"]) and all(one["ok"] for one in dead["tries"])
    home_again = bool(home["tries"]) and home["tries"][-1]["ok"] and bool(capture["summary"]["return_seen"])
    return {
        "kind": kind,
        "what": KINDS[kind],
        "state": "survived" if survived else "not covered",
        "to_b_seconds": round(float(away["summary"]["longest_gap_seconds"]), 2) if survived else None,
        "lost": away["summary"]["lost"] + dead["summary"]["lost"],
        "sent": away["summary"]["sent"] + dead["summary"]["sent"],
        "home": home_again,
        "home_seconds": round(float(home["summary"]["first_success_seconds"]), 2) if home_again else None,
    }
