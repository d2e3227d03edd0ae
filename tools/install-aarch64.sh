#!/bin/sh
# Installs Debian's cross compiler for aarch64, and puts the libraries that its
# programs hold into a folder, beside those of this machine: a list of packages
# of its own leaves the system's architectures as they are.
set -eu
folder=${1:?usage: install-aarch64.sh FOLDER}
"$(dirname "$0")/install-packages.sh" g++-aarch64-linux-gnu \
  libc6-dev-arm64-cross
missing=
for library in pcre2-8 utf8proc event_core; do
  [ -e "$folder/usr/lib/aarch64-linux-gnu/lib$library.a" ] || missing=yes
done
[ -n "$missing" ] || exit 0
lists=$(mktemp -d)
trap 'rm -rf "$lists"' EXIT
mkdir -p "$lists/state/lists/partial" "$lists/cache/archives/partial" "$folder"
chmod 755 "$lists"
arm64() {
  apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 \
    -o Dir::State="$lists/state" -o Dir::State::status=/dev/null \
    -o Dir::Cache="$lists/cache" -o APT::Sandbox::User=root "$@"
}
arm64 update
(cd "$lists" && arm64 download libpcre2-dev libutf8proc-dev libevent-dev)
for package in "$lists"/*.deb; do
  dpkg -x "$package" "$folder"
done
