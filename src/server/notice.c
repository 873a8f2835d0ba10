#include "server/notice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char letters[NOTICES] = {'w', 'm', 's', 'e', 'a'};

static bool is_plain(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20)
            return false;
    return true;
}

/* A name that cannot be told: then the change is sent back to its device, too. */
static const char *client_of(const char *client)
{
    return client && strlen(client) <= NOTICE_CLIENT_MAX && is_plain(client) ? client : "";
}

static int say(struct sql *c, const char *text, int len, struct raum_error *error)
{
    if (len < 0 || len > SQL_NOTICE_MAX)
        return err_at(error, "notice", RAUM_ETOO_LARGE, NULL);
    return sql_notify(c, NOTICE_CHANNEL, text, error);
}

static int say_id(struct sql *c, enum notice_kind kind, const char *id, struct raum_error *error)
{
    char text[SQL_NOTICE_MAX + 1];
    if (!is_plain(id))
        return err_at(error, "notice", RAUM_EBAD_CHANGE, NULL);
    return say(c, text, snprintf(text, sizeof text, "%c\t%s", letters[kind], id), error);
}

int notice_written(struct sql *c, const char *account, const char *client, const char *partition,
                   int64_t from, int64_t to, struct raum_error *error)
{
    char text[SQL_NOTICE_MAX + 1];
    int len = snprintf(text, sizeof text, "w\t%lld\t%lld\t%s\t%s\t%s", (long long)from,
                       (long long)to, partition, account, client_of(client));
    return say(c, text, len, error);
}

int notice_members(struct sql *c, const char *account, struct raum_error *error)
{
    return say_id(c, NOTICE_MEMBERS, account, error);
}

int notice_space(struct sql *c, const char *space, struct raum_error *error)
{
    return say_id(c, NOTICE_SPACE, space, error);
}

int notice_ended(struct sql *c, const char *account, struct raum_error *error)
{
    return say_id(c, NOTICE_ENDED, account, error);
}

int notice_agent(struct sql *c, const char *account, struct raum_error *error)
{
    return say_id(c, NOTICE_AGENT, account, error);
}

int notice_outside(struct sql *c, struct raum_error *error)
{
    if (sql_is_postgres(c))
        return 0;
    return sql_run(c, error,
                   "INSERT INTO relay_state (key, value) VALUES ('outside', '1') "
                   "ON CONFLICT (key) DO UPDATE SET "
                   "value = CAST(CAST(relay_state.value AS BIGINT) + 1 AS TEXT)",
                   "");
}

int notice_outside_count(struct sql *c, int64_t *out, struct raum_error *error)
{
    struct sql_rows *rows;
    *out = 0;
    int result =
        sql_one(c, &rows, error, "SELECT value FROM relay_state WHERE key = 'outside'", "");
    if (result == 0)
        *out = strtoll(sql_text(rows, "value"), NULL, 10);
    sql_rows_free(rows);
    return result == RAUM_END ? 0 : result;
}

static char *word(char **at)
{
    char *begin = *at, *tab = begin ? strchr(begin, '\t') : NULL;
    *at = tab ? tab + 1 : NULL;
    if (tab)
        *tab = '\0';
    return begin;
}

bool notice_read(char *payload, struct notice *out)
{
    char *at = payload;
    const char *kind = word(&at);
    const char *letter = kind[0] && !kind[1] ? memchr(letters, kind[0], NOTICES) : NULL;
    *out = (struct notice){0};
    if (!letter)
        return false;
    out->kind = (enum notice_kind)(letter - letters);
    if (out->kind == NOTICE_WRITTEN) {
        const char *from = word(&at), *to = word(&at);
        out->from = from ? strtoll(from, NULL, 10) : -1;
        out->to = to ? strtoll(to, NULL, 10) : -1;
    }
    out->id = word(&at);
    if (out->kind != NOTICE_WRITTEN)
        return out->id != NULL;
    out->account = word(&at);
    out->client = word(&at);
    return out->client && out->from >= 0 && out->to > out->from;
}
