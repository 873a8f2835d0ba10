#!/usr/bin/env bash
# A server that is put back to yesterday's backup is complete again once its devices have been
# there: what they wrote since, new and changed and deleted, reaches it and everybody; nobody has to
# do anything but sync (G-O4).
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi # nothing here is about the disk
. "$(dirname "$0")/checks"
. "$RAUM_SOURCE/tests/cli/house"
export RAUM_PASSWORD='correct horse battery'
house home
port=${url##*:}
outbox=home/server/outbox
lena="--data lena" laptop="--data laptop" mia="--data mia" fresh="--data fresh"
id_of() { # id_of TITLE WORD…: of a task
    local title=$1
    shift
    raum "$@" task list --all --json
    json "(grep { \$_->{title} eq '$title' } @\$v)[0]{id}"
}

is 0 $lena register "$url" lena@example.org
is 0 $mia register "$url" mia@example.org
is 0 $lena space create Familie --type family
is 0 $lena sync
is 0 $lena --space familie space invite mia@example.org --role member
is 0 $mia space accept "$(mail_to mia@example.org accept-invitation)"
for i in 1 2 3; do is 0 $lena --space familie task add "alt $i"; done
is 0 $lena task add 'eigenes, alt'
is 0 $lena sync
is 0 $mia sync
is 0 $laptop login "$url" lena@example.org
is 0 $laptop sync

# ---- yesterday

is 0 --data home serve backup yesterday.raum

# ---- today: both write, one of them on two devices, and all is synced

is 0 $lena --space familie task add 'neu von Lena'
is 0 $lena task add 'eigenes, neu'
is 0 $lena --space familie task done "$(id_of 'alt 1' $lena --space familie)"
is 0 $lena --space familie task delete "$(id_of 'alt 2' $lena --space familie)"
is 0 $lena sync
is 0 $mia sync
is 0 $mia --space familie task add 'neu von Mia'
is 0 $mia --space familie task done "$(id_of 'alt 3' $mia --space familie)"
is 0 $mia sync
is 0 $lena sync
is 0 $laptop sync
is 0 $lena export --out today.raum

# ---- the disk is lost

close_house home
is 0 --data home serve restore yesterday.raum --force
house home
is 0 $fresh login "$url" lena@example.org
is 0 $fresh sync
is 0 $fresh --space familie task list --all; says 'alt 2'; silent 'neu von'

# ---- the devices come by, in any order, twice because the first one cannot know of the second

for device in lena mia laptop lena mia; do is 0 --data $device sync; done
is 0 $fresh sync
is 0 $fresh --space familie task list --all --json
same 2 "$(json 'scalar grep { $_->{title} =~ /^neu von/ } @$v')" 'what was new'
same 2 "$(json 'scalar grep { $_->{done} || $_->{isCompleted} } @$v')" 'what was done'
same 0 "$(json 'scalar grep { $_->{title} eq "alt 2" } @$v')" 'what was deleted'
is 0 $fresh task list; says 'eigenes, neu'; says 'eigenes, alt'
is 0 $fresh export --out restored.raum
is 0 $lena export --out again.raum
if cmp -s today.raum again.raum; then ok; else ko 'Lena holds something else than before'; fi
if cmp -s today.raum restored.raum; then ok; else ko 'a new device gets something else'; fi
is 0 $lena sync; says 'sent 0, received 0'
is 0 $lena doctor
is 0 $fresh doctor
close_house home
finish
