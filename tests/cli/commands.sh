#!/usr/bin/env bash
# Every command once in its ordinary use: exit status, words, JSON.
. "$(dirname "$0")/checks"
photo one.jpg
cp "$samples/gps.png" two_20240101.png
cp "$samples/gps.webp" three.webp
cp "$samples/gps.heic" four.heic
cp "$samples/gps.avif" five.avif

is 0 --version; says 'raum '
is 0 whoami; says guest
is 0 whoami --json; valid; same guest "$(json '$v->{account}')" account

# The pool.
is 0 image list; says '0 pictures in'; says 'raum image add'
is 0 --json image list; valid; same '[]' "$(cat "$out")" 'an empty list'
is 0 image add one.jpg --slot avatar --ai --label 'Im Garten' --tag rot --tag grün --json
valid
one=$(json '$v->[0]{id}')
is 0 image add two_20240101.png three.webp four.heic five.avif --json
valid; same 4 "$(json 'scalar @$v')" 'four added'
same Two "$(json '$v->[0]{label}')" 'the name of a file'
same 5 "$(pool)" pool
is 0 image show "$one"; says 'Im Garten'; says avatar; says 'rot, grün'
is 0 --json image show "$one"; valid
same 1 "$(json '$v->{usage}{aiReference} ? 1 : 0')" consent
same 'avatar' "$(json '$v->{primaryFor}')" primaryFor
same 'rot grün' "$(json 'join " ", @{$v->{tags}}')" tags
is 0 image list --reference --json; same 1 "$(json 'scalar @$v')" references
is 0 image list --kind face --json; same 1 "$(json 'scalar @$v')" faces
is 0 image list --slot avatar --json; same "$one" "$(json '$v->[0]{id}')" holder
is 0 image list --slot body-ref; says '0 such pictures'
is 0 image set "$one" --label Neu --tag '' --profile off --private --json
valid; same Neu "$(json '$v->{label}')" label; same 0 "$(json 'scalar @{$v->{tags}}')" 'no tags'
same private "$(json '$v->{visibility}')" visibility
is 0 image set "$one" --shared --kind hands --quiet; same '' "$(cat "$out")" 'quiet'
is 0 image slot "$one" face-ref; says 'avatar face-ref'
is 0 image slot "$one" none; silent avatar
is 2 image slot "$one"; says 'which slot'
is 0 image set "$one" --kind face --quiet
is 0 image slot "$one"; says face-ref
is 0 image ai "$one" off; is 0 image ai "$one" on
is 0 image open "$one" --json; valid; same 1 "$(json '-s $v->{path} ? 1 : 0')" 'its file'
is 0 image delete "$one"; says 30
is 3 image open "$one"; is 3 image delete "$one"; is 0 image show "$one"
is 0 image restore "$one"; is 0 image open "$one"
is 0 image delete "$one" --forever --quiet
is 3 image restore "$one"
same 4 "$(pool)" 'after deleting'

# Spaces.
is 0 space list; says personal
is 0 space create Marke --type brand --json; valid; same marke "$(json '$v->{slug}')" slug
marke=$(json '$v->{id}')
is 0 space create Marke --type brand; is 0 space list --json; valid
same 3 "$(json 'scalar @$v')" spaces
same 3 "$(json 'scalar keys %{{map { $_->{slug} => 1 } @$v}}')" 'slugs are one of a kind'
is 0 space create 'Größe & Söhne' --type club --json
same groesse-soehne "$(json '$v->{slug}')" slug
is 0 space use marke; says Marke
is 0 image list; says 'empty on purpose'; says 'borrowed'
same 4 "$(pool --space personal)" 'the other space, by --space'
same 0 "$(pool)" 'this one'
is 0 sql 'SELECT count(*) FROM meImages'; says 0
is 0 space show --json; valid; same "$marke" "$(json '$v->{id}')" show
is 0 space show personal; says pictures
is 0 space rename marke 'Andere Marke'; is 0 space list; says 'Andere Marke'
two=$("$RAUM" image list --space personal --json | first_id)
is 3 image show "$two"
is 0 image copy "$two" --to marke --space personal --json; valid
same 1 "$(pool)" 'the copy'
is 0 space delete groesse-soehne; is 3 space use groesse-soehne
is 4 space delete personal
for words in members invitations leave 'invite a@b.c --role member' 'accept x' 'decline x' \
    'remove x'; do
    # shellcheck disable=SC2086
    is 1 space $words; says NOT_CONFIGURED; says 'needs a server'
done

# Tags, tasks, scenes.
is 0 tag create Sommer --color '#d97706' --group Zeiten --json; valid
is 1 tag create sommer; says EXISTS
is 0 tag list --json; valid; same Sommer "$(json '$v->[0]{name}')" tag
is 0 task add 'Fotos sortieren' --due 2026-04-30 --tag sommer --json; valid
task=$(json '$v->{id}')
is 3 task add x --tag Winter; says 'raum tag create Winter'
is 2 task add x --due gestern
is 0 task list; says 2026-04-30; says Sommer
is 0 task done "$task"; is 0 task list --json; same '[]' "$(cat "$out")" 'all done'
is 0 task list --all --json; same 1 "$(json 'scalar @$v')" all
is 0 task done "$task" --undo; is 0 task delete "$task"; is 3 task done "$task"
is 0 tag delete Sommer; is 3 tag delete Sommer
is 0 scene list; says Home
RAUM_LANG=de is 0 scene list; says Übersicht
RAUM_LANG=de is 0 scene list --json; same Home "$(json '$v->[0]{name}')" 'the data is the same'
is 0 scene create Fotos; is 0 scene use fotos; is 0 scene list --json; valid
same Fotos "$(json '(grep { $_->{active} } @$v)[0]{name}')" active
is 3 scene use nowhere

# SQL.
is 0 sql "SELECT 1 AS a, NULL AS b, 2.5 AS c, x'00ff' AS d"; says "x'00ff'"
is 0 sql "SELECT 1, 1, 'x'" --json; valid
same 3 "$(json 'scalar keys %{$v->[0]}')" 'columns of one name'
is 0 sql 'SELECT id FROM meImages WHERE 0' --json; same '[]' "$(cat "$out")" 'no row'
is 0 sql --account 'SELECT count(*) FROM userTagPresets'
is 1 sql 'DELETE FROM meImages'; is 1 sql 'SELECT'; is 1 sql ''
is 1 sql 'SELECT * FROM userContext'
is 1 sql 'SELECT 1; SELECT 2'

# The rest.
is 0 upgrade; says 47
is 0 upgrade --dry-run; is 0 upgrade --dry-run --json; valid
is 0 doctor; is 0 doctor --deep --json; valid
same 0 "$(json 'scalar grep { $_->{level} eq "fault" } @$v')" faults
is 0 doctor --adopt-account lena-1 --personal-space sp-lena --json; valid
is 0 whoami; says lena-1
same 4 "$(pool --space sp-lena)" 'adopted, under the real id'
is 0 --data old doctor --adopt-avatar "file://$scratch/one.jpg" --json
same 1 "$(json '$v->{made}')" 'the picture from before'
is 0 --data old image list --slot avatar --json
old=$(json '$v->[0]{id}'); is 0 --data old image open "$old"
is 4 --data old image ai "$old" on; says 'add it again'
is 0 --data old doctor --adopt-avatar https://old.example/a.jpg --json
same 0 "$(json '$v->{made}')" 'only once'
is 2 doctor --personal-space x; is 2 doctor --adopt-account guest
finish
