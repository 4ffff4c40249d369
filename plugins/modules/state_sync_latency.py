#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: state_sync_latency
short_description: Measure how long firewalls take to share a new connection, against how soon its reply is there
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Two members that share state (conntrackd) meet over their link. Each in turn makes entries in its connection
    tracking table, and the other notes when they stand in its own. This is measured one connection at a time, or at
    O(rate) new connections a second.
  - The task has to run on both members at the same time, as Ansible does where both are hosts of one play and there
    are two forks or more. A member that waits in vain says so after O(meet_within).
  - The clocks of the members need not agree. They are compared all the while over the link, and
    RV(received.bound_ms) says by how much a latency may be wrong.
  - For each of O(flows), the time from this member to the destination and back is measured, too, as a reply that
    comes by the other member must not be there before the entry is.
  - No packet of a test connection is sent. The entries end by themselves within 30 seconds, and are deleted before.
  - What a member has received is kept in C(/var/lib/netpath-symmetry/state_sync_latency.json) there, for
    M(netpath.symmetry.host_facts).
extends_documentation_fragment:
  - netpath.symmetry.attributes
  - netpath.symmetry.attributes.actiongroup_symmetry
attributes:
  check_mode:
    support: full
    details:
      - Nothing is measured, and the task is skipped.
  diff_mode:
    support: none
    details:
      - This action changes no configuration.
  idempotent:
    support: full
    details:
      - This action never reports a change. Each run measures anew.
  platform:
    support: full
    platforms: linux
options:
  local:
    description: Address of this member on the link that the members share state over.
    type: str
    required: true
  peer:
    description: Address of the other member there.
    type: str
    required: true
  port:
    description: TCP port by which the members meet. The one with the lower address listens, for the other only.
    type: int
    default: 3781
  flows:
    description:
      - Flows whose replies may come by the other member, for example C(tcp 10.0.0.10 > 203.0.113.10:443), at most 8.
      - The entries look like connections of these flows, so that what conntrackd is told to leave out is lost here,
        too. Without flows they have addresses that nobody has (198.18.0.0/15).
      - Requests are expected to cross this member. Their destination is asked from here.
    type: list
    elements: str
    default: []
  samples:
    description: Entries to measure in each direction, at most 12000. Fewer than 100 give no verdict.
    type: int
    default: 500
  rate:
    description:
      - New connections a second, at most 5000, for the second half of O(samples). The first half comes one at a time,
        as a daemon that has slept is slower than one that is busy; what is said is that of the slower half.
      - With V(0) all come one at a time, about 200 a second.
    type: int
    default: 0
  wait:
    description: Seconds until an entry counts as lost, at most 30.
    type: float
    default: 2
  meet_within:
    description: Seconds to wait for the other member, at most 300.
    type: float
    default: 30
  record:
    description: Whether to keep what was received for M(netpath.symmetry.host_facts).
    type: bool
    default: true
requirements:
  - root
seealso:
  - module: netpath.symmetry.state_sync
  - module: netpath.symmetry.flow_probe
"""

EXAMPLES = r"""
- name: Does what the pair shares overtake the replies?
  hosts: firewalls
  gather_facts: false
  tasks:
    - name: Measure with a thousand new connections a second
      netpath.symmetry.state_sync_latency:
        local: "{{ sync_address }}"
        peer: "{{ sync_peer }}"
        flows: ["tcp 10.0.0.10 > 203.0.113.10:443"]
        rate: 1000
        samples: 5000
"""

RETURN = r"""
received:
  description: What this member has received from the other.
  returned: success, outside check mode
  type: dict
  sample:
    at: 1795226400.2
    from: 172.31.0.1
    samples: 5000
    lost: 0
    rate: 1000.2
    latency_ms: {p50: 0.157, p99: 0.313, p999: 0.42}
    bound_ms: 0.031
    wait_ms: 2000.0
    returns: [{flow: "tcp 10.0.0.10 > 203.0.113.10:443", rtt_ms: {p01: 6.236, p50: 6.351}, samples: 25}]
  contains:
    at:
      description: When it was measured, in seconds since the epoch.
      type: float
      sample: 1795226400.2
    boot_id:
      description: In which boot of this host.
      type: str
      sample: 3c5ee1ad-0b4b-43c3-9c8e-0b0c4a1f2d11
    configuration_digest:
      description: SHA-256 of the configuration of conntrackd here. Absent where it cannot be told.
      type: str
      sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    from:
      description: The other member.
      type: str
      sample: 172.31.0.1
    samples:
      description: Entries that the other member has made.
      type: int
      sample: 5000
    lost:
      description: Those that were not here within O(wait).
      type: int
      sample: 0
    rate:
      description: New connections a second as they really were. V(0) where they came one at a time.
      type: float
      sample: 1000.2
    latency_ms:
      description:
        - Half of the entries, 99 of 100, and 999 of 1000 were here after so long. Absent where that one was lost.
        - With O(rate), those of the slower half.
      type: dict
      sample: {p50: 0.157, p99: 0.313, p999: 0.42}
    bound_ms:
      description: How much a latency may be wrong, as the clocks of two hosts cannot be compared better over this link.
      type: float
      sample: 0.031
    wait_ms:
      description: What was waited for an entry.
      type: float
      sample: 2000.0
    returns:
      description:
        - How soon answers are there, from the other member, to packets of each of O(flows) and of the same in reverse.
          Those that nobody answered are absent.
        - Measured by handshakes of TCP where it is one and somebody listens, else by ICMP echo.
      type: list
      elements: dict
      sample: []
    refused:
      description: Entries that the kernel of the other member refused, by reason. Absent without.
      type: dict
      sample: {EEXIST: 1}
    overruns:
      description:
        - Times that events were lost before they were read here. What they told of counts as lost. Absent without.
      type: int
      sample: 1
sent:
  description: What the other member has received from this one. The values are those of RV(received).
  returned: success, outside check mode
  type: dict
  sample: {from: 172.31.0.2, samples: 5000, lost: 0}
verdicts:
  description: For each of O(flows), whether entries that came from the other member were here before the reply.
  returned: success, outside check mode
  type: list
  elements: dict
  sample:
    - flow: tcp 10.0.0.10 > 203.0.113.10:443
      verdict: protects
      sentence: 999 of 1000 connections are on the other member after 0.451 ms, replies are there after 6.236 ms
      not_below_ms: 0.451
      acknowledgement:
        verdict: protects
        sentence: 999 of 1000 connections are on the other member after 0.48 ms, replies are there after 6.127 ms
        not_below_ms: 0.48
  contains:
    flow:
      description: The flow.
      type: str
      sample: tcp 10.0.0.10 > 203.0.113.10:443
    verdict:
      description: V(protects), V(races) or V(unknown).
      type: str
      sample: protects
    sentence:
      description: Why, with the numbers.
      type: str
      sample: 999 of 1000 connections are on the other member after 0.451 ms, replies are there after 6.236 ms
    not_below_ms:
      description: Replies have to take longer than this. Null where it is not known.
      type: float
      sample: 0.451
    acknowledgement:
      description:
        - The same for the acknowledgement that follows, which the other member must not see before it knows of the
          reply. One that is too early costs 0.2 seconds.
      type: dict
      sample: {verdict: protects}
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._linux import managers
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync import latency, latency_record
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.latency_meeting import MeetingError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "local": {"type": "str", "required": True},
            "peer": {"type": "str", "required": True},
            "port": {"type": "int", "default": 3781},
            "flows": {"type": "list", "elements": "str", "default": []},
            "samples": {"type": "int", "default": 500},
            "rate": {"type": "int", "default": 0},
            "wait": {"type": "float", "default": 2},
            "meet_within": {"type": "float", "default": 30},
            "record": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    told: dict[str, t.Any] = dict(module.params)
    record = told.pop("record")
    try:
        wish = latency.Wish(**{**told, "flows": tuple(told["flows"])})
        if module.check_mode:
            module.exit_json(changed=False, skipped=True, msg="nothing is measured in check mode")
        received, sent = latency.measure(wish)
        if record:
            received = latency_record.keep(received, managers.running_processes().get("conntrackd", ()))
    except (latency.LatencyError, MeetingError) as error:
        module.fail_json(msg=str(error))
    except PermissionError as error:
        module.fail_json(msg=f"{error}: the tables of connections are read and written by root; use become")
    module.exit_json(changed=False, received=received, sent=sent, verdicts=latency.verdicts(wish, received, sent))


if __name__ == "__main__":
    main()
