# Reads meson's testlog.txt and prints one line a test program: NAME PASSED FAILED SKIPPED SECONDS
# (a name's blanks become underscores).
# A cmocka program counts its cases, any other counts as one. The exit status has the last word: a
# program that failed has a failure whatever it printed, one that ended well has none.

function flush() {
    if (name == "") return
    if (result ~ /exit status 77$/) { ok = bad = 0; skip = 1 }
    else if (result ~ /exit status 0$/) { bad = 0; if (!ok) ok = 1 }
    else if (!bad) bad = 1
    print name, ok, bad, skip, int(seconds + 0.5)
}

/^=+ [0-9]+\/[0-9]+ =+$/ {
    flush()
    name = result = ""
    ok = bad = skip = seconds = 0
    head = 1
    next
}
/^-+ (stdout|stderr) -+$/ { head = 0; next }
head && /^test: / {
    name = $0
    sub(/^test: *(.* \/ )?/, "", name)
    gsub(/ /, "_", name)
}
head && /^duration: / { seconds = $2 }
head && /^result: / { result = $0 }
!head && /^\[  PASSED  \] [0-9]+ test/ { ok += $4 }
!head && /^\[  FAILED  \] [0-9]+ test/ { bad += $4 }
END { flush() }
