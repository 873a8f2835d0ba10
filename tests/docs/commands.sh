#!/usr/bin/env bash
# Runs the fenced blocks marked `sh` of every document, in order, each document in a directory and
# with data of its own. `console` blocks are pictures, not run. A block fails as `sh -eu` does.
set -euo pipefail
[ -x "$RAUM" ] || exit 77
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0 passed=0

# The document's blocks as one script that says where it is.
blocks() {
    awk -v file="$2" '
        /^```sh$/ { inside = 1; print "at=" file ":" FNR; next }
        /^```/ { inside = 0 }
        inside' "$1"
}

run_document() { # run_document PATH NAME
    local room=$scratch/room
    rm -rf "$room"
    mkdir -p "$room/bin"
    ln -s "$RAUM" "$room/bin/raum"
    "$RAUM_SOURCE/tests/docs/things" "$room" >"$scratch/log" 2>&1 || return 1
    {
        echo "at=; trap '[ \$? = 0 ] || echo \"stopped in the block at \$at\"' EXIT"
        blocks "$1" "$2"
    } >"$scratch/script"
    # In a process group of its own, which `timeout` makes: a server that a block began and the
    # rest did not come to stop ends with its document.
    (cd "$room" && RAUM_DATA=$room/data PATH=$room/bin:$PATH exec timeout 200 sh -eu \
        "$scratch/script") >"$scratch/log" 2>&1 &
    local pid=$! status=0
    wait $pid || status=$?
    kill -TERM -- -$pid 2>/dev/null
    return $status
}

for path in "$RAUM_SOURCE"/README.md "$RAUM_SOURCE"/HACKING.md "$RAUM_SOURCE"/docs/*.md; do
    grep -q '^```sh$' "$path" || continue
    if run_document "$path" "$(basename "$path")"; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAIL: ${path#"$RAUM_SOURCE"/}"
        tail -n 20 "$scratch/log"
    fi
done

# A document that lies is noticed, and pictures are not run.
printf '```console\n$ false\nfalse\n```\n```sh\ntrue\n```\n' >"$scratch/good.md"
printf '```sh\ntrue\n```\n\n```sh\nfalse\ntrue\n```\n' >"$scratch/bad.md"
run_document "$scratch/good.md" good.md || { failed=$((failed + 1)); echo 'FAIL: a good document'; }
if run_document "$scratch/bad.md" bad.md || ! grep -q 'block at bad.md:5' "$scratch/log"; then
    failed=$((failed + 1))
    echo 'FAIL: a document that lies was believed'
fi
# What a document leaves running ends with it.
printf '```sh\nsleep 300 &\necho $! >../left\nfalse\n```\n' >"$scratch/left.md"
run_document "$scratch/left.md" left.md || true
sleep 0.2
# (Dead, and perhaps not yet collected by whoever is the first process here.)
if [ -n "$(ps -o stat= -p "$(cat "$scratch/left")" | grep -v '^Z')" ]; then
    failed=$((failed + 1))
    echo 'FAIL: something of a document still runs'
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
