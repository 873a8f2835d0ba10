/* What the server must come to, a second time and naively: a list of rows, each a list of fields,
 * and the rules of docs/sync.md and the rights of docs/contract.md §2 written down once more, field
 * by field. Shares no line with src/sync or src/server; of src/base it takes JSON and the clock. */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include "base/json.h"

#define MODEL_FIELDS 40
#define MODEL_PARTS 24

/* Texts are of model_text: equal texts are one pointer. */
struct mfield {
    const char *name, *value, *dev, *by; /* value: JSON */
    uint64_t at;
};
struct mrow {
    const char *space, *table, *id;
    struct mfield f[MODEL_FIELDS];
    int count;
};
struct mreceipt {
    const char *key;
    uint64_t at;
};
struct model {
    struct mrow *rows;
    int count, cap;
    struct mreceipt *receipts;
    int receipt_count, receipt_cap;
    struct {
        const char *space;
        int64_t seq;   /* as the server said it last */
        int64_t taken; /* changes that it took since */
    } parts[MODEL_PARTS];
    int part_count;
    uint64_t last; /* the newest time that this run of the server gave out */
};
/* What must become of a change. */
struct mresult {
    const char *status; /* of the wire */
    int code;
    const char *space, *table, *id;
    bool lost; /* some field of it lost: its sender is told the whole row */
};
struct mcaller {
    const char *account;
    int64_t now_ms;
    int (*role)(const char *account, const char *space); /* enum rights_role */
};

const char *model_text(const char *text, size_t len);
const char *model_str(const char *text);
void model_texts_clear(void);

void model_release(struct model *m);
void model_copy(struct model *to, const struct model *from);
/* Applies the changes of a request, or those of one partition (NULL: all), in order. */
void model_apply(struct model *m, const struct mcaller *who, const struct json_doc *request,
                 const char *only, struct mresult *results);
struct mrow *model_find(const struct model *m, const char *space, const char *table,
                        const char *id);
const struct mfield *model_field(const struct mrow *row, const char *name);
/* The text of a field that holds one; NULL. */
const char *model_field_text(const struct mrow *row, const char *name);
bool model_is_private(const struct mrow *row);
int64_t model_seq(const struct model *m, const char *space);
/* The server is there by now. False: not as it should be, at least one further for each change that
 * it took (what is derived may move along), and no further for none. */
bool model_seen(struct model *m, const char *space, int64_t seq);
/* Which of two writes of one field stands: > 0 the first, 0 they are one. */
int model_order(const char *table, const struct mfield *a, const struct mfield *b);
bool model_is_fixed(const char *table, const char *name);
bool model_same(const char *a, const char *b); /* two JSON texts */

#endif
