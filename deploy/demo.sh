#!/usr/bin/env bash
# Shows the whole thing: a sign-in by the OpenID Connect Hybrid Flow at a real OpenID provider, through
# Token Broker, to a protected API and back.
#
#   deploy/demo.sh            grants in memory
#   deploy/demo.sh --redis    grants in a redis-server that the demo starts
#   deploy/demo.sh --keep     leaves everything running, with a web application to try in a browser
#
# It asks nothing. What it starts listens on loopback alone and ends with it, also on Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/.."

use_redis=
keep=
for argument in "$@"; do
  case $argument in
    --redis) use_redis=1 ;;
    --keep) keep=1 ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done

say() { printf '%s\n' "$*"; }

work=$(mktemp -d)
started=()
# shellcheck disable=SC2317  # the trap calls it
cleanup() {
  status=$?
  trap - EXIT INT TERM
  for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
  for process in "${started[@]}"; do wait "$process" 2>/dev/null || true; done
  if [ "$status" -ne 0 ] && [ "$status" -ne 130 ]; then
    for log in "$work"/*.log; do
      [ -s "$log" ] && { say "--- ${log##*/}"; tail -n 20 "$log"; } >&2
    done
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start NAME COMMAND...: runs it in the background with its output in NAME.log.
start() {
  local name=$1
  shift
  "$@" >"$work/$name.out" 2>"$work/$name.log" &
  started+=("$!")
}

# await NAME COMMAND...: waits until the command succeeds while what was started last lives.
await() {
  local name=$1 process=${started[-1]}
  shift
  for _ in $(seq 600); do
    if "$@" 2>/dev/null; then return; fi
    kill -0 "$process" 2>/dev/null || break
    sleep 0.05
  done
  say "$name did not start" >&2
  exit 1
}

free_port() {
  node -e 'const s = require("net").createServer().listen(Number(process.argv[1]), "127.0.0.1", () => { console.log(s.address().port); s.close(); })
    .on("error", () => s.listen(0, "127.0.0.1"))' "$1"
}
# shellcheck disable=SC2317  # await calls it
accepts() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }
json() { node -p 'JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"))[process.argv[2]]' "$1" "$2"; }

say "Token Broker demo: installs what is missing from Debian and npm, builds the broker, starts it beside a
real OpenID provider (npm oidc-provider), and walks through one sign-in."

say
say "== Packages from Debian (deploy/install-deps.sh --tests)"
deploy/install-deps.sh --tests

say "== Packages from npm, as tests/package-lock.json pins them"
npm ci --prefix tests --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null

say "== Building build/release/service/token-broker (a few minutes the first time)"
cmake --preset release >"$work/cmake.log"
cmake --build --preset release --target token-broker >"$work/build.log" ||
  { tail -n 40 "$work/build.log" >&2; exit 1; }

say "== Starting"
broker_port=$(free_port 7070)
application_port=$(free_port 8080)
application=http://localhost:$application_port
redirect_uri=$application/callback

DEMO_CLIENT_SECRET=$(openssl rand -hex 16)
export DEMO_CLIENT_SECRET
cat >"$work/clients.json" <<EOF
[{"client_id": "demo", "client_secret": "$DEMO_CLIENT_SECRET", "redirect_uris": ["$redirect_uri"]}]
EOF
start provider node tests/providers/real/provider.mjs --clients "$work/clients.json" --access-token-lifetime 5
await "the OpenID provider" grep -q issuer "$work/provider.out"
issuer=$(json "$work/provider.out" issuer)
api=$(json "$work/provider.out" api)/api/hello
say "   the OpenID provider   $issuer (access tokens live for 5 s, refresh tokens are rotated)"
say "   a protected API       $api"

cat >"$work/broker.yaml" <<EOF
server:
  listen: 127.0.0.1:$broker_port
providers:
  - name: demo
    issuer: $issuer
    allow_loopback_http: true
    allowed_private_addresses: [127.0.0.0/8]
clients:
  - name: demo
    provider: demo
    client_id: demo
    authentication:
      client_secret_basic:
        secrets: [{env: DEMO_CLIENT_SECRET}]
    redirect_uris: [$redirect_uri]
    response_types: [code id_token, code, code token, code id_token token]
    scopes: [openid, profile, offline_access, "hello:read"]
callers:
  - name: developer
    clients: ["*"]
    rpcs: ["*"]
dev:
  anonymous_caller: developer
EOF
if [ -n "$use_redis" ]; then
  redis_port=$(free_port 6380)
  start redis redis-server --port "$redis_port" --bind 127.0.0.1 --save '' --appendonly no --dir "$work"
  await "redis-server" accepts "$redis_port"
  DEMO_ENCRYPTION_KEY=$(openssl rand -hex 32)
  export DEMO_ENCRYPTION_KEY
  cat >>"$work/broker.yaml" <<EOF
store:
  redis:
    address: 127.0.0.1:$redis_port
encryption:
  keys: [{id: demo, key: {env: DEMO_ENCRYPTION_KEY}}]
EOF
  say "   redis-server          127.0.0.1:$redis_port"
fi
start broker build/release/service/token-broker --config "$work/broker.yaml"
await "token-broker" accepts "$broker_port"
say "   token-broker          127.0.0.1:$broker_port (gRPC), grants in $([ -n "$use_redis" ] && echo Redis || echo memory)"

say
say "== One sign-in"
node tests/demo/walk.mjs --broker "127.0.0.1:$broker_port" --client demo --redirect-uri "$redirect_uri" --api "$api"

[ -n "$keep" ] || exit 0

npm ci --prefix client/examples/webapp --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
start application node client/examples/webapp/server.mjs --broker "127.0.0.1:$broker_port" --client demo \
  --api "$api" --listen "$application_port"
await "the web application" grep -q url "$work/application.out"
cat <<EOF

== Everything is left running; Ctrl-C ends it

   In a browser:     $application   (any user name and password)
   With grpcurl:     grpcurl -plaintext 127.0.0.1:$broker_port list
                     grpcurl -plaintext 127.0.0.1:$broker_port describe tokenbroker.v1.TokenBroker
                     grpcurl -plaintext 127.0.0.1:$broker_port tokenbroker.v1.TokenBroker/ListGrants
                     grpcurl -plaintext -d '{"grant_id": "…"}' 127.0.0.1:$broker_port \\
                       tokenbroker.v1.TokenBroker/GetAccessToken
   The broker's log: $work/broker.log
   Its config:       $work/broker.yaml
EOF
wait -n "${started[@]}" || true
say "Something ended by itself." >&2
exit 1
