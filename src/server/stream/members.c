/* Which partitions an account's streams take: a table in memory, read anew whenever a notice says
 * that it may have changed. */
#include "server/stream/inside.h"

#include <stdlib.h>
#include <string.h>

static uint32_t bucket(const char *id)
{
    uint32_t hash = 2166136261u;
    while (*id)
        hash = (hash ^ (unsigned char)*id++) * 16777619u;
    return hash % HUB_BUCKETS;
}

/* ---- partitions ---- */

struct hub_part *hub_part_find(struct hub *h, const char *id)
{
    struct hub_part *p = h->parts[bucket(id)];
    while (p && strcmp(p->id, id) != 0)
        p = p->next;
    return p;
}

/* Known from here on: what is written later, a notice tells. */
static struct hub_part *part_get(struct hub *h, const struct relay_part *row)
{
    struct hub_part *p = hub_part_find(h, row->id);
    if (!p) {
        p = calloc(1, sizeof *p);
        if (!p || !(p->id = strdup(row->id))) {
            free(p);
            return NULL;
        }
        p->head = row->seq;
        p->next = h->parts[bucket(p->id)];
        h->parts[bucket(p->id)] = p;
    }
    p->ref = row->ref;
    return p;
}

static void part_drop(struct hub *h, struct hub_part *p)
{
    struct hub_part **at = &h->parts[bucket(p->id)];
    if (p->count > 0)
        return;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    free(p->accounts);
    free(p->id);
    free(p);
}

static int part_add(struct hub_part *p, struct hub_account *a)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (p->accounts[i] == a)
            return 0;
    if (p->count == p->cap) {
        uint32_t cap = p->cap ? p->cap * 2 : 4;
        struct hub_account **grown = realloc(p->accounts, cap * sizeof *grown);
        if (!grown)
            return RAUM_ENOMEM;
        p->accounts = grown;
        p->cap = cap;
    }
    p->accounts[p->count++] = a;
    return 0;
}

static void part_remove(struct hub *h, struct hub_part *p, const struct hub_account *a)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (p->accounts[i] == a)
            p->accounts[i--] = p->accounts[--p->count];
    part_drop(h, p);
}

/* ---- accounts ---- */

struct hub_account *hub_account_find(struct hub *h, const char *id)
{
    pthread_mutex_lock(&h->lock);
    struct hub_account *a = h->accounts[bucket(id)];
    while (a && strcmp(a->id, id) != 0)
        a = a->next;
    pthread_mutex_unlock(&h->lock);
    return a;
}

struct hub_account *hub_account_next(struct hub *h, const struct hub_account *at)
{
    pthread_mutex_lock(&h->lock);
    struct hub_account *found = at ? at->next : NULL;
    for (uint32_t i = at ? bucket(at->id) + 1 : 0; !found && i < HUB_BUCKETS; i++)
        found = h->accounts[i];
    pthread_mutex_unlock(&h->lock);
    return found;
}

struct hub_account *hub_account_enter(struct hub *h, const char *id)
{
    struct hub_account **place = &h->accounts[bucket(id)], *a = *place;
    while (a && strcmp(a->id, id) != 0)
        a = a->next;
    if (a)
        return a;
    a = calloc(1, sizeof *a);
    if (!a || !(a->id = strdup(id))) {
        free(a);
        return NULL;
    }
    TAILQ_INIT(&a->subs);
    a->next = *place;
    *place = a;
    return a;
}

void hub_account_leave(struct hub *h, struct hub_account *a)
{
    struct hub_account **at = &h->accounts[bucket(a->id)];
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    for (uint32_t i = 0; i < a->count; i++)
        part_remove(h, a->parts[i], a);
    free(a->parts);
    free(a->id);
    free(a);
}

int hub_account_place(const struct hub_account *a, const struct hub_part *part)
{
    for (uint32_t i = 0; i < a->count; i++)
        if (a->parts[i] == part)
            return (int)i;
    return -1;
}

/* ---- joined and left ---- */

static void say(struct hub *h, struct hub_sub *s, const char *event, const char *space, bool cursor)
{
    struct buf text;
    struct json_writer w;
    arena_reset(&h->scratch);
    const char *now = cursor ? hub_sub_cursor(h, s) : NULL;
    buf_init(&text, 1 << 20);
    buf_printf(&text, "event: %s\ndata: ", event);
    json_begin(&w, &text);
    json_open_object(&w);
    json_put_key(&w, "spaceId");
    json_put_str(&w, space);
    if (now) {
        json_put_key(&w, "syncedUntil");
        json_put_str(&w, now);
    }
    json_close_object(&w);
    if (now)
        buf_printf(&text, "\nid: %s", now);
    buf_str(&text, "\n\n");
    if (text.error)
        hub_sub_end(s, true);
    else
        hub_sub_send(s, text.data, text.len);
    buf_release(&text);
}

/* Positions of a stream after the list of its account became `parts`: what is new begins at the
 * start, so that its whole history comes (G-S3). */
static int move_seen(const struct hub_account *a, struct hub_sub *s, struct hub_part **parts,
                     uint32_t count)
{
    int64_t *seen = calloc(count + 1, sizeof *seen);
    if (!seen)
        return RAUM_ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        int was = hub_account_place(a, parts[i]);
        seen[i] = was >= 0 && s->seen ? s->seen[was] : 0;
    }
    free(s->seen);
    s->seen = seen;
    return 0;
}

static bool listed(struct hub_part *const *list, uint32_t count, const struct hub_part *part)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i] == part)
            return true;
    return false;
}

/* The streams of an account hear of a space that it left, and end right behind it: nothing that
 * was on its way reaches them as members. */
static void announce(struct hub *h, struct hub_account *a, struct hub_part **was, uint32_t had)
{
    struct hub_sub *s;
    TAILQ_FOREACH(s, &a->subs, of_account)
    {
        bool left = false;
        for (uint32_t i = 0; i < a->count; i++)
            if (!s->only && !listed(was, had, a->parts[i]))
                say(h, s, "space-joined", a->parts[i]->id, false);
        for (uint32_t i = 0; i < had; i++)
            if (!listed(a->parts, a->count, was[i])) {
                say(h, s, "space-left", was[i]->id, true);
                left = true;
            }
        if (left)
            hub_sub_end(s, false);
        else if (hub_sub_lacks(s))
            hub_sub_behind(h, s);
    }
}

static int take_list(struct hub *h, struct hub_account *a, const struct relay_part *rows,
                     uint32_t count, struct hub_part **parts)
{
    struct hub_sub *s;
    int result = 0;
    for (uint32_t i = 0; i < count && result == 0; i++) {
        parts[i] = part_get(h, &rows[i]);
        result = parts[i] ? part_add(parts[i], a) : RAUM_ENOMEM;
    }
    TAILQ_FOREACH(s, &a->subs, of_account)
    if (result == 0)
        result = move_seen(a, s, parts, count);
    return result;
}

int hub_account_read(struct hub *h, struct hub_account *a, struct raum_error *error)
{
    const struct relay_caller who = {.account = a->id};
    struct relay_part *rows;
    uint32_t count;
    arena_reset(&h->scratch);
    int result = relay_parts(h->relay, &who, &h->scratch, &rows, &count, error);
    if (result < 0)
        return result;
    struct hub_part **was = a->parts, **parts = calloc(count + 1, sizeof *parts);
    uint32_t had = a->count;
    result = parts ? take_list(h, a, rows, count, parts) : RAUM_ENOMEM;
    if (result < 0) { /* some positions may have moved already: none of its streams can go on */
        struct hub_sub *s;
        TAILQ_FOREACH(s, &a->subs, of_account)
        hub_sub_end(s, true);
        for (uint32_t i = 0; parts && i < count && parts[i]; i++)
            if (!listed(was, had, parts[i]))
                part_remove(h, parts[i], a);
        free(parts);
        return err_set(error, result, NULL);
    }
    a->parts = parts;
    a->count = count;
    if (a->known)
        announce(h, a, was, had);
    a->known = true;
    for (uint32_t i = 0; i < had; i++)
        if (!listed(parts, count, was[i]))
            part_remove(h, was[i], a);
    free(was);
    return 0;
}

/* ---- sessions ---- */

/* *expires: 0 when the session is no more. */
static int ask_session(struct hub *h, const struct hub_sub *s, int64_t *expires,
                       struct raum_error *error)
{
    struct sql_rows *rows;
    *expires = 0;
    int result = sql_one(h->sql, &rows, error,
                         "SELECT s.expires AS expires FROM sessions s JOIN accounts a ON "
                         "a.id = s.account WHERE s.id = ?1 AND s.account = ?2 AND a.disabled = 0",
                         "ss", s->session, s->account->id);
    if (result == 0)
        *expires = sql_int(rows, "expires");
    sql_rows_free(rows);
    return result == RAUM_END ? 0 : result;
}

int hub_sub_check(struct hub *h, struct hub_sub *s, struct raum_error *error)
{
    int64_t now = h->o.env->now_ms(h->o.env->ctx);
    if (!s->session) {
        s->expires = INT64_MAX;
        return 0;
    }
    int result = ask_session(h, s, &s->expires, error);
    if (result < 0)
        return result;
    if (s->expires <= now) /* what waits for it is dropped */
        hub_sub_end(s, true);
    else if (!h->expiry_at || s->expires < h->expiry_at)
        h->expiry_at = s->expires;
    return 0;
}

int hub_account_check(struct hub *h, struct hub_account *a, struct raum_error *error)
{
    struct hub_sub *s;
    int result = 0;
    TAILQ_FOREACH(s, &a->subs, of_account)
    if (result == 0 && !s->closing)
        result = hub_sub_check(h, s, error);
    return result;
}
