#!/bin/sh
# Installs groups of pyproject.toml into /opt/venv, with the versions and hashes of constraints.txt, and removes pip
# afterwards.
# TORCH_INDEX_URL: the index of torch and torchvision, whose builds have other hashes; empty: the default index.
set -eu
apt-get update
apt-get install --yes --no-install-recommends python3-venv
python3 -m venv /opt/pip
# Install a newer pip first: Debian's does not read hashes in a constraints file.
sed -n '/^pip==/,/[^\\]$/p' constraints.txt >/opt/pip/pip.txt
/opt/pip/bin/pip install --no-cache-dir --only-binary :all: --requirement /opt/pip/pip.txt
[ -e /opt/venv ] || python3 -m venv --without-pip /opt/venv
install() { /opt/pip/bin/pip --python /opt/venv/bin/python install --no-cache-dir --only-binary :all: "$@"; }
if [ "$1" = serve ] && [ -n "${TORCH_INDEX_URL:-}" ]; then
  # Only these two come from that index; their dependencies come from PyPI.
  # shellcheck disable=SC2046
  install --no-deps --index-url "$TORCH_INDEX_URL" $(grep -oE '^torch(vision)?==[^ ]+' constraints.txt)
fi
# shellcheck disable=SC2046
install --require-hashes --constraint constraints.txt $(printf -- '--group %s ' "$@")
rm -rf /opt/pip /var/lib/apt/lists/*
apt-get purge --yes --auto-remove python3-venv
