# make demo: the app on http://127.0.0.1:7860. make test: everything a change must pass.
# Both set up .venv themselves; the only things needed beforehand are make and Python 3.11.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: axe help setup demo test check soak bench example space docker clean chromium label-studio

PYTHON := .venv/bin/python
PIP := $(PYTHON) -m pip install -qq --disable-pip-version-check -c constraints.txt
RUNTIME := .venv/.runtime-installed
DEVELOPMENT := .venv/.development-installed
STUBS := $(wildcard stubs/*/pyproject.toml)
HOST ?= 127.0.0.1
PORT ?= 7860

help:
	@echo "make demo    the app on http://$(HOST):$(PORT) (HOST=, PORT= change it)"
	@echo "make setup   .venv with everything for the app, the tests and training"
	@echo "make test    make check, then every test"
	@echo "make check   ruff, mypy, import-linter, the architecture rules"
	@echo "make example a dataset collected from a site on this machine: people who never lived, every step, a minute"
	@echo "make space   build/space: the folder of a Hugging Face Space (docs/hosting.md)"
	@echo "make docker  an image that serves the app on port 7860"
	@echo "make soak    kills, full disks and broken numbers, often (long)"
	@echo "make bench   each benchmark; figures last, one 'name value unit' a line"
	@echo "make clean   remove caches and build leftovers (runs/ and .venv stay)"

setup: $(DEVELOPMENT) chromium axe

.venv/bin/python:
	@command -v python3.11 >/dev/null || { echo "Python 3.11 is needed and no python3.11 was found: install it (Debian 12: apt-get install python3.11 python3.11-venv) and run make again." >&2; exit 1; }
	@python3.11 -m venv .venv || { echo "python3.11 could not make .venv: install its venv module (Debian 12: apt-get install python3.11-venv), delete .venv and run make again." >&2; rm -rf .venv; exit 1; }

# A stamp is written only after pip has finished and found no conflict, so a broken-off install is redone.
$(RUNTIME): requirements.txt constraints.txt $(STUBS) | .venv/bin/python
	@echo "Installing what the app needs into .venv (a few minutes the first time) ..." >&2
	@$(PIP) -r requirements.txt && $(PYTHON) -m pip check >/dev/null
	@touch $@

$(DEVELOPMENT): requirements-dev.txt requirements-curation.txt $(RUNTIME)
	@echo "Installing what the tests and training need into .venv ..." >&2
	@$(PIP) -r requirements-dev.txt && $(PYTHON) -m pip check >/dev/null
	@touch $@

# The browser tests drive Debian's Chromium; without it they are skipped, each saying why.
chromium:
	@command -v chromium >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Debian's Chromium for the browser tests ..." >&2; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1; \
	  fi; \
	  command -v chromium >/dev/null || echo "No chromium here: the browser tests will be skipped. On Debian, as root: apt-get install chromium" >&2; }

# What looks the page over for those who cannot see it; without it that test is skipped, saying why.
AXE := 4.14.1
axe: .venv/axe.min.js
.venv/axe.min.js: | .venv/bin/python
	@{ cd .venv && command -v npm >/dev/null && npm pack --silent axe-core@$(AXE) >/dev/null 2>&1 \
	  && tar xzf axe-core-$(AXE).tgz -O package/axe.min.js > axe.part && mv axe.part axe.min.js && rm axe-core-$(AXE).tgz; } \
	  || echo "No axe-core here (it comes with npm): its test will be skipped." >&2

demo: $(RUNTIME)
	$(PYTHON) app.py --host $(HOST) --port $(PORT)

check: $(DEVELOPMENT)
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo
	@$(PYTHON) -m pytest tests/unit/test_architecture.py

# What measures how long visitors wait runs alone.
ALONE := tests/soak/test_page_load.py
# Threads sleep while they wait: spinning ones take the cores from the servers and browsers that tests talk to.
test: export OMP_WAIT_POLICY ?= passive
test: setup label-studio check
	@$(PYTHON) -m pytest --numprocesses 2 --dist loadfile --ignore $(ALONE)
	@$(PYTHON) -m pytest $(ALONE)

# A server of its own for the tests of labelling; without it they are skipped, each saying why.
label-studio: $(DEVELOPMENT)
	@$(PYTHON) -c "from pathlib import Path; from curation.labelling.server import install; install(Path('.venv-label-studio'), print)" >&2 || echo "Label Studio could not be installed: its tests will be skipped." >&2

example: $(DEVELOPMENT)
	@$(PYTHON) -m tests.example --out example

space: $(RUNTIME)
	@$(PYTHON) -m demo space --out build/space

docker:
	docker build --tag agetrans .

# A twentieth of it is part of make test. The disk that fills up needs root, the kills at single calls need strace.
soak: $(DEVELOPMENT) label-studio
	@SOAK=full $(PYTHON) -m pytest tests/soak tests/labelling/test_kills.py tests/browser/test_labelling.py -v -o log_cli=true -o log_cli_level=INFO

bench: $(DEVELOPMENT) label-studio
	@$(PYTHON) -m benchmarks.aging
	@$(PYTHON) -m benchmarks.generator
	@$(PYTHON) -m benchmarks.generator --isa AVX2 --sizes 256
	@$(PYTHON) -m benchmarks.live
	@$(PYTHON) -m benchmarks.video
	@$(PYTHON) -m benchmarks.marking
	@$(PYTHON) -m benchmarks.training
	@$(PYTHON) -m benchmarks.archive
	@$(PYTHON) -m benchmarks.calibration
	@$(PYTHON) -m benchmarks.duplicates
	@$(PYTHON) -m benchmarks.curation
	@$(PYTHON) -m benchmarks.labelling
	@$(PYTHON) -m benchmarks.load

clean:
	rm -rf .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache .gradio build stubs/*/build stubs/*/*.egg-info
	find . -path ./.venv -prune -o -path ./runs -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
