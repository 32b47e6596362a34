# `make` alone explains itself. Everything that is installed goes to .venv, from the lock files.

PYTHON ?= python3
ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input
# pip compiles on one processor what it installs; this does on all, and leaves out what packages hold as their own tests.
# Without, every call would compile what it imports where Python may write no bytecode, and tests would take the warnings
# of compilers for errors.
COMPILE := $(PY) -W ignore -m compileall -q -j 0 -x 'site-packages/.*/tests?/' $(VENV)/lib > /dev/null || true
INSTALL := $(PIP) install --quiet --no-compile
LOCK := uv pip compile pyproject.toml --group build --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run ui bench faults test fuzz mutants check format lock clean

help: ## explain these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo "  Options of a command go in ARGS: make run ARGS='--set simulation.borrowers=5000'"
	@echo "  Another interpreter (3.11 or newer) goes in PYTHON: make run PYTHON=python3.12"

run: $(VENV)/run.stamp ## the main job: simulate a lender, train both models, explain, write the report
	$(PY) -m workbench run $(ARGS)

ui: $(VENV)/run.stamp ## serve MLflow's pages on what was run; prints the link to open
	$(PY) -m workbench ui $(ARGS)

bench: $(VENV)/bench.stamp ## measure speed and memory as ratios, three minutes (ARGS=--full: an hour)
	$(PY) -m workbench bench $(ARGS)

faults: $(VENV)/dev.stamp ## kill calls, fill disks, share a home: what was lost (docs/reliability.md)
	$(PY) -m tests.faults $(ARGS)

# Files in their own order: by the number of their tests, those that take long with few would come last, one after the other.
test: $(VENV)/dev.stamp ## run the tests
	$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

fuzz: $(VENV)/dev.stamp ## look for what readers of files choke on, ten minutes each (ARGS=MINUTES)
	$(PY) -m tests.fuzzing $(ARGS)

mutants: $(VENV)/dev.stamp ## change the code, see whether tests notice: hours (ARGS='policy --sample 100': minutes)
	$(PY) -m tests.mutants $(ARGS)

check: $(VENV)/dev.stamp ## lint, check the format and the types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: $(VENV)/dev.stamp ## put the code into its format, mend what lint can mend
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

lock: ## write all lock files anew from pyproject.toml (needs uv; ARGS=--upgrade for newer versions)
	@command -v uv > /dev/null || { echo "make lock needs uv: install it, then call again." >&2; exit 2; }
	$(LOCK) $(ARGS) --output-file requirements.lock
	$(LOCK) $(ARGS) --extra dask --group dev --constraint requirements.lock --output-file requirements-dev.lock
	$(LOCK) $(ARGS) --extra dask --group bench --constraint requirements.lock --output-file requirements-bench.lock

clean: ## remove the installation and all caches; results in artifacts/ stay
	rm -rf $(VENV) build dist mutants *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find data features models training explanations scoring stages commands tests -name __pycache__ -prune -exec rm -rf {} +

$(PY):
	@command -v $(PYTHON) > /dev/null \
		|| { echo "There is no $(PYTHON): install Python 3.11 or newer, or name it: make PYTHON=…" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is $$($(PYTHON) --version 2>&1), but Python 3.11 or newer is needed:" \
			"name one: make PYTHON=…" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null \
		|| { echo "$(PYTHON) cannot make virtual environments: install its venv module" \
			"(Debian: apt-get install python3-venv), then call again." >&2; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)

# The locks for development and for benchmarks hold everything that the first holds, in the same versions.
$(VENV)/run.stamp: requirements.lock pyproject.toml $(PY)
	@echo "Installing what releasegap needs into $(VENV) (some minutes the first time) …"
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(COMPILE)
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock pyproject.toml $(PY)
	@echo "Installing what releasegap and its development need into $(VENV) (some minutes the first time) …"
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@$(COMPILE)
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $(VENV)/run.stamp $@

$(VENV)/bench.stamp: requirements-bench.lock pyproject.toml $(PY)
	@echo "Installing what releasegap and its benchmarks need into $(VENV) (some minutes the first time) …"
	@$(INSTALL) --require-hashes -r requirements-bench.lock
	@$(COMPILE)
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $(VENV)/run.stamp $@
