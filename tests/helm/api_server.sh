#!/usr/bin/env bash
# Applies the chart to a real Kubernetes API server: every example of helm/token-broker/ci, and one that Helm installs, upgrades,
# rolls back and uninstalls.
#
#   tests/helm/api_server.sh                      with the kube-apiserver 1.20 that Debian 12's source package builds
#   KUBE_VERSION=1.34.2 tests/helm/api_server.sh  with that one, built from Go modules; needs a Go that is new enough, on PATH
#   KUBE_APISERVER=FILE tests/helm/api_server.sh  with that one
#
# As root on Debian 12, with etcd-server, and for Debian's server golang-1.19-go, rsync, jq and bc; it installs them. The
# build takes ten minutes, and a newer one longer, once: it stays in build/kubernetes. There is no controller, scheduler or kubelet: what is tested
# is what the server admits and stores, not whether pods run.
#
# Kubernetes 1.20 does not know all that the chart needs (Chart.yaml asks for 1.30). tests/helm/for_kubernetes_1_20.mjs says what
# is written in older words for it; a server that is new enough gets the chart as it is, and its Pod Security admission.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$PWD/build/kubernetes
mkdir -p "$work"

# install PACKAGE...: from Debian, what is missing of it.
install() {
  local package missing=
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  echo "Installing from Debian:$missing"
  apt-get update -qq
  # shellcheck disable=SC2086  # words
  DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# build_api_server: makes $work/kube-apiserver out of Debian's source package.
build_api_server() {
  local mirror source=$work/source options
  install golang-1.19-go rsync jq bc
  mirror=$(grep -hm1 '^URIs:' /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '{print $2}')
  rm -rf "$source"
  mkdir -p "$source/lists/partial" "$source/cache/archives/partial"
  echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} bookworm main" \
    >"$source/sources.list"
  options=(-qq -o "Dir::State::Lists=$source/lists" -o "Dir::Cache=$source/cache"
    -o "Dir::Etc::SourceList=$source/sources.list" -o Dir::Etc::SourceParts=- -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update
  (cd "$source" && apt-get "${options[@]}" source --download-only kubernetes && tar -xzf kubernetes_*.orig.tar.gz)
  cd "$source/kubernetes-1.20.2"
  git init -q .
  PATH=/usr/lib/go-1.19/bin:$PATH GOPROXY=off KUBE_GIT_VERSION=v1.20.2 KUBE_GIT_COMMIT=debian KUBE_GIT_TREE_STATE=archive \
    KUBE_GIT_MAJOR=1 KUBE_GIT_MINOR=20 make WHAT=cmd/kube-apiserver >"$work/build.log" 2>&1 || { tail -n 30 "$work/build.log"; exit 1; }
  cp _output/bin/kube-apiserver "$work/"
  cd - >/dev/null
  rm -rf "$source"
}

# build_from_modules VERSION FILE: makes FILE out of the Go module k8s.io/kubernetes. Its parts are modules of their own, which it
# names by folders beside it: they are replaced by their releases.
build_from_modules() {
  local version=$1 server=$2 folder=$work/modules part
  command -v go >/dev/null || { echo "skipped: kube-apiserver $version, because there is no go on PATH to build it"; exit 77; }
  rm -rf "$folder"
  mkdir -p "$folder"
  cd "$folder"
  export GOFLAGS=-mod=mod CGO_ENABLED=0
  go mod init tests >/dev/null 2>&1
  go mod download "k8s.io/kubernetes@v$version"
  part=$(go env GOMODCACHE)/cache/download/k8s.io/kubernetes/@v/v$version.mod
  {
    printf 'module tests\n\n%s\n\nrequire k8s.io/kubernetes v%s\n\nreplace (\n' "$(grep -m1 '^go ' "$part")" "$version"
    sed -n 's/^[[:space:]]*\(k8s.io\/[a-z-]*\) => .*/\t\1 => \1 v0.'"${version#1.}"'/p' "$part"
    echo ')'
  } >go.mod
  part=k8s.io/component-base/version
  go build -p 2 -trimpath -o "$server" -ldflags "-s -w -X $part.gitVersion=v$version -X $part.gitMajor=1 \
    -X $part.gitMinor=$(echo "$version" | cut -d. -f2)" k8s.io/kubernetes/cmd/kube-apiserver
  cd - >/dev/null
}

install etcd-server
server=${KUBE_APISERVER:-$work/kube-apiserver${KUBE_VERSION:+-$KUBE_VERSION}}
if [ -z "${KUBE_APISERVER:-}" ] && [ ! -x "$server" ]; then
  if [ -n "${KUBE_VERSION:-}" ]; then build_from_modules "$KUBE_VERSION" "$server"; else build_api_server; fi
fi
tests/helm/tools.sh
exec node tests/helm/api_server.mjs "$server"
