# Everything a user or a developer runs. `make compare` and `make test` do all set-up themselves.
#
#   PYTHON=python3.12        the interpreter .venv is made with (3.11 or newer)
#   PIP_ARGS='...'           handed to pip, e.g. --extra-index-url https://download.pytorch.org/whl/cpu
#   ARGS='...'               handed to `rectifiers compare`, to pytest or to the benchmark

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Bytecode is made where it is used and then kept, whatever the environment says: packages have twenty times as much.
PIP := $(BIN)/python -m pip install --quiet --no-compile $(PIP_ARGS)
export PYTHONDONTWRITEBYTECODE :=
SET_UP := $(VENV)/.set-up
SET_UP_DEV := $(VENV)/.set-up-dev
SET_UP_TEST := $(VENV)/.set-up-test
SET_UP_BENCH := $(VENV)/.set-up-bench
SET_UP_EXAMPLES := $(VENV)/.set-up-examples
SET_UP_RAY := $(VENV)/.set-up-ray
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev compare test test-ray test-examples architectures lint types contract docs wheel stubs claims poster differences statistics bench gpu-check bench-study bench-scale bench-tuning bench-watch clean

help:  ## what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(SET_UP)  ## .venv with the package installed under constraints.txt

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "rectifiers needs Python 3.11 or newer, got $$($(PYTHON) --version): set PYTHON=python3.11 or later"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(SET_UP): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) "torch==$$(sed -n 's/^torch==//p' constraints.txt)"
	$(PIP) --editable '.[test]'
	@touch $@

setup-dev: $(SET_UP_DEV)

$(SET_UP_DEV): $(SET_UP)
	$(PIP) --editable '.[dev]'
	@touch $@

compare: $(SET_UP)  ## which activation should this network use? prints the verdict, writes runs/*/report.html
	$(BIN)/rectifiers compare $(ARGS)

# One process makes the bytecode of what the tests load, which else each of theirs would make.
$(SET_UP_TEST): $(SET_UP)
	@echo "reading the tests for the first time"
	@$(BIN)/python -m pytest --collect-only --quiet >/dev/null
	@touch $@

test: $(SET_UP_TEST)  ## the whole suite
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal --ignore tests/architectures $(ARGS)

test-ray: $(SET_UP_RAY)  ## studies on several nodes of Ray (on this machine)
	$(BIN)/python -m pytest tests/ray tests/contracts/test_runners.py -k ray $(ARGS)

$(SET_UP_RAY): $(SET_UP)
	$(PIP) --editable '.[ray]'
	@touch $@

architectures: $(SET_UP_EXAMPLES)  ## swap the activations of real architectures, built without weights
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal tests/architectures $(ARGS)

lint: $(SET_UP_DEV)  ## ruff: style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(SET_UP_DEV)  ## mypy --strict
	$(BIN)/mypy

contract: $(SET_UP_DEV)  ## import-linter: imports point one way
	$(BIN)/lint-imports

docs: $(SET_UP_DEV)  ## the documentation into site/, strictly
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

wheel: $(SET_UP_DEV)  ## build the wheel and run the smoke test against it, not against src/
	rm -rf dist build/wheel
	$(BIN)/python -m build --wheel --outdir dist >build.log 2>&1 || { cat build.log; exit 1; }
	@rm -f build.log
	$(PIP) --no-deps --target build/wheel dist/*.whl
	PYTHONPATH=$(CURDIR)/build/wheel RECTIFIERS_EXPECTED_ROOT=$(CURDIR)/build/wheel \
	  $(BIN)/python -m pytest -m wheel -p no:cacheprovider

stubs: $(SET_UP)  ## regenerate the type stubs that are derived from the activations
	$(BIN)/python tools/write_stubs.py

differences: $(SET_UP)  ## regenerate the page of what differs from torch on purpose
	$(BIN)/python tools/write_differences.py

claims: $(SET_UP)  ## every claim at quick scale (minutes): does it come out as on record?
	$(BIN)/python -m pytest -m claims --numprocesses auto --maxschedchunk 1 tests/claims $(ARGS)

poster: $(SET_UP)  ## draw the README's list of claims from the records
	$(BIN)/python tools/write_poster.py

statistics: $(SET_UP)  ## simulate coverage, false alarms and power; writes benchmarks/STATISTICS.md
	$(BIN)/python benchmarks/simulate_evidence.py

bench: $(SET_UP)  ## time and memory of the activations beside torch's own; writes benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks.activations $(ARGS)

$(SET_UP_EXAMPLES): $(SET_UP)
	$(PIP) --editable '.[examples]'
	@touch $@

test-examples: $(SET_UP_EXAMPLES)  ## run examples/: Lightning, Hugging Face, skorch, Keras, scikit-learn, plain PyTorch
	$(BIN)/python -m pytest examples --numprocesses 2 $(ARGS)

gpu-check: $(SET_UP)  ## tests, timings and thresholds on a GPU, in 8 minutes at most; writes benchmarks/RESULTS-CUDA.md
	$(BIN)/python -m benchmarks.gpu_check $(ARGS)

$(SET_UP_BENCH): $(SET_UP)
	$(PIP) --editable '.[bench]'
	@touch $@

bench-study: $(SET_UP_BENCH)  ## whole studies beside a loop by hand, Optuna, Ray Tune; writes benchmarks/STUDY.md
	$(BIN)/python -m benchmarks.study $(ARGS)

bench-scale: $(SET_UP_BENCH)  ## a store of 100,000 trials, and trials a second of each runner; writes benchmarks/SCALE.md
	$(BIN)/python -m benchmarks.scale $(ARGS)

bench-tuning: $(SET_UP)  ## what choosing rates costs against the whole grid; writes benchmarks/TUNING.md
	$(BIN)/python benchmarks/tuning.py $(ARGS)

bench-watch: $(SET_UP_BENCH)  ## what `watch` costs beside its peers (minutes); writes benchmarks/WATCH.md
	$(BIN)/python benchmarks/watch_overhead.py $(ARGS)

clean:  ## remove what was made (not .venv, not runs/)
	rm -rf build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
