#!/usr/bin/env bash
# Fuzzes every parser of foreign bytes, for a while each, starting from tests/fuzz/corpus/.
#
#   tests/fuzz/run.sh [SECONDS [ENTRY...]]
#
# SECONDS is per target (default 60), ENTRY a folder of the corpus (default: all). What the fuzzers
# find interesting is kept below build/fuzz/found/ and used by the next run; what crashes one is left
# below build/fuzz/crashes/ for `build/fuzz/tests/fuzz/ENTRY_fuzzer FILE`. The status is not 0 when
# anything crashed.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-60}
[ $# -eq 0 ] || shift
entries=("$@")
[ ${#entries[@]} -gt 0 ] || mapfile -t entries < <(ls tests/fuzz/corpus)

build() {
  local log=build/fuzz/build.log
  mkdir -p build/fuzz
  { cmake --preset fuzz && cmake --build --preset fuzz --target "${entries[@]/%/_fuzzer}"; } >"$log" 2>&1 && return
  tail -n 60 "$log" >&2
  exit 1
}

# fuzz ENTRY: one line of outcome, and the log only where there is something to see.
fuzz() {
  local entry=$1 found=build/fuzz/found/$1 crashes=build/fuzz/crashes/$1 log=build/fuzz/$1.log
  mkdir -p "$found" "$crashes"
  local status=0
  "build/fuzz/tests/fuzz/${entry}_fuzzer" "$found" "tests/fuzz/corpus/$entry" \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
    -artifact_prefix="$crashes/" -print_final_stats=1 >"$log" 2>&1 || status=$?
  printf '%-20s %s inputs tried\n' "$entry" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
  [ $status -eq 0 ] && return
  tail -n 40 "$log"
  return 1
}

build
failed=0
for entry in "${entries[@]}"; do
  fuzz "$entry" || failed=$((failed + 1))
done
if [ $failed -gt 0 ]; then
  echo "$failed of ${#entries[@]} fuzzers found a fault"
  exit 1
fi
