# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of every platform do: gather from a transcript, gather over SSH from a fake, validate the schema."""

from __future__ import annotations

import functools
import json
import pathlib
import tempfile
import typing as t

import jsonschema

from ansible_collections.netpath.symmetry.plugins.module_utils._model.flow import Flow
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.dialect import Dialect, Request
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.gather import gather
from ansible_collections.netpath.symmetry.plugins.plugin_utils._devices.session import Login, Session
from ansible_collections.netpath.symmetry.tests.devices import transcripts
from ansible_collections.netpath.symmetry.tests.devices.fake import PASSWORD, USER, FakeDevice, FakeNetwork, Fault
from ansible_collections.netpath.symmetry.tests.devices.platforms import FAKES

Dict = dict[str, t.Any]
SCHEMA = pathlib.Path(__file__).parents[2] / "docs" / "device_facts.schema.json"


def request(*flows: str, **more: t.Any) -> Request:
    return Request(flows=tuple(map(Flow.parse, flows)), **more)


def facts_of(dialect: Dialect, name: str, wanted: Request) -> Dict:
    """The facts that a transcript gives; they are valid."""
    answering = transcripts.Transcript(dialect, transcripts.read(name))
    facts = gather(dialect, answering, wanted, sleep=lambda _seconds: None)
    validate(facts)
    return facts


def over_ssh(
    dialect: Dialect, name: str, wanted: Request, fault: Fault | None = None, **login: t.Any
) -> tuple[Dict, FakeDevice]:
    """The facts that a fake with this transcript gives over SSH, and the fake; raises DeviceError."""
    device = FAKES[dialect.platform](name, transcripts.read(name), fault)
    with FakeNetwork(device) as network, tempfile.TemporaryDirectory() as folder:
        known_hosts = pathlib.Path(folder, "known_hosts")
        known_hosts.write_text(network.known_hosts())
        defaults = {"user": USER, "password": PASSWORD, "known_hosts": str(known_hosts), "timeout": 20.0}
        one = Login(name, "127.0.0.1", network.ports[name], **{**defaults, **login})
        with Session.open(one, dialect) as session:
            facts = gather(dialect, session, wanted)
    validate(facts)
    return facts, device


@functools.cache
def _validator() -> t.Any:
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def validate(facts: Dict) -> None:
    """Raise AssertionError where the facts are not as the schema says."""
    wrong = sorted(_validator().iter_errors(facts), key=lambda error: list(error.absolute_path))
    assert not wrong, "\n".join(f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in wrong[:5])
