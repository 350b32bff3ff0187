# make run    everything, on http://localhost:8050        make test   sets up and runs all tests, browser included
# make check  linters, types, layers                       make bench  figures of speed, each against its baseline
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONUNBUFFERED := 1

.PHONY: run test check unit bench bench-full setup browser brokers clients features clean

run: .venv/.installed
	@exec $(BIN)/python app.py serve

.venv/.installed: requirements.txt constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing what Andon needs into .venv …"
	@$(BIN)/pip install --quiet -r requirements.txt
	@touch $@

.venv/.dev: requirements-dev.txt .venv/.installed
	@$(BIN)/pip install --quiet -r requirements-dev.txt
	@touch $@

setup: .venv/.dev

# Debian's Chromium: installed where that is allowed, otherwise it is said how.
browser:
	@command -v chromium >/dev/null || { \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	  else echo "The browser tests need Chromium: run “sudo apt-get install chromium” first."; exit 1; fi; }

# Debian's Mosquitto and the clients of strangers, for the tests of connections.
brokers:
	@missing=; for each in mosquitto:mosquitto mosquitto_pub:mosquitto-clients kcat:kcat; do \
	  PATH=$$PATH:/usr/sbin command -v $${each%:*} >/dev/null || missing="$$missing $${each#*:}"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	  else echo "The tests of connections need$$missing: run “sudo apt-get install$$missing” first."; exit 1; fi; fi

# Node and what tests of docs/clients need of npm (Node-RED is the largest part: 120 MB).
clients:
	@command -v npm >/dev/null || { \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null; \
	  else echo "The tests of the clients need Node: run “sudo apt-get install nodejs npm” first."; exit 1; fi; }
	@test tests/clients/node_modules/.package-lock.json -nt tests/clients/package-lock.json || \
	  timeout 600 npm ci --prefix tests/clients --no-audit --no-fund --ignore-scripts --omit=optional --loglevel=error

check: .venv/.dev
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

unit: .venv/.dev
	@$(BIN)/pytest tests/unit -n 2

test: check browser brokers clients
	@tests/run.sh

features: .venv/.dev
	@$(BIN)/python -m tests.features --write

bench: .venv/.dev
	@$(BIN)/python -m benchmarks

bench-full: .venv/.dev
	@$(BIN)/python -m benchmarks --full

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
