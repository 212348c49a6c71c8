# make run and make test need nothing but python3 and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RUN    := $(VENV)/.run-ready
DEV    := $(VENV)/.dev-ready

.PHONY: run test check wheel simulate mutants benchmarks screenshots clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(RUN): $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(DEV): $(RUN)
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

run: $(RUN) ## the console on sandbox providers; without a terminal: run the main job once and print the report
	@if [ -t 0 ] && [ -t 1 ]; then exec $(BIN)/provider-console demo; else exec $(BIN)/provider-console demo --headless; fi

test: $(DEV) ## every test, the simulation's histories included
	$(BIN)/python -m pytest --numprocesses auto

check: $(DEV) ## format, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

wheel: $(DEV) ## build the wheel into dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

simulate: $(DEV) ## more histories: make simulate SEEDS=20000, or one: SEED=17
	$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),20000))

mutants: $(DEV) ## plant each known bug and see that the histories catch it
	$(BIN)/python -m tests.simulation.mutants

benchmarks: $(RUN) ## overhead against peers (installs them in a venv of their own)
	$(MAKE) -C benchmarks

screenshots: $(DEV) ## the pictures of the documentation, from the workflows of the tests (needs Chromium)
	$(BIN)/python -m tests.tui.pictures docs/pictures $(NAMES)

clean: ## remove what was built
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache
