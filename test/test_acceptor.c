/* Tests of acceptor: a waiting client is reported when it is to be let in, and only then. */
#include "core/acceptor.h"
#include "core/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

/* Two listening sockets, so that it is seen to be done for each, and a client waiting at both. */
struct scene {
    struct listener items[2];
    struct listeners listeners;
    struct acceptor acceptor;
    int epoll_fd;
    int clients[2];
};

static void open_listener(struct scene *scene, int index)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_return_code(bind(fd, (struct sockaddr *)&address, length), errno);
    assert_return_code(listen(fd, 4), errno);
    assert_return_code(getsockname(fd, (struct sockaddr *)&address, &length), errno);
    scene->items[index].fd = fd;
    scene->clients[index] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_return_code(connect(scene->clients[index], (struct sockaddr *)&address, length), errno);
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    assert_non_null(scene);
    open_listener(scene, 0);
    open_listener(scene, 1);
    scene->listeners = (struct listeners){scene->items, 2};
    scene->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    acceptor_init(&scene->acceptor, &scene->listeners, scene->epoll_fd);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    acceptor_destroy(&scene->acceptor);
    for (int i = 0; i < 2; i++) {
        close(scene->items[i].fd);
        close(scene->clients[i]);
    }
    close(scene->epoll_fd);
    free(scene);
    return 0;
}

/* How many of the listeners epoll reports now, as what they are. */
static int reported(struct scene *scene)
{
    struct epoll_event events[4];
    int count = epoll_wait(scene->epoll_fd, events, 4, 0);
    for (int i = 0; i < count; i++)
        assert_int_equal(events[i].data.u64 >> 32, ACCEPTOR_EVENT);
    return count;
}

static void nobody_is_let_in_before_the_start(void **state)
{
    assert_int_equal(reported(*state), 0);
}

static void every_listener_is_reported_after_the_start(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(acceptor_start(&scene->acceptor), 0);
    assert_int_equal(reported(scene), 2);
    assert_int_equal(acceptor_resumes_ms(&scene->acceptor), 0);
}

static void a_pause_hides_them_and_says_when_it_ends(void **state)
{
    struct scene *scene = *state;
    acceptor_start(&scene->acceptor);
    int64_t before_ms = clock_monotonic_ms();
    acceptor_pause(&scene->acceptor, EMFILE);
    assert_int_equal(reported(scene), 0);
    assert_true(acceptor_resumes_ms(&scene->acceptor) > before_ms);
    assert_int_equal(acceptor_start(&scene->acceptor), 0);
    assert_int_equal(reported(scene), 2);
    assert_int_equal(acceptor_resumes_ms(&scene->acceptor), 0);
}

static void a_pause_that_comes_late_does_not_prolong_it(void **state)
{
    struct scene *scene = *state;
    acceptor_start(&scene->acceptor);
    acceptor_pause(&scene->acceptor, EMFILE);
    int64_t resumes_ms = acceptor_resumes_ms(&scene->acceptor);
    while (clock_monotonic_ms() <= resumes_ms)
        continue;
    acceptor_pause(&scene->acceptor, EMFILE);
    assert_int_equal(acceptor_resumes_ms(&scene->acceptor), resumes_ms);
}

static void after_the_stop_nothing_starts_again(void **state)
{
    struct scene *scene = *state;
    acceptor_start(&scene->acceptor);
    acceptor_pause(&scene->acceptor, EMFILE);
    acceptor_stop(&scene->acceptor);
    assert_int_equal(acceptor_resumes_ms(&scene->acceptor), 0);
    assert_int_equal(acceptor_start(&scene->acceptor), 0);
    assert_int_equal(reported(scene), 0);
}

static void what_epoll_does_not_take_is_tried_again(void **state)
{
    struct scene *scene = *state;
    int fd = scene->items[1].fd;
    scene->items[1].fd = -1;
    assert_int_equal(acceptor_start(&scene->acceptor), -1);
    assert_true(acceptor_resumes_ms(&scene->acceptor) > 0);
    assert_int_equal(reported(scene), 0); /* not the other one either: it is all or none */
    scene->items[1].fd = fd;
    assert_int_equal(acceptor_start(&scene->acceptor), 0);
    assert_int_equal(reported(scene), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nobody_is_let_in_before_the_start),
        TEST(every_listener_is_reported_after_the_start),
        TEST(a_pause_hides_them_and_says_when_it_ends),
        TEST(a_pause_that_comes_late_does_not_prolong_it),
        TEST(after_the_stop_nothing_starts_again),
        TEST(what_epoll_does_not_take_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
