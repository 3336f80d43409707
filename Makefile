# `make run` and `make test` do everything on a fresh machine; each makes the environment that it needs.
PYTHON ?= python3
DEVICE ?= cuda
OUT ?= build/cuda
LIMIT ?= 480
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
INPUTS := pyproject.toml constraints.txt hatch_build.py

SECONDS ?= 300
ifndef SEED
SEED := $(shell date +%s)
endif

.PHONY: run test test-all test-shuffled fuzz lint types format peers test-peers bench cuda-pack cuda site reference docs \
	wheel clean

run: $(VENV)/.run  ## measure the default suite: the answer, and a report in results/runs/
	$(BIN)/bench run suites/trace.yaml

PYTEST := $(BIN)/python -X utf8 -m pytest -n auto --dist loadfile --no-loadscope-reorder

test: $(VENV)/.test  ## run the tests: the same examples in the same order at every run
	PYTHONHASHSEED=0 $(PYTEST)

test-all: $(VENV)/.test  ## the same, and what takes long: whole runs that are killed, clusters, the larger plugins
	PYTHONHASHSEED=0 $(PYTEST) -m "nightly or not nightly"

test-shuffled: $(VENV)/.test  ## run the tests in another order, and with other orders of sets: SEED=1
	PYTHONHASHSEED=$(SEED) $(PYTEST) --random-order-seed=$(SEED)

fuzz: $(VENV)/.test  ## property tests with new examples: SECONDS=300, from SEED=… on
	$(BIN)/python tests/fuzz.py $(SECONDS) $(SEED)

lint: $(VENV)/.test  ## style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.test  ## rewrite the sources in the one style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

peers:  ## the published libraries, pinned, in an environment of their own: $(VENV)-peers
	$(MAKE) VENV=$(VENV)-peers $(VENV)-peers/.peers

test-peers: peers  ## the libraries as estimators, and the scripts in examples/defects
	$(VENV)-peers/bin/python -m pytest tests/peers

bench: peers  ## speed of the harness and of the plugins, with the peers that they are compared with
	$(VENV)-peers/bin/python -m pytest tests/benchmarks --benchmark-only --benchmark-columns=min,median,iqr,rounds

cuda-pack:  ## the wheels that a machine with PyTorch but no network lacks: build/cuda-wheels/
	$(PYTHON) tests/cuda/pack.py

cuda:  ## all that needs an accelerator, in eight minutes and without a network; `make cuda-pack` first, where one is
	$(PYTHON) tests/cuda/run.py --device $(DEVICE) --out $(OUT) --limit $(LIMIT)

site: $(VENV)/.run  ## the pages of all published runs, from the tables that are kept: build/site/index.html
	$(BIN)/bench publish -q $(filter-out %/selftest/,$(dir $(wildcard results/published/*/table.parquet))) -o build/site

reference: $(VENV)/.run  ## measure every suite anew and publish it, in hours, from one commit; goes on where it was stopped
	$(BIN)/python results/reference.py $(SUITES)

docs: $(VENV)/.test  ## build the documentation beside that of other versions: build/docs/index.html
	$(BIN)/sphinx-build -W -q -b html docs "build/docs/$$($(BIN)/python -c 'import importlib.metadata as m; print(m.version("estibench"))')"
	$(BIN)/python docs/versions.py build/docs

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

# Without what the libraries ask for: some name an old torch. What they need is in the list, or in constraints.txt.
$(VENV)/.peers: $(VENV)/.test constraints-peers.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r constraints-peers.txt
	touch $@
