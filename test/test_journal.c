/* Tests of core/journal: ids go on, and what is old is pruned. */
#include "core/journal.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test/journal.h"

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
        struct event_filter filter;
        struct event_page page;
        event_filter_init(&filter);
        if (visits)
            event_filter_add(&filter, "connect");
        read_page(reader, &filter, 9, &page);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ids_go_on_after_all_was_pruned),
        TEST(a_file_with_later_events_has_its_ids_continued),
        TEST(a_page_tells_how_far_its_classes_were_pruned),
        TEST(old_events_go_in_small_steps),
        TEST(a_journal_that_was_closed_wastes_no_ids),
    };
    vfs_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
