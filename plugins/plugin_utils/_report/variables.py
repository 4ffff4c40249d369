# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# PRIVATE: used by this collection only, may change without notice.
"""Variables as YAML that can be edited and given back with ``-e @FILE``."""

from __future__ import annotations

import json
import typing as t

import yaml


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key, as ansible-lint wants them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def as_yaml(data: t.Any) -> str:
    """YAML text; values that Ansible has tagged become plain ones first."""
    plain = json.loads(json.dumps(data))
    return str(
        yaml.dump(plain, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=100, allow_unicode=True)
    )


def document(title: str, data: t.Any) -> str:
    """A YAML document with a heading that says what it is."""
    heading = "".join(f"# {line}\n" for line in title.splitlines())
    return f"{heading}---\n{as_yaml(data)}"
