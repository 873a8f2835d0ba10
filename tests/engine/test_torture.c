/* Each allocation fails in turn, SQLite's and ours, then each write to the disk, once and from then
 * on: an operation is done or not done, the replica goes on working, nothing leaks (G-S11, G-O2,
 * G-O3). The linker wraps our allocations. */
#include "engine/kit.h"

#include <sys/stat.h>
#include <unistd.h>

/* ---- allocations ---- */

enum what { MEMORY, DISK };
static enum what what;
static long left = -1; /* until one fails; -1: none does */
static bool from_then_on, fired;

static bool refuse_a(enum what this)
{
    if (left < 0 || what != this)
        return false;
    if (left > 0) {
        left--;
        return false;
    }
    fired = true;
    if (!from_then_on)
        left = -1;
    return true;
}

static bool refuse(void)
{
    return refuse_a(MEMORY);
}

void *__real_malloc(size_t len);
void *__real_calloc(size_t count, size_t len);
void *__real_realloc(void *old, size_t len);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t count, size_t len);
void *__wrap_realloc(void *old, size_t len);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t len)
{
    return refuse() ? NULL : __real_malloc(len);
}

void *__wrap_calloc(size_t count, size_t len)
{
    return refuse() ? NULL : __real_calloc(count, len);
}

void *__wrap_realloc(void *old, size_t len)
{
    return refuse() ? NULL : __real_realloc(old, len);
}

char *__wrap_strdup(const char *text)
{
    return refuse() ? NULL : __real_strdup(text);
}

static sqlite3_mem_methods sqlite_real;

static void *sqlite_malloc(int len)
{
    return refuse() ? NULL : sqlite_real.xMalloc(len);
}

static void *sqlite_realloc(void *old, int len)
{
    return refuse() ? NULL : sqlite_real.xRealloc(old, len);
}

static void wrap_sqlite(void)
{
    sqlite3_mem_methods own;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_real), SQLITE_OK);
    own = sqlite_real;
    own.xMalloc = sqlite_malloc;
    own.xRealloc = sqlite_realloc;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &own), SQLITE_OK);
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), SQLITE_OK);
}

/* ---- the disk: SQLite's files, with writes that fail ---- */

struct shim {
    sqlite3_file base;
    sqlite3_file *real;
};
static sqlite3_vfs shim_vfs;
static sqlite3_io_methods shim_io;
static sqlite3_vfs *real_vfs;

#define REAL(file) (((struct shim *)(file))->real)

static int io_close(sqlite3_file *f)
{
    return REAL(f)->pMethods->xClose(REAL(f));
}

static int io_read(sqlite3_file *f, void *out, int len, sqlite3_int64 at)
{
    return REAL(f)->pMethods->xRead(REAL(f), out, len, at);
}

static int io_write(sqlite3_file *f, const void *data, int len, sqlite3_int64 at)
{
    return refuse_a(DISK) ? SQLITE_FULL : REAL(f)->pMethods->xWrite(REAL(f), data, len, at);
}

static int io_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return refuse_a(DISK) ? SQLITE_IOERR_TRUNCATE : REAL(f)->pMethods->xTruncate(REAL(f), size);
}

static int io_sync(sqlite3_file *f, int flags)
{
    return refuse_a(DISK) ? SQLITE_IOERR_FSYNC : REAL(f)->pMethods->xSync(REAL(f), flags);
}

static int io_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return REAL(f)->pMethods->xFileSize(REAL(f), size);
}

static int io_lock(sqlite3_file *f, int level)
{
    return REAL(f)->pMethods->xLock(REAL(f), level);
}

static int io_unlock(sqlite3_file *f, int level)
{
    return REAL(f)->pMethods->xUnlock(REAL(f), level);
}

static int io_check(sqlite3_file *f, int *held)
{
    return REAL(f)->pMethods->xCheckReservedLock(REAL(f), held);
}

static int io_control(sqlite3_file *f, int op, void *arg)
{
    return REAL(f)->pMethods->xFileControl(REAL(f), op, arg);
}

static int io_sector(sqlite3_file *f)
{
    return REAL(f)->pMethods->xSectorSize(REAL(f));
}

static int io_device(sqlite3_file *f)
{
    return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}

static int io_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return REAL(f)->pMethods->xShmMap(REAL(f), page, size, extend, out);
}

static int io_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return REAL(f)->pMethods->xShmLock(REAL(f), at, n, flags);
}

static void io_shm_barrier(sqlite3_file *f)
{
    REAL(f)->pMethods->xShmBarrier(REAL(f));
}

static int io_shm_unmap(sqlite3_file *f, int gone)
{
    return REAL(f)->pMethods->xShmUnmap(REAL(f), gone);
}

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    struct shim *s = (struct shim *)file;
    (void)vfs;
    s->real = (sqlite3_file *)(s + 1);
    int rc = real_vfs->xOpen(real_vfs, name, s->real, flags, out);
    s->base.pMethods = s->real->pMethods ? &shim_io : NULL;
    return rc;
}

static void wrap_disk(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    shim_io = (sqlite3_io_methods){
        2,           io_close,       io_read,      io_write,   io_truncate, io_sync,   io_size,
        io_lock,     io_unlock,      io_check,     io_control, io_sector,   io_device, io_shm_map,
        io_shm_lock, io_shm_barrier, io_shm_unmap, NULL,       NULL};
    shim_vfs = *real_vfs;
    shim_vfs.zName = "torture";
    shim_vfs.szOsFile = real_vfs->szOsFile + (int)sizeof(struct shim);
    shim_vfs.xOpen = shim_open;
    assert_int_equal(sqlite3_vfs_register(&shim_vfs, 1), SQLITE_OK);
}

/* ---- the replica under torture ---- */

static char folder[128], base[160], work[160], other_folder[160];
static struct kit_world world;
static struct raum *r, *other;
static struct raum_handle *h, *across;
static char offline[RAUM_ID_MAX];

static void copy_folder(const char *from, const char *to)
{
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s' && cp -a '%s' '%s'", to, from, to);
    assert_int_equal(system(command), 0);
}

static void open_work(void)
{
    r = kit_open(work, "anna", &world.env);
    h = kit_scope(r, NULL);
    OK(raum_across_new(r, &across, &error));
}

static void start_anew(void)
{
    raum_close(r);
    r = NULL;
    copy_folder(base, work);
    open_work();
}

static int set_up(void **state)
{
    (void)state;
    char id[RAUM_ID_MAX];
    const struct space *s;
    kit_folder(folder);
    kit_world_init(&world, 61);
    snprintf(base, sizeof base, "%s/base", folder);
    snprintf(work, sizeof work, "%s/work", folder);
    snprintf(other_folder, sizeof other_folder, "%s/other", folder);
    r = kit_open(base, "anna", &world.env);
    kit_join(r, "team", SPACE_TEAM, ROLE_OWNER);
    OK(spaces_create(r, "Marke", SPACE_BRAND, &s, &error));
    snprintf(offline, sizeof offline, "%s", s->id);
    struct raum_handle *in[3] = {kit_scope(r, NULL), kit_scope(r, "team"), kit_scope(r, offline)};
    for (int i = 0; i < 3; i++) {
        OK(kit_insert(in[i], "meImages", "{\"id\":\"a\",\"label\":\"one\",\"x\":1}", id));
        OK(kit_insert(in[i], "tags", "{\"id\":\"t\",\"name\":\"n\"}", id));
        OK(kit_insert(in[i], "meSlots", "{\"slot\":\"avatar\",\"imageId\":\"a\"}", id));
    }
    raum_close(r);
    r = NULL;
    other = kit_open(other_folder, "bert", &world.env);
    kit_join(other, "team", SPACE_TEAM, ROLE_MEMBER);
    struct raum_handle *theirs = kit_scope(other, "team");
    OK(kit_insert(theirs, "meImages", "{\"id\":\"a\",\"label\":\"two\",\"y\":2}", id));
    OK(kit_insert(theirs, "tags", "{\"id\":\"new\",\"name\":\"n\",\"z\":{}}", id));
    start_anew();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    left = -1;
    raum_close(r);
    raum_close(other);
    r = other = NULL;
    kit_remove(folder);
    return 0;
}

/* Rows, marks, spaces and keys of the file. Names that were interned but are not used count, too.
 */
static char *state_of(void)
{
    struct buf out;
    struct db_stmt s;
    buf_init(&out, 1 << 22);
    OK(replica_look(r, &error));
    OK(db_prepare(r->db, &s, &db_grant_own,
                  "SELECT ref || ' ' || id || ' ' || offline FROM spaces UNION ALL SELECT 'dirty ' "
                  "|| tbl || ' ' || n || ' ' || "
                  "fields FROM dirty UNION ALL SELECT 'account ' || id FROM accounts UNION ALL "
                  "SELECT 'actor ' || "
                  "device || agent FROM actors UNION ALL SELECT 'keys ' || count(*) FROM keys",
                  &error));
    while (db_step(&s, &error) == 0) {
        buf_str(&out, db_text(&s, 0, NULL));
        buf_char(&out, '\n');
    }
    db_finish(&s);
    for (uint32_t ref = 1; ref < r->space_count; ref++)
        if (intern_space(r, ref))
            kit_dump(r, ref, &out);
    return buf_detach(&out, NULL);
}

/* The caches agree with the file. */
static void names_agree(void)
{
    int64_t spaces = 0, people = 0;
    for (uint32_t i = 1; i < r->space_count; i++)
        spaces += intern_space(r, i) != NULL;
    for (uint32_t i = 1; i < r->account_count; i++)
        people += intern_account(r, i) != NULL;
    assert_int_equal(spaces, kit_raw(r, "SELECT count(*) FROM spaces"));
    assert_int_equal(people, kit_raw(r, "SELECT count(*) FROM accounts"));
}

enum kind {
    READS,
    WRITES,
    WRITES_TWICE, /* may fail behind the commit: done, and not yet tidied up */
};

static bool expected(int code)
{
    return code == RAUM_EINTERRUPTED || code == RAUM_EIO ||
           code == (what == MEMORY ? RAUM_ENOMEM : RAUM_EFULL);
}

static void check_outcome(int result, enum kind kind, const char *before, long n)
{
    char *now = state_of();
    assert_int_equal(r->depth, 0);
    names_agree();
    if (result < 0 && !fired)
        fail_msg("fails by itself: %s %s", raum_code_name(result), error.text);
    if (result < 0 && !expected(result))
        fail_msg("try %ld: %s %s", n, raum_code_name(result), error.text);
    bool changed = strcmp(now, before) != 0;
    if (result < 0 && kind != WRITES_TWICE)
        assert_string_equal(now, before);
    if (result == 0)
        assert_int_equal(changed, kind != READS);
    free(now);
    if (result == 0 || changed)
        start_anew();
    if (raum_scope_space(h) ==
        NULL) /* its names could not be read anew: it says so, and is set again */
        OK(raum_scope_set(h, intern_personal(r)->id, &error));
}

/* Runs the operation with ever later failures until it gets through. The first are tried all, later
 * ones with gaps. */
static void torture(int (*operation)(void), enum kind kind)
{
    int tries = 0, gaps = getenv("RAUM_SEEDS") ? 2000 : 40, result;
    start_anew();
    char *before = state_of();
    for (int mode = 0; mode < 4; mode++) {
        long n = 0;
        do {
            assert_true(n < 20000);
            what = mode < 2 ? MEMORY : DISK;
            fired = false;
            from_then_on = mode & 1;
            left = n;
            result = operation();
            left = -1;
            check_outcome(result, kind, before, n);
            n += 1 + n / gaps;
            tries++;
        } while (result < 0 || fired);
    }
    print_message("%d failures\n", tries);
    assert_true(tries > 8);
    free(before);
}

/* ---- operations ---- */

static int op_insert(void)
{
    char id[RAUM_ID_MAX];
    return kit_insert(h, "meImages",
                      "{\"id\":\"b\",\"label\":\"l\",\"subjectId\":\"somebody\",\"u\":[1]}", id);
}

static int op_update(void)
{
    return kit_update(h, "meImages", "a", "{\"label\":\"other\",\"x\":2,\"y\":3,\"tags\":[\"t\"]}");
}

static int op_delete(void)
{
    return raum_delete(h, "tags", "t", &error);
}

static int op_slot(void)
{
    return kit_update(h, "meSlots", "anna:avatar", "{\"imageId\":null}");
}

static int op_transaction(void)
{
    int result = raum_begin(r, &error);
    if (result < 0)
        return result;
    result = op_insert();
    if (result == 0)
        result = op_update();
    if (result < 0) {
        raum_rollback(r);
        return result;
    }
    return raum_commit(r, &error);
}

static int op_merge(void)
{
    return kit_hand_over(other, r, "team", false, &error);
}

static int op_agent(void)
{
    return raum_handle_agent(h, "bot", &error);
}

static int op_create(void)
{
    const struct space *s;
    return spaces_create(r, "Neu", SPACE_TEAM, &s, &error);
}

static int op_rename_id(void)
{
    return spaces_become(r, "_personal:anna", "real", &error);
}

static int op_join(void)
{
    return spaces_become(r, offline, "team", &error);
}

static int op_delete_space(void)
{
    return spaces_delete(r, offline, &error);
}

static int op_get(void)
{
    struct buf out;
    buf_init(&out, 10000);
    int result = store_get(h, "meImages", "a", false, &out, &error);
    if (result == 0 && !strstr(buf_text(&out), "\"label\":\"one\""))
        result = RAUM_EINTERNAL;
    buf_release(&out);
    return result;
}

static int run_query(int (*make)(struct raum_handle *, const char *, struct raum_query **,
                                 struct raum_error *),
                     struct raum_handle *on, const char *sql, int rows)
{
    struct raum_query *q;
    int result = make(on, sql, &q, &error), seen = 0;
    if (result < 0)
        return result;
    while ((result = raum_query_step(q, &error)) == 0)
        seen++;
    raum_query_free(q);
    return result < 0 ? result : seen == rows ? 0 : RAUM_EINTERNAL;
}

static int op_switch_and_read(void)
{
    int result = raum_scope_set(h, "team", &error);
    if (result == 0)
        result = run_query(query_view, h, "SELECT * FROM meImages ORDER BY label", 1);
    int back = raum_scope_set(h, intern_personal(r) ? intern_personal(r)->id : NULL, &error);
    return result ? result : back;
}

static int op_across(void)
{
    return run_query(query_view, across, "SELECT * FROM across_meImages", 3);
}

static int op_fence(void)
{
    struct raum_handle *own;
    int result = raum_scope_new(r, &own, &error);
    if (result < 0)
        return result;
    result = raum_scope_set(own, "team", &error);
    if (result == 0)
        result = run_query(raum_query_new, own,
                           "SELECT i.id, t.name FROM meImages i JOIN tags t ORDER BY t.name", 1);
    raum_handle_free(own);
    return result;
}

static int op_open(void)
{
    struct raum *second = NULL;
    struct raum_options options = {.folder = work, .account = "anna", .env = &world.env};
    int result = raum_open(&second, &options, &error);
    raum_close(second);
    return result;
}

#define TORTURE(name, kind)                                                                        \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        torture(op_##name, kind);                                                                  \
    }
TORTURE(insert, WRITES)
TORTURE(update, WRITES)
TORTURE(delete, WRITES)
TORTURE(slot, WRITES)
TORTURE(transaction, WRITES)
TORTURE(merge, WRITES)
TORTURE(agent, WRITES)
TORTURE(create, WRITES)
TORTURE(rename_id, WRITES)
TORTURE(join, WRITES)
TORTURE(delete_space, WRITES_TWICE)
TORTURE(get, READS)
TORTURE(switch_and_read, READS)
TORTURE(across, READS)
TORTURE(fence, READS)
TORTURE(open, READS)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_insert),          cmocka_unit_test(test_update),
        cmocka_unit_test(test_delete),          cmocka_unit_test(test_slot),
        cmocka_unit_test(test_transaction),     cmocka_unit_test(test_merge),
        cmocka_unit_test(test_agent),           cmocka_unit_test(test_create),
        cmocka_unit_test(test_rename_id),       cmocka_unit_test(test_join),
        cmocka_unit_test(test_delete_space),    cmocka_unit_test(test_get),
        cmocka_unit_test(test_switch_and_read), cmocka_unit_test(test_across),
        cmocka_unit_test(test_fence),           cmocka_unit_test(test_open),
    };
    wrap_sqlite();
    wrap_disk();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
