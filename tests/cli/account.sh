#!/usr/bin/env bash
# Accounts and spaces on a real server, from the command line: register, login, a guest's data
# taken along or left (G-U5), spaces made offline (G-U4), people, keys on the next device, the
# passphrase that the host does not know; exit status and words each time.
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi # nothing here is about the disk
. "$(dirname "$0")/checks"
. "$RAUM_SOURCE/tests/cli/house"
export RAUM_PASSWORD='correct horse battery'
house home
outbox=home/server/outbox
lena="--data lena" mia="--data mia"

# ---- register, with a guest's data

is 2 register; is 2 register "$url"; is 2 register nowhere lena@example.org; says https://
is 1 register "$url" lena; says BAD_CHANGE
is 5 register http://127.0.0.1:1 lena@example.org; says UNREACHABLE
is 0 whoami; says guest
is 4 login "$url" nobody@example.org; says '(NOT_ALLOWED)'; says 'password is wrong'
RAUM_PASSWORD=short is 1 register "$url" lena@example.org; says 'too short'
RAUM_LANG=de RAUM_PASSWORD=short is 1 register "$url" lena@example.org; says 'zu kurz'
if [ -e "$RAUM_DATA/joining.json" ]; then ko 'a decision that failed is kept'; else ok; fi

is 0 $lena tag create summer
is 0 $lena space create Marke --type brand
is 0 $lena --space marke tag create brandnew
is 2 $lena register "$url" lena@example.org; says --take-along; says --leave
RAUM_LANG=de is 2 $lena register "$url" lena@example.org; says 'Daten ohne Konto'
is 2 $lena register "$url" lena@example.org --take-along --leave
is 0 $lena whoami; says guest
is 0 $lena register "$url" lena@example.org --name Lena --take-along --json; valid
same lena@example.org "$(json '$v->{email}')" 'e-mail'
same true "$(json '$v->{tookAlong} ? "true" : "false"')" 'taken along'
if [ -e lena/accounts/guest ]; then ko 'the guest is still there'; else ok; fi
same 600 "$(stat -c %a lena/accounts/*/server.json)" 'rights of server.json'
is 0 $lena tag list; says summer
is 0 $lena space list --json; valid
same 0 "$(json 'scalar grep { $_->{offline} || $_->{id} =~ /^_/ } @$v')" 'all are real'
same 2 "$(json 'scalar @$v')" 'spaces'
is 0 $lena --space marke tag list; says brandnew
is 0 $lena doctor
is 1 $lena register "$url" other@example.org; says '(EXISTS)'
is 1 --data other register "$url" lena@example.org; says '(EXISTS)'; says 'raum login'
is 0 $lena whoami --json; valid
same true "$(json '$v->{connected} ? "true" : "false"')" connected
same false "$(json '$v->{verified} ? "true" : "false"')" 'not verified yet'
curl -sS -m 20 -o /dev/null "$(mail_to lena@example.org verify-email)"
is 0 $lena whoami --json
same true "$(json '$v->{verified} ? "true" : "false"')" verified

# ---- another account on another directory, its guest left apart

is 0 $mia tag create mine
sign_up mia
is 2 $mia login "$url" mia@example.org; says --leave
is 0 $mia login "$url" mia@example.org --leave
is 0 $mia tag list; silent mine
is 0 $mia space list; says mia; silent marke
if [ -e mia/accounts/guest/raum.db ]; then ok; else ko 'the guest left apart is gone'; fi
is 1 $mia login "$url" lena@example.org; says '(EXISTS)'
is 0 $mia login "$url" mia@example.org # a new session for the same account
is 0 $mia whoami; says mia@example.org

# ---- a family space

is 0 $lena space create Family --type family --json; valid
same 1 "$(json '$v->{offline} ? 0 : 1')" 'made on the server at once'
family="$lena --space family"
is 4 $lena --space personal space invite mia@example.org --role member; says '(NOT_ALLOWED)'
is 2 $family space invite mia@example.org --role king
is 1 $family space invite nonsense --role member; says '(BAD_CHANGE)'
is 0 $family space invite mia@example.org --role member --json; valid
is 1 $family space invite mia@example.org --role member; says '(EXISTS)'
is 0 $family space invitations --json; valid
same mia@example.org "$(json '$v->[0]{email}')" 'the invitation of the space'
link=$(mail_to mia@example.org accept-invitation)
is 0 $mia space invitations --json; says 'not verified'; same '[]' "$(cat "$out")" 'unverified'
id=$(echo "$link" | sed 's/.*[?&]id=\([A-Za-z0-9]*\).*/\1/')
secret=$(echo "$link" | sed 's/.*secret=\([A-Za-z0-9]*\).*/\1/')
is 4 $mia space accept "$id"; says 'not verified'; says '(NOT_ALLOWED)'
is 4 $mia space accept "$id" --secret "x$secret"
is 3 $mia space accept nonsense; says '(NOT_FOUND)'
is 2 $mia space accept "$url/?x=1"
is 4 $lena space accept "$link"; says '(NOT_ALLOWED)'
is 0 $mia space accept "$link" --json; valid
same family "$(json '$v->{slug}')" 'the space one is in'
is 3 $mia space accept "$link"
is 0 $mia space use family
is 0 $mia space members --json; valid
same 2 "$(json 'scalar @$v')" members
same Lena "$(json '(grep { $_->{role} eq "owner" } @$v)[0]{name}')" 'who owns it'
same member "$(json '(grep { $_->{me} } @$v)[0]{role}')" 'what I am'
is 4 $mia space invite eve@example.org --role member; says 'your role'
is 4 $mia space rename Ours; says '(NOT_ALLOWED)'
is 4 $mia space delete --name Family
is 4 $mia space role lena@example.org member; says '(NOT_ALLOWED)'
is 0 $family space rename 'Our family' --json; says 'Our family'
is 0 $mia space list; says 'Our family'

# ---- the last owner stays

is 4 $family space leave; says '(LAST_OWNER)'; says 'raum space role'
RAUM_LANG=de is 4 $family space leave; says 'der letzte Eigentümer'; says '(LAST_OWNER)'
is 4 $family space role lena@example.org member; says '(LAST_OWNER)'
is 4 $family space remove lena@example.org; says '(LAST_OWNER)'
is 4 $lena --space personal space leave; says '(NOT_ALLOWED)'
is 4 $lena space delete personal; says '(SPACE_PERSONAL_UNDELETABLE)'
is 1 $lena space create Again --type personal; says '(SPACE_METADATA_INVALID)'
is 3 $family space remove nobody@example.org; says '(NOT_FOUND)'
is 2 $family space role mia@example.org king
is 0 $family space role mia@example.org admin --json; valid
is 0 $mia space invite eve@example.org --role member
sign_up eve
is 0 --data eve login "$url" eve@example.org
link=$(mail_to eve@example.org accept-invitation)
is 0 --data eve space decline "$link" --json; valid
is 3 --data eve space accept "$link"

# ---- removed: the space is hidden, and said

is 0 $family space remove mia@example.org --json; valid
is 0 $mia space list; says 'not in the space family any more'; silent 'Our family'
is 0 $mia space list; silent 'not in the space'
is 3 $mia --space family tag list
is 0 $mia whoami # the active space is the personal one again
is 0 $mia tag list

# ---- delete and back

is 2 $family space delete; says --name
is 1 $family space delete --name family; says 'not the space'
is 0 $family space delete --name 'Our family' --json; valid
id=$(json '$v->{id}')
is 3 $family space members
is 3 $mia space undelete "$id"; says '(NOT_FOUND)'
is 0 $lena space undelete "$id" --json; valid
is 0 $family space members

# ---- offline: nobody is held up, and everything is made good (G-U4)

port=${url##*:}
close_house home
is 0 $lena space create 'Mia' --type club; says 'mia'
is 0 $lena space list; says 127.0.0.1; says mia
is 5 $family space members; says '(UNREACHABLE)'
is 0 $lena key rotate; says 'waits until'
is 0 $lena tag create offline
is 0 $lena whoami --json; valid
same false "$(json '$v->{connected} ? "true" : "false"')" 'not connected'
house home
is 0 $lena space list --json; valid; says 'mia-2'; says 'was taken'
same 0 "$(json 'scalar grep { $_->{offline} } @$v')" 'none is offline'
is 0 $lena space list; silent 'was taken'
is 0 $lena key status --json; valid
same 4 "$(json 'scalar @$v')" 'keys with the rotated ones'
same 0 "$(json 'scalar grep { !$_->{server} || !$_->{here} } @$v')" 'each has its copy'
in_use='(grep { $_->{current} && $_->{space} ne "your own settings" } @$v)[0]{key}'
rotated=$(json "$in_use")

# ---- a second device has the keys before it writes anything, and a third a guest's data

is 0 --data tablet login "$url" LENA@example.org
is 0 --data tablet key status --json
same 4 "$(json 'scalar grep { $_->{server} && $_->{here} } @$v')" 'keys on the next device'
same "$rotated" "$(json "$in_use")" 'both seal with the same key'
is 0 --data tablet space list; says marke; says mia-2
is 0 --data phone tag create phone
is 0 --data phone login "$url" lena@example.org --take-along --json; valid
is 0 --data phone tag list; says phone
is 0 --data phone doctor
is 0 $lena key status --json
same 0 "$(json 'scalar grep { !$_->{here} } @$v')" "the first device has the third one's keys"

# ---- logout; the next account sees nothing, the same one finds everything again

is 0 --data phone logout --json; valid
is 1 --data phone logout; says '(NOT_CONFIGURED)'
is 0 --data phone tag list; silent phone
is 0 --data phone whoami; says guest
is 0 --data phone login "$url" mia@example.org
is 0 --data phone tag list; silent phone
is 0 --data phone logout
is 0 --data phone tag create later
is 0 --data phone login "$url" lena@example.org --take-along
is 0 --data phone tag list; says phone; says later
is 0 --data phone doctor
is 0 --data phone logout --erase
if grep -rqa later phone/accounts 2>/dev/null; then ko 'erased, but there'; else ok; fi

# ---- the session ends elsewhere

token=$(sed 's/.*"token":"\([^"]*\)".*/\1/' tablet/accounts/*/server.json)
curl -sS -m 20 -X POST -H "authorization: Bearer $token" -H 'content-type: application/json' \
    -d '{}' "$url/api/auth/sign-out" >/dev/null
is 4 --data tablet space members; says 'raum login'; says '(NOT_ALLOWED)'
is 0 --data tablet tag list
is 0 --data tablet login "$url" lena@example.org
is 0 --data tablet space members

# ---- a passphrase: one for the ring here and its copies there

if grep -qa '"device"' home/server/server.db; then ko 'a device record already'; else ok; fi
RAUM_NEW_PASSPHRASE='open sesame' is 0 $lena key passphrase --json; valid
code=$(json '$v->{recoveryCode}')
same 39 "${#code}" 'length of the recovery code'
is 4 $lena tag list; says '(LOCKED)'
export RAUM_RING_PASSPHRASE='open sesame'
is 0 $lena tag list; says summer
is 0 $lena key rotate
is 0 $lena key status; says 'only your passphrase'
unset RAUM_RING_PASSPHRASE
is 0 --data tablet whoami; says 'key passphrase --enter'
RAUM_NEW_PASSPHRASE=wrong is 4 --data tablet key passphrase --enter; says '(LOCKED)'
is 4 --data fourth login "$url" lena@example.org; says '(LOCKED)'
is 0 --data fourth whoami; says guest
is 4 --data fourth login "$url" lena@example.org --recovery-code 0000
is 0 --data fourth login "$url" lena@example.org --recovery-code "$code"
is 0 --data fourth key status --json
same 0 "$(json 'scalar grep { !$_->{here} } @$v')" 'every key by the code'
RAUM_RING_PASSPHRASE='open sesame' is 0 --data fifth login "$url" lena@example.org
RAUM_RING_PASSPHRASE='open sesame' is 0 --data fifth key status --json
same 0 "$(json 'scalar grep { !$_->{here} } @$v')" 'every key by the passphrase'
RAUM_NEW_PASSPHRASE='open sesame' is 0 --data tablet key passphrase --enter
is 4 --data tablet tag list; says '(LOCKED)'
RAUM_RING_PASSPHRASE='open sesame' is 0 --data tablet key status --json
same 0 "$(json 'scalar grep { !$_->{here} } @$v')" 'every key on the tablet'
RAUM_RING_PASSPHRASE='open sesame' is 0 $lena key passphrase --remove
is 0 $lena tag list; says summer
RAUM_RING_PASSPHRASE='open sesame' is 0 --data tablet whoami; says 'no passphrase any more'

# ---- a guest whose ring has a passphrase meant it

RAUM_NEW_PASSPHRASE='my own' is 0 --data safe key passphrase
RAUM_RING_PASSPHRASE='my own' is 0 --data safe tag create safe
RAUM_RING_PASSPHRASE='my own' is 0 --data safe register "$url" safe@example.org --take-along --json
code=$(json '$v->{recoveryCode}')
same 39 "${#code}" 'its recovery code'
is 0 --data safe2 login "$url" safe@example.org --recovery-code "$code"
is 0 --data safe2 key status --json
same 0 "$(json 'scalar grep { !$_->{here} } @$v')" 'its keys'
close_house home

# ---- a house with a certificate of its own

port=
is 0 --data tls serve certificate localhost 127.0.0.1
house tls --tls-cert tls/server/tls/server.pem --tls-key tls/server/tls/server.key
authority=tls/server/tls/authority.pem
is 5 --data safe3 register "$url" safe@example.org; says '(UNREACHABLE)'
is 3 --data safe3 register "$url" safe@example.org --ca nowhere; says nowhere
is 0 --data safe3 register "$url" safe@example.org --ca $authority
is 0 --data safe3 space create Family --type family --json; valid
same 1 "$(json '$v->{offline} ? 0 : 1')" 'made over TLS'
RAUM_CA=$authority is 0 --data safe4 login "$url" safe@example.org
is 0 --data safe4 space list; says family
close_house tls
finish
