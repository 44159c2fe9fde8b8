#!/bin/sh
# Puts the root of the container image together from the release build that is here; part of the Dockerfile.
#
#   deploy/image-root.sh FOLDER
#
# In it are token-broker and tokenctl, stripped; every library that they load; the authorities that TLS trusts; the
# user 65532; and of each Debian package that a file is from, the copyright and the entry in /var/lib/dpkg/status.d,
# where scanners look for versions. No shell and no package manager. All times are SOURCE_DATE_EPOCH (or 0), so that the
# same files make the same layer.
set -eu
root=$1
programs="build/release/service/token-broker build/release/client/tokenctl/tokenctl"

mkdir -p "$root/usr/bin" "$root/usr/lib" "$root/etc/ssl/certs" "$root/var/lib/dpkg/status.d" "$root/tmp"
chmod 1777 "$root/tmp"
# As Debian has them, so that libraries are found below either name.
for folder in bin lib lib64; do ln -s "usr/$folder" "$root/$folder"; done

for program in $programs; do strip -o "$root/usr/bin/${program##*/}" "$program"; done

# shellcheck disable=SC2086  # a list of files
libraries=$(ldd $programs | sed -n 's/.*\(=> \|^\t\)\(\/[^ ]*\).*/\2/p' | sort -u)
for library in $libraries; do
  real=$(readlink -f "$library")
  case $library in /usr/*) to=$root$library ;; *) to=$root/usr$library ;; esac
  mkdir -p "${to%/*}"
  cp "$real" "$to"
  # Debian 12 knows some of them by the name that they had before /lib went into /usr.
  { dpkg-query -S "$real" || dpkg-query -S "${real#/usr}"; } 2>/dev/null | cut -d: -f1
done | sort -u >"$root/packages"

echo ca-certificates >>"$root/packages"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
while read -r package; do
  dpkg-query --status "$package" >"$root/var/lib/dpkg/status.d/$package"
  mkdir -p "$root/usr/share/doc/$package"
  cp -L "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/"
done <"$root/packages"
rm "$root/packages"

echo 'nonroot:x:65532:65532::/nonexistent:/nonexistent' >"$root/etc/passwd"
echo 'nonroot:x:65532:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
cp /etc/os-release "$root/etc/"

find "$root" -exec touch -h -d "@${SOURCE_DATE_EPOCH:-0}" {} +
