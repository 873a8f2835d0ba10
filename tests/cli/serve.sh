#!/usr/bin/env bash
# raum serve: start, words, secrets, the end; backup under load; the host's commands; https in a
# house.
. "$(dirname "$0")/checks"
plain=$RAUM_SOURCE/build/raum

servers=()
stop_all() {
    for pid in "${servers[@]}"; do kill -9 "$pid" 2>/dev/null; done
    chmod -R u+w "$scratch" 2>/dev/null
    rm -rf "$scratch"
}
trap stop_all EXIT

now_ms() { date +%s%3N; }
# start DIR WORD…: a server on a free port; its pid in $pid, its address in $url, its log in DIR.log
start() {
    local dir=$1 i
    rm -f "$dir.out"
    shift
    "${program:-$RAUM}" --data "$dir" serve --listen 127.0.0.1:0 "$@" >"$dir.out" 2>"$dir.log" &
    pid=$!
    servers+=("$pid")
    for ((i = 0; i < 1000; i++)); do
        if [ -s "$dir.out" ]; then break; fi
        kill -0 $pid 2>/dev/null || break
        sleep 0.01
    done
    url=$(cut -d ' ' -f 3 "$dir.out")
}
stop() { # stop PID: exit status in $status, milliseconds in $took
    local from
    from=$(now_ms)
    kill -TERM "$1"
    wait "$1"
    status=$?
    took=$(($(now_ms) - from))
}
get() { curl -sS -m 20 "$@"; }
clean_log() { # clean_log DIR: no sanitizer spoke, and every line is JSON
    if grep -q Sanitizer "$1.log"; then ko "a sanitizer speaks in $1"; cat "$1.log"; return; fi
    if perl -MJSON::PP -ne 'decode_json($_)' "$1.log" 2>"$err"; then ok; else ko "log of $1"; fi
}
token=
sign_up() { # sign_up URL NAME: the token in $token
    token=$(get -H 'content-type: application/json' "$1/api/auth/sign-up/email" \
        -d "{\"email\":\"$2@example.org\",\"password\":\"correct horse\",\"name\":\"$2\"}" |
        sed 's/.*"token":"\([A-Za-z0-9]*\)".*/\1/')
}

# ---- wrong use

is 2 serve --listen nonsense; says --listen
is 2 serve --listen 127.0.0.1:99999
is 2 serve --listen ::1:7117; says '[::1]'
is 2 serve --tls-cert x; says --tls-key
is 2 serve --origin raum.example
is 2 serve now
is 2 serve certificate; is 2 serve certificate 'not a name'
echo short >secret
is 2 serve --listen 127.0.0.1:0 --secret-file secret; says '32 characters'
is 3 serve --listen 127.0.0.1:0 --secret-file nowhere
is 3 serve --listen 127.0.0.1:0 --files nowhere
is 0 help serve; says --tls-cert; says 'serve certificate'; silent no-limits

# ---- start and end

start "$scratch/a"
same 200 "$(get -o /dev/null -w '%{http_code}' "$url/ready")" ready
same "listening on $url" "$(cat a.out)" 'one line'
same 700 "$(stat -c %a a/server)" 'the folder'
for name in secret vault.key server.db; do same 600 "$(stat -c %a "a/server/$name")" "$name"; done
[ "$(ls a)" = server ] && ok || ko 'nothing beside the folder'
# The directory is in use, and says so; the port is, too.
is 1 --data "$scratch/a" serve --listen 127.0.0.1:0; says BUSY; says use
is 1 --data "$scratch/b" serve --listen "${url#http://}"; says 127.0.0.1
# An open request and an idle connection do not keep it: at most ten seconds.
exec 3<>"/dev/tcp/127.0.0.1/${url##*:}"
exec 4<>"/dev/tcp/127.0.0.1/${url##*:}"
printf 'POST /api/auth/sign-out HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n{' >&3
sleep 0.2
stop "$pid"
exec 3>&- 4>&-
same 0 $status 'a clean end'
[ "$took" -le 10500 ] && ok || ko "stopping took $took ms"
clean_log "$scratch/a"
grep -q '"event":"stopping"' a.log && ok || ko 'it says that it stops'
# The secrets stay, and so do sessions.
secret=$(cat a/server/secret)
start "$scratch/a"
sign_up "$url" anna
stop "$pid"
start "$scratch/a"
same "$secret" "$(cat a/server/secret)" 'the same secret'
get -H "Authorization: Bearer $token" "$url/api/auth/get-session" >"$out"
says anna@example.org
stop "$pid"

# As a host meets it: the plain program, an empty directory, loading its libraries included. What
# the machine does beside it is not its fault: judged is what it computed until it listened.
if [ -x "$plain" ]; then
    wall=9999 cpu=9999
    for i in 1 2 3; do
        from=$(now_ms)
        program=$plain start "$scratch/start$i"
        ms=$(($(now_ms) - from))
        computed=$(awk '{ print ($14 + $15) * 10 }' "/proc/$pid/stat")
        [ $ms -lt $wall ] && wall=$ms
        [ "$computed" -lt $cpu ] && cpu=$computed
        same 200 "$(get -o /dev/null -w '%{http_code}' "$url/ready")" 'ready when it says so'
        stop "$pid"
    done
    echo "serve: listens after $wall ms, of which it computed $cpu ms"
    [ $cpu -le 100 ] && ok || ko "it computed $cpu ms until it listened"
fi

# A public address without TLS is allowed and warned about; with a proxy's origin it is not.
start "$scratch/w" --listen 0.0.0.0:0; stop "$pid"
grep -q '"event":"no-tls"' w.log && ok || ko 'no warning'
start "$scratch/w" --listen 0.0.0.0:0 --origin https://raum.example; stop "$pid"
grep -q '"event":"no-tls"' w.log && ko 'warned of a proxy' || ok
start "$scratch/w" --no-limits; stop "$pid"
grep -q '"event":"no-limits"' w.log && ok || ko 'no warning'

# The key of the vault elsewhere.
mkdir keys
start "$scratch/v" --vault-key "$scratch/keys/vault"; stop "$pid"
[ ! -e v/server/vault.key ] && ok || ko 'a second vault key'
same 600 "$(stat -c %a keys/vault)" '--vault-key'

# ---- https in a house

is 0 --data "$scratch/h" serve certificate localhost 127.0.0.1 --json
valid; ca=$(json '$v->{authority}')
is 0 --data "$scratch/h" serve certificate localhost 127.0.0.1; says fingerprint
start "$scratch/h" --tls-cert h/server/tls/server.pem --tls-key h/server/tls/server.key
same "https://127.0.0.1:${url##*:}" "$url" 'the address'
get --cacert "$ca" "$url/health" >"$out" 2>"$err"; same 0 $? 'curl by address'
get --cacert "$ca" "https://localhost:${url##*:}/health" >"$out" 2>"$err"; same 0 $? 'by name'
get "$url/health" >"$out" 2>"$err"; same 60 $? 'without the authority'
if command -v openssl >/dev/null; then
    openssl s_client -connect "127.0.0.1:${url##*:}" -CAfile "$ca" -verify_return_error \
        -verify_ip 127.0.0.1 </dev/null >"$out" 2>"$err"
    same 0 $? openssl
    openssl s_client -connect "127.0.0.1:${url##*:}" -CAfile "$ca" -tls1_1 </dev/null \
        >"$out" 2>"$err"
    status=$?; nonzero 'TLS 1.1'
fi
# Our own client: with the authority it connects, without it it does not.
export RAUM_PASSWORD='correct horse'
is 5 --data "$scratch/hc" register "$url" lena@example.org; says UNREACHABLE
is 0 --data "$scratch/hc" register "$url" lena@example.org --ca "$ca"
unset RAUM_PASSWORD
get --cacert "$ca" -H 'content-type: application/json' "$url/api/auth/sign-in/email" \
    -d '{"email":"lena@example.org","password":"correct horse"}' -o "$out"
says lena@example.org
stop "$pid"
clean_log "$scratch/h"

# ---- the host's commands, beside the running server

is 3 --data "$scratch/none" serve admin stats; says NOT_FOUND
[ ! -e none/server/server.db ] && ok || ko 'looking made a database'
is 2 serve admin; is 2 serve admin nonsense; says reset-link
is 2 serve admin disable; is 2 serve admin tier x

start "$scratch/m" --no-limits
export RAUM_DATA=$scratch/m
sign_up "$url" bert
sign_up "$url" anna
session() { get -H "Authorization: Bearer $token" "$url/api/auth/get-session"; }
sign_in() { # sign_in NAME PASSWORD: the status
    get -o "$out" -w '%{http_code}' -H 'content-type: application/json' \
        "$url/api/auth/sign-in/email" -d "{\"email\":\"$1@example.org\",\"password\":\"$2\"}"
}
is 0 serve admin accounts --json; valid
same 'anna@example.org bert@example.org' "$(json 'join " ", map { $_->{email} } @$v')" accounts
is 0 serve admin accounts; says anna@example.org
is 0 serve admin stats --json; valid
same '2 2 2' "$(json 'join " ", @$v{qw(accounts spaces personal)}')" stats
is 0 serve admin stats; says accounts
is 0 serve admin spaces --json
same 'anna personal public' "$(json 'join " ", @{$v->[0]}{qw(slug type tier)}')" spaces
is 0 serve admin new-epoch; says 'from the start'
# A closed account: its sessions end at once, and it gets no other.
is 3 serve admin disable nobody@example.org
is 0 serve admin disable anna@example.org
same null "$(session)" 'a session of a closed account'
[ "$(sign_in anna 'correct horse')" -ge 400 ] && ok || ko 'a closed account signs in'
same 200 "$(sign_in bert 'correct horse')" 'the other one'
is 0 serve admin enable anna@example.org
same 200 "$(sign_in anna 'correct horse')" 'opened again'
# A link for a new password: the page is there, it works, once.
is 0 serve admin reset-link anna@example.org --origin "$url" --quiet --json
link=$(json '$v->{id}')
same 200 "$(get -L -o page -w '%{http_code}' "$link")" 'the link leads to a page'
grep -q reset.js page && ok || ko 'it is not the page'
secret=${link##*[=/]}
for status_wanted in 200 400; do
    same $status_wanted "$(get -o "$out" -w '%{http_code}' -H 'content-type: application/json' \
        "$url/api/auth/reset-password" \
        -d "{\"token\":\"$secret\",\"newPassword\":\"new horse\"}")" reset
done
same 401 "$(sign_in anna 'correct horse')" 'the old password'
same 200 "$(sign_in anna 'new horse')" 'the new password'
token=$(sed 's/.*"token":"\([A-Za-z0-9]*\)".*/\1/' "$out")
is 0 serve admin sessions anna@example.org --json
silent "$token"
session_id=$(json '$v->[0]{id}')
is 0 serve admin end-session "$session_id"
same null "$(session)" 'an ended session'
is 3 serve admin end-session "$session_id"
is 0 serve admin tier anna founder; is 3 serve admin tier nowhere founder
is 2 serve admin tier anna emperor
is 0 serve admin spaces --json; same founder "$(json '$v->[0]{tier}')" tier
if grep -q "$token" m.log; then ko 'a token stands in the log'; else ok; fi

# ---- a backup while people sign up; the restored server has everybody who was there before it

is 3 --data "$scratch/none" serve backup none.raum; says NOT_FOUND
(for i in $(seq 1 16); do
    get -o /dev/null -w '%{http_code}\n' -H 'content-type: application/json' \
        "$url/api/auth/sign-up/email" \
        -d "{\"email\":\"p$i@example.org\",\"password\":\"correct horse\",\"name\":\"p$i\"}"
done >ups) &
ups=$!
until [ "$(wc -l <ups)" -ge 4 ]; do sleep 0.05; done
before=$(grep -c 200 ups)
is 0 serve backup all.raum --json; valid
same 600 "$(stat -c %a all.raum)" 'the backup'
wait $ups
same 16 "$(grep -c 200 ups)" 'nobody was turned away'
sign_in anna 'new horse' >/dev/null
is 1 serve restore all.raum; says BUSY
mkdir other
is 0 --data "$scratch/other" serve restore all.raum
is 1 --data "$scratch/other" serve restore all.raum; says EXISTS
is 0 --data "$scratch/other" serve restore all.raum --force
for name in secret vault.key server.db; do
    same 600 "$(stat -c %a "other/server/$name")" "restored $name"
done
head -c $(($(stat -c %s all.raum) / 2)) all.raum >cut.raum
is 6 --data "$scratch/cut" serve restore cut.raum
stop "$pid"
clean_log "$scratch/m"
start "$scratch/other" --no-limits
is 0 --data "$scratch/other" serve admin accounts --json
there=$(json 'scalar @$v')
[ "$there" -ge $((before + 2)) ] && [ "$there" -le 18 ] && ok || ko "$there accounts, not $before"
same 200 "$(sign_in anna 'new horse')" 'signs in at the restored server'
same 200 "$(sign_in p1 'correct horse')" 'so does one of before the backup'
stop "$pid"
clean_log "$scratch/other"
finish
