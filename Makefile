# Every target sets up what it needs, on a fresh machine too, and says what it does.
#   make demo    the whole experiment on the embedded lab model; ends with the report's path
#   make test    all tests
#   make check   format, lint, types, generated docs
#   make bench   speed against named baselines
#   make models  the small real models that some tests and examples use, into .models/

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
GPU := $(shell command -v nvidia-smi 2>/dev/null)
export HARMONIA_DATA_ROOT ?= $(wildcard ../shared/data)
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: demo test check bench models docs setup clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints-cpu.txt
	@echo "== setting up $(VENV) (a few minutes the first time)"
	$(PYTHON) -m venv $(VENV)
ifeq ($(GPU),)
	$(BIN)/python -m pip install -q torch -c constraints-cpu.txt
	$(BIN)/python -m pip install -q -e ".[dev]" -c constraints-cpu.txt
else
	$(BIN)/python -m pip install -q -e ".[dev]"
endif
	@touch $@

demo: setup
	@echo "== running the whole experiment on the embedded lab model, into runs/demo"
	@$(BIN)/harmonia demo

models: setup
	@echo "== fetching small real models into .models/"
	$(BIN)/python scripts/fetch_models.py

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

check: setup
	@echo "== checking format, lint, types and generated docs"
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python scripts/write_docs.py --check

docs: setup
	@$(BIN)/python scripts/write_docs.py

bench: setup
	@echo "== benchmark against named baselines, into runs/bench"
	@$(BIN)/harmonia bench

clean:
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache
