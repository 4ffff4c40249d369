# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken from Ansible, with Ansible's own inventory, variable manager and templates."""

from __future__ import annotations

import gc
import textwrap

import pytest
from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret, VaultSecretsContext
from ansible.template import Templar, trust_as_template
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from ansible_collections.netpath.symmetry.plugins.plugin_utils import _edge
from ansible_collections.netpath.symmetry.plugins.plugin_utils._engine.values import seldom_collected

INVENTORY = """
all:
  vars:
    symmetry_flows: [{name: web, flow: "tcp 192.0.2.20 > 203.0.113.10:80"}]
    symmetry_externals: [{name: partner, prefixes: ["{{ partner_net }}/25"]}]
    partner_net: 203.0.113.0
  hosts:
    one:
      uplink_name: A
      symmetry_uplinks:
        - {name: "{{ uplink_name }}", interface: "{{ device | default('wan') }}0", gateway: 198.51.100.1}
    two:
      symmetry_ignore_interfaces: [mgmt0]
      unrelated: "{{ no_such_thing }}"
"""
JINJA = "{{ lookup('ansible.builtin.pipe', 'touch /nowhere') }}"


class Counted(Templar):
    """A templar that counts what it was asked to template."""

    asked: list = []

    def template(self, variable, *args, **kwargs):
        self.asked.append(variable)
        return super().template(variable, *args, **kwargs)

    def copy_with_new_env(self, **kwargs):
        return Counted(self._loader, kwargs["available_variables"])


def read(tmp_path, facts, hosts=("one", "two"), inventory=INVENTORY):
    """What is gathered from the inventory above, and what was templated for it."""
    (tmp_path / "hosts.yml").write_text(inventory)
    loader = DataLoader()
    known_hosts = InventoryManager(loader, sources=[str(tmp_path / "hosts.yml")])
    manager = VariableManager(loader, known_hosts)
    for host, known in facts.items():
        manager.set_host_facts(host, {"symmetry": known})
    Counted.asked = []
    found = _edge.gathered(HostVars(known_hosts, manager, loader), hosts, Counted(loader, {}))
    return found, Counted.asked


def test_variables_are_templated_in_the_context_of_their_host(tmp_path):
    (_facts, variables), asked = read(tmp_path, {})
    partner = [{"name": "partner", "prefixes": ["203.0.113.0/25"]}]
    flows = [{"name": "web", "flow": "tcp 192.0.2.20 > 203.0.113.10:80"}]
    uplink = {"name": "A", "interface": "wan0", "gateway": "198.51.100.1"}
    assert variables == {
        "one": {"symmetry_flows": flows, "symmetry_externals": partner, "symmetry_uplinks": [uplink]},
        "two": {"symmetry_flows": flows, "symmetry_externals": partner, "symmetry_ignore_interfaces": ["mgmt0"]},
    }
    assert len(asked) == 3  # what has no template is not templated: the time of large inventories went there


@pytest.mark.parametrize("inject", [True, False])
def test_a_template_sees_facts_as_its_host_does(tmp_path, monkeypatch, inject):
    monkeypatch.setattr(constants, "INJECT_FACTS_AS_VARS", inject)
    name = "symmetry" if inject else "ansible_facts.symmetry"
    inventory = INVENTORY.replace("{{ uplink_name }}", f"{{{{ {name}.names[0] }}}}")
    (_facts, variables), _asked = read(tmp_path, {"one": {"names": ["B"]}}, inventory=inventory)
    assert variables["one"]["symmetry_uplinks"][0]["name"] == "B"
    assert constants.INJECT_FACTS_AS_VARS is inject


def test_what_one_group_gives_to_all_hosts_is_one_object(tmp_path):
    (_facts, variables), _asked = read(tmp_path, {})
    assert variables["one"]["symmetry_flows"] is variables["two"]["symmetry_flows"]


def test_facts_are_data_and_are_never_templated(tmp_path):
    # even where something marked them as a template that may be trusted
    known = {"interfaces": {trust_as_template(JINJA): {"alias": trust_as_template(JINJA)}}, "list": [JINJA]}
    (facts, _variables), asked = read(tmp_path, {"one": known})
    assert facts == {"one": {"interfaces": {JINJA: {"alias": JINJA}}, "list": [JINJA]}, "two": {}}
    assert not any(JINJA in str(one) for one in asked)


def test_everything_is_plain(tmp_path):
    tagged = trust_as_template("tagged")
    known = {"text": tagged, "number": 1, "routes": [{"dst": "default"}, {"dst": [{tagged: "x"}]}], tagged: ["y"]}
    (facts, variables), _asked = read(tmp_path, {"one": known})
    assert facts["one"] == known
    kinds = set()

    def look(value):
        kinds.add(type(value))
        if isinstance(value, dict):
            look([*value.keys(), *value.values()])
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    look([facts, variables])
    assert kinds == {dict, list, str, int}


def test_facts_are_nobody_elses(tmp_path):
    known = {"routes": [{"dst": "default"}]}
    (facts, _variables), _asked = read(tmp_path, {"one": known})
    facts["one"]["routes"][0]["dst"] = "changed"
    assert known == {"routes": [{"dst": "default"}]}


def test_what_stands_in_the_place_of_facts_is_handed_on_as_it_is(tmp_path):
    (facts, _variables), _asked = read(tmp_path, {"one": ["no", "facts"]})
    assert facts == {"one": ["no", "facts"], "two": {}}


def test_an_encrypted_variable_is_opened(tmp_path):
    secrets = [("default", VaultSecret(b"a secret"))]
    hidden = textwrap.indent(VaultLib(secrets).encrypt("mgmt0").decode(), " " * 8)
    inventory = INVENTORY.replace("[mgmt0]", f"\n      - !vault |\n{hidden}")
    VaultSecretsContext.initialize(VaultSecretsContext(secrets))
    (_facts, variables), _asked = read(tmp_path, {}, inventory=inventory)
    assert variables["two"]["symmetry_ignore_interfaces"] == ["mgmt0"]


def test_a_host_that_the_inventory_does_not_have_is_named(tmp_path):
    with pytest.raises(AnsibleActionFail, match="host 'three' is not in the inventory"):
        read(tmp_path, {}, ("one", "three"))


def test_the_collector_is_as_before_afterwards():
    before = gc.get_threshold()
    with pytest.raises(ValueError), seldom_collected():
        assert gc.get_threshold()[0] > before[0] and gc.get_freeze_count()
        raise ValueError
    assert gc.get_threshold() == before and not gc.get_freeze_count()
