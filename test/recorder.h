/*
 * recorder: for tests of core/recorder: one for each test, before a journal and a display of ours.
 *
 * Include it after cmocka.h.
 */
#ifndef LOOKOUT_TEST_RECORDER_H
#define LOOKOUT_TEST_RECORDER_H

#include "core/clock.h"
#include "core/recorder.h"
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

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

static inline int set_up(void **state)
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

static inline void stop(struct fixture *fixture)
{
    fixture->is_stopped = true;
    assert_true(recorder_stop(fixture->recorder, PATIENCE_MS));
}

static inline int tear_down(void **state)
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

static inline struct event *event_of(const char *type)
{
    return event_new(type, "conn7", 1.5, "<value/>", 8);
}

static inline uint64_t record(struct fixture *fixture, struct connection *holder)
{
    struct text problem;
    text_init(&problem);
    uint64_t id = recorder_record(fixture->recorder, event_of("a"), holder, NULL, &problem);
    assert_int_equal(problem.length, 0);
    text_free(&problem);
    return id;
}

/* Lets no commit end until journal_goes_on, and waits for the recorder to be in one. */
static inline void stop_journal_within_commit(struct fixture *fixture)
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

static inline void set_journal(struct fixture *fixture, bool stopped, bool fails)
{
    struct journal *journal = &fixture->journal;
    pthread_mutex_lock(&journal->lock);
    journal->stopped = stopped;
    journal->fails = fails;
    pthread_cond_broadcast(&journal->changed);
    pthread_mutex_unlock(&journal->lock);
}

/* Waits until the recorder has settled what the connection holds its response for. */
static inline enum recording outcome_of(struct fixture *fixture, struct connection *holder,
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
static inline void await_recorded(struct fixture *fixture, size_t count)
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
