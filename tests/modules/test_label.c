/* Names for pictures from names of files. */
#include "modules/profile/label.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void names(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"photos/IMG_20240131_beach-day.JPG", "IMG Beach Day"},
        {"rotes_kleid-vorne.png", "Rotes Kleid Vorne"},
        {"DSC01234.jpg", "DSC01234"},   /* not a bare number */
        {"20240131_101500.jpg", ""},    /* nothing but numbers */
        {"007_agent.jpg", "007 Agent"}, /* three digits stay */
        {"ärger__über-öl.webp", "Ärger Über Öl"},
        {"жаркий_день.jpg", "Жаркий День"},
        {"archive.tar.gz", "Archive.tar"},
        {".hidden", ".hidden"},
        {"a/b/.jpg", ".jpg"},
        {"  spaces   in  it .heic", "Spaces In It"},
        {"", ""},
        {"/", ""},
        {"\xff\xfe"
         "bad.jpg",
         "Bad"},
        {"tab\x01"
         "control.jpg",
         "Tabcontrol"},
        {"____", ""},
        {"à_la_carte.jpg", "À La Carte"},
        {"þing_÷_x.jpg", "Þing ÷ X"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct buf out;
        buf_init(&out, 4096);
        label_from_file(pairs[i][0], &out);
        assert_string_equal(buf_text(&out), pairs[i][1]);
        buf_release(&out);
    }
}

static void cut(void **state)
{
    (void)state;
    char name[1000];
    struct buf out;
    memset(name, 'a', sizeof name);
    memcpy(name + sizeof name - 5, ".jpg", 5);
    buf_init(&out, 4096);
    label_from_file(name, &out);
    assert_int_equal(out.len, LABEL_MAX);
    buf_release(&out);
    buf_init(&out, 4096);
    for (size_t i = 0; i + 6 < sizeof name; i += 2)
        memcpy(name + i, "\xc3\xa4", 2); /* ä: characters are counted, not bytes */
    label_from_file(name, &out);
    assert_int_equal(out.len, 2 * LABEL_MAX);
    buf_release(&out);
    memset(name, 'a',
           sizeof name); /* blanks count as well: 39 + 1 + 39 + 1 is all there is room for */
    for (size_t i = 39; i < 200; i += 40)
        name[i] = '_';
    name[200] = '\0';
    buf_init(&out, 4096);
    label_from_file(name, &out);
    assert_int_equal(out.len, LABEL_MAX - 1); /* no blank at the end */
    assert_int_equal(out.data[39], ' ');
    assert_int_equal(out.data[78], 'a');
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names), cmocka_unit_test(cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
