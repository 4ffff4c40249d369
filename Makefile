# Copyright (c) 2026 netpath.symmetry contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Every target does its own set-up (tools/setup.sh), which is instant once it is done.

SHELL := /bin/bash
ROOT := $(CURDIR)
TOPOLOGY ?= dual_wan_partner
CASES ?= 1000000
NETWORKS ?= 500
FAULTS ?= 210
SEED ?= 1
STATES ?= 500

export PATH := $(ROOT)/.venv/bin:$(PATH)
export PYTHONPATH := $(ROOT)/build/collections
export ANSIBLE_COLLECTIONS_PATH := $(ROOT)/build/collections
export ANSIBLE_CONFIG := $(ROOT)/ansible.cfg

# Labs need root.
ifneq ($(shell id -u),0)
AS_ROOT := sudo -E env PATH="$$PATH" PYTHONPATH="$$PYTHONPATH" ANSIBLE_COLLECTIONS_PATH="$$ANSIBLE_COLLECTIONS_PATH" ANSIBLE_CONFIG="$$ANSIBLE_CONFIG"
endif

TEST_KINDS := lint unit sanity lab-test integration oracle-sample networks-sample kernels-sample faults-sample devices-test artifact-test

.DEFAULT_GOAL := help
.PHONY: help setup replay test $(TEST_KINDS) oracle packets iptables-packets networks kernels remedies states lab-long lab-up lab-down bench clean

help: ## show this list
	@echo "netpath.symmetry: make TARGET"
	@sed -n 's/^\([a-z -]*\):[^#]*## /\1\t/p' Makefile | while IFS=$$'\t' read -r name text; do printf '  %-17s %s\n' "$$name" "$$text"; done
	@echo "needs Debian or Ubuntu, Python 3.11 to 3.13, and root or sudo"

setup: ## Debian packages, virtual environment, kernel checks (every other target does this)
	@tools/setup.sh

replay: setup ## the whole story on one machine: a broken network, diagnosed, mended and proven
	@$(AS_ROOT) ansible-playbook netpath.symmetry.incident_replay $(ARGS)

test: setup ## all tests; ends with "N passed, N failed"
	@python tools/run_tests.py

lint: ## ruff, mypy, shellcheck, yamllint, ansible-lint, reuse, changelog and documentation checks
unit: ## unit tests on this Python
sanity: ## ansible-test sanity, and the unit tests on the oldest and newest Python here
lab-test: ## tests on labs: real namespaces, kernels and packets
integration: ## ansible-test integration targets
oracle-sample: ## the engine against the kernel on random cases, a sample of seconds
networks-sample: ## verdicts and forecasts against real packets through random networks, a sample of seconds
kernels-sample: ## the engine against the distribution's stock kernel in an emulated machine, a sample
faults-sample: ## a fault while hosts confirm a change, and the same without the guard
devices-test: ## network devices over SSH: fakes of ours that record every line
artifact-test: ## build the collection, install it elsewhere, use it from there
$(TEST_KINDS): setup
	@python tools/run_tests.py $@

oracle: setup ## the engine against the kernel: CASES=1000000 SEED=1, in about ten minutes
	@$(AS_ROOT) python -m ansible_collections.netpath.symmetry.tests.oracle.run --cases $(CASES) --seed $(SEED) $(ARGS)

packets: CASES := 200000
packets: setup ## packets through one host, against the kernel's own handling: CASES=200000 SEED=1, in about fifteen minutes
	@$(AS_ROOT) python -m ansible_collections.netpath.symmetry.tests.oracle.packets --cases $(CASES) --seed $(SEED) $(ARGS)

iptables-packets: CASES := 21000
iptables-packets: setup ## the same with random iptables rules of both back ends: CASES=21000 SEED=1, in a few minutes
	@$(AS_ROOT) python -m ansible_collections.netpath.symmetry.tests.oracle.iptables_packets --cases $(CASES) --seed $(SEED) $(ARGS)

networks: setup ## verdicts and forecasts against real packets: NETWORKS=500 SEED=1, in about ten minutes
	@$(AS_ROOT) python -m ansible_collections.netpath.symmetry.tests.networks.run --networks $(NETWORKS) --seed $(SEED) $(ARGS)

kernels: CASES := 6000
kernels: setup ## the engine against this kernel and, in an emulated machine, the stock one: CASES=6000 SEED=1
	@$(AS_ROOT) python -m ansible_collections.netpath.symmetry.tests.kernels.run --cases $(CASES) --seed $(SEED) $(ARGS)

.PHONY: faults
faults: setup ## faults at every step of a guarded change: FAULTS=210 SEED=1, in about thirty minutes (ARGS='--only "power cut"')
	@$(AS_ROOT) python -m ansible_collections.netpath.symmetry.tests.faults.run --faults $(FAULTS) --seed $(SEED) $(ARGS)

remedies: setup ## every remedy's role on a real host: four runs, removal, what it refuses, beside what others have
	@$(AS_ROOT) python -m pytest -q -n 4 --dist loadfile tests/remedies $(ARGS)

.PHONY: persistence
persistence: setup ## what remedies outlive on real systemd hosts, every network manager against every event, in about twenty minutes
	@$(AS_ROOT) python -m ansible_collections.netpath.symmetry.tests.real_hosts.persistence $(ARGS)

.PHONY: devices
devices: setup ## every platform of network devices: facts, checks that only ask, changes, a fault at each step, in a few minutes
	@$(AS_ROOT) python -m ansible_collections.netpath.symmetry.tests.devices.run $(ARGS)

states: setup ## random states of a host: check mode's diff is the real one, the inverse leads back: STATES=500 SEED=1
	@$(AS_ROOT) python -m ansible_collections.netpath.symmetry.tests.remedies.states --states $(STATES) --seed $(SEED) $(ARGS)

.PHONY: state-sync
state-sync: setup ## firewall pairs that share state, every mode against every delay: real connections beside our verdict, in about ten minutes
	@$(AS_ROOT) python -m ansible_collections.netpath.symmetry.tests.state_sync.run $(ARGS)

lab-long: setup ## the tests on labs that take longest, which make test leaves out, in about sixteen minutes
	@$(AS_ROOT) python -m pytest tests/lab -q -m long -n 4 --dist loadfile $(ARGS)

lab-up: setup ## build a lab: TOPOLOGY=dual_wan_partner, or another of inventories/lab/topologies
	@$(AS_ROOT) ansible-playbook netpath.symmetry.lab -e topology=$(TOPOLOGY) -e lab_state=present $(ARGS)

lab-down: setup ## remove that lab
	@$(AS_ROOT) ansible-playbook netpath.symmetry.lab -e topology=$(TOPOLOGY) -e lab_state=absent $(ARGS)

bench: setup ## measure, compare, and write build/bench/results.json (ARGS="--only NAME")
	@$(AS_ROOT) python tests/bench/run.py $(ARGS)

clean: ## remove what set-up and tests made here (labs: lab-down; Debian packages stay)
	@$(AS_ROOT) rm -rf build .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .ansible tests/output
