#!/bin/sh
# Installs one group of pyproject.toml into /opt/venv, at the versions and with the hashes of constraints.txt, and takes
# pip away again.
# TORCH_INDEX_URL: where torch and torchvision come from, without their hashes; empty: where everything comes from.
set -eu
group=$1
apt-get update
apt-get install --yes --no-install-recommends python3-venv
python3 -m venv /opt/pip
# First a pip that reads hashes in a constraints file; Debian's reads them in requirements alone.
sed -n '/^pip==/,/[^\\]$/p' constraints.txt >/opt/pip/pip.txt
/opt/pip/bin/pip install --no-cache-dir --only-binary :all: --requirement /opt/pip/pip.txt
[ -e /opt/venv ] || python3 -m venv --without-pip /opt/venv
install() { /opt/pip/bin/pip --python /opt/venv/bin/python install --no-cache-dir --only-binary :all: "$@"; }
if [ "$group" = serve ] && [ -n "${TORCH_INDEX_URL:-}" ]; then
  # Only these two come from there; what they need comes from PyPI.
  # shellcheck disable=SC2046
  install --no-deps --index-url "$TORCH_INDEX_URL" $(grep -oE '^torch(vision)?==[^ ]+' constraints.txt)
fi
install --require-hashes --constraint constraints.txt --group "$group"
rm -rf /opt/pip /var/lib/apt/lists/*
apt-get purge --yes --auto-remove python3-venv
