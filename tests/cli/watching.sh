#!/usr/bin/env bash
# `raum sync --watch` when not all is well: a server without a stream is asked every two seconds and
# that is said once; a server that goes away and comes back is found again, and what was written
# meanwhile arrives (G-S4); a session that ends elsewhere ends it (G-S13).
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi # nothing here is about the disk
. "$(dirname "$0")/checks"
. "$RAUM_SOURCE/tests/cli/house"
export RAUM_PASSWORD='correct horse battery'
house home
"$RAUM_SOURCE/tests/cli/wire_tap" "${url##*:}" wire no-stream >tap.out &
servers+=($!)
disown # no word about its end
for ((i = 0; i < 500; i++)); do
    if [ -s tap.out ]; then break; fi
    sleep 0.02
done
one="--data one" old="--data old"
watch() { # watch DIR: its `sync --watch` in $watcher
    "$RAUM" --data "$1" sync --watch --json >"$1.watch" 2>"$1.err" </dev/null &
    watcher=$!
    servers+=("$watcher")
}
until_there() { # until_there WHAT COMMAND…: within 20 seconds
    local what=$1 i
    shift
    for ((i = 0; i < 200; i++)); do
        raum "$@"
        if grep -qF -- "$what" "$out"; then ok; return; fi
        sleep 0.1
    done
    ko "$what does not arrive: raum $*"
}
is 0 $one register "$url" a@example.org
is 0 $old login "http://127.0.0.1:$(cat tap.out)" a@example.org
watch one; one_watch=$watcher
watch old; old_watch=$watcher
is 0 $one task add 'von eins'
until_there 'von eins' $old task list
is 0 $old task add 'von alt'
until_there 'von alt' $one task list
is 0 $one task add 'noch eins'
until_there 'noch eins' $old task list
same 1 "$(grep -c 'no stream' old.err)" 'times that it is said'
same 0 "$(grep -c 'no stream' one.err)" 'times where there is one'
kill -INT $old_watch; wait $old_watch
same 0 $? 'Ctrl-C while asking'

# ---- the server goes and comes back

close_house home
is 0 $one task add 'ohne Server'
port=${url##*:}
sleep 1
house home
for ((i = 0; i < 100; i++)); do
    raum $old sync
    raum $old task list
    if grep -q 'ohne Server' "$out"; then break; fi
    sleep 0.2
done
is 0 $old sync
is 0 $old task list; says 'ohne Server'
is 0 $old task add 'danach'
is 0 $old sync
until_there danach $one task list
kill -0 $one_watch && ok || ko 'it ended with the server'

# ---- signed out: it ends by itself, and says why

is 0 $one logout
for ((i = 0; i < 200; i++)); do
    kill -0 $one_watch 2>/dev/null || break
    sleep 0.1
done
wait $one_watch
same 4 $? 'the end of a session'
cp one.err "$out"; says 'session is over'
close_house home
finish
