#!/usr/bin/env bash
# Runs docker compose, whichever of its two forms is installed, in the project's folder; says what to install if none is.
set -euo pipefail
cd "$(dirname "$0")/../.."
fail() { printf 'error: %s\n' "$1" >&2; exit 1; }

if docker compose version >/dev/null 2>&1; then
  compose=(docker compose)
elif command -v docker-compose >/dev/null; then
  compose=(docker-compose)
else
  fail "neither docker compose nor docker-compose is installed: install one (Debian: apt-get install docker.io docker-compose)"
fi
docker info >/dev/null 2>&1 \
  || fail "no Docker engine answers: start it (systemctl start docker, or dockerd as root) and see that you may use it (docker info)"
exec "${compose[@]}" "$@"
