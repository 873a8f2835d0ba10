#!/usr/bin/env bash
# upstream: `raum serve --auth` before a real Better Auth server: all exchanges go through it as if
# it were not there; memberships and sessions ended there are refused here in time; the account's
# picture arrives there; one that is not well lets nobody in. Last line: `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")"
node=$(./node_ready) || exit 77
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0
run() {
    local last
    "$node" --no-warnings "$@" >"$log" 2>&1 </dev/null || true
    cat "$log"
    last=$(tail -n 1 "$log")
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
        passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
    else
        failed=$((failed + 1))
    fi
}
run run.mjs raum "${RAUM_ASAN:-$RAUM}" --auth
run upstream.mjs "${RAUM_ASAN:-$RAUM}"
run broken_upstream.mjs "${RAUM_ASAN:-$RAUM}"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
