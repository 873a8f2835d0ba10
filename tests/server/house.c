#include "server/house.h"

#include "server/mail.h"
#include "server/spaces/space.h"
#include "server/spaces/spaces.h"

#include <stdarg.h>

/* Only these tables, and no mail thread: the linker takes ours before the library's. */
const struct route *const server_routes[] = {organization_routes, space_routes, NULL};

struct house_mail house_mail;

int mailer_send(struct mailer *m, const struct mail *mail, struct raum_error *error)
{
    (void)m;
    (void)error;
    snprintf(house_mail.to, sizeof house_mail.to, "%s", mail->to);
    snprintf(house_mail.subject, sizeof house_mail.subject, "%s", mail->subject);
    snprintf(house_mail.text, sizeof house_mail.text, "%s", mail->text);
    house_mail.count++;
    return 0;
}

static int64_t clock_of(void *ctx)
{
    return ((struct house *)ctx)->now;
}

/* From several threads too: then it is only less random. */
static void random_of(void *ctx, void *out, size_t len)
{
    struct house *h = ctx;
    for (size_t i = 0; i < len; i++) {
        uint64_t s = __atomic_add_fetch(&h->random, 0x9E3779B97F4A7C15u, __ATOMIC_RELAXED);
        s = (s ^ (s >> 30)) * 0xBF58476D1CE4E5B9u;
        s = (s ^ (s >> 27)) * 0x94D049BB133111EBu;
        ((unsigned char *)out)[i] = (unsigned char)(s >> 40);
    }
}

void house_open(struct house *h, uint64_t seed)
{
    memset(h, 0, sizeof *h);
    h->now = INT64_C(1795582658073); /* 2026-11-25T04:57:38.073Z */
    h->random = seed;
    h->env = *raum_env_native();
    h->env.ctx = h;
    h->env.now_ms = clock_of;
    h->env.random = random_of;
    kit_open(&h->kit);
    arena_init(&h->arena, (size_t)256 << 20);
    h->server.env = &h->env;
    h->server.options.host = "127.0.0.1";
    h->server.origin = "http://127.0.0.1:7117";
    h->server.secret = "a secret of these tests only, and long enough";
    h->server.sql = h->kit.sql;
    h->server.mailer = (struct mailer *)h; /* never looked into: see mailer_send */
}

void house_close(struct house *h)
{
    kit_close(&h->kit);
    arena_release(&h->arena);
}

void house_person(struct house *h, struct person *p, const char *name)
{
    struct raum_error *e = &h->kit.error;
    struct sql *c = h->kit.sql;
    char session[33];
    *p = (struct person){0};
    space_new_id(&h->env, p->id);
    space_new_id(&h->env, p->token);
    space_new_id(&h->env, session);
    snprintf(p->name, sizeof p->name, "%s", name);
    snprintf(p->email, sizeof p->email, "%s@example.com", name);
    KIT_OK(&h->kit, sql_begin(c, e));
    KIT_OK(&h->kit, sql_run(c, e,
                            "INSERT INTO accounts (id, name, email, email_verified, created,"
                            " updated) VALUES (?1, ?2, ?3, 1, ?4, ?4)",
                            "sssi", p->id, p->name, p->email, h->now));
    KIT_OK(&h->kit, spaces_make_personal(c, &h->env, p->id, p->name, p->email, p->personal, e));
    KIT_OK(&h->kit,
           sql_run(c, e,
                   "INSERT INTO sessions (id, token, account, ip, agent, remember, created,"
                   " updated, expires) VALUES (?1, ?2, ?3, '', '', 1, ?4, ?4, ?5)",
                   "sssii", session, p->token, p->id, h->now, h->now + INT64_C(31536000000)));
    KIT_OK(&h->kit, sql_end(c, 0, e));
}

void house_verified(struct house *h, const struct person *p, bool verified)
{
    KIT_OK(&h->kit, sql_run(h->kit.sql, &h->kit.error,
                            "UPDATE accounts SET email_verified = ?2 WHERE id = ?1", "si", p->id,
                            (int64_t)verified));
}

void house_ask(struct house *h, struct sql *sql, const struct person *p, const char *method,
               const char *path, const char *body, struct answered *a)
{
    struct http_request q = {.id = "0123456789abcdef",
                             .method = method,
                             .host = "127.0.0.1:7117",
                             .peer = "127.0.0.1",
                             .query = "",
                             .body = "",
                             .path = path};
    struct http_header headers[2];
    char bearer[64];
    memset(a, 0, sizeof *a);
    arena_init(&q.arena, (size_t)32 << 20);
    buf_init(&q.answer, (size_t)16 << 20);
    char *copy = arena_str(&q.arena, path), *mark = strchr(copy, '?');
    if (mark) {
        *mark = '\0';
        q.query = mark + 1;
    }
    q.path = copy;
    if (p) {
        snprintf(bearer, sizeof bearer, "Bearer %s", p->token);
        headers[q.header_count++] = (struct http_header){"Authorization", bearer};
    }
    if (body) {
        headers[q.header_count++] = (struct http_header){"Content-Type", "application/json"};
        q.body = body;
        q.body_len = strlen(body);
    }
    q.headers = headers;
    call_dispatch(&h->server, sql, &q);
    for (int i = 0; i < q.out_count; i++)
        a->cookie = a->cookie || strcmp(q.out[i].name, "Set-Cookie") == 0;
    a->status = q.status;
    a->arena = q.arena;
    a->text = arena_copy(&a->arena, buf_text(&q.answer), q.answer.len);
    buf_release(&q.answer);
    json_init(&a->doc);
    if (json_parse(&a->doc, a->text, strlen(a->text), 0, NULL) == 0)
        a->json = json_root(&a->doc);
}

void house_done(struct answered *a)
{
    json_release(&a->doc);
    arena_release(&a->arena);
}

const char *house_text(struct house *h, const char *fmt, ...)
{
    char text[8192];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return arena_str(&h->arena, text);
}

static const char *ask_as(struct house *h, const struct person *p, const char *method,
                          const char *path, const char *body, int status)
{
    struct answered a;
    house_ask(h, h->kit.sql, p, method, path, body, &a);
    const char *text = arena_str(&h->arena, a.text);
    if (a.status != status)
        fail_msg("%s %s %s %s: %d %s", p ? p->name : "nobody", method, path, body ? body : "",
                 a.status, a.text);
    house_done(&a);
    return text;
}

const char *house_post(struct house *h, const struct person *p, const char *what, const char *body,
                       int status)
{
    const char *path = what[0] == '/' ? what : house_text(h, "/api/auth/organization/%s", what);
    return ask_as(h, p, "POST", path, body, status);
}

const char *house_get(struct house *h, const struct person *p, const char *path, int status)
{
    const char *whole = path[0] == '/' ? path : house_text(h, "/api/auth/organization/%s", path);
    return ask_as(h, p, "GET", whole, NULL, status);
}

const char *house_at(struct house *h, const char *json, const char *path)
{
    struct json_doc doc;
    const char *found = "";
    size_t len;
    json_init(&doc);
    if (json_parse(&doc, json, strlen(json), 0, NULL) == 0) {
        struct json_value v = json_root(&doc);
        for (const char *at = path; *at && v.doc;) {
            size_t part = strcspn(at, ".");
            char key[64];
            snprintf(key, sizeof key, "%.*s", (int)part, at);
            if (json_is(v, JSON_ARRAY)) {
                long n = strtol(key, NULL, 10);
                struct json_value one = json_first(v);
                while (one.doc && n-- > 0)
                    one = json_next(v, one);
                v = one;
            } else {
                v = json_get(v, key);
            }
            at += part + (at[part] == '.');
        }
        if (json_is(v, JSON_STRING))
            found = json_str(v, &h->arena);
        else if (v.doc) {
            const char *raw = json_raw(v, &len);
            found = arena_copy(&h->arena, raw, len);
        }
    }
    json_release(&doc);
    return found;
}

void house_refused(struct house *h, const struct person *p, const char *method, const char *path,
                   const char *body, int status, const char *code)
{
    const char *whole = path[0] == '/' ? path : house_text(h, "/api/auth/organization/%s", path);
    const char *text = ask_as(h, p, method, whole, body, status);
    bool own = strncmp(whole, "/api/auth", 9) != 0;
    const char *got = house_at(h, text, own ? "error.code" : "code");
    if (strcmp(got, code) != 0)
        fail_msg("%s %s: code %s, not %s (%s)", whole, body ? body : "", got, code, text);
}

int64_t house_count(struct house *h, const char *sql, const char *value)
{
    struct sql_rows *rows;
    int rc = value ? sql_one(h->kit.sql, &rows, &h->kit.error, sql, "s", value)
                   : sql_one(h->kit.sql, &rows, &h->kit.error, sql, "");
    KIT_OK(&h->kit, rc);
    int64_t n = sql_int(rows, "n");
    sql_rows_free(rows);
    return n;
}

const char *house_space(struct house *h, const struct person *p, const char *slug)
{
    const char *body = house_text(
        h, "{\"name\":\"The %s\",\"slug\":\"%s\",\"metadata\":{\"type\":\"family\"}}", slug, slug);
    return house_at(h, house_post(h, p, "create", body, 200), "id");
}

const char *house_join(struct house *h, const struct person *owner, const char *space,
                       const struct person *p, const char *role)
{
    const char *body = house_text(h, "{\"email\":\"%s\",\"role\":\"%s\",\"organizationId\":\"%s\"}",
                                  p->email, role, space);
    const char *id = house_at(h, house_post(h, owner, "invite-member", body, 200), "id");
    body = house_text(h, "{\"invitationId\":\"%s\"}", id);
    return house_at(h, house_post(h, p, "accept-invitation", body, 200), "member.id");
}
