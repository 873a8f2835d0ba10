#!/usr/bin/env bash
# The wardrobe as a person walks through it: photographs in, outfits, wearing, statistics, second
# thoughts; in all six types of space (G-T2, G-T4, G-T6); wrong words and files; an older app's.
. "$(dirname "$0")/checks"
photo shirt_20240101.jpg
cp "$samples/gps.png" back.png
cp "$samples/gps.webp" boots.webp
today=$(date +%F)

# ---- empty, and how to begin

is 0 garment list; says '0 garments in Personal'; says 'raum garment add'; silent borrowed
is 0 garment list --json; same '[]' "$(cat "$out")" 'an empty list'
is 0 garment stats; says 'raum garment add'
is 0 garment stats --json; valid
is 0 outfit list; says 'raum outfit create'
is 0 garment log; says 'nothing was worn yet'

# ---- in

is 0 garment add shirt_20240101.jpg boots.webp --json; valid
same 'Shirt Boots' "$(json 'join " ", map { $_->{name} } @$v')" 'names from files'
is 0 garment add shirt_20240101.jpg back.png --together --name 'Rain coat' --category outerwear \
    --brand Ostsee --color yellow --size M --material wax --tag rain --tag autumn \
    --notes 'in the hall' --price 129,90 --bought 2026-03-01
says 'Rain coat'; says outerwear
is 0 garment list --json; valid; same 3 "$(json 'scalar @$v')" three
same 'Rain coat' "$(json '$v->[0]{name}')" 'newest first'
is 0 garment show 'rain COAT' --json; valid
coat=$(json '$v->{id}')
same 2 "$(json 'scalar @{$v->{mediaIds}}')" photographs
same '12990 EUR' "$(json '"$v->{priceCents} $v->{currency}"')" price
same '0 null' "$(json '"$v->{wearCount} " . ($v->{lastWornAt} // "null")')" 'not worn yet'
is 0 garment show "$coat"; says '129.90 EUR'; says 'rain, autumn'; says never; silent 'per wear'
is 0 garment list --category outerwear --json; same 1 "$(json 'scalar @$v')" category
is 0 garment list --tag RAIN --json; same 1 "$(json 'scalar @$v')" tag
is 0 garment list --category hat; says '0 such garments'
is 0 garment photo 'Rain coat' --json; valid
same '2 1' "$(json 'scalar(@$v) . " " . (-s $v->[1]{path} ? 1 : 0)')" 'where they lie'
first=$(json '$v->[0]{mediaId}')
if grep -rqa 'GPS' data; then ko 'a position is on the disk'; else ok; fi
is 0 garment photo 'Rain coat' boots.webp --first 2 --quiet
is 0 garment photo 'Rain coat' --json; same 3 "$(json 'scalar @$v')" 'one more'
same "$first" "$(json '$v->[1]{mediaId}')" 'another cover'
is 0 garment photo 'Rain coat' --without 2 --without 3 --json; same 1 "$(json 'scalar @$v')" fewer
is 4 garment photo 'Rain coat' --without 1; says 'needs a photograph'
is 3 garment photo 'Rain coat' --without 7
is 0 garment set shirt --category top --price '20 CHF' --tag blue --json
same 'CHF top' "$(json '"$v->{currency} $v->{category}"')" set
is 0 garment set Shirt --price 25 --brand '' --quiet; same '' "$(cat "$out")" quiet
is 0 garment show Shirt; says '25.00 CHF'

# ---- outfits and wearing

is 0 outfit create 'Rainy day' 'Rain coat' Boots --occasion casual --season autumn --season spring \
    --tag dog --favorite --description 'for the dog' --json
valid; same 'Rain coat, Boots' "$(json 'join ", ", map { $_->{name} } @{$v->{garments}}')" order
outfit=$(json '$v->{id}')
is 0 outfit set 'rainy day' --add shirt --without boots --json
same 'Rain coat, Shirt' "$(json 'join ", ", map { $_->{name} } @{$v->{garments}}')" changed
is 0 outfit wear 'Rainy day' --on 2026-03-02 --json; valid
wear=$(json '$v->[0]{id}'); same 2 "$(json '$v->[0]{garments}')" 'counts for both'
is 0 garment wear 'Rain coat' Boots --json; same "$today" "$(json '$v->[1]{wornAt}')" today
is 0 garment show 'Rain coat'; says "2 times, last $today"; says '64.95 EUR'; says 'Rainy day'
is 0 sql "SELECT wearCount, lastWornAt FROM wardrobeGarments WHERE name = 'Shirt'" --json
same '1 2026-03-02' "$(json '"$v->[0]{wearCount} $v->[0]{lastWornAt}"')" 'SQL says so, too'
is 0 sql 'SELECT lastWornAt, lastTryOn FROM wardrobeOutfits' --json
same 2026-03-02 "$(json '$v->[0]{lastWornAt}')" 'of the outfit, too'
is 0 garment log --json; valid; same 3 "$(json 'scalar @$v')" 'entries of the log'
is 0 garment log Shirt; says 2026-03-02; says 'Rainy day'
is 0 garment log 'Rainy day' --json; same 2 "$(json '$v->[0]{garments}')" 'of an outfit'
is 0 outfit list --favorites --season spring --occasion casual --tag dog; says 'Rainy day'
is 0 outfit favorite "$outfit" off; is 0 outfit list --favorites; says '0 such outfits'
is 0 garment stats; says 'Most worn'; says 'Cost per wear'; says "${today%-*}"
is 0 garment stats --top 1 --json; valid
same 'Rain coat' "$(json '$v->{mostWorn}[0]{name}')" 'most worn'
same Shirt "$(json '$v->{notWorn}[0]{name}')" 'not worn for long'
same 6495 "$(json '(grep { $_->{currency} eq "EUR" } @{$v->{costs}})[0]{centsPerWear}')" 'cost'
same 1 "$(json 'scalar @{$v->{mostWorn}}')" 'as many as asked for'
is 0 garment unwear "$wear"; is 3 garment unwear "$wear"
is 0 garment show Shirt; says never

# ---- put away, deleted, back

is 0 garment archive Boots Shirt; is 0 garment list; silent Boots
is 0 garment list --archived; says Boots; is 0 garment list --all; says Boots; says 'Rain coat'
is 0 garment stats --json
same 0 "$(json 'scalar grep { $_->{name} eq "Boots" } @{$v->{notWorn}}')" 'not missed'
is 0 garment unarchive Boots Shirt
is 0 outfit archive 'Rainy day'; is 0 outfit list; silent 'Rainy day'
is 0 outfit unarchive "$outfit"
is 0 garment photo 'Rain coat' --json; file=$(json '$v->[0]{path}')
is 0 garment delete 'Rain coat'; says 'raum garment restore'
if [ -e "$file" ]; then ko 'its file is still there'; else ok; fi
is 3 garment wear "$coat"; is 3 garment set "$coat" --brand x; is 3 garment delete "$coat"
is 0 outfit show 'Rainy day'; says 'Rain coat (gone)'
is 0 outfit list; says '2, 1 gone'
is 0 garment log; says 'Rain coat (gone)'
is 0 garment log --json; same 1 "$(json 'scalar grep { $_->{gone} } @$v')" 'gone in the log'
is 0 garment restore "$coat"; is 0 outfit show 'Rainy day'; silent gone
if [ -s "$file" ]; then ok; else ko 'its file is not back'; fi
is 0 garment delete "$coat" --forever --quiet
is 3 garment restore "$coat"
is 0 outfit show 'Rainy day'; says '(gone)'; silent 'Rain coat'
is 0 outfit set 'Rainy day' --without "$coat"
is 0 outfit delete 'Rainy day'; says 'raum outfit restore'
is 3 outfit wear "$outfit"; is 0 outfit restore "$outfit"; is 0 doctor --deep

# ---- in every type of space, and nothing crosses

for type in brand club family team practice; do
    is 0 space create "Raum $type" --type $type --quiet
    is 0 --space "raum-$type" garment list; says 'Nothing is borrowed'
    is 0 --space "raum-$type" garment add boots.webp --name "Only $type" --json
    id=$(json '$v->[0]{id}')
    is 0 --space "raum-$type" outfit create "Set $type" "$id" --quiet
    is 0 --space "raum-$type" outfit wear "Set $type" --quiet
    is 0 --space "raum-$type" garment show "$id" --json; same 1 "$(json '$v->{wearCount}')" "$type"
    is 0 --space "raum-$type" garment log --json; same 1 "$(json 'scalar @$v')" "log of $type"
    is 0 garment list --all; silent "Only $type"
    for words in "garment show" "garment wear" "garment delete" "garment archive" "garment photo" \
        "garment log" "garment restore" "outfit create x"; do
        # shellcheck disable=SC2086
        is 3 $words "$id"
    done
    is 3 --space "raum-$type" outfit create x "$outfit"
    is 3 --space "raum-$type" outfit show "$outfit"
done

# ---- wrong words and files

is 2 garment add boots.webp --category swimwear; says 'top bottom dress outerwear shoes bag'
is 2 garment list --category swimwear; says 'glasses jewelry hat other'
is 2 outfit create x Boots --occasion party; says 'casual work formal'
is 2 outfit create x Boots --season rainy; says 'spring summer autumn winter'
is 2 garment add boots.webp --price -5; says -5; is 2 garment add boots.webp --price 1.234
is 2 garment add boots.webp --bought gestern; is 2 garment add boots.webp --bought 2026-02-30
is 2 garment wear Boots --on 2026-02-30; is 2 garment wear Boots --on 2999-01-01
says 'yet to come'
is 2 garment add boots.webp back.png --name Both; says --together
is 2 garment set Boots; is 2 outfit set "$outfit"; is 2 garment set Boots --name ''
is 2 garment stats --top 0; is 2 garment stats --top x
# shellcheck disable=SC2046
is 2 outfit create 'Too much' $(yes Boots | head -n 17); says 16
# shellcheck disable=SC2046
is 2 garment add --together --name x $(yes boots.webp | head -n 11); says 10
is 2 outfit create 'No garment'
is 0 garment add boots.webp --name Twin --quiet; is 0 garment add boots.webp --name twin --quiet
is 2 garment wear Twin; says 'by its id'
echo text >text.jpg
is 1 garment add text.jpg; says UNSUPPORTED_MEDIA; says text.jpg
is 3 garment add missing.jpg
is 0 garment list --json; before=$(json 'scalar @$v')
is 1 garment add boots.webp text.jpg --together --name Half
is 1 garment photo Boots back.png text.jpg
is 3 garment wear Boots Nobody # all or none
is 0 garment list --json; same "$before" "$(json 'scalar @$v')" 'nothing half done'
is 0 garment log Boots --json; same 1 "$(json 'scalar @$v')" 'nothing half worn'
cp boots.webp spare.webp
is 1 garment add spare.webp text.jpg; says Spare # one bad among good
is 3 garment show ''; is 3 garment show "' OR 1=1 --"; is 3 garment log nobody
is 0 garment add boots.webp --name $'esc\033[31m\u202e' --quiet; raum garment list
if LC_ALL=C grep -q $'\033' "$out"; then ko 'an escape in the list'; else ok; fi
is 0 doctor --deep

# ---- watching: what is worn elsewhere is seen here

"$RAUM" garment list --watch --json >seen 2>"$err" </dev/null &
pid=$!
trap 'kill $pid 2>/dev/null; chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT
until_seen() { # until_seen TEXT: within ten seconds
    for _ in $(seq 1 100); do
        grep -qF -- "$1" seen && { ok; return; }
        sleep 0.1
    done
    cp seen "$out"; ko "never seen: $1"
}
until_seen Spare
is 0 garment wear Spare --on 2026-01-31 --quiet
until_seen '"wearCount":1,"lastWornAt":"2026-01-31"'
kill -INT $pid; wait $pid; same 0 $? 'Ctrl-C ends it well'

# ---- German

RAUM_LANG=de is 0 garment list; says 'zuletzt'; says 'Kleidungsstücke in'
RAUM_LANG=de is 2 garment wear Boots --on 2999-01-01; says 'liegt noch vor uns'
RAUM_LANG=de is 0 garment show Boots; says 'getragen'
RAUM_LANG=de is 2 garment wear Twin; says 'mehrere heißen Twin'

# ---- what an older app exported

cat >old.json <<'END'
{"formatName":"dexie","formatVersion":1,"data":{"databaseName":"m","databaseVersion":42,"tables":[
{"name":"wardrobeGarments","schema":"id"},{"name":"wardrobeOutfits","schema":"id"}],"data":[
{"tableName":"wardrobeGarments","inbound":true,"rows":[
{"id":"g1","spaceId":"_personal:u1","authorId":"u1","visibility":"space","name":"Old shirt",
"category":"top","mediaIds":["m1"],"wearCount":3,"lastWornAt":"2026-01-02T10:00:00.000Z",
"priceCents":3000,"currency":"EUR","createdAt":"2026-01-01T00:00:00.000Z"},
{"id":"g2","spaceId":"_personal:u1","authorId":"u1","visibility":"space","name":"Odd thing",
"category":"gown","mediaIds":[],"deletedAt":"2026-01-03T00:00:00.000Z",
"createdAt":"2026-01-01T00:00:00.000Z"}]},
{"tableName":"wardrobeOutfits","inbound":true,"rows":[
{"id":"o1","spaceId":"_personal:u1","authorId":"u1","visibility":"space","name":"Old set",
"garmentIds":["g1","g2"],"season":["spring","rainy"],"lastWornAt":"2026-01-04","lastTryOn":"i1",
"createdAt":"2026-01-01T00:00:00.000Z"}]}]}}
END
is 0 --data older import old.json --owner u1
is 0 --data older garment show g1 --json; valid
same '1 2026-01-02 3' "$(json '"$v->{wearCount} $v->{lastWornAt} $v->{legacyWearCount}"')" \
    'the last wear is a row, the old count is kept'
is 0 --data older garment photo g1; says 'not on this device'
is 0 --data older garment list --all --json; same 1 "$(json 'scalar @$v')" 'the deleted one is not'
is 0 --data older outfit show 'Old set' --json
same '2026-01-04 1 spring' "$(json '"$v->{lastWornAt} $v->{wearCount} @{$v->{season}}"')" outfit
same 'Odd thing' "$(json '(grep { $_->{gone} } @{$v->{garments}})[0]{name}')" 'gone'
is 0 --data older garment log --json; same 2 "$(json 'scalar @$v')" 'two entries'
is 0 --data older garment wear g1 --quiet; is 0 --data older garment show g1; says '2 times'
is 0 --data older import old.json --owner u1
is 0 --data older garment show g1; says '2 times'
is 0 --data older garment stats; says 'Old shirt'
finish
