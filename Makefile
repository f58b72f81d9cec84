# What a person does with this checkout. `make` alone lists it.
# Everything is installed into .venv, from locked requirements, by plain pip.

.DEFAULT_GOAL := help
SHELL := bash
BIN := .venv/bin
# Bytecode comes with the first import of what is used, which is a small part.
PIP := $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check
SUPPORTED := python3.13 python3.12 python3.11 python3
# The interpreter that .venv is made with; empty: the first of SUPPORTED that fits.
PYTHON :=
# Further words for the program that a target starts: make demo ARGS="--rate 500"
ARGS :=
# The file for the figures of bench-peers
OUT :=

.PHONY: help
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: .venv/.setup  ## Install fraudstream into .venv

.PHONY: dev
dev: .venv/.dev  ## Install fraudstream and the tools that check it into .venv

.PHONY: demo
demo: setup  ## Start a real Kafka and watch a bank's transactions being scored
	@$(BIN)/fraudstream demo $(ARGS)

.PHONY: test
test: dev  ## Check and test everything (ARGS="-m long" runs what takes longest, which is left out else)
	@$(MAKE) --no-print-directory --jobs=2 lint pytest

.PHONY: pytest
pytest: dev  ## Test everything, without the checks
	@$(BIN)/python -m pytest $(ARGS)

.PHONY: lint
lint: dev  ## Check style, types, import contracts and dependencies
	@$(BIN)/ruff check --quiet --output-format concise
	@$(BIN)/ruff format --check --quiet || { echo "Some files are not formatted: run make format." >&2; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/deptry .

.PHONY: format
format: dev  ## Format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

.PHONY: faults
faults: dev  ## Break a running service in every way and hold it to what is promised
	@$(BIN)/python tests/faults/run.py $(ARGS)

.PHONY: fuzz
fuzz: dev  ## Send mutated messages through intake and scoring, and account for each
	@$(BIN)/python tests/fuzz/run.py $(ARGS)

.PHONY: audit
audit: dev  ## Look up known vulnerabilities of all that is locked (needs the network)
	@for lock in requirements/*.txt; do $(BIN)/pip-audit --strict --require-hashes --disable-pip -r $$lock || exit; done

.PHONY: sbom
sbom: dev  ## Write the software bill of materials of the runtime to dist/sbom.json
	@mkdir -p dist
	@$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --of JSON \
		-o dist/sbom.json requirements/runtime.txt

.PHONY: bench
bench: setup  ## Measure what an event costs and how long it takes
	@$(BIN)/python benchmarks/run.py $(ARGS)

.PHONY: bench-learning
bench-learning: setup  ## Measure how soon labels are learnt, and what that costs
	@$(BIN)/python benchmarks/learning/run.py $(ARGS)

.PHONY: bench-peers
bench-peers: setup .venv-peers/.setup  ## Measure others at the same job (OUT=FILE writes figures, report, plot)
	@$(BIN)/python benchmarks/peers/run.py $(if $(OUT),--out "$(OUT)") $(ARGS)

.PHONY: bench-growth
bench-growth: setup  ## Measure what happens as a worker's state grows and moves
	@$(BIN)/python benchmarks/growth/run.py $(ARGS)

.PHONY: bench-endurance
bench-endurance: setup  ## Hold the service under load for an hour, and under three times what it can carry
	@$(BIN)/python benchmarks/endurance/run.py $(ARGS)

.PHONY: bench-capacity
bench-capacity: setup  ## Simulate how many workers a load needs, by measured costs
	@$(BIN)/python benchmarks/capacity/run.py $(ARGS)

.PHONY: backtest
backtest: setup  ## Compare learners and yardsticks on the public benchmark, labels 7 days late
	@$(BIN)/fraudstream backtest $(ARGS)

.PHONY: schema
schema: setup  ## Write the JSON Schemas and the AsyncAPI document anew
	@$(BIN)/fraudstream schema export schemas/generated

.PHONY: dashboards
dashboards: dev  ## Write the Grafana dashboards anew
	@$(BIN)/python -m deploy.grafana

.PHONY: topics-file
topics-file: setup  ## Write deploy/topics.yaml anew
	@FRAUDSTREAM_TOPICS__REPLICATION_FACTOR=3 $(BIN)/python deploy/topics.py > deploy/topics.yaml

.PHONY: lock
lock: COMPILE := $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 \
	--fork-strategy fewest --generate-hashes --no-annotate --custom-compile-command "make lock" pyproject.toml
lock: dev  ## Lock the requirements anew (ARGS=--upgrade takes newer versions)
	@$(COMPILE) $(ARGS) --group dev --extra tracing --output-file requirements/dev.txt
	@$(COMPILE) --constraint requirements/dev.txt --output-file requirements/runtime.txt
	@$(COMPILE) --constraint requirements/dev.txt --extra tracing --output-file requirements/tracing.txt
	@$(COMPILE:pyproject.toml=) --constraint requirements/dev.txt --group build --output-file requirements/build.txt
	@$(COMPILE:pyproject.toml=) --group peers --output-file requirements/peers.txt

.PHONY: clean
clean:  ## Remove all that these targets made, .venv included
	@rm -rf .venv .venv-peers build dist .coverage .fraudstream .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps: pip runs again only when a lock or the project's own description changed.
.venv/.setup: requirements/runtime.txt requirements/build.txt pyproject.toml | $(BIN)/python
	@echo "Installing fraudstream into .venv" >&2
	@$(PIP) --require-hashes --requirement requirements/runtime.txt --requirement requirements/build.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.setup | $(BIN)/python
	@echo "Installing the tools into .venv" >&2
	@$(PIP) --require-hashes --requirement requirements/dev.txt
	@touch $@

# What cannot be had here is left out: bench-peers says so, and measures the others.
.venv-peers/.setup: requirements/peers.txt | $(BIN)/python
	@echo "Installing the peers into .venv-peers" >&2
	@$(BIN)/python -m venv .venv-peers
	@$(subst $(BIN),.venv-peers/bin,$(PIP)) --require-hashes --requirement requirements/peers.txt \
		&& touch $@ || echo "The peers cannot be installed here." >&2

define CHOOSE_PYTHON
for python in $(or $(PYTHON),$(SUPPORTED)); do
  "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null || continue
  if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then
    "$$python" -m venv .venv && exit
    rm -rf .venv
    exit 1
  fi
  bare=$$python
done
if [ -n "$$bare" ]; then
  echo "$$bare lacks its venv module: install it (on Debian and Ubuntu: apt install $$bare-venv)." >&2
else
  echo "fraudstream needs Python 3.11, 3.12 or 3.13, and found none of them: install one, or name it with PYTHON=." >&2
fi
exit 1
endef
export CHOOSE_PYTHON

$(BIN)/python:
	@bash -c "$$CHOOSE_PYTHON"
