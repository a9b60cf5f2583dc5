/* Tests of the archive, and of the journal's reader that it has. */
#include "core/archive.h"
#include "core/clock.h"
#include "test/folder.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PATIENCE_MS 60000
#define PAGES_AHEAD 16 /* as archive.c has it */
#define FETCHES     40

struct fixture {
    char folder[64], path[256];
    struct journal *journal;
    struct journal_reader *reader;
    uint64_t last; /* the id given last */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    if (folder_make(fixture->folder, sizeof(fixture->folder)) < 0)
        return -1;
    snprintf(fixture->path, sizeof(fixture->path), "%s/journal.db", fixture->folder);
    const struct journal_settings settings = {
        .path = fixture->path, .sync = JOURNAL_SYNC_OFF, .keep_events = 1000000};
    fixture->journal = journal_open(&settings);
    fixture->reader = journal_reader_open(fixture->journal);
    *state = fixture;
    return fixture->reader ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    journal_reader_close(fixture->reader);
    journal_close(fixture->journal);
    folder_remove(fixture->folder);
    free(fixture);
    return 0;
}

/* Records one event with so many bytes of data. */
static void append(struct fixture *fixture, size_t length)
{
    struct text problem;
    char *data = malloc(length);
    memset(data, 'x', length);
    struct event *event = event_new("mine", "conn1", clock_seconds(), data, length);
    event->id = ++fixture->last;
    text_init(&problem);
    assert_int_equal(journal_append(fixture->journal, &event, 1, &problem), 0);
    event_unref(event);
    text_free(&problem);
    free(data);
}

/* Reads the first event, and returns how long that took. */
static int64_t read_ms(struct fixture *fixture)
{
    const struct event_query query = {
        .limit = 1, .max_bytes = 100000, .filter = {.mask = UINT64_MAX}};
    struct event_page page;
    struct text problem;
    event_page_init(&page);
    text_init(&problem);
    int64_t began_ms = clock_monotonic_ms();
    assert_int_equal(journal_read(fixture->reader, &query, fixture->last, &page, &problem), 0);
    int64_t took_ms = clock_monotonic_ms() - began_ms;
    event_page_free(&page);
    text_free(&problem);
    return took_ms;
}

/* Without the rest the log would grow as long as pages are read and events recorded. */
static void readers_rest_when_the_log_is_long(void **state)
{
    struct fixture *fixture = *state;
    sqlite3 *other;
    append(fixture, 100);
    /* Somebody who reads all the while, so that the log cannot be begun anew. */
    assert_int_equal(sqlite3_open(fixture->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN; SELECT count(*) FROM events", 0, 0, 0), SQLITE_OK);
    for (int i = 0; i < 20; i++)
        append(fixture, 1000000);
    assert_true(read_ms(fixture) >= 100);
    append(fixture, 100);
    assert_true(read_ms(fixture) >= 100); /* again, as there was a commit */
    sqlite3_close(other);
}

struct asked {
    struct archive *archive;
    struct connection connection;
    struct fetch *fetches[FETCHES]; /* NULL: forgotten */
};

static size_t count_read(struct asked *asked)
{
    size_t count = 0;
    for (size_t i = 0; i < FETCHES; i++) {
        struct event_page page;
        struct text problem;
        event_page_init(&page);
        text_init(&problem);
        if (asked->fetches[i])
            count +=
                archive_outcome(asked->archive, asked->fetches[i], &page, &problem) == FETCH_DONE;
        event_page_free(&page);
        text_free(&problem);
    }
    return count;
}

static void forget_one_that_was_read(struct asked *asked)
{
    size_t i = 0;
    while (!asked->fetches[i])
        i++;
    archive_forget(asked->archive, asked->fetches[i]); /* they are read in order */
    asked->fetches[i] = NULL;
}

/* A page has up to 480 KB: read for all who ask, they would be gigabytes. */
static void pages_are_read_as_they_are_needed(void **state)
{
    struct fixture *fixture = *state;
    struct asked asked = {0};
    const struct event_query query = {
        .limit = 10, .max_bytes = 100000, .filter = {.mask = UINT64_MAX}};
    const struct timespec moment = {.tv_nsec = 1000000};
    for (int i = 0; i < 10; i++)
        append(fixture, 1000);
    struct ready *ready = ready_new();
    asked.archive = archive_new(fixture->reader, ready);
    fixture->reader = NULL; /* it is the archive's */
    for (size_t i = 0; i < FETCHES; i++)
        asked.fetches[i] = archive_fetch(asked.archive, &query, fixture->last, &asked.connection);
    for (size_t left = FETCHES; left > 0; left--) {
        size_t awaited = left < PAGES_AHEAD ? left : PAGES_AHEAD;
        int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;
        while (count_read(&asked) < awaited && clock_monotonic_ms() < until_ms)
            nanosleep(&moment, NULL);
        assert_int_equal(count_read(&asked), awaited);
        forget_one_that_was_read(&asked);
    }
    assert_true(archive_stop(asked.archive, PATIENCE_MS));
    archive_free(asked.archive);
    ready_free(ready);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(readers_rest_when_the_log_is_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pages_are_read_as_they_are_needed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
