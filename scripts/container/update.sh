#!/usr/bin/env bash
# Builds the image and replaces each model server by one of it, without an outage: the new server starts beside the old
# one, which stops once the new one serves. With --no-build, the image that IMAGE names is taken as it is.
set -euo pipefail
here=$(dirname "$0")
compose() { bash "$here/compose.sh" "$@"; }
servers() { compose ps --quiet torchserve | sort; }
# Prints the network in which the name torchserve leads to a container, nothing where there is none.
network_of() {
  local names='{{range $name, $_ := .NetworkSettings.Networks}}{{range .Aliases}}{{if eq . "torchserve"}}{{$name}} {{end}}{{end}}{{end}}'
  docker inspect --format "$names" "$1" | awk '{ print $1 }'
}
fail() { echo "error: $1" >&2; exit 1; }

[ "${1:-}" = --no-build ] || compose build torchserve
old=
for server in $(servers); do
  if [ "$(docker inspect --format '{{.State.Running}}' "$server")" = true ] && [ -n "$(network_of "$server")" ]; then
    old="$old $server"
  else
    docker rm --force "$server" >/dev/null # stopped, or left by an update that was killed
  fi
done
[ -n "$old" ] || fail "no model server runs: start the service with make up"
count=$(wc -w <<<"$old")
new=
trap '[ -z "$new" ] || docker rm --force "$new" >/dev/null' EXIT # an update that fails leaves the old server alone
for server in $old; do
  before=$(servers)
  compose up --detach --no-deps --no-recreate --scale "torchserve=$((count + 1))" torchserve
  new=$(comm -13 <(echo "$before") <(servers))
  [ "$(wc -w <<<"$new")" = 1 ] || fail "no server was started: see bash scripts/container/compose.sh logs torchserve"
  network=$(network_of "$new")
  # Until it serves, the name torchserve must not lead to it: requests would wait for its model. Its own name must, or
  # TorchServe waits half a minute for look-ups of it.
  docker network disconnect "$network" "$new"
  docker network connect "$network" "$new"
  echo "waiting until the new server serves"
  for _ in $(seq 180); do
    health=$(docker inspect --format '{{.State.Status}}, {{.State.Health.Status}}, {{.RestartCount}} restarts' "$new")
    case $health in "running, starting, 0 restarts") sleep 1 ;; *) break ;; esac
  done
  if [ "$health" != "running, healthy, 0 restarts" ]; then
    docker logs --tail 20 "$new" >&2
    fail "the new server does not serve ($health), and the old one goes on: its last lines are above"
  fi
  docker network disconnect "$network" "$new"
  docker network connect --alias torchserve "$network" "$new"
  serving=$new new= # from now on, it stays
  sleep 5 # the gateway looks up the name every two seconds
  docker stop -t 45 "$server" >/dev/null
  docker rm "$server" >/dev/null
  sleep 3 # and until it has forgotten the old address
  echo "$(docker inspect --format '{{.Name}}' "$serving") replaces ${server:0:12}"
done
