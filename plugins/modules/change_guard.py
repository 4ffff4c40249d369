#!/usr/bin/python
# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: change_guard
short_description: Arm, confirm or revert a change under a dead-man switch
version_added: 1.0.0
author:
  - netpath.symmetry contributors (@netpath)
description:
  - Arms a timer on the host before the first change. Every module of this collection that changes the host while it is
    armed records the exact inverse first.
  - Unless the change is confirmed in time, the host takes it back by itself. It needs neither the control node nor
    Python for that, and survives the end of the session, of the module and of the control node.
  - Only recorded inverses are run, never a snapshot. What others changed meanwhile stays, and is listed.
  - On the host, C(symmetry-guard status) tells a person what is pending, by whom, and the seconds left;
    C(symmetry-guard confirm), C(extend), C(revert), C(rollback) and C(list) need no Ansible.
  - The timer is a transient systemd timer where systemd is process 1 of the same network, and a detached process
    elsewhere, which is started anew when it is killed. Its time does not follow jumps of the clock.
  - Arming installs C(symmetry-journal.service), which takes back at boot, before the network is set up, what was
    pending when the host went down. Where process 1 is not systemd, or the unit cannot be written, RV(at_reboot) says
    so, and a person takes it back.
  - A change of several hosts has one O(change_id). The role P(netpath.symmetry.change_set#role) keeps it on all of
    them or on none.
extends_documentation_fragment:
  - netpath.symmetry.attributes
  - netpath.symmetry.attributes.actiongroup_symmetry
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - Without O(change_id) each V(armed) is another change, and is refused while one is pending.
      - Arming a pending change again extends its time, which counts as no change.
  platform:
    support: full
    platforms: linux
options:
  state:
    description:
      - V(armed) starts a change. It is refused while another one is pending.
      - V(prepared) is the host's promise that the pending change can be confirmed within O(timeout) seconds. It fails
        where the time is over, a revert has begun, or the journal cannot be written. It counts as no change.
      - V(confirmed) keeps the pending change. It fails when the change was reverted in the meantime.
      - V(reverted) takes the pending change back now, and succeeds without a change when nothing is pending.
      - V(rolled_back) takes back a change that was confirmed. It is refused while a later one depends on it. That is
        one which touched the same, such as a rule, a set, a parameter or a file, or needs it, such as a rule that looks
        up a table which this change has filled. What a change touches is recorded when it is made.
      - V(queried) only tells.
    type: str
    choices: [armed, prepared, confirmed, reverted, rolled_back, queried]
    default: queried
  change_id:
    description:
      - The id of the change. Give the same one on all hosts of a change.
      - With O(state=armed) generated from the time when absent. Elsewhere the pending change is meant when absent.
      - Letters, digits, dots, dashes and underscores, at most 64.
    type: str
  timeout:
    description: Seconds until the change is reverted, 10 to 3600. For O(state=armed) and O(state=prepared).
    type: int
    default: 300
  reason:
    description: Why the change is made, for the person who finds it pending.
    type: str
    default: ''
  by:
    description: Who makes the change. The user on the host when empty.
    type: str
    default: ''
  hosts:
    description: The names of all hosts of the change, for the person who finds it pending. For O(state=armed).
    type: list
    elements: str
    default: []
  needs:
    description:
      - Tools that the change's inverses will call, such as V(nft) and V(conntrack). Where one is missing, nothing is
        armed.
      - C(ip) and what the guard itself needs are looked for anyway. For O(state=armed).
    type: list
    elements: str
    default: []
  force:
    description: With O(state=rolled_back), roll back also when later changes may depend on this one.
    type: bool
    default: false
  besides:
    description:
      - With O(state=rolled_back), ids of changes that are rolled back before this one. In check mode they count as
        gone; in a real run they must have gone.
    type: list
    elements: str
    default: []
  state_dir:
    description: Where the journal is kept. Modules that record inverses must be told the same directory.
    type: path
    default: /var/lib/netpath-symmetry
seealso:
  - module: netpath.symmetry.flow_probe
"""

EXAMPLES = r"""
- name: Arm the dead-man switch before the first change
  netpath.symmetry.change_guard:
    state: armed
    timeout: 120
    reason: CHG0031337 pin partner routes
    by: alice
    needs: [nft, conntrack]
  register: guard

- name: Keep the change once new flows were proven both ways
  netpath.symmetry.change_guard:
    state: confirmed
    change_id: "{{ guard.change_id }}"

- name: Take the pending change back now
  netpath.symmetry.change_guard:
    state: reverted

- name: Take back a change of last week
  netpath.symmetry.change_guard:
    state: rolled_back
    change_id: 20261121T022700Z-4f1c2a

- name: See what is pending and what was
  netpath.symmetry.change_guard:
  register: journal
"""

RETURN = r"""
change_id:
  description: The id of the change that was meant. Empty when there is none, or none yet in check mode.
  type: str
  returned: success
  sample: 20261121T022700Z-4f1c2a
state:
  description:
    - What the change is now. V(absent), V(pending), V(reverting), V(confirmed), V(reverted), V(failed), V(rolled_back)
      or V(rollback_failed).
  type: str
  returned: success
  sample: pending
message:
  description: What was done, or would be in check mode, in one sentence.
  type: str
  returned: success
  sample: armed for 120 s
seconds_left:
  description: Seconds until the pending change is reverted; 0 when it is not pending.
  type: float
  returned: success
  sample: 119.9
undo:
  description: Titles of the recorded inverses, oldest first.
  type: list
  elements: str
  returned: success
  sample: [remove rule 10100 from 198.51.100.2 lookup 10300]
foreign:
  description:
    - What others changed while the change was pending, as seen when it was taken back. C(+) is there now, C(-) has
      gone.
    - Rules, routes and nft rules; at most 200 lines.
  type: list
  elements: str
  returned: success
  sample: ["+ rule 4: 77: from 10.77.0.0/16 lookup 77"]
at_reboot:
  description:
    - How a sentence goes on that begins with a reboot while the change is pending. Empty but for O(state=armed).
    - What was applied at run time is gone with a reboot; this is about files, and about the journal.
  type: str
  returned: success
  sample: is followed by symmetry-journal.service, which takes it back before the network is set up
hosts:
  description: The hosts of the change, as O(hosts) told when it was armed.
  type: list
  elements: str
  returned: success
  sample: [gw1, gw2]
journal:
  description: Directory with the inverses and the log of the change.
  type: str
  returned: success
  sample: /var/lib/netpath-symmetry/pending
pending:
  description: The change that is pending on the host, with the same fields as RV(changes). Null when there is none.
  type: dict
  returned: success
  sample: null
changes:
  description: The changes that have ended on this host, in the order in which they were armed.
  type: list
  elements: dict
  returned: success
  sample:
    - id: 20261121T022700Z-4f1c2a
      state: reverted
      directory: /var/lib/netpath-symmetry/changes/20261121T022700Z-4f1c2a
      by: alice
      reason: CHG0031337 pin partner routes
      armed: '2026-11-21T02:27:00Z'
      timeout: 120
      seconds_left: 0.0
      ended: '2026-11-21T02:29:00Z'
      why: not confirmed in time
      sequence: 0
      undo: [remove rule 10100 from 198.51.100.2 lookup 10300]
      failed: []
      hosts: [gw1, gw2]
      prepared: false
      foreign: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netpath.symmetry.plugins.module_utils._guard.control import Outcome, Request, control
from ansible_collections.netpath.symmetry.plugins.module_utils._guard.journal import GuardError
from ansible_collections.netpath.symmetry.plugins.module_utils._model.ownership import STATE_DIR


def result(outcome: Outcome) -> dict:
    change = outcome.change
    return {
        "changed": outcome.changed,
        "message": outcome.message,
        "change_id": change.id if change else "",
        "state": change.state if change else "absent",
        "seconds_left": round(change.seconds_left, 1) if change else 0.0,
        "undo": list(change.undo) if change else [],
        "foreign": list(change.foreign) if change else [],
        "hosts": list(change.hosts) if change else [],
        "at_reboot": outcome.at_reboot,
        "journal": change.directory if change else "",
        "pending": outcome.pending.to_dict() if outcome.pending else None,
        "changes": [ended.to_dict() for ended in outcome.ended],
        "diff": {
            "before_header": "change guard (live)",
            "after_header": "change guard (planned)",
            "before": outcome.before,
            "after": outcome.after,
        },
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {
                "type": "str",
                "choices": ["armed", "prepared", "confirmed", "reverted", "rolled_back", "queried"],
                "default": "queried",
            },
            "change_id": {"type": "str"},
            "timeout": {"type": "int", "default": 300},
            "reason": {"type": "str", "default": ""},
            "by": {"type": "str", "default": ""},
            "hosts": {"type": "list", "elements": "str", "default": []},
            "needs": {"type": "list", "elements": "str", "default": []},
            "force": {"type": "bool", "default": False},
            "besides": {"type": "list", "elements": "str", "default": []},
            "state_dir": {"type": "path", "default": STATE_DIR},
        },
        required_if=[("state", "rolled_back", ["change_id"])],
        supports_check_mode=True,
    )
    options = dict(module.params)
    state_dir = options.pop("state_dir")
    try:
        outcome = control(Request(**options), state_dir, check_mode=module.check_mode)
    except GuardError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result(outcome))


if __name__ == "__main__":
    main()
