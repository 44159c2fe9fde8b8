#!/usr/bin/env bash
# Applies the chart to a real Kubernetes API server: every example of helm/token-broker/ci, and one that Helm installs, upgrades,
# rolls back and uninstalls.
#
#   tests/helm/api_server.sh                     with the kube-apiserver 1.20 that Debian 12's source package builds
#   KUBE_APISERVER=FILE tests/helm/api_server.sh with that one, such as a newer one of your own
#
# As root on Debian 12, with etcd-server, and for Debian's server golang-1.19-go, rsync, jq and bc; it installs them. The
# build takes ten minutes, once: it stays in build/kubernetes. There is no controller, scheduler or kubelet: what is tested
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

install etcd-server
server=${KUBE_APISERVER:-$work/kube-apiserver}
[ -n "${KUBE_APISERVER:-}" ] || [ -x "$server" ] || build_api_server
tests/helm/tools.sh
exec node tests/helm/api_server.mjs "$server"
