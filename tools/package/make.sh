#!/bin/sh
# Make the installable packages of this system in dist/, and check them. `make package` runs this.
set -eu
cd "$(dirname "$0")/../.."
build=build/package
[ "$(uname)" = Linux ] && sh tools/system_libraries.sh package
rm -rf "$build"
mkdir -p "$build"
"${PYTHON:-python3}" -m venv "$build/venv"
bin=$build/venv/bin
[ -d "$bin" ] || bin=$build/venv/Scripts
# Both packages of OpenCV are the module cv2, so only one of them may be in the environment.
grep -v '^opencv-python==' requirements.txt > "$build/requirements.txt"
"$bin/python" -m pip install --quiet --disable-pip-version-check -r "$build/requirements.txt" -r requirements-package.txt
# The app takes FFmpeg from this one (docs/adr/0008-the-frozen-app-has-no-gpl-parts.md).
"$bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$build/opencv" \
  "$(grep '^opencv-python==' requirements.txt)"
"$bin/python" tools/package/freeze.py "$build/app" "$build/opencv"
if [ "$(uname)" = Linux ]; then
  "$bin/python" -m tools.package.linux_packages "$build/app/ssd-live" dist
  sh tools/package/check.sh dist
fi
