# Few words: setup, demo, test, lint, notebooks, report, bench, faults, browser-check, lock.
# `make demo` and `make test` each set up everything they need, and are quick the second time.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE
export UV_COMPILE_BYTECODE := 1
export MPLBACKEND := agg
# Small matrices and several workers: BLAS threads would only wait for each other.
export OPENBLAS_NUM_THREADS := 1

BASE_PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python3.14 python; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done)
BIN := .venv/bin
READY := .venv/.ready
WORKERS ?= 2
TRACES ?= ../shared/data

.PHONY: help setup demo test lint notebooks report bench faults browser-check lock docs fit-report clean

help:
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: $(READY) ## the environment in .venv (uv when present, else venv and pip)

$(READY): requirements.lock
	@test -n "$(BASE_PYTHON)" || { echo "costsim needs Python 3.11 or newer on PATH"; exit 1; }
	@if command -v uv >/dev/null; then \
		uv venv -q --clear --python "$$(command -v $(BASE_PYTHON))" .venv; \
		uv pip install -q --python $(BIN)/python --require-hashes -r requirements.lock; \
		uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
		$(BASE_PYTHON) -m venv --clear .venv; \
		$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock; \
		$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi
	@touch $@

demo: $(READY) ## the $40k week, end to end, to one HTML page
	@$(BIN)/costsim demo

test: $(READY) ## every test and doctest, and every notebook at small size
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder tests costsim

lint: $(READY) ## ruff, mypy, the import contract, clean notebooks
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/nbstripout --verify --keep-id --keep-count notebooks/*.ipynb

notebooks: $(READY) ## run every notebook at full size, into runs/notebooks; hold the facts kept in them
	@$(BIN)/python -m costsim.report.notebook --all runs/notebooks
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --nbval-lax notebooks

report: $(READY) ## the committed examples in reports/examples and docs/week.png, made again
	@$(BIN)/costsim demo --out reports/examples/demo.html
	@$(BIN)/costsim report weekly runs/demo --week 2024-W33 --out reports/examples
	@rm -f reports/examples/*.ipynb
	@$(BIN)/costsim report launch surprise-40k --limits flat-caps --recommend --out reports/examples || test $$? -eq 1
	@$(BIN)/python docs/make_figure.py runs/demo

bench: $(READY) ## a table of measured ratios
	@$(BIN)/python -m tests.benchmarks

faults: $(READY) ## a table of what limits do under faults of Redis and of callers
	@$(BIN)/python -m tests.limits.faults

browser-check: $(READY) ## notebook 00 in JupyterLab in a real headless Chromium
	@$(BIN)/python tests/browser/check_lab.py

docs: $(READY) ## the generated reference pages
	@$(BIN)/python -c "from costsim.records.schema import reference; print(reference(), end='')" > docs/record.md
	@$(BIN)/python -c "from costsim.simulation.reference import reference; print(reference(), end='')" > docs/scenario.md

fit-report: $(READY) ## docs/fit.md, from public traces in TRACES (not in this repository)
	@$(BIN)/python -m costsim.simulation.fitting.report $(TRACES) docs/fit.md

lock: ## requirements.lock from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --group dev --extra lab --extra dask --extra redis --extra notify --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --quiet \
		--custom-compile-command "make lock" -o requirements.lock

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache
