#!/usr/bin/env bash
# The wardrobe of an account's devices and of a family, through a real server: what was worn here
# and there adds up, an edit and a deletion meet (G-S10), what is private stays (G-T9), nothing that
# is derived travels, and sealed words are on no disk of the server (G-K1).
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi # nothing here is about the disk
. "$(dirname "$0")/checks"
. "$RAUM_SOURCE/tests/cli/house"
export RAUM_PASSWORD='correct horse battery'
house home
outbox=home/server/outbox
photo coat.jpg
lena="--data lena" laptop="--data laptop" mia="--data mia"
round() { for _ in 1 2; do for d in lena laptop mia; do is 0 --data $d sync --quiet; done; done; }
worn() { # worn DEVICE GARMENT WANTED: how often it was worn, as that device sees it
    is 0 --data "$1" ${space:+--space $space} garment show "$2" --json
    same "$3" "$(json '$v->{wearCount}')" "$2 on $1"
}

is 0 $lena register "$url" lena@example.org --take-along
is 0 $mia register "$url" mia@example.org
is 0 $lena space create Familie --type family
is 0 $lena --space familie space invite mia@example.org --role member
is 0 $mia space accept "$(mail_to mia@example.org accept-invitation)"
is 0 $laptop login "$url" lena@example.org

# ---- one account, two devices, each without the other for a while

is 0 $lena garment add coat.jpg --name 'Mantel Geheimwort' --json; coat=$(json '$v->[0]{id}')
is 0 $lena outfit create Alltag "$coat" --quiet
round
is 0 $lena garment wear "$coat" --on 2026-03-01 --quiet
is 0 $laptop garment wear "$coat" --on 2026-03-01 --quiet
is 0 $laptop outfit wear Alltag --on 2026-03-02 --quiet
worn lena "$coat" 1; worn laptop "$coat" 2
round
worn lena "$coat" 3; worn laptop "$coat" 3
round
worn lena "$coat" 3
is 0 $laptop garment show "$coat"; says 'last 2026-03-02'
is 0 $laptop garment photo "$coat"; says 'the small one'
if grep -aq Geheimwort home/server/server.db*; then ko 'the server has it in the clear'; else ok; fi
if grep -aq 'wearCount' home/server/server.db*; then ko 'a count is stored'; else ok; fi

# ---- a family: both wear, one edits what the other deletes

space=familie
is 0 $lena --space familie garment add coat.jpg --name 'Gummistiefel' --json
boots=$(json '$v->[0]{id}')
is 0 $lena --space familie garment add coat.jpg --name Überraschung --private --json
secret=$(json '$v->[0]{id}')
is 0 $lena --space familie outfit create Garten "$boots" "$secret" --quiet
round
is 0 $mia --space familie garment list; says Gummistiefel; silent Überraschung
is 3 $mia --space familie garment wear "$secret"
is 0 $mia --space familie outfit show Garten; says '(gone)'; silent Überraschung
is 0 $mia --space familie outfit wear Garten --quiet
is 0 $lena --space familie outfit wear Garten --quiet
is 4 $mia --space familie garment delete "$boots"
round
for d in lena laptop mia; do worn $d "$boots" 2; done
worn lena "$secret" 1
is 0 $lena --space familie garment delete "$boots" --quiet
is 0 $mia --space familie garment set "$boots" --name 'Rote Stiefel' --quiet
round
for d in lena laptop mia; do
    is 0 --data $d --space familie garment list --all; silent Stiefel
    is 0 --data $d --space familie garment log "$boots"; says 'Rote Stiefel (gone)'
done
is 0 $lena --space familie garment restore "$boots" --quiet
round
worn mia 'Rote Stiefel' 2
is 0 $mia sync --status --json
same 0 "$(json 'scalar grep { $_->{parked} } @$v')" 'nothing refused'
close_house home
finish
