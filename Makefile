# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2
DATA ?= .cache/data

export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1

# Tests and tutorials mostly compile: from the second time on, most of it is there.
test test-fast docs: export JAX_COMPILATION_CACHE_DIR := $(CURDIR)/.cache/compiled
test test-fast docs: export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS := 0
test test-fast docs: export JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES := -1
# They start many processes, each of which would else compile the package for itself.
test test-fast docs: export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-fast fuzz lint docs wheel bench clean

demo: $(VENV)/installed
	$(BIN)/overparam reproduce planted-learning-rate --scale laptop --jobs $(JOBS)

# Real data are prepared where they are at hand; elsewhere the tests that need them
# skip and say why.
test: $(VENV)/installed-test
	PYTHON=$(abspath $(BIN))/python bash .ci/data $(abspath $(DATA))
	OVERPARAM_DATA=$(abspath $(DATA)) $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

test-fast: $(VENV)/installed-test
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not slow"

# Random configs, command lines and damaged stores; `SEED=1 TRIES=0.1 make fuzz`.
fuzz: $(VENV)/installed-test
	$(BIN)/python tests/fuzz

# Node comes with the wheel of pyright's extra; nobody is asked for a newer pyright.
lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright

# The tutorials are run for it; `site/index.html` opens from disk.
docs: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# The newest Python that is here tries the wheel too; NEWEST= leaves it out.
NEWEST ?= $(shell sh .ci/newest)
NEWEST_VENV := $(if $(NEWEST),.cache/newest)

wheel: $(VENV)/installed-test
	$(if $(NEWEST),$(MAKE) VENV=$(NEWEST_VENV) PYTHON=$(NEWEST) $(NEWEST_VENV)/installed)
	sh .ci/wheel $(foreach venv,$(VENV) $(NEWEST_VENV),$(abspath $(venv))/bin/python)

# Every benchmark, one after the other (hours), and the table of all targets.
bench: $(VENV)/installed-test
	$(BIN)/python benchmarks

clean:
	rm -rf $(VENV) .cache build dist site

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet -e .
	touch $@

# Where PyTorch is not installed, the tests that compare with it skip and say so; CI
# installs it first (its default build for users is several gigabytes).
$(VENV)/installed-test: pyproject.toml constraints.txt | $(VENV)/bin/python
ifeq ($(CI),true)
	$(BIN)/pip install --quiet -c constraints.txt torch
	$(BIN)/pip install --quiet -c constraints.txt torch_optimizer
endif
	$(BIN)/pip install --quiet -c constraints.txt -e ".[test,docs]"
	touch $@ $(VENV)/installed

$(VENV)/installed-docs: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet -e ".[docs]"
	touch $@
