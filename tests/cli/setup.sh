#!/usr/bin/env bash
# scripts/setup and .ci/run with stand-ins for the system's tools: what is asked for, how often, and
# what is said when it cannot be had.
set -euo pipefail
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
mkdir "$room/bin"
PATH=$room/bin:$PATH
failed=0

stand_in() { # stand_in NAME: its body is read from standard input
    { echo '#!/bin/sh'; cat; } >"$room/bin/$1"
    chmod +x "$room/bin/$1"
}

# expect STATUS PATTERN WHAT COMMAND…: what is printed must match
expect() {
    local wanted=$1 pattern=$2 what=$3 status=0 out
    shift 3
    : >"$room/calls"
    out=$("$@" 2>&1) || status=$?
    if [ $status -ne "$wanted" ] || ! grep -Eq "$pattern" <<<"$out"; then
        echo "FAIL: $what: status $status, said: $out"
        failed=1
    fi
}
calls() { # calls N PATTERN WHAT: how often apt-get was called like this
    local count
    count=$(grep -c -- "$2" "$room/calls" || true)
    if [ "$count" -ne "$1" ]; then
        echo "FAIL: $3: $count calls like '$2' in: $(cat "$room/calls")"
        failed=1
    fi
}

stand_in sleep <<<':'
stand_in id <<<'echo 0'
stand_in dpkg-query <<EOF2
for name; do :; done
[ "\$name" = "\$(cat "$room/missing")" ] || { echo installed; exit 0; }
exit 1
EOF2
stand_in apt-get <<EOF2
echo "\$DEBIAN_FRONTEND \$*" >>"$room/calls"
[ "\$(wc -l <"$room/calls")" -gt "\$(cat "$room/stumbles")" ] || { echo no route; exit 100; }
EOF2
echo 0 >"$room/stumbles"

echo >"$room/missing"
expect 0 '^setup: everything is there$' 'nothing missing' "$RAUM_SOURCE/scripts/setup"
calls 0 . 'nothing missing'

echo libsodium-dev >"$room/missing"
expect 0 '^setup: installed 1 packages$' 'one missing' "$RAUM_SOURCE/scripts/setup"
calls 1 'noninteractive .*update' 'one missing'
calls 1 'install --no-install-recommends libsodium-dev$' 'one missing'

echo valgrind >"$room/missing"
expect 0 'everything is there' 'only the soak lacks it' "$RAUM_SOURCE/scripts/setup"
expect 0 'installed 1' 'the soak lacks it' "$RAUM_SOURCE/scripts/setup" --soak

echo 2 >"$room/stumbles"
expect 0 'installed 1' 'two stumbles' "$RAUM_SOURCE/scripts/setup" --soak
calls 3 update 'two stumbles'
echo 99 >"$room/stumbles"
expect 1 'no route' 'no network' "$RAUM_SOURCE/scripts/setup" --soak
calls 3 update 'no network'
calls 0 install 'no network'

stand_in id <<<'echo 1000'
stand_in sudo <<EOF2
echo sudo >>"$room/sudo"
exec "\$@"
EOF2
echo 0 >"$room/stumbles"
expect 0 'installed 1' 'not root' "$RAUM_SOURCE/scripts/setup" --soak
[ -s "$room/sudo" ] || { echo 'FAIL: sudo was not used'; failed=1; }

# What ci says last is the count, whatever make says after it.
stand_in make <<<'echo "3 passed, 1 failed"; echo "make: *** [test] Error 1" >&2; exit 2'
ci() { bash -c '"$RAUM_SOURCE/.ci/run" | tail -n 1; exit ${PIPESTATUS[0]}'; }
expect 2 '^3 passed, 1 failed$' 'ci' ci
stand_in make <<<'echo "broken early" >&2; exit 2'
expect 2 '^0 passed, 1 failed$' 'ci' ci
stand_in make <<<'echo "3 passed, 0 failed"'
expect 0 '^3 passed, 0 failed$' 'ci' ci
exit $failed
