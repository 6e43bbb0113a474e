# `make run` and `make test` work on a fresh clone with Python 3.11 and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests start dozens of processes; without this each would compile our modules again.
export PYTHONDONTWRITEBYTECODE :=
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help run test check soak scenarios bench clean

help:  ## Say what can be made.
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/'

$(VENV)/.run: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Peerwatt into $(VENV) (once; about a minute)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	@echo "Installing the test tools (once)"
	@$(PIP) --editable '.[test]'
	@touch $@

run: $(VENV)/.run  ## Play the village's hour and write its report.
	@$(BIN)/peerwatt run scenarios/village.yaml

check: $(VENV)/.test  ## Lint, types and import layers.
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/lint-imports > .lint-imports.log 2>&1 || { cat .lint-imports.log; exit 1; }
	@$(BIN)/mypy

# Property tests draw the same examples every time here, so a red commit is red for its own change;
# `make soak` draws new ones, and plays the benchmarks too.
test: check  ## Everything that must hold, in about ten minutes on two cores.
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not soak and not hardware" --ignore=tests/bench --hypothesis-profile=quick

soak: $(VENV)/.test  ## What takes longer, and property tests with new examples.
	@$(BIN)/python -m pytest -q -m "not hardware"

scenarios: $(VENV)/.test  ## Play the shipped scenarios as a CI does.
	@$(BIN)/python -m pytest -q scenarios/ -n 2 --dist loadgroup --peerwatt-out results/runs --junitxml results/runs/junit.xml

bench: $(VENV)/.test  ## Benchmarks, peers beside ours.
	@$(BIN)/python -m pytest -q tests/bench --benchmark-enable --benchmark-only -s

clean:  ## Remove the environment and caches.
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .benchmarks .lint-imports.log
