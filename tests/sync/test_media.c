/* Pictures between a device and a server that is a table in this file: uploads that go on after
 * anything, refusals, fetching, and a server that sends what it should not (G-O1, G-P4, G-P5). */
#include "engine/kit.h"
#include "engine/media_files.h"
#include "modules/pool.h"
#include "sync/media.h"

#define MINUTE 60000

/* ---- the server ---- */

struct there {
    char id[64], hash[MEDIA_REF_HASH];
    unsigned char data[100000];
    size_t len, length; /* of it all */
    bool whole;
};
static struct {
    struct there list[8];
    int count;
    int status;            /* instead of any answer; 0: none */
    const char *error;     /* its body */
    int lost;              /* this request's answer is lost; counts down */
    int asked[8], deleted; /* by the first letter: see ask_kind */
    size_t bytes;          /* of parts that arrived */
    const char *facts;     /* instead of the true ones */
    const char *thumb;     /* file that is sent as one */
    bool other_bytes, whole_at_once;
} server;
struct answer {
    int status;
    char location[100], offset[32], range[64], facts[300];
    void *body;
    size_t len;
};

static const char *answer_header(void *arg, const char *name)
{
    const struct answer *a = arg;
    const char *text = strcmp(name, "location") == 0        ? a->location
                       : strcmp(name, "upload-offset") == 0 ? a->offset
                       : strcmp(name, "content-range") == 0 ? a->range
                       : strcmp(name, "raum-media") == 0    ? a->facts
                                                            : "";
    return *text ? text : NULL;
}

static const char *header_of(const struct media_step *step, const char *name)
{
    for (int i = 0; i < MEDIA_STEP_HEADERS && step->headers[i]; i++)
        if (strncmp(step->headers[i], name, strlen(name)) == 0)
            return step->headers[i] + strlen(name);
    return NULL;
}

static struct there *find(const char *id)
{
    for (int i = 0; i < server.count; i++)
        if (strcmp(server.list[i].id, id) == 0)
            return &server.list[i];
    return NULL;
}

static void append(struct there *t, const struct media_step *step, struct answer *a)
{
    assert_true(t->len + step->len <= sizeof t->data && step->len <= MEDIA_STEP_ANSWER);
    if (step->len)
        memcpy(t->data + t->len, step->body, step->len);
    t->len += step->len;
    server.bytes += step->len;
    t->whole = t->len == t->length;
    snprintf(a->offset, sizeof a->offset, "%zu", t->len);
}

/* What is whole is known by its metadata's id, the third of them; a name of its own otherwise. */
static void create(const struct media_step *step, struct answer *a)
{
    struct there *t = &server.list[server.count];
    const char *length = header_of(step, "Upload-Length: ");
    assert_non_null(header_of(step, "Upload-Metadata: spaceId "));
    assert_true(server.count < 8);
    *t = (struct there){.length = (size_t)strtoul(length, NULL, 10)};
    snprintf(t->id, sizeof t->id, "upload%d", server.count++);
    append(t, step, a);
    a->status = 201;
    snprintf(a->location, sizeof a->location, "/api/v1/media/uploads/%s", t->id);
}

static void upload(const struct media_step *step, struct answer *a)
{
    struct there *t = find(step->path + strlen("/api/v1/media/uploads/"));
    a->status = t ? 200 : 404;
    if (t && strcmp(step->method, "PATCH") == 0) {
        size_t at = (size_t)strtoul(header_of(step, "Upload-Offset: "), NULL, 10);
        a->status = at == t->len ? 204 : 409;
        if (a->status == 204)
            append(t, step, a);
    } else if (t)
        snprintf(a->offset, sizeof a->offset, "%zu", t->len);
}

static void give(const struct media_step *step, struct there *t, struct answer *a)
{
    size_t first = 0, last = 0;
    snprintf(a->facts, sizeof a->facts,
             "hash=%s; type=jpg; bytes=%zu; width=24; height=32; purpose=me", t->hash, t->len);
    if (server.facts)
        snprintf(a->facts, sizeof a->facts, "%s", server.facts);
    a->status = 200;
    if (strstr(step->path, "/thumb")) {
        a->body = place_file(server.thumb ? server.thumb : "gps.webp", &a->len);
        return;
    }
    assert_int_equal(sscanf(header_of(step, "Range: bytes="), "%zu-%zu", &first, &last), 2);
    if (server.whole_at_once)
        first = 0, last = t->len - 1;
    last = last < t->len - 1 ? last : t->len - 1;
    if (!server.whole_at_once && last - first > 99)
        last = first + 99;
    a->len = last - first + 1;
    a->body = malloc(a->len);
    memcpy(a->body, t->data + first, a->len);
    if (server.other_bytes)
        ((char *)a->body)[a->len - 1] ^= 1;
    a->status = server.whole_at_once ? 200 : 206;
    if (!server.whole_at_once)
        snprintf(a->range, sizeof a->range, "bytes %zu-%zu/%zu", first, last, t->len);
}

static void picture(const struct media_step *step, struct answer *a)
{
    char id[64];
    assert_non_null(strstr(step->path, "?space="));
    snprintf(id, sizeof id, "%.*s", (int)strcspn(step->path + 14, "/?"), step->path + 14);
    struct there *t = find(id);
    if (strcmp(step->method, "DELETE") == 0) {
        assert_non_null(strstr(step->path, "&forever=1"));
        server.deleted++;
        a->status = t ? 204 : 404;
        if (t)
            t->id[0] = '\0';
    } else if (t)
        give(step, t, a);
    else
        a->status = 404;
}

static void serve(const struct media_step *step, struct answer *a)
{
    *a = (struct answer){.status = server.status};
    if (server.status)
        a->len = strlen(server.error ? server.error : "");
    if (server.status && a->len)
        memcpy(a->body = malloc(a->len), server.error, a->len);
    else if (server.status)
        return;
    else if (strcmp(step->method, "POST") == 0)
        create(step, a);
    else if (strncmp(step->path, "/api/v1/media/uploads/", 22) == 0)
        upload(step, a);
    else
        picture(step, a);
}

/* ---- the device ---- */

static struct place p;
static struct media_sync *m;
static uint32_t team;
static int64_t until;
static void (*between)(void); /* what another process does before the answer is heard, once */

static void begin(bool originals)
{
    const struct media_plan plan = {.send = true, .thumbs = true, .originals = originals};
    media_sync_free(m);
    OK(media_sync_new(&m, &p.pictures, &plan, &error));
    OK(media_sync_want_all(m, &error));
}

/* Another process, after the first was killed. */
static void again(void)
{
    media_sync_free(m);
    m = NULL;
    place_again(&p);
    begin(false);
}

/* One request; what the step was. The answer to the `lost`-th is not heard. */
static enum media_action turn(void)
{
    struct media_step step;
    struct answer a;
    OK(media_sync_next(m, p.world.now_ms, &step, &error));
    until = step.until;
    if (step.action != MEDIA_ASK)
        return step.action;
    serve(&step, &a);
    p.world.now_ms += 5;
    if (between)
        between();
    between = NULL;
    bool lost = server.lost && --server.lost == 0;
    const struct media_heard heard = {.status = lost ? 0 : a.status,
                                      .body = a.body,
                                      .len = lost ? 0 : a.len,
                                      .arg = &a,
                                      .header = answer_header};
    OK(media_sync_answer(m, p.world.now_ms, &heard, &error));
    free(a.body);
    return step.action;
}

static enum media_action until_idle(int most)
{
    enum media_action action = MEDIA_ASK;
    while (most-- > 0 && action == MEDIA_ASK)
        action = turn();
    return action;
}

static struct media_state state_of(uint32_t space)
{
    struct media_state state;
    OK(media_work_state(p.raum, space, &state, &error));
    return state;
}

/* A row of the server's, as it would be merged. */
static void arrive(const char *id, const char *media, const char *deleted)
{
    struct media_watch watch;
    struct raum_handle *h = kit_scope(p.raum, "team-id");
    const struct schema_table *t = schema_table("meImages");
    char json[300], made[RAUM_ID_MAX];
    media_watch_init(&watch, p.raum);
    OK(replica_begin(p.raum, &error));
    OK(media_watch_before(&watch, team, t, id, &error));
    snprintf(json, sizeof json, "{\"mediaId\":%s%s%s}", media ? "\"" : "", media ? media : "null",
             media ? "\"" : "");
    if (!*kit_get(h, "meImages", id, true)) {
        char all[400];
        snprintf(all, sizeof all, "{\"id\":\"%s\",\"kind\":\"face\",%s", id, json + 1);
        OK(kit_insert(h, "meImages", all, made));
    } else if (!deleted)
        OK(kit_update(h, "meImages", id, json));
    if (deleted && *deleted == 'y')
        OK(store_delete(h, "meImages", id, &error));
    if (deleted && *deleted == 'n')
        OK(store_restore(h, "meImages", id, &error));
    OK(media_watch_after(&watch, team, t, id, &error));
    OK(replica_commit(p.raum, &error));
    media_watch_release(&watch);
    raum_handle_free(h);
}

static const char *here(const char *media)
{
    struct media_ref ref;
    bool whole, thumb;
    if (media_refs_find(p.raum, team, media, false, &ref, NULL) != 0)
        return "";
    OK(media_files_here(p.raum, ref.hash, &whole, &thumb, &error));
    return whole ? "original" : thumb ? "thumb" : "nothing";
}

/* A picture of somebody else at the server. */
static struct there *put_there(const char *id)
{
    struct there *t = &server.list[server.count++];
    struct place other;
    char image[RAUM_ID_MAX];
    struct media_ref ref;
    void *data;
    *t = (struct there){.whole = true};
    place_open(&other, "other");
    OK(place_add(&other, other.home, "gps.jpg", NULL, image));
    OK(media_refs_find(other.raum, other.home->space, place_media(other.home, image), false, &ref,
                       &error));
    OK(media_files_read(other.raum, ref.hash, &data, &t->len, &error));
    memcpy(t->data, data, t->len);
    free(data);
    memcpy(t->hash, ref.hash, sizeof t->hash);
    snprintf(t->id, sizeof t->id, "%s", id);
    place_close(&other);
    return t;
}

static int set_up(void **state)
{
    (void)state;
    memset(&server, 0, sizeof server);
    place_open(&p, "anna");
    kit_join(p.raum, "team-id", SPACE_TEAM, ROLE_MEMBER);
    team = intern_space_find(p.raum, "team-id")->ref;
    begin(false);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    media_sync_free(m);
    m = NULL;
    place_close(&p);
    return 0;
}

static void add(const char *file, char media[RAUM_ID_MAX])
{
    char id[RAUM_ID_MAX];
    struct raum_handle *h = kit_scope(p.raum, "team-id");
    OK(place_add(&p, h, file, NULL, id));
    snprintf(media, RAUM_ID_MAX, "%s", place_media(h, id));
    raum_handle_free(h);
}

/* ---- sending ---- */

/* Whichever answer is lost, whoever is killed then: it arrives, once, and is known to have. */
static void test_sent_whatever_is_lost(void **state)
{
    char media[RAUM_ID_MAX];
    (void)state;
    add("gps.png", media);
    for (int lost = 1; lost <= 4; lost++) {
        memset(&server, 0, sizeof server);
        server.lost = lost;
        for (int i = 0; i < 20 && state_of(team).unsent; i++) {
            enum media_action action = turn();
            if (server.lost == 0 && lost > 0)
                again();
            if (action == MEDIA_WAIT)
                p.world.now_ms = until;
            p.world.now_ms += 1000;
        }
        assert_int_equal(state_of(team).unsent, 0);
        assert_int_equal(until_idle(3), MEDIA_IDLE);
        int whole = 0;
        for (int i = 0; i < server.count; i++)
            whole += server.list[i].whole;
        assert_true(whole >= 1);
        assert_int_equal(kit_raw(p.raum, "SELECT sent FROM media"), MEDIA_SENT);
        assert_int_equal(kit_raw(p.raum, "SELECT count(*) FROM media_work"), 0);
        OK(replica_begin(p.raum, &error)); /* G-O4 */
        OK(media_work_offer_all(p.raum, &error));
        OK(replica_commit(p.raum, &error));
        assert_int_equal(state_of(team).unsent, 1);
    }
}

/* In parts, killed between them: on from where the server stands. */
static void test_sent_in_parts(void **state)
{
    char media[RAUM_ID_MAX];
    size_t len;
    (void)state;
    add("gps.png", media);
    struct there *t = &server.list[0]; /* half of it has come */
    struct media_ref ref;
    void *data;
    OK(media_refs_find(p.raum, team, media, false, &ref, &error));
    OK(media_files_read(p.raum, ref.hash, &data, &len, &error));
    *t = (struct there){.id = "upload0", .length = len, .len = 100};
    memcpy(t->data, data, 100);
    server.count = 1;
    struct media_job job = {.space = team, .work = MEDIA_DO_SEND};
    snprintf(job.id, sizeof job.id, "%s", media);
    OK(media_work_place(p.raum, &job, "/api/v1/media/uploads/upload0", &error));
    again();
    assert_int_equal(until_idle(5), MEDIA_IDLE);
    assert_int_equal(server.bytes, len - 100);
    assert_true(t->whole);
    assert_memory_equal(t->data, data, len);
    assert_int_equal(media_sync_counts(m)->sent, 1);
    /* One that the server has forgotten begins anew, and so does one that lies about itself. */
    for (int i = 0; i < 2; i++) {
        OK(replica_begin(p.raum, &error));
        OK(media_work_offer_all(p.raum, &error));
        OK(replica_commit(p.raum, &error));
        memset(&server, 0, sizeof server);
        if (i == 1) {
            server.count = 1;
            server.list[0] = (struct there){.id = "gone", .length = len, .len = len + 7};
        }
        OK(media_work_place(p.raum, &job, "/api/v1/media/uploads/gone", &error));
        again();
        (void)until_idle(2);
        p.world.now_ms += MINUTE;
        assert_int_equal(until_idle(4), MEDIA_IDLE);
        assert_int_equal(state_of(team).unsent, 0);
        assert_true(server.list[i].whole);
    }
    free(data);
}

/* G-P5: what the server does not take is given up in its words, and holds up nothing. */
static void test_refused(void **state)
{
    char one[RAUM_ID_MAX], two[RAUM_ID_MAX];
    (void)state;
    add("gps.png", one);
    server.status = 413;
    server.error = "{\"error\":{\"code\":\"TOO_LARGE\",\"message\":\"no room\"}}";
    assert_int_equal(until_idle(3), MEDIA_IDLE);
    assert_int_equal(state_of(team).unsent, 0);
    assert_int_equal(state_of(team).refused, 1);
    assert_int_equal(kit_raw(p.raum, "SELECT note = 'no room' FROM media_work"), 1);
    assert_int_equal(kit_raw(p.raum, "SELECT code FROM media_work"), RAUM_ETOO_LARGE);
    server.status = 0;
    add("gps.jpg", two);
    assert_int_equal(until_idle(3), MEDIA_IDLE);
    assert_int_equal(media_sync_counts(m)->sent, 1);
    assert_int_equal(state_of(team).refused, 1);
    OK(media_work_retry(p.raum, true, &error));
    assert_int_equal(until_idle(3), MEDIA_IDLE);
    assert_int_equal(media_sync_counts(m)->sent, 2);
    assert_int_equal(state_of(0).refused, 0);
}

/* A server that is away or busy is left alone, longer each time; one picture that it cannot take
 * just now is not in the way of the next. */
static void test_waiting(void **state)
{
    static const int statuses[] = {429, 503, 507};
    char media[RAUM_ID_MAX];
    (void)state;
    add("gps.png", media);
    for (size_t i = 0; i < 3; i++) {
        server.status = statuses[i];
        assert_int_equal(turn(), MEDIA_ASK);
        assert_int_equal(turn(), MEDIA_WAIT);
        assert_true(until > p.world.now_ms && until <= p.world.now_ms + MINUTE);
        assert_non_null(media_sync_trouble(m));
        p.world.now_ms = until;
    }
    server.status = 500;
    assert_int_equal(turn(), MEDIA_ASK);
    assert_int_equal(turn(), MEDIA_IDLE);
    assert_true(until > p.world.now_ms && until < INT64_MAX);
    server.status = 0;
    add("gps.jpg", media);
    assert_int_equal(turn(), MEDIA_ASK);
    assert_int_equal(media_sync_counts(m)->sent, 1);
    p.world.now_ms += MINUTE;
    assert_int_equal(until_idle(4), MEDIA_IDLE);
    assert_int_equal(media_sync_counts(m)->sent, 2);
    assert_null(media_sync_trouble(m));
    add("gps.webp", media);
    server.status = 401;
    assert_int_equal(turn(), MEDIA_ASK);
    assert_int_equal(turn(), MEDIA_STOPPED);
}

/* What was deleted for ever while it is being sent is sent no further, and deleted there (G-P4). */
static void test_deleted_while_sent(void **state)
{
    char media[RAUM_ID_MAX];
    (void)state;
    add("gps.png", media);
    struct media_job job = {.space = team, .work = MEDIA_DO_SEND};
    snprintf(job.id, sizeof job.id, "%s", media);
    server.count = 1;
    server.list[0] = (struct there){.id = "upload0", .length = 2000, .len = 10};
    OK(media_work_place(p.raum, &job, "/api/v1/media/uploads/upload0", &error));
    assert_int_equal(turn(), MEDIA_ASK); /* HEAD */
    OK(replica_begin(p.raum, &error));
    OK(media_refs_erase(p.raum, team, media, &error));
    OK(replica_commit(p.raum, &error));
    assert_int_equal(until_idle(4), MEDIA_IDLE);
    assert_int_equal(server.bytes, 0);
    assert_int_equal(server.deleted, 1);
    assert_int_equal(state_of(0).erasing, 0);
}

static void sent_by_another(void)
{
    OK(replica_begin(p.raum, &error));
    OK(db_exec(p.raum->db, "UPDATE media SET sent = 1", &error));
    OK(replica_commit(p.raum, &error));
}

/* Another process of this device was quicker: the rest is not sent. */
static void test_sent_by_another(void **state)
{
    char media[RAUM_ID_MAX];
    (void)state;
    add("gps.png", media);
    struct media_job job = {.space = team, .work = MEDIA_DO_SEND};
    snprintf(job.id, sizeof job.id, "%s", media);
    server.count = 1;
    server.list[0] = (struct there){.id = "upload0", .length = 2000, .len = 10};
    OK(media_work_place(p.raum, &job, "/api/v1/media/uploads/upload0", &error));
    between = sent_by_another;
    assert_int_equal(turn(), MEDIA_ASK);
    assert_int_equal(until_idle(3), MEDIA_IDLE);
    assert_int_equal(server.bytes, 0);
}

/* ---- fetching ---- */

static void test_fetched(void **state)
{
    (void)state;
    arrive("row", "pic", NULL);
    assert_int_equal(state_of(team).coming, 1);
    assert_int_equal(until_idle(3), MEDIA_IDLE); /* it is on its way to the server */
    assert_true(until - p.world.now_ms <= 250);
    assert_string_equal(here("pic"), "");
    struct there *t = put_there("pic");
    p.world.now_ms = until;
    assert_int_equal(until_idle(3), MEDIA_IDLE);
    assert_string_equal(here("pic"), "thumb");
    assert_int_equal(state_of(team).coming, 0);
    assert_int_equal(state_of(team).unsent, 0);
    /* The original in parts, killed on the way. */
    OK(replica_begin(p.raum, &error));
    OK(media_work_add(p.raum, team, "pic", MEDIA_DO_WHOLE, &error));
    OK(replica_commit(p.raum, &error));
    assert_int_equal(turn(), MEDIA_ASK);
    again();
    assert_int_equal(turn(), MEDIA_ASK);
    assert_string_equal(here("pic"), "thumb");
    assert_int_equal(until_idle(40), MEDIA_IDLE);
    assert_string_equal(here("pic"), "original");
    void *data;
    size_t len;
    OK(media_files_read(p.raum, t->hash, &data, &len, &error));
    assert_int_equal(len, t->len);
    assert_memory_equal(data, t->data, len);
    free(data);
}

static void withdrawn(void)
{
    OK(replica_begin(p.raum, &error));
    OK(media_work_done(p.raum, team, "pic", MEDIA_DO_THUMB, &error));
    OK(replica_commit(p.raum, &error));
}

static int count_files(void *arg, const struct media_entry *entry)
{
    (void)entry;
    (*(int *)arg)++;
    return 0;
}

/* What nobody wants any more when it comes is not kept; nor are bytes of another hash, though they
 * be a picture. */
static void test_not_kept(void **state)
{
    int files = 0;
    (void)state;
    struct there *t = put_there("pic");
    arrive("row", "pic", NULL);
    between = withdrawn;
    assert_int_equal(until_idle(3), MEDIA_IDLE);
    assert_int_equal(kit_raw(p.raum, "SELECT count(*) FROM media"), 0);
    memset(t->hash, 'a', sizeof t->hash - 1);
    begin(true);
    OK(replica_begin(p.raum, &error));
    OK(media_work_add(p.raum, team, "pic", MEDIA_DO_THUMB, &error));
    OK(replica_commit(p.raum, &error));
    assert_int_equal(until_idle(40), MEDIA_IDLE);
    assert_string_equal(here("pic"), "thumb");
    assert_int_equal(state_of(team).refused, 1);
    OK(media_store_each(p.pictures.store, count_files, &files, &error));
    assert_int_equal(files, 1);
}

/* A server that sends something else: nothing of it is kept. */
static void test_hostile_server(void **state)
{
    static const char *const facts[] = {
        "",
        "hash=../../etc/passwd; type=jpg; bytes=1; width=1; height=1; purpose=me",
        "hash=00; type=jpg; bytes=1; width=1; height=1; purpose=me",
        "hash=0000000000000000000000000000000000000000000000000000000000000000; type=svg; bytes=9; "
        "width=1; height=1; purpose=me",
        "hash=0000000000000000000000000000000000000000000000000000000000000000; type=jpg; "
        "bytes=999999999999; width=1; height=1; purpose=me",
        "hash=0000000000000000000000000000000000000000000000000000000000000000; type=jpg; bytes=9; "
        "width=1; height=1; purpose=me; more=1"};
    (void)state;
    put_there("pic");
    arrive("row", "pic", NULL);
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        server.facts = facts[i];
        assert_int_equal(turn(), MEDIA_ASK);
        assert_int_equal(turn(), MEDIA_IDLE);
        assert_string_equal(here("pic"), "");
        p.world.now_ms += 20 * MINUTE;
    }
    server.facts = NULL;
    server.thumb = "gps.png"; /* a picture, but no small WebP */
    assert_int_equal(until_idle(3), MEDIA_IDLE);
    assert_int_equal(state_of(team).refused, 1);
    assert_string_equal(here("pic"), "");
    server.thumb = NULL;
    OK(media_work_retry(p.raum, true, &error));
    begin(true);
    for (int i = 0; i < 2; i++) {
        server.other_bytes = true;
        server.whole_at_once = i == 1;
        assert_int_equal(until_idle(40), MEDIA_IDLE);
        assert_string_equal(here("pic"), "thumb");
        assert_int_equal(state_of(team).refused, 1);
        OK(media_work_retry(p.raum, true, &error));
    }
    server.other_bytes = false;
    assert_int_equal(until_idle(40), MEDIA_IDLE);
    assert_string_equal(here("pic"), "original");
}

static struct raum_env real;
static bool busy;

static int write_or_busy(void *ctx, const char *path, const void *data, size_t len, int mode)
{
    bool now = busy;
    busy = false;
    return now ? RAUM_EBUSY : real.file_write(ctx, path, data, len, mode);
}

/* A device that cannot write at this moment hears the same answer again: nothing is asked twice,
 * and no part is taken for two. */
static void test_heard_again(void **state)
{
    (void)state;
    put_there("pic");
    arrive("row", "pic", NULL);
    OK(replica_begin(p.raum, &error));
    OK(media_work_add(p.raum, team, "pic", MEDIA_DO_WHOLE, &error));
    OK(replica_commit(p.raum, &error));
    real = p.world.env;
    p.world.env.file_write = write_or_busy;
    enum media_action action = MEDIA_ASK;
    int failed = 0;
    while (action == MEDIA_ASK) {
        struct media_step step;
        struct answer a;
        OK(media_sync_next(m, p.world.now_ms, &step, &error));
        if ((action = step.action) != MEDIA_ASK)
            break;
        serve(&step, &a);
        const struct media_heard heard = {
            .status = a.status, .body = a.body, .len = a.len, .arg = &a, .header = answer_header};
        busy = true;
        assert_int_equal(media_sync_answer(m, p.world.now_ms, &heard, &error), RAUM_EBUSY);
        failed++;
        err_clear(&error);
        OK(media_sync_answer(m, p.world.now_ms, &heard, &error));
        free(a.body);
    }
    assert_true(failed > 3);
    assert_string_equal(here("pic"), "original");
    assert_int_equal(media_sync_counts(m)->thumbs, 1);
    assert_int_equal(media_sync_counts(m)->originals, 1);
    assert_int_equal(state_of(team).refused, 0);
}

/* A thumb that somebody fetched to look at is kept if it was to be fetched, and as it was said. */
static void test_taken_beside(void **state)
{
    struct there *t = put_there("pic");
    char facts[200];
    void *webp, *png;
    size_t len, png_len;
    bool kept = true;
    (void)state;
    snprintf(facts, sizeof facts,
             "hash=%s; type=jpg; bytes=%zu; width=24; height=32; purpose=me", t->hash, t->len);
    webp = place_file("gps.webp", &len);
    png = place_file("gps.png", &png_len);
#define TAKE(id, facts, data, len)                                                                 \
    OK(media_sync_take_thumb(&p.pictures, team, id, facts, data, len, &kept, &error))
    TAKE("pic", facts, webp, len); /* no row shows it */
    assert_false(kept);
    arrive("row", "pic", NULL);
    TAKE("pic", NULL, webp, len);
    assert_false(kept);
    TAKE("pic", "hash=00", webp, len);
    assert_false(kept);
    TAKE("../pic", facts, webp, len);
    assert_false(kept);
    TAKE("pic", facts, png, png_len);
    assert_false(kept);
    assert_int_equal(kit_raw(p.raum, "SELECT count(*) FROM media"), 0);
    assert_int_equal(state_of(team).coming, 1);
    TAKE("pic", facts, webp, len);
    assert_true(kept);
    assert_string_equal(here("pic"), "thumb");
    assert_int_equal(state_of(team).coming, 0);
    assert_int_equal(turn(), MEDIA_IDLE); /* it is not fetched again */
    TAKE("pic", facts, webp, len);
    assert_false(kept);
    free(webp);
    free(png);
}

/* Ids that are none, or an adopted account picture's, are never asked for. */
static void test_ids(void **state)
{
    static const char *const ids[] = {"legacy-avatar:1", "a/b", "../x", "uploads", ".", "a?b", ""};
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        arrive(i % 2 ? "odd" : "even", ids[i], NULL);
    assert_int_equal(state_of(0).coming, 0);
    assert_true(media_work_is_id("0192-ab_c.D", 11));
    assert_false(media_work_is_id(NULL, 0));
}

/* ---- letting go ---- */

/* A deleted row keeps its picture for a restore; what no row names is gone at once (G-P4). */
static void test_let_go(void **state)
{
    (void)state;
    put_there("pic");
    arrive("row", "pic", NULL);
    arrive("same", "pic", NULL);
    assert_int_equal(until_idle(3), MEDIA_IDLE);
    arrive("row", "pic", "y");
    assert_int_equal(until_idle(3), MEDIA_IDLE);
    assert_string_equal(here("pic"), "thumb"); /* the other one shows it */
    arrive("same", "pic", "y");
    assert_int_equal(until_idle(3), MEDIA_IDLE);
    assert_string_equal(here("pic"), "");
    assert_int_equal(kit_raw(p.raum, "SELECT deleted IS NOT NULL FROM media"), 1);
    arrive("row", "pic", "n");
    assert_int_equal(until_idle(4), MEDIA_IDLE);
    assert_string_equal(here("pic"), "thumb");
    arrive("row", NULL, NULL);
    assert_int_equal(until_idle(3), MEDIA_IDLE); /* the deleted one names it still */
    assert_int_equal(kit_raw(p.raum, "SELECT count(*) FROM media"), 1);
    arrive("same", "pic", "n");
    arrive("same", NULL, NULL);
    assert_int_equal(until_idle(3), MEDIA_IDLE);
    assert_int_equal(kit_raw(p.raum, "SELECT count(*) FROM media"), 0);
    assert_int_equal(kit_raw(p.raum, "SELECT count(*) FROM media_work"), 0);
    assert_int_equal(server.deleted, 0); /* that is for whoever deleted it */
    /* One that no server has is not erased because a row let go of it. */
    char media[RAUM_ID_MAX], id[RAUM_ID_MAX];
    add("gps.png", media);
    struct raum_handle *h = kit_scope(p.raum, "team-id");
    snprintf(id, sizeof id, "%s", place_list(h, &(struct me_filter){.kind = "reference"}));
    raum_handle_free(h);
    server.status = 503;
    arrive(id, NULL, NULL);
    assert_int_equal(until_idle(3), MEDIA_IDLE);
    assert_int_equal(kit_raw(p.raum, "SELECT count(*) FROM media WHERE deleted IS NOT NULL"), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_sent_whatever_is_lost), T(test_sent_in_parts),   T(test_refused),  T(test_waiting),
        T(test_deleted_while_sent),    T(test_fetched),         T(test_ids),      T(test_let_go),
        T(test_hostile_server),        T(test_sent_by_another), T(test_not_kept),
        T(test_heard_again),           T(test_taken_beside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
