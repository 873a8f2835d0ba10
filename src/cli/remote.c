#include "cli/remote.h"

#include "cli/cli.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define FILE_MAX 16384
#define PAUSE_US 150000
#define WAIT_MAX_S 2
#define ENDED "session" /* origin of the error of a session that is over */

/* ---- what a server's refusal means here ---- */

/* Codes of Better Auth and what they are to us. A text ending in '*' is a beginning. */
static const struct meaning {
    const char *name;
    int code;
    const char *text; /* through tr(); NULL: as the server says it */
} meanings[] = {
    {"YOU_CANNOT_LEAVE_THE_ORGANIZATION_*", RAUM_ELAST_OWNER,
     "the last owner cannot go: make somebody else an owner first, see raum space role"},
    {"LAST_OWNER", RAUM_ELAST_OWNER,
     "the last owner cannot go: make somebody else an owner first, see raum space role"},
    {"USER_ALREADY_EXISTS*", RAUM_EEXISTS,
     "there is an account with this address already: raum login"},
    {"INVALID_EMAIL_OR_PASSWORD", RAUM_ENOT_ALLOWED, "the address or the password is wrong"},
    {"INVALID_EMAIL", RAUM_EBAD_CHANGE, "this is no mail address"},
    {"PASSWORD_TOO_SHORT", RAUM_EBAD_CHANGE, "the password is too short: 8 characters at least"},
    {"PASSWORD_TOO_LONG", RAUM_EBAD_CHANGE, "the password is too long: 128 characters at most"},
    {"EMAIL_NOT_VERIFIED", RAUM_ENOT_ALLOWED, "the address is not verified: see the mail to it"},
    {"EMAIL_VERIFICATION_REQUIRED_*", RAUM_ENOT_ALLOWED,
     "your address is not verified: use the whole link of the mail, or verify it first"},
    {"INVITATION_NOT_FOUND", RAUM_ENOT_FOUND, "no such invitation, or it has ended"},
    {"YOU_ARE_NOT_THE_RECIPIENT_OF_THE_INVITATION", RAUM_ENOT_ALLOWED,
     "this invitation is for somebody else"},
    {"MEMBER_NOT_FOUND", RAUM_ENOT_FOUND, "no such member"},
    {"ORGANIZATION_NOT_FOUND", RAUM_ENOT_FOUND, "no such space, or you are not in it"},
    {"USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION", RAUM_ENOT_FOUND,
     "no such space, or you are not in it"},
    {"YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION", RAUM_ENOT_FOUND,
     "no such space, or you are not in it"},
    {"USER_IS_ALREADY_INVITED_*", RAUM_EEXISTS,
     "there is an open invitation for this address already"},
    {"USER_IS_ALREADY_A_MEMBER_*", RAUM_EEXISTS, "this person is a member already"},
    {"YOU_ARE_NOT_ALLOWED_TO_*", RAUM_ENOT_ALLOWED, "your role in this space does not allow that"},
    {"ROLE_NOT_FOUND", RAUM_EBAD_CHANGE, "no such role; there are: member admin owner"},
    {"INVITATION_LIMIT_REACHED", RAUM_ELIMIT, "too many open invitations"},
    {"ORGANIZATION_MEMBERSHIP_LIMIT_REACHED", RAUM_ELIMIT, "the space is full"},
    {"YOU_HAVE_REACHED_THE_MAXIMUM_*", RAUM_ELIMIT, "you are in too many spaces"},
    {"SPACE_PERSONAL_UNDELETABLE", RAUM_ESPACE_PERSONAL_UNDELETABLE,
     "the personal space cannot be deleted"},
    {"VALIDATION_ERROR", RAUM_EBAD_CHANGE, NULL},
    {NULL, 0, NULL},
};

static bool matches(const char *pattern, const char *name)
{
    size_t len = strlen(pattern);
    if (pattern[len - 1] == '*')
        return strncmp(pattern, name, len - 1) == 0;
    return strcmp(pattern, name) == 0;
}

static int code_of_status(int status)
{
    switch (status) {
    case 401:
    case 403:
        return RAUM_ENOT_ALLOWED;
    case 404:
        return RAUM_ENOT_FOUND;
    case 409:
        return RAUM_EEXISTS;
    case 413:
        return RAUM_ETOO_LARGE;
    case 415:
        return RAUM_EUNSUPPORTED_MEDIA;
    case 429:
        return RAUM_ERATE_LIMITED;
    case 502:
    case 503:
    case 504:
        return RAUM_EUNREACHABLE;
    default:
        return status >= 500 ? RAUM_EINTERNAL : RAUM_EBAD_CHANGE;
    }
}

/* Cleaned: a server's words come to a terminal. */
static int say(struct raum_error *error, int code, const char *text)
{
    struct buf b;
    buf_init(&b, RAUM_ERROR_TEXT_MAX);
    out_clean(&b, text, strnlen(text, RAUM_ERROR_TEXT_MAX / 3));
    int rc = err_set(error, code, "%s", b.error ? raum_code_text(code) : buf_text(&b));
    buf_release(&b);
    return rc;
}

static int refused(struct remote *r, const struct remote_answer *a, struct raum_error *error)
{
    struct arena arena;
    arena_init(&arena, FILE_MAX);
    struct json_value nested = json_get(a->root, "error");
    struct json_value from = json_is(nested, JSON_OBJECT) ? nested : a->root;
    const char *name = json_str(json_get(from, "code"), &arena);
    const char *text = json_str(json_get(from, "message"), &arena);
    int code = code_of_status(a->status), rc = 0;
    const struct meaning *m = meanings;
    while (name && m->name && !matches(m->name, name))
        m++;
    if (name && m->name) {
        rc = say(error, m->code, m->text ? tr(m->text) : text ? text : name);
    } else if (a->status == 401 && r->token[0]) {
        rc = err_at(error, ENDED, RAUM_ENOT_ALLOWED, "%s",
                    tr("the session is over: raum login again"));
    } else if (a->status == 429) {
        rc = say(error, code, tr("too many requests: try again a little later"));
    } else {
        int own = name ? err_code(name) : RAUM_EINTERNAL;
        code = own != RAUM_EINTERNAL ? own : code;
        if (text)
            rc = say(error, code, text);
        else
            rc = err_set(error, code, tr("the server answered with status %d"), a->status);
    }
    arena_release(&arena);
    return rc;
}

bool remote_ended(const struct raum_error *error)
{
    return error->origin && strcmp(error->origin, ENDED) == 0;
}

/* ---- asking ---- */

static int wait_s(const struct remote_answer *a)
{
    const char *text = a->status == 503 ? client_header(&a->raw, "retry-after", 0) : NULL;
    long s = text ? strtol(text, NULL, 10) : -1;
    return s >= 0 && s <= WAIT_MAX_S ? (int)s : -1;
}

static bool gave_up(const struct remote *r)
{
    return r->stop && r->stop(r->stop_arg);
}

static int exchange(struct remote *r, const struct client_request *q, struct remote_answer *a,
                    struct raum_error *error)
{
    json_init(&a->doc);
    a->root = (struct json_value){0};
    int rc = client_run(r->client, q, &a->raw, error);
    a->status = rc ? 0 : a->raw.status;
    if (rc == 0 && a->raw.body.len &&
        json_parse(&a->doc, buf_text(&a->raw.body), a->raw.body.len, 0, NULL) == 0)
        a->root = json_root(&a->doc);
    if (rc == RAUM_EUNREACHABLE && gave_up(r))
        rc = err_set(error, RAUM_EINTERRUPTED, "%s", tr("interrupted"));
    return rc;
}

int remote_send(struct remote *r, const char *method, const char *path, const char *type,
                const void *body, size_t len, struct remote_answer *answer,
                struct raum_error *error)
{
    return remote_send_with(r, method, path, NULL, type, body, len, answer, error);
}

int remote_send_with(struct remote *r, const char *method, const char *path,
                     const char *const *more, const char *type, const void *body, size_t len,
                     struct remote_answer *answer, struct raum_error *error)
{
    char bearer[REMOTE_TOKEN_MAX + 32];
    const char *headers[REMOTE_HEADERS + 3] = {"Accept: application/json"};
    int count = 1;
    struct buf url;
    *answer = (struct remote_answer){0};
    buf_init(&url, REMOTE_URL_MAX + 8192);
    buf_printf(&url, "%s%s", r->url, path);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", r->token);
    if (r->token[0])
        headers[count++] = bearer;
    for (int i = 0; more && more[i] && i < REMOTE_HEADERS; i++)
        headers[count++] = more[i];
    int rc = buf_error(&url, error);
    if (rc == 0 && !r->client)
        rc = client_new(&r->client, error);
    struct client_request q = {.method = method,
                               .url = buf_text(&url),
                               .headers = headers,
                               .body = body,
                               .body_len = len,
                               .type = type,
                               .timeout_ms = r->timeout_ms,
                               .stop = r->stop,
                               .stop_arg = r->stop_arg,
                               .ca_file = r->ca[0] ? r->ca : NULL};
    if (rc == 0)
        rc = exchange(r, &q, answer, error);
    /* Once more, if asking twice is asking once. */
    int wait = rc == 0 ? wait_s(answer) : 0;
    if ((rc == RAUM_EUNREACHABLE || (rc == 0 && wait >= 0 && answer->status == 503)) &&
        strcmp(method, "POST") != 0 && !cli_stop) {
        remote_answer_release(answer);
        usleep(wait ? (useconds_t)wait * 1000000 : PAUSE_US);
        rc = exchange(r, &q, answer, error);
    }
    cli_wipe(bearer, sizeof bearer);
    buf_release(&url);
    if (rc == 0 && answer->status >= 400)
        rc = refused(r, answer, error);
    return rc;
}

int remote_ask(struct remote *r, const char *method, const char *path, const struct buf *body,
               struct remote_answer *answer, struct raum_error *error)
{
    *answer = (struct remote_answer){0};
    int rc = body ? buf_error(body, error) : 0;
    if (rc)
        return rc;
    return remote_send(r, method, path, body ? "application/json" : NULL,
                       body ? buf_text(body) : NULL, body ? body->len : 0, answer, error);
}

int remote_stream(struct remote *r, const char *path, const char *header,
                  struct client_stream **out, struct raum_error *error)
{
    char bearer[REMOTE_TOKEN_MAX + 32];
    const char *headers[] = {"Accept: text/event-stream", bearer, header, NULL};
    struct buf url;
    *out = NULL;
    buf_init(&url, REMOTE_URL_MAX + 8192);
    buf_printf(&url, "%s%s", r->url, path);
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", r->token);
    const struct client_request q = {.url = buf_text(&url),
                                     .headers = headers,
                                     .ca_file = r->ca[0] ? r->ca : NULL,
                                     .no_redirects = true};
    int rc = buf_error(&url, error);
    if (rc == 0)
        rc = client_stream_open(out, &q, error);
    cli_wipe(bearer, sizeof bearer);
    buf_release(&url);
    return rc;
}

void remote_answer_release(struct remote_answer *answer)
{
    if (answer->raw.body.data)
        cli_wipe(answer->raw.body.data, answer->raw.body.cap);
    client_answer_release(&answer->raw);
    json_release(&answer->doc);
    *answer = (struct remote_answer){0};
}

void remote_escape(struct buf *out, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= '0' && *c <= '9') || *c == '-' || *c == '_' || *c == '.';
        if (plain)
            buf_char(out, (char)*c);
        else
            buf_printf(out, "%%%02X", *c);
    }
}

/* ---- where it is ---- */

static bool keep(char *out, size_t size, const char *text)
{
    size_t len = text ? strlen(text) : size;
    if (len >= size)
        return false;
    memcpy(out, text, len + 1);
    return true;
}

int remote_init(struct remote *r, const char *url, const char *ca, struct raum_error *error)
{
    memset(r, 0, sizeof *r);
    size_t scheme = strncasecmp(url, "https://", 8) == 0  ? 8
                    : strncasecmp(url, "http://", 7) == 0 ? 7
                                                          : 0;
    bool fine = scheme && url[scheme] && url[scheme] != '/' && !strpbrk(url, " ?#@\\\"<>") &&
                keep(r->url, sizeof r->url, url);
    for (const char *c = url; fine && *c; c++)
        fine = (unsigned char)*c > 0x20 && (unsigned char)*c < 0x7f;
    if (!fine)
        return err_set(error, RAUM_EUSAGE,
                       tr("a server's address looks like https://raum.example: %.100s"), url);
    for (size_t len = strlen(r->url); r->url[len - 1] == '/'; len--)
        r->url[len - 1] = '\0';
    if (!ca || !*ca)
        return 0;
    char *whole = realpath(ca, NULL);
    fine = whole && keep(r->ca, sizeof r->ca, whole);
    free(whole);
    return fine ? 0 : err_set(error, RAUM_ENOT_FOUND, tr("no such file: %s"), ca);
}

void remote_release(struct remote *r)
{
    if (!r)
        return;
    client_free(r->client);
    cli_wipe(r, sizeof *r);
}

void remote_put(const struct remote *r, struct json_writer *w)
{
    json_put_key(w, "url");
    json_put_str(w, r->url);
    json_put_key(w, "email");
    json_put_str(w, r->email);
    json_put_key(w, "token");
    json_put_str(w, r->token);
    if (r->ca[0]) {
        json_put_key(w, "ca");
        json_put_str(w, r->ca);
    }
}

bool remote_get(struct remote *r, struct json_value object)
{
    struct arena a;
    arena_init(&a, FILE_MAX);
    memset(r, 0, sizeof *r);
    const char *ca = json_str(json_get(object, "ca"), &a);
    bool fine = keep(r->url, sizeof r->url, json_str(json_get(object, "url"), &a)) &&
                keep(r->email, sizeof r->email, json_str(json_get(object, "email"), &a)) &&
                keep(r->token, sizeof r->token, json_str(json_get(object, "token"), &a)) &&
                (!ca || keep(r->ca, sizeof r->ca, ca));
    arena_release(&a);
    return fine;
}

static bool file_of(const char *folder, char path[4096])
{
    int len = snprintf(path, 4096, "%s/" REMOTE_FILE, folder);
    return len > 0 && len < 4096;
}

int remote_read(struct remote *r, const char *folder, struct raum_error *error)
{
    const struct raum_env *env = raum_env_native();
    struct json_doc doc;
    char path[4096];
    void *data = NULL;
    size_t len = 0;
    memset(r, 0, sizeof *r);
    if (!file_of(folder, path))
        return err_set(error, RAUM_ETOO_LARGE, NULL);
    int rc = env->file_read(env->ctx, path, FILE_MAX, &data, &len);
    if (rc)
        return rc == RAUM_ENOT_FOUND
                   ? err_set(error, rc, NULL)
                   : err_set(error, rc, tr("cannot read %s: %s"), path, tr(raum_code_text(rc)));
    json_init(&doc);
    if (json_parse(&doc, data, len, 0, NULL) != 0 || !remote_get(r, json_root(&doc)))
        rc = err_set(error, RAUM_ECORRUPT, tr("%s is damaged: raum login again"), path);
    json_release(&doc);
    cli_wipe(data, len);
    free(data);
    return rc;
}

int remote_write(const struct remote *r, const char *folder, struct raum_error *error)
{
    const struct raum_env *env = raum_env_native();
    struct json_writer w;
    struct buf b;
    char path[4096];
    buf_init(&b, FILE_MAX);
    json_begin(&w, &b);
    json_open_object(&w);
    remote_put(r, &w);
    json_close_object(&w);
    int rc = file_of(folder, path) ? buf_error(&b, error) : err_set(error, RAUM_ETOO_LARGE, NULL);
    if (rc == 0)
        rc = env->file_write(env->ctx, path, b.data, b.len, 0600);
    if (rc)
        err_set(error, rc, tr("cannot write %s: %s"), path, tr(raum_code_text(rc)));
    if (b.data)
        cli_wipe(b.data, b.cap);
    buf_release(&b);
    return rc;
}

int remote_remove(const char *folder, struct raum_error *error)
{
    const struct raum_env *env = raum_env_native();
    char path[4096];
    int rc = file_of(folder, path) ? env->file_remove(env->ctx, path) : RAUM_ETOO_LARGE;
    return rc ? err_set(error, rc, tr("cannot write %s: %s"), path, tr(raum_code_text(rc))) : 0;
}
