#include "schema/rights.h"

#include "base/plant.h"
#include <string.h>

static const char *const roles[] = {"", "member", "admin", "owner"};

int rights_role(const char *name)
{
    for (int i = ROLE_MEMBER; i <= ROLE_OWNER; i++)
        if (strcmp(roles[i], name) == 0)
            return i;
    return ROLE_NONE;
}

const char *rights_role_name(int role)
{
    return role >= ROLE_NONE && role <= ROLE_OWNER ? roles[role] : "";
}

static bool is(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

int rights_row(const struct schema_table *t, enum rights_op op, const struct rights_row *row,
               const char *account, int role, struct raum_error *error)
{
    bool author = is(row->author, account);
    if (row->exists && row->is_private && !author && !PLANT(PRIVATE_WRITE))
        return err_at(error, "rights", RAUM_ENOT_FOUND, NULL);
    if (t && t->level == LEVEL_USER)
        return author || !row->exists ? 0 : err_at(error, "rights", RAUM_ENOT_FOUND, NULL);
    if (role < ROLE_MEMBER)
        return err_at(error, "rights", RAUM_ENOT_ALLOWED, "you are not a member of this space");
    if ((op == OP_DELETE || op == OP_RESTORE) && !author && role < ROLE_ADMIN)
        return err_at(error, "rights", RAUM_ENOT_ALLOWED,
                      "only who made it, or an admin or owner of the space, may do this");
    if (schema_is_slots(t) && !is(row->subject, account))
        return err_at(error, "rights", RAUM_ENOT_ALLOWED,
                      "a slot belongs to its person: only they may fill or empty it");
    return 0;
}

static int right_consent(const struct rights_row *row, struct json_value value, const char *account,
                         struct raum_error *error)
{
    bool on = false;
    if (json_bool(value, &on) && on && !is(row->subject, account) && !PLANT(CONSENT))
        return err_at(error, "rights", RAUM_ENOT_ALLOWED,
                      "only the person in the picture may allow its use by AI");
    return 0;
}

int rights_field(const struct schema_field *f, enum rights_op op, const struct rights_row *row,
                 struct json_value value, const char *slot_subject, const char *account,
                 struct raum_error *error)
{
    switch ((enum schema_right)f->right) {
    case RIGHT_MEMBER:
    case RIGHT_DELETE: /* the row's rule decides */
        return 0;
    case RIGHT_FIXED:
        if (op == OP_INSERT)
            return 0;
        return err_at(error, "rights", RAUM_EIMMUTABLE_FIELD,
                      "%s never changes once the row exists", f->name);
    case RIGHT_AUTHOR:
        if (is(row->author, account))
            return 0;
        return err_at(error, "rights", RAUM_ENOT_ALLOWED, "only who made the row may change its %s",
                      f->name);
    case RIGHT_CONSENT:
        return right_consent(row, value, account, error);
    case RIGHT_PERSON:
        if (json_is(value, JSON_NULL) || !value.doc)
            return 0;
        if (!slot_subject)
            return err_at(error, "rights", RAUM_ENOT_FOUND, "no such picture in this space");
        if (!is(slot_subject, row->subject))
            return err_at(error, "rights", RAUM_ENOT_ALLOWED,
                          "a slot takes only pictures of its own person");
        return 0;
    }
    return err_at(error, "rights", RAUM_EINTERNAL, NULL);
}
