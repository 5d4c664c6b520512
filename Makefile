# Breakwater's targets; `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help setup demo test lint format docs stop clean

BIN := .venv/bin
SERVE ?= 1
FRESH ?= 0

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what the project needs into .venv and node_modules
	@.ci/setup

demo: setup ## go once around the loop, then serve the web interface; SERVE=0 ends after the loop, FRESH=1 starts anew
	@$(BIN)/python manage.py demo $(if $(filter 0,$(SERVE)),--no-serve) $(if $(filter-out 0,$(FRESH)),--fresh)

lint: setup ## formatting, lint, types, import layers, dependencies, generated pages
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/djangofmt --check --quiet templates
	$(BIN)/djangofmt check --quiet templates
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-cache | tail -n 4
	$(BIN)/deptry . 2>&1 | tail -n 12
	$(BIN)/python manage.py docs --check

test: lint ## everything that CI runs
	$(BIN)/pytest -n 2

format: setup ## format Python and templates
	$(BIN)/ruff check --quiet --fix .
	$(BIN)/ruff format --quiet .
	$(BIN)/djangofmt check --quiet --fix templates
	$(BIN)/djangofmt --quiet templates

docs: setup ## write the generated reference pages
	@$(BIN)/python manage.py docs

stop: ## stop all services
	@if [ -x $(BIN)/python ]; then $(BIN)/python manage.py services stop; else echo "Nothing is installed, so nothing runs."; fi

clean: ## stop all services and remove all that the project made but the executor's key
	@if [ -x $(BIN)/python ]; then $(BIN)/python manage.py services stop > /dev/null; fi
	@data="$${BREAKWATER_DATA:-.breakwater}"; for folder in "$$data" "$$data/test"; do \
		if [ -L "$$folder/postgres" ]; then rm -rf "$$(readlink -f "$$folder/postgres")"; fi; \
	done; if [ -d "$$data" ]; then find "$$data" -mindepth 1 -maxdepth 1 ! -name executor -exec rm -rf {} +; fi
	@rm -rf .venv node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
