# Lockgate. `make help` lists what can be made.

PYTHON ?= python3
# Most tests wait for something most of the time: more of them side by side than there are cores. Each process has its own servers.
PROCESSES ?= 4
BIN     = .venv/bin
export PIP_ROOT_USER_ACTION = ignore
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help run demo chaos test check soak soak-nightly soak-wide bench bench-full bench-large bench-pages simulate baselines planted crashes crash-drills restored backlog rolling referee screenshots format lint types contracts lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{ printf "  %-14s %s\n", $$1, $$2 }'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Lockgate needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 …"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.run: requirements/run.txt pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --require-hashes -r requirements/run.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.run
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

run: .venv/.run ## start everything and watch it live, until Ctrl-C
	@$(BIN)/python -m demo run $(ARGS)

chaos: .venv/.run ## break the running demo: make chaos, or WHAT=kill|flush|break|postgres|freeze
	@$(BIN)/python -m demo chaos $(WHAT)

demo: .venv/.run ## one minute of everything going wrong, then the account; exit code 1 if it does not add up
	@$(BIN)/python -m demo demo $(ARGS)

test: .venv/.dev ## run every test, with real servers started from wheels
	$(BIN)/python -m pytest -n $(PROCESSES) $(ARGS)

check: .venv/.dev lint types contracts test ## before a push: format, lint, types, import contracts, tests; .ci/run soaks as well

soak: .venv/.run ## 3,000 operations of all means under every attack, then the verdict (4 minutes; ARGS="--seed 7")
	@$(BIN)/python -m soak --wrong-clocks 600 $(ARGS)

soak-nightly: .venv/.run ## the same with 100,000 operations and 8 tenants (hours)
	@$(BIN)/python -m soak --wrong-clocks 600 --count 100000 --tenants 8 --room 300 $(ARGS)

soak-wide: .venv/.run ## the same with wide limits, one tenant and more at once, so that workers take permits ahead (2 minutes)
	@$(BIN)/python -m soak --subject soak.subject.wide --tenants 1 --pace 80 $(ARGS)

baselines: .venv/.run ## the same soak for Lockgate and for three pieces of ordinary Celery code, side by side (15 minutes)
	@$(BIN)/python -m baselines $(ARGS)

simulate: .venv/.dev ## the deciding parts in simulated time (ARGS="--seeds 10000" for a million operations, about 4 minutes)
	@PYTHONPATH=tests $(BIN)/python -m simulation $(ARGS)

planted: .venv/.dev ## every bug of tests/planted, planted into the real platform, must be caught (7 minutes)
	@PYTHONPATH=tests $(BIN)/python -m planted $(ARGS)

crashes: .venv/.run ## processes die at each place of an operation's life, 40 times at each, and the checker judges it (10 minutes)
	@$(BIN)/python -m soak --subject soak.subject.crashing --hits 40 --count 100000 --only none $(ARGS)

crash-drills: .venv/.dev ## the same places one by one, as drills (5 minutes)
	$(BIN)/python -m pytest tests/drills/test_crash_points.py -m "nightly or not nightly" -q $(ARGS)

restored: .venv/.run ## PostgreSQL goes back to a backup in the middle of work, and the checker judges what came of it (8 minutes)
	@$(BIN)/python -m soak.restored $(ARGS)

backlog: .venv/.dev ## 100,000 operations that slow workers work off: what Redis holds, and hints for each of them (20 minutes)
	$(BIN)/python -m pytest tests/drills/test_a_backlog.py -m nightly -q $(ARGS)

referee: .venv/.dev ## Celery's own integration suite over the ledger, compared with stock Celery (20 minutes)
	$(BIN)/python tests/referee/hear.py $(ARGS)

rolling: .venv/.dev ## a rolling restart from the version before to this one and back, under load (needs the full history)
	$(BIN)/python -m pytest tests/rolling/roll.py -q $(ARGS)

screenshots: .venv/.dev ## pictures of every page of the admin, light, dark and phone, into screenshots/ (2 minutes)
	@PYTHONPATH=tests $(BIN)/python -m screenshots $(ARGS)

bench: .venv/.dev ## what the guarantees cost, against bare Celery (ARGS="--rounds 2" for a quick look)
	$(BIN)/python -m benchmarks $(ARGS)

build/peers/.done: requirements/peers.txt
	$(PYTHON) -m venv build/peers
	build/peers/bin/pip install --quiet --require-hashes -r requirements/peers.txt
	@touch $@

bench-full: .venv/.dev build/peers/.done ## the same with two workers, prefork, Dramatiq and procrastinate, which get an environment of their own (30 minutes)
	$(BIN)/python -m benchmarks --full --operations 2000 $(ARGS)

bench-large: .venv/.dev ## latency of one operation, small limits, a tenant beside one in trouble, 10,000,000 finished ones, 1,000,000 that wait, 10,000 tenants (45 minutes; ARGS="--only latency")
	$(BIN)/python -m benchmarks.large $(ARGS)

bench-pages: .venv/.dev ## how long the admin's pages take over 10,000,000 operations (5 to 20 minutes; ARGS="--operations 200000 --letters 20000")
	$(BIN)/python -m benchmarks.pages $(ARGS)

format: .venv/.dev ## write the code as the formatter wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: .venv/.dev ## formatter and linter, changing nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/.dev ## mypy, strict
	$(BIN)/mypy

contracts: .venv/.dev ## imports go downwards only
	$(BIN)/lint-imports

lock: .venv/.dev ## resolve the dependencies anew, with hashes
	$(BIN)/uv pip compile --quiet --generate-hashes --no-header --python-version 3.11 --extra local pyproject.toml -o requirements/run.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --no-header --python-version 3.11 --extra local --extra dev -c requirements/run.txt pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet --generate-hashes --no-header --python-version 3.11 requirements/peers.in -o requirements/peers.txt

clean: ## remove the virtual environment and caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build *.egg-info
