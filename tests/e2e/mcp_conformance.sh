#!/usr/bin/env bash
# mcp_conformance: the protocol's official conformance suite against `raum serve --mcp-fixtures`,
# sanitized: 0.1.16 with all of its scenarios, 0.2 for both revisions. No check may fail.
# Last line: `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")"
node=$(./node_ready) || exit 77
scratch=$(mktemp -d)
pid=
trap 'kill $pid 2>/dev/null && wait $pid || true; rm -rf "$scratch"' EXIT
: >"$scratch/out"
"${RAUM_ASAN:-$RAUM}" --data "$scratch/data" serve --listen 127.0.0.1:0 --mcp-fixtures \
    >"$scratch/out" 2>"$scratch/err" &
pid=$!
for _ in $(seq 100); do
    url=$(sed -n 's/^listening on //p' "$scratch/out")
    [ -n "$url" ] && break
    sleep 0.1
done
passed=0 failed=0

old=node_modules/@modelcontextprotocol/conformance/dist/index.js
new=node_modules/conformance-next/dist/index.js
suite() { # suite NAME PROGRAM OPTION…
    local name=$1 program=$2 dir=$scratch/$1 status=0 good bad
    shift 2
    "$node" --no-warnings "$program" server --url "$url/mcp" "$@" -o "$dir" \
        >"$dir.log" 2>&1 </dev/null || status=$?
    "$node" --no-warnings checks.mjs "$dir" "$dir.log" >"$dir.sum"
    head -n -1 "$dir.sum"
    read -r good bad <<<"$(tail -n 1 "$dir.sum")"
    if [ "$good" -eq 0 ] || { [ $status -ne 0 ] && [ "$bad" -eq 0 ]; }; then
        tail -n 40 "$dir.log"
        bad=$((bad + 1))
    fi
    echo "$name: $good checks passed, $bad failed"
    passed=$((passed + good)) failed=$((failed + bad))
}
suite 0.1-all "$old" --suite all
suite 0.2-2025-11-25 "$new" --requirements 2025-11-25
suite 0.2-2026-07-28 "$new" --requirements 2026-07-28
if grep -qE 'Sanitizer|runtime error' "$scratch/err" || ! kill -0 $pid; then
    grep -v '"level":"info"' "$scratch/err" | head -n 60
    failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
