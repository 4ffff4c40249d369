#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_facts
short_description: Read what decides the path of packets through a Linux host
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Reads interfaces, routing rules, routes, next-hop groups, neighbours, reverse-path filters and other kernel
    settings, packet-filter rules, tracked connections, sockets that retransmit, network managers and what
    synchronises connections with other hosts (conntrackd),
    and returns them in one versioned schema for M(netpath.symmetry.diagnose).
  - Nothing is installed and nothing is changed. Routing is read from the kernel itself; C(nft) is needed only where
    there are nftables rules, the save programs of iptables where there are rules of it, and C(ipset) where these
    ask for sets. Only tables that exist are asked for, as iptables makes those that do not.
  - The size of the answer is bounded. A full Internet routing table or connection table is counted,
    and only what matters for O(flows) and O(prefixes) is returned.
  - What cannot be read never fails the module. C(parts) says of each part whether it is complete and why not.
    Without root, connections and packet-filter rules cannot be read.
extends_documentation_fragment:
  - netpath.symmetry.attributes
  - netpath.symmetry.attributes.actiongroup_symmetry
  - netpath.symmetry.attributes.facts
  - netpath.symmetry.attributes.info_module
attributes:
  platform:
    platforms: linux
options:
  flows:
    description:
      - Flows to look at closely, as C(PROTOCOL SOURCE[:PORT] > DESTINATION[:PORT]).
      - For each of them the kernel is asked for its route in both directions, its connections are
        returned first, and routes that cover its addresses are returned whatever the size of their table.
      - Of a prefix flow, as C(tcp 10.1.4.0/22 > 203.0.113.0/25:443), the prefixes are treated as O(prefixes).
    type: list
    elements: str
    default: []
  prefixes:
    description: Prefixes or addresses. Routes that cover them or lie inside are returned, however large the table is.
    type: list
    elements: str
    default: []
  source:
    description:
      - Where routing is read from. Both give equal facts.
      - V(netlink) asks the kernel. It needs no tool, and names rule selectors that it does not know.
      - V(iproute) runs C(ip -j). An iproute2 older than the kernel leaves out selectors that it does not know.
      - V(auto) is V(netlink), the faster one.
    type: str
    choices: [auto, netlink, iproute]
    default: auto
  gather_subset:
    description: The parts to read.
    type: list
    elements: str
    choices: [interfaces, routing, sysctls, netfilter, conntrack, sockets, managers, state_sync]
    default: [interfaces, routing, sysctls, netfilter, conntrack, sockets, managers, state_sync]
  max_routes:
    description:
      - The most routes that are returned whole.
      - Of more, these are returned - default routes, connected routes, routes in tables of this collection,
        and those that cover an address of O(flows) or O(prefixes), or lie inside a prefix of these.
    type: int
    default: 2000
  max_flows:
    description: The most connections that are returned. Those of O(flows) come first, then unreplied ones, then others.
    type: int
    default: 500
  sample_seconds:
    description:
      - How long to watch counters grow. V(0) does not wait.
      - Watched are connections that are tracked as invalid, drops by the reverse-path filter, rules with counters, and
        what conntrackd counts.
    type: float
    default: 0
seealso:
  - module: netpath.symmetry.diagnose
  - module: ansible.builtin.setup
"""

EXAMPLES = r"""
- name: Read a host
  netpath.symmetry.host_facts:

- name: Read a host with one flow in mind, and watch its counters for two seconds
  netpath.symmetry.host_facts:
    flows:
      - tcp 192.0.2.20 > 203.0.113.10:443
    sample_seconds: 2

- name: Read routing only
  netpath.symmetry.host_facts:
    gather_subset: [interfaces, routing]
"""

RETURN = r"""
ansible_facts:
  description: Facts about this host, for C(ansible_facts['symmetry']).
  returned: always
  type: dict
  sample:
    symmetry:
      schema: netpath.symmetry/1
      platform: linux
      kernel: 6.1.0-18-amd64
      source: netlink
      rules:
        - {family: 4, priority: 0, table: 255, protocol: 2}
  contains:
    symmetry:
      description: The facts. Their schema is C(docs/facts.schema.json) of this collection.
      returned: always
      type: dict
      sample:
        schema: netpath.symmetry/1
        route_counts: {"4": {"254": 12, "255": 9}, "6": {}}
        parts:
          routes: {complete: true}
          conntrack: {complete: false, why: "connections can be read by root only (become: true)"}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import CommandError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.gather import (
    SUBSETS,
    AskedFlow,
    Request,
    gather,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.lookups import Question
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import NetlinkError


def parse_flows(texts: list[str]) -> tuple[tuple[AskedFlow, ...], tuple[str, ...]]:
    """The single flows that the user names, and the prefixes of prefix flows; raises FlowError (a ValueError)."""
    # imported only where flows are named: it takes longer than reading a host
    from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
    from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow_spec import read_flow

    single: list[AskedFlow] = []
    prefixes: list[str] = []
    for text in texts:
        flow = read_flow(text)
        if isinstance(flow, Flow):
            question = Question(flow.protocol, flow.source, flow.destination, flow.sport, flow.dport)
            single.append(AskedFlow(text, question))
        else:
            prefixes += [flow.source, flow.destination]
    return tuple(single), tuple(prefixes)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "flows": {"type": "list", "elements": "str", "default": []},
            "prefixes": {"type": "list", "elements": "str", "default": []},
            "source": {"type": "str", "choices": ["auto", "netlink", "iproute"], "default": "auto"},
            "gather_subset": {"type": "list", "elements": "str", "choices": list(SUBSETS), "default": list(SUBSETS)},
            "max_routes": {"type": "int", "default": 2000},
            "max_flows": {"type": "int", "default": 500},
            "sample_seconds": {"type": "float", "default": 0},
        },
        supports_check_mode=True,
    )
    params = module.params
    for name in ("max_routes", "max_flows", "sample_seconds"):
        if params[name] < 0:
            module.fail_json(msg=f"{name} is {params[name]}: give 0 or more")
    try:
        flows, prefixes = parse_flows(params["flows"]) if params["flows"] else ((), ())
        request = Request(
            source=params["source"],
            flows=flows,
            prefixes=(*params["prefixes"], *prefixes),
            max_routes=params["max_routes"],
            max_flows=params["max_flows"],
            sample_seconds=params["sample_seconds"],
            subsets=tuple(params["gather_subset"]),
        )
        facts = gather(request)
    except (ValueError, CommandError, NetlinkError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(ansible_facts={"symmetry": facts})


if __name__ == "__main__":
    main()
