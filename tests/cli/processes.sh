#!/usr/bin/env bash
# Several processes at once, killed ones, a read-only place (G-O1, G-O2).
. "$(dirname "$0")/checks"
for name in jpg png webp heic avif; do cp "$samples/gps.$name" "p.$name"; done

# Six at once, each adding five; two switch the space to and fro.
is 0 space create Marke --type brand
for i in 1 2 3 4 5 6; do
    "$RAUM" --space personal image add p.* >/dev/null 2>"err$i" </dev/null &
    pids[i]=$!
done
for _ in 1 2 3 4 5 6 7 8; do
    "$RAUM" space use marke >/dev/null
    "$RAUM" space use personal >/dev/null
done
for i in 1 2 3 4 5 6; do
    if wait "${pids[i]}"; then ok; else cp "err$i" "$err"; ko "process $i"; fi
done
same 30 "$(pool)" 'every picture of every process'
same 0 "$(pool --space marke)" 'nothing went astray'
is 0 doctor --deep

# Killed at any moment: what is listed is whole, what is not is swept.
for i in $(seq 1 12); do
    "$RAUM" image add p.* >/dev/null 2>&1 </dev/null &
    pid=$!
    sleep "0.$(printf '%02d' $((i * 7 % 60)))"
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
done
count=$(pool)
[ "$count" -ge 30 ] && ok || ko "only $count left"
raum image list --json
json 'join "\n", map { $_->{id} } @$v' >ids
bad=0
for id in $(sort -R ids | head -n 15); do
    "$RAUM" image open "$id" >/dev/null 2>&1 </dev/null || bad=$((bad + 1))
done
same 0 $bad 'every listed picture opens'
is 0 doctor --deep --repair
is 0 doctor --json
same 0 "$(json 'scalar grep { $_->{level} ne "ok" } @$v')" 'nothing is left over'
if find "$RAUM_DATA" -name '*.tmp' | grep -q .; then ko 'a temporary file is left'; else ok; fi

# Ctrl-C: a clean end, and what was done is done.
before=$(pool)
files=(); for _ in $(seq 1 300); do files+=(p.jpg p.heic p.avif); done
"$RAUM" image add "${files[@]}" >"$out" 2>"$err" </dev/null &
pid=$!
sleep 1
kill -INT $pid
wait $pid
status=$?
if [ $status -eq 0 ]; then echo 'processes: too quick to be interrupted'; else says INTERRUPTED; fi
added=$(($(pool) - before))
same "$(grep -c 'p\.' "$out")" $added 'as many as were listed'
is 0 doctor --deep

# A place where nothing may be written: refused, and nothing changes. (root may write anyway.)
if [ "$(id -u)" != 0 ]; then
    chmod -R a-w "$RAUM_DATA"
    before=$(find "$RAUM_DATA" -type f -exec md5sum {} + | sort | md5sum)
    raum image add p.jpg; nonzero 'written where nothing may be'
    raum tag create x; nonzero 'written where nothing may be'
    same "$before" "$(find "$RAUM_DATA" -type f -exec md5sum {} + | sort | md5sum)" 'unchanged'
    chmod -R u+w "$RAUM_DATA"
fi
# A full disk, told by the size a process may write.
before=$(pool)
(ulimit -f 8; trap '' XFSZ; "$RAUM" image add p.jpg >"$out" 2>"$err" </dev/null)
status=$?
nonzero 'a full disk'
same "$before" "$(pool)" 'after a full disk'
is 0 doctor
finish
