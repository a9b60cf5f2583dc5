/*
 * capture: for tests of core/log: what it writes to stderr, be that a pipe or a terminal.
 *
 * Include it after cmocka.h.
 */
#ifndef LOOKOUT_TEST_CAPTURE_H
#define LOOKOUT_TEST_CAPTURE_H

#include "core/log.h"
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEST(function) cmocka_unit_test_teardown(function, capture_stop)
#define PATIENCE_MS    5000
#define WATCHDOG_S     60 /* a test that hangs fails by SIGALRM */

/* stderr, from a capture_ function to the end of a test. */
static struct {
    bool active;
    int saved;
    int reader;
    size_t length;
    char text[1 << 18]; /* what was read, NUL-terminated */
} capture;

static void capture_start(int reader, int writer)
{
    capture.active = true;
    capture.saved = dup(STDERR_FILENO);
    capture.reader = reader;
    assert_int_equal(dup2(writer, STDERR_FILENO), STDERR_FILENO);
    close(writer);
    log_set_level(LOG_LEVEL_WARNING);
}

static void capture_pipe(void)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    capture_start(ends[0], ends[1]);
}

static void capture_terminal(void)
{
    int master, slave;

    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    capture_start(master, slave);
}

/* Reads what stderr holds; waits for it (a terminal passes it on when it likes), not for ever. */
static bool read_more(void)
{
    struct pollfd ready = {.fd = capture.reader, .events = POLLIN};
    size_t room = sizeof(capture.text) - 1 - capture.length;

    if (room == 0 || poll(&ready, 1, PATIENCE_MS) <= 0)
        return false;
    char *text = capture.text + capture.length;
    ssize_t length = read(capture.reader, text, room);
    for (ssize_t i = 0; i < length; i++)
        if (text[i] != '\r') /* which a terminal puts before each '\n' */
            capture.text[capture.length++] = text[i];
    capture.text[capture.length] = '\0';
    return length > 0;
}

/* Reads what was logged since the last such call: `length` bytes or more, if they come. */
static const char *read_text(size_t length)
{
    capture.length = 0;
    capture.text[0] = '\0';
    while (capture.length < length && read_more())
        continue;
    return capture.text;
}

static void assert_shown(const char *wanted)
{
    assert_string_equal(read_text(strlen(wanted)), wanted);
}

/* A teardown, so that the framework can say on stderr what failed. */
static int capture_stop(void **state)
{
    (void)state;
    if (capture.active) {
        dup2(capture.saved, STDERR_FILENO);
        close(capture.saved);
        close(capture.reader);
    }
    capture.active = false;
    return 0;
}

/* Before the first test. */
static inline void capture_prepare(void)
{
    signal(SIGPIPE, SIG_IGN); /* as the server does */
    unsetenv("NO_COLOR");
    unsetenv("JOURNAL_STREAM");
    alarm(WATCHDOG_S);
}

#endif
