# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Join the facts of all hosts into verdicts, on the control node; documented in plugins/modules/diagnose.py."""

from __future__ import annotations

import os
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import FlowError
from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.change.proof import plan_proof, steering
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.diagnose import diagnose
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure.failures import FailureError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.failure.what_if import JUDGED_LIMIT
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.journey.verdict import ORDER
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.network.variables import SiteError
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.values import seldom_collected
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.markdown import diagnosis_markdown
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.text import diagnosis_text
from ansible_collections.netpath.symmetry.plugins.plugin_utils._report.variables import document

DRAFT_TITLE = "What the diagnosis assumed about this network. Edit it and keep it with the inventory."


class ActionModule(ActionBase):
    """The edge between Ansible and the engine."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        with seldom_collected():
            return self._run(tmp, task_vars)

    def _run(self, tmp: str | None, task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            argument_spec={
                "hosts": {"type": "list", "elements": "str", "required": True},
                "flow": {"type": "str"},
                "write_draft": {"type": "path"},
                "report_dir": {"type": "path"},
                "fail_on": {"type": "list", "elements": "str", "choices": list(ORDER), "default": []},
                "what_if": {"type": "list", "elements": "str", "default": []},
                "what_if_limit": {"type": "int", "default": JUDGED_LIMIT},
                "quiet": {"type": "bool", "default": False},
            },
        )
        options = _edge.plain(options)
        hosts = list(options["hosts"])
        if not hosts:
            raise AnsibleActionFail("no host to diagnose: the inventory, or the pattern in symmetry_hosts, is empty")
        facts, variables = _edge.gathered((task_vars or {})["hostvars"], hosts, self._templar)
        try:
            diagnosis = diagnose(facts, variables, [options["flow"]] if options["flow"] else None)
            found = diagnosis.to_dict()
            if options["what_if"]:
                found["what_if"] = diagnosis.what_if(options["what_if"], options["what_if_limit"]).to_dict()
        except (SiteError, FlowError, FailureError) as error:
            raise AnsibleActionFail(str(error)) from error
        text = diagnosis_text(found)
        if not options["quiet"]:
            Display().display("\n" + text + "\n")
        if options["write_draft"]:
            _edge.write(options["write_draft"], document(DRAFT_TITLE, found["draft"]), "the draft")
        if options["report_dir"]:
            _edge.write_json(os.path.join(options["report_dir"], "diagnosis.json"), found, "the diagnosis")
            _edge.write(os.path.join(options["report_dir"], "report.md"), diagnosis_markdown(found), "the report")
        failing = [v["name"] for v in found["verdicts"] if v["verdict"] in options["fail_on"]]
        result.update(
            changed=False,
            hosts=hosts,
            flow=options["flow"] or "",
            text=text,
            proof=plan_proof(found["verdicts"], facts, steering(facts)),
            **found,
        )
        if failing:
            result.update(failed=True, msg=f"{', '.join(failing)}: {'/'.join(options['fail_on'])}, and fail_on says so")
        return result
