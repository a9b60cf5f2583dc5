/* Tests of timers: what is due, when, and that no deadline is lost between two threads. */
#include "core/clock.h"
#include "core/timers.h"

#include <pthread.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define COUNT 500

static struct connection *make_connections(void)
{
    struct connection *made = calloc(COUNT, sizeof(*made));
    assert_non_null(made);
    for (size_t i = 0; i < COUNT; i++) {
        atomic_init(&made[i].deadline_ms, NO_DEADLINE);
        atomic_init(&made[i].armed_ms, NO_DEADLINE);
    }
    return made;
}

static size_t count_due(struct timers *timers, int64_t now_ms)
{
    struct connection *due[COUNT];
    return timers_due(timers, now_ms, due, COUNT);
}

static void nothing_is_due_in_an_empty_heap(void **state)
{
    (void)state;
    struct timers *timers = timers_new(COUNT);
    assert_int_equal(timers_next_ms(timers), NO_DEADLINE);
    assert_int_equal(count_due(timers, INT64_MAX - 1), 0);
    timers_free(timers);
}

static void random_deadlines_come_in_order_and_not_early(void **state)
{
    (void)state;
    struct timers *timers = timers_new(COUNT);
    struct connection *connections = make_connections();
    srand(1);
    for (size_t i = 0; i < COUNT; i++)
        timers_set(timers, &connections[i], 1 + rand() % 1000);
    size_t seen = 0;
    for (int64_t now_ms = 0; now_ms <= 1000; now_ms++) {
        struct connection *due[COUNT];
        size_t count = timers_due(timers, now_ms, due, COUNT);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(atomic_load(&due[i]->deadline_ms), now_ms);
        seen += count;
    }
    assert_int_equal(seen, COUNT);
    assert_int_equal(timers_next_ms(timers), NO_DEADLINE);
    free(connections);
    timers_free(timers);
}

static void a_deadline_moved_later_is_not_due_at_its_old_time(void **state)
{
    (void)state;
    struct timers *timers = timers_new(COUNT);
    struct connection *connections = make_connections();
    timers_set(timers, &connections[0], 10);
    assert_false(timers_set(timers, &connections[0], 20));
    assert_int_equal(count_due(timers, 19), 0);
    assert_int_equal(count_due(timers, 20), 1);
    free(connections);
    timers_free(timers);
}

static void a_deadline_moved_earlier_wakes_the_keeper_and_is_due(void **state)
{
    (void)state;
    struct timers *timers = timers_new(COUNT);
    struct connection *connections = make_connections();
    assert_true(timers_set(timers, &connections[0], 100));
    assert_false(timers_set(timers, &connections[1], 200));
    assert_true(timers_set(timers, &connections[1], 50));
    assert_int_equal(timers_next_ms(timers), 50);
    assert_int_equal(count_due(timers, 50), 1);
    assert_int_equal(count_due(timers, 100), 1);
    free(connections);
    timers_free(timers);
}

static void a_deadline_taken_back_never_comes(void **state)
{
    (void)state;
    struct timers *timers = timers_new(COUNT);
    struct connection *connections = make_connections();
    timers_set(timers, &connections[0], 10);
    timers_set(timers, &connections[0], NO_DEADLINE);
    assert_int_equal(count_due(timers, 1000), 0);
    assert_int_equal(timers_next_ms(timers), NO_DEADLINE);
    free(connections);
    timers_free(timers);
}

static void more_due_than_asked_for_come_the_next_time(void **state)
{
    (void)state;
    struct timers *timers = timers_new(COUNT);
    struct connection *connections = make_connections();
    for (size_t i = 0; i < 10; i++)
        timers_set(timers, &connections[i], 5);
    struct connection *due[4];
    assert_int_equal(timers_due(timers, 5, due, 4), 4);
    assert_int_equal(timers_due(timers, 5, due, 4), 4);
    assert_int_equal(timers_due(timers, 5, due, 4), 2);
    free(connections);
    timers_free(timers);
}

static void one_that_could_not_be_claimed_is_due_again(void **state)
{
    (void)state;
    struct timers *timers = timers_new(COUNT);
    struct connection *connections = make_connections();
    timers_set(timers, &connections[0], 5);
    assert_int_equal(count_due(timers, 5), 1);
    /* Its owner hands it back now, having set this deadline before it was taken: no timer left. */
    timers_retry(timers, &connections[0], 15);
    assert_int_equal(count_due(timers, 14), 0);
    assert_int_equal(count_due(timers, 15), 1);
    free(connections);
    timers_free(timers);
}

static void a_retry_leaves_a_deadline_alone_that_was_set_meanwhile(void **state)
{
    (void)state;
    struct timers *timers = timers_new(COUNT);
    struct connection *connections = make_connections();
    timers_set(timers, &connections[0], 5);
    assert_int_equal(count_due(timers, 5), 1);
    timers_set(timers, &connections[0], 100);
    timers_retry(timers, &connections[0], 15);
    assert_int_equal(timers_next_ms(timers), 100);
    assert_int_equal(count_due(timers, 100), 1);
    free(connections);
    timers_free(timers);
}

struct race {
    struct timers *timers;
    struct connection *connection;
    atomic_bool ended;
};

/* The owner of the connection: moves the deadline on, as a busy connection does. */
static void *move_deadline(void *argument)
{
    struct race *race = argument;
    for (int64_t deadline_ms = 1; deadline_ms <= 200000; deadline_ms++)
        timers_set(race->timers, race->connection, deadline_ms);
    atomic_store(&race->ended, true);
    return NULL;
}

static void the_last_deadline_is_never_lost_between_owner_and_keeper(void **state)
{
    (void)state;
    struct connection *connections = make_connections();
    struct race race = {.timers = timers_new(COUNT), .connection = &connections[0]};
    pthread_t owner;
    timers_set(race.timers, race.connection, 1);
    assert_int_equal(pthread_create(&owner, NULL, move_deadline, &race), 0);
    while (!atomic_load(&race.ended)) {
        struct connection *due[1];
        /* One less than the deadline as it is now: the heap is always behind, always at work. */
        timers_due(race.timers, atomic_load(&connections[0].deadline_ms) - 1, due, 1);
    }
    pthread_join(owner, NULL);
    assert_int_equal(count_due(race.timers, 199999), 0);
    assert_int_equal(count_due(race.timers, 200000), 1);
    free(connections);
    timers_free(race.timers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_due_in_an_empty_heap),
        cmocka_unit_test(random_deadlines_come_in_order_and_not_early),
        cmocka_unit_test(a_deadline_moved_later_is_not_due_at_its_old_time),
        cmocka_unit_test(a_deadline_moved_earlier_wakes_the_keeper_and_is_due),
        cmocka_unit_test(a_deadline_taken_back_never_comes),
        cmocka_unit_test(more_due_than_asked_for_come_the_next_time),
        cmocka_unit_test(one_that_could_not_be_claimed_is_due_again),
        cmocka_unit_test(a_retry_leaves_a_deadline_alone_that_was_set_meanwhile),
        cmocka_unit_test(the_last_deadline_is_never_lost_between_owner_and_keeper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
