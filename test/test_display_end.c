/* Tests of core/display: how it ends, within the time that it is given when nobody reads. */
#include "core/display.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/pipe.h"

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Queues more than a pipe or a terminal holds, in lines of 77 bytes, which divide no page. */
static void queue_much(struct display *display)
{
    char line[78];

    snprintf(line, sizeof(line), "%076d", 0);
    line[76] = '\n';
    for (int i = 0; i < 5000; i++)
        display_lines(display, line, 77);
}

static void await_room_gone(int fd)
{
    struct pollfd room = {.fd = fd, .events = POLLOUT};

    while (poll(&room, 1, 0) > 0)
        sched_yield();
}

static void assert_freed_within(struct display *display, int patience_ms)
{
    int64_t start = now_ms();

    display_free(display, patience_ms);
    assert_in_range(now_ms() - start, patience_ms, patience_ms + 2000); /* a loaded machine's */
}

static void give_up(struct terminal *terminal, int patience_ms)
{
    int held;

    queue_much(terminal->display);
    await_room_gone(terminal->fd);
    assert_freed_within(terminal->display, patience_ms);

    assert_int_equal(ioctl(terminal->reader, FIONREAD, &held), 0);
    close(terminal->fd);
    read_to_end(terminal); /* ends when the writer, left behind, has closed its descriptor */
    assert_int_equal(terminal->seen.length, held);
    close(terminal->reader);
}

static void free_gives_up_on_a_pipe_that_nobody_reads(void **state)
{
    give_up(*state, 100);
}

static void free_without_patience_gives_up_at_once(void **state)
{
    give_up(*state, 0);
}

static void free_gives_up_on_a_terminal_that_took_half_a_line(void **state)
{
    (void)state;
    int master, slave;
    char bytes[4096];

    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    struct display *display = display_new(slave);
    assert_non_null(display);
    queue_much(display);
    assert_freed_within(display, 100);

    close(slave);
    while (read(master, bytes, sizeof(bytes)) > 0) /* EIO when the writer, too, has closed it */
        continue;
    assert_int_equal(errno, EIO);
    close(master);
}

static void free_with_nothing_queued_returns_at_once(void **state)
{
    struct terminal *terminal = *state;
    int64_t start = now_ms();

    display_free(terminal->display, ENOUGH_MS);
    assert_true(now_ms() - start < ENOUGH_MS / 2);
    close(terminal->fd);
    assert_false(read_more(terminal));
    close(terminal->reader);
}

/* A method that was abandoned can show a line while the program ends. */
static void lines_after_the_finish_are_swallowed(void **state)
{
    struct terminal *terminal = *state;

    show(terminal->display, "before\n");
    display_finish(terminal->display, ENOUGH_MS);
    show(terminal->display, "after\n");
    display_free(terminal->display, ENOUGH_MS);
    close(terminal->fd);
    read_to_end(terminal);
    close(terminal->reader);
    assert_string_equal(terminal->seen.bytes, "before\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(free_gives_up_on_a_pipe_that_nobody_reads),
        TEST(free_without_patience_gives_up_at_once),
        cmocka_unit_test(free_gives_up_on_a_terminal_that_took_half_a_line),
        TEST(free_with_nothing_queued_returns_at_once),
        TEST(lines_after_the_finish_are_swallowed),
    };
    signal(SIGPIPE, SIG_IGN); /* as the server does */
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
