/* Tests of the recorder: what it acknowledges, what it counts, and in which order, before a journal
 * of ours. */
#include "core/clock.h"
#include "core/data.h"
#include "core/recorder.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PATIENCE_MS 10000
#define MAX_PENDING 10
#define RECORDED    4096

/* The journal stands in for the real one: it can be slow, and it can fail. */
struct journal {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    bool stopped; /* nothing is committed until this is false again */
    unsigned waiting;
    bool fails;
    unsigned fail_next; /* so many commits */
    const char *why;    /* NULL: the disk is full */
    unsigned commits, failed_commits, reopened;
    uint64_t next; /* of the bounds */
    struct event *recorded[RECORDED];
    size_t count;
};

int journal_append(struct journal *journal, struct event *const *events, size_t count,
                   struct text *problem)
{
    pthread_mutex_lock(&journal->lock);
    journal->waiting++;
    pthread_cond_broadcast(&journal->changed);
    while (journal->stopped)
        pthread_cond_wait(&journal->changed, &journal->lock);
    journal->waiting--;
    bool fails = journal->fails || journal->fail_next > 0;
    if (journal->fail_next > 0)
        journal->fail_next--;
    if (fails) {
        text_add(problem, journal->why ? journal->why : "the disk is full");
        journal->failed_commits++;
    } else {
        for (size_t i = 0; i < count; i++)
            journal->recorded[journal->count++] = event_ref(events[i]);
        journal->commits++;
    }
    pthread_cond_broadcast(&journal->changed);
    pthread_mutex_unlock(&journal->lock);
    return fails ? -1 : 0;
}

int journal_prune(struct journal *journal, struct text *problem)
{
    (void)journal, (void)problem;
    return 0;
}

int journal_reopen(struct journal *journal, struct text *problem)
{
    (void)problem;
    pthread_mutex_lock(&journal->lock);
    journal->reopened++;
    pthread_mutex_unlock(&journal->lock);
    return 0;
}

struct journal_bounds journal_bounds(const struct journal *journal)
{
    pthread_mutex_lock((pthread_mutex_t *)&journal->lock);
    uint64_t next = journal->next;
    pthread_mutex_unlock((pthread_mutex_t *)&journal->lock);
    return (struct journal_bounds){.next = next, .last = 100};
}

/* So does the display. */
struct display {
    pthread_mutex_t lock;
    struct text shown;
};

void display_lines(struct display *display, const char *lines, size_t length)
{
    pthread_mutex_lock(&display->lock);
    text_append(&display->shown, lines, length);
    pthread_mutex_unlock(&display->lock);
}

struct fixture {
    struct journal journal;
    struct display display;
    struct ready *ready;
    struct events *events;
    struct recorder *recorder;
    struct connection connection;
    bool is_stopped; /* the recorder */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    pthread_mutex_init(&fixture->journal.lock, NULL);
    pthread_cond_init(&fixture->journal.changed, NULL);
    pthread_mutex_init(&fixture->display.lock, NULL);
    fixture->journal.next = 101;
    struct journal_bounds bounds = journal_bounds(&fixture->journal);
    fixture->ready = ready_new();
    fixture->events = events_new(1 << 20, &bounds, fixture->ready);
    const struct recorder_parts parts = {
        .journal = &fixture->journal,
        .events = fixture->events,
        .display = &fixture->display,
        .ready = fixture->ready,
        .max_pending = MAX_PENDING,
    };
    fixture->recorder = recorder_new(&parts);
    *state = fixture;
    return 0;
}

static void stop(struct fixture *fixture)
{
    fixture->is_stopped = true;
    assert_true(recorder_stop(fixture->recorder, PATIENCE_MS));
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    if (!fixture->is_stopped)
        stop(fixture);
    recorder_free(fixture->recorder);
    events_free(fixture->events);
    ready_free(fixture->ready);
    for (size_t i = 0; i < fixture->journal.count; i++)
        event_unref(fixture->journal.recorded[i]);
    text_free(&fixture->display.shown);
    free(fixture);
    return 0;
}

static struct event *event_of(const char *type)
{
    return event_new(type, "conn7", 1.5, "<value/>", 8);
}

static uint64_t record(struct fixture *fixture, struct connection *holder)
{
    struct text problem;
    text_init(&problem);
    uint64_t id = recorder_record(fixture->recorder, event_of("a"), holder, NULL, &problem);
    assert_int_equal(problem.length, 0);
    text_free(&problem);
    return id;
}

/* Lets no commit end until journal_goes_on, and waits for the recorder to be in one. */
static void stop_journal_within_commit(struct fixture *fixture)
{
    struct journal *journal = &fixture->journal;
    pthread_mutex_lock(&journal->lock);
    journal->stopped = true;
    pthread_mutex_unlock(&journal->lock);
    record(fixture, NULL);
    pthread_mutex_lock(&journal->lock);
    while (journal->waiting == 0)
        pthread_cond_wait(&journal->changed, &journal->lock);
    pthread_mutex_unlock(&journal->lock);
}

static void set_journal(struct fixture *fixture, bool stopped, bool fails)
{
    struct journal *journal = &fixture->journal;
    pthread_mutex_lock(&journal->lock);
    journal->stopped = stopped;
    journal->fails = fails;
    pthread_cond_broadcast(&journal->changed);
    pthread_mutex_unlock(&journal->lock);
}

/* Waits until the recorder has settled what the connection holds its response for. */
static enum recording outcome_of(struct fixture *fixture, struct connection *holder,
                                 struct text *problem)
{
    enum recording outcome;
    int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;
    do
        outcome = recorder_outcome(fixture->recorder, holder, problem);
    while (outcome == RECORDING_PENDING && clock_monotonic_ms() < until_ms);
    return outcome;
}

/* Waits until so many events are in the journal. */
static void await_recorded(struct fixture *fixture, size_t count)
{
    struct journal *journal = &fixture->journal;
    int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;
    const struct timespec until = {until_ms / 1000, until_ms % 1000 * 1000000};
    int waited = 0;
    pthread_mutex_lock(&journal->lock);
    while (journal->count < count && waited == 0)
        waited = pthread_cond_clockwait(&journal->changed, &journal->lock, CLOCK_MONOTONIC, &until);
    assert_true(journal->count >= count);
    pthread_mutex_unlock(&journal->lock);
}

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

/* What the last event in the journal, which must be a gap, tells. */
static void assert_gap(struct fixture *fixture, double missed, double faults, const char *reason)
{
    const struct event *gap = fixture->journal.recorded[fixture->journal.count - 1];
    double found_missed, found_faults, since;
    char *found_reason;
    xmlrpc_env env;
    xmlrpc_env_init(&env);
    assert_string_equal(gap->type, "gap");
    xmlrpc_value *data = data_read(&env, gap->data, gap->data_length);
    xmlrpc_decompose_value(&env, data, "{s:d,s:d,s:d,s:s,*}", "missed", &found_missed, "faults",
                           &found_faults, "since", &since, "reason", &found_reason);
    assert_false(env.fault_occurred);
    assert_true(found_missed == missed && found_faults == faults);
    assert_true(since <= clock_seconds() && since > clock_seconds() - 60);
    assert_string_equal(found_reason, reason);
    free(found_reason);
    xmlrpc_DECREF(data);
    xmlrpc_env_clean(&env);
}

static void what_was_missed_is_told_in_one_gap_when_the_journal_is_back(void **state)
{
    struct fixture *fixture = *state;
    struct text problem;
    text_init(&problem);
    set_journal(fixture, false, true);
    for (int i = 0; i < 5; i++)
        recorder_note(fixture->recorder, event_of("connect"));
    record(fixture, &fixture->connection);
    assert_int_equal(outcome_of(fixture, &fixture->connection, &problem), RECORDING_FAILED);
    set_journal(fixture, false, false);
    await_recorded(fixture, 1); /* by itself, with no other event to come with */
    stop(fixture);
    assert_int_equal(fixture->journal.count, 1);
    assert_gap(fixture, 5, 1, "the disk is full");
    text_free(&problem);
}

static void what_is_missed_while_a_gap_is_recorded_is_told_in_the_next(void **state)
{
    struct fixture *fixture = *state;
    struct journal *journal = &fixture->journal;
    struct text problem;
    text_init(&problem);
    set_journal(fixture, false, true);
    record(fixture, &fixture->connection);
    assert_int_equal(outcome_of(fixture, &fixture->connection, &problem), RECORDING_FAILED);
    set_journal(fixture, true, false); /* the gap event is in a commit that does not end yet */
    pthread_mutex_lock(&journal->lock);
    while (journal->waiting == 0)
        pthread_cond_wait(&journal->changed, &journal->lock);
    pthread_mutex_unlock(&journal->lock);
    for (int i = 0; i <= MAX_PENDING; i++)
        recorder_note(fixture->recorder, event_of("connect")); /* half of them fit in */
    set_journal(fixture, false, false);
    stop(fixture);
    assert_gap(fixture, MAX_PENDING / 2 + 1, 0,
               "more events wait to be recorded than --max-pending allows");
    text_free(&problem);
}

/* As a path can be: without this no gap would ever be told. */
static void a_reason_that_xml_cannot_carry_is_told_escaped(void **state)
{
    struct fixture *fixture = *state;
    struct text problem;
    text_init(&problem);
    fixture->journal.why = "no \"bad\xff\x01\"";
    set_journal(fixture, false, true);
    record(fixture, &fixture->connection);
    assert_int_equal(outcome_of(fixture, &fixture->connection, &problem), RECORDING_FAILED);
    set_journal(fixture, false, false);
    await_recorded(fixture, 1);
    stop(fixture);
    assert_gap(fixture, 0, 1, "no \\\"bad\\xff\\x01\\\"");
    text_free(&problem);
}

static void a_gap_comes_after_the_events_that_it_comes_with(void **state)
{
    struct fixture *fixture = *state;
    set_journal(fixture, false, true);
    recorder_note(fixture->recorder, event_of("connect"));
    struct text problem;
    text_init(&problem);
    record(fixture, &fixture->connection);
    assert_int_equal(outcome_of(fixture, &fixture->connection, &problem), RECORDING_FAILED);
    set_journal(fixture, false, false);
    record(fixture, NULL);
    stop(fixture);
    assert_int_equal(fixture->journal.count, 2);
    assert_true(fixture->journal.recorded[0]->id < fixture->journal.recorded[1]->id);
    assert_gap(fixture, 1, 1, "the disk is full");
    text_free(&problem);
}

static void a_journal_that_goes_on_failing_is_opened_anew(void **state)
{
    struct fixture *fixture = *state;
    set_journal(fixture, false, true);
    record(fixture, NULL);
    int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;
    unsigned reopened = 0;
    while (reopened == 0 && clock_monotonic_ms() < until_ms) {
        pthread_mutex_lock(&fixture->journal.lock);
        reopened = fixture->journal.reopened;
        pthread_mutex_unlock(&fixture->journal.lock);
    }
    assert_true(reopened > 0);
}

/* A recorder whose journal never comes back ends all the same. */
static void stopping_commits_what_is_queued_and_tries_a_gap_once(void **state)
{
    struct fixture *fixture = *state;
    set_journal(fixture, false, true);
    record(fixture, NULL);
    recorder_note(fixture->recorder, event_of("connect"));
    stop(fixture);
    assert_int_equal(fixture->journal.count, 0);
    struct text problem;
    text_init(&problem);
    assert_int_equal(recorder_record(fixture->recorder, event_of("a"), NULL, NULL, &problem), 0);
    assert_string_equal(problem.bytes, "the server is stopping");
    text_free(&problem);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
        TEST(what_was_missed_is_told_in_one_gap_when_the_journal_is_back),
        TEST(what_is_missed_while_a_gap_is_recorded_is_told_in_the_next),
        TEST(a_reason_that_xml_cannot_carry_is_told_escaped),
        TEST(a_gap_comes_after_the_events_that_it_comes_with),
        TEST(a_journal_that_goes_on_failing_is_opened_anew),
        TEST(stopping_commits_what_is_queued_and_tries_a_gap_once),
        TEST(writers_at_once_lose_nothing_and_ids_ascend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
