#include "server/generate/references.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHOWN_MAX 64

/* A row that shows the picture. */
struct showing {
    const char *table, *record, *author;
    bool private, live;
};
struct showings {
    struct showing list[SHOWN_MAX];
    int count;
    const char *purpose;
};

void references_init(struct references *r, const char *account, const char *space,
                     const char *const *ids, int count)
{
    *r = (struct references){.account = account, .space = space, .count = count};
    for (int i = 0; i < count; i++) {
        r->list[i].media = ids[i];
        buf_init(&r->list[i].png, MAKER_UPRIGHT_MAX);
    }
}

void references_release(struct references *r)
{
    for (int i = 0; i < r->count; i++)
        buf_release(&r->list[i].png);
    r->count = 0;
}

static int no_reference(struct raum_error *error)
{
    return err_at(error, "generate", RAUM_ENOT_FOUND,
                  "no such reference: use your own pictures and the garments of this space");
}

static int add_showing(struct showings *s, struct sql_rows *rows, struct arena *a,
                       struct raum_error *error)
{
    struct showing *one = &s->list[s->count++];
    *one = (struct showing){.table = sql_copy(rows, "name", a),
                            .record = sql_copy(rows, "record", a),
                            .author = sql_copy(rows, "author", a),
                            .private = sql_int(rows, "private") != 0,
                            .live = sql_int(rows, "live") != 0};
    return one->table && one->record && one->author ? 0 : err_set(error, RAUM_ENOMEM, NULL);
}

/* Who shows it, and what it was uploaded for. More rows than can be looked at: refused. */
static int read_showings(struct showings *s, struct sql *c, const struct media_row *m,
                         struct arena *a, struct raum_error *error)
{
    struct sql_rows *rows;
    *s = (struct showings){.count = 0};
    int rc = sql_one(c, &rows, error,
                     "SELECT purpose FROM media WHERE space = ?1 AND id = ?2 AND owner = ?3", "sss",
                     m->space, m->id, m->owner);
    if (rc == 0 && !(s->purpose = sql_copy(rows, "purpose", a)))
        rc = err_set(error, RAUM_ENOMEM, NULL);
    sql_rows_free(rows);
    if (rc)
        return rc == RAUM_END ? no_reference(error) : rc;
    rc = sql_many(c, &rows, error,
                  "SELECT n.name AS name, r.record AS record, r.author AS author,"
                  " r.private AS private, r.live AS live FROM media_refs r"
                  " JOIN names n ON n.ref = r.tbl"
                  " WHERE r.media = ?1 AND r.space = ?2 AND r.owner = ?3",
                  "sss", m->id, m->space, m->owner);
    while (rc == 0 && (rc = sql_next(rows, error)) == 0)
        rc = s->count == SHOWN_MAX ? no_reference(error) : add_showing(s, rows, a, error);
    sql_rows_free(rows);
    return rc == RAUM_END ? 0 : rc;
}

/* The text or word of a field, in the arena; NULL. */
static const char *text_of(const struct merge_record *record, const char *field, struct arena *a)
{
    const struct merge_field *f = merge_find(record, field);
    struct json_doc doc;
    const char *text = NULL;
    json_init(&doc);
    if (f && json_parse(&doc, f->value, f->len, 0, NULL) == 0)
        text = json_str(json_root(&doc), a);
    json_release(&doc);
    return text;
}

static bool is_true(const struct merge_record *record, const char *field)
{
    const struct merge_field *f = merge_find(record, field);
    return f && f->len == 4 && memcmp(f->value, "true", 4) == 0;
}

/* G-P1, G-T12: by the uploader's own rows alone. */
static int check_person(const struct references *r, struct reference *one, struct relay *relay,
                        const struct showings *s, struct arena *a, struct raum_error *error)
{
    bool any = false, consent = true;
    for (int i = 0; i < s->count; i++) {
        const struct showing *by = &s->list[i];
        struct merge_record record = {0};
        if (strcmp(by->table, "meImages") != 0 || !by->live ||
            strcmp(by->author, one->row.owner) != 0)
            continue;
        int rc = relay_record(relay, r->space, "meImages", by->record, a, &record, error);
        if (rc)
            return rc == RAUM_END ? no_reference(error) : rc;
        const char *subject = text_of(&record, "subjectId", a);
        const char *kind = text_of(&record, "kind", a);
        if (strcmp(subject ? subject : by->author, r->account) != 0)
            return no_reference(error);
        any = true;
        consent = consent && is_true(&record, "usage.aiReference");
        one->what = kind && strcmp(kind, "face") == 0 ? "face" : "body";
    }
    if (!any)
        return no_reference(error);
    return consent ? 0 : err_at(error, "generate", RAUM_ECONSENT_REQUIRED, NULL);
}

static int check_garment(const struct references *r, struct reference *one, struct relay *relay,
                         const struct showings *s, struct arena *a, struct raum_error *error)
{
    for (int i = 0; i < s->count; i++) {
        const struct showing *by = &s->list[i];
        struct merge_record record = {0};
        if (strcmp(by->table, "wardrobeGarments") != 0 || !by->live ||
            (by->private && strcmp(by->author, r->account) != 0))
            continue;
        int rc = relay_record(relay, r->space, "wardrobeGarments", by->record, a, &record, error);
        if (rc < 0)
            return rc;
        if (rc == 0) {
            one->what = text_of(&record, "category", a);
            return 0;
        }
    }
    return no_reference(error);
}

static int check_one(const struct references *r, struct reference *one, struct relay *relay,
                     struct sql *c, struct arena *a, struct raum_error *error)
{
    struct showings *s = arena_zero(a, sizeof *s);
    struct media_row row;
    if (!s)
        return err_set(error, RAUM_ENOMEM, NULL);
    int rc = media_find(c, a, r->account, r->space, one->media, &row, error);
    if (rc == RAUM_ENOT_FOUND)
        return no_reference(error);
    if (rc == 0 && one->row.hash &&
        (strcmp(row.hash, one->row.hash) != 0 || strcmp(row.owner, one->row.owner) != 0))
        return no_reference(error); /* another picture took its place meanwhile */
    one->row = row;
    if (rc == 0)
        rc = read_showings(s, c, &row, a, error);
    if (rc)
        return rc;
    bool person = strcmp(s->purpose, "me") == 0;
    for (int i = 0; i < s->count; i++)
        person = person || strcmp(s->list[i].table, "meImages") == 0;
    return person ? check_person(r, one, relay, s, a, error)
                  : check_garment(r, one, relay, s, a, error);
}

int references_check(struct references *r, struct relay *relay, struct sql *c, struct arena *a,
                     struct raum_error *error)
{
    int rc = sql_begin(c, error);
    if (rc)
        return rc;
    for (int i = 0; i < r->count && rc == 0; i++)
        rc = check_one(r, &r->list[i], relay, c, a, error);
    return sql_end(c, rc, error);
}

static int read_all(int fd, int64_t size, void **out, struct raum_error *error)
{
    char *data = malloc((size_t)size + 1);
    size_t at = 0;
    *out = data;
    if (!data)
        return err_set(error, RAUM_ENOMEM, NULL);
    while (at < (size_t)size) {
        ssize_t n = read(fd, data + at, (size_t)size - at);
        if (n <= 0)
            return err_at(error, "generate", RAUM_EIO, "a picture cannot be read");
        at += (size_t)n;
    }
    return 0;
}

static int read_one(struct reference *one, const struct storage *storage,
                    const struct media_maker *maker, struct raum_error *error)
{
    int64_t size;
    int fd;
    void *data = NULL;
    int rc = storage->open(storage->ctx, one->row.hash, one->row.type, MEDIA_ORIGINAL, &fd, &size,
                           error);
    if (rc)
        return rc == RAUM_ENOT_FOUND ? no_reference(error) : rc;
    rc = read_all(fd, size, &data, error);
    close(fd);
    if (rc == 0)
        rc = maker->upright(maker->ctx, data, (size_t)size, &one->png, error);
    free(data);
    return rc;
}

int references_read(struct references *r, const struct storage *storage,
                    const struct media_maker *maker, struct raum_error *error)
{
    int rc = 0;
    for (int i = 0; i < r->count && rc == 0; i++)
        rc = read_one(&r->list[i], storage, maker, error);
    return rc;
}
