/*
 * journal: for tests of core/journal: one for each test, on the disk of test/vfs.h, and what is
 * known of it.
 *
 * Include it after cmocka.h.
 */
#ifndef LOOKOUT_TEST_JOURNAL_H
#define LOOKOUT_TEST_JOURNAL_H

#include "core/clock.h"
#include "core/journal.h"
#include "test/folder.h"
#include "test/vfs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST      9 /* events in a batch */
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

/* Reads what passes the filter, up to the id `last`; free the page. */
static void read_page(struct journal_reader *reader, const struct event_filter *filter,
                      uint64_t last, struct event_page *page)
{
    struct event_query query = {.limit = ROOM, .max_bytes = SIZE_MAX, .filter = *filter};
    struct text problem;
    text_init(&problem);
    event_page_init(page);
    assert_int_equal(journal_read(reader, &query, last, page, &problem), 0);
    text_free(&problem);
}

/* Reads all that the journal has; which ids, into `found`. */
static void read_all(const struct journal *journal, bool found[ROOM])
{
    struct event_filter filter;
    struct event_page page;
    event_filter_init(&filter);
    filter.mask = UINT64_MAX; /* those who came, too */
    struct journal_reader *reader = journal_reader_open(journal);
    assert_non_null(reader);
    read_page(reader, &filter, ROOM, &page);
    memset(found, 0, ROOM * sizeof(found[0]));
    for (size_t i = 0; i < page.count; i++) {
        assert_false(found[page.events[i]->id]);
        assert_true(i == 0 || page.events[i]->id > page.events[i - 1]->id);
        found[page.events[i]->id] = true;
    }
    event_page_free(&page);
    journal_reader_close(reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
