/* Tests of core/display: lines are shown whole and in order, and none is lost in silence. */
#include "core/display.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/pipe.h"

#define SENDERS        8
#define LINES_A_SENDER 2000 /* 8 × 2,000 lines of up to 60 bytes fit in the queue */

static void read_until(struct terminal *terminal, const char *wanted)
{
    size_t from = 0, overlap = strlen(wanted);

    text_append(&terminal->seen, NULL, 0);
    while (strstr(terminal->seen.bytes + from, wanted) == NULL) {
        from = terminal->seen.length > overlap ? terminal->seen.length - overlap : 0;
        assert_true(read_more(terminal));
    }
}

/* Frees the display while a thread reads, so that `seen` has all that was shown. */
static void finish(struct terminal *terminal)
{
    pthread_t reader;

    assert_int_equal(pthread_create(&reader, NULL, read_to_end, terminal), 0);
    display_free(terminal->display, ENOUGH_MS);
    close(terminal->fd);
    pthread_join(reader, NULL);
    close(terminal->reader);
    assert_false(terminal->seen.failed);
}

/* --- what is shown --- */

struct sender {
    struct display *display;
    int number;
    pthread_t thread;
};

/* Sends numbered lines, one to three of them at a time, of many lengths. */
static void *send_lines(void *argument)
{
    const struct sender *sender = argument;
    char lines[256];
    size_t length = 0;

    for (int i = 0; i < LINES_A_SENDER; i++) {
        length +=
            (size_t)snprintf(lines + length, sizeof(lines) - length, "sender %d line %d %.*s\n",
                             sender->number, i, i % 32, "abcdefghijklmnopqrstuvwxyz012345");
        if (i % 3 == 0 || i == LINES_A_SENDER - 1) {
            display_lines(sender->display, lines, length);
            length = 0;
        }
    }
    return NULL;
}

/* Sends from all senders at once, and waits until they have. */
static void send_from_all(struct display *display)
{
    struct sender senders[SENDERS];

    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.display = display, .number = i};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_lines, &senders[i]), 0);
    }
    for (int i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
}

/* Takes one line of send_lines from `text`, which must be its sender's next; returns the rest. */
static char *check_sent_line(char *text, int next[SENDERS])
{
    int number, line, used = 0;

    assert_int_equal(sscanf(text, "sender %d line %d%n", &number, &line, &used), 2);
    assert_in_range(number, 0, SENDERS - 1);
    assert_int_equal(line, next[number]);
    next[number]++;
    text += used;
    assert_int_equal(*text++, ' ');
    assert_memory_equal(text, "abcdefghijklmnopqrstuvwxyz012345", (size_t)(line % 32));
    text += line % 32;
    assert_int_equal(*text, '\n');
    return text + 1;
}

#define OTHER_LINE "somebody else\n"

/* Finds all lines of all senders, whole and in order; returns how many of OTHER_LINE are there. */
static int check_all_sent(char *text)
{
    int next[SENDERS] = {0}, others = 0;

    while (*text != '\0') {
        if (strncmp(text, OTHER_LINE, strlen(OTHER_LINE)) == 0) {
            text += strlen(OTHER_LINE);
            others++;
        } else {
            text = check_sent_line(text, next);
        }
    }
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(next[i], LINES_A_SENDER);
    return others;
}

static void lines_of_many_threads_arrive_whole_and_in_each_threads_order(void **state)
{
    struct terminal *terminal = *state;

    send_from_all(terminal->display);
    finish(terminal);
    assert_int_equal(check_all_sent(terminal->seen.bytes), 0);
}

static void *write_beside(void *argument)
{
    const struct terminal *terminal = argument;

    for (int i = 0; i < LINES_A_SENDER; i++)
        if (write(terminal->fd, OTHER_LINE, strlen(OTHER_LINE)) < 0)
            break; /* the count of lines will tell */
    return NULL;
}

static void lines_stay_whole_beside_another_writer_to_the_pipe(void **state)
{
    struct terminal *terminal = *state;
    pthread_t other, reader;

    send_from_all(terminal->display); /* nobody reads yet: what is queued makes many pieces */
    assert_int_equal(pthread_create(&other, NULL, write_beside, terminal), 0);
    assert_int_equal(pthread_create(&reader, NULL, read_to_end, terminal), 0);
    pthread_join(other, NULL);
    display_free(terminal->display, ENOUGH_MS);
    close(terminal->fd);
    pthread_join(reader, NULL);
    close(terminal->reader);
    assert_int_equal(check_all_sent(terminal->seen.bytes), LINES_A_SENDER);
}

static void each_line_is_shown_before_another_is_sent(void **state)
{
    struct terminal *terminal = *state;
    char line[32];

    for (int i = 0; i < 2000; i++) { /* a wake-up lost once hangs here */
        snprintf(line, sizeof(line), "line %d\n", i);
        show(terminal->display, line);
        read_until(terminal, line);
        text_clear(&terminal->seen);
    }
    finish(terminal);
}

/* A line of 20,000 bytes, five times PIPE_BUF, between two short ones. */
static void make_long_lines(struct text *lines)
{
    text_init(lines);
    text_add(lines, "before\n");
    for (int i = 0; i < 2000; i++)
        text_printf(lines, "%09d ", i);
    text_add(lines, "\nbehind\n");
    assert_false(lines->failed);
}

static void a_line_longer_than_a_pipe_takes_at_once_arrives_whole(void **state)
{
    struct terminal *terminal = *state;
    struct text lines;

    make_long_lines(&lines);
    display_lines(terminal->display, lines.bytes, lines.length);
    finish(terminal);
    assert_string_equal(terminal->seen.bytes, lines.bytes);
    text_free(&lines);
}

static void a_regular_file_takes_all_lines(void **state)
{
    (void)state;
    struct text lines;
    char found[32768] = {0};
    FILE *file = tmpfile();
    struct display *display = display_new(fileno(file));

    make_long_lines(&lines);
    assert_non_null(display);
    display_lines(display, lines.bytes, lines.length);
    display_free(display, ENOUGH_MS);
    assert_int_equal(pread(fileno(file), found, sizeof(found) - 1, 0), lines.length);
    assert_string_equal(found, lines.bytes);
    fclose(file);
    text_free(&lines);
}

static void a_descriptor_that_others_made_non_blocking_loses_nothing(void **state)
{
    struct terminal *terminal = *state;

    assert_int_equal(fcntl(terminal->fd, F_SETFL, O_WRONLY | O_NONBLOCK), 0);
    send_from_all(terminal->display); /* more than the pipe holds, and nobody reads yet */
    finish(terminal);
    assert_int_equal(check_all_sent(terminal->seen.bytes), 0);
}

/* --- what is not shown --- */

#define GAP_END " not shown: the terminal did not keep up\n"

/*
 * Reads lines "N …" that count up from 0, with notices that tell how many are missing where they
 * stand; returns how many were sent by that account. `missing` is how many the notices tell of.
 */
static unsigned long account_for(char *text, unsigned long *missing)
{
    unsigned long next = 0, number;

    *missing = 0;
    while (*text != '\0') {
        char *end = strchr(text, '\n');
        assert_non_null(end);
        if (sscanf(text, "… %lu line", &number) == 1) {
            *missing += number;
            next += number;
        } else {
            assert_int_equal(sscanf(text, "%lu ", &number), 1);
            assert_int_equal(number, next);
            next++;
        }
        text = end + 1;
    }
    return next;
}

static void lines_missing_while_nobody_reads_are_counted_where_they_are_missing(void **state)
{
    struct terminal *terminal = *state;
    char line[640];
    unsigned long sent = 0, missing;

    for (; sent < 20000; sent++) { /* 6 MB: more than the pipe, the batch and the queue hold */
        /* Of many lengths: a short one could fit where a long one did not. */
        snprintf(line, sizeof(line), "%lu %0*d\n", sent, 1 + (int)(sent * 37 % 600), 0);
        show(terminal->display, line); /* nobody reads: a display that waits hangs here */
    }
    read_until(terminal, GAP_END);
    snprintf(line, sizeof(line), "%lu last\n", sent++);
    show(terminal->display, line);
    read_until(terminal, line);
    finish(terminal);

    assert_int_equal(account_for(terminal->seen.bytes, &missing), sent);
    assert_true(missing > 0);
}

static void no_line_of_many_threads_is_missing_from_the_count(void **state)
{
    struct terminal *terminal = *state;
    const unsigned long sent = 12UL * SENDERS * LINES_A_SENDER;
    unsigned long shown = 0, missing = 0, number;

    for (int round = 0; round < 12; round++) { /* 7 MB in all, read only every fourth time */
        send_from_all(terminal->display);
        if (round % 4 == 3)
            assert_true(read_more(terminal));
    }
    finish(terminal);

    for (char *text = terminal->seen.bytes; *text != '\0'; text = strchr(text, '\n') + 1) {
        if (sscanf(text, "… %lu line", &number) == 1)
            missing += number;
        else
            shown += strncmp(text, "sender ", strlen("sender ")) == 0;
    }
    assert_true(missing > 0);
    assert_int_equal(shown + missing, sent);
}

static void only_lines_larger_than_the_queue_are_counted_when_it_is_empty(void **state)
{
    struct terminal *terminal = *state;
    static const char notices[] = "… 1 line was" GAP_END "… 3 lines were" GAP_END;
    static char lines[DISPLAY_QUEUE_SIZE + 1];

    memset(lines, 'x', DISPLAY_QUEUE_SIZE);
    lines[DISPLAY_QUEUE_SIZE] = '\n';
    display_lines(terminal->display, lines, DISPLAY_QUEUE_SIZE + 1);
    read_until(terminal, "… 1 line was" GAP_END);
    lines[10] = lines[20] = '\n';
    display_lines(terminal->display, lines, DISPLAY_QUEUE_SIZE + 1);
    read_until(terminal, "… 3 lines were" GAP_END);
    display_lines(terminal->display, lines + 1, DISPLAY_QUEUE_SIZE); /* just fills it */
    finish(terminal);

    assert_int_equal(terminal->seen.length, strlen(notices) + DISPLAY_QUEUE_SIZE);
    assert_memory_equal(terminal->seen.bytes, notices, strlen(notices));
    assert_memory_equal(terminal->seen.bytes + strlen(notices), lines + 1, DISPLAY_QUEUE_SIZE);
}

static void a_closed_reader_is_told_of_once_on_stderr(void **state)
{
    struct terminal *terminal = *state;
    int saved = dup(STDERR_FILENO), log[2];
    char told[1024] = {0};

    close(terminal->reader);
    assert_int_equal(pipe2(log, O_CLOEXEC), 0);
    dup2(log[1], STDERR_FILENO);
    close(log[1]);
    show(terminal->display, "first\n");
    ssize_t length = read(log[0], told, sizeof(told) - 1); /* waits until the writer has noticed */
    show(terminal->display, "second\n");
    display_free(terminal->display, ENOUGH_MS);
    dup2(saved, STDERR_FILENO);

    assert_true(length > 0);
    assert_non_null(strstr(told, "lookout: warning: "));
    assert_non_null(strstr(told, "Broken pipe"));
    assert_ptr_equal(strchr(told, '\n'), told + length - 1);
    assert_int_equal(read(log[0], told, sizeof(told)), 0); /* no more, and no second line */
    close(log[0]);
    close(saved);
    close(terminal->fd);
}

static void a_descriptor_that_is_none_makes_no_display(void **state)
{
    (void)state;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    close(ends[1]);
    assert_null(display_new(ends[1]));
    display_free(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_of_many_threads_arrive_whole_and_in_each_threads_order),
        TEST(lines_stay_whole_beside_another_writer_to_the_pipe),
        TEST(each_line_is_shown_before_another_is_sent),
        TEST(a_line_longer_than_a_pipe_takes_at_once_arrives_whole),
        cmocka_unit_test(a_regular_file_takes_all_lines),
        TEST(a_descriptor_that_others_made_non_blocking_loses_nothing),
        TEST(lines_missing_while_nobody_reads_are_counted_where_they_are_missing),
        TEST(no_line_of_many_threads_is_missing_from_the_count),
        TEST(only_lines_larger_than_the_queue_are_counted_when_it_is_empty),
        TEST(a_closed_reader_is_told_of_once_on_stderr),
        cmocka_unit_test(a_descriptor_that_is_none_makes_no_display),
    };
    signal(SIGPIPE, SIG_IGN); /* as the server does */
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
