#!/usr/bin/env bash
# Lets a small fleet live through kills, stops, cuts, failovers and outages, and compares what the provider saw with
# what is left.
#
#   tests/chaos/run.sh                        120 s on one Redis that is killed and comes back
#   SEED=7 SECONDS_TO_RUN=60 tests/chaos/run.sh
#   TOPOLOGY=sentinel tests/chaos/run.sh      standalone, sentinel or cluster
#   GRANTS=3000 TOKEN_SECONDS=10 CALLERS=24 tests/chaos/run.sh
#   TOPOLOGY=sentinel MIN_REPLICAS=0 tests/chaos/run.sh    without min-replicas-to-write, which is 1 otherwise
#   TOPOLOGY=sentinel WAIT_REPLICAS=1 tests/chaos/run.sh   store.redis.replication.wait_replicas, left out otherwise
#
# The same seed gives the same faults in the same order; what they meet is up to the machine. Needs the release build
# (or TOKEN_BROKER_BIN) and tests/node_modules. KEEP=1 leaves the ledger and what brokers and Redis have logged, and says where.
# The last line says what came of it; the exit status is 1 if a grant was lost, a refresh token reused or an expired
# token served.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec node tests/chaos/main.mjs
