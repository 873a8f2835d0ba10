#!/bin/sh
# The engine's host in Chromium. 77: no compiler for WebAssembly, or no Chromium.
set -eu
cd "$RAUM_SOURCE"
[ -x /usr/bin/chromium ] || exit 77
scripts/wasm
node=$(scripts/npm_ready web)
"$node" web/node_modules/vite/bin/vite.js build -c web/tests/engine/vite.config.js >&2
"$node" web/tests/engine/files.mjs
exec "$node" web/tests/engine/browser.mjs "$RAUM"
