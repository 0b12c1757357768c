# The way in. `make help` lists the targets.

CATALOG ?= data/sample/catalog.toml
# One folder holds the versions of one catalogue: the example shop has its own.
ARTIFACTS ?= data/artifacts$(if $(findstring data/shop/,$(CATALOG)),-shop)
HOST ?= 127.0.0.1
PORT ?= 8000
WORKERS ?= 1
MOVIELENS ?=
REPLACE ?=
CHANGES ?= changes.jsonl
RESULTS ?= benchmarks/results
VERSION ?=
PYTHON ?= python3
TORCH_INDEX ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
SOURCES := setup.cfg setup.py pyproject.toml .ci/constraints.txt

# Whether anything is published: a file tells where ARTIFACTS is a folder.
PUBLISHED := $(if $(findstring ://,$(ARTIFACTS)),$(BIN)/python -m shortlist versions --live --artifacts,test -s) "$(ARTIFACTS)$(if $(findstring ://,$(ARTIFACTS)),,/CURRENT)"

export TOKENIZERS_PARALLELISM ?= true
# Absolute, because tests change folder; empty stays empty.
MOVIELENS_PATH := $(if $(MOVIELENS),$(abspath $(MOVIELENS)))

.DEFAULT_GOAL := help
.PHONY: help run setup index apply compact versions rollback serve evaluate tune data test check lint soak bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 12

run: setup ## install, build the index if none is published, and serve it on PORT
	@if $(PUBLISHED); then \
	  echo "serving what is published in $(ARTIFACTS); make index builds CATALOG"; \
	else $(MAKE) --no-print-directory index; fi
	@$(MAKE) --no-print-directory serve

setup: .venv/.indexing ## make .venv and install pinned dependencies

index: setup ## build CATALOG and publish it into ARTIFACTS
	$(BIN)/python -m shortlist build --catalog "$(CATALOG)" --artifacts "$(ARTIFACTS)" $(if $(REPLACE),--replace-catalog)

apply: setup ## publish the changes in CHANGES, a file of JSON lines, over what is live
	$(BIN)/python -m shortlist apply "$(CHANGES)" --artifacts "$(ARTIFACTS)"

compact: setup ## join the segments of what is live where that is due
	$(BIN)/python -m shortlist compact --artifacts "$(ARTIFACTS)"

versions: setup ## list what is published
	$(BIN)/python -m shortlist versions --artifacts "$(ARTIFACTS)"

rollback: setup ## make the version that was live before live again, or VERSION=…
	$(BIN)/python -m shortlist rollback $(VERSION) --artifacts "$(ARTIFACTS)"

# Where SHORTLIST_WRITES=on, changes that the service takes are published beside it.
serve: setup ## serve what is published in ARTIFACTS
	@if [ "$$SHORTLIST_WRITES" = on ]; then \
	  $(BIN)/python -m shortlist follow --artifacts "$(ARTIFACTS)" & \
	  trap "kill $$! 2>/dev/null" EXIT; \
	fi; \
	$(BIN)/python -m shortlist serve --artifacts "$(ARTIFACTS)" --host "$(HOST)" --port "$(PORT)" --workers "$(WORKERS)"

evaluate: .venv/.evaluation ## measure the relevance of what is published, with CATALOG; writes RESULTS
	HF_HUB_OFFLINE=1 $(BIN)/python -m shortlist evaluate --catalog "$(CATALOG)" --artifacts "$(ARTIFACTS)" --output "$(RESULTS)"

tune: .venv/.evaluation ## learn a profile for CATALOG from what is published, and write it into it
	HF_HUB_OFFLINE=1 $(BIN)/python -m shortlist tune --catalog "$(CATALOG)" --artifacts "$(ARTIFACTS)" --output "$(RESULTS)"

data: setup ## download MovieLens ml-latest-small, or take it from MOVIELENS=PATH
	MOVIELENS="$(MOVIELENS_PATH)" $(BIN)/python data/movielens/fetch.py

test: .venv/.test .venv/s3-server ## install what the tests need and run them
	HF_HUB_OFFLINE=1 MOVIELENS="$(MOVIELENS_PATH)" $(BIN)/python -m pytest -m "not soak" -n auto --dist loadfile

lint: .venv/.test ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test ## what continuous integration runs: lint, types, tests

soak: .venv/.test .venv/s3-server ## long runs: kills, swaps, load, generated catalogues
	HF_HUB_OFFLINE=1 MOVIELENS="$(MOVIELENS_PATH)" $(BIN)/python -m pytest -m soak -s

bench: .venv/.bench ## measure against the reference notebook; writes benchmarks/results
	HF_HUB_OFFLINE=1 MOVIELENS="$(MOVIELENS_PATH)" $(BIN)/python -m benchmarks

clean: ## remove .venv and caches, keep data
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; pass PYTHON=/path/to/python3")'
	$(PYTHON) -m venv .venv

# An object store for the tests, apart: what it depends on is not what this project does.
.venv/s3-server: .venv/bin/python .ci/s3-server.txt
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement .ci/s3-server.txt
	@touch $@

# One stamp an extra: nothing is reinstalled while the files it depends on are unchanged.
.venv/.indexing .venv/.evaluation .venv/.test .venv/.bench: .venv/.%: .venv/bin/python $(SOURCES)
	@echo "installing dependencies ($*); the first time this takes a few minutes"
	$(PIP) --constraint .ci/constraints.txt $(if $(TORCH_INDEX),--extra-index-url "$(TORCH_INDEX)") --editable ".[$*]"
	@touch $@ .venv/.indexing
