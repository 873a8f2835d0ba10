/* Fuzzer: any bytes as SQL behind the fence. Shows nothing of other spaces, ends in time, breaks
 * nothing (G-T2, G-T3, G-O3). */
#include "engine/fence.h"
#include "engine/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct room room;

static void close_room(void)
{
    room_close(&room);
}

static void open_room(void)
{
    struct fence_limits limits = {
        .deadline_ms = 30, .heap_bytes = 8 << 20, .rows = 300, .looks = 100000, .length = 20000};
    room_open(&room);
    atexit(close_room);
    room_fill(&room, 5);
    if (room_count(&room, "SELECT 1") != 1)
        abort();
    fence_set_limits(room.scope->fence, &limits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct raum_query q = {0};
    int result;
    if (!room.raum)
        open_room();
    q.handle = room.scope;
    q.generation = room.scope->generation;
    result = fence_prepare(room.scope->fence, (const char *)data, len, &q.fenced, &room.error);
    unsigned seen = result == 0 ? room_seen(&q, &result, &room.error) : 0;
    sqlite3_finalize(q.fenced);
    if (seen & ~2u & ~room_marks_in((const char *)data, len)) {
        fprintf(stderr, "marks %x\n", seen);
        abort();
    }
    const char *secret = room.raum->secret;
    bool told =
        result < 0 && strstr(room.error.text, secret) && !memmem(data, len, secret, strlen(secret));
    if (result == RAUM_EINTERNAL || told) {
        fprintf(stderr, "%s\n", room.error.text);
        abort();
    }
    if (sqlite3_txn_state(room.raum->db->handle, "main") != SQLITE_TXN_NONE)
        abort();
    return 0;
}
