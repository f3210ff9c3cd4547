# The commands of the project. `make run` and `make test` do all of their own set-up, on a fresh machine too.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# Each process of the tests would compile all that it imports, where the environment forbids to keep that.
unexport PYTHONDONTWRITEBYTECODE
CODE := src tests bench proto docs examples deploy dev
CODE := $(wildcard $(CODE))
# Three processes on two cores, for many tests wait: tests/scheduling.py says which test runs where.
PYTEST := $(BIN)/pytest --numprocesses 3 --dist loadgroup
# Tests that take their time: whole processes, servers, other languages. Single ones have the mark `slow`.
NOT_UNIT := acceptance backends cli client/test_cut_off.py client/test_silence.py client/test_types.py conformance \
  control/test_plugins.py deploy docs/test_documents.py docs/test_other_languages.py e2e examples \
  gateway/test_heartbeats.py host/test_handshake.py host/test_host_command.py host/test_standalone.py \
  plugins/test_remote.py plugins/test_shared_ways.py plugins/test_sidecar_process.py roles/test_container_roles.py \
  roles/test_relay.py values/test_values.py wire/fuzz wire/hostile wire/interop wire/soak wire/test_h2spec.py
# The tests of the wire once more, in the plain Python that it falls back on; fuzz, soak and the choice itself once is enough.
IN_PYTHON := PRISM_NATIVE=0 $(PYTEST) tests/wire $(addprefix --ignore tests/wire/,fuzz soak test_native.py)

.DEFAULT_GOAL := help
.PHONY: help run check unit test acceptance lint programs bench fmt proto docs fuzz soak manifests setup setup-test setup-acceptance setup-images clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1\t/' | expand -t 20

run: setup  ## start a gateway on SQLite under ./prism-data, ports 8980, 8981 and 9090
	@$(BIN)/prism serve $(ARGS)

check: setup-test programs  ## format, lint, types, unit tests, one backend; under 2 minutes: while you work
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint unit

unit:
	@$(PYTEST) --matrix embedded --hypothesis-profile quick -m 'not slow' $(addprefix --ignore tests/,$(NOT_UNIT))

test: setup-test lint programs  ## every test, on real servers, under 12 minutes: what CI runs (ARGS='tests/client -q' runs those)
ifdef ARGS
	@$(BIN)/pytest $(ARGS)
else
	@$(PYTEST) --matrix sample --durations 15
	@! $(BIN)/python -c 'import prism_native' 2>/dev/null || $(IN_PYTHON)
endif

acceptance: setup-acceptance programs  ## the kit on all backends by all placements and ways in, tests/e2e and all repetitions; writes docs/reports/acceptance.md
ifdef ARGS
	@$(PYTEST) tests/contract $(ARGS)
else
	@mkdir -p .cache
	@$(PYTEST) --matrix whole -m whole --durations 15 --acceptance-report .cache/acceptance.md
	@mv .cache/acceptance.md docs/reports/acceptance.md
	@! [ -e .cache/images/report.json ] || PYTHONPATH=tests $(BIN)/python -m deploy.image_report
endif

lint: setup-test
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/mypy
	@dev/native lint

bench: setup-test  ## measure; tables and plots go to bench/results/
	@dev/setup bench
	@PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

fmt: setup-test  ## format the code
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/ruff check --fix $(CODE)
	@! cargo fmt --version >/dev/null 2>&1 || cargo fmt --all --manifest-path native/Cargo.toml

proto: setup-test  ## generate src/prism/_proto from proto/
	@$(BIN)/python proto/generate.py

docs: setup-test  ## generate the tables of docs/ from the code
	@$(BIN)/python docs/generate.py

fuzz: setup-test  ## fuzz the transport, coverage-guided, for an hour (ARGS='--seconds N --seed S')
	@PYTHONPATH=tests $(BIN)/python -m wire.fuzz $(ARGS)

soak: setup-test  ## 30 minutes of mixed calls: flat memory, nothing leaked, no wrong answer (ARGS as for fuzz)
	@PYTHONPATH=tests $(BIN)/python -m wire.soak $(ARGS)

manifests: setup-test  ## render deploy/kubernetes from the Helm chart
	@for example in deploy/helm/prism/examples/*.yaml; do \
	  PATH=$(BIN):$$PATH helm template prism deploy/helm/prism --values $$example > deploy/kubernetes/$$(basename $$example); done

include deploy/images/images.mk

# What tests have from elsewhere: buf, grpcurl, programs in Go. Some minutes the first time.
programs: setup-test
	@PYTHONPATH=tests $(BIN)/python tests/programs.py

setup:
	@PYTHON=$(PYTHON) dev/setup run

setup-test:
	@PYTHON=$(PYTHON) dev/setup test

setup-acceptance: setup-test
	@PYTHON=$(PYTHON) dev/setup acceptance

setup-images: setup-test
	@PYTHON=$(PYTHON) dev/setup images

clean:  ## remove everything that the commands above made
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis prism-data native/target native/fuzz/target
