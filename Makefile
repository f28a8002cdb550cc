# Everything runs in .venv, which is made from constraints.txt; nothing else is needed but Python.
#
#   make demo             a small experiment, from raw files to a report
#   make test             checks, and all tests but the exhaustive ones: six minutes on two cores
#   make fast-test        the tests that start no processes: a minute and a half
#   make exhaustive-test  the other tests: repeated kills, Ray clusters, the notebook
#   make torch-sparse     builds the extra torch-sparse and runs the tests of what it is for
#   make docs             the site
#   make bench            how fast it is, against the usual way to write the same models
#   make clean            removes .venv, the results and the site
#
# All tests of some files: .venv/bin/python -m pytest -m "" FILE...
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VERSIONS := $(shell cat constraints.txt pyproject.toml | cksum | cut -d' ' -f1)
RUNS := $(VENV)/runs-$(VERSIONS)
READY := $(VENV)/ready-$(VERSIONS)
INSTALL := PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Two processes; the tests of a file, or of a group that measures time, run in the same one.
PYTEST := $(BIN)/python -m pytest -q -n 2 --dist loadgroup

# PyPI has torch-sparse as source, which takes ten minutes to compile: pip keeps the wheels here.
WHEELS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/mmrec-wheels
KIND := $(BIN)/python -c 'import sysconfig as s, torch; \
	print("torch", torch.__version__, "python", s.get_python_version(), s.get_platform(), sep="-")'

.PHONY: demo environment test check fast-test exhaustive-test torch-sparse bench docs clean

demo: $(RUNS)
	$(BIN)/python scripts/make_demo_data.py
	$(BIN)/mmrec run config_files/demo.yml

environment: $(READY)

test: check
	$(PYTEST) $(OPTIONS)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fast-test: $(READY)
	$(PYTEST) -m "not slow and not exhaustive"

exhaustive-test: $(READY)
	$(PYTEST) -m exhaustive

torch-sparse: $(READY)
	$(INSTALL) --no-build-isolation --no-deps --cache-dir "$(WHEELS)/$$($(KIND))" torch-scatter torch-sparse
	$(PYTEST) -m "not slow and not exhaustive" tests/graph tests/models tests/cli/test_cli_doctor.py

# A few minutes on a quiet machine.
bench: $(READY)
	$(BIN)/python scripts/benchmarks/bench.py

# The site, in docs/_build/html; a warning is an error.
docs: $(READY)
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "site: $(CURDIR)/docs/_build/html/index.html"

# What experiments need, with the plots of the report.
$(RUNS):
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mmrec needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable '.[report]'
	rm -f $(VENV)/runs-* $(VENV)/ready-*
	touch $@

# All that the checks, the tests and the site need.
$(READY): $(RUNS)
	$(INSTALL) --editable '.[report,docs,dev]'
	touch $@

clean:
	rm -rf $(VENV) results docs/_build
