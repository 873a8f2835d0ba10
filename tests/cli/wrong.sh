#!/usr/bin/env bash
# Files and words of every wrong kind: a clear answer, and nothing is taken in (G-O3, G-P5).
. "$(dirname "$0")/checks"
photo good.jpg
refused() { # refused CODE FILE
    raum image add "$2"
    if [ $status -ne 0 ] && grep -qF "($1)" "$err"; then ok; else ko "$2: $status, wanted $1"; fi
    same 0 "$(pool)" "the pool after $2"
}
: >empty.jpg;                                              refused UNSUPPORTED_MEDIA empty.jpg
mkdir folder.jpg;                                          refused IO folder.jpg
refused NOT_FOUND missing.jpg
mkfifo pipe.jpg;                                           refused IO pipe.jpg
ln -s good.jpg/x broken.jpg;                               refused NOT_FOUND broken.jpg
echo 'just text' >text.jpg;                                refused UNSUPPORTED_MEDIA text.jpg
echo '<svg xmlns="http://www.w3.org/2000/svg"/>' >a.jpg;   refused UNSUPPORTED_MEDIA a.jpg
echo '<!doctype html><script>1</script>' >b.png;           refused UNSUPPORTED_MEDIA b.png
printf 'GIF89a\1\0\1\0\0\0\0;' >c.jpg;                     refused UNSUPPORTED_MEDIA c.jpg
printf '%%PDF-1.4\n' >d.jpg;                               refused UNSUPPORTED_MEDIA d.jpg
for name in gps.jpg gps.png gps.webp gps.heic gps.avif; do
    head -c $(($(stat -c %s "$samples/$name") / 2)) "$samples/$name" >"half.$name"
    refused UNSUPPORTED_MEDIA "half.$name"
    head -c 12 "$samples/$name" >"head.$name";             refused UNSUPPORTED_MEDIA "head.$name"
done
# A PNG that says it has 60,000 × 60,000 pixels.
printf '\211PNG\r\n\032\n\0\0\0\rIHDR\0\0\352\140\0\0\352\140\010\002\0\0\0\0\0\0\0' >bomb.png
raum image add bomb.png; [ $status -ne 0 ] && ok || ko 'a bomb'; same 0 "$(pool)" 'after the bomb'
truncate -s 60M huge.jpg;                                  refused TOO_LARGE huge.jpg
refused IO /dev/null
chmod 000 good.jpg
if [ "$(id -u)" != 0 ]; then refused NOT_ALLOWED good.jpg; fi
chmod 644 good.jpg

# One bad among good: the good ones are in, the status tells.
is 1 image add good.jpg text.jpg missing.jpg good.jpg
says text.jpg; says missing.jpg; same 2 "$(pool)" 'the good ones'
if [ "$(grep -c . "$err")" -eq 2 ]; then ok; else ko 'an error is told once'; fi

# Names and words that would like to be something else.
cp good.jpg $'new\nline.jpg'; cp good.jpg -- "-dash.jpg"; cp good.jpg $'esc\033]0;pwned\007.jpg'
is 0 image add $'new\nline.jpg'; is 0 image add -- -dash.jpg
is 0 image add $'esc\033]0;pwned\007.jpg'
raum image list
if LC_ALL=C grep -q $'[\001-\010\013-\037\177]' "$out"; then ko 'a control character'; else ok; fi
is 0 image add good.jpg --label $'\033[31mred\033[0m\u202e evil'; raum image list
if LC_ALL=C grep -q $'\033' "$out"; then ko 'an escape in the list'; else ok; fi
is 0 image list --json; valid
long=$(printf 'x%.0s' {1..300})
is 3 image show "$long"; is 3 image show "' OR 1=1 --"; is 3 image show ''; is 3 image show $'\xff'
is 0 image add good.jpg --label $'\xff\xfe' --tag $'\xff' # U+FFFD instead
is 0 image list --json; valid
is 0 image add good.jpg --label '' --quiet
before=$(pool)
is 1 image add good.jpg --label "$(printf 'y%.0s' {1..100001})"
same "$before" "$(pool)" 'a label too long'
is 2 task add ''; is 2 tag create ''; is 2 scene create ''
is 0 tag create "'; DROP TABLE tags; --"; is 0 tag list; says DROP

# Data directories that are none.
is 0 --data "$scratch/fresh dir/ümläut" whoami
echo nonsense >file; raum --data file whoami; [ $status -ne 0 ] && ok || ko 'a file as directory'
mkdir -p broken/accounts/guest; echo 'not a database' >broken/accounts/guest/raum.db
is 6 --data broken image list; says CORRUPT
same 'not a database' "$(cat broken/accounts/guest/raum.db)" 'a wrong file is left alone'
mkdir odd; printf 'x\0y' >odd/account; raum --data odd whoami; nonzero 'an odd account file'
finish
