/* Tests of the recorder: what it acknowledges, what it counts, and in which order. */
#include "core/recorder.h"

#include <pthread.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test/recorder.h"

/* How many connections come out of the queue of those that are ready. */
static size_t ready_count(struct fixture *fixture)
{
    size_t count = 0;
    while (ready_take(fixture->ready, true))
        count++;
    return count;
}

static void a_holder_is_told_when_its_event_is_committed(void **state)
{
    struct fixture *fixture = *state;
    struct text problem;
    text_init(&problem);
    stop_journal_within_commit(fixture);
    assert_int_equal(record(fixture, &fixture->connection), 102);
    assert_int_equal(recorder_outcome(fixture->recorder, &fixture->connection, &problem),
                     RECORDING_PENDING);
    assert_int_equal(ready_count(fixture), 0);
    set_journal(fixture, false, false);
    assert_int_equal(outcome_of(fixture, &fixture->connection, &problem), RECORDING_COMMITTED);
    stop(fixture);
    assert_int_equal(ready_count(fixture), 1);
    text_free(&problem);
}

static void a_holder_of_several_is_told_once_after_the_last(void **state)
{
    struct fixture *fixture = *state;
    struct text problem;
    text_init(&problem);
    stop_journal_within_commit(fixture);
    for (int i = 0; i < 3; i++)
        record(fixture, &fixture->connection);
    set_journal(fixture, false, false);
    assert_int_equal(outcome_of(fixture, &fixture->connection, &problem), RECORDING_COMMITTED);
    stop(fixture);
    assert_int_equal(ready_count(fixture), 1);
}

static void a_holder_is_told_why_its_event_was_not_recorded_once(void **state)
{
    struct fixture *fixture = *state;
    struct text problem;
    text_init(&problem);
    set_journal(fixture, false, true);
    record(fixture, &fixture->connection);
    assert_int_equal(outcome_of(fixture, &fixture->connection, &problem), RECORDING_FAILED);
    assert_string_equal(problem.bytes, "the disk is full");
    assert_int_equal(recorder_outcome(fixture->recorder, &fixture->connection, &problem),
                     RECORDING_COMMITTED); /* the connection's next call starts anew */
    set_journal(fixture, false, false);
    text_free(&problem);
}

/* As of a multicall: its events can be of two commits. */
static void a_holder_of_which_one_commit_failed_is_told_so(void **state)
{
    struct fixture *fixture = *state;
    struct text problem;
    text_init(&problem);
    stop_journal_within_commit(fixture);
    record(fixture, &fixture->connection);
    pthread_mutex_lock(&fixture->journal.lock);
    fixture->journal.fail_next = 2; /* the one in progress, and that with the first event */
    fixture->journal.stopped = false;
    pthread_cond_broadcast(&fixture->journal.changed);
    while (fixture->journal.waiting > 0)
        pthread_cond_wait(&fixture->journal.changed, &fixture->journal.lock);
    fixture->journal.stopped = true;
    while (fixture->journal.waiting == 0)
        pthread_cond_wait(&fixture->journal.changed, &fixture->journal.lock);
    pthread_mutex_unlock(&fixture->journal.lock);
    record(fixture, &fixture->connection);
    set_journal(fixture, false, false);
    assert_int_equal(outcome_of(fixture, &fixture->connection, &problem), RECORDING_FAILED);
    text_free(&problem);
}

static void events_that_come_meanwhile_are_committed_together(void **state)
{
    struct fixture *fixture = *state;
    stop_journal_within_commit(fixture); /* of one event, which is pending, too */
    for (int i = 1; i < MAX_PENDING; i++)
        record(fixture, NULL);
    set_journal(fixture, false, false);
    stop(fixture);
    assert_int_equal(fixture->journal.count, MAX_PENDING);
    assert_int_equal(fixture->journal.commits, 2);
}

static void ids_go_on_where_the_journal_says(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t i = 0; i < 50; i++) {
        assert_int_equal(record(fixture, NULL), 101 + i);
        await_recorded(fixture, i + 1);
    }
    for (uint64_t i = 0; i < 50; i++)
        assert_int_equal(fixture->journal.recorded[i]->id, 101 + i);
}

/* As when a file with later events was put in the place of the journal's. */
static void ids_jump_when_the_journal_says(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(record(fixture, NULL), 101);
    await_recorded(fixture, 1);
    pthread_mutex_lock(&fixture->journal.lock);
    fixture->journal.next = 5000;
    pthread_mutex_unlock(&fixture->journal.lock);
    assert_int_equal(record(fixture, NULL), 102); /* it has no way to know before the next commit */
    await_recorded(fixture, 2);
    assert_int_equal(record(fixture, NULL), 5000);
}

static void lines_are_shown_after_the_commit_and_not_without_it(void **state)
{
    struct fixture *fixture = *state;
    struct text lines, problem;
    text_init(&problem);
    text_init(&lines);
    text_add(&lines, "one\n");
    stop_journal_within_commit(fixture);
    recorder_record(fixture->recorder, event_of("a"), NULL, &lines, &problem);
    assert_null(lines.bytes); /* taken over */
    pthread_mutex_lock(&fixture->display.lock);
    assert_int_equal(fixture->display.shown.length, 0);
    pthread_mutex_unlock(&fixture->display.lock);
    set_journal(fixture, false, false);
    await_recorded(fixture, 2);
    set_journal(fixture, false, true);
    text_add(&lines, "two\n");
    recorder_record(fixture->recorder, event_of("a"), &fixture->connection, &lines, &problem);
    assert_int_equal(outcome_of(fixture, &fixture->connection, &problem), RECORDING_FAILED);
    stop(fixture);
    assert_string_equal(fixture->display.shown.bytes, "one\n");
    text_free(&problem);
}

static void nothing_is_published_before_it_is_committed(void **state)
{
    struct fixture *fixture = *state;
    uint64_t first, last;
    size_t waiters;
    stop_journal_within_commit(fixture);
    record(fixture, NULL);
    events_totals(fixture->events, &first, &last, &waiters);
    assert_int_equal(last, 100);
    set_journal(fixture, false, false);
    stop(fixture);
    events_totals(fixture->events, &first, &last, &waiters);
    assert_int_equal(last, 102);
}

/* Who has an answer finds his event when he reads, and his lines are on their way. */
static void a_holder_is_told_after_its_event_is_published_and_shown(void **state)
{
    struct fixture *fixture = *state;
    struct text lines, problem;
    uint64_t first, last;
    size_t waiters;
    text_init(&problem);
    text_init(&lines);
    text_add(&lines, "one\n");
    pthread_mutex_lock(&fixture->display.lock); /* nothing is shown meanwhile */
    recorder_record(fixture->recorder, event_of("a"), &fixture->connection, &lines, &problem);
    int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;
    do
        events_totals(fixture->events, &first, &last, &waiters);
    while (last != 101 && clock_monotonic_ms() < until_ms);
    assert_int_equal(last, 101);
    assert_int_equal(recorder_outcome(fixture->recorder, &fixture->connection, &problem),
                     RECORDING_PENDING);
    pthread_mutex_unlock(&fixture->display.lock);
    assert_int_equal(outcome_of(fixture, &fixture->connection, &problem), RECORDING_COMMITTED);
}

static void a_full_queue_refuses_and_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct text problem;
    text_init(&problem);
    stop_journal_within_commit(fixture); /* of one event, which is pending, too */
    for (int i = 1; i < MAX_PENDING; i++)
        record(fixture, NULL);
    assert_int_equal(
        recorder_record(fixture->recorder, event_of("a"), &fixture->connection, NULL, &problem), 0);
    assert_non_null(strstr(problem.bytes, "--max-pending"));
    assert_int_equal(fixture->connection.unrecorded, 0);
    set_journal(fixture, false, false);
    text_free(&problem);
}

/* However few they are: memory is bounded, too. */
static void a_queue_of_large_events_is_full_earlier(void **state)
{
    struct fixture *fixture = *state;
    struct text problem;
    static char data[16 << 20];
    memset(data, 'x', sizeof(data));
    text_init(&problem);
    stop_journal_within_commit(fixture);
    for (int i = 0; i < 3; i++)
        assert_int_not_equal(recorder_record(fixture->recorder,
                                             event_new("a", "conn1", 0, data, sizeof(data)), NULL,
                                             NULL, &problem),
                             0);
    assert_int_equal(recorder_record(fixture->recorder,
                                     event_new("a", "conn1", 0, data, sizeof(data)), NULL, NULL,
                                     &problem),
                     0);
    set_journal(fixture, false, false);
    text_free(&problem);
}

/* Who comes and goes must not take the place of what must not be lost. */
static void notes_fill_half_of_the_queue(void **state)
{
    struct fixture *fixture = *state;
    stop_journal_within_commit(fixture); /* of one event, which is pending, too */
    for (int i = 0; i < MAX_PENDING; i++)
        recorder_note(fixture->recorder, event_of("connect"));
    for (int i = 0; i < MAX_PENDING / 2; i++)
        record(fixture, NULL);
    set_journal(fixture, false, false);
    stop(fixture);
    size_t notes = 0;
    for (size_t i = 0; i < fixture->journal.count; i++)
        notes += strcmp(fixture->journal.recorded[i]->type, "connect") == 0;
    assert_int_equal(notes, MAX_PENDING / 2 - 1);
}

#define WRITERS 4
#define EACH    500

static void *write_many(void *argument)
{
    struct fixture *fixture = argument;
    struct text problem;
    uint64_t before = 0;
    text_init(&problem);
    for (int i = 0; i < EACH;) {
        uint64_t id = recorder_record(fixture->recorder, event_of("a"), NULL, NULL, &problem);
        if (id == 0)
            continue; /* full: a client would come again, too */
        assert_true(id > before);
        before = id;
        i++;
    }
    text_free(&problem);
    return NULL;
}

static void writers_at_once_lose_nothing_and_ids_ascend(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[WRITERS];
    for (int i = 0; i < WRITERS; i++)
        pthread_create(&threads[i], NULL, write_many, fixture);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    stop(fixture);
    size_t written = 0;
    for (size_t i = 0; i < fixture->journal.count; i++) {
        written += strcmp(fixture->journal.recorded[i]->type, "a") == 0;
        if (i > 0)
            assert_true(fixture->journal.recorded[i]->id > fixture->journal.recorded[i - 1]->id);
    }
    assert_int_equal(written, WRITERS * EACH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_holder_is_told_when_its_event_is_committed),
        TEST(a_holder_of_several_is_told_once_after_the_last),
        TEST(a_holder_is_told_why_its_event_was_not_recorded_once),
        TEST(a_holder_of_which_one_commit_failed_is_told_so),
        TEST(events_that_come_meanwhile_are_committed_together),
        TEST(ids_go_on_where_the_journal_says),
        TEST(ids_jump_when_the_journal_says),
        TEST(lines_are_shown_after_the_commit_and_not_without_it),
        TEST(nothing_is_published_before_it_is_committed),
        TEST(a_holder_is_told_after_its_event_is_published_and_shown),
        TEST(a_full_queue_refuses_and_says_so),
        TEST(a_queue_of_large_events_is_full_earlier),
        TEST(notes_fill_half_of_the_queue),
        TEST(writers_at_once_lose_nothing_and_ids_ascend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
