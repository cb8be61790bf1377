#!/usr/bin/env bash
# Builds and starts the containers, waits until a prediction works, and prints the addresses.
set -euo pipefail
here=$(dirname "$0")
# Prints what .env says of a setting, as compose reads it: without "export", quotes, spaces around it and a comment.
in_file() {
  local value
  value=$(grep -sE "^[[:space:]]*(export[[:space:]]+)?$1[[:space:]]*=" "$here/../../.env" | tail -1 || true)
  value=${value#*=}
  value=${value%%[[:space:]]#*}
  read -r value <<<"${value//[\"\'$'\r']/}"
  printf '%s' "$value"
}
# Prints a setting: from the environment, even if it is empty there, or else from .env.
setting() { printf '%s' "${!1-$(in_file "$1")}"; }
# Refuse a token that every user of the machine can read.
if [ -n "$(in_file MANAGEMENT_TOKEN)" ] && [ -n "$(find -L "$here/../../.env" -perm /o+rw)" ]; then
  echo "error: .env holds MANAGEMENT_TOKEN, and every user of this machine can read it: chmod 600 .env" >&2
  exit 1
fi
gateway_port=$(setting GATEWAY_PORT); gateway_port=${gateway_port:-8080}
management_port=$(setting MANAGEMENT_PORT); management_port=${management_port:-8081}
prometheus_port=$(setting PROMETHEUS_PORT); prometheus_port=${prometheus_port:-9090}
scheme=http
secrets=$(setting GATEWAY_SECRETS); secrets=${secrets:-config/nginx/secrets}
case $secrets in /*) ;; *) secrets=$here/../../$secrets ;; esac
[ -e "$secrets/tls.crt" ] && scheme=https
address=$(setting GATEWAY_ADDRESS)
case $address in "" | 0.0.0.0) address=127.0.0.1 ;; esac
url=$scheme://$address:$gateway_port

bash "$here/compose.sh" up --detach --build "$@"
echo "waiting until a prediction works"
for _ in $(seq 180); do
  if response=$(curl --silent --insecure --fail --max-time 10 "$url/readyz"); then
    models=$(curl --silent --insecure --max-time 10 "$url/v1/models" | grep -o '"[^"]*"' | tail -n +2 | tr -d '"' || true)
    cat <<END

The service runs (make down stops it)
  models      $(echo $models)
  inference   $url
  management  $scheme://127.0.0.1:$management_port   (closed unless MANAGEMENT_TOKEN is set)
  Prometheus  http://127.0.0.1:$prometheus_port

END
    for model in $models; do echo "  curl -T photo.jpg $url/predictions/$model"; done
    exit 0
  fi
  sleep 1
done
echo "error: no prediction works after 3 minutes (${response:-no response}): see bash scripts/container/compose.sh logs" >&2
exit 1
