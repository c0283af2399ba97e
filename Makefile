# Everything a developer needs; only Python 3.11 or later and make have to be there.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes
EXPLORER := graph/explorer/static/manifest.json
# Audits by other people's clients, where Node.js is there to run them.
AUDITS := $(if $(shell command -v npm),tests/node/node_modules/.package-lock.json)
# The widest resolution: what it finds installs on Linux and macOS, from Python 3.11 on.
RESOLVE := build/uv/bin/uv pip compile --quiet --upgrade pyproject.toml --extra tracing --universal \
	--python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock"

unexport PYTHONDONTWRITEBYTECODE  # byte code halves the start of every command

.PHONY: run test check ready lint all-tests storms bench format lock explorer

run:  ## the gateway with demo data, reloading when the source changes
	@$(MAKE) -s -j2 -k $(BIN)/gateway explorer || \
		{ $(MAKE) -s $(BIN)/gateway && echo "It starts without its explorer."; }
	@$(BIN)/gateway dev

test: .venv/.tested  ## the quick tests, without walks, servers and browsers, on the embedded PostgreSQL
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder \
		-m "not processes and not exhaustive and not slow"

check:  ## everything that must hold before a change is merged
	@$(MAKE) -s ready
	@$(MAKE) -j2 lint all-tests

ready:  ## all that `check` needs, without a check
	@$(MAKE) -s -j3 .venv/.tested $(AUDITS) explorer

lint: .venv/.tested  ## linters, types and contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

all-tests: .venv/.tested  ## every test, with walks, servers and browsers
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

storms: .venv/.tested  ## the storms of many clients at their full size, which `check` runs smaller
	$(BIN)/python -m pytest -m storm --full

bench: .venv/.tested  ## measure the gateway beside its peers, in half an hour or more
	$(BIN)/python -m bench

format: .venv/.tested  ## write the source the way `make check` wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

explorer: $(EXPLORER)  ## the browser's part of the explorer

lock: build/uv/bin/uv  ## pin the newest versions that pyproject.toml allows
	$(RESOLVE) --extra test --output-file requirements-test.lock
	$(RESOLVE) --constraint requirements-test.lock --output-file requirements.lock

$(EXPLORER): .venv/.made $(wildcard graph/explorer/*.* graph/explorer/src/*)
	@$(BIN)/python -m graph.explorer.build
	@touch $@

$(AUDITS): tests/node/package-lock.json
	@cd tests/node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# The virtual environment consists of file targets: made once, and again when a lock changes.

.venv/.made:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed; none was found."; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv || \
		{ echo "Python cannot make the environment. On Debian: apt-get install python3-venv"; exit 1; }
	@touch $@

.venv/.ready: requirements.lock .venv/.made
	@echo "Installing the gateway's packages into .venv (about 20 seconds, once) ..."
	@$(INSTALL) -r requirements.lock
	@touch $@

.venv/.tested: requirements-test.lock $(BIN)/gateway
	@echo "Installing the tools for tests into .venv ..."
	@$(INSTALL) -r requirements-test.lock
	@touch $@

# A starter in place of an installed package: the source here is what runs, from any directory.
$(BIN)/gateway: .venv/.ready
	@printf '%s\n' '#!/bin/sh' 'root=$$(cd "$$(dirname "$$0")/../.." && pwd)' \
		'PYTHONPATH="$$root" exec "$$root/.venv/bin/python" -m graph.cli "$$@"' > $@
	@chmod +x $@

build/uv/bin/uv:
	@$(PYTHON) -m venv build/uv
	@build/uv/bin/python -m pip install --quiet --disable-pip-version-check uv
