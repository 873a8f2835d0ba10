/* Any bytes as a Dexie export, through both passes, the legacy steps and step 43. What comes out
 * must be valid JSON, the same on a second run, and have an owner, a place and times. */
#include "engine/dexie.h"
#include "schema/legacy43.h"

#include "base/clock.h"
#include "base/id.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define CHECK(what)                                                                                \
    do {                                                                                           \
        if (!(what))                                                                               \
            abort();                                                                               \
    } while (0)

struct input {
    const uint8_t *data;
    size_t len, at;
};

struct run {
    double version;
    struct json_doc doc;
    uint64_t sum; /* of all that came out */
};

static int64_t read_input(void *ctx, void *buf, size_t n)
{
    struct input *in = ctx;
    size_t left = in->len - in->at;
    n = n < left ? n : left;
    if (n)
        memcpy(buf, in->data + in->at, n);
    in->at += n;
    return (int64_t)n;
}

static void add(uint64_t *sum, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++)
        *sum = (*sum ^ bytes[i]) * 1099511628211u;
}

static void hash(void *ctx, unsigned char *out, size_t out_len, const void *data, size_t len,
                 const unsigned char *key)
{
    uint64_t sum = 14695981039346656037u;
    (void)ctx, (void)key;
    add(&sum, data, len);
    for (size_t i = 0; i < out_len; i++)
        out[i] = (unsigned char)(sum >> i % 8 * 8);
}

static bool is_id(const char *id)
{
    return id && id_valid(id, strlen(id));
}

static void check_time(const char *text)
{
    uint64_t at;
    CHECK(text && clock_parse(text, strlen(text), &at) == 0);
}

static void check_out(struct run *run, const struct legacy_out *out)
{
    CHECK(is_id(out->owner) && (out->id ? is_id(out->id) : strcmp(out->table, "meSlots") == 0));
    CHECK(!out->space_id == !out->visibility && (!out->space_id || is_id(out->space_id)));
    check_time(out->created_at);
    if (out->deleted_at)
        check_time(out->deleted_at);
    for (size_t i = 0; i < out->count; i++) {
        const struct legacy_value *f = &out->fields[i];
        CHECK(i == 0 || strcmp(out->fields[i - 1].name, f->name) < 0);
        CHECK(json_parse(&run->doc, f->json, f->json_len, 0, NULL) == 0);
        add(&run->sum, f->name, strlen(f->name));
        add(&run->sum, f->json, f->json_len);
        add(&run->sum, &f->at, sizeof f->at);
    }
    if (out->id)
        add(&run->sum, out->id, strlen(out->id));
}

static int each_row(void *arg, const struct dexie_row *source, struct raum_error *error)
{
    struct run *run = arg;
    struct raum_env env = {.hash = hash};
    struct legacy_row row;
    struct legacy_out out;
    (void)error;
    CHECK(json_parse(&run->doc, source->json, source->json_len, 0, NULL) == 0);
    CHECK(!source->key || json_parse(&run->doc, source->key, source->key_len, 0, NULL) == 0);
    for (size_t i = 0; i < source->part_count; i++)
        add(&run->sum, source->parts[i].bytes, source->parts[i].len);
    int rc = legacy_row_init(&row, source->arena, source->table->name, source->key,
                             source->key_len, source->value);
    if (rc == 0)
        rc = legacy_upgrade(&row, run->version);
    if (rc == 0)
        rc = legacy_normalise(&row, &env, &out);
    for (const struct legacy_out *o = rc == 0 ? &out : NULL; o; o = o->next)
        check_out(run, o);
    return rc;
}

static int run_once(const struct dexie_file *file, struct input in, double version, uint64_t *sum)
{
    struct run run = {.version = version, .sum = 14695981039346656037u};
    struct raum_error error;
    json_init(&run.doc);
    int rc = dexie_rows(file, read_input, &in, each_row, &run, &error);
    json_release(&run.doc);
    *sum = run.sum;
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input in = {data, len, 0};
    struct dexie_file file;
    struct raum_error error;
    uint64_t first, second;
    if (dexie_scan(&file, read_input, &in, &error) == 0) {
        in.at = 0;
        for (size_t i = 0; i < file.table_count; i++)
            file.tables[i].skip = false;
        int rc = run_once(&file, in, file.version, &first);
        CHECK(rc == run_once(&file, in, file.version, &second) && first == second);
        (void)run_once(&file, in, 0, &second);
    }
    dexie_release(&file);
    return 0;
}
