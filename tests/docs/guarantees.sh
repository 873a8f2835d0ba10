#!/usr/bin/env bash
# docs/guarantees.md against the sources (its head says how), and against copies with one lie each.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

# Prints a line for each disagreement in the tree at $1.
disagreements() {
    (
        cd "$1"
        local cited
        cited=$(grep -rhoE 'G-[A-Z][0-9]+' src include tests docs ./*.md --include='*.[ch]' \
            --include='*.sh' --include='*.md' --exclude=guarantees.sh | sort -u)
        for letter in T:12 U:7 S:16 P:7 K:3 A:5 O:4; do
            for number in $(seq "${letter#*:}"); do echo "G-${letter%:*}$number"; done
        done | awk -F ' *[|] *' -v cited="$cited" '
            function has(file, id,    line, found) {
                while ((getline line < file) > 0)
                    if (line ~ id "([^0-9]|$)") found = 1
                close(file)
                return found
            }
            function check_tests(    files, file, i) {
                files = split($5, file, /[, ]+/)
                for (i = 1; i <= files; i++) {
                    gsub(/`/, "", file[i])
                    if (file[i] !~ /^tests\//) print $2 ": kept, but names no test"
                    else if (!has(file[i], $2)) print $2 ": " file[i] " does not name it"
                }
            }
            BEGIN { n = split(cited, seen, "\n") }
            FILENAME == "-" { wanted[$1] = 1; next }
            $2 !~ /^G-/ { next }
            NF != 7 { print $2 ": a row has five columns"; next }
            rows[$2]++ { print $2 ": stands twice" }
            !($2 in wanted) { print $2 ": no such guarantee" }
            $4 == "not yet" && $6 !~ /^on the device kept;/ {
                if ($5 != "–") check_tests()
                next
            }
            $4 != "kept" && $4 != "not yet" {
                print $2 ": its state is neither kept nor not yet"
                next
            }
            system("grep -rqE " $2 "\"([^0-9]|$)\" src") { print $2 ": no file in src names it" }
            { check_tests() }
            END {
                for (id in wanted) if (!(id in rows)) print id ": missing"
                for (i = 1; i <= n; i++)
                    if (!(seen[i] in rows)) print seen[i] ": cited, but not in the table"
            }' - docs/guarantees.md
    )
}

fail() {
    echo "FAIL: $*"
    failed=1
}

found=$(disagreements "$RAUM_SOURCE")
[ -z "$found" ] || fail "$found"

# A tree in which all is well, then with one lie.
good='| G-T1 | a promise | kept | tests/base/test_a.c | |'
fresh() {
    rm -rf "$scratch/tree"
    (cd "$scratch" && mkdir -p tree/src tree/include tree/tests/base tree/docs)
    cp "$RAUM_SOURCE/README.md" "$scratch/tree"
    echo '/* G-T1 */' | tee "$scratch/tree/src/a.c" >"$scratch/tree/tests/base/test_a.c"
    sed -E 's/^(\| G-[^|]*\|[^|]*\|).*/\1 not yet | – | |/' \
        "$RAUM_SOURCE/docs/guarantees.md" >"$scratch/tree/docs/guarantees.md"
    change "s#^\| G-T1 .*#$good#"
}
change() { sed -i -E "$1" "$scratch/tree/docs/guarantees.md"; }
lie() { # lie PATTERN, after a fresh tree was spoilt
    found=$(disagreements "$scratch/tree")
    grep -q "$1" <<<"$found" || fail "not noticed: $1; found: $found"
    fresh
}
fresh
found=$(disagreements "$scratch/tree")
[ -z "$found" ] || fail "the good tree: $found"
change '/^\| G-S3 /d';                             lie 'G-S3: missing'
change 's/^\| G-S3 /| G-S4 /';                     lie 'G-S4: stands twice'
change 's/^\| G-S3 /| G-S99 /';                    lie 'G-S99: no such guarantee'
change '/^\| G-S3 /s/not yet/soon/';               lie 'G-S3: its state'
change '/^\| G-S3 /s/not yet/kept/';               lie 'G-S3: no file in src'
change '/^\| G-S3 /s/not yet/kept/';               lie 'G-S3: kept, but names no test'
change '/^\| G-S3 /s/\| *$/on the device kept; more |/'; lie 'G-S3: no file in src'
change '/^\| G-S3 /s/–/`tests\/base\/test_a.c`/'; lie 'G-S3: tests/base/test_a.c does not'
change '/^\| G-S3 /s/\| *$/| extra | |/';          lie 'G-S3: a row has five'
echo '/* G-T12 */' >"$scratch/tree/src/a.c";       lie 'G-T1: no file in src'
echo '/* G-T12 */' >"$scratch/tree/tests/base/test_a.c"; lie 'G-T1: tests/base/test_a.c does not'
rm "$scratch/tree/tests/base/test_a.c";            lie 'G-T1: tests/base/test_a.c does not'
echo '/* G-X1 */' >>"$scratch/tree/src/a.c";       lie 'G-X1: cited, but not'
exit $failed
