/*
 * Tests of the journal on a disk that fails, and on one whose power fails (test/vfs.h): at each of
 * its operations in turn.
 */
#include "core/clock.h"
#include "core/journal.h"
#include "test/folder.h"
#include "test/vfs.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* A sanitizer has to see each line run, but not each state of the disk: it would take minutes. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BATCHES 6
#else
#define BATCHES 18
#endif

#define LEAST (6 * BATCHES) /* operations there are for so many batches */

#define MOST  9  /* events in a batch */
#define KEPT  15 /* of each class, where there is pruning */
#define CHECKPOINT \
    20 /* pages of the log after which it is copied into the file, rather than 1,000 */
#define ROOM      1024
#define NAME_SIZE 256

/* A journal in a folder of its own, and what is known of it. */
struct fixture {
    char folder[64], path[NAME_SIZE];
    struct journal_settings settings;
    struct journal *journal;
    uint64_t next;         /* the id to be given next */
    uint64_t acknowledged; /* all that was written up to this id is committed */
    /* By id: */
    bool committed[ROOM];
    bool is_visit[ROOM];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    if (folder_make(fixture->folder, sizeof(fixture->folder)) < 0)
        return -1;
    snprintf(fixture->path, NAME_SIZE, "%s/journal.db", fixture->folder);
    fixture->settings = (struct journal_settings){
        .path = fixture->path, .sync = JOURNAL_SYNC_FULL, .keep_events = 1000000};
    fixture->next = 1;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    vfs_watch(NULL, NULL);
    vfs_fail_at(0);
    vfs_fail(false);
    journal_close(fixture->journal);
    folder_remove(fixture->folder);
    free(fixture);
    return 0;
}

static void open_journal(struct fixture *fixture)
{
    fixture->journal = journal_open(&fixture->settings);
    assert_non_null(fixture->journal);
    fixture->next = journal_bounds(fixture->journal).next;
}

/* --- writing --- */

/* An event of some size, with the next id; every third is one who came. */
static struct event *new_event(struct fixture *fixture)
{
    char data[3000];
    uint64_t id = fixture->next++;
    assert_true(id < ROOM);
    fixture->is_visit[id] = id % 3 == 0;
    int length = snprintf(data, sizeof(data), "<value><string>%0*d</string></value>",
                          (int)(id * 7919 % 2500) + 1, (int)id);
    struct event *event = event_new(fixture->is_visit[id] ? "connect" : "mine", "conn1",
                                    clock_seconds(), data, (size_t)length);
    event->id = id;
    return event;
}

/* Appends a batch of so many events. 0, or -1 when it was not committed. */
static int append(struct fixture *fixture, size_t count)
{
    struct event *events[MOST];
    struct text problem;
    text_init(&problem);
    for (size_t i = 0; i < count; i++)
        events[i] = new_event(fixture);
    int result = journal_append(fixture->journal, events, count, &problem);
    assert_int_equal(problem.length == 0, result == 0); /* a failure says why */
    for (size_t i = 0; i < count; i++) {
        fixture->committed[events[i]->id] = result == 0;
        event_unref(events[i]);
    }
    if (result == 0)
        fixture->acknowledged = fixture->next - 1;
    text_free(&problem);
    return result;
}

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

/* --- reading what is there --- */

/* Reads all that the journal has; which ids, into `found`. */
static void read_all(const struct journal *journal, bool found[ROOM])
{
    struct event_query query = {.limit = ROOM, .max_bytes = SIZE_MAX};
    struct event_page page;
    struct text problem;
    text_init(&problem);
    event_page_init(&page);
    event_filter_init(&query.filter);
    query.filter.mask = UINT64_MAX; /* those who came, too */
    struct journal_reader *reader = journal_reader_open(journal);
    assert_non_null(reader);
    assert_int_equal(journal_read(reader, &query, ROOM, &page, &problem), 0);
    memset(found, 0, ROOM * sizeof(found[0]));
    for (size_t i = 0; i < page.count; i++) {
        assert_false(found[page.events[i]->id]);
        assert_true(i == 0 || page.events[i]->id > page.events[i - 1]->id);
        found[page.events[i]->id] = true;
    }
    event_page_free(&page);
    journal_reader_close(reader);
    text_free(&problem);
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

/* --- ids --- */

/* Goes on as if the process had been killed: from a copy of what was written. */
static void restart_killed(struct fixture *fixture)
{
    char folder[NAME_SIZE - 32];
    snprintf(folder, sizeof(folder), "%s/killed", fixture->folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(vfs_power_loss(fixture->path, folder, VFS_LOSES_NOTHING, 0), 0);
    journal_close(fixture->journal);
    snprintf(fixture->path, NAME_SIZE, "%s/journal.db", folder);
    open_journal(fixture);
}

static void ids_go_on_after_all_was_pruned(void **state)
{
    struct fixture *fixture = *state;
    struct text problem;
    text_init(&problem);
    fixture->settings.keep_seconds = 1e-6;
    open_journal(fixture);
    assert_int_equal(append(fixture, 5), 0);
    uint64_t last = fixture->next - 1;
    int64_t until_ms = clock_monotonic_ms() + 10000;
    while (journal_bounds(fixture->journal).pruned[EVENT_RECORD] != last &&
           clock_monotonic_ms() < until_ms)
        assert_true(journal_prune(fixture->journal, &problem) >= 0);
    bool found[ROOM];
    read_all(fixture->journal, found);
    for (uint64_t id = 1; id <= last; id++)
        assert_false(found[id]);
    restart_killed(fixture);
    assert_true(fixture->next > last);
    text_free(&problem);
}

/* A journal with later events is put in the place of ours: they are not to be told twice. */
static void a_file_with_later_events_has_its_ids_continued(void **state)
{
    struct fixture *fixture = *state;
    struct text problem;
    char other[NAME_SIZE];
    text_init(&problem);
    open_journal(fixture);
    for (int i = 0; i < 10; i++)
        assert_int_equal(append(fixture, 9), 0);
    journal_close(fixture->journal);
    snprintf(other, NAME_SIZE, "%s/other.db", fixture->folder);
    assert_int_equal(rename(fixture->path, other), 0);
    open_journal(fixture);
    assert_int_equal(append(fixture, 9), 0);
    assert_int_equal(rename(other, fixture->path), 0);
    assert_int_equal(append(fixture, 1), -1); /* the file was taken away */
    assert_int_equal(journal_reopen(fixture->journal, &problem), 0);
    assert_int_equal(append(fixture, 1), -1); /* the id was of the file before */
    fixture->next = journal_bounds(fixture->journal).next;
    assert_int_equal(fixture->next, 91);
    assert_int_equal(append(fixture, 1), 0);
}

/* In the same moment as it was read: between two questions there could be pruning. */
static void a_page_tells_how_far_its_classes_were_pruned(void **state)
{
    struct fixture *fixture = *state;
    fixture->settings.keep_events = 2;
    open_journal(fixture);
    assert_int_equal(append(fixture, 9), 0); /* of which 3, 6 and 9 are visits */
    struct journal_reader *reader = journal_reader_open(fixture->journal);
    for (int visits = 0; visits < 2; visits++) {
        struct event_query query = {.limit = ROOM, .max_bytes = SIZE_MAX};
        struct event_page page;
        struct text problem;
        text_init(&problem);
        event_page_init(&page);
        event_filter_init(&query.filter);
        if (visits)
            event_filter_add(&query.filter, "connect");
        assert_int_equal(journal_read(reader, &query, 9, &page, &problem), 0);
        assert_int_equal(page.count, 2);
        assert_int_equal(page.pruned, visits ? 3 : 5);
        event_page_free(&page);
    }
    journal_reader_close(reader);
}

/* So that no call waits for long behind it. */
static void old_events_go_in_small_steps(void **state)
{
    struct fixture *fixture = *state;
    struct text problem;
    text_init(&problem);
    open_journal(fixture);
    while (fixture->next < 900)
        assert_int_equal(append(fixture, MOST), 0);
    uint64_t records = journal_bounds(fixture->journal).last * 2 / 3;
    journal_close(fixture->journal);
    fixture->settings.keep_events = 1;
    open_journal(fixture);
    assert_int_equal(journal_prune(fixture->journal, &problem), 1);
    bool found[ROOM];
    read_all(fixture->journal, found);
    uint64_t left = 0;
    for (uint64_t id = 1; id < fixture->next; id++)
        left += found[id] && !fixture->is_visit[id];
    assert_int_equal(left, records - 500);
    assert_int_equal(journal_prune(fixture->journal, &problem), 0);
    uint64_t last = fixture->next - 1;
    assert_int_equal(journal_bounds(fixture->journal).first[EVENT_RECORD],
                     fixture->is_visit[last] ? last - 1 : last);
    text_free(&problem);
}

static void a_journal_that_was_closed_wastes_no_ids(void **state)
{
    struct fixture *fixture = *state;
    open_journal(fixture);
    assert_int_equal(append(fixture, 5), 0);
    journal_close(fixture->journal);
    open_journal(fixture);
    assert_int_equal(fixture->next, 6);
}

/* SQLite calls this for each connection that it opens. */
static int checkpoint_often(sqlite3 *database, char **error, const void *api)
{
    (void)error, (void)api;
    return sqlite3_wal_autocheckpoint(database, CHECKPOINT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
        TEST(ids_go_on_after_all_was_pruned),
        TEST(a_file_with_later_events_has_its_ids_continued),
        TEST(a_page_tells_how_far_its_classes_were_pruned),
        TEST(old_events_go_in_small_steps),
        TEST(a_journal_that_was_closed_wastes_no_ids),
    };
    vfs_install();
    sqlite3_auto_extension((void (*)(void))checkpoint_often);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
