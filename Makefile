# Two commands matter: `make demo` and `make test`. Both build the environment first if it is not there.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CONTACTS ?= 2000

.PHONY: demo test lint fmt clean env

env: $(VENV)/.installed

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

demo: env
	PATH="$(CURDIR)/$(BIN):$$PATH" rehearse demo --contacts $(CONTACTS)

test: env
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" sqlfluff lint --processes 2 models tests/dbt

fmt: env
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	PATH="$(CURDIR)/$(BIN):$$PATH" sqlfluff fix models tests/dbt

clean:
	rm -rf $(VENV) target logs build .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	@echo "data/ is kept: it holds the warehouse and the ledger. Remove it by hand if you mean to."
