#!/usr/bin/env bash
# Older apps' exports by the command: import, a trial, the first start beside an old export.
. "$(dirname "$0")/checks"
cp "$RAUM_SOURCE/tests/data/docs/old-app.json" old.json
is 0 import old.json --dry-run --json; valid
rows=$(json '(grep { $_->{table} eq "meImages" } @{$v->{tables}})[0]{added}')
[ "${rows:-0}" -gt 0 ] && ok || ko "rows to come: $rows"
same 0 "$(pool)" 'a trial changes nothing'
is 0 import old.json --json; valid
count=$(pool)
[ "$count" -gt 0 ] && ok || ko 'nothing came'
is 0 import old.json; same "$count" "$(pool)" 'a second time'
is 3 import missing.json; is 1 import .; mkfifo pipe; is 1 import pipe
for bad in '' '{}' '[]' 'null' 'x' '{"formatName":"dexie"}' \
    '{"formatName":"other","formatVersion":1,"data":{}}'; do
    printf '%s' "$bad" >bad.json
    raum import bad.json; nonzero "$bad"
done
size=$(stat -c %s old.json)
for part in 3 2; do
    head -c $((size / part)) old.json >cut.json
    raum --data cut import cut.json; nonzero 'a file that is cut off'
    same 0 "$(pool --data cut)" 'nothing of it'
done

# A first start: nothing works before the old data is in; afterwards it is not looked at again.
export RAUM_LEGACY=$scratch/old.json
is 0 --data first image list; same "$count" "$(pool --data first)" 'the first start brought it in'
mv old.json gone.json
is 0 --data first image list # not asked for again
raum --data second image list; nonzero 'a first start without its old data'
says old.json
finish
