#!/bin/sh
# The engine's own tests on the WebAssembly build, in Node. 77: its compiler is not here.
set -eu
cd "$RAUM_SOURCE"
node=$(tests/wasm/node_ready)
scripts/wasm tests
exec "$node" tests/wasm/run.mjs
