#!/usr/bin/env bash
# Wrong use, help, variables, languages: statuses and words.
. "$(dirname "$0")/checks"

# These checks notice what is wrong: each of the three is made to fail once.
planted() { (failed=0; "$@" >/dev/null; [ $failed -eq 1 ]); }
planted is 0 imgae && planted says 'no such words' && planted same 1 2 x && ok || ko 'planted'

is 2; says Usage
is 2 imgae list; says 'did you mean: raum image'
is 2 image lsit; says 'did you mean: raum image list'
is 2 image; says 'raum help image'
is 2 xyzzy; silent 'did you mean'
is 2 image list --nonsense; says '--nonsense'
is 2 image list extra; is 2 image show; is 2 whoami x
is 2 image list --kind; says 'needs a value'
is 2 image list --kind ghost; says 'face fullbody'
is 2 image list --json=yes; says 'takes no value'
is 2 image add x --slot throne
is 2 image add a b --slot avatar; says 'one picture'
is 2 image ai x maybe; is 2 image slot x y z
is 2 image set x; says 'nothing to set'
is 2 image copy x; says '--to'
is 2 space create Ohne; says '--type'
is 1 space create X --type gang; says SPACE_METADATA_INVALID
is 1 space create X --type personal; says SPACE_METADATA_INVALID
is 3 --space nowhere image list; says NOT_FOUND
is 3 bench nowhere
is 2 wardrobe; says 'unknown command'

# Errors as JSON, on standard error.
is 3 image show nobody --json
same '' "$(cat "$out")" 'nothing on standard output'
cp "$err" "$out"; valid
same NOT_FOUND "$(json '$v->{error}{code}')" code
is 2 image lsit --json; cp "$err" "$out"; valid; same USAGE "$(json '$v->{error}{code}')" code
is 3 image show $'bad\xffid' --json; cp "$err" "$out"; valid

# Options before, between and behind; every one has its variable.
is 0 image --json list; same '[]' "$(cat "$out")" between
is 0 image list --data="$scratch/other" --json; same '[]' "$(cat "$out")" behind
[ -d "$scratch/other" ] && ok || ko 'the other data directory'
RAUM_JSON=1 is 0 image list; same '[]' "$(cat "$out")" RAUM_JSON
RAUM_JSON=0 is 0 image list; says pictures
RAUM_KIND=ghost is 2 image list
RAUM_SPACE=nowhere is 3 image list
RAUM_SPACE=nowhere is 0 image list --space personal
RAUM_QUIET=1 RAUM_JSON=1 is 0 image list; same '' "$(cat "$err")" quiet
is 0 tag create -- --odd-name; is 0 tag list; says --odd-name
env -u RAUM_DATA -u HOME -u XDG_DATA_HOME "$RAUM" whoami >"$out" 2>"$err" </dev/null
same 2 $? 'no home'
env -u RAUM_DATA XDG_DATA_HOME="$scratch/xdg" "$RAUM" whoami >"$out" 2>"$err" </dev/null
if [ -d "$scratch/xdg/raum" ]; then ok; else ko XDG_DATA_HOME; fi

# Help of everything, in both languages.
is 0 help; says 'image add'; silent image-worker
while read -r first second; do
    is 0 help "$first" ${second:+"$second"}; says "raum $first"
    is 0 "$first" ${second:+"$second"} --help
done < <("$RAUM" help | sed -n 's/^  \([a-z][a-z-]*\( [a-z]*\)\?\).*/\1/p' | sort -u)
is 0 help image; says 'image restore'
is 2 help nothing; is 2 help image nothing
RAUM_LANG=de_AT.UTF-8 is 0 help; says 'Jede Option'
LANG=de_DE.UTF-8 is 3 image show x; says 'nicht gefunden'; says NOT_FOUND
LANG=de RAUM_LANG=en is 3 image show x; silent 'nicht gefunden'
is 0 man; says '.TH RAUM 1'
if command -v groff >/dev/null && command -v preconv >/dev/null; then
    groff -k -man -Tutf8 -ww "$out" >/dev/null 2>"$err"; same '' "$(cat "$err")" 'the manual page'
fi
finish
