# make report   every notebook, then the pages: reports/quick/index.html
# make test     the tests, then every notebook by nbval
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
PY := .venv/bin/python
UV := uv==0.13.9
READY := install
# Which notebooks (ONLY="02 05"), at what share of the epochs (BUDGET=0.5) or as many as fit into some
# time (MINUTES=60), even if unchanged (AGAIN=1)
ONLY ?=
BUDGET ?=
MINUTES ?=
AGAIN ?=
how_long = $(if $(BUDGET),--budget "$(BUDGET)") $(if $(MINUTES),--minutes "$(MINUTES)")
# How many notebooks run at once, where make is not told by --jobs; the cores are shared out among them.
JOBS := 1
CORES := $(shell getconf _NPROCESSORS_ONLN)
# Extra words for pytest's first run, e.g. make test PYTEST_ARGS="-k gaussian -x"
PYTEST_ARGS ?=
# A kernel that dies hangs nbval until this limit.
CELL_SECONDS := 300
# Processes of one thread each; a file's tests, and a notebook's cells, stay in one of them. Files go
# out in their order: by default those with few tests, the longest, would come last. A notebook keeps
# its core busy; tests wait for what they start, so that a few cores have one process more.
PYTEST := OMP_NUM_THREADS=1 $(PY) -m pytest -q -p no:cacheprovider --dist loadfile --no-loadscope-reorder
AT_ONCE := $(if $(filter 1 2 3,$(CORES)),$(shell expr $(CORES) + 1),4)

# Whatever is set outside: this folder's library and its plain style, UTF-8, asserts that count, and
# bytecode that is kept: without it each process compiles what it imports, for seconds.
export PYTHONPATH := $(CURDIR)
export MATPLOTLIBRC := $(CURDIR)/notebooks/matplotlibrc
export PYTHONUTF8 := 1
unexport PYTHONOPTIMIZE PYTHONDONTWRITEBYTECODE

.PHONY: help install report full train restamp notebooks results front site pages test slow form release grade check address lab board bench scaling metrics lint lock clean
.PRECIOUS: reports/%.ipynb

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-9s %s\n", $$1, $$2}' Makefile

# Done once for these pins in this folder: the programs in .venv name the folder they were made in,
# so a copied or moved checkout gets a .venv of its own. uv where it can be had, else pip.
install: ## .venv with every pinned version
	@unset PYTHONPATH; done=.venv/.installed; state=$$(pwd -P; cksum requirements.txt pyproject.toml); \
	if [ "$$state" = "$$(cat $$done 2>/dev/null)" ]; then exit 0; fi; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "$(PYTHON) is missing or older than Python 3.11; name another: make PYTHON=python3.12 ..." >&2; exit 1; }; \
	if [ -e $$done ] && [ "$$(pwd -P)" != "$$(head -n 1 $$done)" ]; then rm -rf .venv; fi; \
	$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv || exit 1; \
	pip="$(PY) -m pip --disable-pip-version-check"; \
	if uv --version >/dev/null 2>&1; then uv=uv; \
	elif $$pip install --quiet $(UV) 2>/dev/null; then uv="$(PY) -m uv"; else uv=false; fi; \
	echo "installing into .venv (some GB at the first time) ..."; \
	for words in "-r requirements.txt" "--no-build-isolation -e ."; do \
		$$uv pip install --quiet --no-deps --python $(PY) $$words || $$pip install --quiet --no-deps $$words || exit 1; \
	done; \
	echo "$$state" >$$done

report: profile := quick
report: JOBS := $(if $(filter 1 2 3,$(CORES)),$(CORES),4)
report: $(READY) ## run the notebooks, build reports/quick/ (ONLY="02 05" BUDGET=0.5 MINUTES=60 AGAIN=1)
	$(make_report)

full: profile := full
full: $(READY) ## the same at full size, on prepared real data: reports/full/
	$(make_report)

# inputs.py notes what each page is made from and names those that are older than that, which are
# run; one that fails does not stop the others; then the index is made of what there is. A process
# with a core of its own is faster than one after the other with all cores: these nets are small.
define make_report
+@pages=$$($(PY) reports/inputs.py $(profile) $(how_long) --only $(ONLY) $(if $(AGAIN),--again)) || exit 2; \
set -- $$pages; status=0; jobs=$$(( $$# < $(JOBS) ? $$# : $(JOBS) )); \
if [ $$jobs -gt 1 ]; then export OMP_NUM_THREADS=$${OMP_NUM_THREADS:-$$(( $(CORES) / jobs ))}; fi; \
if [ $$# -gt 0 ]; then \
	$(MAKE) --silent --keep-going $(if $(findstring -j,$(MAKEFLAGS)),,--jobs=$$jobs) $$pages; status=$$?; fi; \
$(PY) reports/index.py $(profile) && exit $$status
endef

reports/%.ipynb: reports/%.inputs
	$(PY) reports/run.py $(subst /notebooks/, ,$*)

train: profile := quick
train: $(READY) ## train a notebook's runs anew, from nothing: make train ONLY=03 (profile=full for the other; BUDGET, MINUTES)
	@test -n "$(ONLY)" || { echo "make train: say which notebook, as in make train ONLY=03" >&2; exit 2; }
	@test -z "$(MINUTES)" -o $(words $(ONLY)) = 1 || { echo "make train: MINUTES is for one notebook, as in make train ONLY=03 MINUTES=60" >&2; exit 2; }
	@for one in $(ONLY); do $(PY) reports/train.py $$one --profile $(profile) $(how_long) || exit; done

restamp: $(READY) ## after code was moved or renamed: shipped runs that behave alike are brought up to date
	$(PY) -m course_lib.training.shipping restamp

test: $(READY) ## the tests, then every notebook by nbval
	$(PYTEST) -n $(AT_ONCE) -m "not slow" tests $(PYTEST_ARGS)
	$(PY) reports/check.py
	IPYTHONDIR="$$PWD/.venv/ipython" $(PYTEST) -n auto --maxprocesses 4 --nbval-lax --nbval-cell-timeout=$(CELL_SECONDS) notebooks

slow: $(READY) ## the tests that take minutes: at length what `make test` looks at briefly
	$(PYTEST) -n $(AT_ONCE) -m slow tests $(PYTEST_ARGS)

notebooks: $(READY) ## the notebooks in the new form as they are committed: with the outputs of their quick run
	+@names=$$($(PY) reports/committed.py names); \
	test -z "$$names" || $(MAKE) --silent report ONLY="$$names" && $(PY) reports/committed.py

results: $(READY) ## reports/full/RESULTS.md and the README's table, after an edit of reports/claims.toml
	$(PY) reports/tables.py

front: $(READY) ## the pictures of the front page, from shipped models and kept figures: docs/pictures
	$(PY) reports/front.py

site: $(READY) ## the published copy: site/, which any static host serves (after make report)
	$(PY) reports/published.py

pages: $(READY) ## docs/pages.md: what every explorer of the quick report costs, in the browsers that are here and in JupyterLab
	PYTHONPATH=$(CURDIR):$(CURDIR)/tests $(PY) tests/pages_table.py

form: $(READY) ## what a reader meets: lines, plumbing, words, answers of each notebook (ONLY="01 02" names faults)
	$(PY) tests/notebook_table.py $(ONLY)

release: $(READY) ## what students get, without the answers: release/ (to=FOLDER for another place)
	$(PY) -m grading.release $(if $(to),"$(to)")

grade: $(READY) ## grade a class: make grade from=SUBMISSIONS to=FOLDER (docs/grading.md; more words in how="...")
	@test -n "$(from)" -a -n "$(to)" || { echo "make grade: say from=SUBMISSIONS and to=FOLDER" >&2; exit 2; }
	$(PY) -m grading "$(from)" --out "$(to)" $(how)

check: $(READY) ## the notebooks' own checks of their functions, in seconds (ONLY="01 02")
	@$(PY) -m course_lib.course.check $(ONLY)

address: $(READY) ## the course's public address, from pyproject.toml, into the notebooks' links to Colab and to its pages
	$(PY) reports/address.py

lab: $(READY) ## open JupyterLab on the notebooks
	$(PY) -m jupyterlab --notebook-dir=notebooks $(if $(filter 0,$(shell id -u)),--allow-root)

board: $(READY) ## TensorBoard on the curves that the notebooks wrote
	$(PY) -m tensorboard.main --logdir "$$($(PY) -c 'from course_lib.paths import cache_root; print(cache_root())')/tensorboard"

bench: $(READY) ## ratios of speed, as a table: our loop, the bare step, two processes (ONLY="vae hvae" BUSY=1)
	$(PY) -m benchmarks $(ONLY) $(if $(BUSY),--busy)

scaling: $(READY) ## docs/pictures/scaling.svg: pictures a second as batch, width and set grow a hundredfold
	$(PY) -m benchmarks.scaling

metrics: $(READY) ## what each metric says of real pictures made worse: docs/metrics.md (some minutes)
	$(PY) docs/metrics.py

lint: $(READY) ## ruff, notebooks too, and the order of imports
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()' --no-cache

lock: $(READY) ## pin every version anew for what pyproject.toml asks for
	uv pip compile --quiet --universal --fork-strategy fewest --all-extras --no-annotate \
		--custom-compile-command "make lock" pyproject.toml -o requirements.txt

clean: ## delete the quick report and caches of tools; .venv, cache/ and reports/full stay
	rm -rf reports/quick reports/.tmp reports/failed .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
