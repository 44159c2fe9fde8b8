#!/usr/bin/env bash
# Builds the container image and starts it as Kubernetes would: read-only, without capabilities, not as root.
#
#   deploy/image-test.sh      as root; leaves the image in build/image as an OCI archive
#
# Takes what Debian has: buildah builds with chroot isolation, without a daemon, podman starts. No registry is asked:
# the base image is made from Debian 13's packages by mmdebstrap. Ends with status 77, and says why, where a tool is
# missing. Needs tests/node_modules (`npm ci --prefix tests`).
set -euo pipefail
cd "$(dirname "$0")/.."

missing=
for tool in buildah podman crun mmdebstrap node; do command -v "$tool" >/dev/null || missing="$missing $tool"; done
[ "$(id -u)" -eq 0 ] || missing="$missing root"
[ -z "$missing" ] || { echo "image: skipped, without$missing"; exit 77; }

work=$PWD/build/image
mkdir -p "$work"
storage=(--root "$work/storage" --runroot "$work/run" --storage-driver overlay)
base=docker.io/library/debian:13-slim

if ! podman "${storage[@]}" image exists "$base"; then
  mirror=$(grep -rhoE -m1 'https?://[^ ]*/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -n 1 || true)
  mmdebstrap --quiet --variant=minbase trixie "$work/base.tar" "${mirror:-http://deb.debian.org/debian}"
  podman "${storage[@]}" import -q "$work/base.tar" "$base" >/dev/null
  rm "$work/base.tar"
fi

buildah "${storage[@]}" bud --isolation chroot --pull-never --layers --timestamp 0 -t token-broker:test . >"$work/build.log" 2>&1 ||
  { tail -n 60 "$work/build.log"; exit 1; }
grep -E 'tests passed' "$work/build.log"

# The broker as the end-to-end tests start it, but from the image. It may read the file, whoever the tests' user is. Where
# both versions of cgroups are mounted, which crun refuses, it sees the first alone.
cat >"$work/token-broker" <<EOF
#!/bin/sh
folder=\$(mktemp -d $work/config.XXXXXX)
chmod 755 "\$folder"
install -m 444 "\$2" "\$folder/broker.yaml"
exec unshare --mount sh -c '! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified; exec "\$@"' sh \\
  podman ${storage[*]} --runtime crun --cgroup-manager cgroupfs run --rm --cgroups disabled \\
  --ulimit nofile=1024:20000 --ulimit nproc=1024:2048 --network host \\
  --read-only --read-only-tmpfs=false --cap-drop all --security-opt no-new-privileges \\
  --volume "\$folder:/config:ro" token-broker:test --config /config/broker.yaml
EOF
chmod +x "$work/token-broker"
TOKEN_BROKER_BIN=$work/token-broker node --test --test-reporter=spec --test-name-pattern='healthy|reflection' \
  tests/black_box/serving.test.mjs
rm -rf "$work"/config.*

rm -f "$work/token-broker.oci.tar"
podman "${storage[@]}" save -q --format oci-archive -o "$work/token-broker.oci.tar" token-broker:test
podman "${storage[@]}" image inspect --format '{{.Id}}: {{.Size}} bytes, user {{.User}}' token-broker:test
