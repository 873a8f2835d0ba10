#!/usr/bin/env bash
# A guest's data taken along into an account, killed at RAUM_KILLS random instants: at every moment,
# with the server out of reach too, either the guest or the account is whole; the next start with
# the server ends it; nothing is there twice, and a second device gets every key (G-U5). The seed is
# printed.
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi # killed is the process, not the machine
RAUM_ASAN='' # the plain program: the instants are spread over its real duration
. "$(dirname "$0")/checks"
. "$RAUM_SOURCE/tests/cli/house"
export RAUM_PASSWORD='correct horse battery'
kills=${RAUM_KILLS:-16} rows=40 seed=${RAUM_SEED:-$RANDOM}
[ "$kills" -gt 60 ] && kills=60
echo "seed $seed, $kills kills"
milliseconds() { echo $(($(date +%s%N) / 1000000)); }
tags() { # tags DATA: how many there are, each with its name readable; "" if it cannot be read
    "$RAUM" --data "$1" --quiet --json sql \
        "SELECT count(*) AS n FROM tags WHERE name LIKE 'tag%'" </dev/null 2>"$err" |
        sed 's/.*"n":\([0-9]*\).*/\1/'
}

house home
photo one.jpg
is 0 --data guest image add one.jpg --slot avatar
is 0 --data guest space create Marke --type brand
is 0 --data guest --space marke tag create brandnew
perl -e 'print "{\"formatName\":\"dexie\",\"formatVersion\":1,\"data\":{\"databaseName\":\"mana\",",
    "\"databaseVersion\":41,\"tables\":[{\"name\":\"tags\",\"schema\":\"id\",",
    "\"rowCount\":$ARGV[0]}],",
    "\"data\":[{\"tableName\":\"tags\",\"inbound\":true,\"rows\":[", join(",", map {
    "{\"id\":\"t$_\",\"userId\":\"guest\",\"name\":\"tag $_\"}" } 1 .. $ARGV[0]), "]}]}}"' \
    $rows >old.json
is 0 --data guest import old.json
same $rows "$(tags guest)" 'rows of the guest'
cp -a guest fresh
sign_up first
started=$(milliseconds)
is 0 --data guest login "$url" first@example.org --take-along
took=$(($(milliseconds) - started))
same $rows "$(tags guest)" 'taken along'

# check DATA WHAT: whole, whoever it belongs to
whole() {
    same $rows "$(tags "$1")" "$2: rows"
    is 0 --data "$1" doctor
}

as_guest=0 as_account=0 n=0
awk -v seed="$seed" -v n="$kills" -v max=$((took + took / 4)) \
    'BEGIN { srand(seed); for (i = 0; i < n; i++) printf "%.3f\n", rand() * max / 1000 }' >instants
while read -r instant; do
    n=$((n + 1)) dir=d$n
    sign_up "who$n"
    cp -a fresh $dir
    if [ $((n % 3)) = 0 ]; then # the account has data on this device already
        is 0 --data $dir login "$url" "who$n@example.org" --leave
        is 0 --data $dir task add there
        is 0 --data $dir logout
    fi
    "$RAUM" --quiet --data $dir login "$url" "who$n@example.org" --take-along \
        >/dev/null 2>&1 </dev/null &
    victim=$!
    sleep "$instant"
    kill -9 $victim 2>/dev/null
    wait $victim 2>/dev/null
    # Out of reach: what is here is whole all the same.
    cp -a $dir away
    for file in away/joining.json away/accounts/*/server.json; do
        if [ -e "$file" ]; then sed -i "s|$url|http://127.0.0.1:1|" "$file"; fi
    done
    whole away "killed after $instant s, offline"
    rm -rf away
    # The next start ends it, if it was decided; else it is begun again.
    raum --data $dir whoami --json
    if [ "$(json '$v->{account}')" = guest ]; then
        as_guest=$((as_guest + 1))
        is 0 --data $dir login "$url" "who$n@example.org" --take-along
    else
        as_account=$((as_account + 1))
    fi
    whole $dir "killed after $instant s"
    for left in $dir/joining.json $dir/accounts/guest; do
        if [ -e "$left" ]; then ko "killed after $instant s: $left is left"; fi
    done
    same 1 "$("$RAUM" --data $dir image list --slot avatar --json --quiet </dev/null |
        grep -o '"mediaId"' | wc -l)" "killed after $instant s: the picture"
    if [ $((n % 3)) = 0 ]; then is 0 --data $dir task list; says there; fi
    is 0 --data $dir key status --json
    same 0 "$(json 'scalar grep { !$_->{server} && $_->{current} } @$v')" 'copies of the keys'
    if [ $((n % 4)) = 0 ]; then
        is 0 --data $dir.2 login "$url" "who$n@example.org"
        is 0 --data $dir.2 space list; says marke
        is 0 --data $dir key status --json; cp "$out" keys
        is 0 --data $dir.2 key status --json
        same "$(tr '}' '\n' <keys | grep -o '"key":"[^"]*"' | sort | tr -d '\n')" \
            "$(tr '}' '\n' <"$out" | grep -o '"key":"[^"]*"' | sort | tr -d '\n')" \
            'keys on the second device'
    fi
    rm -rf $dir $dir.2
done <instants
echo "guest $as_guest, account $as_account"
if [ $as_guest -eq 0 ] || [ $as_account -eq 0 ]; then ko 'the instants say nothing'; fi
close_house home
finish
