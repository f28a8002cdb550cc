# Everything runs in .venv, which is made from constraints.txt; nothing else is needed but Python.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready-$(shell cat constraints.txt pyproject.toml | cksum | cut -d' ' -f1)

.PHONY: demo test check fast-test bench docs clean

# A small experiment from raw files to a report.
demo: $(READY)
	$(BIN)/python scripts/make_demo_data.py
	$(BIN)/mmrec run config_files/demo.yml

# Style, types, imports and all tests, slow ones too.
test: check
	$(BIN)/python -m pytest -q

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What one runs while writing code.
fast-test: $(READY)
	$(BIN)/python -m pytest -q -m "not slow"

# How fast it is, against the usual way to write the same models: a few minutes on a quiet machine.
bench: $(READY)
	$(BIN)/python scripts/benchmarks/bench.py

# The site, in docs/_build/html; a warning is an error.
docs: $(READY)
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

$(READY):
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mmrec needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--editable '.[report,docs,dev]'
	rm -f $(VENV)/ready-*
	touch $@

clean:
	rm -rf $(VENV) results docs/_build
