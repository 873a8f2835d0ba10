#!/usr/bin/env bash
# Hosted agents over HTTP, with real commands: made, limited, seen, undone and ended by their owner;
# what they do is on the family's devices within a second and the other way round (G-A2); the token
# is the only thing that says who and where (G-A1); whoever is removed takes the agent along, also
# out of a call that is open (G-A3).
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi # nothing here is about the disk
. "$(dirname "$0")/checks"
. "$RAUM_SOURCE/tests/cli/house"
export RAUM_PASSWORD='correct horse battery'
house home
outbox=home/server/outbox
a="--data a" b="--data b"

milliseconds() { echo $(($(date +%s%N) / 1000000)); }
request() { # request TOKEN BODY [WORD…]: to /mcp without a session; answer to $out, status to $code
    local token=$1 body=$2
    shift 2
    code=$(curl -sS -m 20 -o "$out" -w '%{http_code}' "$url/mcp" \
        -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
        -H 'Accept: application/json, text/event-stream' \
        -H 'MCP-Protocol-Version: 2026-07-28' "$@" -d "$body" 2>"$err")
}
io=io.modelcontextprotocol
meta='"_meta":{"'$io'/protocolVersion":"2026-07-28","'$io'/clientCapabilities":{}}'
tool() { # tool TOKEN NAME ARGUMENTS [WORD…]
    local token=$1 name=$2 params
    params='{"name":"'"$name"'","arguments":'"$3"','"$meta"'}'
    shift 3
    request "$token" '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'"$params"'}' \
        -H 'Mcp-Method: tools/call' -H "Mcp-Name: $name" "$@"
}
get() { # get PATH: as the agent in $planer; status to $code
    code=$(curl -sS -m 20 -o "$out" -w '%{http_code}' -H "Authorization: Bearer $planer" "$url/$1")
}
agent() { # agent WHO WORD…: makes one; $id and $token
    local who=$1
    shift
    raum $who agent create "$@" --json
    id=$(json '$v->{agent}{id}') token=$(json '$v->{token}')
}
within() { # within SECONDS TEXT WORD…: a list of the command line holds it by then; $took ms
    local limit=$1 text=$2 began i
    shift 2
    began=$(milliseconds)
    for ((i = 0; i < limit * 25; i++)); do
        raum "$@"
        if grep -qF -- "$text" "$out"; then
            took=$(($(milliseconds) - began))
            ok
            return
        fi
        sleep 0.02
    done
    ko "$text is not there within $limit s"
}

is 0 $a register "$url" a@example.org
is 0 $b register "$url" b@example.org
is 0 $a space create Familie --type family
is 0 $a --space familie space invite b@example.org --role member
is 0 $b space accept "$(mail_to b@example.org accept-invitation)"
is 0 $a task add 'Geheimnis im eigenen Raum'
is 0 $a sync

# ---- making

is 2 $a agent create Stylist
says '--space'
is 2 $a agent create Stylist --space familie --expires bald
is 2 $a agent create Stylist --space familie --read-only --allow todo.create
is 3 $a agent create Stylist --space nirgends
is 0 $a agent create Stylist --space familie --expires 30d
says raum_agent_
says /mcp
agent "$a" Planer --space familie --allow todo.create --allow todo.complete --allow todo.delete
planer=$token planer_id=$id
is 0 $a agent list; says Planer; says Stylist; silent "$planer"
is 0 $b agent list --json; same 0 "$(json 'scalar @$v')" 'agents of b'
is 3 $b agent revoke "$planer_id"
if grep -rqaF -- "$planer" home/server; then ko 'the token lies on the server'; else ok; fi

# ---- create, update, list, delete, list: as the others see it (G-A2)

"$RAUM" $b sync --watch >b.watch 2>&1 </dev/null &
servers+=($!)
disown # no word about its end
tool "$planer" todo.create '{"title":"Brot vom Agenten"}'
same 200 "$code" 'a tool'
task=$(json '$v->{result}{structuredContent}{id}')
within 1 'Brot vom Agenten' $b --space familie task list; there=$took
tool "$planer" todo.list '{}'; says 'Brot vom Agenten'
is 0 $b --space familie task add 'Milch von Hand'
for ((i = 0; i < 50; i++)); do
    tool "$planer" todo.list '{}'
    if grep -qF 'Milch von Hand' "$out"; then break; fi
    sleep 0.02
done
says 'Milch von Hand'
tool "$planer" todo.complete '{"id":"'"$task"'"}'
for ((i = 0; i < 50; i++)); do
    raum $b --space familie task list
    if ! grep -qF 'Brot vom Agenten' "$out"; then break; fi
    sleep 0.02
done
silent 'Brot vom Agenten'
tool "$planer" todo.delete '{"id":"'"$task"'"}'
tool "$planer" todo.list '{"all":true}'; silent 'Brot vom Agenten'
echo "seen after $there ms"

# ---- only its space, whatever is said beside the token (G-A1)

tool "$planer" todo.list '{"all":true}' -H 'X-Space: personal' -H 'X-Raum-Space: a' \
    -H 'X-Account: b' -H 'Cookie: better-auth.session_token=x'
silent Geheimnis
request "$planer" '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{'"$meta"'}}' \
    -H 'Mcp-Method: tools/list'
says todo.delete; silent wardrobe.createOutfit
for forged in "${planer}x" "${planer%?}" "${planer%?}." raum_agent_ x "$planer_id"; do
    tool "$forged" todo.list '{}'
    same 401 "$code" "a forged token: $forged"
    silent 'Milch von Hand'
done
for path in spaces agents vault media/x sync/stream; do
    get "api/v1/$path"
    same 401 "$code" "an agent's token opens $path"
done
code=$(curl -sS -m 20 -D headers -o "$out" -w '%{http_code}' -X POST "$url/mcp")
same 401 "$code" 'no token'
grep -qi '^www-authenticate: Bearer .*resource_metadata=' headers
same 0 $? 'the answer names the metadata'

# ---- the log, and taking a run back (G-A4)

tool "$planer" todo.create '{"title":"Unfug"}'
within 1 Unfug $b --space familie task list
for ((i = 0; i < 50; i++)); do
    raum $a agent log "$planer_id" --json
    if [ "$(json 'scalar grep { $_->{tool} eq "todo.list" } @$v')" -gt 0 ]; then break; fi
    sleep 0.1
done
run=$(json '$v->[0]{run}')
same ok "$(json '(grep { $_->{tool} eq "todo.delete" } @$v)[0]{outcome}')" 'outcome'
is 3 $b agent log "$planer_id"
is 0 $a agent log "$planer_id"; says todo.create
is 3 $a agent undo nirgends
is 0 $a agent undo "$run"; says tasks
for ((i = 0; i < 50; i++)); do
    raum $b --space familie task list
    if ! grep -qF Unfug "$out"; then break; fi
    sleep 0.02
done
silent Unfug; says 'Milch von Hand'

# ---- the personal space: sealed, so only where its key is

agent "$a" Privat --space personal
privat=$token privat_id=$id
tool "$privat" todo.list '{}'; says LOCKED; says 'raum mcp'; silent Geheimnis
hello='{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}'
call='"method":"tools/call","params"'
lines=(
    '{"jsonrpc":"2.0","id":0,"method":"initialize","params":'"$hello"'}'
    '{"jsonrpc":"2.0","method":"notifications/initialized"}'
    '{"jsonrpc":"2.0","id":1,'"$call"':{"name":"todo.list","arguments":{}}}'
    '{"jsonrpc":"2.0","id":2,'"$call"':{"name":"todo.delete","arguments":{"id":"x"}}}'
)
mcp() { # mcp TOKEN: the lines to `raum mcp` with it
    (printf '%s\n' "${lines[@]}"; sleep 2) | "$RAUM" $a mcp --agent "$1" >"$out" 2>"$err"
    status=$?
}
mcp "$privat"
same 0 $status 'raum mcp with a token'
says 'Geheimnis im eigenen Raum'; says NOT_ALLOWED; silent 'Milch von Hand'
is 0 $a agent log "$privat_id" --json
same 1 "$(json 'scalar grep { $_->{tool} eq "todo.list" && $_->{outcome} eq "ok" } @$v')" \
    'what was done on the device is in the log'
same 1 "$(json 'scalar grep { $_->{tool} eq "todo.delete" && $_->{outcome} ne "ok" } @$v')" \
    'what was refused there, too'
mcp "${privat%?}"; nonzero 'a forged token'; silent Geheimnis
agent "$b" Fremd --space personal
mcp "$token"; nonzero 'the token of another account'; silent Geheimnis
is 0 $a agent revoke "$privat_id"
mcp "$privat"; nonzero 'a revoked token'; silent Geheimnis

# ---- the stylist, on real photographs: what it puts together and tries on is there for the others,
# ---- with its name (G-A2, G-A4); who says no on another device is not in it any more (G-P1, A3)

photos=$RAUM_SOURCE/build/photos
"$RAUM_SOURCE/scripts/photos" "$photos" >/dev/null 2>&1
photo_or() { [ -s "$photos/$1" ] && echo "$photos/$1" || echo "$samples/$2"; }
here="--space familie"
got() { json "\$v->{result}{structuredContent}$1"; } # got PATH: of the last answer
number() { json "scalar @{\$v->{result}{structuredContent}{$1}}"; } # number LIST
is 0 $a $here image add "$(photo_or eileen-collins.png gps.jpg)" --slot face-ref --ai --json
face=$(json '$v->[0]{id}')
is 0 $a $here image add "$(photo_or photographer.png gps.png)" --slot body-ref --ai --quiet
add="garment add --quiet --category"
is 0 $a $here $add outerwear --name Mantel "$(photo_or coffee.png gps.webp)"
is 0 $a $here $add hat --name Hut "$(photo_or fig.jpg gps.heic)"
is 0 $a sync --quiet
is 0 --data phone login "$url" a@example.org
is 0 --data phone sync --quiet
agent "$a" Stylist $here
stylist=$token stylist_id=$id
tool "$stylist" me.listReferenceImages '{"thumbnails":true}'; says '"type":"image"'
same 2 "$(number images)" 'references'
face_media=$(json '(grep { $_->{kind} eq "face" }
    @{$v->{result}{structuredContent}{images}})[0]{mediaId}')
tool "$stylist" wardrobe.listGarments '{}'
garments='"'$(json 'join q(","), map { $_->{id} } @{$v->{result}{structuredContent}{garments}}')'"'
tool "$stylist" wardrobe.createOutfit '{"name":"Regentag","garmentIds":['"$garments"']}'
outfit=$(got '{outfit}{id}')
tool "$stylist" wardrobe.tryOn '{"outfitId":"'"$outfit"'","share":true,"prompt":"im Regen"}'
same 'collage space' "$(got '{model}') $(got '{visibility}')" 'tried on'
tried=$(got '{images}[0]{id}')
says "raum://picture/$tried"; says '"type":"image"'
wish='{"prompt":"nur so","referenceMediaIds":["'"$face_media"'"]}'
tool "$stylist" me.generateWithReference "$wish"
same 'collage private' "$(got '{model}') $(got '{visibility}')" 'made'
is 0 $b sync --quiet
is 0 $b $here outfit show Regentag --json; same "$tried" "$(json '$v->{lastTryOn}')" 'seen by b'
is 0 $b $here sql 'SELECT id, prompt, wardrobeOutfitId FROM images' --json
same "1 $tried $outfit" "$(json 'join " ", scalar @$v, @{$v->[0]}{qw(id wardrobeOutfitId)}')" \
    'the shared one, and not the private one'
says 'im Regen'
is 0 $b $here agent log --json
same 'Stylist a' "$(json 'join " ", map { $_->{agentName}, $_->{ownerName} }
    grep { $_->{tool} eq "wardrobe.tryOn" } @$v')" 'by whom, for whom'
is 0 --data phone $here image ai "$face" off --quiet
is 0 --data phone sync --quiet
tool "$stylist" wardrobe.tryOn '{"outfitId":"'"$outfit"'"}'
same 200 "$code" 'without the face'; silent "$face_media"
tool "$stylist" me.generateWithReference "$wish"
says CONSENT_REQUIRED
raum $a agent log "$stylist_id" --json
run=$(json '$v->[0]{run}')
is 0 $a agent undo "$run"; says wardrobeOutfits; says images
is 0 $b sync --quiet
is 0 $b $here sql 'SELECT id FROM images' --json; same 0 "$(json 'scalar @$v')" 'pictures, undone'
is 3 $b $here outfit show Regentag
is 0 $a sync --quiet
is 0 $a $here sql 'SELECT id FROM images' --json; same 0 "$(json 'scalar @$v')" 'of a, undone'

# ---- raum mcp makes them, too: by the server, in its own name; for a guest a collage here

by_hand() { # by_hand TOOL ARGUMENTS WORD…: the answer of `raum WORD… mcp`
    local name=$1 args=$2
    shift 2
    printf '%s\n' "${lines[0]}" "${lines[1]}" \
        '{"jsonrpc":"2.0","id":1,'"$call"':{"name":"'"$name"'","arguments":'"$args"'}}' |
        "$RAUM" "$@" mcp 2>"$err" | tail -n 1 >"$out"
}
is 0 $a $here outfit create Abend Mantel --quiet
is 0 $a $here outfit list --json; outfit=$(json '$v->[0]{id}')
by_hand wardrobe.tryOn '{"outfitId":"'"$outfit"'","prompt":"am Abend"}' $a $here
same collage "$(got '{model}')" 'by the server'; silent "$face_media"
tried=$(got '{images}[0]{id}')
is 0 $a $here sql "SELECT prompt, visibility FROM images WHERE id = '$tried'"
says 'am Abend'; says private
same 1 "$(sqlite3 a/accounts/*/raum.db \
    "SELECT count(*) FROM actors WHERE agent = 'mcp' AND device = 'raum-server'")" 'its name'
by_hand me.generateWithReference "$wish" $a $here; says CONSENT_REQUIRED
is 0 --data guest image add "$samples/gps.jpg" --slot face-ref --ai --json
is 0 --data guest sql 'SELECT mediaId FROM meImages' --json; media=$(json '$v->[0]{mediaId}')
wish='{"prompt":"nur so","referenceMediaIds":["'"$media"'"]}'
by_hand me.generateWithReference "$wish" --data guest
same collage "$(got '{model}')" 'here'; says '"type":"image"'
is 0 --data guest sql 'SELECT prompt, model FROM images'; says 'nur so'

# ---- ending

agent "$b" Gast --space familie
gast=$token
tool "$gast" todo.list '{}'; same 200 "$code" 'before'
curl -sS -m 20 -D gast.head -o gast.first "$url/mcp" -H "Authorization: Bearer $gast" \
    -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \
    -d '{"jsonrpc":"2.0","id":0,"method":"initialize","params":'"$hello"'}'
session=$(tr -d '\r' <gast.head | sed -n 's/^[Mm]cp-[Ss]ession-[Ii]d: //p')
[ -n "$session" ] && ok || ko 'no session'
curl -sSN -m 20 -o gast.stream "$url/mcp" -H "Authorization: Bearer $gast" \
    -H 'Accept: text/event-stream' -H "Mcp-Session-Id: $session" &
stream=$!
sleep 0.3
raum $a --space familie space members --json
member=$(json '(grep { $_->{email} eq "b\@example.org" } @$v)[0]{id}')
is 0 $a --space familie space remove "$member"
began=$(milliseconds)
wait $stream
echo "the stream of a removed owner's agent ended $(($(milliseconds) - began)) ms after the command"
if [ $(($(milliseconds) - began)) -lt 1000 ]; then ok; else ko 'the stream goes on'; fi
tool "$gast" todo.list '{}'; same 401 "$code" 'after'
is 0 $a agent revoke "$planer_id"
tool "$planer" todo.list '{}'; same 401 "$code" 'revoked'
close_house home
finish
