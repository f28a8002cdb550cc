# Everything runs in .venv, which is made from constraints.txt; nothing else is needed but Python.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VERSIONS := $(shell cat constraints.txt pyproject.toml | cksum | cut -d' ' -f1)
RUNS := $(VENV)/runs-$(VERSIONS)
READY := $(VENV)/ready-$(VERSIONS)
# Two processes; the tests of one file run in the same one, in order.
PYTEST := $(BIN)/python -m pytest -q -n 2 --dist loadgroup
INSTALL := PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test check fast-test torch-sparse bench docs clean

# A small experiment from raw files to a report.
demo: $(RUNS)
	$(BIN)/python scripts/make_demo_data.py
	$(BIN)/mmrec run config_files/demo.yml

# Style, types, imports and all tests, slow ones too.
test: check
	$(PYTEST)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What one runs while writing code.
fast-test: $(READY)
	$(PYTEST) -m "not slow"

# The extra torch-sparse, which has to be compiled (ten minutes), and the tests of what it is for.
torch-sparse: $(READY)
	$(INSTALL) --no-build-isolation --no-deps torch-scatter torch-sparse
	$(PYTEST) -m "not slow" tests/graph tests/models tests/cli/test_cli_doctor.py

# How fast it is, against the usual way to write the same models: a few minutes on a quiet machine.
bench: $(READY)
	$(BIN)/python scripts/benchmarks/bench.py

# The site, in docs/_build/html; a warning is an error.
docs: $(READY)
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

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
