# Everything a developer does here, and what continuous integration does, goes through these targets.

PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin

# WITHOUT=postgres,redis leaves out the tests that need a server; SEED changes what they draw; ARGS goes to pytest.
export WITHOUT SEED
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup serve test bench soak lint lock

help: ## Say what can be made.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.ready ## Create .venv with everything the project needs.

serve: setup ## Run Orderloom with demonstration data on PORT (8000).
	$(BIN)/orderloom serve --demo --port $(PORT)

test: lint ## Check the code, then run the tests (WITHOUT=postgres,redis SEED=… ARGS=…).
	$(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

bench: setup ## Measure what we claim about speed.
	@for benchmark in benchmarks/[a-z]*.py; do echo "== $$benchmark"; $(BIN)/python "$$benchmark" || exit 1; done

soak: setup ## Run the tests that take minutes.
	$(BIN)/pytest -m soak tests $(ARGS)

lint: setup ## Check format, style, types and layers.
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: ## Pin and hash the requirements anew (needs uv).
	$(call compile,pyproject.toml,runtime)
	$(call compile,--group build,build)
	$(call compile,pyproject.toml --group dev,dev)

compile = uv pip compile $(1) --output-file requirements/$(2).txt --quiet \
	--universal --python-version 3.11 --constraint requirements/never.in \
	--generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock"

.venv/.ready: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Orderloom needs Python 3.11 or newer; $(PYTHON) is not. Name another: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) cannot create virtual environments. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@if command -v uv >/dev/null; then install="uv pip install --quiet --python $(BIN)/python"; \
	else install="$(BIN)/python -m pip install --quiet --disable-pip-version-check"; fi; set -ex; \
	$$install --require-hashes --requirement requirements/dev.txt; \
	$$install --no-deps --no-build-isolation --editable .
	@touch $@
