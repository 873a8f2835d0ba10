#include "server/store/sql_driver.h"

int sql_postgres_open(struct sql **out, const char *url, struct raum_error *error)
{
    (void)url;
    *out = NULL;
    return err_at(error, "sql", RAUM_ENOT_CONFIGURED, "this program was built without PostgreSQL");
}
