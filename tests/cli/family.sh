#!/usr/bin/env bash
# The family scenario with real commands on loopback: A has a phone and a laptop, B is in A's
# family. What is written on one is seen on the others at once (G-S13), A's own rows are in none of
# B's files and in no byte that B was sent (G-S1, G-T9), what turns private is withdrawn, who is
# removed loses space, pictures and stream, and keeps aside what could not be sent (G-S3), conflicts
# are shown (G-S15), a lost database comes back (G-S7), a guest's data reaches the second device
# (G-U5).
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi # nothing here is about the disk
. "$(dirname "$0")/checks"
. "$RAUM_SOURCE/tests/cli/house"
export RAUM_PASSWORD='correct horse battery'
house home
server=$url
outbox=home/server/outbox
phone="--data phone" laptop="--data laptop" b="--data b"
"$RAUM_SOURCE/tests/cli/wire_tap" "${server##*:}" wire >tap.out &
servers+=($!)
disown # no word about its end
for ((i = 0; i < 500; i++)); do [ -s tap.out ] && break; sleep 0.02; done
tapped=http://127.0.0.1:$(cat tap.out)

milliseconds() { echo $(($(date +%s%N) / 1000000)); }
watch() { # watch DIR: `sync --watch` of it in the background
    "$RAUM" --data "$1" sync --watch --json >"$1.watch" 2>"$1.err" </dev/null &
    watcher=$!
    servers+=("$watcher")
}
until_there() { # until_there WHAT SECONDS COMMAND…: until its output holds WHAT; $took: how long
    local what=$1 limit=$2 started i
    shift 2
    started=$(milliseconds)
    for ((i = 0; i < limit * 50; i++)); do
        raum "$@"
        if grep -qF -- "$what" "$out"; then
            took=$(($(milliseconds) - started))
            ok
            return
        fi
        sleep 0.02
    done
    took=-1
    ko "$what does not arrive within $limit s: raum $*"
}
until_gone() { # until_gone TEXT SECONDS DIR: no file below DIR holds it
    local i
    for ((i = 0; i < $2 * 10; i++)); do
        if ! grep -raqF -- "$1" "$3"; then ok; return; fi
        sleep 0.1
    done
    ko "still in $3: $(grep -ralF -- "$1" "$3" | head -n 3)"
}
clean() { # clean TEXT WHERE…: in no byte of it
    local text=$1
    shift
    if grep -raqF -- "$text" "$@"; then
        ko "$text is in $(grep -ralF -- "$text" "$@" | head -n 3)"
    else
        ok
    fi
}
member() { # member NAME: the id of NAME@example.org as a member of the family
    raum $phone --space familie space members --json
    json '(grep { $_->{email} eq "'"$1"'\@example.org" } @$v)[0]{id}'
}
invite() {
    is 0 $phone --space familie space invite b@example.org --role member
    is 0 $b space accept "$(mail_to b@example.org accept-invitation)"
}

# ---- a guest's data reaches the second device (G-U5)

is 0 $phone task add 'Geheimnis aus der Gastzeit'
is 0 $phone register "$server" a@example.org --take-along
is 0 $phone task add 'Geheimnis im eigenen Raum'
is 0 $phone sync
is 0 $laptop login "$server" a@example.org
is 0 $laptop sync
is 0 $laptop task list; says Gastzeit; says 'im eigenen Raum'
is 0 $b register "$tapped" b@example.org
is 0 $phone space create Familie --type family
invite
cp -a b b.before # logged in, and nothing fetched yet

# ---- everybody stays, and everything is there at once (G-S13)

watch phone; phone_watch=$watcher
watch laptop; laptop_watch=$watcher
watch b; b_watch=$watcher
is 0 $b --space familie task add 'Brot von B'
until_there 'Brot von B' 10 $phone --space familie task list; first=$took
until_there 'Brot von B' 10 $laptop --space familie task list
is 0 $phone --space familie task add 'Milch vom Telefon'
until_there 'Milch vom Telefon' 5 $b --space familie task list; to_b=$took
until_there 'Milch vom Telefon' 5 $laptop --space familie task list
is 0 $b --space familie task add 'Obst von B'
until_there 'Obst von B' 5 $phone --space familie task list; to_a=$took
is 0 $laptop task add 'Geheimnis vom Laptop'
until_there 'Geheimnis vom Laptop' 5 $phone task list; own=$took
echo "seen after ms: at first $first, A to B $to_b, B to A $to_a, A's laptop to phone $own"
if grep -q 'no stream' ./*.err; then ko 'polling instead of a stream'; else ok; fi

# ---- A's own rows are nowhere at B, not even in what B was sent (G-S1, G-T9)

photo gift.jpg
is 0 $phone --space familie image add gift.jpg --label Geschenkidee
until_there Geschenkidee 5 $b --space familie image list
raum $phone --space familie image list --json
gift=$(json '$v->[0]{id}')
clean Geheimnis b wire home/server

# ---- a conflict: one's own edit, written over by another person (G-S15)

label() { # label ID TEXT WORD…: edits a picture's label
    local id=$1 text=$2
    shift 2
    is 0 "$@" --space familie image set "$id" --label "$text"
}
conflicts() { # conflicts WORD…: how many in the family
    raum "$@" sync --status --json
    json '(grep { $_->{space} eq "familie" } @$v)[0]{conflicts}'
}
same 0 "$(conflicts $b)" 'conflicts at first'
label "$gift" 'Geschenkidee von B' $b
until_there 'Geschenkidee von B' 5 $phone --space familie image list
same 0 "$(conflicts $phone)" 'what it was made with is no conflict'
label "$gift" 'Geschenkidee, doch' $phone
until_there 'Geschenkidee, doch' 5 $b --space familie image list
same 1 "$(conflicts $b)" conflicts
is 0 $b sync --status; says 'Geschenkidee von B'; says 'raum conflict restore'
is 0 $b --space familie conflict list --json; valid
conflict=$(json '$v->[0]{id}')
is 3 $b conflict restore "$conflict"
is 0 $b --space familie conflict restore "$conflict"
until_there 'Geschenkidee von B' 5 $phone --space familie image list
same 0 "$(conflicts $b)" 'conflicts once restored'
same 1 "$(conflicts $phone)" 'now on the other side'
is 2 $phone --space familie conflict dismiss
is 0 $phone --space familie conflict dismiss --all
same 0 "$(conflicts $phone)" 'dismissed'

# ---- removed: the space goes, with pictures; the stream ends; what was not sent is aside (G-S3)

photo one.jpg
is 0 $b --space familie image add one.jpg --label 'Bild von B'
picture=$(find b -name '*.jpg' | head -n 1)
if [ -n "$picture" ]; then ok; else ko 'no picture'; fi
is 0 $b image add one.jpg # the same bytes in one's own space: they stay
is 0 $b task add 'Eigenes von B'
until_there 'Eigenes von B' 5 $b task list
kill -STOP $b_watch
is 0 $b --space familie task add 'Ungesendet von B'
is 0 $b --space familie image add "$samples/gps.webp" --label 'Ungesendetes Bild'
is 0 $phone --space familie space remove "$(member b)"
kill -CONT $b_watch
until_gone 'Brot von B' 20 b
until_gone Geschenkidee 20 b
for text in 'Milch vom Telefon' 'Ungesendet von B' 'Bild von B' 'Ungesendetes Bild' Familie \
    familie; do
    clean "$text" b
done
for ((i = 0; i < 100; i++)); do
    if grep -q 'erased on this device' b.err; then break; fi
    sleep 0.1
done
cp b.err "$out"; says 'erased on this device'; says 'raum quarantine list'
is 3 $b --space familie task list
is 0 $b task list; says 'Eigenes von B'
is 0 $b doctor
is 0 $b image list --json; same 1 "$(json 'scalar @$v')" 'pictures of ones own'
[ -e "$picture" ] && ok || ko 'the picture of ones own space is gone, too'
is 0 $phone --space familie task list; silent Ungesendet
is 0 $b sync --status --json; valid
same 1 "$(json 'scalar grep { $_->{quarantined} > 0 && $_->{name} eq "Familie" } @$v')" quarantined
is 0 $b quarantine list --json; valid
kept=$(json '$v->[0]{id}')
is 0 $b quarantine export "$kept" --out kept.raum
is 0 --data elsewhere import kept.raum
is 0 --data elsewhere space list; says 'Quarantine: Familie'
is 0 --data elsewhere --space quarantine-familie task list; says 'Ungesendet von B'; silent Brot
is 0 --data elsewhere --space quarantine-familie image list; says 'Ungesendetes Bild'
silent 'Bild von B' # the server had it
is 0 $b quarantine drop "$kept"
is 3 $b quarantine drop "$kept"
is 0 $b quarantine list --json; same 0 "$(json 'scalar @$v')" quarantines
kill -INT $b_watch; wait $b_watch
same 0 $? 'Ctrl-C'

# ---- in again: the whole history (G-S3); a row that turns private is withdrawn (G-T9)

invite
watch b; b_watch=$watcher
until_there Geschenkidee 20 $b --space familie image list
is 0 $phone --space familie image set "$gift" --private
until_gone Geschenkidee 20 b
kill -INT $b_watch; wait $b_watch
same 0 $? 'Ctrl-C'

# ---- the database is lost, the device's name is not: the whole own history comes back (G-S7)

is 0 $b sync
rows_of_b() { # every row of both spaces
    for space in personal familie; do
        for table in tasks meImages; do
            "$RAUM" $b --space $space --json sql "SELECT * FROM $table ORDER BY id" </dev/null
        done
    done
}
rows_of_b >one
rm -rf b && mv b.before b
is 0 $b sync
is 0 $b sync
is 0 $b task list; says 'Eigenes von B'
is 0 $b --space familie task list; says 'Brot von B'; says 'Obst von B'
rows_of_b >two
if [ -s one ] && cmp -s one two; then ok; else ko 'what came back is not what was lost'; fi

for pid_of in $phone_watch $laptop_watch; do
    kill -INT $pid_of; wait $pid_of
    same 0 $? 'Ctrl-C'
done
if grep -q Sanitizer ./*.err; then ko 'a sanitizer speaks'; fi
close_house home
finish
