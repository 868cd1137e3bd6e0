PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# The CPU build where an index offers it; a CUDA build that is already installed is kept.
TORCH ?= torch==2.13.0

.PHONY: demo test test-data test-gpu test-browser lint record bench docs clean

demo: $(INSTALLED)
	$(BIN)/litho-dl demo --out demo

test: $(INSTALLED)
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not data and not slow and not gpu"

test-data: $(INSTALLED)
	$(BIN)/python -m pytest -m "data or slow"

test-gpu: $(INSTALLED)
	$(BIN)/python -m pytest -m gpu

test-browser: $(INSTALLED)
	$(BIN)/python -m pytest -m browser

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

record: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python scripts/record_quality.py

bench: $(INSTALLED)
	$(BIN)/python scripts/benchmark.py

docs: $(INSTALLED)
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

$(INSTALLED): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -c "import torch" 2>/dev/null || $(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) demo build docs/_build docs/generated *.egg-info
