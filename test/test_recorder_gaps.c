/* Tests of the recorder while its journal fails: what was missed is told in a gap. */
#include "core/data.h"
#include "core/recorder.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test/recorder.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_missed_is_told_in_one_gap_when_the_journal_is_back),
        TEST(what_is_missed_while_a_gap_is_recorded_is_told_in_the_next),
        TEST(a_reason_that_xml_cannot_carry_is_told_escaped),
        TEST(a_gap_comes_after_the_events_that_it_comes_with),
        TEST(a_journal_that_goes_on_failing_is_opened_anew),
        TEST(stopping_commits_what_is_queued_and_tries_a_gap_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
