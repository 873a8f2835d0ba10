/* A record's fields as bytes, and back. */
#include "server/relay/inside.h"

#include "schema/stamps.h"
#include <string.h>

#define BODY_VERSION 1

void relay_put_number(struct buf *out, uint64_t n)
{
    for (; n >= 0x80; n >>= 7)
        buf_char(out, (char)(n | 0x80));
    buf_char(out, (char)n);
}

static void put_time(struct buf *out, uint64_t at)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        buf_char(out, (char)(at >> shift));
}

/* Devices and accounts repeat from field to field, mostly as the very same text. */
struct repeated {
    const char *name;
    int64_t ref;
};

static int ref_of(struct relay *r, const char *name, struct repeated *last, int64_t *ref,
                  struct raum_error *error)
{
    int result = 0;
    if (last->name != name)
        result = relay_ref(r, name, &last->ref, error);
    last->name = result == 0 ? name : NULL;
    *ref = last->ref;
    return result;
}

int relay_body_write(struct relay *r, const struct merge_record *record, struct buf *out,
                     struct raum_error *error)
{
    struct repeated last[4] = {0};
    int result = 0;
    buf_reset(out);
    buf_char(out, BODY_VERSION);
    for (uint32_t i = 0; i < record->count && result == 0; i++) {
        const struct merge_field *f = &record->fields[i];
        const char *names[] = {f->name, f->stamp.dev, f->stamp.by, f->stamp.agent};
        int64_t refs[4] = {0};
        for (int k = 0; k < 4 && result == 0; k++)
            result = ref_of(r, names[k], &last[k], &refs[k], error);
        relay_put_number(out, (uint64_t)refs[0]);
        put_time(out, f->stamp.at);
        for (int k = 1; k < 4; k++)
            relay_put_number(out, (uint64_t)refs[k]);
        buf_char(out, (char)f->stamp.origin);
        relay_put_number(out, f->len);
        buf_add(out, f->value, f->len);
    }
    return result ? result : buf_error(out, error);
}

uint64_t relay_take_number(struct relay_bytes *in)
{
    uint64_t n = 0;
    for (int shift = 0; shift < 63 && in->at < in->end; shift += 7) {
        unsigned char byte = *in->at++;
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return n;
    }
    in->bad = true;
    return 0;
}

static uint64_t take_time(struct relay_bytes *in)
{
    uint64_t at = 0;
    if (in->end - in->at < 8) {
        in->bad = true;
        return 0;
    }
    for (int i = 0; i < 8; i++)
        at = at << 8 | *in->at++;
    return at;
}

static int take_field(struct relay *r, struct relay_bytes *in, struct merge_field *f,
                      struct raum_error *error)
{
    int64_t refs[4];
    const char *names[4] = {0};
    int result = 0;
    *f = (struct merge_field){0};
    refs[0] = (int64_t)relay_take_number(in);
    f->stamp.at = take_time(in);
    for (int k = 1; k < 4; k++)
        refs[k] = (int64_t)relay_take_number(in);
    f->stamp.origin = in->at < in->end ? *in->at++ : ORIGINS;
    f->len = relay_take_number(in);
    if (in->bad || f->stamp.origin >= ORIGINS || f->len > (size_t)(in->end - in->at))
        return err_at(error, "relay", RAUM_ECORRUPT, "a record is damaged");
    f->value = (const char *)in->at;
    in->at += f->len;
    for (int k = 0; k < 4 && result == 0; k++)
        result = relay_name(r, refs[k], &names[k], error);
    f->name = names[0];
    f->stamp.dev = names[1];
    f->stamp.by = names[2];
    f->stamp.agent = names[3];
    if (result == 0 && !f->name)
        return err_at(error, "relay", RAUM_ECORRUPT, "a record is damaged");
    return result;
}

int relay_body_read(struct relay *r, const void *data, size_t len, struct arena *a,
                    struct merge_record *out, struct raum_error *error)
{
    struct relay_bytes in = {data, (const unsigned char *)data + len, false};
    int result = 0;
    *out = (struct merge_record){0};
    if (len == 0 || *in.at++ != BODY_VERSION)
        return err_at(error, "relay", RAUM_ECORRUPT, "a record is damaged");
    while (in.at < in.end && result == 0) {
        struct merge_field f;
        result = take_field(r, &in, &f, error);
        if (result == 0)
            result = merge_put(out, &f, a);
    }
    return result == RAUM_ENOMEM ? err_set(error, result, NULL) : result;
}
