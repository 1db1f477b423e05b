# `make help` lists what there is. Everything runs in .venv, which is made on first use.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PORT   ?= 8888

# Two-thread BLAS stalls on a busy machine, and results should not depend on the number of cores.
TESTENV := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 TQDM_DISABLE=1

.DEFAULT_GOAL := help
.PHONY: help learn test test-all notebooks bench lint clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

learn: $(VENV)/installed  ## open the course in JupyterLab, on lesson 00 (PORT=8888, LAB_OPTIONS=--no-browser)
	$(BIN)/jupyter lab --port=$(PORT) --LabApp.news_url='' $(LAB_OPTIONS) notebooks/00_start_here.ipynb

test: $(VENV)/installed  ## run every test that this machine can run; what is skipped is named, with the reason
	$(TESTENV) $(BIN)/python -m pytest

test-all: $(VENV)/installed  ## install the frameworks too and run every test; a skipped test is a failure
	$(BIN)/python -m pip install --quiet -r requirements-frameworks.txt
	$(TESTENV) NNLIB_NO_SKIP=1 $(BIN)/python -m pytest

notebooks: $(VENV)/installed  ## execute the notebooks afresh and store their outputs (ONLY=04 for one)
	$(TESTENV) $(BIN)/python notebooks/execute.py $(ONLY)

bench: $(VENV)/installed  ## measure speed and write data/timings.json
	env -u OPENBLAS_CORETYPE OPENBLAS_NUM_THREADS=1 $(BIN)/python tests/benchmarks/bench.py

lint: $(VENV)/installed  ## check and format code and notebooks with ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove the virtual environment
	rm -rf $(VENV)

$(VENV)/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "Python's venv is missing; on Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@
