#!/usr/bin/env bash
# stream: the open stream of a real server, by curl: it brings what another device writes, and the
# host's commands, which are another process, close it (G-S3, G-S13).
. "$(dirname "$0")/checks"

pids=()
stop_all() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
    wait
    rm -rf "$scratch"
}
trap stop_all EXIT

"$RAUM" --data home serve --listen 127.0.0.1:0 >server.out 2>server.log &
pids+=($!)
server=$!
for _ in $(seq 1000); do
    if [ -s server.out ]; then break; fi
    sleep 0.01
done
url=$(cut -d ' ' -f 3 server.out)

sign_up() {
    curl -sS -m 20 -H 'content-type: application/json' "$url/api/auth/sign-up/email" \
        -d "{\"email\":\"$1@example.org\",\"password\":\"correct horse\",\"name\":\"$1\"}" |
        sed 's/.*"token":"\([A-Za-z0-9]*\)".*/\1/'
}
sign_in() {
    curl -sS -m 20 -H 'content-type: application/json' "$url/api/auth/sign-in/email" \
        -d "{\"email\":\"$1@example.org\",\"password\":\"correct horse\"}" |
        sed 's/.*"token":"\([A-Za-z0-9]*\)".*/\1/'
}
listen() { # listen FILE TOKEN: its pid in $listener
    curl -sSN -H "authorization: Bearer $2" -H 'x-client-id: tablet' \
        "$url/api/v1/sync/stream" >"$1" 2>/dev/null &
    listener=$!
    pids+=($!)
    for _ in $(seq 500); do
        if grep -q '^event: ready' "$1"; then break; fi
        sleep 0.01
    done
}
within() { # within SECONDS TEXT COMMAND…: it becomes true
    local i
    for ((i = 0; i < $1 * 50; i++)); do
        if "${@:3}" >/dev/null 2>&1; then ok; return; fi
        sleep 0.02
    done
    ko "$2"
}
gone() { ! kill -0 "$1"; }

anna=$(sign_up anna)
bert=$(sign_up bert)
listen anna.txt "$anna"
first=$listener
listen bert.txt "$bert"
other=$listener
curl -sS -m 20 -H "authorization: Bearer $anna" -H 'content-type: application/json' \
    "$url/api/v1/sync" -d '{"clientId":"phone","since":"","changes":[{"table":"tasks","id":"t1",
    "op":"insert","data":{"title":"Brot kaufen"}}]}' >answer.txt
within 5 'the change arrives' grep -q 'Brot kaufen' anna.txt
if grep -q 'Brot kaufen' bert.txt; then ko 'somebody else hears it'; else ok; fi
if grep -q '^id: ' anna.txt; then ok; else ko 'no cursor'; fi

# The host disables the account beside the running server.
is 0 --data home serve admin disable anna@example.org
within 5 'a disabled account is closed' gone "$first"
status=$(curl -sS -m 20 -o /dev/null -w '%{http_code}' -H "authorization: Bearer $anna" \
    "$url/api/v1/sync/stream")
if [ "$status" = 401 ]; then ok; else ko "$status instead of 401"; fi
is 0 --data home serve admin enable anna@example.org
anna=$(sign_in anna)
listen anna.txt "$anna"
first=$listener
within 5 'what was written before' grep -q 'Brot kaufen' anna.txt
is 0 --data home serve admin sessions anna@example.org --json
session=$(sed 's/.*"id":"\([A-Za-z0-9]*\)".*/\1/' "$out" | head -n 1)
is 0 --data home serve admin end-session "$session"
within 5 'an ended session is closed' gone "$first"
if kill -0 "$other" 2>/dev/null; then ok; else ko 'the other one was closed, too'; fi

# A server that stops ends its streams.
kill -TERM "$server"
within 10 'the server stops with a stream open' gone "$server"
within 5 'and the stream ends' gone "$other"
if grep -q Sanitizer server.log; then ko 'a sanitizer speaks'; cat server.log; else ok; fi

finish
