# `make run` and `make test` do everything on a fresh machine; each makes the environment that it needs.
PYTHON ?= python3
DEVICE ?= cuda
OUT ?= build/cuda
LIMIT ?= 480
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
INPUTS := pyproject.toml constraints.txt hatch_build.py

.PHONY: run test lint types format bench cuda-pack cuda docs wheel clean

run: $(VENV)/.run  ## measure the default suite: tables, plots and a report in results/runs/
	$(BIN)/bench run suites/trace.yaml

test: $(VENV)/.test  ## run the tests
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.test  ## style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.test  ## rewrite the sources in the one style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/.bench  ## speed of the harness and of the trace plugin, with the peers that it is compared with
	$(BIN)/python -m pytest tests/benchmarks --benchmark-only --benchmark-columns=min,median,iqr,rounds

cuda-pack:  ## the wheels that a machine with PyTorch but no network lacks: build/cuda-wheels/
	$(PYTHON) tests/cuda/pack.py

cuda:  ## all that needs an accelerator, in eight minutes and without a network; `make cuda-pack` first, where one is
	$(PYTHON) tests/cuda/run.py --device $(DEVICE) --out $(OUT) --limit $(LIMIT)

docs: $(VENV)/.test  ## build the documentation: build/docs/index.html
	$(BIN)/sphinx-build -W -q -b html docs build/docs

wheel: $(VENV)/.test  ## build dist/*.whl
	$(BIN)/python -m build --wheel

clean:
	rm -rf $(VENV) build dist

$(VENV)/.venv:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.run: $(VENV)/.venv $(INPUTS)
	$(PIP) -e .
	touch $@

$(VENV)/.test: $(VENV)/.venv $(INPUTS)
	$(PIP) -e ".[test,dev]"
	touch $@ $(VENV)/.run

$(VENV)/.bench: $(VENV)/.test
	$(PIP) -e ".[test,dev,peers]"
	touch $@
