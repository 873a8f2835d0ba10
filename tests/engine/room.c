#include "engine/room.h"

#include "engine/intern.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Four bytes each, all different from the second on. */
const char *const room_marks[ROOM_SPACES + 2] = {"\xf0\x90\xa4\x80", "\xf0\x91\xa5\x81",
                                                 "\xf0\x92\xa6\x82", "\xf0\x93\xa7\x83",
                                                 "\xf0\x94\xa8\x84", "\xf0\x95\xa9\x85"};
const char *room_error_text = "";

void room_again(const struct room *room, struct raum **out)
{
    struct raum_options options = {.folder = room->folder};
    OK(raum_open(out, &options, (struct raum_error *)(uintptr_t)&room->error));
}

void room_open(struct room *room)
{
    *room = (struct room){0};
    room_error_text = room->error.text;
    const char *base = getenv("TMPDIR");
    snprintf(room->folder, sizeof room->folder, "%s/raum-room-XXXXXX", base ? base : P_tmpdir);
    assert_non_null(mkdtemp(room->folder));
    room_again(room, &room->raum);
    snprintf(room->space[0], RAUM_ID_MAX, "%s", intern_personal(room->raum)->id);
    static const int types[] = {0, SPACE_BRAND, SPACE_FAMILY, SPACE_TEAM, 0, SPACE_CLUB};
    for (int i = 1; i < ROOM_SPACES + 2; i++) {
        const struct space *s;
        char name[16];
        if (i == ROOM_FOREIGN)
            continue;
        snprintf(name, sizeof name, "space-%d", i);
        OK(spaces_create(room->raum, name, types[i], &s, &room->error));
        snprintf(room->space[i], RAUM_ID_MAX, "%s", s->id);
    }
    OK(raum_scope_new(room->raum, &room->scope, &room->error));
}

void room_close(struct room *room)
{
    char command[200];
    raum_handle_free(room->scope);
    raum_close(room->raum);
    snprintf(command, sizeof command, "rm -rf '%s'", room->folder);
    if (strstr(room->folder, "raum-room-") && system(command) != 0)
        fail_msg("cannot remove %s", room->folder);
    room_error_text = "";
}

void room_use(struct room *room, int space)
{
    OK(raum_scope_set(room->scope, space < 0 ? NULL : room->space[space], &room->error));
}

static void insert(struct room *room, const char *table, const char *json)
{
    char id[RAUM_ID_MAX];
    OK(raum_insert(room->scope, table, json, strlen(json), id, &room->error));
}

/* Values repeat, are null, look like numbers, differ in case: what comparisons stumble over. */
static void fill_table(struct room *room, const char *m, int i)
{
    static const char *const kinds[] = {"face", "fullbody", "halfbody", "hands", "reference"};
    char json[1024];
    snprintf(json, sizeof json,
             "{\"id\":\"%s-i%d\",\"kind\":\"%s\",\"label\":\"%s l%d\",\"mediaId\":%s%s%s,"
             "\"width\":%d,\"height\":%s,\"tags\":[\"%s\",\"t%d\"],"
             "\"usage\":{\"showInProfile\":%s}}",
             m, i, kinds[i % 5], m, i % 7, i % 4 ? "\"" : "", i % 4 ? m : "null", i % 4 ? "\"" : "",
             i % 10, i % 3 ? "7" : "null", m, i % 4, i % 2 ? "true" : "false");
    insert(room, "meImages", json);
    snprintf(json, sizeof json,
             "{\"id\":\"%s-t%d\",\"title\":\"%s Task %d\",\"description\":%s%s%s,"
             "\"isCompleted\":%s,\"dueDate\":\"%02d\",\"sortOrder\":%d.5}",
             m, i, m, i, i % 3 ? "\"" : "", i % 3 ? m : "null", i % 3 ? "\"" : "",
             i % 2 ? "true" : "false", i % 12, i % 6);
    insert(room, "tasks", json);
    snprintf(json, sizeof json,
             "{\"id\":\"%s-g%d\",\"name\":\"%s g\",\"category\":\"shoes\",\"color\":\"%s\","
             "\"priceCents\":%d}",
             m, i, m, m, i * 100);
    insert(room, "wardrobeGarments", json);
    snprintf(json, sizeof json,
             "{\"id\":\"%s-w%d\",\"garmentId\":\"%s-g%d\",\"wornAt\":\"2024-01-%02d\"}", m, i,
             m, i / 2, 1 + i % 28);
    insert(room, "wardrobeWears", json);
    snprintf(json, sizeof json,
             "{\"id\":\"%s-x%d\",\"taskId\":\"%s-t%d\",\"tagId\":\"%s-y%d\"}", m, i,
             m, i / 2, m, i % 3);
    insert(room, "taskTags", json);
    snprintf(json, sizeof json,
             "{\"id\":\"%s-y%d\",\"name\":\"%s tag\",\"color\":\"#%d\"}", m, i, m,
             i % 3);
    insert(room, "tags", json);
}

/* Rows of another member: as if they had come from there. */
static void give_away(struct room *room)
{
    struct raum *r = room->raum;
    uint32_t other;
    OK(replica_begin(r, &room->error));
    OK(intern_account_ref(r, "somebody-else", &other, &room->error));
    for (const struct schema_table *t = schema_tables; t->name; t++)
        if (t->level == LEVEL_SPACE)
            OK(db_execf(r->db, &room->error,
                        "UPDATE \"data_%s\" SET author = %u, visibility = 'private'"
                        " WHERE id LIKE '%s%%'",
                        t->name, other, room_marks[ROOM_FOREIGN]));
    OK(replica_end(r, 0, &room->error));
}

void room_fill(struct room *room, int rows)
{
    for (int s = 0; s < ROOM_SPACES + 2; s++) {
        if (s == ROOM_FOREIGN)
            continue;
        room_use(room, s);
        OK(raum_begin(room->raum, &room->error));
        for (int i = 0; i < rows; i++)
            fill_table(room, room_marks[s], i);
        for (int i = 0; i < rows / 2; i++)
            fill_table(room, room_marks[ROOM_FOREIGN], i);
        OK(raum_commit(room->raum, &room->error));
    }
    give_away(room);
    struct space gone = *intern_space_find(room->raum, room->space[ROOM_OUTSIDE]);
    gone.role = 0;
    OK(replica_begin(room->raum, &room->error));
    OK(replica_end(room->raum, intern_space_put(room->raum, &gone, &room->error), &room->error));
    room_use(room, 1);
}

const char *room_ask(struct room *room, const char *sql)
{
    static char answer[4096];
    struct raum_query *q;
    int result = raum_query_new(room->scope, sql, &q, &room->error);
    if (result < 0)
        return raum_code_name(result);
    result = raum_query_step(q, &room->error);
    const char *text = result == 0 ? raum_query_text(q, 0, NULL) : NULL;
    snprintf(answer, sizeof answer, "%s",
             result < 0 ? raum_code_name(result) : result > 0 ? "END" : text ? text : "NULL");
    raum_query_free(q);
    return answer;
}

int room_count(struct room *room, const char *sql)
{
    struct raum_query *q;
    int count = 0, result = raum_query_new(room->scope, sql, &q, &room->error);
    if (result < 0)
        return result;
    while ((result = raum_query_step(q, &room->error)) == 0)
        count++;
    raum_query_free(q);
    return result < 0 ? result : count;
}

/* Compared by a hash: a fuzzer that watches comparisons must not learn the marks and write them
 * itself. */
static uint64_t mixed(const char *text, int len)
{
    uint64_t h = 14695981039346656037u;
    for (int i = 0; i < len; i++)
        h = (h ^ (unsigned char)text[i]) * 1099511628211u;
    return h ^ h >> 31;
}

unsigned room_marks_in(const char *text, size_t len)
{
    static uint64_t plain[ROOM_SPACES + 2], hex[ROOM_SPACES + 2];
    unsigned seen = 0;
    for (int m = 0; m < ROOM_SPACES + 2 && !plain[ROOM_SPACES + 1]; m++) {
        char digits[9];
        for (int i = 0; i < 4; i++)
            snprintf(digits + 2 * i, 3, "%02X", (unsigned char)room_marks[m][i]);
        hex[m] = mixed(digits, 8);
        plain[m] = mixed(room_marks[m], 4);
    }
    for (size_t at = 0; at + 4 <= len; at++) {
        bool high = (unsigned char)text[at] == 0xf0, digit = text[at] == 'F' && at + 8 <= len;
        uint64_t h = high ? mixed(text + at, 4) : digit ? mixed(text + at, 8) : 0;
        for (int m = 0; h && m < ROOM_SPACES + 2; m++)
            if (h == (high ? plain[m] : hex[m]))
                seen |= 1u << m;
    }
    return seen;
}

unsigned room_seen(struct raum_query *query, int *result, struct raum_error *error)
{
    unsigned seen = 0;
    int rows = 0, code;
    while ((code = raum_query_step(query, error)) == 0) {
        rows++;
        for (int i = 0; i < raum_query_columns(query); i++) {
            size_t len;
            const char *text = raum_query_text(query, i, &len);
            if (text)
                seen |= room_marks_in(text, len);
        }
    }
    *result = code < 0 ? code : rows;
    return seen;
}
