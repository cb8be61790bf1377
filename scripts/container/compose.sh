#!/usr/bin/env bash
# Runs docker compose or docker-compose, whichever is installed, in the project's folder.
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
  || fail "no Docker engine responds: start it (systemctl start docker, or dockerd as root) and check that you may use it (docker info)"
# The containers' users read config/ as it lies here, and a umask of 077 closes a clone to them. The files in secrets/ stay
# as they are.
find config ! -path 'config/*/secrets/*' \( -type d ! -perm -005 -o -type f ! -perm -004 \) -exec chmod a+rX {} + \
  || fail "the containers' users must be able to read config/, which belongs to another user: chmod -R a+rX config, but not the files in secrets/"
[ -x config/nginx/10-gateway.envsh ] || chmod a+x config/nginx/10-gateway.envsh # a zip of the project may have lost this, and nginx's image skips it then
exec "${compose[@]}" "$@"
