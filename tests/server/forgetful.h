/* Included before every file of the relay in test_relay_fence: its statements pass through
 * forgetful(), which can make them forget which partition they are about. */
#ifndef TESTS_SERVER_FORGETFUL_H
#define TESTS_SERVER_FORGETFUL_H

#include "server/store/sql.h"

const char *forgetful(const char *sql);

#define sql_run(c, error, sql, ...) sql_run(c, error, forgetful(sql), __VA_ARGS__)
#define sql_one(c, out, error, sql, ...) sql_one(c, out, error, forgetful(sql), __VA_ARGS__)
#define sql_many(c, out, error, sql, ...) sql_many(c, out, error, forgetful(sql), __VA_ARGS__)

#endif
