#include "net/log.h"

#include "base/json.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int64_t now(void *ctx)
{
    return *(int64_t *)ctx;
}

static void test_lines(void **state)
{
    int64_t ms = 1700000000123;
    struct net_log *log;
    struct raum_error error;
    char text[1000] = {0};
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(net_log_new(&log, ends[1], LOG_INFO, now, &ms, &error), 0);
    NET_LOG(log, LOG_DEBUG, "never", {"a", "b", 0});
    NET_LOG(log, LOG_WARNING, "odd", {"text", "a\"\n\x1b[2J\xff", 0}, {"number", NULL, -7});
    net_log_line(log, LOG_ERROR, "bare", NULL, 0);
    NET_LOG(NULL, LOG_ERROR, "nowhere", {"a", "b", 0});
    assert_true(read(ends[0], text, sizeof text - 1) > 0);
    assert_string_equal(text, "{\"at\":\"2023-11-14T22:13:20.123Z\",\"level\":\"warning\","
                              "\"event\":\"odd\",\"text\":\"a\\\"\\n\\u001b[2J\xef\xbf\xbd\","
                              "\"number\":-7}\n{\"at\":\"2023-11-14T22:13:20.123Z\","
                              "\"level\":\"error\",\"event\":\"bare\"}\n");
    net_log_free(log);
    net_log_free(NULL);
    close(ends[0]);
    close(ends[1]);
}

static void *write_many(void *arg)
{
    for (int i = 0; i < 500; i++)
        NET_LOG(arg, LOG_INFO, "line", {"text", "0123456789012345678901234567890123456789", 0});
    return NULL;
}

/* Lines of several threads are never mixed. */
static void test_threads(void **state)
{
    int64_t ms = 0;
    struct net_log *log;
    struct raum_error error;
    struct json_doc doc;
    pthread_t threads[4];
    char line[500];
    int lines = 0;
    FILE *file = tmpfile();
    (void)state;
    assert_non_null(file);
    assert_int_equal(net_log_new(&log, fileno(file), LOG_INFO, now, &ms, &error), 0);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, write_many, log);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    net_log_free(log);
    rewind(file);
    json_init(&doc);
    for (; fgets(line, sizeof line, file); lines++)
        assert_int_equal(json_parse(&doc, line, strlen(line), 0, &error), 0);
    json_release(&doc);
    assert_int_equal(lines, 2000);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
