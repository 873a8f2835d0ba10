/* The whole matrix of who may write what: operation × role × person × visibility × field right
 * (G-T7, G-T9, G-T12). The expected answers are written down here once more, from CONTRACT §2 and
 * not from the code. */
#include "base/json.h"
#include "schema/rights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ME "anna"
#define OTHER "bert"
#define THIRD "carl"

static const enum rights_op ops[] = {OP_INSERT, OP_UPDATE, OP_DELETE, OP_RESTORE};

static struct json_doc doc;

static struct json_value value(const char *text)
{
    assert_int_equal(json_parse(&doc, text, strlen(text), 0, NULL), 0);
    return json_root(&doc);
}

static int set_up(void **state)
{
    (void)state;
    json_init(&doc);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_release(&doc);
    return 0;
}

static int ask_row(const char *table, enum rights_op op, bool mine, const char *subject,
                   bool is_private, int role)
{
    struct raum_error error = {0};
    struct rights_row row = {.author = mine ? ME : OTHER,
                             .subject = subject,
                             .is_private = is_private,
                             .exists = op != OP_INSERT};
    int result = rights_row(schema_table(table), op, &row, ME, role, &error);
    assert_int_equal(error.code, result);
    return result;
}

/* An ordinary table of a space. */
static int wanted_row(enum rights_op op, bool mine, bool is_private, int role)
{
    if (op != OP_INSERT && is_private && !mine)
        return RAUM_ENOT_FOUND; /* G-T9: looks like absence, whatever the role */
    if (role == ROLE_NONE)
        return RAUM_ENOT_ALLOWED;
    if (op == OP_DELETE || op == OP_RESTORE)
        return mine || role == ROLE_ADMIN || role == ROLE_OWNER ? 0 : RAUM_ENOT_ALLOWED;
    return 0;
}

static void test_rows_G_T12(void **state)
{
    (void)state;
    int asked = 0;
    for (size_t o = 0; o < 4; o++)
        for (int role = ROLE_NONE; role <= ROLE_OWNER; role++)
            for (int mine = 0; mine < 2; mine++)
                for (int is_private = 0; is_private < 2; is_private++)
                    for (const struct schema_table *t = schema_tables; t->name; t++) {
                        if (t->level == LEVEL_USER || schema_is_slots(t))
                            continue;
                        int got = ask_row(t->name, ops[o], mine, ME, is_private, role);
                        assert_int_equal(got, wanted_row(ops[o], mine, is_private, role));
                        asked++;
                    }
    assert_int_equal(asked, 4 * 4 * 2 * 2 * 10);
}

/* A slot is its person's alone: no role gets round that. */
static void test_slots_G_T12(void **state)
{
    (void)state;
    for (size_t o = 0; o < 4; o++)
        for (int role = ROLE_NONE; role <= ROLE_OWNER; role++)
            for (int mine = 0; mine < 2; mine++)
                for (int person = 0; person < 2; person++) {
                    int wanted = wanted_row(ops[o], mine, false, role);
                    if (wanted == 0 && !person)
                        wanted = RAUM_ENOT_ALLOWED;
                    assert_int_equal(
                        ask_row("meSlots", ops[o], mine, person ? ME : OTHER, false, role), wanted);
                }
    assert_int_equal(ask_row("meSlots", OP_UPDATE, true, NULL, false, ROLE_OWNER),
                     RAUM_ENOT_ALLOWED);
}

static void test_user_level(void **state)
{
    (void)state;
    for (size_t o = 0; o < 4; o++)
        for (int role = ROLE_NONE; role <= ROLE_OWNER; role++) {
            assert_int_equal(ask_row("userSettings", ops[o], true, NULL, false, role), 0);
            assert_int_equal(ask_row("userSettings", ops[o], false, NULL, false, role),
                             ops[o] == OP_INSERT ? 0 : RAUM_ENOT_FOUND);
        }
}

/* Rows of tables this version does not know have members' rules. */
static void test_opaque(void **state)
{
    (void)state;
    struct raum_error error;
    struct rights_row row = {.author = OTHER, .exists = true};
    assert_int_equal(rights_row(NULL, OP_UPDATE, &row, ME, ROLE_MEMBER, &error), 0);
    assert_int_equal(rights_row(NULL, OP_DELETE, &row, ME, ROLE_MEMBER, &error), RAUM_ENOT_ALLOWED);
    assert_int_equal(rights_row(NULL, OP_UPDATE, &row, ME, ROLE_NONE, &error), RAUM_ENOT_ALLOWED);
    row.is_private = true;
    assert_int_equal(rights_row(NULL, OP_UPDATE, &row, ME, ROLE_OWNER, &error), RAUM_ENOT_FOUND);
}

/* ---- fields ---- */

static int ask_field(const struct schema_field *f, enum rights_op op, bool mine,
                     const char *subject, const char *json, const char *slot_subject)
{
    struct raum_error error = {0};
    struct rights_row row = {
        .author = mine ? ME : OTHER, .subject = subject, .exists = op != OP_INSERT};
    struct json_value v = json ? value(json) : (struct json_value){0};
    int result = rights_field(f, op, &row, v, slot_subject, ME, &error);
    assert_int_equal(error.code, result);
    return result;
}

/* What a value does to consent: only `true` turns it on. */
static int wanted_field(const struct schema_field *f, enum rights_op op, bool mine, bool subject,
                        bool on)
{
    switch ((enum schema_right)f->right) {
    case RIGHT_MEMBER:
    case RIGHT_DELETE:
    case RIGHT_PERSON:
        return 0;
    case RIGHT_FIXED:
        return op == OP_INSERT ? 0 : RAUM_EIMMUTABLE_FIELD;
    case RIGHT_AUTHOR:
        return mine ? 0 : RAUM_ENOT_ALLOWED;
    case RIGHT_CONSENT:
        return on && !subject ? RAUM_ENOT_ALLOWED : 0;
    }
    return -1;
}

static void each_field(const struct schema_field *fields, int *seen)
{
    for (const struct schema_field *f = fields; f->name; f++) {
        *seen |= 1 << f->right;
        for (size_t o = 0; o < 4; o++)
            for (int mine = 0; mine < 2; mine++)
                for (int subject = 0; subject < 3; subject++) {
                    const char *who = subject == 0 ? NULL : subject == 1 ? ME : OTHER;
                    static const char *const values[] = {NULL, "null",     "false", "true",
                                                         "1",  "\"true\"", "[true]"};
                    for (size_t v = 0; v < 7; v++) {
                        /* The picture named is the slot's own person's; other pictures are asked
                         * about below. */
                        int got = ask_field(f, ops[o], mine, who, values[v], who);
                        int wanted = wanted_field(f, ops[o], mine, subject == 1, v == 3);
                        if (f->right == RIGHT_PERSON && !who && v > 1)
                            wanted = RAUM_ENOT_FOUND;
                        assert_int_equal(got, wanted);
                    }
                }
    }
}

/* G-T7: fixed fields; G-T12: visibility, consent, subject. */
static void test_fields_G_T7_G_T12(void **state)
{
    (void)state;
    int seen = 0;
    each_field(schema_base, &seen);
    for (const struct schema_table *t = schema_tables; t->name; t++)
        each_field(t->fields, &seen);
    assert_int_equal(seen, 1 << RIGHT_MEMBER | 1 << RIGHT_FIXED | 1 << RIGHT_AUTHOR |
                               1 << RIGHT_CONSENT | 1 << RIGHT_PERSON | 1 << RIGHT_DELETE);
}

/* A slot takes only live pictures of its own person. */
static void test_slot_pictures_G_T12(void **state)
{
    (void)state;
    const struct schema_field *image = schema_field(schema_table("meSlots"), "imageId", 7);
    static const char *const people[] = {NULL, ME, OTHER, THIRD};
    for (int person = 1; person < 4; person++)
        for (int subject = 0; subject < 4; subject++) {
            int wanted = subject == 0 ? RAUM_ENOT_FOUND : subject == person ? 0 : RAUM_ENOT_ALLOWED;
            for (size_t o = 0; o < 2; o++) {
                assert_int_equal(
                    ask_field(image, ops[o], true, people[person], "\"i\"", people[subject]),
                    wanted);
                assert_int_equal(
                    ask_field(image, ops[o], true, people[person], "null", people[subject]), 0);
                assert_int_equal(
                    ask_field(image, ops[o], true, people[person], NULL, people[subject]), 0);
            }
        }
    assert_int_equal(ask_field(image, OP_UPDATE, true, NULL, "\"i\"", ME), RAUM_ENOT_ALLOWED);
}

/* Ids are compared whole: neither a prefix nor another case is the same person. */
static void test_names_are_whole(void **state)
{
    (void)state;
    const struct schema_field *visibility = &schema_base[0];
    static const char *const near_me[] = {"ann", "annab", "Anna", "", "anna "};
    struct raum_error error;
    for (size_t i = 0; i < 5; i++) {
        struct rights_row row = {
            .author = near_me[i], .subject = near_me[i], .exists = true, .is_private = true};
        assert_int_equal(rights_row(schema_table("tags"), OP_UPDATE, &row, ME, ROLE_OWNER, &error),
                         RAUM_ENOT_FOUND);
        assert_int_equal(
            rights_field(visibility, OP_UPDATE, &row, value("\"space\""), NULL, ME, &error),
            RAUM_ENOT_ALLOWED);
    }
    struct rights_row nobody = {.exists = true, .is_private = true};
    assert_int_equal(rights_row(schema_table("tags"), OP_UPDATE, &nobody, ME, ROLE_OWNER, &error),
                     RAUM_ENOT_FOUND);
    assert_int_equal(
        rights_field(visibility, OP_UPDATE, &nobody, value("\"space\""), NULL, ME, &error),
        RAUM_ENOT_ALLOWED);
}

static void test_roles(void **state)
{
    (void)state;
    static const char *const names[] = {"", "member", "admin", "owner"};
    assert_int_equal(ROLE_NONE, 0); /* numbers stand in files */
    assert_int_equal(ROLE_OWNER, 3);
    for (int i = ROLE_NONE; i <= ROLE_OWNER; i++)
        assert_string_equal(rights_role_name(i), names[i]);
    for (int i = ROLE_MEMBER; i <= ROLE_OWNER; i++)
        assert_int_equal(rights_role(names[i]), i);
    assert_int_equal(rights_role(""), ROLE_NONE);
    assert_int_equal(rights_role("Owner"), ROLE_NONE);
    assert_int_equal(rights_role("owners"), ROLE_NONE);
    assert_string_equal(rights_role_name(-1), "");
    assert_string_equal(rights_role_name(4), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_G_T12),        cmocka_unit_test(test_slots_G_T12),
        cmocka_unit_test(test_user_level),        cmocka_unit_test(test_opaque),
        cmocka_unit_test(test_fields_G_T7_G_T12), cmocka_unit_test(test_slot_pictures_G_T12),
        cmocka_unit_test(test_names_are_whole),   cmocka_unit_test(test_roles),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
