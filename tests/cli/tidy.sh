#!/usr/bin/env bash
# Plants one offence of each kind in a small clean tree and expects scripts/tidy to name it.
set -euo pipefail
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/src" "$tree/include/raum"
passed=0 failed=0

verdict() { # verdict 0|1 WHAT
    if [ "$1" -eq 0 ]; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAIL: $2"
    fi
}

put() { # put PATH TEXT: writes escapes; a header gets its comment and guard unless told otherwise
    mkdir -p "$tree/$(dirname "$1")"
    printf '%b\n' "$2" >"$tree/$1"
}

header() { # header PATH TEXT
    local guard=${1#*/}
    guard=$(printf '%s' "${guard^^}" | tr -c 'A-Z0-9' _)
    put "$1" "/* What it is. */\n#ifndef $guard\n#define $guard\n$2\n#endif"
}

run() { "$RAUM_SOURCE/scripts/tidy" "$tree"; }

# refuses PATH PATTERN: the tree with this file is complained about, with that file's name
refuses() {
    local out status=0
    out=$(run) || status=$?
    if [ $status -eq 1 ] && grep -q "^$1:[0-9]*: .*$2" <<<"$out"; then verdict 0 ''; else
        verdict 1 "$1 should be refused ($2); tidy said: $out"
    fi
    rm "${tree:?}/$1"
}

# bad PATH TEXT PATTERN · bad_header PATH TEXT PATTERN
bad() { put "$1" "$2"; refuses "$1" "$3"; }
bad_header() { header "$1" "$2"; refuses "$1" "$3"; }

for name in base/a db/d schema/s engine/e sync/merge sync/wire sync/session media/m modules/tags/t \
    modules/tasks/k tools/x net/n server/r agent/g image/i native/o cli/c; do
    header "src/$name.h" ''
done
header include/raum/open.h '#include <stddef.h>'
put src/engine/e.c '#include "engine/e.h"\n#include "sync/merge.h"\n#include <raum/open.h>'
put src/db/d.c '#include "base/a.h"\n#include <sqlite3.h>\n#include <string.h>'
put src/sync/session.c '#include "sync/session.h"\n#include "engine/e.h"\n#include "sync/wire.h"'
put src/server/r.c '#include "sync/wire.h"\n#include "net/n.h"\n#include <sys/socket.h>'
put src/modules/all.c '#include "modules/tags/t.h"\n#include "modules/tasks/k.h"'
put src/base/a.c '/* strcpy( may be\n * spoken of */\nint x = env->time(0) + snprintf("system(");'
put src/cli/c.c '#include <stdio.h>\n#include "agent/g.h"\nint x = printf("x");'
put tests/base/test_a.c '#include "../x.h"\n#include <sqlite3.h>'
status=0
out=$(run) || status=$?
verdict $status "the clean tree is complained about: $out"

# Layers.
bad src/base/b.c '#include "db/d.h"' 'base may not include db'
bad src/db/b.c '#include "schema/s.h"' 'db may not include schema'
bad src/schema/b.c '#include "db/d.h"' 'schema may not include db'
bad src/engine/b.c '#include "sync/wire.h"' 'engine may not include sync/wire'
bad src/engine/b.c '#include "sync/session.h"' 'engine may not include sync/session'
bad src/sync/merge.c '#include "engine/e.h"' 'sync/merge may not include engine'
bad src/sync/merge.c '#include "sync/wire.h"' 'sync/merge may not include sync/wire'
bad src/media/b.c '#include "image/i.h"' 'media may not include image'
bad src/native/b.c '#include "db/d.h"' 'native may not include db'
bad src/modules/tags/b.c '#include "modules/tasks/k.h"' 'may not know each other'
bad src/tools/b.c '#include "net/n.h"' 'tools may not include net'
bad src/server/b.c '#include "engine/e.h"' 'server may not include engine'
bad src/server/b.c '#include "sync/session.h"' 'server may not include sync/session'
bad src/net/b.c '#include "schema/s.h"' 'net may not include schema'
bad src/image/b.c '#include "media/m.h"' 'image may not include media'
bad src/cli/b.c '#include "nowhere/a.h"' 'no such layer'
bad src/nowhere/b.c 'int x;' 'no row'
bad src/base/b.c '#include "a.h"' 'include by folder'
bad_header include/raum/b.h '#include "base/a.h"' 'only <raum'
bad_header include/raum/b.h '#include <sqlite3.h>' 'may not include <sqlite3.h>'
bad examples/b.c '#include "engine/e.h"' 'only <raum'
bad src/schema/b.c '#include <sqlite3.h>' 'schema may not include <sqlite3.h>'
bad src/cli/b.c '#include <vips/vips.h>' 'cli may not include <vips'
bad src/engine/b.c '#include <sodium.h>' 'engine may not include <sodium'
bad src/engine/b.c '#include <unistd.h>' 'engine knows no operating system'
bad src/media/b.c '#include <sys/stat.h>' 'media knows no operating system'
bad src/sync/b.c '#include <pthread.h>' 'sync knows no operating system'
bad src/base/b.c 'static FILE *out;' 'base knows no operating system'
bad src/modules/tags/b.c 'int f(void)\n{\n    printf("x");\n}' 'modules knows no operating system'
bad src/engine/b.c 'int f(void)\n{\n    return time(0);\n}' 'engine knows no operating system'
header src/base/z.h '#include "base/y.h"'
bad_header src/base/y.h '#include "base/z.h"' 'in a circle'
rm "$tree/src/base/z.h"

# Bans, in the library, the tests and the texts.
for name in strcpy strcat sprintf gets atoi strtok alloca; do
    bad tests/base/b.c "int f(void)\n{\n    return $name(x);\n}" 'a banned call'
done
bad src/cli/b.c 'int x = system("ls");' 'a banned call'
bad src/native/b.c 'int x = popen("ls", "r");' 'a banned call'
bad src/base/b.c '/* TO''DO: later */' unfinished
bad docs/b.md 'FIX''ME' unfinished
bad docs/b.md 'This is not implem''ented.' unfinished
bad scripts/b 'cat /wo''rk/x' 'a path of one machine'
bad src/native/b.c 'char x[] = "/tm''p/raum";' 'a path of one machine'
bad docs/b.md 'see /ho''me/anna' 'a path of one machine'
bad docs/b.md '`/ro''ot`' 'a path of one machine'
bad scripts/b 'curl registry.np''mjs.org' 'a package host'
bad docs/b.md 'closes iss''ue 12' 'a word that has no place'
bad docs/b.md '`../sha''red/x`' 'a word that has no place'

# Sizes and form.
long=$(printf '%101s' '' | tr ' ' x)
bad src/base/b.c "/* $long */" 'a line of 107'
bad scripts/b "# $long" 'a line of 103'
bad src/base/b.c "int f(void)\n{\n$(yes '    x;' | head -n 69)\n}" 'a function of 71 lines'
bad src/base/b.c "$(yes 'int x;' | head -n 1001)" 'a file of 1001 lines'
bad src/base/b.c 'int x; ' 'blanks at the end'
bad docs/b.md 'text\t' 'blanks at the end'
bad src/base/b.c '\tint x;' 'a tab'
bad src/base/b.h '#ifndef BASE_B_H\n#define BASE_B_H\n#endif' 'opens with a comment'
bad src/base/b.h '/* What it is. */\nint x;' 'guarded by BASE_B_H'
bad src/base/b.h '/* What it is. */\n#ifndef B_H\n#define B_H' 'guarded by BASE_B_H'

# What is just allowed.
fine() {
    local out status=0
    put "$1" "$2"
    out=$(run) || status=$?
    verdict $status "$1 should be fine; tidy said: $out"
    rm "${tree:?}/$1"
}
fine src/base/b.c "int f(void)\n{\n$(yes '    x;' | head -n 68)\n}"
fine tests/base/b.c 'int x = system("ls");\nchar y[] = "/tmp/raum-XXXXXX";'
fine src/base/b.c "/* $(printf '%94s' '' | tr ' ' x) */"
fine src/base/b.c "/* $(printf 'ä%.0s' {1..94}) */"
fine docs/b.md 'at most 100 XXXXXX, todo, /workspace, http://localhost/work-in-progress'

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
