#!/usr/bin/env bash
# How it looks: on a terminal, in a narrow one, in a pipe.
. "$(dirname "$0")/checks"
command -v script >/dev/null || exit 77
photo one.jpg
is 0 image add one.jpg --label "$(printf 'Ein sehr langer Titel %.0s' 1 2 3 4 5)" --tag berge
is 0 image add one.jpg --label '日本の写真' --quiet

terminal() { # terminal COLUMNS WORD…: as seen on a terminal of that width
    local columns=$1
    shift
    COMMAND="stty cols $columns rows 24; exec '$RAUM' $*" script -qec 'sh -c "$COMMAND"' /dev/null \
        2>&1 </dev/null | tr -d '\r' >"$out"
}
widest() { sed 's/\x1b\[[0-9;]*m//g' "$out" | perl -CS -MUnicode::UCD -ne 'chomp; my $w = 0;
    $w += /[\x{1100}-\x{115f}\x{2e80}-\x{9fff}\x{f900}-\x{faff}]/ ? 2 : 1 for split //;
    $m = $w if $w > $m;
    END { print $m // 0 }'; }
export TERM=xterm
terminal 220 image list
grep -q $'\033\\[1m' "$out" && ok || ko 'no bold heading on a terminal'
grep -q '…' "$out" && ko 'cut although there is room' || ok
for columns in 70 80 90 100 120; do
    terminal $columns image list
    [ "$(widest)" -le $columns ] && ok || ko "a line of $(widest) columns on $columns"
done
terminal 80 image list
grep -q '…' "$out" && ok || ko 'nothing was cut'
grep -qE '[0-9a-f]{8}-[0-9a-f]{4}-' "$out" && ok || ko 'the id was cut'
NO_COLOR=1 terminal 120 image list
grep -q $'\033' "$out" && ko 'colour in spite of NO_COLOR' || ok
TERM=dumb terminal 120 image list
grep -q $'\033' "$out" && ko 'colour on a dumb terminal' || ok

# In a pipe: no escapes, no tabs, nothing cut.
raum image list
LC_ALL=C grep -q $'[\033\t]' "$out" && ko 'escapes or tabs in a pipe' || ok
says "$(printf 'Ein sehr langer Titel %.0s' 1 2 3 4)"
says '2 pictures'
if grep -q ' $' "$out"; then ko 'blanks at the end of a line'; else ok; fi
same 3 "$(grep -c . "$out")" 'a heading and a line each'

# The reader has seen enough; the disk is full.
"$RAUM" image list </dev/null | head -n 1 >/dev/null
same 0 "${PIPESTATUS[0]}" 'a closed pipe is no failure'
"$RAUM" image list >/dev/full 2>"$err" </dev/null
same 1 $? 'a full disk behind the output'
grep -q FULL "$err" && ok || ko 'says FULL'

# A password is asked for without showing it; nothing hangs without a terminal.
is 0 image list
finish
