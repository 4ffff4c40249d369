#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: device_capture
short_description: Watch one flow on a router or firewall, by its own capture
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Has a network device capture both directions of one flow over SSH, reads what it saw, and takes the capture away.
  - RV(timeline) has the form of that of M(netpath.symmetry.flow_capture), so that what hosts and devices saw makes one
    timeline. Where the device tells it, a packet that it dropped is there with the reason.
  - The capture is bounded in packets and bytes on the device itself, and in time where the device can do that, so that
    it ends by itself. C(docs/devices.md) says what each platform does.
  - It is removed whatever goes wrong, and the device is asked whether anything is left. A session that is lost is
    opened once more for that. Where it cannot be, the error holds the lines that remove it. A run that is interrupted
    cleans up first.
  - What it makes has names that begin with C(NPS). Where somebody else's capture runs that ours would disturb, or one
    of ours is there, the task fails by name, before anything is sent.
  - Of a packet 160 bytes are asked for where the device can be told so. No payload is returned or stored here.
  - Runs on the control node, whatever the connection of the host is. Address and login are those of
    M(netpath.symmetry.device_facts).
requirements:
  - netmiko >= 4.5 on the control node
extends_documentation_fragment:
  - netpath.symmetry.attributes
  - netpath.symmetry.attributes.actiongroup_symmetry
  - netpath.symmetry.device_login
attributes:
  action:
    description: Runs on the control node.
    support: full
  check_mode:
    support: full
    details:
      - Nothing but questions is sent. RV(lines) is what a run sends.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - It leaves nothing, and each run sees other packets.
  platform:
    platforms: all
    details:
      - FRRouting and VyOS by C(tcpdump), Cisco ASA, Cisco IOS-XE, FortiGate and PAN-OS. Any other is refused by name
        before a login. Only FRRouting was there for real, C(docs/devices.md) tells what that means.
options:
  platform:
    description:
      - What the device runs, as C(docs/devices.md) lists it, for example V(cisco_asa) or V(frr).
      - Without it the variable C(ansible_network_os) says so.
    type: str
  flow:
    description:
      - The flow, as C(PROTOCOL SOURCE[:PORT] > DESTINATION:PORT).
      - A source port that is left out is any port. C(DESTINATION:*) is any destination port.
      - Where the device translates it, its packets are others on the other side; a second task watches those.
    type: str
    required: true
  interfaces:
    description:
      - Interfaces to watch, as the device names them (on Cisco ASA by C(nameif)), at most 8.
      - Cisco ASA and IOS-XE need them. PAN-OS takes none. Elsewhere all are watched when empty.
    type: list
    elements: str
    default: []
  seconds:
    description: How long to watch, 1 to 60.
    type: int
    default: 10
  packets:
    description: Stop after so many packets, 1 to 1000.
    type: int
    default: 100
notes:
  - The task takes as long as the capture. Packets have to come by themselves meanwhile, or be sent by a task that goes
    on, such as M(netpath.symmetry.flow_probe) with C(async) and C(poll=0).
  - Packets that a device forwards in hardware may pass its capture by (network processors of FortiGate, offloaded
    flows).
seealso:
  - module: netpath.symmetry.flow_capture
  - module: netpath.symmetry.flow_probe
  - module: netpath.symmetry.device_facts
"""

EXAMPLES = r"""
- name: Send new packets meanwhile
  netpath.symmetry.flow_probe:
    flow: tcp 192.0.2.20 > 203.0.113.10:443
    count: 10
    interval: 1
  async: 60
  poll: 0
  delegate_to: client

- name: Where do the packets of the partner API come in and leave?
  netpath.symmetry.device_capture:
    platform: cisco_asa
    flow: tcp 192.0.2.20 > 203.0.113.10:443
    interfaces: [inside, outside]
    seconds: 15
  register: seen

- name: Tell it in one sentence
  ansible.builtin.debug:
    msg: "{{ seen.summary.story }}"

- name: One timeline of what a host and the device saw
  ansible.builtin.debug:
    msg: "{{ (on_the_host.timeline + seen.timeline) | sort(attribute='time') }}"
"""

RETURN = r"""
timeline:
  description: The packets in order of their times, in the form of M(netpath.symmetry.flow_capture).
  type: list
  elements: dict
  returned: success
  sample:
    - time: 1795226400.204211
      interface: inside
      direction: in
      way: forward
      source: 192.0.2.20
      destination: 203.0.113.10
      sport: 40000
      dport: 443
      protocol: tcp
      flags: SYN
      ttl: 63
      dropped: false
  contains:
    time:
      description: Seconds since the epoch; RV(clock) says by whose clock.
      type: float
      sample: 1795226400.204211
    interface:
      description: The interface that saw the packet, on PAN-OS the stage. Absent where the device does not tell it.
      type: str
      sample: inside
    direction:
      description: V(in) or V(out), as the interface sees it. Absent where the device does not tell it.
      type: str
      sample: in
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
      description: Bytes of the IP packet. Absent where the device does not tell it.
      type: int
      sample: 60
    ttl:
      description: TTL or hop limit as seen there. Absent where the device does not tell it.
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
    stage:
      description: Where in the device's processing it was, on platforms that capture by stages.
      type: str
      sample: receive
    dropped:
      description: Whether the device dropped it.
      type: bool
      sample: false
    drop_reason:
      description: The device's word for why.
      type: str
      sample: tcp-not-syn
summary:
  description: Counts for each interface, direction and way, and the story in one sentence.
  type: dict
  returned: success
  sample:
    counts:
      - {interface: inside, direction: in, way: forward, packets: 1, bytes: 60}
    forward_seen: true
    return_seen: false
    story: SYN came in on inside; no reply was seen
clock:
  description:
    - Whose clock the times are of.
    - V(device) is the device's own. V(time_of_day) is its clock too, set by what time it said it was before the
      capture, so that it agrees with the control node. V(first_packet) counts from the first packet, as if that had
      come when the capture began; within the device the order is right, beside others it is not told.
  type: str
  returned: success
  sample: time_of_day
interfaces:
  description: The interfaces that were asked for.
  type: list
  elements: str
  returned: success
  sample: [inside, outside]
lines:
  description: What a run sends to capture, to read and to clean up, in order.
  type: list
  elements: str
  returned: success
  sample: [monitor capture NPS_CAP start, monitor capture NPS_CAP stop, show monitor capture NPS_CAP buffer detailed]
sent:
  description: Everything that was sent after the login, in order and without secrets.
  returned: success
  type: list
  elements: str
  sample: [show capture, show clock]
unread:
  description: Lines of the device that were not understood, at most 20.
  type: list
  elements: str
  returned: success
  sample: []
"""
