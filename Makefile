# The commands of the project. `make run` and `make test` do all of their own set-up, on a fresh machine too.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
CODE := src tests bench proto docs examples
CODE := $(wildcard $(CODE))

.DEFAULT_GOAL := help
.PHONY: help run test acceptance bench fmt proto docs fuzz soak setup setup-test clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1\t/' | expand -t 20

run: setup  ## start a gateway on SQLite under ./prism-data, ports 8980, 8981 and 9090
	@$(BIN)/prism serve $(ARGS)

test: setup-test  ## formatting, lint, types, every test, on real servers; under 15 minutes
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/mypy
ifdef ARGS
	@$(BIN)/pytest $(ARGS)
else
	@$(BIN)/pytest --numprocesses 2 --dist loadgroup --ignore tests/docs --ignore tests/wire; first=$$?; \
	$(BIN)/pytest tests/docs tests/wire && exit $$first
endif

acceptance: setup-test  ## the acceptance kit on every backend in every placement; its table goes to docs/reports/acceptance.md
	@$(BIN)/pytest --numprocesses 2 --dist loadgroup -q tests/contract --acceptance-report docs/reports/acceptance.md $(ARGS)

bench: setup-test  ## measure; tables and plots go to bench/results/
	@dev/setup bench
	@PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

fmt: setup-test  ## format the code
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/ruff check --fix $(CODE)

proto: setup-test  ## generate src/prism/_proto from proto/
	@$(BIN)/python proto/generate.py

docs: setup-test  ## generate the tables of docs/ from the code
	@$(BIN)/python docs/generate.py

fuzz: setup-test  ## fuzz the transport, coverage-guided, for an hour (ARGS='--seconds N --seed S')
	@PYTHONPATH=tests $(BIN)/python -m wire.fuzz $(ARGS)

soak: setup-test  ## 30 minutes of mixed calls: flat memory, nothing leaked, no wrong answer (ARGS as for fuzz)
	@PYTHONPATH=tests $(BIN)/python -m wire.soak $(ARGS)

setup:
	@PYTHON=$(PYTHON) dev/setup run

setup-test:
	@PYTHON=$(PYTHON) dev/setup test

clean:  ## remove everything that the commands above made
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis prism-data
