#!/usr/bin/env bash
# The server killed at RAUM_KILLS random instants while several devices push: whatever it had
# acknowledged is there in the end, once and with its last value (G-O1, G-S5); a reader that follows
# its cursor across the kills knows the same as one that begins anew (G-S2); every start finds a
# database that opens, the last one passes the check of a restore. The seed is printed.
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi # killed is the process, not the machine
RAUM_ASAN='' # the plain program: the instants are spread over its real duration
. "$(dirname "$0")/checks"
. "$RAUM_SOURCE/tests/cli/house"
export RAUM_PASSWORD='correct horse battery'
kills=${RAUM_KILLS:-8} seed=${RAUM_SEED:-$RANDOM}
pushing=$RAUM_SOURCE/tests/cli/pushing
echo "seed $seed, $kills kills"
token() { # token NAME: of a new account
    sign_up "$1"
    curl -sS -m 20 -D - -o /dev/null -H 'content-type: application/json' \
        "$url/api/auth/sign-in/email" \
        -d "{\"email\":\"$1@example.org\",\"password\":\"$RAUM_PASSWORD\"}" |
        tr -d '\r' | sed -n 's/^set-auth-token: //Ip' | sed 's/%2B/+/g; s/%2F/\//g; s/%3D/=/g'
}

house home
port=${url##*:}
anna=$(token anna) bert=$(token bert)
space=$(curl -sS -m 20 -H "authorization: Bearer $anna" -H 'content-type: application/json' \
    "$url/api/v1/spaces" \
    -d '{"localId":"_space:01900000-0000-7000-8000-000000000001","name":"Fam","slug":"fam",
        "type":"family"}' |
    perl -MJSON::PP -e 'local $/; my $v = decode_json(<STDIN>); print $v->{id} // $v->{space}{id}')
same 1 "$([ -n "$anna" ] && [ -n "$bert" ] && [ -n "$space" ] && echo 1)" 'accounts and a space'

clients=()
start() { # start TOKEN SPACE NAME
    "$pushing" run "$url" "$@" 2>>errors & clients+=("$!")
}
start "$anna" "$space" one
start "$anna" "$space" two
start "$anna" - three
start "$bert" - four
start "$bert" - five

awk -v seed="$seed" -v n="$kills" \
    'BEGIN { srand(seed); for (i = 0; i < n; i++) printf "%.3f\n", 0.05 + rand() * 0.6 }' >instants
while read -r instant; do
    sleep "$instant"
    kill -9 "$pid"
    wait "$pid" 2>/dev/null
    house home
done <instants
touch stop
for ((i = 0; i < 600; i++)); do
    [ "$(ls ./*.done 2>/dev/null | wc -l)" = 5 ] && break
    sleep 0.1
done
touch end
for client in "${clients[@]}"; do wait "$client"; same 0 $? 'the end of a device'; done
same '' "$(cat errors ./*.bad 2>/dev/null | head -n 5)" 'what must not be'

# ---- each row once, with the value that was acknowledged last

last() { awk '{ v[$1] = $0 } END { for (id in v) print v[id] }' "$@" | sort; }
last one.done two.done three.done >anna.wanted
last four.done five.done >bert.wanted
"$pushing" pull "$url" "$anna" | sort >anna.got
"$pushing" pull "$url" "$bert" | sort >bert.got
for who in anna bert; do
    if cmp -s $who.wanted $who.got; then ok; else
        ko "$who: acknowledged and held differ"
        diff $who.wanted $who.got | head -n 5
    fi
done
for name in one two three; do # all of the account's partitions, whoever wrote
    if cmp -s anna.got $name.seen; then ok; else
        ko "$name: what its cursor brought"
        diff anna.got $name.seen | head -n 5
    fi
done
rows=$(cat anna.got bert.got | wc -l) acks=$(cat ./*.done | wc -l)
same 1 "$([ "$acks" -ge $((kills * 5)) ] && echo 1)" "only $acks changes were acknowledged"
echo "$acks changes acknowledged, $rows rows"

# ---- the file is sound: a backup of it passes the check of a restore

is 0 --data home serve backup all.raum
is 0 --data other serve restore all.raum
close_house home
finish
