#!/bin/sh
# Starts nginx and keeps its list of model servers up to date. DNS says which servers exist, but not which accept
# requests, so this script writes the list and reloads nginx.
#
# MANAGEMENT_TOKEN      opens management to clients that send it; without it, management is closed
# REQUESTS_PER_SECOND   per client address (default 100), with a burst of as many
# CONNECTIONS           per client address (default 200)
# RESPONSE_SECONDS      until a request without a response ends with 504 (default 75, above TorchServe's own 60)
# /run/secrets/gateway  tls.crt and tls.key turn TLS on; the file management_token replaces the variable
set -eu
umask 077
config=/etc/nginx/gateway
secrets=/run/secrets/gateway
work=/tmp/gateway
backend=torchserve
every=2 # seconds between two probes; scripts/container/run.py relies on it

fail() { echo "gateway: $1" >&2; exit 1; }

command -v openssl >/dev/null || fail "this image has no openssl, which hashes the token"
command -v curl >/dev/null || fail "this image has no curl, which probes the model servers"
rm -rf "$work"
own=$work/own # the gateway's own state, served under /gateway/ on the management port
mkdir -p "$own/canary"

# Fill the settings into the configuration.
rate=${REQUESTS_PER_SECOND:-100}
for name in infer.conf management.conf no-body.conf upstream-headers.conf problem-pages.conf problems.conf nginx.conf; do
  sed -e "s|@CONFIG@|$work|g" -e "s|@REQUESTS_PER_SECOND@|$rate|g" -e "s|@BURST@|$rate|g" \
    -e "s|@CONNECTIONS@|${CONNECTIONS:-200}|g" -e "s|@RESPONSE_SECONDS@|${RESPONSE_SECONDS:-75}|g" \
    "$config/$name" >"$work/$name"
done

# Refuse secrets that every user of the machine can read.
for secret in management_token tls.key; do
  case $(stat -L -c %A "$secrets/$secret" 2>/dev/null || true) in
    -??????[!-]* | -???????[!-]*) fail "every user can read or change $secret: chmod o-rwx $secret, and give it to the gateway's user (GATEWAY_USER)" ;;
  esac
done

# Without a token, management is closed. nginx compares hashes with a new salt at each start, so that timing reveals
# nothing about the token. The token itself is written to no file.
token=${MANAGEMENT_TOKEN:-}
if [ -z "$token" ] && [ -e "$secrets/management_token" ]; then
  token=$(cat "$secrets/management_token") || fail "management_token cannot be read: give it to the gateway's user (GATEWAY_USER)"
fi
unset MANAGEMENT_TOKEN
if [ -z "$token" ]; then
  echo "gateway: no MANAGEMENT_TOKEN is set: management is closed"
  echo 'map "" $management { default closed; }' >"$work/token.conf"
else
  case $token in
    *[!A-Za-z0-9_-]*) fail "MANAGEMENT_TOKEN may hold letters, digits, _ and - only: make one with: openssl rand -hex 32" ;;
  esac
  [ ${#token} -ge 16 ] || fail "MANAGEMENT_TOKEN is shorter than 16 characters: make one with: openssl rand -hex 32"
  salt=$(openssl rand -hex 32)
  hash=$(printf '%s' "Bearer $token $salt" | openssl md5 -binary | openssl base64 | tr '+/' '-_' | tr -d '=')
  cat >"$work/token.conf" <<END
secure_link $hash;
secure_link_md5 "\$http_authorization $salt";
map \$secure_link \$management { default shut; 1 open; }
END
fi
token=

if [ -e "$secrets/tls.crt" ]; then
  [ -r "$secrets/tls.key" ] || fail "tls.crt is there but tls.key cannot be read: it must belong to the gateway's user (GATEWAY_USER)"
  tls="ssl_certificate $secrets/tls.crt; ssl_certificate_key $secrets/tls.key; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:tls:5m;"
  ssl=" ssl"
fi
echo "listen 8080${ssl:-}; ${tls:-}" >"$work/listen-inference.conf"
echo "listen 8081${ssl:-}; ${tls:-}" >"$work/listen-management.conf"
# Serve metrics on the internal network only, where the gateway has this name.
: >"$work/listen-metrics.conf"
for address in $(getent ahostsv4 gateway-inside | awk '{ print $1 }' | sort -u); do
  grep -q "^$address[[:space:]]" /etc/hosts && echo "listen $address:8082;" >>"$work/listen-metrics.conf"
done

# Prints one line: nginx's active and waiting connections, the number of model servers that do not accept requests, and
# the addresses of those that do. A single curl probes them all, because this runs every two seconds on the CPUs that the
# model needs.
probe() {
  all=$(getent ahostsv4 "$backend" | awk '{ print $1 }' | sort -u)
  set -- --output - http://127.0.0.1:8082/connections
  for address in $all; do
    set -- "$@" --output /dev/null "http://$address:8083/accepting"
  done
  curl --silent --connect-timeout 0.5 --max-time 2 --write-out '\nprobed %{http_code} %{remote_ip}\n' "$@" | awk -v all="$(echo "$all" | wc -w)" '
    /^Active/ { active = $3 }
    /^Reading/ { waiting = $6 }
    $1 == "probed" && $2 == 200 && $3 != "127.0.0.1" { replicas[++count] = $3 }
    END {
      line = active + 0 " " waiting + 0 " " all - count
      for (i = 1; i <= count; i++) line = line " " replicas[i]
      print line
    }' || true
}

# Routes the paths under /gateway/ on the management port, to single replicas or to the gateway's own state.
# Arguments: the number of replicas that do not accept requests, and the addresses of those that do.
write_management_routes() {
  away=$1
  shift
  echo 'map $request_uri $management_server {'
  echo '  default management;'
  for address; do
    pattern=$(echo "$address" | sed 's|[.]|[.]|g')
    echo "  ~^/gateway/replicas/$pattern/models $address:8081;"
    echo "  ~^/gateway/replicas/$pattern/predictions/ $address:8080;"
    echo "  ~^/gateway/replicas/$pattern/idle/ $address:8083;"
  done
  echo '  ~^/gateway/ own;'
  echo '}'
  echo "upstream own { server unix:$work/own.sock; }"
  list=$(for address; do printf ',"%s"' "$address"; done)
  echo "{\"replicas\":[${list#,}],\"away\":$away}" >"$own/replicas.draft"
  mv "$own/replicas.draft" "$own/replicas.json"
}

# Every replica gets each change to the models: the client gets the first one's response, and the others get a copy of
# the request. A replica that is starting or stopping would miss the change, so no change is allowed then.
# Arguments as above.
write_upstreams() {
  away=$1
  shift
  : >"$work/mirror.conf"
  : >"$work/mirrors.conf"
  if [ "$away" = 0 ]; then
    stable='default 1;'
  else # reads, canaries and predictions change no replica
    stable='default 0; "~^(GET|HEAD) " 1; "~ /gateway/(canary|replicas/[0-9.]+/predictions)/" 1;'
  fi
  echo "map \"\$request_method \$uri\" \$replicas_stable { $stable }" >"$work/upstreams.conf"
  write_management_routes "$away" "$@" >>"$work/upstreams.conf"
  if [ $# = 0 ]; then
    echo 'map "" $serving { default 0; }' >>"$work/upstreams.conf"
    for name in torchserve canary status management; do
      echo "upstream $name { server unix:$work/none.sock; }" >>"$work/upstreams.conf"
    done
    return
  fi
  {
    echo 'map "" $serving { default 1; }'
    echo "upstream torchserve { least_conn;"
    for address; do echo "  server $address:8080 max_fails=1 fail_timeout=2s;"; done
    echo "  keepalive 64; }"
    # Errors of a canary do not make its replica unhealthy.
    echo "upstream canary { least_conn;"
    for address; do echo "  server $address:8080 max_fails=0;"; done
    echo "  keepalive 64; }"
    echo "upstream status {"
    for address; do echo "  server $address:8083 max_fails=0;"; done
    echo "}"
  } >>"$work/upstreams.conf"
  first=yes
  for address; do
    if [ -n "$first" ]; then
      echo "upstream management { server $address:8081; }" >>"$work/upstreams.conf"
      first=
    else
      echo "mirror /mirror/$address;" >>"$work/mirror.conf"
      cat >>"$work/mirrors.conf" <<END
location = /mirror/$address {
  internal;
  if (\$request_method = GET) { return 204; }
  include $work/management.conf;
  include $work/no-body.conf;
  proxy_pass http://$address:8081\$request_uri;
}
END
    fi
  done
}

# Prints the canaries requested with PUT /gateway/canary/<model>, as "model:version percent".
requested_canaries() { (cd "$own/canary" && grep -H "" -- * 2>/dev/null) || true; }

# Prints the pids of nginx's workers. After a reload, an old worker keeps its configuration until its last request ends.
nginx_workers() { cat /proc/[0-9]*/stat 2>/dev/null | awk -v master="$nginx" '$4 == master { print $1 }'; }

write_canaries() {
  echo "$canaries" | mawk -v list="$own/canaries.draft" -f "$config/canaries.awk" >"$work/canaries.conf"
}

# Publishes the canaries in force, once no worker uses older ones.
publish_canaries() {
  for worker in $old_workers; do
    [ ! -e "/proc/$worker" ] || return 0
  done
  old_workers=
  mv "$own/canaries.draft" "$own/canaries.json"
  published=$canaries
}

mkfifo "$work/log"
mawk -W interactive -v file="$work/metrics" -f "$config/count.awk" <"$work/log" &
counter=$!
exec 3>"$work/log" # held open, so that the counter sees no end of file while nginx reopens its log
replicas=$(probe | cut -d " " -f 3-)
# shellcheck disable=SC2086 # one word each, here and below
write_upstreams $replicas
canaries=
old_workers=
write_canaries
publish_canaries
# shellcheck disable=SC2086
set -- $replicas
echo "tick 0 0 $(($# - 1))" >&3 # so that the metrics exist before nginx serves them
nginx -t -q -c "$work/nginx.conf"
nginx -c "$work/nginx.conf" -g 'daemon off;' &
nginx=$!
stopping=
trap 'stopping=yes; kill -QUIT $nginx 2>/dev/null || true' TERM QUIT INT
# On a busy machine nginx starts slowly, and a reload needs its process id.
while kill -0 "$nginx" 2>/dev/null && [ ! -s "$work/nginx.pid" ]; do
  sleep 0.1 &
  wait $! || true
done

while kill -0 "$nginx" 2>/dev/null; do
  kill -0 "$counter" 2>/dev/null || fail "count.awk ended"
  found=$(probe) || found=
  # Empty if a signal ended the probe; the loop ends soon then.
  # shellcheck disable=SC2086
  set -- ${found:-0 0 0}
  connections="$1 $2"
  shift 2
  now="$*"
  reload=
  requested=$(requested_canaries)
  if [ -z "$stopping" ] && [ "$requested" != "$canaries" ]; then
    canaries=$requested
    published=changing # even if it returns to the published ones: workers may use those in between
    write_canaries
    echo "gateway: canaries: $(cat "$own/canaries.draft")"
    reload=yes
  fi
  if [ -z "$stopping" ] && [ "$now" != "$replicas" ]; then
    replicas=$now
    # shellcheck disable=SC2086
    write_upstreams $replicas
    away=$1
    shift
    echo "gateway: model servers: ${*:-none}, starting or stopping: $away"
    set -- "$away" "$@"
    reload=yes
  fi
  if [ -n "$reload" ]; then
    old_workers="$old_workers $(nginx_workers)"
    nginx -s reload -c "$work/nginx.conf"
  fi
  [ "$published" = "$canaries" ] || publish_canaries
  echo "tick $connections $(($# - 1))" >&3
  sleep "$every" &
  wait $! || true
done
wait "$nginx" || true
exec 3>&-
wait "$counter" || true
