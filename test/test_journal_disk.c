/*
 * Tests of the journal on a disk that fails, and on one whose power fails (test/vfs.h): at each of
 * its operations in turn.
 */
#include "core/journal.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test/journal.h"

/* A sanitizer has to see each line run, but not each state of the disk: it would take minutes. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BATCHES 6
#else
#define BATCHES 18
#endif

#define LEAST (6 * BATCHES) /* operations there are for so many batches */

#define KEPT  15 /* of each class, where there is pruning */
#define CHECKPOINT \
    20 /* pages of the log after which it is copied into the file, rather than 1,000 */

/* As the recorder does: what fails is not tried again, and what fails twice is opened anew. */
static void work(struct fixture *fixture)
{
    int failures = 0;
    for (size_t batch = 0; batch < BATCHES; batch++) {
        struct text problem;
        text_init(&problem);
        if (failures < 2 || journal_reopen(fixture->journal, &problem) == 0)
            failures = append(fixture, batch % MOST + 1) < 0 ? failures + 1 : 0;
        if (batch % 4 == 3)
            journal_prune(fixture->journal, &problem);
        text_free(&problem);
    }
}

static void assert_integrity(const char *path)
{
    sqlite3 *database;
    sqlite3_stmt *check;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(database, "PRAGMA integrity_check", -1, &check, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(check), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(check, 0), "ok");
    sqlite3_finalize(check);
    sqlite3_close(database);
}

/* --- the power fails --- */

/* At each operation: an image of the disk, and what it must hold. */
struct losses {
    struct fixture *fixture;
    unsigned operations, checked, without_tail;
    enum vfs_loss loss;
    bool nested; /* while an image is looked at, its own operations are none of these */
};

/* What may be missing of an image: what was pruned, and in the end what is not yet acknowledged. */
static void check_image(struct losses *losses, const struct journal *image)
{
    const struct fixture *fixture = losses->fixture;
    struct journal_bounds bounds = journal_bounds(image);
    bool found[ROOM], is_lost = false, full = fixture->settings.sync == JOURNAL_SYNC_FULL;
    assert_true(bounds.next > fixture->acknowledged); /* no id is given again, in any mode */
    read_all(image, found);
    for (uint64_t id = 1; id < fixture->next; id++) {
        if (id <= bounds.pruned[fixture->is_visit[id] ? EVENT_VISIT : EVENT_RECORD])
            continue;
        if (fixture->committed[id] && !found[id])
            is_lost = true;
        if (found[id] && is_lost)
            fail_msg("event %d is there, but one before it is not", (int)id);
    }
    if (full)
        assert_false(is_lost);
    losses->without_tail += is_lost;
}

static void look(void *argument)
{
    struct losses *losses = argument;
    char folder[NAME_SIZE - 32], path[NAME_SIZE];
    if (losses->nested)
        return;
    losses->nested = true;
    unsigned seed = ++losses->operations;
    snprintf(folder, sizeof(folder), "%s/%u", losses->fixture->folder, seed);
    snprintf(path, sizeof(path), "%s/journal.db", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(vfs_power_loss(losses->fixture->path, folder, losses->loss, seed), 0);
    struct journal_settings settings = losses->fixture->settings;
    settings.path = path;
    struct journal *image = journal_open(&settings);
    assert_non_null(image);
    check_image(losses, image);
    journal_close(image);
    assert_integrity(path);
    folder_remove(folder);
    losses->checked++;
    losses->nested = false;
}

static struct losses fail_the_power(struct fixture *fixture, enum journal_sync sync,
                                    enum vfs_loss loss)
{
    struct losses losses = {.fixture = fixture, .loss = loss};
    fixture->settings.sync = sync;
    fixture->settings.keep_events = KEPT;
    vfs_watch(look, &losses);
    open_journal(fixture);
    work(fixture);
    journal_close(fixture->journal);
    fixture->journal = NULL;
    vfs_watch(NULL, NULL);
    assert_true(losses.checked >= LEAST);
    return losses;
}

static void power_loss_costs_nothing_that_was_acknowledged(void **state)
{
    fail_the_power(*state, JOURNAL_SYNC_FULL, VFS_LOSES_ALL);
}

static void power_loss_in_the_middle_of_writes_costs_nothing_either(void **state)
{
    fail_the_power(*state, JOURNAL_SYNC_FULL, VFS_LOSES_SOME);
}

static void in_normal_mode_power_loss_costs_the_tail_alone(void **state)
{
    struct losses losses = fail_the_power(*state, JOURNAL_SYNC_NORMAL, VFS_LOSES_ALL);
    assert_true(losses.without_tail > 0); /* else this has shown nothing */
}

static void in_normal_mode_a_disk_that_did_some_of_it_costs_the_tail_alone(void **state)
{
    struct losses losses = fail_the_power(*state, JOURNAL_SYNC_NORMAL, VFS_LOSES_SOME);
    assert_true(losses.without_tail > 0);
}

/* --- the disk fails --- */

/* What was told is what is there: now, and when the journal is opened again. */
static void check_told(struct fixture *fixture)
{
    bool found[ROOM];
    struct journal_bounds bounds = journal_bounds(fixture->journal);
    assert_true(bounds.next <= fixture->next);
    read_all(fixture->journal, found);
    for (uint64_t id = 1; id < fixture->next; id++) {
        bool is_pruned = id <= bounds.pruned[fixture->is_visit[id] ? EVENT_VISIT : EVENT_RECORD];
        if (fixture->committed[id] && !is_pruned && !found[id])
            fail_msg("event %d was acknowledged, and is lost", (int)id);
        if (!fixture->committed[id] && found[id])
            fail_msg("event %d was refused, and is there", (int)id);
    }
}

/* Nor does the power failing now cost anything, though a failed sync wrote nothing for good. */
static void check_power_loss(struct fixture *fixture)
{
    struct losses losses = {.fixture = fixture, .loss = VFS_LOSES_ALL};
    look(&losses);
}

/* Does the work on a new disk, of which operation `n` fails. False when there are not as many. */
static bool fail_one_operation(struct fixture *fixture, unsigned n)
{
    memset(fixture->committed, 0, sizeof(fixture->committed));
    vfs_fail_at(n);
    fixture->journal = journal_open(&fixture->settings);
    if (!fixture->journal) { /* which it has logged */
        assert_true(vfs_has_failed());
        open_journal(fixture);
    }
    fixture->next = journal_bounds(fixture->journal).next;
    work(fixture);
    bool has_failed = vfs_has_failed();
    vfs_fail_at(0);
    assert_int_equal(append(fixture, 1), 0); /* whatever failed, it goes on */
    check_told(fixture);
    if (fixture->settings.sync == JOURNAL_SYNC_FULL)
        check_power_loss(fixture);
    uint64_t next = fixture->next;
    journal_close(fixture->journal);
    open_journal(fixture);
    assert_true(fixture->next >= next);
    check_told(fixture);
    assert_integrity(fixture->path);
    return has_failed;
}

static void each_operation_fails_once_in_turn(struct fixture *fixture)
{
    unsigned n = 1;
    for (; fail_one_operation(fixture, n); n++) {
        journal_close(fixture->journal);
        fixture->journal = NULL;
        folder_remove(fixture->folder);
        mkdir(fixture->folder, 0700);
    }
    assert_true(n > LEAST);
}

static void each_operation_fails_once_and_nothing_is_acknowledged_falsely(void **state)
{
    each_operation_fails_once_in_turn(*state);
}

static void nor_with_pruning(void **state)
{
    struct fixture *fixture = *state;
    fixture->settings.keep_events = KEPT;
    each_operation_fails_once_in_turn(fixture);
}

static void nor_in_normal_mode(void **state)
{
    struct fixture *fixture = *state;
    fixture->settings.sync = JOURNAL_SYNC_NORMAL;
    each_operation_fails_once_in_turn(fixture);
}

/* SQLite calls this for each connection that it opens. */
static int checkpoint_often(sqlite3 *database, char **error, const void *api)
{
    (void)error, (void)api;
    return sqlite3_wal_autocheckpoint(database, CHECKPOINT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(power_loss_costs_nothing_that_was_acknowledged),
        TEST(power_loss_in_the_middle_of_writes_costs_nothing_either),
        TEST(in_normal_mode_power_loss_costs_the_tail_alone),
        TEST(in_normal_mode_a_disk_that_did_some_of_it_costs_the_tail_alone),
        TEST(each_operation_fails_once_and_nothing_is_acknowledged_falsely),
        TEST(nor_with_pruning),
        TEST(nor_in_normal_mode),
    };
    vfs_install();
    sqlite3_auto_extension((void (*)(void))checkpoint_often);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
