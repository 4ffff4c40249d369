#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: state_sync_info
short_description: Tell what a host shares of its connections with others, and whether entries stand here
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Reads each conntrackd of the host's network namespace as M(netpath.symmetry.host_facts) does, what its filter leaves
    out, and what has to be equal on all members - versions, kernel settings, the time.
  - Entries of members can be compared in three ways. O(digest) gives digests of the whole table, which prove that two
    tables hold the same entries. O(sample) gives some entries, and O(entries) tells of those of another member's sample
    whether they stand here. All of them are bounded in memory, whatever the size of the table.
  - Nothing is changed. What cannot be read never fails the module; RV(complete) and RV(why) say what is missing.
extends_documentation_fragment:
  - netpath.symmetry.attributes
  - netpath.symmetry.attributes.actiongroup_symmetry
  - netpath.symmetry.attributes.info_module
attributes:
  platform:
    support: full
    platforms: linux
options:
  sample:
    description:
      - How many entries to return, of those that the filter does not leave out.
      - They are the first ones of the kernel's hash, whose order has nothing to do with addresses or ages.
    type: int
    default: 0
  digest:
    description:
      - Whether to return digests of all entries that the filter does not leave out.
      - This walks the whole table, about as long as C(conntrack -L) takes, in constant memory.
    type: bool
    default: false
  partitions:
    description: Into how many parts the digests are divided. All members need the same number.
    type: int
    default: 256
  entries:
    description:
      - Entries to look for, as RV(sample.entries) of another member gives them. A protocol, the addresses and, of TCP
        and UDP, the ports of the original direction are enough.
      - Where the external cache is on it is looked through, too.
    type: list
    elements: dict
    default: []
  sample_seconds:
    description: How long to watch the counters of conntrackd grow. V(0) does not wait.
    type: float
    default: 0
  configuration:
    description: The configuration file of the daemon that is meant, where several run. Else the first one counts.
    type: path
seealso:
  - module: netpath.symmetry.host_facts
"""

EXAMPLES = r"""
- name: Read what this member shares
  netpath.symmetry.state_sync_info:
    sample: 100
    digest: true
    sample_seconds: 3
  register: told

- name: Ask for the entries of the other member
  netpath.symmetry.state_sync_info:
    entries: "{{ hostvars['fw1'].told.sample.entries }}"
"""

RETURN = r"""
state_sync:
  description: The daemons, as in the facts of M(netpath.symmetry.host_facts).
  returned: always
  type: list
  elements: dict
  sample: [{daemon: conntrackd, running: true, mode: ftfw, external_cache: false}]
complete:
  description: Whether everything that was asked for could be read.
  returned: always
  type: bool
why:
  description: What could not be read, and what to do.
  returned: when RV(complete) is false
  type: str
chosen:
  description: The configuration of the daemon whose filter counts.
  returned: when one synchronises
  type: str
left_out:
  description: What that daemon does not share. The host's own addresses are left out rightly and not named.
  returned: when one synchronises
  type: list
  elements: dict
  sample: [{kind: protocol, what: udp}, {kind: always, what: keys of gre}]
  contains:
    kind:
      description: One of protocol, address, family, state, expectations, always (whatever is configured).
      returned: always
      type: str
    what:
      description: What it is.
      returned: always
      type: str
host:
  description: Name, kernel, byte order, identity of the boot, time in seconds since the epoch, addresses.
  returned: always
  type: dict
conntrack:
  description: Entries, the most there may be, and the counters of C(conntrack -S).
  returned: always
  type: dict
sysctls:
  description: Settings under C(net.netfilter) that members need alike, and all timeouts.
  returned: always
  type: dict
sample:
  description: Some entries that the filter does not leave out.
  returned: with O(sample), when one synchronises
  type: dict
  contains:
    entries:
      description: The entries, as in the facts of M(netpath.symmetry.host_facts).
      returned: always
      type: list
      elements: dict
    examined:
      description: How many entries were looked through for them.
      returned: always
      type: int
    ended:
      description: Whether these were all entries of the table.
      returned: always
      type: bool
digest:
  description: Digests of all entries that the filter does not leave out.
  returned: with O(digest), when one synchronises
  type: dict
  contains:
    partitions:
      description: The number of parts.
      returned: always
      type: int
    counts:
      description: Entries by part.
      returned: always
      type: list
      elements: int
    sums:
      description: Sum of the digests of the entries, by part.
      returned: always
      type: list
      elements: str
    shared:
      description: Entries in all parts.
      returned: always
      type: int
    left_out:
      description: Entries that the filter leaves out.
      returned: always
      type: int
    consistent:
      description: Whether the kernel says that the table stayed the same while it was read.
      returned: always
      type: bool
entries:
  description: The entries asked for, in their order.
  returned: with O(entries)
  type: list
  elements: dict
  contains:
    here:
      description: Whether it stands in the kernel.
      returned: always
      type: bool
    waits:
      description: Whether it is in the external cache.
      returned: when the external cache is on
      type: bool
    state:
      description: The state of TCP here.
      returned: when a connection of TCP stands here
      type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._linux.command import CommandError
from ansible_collections.netpath.symmetry.plugins.module_utils._linux.netlink import NetlinkError
from ansible_collections.netpath.symmetry.plugins.module_utils._statesync.info import Request, read


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "sample": {"type": "int", "default": 0},
            "digest": {"type": "bool", "default": False},
            "partitions": {"type": "int", "default": 256},
            "entries": {"type": "list", "elements": "dict", "default": []},
            "sample_seconds": {"type": "float", "default": 0},
            "configuration": {"type": "path"},
        },
        supports_check_mode=True,
    )
    params = module.params
    for name, least in (("sample", 0), ("partitions", 1), ("sample_seconds", 0)):
        if params[name] < least:
            module.fail_json(msg=f"{name} is {params[name]}: give {least} or more")
    try:
        told = read(Request(params["sample"], params["digest"], params["partitions"], tuple(params["entries"]),
                            params["sample_seconds"], params["configuration"] or ""))
    except (ValueError, KeyError, CommandError, NetlinkError) as error:
        missing = f"an entry has no {error}: give protocol and original (source, destination)"
        module.fail_json(msg=missing if isinstance(error, KeyError) else str(error))
    module.exit_json(**told)


if __name__ == "__main__":
    main()
