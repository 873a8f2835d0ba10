#!/usr/bin/env bash
# `raum sync --watch` and commands that write, killed at RAUM_KILLS random instants: whatever a
# command said it had written is at the server in the end, once, and on the other device; the
# database opens clean each time (G-O1, G-S5, G-S11). The seed is printed.
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi # killed is the process, not the machine
RAUM_ASAN='' # the plain program: the instants are spread over its real duration
. "$(dirname "$0")/checks"
. "$RAUM_SOURCE/tests/cli/house"
export RAUM_PASSWORD='correct horse battery'
kills=${RAUM_KILLS:-12} seed=${RAUM_SEED:-$RANDOM}
echo "seed $seed, $kills kills"
house home
one="--data one" two="--data two"
is 0 $one register "$url" a@example.org
is 0 $one space create Familie --type family
is 0 $one sync
is 0 $two login "$url" a@example.org
is 0 $two sync
watch() { # watch DIR: its `sync --watch` in $watcher
    "$RAUM" --data "$1" sync --watch --quiet >/dev/null 2>"$1.err" </dev/null &
    watcher=$!
    servers+=("$watcher")
}
# write FILE DIR NUMBER: tags t-NUMBER-1 … as fast as it goes; FILE gets each that was said to be
# done
write() {
    local i
    for ((i = 1; ; i++)); do
        "$RAUM" --data "$2" --space familie --quiet tag create "t-$3-$i" >/dev/null 2>&1 \
            </dev/null || break
        echo "t-$3-$i" >>"$1"
    done
}
names() { # names DIR: every tag of the family, sorted
    "$RAUM" --data "$1" --space familie --json tag list --quiet </dev/null |
        perl -MJSON::PP -e 'local $/; print "$_->{name}\n" for @{decode_json(<STDIN>)}' | sort
}
: >said
watch two; other=$watcher
awk -v seed="$seed" -v n="$kills" \
    'BEGIN { srand(seed); for (i = 0; i < n; i++) printf "%.3f\n", 0.1 + rand() * 1.2 }' >instants
n=0
while read -r instant; do
    n=$((n + 1))
    watch one; victim=$watcher
    set -m # a group of its own: the command under way dies with its loop
    write said one $n &
    writer=$!
    set +m
    sleep "$instant"
    case $((n % 3)) in
    0) kill -9 $victim ;;
    1) kill -9 -- -$writer ;;
    2) kill -9 $victim -- -$writer ;;
    esac 2>/dev/null
    kill -9 -- -$writer 2>/dev/null
    kill -9 $victim 2>/dev/null
    wait $writer $victim 2>/dev/null
done <instants
is 0 $one doctor
is 0 $one sync
kill -INT $other; wait $other
same 0 $? 'the device that only listened'
is 0 $two sync
names one >one.names
names two >two.names
sort said >wanted
echo "$(wc -l <wanted) writes"
if [ -s wanted ]; then ok; else ko 'nothing was written'; fi
lost=$(comm -23 wanted one.names | wc -l)
same 0 "$lost" 'lost on the device'
same 0 "$(comm -23 wanted two.names | wc -l)" 'lost on the way'
same 0 "$(uniq -d <one.names | wc -l)" doubled
if cmp -s one.names two.names; then ok; else ko 'the devices differ'; fi
is 0 $one sync --status --json
same 0 "$(json '(grep { $_->{space} eq "familie" } @$v)[0]{pending}')" 'left to send'
is 0 $two doctor
close_house home
finish
