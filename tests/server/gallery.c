#include "server/gallery.h"

#include <sys/stat.h>
#include <unistd.h>

struct gallery g;

static struct raum_env env;
static int ticks;
static struct image_resizer *workers[3]; /* two decode, one makes */

static int64_t test_now(void *ctx)
{
    (void)ctx;
    return g.now;
}

static int upright(void *ctx, const void *data, size_t len, struct buf *png,
                   struct raum_error *error)
{
    int rc = image_upright(ctx, data, len, png, error);
    if (g.meanwhile)
        g.meanwhile();
    return rc;
}

/* ---- people and spaces ---- */

const char *account_of(const char *email)
{
    static char id[64];
    struct sql_rows *rows;
    KIT_OK(&g.desk.kit, sql_one(g.desk.sql, &rows, &g.desk.kit.error,
                                "SELECT id FROM accounts WHERE email = ?1", "s", email));
    snprintf(id, sizeof id, "%s", sql_text(rows, "id"));
    sql_rows_free(rows);
    return id;
}

void space_of(const char *id, const char *owner, const char *member)
{
    KIT_OK(&g.desk.kit, sql_run(g.desk.sql, &g.desk.kit.error,
                                "INSERT INTO spaces (id, name, slug, type, created) VALUES (?1, ?1,"
                                " ?1, 'family', 1)",
                                "s", id));
    const char *people[] = {owner, member};
    for (int i = 0; i < 2; i++) {
        char row[64];
        snprintf(row, sizeof row, "%s-%d", id, i);
        if (people[i])
            KIT_OK(&g.desk.kit,
                   sql_run(g.desk.sql, &g.desk.kit.error,
                           "INSERT INTO members (id, space, account, role, created)"
                           " VALUES (?1, ?2, ?3, ?4, 1)",
                           "ssss", row, id, account_of(people[i]), i ? "member" : "owner"));
    }
}

void run_sql(const char *sql)
{
    KIT_OK(&g.desk.kit, sql_run(g.desk.sql, &g.desk.kit.error, sql, ""));
}

int64_t count_of(const char *sql)
{
    struct sql_rows *rows;
    KIT_OK(&g.desk.kit, sql_one(g.desk.sql, &rows, &g.desk.kit.error, sql, ""));
    int64_t n = sql_int(rows, "n");
    sql_rows_free(rows);
    return n;
}

int gallery_set_up(void **state)
{
    (void)state;
    const struct image_options image = {.program = "/proc/self/exe"};
    env = *raum_env_native();
    env.now_ms = test_now;
    g.now = raum_env_native()->now_ms(NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(image_resizer_new(&workers[i], &image, NULL), 0);
    for (int i = 0; i < 2; i++)
        g.ports[i] = (struct media_resizer){workers[i], image_resize};
    g.maker = (struct media_maker){workers[2], upright, image_sheet};
    struct server_options options = g.with;
    options.env = &env;
    options.resizers = g.ports;
    options.resizer_count = 2;
    options.makers = &g.maker;
    options.maker_count = 1;
    g.meanwhile = NULL;
    desk_open_with(&g.desk, &options);
    desk_sign_up(&g.desk, "anna@example.org", g.anna);
    desk_sign_up(&g.desk, "bert@example.org", g.bert);
    desk_sign_up(&g.desk, "cleo@example.org", g.cleo);
    space_of("fam", "anna@example.org", "bert@example.org");
    space_of("other", "cleo@example.org", NULL);
    return 0;
}

int gallery_tear_down(void **state)
{
    (void)state;
    desk_close(&g.desk);
    for (int i = 0; i < 3; i++)
        image_resizer_free(workers[i]);
    return 0;
}

/* ---- files ---- */

struct file sample(const char *name)
{
    char path[FILES_PATH];
    struct file f;
    snprintf(path, sizeof path, "%s/media/%s", getenv("RAUM_TEST_DATA"), name);
    f.data = file_slurp(path, &f.len);
    return f;
}

/* Files below a folder. */
int files_in(const char *name)
{
    char path[512], two[800];
    char names[FILES_MAX][256];
    int count = 0;
    snprintf(path, sizeof path, "%s/%s", g.desk.kit.folder, name);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        struct stat s;
        snprintf(two, sizeof two, "%s/%s", path, e->d_name);
        if (e->d_name[0] == '.' || stat(two, &s) != 0)
            continue;
        count += S_ISDIR(s.st_mode) ? (int)files_list(two, names) : 1;
    }
    if (dir)
        closedir(dir);
    return count;
}

/* ---- tus ---- */

/* Upload-Metadata of these values; hash may be NULL. */
const char *metadata(const char *space_id, const char *media, const char *purpose, const char *hash)
{
    static char out[2048];
    const char *const keys[] = {"spaceId", "mediaId", "purpose", "hash"};
    const char *const values[] = {space_id, media, purpose, hash};
    struct buf b;
    buf_init(&b, sizeof out);
    for (int i = 0; i < 4; i++) {
        if (!values[i])
            continue;
        if (b.len)
            buf_char(&b, ',');
        buf_printf(&b, "%s ", keys[i]);
        size_t len = strlen(values[i]), from = b.len;
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz01234567"
                                      "89+/";
        for (size_t k = 0; k < len; k += 3) {
            unsigned v = 0;
            for (size_t m = 0; m < 3; m++)
                v = v << 8 | (k + m < len ? (unsigned char)values[i][k + m] : 0);
            for (size_t m = 0; m < 4; m++)
                buf_char(&b, k + m <= len ? letters[v >> (18 - 6 * m) & 63] : '=');
        }
        assert_int_equal((b.len - from) % 4, 0);
    }
    snprintf(out, sizeof out, "%s", buf_text(&b));
    buf_release(&b);
    return out;
}

const char *number(size_t n)
{
    static char out[4][24];
    static int next;
    next = (next + 1) % 4;
    snprintf(out[next], sizeof out[next], "%zu", n);
    return out[next];
}

int done(struct reply *r)
{
    const char *at = desk_header(r, "Upload-Offset");
    snprintf(g.code, sizeof g.code, "%s", desk_text(r, "error.code"));
    snprintf(g.offset, sizeof g.offset, "%s", at ? at : "");
    int status = r->status;
    desk_done(r);
    return status;
}

int create(const char *token, size_t length, const char *meta, const void *body, size_t len)
{
    struct reply r;
    const char *headers[] = {"Tus-Resumable",
                             TUS_VERSION,
                             "Upload-Length",
                             number(length),
                             "Upload-Metadata",
                             meta,
                             NULL};
    desk_send(&g.desk, g.desk.sql, "POST", API, token,
              body ? "application/offset+octet-stream" : NULL, body, len, headers, &r);
    const char *where = desk_header(&r, "Location");
    snprintf(g.upload, sizeof g.upload, "%s", where ? where : "");
    return done(&r);
}

int patch(const char *token, size_t at, const void *body, size_t len)
{
    struct reply r;
    const char *headers[] = {"Tus-Resumable", TUS_VERSION, "Upload-Offset", number(at), NULL};
    desk_send(&g.desk, g.desk.sql, "PATCH", g.upload, token, "application/offset+octet-stream",
              body, len, headers, &r);
    return done(&r);
}

int simple(const char *method, const char *token)
{
    struct reply r;
    const char *headers[] = {"Tus-Resumable", TUS_VERSION, NULL};
    desk_send(&g.desk, g.desk.sql, method, g.upload, token, NULL, NULL, 0, headers, &r);
    return done(&r);
}

/* In one request; 201 or the refusal. */
int put_bytes(const char *token, const char *space_id, const char *media, const struct file *f)
{
    return create(token, f->len, metadata(space_id, media, "me", NULL), f->data, f->len);
}

int put(const char *token, const char *space_id, const char *media, const char *name)
{
    struct file f = sample(name);
    int status = put_bytes(token, space_id, media, &f);
    free(f.data);
    return status;
}

int put_as(const char *token, const char *space, const char *media, const char *purpose,
           const char *name)
{
    struct file f = sample(name);
    int status = create(token, f.len, metadata(space, media, purpose, NULL), NULL, 0);
    if (status == 201)
        status = patch(token, 0, f.data, f.len);
    free(f.data);
    return status;
}

/* ---- reading ---- */

int see(const char *token, const char *path)
{
    char target[256];
    struct reply r;
    snprintf(target, sizeof target, API "/%s", path);
    desk_ask(&g.desk, "GET", target, token, NULL, &r);
    return done(&r);
}

int take_away(const char *token, const char *path)
{
    char target[256];
    struct reply r;
    snprintf(target, sizeof target, API "/%s", path);
    desk_ask(&g.desk, "DELETE", target, token, NULL, &r);
    return done(&r);
}

/* ---- rows ---- */

const char *pushed(const char *token, const char *op, const char *table, const char *id,
                   const char *space_id, const char *fields)
{
    static char status[64];
    char at[CLOCK_TEXT], body[4096], data[2048] = "";
    struct reply r;
    clock_format(clock_at(g.now, (uint32_t)++ticks), at);
    for (const char *from = fields; from && *from;) { /* name=json;name=json */
        size_t len = strcspn(from, ";"), name = strcspn(from, "=");
        snprintf(data + strlen(data), sizeof data - strlen(data),
                 "%s\"%.*s\":{\"value\":%.*s,\"at\":\"%s\"}", *data ? "," : "", (int)name, from,
                 (int)(len - name - 1), from + name + 1, at);
        from += len + (from[len] == ';');
    }
    snprintf(body, sizeof body,
             "{\"clientId\":\"dev\",\"changes\":[{\"app\":\"profile\",\"table\":\"%s\",\"id\":"
             "\"%s\",\"op\":\"%s\",\"spaceId\":\"%s\",\"fields\":{%s}}]}",
             table, id, op, space_id, data);
    desk_ask(&g.desk, "POST", "/api/v1/sync", token, body, &r);
    if (r.status != 200)
        fail_msg("%d %s\n%s", r.status, buf_text(&r.body), body);
    struct json_value first = json_first(json_get(r.json, "results"));
    struct arena a;
    arena_init(&a, 65536);
    const char *word = json_str(json_get(first, "status"), &a);
    snprintf(status, sizeof status, "%s", word ? word : "");
    arena_release(&a);
    desk_done(&r);
    return status;
}

void row(const char *token, const char *op, const char *id, const char *space_id,
         const char *fields)
{
    assert_string_equal(pushed(token, op, "meImages", id, space_id, fields), "applied");
}

void sweep(void)
{
    KIT_OK(&g.desk.kit, server_sweep(g.desk.server, &g.desk.kit.error));
}

/* Everything that may not be read answers as what is not there, to the byte. */
void looks_absent(const char *token, const char *path)
{
    struct reply absent, r;
    char target[256];
    snprintf(target, sizeof target, API "/%s", path);
    desk_ask(&g.desk, "GET", API "/never-was", token, NULL, &absent);
    desk_ask(&g.desk, "GET", target, token, NULL, &r);
    if (r.status != 404)
        fail_msg("%s: %d", path, r.status);
    assert_string_equal(buf_text(&r.body), buf_text(&absent.body));
    assert_int_equal(r.http.out_count, absent.http.out_count);
    for (int i = 0; i < r.http.out_count; i++) {
        assert_string_equal(r.http.out[i].name, absent.http.out[i].name);
        assert_string_equal(r.http.out[i].value, absent.http.out[i].value);
    }
    desk_done(&r);
    desk_done(&absent);
}

int gallery_main(int argc, char **argv, int (*run)(void))
{
    if (argc > 1 && strcmp(argv[1], "image-worker") == 0)
        return image_worker_main(argc - 1, argv + 1);
    return run();
}
