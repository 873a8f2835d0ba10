#!/usr/bin/env bash
# The scripts of sync once more, the server's data in a PostgreSQL: devices in step, everything
# hostile to the wire (G-S1, G-S4, G-S5, G-S6, G-S8, G-S9, G-T9, G-T12, G-U3, G-U5).
set -uo pipefail
passed=0 failed=0
for name in sync hostile_wire; do
    out=$("$RAUM_SOURCE/tests/server/postgres" run "$RAUM_SOURCE/tests/cli/$name.sh" 2>&1)
    status=$?
    [ $status -eq 77 ] && exit 77
    last=${out##*$'\n'}
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
    else
        failed=$((failed + 1))
    fi
    [ $status -eq 0 ] || printf '%s: %s\n' "$name" "$out" | tail -n 40
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
