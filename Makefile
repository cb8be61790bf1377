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
# WSL sets NAME to the computer's name, which nobody means as a model's.
ifeq ($(NAME),$(file </proc/sys/kernel/hostname))
  NAME :=
endif
PORT ?= 8080
VERSION ?= 1.0
DATA ?=
# PHOTOS: a folder of JPEGs for `bench`   BENCH: its options, such as --quick
PHOTOS ?= $(wildcard ../shared/photos/coco)
BENCH ?=
MINUTES ?= 15
# LOCK: options of `lock`
LOCK ?=
# What cog runs in the pages, and the pages.
COG = $(PY) -m cogapp -P -p "from scripts.docs import figures, tables" --verbosity=1
PAGES = README.md $(wildcard docs/*.md)

# PRECISION: float32 or int8, for every command that packs or serves   CALIBRATION: a folder of photos for int8
# LEAST_AGREEMENT: share of held-back photos that must keep their best class in int8
# WORKERS: how many the archive asks for; auto is one for every 4 CPUs, two for each GPU
PRECISION ?= float32
WORKERS ?= auto
CALIBRATION ?=
LEAST_AGREEMENT ?=

# A path that a shell or a photo's name may hold a space in is passed through the environment, never pasted.
export MODEL NAME PHOTO PHOTOS PRECISION CALIBRATION LEAST_AGREEMENT WORKERS PORT VERSION DATA MINUTES

.PHONY: help setup lock archive serve demo up down notebook test test-e2e faults soak fuzz bench audit lint format docs clean eda

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## the environment: .venv with everything pinned, and a Java runtime where none is found

$(STAMP): pyproject.toml constraints.txt scripts/setup.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" bash scripts/setup.sh
	@touch $@

# Not after set-up, which fails while pyproject.toml names a package that constraints.txt does not have.
lock:  ## constraints.txt from pyproject.toml: keeps the versions that fit (LOCK="--upgrade-package NAME" or --upgrade)
	@[ -x $(VENV)/bin/uv ] || { echo 'error: there is no $(VENV)/bin/uv: run make setup first' >&2; exit 1; }
	$(VENV)/bin/uv pip compile --quiet --group all --group setup --generate-hashes --only-binary :all: \
	  --python-version 3.11 --python-platform linux \
	  --no-annotate --no-emit-index-url --custom-compile-command "make lock" $(LOCK) --output-file constraints.txt pyproject.toml

archive: $(STAMP)  ## the model packed into model_store/ (MODEL= a local directory, NAME= the served name, PRECISION=int8)
	@$(PY) -m scripts archive --model "$$MODEL" --name "$$NAME" --version "$$VERSION"

serve: $(STAMP)  ## TorchServe in the foreground (MODEL=, NAME=, PORT=); Ctrl-C stops it
	@exec $(PY) -m scripts serve --model "$$MODEL" --name "$$NAME" --port "$$PORT"

demo: $(STAMP)  ## everything from nothing to a named photo, then stops (MODEL=, NAME=, PORT=, PHOTO= a photo)
	@$(PY) -m scripts demo --model "$$MODEL" --name "$$NAME" --port "$$PORT" --photo "$$PHOTO"

up:  ## the containers: gateway, model server, Prometheus (config/CONTAINERS.md says what can be set)
	@bash scripts/container/up.sh

down:  ## stop the containers; requests in flight are finished, models and metrics are kept
	@bash scripts/container/compose.sh down

notebook: $(STAMP)  ## the walk-through, from build to answer, in Jupyter
	@$(VENV)/bin/jupyter lab scripts/notebook/image_classification.ipynb

# In two processes: most tests wait for a server to start, which keeps one CPU busy. By worksteal, because loadfile would
# run only one of the tests to which Schemathesis gives the same id.
test: $(STAMP) lint  ## the whole suite but for the containers, lint included
	$(PY) -m pytest -m "not e2e" --numprocesses 2 --dist worksteal --cov --cov-report=term

# The limit of a test holds for the build of the image too.
test-e2e: $(STAMP)  ## the containers, tested for real (about 10 minutes; needs Docker, or root and Debian's docker.io)
	$(PY) -m pytest tests/e2e -m e2e --timeout=1800 --durations=10

# The longest gap and the recovery are what this machine needs: let nothing else run beside it.
faults: $(STAMP)  ## the figures of what goes wrong under load: build/faults.json and the README's table (needs Docker)
	@rm -f build/faults.json
	$(PY) -m pytest -m faults --timeout=1800
	@$(PY) -c "from scripts.docs.faults import run; run()"

soak: $(STAMP)  ## good and bad requests for MINUTES= (15), first quarter against last: build/soak.json (MODEL=, NAME=, PORT=)
	@$(PY) -m scripts soak --minutes "$$MINUTES" --model "$$MODEL" --name "$$NAME" --port "$$PORT"

lint: $(STAMP)  ## format, lint rules, spelling, imports, generated tables and types (changes nothing)
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/codespell
	$(VENV)/bin/lint-imports --no-logo
	$(COG) --check --check-fail-msg="run make docs" $(PAGES)
	$(VENV)/bin/mypy

format: $(STAMP)  ## the code formatted, and what the linter can mend by itself
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

docs: $(STAMP)  ## the generated tables of README.md and docs/
	$(COG) -r $(PAGES)

clean:  ## remove what was built and the caches; .venv and model_store/ stay
	rm -rf build logs eda/report .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage .coverage.*

fuzz: $(STAMP)  ## 2,500 malformed requests to a server of its own (MODEL=, NAME=, PORT=): build/fuzz.json
	@$(PY) -m scripts fuzz --model "$$MODEL" --name "$$NAME" --port "$$PORT"

audit: $(STAMP)  ## known vulnerabilities of the pinned packages (needs PyPI)
	@$(PY) -m scripts audit

eda: $(STAMP)  ## explore CPPE-5: eda/report/index.html (DATA= a local folder)
	@$(PY) -m eda --data "$$DATA"

bench: $(STAMP)  ## how fast it is: a table, build/bench.json and build/bench.png (MODEL=, PHOTOS= JPEGs, BENCH=--quick)
	@$(PY) -m scripts bench --model "$$MODEL" --name "$$NAME" --images "$$PHOTOS" --port "$$PORT" $(BENCH)
