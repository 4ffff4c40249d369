#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab
short_description: Build a network of real hosts in network namespaces from a topology file
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Builds the hosts and wires of a topology file on the control node. Every host is a real Linux network stack with
    its own interfaces, routes, nftables, connection tracking, file system changes and SSH server.
  - Nothing of a lab is in the network namespace of the machine itself. The hosts are reached by SSH through a
    management network of their own, with the RV(lab.ssh_config) that this module writes.
  - Everything that a host writes below C(/etc), C(/root), C(/usr/local), C(/var), C(/run) and C(/tmp) stays in the
    host and ends with it. The rest of the machine's file system is shared with its hosts, which can write to it.
  - A wrong file is refused with file, line and column before anything is built.
extends_documentation_fragment:
  - netpath.symmetry.attributes
attributes:
  check_mode:
    support: full
    details:
      - The file is checked in full. Where something would be built, that includes a trial of every host's network on
        the kernel, in a namespace that ends at once.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - With O(state=recreated) the lab is built anew every time.
  platform:
    platforms: linux
options:
  topology:
    description:
      - The topology file. Its form is described in C(docs/lab.md) of this collection.
      - Needed unless O(state=absent) with O(name).
    type: path
  name:
    description:
      - The name of the lab. It becomes part of the names of its network namespaces, C(nps-NAME-HOST).
      - The default is the name of O(topology) without directory and extension.
      - A lower-case letter, then letters, digits and underscores, 40 at most.
    type: str
  state:
    description:
      - V(present) builds the lab unless it stands and was built from the same topology. What was changed on its hosts
        meanwhile is left alone.
      - V(absent) ends the hosts and removes namespaces and files of this lab and nothing else.
      - V(recreated) removes the lab where it stands and builds it anew.
    type: str
    choices: [present, absent, recreated]
    default: present
  dir:
    description: The directory that holds a directory for each lab. An absolute path.
    type: path
    default: /var/lib/netpath-symmetry-lab
requirements:
  - root on the control node
  - PyYAML (ansible-core has it)
  - ip, nft, setsid, nsenter, unshare, mount, sshd, ssh-keygen and nc.openbsd (Debian and Ubuntu packages iproute2,
    nftables, util-linux, mount, openssh-server, openssh-client, netcat-openbsd)
  - frr, conntrackd or keepalived for topologies whose hosts run them
notes:
  - Runs on the control node. Use C(hosts=localhost) with C(connection=local) and the Python of ansible-core.
"""

EXAMPLES = r"""
- name: Build the dual-WAN incident
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Build the network
      netpath.symmetry.lab:
        topology: inventories/lab/topologies/dual_wan_partner.yml

    - name: Take it away again
      netpath.symmetry.lab:
        name: dual_wan_partner
        state: absent
"""

RETURN = r"""
lab:
  description: Where the lab is and how its hosts are reached. Empty with O(state=absent).
  returned: success
  type: dict
  sample:
    name: dual_wan_partner
    directory: /var/lib/netpath-symmetry-lab/dual_wan_partner
    ssh_config: /var/lib/netpath-symmetry-lab/dual_wan_partner/ssh_config
    state: /var/lib/netpath-symmetry-lab/dual_wan_partner/state.json
    hosts:
      gw: {alias: gw.dual_wan_partner, management: 10.255.0.12}
  contains:
    name:
      description: The name of the lab.
      returned: success
      type: str
      sample: dual_wan_partner
    directory:
      description: The directory of the lab.
      returned: success
      type: str
      sample: /var/lib/netpath-symmetry-lab/dual_wan_partner
    ssh_config:
      description: The configuration for C(ssh -F), with key, known hosts and the way into the management network.
      returned: success
      type: str
      sample: /var/lib/netpath-symmetry-lab/dual_wan_partner/ssh_config
    state:
      description: The file with process ids, namespaces and addresses of the hosts.
      returned: success
      type: str
      sample: /var/lib/netpath-symmetry-lab/dual_wan_partner/state.json
    hosts:
      description: For each host its name for SSH and its management address.
      returned: success
      type: dict
      sample:
        gw: {alias: gw.dual_wan_partner, management: 10.255.0.12}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._lab.ensure import ensure, name_of
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.errors import LabError
from ansible_collections.netpath.symmetry.plugins.module_utils._lab.state import DEFAULT_DIR, Paths


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "topology": {"type": "path"},
            "name": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent", "recreated"], "default": "present"},
            "dir": {"type": "path", "default": DEFAULT_DIR},
        },
        required_if=[("state", "present", ["topology"]), ("state", "recreated", ["topology"])],
        required_one_of=[("topology", "name")],
        supports_check_mode=True,
    )
    topology = module.params["topology"] or ""
    name = module.params["name"] or name_of(topology)
    try:
        paths = Paths(module.params["dir"], name)
        result = ensure(paths, module.params["state"], topology, module.check_mode)
    except LabError as error:
        module.fail_json(msg=str(error))
    diff = {
        "before": result.before,
        "after": result.after,
        "before_header": f"lab {name} (live)",
        "after_header": f"lab {name} (planned)",
    }
    module.exit_json(changed=result.changed, lab=result.lab, diff=diff)


if __name__ == "__main__":
    main()
