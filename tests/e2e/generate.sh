#!/usr/bin/env bash
# generate: `raum serve` between a person and an image service made of node's http and the
# multipart parser busboy, which looks at each byte (G-P1, G-P6, G-O3). Sanitized. Last line:
# `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")"
node=$(./node_ready) || exit 77
"$node" --no-warnings generate.mjs "${RAUM_ASAN:-$RAUM}" </dev/null
