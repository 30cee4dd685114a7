# What people do with the vault. Each target sets up what it needs; `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes --only-binary :all:

.DEFAULT_GOAL := help
.PHONY: help run test check bench lock clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12 run")'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo "Installing the vault's libraries into .venv (once) ..."
	@$(PIP) -r requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	@echo "Installing what tests and checks need into .venv (once) ..."
	@$(PIP) -r requirements-dev.txt
	@touch $@

.venv/installed-bench: requirements-bench.txt .venv/installed-dev
	@$(PIP) -r requirements-bench.txt
	@touch $@

run: .venv/installed ## start the vault on this machine; PORT=8000
	@exec $(BIN)/python -m vault.run

test: .venv/installed-dev ## install the servers that tests need, start them, run every test; ARGS="-k upload"
	@$(BIN)/python -m tests.services.install
	@exec $(BIN)/python -m tests.services.run -- $(BIN)/python -m tests.everything $(ARGS)

check: .venv/installed-dev ## format, lint, types, import rules, Django's checks, schema migrations
	@exec $(BIN)/python -m tests.check

bench: .venv/installed-bench ## measure against peers; a table and JSON lines
	@exec $(BIN)/python -m benchmarks $(ARGS)

lock: .venv/installed-dev ## pin every dependency again, with hashes
	@for set in "" "--extra clouds" "--extra dev" "--extra dev --extra bench"; do \
	  out=requirements$$(echo "$$set" | grep -oE '[a-z]+$$' | sed 's/^/-/').txt; \
	  $(BIN)/uv pip compile pyproject.toml --quiet --generate-hashes --universal --python-version 3.11 $$set -o $$out || exit 1; \
	done

clean: ## remove what was built; never data or keys
	@rm -rf .venv var/staticfiles .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage .coverage.*
