#!/bin/sh
# Install the system libraries that the Python packages need: with `run` for the program, with `test` also for its tests,
# with `package` also for making and checking packages.
# This works on Debian and its derivatives. On other systems, or if nothing is missing, it does nothing.
set -eu
command -v dpkg-query >/dev/null 2>&1 || exit 0

# If a library has a new name in newer releases, the names are separated by | and tried in turn.
wanted="libgl1 libegl1 libglib2.0-0t64|libglib2.0-0 libdbus-1-3 libfontconfig1 libxkbcommon-x11-0 python3-venv
  libxcb1 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xkb1"
[ "${1:-run}" = test ] && wanted="$wanted ffmpeg xvfb mosquitto dbus-daemon openssl"
[ "${1:-run}" = package ] && wanted="$wanted binutils xvfb xauth desktop-file-utils appstream lintian rpm"

installed() { dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }
known() { apt-cache show "$1" >/dev/null 2>&1; }

missing=
for choices in $wanted; do
  # A Python that includes venv does not need the package.
  [ "$choices" = python3-venv ] && "${PYTHON:-python3}" -c 'import ensurepip' 2>/dev/null && continue
  found=
  for name in $(echo "$choices" | tr '|' ' '); do installed "$name" && found=1 && break; done
  [ -n "$found" ] || missing="$missing $choices"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
  if command -v sudo >/dev/null 2>&1; then as_root=sudo
  else
    echo "error: system libraries are missing; as root, run: apt-get update && apt-get install -y$(echo "$missing" | sed 's/ [^ |]*|/ /g')" >&2
    exit 1
  fi
fi
$as_root apt-get update -qq
names=
for choices in $missing; do
  for name in $(echo "$choices" | tr '|' ' '); do known "$name" && names="$names $name" && break; done
done
echo "installing$names"
# shellcheck disable=SC2086 - the names are separate words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $names >/dev/null
