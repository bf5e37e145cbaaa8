# What people type. `make run` and `make test` need git, make and python3 only; they install the rest (scripts/install).
.DEFAULT_GOAL := help
BIN := .venv/bin
ARGS ?=
PREFIX ?= /opt/edge
PACKAGES ?= 1
ONCE ?=
# Kernels are tested compiled and as plain Python: what compiled code reads behind the end of an array is an error there.
INTERPRETED := $(addprefix tests/dsp/,codecs detectors tones \
	$(addprefix plane/test_,jitter.py packets.py rtcp.py source.py telephone_events.py))

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 20

venv:  ## What running from this checkout needs: system packages, .venv, dependencies
	@scripts/install

install: venv  ## Onto this machine, as the package does (root; DESTDIR=, PREFIX=/opt/edge)
	@scripts/release install --prefix "$(PREFIX)" --destdir "$(DESTDIR)"

uninstall:  ## The same off this machine; settings and data stay
	@scripts/release uninstall --prefix "$(PREFIX)" --destdir "$(DESTDIR)"

deb: venv  ## build/edge-appliance_<version>_<architecture>.deb
	@scripts/apt debhelper
	@scripts/release deb

bundle: venv  ## The same with all it needs, for sites without Internet (PACKAGES=: without those of Debian)
	@scripts/apt debhelper
	@scripts/release bundle $(if $(PACKAGES),--packages)

install-dev:  ## The same, with what checks and tests need
	@scripts/install --dev

install-test-peers:  ## Other people's SIP programs, for the tests
	@scripts/install-test-peers

run: venv  ## Start the demo and show a call going through it (ONCE=1: end after the call)
	@ONCE=$(ONCE) scripts/show-call $(ARGS)

check: install-dev  ## Formatting, lint, types, layers, generated pages
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/configuration_reference.py --check
	@$(BIN)/python scripts/reference.py --check
	@$(BIN)/python scripts/dialing_rules_reference.py --check
	@$(BIN)/python scripts/firmware_profiles_reference.py --check
	@$(BIN)/python scripts/api_reference.py --check

test: install-dev install-test-peers check  ## Checks and every test (ARGS=tests/front: these only)
	@$(BIN)/edge warmup
ifneq ($(ARGS),)
	@$(BIN)/pytest $(ARGS)
else
	@$(BIN)/pytest -n auto --dist worksteal -m "not alone"
	@$(BIN)/pytest -m alone
	@NUMBA_DISABLE_JIT=1 $(BIN)/pytest -n auto --dist worksteal $(INTERPRETED)
endif

bench: install-dev install-test-peers  ## Measure; writes docs/benchmarks.md
	@$(BIN)/edge bench all --write docs/benchmarks.md $(ARGS)

soak: install-dev  ## A day's calls in twenty minutes: does anything grow? (ARGS="--minutes 5")
	@$(BIN)/python -m bench.soak $(ARGS)

docs: install-dev  ## Make the generated pages and schemas again
	@$(BIN)/python scripts/configuration_reference.py
	@$(BIN)/python scripts/reference.py
	@$(BIN)/python scripts/dialing_rules_reference.py
	@$(BIN)/python scripts/firmware_profiles_reference.py
	@$(BIN)/python scripts/api_reference.py

lock: install-dev  ## Resolve the dependencies again, with hashes
	@scripts/lock

clean:  ## Take away what was built; the demo's state stays
	@rm -rf build .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info
	@find edge dsp tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help venv install uninstall deb bundle install-dev install-test-peers run check test bench soak docs lock clean
