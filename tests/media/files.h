/* Files and folders for the tests of pictures. Small, and fails by assertion. */
#ifndef TESTS_MEDIA_FILES_H
#define TESTS_MEDIA_FILES_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_PATH 1024
#define FILES_MAX 64

static inline void *file_slurp(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fprintf(stderr, "cannot open %s\n", path);
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *len = (size_t)ftell(file);
    rewind(file);
    void *data = malloc(*len + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *len, file), *len);
    fclose(file);
    return data;
}

static inline void file_spit(const char *path, const void *data, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static inline int files_order(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The plain files of a folder, sorted; at most FILES_MAX. */
static inline size_t files_list(const char *folder, char names[FILES_MAX][256])
{
    size_t count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.') {
            assert_true(count < FILES_MAX);
            snprintf(names[count++], 256, "%s", entry->d_name);
        }
    closedir(dir);
    qsort(names, count, 256, files_order);
    return count;
}

static inline bool bytes_contain(const void *data, size_t len, const char *text)
{
    const char *at = data;
    size_t n = strlen(text);
    for (size_t i = 0; i + n <= len; i++)
        if (memcmp(at + i, text, n) == 0)
            return true;
    return false;
}

#endif
