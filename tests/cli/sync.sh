#!/usr/bin/env bash
# Devices of one account and members of one space through a real server: what is written on one is
# on the others (G-S4, G-S8), sealed values are on no disk of the server (G-K1), nobody else sees
# anything (G-S1), what was written offline arrives later, and what is refused is parked (G-S6).
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi # nothing here is about the disk
. "$(dirname "$0")/checks"
. "$RAUM_SOURCE/tests/cli/house"
export RAUM_PASSWORD='correct horse battery'
house home
outbox=home/server/outbox
lena="--data lena" laptop="--data laptop" mia="--data mia" cleo="--data cleo"

is 2 sync now
is 1 sync; says NOT_CONFIGURED
is 0 $lena task add 'made before there was an account'
is 0 $lena import "$RAUM_SOURCE/tests/data/docs/old-app.json"
is 0 $lena register "$url" lena@example.org --take-along
is 0 $mia register "$url" mia@example.org
is 0 $cleo register "$url" cleo@example.org
is 0 $lena task add 'Geheimnis im eigenen Raum'
is 0 $lena space create Familie --type family
is 0 $lena --space familie task add Brot
is 0 $lena --space familie space invite mia@example.org --role member
is 0 $mia space accept "$(mail_to mia@example.org accept-invitation)"

# ---- one device tells, the others hear

is 0 $lena sync --status --json; valid
same 1 "$(json '(grep { $_->{space} eq "familie" } @$v)[0]{pending} > 0 ? 1 : 0')" 'rows to send'
is 0 $lena sync --json; valid
same 0 "$(json '$v->{parked}')" parked
is 0 $lena sync; says 'sent 0, received 0'
is 0 $mia sync
is 0 $mia --space familie task list; says Brot; silent Geheimnis
is 0 $cleo sync; says 'received 0'
is 0 $laptop login "$url" lena@example.org
is 0 $laptop sync
is 0 $laptop task list; says 'Geheimnis im eigenen Raum'; says 'made before'
is 0 $laptop --space familie task list; says Brot
is 0 $laptop doctor
if grep -aq Geheimnis home/server/server.db*; then ko 'the server has it in the clear'; else ok; fi

# ---- a member writes, both devices of the other hear of it

is 0 $mia --space familie task list --json
id=$(json '$v->[0]{id}')
is 0 $mia --space familie task done "$id"
is 0 $mia sync
for device in lena laptop; do
    is 0 --data $device sync
    is 0 --data $device --space familie task list --all --json
    same 1 "$(json 'scalar grep { $_->{done} || $_->{isCompleted} } @$v')" "done on $device"
done

# ---- one who is removed sends in vain, and is told

is 0 $lena --space familie space members --json
member=$(json '(grep { $_->{email} eq "mia\@example.org" } @$v)[0]{id}')
is 0 $mia --space familie task add 'zu spaet'
is 0 $lena --space familie space remove "$member"
is 0 $mia sync
is 0 $lena sync
is 0 $lena --space familie task list; silent 'zu spaet'

# ---- what the server refuses is shown with its code, and offered again when one says so (G-S6)

is 0 $cleo --space cleo task add 'meins'
is 0 $lena --space familie space invite cleo@example.org --role member
is 0 $cleo space accept "$(mail_to cleo@example.org accept-invitation)"
is 0 $lena sync
is 0 $cleo sync
is 0 $cleo --space familie task list --all --json
theirs=$(json '(grep { $_->{title} eq "Brot" } @$v)[0]{id}')
is 4 $cleo --space familie task delete "$theirs"
is 0 $lena --space familie space members --json
member=$(json '(grep { $_->{email} eq "cleo\@example.org" } @$v)[0]{id}')
is 0 $lena --space familie space role "$member" admin
is 0 $cleo sync
is 0 $cleo --space familie task delete "$theirs"
is 0 $lena --space familie space role "$member" member
is 0 $cleo sync; says refused
is 0 $cleo sync --status; says NOT_ALLOWED
is 0 $lena --space familie task list --all; says Brot
is 0 $cleo sync --retry; says refused

# ---- the server is away: everything goes on, and arrives later

close_house home
port=${url##*:}
is 0 $lena --space familie task add 'ohne Netz'
is 5 $lena sync; says UNREACHABLE
is 0 $lena sync --status; says familie
house home
is 0 $lena sync
is 0 $laptop sync
is 0 $laptop --space familie task list; says 'ohne Netz'

# ---- two devices that agree hold the same bytes, what came across an upgrade included (G-U3)

is 0 $lena sync
is 0 $laptop sync
is 0 $lena export --out one.raum
is 0 $laptop export --out two.raum
if cmp -s one.raum two.raum; then ok; else ko 'the devices differ'; fi
finish
