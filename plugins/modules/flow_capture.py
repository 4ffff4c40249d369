#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: flow_capture
short_description: Watch one flow on several interfaces at once
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Watches both directions of one flow on several interfaces of the host and tells where its packets came in and left.
  - The capture is bounded in time, packets and bytes. The kernel drops what is not of the flow's addresses.
  - Only headers are read. No payload is returned or stored.
  - ICMP errors that quote the flow are part of the capture, whichever router sent them.
  - Needs root (CAP_NET_RAW), and neither tcpdump nor any library.
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
      - The flow, as C(PROTOCOL SOURCE[:PORT] > DESTINATION:PORT).
      - A source port that is left out is any port. C(DESTINATION:*) is any destination port.
    type: str
    required: true
  addresses:
    description:
      - Addresses that translation may put in place of the source or the destination, at most 30.
      - At a translated end the port may be another one as well.
    type: list
    elements: str
    default: []
  interfaces:
    description: Interfaces to watch, at most 64. All of the host but C(lo) when empty.
    type: list
    elements: str
    default: []
  seconds:
    description: The longest time to watch, at most 300.
    type: float
    default: 10
  packets:
    description: Stop after so many packets of the flow, at most 10000. A packet counts once for each interface.
    type: int
    default: 500
  bytes:
    description: Stop after packets of the flow of so many bytes in all.
    type: int
    default: 10000000
  until:
    description:
      - V(end) watches until one of the limits is reached.
      - V(reply) ends shortly after both directions were seen.
    type: str
    choices: [end, reply]
    default: end
notes:
  - A VLAN tag that the kernel has taken off is told as RV(timeline[].vlan). A second tag inside it is not looked into.
seealso:
  - module: netpath.symmetry.flow_probe
  - module: netpath.symmetry.device_capture
"""

EXAMPLES = r"""
- name: Where does the reply of the partner API come in?
  netpath.symmetry.flow_capture:
    flow: tcp 192.0.2.20 > 203.0.113.10:443
    interfaces: [lan, wan_a, wan_b]
    seconds: 30
    until: reply
  register: seen

- name: Tell it in one sentence
  ansible.builtin.debug:
    msg: "{{ seen.summary.story }}"

- name: Watch a flow whose source is translated on this host
  netpath.symmetry.flow_capture:
    flow: udp 192.0.2.20:40000 > 203.0.113.10:514
    addresses: [198.51.100.2]
"""

RETURN = r"""
timeline:
  description: The packets in order of the kernel's time stamps.
  type: list
  elements: dict
  returned: success
  sample:
    - time: 1795226400.204211
      interface: wan_a
      direction: out
      way: forward
      source: 192.0.2.20
      destination: 203.0.113.10
      sport: 40000
      dport: 443
      protocol: tcp
      flags: SYN
      length: 60
      ttl: 63
  contains:
    time:
      description: Seconds since the epoch.
      type: float
      sample: 1795226400.204211
    interface:
      description: The interface that saw the packet.
      type: str
      sample: wan_a
    direction:
      description: V(in) or V(out), as the interface sees it.
      type: str
      sample: out
    way:
      description: V(forward), V(return), or V(icmp_error) for an error that quotes the flow.
      type: str
      sample: forward
    source:
      description: Source address.
      type: str
      sample: 192.0.2.20
    destination:
      description: Destination address.
      type: str
      sample: 203.0.113.10
    sport:
      description: Source port. Absent without ports.
      type: int
      sample: 40000
    dport:
      description: Destination port. Absent without ports.
      type: int
      sample: 443
    protocol:
      description: Protocol of the packet.
      type: str
      sample: tcp
    flags:
      description: TCP flags, V(echo-request), V(echo-reply), V(fragment), or empty.
      type: str
      sample: SYN
    length:
      description: Bytes of the IP packet.
      type: int
      sample: 60
    ttl:
      description: TTL or hop limit as seen here.
      type: int
      sample: 63
    vlan:
      description: VLAN id. Absent without a tag.
      type: int
      sample: 100
    icmp_error:
      description: Name and code of the ICMP error.
      type: str
      sample: unreachable code 13
    quoted:
      description: The packet that the ICMP error quotes.
      type: str
      sample: 192.0.2.20:40000 > 203.0.113.10:443
summary:
  description: Counts for each interface, direction and way, and the story in one sentence.
  type: dict
  returned: success
  sample:
    counts:
      - {interface: wan_a, direction: out, way: forward, packets: 1, bytes: 60}
      - {interface: wan_b, direction: in, way: return, packets: 1, bytes: 60}
    forward_seen: true
    return_seen: true
    story: SYN left wan_a, SYN-ACK came in on wan_b
interfaces:
  description: The interfaces that were watched.
  type: list
  elements: str
  returned: success
  sample: [wan_a, wan_b]
seconds:
  description: How long they were watched.
  type: float
  returned: success
  sample: 3.21
ended_by:
  description: What ended the capture. V(seconds), V(packets), V(bytes) or V(reply).
  type: str
  returned: success
  sample: reply
truncated:
  description: What may be missing.
  type: dict
  returned: success
  sample: {packets: false, bytes: false, dropped: 0, interfaces_down: []}
  contains:
    packets:
      description: The limit of packets was reached.
      type: bool
      sample: false
    bytes:
      description: The limit of bytes was reached.
      type: bool
      sample: false
    dropped:
      description: Packets that the kernel could not queue.
      type: int
      sample: 0
    interfaces_down:
      description: Interfaces that went down while they were watched.
      type: list
      elements: str
      sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._capture.capture import CaptureError, Limits, capture
from ansible_collections.netpath.symmetry.plugins.module_utils._capture.summary import summarise
from ansible_collections.netpath.symmetry.plugins.module_utils._capture.wanted import Wanted
from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import FlowError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "flow": {"type": "str", "required": True},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "interfaces": {"type": "list", "elements": "str", "default": []},
            "seconds": {"type": "float", "default": 10},
            "packets": {"type": "int", "default": 500},
            "bytes": {"type": "int", "default": 10_000_000},
            "until": {"type": "str", "choices": ["end", "reply"], "default": "end"},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        limits = Limits(options["seconds"], options["packets"], options["bytes"], options["until"])
        seen = capture(Wanted.build(options["flow"], options["addresses"]), options["interfaces"], limits)
    except (CaptureError, FlowError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=False,
        timeline=[event.to_dict() for event in seen.events],
        summary=summarise(seen.events),
        interfaces=seen.interfaces,
        seconds=round(seen.seconds, 3),
        ended_by=seen.ended_by,
        truncated={
            "packets": seen.ended_by == "packets",
            "bytes": seen.ended_by == "bytes",
            "dropped": seen.dropped,
            "interfaces_down": list(seen.went_down),
        },
    )


if __name__ == "__main__":
    main()
