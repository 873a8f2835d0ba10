#define _GNU_SOURCE
#include "server/auth/upstream.h"
#include "base/clock.h"
#include "schema/schema.h"
#include "server/auth/crypto.h"
#include "server/auth/upstream_ask.h"
#include "server/auth/upstream_inside.h"
#include "server/auth/upstream_mirror.h"
#include "server/url.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLOTS 1024
#define BUCKETS 2048
#define KEY 32
#define TEXT_MAX ((size_t)16 << 10) /* a session's JSON; a larger one is not kept */
#define STRIPES 256
#define DOWN_MS 1000 /* after a failure nobody else waits for the same, for so long */

enum slot_state { SLOT_EMPTY, SLOT_LOADING, SLOT_READY };

/* What is known of one credential. */
struct slot {
    unsigned char key[KEY];
    enum slot_state state;
    int next;            /* in its bucket; -1: the last */
    int64_t begun, used; /* ms: of the load, of the last request */
    uint64_t generation; /* of the cache, when the load began */
    char *text;          /* what get-session said; NULL: nobody */
    size_t len;
};

/* The newest load whose rows were written, for the account that came here last. */
struct stripe {
    pthread_mutex_t mutex;
    unsigned char account[KEY];
    int64_t begun;
};

struct upstream {
    struct asker *asker;
    struct net_log *log;
    const struct raum_env *env;
    pthread_mutex_t mutex;
    pthread_cond_t loaded;
    struct slot slots[SLOTS];
    int buckets[BUCKETS];
    uint64_t generation;
    int64_t down_until; /* ms */
    struct stripe stripes[STRIPES];
    pthread_mutex_t making;
};

static int64_t now_of(const struct upstream *u)
{
    return u->env->now_ms(u->env->ctx);
}

/* ---- making ---- */

int upstream_new(struct upstream **out, const char *url, struct net_log *log,
                 const struct raum_env *env, struct raum_error *error)
{
    struct arena scratch;
    struct upstream *u = *out = calloc(1, sizeof *u);
    if (!u)
        return err_set(error, RAUM_ENOMEM, NULL);
    u->log = log;
    u->env = env;
    pthread_mutex_init(&u->mutex, NULL);
    pthread_mutex_init(&u->making, NULL);
    pthread_cond_init(&u->loaded, NULL);
    for (int i = 0; i < BUCKETS; i++)
        u->buckets[i] = -1;
    for (int i = 0; i < STRIPES; i++)
        pthread_mutex_init(&u->stripes[i].mutex, NULL);
    arena_init(&scratch, 16 * 1024);
    size_t len = strlen(url), end = strlen("/api/auth");
    while (len > 0 && url[len - 1] == '/')
        len--;
    if (len > end && strncmp(url + len - end, "/api/auth", end) == 0)
        len -= end;
    char *base = arena_copy(&scratch, url, len);
    int rc = base && url_origin(&scratch, base) && !strpbrk(base, "?# ")
                 ? asker_new(&u->asker, base, error)
                 : err_set(error, RAUM_EUSAGE, "--auth takes the address of a Better Auth server");
    arena_release(&scratch);
    if (rc) {
        upstream_free(u);
        *out = NULL;
    }
    return rc;
}

void upstream_free(struct upstream *u)
{
    if (!u)
        return;
    for (int i = 0; i < SLOTS; i++)
        free(u->slots[i].text);
    for (int i = 0; i < STRIPES; i++)
        pthread_mutex_destroy(&u->stripes[i].mutex);
    asker_free(u->asker);
    pthread_cond_destroy(&u->loaded);
    pthread_mutex_destroy(&u->making);
    pthread_mutex_destroy(&u->mutex);
    free(u);
}

/* ---- the cache: all under the mutex but make_key ---- */

/* A credential by its hash, so that no token stands in memory longer than its request. False: the
 * request has none. */
static bool make_key(const struct http_request *q, unsigned char key[KEY])
{
    const char *bearer = http_header(q, "Authorization"), *cookie = http_header(q, "Cookie");
    bool has_bearer = bearer && *bearer, has_cookie = cookie && strstr(cookie, "session_token=");
    unsigned char parts[2 * KEY] = {0};
    if (has_bearer)
        crypto_sha256(bearer, strlen(bearer), parts);
    if (cookie)
        crypto_sha256(cookie, strlen(cookie), parts + KEY);
    crypto_sha256(parts, sizeof parts, key);
    return has_bearer || has_cookie;
}

static int *bucket_of(struct upstream *u, const unsigned char key[KEY])
{
    return &u->buckets[(unsigned)(key[0] << 8 | key[1]) % BUCKETS];
}

static struct slot *find(struct upstream *u, const unsigned char key[KEY])
{
    for (int i = *bucket_of(u, key); i >= 0; i = u->slots[i].next)
        if (memcmp(u->slots[i].key, key, KEY) == 0)
            return &u->slots[i];
    return NULL;
}

static void drop(struct upstream *u, struct slot *s)
{
    int at = (int)(s - u->slots);
    int *link = bucket_of(u, s->key);
    while (*link >= 0 && *link != at)
        link = &u->slots[*link].next;
    if (*link == at)
        *link = s->next;
    free(s->text);
    *s = (struct slot){.state = SLOT_EMPTY};
}

/* Is `a` rather to go than `b`? What was nobody goes first: it costs nothing to send such. */
static bool goes_before(const struct slot *a, const struct slot *b)
{
    bool nobody_a = !a->text, nobody_b = !b->text;
    return nobody_a != nobody_b ? nobody_a : a->used < b->used;
}

/* An empty slot, or the one that goes first; NULL when all are being loaded. */
static struct slot *claim(struct upstream *u, const unsigned char key[KEY])
{
    struct slot *best = NULL;
    for (int i = 0; i < SLOTS; i++) {
        struct slot *s = &u->slots[i];
        if (s->state == SLOT_EMPTY) {
            best = s;
            break;
        }
        if (s->state == SLOT_READY && (!best || goes_before(s, best)))
            best = s;
    }
    if (!best)
        return NULL;
    if (best->state == SLOT_READY)
        drop(u, best);
    memcpy(best->key, key, KEY);
    best->next = *bucket_of(u, key);
    *bucket_of(u, key) = (int)(best - u->slots);
    return best;
}

static bool is_fresh(const struct upstream *u, const struct slot *s, int64_t now)
{
    return s->state == SLOT_READY && s->generation == u->generation && s->begun <= now &&
           now - s->begun < UPSTREAM_FRESH_MS;
}

static void wait_loaded(struct upstream *u)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    pthread_cond_timedwait(&u->loaded, &u->mutex, &until);
}

/* 0: *text is it (NULL: nobody), copied into the arena; RAUM_END: the caller loads it, and then
 * calls finish; UNREACHABLE. One loads, the others who want the same wait for him. */
static int enter(struct call *c, const unsigned char key[KEY], const char **text, size_t *len)
{
    struct upstream *u = c->server->upstream;
    int64_t began = call_now(c), now = began;
    int rc = RAUM_EUNREACHABLE;
    *text = NULL, *len = 0;
    pthread_mutex_lock(&u->mutex);
    for (; now - began < UPSTREAM_LOAD_MS && now >= began; now = call_now(c)) {
        struct slot *s = find(u, key);
        if (s && s->state == SLOT_LOADING) {
            wait_loaded(u);
            continue;
        }
        if (s && is_fresh(u, s, now)) {
            s->used = now;
            *len = s->len;
            *text = s->text ? arena_copy(c->arena, s->text, s->len) : NULL;
            rc = s->text && !*text ? RAUM_ENOMEM : 0;
            break;
        }
        if (now < u->down_until && u->down_until - now <= DOWN_MS)
            break;
        s = s ? s : claim(u, key);
        if (!s)
            break;
        s->state = SLOT_LOADING;
        s->begun = s->used = now;
        s->generation = u->generation;
        rc = RAUM_END;
        break;
    }
    pthread_mutex_unlock(&u->mutex);
    return rc < 0 ? err_set(&c->error, rc, NULL) : rc;
}

/* down: nobody answered at all, so that nobody else needs to try at once. */
static void finish(struct upstream *u, const unsigned char key[KEY], int result, bool down,
                   const char *text, size_t len)
{
    pthread_mutex_lock(&u->mutex);
    struct slot *s = find(u, key);
    char *copy = text && len <= TEXT_MAX ? malloc(len + 1) : NULL;
    if (copy) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    if (down)
        u->down_until = now_of(u) + DOWN_MS;
    if (s && (result || (text && !copy))) {
        free(copy);
        drop(u, s);
    } else if (s) {
        free(s->text);
        s->text = copy;
        s->len = len;
        s->state = SLOT_READY;
    } else {
        free(copy);
    }
    pthread_cond_broadcast(&u->loaded);
    pthread_mutex_unlock(&u->mutex);
}

void upstream_forget(struct call *c, bool all)
{
    struct upstream *u = c->server->upstream;
    unsigned char key[KEY];
    bool known = make_key(c->http, key);
    pthread_mutex_lock(&u->mutex);
    struct slot *s = known ? find(u, key) : NULL;
    if (s)
        s->generation = UINT64_MAX;
    if (all)
        u->generation++;
    pthread_mutex_unlock(&u->mutex);
}

bool upstream_known(struct upstream *u, const struct http_request *head)
{
    unsigned char key[KEY];
    if (!make_key(head, key))
        return false;
    pthread_mutex_lock(&u->mutex);
    struct slot *s = find(u, key);
    bool known = s && s->text;
    pthread_mutex_unlock(&u->mutex);
    return known;
}

/* ---- reading what the foreign server says ---- */

int upstream_failed(struct call *c, const char *what, int status)
{
    NET_LOG(c->server->upstream->log, LOG_WARNING, "auth-server", {"id", c->http->id, 0},
            {"what", what, 0}, {"status", NULL, status});
    return err_set(&c->error, RAUM_EUNREACHABLE, "the auth server does not answer as it should");
}

/* A load under way: its deadline, and the answer that is being read. */
struct load {
    struct call *c;
    int64_t begun;
    bool down;
    struct client_answer answer;
    struct json_doc doc;
};

static void load_release(struct load *l)
{
    json_release(&l->doc);
    client_answer_release(&l->answer);
}

/* GETs; *status tells. Its JSON is l->doc when the status is 200. */
static int load_get(struct load *l, const char *path, int *status)
{
    struct call *c = l->c;
    int64_t left = UPSTREAM_LOAD_MS - (call_now(c) - l->begun);
    load_release(l);
    json_init(&l->doc);
    if (left <= 0 || left > UPSTREAM_LOAD_MS)
        return upstream_failed(c, "too slow", 0);
    struct ask q = {.method = "GET", .path = path, .timeout_ms = (int)left};
    int rc = asker_run(c->server->upstream->asker, c, &q, &l->answer);
    l->down = rc == RAUM_EUNREACHABLE;
    if (rc == RAUM_EUNREACHABLE || rc == RAUM_ETOO_LARGE)
        return upstream_failed(c, c->error.text, 0);
    if (rc)
        return rc;
    *status = l->answer.status;
    if (*status != 200)
        return 0;
    rc = json_parse(&l->doc, buf_text(&l->answer.body), l->answer.body.len, JSON_LONE, &c->error);
    return rc == RAUM_EBAD_JSON ? upstream_failed(c, "no JSON", *status) : rc;
}

struct asker *upstream_asker(struct upstream *u)
{
    return u->asker;
}

void upstream_making(struct upstream *u, bool begins)
{
    if (begins)
        pthread_mutex_lock(&u->making);
    else
        pthread_mutex_unlock(&u->making);
}

static const char *text_of(struct call *c, struct json_value object, const char *key)
{
    return json_str(json_get(object, key), c->arena);
}

static int64_t time_of(struct call *c, struct json_value object, const char *key)
{
    const char *text = text_of(c, object, key);
    int64_t ms = 0;
    return text && clock_parse_ms(text, strlen(text), &ms) == 0 ? ms : 0;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* {"session":{…},"user":{…}} as get-session says it; *out NULL for null. */
static int read_session(struct call *c, struct json_value root, struct session **out)
{
    struct json_value session = json_get(root, "session"), user = json_get(root, "user");
    *out = NULL;
    if (json_is(root, JSON_NULL))
        return 0;
    struct session *s = arena_zero(c->arena, sizeof *s);
    if (!s)
        return err_set(&c->error, RAUM_ENOMEM, NULL);
    s->id = text_of(c, session, "id");
    s->token = or_empty(text_of(c, session, "token"));
    s->account = text_of(c, session, "userId");
    s->active_space = text_of(c, session, "activeOrganizationId");
    s->ip = or_empty(text_of(c, session, "ipAddress"));
    s->agent = or_empty(text_of(c, session, "userAgent"));
    s->created = time_of(c, session, "createdAt");
    s->updated = time_of(c, session, "updatedAt");
    s->expires = time_of(c, session, "expiresAt");
    s->remember = true;
    s->email = text_of(c, user, "email");
    s->name = or_empty(text_of(c, user, "name"));
    s->image = text_of(c, user, "image");
    json_bool(json_get(user, "emailVerified"), &s->email_verified);
    s->account_created = time_of(c, user, "createdAt");
    s->account_updated = time_of(c, user, "updatedAt");
    const char *id = text_of(c, user, "id");
    if (!s->id || !s->account || !id || strcmp(id, s->account) != 0 || !s->email || !s->expires)
        return upstream_failed(c, "no session in get-session", 200);
    *out = s->expires > call_now(c) ? s : NULL;
    return 0;
}

/* Metadata is JSON in a text, in some versions an object. False: no space of ours. */
static bool read_type(struct call *c, struct json_value metadata, struct mirror_space *s)
{
    struct json_doc doc;
    size_t len;
    s->metadata = json_str(metadata, c->arena);
    if (json_is(metadata, JSON_OBJECT)) {
        const char *raw = json_raw(metadata, &len);
        s->metadata = arena_copy(c->arena, raw, len);
    }
    if (!s->metadata)
        return false;
    json_init(&doc);
    if (json_parse(&doc, s->metadata, strlen(s->metadata), JSON_LONE, NULL) == 0)
        s->type = json_str(json_get(json_root(&doc), "type"), c->arena);
    json_release(&doc);
    return s->type && schema_space_type(s->type) >= 0;
}

static int read_spaces(struct load *l, struct mirror_space *spaces, int *count)
{
    struct call *c = l->c;
    struct json_value list = json_root(&l->doc);
    for (struct json_value v = json_first(list); v.doc; v = json_next(list, v)) {
        struct mirror_space s = {.id = text_of(c, v, "id"),
                                 .name = text_of(c, v, "name"),
                                 .slug = text_of(c, v, "slug"),
                                 .logo = text_of(c, v, "logo"),
                                 .created = time_of(c, v, "createdAt")};
        if (*count == UPSTREAM_SPACES_MAX)
            break;
        if (s.id && s.name && s.slug && read_type(c, json_get(v, "metadata"), &s))
            spaces[(*count)++] = s;
    }
    return 0;
}

/* The roles, one question each; whose role is refused has gone between the two questions. */
static int load_roles(struct load *l, struct mirror_space *spaces, int *count)
{
    struct call *c = l->c;
    int kept = 0, status = 0;
    for (int i = 0; i < *count; i++) {
        struct buf path;
        buf_init(&path, 1024);
        buf_str(&path, "/organization/get-active-member-role?organizationId=");
        url_encode(&path, spaces[i].id);
        int rc = buf_error(&path, &c->error);
        if (rc == 0)
            rc = load_get(l, buf_text(&path), &status);
        buf_release(&path);
        if (rc)
            return rc;
        if (status != 200 && status != 400 && status != 403 && status != 404)
            return upstream_failed(c, "get-active-member-role", status);
        const char *role = status == 200 ? text_of(c, json_root(&l->doc), "role") : NULL;
        if (!role)
            continue;
        spaces[kept] = spaces[i];
        spaces[kept++].role = role;
    }
    *count = kept;
    return 0;
}

/* Loads that overlap may end in another order than they began in: the rows stay the newest. */
static int write_rows(struct load *l, const struct session *s, struct mirror_space *spaces,
                      int count)
{
    unsigned char account[KEY];
    crypto_sha256(s->account, strlen(s->account), account);
    struct stripe *stripe = &l->c->server->upstream->stripes[account[0] % STRIPES];
    pthread_mutex_lock(&stripe->mutex);
    bool same = memcmp(stripe->account, account, KEY) == 0;
    bool newer = !same || stripe->begun <= l->begun || stripe->begun > call_now(l->c);
    int rc = newer ? mirror_write(l->c, s, spaces, count) : 0;
    if (rc == 0 && newer) {
        memcpy(stripe->account, account, KEY);
        stripe->begun = l->begun;
    }
    pthread_mutex_unlock(&stripe->mutex);
    return rc;
}

/* *text: what get-session said, in the arena; NULL: nobody. */
static int load_all(struct load *l, struct session **out, const char **text, size_t *len)
{
    struct call *c = l->c;
    int status = 0, count = 0;
    struct mirror_space *spaces = NULL;
    int rc = load_get(l, "/get-session?disableCookieCache=true&disableRefresh=true", &status);
    if (rc == 0 && status != 200)
        rc = upstream_failed(c, "get-session", status);
    if (rc == 0)
        rc = read_session(c, json_root(&l->doc), out);
    if (rc || !*out)
        return rc;
    *len = l->answer.body.len;
    *text = arena_copy(c->arena, buf_text(&l->answer.body), *len);
    spaces = arena_alloc(c->arena, UPSTREAM_SPACES_MAX * sizeof *spaces);
    if (!*text || !spaces)
        return err_set(&c->error, RAUM_ENOMEM, NULL);
    rc = load_get(l, "/organization/list", &status);
    if (rc == 0 && status == 401) { /* ended between the two questions */
        *out = NULL, *text = NULL;
        return 0;
    }
    /* A server without the organization plugin has people, and their personal spaces. */
    if (rc == 0 && status != 200 && status != 404)
        rc = upstream_failed(c, "organization/list", status);
    if (rc == 0 && status == 200)
        rc = read_spaces(l, spaces, &count);
    if (rc == 0)
        rc = load_roles(l, spaces, &count);
    return rc ? rc : write_rows(l, *out, spaces, count);
}

int upstream_session(struct call *c)
{
    unsigned char key[KEY];
    const char *text = NULL;
    size_t len = 0;
    c->session = NULL;
    if (!make_key(c->http, key))
        return 0;
    int64_t begun = call_now(c);
    int rc = enter(c, key, &text, &len);
    if (rc == RAUM_END) {
        struct load l = {.c = c, .begun = begun};
        rc = load_all(&l, &c->session, &text, &len);
        load_release(&l);
        finish(c->server->upstream, key, rc, l.down, rc ? NULL : text, len);
        if (rc)
            c->session = NULL;
        return rc;
    }
    if (rc || !text)
        return rc;
    struct json_doc doc;
    json_init(&doc);
    rc = json_parse(&doc, text, len, JSON_LONE, &c->error);
    if (rc == 0)
        rc = read_session(c, json_root(&doc), &c->session);
    json_release(&doc);
    return rc;
}

/* ---- passing on ---- */

/* What may end somebody else's session, or change somebody else's role. */
static bool may_revoke(const char *path)
{
    static const char *const list[] = {"/api/auth/organization/", "/api/auth/revoke-",
                                       "/api/auth/change-",       "/api/auth/reset-password",
                                       "/api/auth/delete-user",   "/api/auth/admin/",
                                       "/api/auth/sign-out",      NULL};
    for (int i = 0; list[i]; i++)
        if (strncmp(path, list[i], strlen(list[i])) == 0)
            return true;
    return false;
}

int upstream_pass(struct call *c)
{
    struct client_answer answer = {0};
    struct ask q;
    bool changes = strcmp(c->http->method, "GET") != 0 && strcmp(c->http->method, "HEAD") != 0;
    int rc = asker_copy(c, &q);
    if (rc)
        return rc;
    rc = asker_run(c->server->upstream->asker, c, &q, &answer);
    if (changes || strstr(c->http->path, "/delete-user/"))
        upstream_forget(c, may_revoke(c->http->path));
    if (rc == RAUM_EUNREACHABLE || rc == RAUM_ETOO_LARGE)
        rc = upstream_failed(c, c->error.text, 0);
    else if (rc == 0)
        rc = asker_reply(c, &answer);
    client_answer_release(&answer);
    return rc;
}
