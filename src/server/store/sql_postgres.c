/* PostgreSQL by libpq. The role needs nothing but a schema to make its tables in. Parameters and
 * results are binary; a write within a transaction stands behind a savepoint, sent with it in one
 * go, so that a refused row costs the row only, as on SQLite. BEGIN and what is run later are sent
 * without waiting and answered with the next statement. A lost connection is mended when the
 * next statement begins outside a transaction. */
#include "base/buf.h"
#include "server/store/sql_driver.h"
#include "server/store/sql_words.h"

#include <ctype.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* From the catalogue pg_type; these never change. */
enum oid {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_NAME = 19,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_BYTEA_ARRAY = 1001,
    OID_TEXT_ARRAY = 1009,
    OID_INT8_ARRAY = 1016,
    OID_VARCHAR = 1043,
    OID_NUMERIC = 1700,
};

#define ARRAYS_MAX ((size_t)256 << 20) /* bytes of one statement's arrays */

struct pg {
    struct sql sql;
    PGconn *conn;
    unsigned generation; /* of the connection: statements of an older one are gone with it */
    unsigned names;
    bool piping; /* in libpq's pipeline mode: within transactions, between two answers */
    int owed;    /* results that stand out there */
    struct buf arrays; /* parameters of the statement that runs */
};

struct pg_stmt {
    unsigned generation;
    bool writes;
    char name[16];
};

static struct pg *pg_of(struct sql *c)
{
    return (struct pg *)c;
}

/* ---- errors */

struct state_code {
    const char *state; /* SQLSTATE, or its first two characters */
    int code;
    const char *text; /* NULL: PostgreSQL's own sentence */
};

/* The more exact ones first. */
static const struct state_code state_codes[] = {
    {"23505", RAUM_EEXISTS, "exists already"},
    {"23503", RAUM_ENOT_FOUND, "what this refers to is not there"},
    {"23", RAUM_EBAD_CHANGE, "the change is not valid"},
    {"22", RAUM_EBAD_CHANGE, "the change is not valid"},
    {"40", RAUM_EBUSY, "the database is busy; try again"},
    {"55P03", RAUM_EBUSY, "the database is busy; try again"},
    {"53100", RAUM_EFULL, NULL},
    {"53200", RAUM_ENOMEM, NULL},
    {"53", RAUM_EBUSY, NULL},
    {"57014", RAUM_ELIMIT, NULL},
    {"57", RAUM_EUNREACHABLE, NULL},
    {"08", RAUM_EUNREACHABLE, NULL},
    {"42501", RAUM_EREAD_ONLY, NULL},
    {"25006", RAUM_EREAD_ONLY, NULL},
    {"25P03", RAUM_EUNREACHABLE, NULL}, /* idle too long within a transaction */
    {"25P02", RAUM_EINTERRUPTED, "a part of the transaction failed: nothing was written"},
    {"XX001", RAUM_ECORRUPT, NULL},
    {"XX002", RAUM_ECORRUPT, NULL},
};

/* PostgreSQL's sentence without its detail, which holds values of the row. */
static int fail(struct pg *p, const PGresult *r, struct raum_error *error)
{
    const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    const char *text = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    for (size_t i = 0; state && i < sizeof state_codes / sizeof state_codes[0]; i++) {
        const struct state_code *s = &state_codes[i];
        if (strncmp(state, s->state, strlen(s->state)) == 0)
            return err_at(error, "sql", s->code, "%s", s->text ? s->text : text ? text : state);
    }
    if (!state && PQstatus(p->conn) == CONNECTION_BAD)
        return err_at(error, "sql", RAUM_EUNREACHABLE, "the connection to the database was lost");
    return err_at(error, "sql", RAUM_EINTERNAL, "PostgreSQL: %s", text ? text : "no answer");
}

static bool fine(const PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* ---- the pipeline: what was sent and not yet waited for */

static bool enter(struct pg *p)
{
    if (!p->piping)
        p->piping = PQenterPipelineMode(p->conn);
    return p->piping;
}

static bool leave(struct pg *p)
{
    p->piping = false;
    p->owed = 0;
    return PQexitPipelineMode(p->conn);
}

/* The n-th result of a pipeline; the NULL behind it is taken too. */
static PGresult *next_result(struct pg *p)
{
    PGresult *r = PQgetResult(p->conn);
    if (r && PQresultStatus(r) != PGRES_PIPELINE_SYNC)
        PQclear(PQgetResult(p->conn));
    return r;
}

static bool send(struct pg *p, const char *text)
{
    return PQsendQueryParams(p->conn, text, 0, NULL, NULL, NULL, NULL, 0);
}

/* `count` results that only have to be good; the first that is not, or NULL. */
static PGresult *expect_fine(struct pg *p, int count)
{
    PGresult *bad = NULL;
    for (int i = 0; i < count; i++) {
        PGresult *r = next_result(p);
        if (!bad && !fine(r))
            bad = r;
        else
            PQclear(r);
    }
    return bad;
}

/* Waits for all that was sent; the connection is an ordinary one again. */
static int settle(struct pg *p, struct raum_error *error)
{
    if (!p->piping)
        return 0;
    PQpipelineSync(p->conn); /* else there is no result, and that is seen */
    PGresult *bad = expect_fine(p, p->owed), *sync = next_result(p);
    bool synced = PQresultStatus(sync) == PGRES_PIPELINE_SYNC;
    int result = bad || !synced ? fail(p, bad, error) : 0;
    PQclear(bad);
    PQclear(sync);
    return leave(p) || result ? result : fail(p, NULL, error);
}

/* Sent along with what is owed, and waited for. *out: its result, or NULL. */
static int ask(struct pg *p, const char *text, int count, const char *const *values, PGresult **out,
               struct raum_error *error)
{
    *out = NULL;
    if (!enter(p) || !PQsendQueryParams(p->conn, text, count, NULL, values, NULL, NULL, 0) ||
        !PQpipelineSync(p->conn))
        return fail(p, NULL, error);
    PGresult *before = expect_fine(p, p->owed), *sync;
    *out = next_result(p);
    sync = next_result(p);
    bool synced = PQresultStatus(sync) == PGRES_PIPELINE_SYNC;
    int result = before          ? fail(p, before, error)
                 : !fine(*out)   ? fail(p, *out, error)
                 : !synced       ? fail(p, NULL, error)
                                 : 0;
    PQclear(before);
    PQclear(sync);
    return leave(p) || result ? result : fail(p, NULL, error);
}

static int execute(struct pg *p, const char *text, struct raum_error *error)
{
    int result = settle(p, error);
    if (result < 0)
        return result;
    PGresult *r = PQexec(p->conn, text);
    result = fine(r) ? 0 : fail(p, r, error);
    PQclear(r);
    return result;
}

/* ---- the connection */

static void say_nothing(void *arg, const char *text)
{
    (void)arg, (void)text;
}

static int greet(struct pg *p, struct raum_error *error)
{
    if (PQstatus(p->conn) != CONNECTION_OK) {
        const char *text = PQerrorMessage(p->conn);
        int len = (int)strcspn(text, "\n");
        return err_at(error, "sql", RAUM_EUNREACHABLE, "cannot reach the database: %.*s", len,
                      text);
    }
    PQsetNoticeProcessor(p->conn, say_nothing, NULL);
    return execute(p,
                   "SET client_encoding = 'UTF8'; SET standard_conforming_strings = on;"
                   "SET statement_timeout = '30s'; SET lock_timeout = '5s';"
                   "SET idle_in_transaction_session_timeout = '60s'",
                   error);
}

/* An idle connection that the server closed is only known when it is read. */
static bool alive(struct pg *p)
{
    for (int i = 0; i < 4 && PQstatus(p->conn) == CONNECTION_OK; i++) {
        struct pollfd fd = {.fd = PQsocket(p->conn), .events = POLLIN};
        if (poll(&fd, 1, 0) <= 0)
            break;
        if (!PQconsumeInput(p->conn))
            return false;
    }
    return PQstatus(p->conn) == CONNECTION_OK && PQtransactionStatus(p->conn) == PQTRANS_IDLE;
}

static int pg_ready(struct sql *c, struct raum_error *error)
{
    struct pg *p = pg_of(c);
    if (alive(p))
        return 0;
    p->generation++;
    p->piping = false;
    p->owed = 0;
    sql_forget_all(c);
    PQreset(p->conn);
    return greet(p, error);
}

static void pg_close(struct sql *c)
{
    struct pg *p = pg_of(c);
    PQfinish(p->conn);
    buf_release(&p->arrays);
    free(p);
}

/* ---- statements */

static Oid oid_of(char type)
{
    switch (type) {
    case 'i':
        return OID_INT8;
    case 'b':
        return OID_BYTEA;
    case 'n':
        return 0;
    case 'I':
        return OID_INT8_ARRAY;
    case 'T':
        return OID_TEXT_ARRAY;
    case 'B':
        return OID_BYTEA_ARRAY;
    default:
        return OID_TEXT;
    }
}

static int pg_prepare(struct sql *c, struct sql_stmt *s, struct raum_error *error)
{
    struct pg *p = pg_of(c);
    Oid types[SQL_PARAMS_MAX];
    struct buf text;
    int result = settle(p, error);
    if (result < 0)
        return result;
    struct pg_stmt *stmt = calloc(1, sizeof *stmt);
    if (!stmt)
        return err_set(error, RAUM_ENOMEM, NULL);
    *stmt = (struct pg_stmt){.generation = p->generation, .writes = !sql_words_reads(s->text)};
    snprintf(stmt->name, sizeof stmt->name, "s%u", p->names++);
    for (size_t i = 0; s->types[i]; i++)
        types[i] = oid_of(s->types[i]);
    buf_init(&text, 1 << 20);
    sql_words_parameters(&text, s->text);
    result = buf_error(&text, error);
    if (result == 0) {
        PGresult *r = PQprepare(p->conn, stmt->name, buf_text(&text), (int)strlen(s->types), types);
        result = fine(r) ? 0 : fail(p, r, error);
        PQclear(r);
    }
    buf_release(&text);
    if (result == 0)
        s->handle = stmt;
    else
        free(stmt);
    return result;
}

static void pg_forget(struct sql *c, struct sql_stmt *s)
{
    struct pg *p = pg_of(c);
    struct pg_stmt *stmt = s->handle;
    char text[48];
    if (stmt && !c->closing && stmt->generation == p->generation) {
        snprintf(text, sizeof text, "DEALLOCATE %s", stmt->name);
        int gone = execute(p, text, NULL);
        (void)gone; /* else it stays there until the connection ends */
    }
    free(stmt);
    s->handle = NULL;
}

/* ---- parameters */

struct params {
    const char *data[SQL_PARAMS_MAX];
    int lens[SQL_PARAMS_MAX], binary[SQL_PARAMS_MAX], count;
    unsigned char numbers[SQL_PARAMS_MAX][8];
};

static void put_number(struct buf *out, uint64_t n, int bytes)
{
    unsigned char big[8];
    for (int k = 0; k < bytes; k++)
        big[k] = (unsigned char)(n >> 8 * (bytes - 1 - k));
    buf_add(out, big, (size_t)bytes);
}

static void put_element(struct buf *out, const void *data, size_t len)
{
    put_number(out, len, 4);
    buf_add(out, data, len);
}

/* dimensions, are there nulls, type of the elements, their number, number of the first; each then
 * with its length before it. */
static void put_array(struct buf *out, const struct sql_value *v)
{
    Oid element = v->type == 'I' ? OID_INT8 : v->type == 'T' ? OID_TEXT : OID_BYTEA;
    const int64_t *numbers = v->data;
    const char *const *texts = v->data;
    const struct sql_span *spans = v->data;
    put_number(out, 1, 4);
    put_number(out, 0, 4);
    put_number(out, element, 4);
    put_number(out, v->len, 4);
    put_number(out, 1, 4);
    for (size_t i = 0; i < v->len; i++) {
        if (v->type == 'T')
            put_element(out, texts[i], strlen(texts[i]));
        else if (v->type == 'B')
            put_element(out, spans[i].data, spans[i].len);
        else {
            put_number(out, 8, 4);
            put_number(out, (uint64_t)numbers[i], 8);
        }
    }
}

static bool is_array(const struct sql_value *v)
{
    return v->type == 'I' || v->type == 'T' || v->type == 'B';
}

static int pack_arrays(struct pg *p, struct params *out, const struct sql_value *values, int count,
                       struct raum_error *error)
{
    size_t from[SQL_PARAMS_MAX + 1];
    buf_reset(&p->arrays);
    for (int i = 0; i < count; i++) {
        from[i] = p->arrays.len;
        if (is_array(&values[i]))
            put_array(&p->arrays, &values[i]);
    }
    from[count] = p->arrays.len;
    int result = buf_error(&p->arrays, error);
    for (int i = 0; i < count && result == 0; i++)
        if (is_array(&values[i])) {
            out->data[i] = buf_text(&p->arrays) + from[i];
            out->lens[i] = (int)(from[i + 1] - from[i]);
        }
    return result;
}

static int pack(struct pg *p, struct params *out, const struct sql_value *values, int count,
                struct raum_error *error)
{
    bool arrays = false;
    out->count = count;
    for (int i = 0; i < count; i++) {
        const struct sql_value *v = &values[i];
        arrays |= is_array(v);
        out->data[i] = v->data;
        out->lens[i] = (int)v->len;
        out->binary[i] = 1;
        if (v->len > (size_t)1 << 29)
            return err_set(error, RAUM_ETOO_LARGE, NULL);
        if (v->type != 'i')
            continue;
        for (int k = 0; k < 8; k++)
            out->numbers[i][k] = (unsigned char)((uint64_t)v->number >> (56 - 8 * k));
        out->data[i] = (const char *)out->numbers[i];
        out->lens[i] = 8;
    }
    return arrays ? pack_arrays(p, out, values, count, error) : 0;
}

/* ---- results */

static int64_t big_endian(const unsigned char *data, int len)
{
    uint64_t value = len > 0 && data[0] & 0x80 ? UINT64_MAX : 0;
    for (int i = 0; i < len; i++)
        value = value << 8 | data[i];
    return (int64_t)value;
}

/* What sum() of whole numbers gives: digits of base 10,000 behind four numbers of two bytes. */
static bool numeric(const unsigned char *data, int len, int64_t *out)
{
    if (len < 8)
        return false;
    int64_t digits = big_endian(data, 2), weight = big_endian(data + 2, 2);
    int64_t sign = big_endian(data + 4, 2), value = 0;
    if ((sign != 0 && sign != 0x4000) || len < 8 + 2 * digits)
        return false;
    for (int64_t i = 0; i <= weight; i++) {
        int64_t digit = i < digits ? big_endian(data + 8 + 2 * i, 2) : 0;
        if (__builtin_mul_overflow(value, 10000, &value) ||
            __builtin_sub_overflow(value, digit, &value)) /* below 0 reaches further */
            return false;
    }
    if (sign == 0)
        return !__builtin_sub_overflow(0, value, out);
    *out = value;
    return true;
}

static int take_cell(struct sql_rows *rows, struct sql_cell *cell, const PGresult *r, int row,
                     int i, struct raum_error *error)
{
    const char *data = PQgetvalue(r, row, i);
    int len = PQgetlength(r, row, i);
    if (!cell)
        return err_set(error, RAUM_ELIMIT, NULL);
    cell->type = 'n';
    if (PQgetisnull(r, row, i))
        return 0;
    switch (PQftype(r, i)) {
    case OID_BOOL:
        cell->type = 'i';
        cell->number = data[0] != 0;
        return 0;
    case OID_INT2:
    case OID_INT4:
    case OID_INT8:
        cell->type = 'i';
        cell->number = big_endian((const unsigned char *)data, len);
        return 0;
    case OID_NUMERIC:
        cell->type = 'i';
        if (numeric((const unsigned char *)data, len, &cell->number))
            return 0;
        return err_at(error, "sql", RAUM_ELIMIT, "a number is too large");
    case OID_TEXT:
    case OID_VARCHAR:
    case OID_NAME:
        cell->type = 't';
        break;
    case OID_BYTEA:
        cell->type = 'b';
        break;
    default:
        return err_at(error, "sql", RAUM_EINTERNAL, "column %s has a type that is not used here",
                      PQfname(r, i));
    }
    if (sql_cell_set(rows, cell, cell->type, data, (size_t)len))
        return 0;
    return err_at(error, "sql", RAUM_ELIMIT, "a result is too large");
}

static int collect(struct sql_rows *rows, const PGresult *r, struct raum_error *error)
{
    int result = sql_rows_columns(rows, PQnfields(r), error), count = PQntuples(r);
    for (int i = 0; result == 0 && i < rows->columns; i++) {
        rows->names[i] = arena_str(&rows->arena, PQfname(r, i));
        if (!rows->names[i])
            result = err_set(error, RAUM_ENOMEM, NULL);
    }
    for (int row = 0; result == 0 && row < count; row++) {
        struct sql_cell *cells = sql_rows_add(rows);
        if (!cells)
            result = err_at(error, "sql", RAUM_ELIMIT, "a result is too large");
        for (int i = 0; result == 0 && i < rows->columns; i++)
            result = take_cell(rows, &cells[i], r, row, i, error);
    }
    return result;
}

static int take_result(struct pg *p, const PGresult *r, const struct pg_stmt *stmt,
                       struct sql_rows *rows, struct raum_error *error)
{
    if (!fine(r))
        return fail(p, r, error);
    if (stmt->writes)
        p->sql.changed = strtoll(PQcmdTuples((PGresult *)(uintptr_t)r), NULL, 10);
    return rows ? collect(rows, r, error) : 0;
}

/* ---- running */

static int run_plain(struct pg *p, const struct pg_stmt *stmt, const struct params *in,
                     struct sql_rows *rows, struct raum_error *error)
{
    PGresult *r = PQexecPrepared(p->conn, stmt->name, in->count, in->data, in->lens, in->binary, 1);
    int result = take_result(p, r, stmt, rows, error);
    PQclear(r);
    return result;
}

/* Settings of the transaction; without one, of what stands between here and the sync. */
static bool send_scope(struct pg *p)
{
    bool sent = true;
    for (int i = 0; i < p->sql.scope_count && sent; i++) {
        const char *values[] = {p->sql.scope[i].name, p->sql.scope[i].value};
        sent = PQsendQueryParams(p->conn, "SELECT set_config('raum.' || $1::text, $2::text, true)",
                                 2, NULL, values, NULL, NULL, 0);
    }
    return sent;
}

static bool send_all(struct pg *p, const struct pg_stmt *stmt, const struct params *in, bool guard)
{
    return enter(p) && send_scope(p) && (!guard || send(p, "SAVEPOINT raum")) &&
           PQsendQueryPrepared(p->conn, stmt->name, in->count, in->data, in->lens, in->binary, 1) &&
           (!guard || send(p, "RELEASE raum")) && PQpipelineSync(p->conn);
}

/* With what goes before it, and around it, in one go. guard: a write within a transaction; refused,
 * it is undone by itself and the transaction goes on. */
static int run_along(struct pg *p, const struct pg_stmt *stmt, const struct params *in, bool guard,
                     struct sql_rows *rows, struct raum_error *error)
{
    if (!send_all(p, stmt, in, guard))
        return fail(p, NULL, error);
    PGresult *before = expect_fine(p, p->owed + p->sql.scope_count + guard), *r = next_result(p);
    PGresult *released = expect_fine(p, guard), *sync = next_result(p);
    int result = before ? fail(p, before, error) : take_result(p, r, stmt, rows, error);
    bool refused = guard && !before && !fine(r);
    if (result == 0 && (released || PQresultStatus(sync) != PGRES_PIPELINE_SYNC))
        result = fail(p, released, error);
    PQclear(before);
    PQclear(r);
    PQclear(released);
    PQclear(sync);
    if (!leave(p) && result == 0)
        result = fail(p, NULL, error);
    if (refused && PQtransactionStatus(p->conn) == PQTRANS_INERROR) {
        int undone = execute(p, "ROLLBACK TO raum; RELEASE raum", NULL);
        (void)undone; /* else the next statement fails */
    }
    return result;
}

static int pg_run(struct sql *c, struct sql_stmt *s, const struct sql_value *values, int count,
                  struct sql_rows *rows, struct raum_error *error)
{
    struct pg *p = pg_of(c);
    const struct pg_stmt *stmt = s->handle;
    struct params in;
    c->changed = 0;
    int result = pack(p, &in, values, count, error);
    if (result < 0)
        return result;
    bool guard = stmt->writes && c->depth > 0;
    return guard || p->piping || c->scope_count > 0
               ? run_along(p, stmt, &in, guard, rows, error)
                                       : run_plain(p, stmt, &in, rows, error);
}

static int pg_later(struct sql *c, struct sql_stmt *s, const struct sql_value *values, int count,
                    struct raum_error *error)
{
    struct pg *p = pg_of(c);
    const struct pg_stmt *stmt = s->handle;
    struct params in;
    int result = pack(p, &in, values, count, error);
    if (result < 0)
        return result;
    if (!enter(p) || !send_scope(p) ||
        !PQsendQueryPrepared(p->conn, stmt->name, in.count, in.data, in.lens, in.binary, 1))
        return fail(p, NULL, error);
    p->owed += c->scope_count + 1;
    return 0;
}

static int pg_script(struct sql *c, const char *text, struct raum_error *error)
{
    struct buf words;
    buf_init(&words, 1 << 20);
    sql_words_script(&words, text);
    int result = buf_error(&words, error);
    if (result == 0)
        result = execute(pg_of(c), buf_text(&words), error);
    buf_release(&words);
    return result;
}

/* ---- transactions */

static int pg_begin(struct sql *c, struct raum_error *error)
{
    struct pg *p = pg_of(c);
    if (!enter(p) || !send(p, "BEGIN ISOLATION LEVEL READ COMMITTED"))
        return fail(p, NULL, error);
    p->owed++;
    return 0;
}

/* A COMMIT of a transaction in which something failed succeeds, as a ROLLBACK. */
static int pg_commit(struct sql *c, struct raum_error *error)
{
    PGresult *r;
    int result = ask(pg_of(c), "COMMIT", 0, NULL, &r, error);
    if (result == 0 && strcmp(PQcmdStatus(r), "COMMIT") != 0)
        result = err_at(error, "sql", RAUM_EINTERRUPTED,
                        "a part of the transaction failed: nothing was written");
    PQclear(r);
    return result;
}

static void pg_rollback(struct sql *c)
{
    struct pg *p = pg_of(c);
    int settled = settle(p, NULL);
    (void)settled; /* what failed goes with the rest */
    if (PQtransactionStatus(p->conn) != PQTRANS_IDLE)
        PQclear(PQexec(p->conn, "ROLLBACK"));
}

/* Servers that share a database have schemas of their own, and then locks of their own. */
static int pg_part(struct sql *c, enum sql_part what, struct raum_error *error)
{
    return pg_script(c, sql_part_texts[what], error);
}

static int pg_lock(struct sql *c, const char *name, struct raum_error *error)
{
    PGresult *r;
    int result = ask(pg_of(c),
                     "SELECT pg_advisory_xact_lock(hashtextextended("
                     "coalesce(current_schema(), '') || ' ' || $1::text, 0))",
                     1, &name, &r, error);
    PQclear(r);
    return result;
}

static int pg_notify(struct sql *c, const char *channel, const char *payload,
                     struct raum_error *error)
{
    struct pg *p = pg_of(c);
    const char *values[] = {channel, payload};
    if (!enter(p) || !PQsendQueryParams(p->conn, "SELECT pg_notify(" SQL_CHANNEL ", $2::text)", 2,
                                        NULL, values, NULL, NULL, 0))
        return fail(p, NULL, error);
    p->owed++;
    return 0;
}

/* Row-level security does not bind superusers and BYPASSRLS; and whoever restored the tables
 * without their policies should know. */
static int pg_judge(struct sql *c, struct raum_error *error)
{
    struct pg *p = pg_of(c);
    int result = settle(p, error);
    if (result < 0)
        return result;
    PGresult *r = PQexec(p->conn, "SELECT current_user, rolsuper OR rolbypassrls, "
                                  "(SELECT count(*) FROM pg_class WHERE relnamespace = (SELECT oid "
                                  "FROM pg_namespace WHERE nspname = current_schema()) "
                                  "AND relname IN ('partitions', 'records', 'history', 'receipts') "
                                  "AND relrowsecurity AND relforcerowsecurity) = 4 "
                                  "FROM pg_roles WHERE rolname = current_user");
    result = fine(r) ? 0 : fail(p, r, error);
    if (result == 0 && PQntuples(r) != 1)
        result = err_at(error, "sql", RAUM_EINTERNAL, "PostgreSQL does not know its own role");
    if (result == 0 && PQgetvalue(r, 0, 1)[0] == 't')
        result = err_at(error, "sql", RAUM_ENOT_ALLOWED,
                        "the role %s is above row-level security (SUPERUSER or BYPASSRLS), which "
                        "keeps spaces apart: use an ordinary role that owns the database",
                        PQgetvalue(r, 0, 0));
    if (result == 0 && PQgetvalue(r, 0, 2)[0] != 't')
        result = err_at(error, "sql", RAUM_ENOT_ALLOWED,
                        "row-level security is not forced on the tables of records: restore the "
                        "database whole, with its policies");
    PQclear(r);
    return result;
}

static const struct sql_driver driver = {
    .close = pg_close,
    .ready = pg_ready,
    .prepare = pg_prepare,
    .forget = pg_forget,
    .run = pg_run,
    .later = pg_later,
    .script = pg_script,
    .begin = pg_begin,
    .commit = pg_commit,
    .rollback = pg_rollback,
    .part = pg_part,
    .lock = pg_lock,
    .judge = pg_judge,
    .notify = pg_notify,
};

int sql_postgres_open(struct sql **out, const char *url, struct raum_error *error)
{
    /* What stands before the URL is a default, which the URL may change. */
    static const char *const names[] = {"connect_timeout", "tcp_user_timeout",
                                        "fallback_application_name", "dbname", NULL};
    const char *const values[] = {"10", "20000", "raum", url, NULL};
    PQconninfoOption *parts = PQconninfoParse(url, NULL);
    if (!parts) /* libpq's own sentence may show the password */
        return err_at(error, "sql", RAUM_EUSAGE, "the address of the database cannot be read");
    PQconninfoFree(parts);
    struct pg *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(error, RAUM_ENOMEM, NULL);
    p->sql.driver = &driver;
    buf_init(&p->arrays, ARRAYS_MAX);
    p->conn = PQconnectdbParams(names, values, 1);
    int result = p->conn ? greet(p, error) : err_set(error, RAUM_ENOMEM, NULL);
    if (result < 0) {
        pg_close(&p->sql);
        return result;
    }
    *out = &p->sql;
    return 0;
}
