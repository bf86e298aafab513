# `make demo`, `make test` and `make lint` set up all they need: a virtual environment with the pinned packages.
#   PYTHON=python3.12 make demo     with that Python (3.11 or 3.12; found by itself otherwise)
#   VENV=elsewhere make test        in that environment; an activated one is used as it is
#   PYTEST_FLAGS="-m 'not slow'"    what to add to the pytest command

SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV ?= $(or $(VIRTUAL_ENV),.venv)
PYTHON ?= $(shell for python in python3.12 python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$python && break; done)
EXTRAS := train,evaluate,demo,host,test
BIN := $(VENV)/bin
STAMP := $(VENV)/.gliomasam-installed
CASE ?=
SOURCES := GliomaSAM GliomaSAMLib Testing Resources

.PHONY: help install demo test lint format icon clean

help:
	@echo "make demo     one click to a 3D mask on a digital phantom; CASE=FOLDER for a case of your own"
	@echo "make test     lint, types and tests; PYTEST_FLAGS=\"-m 'not slow'\" for the quick ones"
	@echo "make lint     ruff and mypy only"
	@echo "make install  the environment in $(VENV) and nothing else"

install: $(STAMP)

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then echo "GliomaSAM needs Python 3.11 or 3.12, and none was found: install one, or say which: make PYTHON=python3.12" >&2; exit 2; fi
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(MAKE) --no-print-directory debian-venv
	$(PYTHON) -m venv $(VENV)

.PHONY: debian-venv
debian-venv:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update && apt-get install -y --no-install-recommends "$$(basename $(PYTHON))-venv"; \
	else \
		echo "skipped: the Debian package $$(basename $(PYTHON))-venv, without which no environment can be made; ask an administrator for it" >&2; \
	fi

$(STAMP): $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

demo: $(STAMP)
	$(BIN)/gliomasam demo $(if $(CASE),--folder "$(CASE)")

lint: $(STAMP)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

# The tests of the host and of the module change PySide6 for their whole process, so they have one of their own.
# Exit status 5 of pytest: PYTEST_FLAGS chose no test of that process.
test: lint host-packages
	GLIOMASAM_TESTS=plain $(BIN)/python -m pytest $(PYTEST_FLAGS) || [ $$? = 5 ]
	GLIOMASAM_TESTS=qt QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest $(PYTEST_FLAGS) || [ $$? = 5 ]

# Drawing without a screen; the tests that draw are skipped without it.
HOST_PACKAGES := libgl1-mesa-dri libgl1 libegl1 libegl-mesa0 libosmesa6 libglx-mesa0 libxrender1 libxcursor1 libxkbcommon0 \
	libdbus-1-3 libfontconfig1 fonts-dejavu-core

.PHONY: host-packages
host-packages:
	@if dpkg -s $(HOST_PACKAGES) >/dev/null 2>&1; then \
		true; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update && \
			apt-get install -y --no-install-recommends $(HOST_PACKAGES); then \
		true; \
	else \
		echo "skipped: the Debian packages $(HOST_PACKAGES), without which the tests that draw are skipped;" \
			"ask an administrator for them" >&2; \
	fi

format: $(STAMP)
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

icon: $(STAMP)
	$(BIN)/python Resources/draw_icon.py GliomaSAM.png

clean:
	rm -rf build dist demo-output .pytest_cache .mypy_cache .ruff_cache
