#!/usr/bin/env bash
# The tour of the plain program: every check passes, in both languages, and nothing is left behind.
# A wrong word in its environment does not lead it astray.
set -uo pipefail
[ -x "$RAUM" ] || exit 77
photos=$RAUM_SOURCE/build/photos
"$RAUM_SOURCE/scripts/photos" "$photos" >/dev/null || exit 77
export RAUM_PHOTOS=$photos
failed=0
fail() {
    failed=1
    echo "FAIL: $1"
    [ -z "${2-}" ] || tail -n 20 "$2"
}
export RAUM_SPACE=nowhere
RAUM_JSON=1 "$RAUM" tour >"$TMPDIR/json" 2>"$TMPDIR/err" || fail tour "$TMPDIR/err"
perl -MJSON::PP -e 'local $/; my $v = decode_json(<STDIN>); my @bad = grep { !$_->{ok} } @$v;
    print "FAIL: $_->{step}: $_->{check}\n" for @bad;
    exit(@bad || @$v < 50)' <"$TMPDIR/json" || failed=1
RAUM_LANG=de "$RAUM" tour >"$TMPDIR/text" 2>&1 || fail 'in German' "$TMPDIR/text"
last=$(tail -n 1 "$TMPDIR/text")
[[ $last =~ ^[0-9]+\ Prüfungen,\ alle\ bestanden$ ]] || fail "the sum: $last"
if ls -d "$TMPDIR"/raum-tour-* 2>/dev/null; then fail 'a scratch directory is left'; fi
# Without photographs it says what it wants.
mkdir "$TMPDIR/none"
RAUM_PHOTOS=$TMPDIR/none "$RAUM" tour >"$TMPDIR/text" 2>&1
[ $? -eq 1 ] && grep -q RAUM_PHOTOS "$TMPDIR/text" || fail 'no photographs' "$TMPDIR/text"
exit $failed
