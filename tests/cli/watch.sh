#!/usr/bin/env bash
# `image list --watch`: what other processes do is seen; after a switch nothing of the former space
# (G-T8).
. "$(dirname "$0")/checks"
photo one.jpg
is 0 image add one.jpg --label Geheimnis
is 0 space create Marke --type brand
"$RAUM" image list --watch --json >seen 2>"$err" </dev/null &
pid=$!
trap 'kill $pid 2>/dev/null; rm -rf "$scratch"' EXIT
until_seen() { # until_seen TEXT [TIMES]: within ten seconds
    for _ in $(seq 1 100); do
        [ "$(grep -cF "$1" seen)" -ge "${2:-1}" ] && { ok; return; }
        sleep 0.1
    done
    cp seen "$out"; ko "never seen: $1"
}
until_seen Geheimnis
id=$("$RAUM" image add one.jpg --label Zweites --json </dev/null | first_id)
until_seen Zweites
is 0 image ai "$id" on; until_seen '"aiReference":true'
is 0 image delete "$id" --quiet; until_seen '"event":"delete"'
is 0 space use marke
until_seen '"event":"reset"' 2
mark=$(wc -l <seen)
is 0 image add one.jpg --label Kampagne
until_seen Kampagne
is 0 --space personal image add one.jpg --label 'Geheimnis zwei'
sleep 0.5
tail -n +"$mark" seen >"$out"
silent Geheimnis
perl -MJSON::PP -ne 'decode_json($_)' seen 2>"$err" && ok || ko 'a line that is not JSON'
kill -INT $pid
wait $pid
same 0 $? 'Ctrl-C ends it well'

# With --space it stays where it is.
"$RAUM" --space personal image list --watch >seen 2>"$err" </dev/null &
pid=$!
until_seen Geheimnis
is 0 space use marke; is 0 image add one.jpg --label 'Noch eine Kampagne'
sleep 0.5
cp seen "$out"; silent Kampagne
kill $pid; wait $pid
same 0 $? 'and SIGTERM too'
finish
