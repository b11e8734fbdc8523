#!/bin/sh
# Check the Linux packages in the folder $1: their formats and rules, and that the program in them runs.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
package=$(ls "$1"/ssd-live_*.deb)
dpkg-deb --extract "$package" "$folder"
desktop-file-validate "$folder"/usr/share/applications/*.desktop
appstreamcli validate --no-net "$folder"/usr/share/metainfo/*.xml
rpm --query --package --requires "$1"/ssd-live-*.rpm >/dev/null
lintian --fail-on error --tag-display-limit 0 "$package" 2>"$folder/lintian" || { cat "$folder/lintian" >&2; exit 1; }

# Run with almost no environment, so that nothing of this checkout or of earlier runs is used.
run() { env -i HOME="$folder/home" PATH=/usr/bin:/bin "$@"; }
mkdir "$folder/home"
program=$folder/usr/bin/ssd-live
run "$program" --version
run "$program" process "$folder/usr/lib/ssd-live/_internal/assets/media/bikes.mp4" -o "$folder/out.mp4"
run "$program" live pattern --no-window --exit-after 5
# The window is run on a display of its own.
run xvfb-run -a "$program" live --exit-after 8 --stats "$folder/stats.json" --screenshot "$folder/window.png"
grep -q '"display"' "$folder/stats.json"
du -sm "$folder/usr" | sed 's/\t.*/ MB installed/'
