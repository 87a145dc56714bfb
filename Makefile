# Holdfast: everything is made from here. `make help` lists the targets.
# Hosts: Debian 12 or 13, root. All building and testing happens in a cached Debian 13 tree ("tools tree").
SHELL := /bin/sh
export HOLDFAST_CACHE ?= /var/cache/holdfast
export PYTHONDONTWRITEBYTECODE := 1
PORT ?= 8006
N ?= 3
FORM ?= yes
export N FORM
BUILD := PYTHONPATH=image-build /usr/bin/python3 -m imagebuild
IN := bin/in-tools

.DEFAULT_GOAL := help
.PHONY: help

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.PHONY: host
host:
	@sh image-build/host-packages.sh

.PHONY: tools
tools: host ## Build the tools tree (a cached Debian 13 root)
	@$(BUILD) tools

.PHONY: check
check: tools ## Lint, types and unit tests (no network, < 90 s)
	@$(IN) ruff check .
	@$(IN) ruff format --check .
	@$(IN) mypy
	@$(IN) python3 -m pytest -q -p no:cacheprovider tests/test_repo.py tests/unit

.PHONY: fmt
fmt: tools ## Format the Python code
	@$(IN) ruff check --fix .
	@$(IN) ruff format .

.PHONY: deb
deb: tools ## Build the Debian packages
	@$(BUILD) deb

.PHONY: repo
repo: tools ## Build the signed APT repository from the packages
	@$(BUILD) repo

.PHONY: api-status
api-status: tools ## Compare our API with the reference's and write docs/status.md
	@$(IN) python3 tests/bin/api-status > build-status.tmp && mv build-status.tmp docs/status.md && sed -n 5p docs/status.md

.PHONY: api-types
api-types: tools ## Write webui's types from our own API declarations
	@$(IN) sh -c 'python3 tests/bin/api-dump | node webui/scripts/api-types.mjs -'

.PHONY: iso
iso: tools ## Build the ISO image (ANSWER=file puts an answer file on it)
	@$(BUILD) iso $(if $(ANSWER),--answer "$(ANSWER)")

.PHONY: run
run: tools ## Install a host from the ISO in a virtual machine and start it (ISO=path, PORT=, SSH_PORT=)
	@$(BUILD) run $(if $(ISO),--iso "$(ISO)")

.PHONY: stop
stop: ## Shut the machine of `make run` down
	@$(BUILD) stop

.PHONY: console
console: ## Serial console of the machine of `make run`
	@$(BUILD) console

.PHONY: dev
dev: tools ## Start one node from the packages in a system container (PORT=)
	@sh image-build/host-packages.sh lxc iproute2
	@$(BUILD) dev

.PHONY: dev-down
dev-down: ## Remove the node of `make dev` (PORT=)
	@$(BUILD) dev-down

.PHONY: cluster
cluster: host-dev tools ## Start N full nodes in system containers and form a cluster of them (N=3, PORT=, FORM=no)
	@$(BUILD) cluster

.PHONY: cluster-down
cluster-down: ## Remove the nodes of `make cluster` (PORT=)
	@$(BUILD) cluster-down

.PHONY: host-dev
host-dev:
	@sh image-build/host-packages.sh lxc iproute2

# A process namespace with a shell on top: libvirt waits until orphans are gone, which takes an init that buries them.
.PHONY: test-contract
test-contract: tools ## Drivers and mounts on real files, loop devices, FUSE and libvirt (root)
	@$(IN) unshare --pid --fork --kill-child --mount-proc \
	  sh -c 'python3 -m pytest -q -p no:cacheprovider tests/contract; exit $$?'

CACHE ?= /var/cache/holdfast
.PHONY: test-storage-vm
test-storage-vm: tools ## Storage drivers on the appliance's kernel in an emulated machine (make iso first)
	@$(IN) sh tests/vm/storage-suite "$$(ls -dt $(CACHE)/image/system-* | head -1)" "$$(ls -dt $(CACHE)/image/base-* | head -1)"

RUNS ?= 1000
SEED ?= 1
.PHONY: test-sim
test-sim: tools ## The replicated store in a simulated cluster with faults, and planted mistakes (RUNS=, SEED=)
	@$(IN) python3 -m pytest -q -p no:cacheprovider tests/simulation
	@$(IN) python3 -m tests.simulation --runs $(RUNS) --seed $(SEED)

# Fewer runs than of the store unless told: `make test` is to stay quick.
HA_RUNS = $(if $(filter-out file,$(origin RUNS)),$(RUNS),300)
.PHONY: test-ha-sim
test-ha-sim: tools ## High availability in simulated clusters with faults, and planted mistakes (RUNS=, SEED=)
	@$(IN) python3 -m pytest -q -p no:cacheprovider tests/simulation_ha
	@$(IN) python3 -m tests.simulation_ha --runs $(HA_RUNS) --seed $(SEED)

TORMENTS ?=
NODES ?=
.PHONY: test-netns
test-netns: tools ## Nodes with real Corosync in namespaces: cables cut, daemons killed, power gone (root; TORMENTS=, NODES=)
	@$(IN) env TORMENTS=$(TORMENTS) NODES=$(NODES) SEED=$(if $(filter command line,$(origin SEED)),$(SEED)) \
	  unshare --pid --fork --kill-child --mount-proc \
	  sh -c 'python3 -m pytest -q -p no:cacheprovider tests/netns; exit $$?'

LOAD_MINUTES ?= 60
.PHONY: test-load
test-load: tools ## Three stores keep their membership while all processors are busy (LOAD_MINUTES=60)
	@$(IN) env LOAD_MINUTES=$(LOAD_MINUTES) unshare --pid --fork --kill-child --mount-proc \
	  sh -c 'python3 -m pytest -q -s -p no:cacheprovider tests/netns/test_full_load.py; exit $$?'

.PHONY: conformance
conformance: tools ## Recorded cases of the shared facts, through tests/bin/conformance-adapter and tests/bin/ha-simulator
	@facts="$${HOLDFAST_SHARED:-../shared}/conformance"; if [ -d "$$facts" ]; then \
	  $(IN) python3 "$$facts/check.py" --adapter tests/bin/conformance-adapter installer access-control schema network-interfaces storage && \
	  for family in 'vm-*' 'ct-*' 'pending-*' 'snapshot-*' 'cloudinit-*' 'restore-*'; do \
	    $(IN) python3 "$$facts/check.py" --adapter tests/bin/conformance-adapter --family "$$family" guest-config || exit 1; \
	  done && \
	  $(IN) tests/bin/conformance-known "$$facts/check.py" qemu-features && \
	  $(IN) python3 "$$facts/ha/check.py" --simulator tests/bin/ha-simulator "$$facts/ha/cases" "$$facts/ha/rules" "$$facts/ha/fence"; \
	else echo "SKIPPED: the shared facts are not here (HOLDFAST_SHARED)"; fi

.PHONY: test-node
test-node: host-dev tools ## One real node from the packages: API, a machine, a container
	@$(BUILD) kernel
	@tests/bin/on-dev-node python3 -m pytest -q -p no:cacheprovider tests/node

.PHONY: test-cluster
test-cluster: host-dev tools ## Three real hosts: a cluster begun, joined, killed, lost, removed, re-added; links, a witness, machines that move
	@$(BUILD) kernel
	@for file in life links qdevice; do \
	  tests/bin/on-cluster python3 -m pytest -v -p no:cacheprovider tests/cluster/test_$$file.py || exit 1; \
	done
	@tests/bin/on-cluster python3 -m pytest -v -p no:cacheprovider tests/cluster/test_migration.py -k "$(MOVES)"

# Of the moves those that nothing stands in the way of; the rest (kills, cut power, limits) takes eight minutes.
MOVES = connection_stays or local_disks

.PHONY: test-migration
test-migration: host-dev tools ## Real hosts from which running guests move away: with disks, interrupted, killed on either side (12 min)
	@$(BUILD) kernel
	@tests/bin/on-cluster python3 -m pytest -v -p no:cacheprovider tests/cluster/test_migration.py tests/cluster/test_moved_containers.py

.PHONY: test-ha
test-ha: host-dev tools ## Three real hosts with guests that are looked after: killed, cut off, lost, frozen, moved (25 min)
	@tests/bin/on-cluster python3 -m pytest -v -p no:cacheprovider tests/cluster/test_ha.py tests/cluster/test_ha_balance.py tests/cluster/test_ha_faults.py

MINUTES ?= 30
.PHONY: fuzz
fuzz: host-dev tools ## schemathesis against one real node, with new cases each time (MINUTES=30)
	@FUZZ_SEED=$$(date +%s) FUZZ_SECONDS=$$(( $(MINUTES) * 60 )) tests/bin/on-dev-node python3 -m pytest -q -p no:cacheprovider tests/node/test_schemathesis.py

.PHONY: kernel
kernel: tools ## Build the kernel pair (ZFS modules; cached for each kernel)
	@$(BUILD) kernel

.PHONY: template
template: tools ## Build the container template that is on the ISO
	@$(BUILD) template

.PHONY: test-smoke
test-smoke: tools ## The ISO starts from both firmwares, as a disc and as a USB stick; it installs, the host starts
	@$(BUILD) test-images --smoke
	@$(IN) python3 -m pytest -v -p no:cacheprovider tests/vm/test_medium.py \
	  "tests/vm/test_install.py::test_installed_host_starts_and_lets_root_in[lvm-bios]"

.PHONY: test-vm
test-vm: tools ## Installations, boots, guests, upgrades in virtual machines (long without KVM)
	@$(BUILD) test-images
	@$(IN) python3 -m pytest -v -p no:cacheprovider tests/vm

.PHONY: test-ui-large
test-ui-large: tools ## The web page with 5,000 guests, its times and memory judged (on an idle machine)
	@$(IN) env TIMED=1 tests/ui/run $(CURDIR)/tests/ui/large.test.mjs

.PHONY: ui-pictures
ui-pictures: tools ## Pictures of the page's main views, from its tests on the mock, into docs/img
	@$(IN) env HOLDFAST_DOC_PICTURES=$(CURDIR)/docs/img tests/ui/run --test-name-pattern="scrolls sideways" \
		$(CURDIR)/tests/ui/views.test.mjs $(CURDIR)/tests/ui/datacenter.test.mjs

.PHONY: test-ui
test-ui: test-ui-node test-ui-cluster ## All of the web page in Chromium, on real hosts and on a mock, at both widths

.PHONY: test-ui-node
test-ui-node: host-dev tools ## The part of it that CI runs: the walks on a real node at 1440 pixels, all views on a mock
	@tests/bin/on-dev-node tests/ui/run

WALKS = walking people second_factor guests_walk
.PHONY: test-ui-cluster
test-ui-cluster: host-dev tools ## The web page in Chromium on three real hosts that join, move a machine, lose one; all walks on a phone
	@tests/bin/on-cluster tests/ui/run $(CURDIR)/tests/ui/cluster_walk.test.mjs
	@HOLDFAST_UI_SIZE=phone tests/bin/on-dev-node tests/ui/run $(WALKS:%=$(CURDIR)/tests/ui/%.test.mjs)

.PHONY: verify
verify: ## Run every test target; commit, command, result and time go to the cache's verify.log
	@tests/bin/verify $(TARGETS)

.PHONY: test
test: ## All that CI runs (the long rest of virtual machines: test-vm, part of verify)
	@tests/bin/verify check test-sim test-ha-sim test-contract test-netns conformance deb test-node test-cluster test-ui-node iso test-smoke

.PHONY: clean
clean: ## Remove what builds left in the checkout (the cache stays)
	rm -rf build .mypy_cache .ruff_cache webui/dist
	find . -name __pycache__ -prune -exec rm -rf {} +
