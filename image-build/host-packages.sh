#!/bin/sh
# Installs what the host itself needs; everything else lives in the tools tree. Debian 12 and 13.
set -eu
wanted="bubblewrap mmdebstrap python3 debian-archive-keyring ca-certificates uidmap"
missing=""
for package in $wanted "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "error: these packages are missing:$missing — run as root, or install them" >&2
    exit 1
fi
echo "==> installing on this host:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >/dev/null || echo "warning: apt-get update had errors; going on with the package lists that are there" >&2
# shellcheck disable=SC2086
apt-get install -qy --no-install-recommends $missing >/dev/null
