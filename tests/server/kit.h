/* A scratch database for the server's tests: a file, or, when RAUM_TEST_POSTGRES names a server
 * (tests/server/postgres starts one), a schema of its own there. So one suite runs on both: in
 * meson.build, add its name to `both`. */
#ifndef TESTS_SERVER_KIT_H
#define TESTS_SERVER_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/sql.h"
#include <raum/env.h>

struct kit {
    char folder[64]; /* scratch, removed by kit_close */
    char url[512];   /* for sql_open, or --database */
    char schema[32]; /* on PostgreSQL */
    struct sql *sql; /* open, migrated */
    struct raum_error error;
};

bool kit_is_postgres(void);
/* An empty database; kit_open also opens and migrates it. They fail the test by themselves. */
void kit_make(struct kit *k);
void kit_open(struct kit *k);
void kit_close(struct kit *k);
/* One more connection to the same database. */
struct sql *kit_connect(struct kit *k);
/* Removes a folder with all that is in it. */
void kit_remove(const char *folder);

/* KIT_OK(&k, call): the call gives 0, else its text is shown. */
#define KIT_OK(k, call)                                                                            \
    do {                                                                                           \
        int kit_result_ = (call);                                                                  \
        if (kit_result_ != 0)                                                                      \
            fail_msg("%s: %d %s", #call, kit_result_, (k)->error.text);                            \
    } while (0)

#endif
