/* Tests of core/log: nobody waits for stderr, and the lines that it did not take are counted. */
#include "core/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/capture.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static void lines_without_a_stderr_are_counted(void **state)
{
    (void)state;
    capture_pipe();
    int writer = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    setenv("JOURNAL_STREAM", "1:2", 1);
    log_warn("lost");
    unsetenv("JOURNAL_STREAM");
    assert_int_equal(dup2(writer, STDERR_FILENO), STDERR_FILENO);
    close(writer);
    log_warn("after");
    assert_shown("lookout: warning: 1 line was not logged: stderr did not take it\n"
                 "lookout: warning: after\n");
}

/* Spaces at the end of line `number`. */
static unsigned long width_of(unsigned long number)
{
    return number % 32 * 50;
}

/* Logs numbered lines of many lengths; a log that waits hangs here, as nobody reads. */
static void log_many(unsigned long count)
{
    for (unsigned long i = 0; i < count; i++)
        log_warn("%lu %*s", i, (int)width_of(i), "");
}

/* How many lines of log_many were read whole; `dropped` is how many notices tell of. */
static unsigned long count_lines(unsigned long *dropped)
{
    unsigned long number, whole = 0;
    int used;
    const char *line = capture.text;

    *dropped = 0;
    for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        if (sscanf(line, "lookout: warning: %lu%n", &number, &used) != 1)
            continue;
        if (strncmp(line + used, " line", strlen(" line")) == 0)
            *dropped += number;
        else
            whole += (size_t)(end - line - used) == 1 + width_of(number);
    }
    return whole;
}

/*
 * Fills stderr while nobody reads, then logs and reads on until every line was shown or counted.
 * Returns by how much the account is over.
 */
static unsigned long fill_and_account(void)
{
    unsigned long sent = 1000, shown, dropped;

    log_many(sent);
    read_text(0);
    do {
        log_warn("64000 "); /* a line as log_many has them */
        sent++;
        assert_true(read_more());
        shown = count_lines(&dropped);
    } while (shown + dropped < sent);
    assert_true(shown > 1);
    assert_true(dropped > 0);
    return shown + dropped - sent;
}

static void a_full_pipe_drops_lines_and_counts_them(void **state)
{
    (void)state;

    capture_pipe();
    assert_int_equal(fill_and_account(), 0);
    log_warn("and told only once");
    assert_shown("lookout: warning: and told only once\n");
}

static void a_full_socket_drops_lines_and_counts_them(void **state)
{
    (void)state;
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    capture_start(ends[0], ends[1]);
    assert_int_equal(fill_and_account(), 0);
    log_warn("and told only once");
    assert_shown("lookout: warning: and told only once\n");
}

/*
 * A terminal takes what it has room for: half a line, or one but for its end, which is shown and
 * counted, both. What follows must begin a line of its own, or the account never adds up.
 */
static void a_full_terminal_loses_no_line_in_silence(void **state)
{
    (void)state;

    setenv("NO_COLOR", "1", 1);
    capture_terminal();
    fill_and_account();
    unsetenv("NO_COLOR");
}

static void one_dropped_line_is_told_in_the_singular(void **state)
{
    (void)state;
    char filling[65536];

    capture_pipe();
    assert_int_equal(fcntl(STDERR_FILENO, F_SETFL, O_WRONLY | O_NONBLOCK), 0);
    memset(filling, 'x', sizeof(filling));
    size_t filled = 0;
    for (ssize_t more; (more = write(STDERR_FILENO, filling, sizeof(filling))) > 0;)
        filled += (size_t)more;
    log_warn("lost");
    read_text(filled);
    log_warn("found");
    assert_shown("lookout: warning: 1 line was not logged: stderr did not take it\n"
                 "lookout: warning: found\n");
}

static void a_closed_reader_is_survived(void **state)
{
    (void)state;
    int ends[2];

    capture_pipe();
    close(capture.reader);
    log_warn("to nobody");
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    capture.reader = ends[0];
    log_warn("to somebody");
    assert_shown("lookout: warning: 1 line was not logged: stderr did not take it\n"
                 "lookout: warning: to somebody\n");
}

static void *log_from_thread(void *argument)
{
    (void)argument;
    log_many(32);
    return NULL;
}

static void lines_of_many_threads_do_not_mix(void **state)
{
    (void)state;
    pthread_t threads[8];
    unsigned long dropped;

    capture_pipe();
    assert_true(fcntl(STDERR_FILENO, F_SETPIPE_SZ, 1 << 19) > 0); /* all lines fit */
    for (size_t i = 0; i < LENGTH(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_from_thread, NULL), 0);
    for (size_t i = 0; i < LENGTH(threads); i++)
        pthread_join(threads[i], NULL);
    log_warn("end");
    read_text(1);
    while (strstr(capture.text, "warning: end\n") == NULL)
        assert_true(read_more());
    assert_int_equal(count_lines(&dropped), 32 * LENGTH(threads));
    assert_int_equal(dropped, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_full_pipe_drops_lines_and_counts_them),
        TEST(a_full_socket_drops_lines_and_counts_them),
        TEST(a_full_terminal_loses_no_line_in_silence),
        TEST(one_dropped_line_is_told_in_the_singular),
        TEST(lines_without_a_stderr_are_counted),
        TEST(a_closed_reader_is_survived),
        TEST(lines_of_many_threads_do_not_mix),
    };
    capture_prepare();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
