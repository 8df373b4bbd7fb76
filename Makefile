# make report   every notebook, then the pages: reports/quick/index.html
# make test     the tests, then every notebook by nbval
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
PY := .venv/bin/python
READY := .venv/.installed
# Extra words for pytest's first run, e.g. make test PYTEST_ARGS="-k gaussian -x"
PYTEST_ARGS ?=
# Extra words for the report, e.g. make report REPORT_ARGS="--only 02 --again"
REPORT_ARGS ?=
# A kernel that dies hangs nbval until this limit.
CELL_SECONDS := 300

.PHONY: help report full test lab board bench lint clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' Makefile

# pip checks every pin; the sentinel lets a second run skip even that.
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "$(PYTHON) is missing or older than Python 3.11; name another: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

report: $(READY) ## run the notebooks on the embedded data and build reports/quick/
	$(PY) reports/build.py $(REPORT_ARGS)

full: $(READY) ## the same at full size, on prepared real data: reports/full/
	$(PY) reports/build.py --profile full $(REPORT_ARGS)

test: $(READY) ## the tests, then every notebook by nbval
	$(PY) -m pytest -q -p no:cacheprovider tests $(PYTEST_ARGS)
	$(PY) -m pytest -q -p no:cacheprovider --nbval-lax --nbval-cell-timeout=$(CELL_SECONDS) notebooks

lab: $(READY) ## open JupyterLab on the notebooks
	$(PY) -m jupyterlab --notebook-dir=notebooks

board: $(READY) ## TensorBoard on the curves that the notebooks wrote
	.venv/bin/tensorboard --logdir "$${COURSE_CACHE:-cache}/tensorboard"

bench: $(READY) ## the training loop against a DataLoader and the bare step
	$(PY) tests/bench.py

lint: $(READY) ## ruff, notebooks too
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

clean: ## delete the quick report and caches of tools; .venv, cache/ and reports/full stay
	rm -rf reports/quick reports/.tmp reports/failed .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
