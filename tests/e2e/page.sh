#!/usr/bin/env bash
# page: the page in a real Chromium: alone, over a double of the engine; and whole, with the engine,
# against `raum serve` (G-T4, G-T8, G-T12, G-S3). Screenshots stay in the build directory. Last
# line: `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/../../web"
chromium=$(command -v chromium || command -v chromium-browser || true)
[ -n "$chromium" ] || exit 77
node=$(../scripts/npm_ready "$PWD") || exit 77
export RAUM_CHROMIUM=$chromium RAUM_SHOTS=${BUILD_ASAN:-$TMPDIR}/page
export RAUM_PHOTOS=$TMPDIR/photos
../scripts/photos "$RAUM_PHOTOS" >/dev/null
exec "$node" --no-warnings --experimental-strip-types tests/run.mjs "$RAUM"
