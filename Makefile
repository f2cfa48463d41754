# `make demo` and `make test` need only Python 3.11-3.13 and make: they build their own environment in .venv, once.
PYTHON ?= python3
BIN := .venv/bin
# All that the wheel is made of; folders too, so that a file that goes is noticed.
SOURCES := $(shell find seqrec -name __pycache__ -prune -o -print) pyproject.toml README.md LICENSE
# What is tested is what is shipped: the wheel, and not the sources that lie nearby, in child processes neither.
PYTEST := PYTHONSAFEPATH=1 $(BIN)/pytest
# What builds the wheel, for a build that downloads nothing.
REQUIRES := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])

.PHONY: demo test test-elsewhere test-slow lint lint-js format notebooks docs clean

demo: .make/demo
	$(BIN)/seqrec demo

# Two processes; the tests of a file share their fitted estimators, so they stay together.
test: lint .make/wheel
	$(PYTEST) --doctest-modules --pyargs seqrec tests -m "not slow" -n 2 --dist loadfile

# The same with the arithmetic of other machines: without oneDNN, without AVX-512, on one thread.
test-elsewhere: .make/wheel
	for setting in TF_ENABLE_ONEDNN_OPTS=0 ONEDNN_MAX_CPU_ISA=AVX2 TF_NUM_INTRAOP_THREADS=1; do \
	  env $$setting $(PYTEST) tests -m "not slow" -n 2 --dist loadfile || exit; \
	done

test-slow: .make/wheel
	$(PYTEST) --doctest-modules --pyargs seqrec tests -m slow

lint: .make/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python benchmarks/tables.py --check

# The widgets' JavaScript; this one needs Node, so it is no part of `lint`.
lint-js: tools/js/node_modules
	tools/js/node_modules/.bin/biome ci --error-on-warnings

format: .make/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Runs every notebook and keeps what it shows, without the times of day, what C++ code says of this machine, and copies of
# the widgets' scripts: so only what changed changes.
notebooks: .make/wheel
	$(BIN)/jupytext --quiet --update --to ipynb notebooks/*.py
	$(BIN)/jupyter nbconvert --execute --inplace --log-level=ERROR --ExecutePreprocessor.record_timing=False \
	  --ExecutePreprocessor.store_widget_state=False \
	  --ExecutePreprocessor.extra_arguments=--IPKernelApp.capture_fd_output=False \
	  --coalesce-streams --Exporter.preprocessors=nbconvert.preprocessors.CoalesceStreamsPreprocessor \
	  notebooks/*.ipynb

# The site, into docs/_build/html; it asks no network, and a warning is an error.
docs: .make/docs
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -b html docs docs/_build/html
	@echo 'Open docs/_build/html/index.html'

# A stamp file for each set of packages: nothing is installed again until pyproject.toml changes.
.make/wheel: .make/dev $(SOURCES)
	rm -f dist/seqrec-*.whl
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	$(BIN)/pip install --quiet --no-deps --force-reinstall dist/seqrec-*.whl
	@touch $@

.make/dev: .make/venv pyproject.toml
	$(BIN)/pip install --quiet '.[dev]' $$($(BIN)/python -c '$(REQUIRES)')
	@touch $@ .make/demo

.make/docs: .make/venv pyproject.toml
	$(BIN)/pip install --quiet --editable '.[docs]'
	@touch $@ .make/demo

.make/demo: .make/venv pyproject.toml
	@echo 'Installing seqrec and TensorFlow into .venv (once; about 600 MB to download) ...'
	$(BIN)/pip install --quiet .
	@touch $@

tools/js/node_modules: tools/js/package-lock.json
	npm ci --prefix tools/js
	@touch $@

.make/venv:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo 'seqrec needs Python 3.11, 3.12 or 3.13: try  make PYTHON=python3.12 ...'; exit 1; }
	$(PYTHON) -m venv .venv
	@mkdir -p .make && touch $@

clean:
	rm -rf .venv .make build dist docs/_build docs/tutorials docs/reference/generated tools/js/node_modules .pytest_cache .mypy_cache .ruff_cache
