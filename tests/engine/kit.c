#include "engine/kit.h"

#include "engine/seal.h"
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

struct raum_error error;

uint64_t kit_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* ---- the world ---- */

static int64_t world_now(void *ctx)
{
    return ((struct kit_world *)ctx)->now_ms;
}

static void world_random(void *ctx, void *out, size_t len)
{
    struct kit_world *w = ctx;
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)out)[i] = (unsigned char)kit_random(&w->seed);
}

void kit_world_init(struct kit_world *w, uint64_t seed)
{
    *w = (struct kit_world){
        .env = *raum_env_native(), .now_ms = INT64_C(1775044800000), .seed = seed};
    w->env.ctx = w; /* the native functions look at no ctx */
    w->env.now_ms = world_now;
    w->env.random = world_random;
}

void kit_folder(char out[128])
{
    struct stat st;
    const char *base = getenv("RAUM_TEST_TMP");
    if (!base)
        base = stat("/dev/shm", &st) == 0 && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : P_tmpdir;
    snprintf(out, 128, "%.100s/raum-test-XXXXXX", base);
    if (!mkdtemp(out))
        fail_msg("no folder in %s", base);
}

void kit_remove(const char *folder)
{
    char path[1024];
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
            kit_remove(path);
        else
            unlink(path);
    }
    if (dir)
        closedir(dir);
    rmdir(folder);
}

struct raum *kit_open(const char *folder, const char *account, const struct raum_env *env)
{
    struct raum *r = NULL;
    OK(raum_open(&r, &(struct raum_options){.folder = folder, .account = account, .env = env},
                 &error));
    return r;
}

struct raum_handle *kit_scope(struct raum *r, const char *space)
{
    struct raum_handle *h;
    OK(raum_scope_new(r, &h, &error));
    OK(raum_scope_set(h, space ? space : intern_personal(r)->id, &error));
    return h;
}

void kit_join(struct raum *r, const char *id, int type, int role)
{
    struct space space = {.type = type,
                          .role = role,
                          .id = (char *)(uintptr_t)id,
                          .slug = (char *)(uintptr_t)id,
                          .name = (char *)(uintptr_t)id,
                          .sealed = type == SPACE_PERSONAL};
    OK(replica_begin(r, &error));
    OK(intern_space_add(r, &space, &error));
    OK(replica_commit(r, &error));
}

/* ---- rows ---- */

int kit_insert(struct raum_handle *h, const char *table, const char *json, char id[RAUM_ID_MAX])
{
    return raum_insert(h, table, json, strlen(json), id, &error);
}

int kit_update(struct raum_handle *h, const char *table, const char *id, const char *json)
{
    return raum_update(h, table, id, json, strlen(json), &error);
}

const char *kit_get(struct raum_handle *h, const char *table, const char *id, bool deleted_too)
{
    static char text[200000];
    struct buf out;
    buf_init(&out, sizeof text - 1);
    int result = store_get(h, table, id, deleted_too, &out, &error);
    snprintf(text, sizeof text, "%s", result == 0 ? buf_text(&out) : "");
    buf_release(&out);
    return text;
}

int64_t kit_int(struct raum_handle *h, const char *sql)
{
    struct raum_query *q;
    OK(query_view(h, sql, &q, &error));
    OK(raum_query_step(q, &error));
    int64_t value = raum_query_int(q, 0);
    raum_query_free(q);
    return value;
}

const char *kit_rows(struct raum_handle *h, const char *sql)
{
    static char text[200000];
    struct raum_query *q;
    struct buf out;
    int result;
    buf_init(&out, sizeof text - 1);
    OK(query_view(h, sql, &q, &error));
    while ((result = raum_query_step(q, &error)) == 0) {
        if (out.len)
            buf_char(&out, '\n');
        for (int i = 0; i < raum_query_columns(q); i++) {
            size_t len;
            const char *value = raum_query_text(q, i, &len);
            if (i)
                buf_char(&out, '|');
            buf_add(&out, value, len);
        }
    }
    if (result != RAUM_END)
        fail_msg("%s: %s", sql, error.text);
    raum_query_free(q);
    snprintf(text, sizeof text, "%s", buf_text(&out));
    buf_release(&out);
    return text;
}

int64_t kit_raw(struct raum *r, const char *sql)
{
    int64_t value = 0;
    OK(db_query_int(r->db, sql, &value, &error));
    return value;
}

/* ---- a partition as text ---- */

struct dump {
    struct raum *r;
    char **lines;
    size_t count, cap;
};

static void put_stamp(struct raum *r, struct stamp s, struct buf *out)
{
    char at[CLOCK_TEXT];
    const struct actor *actor = intern_actor(r, s.actor);
    clock_format(s.at, at);
    buf_printf(out, "@%s/%s/%s/%s/%s ", at, actor ? intern_account(r, actor->account) : "?",
               actor ? actor->device : "?", actor ? actor->agent : "?",
               stamp_origin_name(s.origin));
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Unknown fields in the order of their names. */
static int put_extra(struct raum *r, const struct row *row, struct arena *a, struct buf *out,
                     struct raum_error *e)
{
    struct value extra;
    struct json_doc doc;
    char *parts[256];
    size_t count = 0;
    int result = value_open(r, row, NULL, &row->extra, a, &extra, e);
    if (result < 0 || extra.kind != VALUE_TEXT)
        return result;
    json_init(&doc);
    result = json_parse(&doc, extra.text, extra.len, 0, e);
    struct json_value root = json_root(&doc);
    for (struct json_value m = json_first(root); result == 0 && m.doc && count < 256;
         m = json_next(root, m)) {
        struct buf part;
        const char *name;
        size_t len, raw_len;
        json_text(json_key(m), a, &name, &len);
        const char *raw = json_raw(m, &raw_len);
        buf_init(&part, 1 << 24);
        buf_printf(&part, "+%.*s=%.*s", (int)len, name, (int)raw_len, raw);
        put_stamp(r, stamps_get(&row->stamps, 0, name, len), &part);
        parts[count++] = buf_detach(&part, NULL);
    }
    qsort(parts, count, sizeof *parts, by_text);
    for (size_t i = 0; i < count; i++) {
        buf_str(out, parts[i]);
        free(parts[i]);
    }
    json_release(&doc);
    return result;
}

static int dump_row(void *arg, struct row *row, struct raum_error *e)
{
    struct dump *d = arg;
    struct arena a;
    struct buf out;
    struct json_writer w;
    int result = 0;
    arena_init(&a, 64u << 20);
    buf_init(&out, 1 << 24);
    buf_printf(&out, "%s %s by %s", row->table ? row->table->name : row->opaque, row->id,
               intern_account(d->r, row->author));
    put_stamp(d->r, stamps_get(&row->stamps, TAG_AUTHOR, NULL, 0), &out);
    for (int i = 0; i < row_count(row->table) && result == 0; i++) {
        const struct schema_field *f = row_field(row->table, i);
        buf_printf(&out, "%s=", f->name);
        json_begin(&w, &out);
        result = value_put_json(d->r, row, f, &row->values[i], &w, e);
        put_stamp(d->r, stamps_get(&row->stamps, f->tag, NULL, 0), &out);
    }
    if (result == 0)
        result = put_extra(d->r, row, &a, &out, e);
    arena_release(&a);
    if (d->count == d->cap) {
        d->cap = d->cap ? d->cap * 2 : 64;
        d->lines = realloc(d->lines, d->cap * sizeof *d->lines);
    }
    d->lines[d->count++] = buf_detach(&out, NULL);
    return result;
}

void kit_dump(struct raum *r, uint32_t space, struct buf *out)
{
    struct dump d = {.r = r};
    OK(row_walk(r, space, dump_row, &d, &error));
    if (d.count)
        qsort(d.lines, d.count, sizeof *d.lines, by_text);
    for (size_t i = 0; i < d.count; i++) {
        buf_str(out, d.lines[i]);
        buf_char(out, '\n');
        free(d.lines[i]);
    }
    free(d.lines);
}

/* ---- from replica to replica ---- */

struct hand {
    struct raum *from, *to;
    uint32_t space;
    bool leaky;
    struct arena arena;
};

static int map_stamp(struct hand *x, struct stamp *s, struct raum_error *e)
{
    uint32_t account;
    const struct actor *actor = intern_actor(x->from, s->actor);
    int result = intern_account_ref(x->to, intern_account(x->from, actor->account), &account, e);
    return result ? result
                  : intern_actor_ref(x->to, account, actor->device, actor->agent, &s->actor, e);
}

static bool hidden(const struct hand *x, const struct row *row)
{
    const struct value *v = &row->values[ROW_VISIBILITY];
    return !x->leaky && v->kind == VALUE_TEXT && v->len == 7 &&
           memcmp(v->text, "private", 7) == 0 &&
           strcmp(intern_account(x->from, row->author), x->to->account) != 0;
}

static int hand_row(void *arg, struct row *row, struct raum_error *e)
{
    struct hand *x = arg;
    struct row copy = *row;
    uint32_t ref;
    int changed, result = hidden(x, row) ? RAUM_END : 0;
    if (result) /* withdrawn from whoever is not its author */
        return 0;
    copy.space = x->space;
    copy.n = 0;
    result = intern_account_ref(x->to, intern_account(x->from, row->author), &copy.author, e);
    if (result == 0)
        result = value_open(x->from, row, NULL, &row->extra, &x->arena, &copy.extra, e);
    for (int i = 0; i < row_count(row->table) && result == 0; i++) {
        const struct schema_field *f = row_field(row->table, i);
        result = value_open(x->from, row, f, &row->values[i], &x->arena, &copy.values[i], e);
        if (result == 0 && f->type == TYPE_ACCOUNT && copy.values[i].kind == VALUE_INT) {
            result = intern_account_ref(x->to, intern_account(x->from, (uint32_t)copy.values[i].i),
                                        &ref, e);
            copy.values[i].i = ref;
        }
    }
    if (result == 0)
        result = map_stamp(x, &copy.stamps.row, e);
    for (uint32_t i = 0; i < copy.stamps.count && result == 0; i++)
        result = map_stamp(x, &copy.stamps.entries[i].stamp, e);
    if (result == 0)
        result = store_merge(x->to, &copy, false, &x->arena, &changed, e);
    arena_reset(&x->arena);
    return result;
}

int kit_hand_over(struct raum *from, struct raum *to, const char *space, bool leaky,
                  struct raum_error *e)
{
    struct hand x = {.from = from, .to = to, .leaky = leaky};
    int result = replica_begin(to, e);
    if (result < 0)
        return result;
    const struct space *a = intern_space_find(from, space), *b = intern_space_find(to, space);
    arena_init(&x.arena, 64u << 20);
    if (!a || !b)
        result = err_set(e, RAUM_ENOT_FOUND, "no space %s to hand over", space);
    else {
        x.space = b->ref;
        result = row_walk(from, a->ref, hand_row, &x, e);
    }
    arena_release(&x.arena);
    return replica_end(to, result, e);
}
