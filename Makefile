# Every target sets up what it needs (scripts/bootstrap) and is quick the second time. ARGS="…" goes to the program behind a target.
.DEFAULT_GOAL := help
.PHONY: help bootstrap bootstrap-tests demo run check test bench soak strict clean
SHELL := /bin/bash
BIN := .venv/bin
ARGS ?=
MINUTES ?= 30
# Many tests wait (for a model that is down, for a process that starts), so there are more of them at work than cores.
WORKERS ?= 4
# The tests start the bridge over a hundred times; where bytecode may not be kept, each start would compile it anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## say what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-10s %s\n", $$1, $$2}'

bootstrap: ## set up packages, the service user, uv and .venv (every target does)
	@scripts/bootstrap

bootstrap-tests:
	@scripts/bootstrap tests

demo: bootstrap ## the main job from start to end, offline, in under a minute
	@$(BIN)/loopbridge demo $(ARGS)

run: bootstrap ## the daemon
	@$(BIN)/loopbridge run $(ARGS)

check: bootstrap ## formatting, lint, types, arrows of import
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: bootstrap-tests ## the tests; ARGS="-k policy" picks some
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not bench and not slow" $(ARGS)

bench: bootstrap-tests ## medians, and ratios to a bare floor measured in the same run
	$(BIN)/python -m tests.bench $(ARGS)

soak: bootstrap-tests ## the crash and scenario tests, the slow ones too, again and again for MINUTES=30
	@end=$$((SECONDS + 60 * $(MINUTES))); round=0; while [ $$SECONDS -lt $$end ]; do round=$$((round + 1)); echo "soak: round $$round"; \
		CRASH_SEED=$$round CRASH_KILLS=10 $(BIN)/pytest -q -n 2 --dist worksteal -m "not bench" tests/crash tests/scenarios tests/contract/test_chat_matrix.py $(ARGS) || exit 1; done

strict: bootstrap-tests ## the Matrix tests with people on matrix-js-sdk, the strictest client there is (needs npm)
	@scripts/bootstrap-matrix-strict && MATRIX_STRICT=1 $(BIN)/pytest -q -n 0 tests/contract/test_chat_matrix_strict.py $(ARGS)

clean: ## take away what the targets made here (not the home directory)
	rm -rf .venv .tools .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
