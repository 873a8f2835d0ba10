#!/usr/bin/env bash
# The runner's own arithmetic: a lie in the count would hide every other failure.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
failed=0

# program NAME RESULT TEXT: what meson writes of one test
program() {
    printf '=================================== 1/9 ====================================\n'
    printf 'test:         raum:unit / %s\nstart time:   10:00:00\nduration:     1.60s\n' "$1"
    printf 'result:       %s\n' "$2"
    printf 'command:      X=1 ./%s\n' "$1"
    printf -- '----------------------------------- stderr -----------------------------------\n'
    printf '%b\n' "$3"
    printf '==============================================================================\n\n'
}

expect() { # expect LINE, with the log of one program on standard input
    local got
    got=$(awk -f "$RAUM_SOURCE/scripts/count.awk")
    if [ "$got" != "$1" ]; then
        echo "FAIL: expected '$1', counted '$got'"
        failed=1
    fi
}

some='[==========] Running 3 test(s).\n[  PASSED  ] 3 test(s).'
mixed='[  PASSED  ] 2 test(s).\n[  FAILED  ] 1 test(s), listed below:\n[  FAILED  ] test_x'
expect 'json 3 0 0 2' < <(program json 'exit status 0' "$some")
expect 'media_sniff 3 0 0 2' < <(program 'media sniff' 'exit status 0' "$some")
expect 'json 6 0 0 2' < <(program json 'exit status 0' "$some\n$some")
expect 'json 2 1 0 2' < <(program json 'exit status 1' "$mixed")
expect 'plain 1 0 0 2' < <(program plain 'exit status 0' '12 corpus files')
expect 'plain 0 1 0 2' < <(program plain 'exit status 1' '')
expect 'leak 3 1 0 2' < <(program leak 'exit status 1' "$some")
expect 'crash 0 1 0 2' < <(program crash 'killed by signal 11 SIGSEGV' '')
expect 'slow 3 1 0 2' < <(program slow 'killed by signal 15 SIGTERM' "$some")
expect 'absent 0 0 1 2' < <(program absent 'exit status 77' '')
expect 'planted 2 0 0 2' < <(program planted 'exit status 0' "$mixed")
expect 'liar 0 1 0 2' < <(program liar 'exit status 1' 'result:       exit status 0')
expect 'a 3 0 0 2
b 0 1 0 2' < <(program a 'exit status 0' "$some" && program b 'exit status 1' '')
exit $failed
