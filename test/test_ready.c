/* Tests of the queue of ready connections: each comes out once, in order, and somebody is told. */
#include "core/ready.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MANY 1000

struct fixture {
    struct ready *ready;
    int epoll_fd; /* in which a worker would wait */
    struct connection connections[MANY];
    struct connection *pointers[MANY];
    atomic_size_t taken;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fixture->ready = ready_new();
    fixture->epoll_fd = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    epoll_ctl(fixture->epoll_fd, EPOLL_CTL_ADD, ready_descriptor(fixture->ready), &event);
    for (size_t i = 0; i < MANY; i++)
        fixture->pointers[i] = &fixture->connections[i];
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    ready_free(fixture->ready);
    close(fixture->epoll_fd);
    free(fixture);
    return 0;
}

/* Whether a worker is told; it hears it once. */
static bool is_told(struct fixture *fixture)
{
    struct epoll_event event;
    return epoll_wait(fixture->epoll_fd, &event, 1, 0) == 1;
}

static void nobody_is_told_of_an_empty_queue(void **state)
{
    struct fixture *fixture = *state;
    ready_push(fixture->ready, READY_TO_CALL, fixture->pointers, 0);
    assert_false(is_told(fixture));
    assert_null(ready_take(fixture->ready, true));
    assert_false(is_told(fixture));
}

static void connections_come_out_in_order_once_each(void **state)
{
    struct fixture *fixture = *state;
    ready_push(fixture->ready, READY_TO_CALL, fixture->pointers, 2);
    ready_push(fixture->ready, READY_TO_CALL, fixture->pointers, 3); /* the first two are in it */
    for (size_t i = 0; i < 3; i++)
        assert_ptr_equal(ready_take(fixture->ready, i == 0), fixture->pointers[i]);
    assert_null(ready_take(fixture->ready, false));
    /* It came out, so it may come in again. */
    ready_push(fixture->ready, READY_TO_CALL, fixture->pointers, 1);
    assert_ptr_equal(ready_take(fixture->ready, true), fixture->pointers[0]);
}

/* Else a print would be answered after ten thousand who waited for an event. */
static void neither_queue_waits_for_all_of_the_other(void **state)
{
    struct fixture *fixture = *state;
    struct connection **pointers = fixture->pointers;
    struct connection *const order[] = {pointers[0], pointers[4], pointers[1],
                                        pointers[5], pointers[2], pointers[3]};
    ready_push(fixture->ready, READY_TO_CALL, pointers, 4);
    ready_push(fixture->ready, READY_TO_SEND, &pointers[4], 2);
    ready_push(fixture->ready, READY_TO_SEND, pointers, 1); /* it is in the other */
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        assert_ptr_equal(ready_take(fixture->ready, true), order[i]);
    assert_null(ready_take(fixture->ready, true));
}

/* Else those behind it would wait for a method that it runs. */
static void who_takes_the_first_tells_another_of_the_rest(void **state)
{
    struct fixture *fixture = *state;
    ready_push(fixture->ready, READY_TO_CALL, fixture->pointers, 3);
    for (size_t left = 3; left > 0; left--) {
        assert_true(is_told(fixture));
        assert_false(is_told(fixture));
        assert_non_null(ready_take(fixture->ready, true));
    }
    assert_false(is_told(fixture));
    ready_push(fixture->ready, READY_TO_CALL, fixture->pointers, 1);
    assert_true(is_told(fixture));
}

/* One is enough: the others in the turn cost no system call. */
static void who_goes_on_taking_tells_nobody_more(void **state)
{
    struct fixture *fixture = *state;
    ready_push(fixture->ready, READY_TO_CALL, fixture->pointers, 4);
    assert_true(is_told(fixture));
    assert_non_null(ready_take(fixture->ready, true));
    assert_true(is_told(fixture));
    assert_non_null(ready_take(fixture->ready, false));
    assert_non_null(ready_take(fixture->ready, false));
    assert_false(is_told(fixture));
    assert_non_null(ready_take(fixture->ready, true)); /* the one that was told */
    assert_false(is_told(fixture));
}

/* Ends when all were taken, or after some 10 s in which that did not come true. */
static void *take_all(void *argument)
{
    struct fixture *fixture = argument;
    struct connection *taken;
    struct epoll_event event;
    for (int tries = 0; atomic_load(&fixture->taken) < MANY && tries < 1000;) {
        if (epoll_wait(fixture->epoll_fd, &event, 1, 10) < 1) {
            tries++;
            continue;
        }
        for (int i = 0; i < READY_SLICE && (taken = ready_take(fixture->ready, i == 0)); i++) {
            taken->output_sent++; /* a race if two take the same, and a wrong count */
            atomic_fetch_add(&fixture->taken, 1);
        }
    }
    return NULL;
}

/* Hunts for an edge that is lost between one who empties the queue and one who fills it. */
static void workers_take_all_that_others_push(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, take_all, fixture);
    for (size_t i = 0; i < MANY; i += 4)
        ready_push(fixture->ready, READY_TO_CALL, &fixture->pointers[i], 4);
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&fixture->taken), MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(fixture->connections[i].output_sent, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nobody_is_told_of_an_empty_queue),
        TEST(connections_come_out_in_order_once_each),
        TEST(neither_queue_waits_for_all_of_the_other),
        TEST(who_takes_the_first_tells_another_of_the_rest),
        TEST(who_goes_on_taking_tells_nobody_more),
        TEST(workers_take_all_that_others_push),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
