#!/usr/bin/env bash
# Runs every test, from a clean Debian 12 on: installs what is missing, builds, tests.
#
#   tests/run.sh                  everything, as CI does
#   tests/run.sh unit black_box   these sections alone, with what they need
#   tests/run.sh black_box callback refresh    of the end-to-end tests, those files alone
#
# UPDATE_CONFORMANCE=1 tests/run.sh unit black_box writes docs/conformance.md from what the tests say.
#
# Sections: lint, package (what `cmake --install` puts is enough for a caller; the benchmarks run), black_box, browser,
# asan (every unit test under AddressSanitizer and UndefinedBehaviorSanitizer), tsan (classes that threads share,
# under ThreadSanitizer), helm (the chart), monitoring (alerts and dashboard), image (the container image of the release
# build, put together and started, where buildah and podman are), demo, chaos (half a minute of it, docs/chaos.md).
# Only when named: unit (every unit test as released, which is quicker to have than asan), tidy (each source compiled by
# itself, and clang-tidy), fuzz (libFuzzer, with Clang; the unit tests have each target try its seeds and a thousand
# changes of them anyway, the same in every run), debian13 (the container image from its Dockerfile: compiles everything
# anew, and runs the unit tests, on Debian 13), kubernetes (the chart on a real API server; KUBE_VERSION=1.34.2 builds a
# newer one than Debian has).
# Ends with one line, `N passed, N failed`, and with a status that is not 0 when anything failed.
# shellcheck disable=SC2317  # functions are called through `timed`
set -uo pipefail
cd "$(dirname "$0")/.." || exit

ALL="lint package black_box browser asan tsan helm monitoring image demo chaos"
NAMED="unit tidy fuzz debian13 kubernetes"
FUZZ_SECONDS=${FUZZ_SECONDS:-5}

sections=
files=
for argument in "$@"; do
  case " $ALL $NAMED " in
    *" $argument "*) sections="$sections $argument" ;;
    *) files="$files tests/black_box/$argument.test.mjs" ;;
  esac
done
named=$sections
[ -n "$sections" ] || sections=${files:+black_box}
[ -n "$sections" ] || sections=$ALL

reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
passed=0
failed=0

wants() { case " $sections " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }
headline() { printf '\n=== %s\n' "$*"; }

# count PASSED FAILED: adds to the closing line.
count() {
  passed=$((passed + $1))
  failed=$((failed + $2))
}

# cpu_seconds: what everything that this script ran and waited for has used so far, in `cpu`.
cpu_seconds() {
  times >"$reports/times"
  cpu=$(awk 'END {split($1 "m" $2, t, /[ms]+/); printf "%d", t[1] * 60 + t[2] + t[3] * 60 + t[4]}' "$reports/times")
}

# timed TITLE COMMAND...: runs a part and says how long it took, and how much of the processors.
timed() {
  local title=$1 began=$SECONDS cpu cpu_before status=0
  shift
  headline "$title"
  cpu_seconds
  cpu_before=$cpu
  "$@" || status=$?
  cpu_seconds
  printf -- '--- %s: %d s, %d s of CPU%s\n' "$title" $((SECONDS - began)) $((cpu - cpu_before)) \
    "$(case $status in 0) ;; 77) echo ', skipped' ;; *) echo ', FAILED' ;; esac)"
  return "$status"
}

# must TITLE COMMAND...: a part without which the rest makes no sense.
must() {
  timed "$@" && return
  count 0 1
  finish
}

# check TITLE COMMAND...: a part that counts as one test; as none where it says by 77 that it was skipped.
check() {
  local status=0
  timed "$@" || status=$?
  case $status in 0) count 1 0 ;; 77) ;; *) count 0 1 ;; esac
}

finish() {
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit
}

quietly() {
  local log=$reports/build.log
  "$@" >"$log" 2>&1 && return
  tail -n 60 "$log"
  return 1
}

# build PRESET [TARGET...]: configures and builds, in silence unless it fails.
build() {
  local preset=$1
  shift
  quietly cmake --preset "$preset" && quietly cmake --build --preset "$preset" ${1:+--target "$@"}
}

# ctest_of PRESET [CTEST-ARGUMENT...]: runs the preset's tests, and counts the test cases of GoogleTest, not the binaries.
ctest_of() {
  local preset=$1 folder=$reports/gtest-$1
  shift
  GTEST_OUTPUT="json:$folder/" ctest --preset "$preset" -j "$(nproc)" "$@" | tee "$reports/ctest" | grep -Ev '^ +Start |Passed'
  local status=${PIPESTATUS[0]}
  # shellcheck disable=SC2046  # two words
  count $(node tests/count_gtest.mjs "$folder" "$reports/ctest")
  return "$status"
}

# node_tests FILE...: runs files of the Node test runner, for a quarter of an hour at most (all take a third of it): one
# that hangs must not take the verdict of all others with it.
node_tests() {
  timeout --kill-after=10 900 node --test --test-concurrency=2 --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$reports/tap" "$@"
  local status=$?
  # shellcheck disable=SC2046  # two words
  count $(awk '/^# pass /{p = $3} /^# (fail|cancelled) /{f += $3} END {print p + 0, f + 0}' "$reports/tap")
  return "$status"
}

npm_packages() {
  local folder
  for folder in tests client/examples/webapp; do
    npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error || return
  done
}

lint() {
  local status=0
  git ls-files '*.cc' '*.h' | xargs clang-format-19 --dry-run -Werror || status=1
  git ls-files '*.sh' .ci/run | xargs shellcheck || status=1
  git ls-files '*.mjs' | xargs -n 1 node --check || status=1
  return "$status"
}

# tidy: clang-tidy over what differs from the branch main, or over everything with TIDY=all. What a header changes is
# looked at where the header's own .cc is. Clang does not tell Asio by itself that it has coroutines.
tidy() {
  local files='(service|client|tests)/.*'
  if [ "${TIDY:-}" != all ]; then
    files=$(git diff --name-only --diff-filter=d "$(git merge-base HEAD main)" -- '*.cc' | paste -sd '|')
    [ -n "$files" ] || { echo "no .cc differs from main"; return; }
  fi
  run-clang-tidy-19 -quiet -p build/apart -extra-arg=-Wno-unknown-warning-option \
    -extra-arg=-DASIO_HAS_CO_AWAIT=1 -extra-arg=-DASIO_HAS_STD_COROUTINE=1 "^$PWD/($files)\$"
}

black_box() {
  export TEST_RECORD=$reports/record
  mkdir -p "$TEST_RECORD"
  # shellcheck disable=SC2086  # a list of files
  node_tests ${files:-tests/black_box/*.test.mjs}
}

browser() { node_tests tests/browser/*.test.mjs; }

# Compares docs/conformance.md with what the tests say, or writes it anew.
conformance() {
  local mode=--check preset=asan
  [ -z "${UPDATE_CONFORMANCE:-}" ] || mode=
  ! wants unit || preset=release
  # shellcheck disable=SC2086  # one word or none
  node tests/black_box/conformance.mjs $mode "$reports/tap" "$reports/gtest-$preset"
}

leaks() { node tests/black_box/check_leaks.mjs "$TEST_RECORD"; }

helm_tests() { node_tests tests/helm/*.test.mjs; }

# helm_tools: 77 where they cannot be had from npm, which it says itself; the chart is not tested then.
helm_tools() { tests/helm/tools.sh || { [ $? -eq 77 ] && skip_helm=1; }; }

# image [--built]: 77 where its tools are not, which it says. They are installed when it is asked for by name: not
# every machine lets containers be built and started.
image() {
  [ -z "$named" ] || deploy/install-deps.sh --image || return
  deploy/image-test.sh "$@"
}

demo() {
  deploy/demo.sh && deploy/demo.sh --redis
}

chaos() { SEED=${SEED:-1} SECONDS_TO_RUN=25 GRANTS=300 CALLERS=12 STREAMS=40 tests/chaos/run.sh; }

must "packages from Debian" deploy/install-deps.sh --tests
if wants black_box || wants browser || wants image || wants debian13 || wants chaos; then must "packages from npm" npm_packages; fi
wants lint && check "lint" lint
if wants unit; then
  must "release build" build release all unit_tests
elif wants package || wants black_box || wants browser || wants image || wants demo || wants chaos; then
  must "release build" build release
elif wants helm; then
  must "release build" build release token-broker
fi
if wants tidy; then
  must "each source by itself" build apart
  check "clang-tidy" tidy
fi
wants unit && timed "unit tests" ctest_of release -L unit
wants package && timed "the installed package, and the benchmarks" ctest_of release -LE unit
if wants asan; then
  must "asan build" build asan unit_tests
  timed "unit tests under AddressSanitizer and UndefinedBehaviorSanitizer" ctest_of asan
fi
if wants tsan; then
  must "tsan build" build tsan concurrent_tests
  timed "core classes under ThreadSanitizer" ctest_of tsan
fi
if wants black_box; then
  timed "end-to-end tests" black_box
  [ -n "$files" ] || check "docs/conformance.md says what the tests say" conformance
  check "no secret in anything the broker printed" leaks
fi
wants browser && timed "a browser on the sample application" browser
skip_helm=
if wants helm; then
  must "tools for the Helm chart" helm_tools
  [ -n "$skip_helm" ] || timed "the Helm chart" helm_tests
fi
if wants chaos; then
  timed "the reckoning of the chaos" node_tests tests/chaos/*.test.mjs
  check "half a minute of chaos" chaos
fi
wants kubernetes && check "the Helm chart on a Kubernetes API server" tests/helm/api_server.sh
wants monitoring && timed "alerts and dashboard" node_tests tests/monitoring/*.test.mjs
wants image && check "the container image of the release build" image --built
wants debian13 && check "the container image, built and tested on Debian 13" image
wants fuzz && check "fuzzing, ${FUZZ_SECONDS} s each" tests/fuzz/run.sh "$FUZZ_SECONDS"
wants demo && check "the demo, in memory and on Redis" demo
finish
