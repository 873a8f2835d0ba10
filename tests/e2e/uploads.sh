#!/usr/bin/env bash
# uploads: the official tus client against `raum serve` (G-O1, G-O3, G-P5): sanitized, on SQLite and
# PostgreSQL, and once plain, for its memory. Last line: `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")"
node=$(./node_ready) || exit 77
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export node RAUM
sanitized=${RAUM_ASAN:-$RAUM}
export sanitized
on_postgres() {
    "$node" --no-warnings uploads.mjs "$sanitized" --database "$RAUM_TEST_POSTGRES"
}
export -f on_postgres
"$node" --no-warnings uploads.mjs "$RAUM" --memory >"$scratch/1" 2>&1 </dev/null || true
"$node" --no-warnings uploads.mjs "$sanitized" >"$scratch/2" 2>&1 </dev/null || true
if ../server/postgres run true; then
    ../server/postgres run bash -c on_postgres >"$scratch/3" 2>&1 </dev/null || true
else
    echo 'no PostgreSQL: skipped'
fi
passed=0 failed=0
for log in "$scratch"/*; do
    cat "$log"
    if [[ $(tail -n 1 "$log") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
        passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
