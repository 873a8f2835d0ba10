#!/usr/bin/env bash
# upstream: `raum serve --auth` before a real Better Auth server: all exchanges go through it as if
# it were not there; memberships and sessions ended there are refused here in time; the account's
# picture arrives there (G-T11); one that is not well lets nobody in. Last line:
# `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")"
node=$(./node_ready) || exit 77
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Side by side: two of them mostly wait.
for what in 'run.mjs raum' upstream.mjs broken_upstream.mjs; do
    read -r -a words <<<"$what"
    more=()
    if [ "${words[0]}" = run.mjs ]; then more=(--auth); fi
    "$node" --no-warnings "${words[@]}" "${RAUM_ASAN:-$RAUM}" "${more[@]}" \
        >"$scratch/${words[0]}" 2>&1 </dev/null &
done
wait
passed=0 failed=0
for log in "$scratch"/*; do
    echo "== ${log##*/}"
    cat "$log"
    if [[ $(tail -n 1 "$log") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
        passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
