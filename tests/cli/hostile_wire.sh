#!/usr/bin/env bash
# Everything hostile to the sync wire that one can say with curl, on /api/v1/sync and on the routes
# of older clients: each gets its stated status and code, no member sees a trace of it on a fresh
# device, and the server's file holds none (G-S1, G-S5, G-S6, G-S9, G-S16,
# G-T7, G-T9, G-T10, G-T12, G-U4, G-O3). Whatever is to be refused carries the word Spur.
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi # nothing here is about the disk
. "$(dirname "$0")/checks"
. "$RAUM_SOURCE/tests/cli/house"
export RAUM_PASSWORD='correct horse battery'
house home
port=${url##*:}
outbox=home/server/outbox
code=0 client=device
ko() { # answers are long
    failed=$((failed + 1))
    printf 'FAIL: %.300s\n    out: %.300s\n' "$*" "$(cat "$out")"
}
ordered() { tr ',' '\n' | LC_ALL=C sort | paste -sd,; } # a list a,b,c
ids() { json 'join ",", map { $_->{id} } @{$v->{serverChanges}}' | ordered; }

ask() { # ask TOKEN METHOD PATH [CURL-WORD…]: the answer to $out, its status to $code
    local token=$1 method=$2 path=$3
    shift 3
    code=$(curl -sS -m 60 -o "$out" -w '%{http_code}' -X "$method" "$url$path" \
        ${token:+-H "authorization: Bearer $token"} -H 'Expect:' "$@" 2>"$err") || code=${code:-0}
}
typed=(-H 'content-type: application/json' --data-binary @.body)
body() { # body TOKEN PATH JSON [CURL-WORD…]
    local token=$1 path=$2 text=$3
    shift 3
    printf '%s' "$text" >.body
    ask "$token" POST "$path" "${typed[@]}" "$@"
}
want() { # want STATUS [CODE]: of the answer
    local got
    got=$(json '$v->{error}{code} // ""' 2>/dev/null)
    if [ "$code" = "$1" ] && [ "${2-$got}" = "$got" ]; then ok; else
        ko "line ${BASH_LINENO[0]}: $code $got, not $1 ${2-}"
    fi
}
result() { # result INDEX STATUS [CODE]: of a change
    local got
    got=$(json "\$v->{results}[$1]{status} . ' ' . (\$v->{results}[$1]{code} // '')" 2>/dev/null)
    if [ "$code" = 200 ] && [ "$got" = "$2 ${3-}" ]; then ok; else
        ko "line ${BASH_LINENO[*]}: change $1: $code $got, not $2 ${3-}"
    fi
}
push() { # push TOKEN APP CHANGES: on Raum's own wire
    body "$1" /api/v1/sync "{\"clientId\":\"$client\",\"since\":\"\",\"changes\":[$3]}"
}
older() { # the same on the wire of an app
    body "$1" "/sync/$2" "{\"clientId\":\"$client\",\"since\":\"\",\"changes\":[$3]}"
}
refused() { # refused TOKEN APP CODE CHANGE…: each, on both wires
    local token=$1 app=$2 wanted=$3 wire got changes
    shift 3
    changes=$(printf ',%s' "$@")
    for wire in push older; do
        $wire "$token" "$app" "${changes:1}"
        got=$(json 'my @c = map { $_->{status} eq "rejected" ? $_->{code} : $_->{status} }
            @{$v->{results}};
            scalar(@c) . " " . join ",", grep { $_ ne "'"$wanted"'" } @c' 2>/dev/null)
        if [ "$code" = 200 ] && [ "$got" = "$# " ]; then passed=$((passed + $#)); else
            ko "line ${BASH_LINENO[0]}, $wire: $code $got, not $# times $wanted"
        fi
    done
}
at=$(date -u +%Y-%m-%dT%H:%M:%SZ)
later=$(date -u -d '+2 minutes' +%Y-%m-%dT%H:%M:%SZ)
stamp=$at # what is hostile is newer than all the rest
change() { # change OP TABLE ID SPACE FIELD VALUE: one stamped field
    row "$1" "$2" "$3" "$4" "\"fields\":{\"$5\":{\"value\":$6,\"at\":\"$stamp\"}}"
}

row() { # row OP TABLE ID SPACE MEMBERS
    printf '{"op":"%s","table":"%s","id":"%s","spaceId":"%s",%s}' "$@"
}
value() { # value ID FIELD: what the last answer has there
    json '(grep { $_->{id} eq "'"$1"'" } @{$v->{serverChanges}})[0]{fields}{"'"$2"'"}{value}'
}

# ---- Anna and Bert in a space, Cleo in none

person() { # person NAME: signs up; prints the token
    curl -sS -m 20 -H 'content-type: application/json' "$url/api/auth/sign-up/email" \
        -d "{\"email\":\"$1@example.org\",\"password\":\"$RAUM_PASSWORD\",\"name\":\"$1\"}" |
        perl -ne 'print $1 if /"token":"([^"]+)"/'
}
account() { # account TOKEN
    curl -sS -m 20 -H "authorization: Bearer $1" "$url/api/auth/get-session" |
        perl -ne 'print $1 if /"userId":"([^"]+)"/'
}
anna=$(person anna) bert=$(person bert) cleo=$(person cleo)
a=$(account "$anna") b=$(account "$bert") c=$(account "$cleo")
for one in "$anna" "$bert" "$cleo" "$a" "$b" "$c"; do
    [ -n "$one" ] && ok || ko 'nobody signed up'
done
body "$anna" /api/auth/organization/create \
    '{"name":"Familie","slug":"familie","metadata":{"type":"family"}}'
fam=$(json '$v->{id}')
body "$anna" /api/auth/organization/invite-member \
    "{\"email\":\"bert@example.org\",\"role\":\"member\",\"organizationId\":\"$fam\"}"
invitation=$(json '$v->{id}')
curl -sS -m 20 -o /dev/null "$(mail_to bert@example.org verify-email)"
body "$bert" /api/auth/organization/accept-invitation "{\"invitationId\":\"$invitation\"}"
want 200
# Who joins later learns of it: the cookie of a page, a signed token, a session that is ended below.
curl -sS -m 20 -o /dev/null -c jar -H 'content-type: application/json' \
    -H "origin: $url" "$url/api/auth/sign-in/email" \
    -d "{\"email\":\"anna@example.org\",\"password\":\"$RAUM_PASSWORD\"}"
ask "$anna" GET /api/auth/token
jwt=$(json '$v->{token}')
[ "${jwt//[^.]/}" = .. ] && ok || ko 'no signed token'
body '' /api/auth/sign-in/email "{\"email\":\"bert@example.org\",\"password\":\"$RAUM_PASSWORD\"}"
ended=$(json '$v->{token}')
push "$ended" todo ''
want 200
body "$ended" /api/auth/sign-out '{}'
want 200

# What is allowed, by which everything below is measured.
push "$anna" todo "$(change insert tasks t-anna "$fam" title '"Brot"'),$(
    change insert tasks t-secret "$fam" visibility '"private"'),$(
    change insert meImages i-anna "$fam" kind '"face"'),$(
    change insert tasks t-own "_personal:$a" sortOrder 1)"
for i in 0 1 2 3; do result $i applied; done
push "$anna" todo "$(row insert meSlots "$a:avatar" "$fam" \
    '"data":{"person":"'"$a"'","slot":"avatar","imageId":"i-anna"}')"
result 0 applied
push "$bert" todo "$(change insert tasks t-bert "$fam" title '"Milch"'),$(
    change insert tasks t-hers "_personal:$b" sortOrder 1)"
result 0 applied
result 1 applied
push "$cleo" todo "$(change insert tasks t-cleo "_personal:$c" sortOrder 1)"
result 0 applied
body "$bert" /api/v1/sync '{"clientId":"reader","since":"","changes":[]}'
hers=$(json '(grep { $_->{id} eq "t-hers" } @{$v->{serverChanges}})[0]{spaceId}')
body "$anna" /api/v1/sync '{"clientId":"reader","since":"","changes":[]}'
own=$(json '(grep { $_->{id} eq "t-own" } @{$v->{serverChanges}})[0]{spaceId}')
cursor=$(json '$v->{syncedUntil}')

stamp=$later

# ---- foreign spaces: the same answer as for one that is not there

for space in "$fam" "$own" "$hers" nowhere "_space:$a" '_personal:' "_personal:$a" _personal:guest \
    '_personal:../x' '' ' '; do
    refused "$cleo" todo NOT_ALLOWED "$(change insert tasks spur-1 "$space" title '"Spur"')" \
        "$(change update tasks t-anna "$space" title '"Spur"')" \
        "$(change delete tasks t-anna "$space" deletedAt "\"$at\"")"
done
refused "$cleo" todo BAD_CHANGE "$(change insert tasks spur-2 "user:$a" title '"Spur"')"
refused "$cleo" mana NOT_ALLOWED "$(change insert userSettings spur-3 "user:$a" theme '"Spur"')"
refused "$cleo" mana BAD_CHANGE "$(change insert userSettings spur-4 "$fam" theme '"Spur"')"
refused "$bert" todo NOT_ALLOWED "$(change insert tasks spur-5 "_personal:$a" title '"Spur"')"
for space in "$fam" "$own" nowhere "_personal:$a"; do
    body "$cleo" "/api/v1/sync?space=$space" '{"clientId":"x","since":"","changes":[]}'
    want 404 NOT_FOUND
done

# ---- foreign records: another's id in one's own space is another row, one's own id in another's is
# not there

push "$cleo" todo "$(change update tasks t-anna "_personal:$c" title '"Spur"')"
result 0 rejected NOT_FOUND
older "$cleo" todo "$(change update tasks t-anna "_personal:$c" sortOrder 5)"
result 0 rejected NOT_FOUND
refused "$bert" todo NOT_FOUND \
    "$(change update tasks t-own "$fam" title '"Spur"')" \
    "$(change delete tasks t-hers "$fam" deletedAt "\"$at\"")"
push "$cleo" todo "$(change insert tasks t-anna "_personal:$c" sortOrder 7)"
result 0 applied # hers, of that name
body "$anna" /api/v1/sync '{"clientId":"reader","since":"","changes":[]}'
same Brot "$(value t-anna title)" 'the row of the same name elsewhere'

# ---- rights of another (G-T7, G-T9, G-T12)

refused "$bert" profile NOT_ALLOWED \
    "$(change update meImages i-anna "$fam" usage.aiReference true)" \
    "$(change update meImages i-anna "$fam" visibility '"private"')"
refused "$bert" profile IMMUTABLE_FIELD \
    "$(change update meImages i-anna "$fam" subjectId "\"$b\"")" \
    "$(change update meImages i-anna "$fam" authorId "\"$b\"")" \
    "$(change update meImages i-anna "$fam" createdAt "\"$at\"")"
refused "$bert" profile NOT_ALLOWED \
    "$(change delete meImages i-anna "$fam" deletedAt "\"$at\"")" \
    "$(change update meImages i-anna "$fam" deletedAt "\"$at\"")" \
    "$(change update meSlots "$a:avatar" "$fam" imageId null)" \
    "$(change update meSlots "$a:avatar" "$fam" imageId '"spur-6"')"
refused "$bert" profile NOT_ALLOWED \
    "$(row insert meSlots "$b:avatar" "$fam" \
        '"data":{"slot":"avatar","imageId":"i-anna","spur":"Spur"}')"
refused "$bert" profile BAD_CHANGE \
    "$(row insert meSlots "$a:face-ref" "$fam" \
        '"data":{"slot":"face-ref","imageId":"i-anna","spur":"Spur"}')"
push "$bert" profile "$(row insert meSlots "$a:face-ref" "$fam" \
    '"data":{"person":"'"$a"'","slot":"face-ref","imageId":"i-anna","spur":"Spur"}')"
result 0 rejected NOT_ALLOWED
refused "$bert" todo NOT_FOUND \
    "$(change update tasks t-secret "$fam" title '"Spur"')" \
    "$(change delete tasks t-secret "$fam" deletedAt "\"$at\"")" \
    "$(change update tasks t-secret "$fam" visibility '"space"')"
refused "$bert" todo NOT_ALLOWED "$(change delete tasks t-anna "$fam" deletedAt "\"$at\"")"
refused "$bert" todo NOT_ALLOWED \
    "$(row update tasks t-anna "$fam" \
        '"fields":{"title":{"value":"Spur","at":"'"$at"'","by":"'"$a"'"}}')"
refused "$bert" todo NOT_ALLOWED \
    "$(row insert tasks spur-7 "$fam" '"actor":"'"$a"'","data":{"title":"Spur"}')"
refused "$bert" todo NOT_ALLOWED \
    "$(row insert tasks spur-8 "$fam" '"data":{"title":"Spur","authorId":"'"$a"'"}')"
refused "$anna" todo BAD_CHANGE "$(change update tasks t-anna "$fam" visibility '"public"')"
# The whole of `usage` never turns consent on, not even for oneself.
older "$anna" profile \
    "$(row update meImages i-anna "$fam" '"data":{"usage":{"aiReference":true}}')"
result 0 duplicate

# ---- headers, devices

printf '%s' "{\"clientId\":\"device\",\"since\":\"\",\"changes\":[$(
    change update tasks t-anna "$fam" visibility '"private"')]}" >.body
for name in reader device '' "$a" '../../etc'; do
    ask "$bert" POST /api/v1/sync "${typed[@]}" \
        -H "X-Client-Id: $name" -H "X-Account: $a" -H "X-Space-Id: $fam" -H "X-User-Id: $a"
    result 0 rejected NOT_ALLOWED
done
body "$bert" /api/v1/sync '{"since":"","changes":[]}'
want 400 BAD_CHANGE
body "$bert" /sync/todo '{"since":"","changes":[]}'
want 400 BAD_CHANGE

# ---- times

for odd in 2099-01-01T00:00:00Z 9999-12-31T23:59:59.999999999Z; do
    refused "$anna" todo CLOCK_AHEAD \
        "$(row update tasks t-anna "$fam" '"fields":{"title":{"value":"Spur","at":"'$odd'"}}')"
    same 20 "$(json 'substr($v->{results}[0]{serverTime}, 0, 2)')" "the server's time"
done
refused "$anna" todo CLOCK_AHEAD \
    "$(row delete tasks t-anna "$fam" '"deletedAt":"2099-01-01T00:00:00Z"')"
times=()
for odd in '""' null 7 '"yesterday"' '"2026-02-30T00:00:00Z"' '"2026-04-01"' '[]' \
    '"2026-04-01T00:00:00.Z"'; do
    times+=("$(row update tasks t-anna "$fam" '"fields":{"title":{"value":"Spur","at":'"$odd"'}}')")
done
refused "$anna" todo BAD_CHANGE "${times[@]}" \
    "$(row update tasks t-anna "$fam" '"fields":{"title":{"value":"Spur"}}')"
short=${later%Z}
push "$anna" todo "$(row update tasks t-anna "$fam" \
    '"fields":{"sortOrder":{"value":3,"at":"'"$short.5Z"'"}}')"
result 0 applied
push "$anna" todo "$(row update tasks t-anna "$fam" \
    '"fields":{"sortOrder":{"value":3,"at":"'"$short.500000Z"'"}}')"
result 0 duplicate

# ---- the same request again: one effect (G-S5)

again="$(row update tasks t-bert "$fam" '"data":{"dueDate":"2026-05-01"}')"
push "$bert" todo "$again"
result 0 applied
push "$bert" todo "$again"
result 0 duplicate
older "$bert" todo "$again"
result 0 duplicate

# ---- tables and apps that are not there, and ids of every kind

push "$anna" todo "$(change insert holograms h-anna "$fam" depth 3)"
result 0 applied # a newer version's: kept (G-S16)
for table in holograms tags records sessions accounts 'tasks;DROP TABLE records' sqlite_master; do
    older "$anna" todo "$(change insert "$table" spur-9 "$fam" spur '"Spur"')"
    result 0 rejected UNKNOWN_TABLE
done
for path in /sync/chess /sync /sync/ /sync/todo/x /sync/todo/pull/x /sync/todo%2fx /sync/%74odox \
    /sync/Todo /sync/..%2ftodo /sync/todo/../../x /sync/todo//pull /sync/profile%00todo \
    "/sync/$(printf 'x%.0s' {1..3000})"; do
    body "$anna" "$path" "{\"clientId\":\"x\",\"since\":\"\",\"changes\":[$(
        change insert tasks spur-10 "$fam" title '"Spur"')]}" --path-as-is
    case $code in 4??) ok ;; *) ko "$path: $code" ;; esac
    ask "$anna" GET "$path" --path-as-is
    case $code in 4??) ok ;; *) ko "$path: $code" ;; esac
done
for query in collection=tags collection=records collection=tasks%01 collection=..%2ftasks \
    "collection=tasks'--" collection=TASKS; do
    ask "$anna" GET "/sync/todo/pull?$query&since="
    want 400 UNKNOWN_TABLE
done
long=$(printf 'x%.0s' {1..201})
for id in '' '\u0000' 'a\u0000b' '\n' '\u007f' "$long"; do
    refused "$anna" todo BAD_CHANGE "$(change insert tasks "$id" "$fam" title '"Spur"')" \
        "$(change update tasks t-anna "$fam" "${id:-$long}" '"Spur"')" \
        "$(change insert "${id:-$long}" spur-11 "$fam" title '"Spur"')" \
        "$(change insert tasks spur-12 "${id:-$long}" title '"Spur"')"
done
changes=()
for odd in 7 null '"x"' '[]' '{}' '{"table":"tasks"}' \
    '{"table":"tasks","id":"spur-13","op":"drop"}' \
    '{"table":"tasks","id":["spur-13"],"op":"insert"}' \
    '{"table":"tasks","id":"spur-13","op":"insert","data":[1]}' \
    '{"table":"tasks","id":"spur-13","op":"insert","fields":"Spur"}' \
    '{"table":"tasks","id":"spur-13","op":"insert","origin":"server-replay","data":{}}' \
    '{"table":"tasks","id":"spur-13","op":"insert","data":{"isCompleted":"Spur"}}' \
    '{"table":"tasks","id":"spur-13","op":"insert","data":{"":"Spur"}}' \
    '{"table":"tasks","id":"spur-13","op":"insert","data":{"visibility":"Spur"}}'; do
    changes+=("$odd")
done
refused "$anna" todo BAD_CHANGE "${changes[@]}"
for field in primaryFor storagePath publicUrl thumbnailUrl; do
    refused "$anna" profile BAD_CHANGE "$(change update meImages i-anna "$fam" $field '"Spur"')"
    older "$anna" profile "$(row update meImages i-anna "$fam" '"data":{"'$field'":"Spur"}')"
    result 0 rejected BAD_CHANGE
done
# One bad among good ones: the others are applied (G-S6).
push "$bert" todo "$(change update tasks t-bert "$fam" priority '"high"'),7,$(
    change update tasks t-secret "$fam" title '"Spur"'),$(
    change update tasks t-bert "$fam" description '"zwei"')"
result 0 applied
result 1 rejected BAD_CHANGE
result 2 rejected NOT_FOUND
result 3 applied

# ---- too much

large() { # large EXPRESSION: a request of what that Perl says are changes
    perl -MJSON::PP -e 'my $fam = shift; sub one { { table => "tasks", op => "insert",
        id => "spur-$_[0]", spaceId => $fam, data => $_[1] // {} } }
        print encode_json({ clientId => "x", since => "", changes => [eval shift] })' \
        "$fam" "$1" >big
}
large 'map { one($_) } 0 .. 5000'
for path in /api/v1/sync /sync/todo; do
    ask "$anna" POST $path -H 'content-type: application/json' --data-binary @big
    want 413 TOO_LARGE
done
large 'one(14, { title => "Spur" x 262144 })'
for path in /api/v1/sync /sync/todo; do
    ask "$anna" POST $path -H 'content-type: application/json' --data-binary @big
    want 413 TOO_LARGE
    ask "$anna" POST $path -H 'content-type: application/json' -H 'transfer-encoding: chunked' \
        --data-binary @big
    want 413 TOO_LARGE
done
fields=$(perl -e 'print join(",", map { "\"spur$_\":\"Spur\"" } 1..300)')
refused "$anna" todo TOO_LARGE "$(row insert tasks spur-15 "$fam" '"data":{'"$fields"'}')"
large 'one(16, { map { ("spur$_" => "Spur" x 900) } 1 .. 200 })'
ask "$anna" POST /api/v1/sync -H 'content-type: application/json' --data-binary @big
result 0 rejected TOO_LARGE

# ---- bodies that are none

deep=$(perl -e 'print "[" x 5000, "]" x 5000')
for text in '' ' ' '{' '[]' 'null' '"Spur"' '{"changes":' "$deep" '{"clientId":"x","changes":[{]}' \
    '{"clientId":"x","changes":"Spur"}' '{"clientId":7,"changes":[]}' \
    '{"clientId":"x","since":[],"changes":[]}' \
    '{"clientId":"x","schemaVersion":"Spur","changes":[]}' \
    "{\"clientId\":\"$long\",\"changes\":[]}" \
    '{"clientId":"a\u0000b","changes":[]}' $'\xef\xbb\xbf{"clientId":"x","changes":[]}' \
    $'{"clientId":"\xff","changes":[]}' '{"clientId":"\ud800","changes":[]}' \
    "{\"clientId\":\"x\",\"changes\":$deep}"; do
    for path in /api/v1/sync /sync/todo; do
        body "$anna" $path "$text"
        want 400
    done
done
for type in text/plain application/x-www-form-urlencoded 'multipart/form-data; boundary=x' \
    application/jsonx; do
    for path in /api/v1/sync /sync/todo; do
        printf '%s' '{"clientId":"x","changes":[]}' >.body
        ask "$anna" POST $path -H "content-type: $type" --data-binary @.body
        want 415
    done
done

# ---- what lies about its length; the answer or the end, and the server stays

raw() { # raw STATUS WHAT <bytes: the status is one of these words, "none" is no answer
    local line=
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    cat >&3 2>/dev/null
    IFS= read -r -t 20 line <&3 || true
    exec 3>&- 3<&-
    line=${line#HTTP/1.1 }
    case " $1 " in *" ${line:0:3} "*) ok ;; *)
        if [[ -z "$line" && " $1 " == *' none '* ]]; then ok; else ko "$2: '$line', not $1"; fi ;;
    esac
}
good='{"clientId":"x","since":"","changes":[]}'
spur="{\"clientId\":\"x\",\"since\":\"\",\"changes\":[$(
    change insert tasks spur-17 "$fam" title '"Spur"')]}"
lie() { # lie STATUS WHAT HEADERS BODY: both as printf's %b reads them
    printf 'POST /api/v1/sync HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nAuthorization: Bearer %s\r\n%b%b' \
        "$port" "$anna" "Content-Type: application/json\r\nConnection: close\r\n$3\r\n" "$4" |
        raw "$1" "$2"
}
chunked='Transfer-Encoding: chunked\r\n'
lie 200 'a good one' "Content-Length: ${#good}\r\n" "$good"
lie 400 'longer than it says' 'Content-Length: 20\r\n' "$spur"
lie '400 none' 'a length that is none' "$chunked" "ZZ\r\n$spur\r\n0\r\n\r\n"
lie '400 none' 'a length below nothing' "$chunked" "-5\r\n$spur\r\n0\r\n\r\n"
lie '400 413 none' 'a huge chunk' "$chunked" "ffffffffffffffff\r\n$spur"
lie '400 none' 'a chunk that is longer' "$chunked" "5\r\n$spur\r\n0\r\n\r\n"
lie '400 none' 'two kinds of length' "Content-Length: 5\r\n$chunked" \
    "$(printf %x ${#spur})\r\n$spur\r\n0\r\n\r\n"
lie '400 none' 'two lengths' "Content-Length: 5\r\nContent-Length: ${#spur}\r\n" "$spur"
lie '400 none' 'a negative length' 'Content-Length: -1\r\n' "$spur"
lie '400 413 none' 'an endless length' 'Content-Length: 99999999999999999999\r\n' "$spur"
# Cut off: the connection ends before the body does. Nobody is there for an answer.
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'POST /api/v1/sync HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nAuthorization: Bearer %s\r\n%b%s' \
    "$port" "$anna" 'Content-Type: application/json\r\nContent-Length: 4000\r\n\r\n' "$spur" >&3
exec 3>&- 3<&-
body "$anna" /api/v1/sync "$good"
want 200

# ---- nobody, somebody who was, and tokens that are none

for token in '' "$jwt" "$ended" x "$anna." "${anna:0:31}" "$a" 'null' '%00'; do
    for path in /api/v1/sync /sync/todo; do
        body "$token" $path "$spur"
        want 401 UNAUTHORIZED
    done
    ask "$token" GET '/sync/todo/pull?collection=tasks&since='
    want 401 UNAUTHORIZED
done
for header in "authorization: Basic $anna" "authorization: $anna" \
    "cookie: better-auth.session_token=$anna" \
    "cookie: better-auth.session_token=$anna.x"; do
    printf '%s' "$spur" >.body
    ask '' POST /sync/todo "${typed[@]}" -H "origin: $url" -H "$header"
    want 401 UNAUTHORIZED
done
for path in /api/v1/sync /sync/todo; do
    printf '%s' "$spur" >.body
    ask '' POST $path -b jar "${typed[@]}"
    want 403 MISSING_OR_NULL_ORIGIN
    ask '' POST $path -b jar "${typed[@]}" -H 'origin: null'
    want 403 MISSING_OR_NULL_ORIGIN
    ask '' POST $path -b jar "${typed[@]}" -H 'origin: https://evil.example'
    want 403 INVALID_ORIGIN
    printf '%s' "$good" >.body
    ask '' POST $path -b jar "${typed[@]}" -H "origin: $url"
    want 200
done
for method in PUT PATCH DELETE; do
    printf '%s' "$spur" >.body
    ask "$anna" $method /api/v1/sync "${typed[@]}"
    want 405
done

# ---- cursors that are another's, none, or made up: no row that is not the reader's

for since in "$cursor" AAAA "${cursor%??}" "${cursor}AAAA" "$(printf 'A%.0s' {1..4000})" \
    1970-01-01T00:00:00.000Z '%%%' "' OR 1=1" 2099-01-01T00:00:00Z; do
    body "$cleo" /api/v1/sync "{\"clientId\":\"x\",\"since\":\"$since\",\"changes\":[]}"
    want 200
    same t-anna,t-cleo "$(ids)" "Cleo, $since"
    ask "$cleo" GET /sync/todo/pull -G --data-urlencode "since=$since" -d collection=tasks
    want 200
    same t-anna,t-cleo "$(ids)" "Cleo, older, $since"
done

# ---- no trace: a fresh device of each sees what is allowed, and the file holds nothing else

everything() { # everything TOKEN WANTED: ids, in order; each row is one's own or of the space
    client=fresh-$RANDOM
    body "$1" /api/v1/sync "{\"clientId\":\"$client\",\"since\":\"\",\"changes\":[]}"
    same "$(ordered <<<"$2")" "$(ids)" 'a fresh device'
    same false "$(json '$v->{hasMore} ? "true" : "false"')" 'and that is all'
    silent Spur
    silent spur
    local app
    for app in profile wardrobe picture tags todo mana; do
        ask "$1" GET "/sync/$app/pull?since=" -H "X-Client-Id: $client"
        want 200
        silent Spur
        silent spur
    done
}
everything "$anna" "$a:avatar,h-anna,i-anna,t-anna,t-bert,t-own,t-secret"
body "$anna" /api/v1/sync "$good"
same Brot "$(value t-anna title)" "Anna's row"
everything "$bert" "$a:avatar,h-anna,i-anna,t-anna,t-bert,t-hers"
everything "$cleo" "t-anna,t-cleo"

# Removed: the next request finds nothing, on both wires.
ask "$anna" GET "/api/auth/organization/list-members?organizationId=$fam"
member=$(json '(grep { $_->{userId} eq "'"$b"'" } @{$v->{members}})[0]{id}')
body "$anna" /api/auth/organization/remove-member \
    "{\"memberIdOrEmail\":\"$member\",\"organizationId\":\"$fam\"}"
want 200
refused "$bert" todo NOT_ALLOWED "$(change update tasks t-bert "$fam" title '"Spur"')"
body "$bert" "/api/v1/sync?space=$fam" "$good"
want 404 NOT_FOUND
everything "$bert" t-hers

close_house home
if grep -aqi spur home/server/server.db*; then ko "the server's file holds a trace"; else ok; fi
finish
