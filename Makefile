# Two commands for a newcomer. Each does all of its own set-up and needs only
# Python >= 3.11 with pip, make, and a package index.
#
#   make demo   a proposal on disk, a spectrum measured from it, a report as HTML and PDF
#   make test   lint, types, layers and all tests

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
UV := .cache/uv/bin/uv
BIN := .venv/bin

# uv does not read pip's configuration: hand it the index that pip would use.
INDEX := $(or $(PIP_INDEX_URL),$(shell $(PYTHON) -m pip config get global.index-url 2>/dev/null))
ifneq ($(INDEX),)
export UV_DEFAULT_INDEX := $(INDEX)
endif
export UV_PYTHON_DOWNLOADS := never

.PHONY: demo test system
.DEFAULT_GOAL := demo

demo: .venv/.ready
	$(BIN)/beambook demo demo

test: .venv/.ready system
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# What the tests use of the system: a real Slurm, started by them without root, and
# sandboxes and images of frozen software. Only the packages need root; where they are
# not and cannot be installed, their tests are skipped.
SYSTEM := slurm-wlm munge bubblewrap squashfs-tools squashfuse
system:
	@PATH=$$PATH:/usr/sbin; for each in slurmctld munged bwrap mksquashfs squashfuse; do \
		command -v $$each >/dev/null || missing=1; done; test -z "$$missing" || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		mkdir -p .cache; echo "Installing $(SYSTEM) ..."; \
		(apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $(SYSTEM)) \
			>.cache/system-install.log 2>&1 || echo "They could not be installed (.cache/system-install.log): their tests will be skipped"; \
	else echo "Not all of $(SYSTEM) are here: tests that need them will be skipped"; fi

# The environment, exactly as the lock file has it; hashes are checked.
.venv/.ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "beambook needs Python 3.11 or newer; say which: make PYTHON=/path/to/python3"; exit 2; }
	@$(PYTHON) -m pip --version >/dev/null || { echo "beambook needs pip for $(PYTHON): install your system's python3-pip"; exit 2; }
	@test -x $(UV) || { echo "Getting uv ..."; PIP_USER=0 $(PYTHON) -m pip install -q --disable-pip-version-check --root-user-action=ignore --target .cache/uv uv==0.13.9; }
	@echo "Installing into .venv ..."
	@$(UV) venv -q --clear --python $(PYTHON) .venv
	@$(UV) pip sync -q --python .venv --require-hashes requirements.lock
	@$(UV) pip install -q --python .venv --no-deps --editable .
	@touch $@
