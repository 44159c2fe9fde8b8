#!/bin/sh
# Installs what Token Broker needs from Debian 12 or 13. Asks nothing; does nothing when all is there.
#
#   deploy/install-deps.sh                 what building needs
#   deploy/install-deps.sh --unit-tests    and what the unit tests need besides
#   deploy/install-deps.sh --tests         and what the demo and all the tests need besides
#   deploy/install-deps.sh --image         what deploy/image-test.sh needs to build and start the container image
#
# Works as root or through sudo. An existing node (any version from 18) is kept; Debian's is used otherwise.
set -eu

build="g++ cmake ninja-build ccache pkg-config ca-certificates git
  libgrpc++-dev protobuf-compiler-grpc protobuf-compiler libprotobuf-dev libprotoc-dev
  libabsl-dev libssl-dev libhiredis-dev libasio-dev libcurl4-openssl-dev libyaml-cpp-dev
  nlohmann-json3-dev libcpp-httplib-dev prometheus-cpp-dev"
# Debian 13 has it, and 12 with backports; without it there are no traces.
apt-cache policy opentelemetry-cpp-dev 2>/dev/null | grep -q 'Candidate: [0-9]' && build="$build opentelemetry-cpp-dev"
unit_tests="libgtest-dev libgmock-dev redis-server"
tests="$unit_tests openssl curl python3 clang-format-19 clang-tidy-19 clang-19 libclang-rt-19-dev shellcheck
  chromium chromium-driver procps prometheus"

image="buildah podman crun mmdebstrap"

wanted=$build
if [ "${1:-}" = --unit-tests ]; then
  wanted="$build $unit_tests"
elif [ "${1:-}" = --tests ]; then
  wanted="$build $tests"
  # Debian 13 has it, and 12 with backports; its tests are skipped elsewhere.
  apt-cache policy valkey-server 2>/dev/null | grep -q 'Candidate: [0-9]' && wanted="$wanted valkey-server"
  command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 || wanted="$wanted nodejs npm"
elif [ "${1:-}" = --image ]; then
  wanted=$image
elif [ $# -gt 0 ]; then
  echo "usage: $0 [--unit-tests | --tests | --image]" >&2
  exit 2
fi

missing=
for package in $wanted; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 || {
    echo "$0: needs root or sudo to install:$missing" >&2
    exit 1
  }
  as_root=sudo
fi
echo "Installing from Debian:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# A redis-server that Debian would start as a service is not wanted: tests start their own.
# shellcheck disable=SC2086  # the list is words
$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing >/dev/null
