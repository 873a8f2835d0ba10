#!/bin/sh
# The engine's host: its files in Node, itself in Chromium, alone and with a real server. 77: no
# compiler for WebAssembly, or no Chromium.
set -eu
cd "$RAUM_SOURCE"
[ -x /usr/bin/chromium ] || exit 77
scripts/wasm
node=$(scripts/npm_ready web)
"$node" web/node_modules/vite/bin/vite.js build -c web/tests/engine/vite.config.js >&2
log=$TMPDIR/log
for part in files calls browser server; do
    "$node" --no-warnings --experimental-strip-types "web/tests/engine/$part.mjs" "$RAUM" |
        tee -a "$log" >&2 || true
done
awk '/^[0-9]+ passed, [0-9]+ failed$/ { n++; good += $1; bad += $3 }
    END { printf "%d passed, %d failed\n", good, bad + 4 - n }' "$log"
