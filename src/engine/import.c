#include "engine/import.h"

#include "engine/import_record.h"
#include "engine/staging.h"
#include "engine/store.h"
#include <stdlib.h>
#include <string.h>

#define ARENA_MAX (128u << 20)
#define OWNERS_SHOWN 6

struct import {
    struct raum *r;
    const struct import_options *options;
    struct import_report *report;
    struct staging *staging;
    struct dexie_file file;
    struct buf record;
    struct import_spaces spaces;
    struct json_doc doc;
    struct arena arena;
    int64_t rows;
    bool dry;
};

static void tell(const struct import *im, const char *what, double done)
{
    if (im->options->progress)
        im->options->progress(im->options->progress_arg, what, done);
}

/* ---- the report ---- */

static struct import_table *table_of(struct import_report *report, const char *name,
                                     struct raum_error *error)
{
    for (int i = 0; i < report->count; i++)
        if (strncmp(report->tables[i].name, name, sizeof report->tables[i].name - 1) == 0)
            return &report->tables[i];
    struct import_table *grown =
        report->count < IMPORT_TABLES_MAX
            ? realloc(report->tables, (size_t)(report->count + 1) * sizeof *grown)
            : NULL;
    if (!grown) {
        err_set(error, RAUM_ETOO_LARGE, "more than %d tables", IMPORT_TABLES_MAX);
        return NULL;
    }
    report->tables = grown;
    struct import_table *t = &grown[report->count++];
    *t = (struct import_table){0};
    memcpy(t->name, name, strnlen(name, sizeof t->name - 1));
    t->opaque = schema_table(name) == NULL;
    return t;
}

void import_report_release(struct import_report *report)
{
    free(report->tables);
    report->tables = NULL;
    report->count = 0;
}

/* ---- whose file is it ---- */

static int ambiguous(const struct import *im, struct raum_error *error)
{
    struct buf list;
    int shown = 0;
    buf_init(&list, 256);
    for (size_t i = 0; i < im->file.owner_count && shown < OWNERS_SHOWN; i++)
        if (strcmp(im->file.owners[i].id, SCHEMA_GUEST) != 0)
            buf_printf(&list, "%s%s", shown++ ? ", " : "", im->file.owners[i].id);
    int result = err_at(error, "import", RAUM_EUSAGE,
                        "the file holds data of several people (%s): say whose with --owner",
                        buf_text(&list));
    buf_release(&list);
    return result;
}

/* The one person named as user; where rows name none any more (from 40), the one author. */
static int choose_owner(struct import *im, struct raum_error *error)
{
    const char *found = NULL;
    const char *wanted = im->options->owner;
    for (int pass = 0; pass < 2 && !found; pass++)
        for (size_t i = 0; i < im->file.owner_count; i++) {
            const struct dexie_owner *o = &im->file.owners[i];
            if (strcmp(o->id, SCHEMA_GUEST) == 0 || !(pass ? o->authored : o->rows))
                continue;
            if (wanted ? strcmp(o->id, wanted) == 0 : found == NULL)
                found = o->id;
            else if (!wanted)
                return ambiguous(im, error);
        }
    if (wanted && !found)
        return err_at(error, "import", RAUM_ENOT_FOUND, "the file holds nothing of %s", wanted);
    if (!found)
        found = SCHEMA_GUEST;
    if (!id_valid(found, strlen(found)))
        return err_at(error, "import", RAUM_ECORRUPT, "the file's owner is no account's id");
    memcpy(im->report->owner, found, strlen(found) + 1);
    return 0;
}

/* ---- rows into the staging ---- */

static bool own(const struct import *im, const char *id)
{
    return !id || strcmp(id, SCHEMA_GUEST) == 0 || strcmp(id, im->report->owner) == 0;
}

/* A row belongs to the importing account if its personal sentinel, or as user-level row its owner,
 * does. Rows of shared spaces keep their authors. */
static bool taken(const struct import *im, const struct legacy_out *out, const char *user)
{
    size_t len = strlen(SCHEMA_PERSONAL);
    bool shared = out->space_id && strncmp(out->space_id, SCHEMA_PERSONAL, len) != 0;
    if (!shared && !own(im, user)) /* named before a step dropped the name */
        return false;
    if (!out->space_id)
        return own(im, out->owner);
    if (strncmp(out->space_id, SCHEMA_PERSONAL, len) == 0)
        return own(im, out->space_id + len);
    return true;
}

static int stage_one(struct import *im, const struct legacy_out *out,
                     const struct dexie_row *source, const char *user, struct raum_error *error)
{
    struct import_table *t = table_of(im->report, out->table, error);
    if (!t)
        return RAUM_ETOO_LARGE;
    t->rows++;
    if (!taken(im, out, user)) {
        t->left++;
        return 0;
    }
    buf_reset(&im->record);
    int result = import_record_write(im->r, out, source, im->options, im->report->owner,
                                     &im->record, &im->report->media, error);
    return result ? result : staging_add(im->staging, im->record.data, im->record.len, error);
}

static int stage_row(void *arg, const struct dexie_row *source, struct raum_error *error)
{
    struct import *im = arg;
    struct legacy_row row;
    struct legacy_out out;
    const char *user = json_str(json_get(source->value, "userId"), source->arena);
    int result = legacy_row_init(&row, source->arena, source->table->name, source->key,
                                 source->key_len, source->value);
    if (user && user[0] == '\0')
        user = NULL;
    if (result == 0)
        result = legacy_upgrade(&row, im->file.version);
    if (result == 0)
        result = legacy_normalise(&row, im->r->env, &out);
    if (result < 0)
        return err_set(error, result, NULL);
    for (const struct legacy_out *o = &out; o && result == 0; o = o->next)
        result = stage_one(im, o, source, user, error);
    if (++im->rows % 1000 == 0 && im->file.rows)
        tell(im, "read", (double)im->rows / (double)im->file.rows);
    return result;
}

/* ---- the merge ---- */

static int merge_record(void *arg, const void *record, size_t len, double done,
                        struct raum_error *error)
{
    struct import *im = arg;
    struct row row;
    int changed = 0;
    int result = import_record_read(im->r, record, len, im->dry, &im->doc, &im->spaces, &im->arena,
                                    &row, error);
    if (result == 0)
        result = im->dry ? store_merge_dry(im->r, &row, &im->arena, &changed, error)
                         : store_merge(im->r, &row, true, &im->arena, &changed, error);
    struct import_table *t =
        result == 0 ? table_of(im->report, row.table ? row.table->name : row.opaque, error) : NULL;
    if (result == 0 && !t)
        result = RAUM_ETOO_LARGE;
    if (t && changed == 0)
        t->same++;
    else if (t && changed == row_count(row.table))
        t->added++;
    else if (t)
        t->changed++;
    arena_reset(&im->arena);
    if (++im->rows % 1000 == 0)
        tell(im, "merge", done);
    return result;
}

static int merge(struct import *im, const char *once, struct raum_error *error)
{
    int result = replica_begin(im->r, error);
    if (result < 0)
        return result;
    im->rows = 0;
    arena_init(&im->arena, ARENA_MAX);
    json_init(&im->doc);
    result = staging_walk(im->staging, merge_record, im, error);
    if (result == 0 && once)
        result = replica_meta_set(im->r, once, "done", error);
    json_release(&im->doc);
    arena_release(&im->arena);
    im->report->spaces = im->spaces.made;
    if (im->dry) {
        replica_rollback(im->r);
        return result;
    }
    result = replica_end(im->r, result, error);
    if (result == 0) /* who brings much in pays for it; a reader's state may keep the log */
        (void)!db_empty_log(im->r->db, NULL);
    return result;
}

/* ---- the whole ---- */

static int64_t read_source(void *ctx, void *buf, size_t n)
{
    const struct import_source *source = ctx;
    return source->read(source->ctx, buf, n);
}

static int list_left_out(struct import *im, struct raum_error *error)
{
    for (size_t i = 0; i < im->file.table_count; i++) {
        const struct dexie_table *from = &im->file.tables[i];
        if (!from->local)
            continue;
        struct import_table *t = table_of(im->report, from->name, error);
        if (!t)
            return RAUM_ETOO_LARGE;
        t->local = true;
        t->rows = (int64_t)from->rows;
        t->left = t->rows;
    }
    return 0;
}

static int stage(struct import *im, const struct import_source *source, struct raum_error *error)
{
    int result = staging_new(&im->staging, im->r, im->dry, error);
    if (result == 0 && im->options->once)
        result = staging_note(im->staging, "once", im->options->once, error);
    if (result == 0)
        result = source->rewind(source->ctx);
    if (result == 0)
        result =
            dexie_rows(&im->file, read_source, (void *)(uintptr_t)source, stage_row, im, error);
    if (result == 0)
        result = list_left_out(im, error);
    return result ? result : staging_complete(im->staging, error);
}

static int done_before(struct raum *r, const char *once, struct raum_error *error)
{
    struct arena a;
    char *value = NULL;
    if (!once)
        return 0;
    arena_init(&a, 65536);
    int result = replica_meta_get(r, once, &a, &value, error);
    if (result == 0 && value)
        result = RAUM_END;
    arena_release(&a);
    return result;
}

int import_run(struct raum *r, const struct import_source *source,
               const struct import_options *options, struct import_report *report,
               struct raum_error *error)
{
    struct import_options plain = *options;
    if (options->dry_run)
        plain.media = NULL; /* nothing is kept */
    struct import im = {.r = r, .options = &plain, .report = report, .dry = options->dry_run};
    *report = (struct import_report){0};
    int result = done_before(r, options->once, error);
    if (result)
        return result;
    buf_init(&im.record, DEXIE_ROW_MAX * 2u);
    tell(&im, "check", 0);
    result = dexie_scan(&im.file, read_source, (void *)(uintptr_t)source, error);
    report->version = im.file.version;
    if (result == 0)
        result = legacy_check_version(im.file.version, error);
    if (result == 0)
        result = choose_owner(&im, error);
    if (result == 0)
        result = stage(&im, source, error);
    if (result == 0)
        result = merge(&im, options->once, error);
    staging_close(im.staging, true);
    dexie_release(&im.file);
    buf_release(&im.record);
    return result;
}

int import_resume(struct raum *r, void (*progress)(void *arg, const char *what, double done),
                  void *arg, struct raum_error *error)
{
    struct import_options options = {.progress = progress, .progress_arg = arg};
    struct import_report report = {0};
    struct import im = {.r = r, .options = &options, .report = &report};
    struct buf once;
    int result = staging_open(&im.staging, r, error);
    if (result)
        return result == RAUM_END ? 0 : result;
    buf_init(&once, 4096);
    bool noted = staging_noted(im.staging, "once", &once, error) == 0;
    result = merge(&im, noted ? buf_text(&once) : NULL, error);
    /* A damaged staging is no reason to keep somebody out: the export it was made of is still
     * there. */
    bool damaged = result == RAUM_ECORRUPT || result == RAUM_EBAD_JSON;
    staging_close(im.staging, result == 0 || damaged);
    if (damaged)
        result = 0;
    import_report_release(&report);
    buf_release(&once);
    return result;
}
