#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: device_config
short_description: Change how a router chooses paths, under a timer, proven or taken back
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Sets policy routes, reverse-path checks and BGP preferences of a network device over SSH.
  - What would change is computed from the running configuration. In check mode only that is read, and no configuration
    line is sent.
  - A change is sent under the device's own timer where it has one, read back, proven by new flows (O(flows)) or by a
    command (O(proof)), and only then confirmed and saved. Whatever fails, the device is brought back to where it was,
    and the error says whether it is, and by what. A session that is lost is opened once more for that.
  - What is made has names that begin with C(NPS-). Where something of somebody else is in the way, the task fails by
    name, before anything is sent.
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
      - Nothing but questions is sent; RV(sent) lists them. One is whether another change waits for its confirmation.
      - That somebody has uncommitted changes on Junos is seen when the change is made, before its first line.
  diff_mode:
    support: full
  idempotent:
    support: full
  platform:
    platforms: all
    details:
      - Arista EOS, Cisco ASA, IOS, IOS-XE, IOS-XR and NX-OS, Fortinet FortiGate, FRRouting, Juniper Junos, MikroTik
        RouterOS 7, Palo Alto PAN-OS and VyOS; C(docs/devices.md) says what of it is set on which, and how.
      - On Cisco ASA interfaces go by their names (nameif).
options:
  platform:
    description:
      - What the device runs, as C(docs/devices.md) lists it, for example V(cisco_ios) or V(frr).
      - Without it the variable C(ansible_network_os) says so.
    type: str
  policies:
    description: Packets that arrive by an interface and match go to a next hop.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the policy.
        type: str
        required: true
      interface:
        description:
          - The interface by which packets arrive, as the device writes it; on Junos with its unit, as V(ge-0/0/1.0).
        type: str
        required: true
      next_hop:
        description: Where they go.
        type: str
        required: true
      sources:
        description: Prefixes of which one must hold the source; all without it.
        type: list
        elements: str
      destinations:
        description: Prefixes of which one must hold the destination; all without it. One of both must be given.
        type: list
        elements: str
      protocol:
        description: V(tcp), V(udp), V(icmp) or V(icmpv6); all without it.
        type: str
      dports:
        description: Destination ports, with V(tcp) or V(udp).
        type: list
        elements: int
      verify:
        description:
          - Use the next hop only while it answers echo requests of the device; while it does not, packets go where the
            routes say. Cisco ASA (C(sla monitor), C(track)), IOS and NX-OS (C(ip sla), C(track)), IOS-XR (C(ipsla),
            C(track)), RouterOS (C(check-gateway)), PAN-OS (C(monitor)) and FortiGate (a link monitor); refused
            elsewhere.
          - Numbers of probes and tracked objects are the first that no line of the device names, from 901 on IOS and
            IOS-XR, from 401 on ASA and NX-OS. NX-OS needs C(feature sla sender). On IOS and NX-OS it is not for
            interfaces of a VRF.
          - On PAN-OS the rule is out of use while its next hop does not answer.
        type: bool
        default: false
      return_next_hops:
        description:
          - Replies go back by the interface by which the session came, to one of these neighbors, whatever the routes
            say. PAN-OS (C(enforce-symmetric-return)), on Ethernet interfaces; at most eight.
        type: list
        elements: str
  reverse_path:
    description: How an interface checks sources. Other interfaces are left alone.
    type: list
    elements: dict
    suboptions:
      interface:
        description: The interface, as the device writes it.
        type: str
        required: true
      mode:
        description:
          - The check. FortiGate has no V(loose), and V(strict) where the virtual domain checks strictly.
        type: str
        choices: ["off", loose, strict]
        required: true
      allow_default:
        description:
          - Whether a source that only the default route leads to passes. On Junos, VyOS and Cisco ASA it always does,
            on NX-OS with V(loose) only.
        type: bool
        default: false
  bgp:
    description:
      - What a neighbor is told, or is thought of. By a route-map of our own on it; on Junos a policy-statement, on
        IOS-XR a route-policy.
      - Where it has one of somebody else, or inherits one from its group, the task fails by name.
    type: list
    elements: dict
    suboptions:
      neighbor:
        description: Its address.
        type: str
        required: true
      asn:
        description: The number of our own autonomous system, as in C(router bgp).
        type: int
        required: true
      local_preference:
        description: Of routes from it; the highest is best, and decides by which neighbor packets leave.
        type: int
      prepend:
        description: How often our own number is put before the path that it is told, so that others prefer another way.
        type: int
      med:
        description: The metric that it is told; the lowest is best, among ways into one autonomous system.
        type: int
  zones:
    description: In which zone an interface is. The zone must be there; an interface that is in another one is moved.
    type: list
    elements: dict
    suboptions:
      interface:
        description: The interface, as the device writes it.
        type: str
        required: true
      zone:
        description: The zone.
        type: str
        required: true
  multipath:
    description:
      - Over how many equal ways of BGP (IPv4) packets are spread at most; with V(1) they all take one.
      - Junos has no number. Any but V(1) is all equal ways of the groups that are external, or internal.
    type: dict
    suboptions:
      asn:
        description: The number of our own autonomous system, as in C(router bgp).
        type: int
        required: true
      ebgp:
        description: Of other autonomous systems; on Arista EOS of both.
        type: int
      ibgp:
        description: Of our own.
        type: int
  weaken:
    description:
      - Checks of state that the device gives up, so that packets pass of which it has seen no connection. The last
        resort, never a remedy by itself. Each needs consent, somebody who answers for it, a reason and an end, and
        stands in O(register_file) before the device is changed.
      - The device does not end it. A task with O(state=expired), run from a schedule, takes away what has ended.
    type: list
    elements: dict
    suboptions:
      name:
        description: What it is called in the register.
        type: str
        required: true
      setting:
        description:
          - V(asymmetric_path) is C(asymmetric-path bypass) of PAN-OS, for one O(weaken[].zone).
          - V(asymroute) is that of FortiGate, for the whole virtual domain.
          - V(no_syn_check) is that of Juniper SRX, for the whole device.
          - V(tcp_state_bypass) is that of Cisco ASA, for what arrives by O(weaken[].interface) and matches.
        type: str
        choices: [asymmetric_path, asymroute, no_syn_check, tcp_state_bypass]
        required: true
      consent:
        description: Must be V(true). Who sets it accepts that packets pass of which nobody has seen a connection.
        type: bool
        required: true
      by:
        description: Who answers for it.
        type: str
        required: true
      reason:
        description: Why it is needed.
        type: str
        required: true
      until:
        description: When it ends, such as V(2026-12-24T06:00:00Z), or V(2026-12-24) for the end of that day in UTC.
        type: str
        required: true
      zone:
        description: The zone by which packets arrive.
        type: str
      interface:
        description: The interface by which packets arrive.
        type: str
      sources:
        description: Prefixes of which one must hold the source; all without it.
        type: list
        elements: str
      destinations:
        description: Prefixes of which one must hold the destination; all without it.
        type: list
        elements: str
      protocol:
        description: The protocol.
        type: str
      dports:
        description: Destination ports, with V(tcp) or V(udp).
        type: list
        elements: int
  register_file:
    description:
      - The register of exceptions, a file of the control node that all devices share; needed with O(weaken). Keep it
        where the schedule finds it, best under version control.
    type: path
  state:
    description:
      - With V(absent), what is named is taken away.
      - With V(expired), every exception of this device in O(register_file) whose end has come. Where there is none,
        nobody logs in.
    type: str
    choices: [present, absent, expired]
    default: present
  backup:
    description:
      - Whether the configuration as the device told it before the change is kept on this control node. Written where
        something changes, before the first line; where it cannot be, nothing is sent.
    type: bool
    default: true
  backup_file:
    description:
      - The file for it, readable by this user alone; it holds what secrets the device shows. Give each device its own,
        as V(backup/{{ inventory_hostname }}.cfg).
      - Without it V(backup/HOST_TIME.cfg) below the working directory.
    type: path
  confirm_within:
    description:
      - Seconds after which the device takes an unconfirmed change back by itself, where it can. At least 30; Cisco IOS,
        Junos and VyOS count whole minutes.
    type: int
    default: 300
  flows:
    description:
      - New flows that must work while the change waits for its confirmation; where one does not, the change is taken
        back. They are sent by M(netpath.symmetry.flow_probe) on hosts of the inventory, whose variables say how they
        are reached, one flow after the other.
      - A change that nothing proves is refused; name flows, or a O(proof), or set O(accept_unproven).
    type: list
    elements: dict
    suboptions:
      host:
        description: The host of the inventory that sends it, a Linux host.
        type: str
        required: true
      flow:
        description: The flow, for example C(tcp 192.0.2.20 > 203.0.113.10:443).
        type: str
        required: true
      count:
        description: How many new tries must all be answered, once one was. 1 to 100.
        type: int
        default: 3
      within:
        description: Seconds in which the first answer must come. Routes may converge meanwhile.
        type: int
        default: 30
  proof:
    description:
      - A command of this control node, as a list, that must end with status 0 while the change waits for its
        confirmation. Where it does not, the change is taken back.
    type: list
    elements: str
  accept_unproven:
    description:
      - Keep a change once it was read back, though nothing proves it. What O(state=expired) takes away needs no proof.
    type: bool
    default: false
  save:
    description: Whether the configuration is saved after the change was confirmed.
    type: bool
    default: true
  allow_without_timer:
    description:
      - Make the change also where the device would not take it back by itself. The inverse is held by this task then,
        and a session that is lost leaves the change.
    type: bool
    default: false
seealso:
  - module: netpath.symmetry.device_facts
  - module: netpath.symmetry.diagnose
"""

EXAMPLES = r"""
- name: Bring replies home by provider A
  netpath.symmetry.device_config:
    bgp:
      - {neighbor: 192.0.2.5, asn: 65001, prepend: 2}
    flows:
      - {host: web1, flow: "tcp 198.51.100.10 > 203.0.113.10:443"}

- name: Send a partner's traffic by the second provider
  netpath.symmetry.device_config:
    platform: cisco_ios
    policies:
      - name: partner
        interface: GigabitEthernet3
        destinations: [172.16.0.0/16]
        protocol: tcp
        dports: [443]
        next_hop: 203.0.113.1
    reverse_path:
      - {interface: GigabitEthernet2, mode: loose}
    proof: [curl, --fail, --max-time, "10", "https://partner.example.com/"]
"""

RETURN = r"""
lines:
  description: The configuration lines that were sent, or in check mode would be; none where nothing changes.
  returned: success
  type: list
  elements: str
  sample: [route-map NPS-OUT-192.0.2.5 permit 10, set as-path prepend 65001 65001]
undo:
  description: The lines that take them back.
  returned: success
  type: list
  elements: str
  sample: [no route-map NPS-OUT-192.0.2.5 permit 10]
timer:
  description: Whether the device would take the change back by itself; V(false) was warned of before it began.
  returned: success
  type: bool
  sample: true
backup_file:
  description: Where the configuration of before was kept; empty where nothing changed, and in check mode.
  returned: success
  type: str
  sample: /srv/netops/backup/border_b_2026-11-26T203000Z.cfg
sent:
  description: Everything that was sent after the login, in order and without secrets.
  returned: success
  type: list
  elements: str
  sample: [show running-config]
"""
