/*
 * Tests of the journal when SQLite fails: each call of it in turn, and with each of its errors.
 * The functions that may fail are defined here; one that is to fail does nothing else.
 */
#include "core/clock.h"
#include "core/database.h"
#include "core/journal.h"
#include "test/folder.h"

#include <dlfcn.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define ROOM          64 /* more ids than a life of a journal takes */
#define KEPT          3

static struct {
    unsigned calls;
    unsigned failing; /* the number of the one that fails; 0: none does */
    int code;         /* of the error, as long as it is the newest; 0: none is */
    int system_error;
    bool inside; /* of a call */
} faults;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static bool fails_now(void)
{
    faults.calls++;
    faults.code = faults.calls == faults.failing ? SQLITE_IOERR : SQLITE_OK;
    return faults.code != SQLITE_OK;
}

/* What SQLite calls of itself meanwhile does not fail: it would not believe it. */
#define FAIL_OR_CALL(name, ...)               \
    do {                                      \
        if (!faults.inside && fails_now())    \
            return faults.code;               \
        bool before = faults.inside;          \
        faults.inside = true;                 \
        int result = REAL(name)(__VA_ARGS__); \
        faults.inside = before;               \
        return result;                        \
    } while (0)

int sqlite3_open_v2(const char *name, sqlite3 **database, int flags, const char *vfs)
{
    FAIL_OR_CALL(sqlite3_open_v2, name, database, flags, vfs);
}

int sqlite3_prepare_v2(sqlite3 *database, const char *sql, int length, sqlite3_stmt **statement,
                       const char **tail)
{
    FAIL_OR_CALL(sqlite3_prepare_v2, database, sql, length, statement, tail);
}

int sqlite3_prepare_v3(sqlite3 *database, const char *sql, int length, unsigned flags,
                       sqlite3_stmt **statement, const char **tail)
{
    FAIL_OR_CALL(sqlite3_prepare_v3, database, sql, length, flags, statement, tail);
}

int sqlite3_step(sqlite3_stmt *statement)
{
    FAIL_OR_CALL(sqlite3_step, statement);
}

int sqlite3_exec(sqlite3 *database, const char *sql, int (*row)(void *, int, char **, char **),
                 void *argument, char **error)
{
    FAIL_OR_CALL(sqlite3_exec, database, sql, row, argument, error);
}

/* Asked of an error that is not there, or not any more, it says "not an error". */
const char *sqlite3_errmsg(sqlite3 *database)
{
    assert_int_not_equal(REAL(sqlite3_errcode)(database), SQLITE_OK);
    return REAL(sqlite3_errmsg)(database);
}

int sqlite3_errcode(sqlite3 *database)
{
    return faults.code != SQLITE_OK ? faults.code : REAL(sqlite3_errcode)(database);
}

int sqlite3_system_errno(sqlite3 *database)
{
    return faults.code != SQLITE_OK ? faults.system_error : REAL(sqlite3_system_errno)(database);
}

/* No power fails here, and a disk's syncs would take most of the time. */
int fsync(int fd)
{
    (void)fd;
    return 0;
}

int fdatasync(int fd)
{
    (void)fd;
    return 0;
}

/* --- a journal's life --- */

struct life {
    char folder[64], path[96];
    uint64_t first, next; /* the id given first, and the one to be given next */
    bool committed[ROOM]; /* by id, counted from the first: what was acknowledged */
    struct journal *journal;
};

static int set_up(void **state)
{
    struct life *life = calloc(1, sizeof(*life));
    memset(&faults, 0, sizeof(faults));
    if (folder_make(life->folder, sizeof(life->folder)) < 0)
        return -1;
    *state = life;
    return 0;
}

static int tear_down(void **state)
{
    struct life *life = *state;
    faults.failing = 0;
    journal_close(life->journal);
    folder_remove(life->folder);
    free(life);
    return 0;
}

static void open_journal(struct life *life, uint64_t keep_events)
{
    const struct journal_settings settings = {
        .path = life->path, .sync = JOURNAL_SYNC_NORMAL, .keep_events = keep_events};
    life->journal = journal_open(&settings);
}

/* Of one that is new. */
static void start(struct life *life)
{
    open_journal(life, KEPT);
    life->first = life->next = life->journal ? journal_bounds(life->journal).next : 1;
}

/* Appends so many events, of both classes. */
static void append(struct life *life, size_t count)
{
    struct event *events[ROOM];
    struct text problem;
    text_init(&problem);
    for (size_t i = 0; i < count; i++) {
        events[i] = event_new(life->next % 3 == 0 ? "connect" : "mine", "conn1", clock_seconds(),
                              "<value/>", 8);
        events[i]->id = life->next++;
        assert_true(life->next < life->first + ROOM);
    }
    int result = journal_append(life->journal, events, count, &problem);
    assert_int_equal(problem.length > 0, result < 0); /* a failure says why */
    for (size_t i = 0; i < count; i++) {
        life->committed[events[i]->id - life->first] = result == 0;
        event_unref(events[i]);
    }
    text_free(&problem);
}

/* What is read is as acknowledged; a failure says why. Returns whether it was read. */
static bool read_all(const struct life *life, struct journal_reader *reader)
{
    struct event_query query = {.limit = ROOM, .max_bytes = SIZE_MAX};
    struct event_page page;
    struct text problem;
    bool found[ROOM] = {false};
    text_init(&problem);
    event_page_init(&page);
    event_filter_init(&query.filter);
    query.filter.mask = UINT64_MAX; /* those who came, too */
    int result = journal_read(reader, &query, life->next, &page, &problem);
    assert_int_equal(problem.length > 0, result < 0);
    for (size_t i = 0; i < page.count; i++)
        found[page.events[i]->id - life->first] = true;
    struct journal_bounds bounds = journal_bounds(life->journal);
    for (uint64_t id = life->first; id < life->next && result == 0; id++) {
        bool is_kept = id > bounds.pruned[id % 3 == 0 ? EVENT_VISIT : EVENT_RECORD];
        assert_int_equal(found[id - life->first], is_kept && life->committed[id - life->first]);
    }
    event_page_free(&page);
    text_free(&problem);
    return result == 0;
}

static void close_journal(struct life *life)
{
    journal_close(life->journal);
    life->journal = NULL;
}

/* Until it succeeds, as the recorder does; meanwhile nothing is recorded. */
static void reopen(struct life *life)
{
    struct text problem;
    text_init(&problem);
    int result = journal_reopen(life->journal, &problem);
    assert_int_equal(problem.length > 0, result < 0);
    if (result < 0) {
        append(life, 1);
        text_clear(&problem);
        assert_int_equal(journal_reopen(life->journal, &problem), 0);
    }
    text_free(&problem);
}

/* When less is to be kept than before. */
static void prune(struct life *life)
{
    struct text problem;
    text_init(&problem);
    int result = journal_prune(life->journal, &problem);
    assert_int_equal(problem.length > 0, result < 0);
    text_free(&problem);
}

static bool is_in_memory(const struct life *life)
{
    return strcmp(life->path, ":memory:") == 0;
}

/* All that a server does with a journal, once. */
static void live(struct life *life)
{
    start(life);
    if (!life->journal)
        return;
    append(life, 4);
    append(life, 8);
    struct journal_reader *reader = journal_reader_open(life->journal);
    if (reader) {
        read_all(life, reader);
        append(life, 3);
        read_all(life, reader);
    }
    journal_reader_close(reader);
    append(life, 1);
    reopen(life);
    append(life, 2);
    if (!is_in_memory(life)) {
        close_journal(life);
        open_journal(life, 1);
    }
    if (life->journal)
        prune(life);
    close_journal(life);
}

/* What was acknowledged is there, what was refused is not, and no id comes again. */
static void check(struct life *life)
{
    open_journal(life, KEPT);
    assert_non_null(life->journal);
    for (uint64_t id = journal_bounds(life->journal).next; id < life->next; id++)
        assert_false(life->committed[id - life->first]);
    struct journal_reader *reader = journal_reader_open(life->journal);
    assert_non_null(reader);
    assert_true(read_all(life, reader));
    journal_reader_close(reader);
}

/* One life after another, until no call is left to fail. */
static void fail_each_call(struct life *life, bool in_memory)
{
    unsigned number = 0, calls;
    do {
        memset(life->committed, 0, sizeof(life->committed));
        snprintf(life->path, sizeof(life->path), "%s/%u.db", life->folder, ++number);
        if (in_memory)
            strcpy(life->path, ":memory:");
        faults.calls = 0;
        faults.failing = number;
        live(life);
        faults.failing = 0;
        calls = faults.calls;
        if (!in_memory)
            check(life);
        close_journal(life);
    } while (calls >= number);
    assert_true(number > 100); /* a life of fewer calls is none */
}

static void each_call_of_sqlite_fails_once_and_nothing_is_told_falsely(void **state)
{
    fail_each_call(*state, false);
}

static void nor_in_memory(void **state)
{
    fail_each_call(*state, true);
}

/* --- errors in words --- */

static const struct {
    int code, system_error;
    const char *words;
} errors[] = {
    {SQLITE_FULL, 0, "the disk is full"},
    {SQLITE_IOERR, ENOSPC, "the disk is full"},
    {SQLITE_IOERR, EDQUOT, "the disk is full"},
    {SQLITE_CANTOPEN, ENOSPC, "the disk is full"},
    {SQLITE_IOERR, EIO, "input/output error on the journal's file: Input/output error"},
    {SQLITE_IOERR, 0, "input/output error on the journal's file"},
    {SQLITE_IOERR_FSYNC, EIO, "input/output error on the journal's file: Input/output error"},
    {SQLITE_CANTOPEN, EMFILE, "the journal's file cannot be opened: Too many open files"},
    {SQLITE_CORRUPT, ENOSPC, "the journal's file is damaged"}, /* of an error before */
    {SQLITE_NOTADB, 0, "the journal's file is damaged"},
    {SQLITE_READONLY, 0, "the journal's file is read-only"},
    {SQLITE_BUSY, 0, "another program holds the journal's file locked"},
    {SQLITE_LOCKED, 0, "another program holds the journal's file locked"},
    {SQLITE_NOMEM, 0, "memory ran out"},
};

static void an_error_is_told_in_words_for_a_user(void **state)
{
    (void)state;
    sqlite3 *database;
    struct text problem;
    text_init(&problem);
    assert_int_equal(sqlite3_open_v2(":memory:", &database, SQLITE_OPEN_READWRITE, NULL), 0);
    for (size_t i = 0; i < LENGTH(errors); i++) {
        faults.code = errors[i].code;
        faults.system_error = errors[i].system_error;
        text_clear(&problem);
        database_problem(database, &problem);
        assert_string_equal(problem.bytes, errors[i].words);
    }
    faults.code = SQLITE_OK;
    text_clear(&problem);
    assert_int_equal(database_run(database, "SELECT nonsense"), -1);
    database_problem(database, &problem);
    assert_string_equal(problem.bytes, "no such column: nonsense"); /* in SQLite's own */
    text_clear(&problem);
    database_problem(NULL, &problem);
    assert_string_equal(problem.bytes, "memory ran out"); /* SQLite says so by none */
    sqlite3_close(database);
    text_free(&problem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_call_of_sqlite_fails_once_and_nothing_is_told_falsely,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(nor_in_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_error_is_told_in_words_for_a_user, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
