#!/usr/bin/env bash
# better_auth: the official Better Auth client is answered by `raum serve` as by a real Better Auth
# server: on SQLite, on PostgreSQL, over TLS, and when it asks too often. Every difference is listed
# in differences.json with its reason. Last line: `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")"
node=$(./node_ready) || exit 77
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/logs"
count=0

run() { # run WHAT COMMAND…: its output into a log of its own
    local log
    log=$scratch/logs/$1$((++count))
    echo "== $2" >"$log"
    "${@:3}" >>"$log" 2>&1 </dev/null || true
}

against() { "$node" --no-warnings run.mjs "$@"; }
on_postgres() { "$node" --no-warnings run.mjs raum "$RAUM" --database "$RAUM_TEST_POSTGRES"; }
export -f on_postgres
export node RAUM

certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
        -subj '/CN=127.0.0.1' -addext 'subjectAltName=IP:127.0.0.1' \
        -keyout "$scratch/key.pem" -out "$scratch/cert.pem" 2>/dev/null
}

certificate
tls=(--tls-cert "$scratch/cert.pem" --tls-key "$scratch/key.pem")
postgres=../server/postgres

# Two at a time, as most machines have two cores.
real_ones() {
    run a 'a real server is as golden.json says' against real
    NODE_EXTRA_CA_CERTS=$scratch/cert.pem run a 'a real server over TLS' against real "${tls[@]}"
    run a 'raum, rate limits' against raum "$RAUM" --limits
}
ours() {
    run b 'planted differences are noticed' against planted
    run b 'raum, SQLite' against raum "${RAUM_ASAN:-$RAUM}"
    NODE_EXTRA_CA_CERTS=$scratch/cert.pem run b 'raum, TLS' against raum "$RAUM" "${tls[@]}"
    if $postgres run true; then
        run b 'raum, PostgreSQL' $postgres run bash -c on_postgres
    else
        echo 'no PostgreSQL: skipped'
    fi
}
real_ones &
ours
wait

passed=0 failed=0
for log in "$scratch"/logs/*; do
    cat "$log"
    if [[ $(tail -n 1 "$log") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
        passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
