/* Tests of the queue of ready connections: each comes out once, in slices, and somebody is told. */
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
    struct connection *taken[READY_SLICE];
    ready_push(fixture->ready, fixture->pointers, 0);
    assert_false(is_told(fixture));
    assert_int_equal(ready_take(fixture->ready, taken), 0);
    assert_false(is_told(fixture));
}

static void connections_come_out_in_order_once_each(void **state)
{
    struct fixture *fixture = *state;
    struct connection *taken[READY_SLICE];
    ready_push(fixture->ready, fixture->pointers, 2);
    ready_push(fixture->ready, fixture->pointers, 3); /* the first two are in it */
    assert_int_equal(ready_take(fixture->ready, taken), 3);
    for (size_t i = 0; i < 3; i++)
        assert_ptr_equal(taken[i], fixture->pointers[i]);
    ready_push(fixture->ready, fixture->pointers, 1); /* it came out, so it may come in again */
    assert_int_equal(ready_take(fixture->ready, taken), 1);
}

/* With more than a slice in the queue each who takes one makes that the next is told. */
static void each_slice_tells_one_worker(void **state)
{
    struct fixture *fixture = *state;
    struct connection *taken[READY_SLICE];
    ready_push(fixture->ready, fixture->pointers, 2 * READY_SLICE + 1);
    for (size_t expected = 0; expected < 3; expected++) {
        assert_true(is_told(fixture));
        assert_false(is_told(fixture));
        assert_int_equal(ready_take(fixture->ready, taken), expected < 2 ? READY_SLICE : 1);
    }
    assert_false(is_told(fixture));
    ready_push(fixture->ready, fixture->pointers, 1);
    assert_true(is_told(fixture));
}

/* Ends when all were taken, or after some 10 s in which that did not come true. */
static void *take_all(void *argument)
{
    struct fixture *fixture = argument;
    struct connection *slice[READY_SLICE];
    struct epoll_event event;
    for (int tries = 0; atomic_load(&fixture->taken) < MANY && tries < 1000;) {
        if (epoll_wait(fixture->epoll_fd, &event, 1, 10) < 1) {
            tries++;
            continue;
        }
        size_t count = ready_take(fixture->ready, slice);
        for (size_t i = 0; i < count; i++)
            slice[i]->output_sent++; /* a race if two take the same, and a wrong count */
        atomic_fetch_add(&fixture->taken, count);
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
        ready_push(fixture->ready, &fixture->pointers[i], 4);
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
        TEST(each_slice_tells_one_worker),
        TEST(workers_take_all_that_others_push),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
