#!/bin/sh
# Installs the Debian packages that building and testing need, and those that
# are named, if any is missing. Works as root, or with sudo.
set -eu
packages="cmake ninja-build g++ ccache libmlir-22-dev mlir-22-tools
  llvm-22-dev llvm-22-tools liblld-22-dev libtomlplusplus-dev libpcre2-dev
  libutf8proc-dev libevent-dev nlohmann-json3-dev libeigen3-dev libgtest-dev
  python3 $*"
missing=""
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
    grep -q 'install ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
as_root=""
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || {
    echo "error: these packages are missing, and there is no sudo to install" \
      "them:$missing" >&2
    exit 1
  }
  as_root=sudo
fi
echo "Installing$missing"
$as_root apt-get update -q
$as_root env DEBIAN_FRONTEND=noninteractive \
  apt-get install -q -y --no-install-recommends $missing
