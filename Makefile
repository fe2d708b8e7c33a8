# Everything a newcomer needs. Each target sets up .venv first, once; Python 3.11 to 3.13, git and make are enough.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/lipwright-setup.txt
DEMO := demo.mp4

.PHONY: help setup demo serve lint test test-kill clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/'

setup: $(STAMP) ## Make .venv with everything in it

$(STAMP): pyproject.toml tools/setup.py
	@$(PYTHON) tools/setup.py

demo: $(STAMP) ## Lip-sync the bundled presenter: demo.mp4 and demo.png
	$(BIN)/lipwright demo --out $(DEMO)

serve: $(STAMP) ## Run the service and its playground at http://127.0.0.1:8000
	$(BIN)/lipwright serve

lint: $(STAMP) ## Style, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# One thread per library: the figures in the tests then do not depend on the machine, and small networks are faster.
test: lint ## All checks and tests
	OMP_NUM_THREADS=1 $(BIN)/pytest

test-kill: $(STAMP) ## Kill every process of the service at every point, on all databases here; minutes
	PYTHONPATH=tests OMP_NUM_THREADS=1 $(BIN)/python -m kill.run

clean: ## Remove what set-up and demo made
	rm -rf .venv demo.mp4 demo.png demo.json
