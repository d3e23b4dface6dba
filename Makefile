# From nothing but Python 3.11 and make: `make train` and `make test`. The rest is for developers.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
PACKAGES := audits jepa_cli jepa_world_model

.DEFAULT_GOAL := help
.PHONY: help install train audit fast test thorough package lint format docs site bench clean

help: ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## Create .venv and install everything into it, once

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e '.[dev]' -c constraints.txt
	@$(BIN)/python -m compileall -q -j 0 -x '/tests?/' .venv/lib $(PACKAGES) >/dev/null || true # what pip does on one core
	@touch $@

train: $(STAMP) ## Train on the embedded grid world; the run folder is runs/grid-rooms-NNN
	$(BIN)/jepa train

audit: $(STAMP) ## Prove that docs/gradient_flow.md says what the gradients do
	OMP_NUM_THREADS=1 $(BIN)/jepa audit-grads

fast: $(STAMP) ## Run the tests that a contributor runs between two edits
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile -m 'not slow and not package'

test: $(STAMP) ## Run all tests, a file at a time on each core
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

thorough: $(STAMP) ## Run the long tests that `make test` leaves to their shorter relatives
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist load -m 'thorough'

package: $(STAMP) ## Build wheel and sdist, install the wheel elsewhere, run every command there and the quick tests of the sdist
	$(BIN)/python -m pytest -m 'package and not thorough' tests/package

lint: $(STAMP) ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright

format: $(STAMP) ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP) ## Write the generated pages of docs/ anew
	$(BIN)/python -m jepa_world_model.losses.documentation > docs/losses.md
	$(BIN)/python -m jepa_world_model.gradient_flow.recording
	$(BIN)/python -m jepa_world_model.rules.reference > docs/rules.md
	$(BIN)/python -m jepa_world_model.training.alarms_reference > docs/alarms.md
	$(BIN)/python docs/rooms.py
	$(BIN)/python docs/settings_page.py
	$(BIN)/python docs/embed.py

site: $(STAMP) ## Build the site of docs/ into site/; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(STAMP) ## Measure the promises on speed, as ratios within one run
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks

clean: ## Remove what make created, but no runs
	rm -rf .venv .pytest_cache .ruff_cache *.egg-info site
