#!/usr/bin/env bash
# Fuzzes every parser of foreign bytes, for a while each, starting from tests/fuzz/corpus/.
#
#   tests/fuzz/run.sh [SECONDS [ENTRY...]]
#
# SECONDS is per target (default 60), ENTRY a folder of the corpus (default: all); as many run at once as there are
# processors, or JOBS. What the fuzzers find interesting is kept below build/fuzz/found/ and used by the next run; what
# crashes one, or takes it five seconds, is left below build/fuzz/crashes/ for
# `build/fuzz/tests/fuzz/ENTRY_fuzzer FILE`. Says for each how many inputs it tried, how many edges of the code they
# reached, and how many of those the seeds reach already. The status is not 0 when anything crashed, leaked or hung.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ "${1:-}" = --one ]; then
  # One target: a line of outcome, and the log only where there is something to see.
  seconds=$2 entry=$3
  found=build/fuzz/found/$entry crashes=build/fuzz/crashes/$entry log=build/fuzz/$entry.log
  mkdir -p "$found" "$crashes"
  dictionary=tests/fuzz/dictionaries/$entry.dict
  options=(-timeout=10 -report_slow_units=5 -rss_limit_mb=2048 -max_len=65536 -artifact_prefix="$crashes/")
  [ ! -f "$dictionary" ] || options+=(-dict="$dictionary")
  fuzzer=build/fuzz/tests/fuzz/${entry}_fuzzer
  edges() { sed -n "s/^#[0-9]*[[:space:]]*$1[[:space:]]*cov: \([0-9]*\).*/\1/p" "$2" | tail -n 1; }
  status=0
  "$fuzzer" "tests/fuzz/corpus/$entry" -runs=0 "${options[@]}" >"$log" 2>&1 || status=$?
  seeds=$(edges INITED "$log")
  if [ $status -eq 0 ]; then
    "$fuzzer" "$found" "tests/fuzz/corpus/$entry" -max_total_time="$seconds" "${options[@]}" -print_final_stats=1 \
      >"$log" 2>&1 || status=$?
  fi
  printf '%-20s %9s inputs tried, %5s edges reached, %5s of them by the seeds\n' "$entry" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$(edges DONE "$log")" "$seeds"
  ! grep -q slow-unit "$log" || ls "$crashes"/slow-unit-*
  [ $status -ne 0 ] || exit 0
  tail -n 40 "$log"
  exit 1
fi

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

build
if ! printf '%s\n' "${entries[@]}" | xargs -P "${JOBS:-$(nproc)}" -I ENTRY tests/fuzz/run.sh --one "$seconds" ENTRY; then
  echo "a fuzzer found a fault"
  exit 1
fi
