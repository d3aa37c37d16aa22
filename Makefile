# `make` lists the targets. Paths are relative and programs run as `python -m`, so that the checkout may lie
# under a path with spaces. Set-up runs when pyproject.toml changes and installs only what is missing.

SHELL := /bin/bash
PYTHON := source tools/environment.sh && .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench train screenshot zip clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: .venv/test.ready ## Install what development needs: QGIS, a virtual environment

demo: .venv/runtime.ready ## Lift the sample scene in QGIS; leaves build/demo/
	@$(PYTHON) tools/demo.py

test: lint ## Check style and types, then run the tests in QGIS
	@$(PYTHON) -m pytest

lint: .venv/test.ready ## Check style and types
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@source tools/environment.sh && cd build/link && \
		../../.venv/bin/python -m mypy --config-file ../../pyproject.toml -p hyperlift.core

bench: .venv/test.ready ## Run every script in tests/benchmarks
	@source tools/environment.sh && for script in tests/benchmarks/bench_*.py; do \
		.venv/bin/python "$$script" || exit; done

train: .venv/train.ready ## Train a model; options in ARGS
	@$(PYTHON) -m hyperlift.training train $(ARGS)

screenshot: .venv/runtime.ready .venv/desktop.ready ## Drive the QGIS desktop with the scripts in tests/gui
	@source tools/environment.sh && for script in tests/gui/*.py; do \
		bash tools/desktop.sh "$$script" || exit; done

zip: ## Pack the plugin for QGIS into build/hyperlift.zip
	@python3 tools/package.py build/hyperlift.zip

clean: ## Remove what was made, but not what was installed
	@if [ -d build ]; then find build -mindepth 1 -maxdepth 1 ! -name 'onnxruntime-*' ! -name pyqt6 -exec rm -r {} +; fi

.venv/%.ready: pyproject.toml tools/set-up.sh tools/requirements.py
	@bash tools/set-up.sh $*
	@touch $@
