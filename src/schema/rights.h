/* Who may write what: one pure function, asked by the write path on a device and by the relay on
 * the server (CONTRACT §2, G-T12). Knows neither rows' storage nor where the question comes from.
 */
#ifndef SCHEMA_RIGHTS_H
#define SCHEMA_RIGHTS_H

#include "schema/schema.h"

enum rights_role { ROLE_NONE, ROLE_MEMBER, ROLE_ADMIN, ROLE_OWNER };
enum rights_op { OP_INSERT, OP_UPDATE, OP_DELETE, OP_RESTORE };

/* Accounts as ids; all texts are lent. */
struct rights_row {
    const char *author;   /* of the row as stored; on insert: as it would be */
    const char *subject;  /* meImages: subjectId; meSlots: person; else NULL */
    bool is_private;      /* visibility as stored */
    bool exists;
};

int rights_role(const char *name); /* owner admin member; else ROLE_NONE */
const char *rights_role_name(int role);

/* May `account` with `role` do `op` to the row at all? 0, RAUM_ENOT_FOUND (private row of another:
 * refusal looks like absence, G-T9) or RAUM_ENOT_ALLOWED. */
int rights_row(const struct schema_table *t, enum rights_op op, const struct rights_row *row,
               const char *account, int role, struct raum_error *error) BASE_CHECK;
/* May the account write this value to this field? `slot_subject`: for meSlots.imageId the subject
 * of the picture named (NULL: no such picture in the space). 0, RAUM_EIMMUTABLE_FIELD or
 * RAUM_ENOT_ALLOWED. */
int rights_field(const struct schema_field *f, enum rights_op op, const struct rights_row *row,
                 struct json_value value, const char *slot_subject, const char *account,
                 struct raum_error *error) BASE_CHECK;

#endif
