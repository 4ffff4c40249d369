#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: flow_probe
short_description: Send a real new flow from a host and tell what became of it
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Opens TCP connections, sends UDP datagrams or ICMP echo requests from the host, and tells for each try whether an
    answer came, after how long, and what went wrong.
  - A probe that gets no answer is a result. The task fails only where the probe cannot be sent as asked, or where
    O(expect) is not met.
  - Every try is a new connection, because sockets that are established may keep working after a change that blocks new
    ones. O(keep_socket) keeps one UDP 5-tuple instead.
extends_documentation_fragment:
  - netpath.symmetry.attributes
  - netpath.symmetry.attributes.actiongroup_symmetry
  - netpath.symmetry.attributes.info_module
attributes:
  platform:
    support: full
    platforms: linux
options:
  flow:
    description:
      - The flow as text, for example C(tcp 192.0.2.20 > 203.0.113.10:443).
      - It stands for O(protocol), O(source), O(sport), O(destination) and O(dport).
    type: str
  protocol:
    description: Kind of probe. V(icmp) with an IPv6 destination means V(icmpv6).
    type: str
    choices: [tcp, udp, icmp, icmpv6]
    default: tcp
  destination:
    description: Address to probe. Names are not resolved. Required without O(flow).
    type: str
  dport:
    description: Destination port of TCP and UDP.
    type: int
  source:
    description: Source address. The kernel chooses when absent.
    type: str
  sport:
    description: Source port. The kernel chooses when absent.
    type: int
  interface:
    description:
      - Interface or VRF to bind to (C(SO_BINDTODEVICE)).
      - Where no route through it is found, IPv4 takes the destination to be on its link.
    type: str
  mark:
    description: Firewall mark of the packets (C(SO_MARK)). Needs root.
    type: int
  timeout:
    description: Seconds to wait for the answer to one try, at most 60.
    type: float
    default: 2
  count:
    description: Number of tries, at most 1000, one after the other.
    type: int
    default: 1
  interval:
    description:
      - Seconds from the start of a try to the start of the next, at most 60.
      - A try that takes longer delays the next. For gaps shorter than O(timeout), lower O(timeout) as well.
    type: float
    default: 0.2
  until:
    description:
      - V(count) makes O(count) tries.
      - V(success) tries until one succeeds or O(wait) has passed, whatever O(count) says. There are at most 1000 tries
        in that time, so O(interval) may be stretched.
    type: str
    choices: [count, success]
    default: count
  wait:
    description: Seconds to go on trying with O(until=success), at most 600.
    type: float
    default: 30
  payload:
    description: Text to send in a UDP datagram. Any answer counts.
    type: str
    default: netpath.symmetry probe
  keep_socket:
    description: Send all UDP tries from one socket, so that they are one flow.
    type: bool
    default: false
  http:
    description: Send an HTTP GET request over the TCP connection. Any HTTP status is an answer.
    type: dict
    suboptions:
      path:
        description: Path to ask for.
        type: str
        default: /
      host:
        description: Value of the C(Host) header. The destination when absent.
        type: str
  size:
    description:
      - Bytes to send over the TCP connection, empty lines. The answer is that the other end has acknowledged them all,
        or a full segment before it closed the connection.
      - It tells whether large packets arrive. Those of the replies are up to the service.
    type: int
  expect:
    description:
      - V(success) fails the task when a try is lost, or with O(until=success) when none succeeded.
      - V(failure) fails the task when a try succeeded.
    type: str
    choices: [success, failure]
seealso:
  - module: netpath.symmetry.flow_capture
  - module: netpath.symmetry.change_guard
"""

EXAMPLES = r"""
- name: Does a new connection to the partner work?
  netpath.symmetry.flow_probe:
    flow: tcp 192.0.2.20 > 203.0.113.10:443
    http:
      path: /health
    expect: success

- name: How long does a failover take?
  netpath.symmetry.flow_probe:
    protocol: tcp
    destination: 203.0.113.10
    dport: 443
    timeout: 0.5
    until: success
    wait: 60
  register: failover

- name: Do large packets arrive, too?
  netpath.symmetry.flow_probe:
    flow: tcp 192.0.2.20 > 203.0.113.10:443
    size: 65536
    timeout: 6

- name: Count what one UDP flow loses
  netpath.symmetry.flow_probe:
    protocol: udp
    destination: 192.0.2.20
    dport: 514
    count: 200
    interval: 0.05
    timeout: 0.2
    keep_socket: true

- name: Prove that the second uplink answers by itself
  netpath.symmetry.flow_probe:
    protocol: icmp
    destination: 198.51.100.1
    interface: wan_b
    count: 3
"""

RETURN = r"""
tries:
  description: The tries in the order in which they were made.
  type: list
  elements: dict
  returned: success
  sample:
    - ok: true
      started: 0.000021
      seconds: 0.004211
      error: ''
      detail: ''
      local_address: 192.0.2.20
      local_port: 40000
      http_status: 200
  contains:
    ok:
      description: Whether an answer came.
      type: bool
      sample: true
    started:
      description: Seconds since the first try began.
      type: float
      sample: 0.000021
    seconds:
      description: Seconds until the answer or the failure.
      type: float
      sample: 0.004211
    error:
      description:
        - Empty, V(timeout), V(refused), V(unreachable), V(reset), V(closed), V(not_http), V(prohibited),
          V(port_in_use), V(local) where the interface or address went away meanwhile, V(stalled) where
          the bytes of O(size) were not acknowledged, or V(other).
      type: str
      sample: timeout
    detail:
      description: The error in words.
      type: str
      sample: no answer within 2 s
    local_address:
      description: Source address that was used.
      type: str
      sample: 192.0.2.20
    local_port:
      description: Source port that was used. Null without ports.
      type: int
      sample: 40000
    http_status:
      description: Status of the HTTP answer. Null without a request.
      type: int
      sample: 200
summary:
  description: Counts and times of all tries.
  type: dict
  returned: success
  sample:
    sent: 200
    received: 188
    lost: 12
    loss_percent: 6.0
    first_success_seconds: 0.004
    longest_gap_seconds: 2.61
    errors: {timeout: 12}
  contains:
    sent:
      description: Number of tries.
      type: int
      sample: 200
    received:
      description: Number of answers.
      type: int
      sample: 188
    lost:
      description: Number of tries without an answer.
      type: int
      sample: 12
    loss_percent:
      description: Share of tries without an answer.
      type: float
      sample: 6.0
    first_success_seconds:
      description: Seconds until the first answer. Null when there was none.
      type: float
      sample: 0.004
    longest_gap_seconds:
      description: The longest stretch in which no successful try began.
      type: float
      sample: 2.61
    errors:
      description: Number of tries for each error.
      type: dict
      sample: {timeout: 12}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._probe.request import (
    PAYLOAD,
    ProbeError,
    disappointed,
    from_flow,
    summarise,
)
from ansible_collections.netpath.symmetry.plugins.module_utils._probe.send import run


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "flow": {"type": "str"},
            "protocol": {"type": "str", "choices": ["tcp", "udp", "icmp", "icmpv6"], "default": "tcp"},
            "destination": {"type": "str"},
            "dport": {"type": "int"},
            "source": {"type": "str"},
            "sport": {"type": "int"},
            "interface": {"type": "str"},
            "mark": {"type": "int"},
            "timeout": {"type": "float", "default": 2},
            "count": {"type": "int", "default": 1},
            "interval": {"type": "float", "default": 0.2},
            "until": {"type": "str", "choices": ["count", "success"], "default": "count"},
            "wait": {"type": "float", "default": 30},
            "payload": {"type": "str", "default": PAYLOAD},
            "keep_socket": {"type": "bool", "default": False},
            "http": {
                "type": "dict",
                "options": {"path": {"type": "str", "default": "/"}, "host": {"type": "str"}},
            },
            "size": {"type": "int"},
            "expect": {"type": "str", "choices": ["success", "failure"]},
        },
        required_one_of=[("flow", "destination")],
        mutually_exclusive=[("flow", "destination"), ("flow", "dport"), ("flow", "source"), ("flow", "sport")],
        supports_check_mode=True,
    )
    options = dict(module.params)
    try:
        if options["flow"]:
            options.update(from_flow(options["flow"]))
        request, tries = run(options)
    except ProbeError as error:
        module.fail_json(msg=str(error))
    result = {"changed": False, "tries": [one.to_dict() for one in tries], "summary": summarise(tries)}
    complaint = disappointed(options["expect"], tries, request.until)
    if complaint:
        module.fail_json(msg=f"{request.protocol} probe of {request.destination}: {complaint}", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
