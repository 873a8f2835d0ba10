#!/usr/bin/env bash
# An import killed at RAUM_KILLS random instants, of reading, of the steps, of the merge: afterwards
# everything is as before or as after, the next import brings the rest, and the file is whole
# (G-U1, G-O1). The seed is printed.
RAUM_ASAN='' # the plain program: the instants are spread over its real duration
. "$(dirname "$0")/checks"
kills=${RAUM_KILLS:-200} rows=5000 seed=${RAUM_SEED:-$RANDOM}
echo "seed $seed, $kills kills"

awk -v n=$rows 'BEGIN {
    printf "{\"formatName\":\"dexie\",\"formatVersion\":1,\"data\":{\"databaseName\":\"mana\","
    printf "\"databaseVersion\":38,\"tables\":[{\"name\":\"meImages\",\"schema\":\"id\","
    printf "\"rowCount\":%d}],\"data\":[{\"tableName\":", n
    printf "\"meImages\",\"inbound\":true,\"rows\":["
    for (i = 0; i < n; i++)
        printf "%s{\"id\":\"img-%05d\",\"userId\":\"u1\",\"kind\":\"face\",\"primaryFor\":%s," \
            "\"label\":\"Secret %d\"," \
            "\"mediaId\":\"m-%d\",\"tags\":[],\"usage\":{\"aiReference\":true},\"createdAt\":" \
            "\"2026-04-01T00:00:00.000Z\",\"updatedAt\":\"2026-04-02T00:00:00.000Z\",\"$types\":" \
            "{\"tags\":\"arrayNonindexKeys\"}}", i ? "," : "", i, i ? "null" : "\"avatar\"", i, i
    print "]}]}}"
}' >export.json

count() { "$RAUM" --quiet --json sql 'SELECT count(*) AS n, count(DISTINCT id) AS d,
    (SELECT count(*) FROM meSlots) AS s FROM meImages' </dev/null 2>>"$err"; }
milliseconds() { echo $(($(date +%s%N) / 1000000)); }

"$RAUM" whoami >/dev/null # a replica that is there already
cp -a "$RAUM_DATA" fresh
before=$(count)
started=$(milliseconds)
is 0 import export.json
took=$(($(milliseconds) - started))
after=$(count)
if [ "$before" = "$after" ]; then ko 'the import did nothing'; fi

were_before=0 were_after=0 died=0
awk -v seed="$seed" -v n="$kills" -v max=$((took + took / 5)) \
    'BEGIN { srand(seed); for (i = 0; i < n; i++) printf "%.3f\n", rand() * max / 1000 }' >instants
while read -r instant; do
    rm -rf "$RAUM_DATA"
    cp -a fresh "$RAUM_DATA"
    "$RAUM" --quiet import export.json >/dev/null 2>&1 </dev/null &
    pid=$!
    sleep "$instant"
    if kill -9 $pid 2>/dev/null; then died=$((died + 1)); fi
    wait $pid 2>/dev/null
    found=$(count)
    case $found in
    "$before") were_before=$((were_before + 1)) ;;
    "$after") were_after=$((were_after + 1)) ;;
    *) ko "killed after $instant s: neither before nor after: $found" ;;
    esac
    if [ -e "$RAUM_DATA/accounts/guest/staging.db" ]; then
        ko "killed after $instant s: a staging is left"
    fi
    if [ $(((were_before + were_after) % 20)) -eq 0 ]; then
        is 0 doctor
        is 0 import export.json
        same "$after" "$(count)" "imported again after $instant s"
    fi
done <instants
same "$kills" $((were_before + were_after)) 'every kill left before or after'
echo "$kills kills: $were_before before, $were_after after, $died caught it running"
if [ "$kills" -ge 100 ] && { [ $were_before -eq 0 ] || [ $were_after -eq 0 ]; }; then
    ko 'the instants were not spread'
fi
if grep -rqa 'Secret [0-9]' "$RAUM_DATA"; then ko 'a sealed label is in the clear'; else ok; fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
