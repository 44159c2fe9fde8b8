#!/usr/bin/env bash
# Builds the container image and starts it as Kubernetes would: read-only, without capabilities, not as root.
#
#   deploy/image-test.sh            the whole Dockerfile: compiles on Debian 13 and runs the unit tests there, and the end-to-end
#                                   tests of traces on the image, since it is built with opentelemetry-cpp
#   deploy/image-test.sh --built    its last stage alone, with the programs of build/release
#
# As root. Leaves the image in build/image as an OCI archive. Takes what Debian has: buildah builds with chroot
# isolation, without a daemon, podman starts; `deploy/install-deps.sh --image` installs them. No registry is asked: the
# base image is made from Debian 13's packages by mmdebstrap. Ends with status 77, and says why, where something that it
# needs is missing. Needs tests/node_modules (`npm ci --prefix tests`).
set -euo pipefail
cd "$(dirname "$0")/.."

built=
case ${1:-} in
  --built) built=1 ;;
  ?*) echo "usage: $0 [--built]" >&2; exit 2 ;;
esac

missing=
for tool in buildah podman crun mmdebstrap node; do command -v "$tool" >/dev/null || missing="$missing $tool"; done
[ "$(id -u)" -eq 0 ] || missing="$missing root"
[ -z "$missing" ] || { echo "image: skipped, without$missing"; exit 77; }

work=$PWD/build/image
mkdir -p "$work"
storage=(--root "$work/storage" --runroot "$work/run" --storage-driver overlay)
base=docker.io/library/debian:13-slim
image=token-broker:test

# bud FOLDER [OPTION...]: builds; says nothing unless it fails.
bud() {
  local folder=$1
  shift
  buildah "${storage[@]}" bud --isolation chroot --pull-never --timestamp 0 "$@" "$folder" >"$work/build.log" 2>&1 ||
    { tail -n 60 "$work/build.log"; return 1; }
}

# last_stage: builds the image of what is in $work/root.
last_stage() { bud "$work/root" -t "$image" --no-cache -f "$work/Dockerfile"; }

image_id() { podman "${storage[@]}" image inspect --format '{{.Id}}' "$image"; }

if [ -n "$built" ]; then
  rm -rf "$work/root"
  deploy/image-root.sh "$work/root"
  { printf 'FROM scratch AS build\nCOPY . /image/\n'; sed -n '/^FROM scratch$/,$p' Dockerfile; } >"$work/Dockerfile"
  last_stage
  first=$(image_id)
  # Whenever the files were made: the same ones make the same image.
  find "$work/root" -exec touch -h {} +
  last_stage
  [ "$(image_id)" = "$first" ] || { echo "image: the same files made another image"; exit 1; }
else
  if ! podman "${storage[@]}" image exists "$base"; then
    mirror=$(grep -rhoE -m1 'https?://[^ ]*/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -n 1 || true)
    mmdebstrap --quiet --variant=minbase trixie "$work/base.tar" "${mirror:-http://deb.debian.org/debian}"
    podman "${storage[@]}" import -q "$work/base.tar" "$base" >/dev/null
    rm "$work/base.tar"
  fi
  bud . --layers -t "$image"
  grep -E 'tests passed' "$work/build.log"
fi
version=$(sed -n 's/^project(token-broker VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
labelled=$(podman "${storage[@]}" image inspect --format '{{index .Labels "org.opencontainers.image.version"}}' "$image")
[ "$labelled" = "$version" ] || { echo "image: its label says version $labelled, CMakeLists.txt $version"; exit 1; }

# The broker as the end-to-end tests start it, but from the image. It may read the file, whoever the tests' user is. Where
# both versions of cgroups are mounted, which crun refuses, it sees the first alone.
cat >"$work/token-broker" <<END
#!/bin/sh
folder=\$(mktemp -d $work/config.XXXXXX)
chmod 755 "\$folder"
install -m 444 "\$2" "\$folder/broker.yaml"
shift 2
exec unshare --mount sh -c '! mountpoint -q /sys/fs/cgroup/unified || umount /sys/fs/cgroup/unified; exec "\$@"' sh \\
  podman ${storage[*]} --runtime crun --cgroup-manager cgroupfs run --rm --cgroups disabled \\
  --ulimit nofile=1024:20000 --ulimit nproc=1024:2048 --network host \\
  --read-only --read-only-tmpfs=false --cap-drop all --security-opt no-new-privileges \\
  --volume "\$folder:/config:ro" $image --config /config/broker.yaml "\$@"
END
chmod +x "$work/token-broker"
TOKEN_BROKER_BIN=$work/token-broker node --test --test-reporter=spec --test-name-pattern='healthy|reflection' \
  tests/black_box/serving.test.mjs
[ -n "$built" ] ||
  TRACES_REQUIRED=1 TOKEN_BROKER_BIN=$work/token-broker node --test --test-reporter=spec tests/black_box/traces.test.mjs
rm -rf "$work"/config.*

rm -f "$work/token-broker.oci.tar"
podman "${storage[@]}" save -q --format oci-archive -o "$work/token-broker.oci.tar" "$image"
podman "${storage[@]}" image inspect --format '{{.Id}}: {{.Size}} bytes, user {{.User}}' "$image"
