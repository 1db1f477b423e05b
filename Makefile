# `make help` lists what there is. Everything runs in .venv, which is made on first use.
# PYTHON is the first of these that is new enough; `make learn PYTHON=/path/to/python` names another one.
new_enough := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	  $$python $(new_enough) 2>/dev/null && echo $$python && break; done)
VENV   := .venv
BIN    := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PORT   ?= 8888

# Two-thread BLAS stalls on a busy machine, and results should not depend on the number of cores.
ONE_THREAD := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1

# Two processes, each with a file of tests at a time: half the minutes, also on two cores.
TWO := -n 2 --dist loadfile

# JupyterLab refuses to run as root unless told; in a container one often is.
ROOT_OPTION := $(if $(filter 0,$(shell id -u 2>/dev/null)),--allow-root)

.DEFAULT_GOAL := help
.PHONY: help learn test test-all versions journey notebooks lone site bench lint teach clean
.DELETE_ON_ERROR:

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

learn: $(VENV)/installed  ## open the course in JupyterLab, on lesson 00 (PORT=8888, LAB_OPTIONS=--no-browser)
	$(BIN)/python -m jupyter lab --port=$(PORT) --ServerApp.root_dir="$(CURDIR)" --LabApp.news_url= \
	  --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb $(ROOT_OPTION) $(LAB_OPTIONS)

test: $(VENV)/installed  ## run every test that this machine can run; what is skipped is named, with the reason
	$(ONE_THREAD) $(BIN)/python -m pytest $(TWO)

test-all: $(VENV)/installed  ## install frameworks and browser too and run every test; a skipped test is a failure
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-frameworks.txt
	@for browser in chromium chromium-browser google-chrome; do command -v $$browser >/dev/null && exit; done; \
	  $(BIN)/python -m playwright install --with-deps chromium
	$(ONE_THREAD) NNLIB_NO_SKIP=1 $(BIN)/python -m pytest $(TWO)

versions: $(VENV)/installed  ## run the tests on the oldest and the newest packages, on every Python here (ONLY=3.12-newest)
	$(BIN)/python tests/versions.py $(ONLY) $(if $(OPTIONS),-- $(OPTIONS))

journey: $(VENV)/installed  ## go through the lessons as learners do: wrong answers, restarts, capstone (OPTIONS="--seed 1 04")
	$(ONE_THREAD) $(BIN)/python tests/journey.py $(OPTIONS)

notebooks: $(VENV)/installed  ## execute the notebooks afresh and store their outputs (ONLY=04 for one; REPO=owner/name only stamps the address)
	$(BIN)/python notebooks/execute.py $(if $(REPO),--repo $(REPO),$(ONLY))

lone: $(VENV)/installed  ## run each notebook alone in an empty folder, where it installs nnlib, also on what Colab has (ONLY=04)
	$(BIN)/python tests/lone.py $(ONLY)

site: $(VENV)/installed  ## publish the lessons, as they are stored, as a web site in build/site
	@mkdir -p build
	@sed -n '/^# the site/,$$p' requirements-frameworks.txt > build/requirements-site.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r build/requirements-site.txt
	$(BIN)/python notebooks/site/build.py
	@echo "open build/site/index.html"

bench: $(VENV)/installed  ## measure speed, write data/timings.json (12 minutes; close other programs; OPTIONS=--quick)
	$(BIN)/python tests/benchmarks/bench.py $(OPTIONS)

lint: $(VENV)/installed  ## check and format code and notebooks with ruff
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

teach: $(VENV)/installed  ## build student and answers editions, SVG figures, plans and quiz into build/teach (5 minutes; ONLY=04)
	$(BIN)/python notebooks/teach/build.py $(ONLY)

clean:  ## remove the virtual environment
	rm -rf $(VENV)

# The stamp is made last: an install that was interrupted starts again, and repairs what it left.
$(VENV)/installed: requirements.txt pyproject.toml
	@$(or $(PYTHON),false) $(new_enough) || \
	  { echo "Python 3.11 or newer is needed; name one: make learn PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "Python's venv is missing; on Debian and Ubuntu: sudo apt install $(notdir $(PYTHON))-venv" >&2; exit 1; }
	@echo "Installing into $(VENV); the first time this takes a minute or two."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@
