/* The states that some logs of operations leave in a replica, as hashes, one a line: of every build
 * the same (tests/wasm/run.mjs compares the native one with WebAssembly's; G-S8). */
#include "sync/replay.h"

int main(int argc, char **argv)
{
    long seeds = argc > 1 ? strtol(argv[1], NULL, 10) : 3;
    struct kit_world world;
    char folder[128], path[160], hash[33];
    kit_world_init(&world, 5);
    world.now_ms = LOG_NOW;
    kit_folder(folder);
    for (long seed = 1; seed <= seeds; seed++) {
        struct arena a;
        struct buf text;
        arena_init(&a, 512u << 20);
        buf_init(&text, 16u << 20);
        snprintf(path, sizeof path, "%s/%ld", folder, seed);
        replay_engine(&world, &a, path, (uint64_t)seed, NULL, seed % 2 == 0, &text);
        log_state_hash(&text, &world.env, hash);
        printf("%s\n", hash);
        buf_release(&text);
        arena_release(&a);
    }
    kit_remove(folder);
    return 0;
}
