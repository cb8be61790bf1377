# CI and the docs use these targets and nothing else.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.complete

# MODEL: a local Hugging Face model directory   NAME: the served name   VERSION: the served version, 1.0 without it
# They have no default here: exported to docker compose, it would win over .env.
# WSL sets NAME to the host name, which is never meant as a model's name.
ifeq ($(origin NAME)-$(NAME),environment-$(file </proc/sys/kernel/hostname))
  unexport NAME
endif
# PHOTO: an image for `demo`
PHOTO ?=
PORT ?= 8080
DATA ?=
# PHOTOS: a folder of JPEGs for `bench`   BENCH: its options, such as --quick
PHOTOS ?= $(wildcard ../shared/photos/coco)
BENCH ?=
MINUTES ?= 15
# LOCK: options of `lock`
LOCK ?=
UV_COMPILE = $(VENV)/bin/uv pip compile --quiet --generate-hashes --only-binary :all: --python-version 3.11 \
  --python-platform linux --no-annotate --no-emit-index-url --custom-compile-command "make lock" $(LOCK)
# What the benchmark compares with, in an environment of its own.
PEERS = scripts/bench/peers/requirements
# Clients that others wrote, for the tests, likewise.
CLIENTS = tests/clients/requirements
# cog, and the files with tables or rules that it generates.
COG = $(PY) -m cogapp -P -p "from scripts.docs import figures, kubernetes, scaling, tables" --verbosity=1
PAGES = README.md $(wildcard docs/*.md) config/kubernetes/components/monitoring/rules.yaml

# PRECISION: float32 or int8, for every command that packs or serves
# CALIBRATION: a folder of images to calibrate int8, and to measure what int8 or bfloat16 changes
# REFERENCE: a folder of images that those served are compared with, for every command that packs or serves
# MIN_AGREEMENT: share of held-out images that must keep their top-1 class
# WORKERS: workers per model; auto is one for every 4 CPUs, or two for each GPU
PRECISION ?= float32
WORKERS ?= auto
CALIBRATION ?=
REFERENCE ?=
MIN_AGREEMENT ?=

# JupyterLab fetches neither news nor versions nor a list of extensions.
JUPYTER = --LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate \
  --LabApp.extension_manager=readonly

# Paths may contain spaces, so recipes read them from the environment instead of pasting them into a command.
export PHOTO PHOTOS PRECISION CALIBRATION REFERENCE MIN_AGREEMENT WORKERS PORT DATA MINUTES

.PHONY: help setup lock archive serve demo up update down notebook test coverage test-e2e test-kubernetes faults soak fuzz bench audit lint format docs figures screenshot clean eda

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## install the pinned packages into .venv, and a Java runtime if none is found

$(STAMP): pyproject.toml constraints.txt scripts/setup.sh
	@PYTHON="$(PYTHON)" VENV="$(VENV)" bash scripts/setup.sh
	@touch $@

# Does not depend on setup, which fails while pyproject.toml names a package that constraints.txt lacks.
lock:  ## update constraints.txt from pyproject.toml (LOCK="--upgrade-package NAME" or --upgrade for newer versions)
	@[ -x $(VENV)/bin/uv ] || { echo 'error: there is no $(VENV)/bin/uv: run make setup first' >&2; exit 1; }
	$(UV_COMPILE) --group all --group setup --output-file constraints.txt pyproject.toml
	$(UV_COMPILE) --constraint constraints.txt --output-file $(PEERS).txt $(PEERS).in
	$(UV_COMPILE) --output-file $(CLIENTS).txt $(CLIENTS).in

archive: $(STAMP)  ## pack the model into model_store/ (MODEL= a local directory, NAME= the served name, PRECISION=int8, REFERENCE= images)
	@$(PY) -m scripts archive --model "$$MODEL" --name "$$NAME" --version "$${VERSION:-1.0}"

serve: $(STAMP)  ## run TorchServe in the foreground (MODEL=, NAME=, PORT=); Ctrl-C stops it
	@exec $(PY) -m scripts serve --model "$$MODEL" --name "$$NAME" --port "$$PORT"

demo: $(STAMP)  ## build, serve, classify an image, stop (MODEL=, NAME=, PORT=, PHOTO= an image)
	@$(PY) -m scripts demo --model "$$MODEL" --name "$$NAME" --port "$$PORT" --photo "$$PHOTO"

up:  ## start the containers: gateway, model server, Prometheus (docs/deployment.md lists the settings)
	@bash scripts/container/up.sh

update:  ## build the image again and replace the running model servers by it, without an outage
	@bash scripts/container/update.sh

down:  ## stop the containers after in-flight requests finish; keeps models and metrics
	@bash scripts/container/compose.sh down

notebook: $(STAMP)  ## open the notebook, from build to prediction, in Jupyter
	@$(VENV)/bin/jupyter lab $(JUPYTER) scripts/notebook/image_classification.ipynb

# Two processes: most tests wait for a server to start, which keeps one CPU busy. With loadfile instead of worksteal,
# xdist would run only one of the tests to which Schemathesis gives the same id. OpenMP's threads must not spin while
# they wait: on CPUs that others use, they take several times as long.
TEST = OMP_WAIT_POLICY=PASSIVE $(PY) -m pytest -m "not e2e and not kubernetes" --numprocesses 2 --dist worksteal

test: $(STAMP) lint  ## run lint and all tests except those of the containers
	$(TEST) --durations=10

coverage: $(STAMP)  ## run the same tests, and list the lines that none of them runs (takes longer)
	$(TEST) --cov --cov-report=term

# The timeout covers the build of the image too.
test-e2e: $(STAMP)  ## test the containers (about 10 minutes; needs Docker, or root and Debian's docker.io)
	$(PY) -m pytest tests/e2e -m e2e --timeout=1800 --durations=10

test-kubernetes: $(STAMP)  ## test config/kubernetes: rendered, and run by podman (needs kubectl; root, Docker and podman; KUBECONFIG= a cluster)
	$(PY) -m pytest tests/kubernetes --timeout=1800 --durations=10

# The gap and recovery times depend on the machine: run nothing else beside it.
faults: $(STAMP)  ## measure what clients see during faults: build/faults.json (needs Docker)
	@rm -f build/faults.json
	$(PY) -m pytest -m faults --timeout=1800

soak: $(STAMP)  ## send valid and invalid requests for MINUTES= (15) and look for drift: build/soak.json (MODEL=, NAME=, PORT=)
	@$(PY) -m scripts soak --minutes "$$MINUTES" --model "$$MODEL" --name "$$NAME" --port "$$PORT"

lint: $(STAMP)  ## check format, lint rules, spelling, imports, generated tables and types (changes nothing)
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/codespell
	$(VENV)/bin/lint-imports --no-logo
	$(COG) --check --check-fail-msg="run make docs" $(PAGES)
	$(VENV)/bin/mypy

format: $(STAMP)  ## format the code, and fix what the linter can fix
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

docs: $(STAMP)  ## update the generated tables of README.md and docs/
	$(COG) -r $(PAGES)

figures: $(STAMP)  ## publish the figures of bench, bench drift, bench explanations, bench overload, bench tracing and faults in docs/
	@for file in $(wildcard $(patsubst %,build/%.json,bench drift explanations faults overload tracing)); do cp --verbose $$file docs/figures/; done
	@for file in $(wildcard build/bench.png); do cp --verbose $$file docs/images/; done
	$(COG) -r $(PAGES)

screenshot: $(STAMP)  ## take the README's picture of the page, docs/images/page.png (needs Debian's chromium; MODEL=, NAME=, PORT=)
	@$(PY) -m scripts.docs.screenshot --model "$$MODEL" --name "$$NAME" --port "$$PORT"

clean:  ## remove build outputs and caches; keeps .venv and model_store/
	rm -rf build logs eda/report .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage .coverage.*

fuzz: $(STAMP)  ## send 2,500 malformed requests to a new server: build/fuzz.json (MODEL=, NAME=, PORT=)
	@$(PY) -m scripts fuzz --model "$$MODEL" --name "$$NAME" --port "$$PORT"

audit: $(STAMP)  ## check the pinned packages for known vulnerabilities (needs PyPI)
	@$(PY) -m scripts audit

eda: $(STAMP)  ## explore CPPE-5: eda/report/index.html (DATA= a local folder)
	@$(PY) -m eda --data "$$DATA"

bench: $(STAMP)  ## measure throughput and latency: build/bench.json, build/bench.png (MODEL=, PHOTOS= JPEGs, BENCH=--quick)
	@$(PY) -m scripts bench --model "$$MODEL" --name "$$NAME" --images "$$PHOTOS" --port "$$PORT" $(BENCH)
