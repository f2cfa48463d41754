# `make demo` and `make test` need only Python 3.11-3.13 and make: they build their own environment in .venv, once.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-slow lint format notebooks clean

demo: .make/demo
	$(BIN)/seqrec demo

# Two processes; the tests of a file share their fitted estimators, so they stay together.
test: lint
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

test-slow: .make/dev
	$(BIN)/python -m pytest -m slow

lint: .make/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: .make/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Runs every notebook and keeps what it shows, without the times of day, what C++ code says of this machine, and copies of
# the widgets' scripts: so only what changed changes.
notebooks: .make/dev
	$(BIN)/jupytext --quiet --update --to ipynb notebooks/*.py
	$(BIN)/jupyter nbconvert --execute --inplace --log-level=ERROR --ExecutePreprocessor.record_timing=False \
	  --ExecutePreprocessor.store_widget_state=False \
	  --ExecutePreprocessor.extra_arguments=--IPKernelApp.capture_fd_output=False \
	  --coalesce-streams --Exporter.preprocessors=nbconvert.preprocessors.CoalesceStreamsPreprocessor \
	  notebooks/*.ipynb

# A stamp file for each set of packages: nothing is installed again until pyproject.toml changes.
.make/dev: .make/venv pyproject.toml
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@ .make/demo

.make/demo: .make/venv pyproject.toml
	@echo 'Installing seqrec and TensorFlow into .venv (once; about 600 MB to download) ...'
	$(BIN)/pip install --quiet --editable .
	@touch $@

.make/venv:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo 'seqrec needs Python 3.11, 3.12 or 3.13: try  make PYTHON=python3.12 ...'; exit 1; }
	$(PYTHON) -m venv .venv
	@mkdir -p .make && touch $@

clean:
	rm -rf .venv .make build dist .pytest_cache .mypy_cache .ruff_cache
