#!/usr/bin/env bash
# Trying on as a person does it: what is missing is said, with the way out; a collage of real
# photographs in each of the six types of space (G-T6), on the device and by a server; whose
# pictures are used, and never without consent (G-P1, G-T4, G-T9, G-T12).
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi # nothing here is about the disk
. "$(dirname "$0")/checks"
. "$RAUM_SOURCE/tests/cli/house"
export RAUM_PASSWORD='correct horse battery'
photos=$RAUM_SOURCE/build/photos
if "$RAUM_SOURCE/scripts/photos" "$photos" >/dev/null 2>&1; then
    face=$photos/eileen-collins.png body=$photos/photographer.png top=$photos/drum.jpg
    shoes=$photos/coffee.png hat=$photos/fig.jpg
else # the machine has no package archive: small ones
    echo 'no photographs: with samples'
    photo face.jpg
    cp "$samples/gps.png" body.png; cp "$samples/gps.webp" top.webp
    cp "$samples/gps.heic" shoes.heic; cp "$samples/gps.avif" hat.avif
    face=face.jpg body=body.png top=top.webp shoes=shoes.heic hat=hat.avif
fi
is_jpeg() { # is_jpeg FILE WIDTH HEIGHT: by its own bytes
    same "$2 $3" "$(perl -e 'local $/; open F, "<:raw", $ARGV[0]; $_ = <F>; exit unless /^\xff\xd8/;
        my $p = 2; while ($p < length) { my ($m, $l) = unpack "x$p C x0 C n"; ($m, my $k, $l) =
        unpack "C C n", substr $_, $p, 4; if ($k >= 0xc0 && $k <= 0xc2) { my ($h, $w) =
        unpack "n n", substr $_, $p + 5, 4; print "$w $h"; exit } $p += 2 + $l }' "$1")" "$1"
}

# ---- what is missing is said

is 3 try-on Day
is 2 try-on; says 'an outfit, or --garment'
is 2 try-on Day --garment Hat
is 0 garment add "$top" --name Top --category top --json; top_id=$(json '$v->[0]{id}')
is 0 garment add "$shoes" --name Shoes --category shoes --quiet
is 0 garment add "$hat" --name Hat --category hat --quiet
is 0 outfit create Day Top Shoes Hat --quiet
is 3 try-on Day; says 'no picture of you'; says '--slot body-ref --ai'
is 3 try-on --garment Hat; says 'no picture of your face'
RAUM_LANG=de is 3 try-on Day; says 'kein Bild von dir'
is 0 image add "$face" --slot face-ref --json; image=$(json '$v->[0]{id}')
is 4 try-on Day; says CONSENT_REQUIRED; says "raum image ai $image on"
is 4 try-on --garment Hat --json; says '"code":"CONSENT_REQUIRED"'

# ---- a guest's, here

is 0 image ai "$image" on --quiet
is 0 try-on Day --out day.jpg; says collage; says 'raum login'; says 'body-ref'
is_jpeg day.jpg 1024 1536
is 0 outfit show Day --json; newest=$(json '$v->{lastTryOn}')
is 0 try-on --garment Hat --out hat.jpg --json; valid
same 2 "$(json 'scalar @{$v->{referenceMediaIds}}')" 'face and hat'
is_jpeg hat.jpg 1024 1024
is 0 image add "$body" --slot body-ref --ai --quiet
is 0 try-on Day --json --prompt 'am Meer'; valid
same 5 "$(json 'scalar @{$v->{referenceMediaIds}}')" 'face, body, garments'
id=$(json '$v->{id}')
is 0 outfit show Day --json; same "$id" "$(json '$v->{lastTryOn}')" 'the newest'
[ "$newest" != "$id" ] && ok || ko 'a new one each time'
is 0 sql "SELECT visibility, generationMode, model, prompt FROM images WHERE id = '$id'" --json
same 'private reference collage' \
    "$(json 'join " ", @{$v->[0]}{qw(visibility generationMode model)}')" 'its row'
says 'am Meer'; says 'Top (top'
if grep -rqa 'am Meer' data; then ko 'the prompt is on the disk'; else ok; fi
is 0 garment delete "$top_id" --quiet
is 0 try-on Day --json; says 'left out: 1'
is 0 garment restore "$top_id" --quiet
is 0 image ai "$image" off --quiet
is 0 try-on Day; says 'better with your face'
is 4 try-on --garment Hat # the face alone counts, and it may not

# ---- each type of space for itself: nothing is borrowed (G-T4)

for type in brand club family team practice; do
    is 0 space create "At $type" --type $type --quiet
    is 0 --space at-$type garment add "$shoes" --name Top --category top --quiet # a small one
    is 3 --space at-$type try-on --garment Top; says 'no picture of you'
    is 0 --space at-$type image add "$body" --slot body-ref --ai --quiet
done
is 0 --space at-family try-on --garment Top --out family.jpg
says 'your own pictures in this space (At family)'
is_jpeg family.jpg 1024 1536

# ---- by a server

house home
outbox=home/server/outbox
is 0 register "$url" lena@example.org --take-along
is 0 sync --quiet
slugs="$("$RAUM" space list --json | perl -MJSON::PP -e 'local $/; print join " ",
    map { $_->{slug} } @{decode_json(<STDIN>)}')"
same 6 "$(wc -w <<<"$slugs")" 'six spaces'
is 0 image ai "$image" on --quiet
is 0 image add "$face" --label Nicht --quiet
for slug in $slugs; do
    is 0 --space "$slug" try-on --garment Top --out "server-$slug.jpg" --prompt Strandwort --json
    valid; same collage "$(json '$v->{model}')" 'made by the server'
    id=$(json '$v->{id}')
    is_jpeg "server-$slug.jpg" 1024 1536
    is 0 --space "$slug" sql "SELECT visibility, prompt FROM images WHERE id = '$id'"
    says private; says Strandwort
done
if grep -q Strandwort home.log home.out; then ko 'the log has the prompt'; else ok; fi
is 0 sync --quiet; is 0 try-on Day --share --json; shared=$(json '$v->{id}')
is 0 sql "SELECT visibility FROM images WHERE id = '$shared'"; says space

# ---- another member: not with Lena's face, and not with her private pictures

mia="--data mia"
is 0 $mia register "$url" mia@example.org
is 0 --space at-family space invite mia@example.org --role member
is 0 $mia space accept "$(mail_to mia@example.org accept-invitation)"
is 0 sync --quiet; is 0 $mia sync --quiet
is 0 $mia --space at-family garment list; says Top
is 3 $mia --space at-family try-on --garment Top; says 'no picture of you'
is 0 $mia --space at-family sql 'SELECT id FROM images'; silent 0
is 0 $mia --space at-family image add "$body" --slot body-ref --ai --quiet
is 0 $mia --space at-family try-on --garment Top --out mia.jpg; is_jpeg mia.jpg 1024 1536

# ---- switched off elsewhere; offline

is 0 --data laptop login "$url" lena@example.org
is 0 --data laptop sync --quiet
is 0 --data laptop image ai "$image" off --quiet
is 0 --data laptop sync --quiet
is 4 try-on --garment Hat; says CONSENT_REQUIRED
close_house home
is 0 image ai "$image" on --quiet
is 5 try-on Day; says '--collage'
is 0 try-on Day --collage --quiet

# ---- Ctrl-C while a service that never answers is asked: at once, and nothing is charged

perl -MIO::Socket::INET -e '$| = 1; my $s = IO::Socket::INET->new(Listen => 9,
    LocalAddr => "127.0.0.1") or die; print $s->sockport, "\n"; sleep 60' >silent.port &
servers+=($!)
disown
for ((i = 0; i < 100; i++)); do [ -s silent.port ] && break; sleep 0.02; done
echo a-key >key
port=${url##*:} house home --image-provider openai --image-key-file key \
    --image-url "http://127.0.0.1:$(cat silent.port)"
"$RAUM" try-on Day >"$out" 2>"$err" </dev/null &
trying=$!
for ((i = 0; i < 500; i++)); do
    waiting=$(sqlite3 home/server/server.db 'SELECT count(*) FROM generations WHERE made = 0')
    [ "$waiting" != 0 ] && break
    sleep 0.02
done
kill -INT $trying
began=$(date +%s%N)
wait $trying; status=$?
took=$((($(date +%s%N) - began) / 1000000))
same 1 $status 'the end after Ctrl-C'; says INTERRUPTED
if [ $took -lt 900 ]; then ok; else ko "Ctrl-C: $took ms"; fi
close_house home
if [ -n "${RAUM_KEEP_PICTURES-}" ]; then cp ./*.jpg "$RAUM_KEEP_PICTURES/"; fi
finish
