#!/usr/bin/env bash
# Archives, backups and the key ring as somebody uses them: G-O4, G-O2, G-U6, G-K1, G-K2.
. "$(dirname "$0")/checks"
photo good.jpg
seal='a label for nobody else'
is 0 space create Marke --type brand
is 0 image add good.jpg --label "$seal" --kind face --slot avatar --quiet
is 0 image add "$samples/gps.png" --quiet
is 0 --space marke image add "$samples/gps.webp" --label plain --quiet
is 0 task add 'write it down' --quiet
before=$(pool)

# Out, in elsewhere, out again: the same bytes. What stands on the screen is no part of it.
is 0 export --out one.raum; is 0 export --out again.raum
if cmp -s one.raum again.raum; then ok; else ko 'two archives of the same state differ'; fi
same 600 "$(stat -c %a one.raum)" 'the rights of an archive'
is 0 --data other import one.raum --json; valid
is 0 --data other export --out two.raum
if cmp -s one.raum two.raum; then ok; else ko 'the archive of the archive differs'; fi
raum --data other import one.raum --json; says '"added":0'
"$RAUM" export >three.raum 2>/dev/null
if cmp -s one.raum three.raum; then ok; else ko 'standard output differs'; fi
is 0 --data third import one.raum --dry-run; is 0 --data third image list --json
same '[]' "$(tr -d ' \n' <"$out")" 'a trial'

# One space: nothing of the others.
is 0 export --space marke --out marke.raum
zstd -qdc marke.raum | tar xO >marke.txt
if grep -q 'personal\|nobody else' marke.txt; then ko 'something personal in a brand'; else ok; fi
if grep -q plain marke.txt; then ok; else ko 'the archive of the brand is empty'; fi
is 3 export --space nowhere --out x.raum; [ ! -e x.raum ] && ok || ko 'an archive of nothing'

# Damaged: refused whole.
size=$(stat -c %s one.raum)
for part in 3 10 50 90 99; do
    head -c $((size * part / 100)) one.raum >cut.raum
    raum --data fourth import cut.raum
    [ $status -ne 0 ] && ok || ko "an archive of $part % was taken"
done
is 0 --data fourth image list --json; same '[]' "$(tr -d ' \n' <"$out")" 'after damaged archives'
is 3 export --out missing/one.raum

# A backup: nothing in the clear; back after a mishap; refused over what is there.
is 0 backup one.backup; same 600 "$(stat -c %a one.backup)" 'the rights of a backup'
if LC_ALL=C grep -qa "nobody else\|meImages\|plain" one.backup; then ko 'in the clear'; else ok; fi
is 0 image add good.jpg --quiet
is 1 restore one.backup; says EXISTS; same $((before + 1)) "$(pool)" 'refused'
is 0 restore one.backup --force; same "$before" "$(pool)" 'restored'
head -c 5000 one.backup >cut.backup
is 6 restore cut.backup --force; same "$before" "$(pool)" 'after half a backup'
is 6 restore good.jpg --force
is 3 restore missing.backup

# Another device: neither without key nor with a wrong passphrase; with paper, or the passphrase.
is 4 --data new restore one.backup; says LOCKED
"$RAUM" key recovery >paper.txt 2>"$err"
is 0 --data new restore one.backup --recovery paper.txt
raum --data new image list --json
if grep -q "$seal" "$out"; then ok; else ko 'the sealed label is not back'; fi
export RAUM_BACKUP_PASSPHRASE='horse battery'; raum backup two.backup
same 0 $status 'a backup with a passphrase'
RAUM_BACKUP_PASSPHRASE=wrong; raum --data newer restore two.backup
same 4 $status 'a wrong passphrase'
RAUM_BACKUP_PASSPHRASE='horse battery'; raum --data newer restore two.backup
same 0 $status 'its passphrase'; unset RAUM_BACKUP_PASSPHRASE
raum --data newer image list --json
if grep -q "$seal" "$out"; then ok; else ko 'the sealed label is not back'; fi

# The key ring.
is 0 key status --json; valid; says '"here":true'
is 0 key rotate; is 0 image list; if grep -q "$seal" "$out"; then ok; else ko 'after a rotation'; fi
is 0 image add good.jpg --label "$seal again" --quiet
is 0 key status --json; same 2 "$(grep -o '"key"' "$out" | wc -l)" 'keys'
is 3 key rotate --space nowhere; is 3 key rotate --space marke
RAUM_NEW_PASSPHRASE='open sesame' raum key passphrase; same 0 $status 'a passphrase'
is 4 image list; says LOCKED
RAUM_PASSWORD=wrong raum image list; same 4 $status 'a wrong passphrase'
RAUM_PASSWORD='open sesame' raum image list; same 0 $status 'the passphrase'
RAUM_PASSWORD='open sesame' raum key passphrase --remove; same 0 $status 'without again'
is 0 image list
rm "$RAUM_DATA/accounts/guest/keys.json" # the ring is lost
is 0 image list; if grep -q "$seal" "$out"; then ko 'opened without a key'; else ok; fi
sed 's/1/2/' paper.txt >typed.txt; is 1 key recovery --read typed.txt
is 0 key recovery --read paper.txt; is 0 image list
if grep -q "$seal" "$out"; then ok; else ko 'paper'; fi

# Newer than the program: refused, and still taken out (G-U6).
sqlite3 "$RAUM_DATA/accounts/guest/raum.db" 'PRAGMA user_version = 99' >/dev/null
is 6 image list; is 0 export --out newer.raum; is 6 restore one.backup --force; is 6 image list
finish
