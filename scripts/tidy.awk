# The checks of scripts/tidy, one pass over all files. Variables: layers, foreign, pure.
# The words it looks for are written with a bracket in them, so that it does not find itself.

BEGIN {
    function_lines_max = 70; line_width_max = 100; file_lines_max = 1000
    read_layers(); read_foreign()
    n = split(pure, part, " ")
    for (i = 1; i <= n; i++) is_pure[part[i]] = 1
    n = split("assert ctype errno float inttypes limits math stdalign stdarg stdatomic stdbool " \
              "stddef stdint stdio stdlib stdnoreturn string", part, " ")
    for (i = 1; i <= n; i++) standard[part[i] ".h"] = 1
    unsafe = call("strcpy|strcat|strncat|sprintf|vsprintf|gets|atoi|atol|atoll|atof|strtok|" \
                  "alloca|mktemp|tmpnam")
    shell = call("system|popen") # a test may ask a foreign tool
    impure = call("fopen|fdopen|freopen|fprintf|vfprintf|printf|vprintf|puts|putchar|fputs|" \
                  "fputc|fwrite|fread|perror|getenv|setenv|exit|_exit|abort|time|clock|" \
                  "localtime|gmtime|rand|srand|signal|remove|rename") \
             "|(^|[^A-Za-z0-9_])FILE[ ]*[*]"
    unfinished = "(^|[^A-Za-z])(TOD[O]|FIXM[E]|XX[X])([^A-Za-z]|$)|[Nn]ot implemente[d]"
    machine = "(^|[^A-Za-z0-9_.$})*~-])/(wor[k]|hom[e]|roo[t]|far[m]|tm[p])(/|$|[^A-Za-z0-9_/-])"
    hosts = "deb[.]debia[n]|registry[.]np[m]|registry[.]yar[n]|files[.]pythonhoste[d]|" \
            "pypi[.]or[g]|crates[.]i[o]|snapshot[.]debia[n]|ghcr[.]i[o]|\"resolved\": *\"http[s]?:"
    words = "[Ii]ssu[e] #?[0-9]|[.][.]/share[d]|facts/[a-z-]+[.]m[d]|[Cc]laud[e]|[Aa]nthropi[c]" \
            "|[Cc]opilo[t]|(helpe[r]|codin[g]) (session|agent)s?|[Tt]he brie[f]([^a-z]|$)"
}

# ---- the tables

function read_layers(    row, cell, rows, cells, i, k) {
    rows = split(layers, row, "\n")
    for (i = 1; i <= rows; i++) {
        cells = split(row[i], cell, " ")
        if (!cells) continue
        for (k = 2; k <= cells; k++) {
            if (cell[k] != "*" && !(cell[k] in known))
                say("scripts/tidy", 1, "the row of " cell[1] " names " cell[k] ", not above it")
            may[cell[1], cell[k]] = 1
        }
        known[cell[1]] = may[cell[1], cell[1]] = 1
    }
}

function read_foreign(    row, cell, rows, cells, i, k) {
    rows = split(foreign, row, "\n")
    for (i = 1; i <= rows; i++) {
        cells = split(row[i], cell, " ")
        for (k = 2; k <= cells; k++) guest[cell[1], cell[k]] = 1
        if (cells) guarded[cell[1]] = 1
    }
}

# ---- small parts

# A call of one of these names, but not of a member or of a longer name.
function call(names) { return "(^|[^A-Za-z0-9_.>])(" names ")[ ]*[(]" }

function say(file, line, text) { print file ":" line ": " text }

function here(text) { say(FILENAME, FNR, text) }

function folder_of(path) { sub(/\/.*/, "", path); return path }

# The row that a path below src/ belongs to: its own pair's, its inner folder's, or its folder's.
function row_of(path,    stem) {
    stem = path
    sub(/[.][ch]$/, "", stem)
    if (!(stem in known)) sub(/\/[^\/]*$/, "", stem)
    return (stem in known) ? stem : folder_of(path)
}

function width(text) { gsub(/[\200-\277]/, "", text); return length(text) }

# The line without comments and without what is in quotes.
function bare(line,    out, token) {
    out = ""
    while (line != "") {
        if (in_comment) {
            if (!(i = index(line, "*/"))) return out
            line = substr(line, i + 2)
            in_comment = 0
        } else if (match(line, /"|'|\/\*|\/\//)) {
            token = substr(line, RSTART, RLENGTH)
            out = out substr(line, 1, RSTART - 1)
            line = substr(line, RSTART)
            if (token == "//") return out
            if (token == "/*") { in_comment = 1; line = substr(line, 3); continue }
            if (token == "\"") match(line, /^"([^"\\]|\\.)*"?/)
            else match(line, /^'([^'\\]|\\.)*'?/)
            out = out token token
            line = substr(line, RLENGTH + 1)
        } else
            return out line
    }
    return out
}

# ---- includes

function check_quoted(name,    row, target, mine, theirs) {
    if (name ~ /^raum\//) return
    if (public_header || example) { here("only <raum/...> may be included here"); return }
    if (name !~ /\//) { here("include by folder: \"" folder_of(inside) "/" name "\""); return }
    row = row_of(inside); target = row_of(name)
    edge[inside] = edge[inside] " " name
    if (!(target in known)) here("no such layer: " name)
    else if (!((row, target) in may) && !((row, "*") in may))
        here(row " may not include " name)
    else if (split(inside, mine, "/") > 2 && split(name, theirs, "/") > 2 && mine[1] == theirs[1] &&
             mine[1] == "modules" && mine[2] != theirs[2])
        here("modules may not know each other: " name)
}

function check_angled(name,    key, row) {
    if (name ~ /^raum\//) return
    row = public_header ? "a public header" : folder_of(inside)
    for (key in guarded)
        if (index(name, key) == 1) {
            if (!((key, row) in guest)) here(row " may not include <" name ">")
            return
        }
    if ((row in is_pure || public_header) && !(name in standard))
        here(row " knows no operating system: <" name ">")
}

function circle(node, trail,    next_one, count, i) {
    if (index(trail " ", " " node " ")) {
        if (!(node in reported)) say("src/" node, 1, "includes in a circle:" trail " " node)
        reported[node] = 1
        return
    }
    if (node in done) return
    count = split(edge[node], next_one, " ")
    for (i = 1; i <= count; i++) circle(next_one[i], trail " " node)
    done[node] = 1
}

# ---- one file

function start_file() {
    finish_file()
    name_now = FILENAME
    is_c = FILENAME ~ /[.][ch]$/
    in_src = FILENAME ~ /^src\/.*[.][ch]$/
    public_header = FILENAME ~ /^include\/.*[.]h$/
    example = FILENAME ~ /^examples\//
    header = FILENAME ~ /[.]h$/
    inside = FILENAME
    sub(/^(src|include|tests)\//, "", inside)
    in_comment = body_from = guard_state = 0
    guard_name = toupper(inside)
    gsub(/[^A-Z0-9]/, "_", guard_name)
    if (in_src && inside ~ /\// && !(folder_of(inside) in known))
        here("this folder has no row in scripts/tidy")
    code = FILENAME ~ /[.](c|h|sh|awk|ts|svelte)$|(^|\/)[^.]*$|meson.build$/
    if (FILENAME == "LICENSE") code = 0
}

function finish_file() {
    if (name_now == "") return
    if (is_c && last > file_lines_max)
        say(name_now, last, "a file of " last " lines; at most " file_lines_max)
    if (header && guard_state != 2)
        say(name_now, 1, "a header is guarded by " guard_name)
}

FNR == 1 { start_file() }

{
    last = FNR
    if ($0 ~ /[ \t\r]$/) here("blanks at the end of the line")
    if ($0 ~ unfinished) here("unfinished")
    if ($0 ~ machine && $0 !~ /^#!|[/]tm[p]\/[^\/ ]*XXXXXX/) here("a path of one machine")
    if ($0 ~ hosts) here("a package host by name")
    if ($0 ~ words && FILENAME != "docs/agents.md") # which names the programs it is about
        here("a word that has no place here")
    if (code && width($0) > line_width_max)
        here("a line of " width($0) "; at most " line_width_max)
}

!is_c { next }

{
    if (/\t/) here("a tab")
    if (header && FNR == 1 && !/^\/\*/) here("a header opens with a comment: what it is")
    commented = in_comment
    text = bare($0)
}

!commented && (in_src || public_header || example) && /^[ ]*#[ ]*include[ ]/ {
    name = $0
    sub(/^[^"<]*["<]/, "", name)
    sub(/[">].*/, "", name)
    if (/include[ ]*"/) check_quoted(name); else check_angled(name)
}

header && text ~ /^#/ {
    if (guard_state == 0 && $2 == "TESTS_" guard_name && FILENAME ~ /^tests\//) guard_name = $2
    if (guard_state == 0) guard_state = ($1 == "#ifndef" && $2 == guard_name) ? 1 : -1
    else if (guard_state == 1) guard_state = ($1 == "#define" && $2 == guard_name) ? 2 : -1
}

text ~ unsafe || (text ~ shell && FILENAME !~ /^tests\//) { here("a banned call: " $0) }

in_src && (folder_of(inside) in is_pure) && text ~ impure {
    here(folder_of(inside) " knows no operating system: " $0)
}

/^{/ { body_from = FNR }
/^}/ && body_from {
    if (FNR - body_from + 1 > function_lines_max)
        here("a function of " FNR - body_from + 1 " lines; at most " function_lines_max)
    body_from = 0
}

END {
    finish_file()
    for (node in edge) if (node ~ /[.]h$/) circle(node, "")
}
