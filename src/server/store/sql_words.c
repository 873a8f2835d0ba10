#include "server/store/sql_words.h"

#include <ctype.h>
#include <string.h>

/* Behind what is quoted or a comment at `at`; else `at`. Without an end: the end of the text. */
static const char *skip(const char *at)
{
    const char *end = NULL;
    if (*at == '\'' || *at == '"')
        end = strchr(at + 1, *at); /* a doubled quote is two quoted texts in a row */
    else if (strncmp(at, "--", 2) == 0)
        end = strchr(at, '\n');
    else if (strncmp(at, "/*", 2) == 0) {
        end = strstr(at + 2, "*/");
        end = end ? end + 1 : NULL;
    } else
        return at;
    return end ? end + 1 : at + strlen(at);
}

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

void sql_words_parameters(struct buf *out, const char *sql)
{
    while (*sql) {
        const char *behind = skip(sql);
        if (behind != sql) {
            buf_add(out, sql, (size_t)(behind - sql));
            sql = behind;
            continue;
        }
        buf_char(out, *sql == '?' && isdigit((unsigned char)sql[1]) ? '$' : *sql);
        sql++;
    }
}

/* How SQLite is told that a table is its primary key's index; the other's tables have rows. */
static const char without_rowid[] = "WITHOUT ROWID";

void sql_words_script(struct buf *out, const char *sql)
{
    while (*sql) {
        const char *behind = skip(sql);
        bool plain = behind == sql;
        while (in_word(*behind) && plain)
            behind++;
        size_t len = behind == sql ? 1 : (size_t)(behind - sql);
        if (plain && strncmp(sql, without_rowid, sizeof without_rowid - 1) == 0 &&
            !in_word(sql[sizeof without_rowid - 1])) {
            sql += sizeof without_rowid - 1;
            continue;
        }
        if (plain && len == 4 && strncmp(sql, "BLOB", 4) == 0)
            buf_str(out, "BYTEA");
        else if (plain && len == 4 && strncmp(sql, "TEXT", 4) == 0)
            buf_str(out, "TEXT COLLATE \"C\"");
        else
            buf_add(out, sql, len);
        sql += len;
    }
}

bool sql_words_reads(const char *sql)
{
    for (;;) {
        const char *behind = skip(sql);
        if (isspace((unsigned char)*sql))
            behind++;
        if (behind == sql || *sql == '\'' || *sql == '"')
            break;
        sql = behind;
    }
    return strncmp(sql, "SELECT", 6) == 0 && !in_word(sql[6]);
}
