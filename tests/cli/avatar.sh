#!/usr/bin/env bash
# The account's picture follows the personal space and nothing else (G-T11): in any order of changes
# made offline, in the personal space and in a brand, the server shows the personal holder's picture
# once the device is connected again; or none. The seed is printed; RAUM_SEED repeats it.
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi # nothing here is about the disk
RAUM_ASAN='' # many commands: the plain program (account.sh runs the sanitized one)
. "$(dirname "$0")/checks"
. "$RAUM_SOURCE/tests/cli/house"
export RAUM_PASSWORD='correct horse battery'
seed=${RAUM_SEED:-$RANDOM} rounds=${RAUM_SEEDS:-6} steps=9
echo "seed $seed, $rounds rounds"
RANDOM=$seed

picture() { # picture FILE NUMBER: a PNG of one colour, another for each number
    perl -MCompress::Zlib -e 'my $n = shift; my ($w, $h) = (300, 200);
        sub chunk { my ($t, $d) = @_; pack("N", length $d) . $t . $d . pack("N", crc32($t . $d)) }
        my $row = "\0" . pack("C3", $n * 37 % 256, $n * 91 % 256, $n * 151 % 256) x $w;
        print "\x89PNG\r\n\x1a\n", chunk("IHDR", pack("NNC5", $w, $h, 8, 2, 0, 0, 0)),
            chunk("IDAT", compress($row x $h)), chunk("IEND", "")' "$2" >"$1"
}
declare -A thumb # of a picture's id: the bytes of its small version
add() { # add SPACE NUMBER: its id in $id
    picture "p$2.png" "$2"
    touch mark
    id=$("$RAUM" --space "$1" image add "p$2.png" --json </dev/null 2>"$err" | first_id)
    thumb[$id]=$(find data -newer mark -name '*.thumb.webp' -exec sha256sum {} + | cut -c 1-64)
}
shown() { # what user.image of the account shows: a hash, "null", or "unreadable"
    local image
    image=$(session data '$v->{user}{image}')
    if [ "$image" = null ]; then echo null; return; fi
    curl -sS -f -m 20 "$image" >image.webp 2>/dev/null || { echo unreadable; return; }
    sha256sum image.webp | cut -c 1-64
}
wanted() { # the picture that the personal space says: avatar, else face-ref, else none
    local slot holder
    for slot in avatar face-ref; do
        holder=$("$RAUM" --space personal image list --slot $slot --json --quiet </dev/null |
            perl -MJSON::PP -e 'local $/; print decode_json(<STDIN>)->[0]{id} // ""')
        if [ -n "$holder" ]; then echo "${thumb[$holder]}"; return; fi
    done
    echo null
}

house home
is 0 register "$url" lena@example.org
is 0 space create Marke --type brand
personal=() brand=()
for n in 1 2 3; do add personal $n; personal+=("$id"); add marke 1$n; brand+=("$id"); done
same 6 "$(printf '%s\n' "${thumb[@]}" | sort -u | grep -c .)" 'six pictures'

# ---- connected: at once

is 0 --space marke image slot "${brand[0]}" avatar
same null "$(shown)" 'a brand says nothing'
is 0 --space personal image slot "${personal[0]}" avatar
same "${thumb[${personal[0]}]}" "$(shown)" 'the personal avatar, without any further command'
old=$(session data '$v->{user}{image}')
is 0 --space marke image slot "${brand[1]}" avatar
same "${thumb[${personal[0]}]}" "$(shown)" 'unchanged by the brand'
is 0 --space personal image slot "${personal[1]}" face-ref
same "${thumb[${personal[0]}]}" "$(shown)" 'avatar before face-ref'
is 0 --space personal image slot "${personal[0]}" none
same "${thumb[${personal[1]}]}" "$(shown)" 'face-ref without avatar'
same 404 "$(curl -sS -m 20 -o /dev/null -w '%{http_code}' "$old")" 'the old address is dead'
is 0 --space personal image slot "${personal[1]}" none
same null "$(shown)" 'cleared with null'
is 0 whoami --json; same delivered "$(json '$v->{pictureState}')" 'arrived'

# ---- offline, in any order

server=$(ls data/accounts/*/server.json)
offline() { sed -i "s|$url|http://127.0.0.1:1|" "$server"; }
online() { sed -i "s|http://127.0.0.1:1\"|$url\"|" "$server"; }
slots=(avatar face-ref body-ref none)
for ((round = 1; round <= rounds; round++)); do
    offline
    before=$(wanted) trace=
    for ((step = 0; step < steps; step++)); do
        slot=${slots[RANDOM % 4]} n=$((RANDOM % 3))
        if [ $((RANDOM % 2)) = 0 ]; then
            space=personal id=${personal[n]}
        else
            space=marke id=${brand[n]}
        fi
        case $((RANDOM % 6)) in
        0) is 0 --space $space image delete "$id"; is 0 --space $space image restore "$id" ;;
        1) is 0 space use $space ;;
        esac
        is 0 --space $space image slot "$id" "$slot"
        trace="$trace $space:$n:$slot"
    done
    online
    same "$before" "$(shown)" "round $round: nothing arrives offline"
    if [ $((RANDOM % 2)) = 0 ]; then is 0 whoami; else is 0 space list; fi
    same "$(wanted)" "$(shown)" "round $round:$trace"
    is 0 --space marke image slot "${brand[RANDOM % 3]}" avatar
    same "$(wanted)" "$(shown)" "round $round, and the brand once more"
done

# ---- it waits as long as it takes, and only the newest is told

is 0 --space personal image slot "${personal[0]}" avatar
offline
is 0 --space personal image slot "${personal[1]}" avatar
is 0 whoami --json; same waiting "$(json '$v->{pictureState}')" 'waits'
is 0 --space personal image slot "${personal[2]}" avatar
is 0 tag list
online
is 0 space members
same "${thumb[${personal[2]}]}" "$(shown)" 'the newest'
close_house home
finish
