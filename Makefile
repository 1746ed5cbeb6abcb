# `make demo` and `make test` are all a newcomer needs: each sets up .venv first and is quick when run again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RAY_STAMP := $(VENV)/.installed-ray
PACKAGES := repopeftbench code2lora harness sandboxes
export OMP_NUM_THREADS ?= 1

# $(call stage,NAME,COMMAND) runs a command and prints how many seconds it took.
define stage
@start=$$(date +%s); echo "== $(1)"; $(2) || exit 1; echo "== $(1): $$(( $$(date +%s) - start )) s"
endef

.PHONY: setup demo test test-slow test-ray test-docker test-browser test-docs docs check format format-check lint types contracts \
  bench bench-execution bench-startup clean

# codebleu is the reference that tests compare with; its pins are wrong, not its code (docs/adr/0003), hence --no-deps.
setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --quiet --upgrade pip
	@$(BIN)/python -m pip install --quiet --quiet --constraint constraints.txt --editable '.[models,sandbox,report,tracking,docs,dev]'
	@$(BIN)/python -m pip install --quiet --quiet --no-deps codebleu==0.7.0
	@touch $@

demo: $(STAMP)
	@$(BIN)/python examples/demo.py

test: $(STAMP)
	$(call stage,tests,$(BIN)/python -m pytest -n 2 --dist worksteal)

test-slow: $(STAMP)
	$(call stage,slow tests,$(BIN)/python -m pytest -m slow -rs)

test-ray: $(RAY_STAMP)
	$(call stage,tests on Ray,$(BIN)/python -m pytest -m ray)

# Fails where there is no engine or no base image (sandboxes/base-image makes it); plain `make test` leaves these tests out.
test-docker: $(STAMP)
	$(call stage,tests in Docker,REPOBENCH_REQUIRE=docker $(BIN)/python -m pytest -m docker)

# Runs the commands of the README and the site, and compares what they print.
test-docs: $(STAMP)
	$(call stage,tests of the docs,$(BIN)/python -m pytest -m 'slow or not slow' tests/docs)

# The site, in build/site; a warning is an error.
docs: $(STAMP)
	$(call stage,docs,NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet)

# Fails where there is no Chromium (.ci/browser installs one); plain `make test` leaves these tests out.
test-browser: $(STAMP)
	$(call stage,tests in a browser,REPOBENCH_REQUIRE=browser $(BIN)/python -m pytest -m browser)

$(RAY_STAMP): $(STAMP)
	@$(BIN)/python -m pip install --quiet --quiet --constraint constraints.txt --editable '.[ray]'
	@touch $@

check: format-check lint types contracts test

format: $(STAMP)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

format-check: $(STAMP)
	$(call stage,format,$(BIN)/ruff format --check --quiet .)

lint: $(STAMP)
	$(call stage,lint,$(BIN)/ruff check --quiet .)

types: $(STAMP)
	$(call stage,types,$(BIN)/mypy)

contracts: $(STAMP)
	$(call stage,import contracts,$(BIN)/lint-imports)

# REPOS="PATH ..." and OPTIONS="--repeat 3" go to the benchmark; without REPOS it mines this repository.
bench: $(VENV)/.peers
	@$(BIN)/python benchmarks/mining.py $(REPOS) $(OPTIONS)

# Executions in warm containers against a fresh container each.
bench-execution: $(STAMP)
	@$(BIN)/python benchmarks/execution.py $(OPTIONS)

# Processor seconds until a command begins.
bench-startup: $(STAMP)
	@$(BIN)/python benchmarks/startup.py

$(VENV)/.peers: $(STAMP)
	@$(BIN)/python -m pip install --quiet --quiet --constraint constraints.txt --editable '.[bench]'
	@touch $@

clean:
	rm -rf $(VENV) repobench-out dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
