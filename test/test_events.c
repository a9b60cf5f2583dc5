/* Tests of the memory of events: what is read from it, what is not, and who is woken by what. */
#include "core/events.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WAITERS 200

struct fixture {
    struct ready *ready;
    struct events *events;
    struct journal_bounds bounds;
    struct connection waiters[WAITERS];
};

/* Events up to 40 are gone and 41 to 100 in the journal alone; those of who came begin with 63. */
static const struct journal_bounds as_opened = {
    .next = 101, .last = 100, .first = {41, 63}, .pruned = {40, 62}};

static struct fixture *fixture_with(const struct journal_bounds *bounds, size_t max_bytes)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fixture->bounds = *bounds;
    fixture->ready = ready_new();
    fixture->events = events_new(max_bytes, bounds, fixture->ready);
    return fixture;
}

static int set_up(void **state)
{
    *state = fixture_with(&as_opened, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    events_free(fixture->events);
    ready_free(fixture->ready);
    free(fixture);
    return 0;
}

static void publish_one(struct fixture *fixture, uint64_t id, const char *type)
{
    struct event *event = event_new(type, "server", 0, "<value/>", 8);
    event->id = id;
    events_publish(fixture->events, &event, 1, &fixture->bounds);
    event_unref(event);
}

/* Events with the ids `from` to `to`, all of this type. */
static void publish(struct fixture *fixture, uint64_t from, uint64_t to, const char *type)
{
    for (uint64_t id = from; id <= to; id++)
        publish_one(fixture, id, type);
}

static struct event_query query_after(uint64_t after)
{
    struct event_query query = {.after = after, .limit = 1000, .max_bytes = SIZE_MAX};
    event_filter_init(&query.filter);
    return query;
}

/* Reads, and expects the events `from` to `to` without a hole, and this cursor to go on from. */
static void assert_reads(struct fixture *fixture, struct event_query query, uint64_t from,
                         uint64_t to, uint64_t next)
{
    struct event_page page;
    struct events_window window;
    event_page_init(&page);
    assert_int_equal(events_read(fixture->events, &query, &page, &window), EVENTS_READ);
    assert_int_equal(page.count, to - from + 1);
    for (size_t i = 0; i < page.count; i++)
        assert_int_equal(page.events[i]->id, from + i);
    assert_int_equal(page.next, next);
    event_page_free(&page);
}

static void assert_reads_nothing(struct fixture *fixture, struct event_query query, uint64_t next)
{
    assert_reads(fixture, query, 1, 0, next);
}

/* What readers with this cursor are told besides. */
static struct events_window window_at(struct fixture *fixture, uint64_t after,
                                      enum events_reading expected)
{
    struct event_query query = query_after(after);
    struct event_page page;
    struct events_window window;
    event_page_init(&page);
    assert_int_equal(events_read(fixture->events, &query, &page, &window), expected);
    event_page_free(&page);
    return window;
}

static void what_is_published_is_read_in_order(void **state)
{
    struct fixture *fixture = *state;
    publish(fixture, 101, 110, "a");
    assert_reads(fixture, query_after(100), 101, 110, 110);
    assert_reads(fixture, query_after(104), 105, 110, 110);
    assert_reads_nothing(fixture, query_after(110), 110);
}

static void a_full_page_tells_where_to_go_on(void **state)
{
    struct fixture *fixture = *state;
    publish(fixture, 101, 110, "a");
    struct event_query query = query_after(100);
    query.limit = 4;
    assert_reads(fixture, query, 101, 104, 104);
    query.after = 104;
    assert_reads(fixture, query, 105, 108, 108);
    query.after = 108;
    assert_reads(fixture, query, 109, 110, 110);
}

static void what_a_filter_leaves_out_is_passed_by_the_cursor(void **state)
{
    struct fixture *fixture = *state;
    publish(fixture, 101, 105, "connect");
    assert_reads_nothing(fixture, query_after(100), 105);
    publish(fixture, 106, 107, "a");
    publish(fixture, 108, 109, "b");
    struct event_query query = query_after(100);
    event_filter_add(&query.filter, "a");
    assert_reads(fixture, query, 106, 107, 109);
}

static void ids_may_have_holes(void **state)
{
    struct fixture *fixture = *state;
    publish_one(fixture, 150, "a");
    publish_one(fixture, 200, "a");
    assert_reads(fixture, query_after(150), 200, 200, 200);
    assert_reads(fixture, query_after(180), 200, 200, 200);
    struct event_query query = query_after(120);
    query.limit = 1;
    assert_reads(fixture, query, 150, 150, 150);
}

static void what_is_only_in_the_journal_is_not_read_here(void **state)
{
    struct fixture *fixture = *state;
    struct events_window window = window_at(fixture, 50, EVENTS_OLDER);
    assert_int_equal(window.until, 100);
    assert_int_equal(window.first, 41);
    assert_false(window.truncated);
    publish(fixture, 101, 110, "a");
    assert_int_equal(window_at(fixture, 99, EVENTS_OLDER).until, 100);
    window_at(fixture, 100, EVENTS_READ);
}

/* The lock is others' too: a page ends somewhere, and tells where. */
static void a_filter_that_takes_little_gets_pages_that_end_early(void **state)
{
    struct fixture *fixture = *state;
    publish(fixture, 101, 5100, "a");
    publish_one(fixture, 5101, "b");
    struct event_query query = query_after(100);
    event_filter_add(&query.filter, "b");
    unsigned pages = 0;
    size_t found = 0;
    while (found == 0 && pages < 10) {
        struct event_page page;
        struct events_window window;
        event_page_init(&page);
        assert_int_equal(events_read(fixture->events, &query, &page, &window), EVENTS_READ);
        assert_true(page.next > query.after);
        found += page.count;
        query.after = page.next;
        event_page_free(&page);
        pages++;
    }
    assert_int_equal(found, 1);
    assert_int_equal(query.after, 5101);
    assert_int_equal(pages, 3); /* of 2,000, 2,000 and the rest */
}

static void with_nothing_in_the_journal_everything_is_here(void **state)
{
    struct fixture *fixture = *state;
    fixture->bounds =
        (struct journal_bounds){.next = 111, .last = 110, .first = {101, 0}, .pruned = {100, 100}};
    publish(fixture, 101, 110, "a");
    assert_reads(fixture, query_after(0), 101, 110, 110);
}

static void a_cursor_before_what_is_kept_is_truncated(void **state)
{
    struct fixture *fixture = *state;
    assert_true(window_at(fixture, 39, EVENTS_OLDER).truncated);
    assert_false(window_at(fixture, 40, EVENTS_OLDER).truncated);
}

/* Visits are pruned apart: what is gone of them is nothing to who does not ask for them. */
static void each_class_is_truncated_for_itself(void **state)
{
    struct fixture *fixture = *state;
    struct events_window window;
    struct event_query query = query_after(50);
    event_filter_add(&query.filter, "connect");
    events_look(fixture->events, &query, &window);
    assert_true(window.truncated);
    assert_int_equal(window.first, 63);
    event_filter_add(&query.filter, "a");
    query.after = 62;
    events_look(fixture->events, &query, &window);
    assert_false(window.truncated);
    assert_int_equal(window.first, 41);
}

static void a_cursor_that_was_never_given_starts_anew(void **state)
{
    struct fixture *fixture = *state;
    struct events_window window;
    struct event_query query = query_after(101);
    events_look(fixture->events, &query, &window);
    assert_true(window.truncated);
    assert_int_equal(query.after, 0);
    query.after = 100;
    events_look(fixture->events, &query, &window);
    assert_int_equal(query.after, 100);
}

/* After a crash the ids of a reserved block are skipped: the last id is below the next by far. */
static void a_cursor_in_a_skipped_block_is_a_cursor(void **state)
{
    (void)state;
    const struct journal_bounds crashed = {.next = 10001, .last = 7, .first = {1, 0}};
    struct fixture *fixture = fixture_with(&crashed, 1 << 20);
    assert_reads_nothing(fixture, query_after(10000), 10000);
    publish(fixture, 10001, 10002, "a");
    assert_reads(fixture, query_after(10000), 10001, 10002, 10002);
    tear_down((void **)&fixture);
}

static void what_is_pruned_is_read_no_more(void **state)
{
    struct fixture *fixture = *state;
    publish(fixture, 101, 110, "a");
    fixture->bounds =
        (struct journal_bounds){.next = 111, .last = 110, .first = {106, 0}, .pruned = {105, 100}};
    events_publish(fixture->events, NULL, 0, &fixture->bounds);
    assert_reads(fixture, query_after(0), 106, 110, 110);
}

static void the_oldest_make_room(void **state)
{
    (void)state;
    struct event *event = event_new("a", "server", 0, "<value/>", 8);
    struct fixture *fixture = fixture_with(&as_opened, 3000 * event_size(event));
    event_unref(event);
    publish(fixture, 101, 6100, "a"); /* past the first size of the ring, and around it */
    assert_int_equal(window_at(fixture, 3099, EVENTS_OLDER).until, 3100);
    struct event_query query = query_after(3100);
    query.limit = 5000;
    assert_reads(fixture, query, 3101, 6100, 6100);
    tear_down((void **)&fixture);
}

static void one_event_larger_than_the_memory_is_kept(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_with(&as_opened, 1);
    publish(fixture, 101, 103, "a");
    assert_reads(fixture, query_after(102), 103, 103, 103);
    window_at(fixture, 101, EVENTS_OLDER);
    tear_down((void **)&fixture);
}

/* How many come out of the queue of ready connections. */
static size_t woken(struct fixture *fixture)
{
    size_t count = 0;
    while (ready_take(fixture->ready, true))
        count++;
    return count;
}

static size_t waiters(struct fixture *fixture)
{
    uint64_t first, last;
    size_t count;
    events_totals(fixture->events, &first, &last, &count);
    return count;
}

static bool join(struct fixture *fixture, size_t waiter, uint64_t seen, const char *type)
{
    return events_join(fixture->events, &fixture->waiters[waiter], seen, event_mask(type));
}

static void who_has_not_seen_the_last_event_does_not_join(void **state)
{
    struct fixture *fixture = *state;
    assert_false(join(fixture, 0, 99, "a"));
    assert_true(join(fixture, 0, 100, "a"));
    publish_one(fixture, 101, "b");
    assert_false(join(fixture, 1, 100, "a"));
    assert_int_equal(waiters(fixture), 1);
}

static void an_event_wakes_all_who_wait_for_its_type(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < WAITERS; i++)
        assert_true(join(fixture, i, 100, i % 2 ? "print" : "connect"));
    assert_int_equal(waiters(fixture), WAITERS);
    publish_one(fixture, 101, "disconnect");
    assert_int_equal(woken(fixture), 0);
    publish_one(fixture, 102, "connect");
    assert_int_equal(woken(fixture), WAITERS / 2);
    assert_int_equal(waiters(fixture), WAITERS / 2);
    publish_one(fixture, 103, "connect"); /* those that were woken wait no more */
    assert_int_equal(woken(fixture), 0);
    publish_one(fixture, 104, "print");
    assert_int_equal(woken(fixture), WAITERS / 2);
    assert_int_equal(waiters(fixture), 0);
}

static void who_left_is_not_woken(void **state)
{
    struct fixture *fixture = *state;
    join(fixture, 0, 100, "a");
    join(fixture, 1, 100, "a");
    events_leave(fixture->events, &fixture->waiters[0]);
    events_leave(fixture->events, &fixture->waiters[0]);
    assert_int_equal(waiters(fixture), 1);
    publish_one(fixture, 101, "a");
    assert_ptr_equal(ready_take(fixture->ready, true), &fixture->waiters[1]);
    assert_null(ready_take(fixture->ready, true));
}

static void at_the_end_all_are_woken_and_nobody_joins(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < WAITERS; i++)
        join(fixture, i, 100, "a");
    events_release_all(fixture->events);
    assert_int_equal(woken(fixture), WAITERS);
    assert_false(join(fixture, 0, 100, "a"));
    assert_int_equal(waiters(fixture), 0);
}

#define RACE_EVENTS 20000

static atomic_uint_fast64_t looked; /* up to which id the waiter has, as it is about to join */

static void *publish_many(void *argument)
{
    struct fixture *fixture = argument;
    for (uint64_t id = 101; id <= 100 + RACE_EVENTS; id++) {
        while (atomic_load(&looked) < id - 1)
            ;
        for (volatile unsigned spin = 0; spin < id % 64; spin++)
            ;
        publish_one(fixture, id, "a");
    }
    return NULL;
}

/*
 * In lockstep: each event is published just as the waiter joins. Who joined is woken, who did not
 * can read it.
 */
static void no_event_falls_between_looking_and_joining(void **state)
{
    struct fixture *fixture = *state;
    struct connection *waiter = &fixture->waiters[0];
    pthread_t publisher;
    unsigned joined = 0;
    atomic_store(&looked, 0);
    pthread_create(&publisher, NULL, publish_many, fixture);
    for (uint64_t seen = 100; seen < 100 + RACE_EVENTS; seen++) {
        atomic_store(&looked, seen);
        if (events_join(fixture->events, waiter, seen, UINT64_MAX)) {
            joined++;
            long spins = 0;
            while (!ready_take(fixture->ready, true))
                if (++spins > 20000000)
                    fail_msg("the waiter was not woken by event %d", (int)seen + 1);
        } else {
            struct event_query query = query_after(seen);
            assert_reads(fixture, query, seen + 1, seen + 1, seen + 1);
        }
    }
    pthread_join(publisher, NULL);
    assert_true(joined > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_published_is_read_in_order),
        TEST(a_full_page_tells_where_to_go_on),
        TEST(what_a_filter_leaves_out_is_passed_by_the_cursor),
        TEST(ids_may_have_holes),
        TEST(what_is_only_in_the_journal_is_not_read_here),
        TEST(a_filter_that_takes_little_gets_pages_that_end_early),
        TEST(with_nothing_in_the_journal_everything_is_here),
        TEST(a_cursor_before_what_is_kept_is_truncated),
        TEST(each_class_is_truncated_for_itself),
        TEST(a_cursor_that_was_never_given_starts_anew),
        TEST(a_cursor_in_a_skipped_block_is_a_cursor),
        TEST(what_is_pruned_is_read_no_more),
        TEST(the_oldest_make_room),
        TEST(one_event_larger_than_the_memory_is_kept),
        TEST(who_has_not_seen_the_last_event_does_not_join),
        TEST(an_event_wakes_all_who_wait_for_its_type),
        TEST(who_left_is_not_woken),
        TEST(at_the_end_all_are_woken_and_nobody_joins),
        TEST(no_event_falls_between_looking_and_joining),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
