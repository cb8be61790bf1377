#!/bin/sh
# Installs one group of pyproject.toml into /opt/venv, as pinned, and takes pip away again.
# TORCH_INDEX_URL: where torch and torchvision come from; empty: where everything comes from.
set -eu
group=$1
apt-get update
apt-get install --yes --no-install-recommends python3-venv
python3 -m venv /opt/pip
/opt/pip/bin/pip install --no-cache-dir --constraint constraints.txt --upgrade pip
[ -e /opt/venv ] || python3 -m venv --without-pip /opt/venv
install() { /opt/pip/bin/pip --python /opt/venv/bin/python install --no-cache-dir --constraint constraints.txt "$@"; }
if [ "$group" = serve ] && [ -n "${TORCH_INDEX_URL:-}" ]; then
  # Only these two come from there; what they need comes from PyPI, at the pinned versions.
  install --no-deps --index-url "$TORCH_INDEX_URL" torch torchvision
fi
install --group "$group"
rm -rf /opt/pip /var/lib/apt/lists/*
apt-get purge --yes --auto-remove python3-venv
