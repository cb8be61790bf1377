# The one front door: CI and the README use these targets and nothing else.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.complete

# MODEL: a local Hugging Face model directory   NAME: the served name   PHOTO: a photo for `demo`
MODEL ?=
NAME ?=
PHOTO ?=
export MODEL NAME PHOTO

.PHONY: help setup lint eda

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## the environment: .venv with everything pinned, and a Java runtime where none is found

$(STAMP): pyproject.toml constraints.txt scripts/setup.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" bash scripts/setup.sh
	@touch $@

lint: $(STAMP)  ## format, lint and types (changes nothing)
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

eda: $(STAMP)  ## explore CPPE-5: eda/report/index.html (DATA= a local folder)
	$(PY) -m eda --data "$(DATA)"
