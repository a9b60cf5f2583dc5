/*
 * pipe: for tests of core/display: one on a pipe, of which the test holds the other end.
 *
 * Include it after cmocka.h.
 */
#ifndef LOOKOUT_TEST_PIPE_H
#define LOOKOUT_TEST_PIPE_H

#include "core/display.h"
#include "core/text.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define ENOUGH_MS  10000 /* patience of tests whose reader reads */
#define WATCHDOG_S 120   /* a test that hangs fails by SIGALRM */

/* A display on a pipe; the test holds the end that is read. */
struct terminal {
    struct display *display;
    int fd; /* where the display writes */
    int reader;
    struct text seen; /* what was read so far */
};

static int open_terminal(void **state)
{
    static struct terminal terminal; /* one test at a time has it */
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    terminal.reader = ends[0];
    terminal.fd = ends[1];
    terminal.display = display_new(terminal.fd);
    assert_non_null(terminal.display);
    text_init(&terminal.seen);
    *state = &terminal;
    return 0;
}

/* Frees what a test leaves, which is all but `seen` closed. */
static int free_seen(void **state)
{
    struct terminal *terminal = *state;

    text_free(&terminal->seen);
    return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_terminal, free_seen)

/* Reads once, waiting for it. False at the end. */
static bool read_more(struct terminal *terminal)
{
    char bytes[65536];
    ssize_t length = read(terminal->reader, bytes, sizeof(bytes));

    if (length > 0)
        text_append(&terminal->seen, bytes, (size_t)length);
    return length > 0;
}

static void *read_to_end(void *argument)
{
    while (read_more(argument))
        continue;
    return NULL;
}

static inline void show(struct display *display, const char *lines)
{
    display_lines(display, lines, strlen(lines));
}

#endif
