#!/usr/bin/env bash
# libraum as another program meets it: installed headers, pkg-config file, the example of
# examples/ built against them and run.
set -euo pipefail
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
top=${RAUM_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
build=$(dirname "$(readlink -f "${RAUM:?}")")
while [ ! -f "$build/build.ninja" ]; do build=$(dirname "$build"); done
DESTDIR=$room meson install -C "$build" --no-rebuild --quiet >/dev/null
pc=$(find "$room" -name raum.pc)
[ -n "$pc" ] || { echo "no raum.pc was installed"; exit 1; }
export PKG_CONFIG_PATH=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$room
flags=$(pkg-config --cflags --libs raum)
# shellcheck disable=SC2086
cc -std=c17 -Wall -Wextra -Werror "$top/examples/notes.c" $flags -o "$room/notes"
lib=$(dirname "$(find "$room" -name 'libraum.so*' | head -n 1)")
out=$(LD_LIBRARY_PATH=$lib "$room/notes" "$room/data")
case $out in
"Buy bread ("*Z\)) ;;
*) echo "the example printed: $out"; exit 1 ;;
esac
# Only the library's own names are visible.
strangers=$(nm -D --defined-only "$lib"/libraum.so | awk '$2 == "T" && $3 !~ /^raum_/ {print $3}')
[ -z "$strangers" ] || { echo "names that are not ours are exported: $strangers"; exit 1; }
lines=$(grep -c ';' "$top/examples/notes.c")
[ "$lines" -le 25 ] || { echo "the example has grown to $lines statements"; exit 1; }
# The installed program finds its image part wherever the tree stands.
program=$(find "$room" -path '*/bin/raum')
"$program" --data "$room/pool" image add "$top/tests/data/media/gps.jpg" >/dev/null
